"""What came later: labels, networks and scores of others, set beside the thesis."""
