"""Sound: decoding, spectrograms, weightings."""
