"""Chapter 5: what happens to the input of a network."""
