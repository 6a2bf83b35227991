"""A program that sweeps over runs of tones: ``python tests/sweep_toy.py N_RUNS N_JOBS [SCHEDULER]``."""

import sys

import toy
from mtlib import sweeps
from mtlib.errors import InputError


def specs(n_runs):
    """Return small runs of several structures."""
    kinds = [{}, {"model__structure": "crnn", "model__layer_widths": (4,) * 6}]
    return [toy.spec(epochs=4, seed=i, **kinds[i % 2]) for i in range(n_runs)]


if __name__ == "__main__":
    try:
        sweeps.sweep(specs(int(sys.argv[1])), n_jobs=int(sys.argv[2]), scheduler="".join(sys.argv[3:]))
    except InputError as error:
        sys.exit(f"Error: {error}")
