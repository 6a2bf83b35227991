"""Chapter 6: features of a tagger on other tasks."""
