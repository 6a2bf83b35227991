"""Statistics, the rules that judge, claims and recorded results."""
