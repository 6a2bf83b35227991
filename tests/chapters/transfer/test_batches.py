"""Batch traces: found where they were put, absent where they were not."""

import numpy as np
import pytest

from book.experiments.transfer import batch_traces, published_features
from mtlib.base.errors import InputError


def normalised(length, n=2000, n_features=12, seed=0):
    """Features whose slow drift every batch of `length` removes, as batch normalisation does."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, n_features)) + np.cumsum(rng.normal(0, 0.3, (n, n_features)), 0)
    for start in range(0, n, length):
        x[start : start + length] -= x[start : start + length].mean(0)
    return x


@pytest.mark.parametrize("length", [100, 128])
def test_the_batch_length_is_where_the_means_are_most_alike(length):
    lengths = range(80, 150)
    found = batch_traces.between_batch_variance(normalised(length), lengths)
    assert lengths[int(found.argmin())] == length


def test_batches_are_told_apart_only_where_they_differ():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(800, 8)), np.repeat([0, 1], 400)
    accuracy, chance, n = batch_traces.batch_accuracy(x, y, length=100)
    assert n == 800 and chance == 0.25 and abs(accuracy - chance) < 0.08
    shifted = x + (np.arange(800) // 100)[:, None]
    assert batch_traces.batch_accuracy(shifted, y, length=100)[0] > 0.6


def test_bad_lengths_are_refused():
    with pytest.raises(InputError, match="batch length must be from 1 to 5, got 6"):
        batch_traces.between_batch_variance(np.ones((10, 2)), [6])
    with pytest.raises(InputError, match="no class has 20 clips in two batches of 256"):
        batch_traces.batch_accuracy(np.ones((10, 2)), np.zeros(10, int))


@pytest.mark.usefixtures("published")
def test_the_published_features_show_batches_of_256():
    data = published_features.load("T1")
    x = np.hstack([data.blocks[layer] for layer in "12345"])
    lengths = range(240, 273)
    found = lengths[int(batch_traces.between_batch_variance(x, lengths).argmin())]
    assert abs(found - 256) <= 1  # 255 and 256 differ by less than noise
