"""Directions of first-layer kernels: known patterns, random kernels, the published ones."""

import numpy as np
import pytest

from book.experiments.understanding import receptive_fields as kernels
from mtlib.base.errors import InputError
from mtlib.networks import released

PATTERNS = {
    "onset": (np.array([[-1, 0, 1]] * 3), 0.0, "change in time"),
    "harmonic": (np.array([[-1, 0, 1]] * 3).T, 90.0, "change in frequency"),
    "diagonal": (np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]), 45.0, None),
    "saddle": (np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]) + 1e-9, None, "diagonal"),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_known_patterns(name):
    kernel, degrees, pattern = PATTERNS[name]
    if degrees is not None:
        assert kernels.directions(kernel[None])[0] == pytest.approx(degrees)
        assert kernels.along_axis(np.array([degrees]))[0] == (degrees != 45.0)
    if pattern:
        shares = dict(zip(kernels.PATTERNS, kernels.energy_shares(kernel[None])[0], strict=True))
        assert shares[pattern] == pytest.approx(1, abs=1e-6)


def test_random_kernels_prefer_no_direction():
    random = kernels.random_kernels(50_000, np.random.default_rng(0))
    assert kernels.along_axis(kernels.directions(random)).mean() == pytest.approx(0.5, abs=0.01)
    shares = kernels.energy_shares(random)
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares.mean(0), np.array([1, 2, 2, 1, 3]) / 9, atol=0.005)


def test_flipping_changes_neither_measure():
    random = kernels.random_kernels(20, np.random.default_rng(1))
    flipped = random[:, ::-1, ::-1]
    np.testing.assert_allclose(kernels.directions(flipped), kernels.directions(random))
    np.testing.assert_allclose(kernels.energy_shares(flipped), kernels.energy_shares(random))


@pytest.mark.parametrize(
    ("name", "n_along", "n"), [("compact1", 13, 32), ("cnn", 17, 32), ("crnn", 36, 64), ("compact", 15, 32)]
)
def test_published_kernels(published, name, n_along, n):
    _, network = released.load(name)
    weights = network.stages[0].conv.weight[:, 0].detach().numpy()
    assert len(weights) == n
    assert kernels.along_axis(kernels.directions(weights)).sum() == n_along


def test_bad_input_is_told():
    with pytest.raises(InputError, match=r"must be \(n, 3, 3\), got shape \(3, 3\)"):
        kernels.directions(np.zeros((3, 3)))
    with pytest.raises(InputError, match="zeros has no direction"):
        kernels.energy_shares(np.zeros((1, 3, 3)))
    with pytest.raises(InputError, match="n must be at least 1, got 0"):
        kernels.random_kernels(0, np.random.default_rng(0))
