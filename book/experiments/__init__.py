"""The code of each chapter, beside its notebook."""
