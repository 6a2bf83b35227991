"""Chapter 3: how noisy the labels are, and what that does."""
