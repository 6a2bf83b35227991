"""Chapter 7: what features sound like, and what labels share."""
