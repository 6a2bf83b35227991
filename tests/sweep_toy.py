"""Runs of tones, in a module that a server of forks can import."""

import toy


def specs(n_runs):
    """Return small runs of several structures."""
    kinds = [{}, {"model__structure": "crnn", "model__layer_widths": (4,) * 6}]
    return [toy.spec(epochs=4, seed=i, **kinds[i % 2]) for i in range(n_runs)]
