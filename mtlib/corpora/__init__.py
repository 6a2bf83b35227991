"""Corpora: written once, checked, opened by name."""
