"""Curves and their inversion are recovered from synthetic learning curves, with honest intervals."""

import numpy as np
import pytest

from book.experiments.preprocessing import learning_curves
from mtlib.base.errors import InputError

SIZES = np.repeat([62, 125, 250, 500, 1000], 3)


def auc(sizes, factor=1.0):
    """A true curve, of a system that needs ``factor`` times the data."""
    x = np.log2(np.asarray(sizes) / factor / 1000)
    return 0.8 + 0.02 * x - 0.002 * x**2


def test_an_exact_curve_comes_back():
    curve = learning_curves.fit(SIZES, auc(SIZES))
    np.testing.assert_allclose(curve.coefficients, [0.8, 0.02, -0.002], atol=1e-12)
    np.testing.assert_allclose(curve.at(np.array([100, 700])), auc([100, 700]), atol=1e-12)
    found = learning_curves.data_multiplier(curve, auc([1000] * 3, 2.0), 1000, np.random.default_rng(0))
    assert found.value == pytest.approx(2, rel=1e-4) and found.beyond == 0
    assert found.low == pytest.approx(found.high, rel=1e-3)


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])
def test_intervals_of_the_multiplier_cover_the_truth(factor):
    rng = np.random.default_rng(3)
    sizes = np.repeat([62, 125, 250, 500, 1000, 2000], 3)
    hits = 0
    for _ in range(300):
        curve = learning_curves.fit(sizes, auc(sizes) + rng.normal(0, 0.004, len(sizes)))
        scores = auc([1000] * 5, factor) + rng.normal(0, 0.004, 5)
        found = learning_curves.data_multiplier(curve, scores, 1000, rng, n_draws=400)
        hits += found.low <= factor <= found.high
    assert 0.91 <= hits / 300 <= 0.99


def test_a_score_below_the_curve_says_so():
    curve = learning_curves.fit(SIZES, auc(SIZES))
    found = learning_curves.data_multiplier(curve, np.array([0.5, 0.51]), 1000, np.random.default_rng(0))
    assert found.beyond > 0.9 and found.high == pytest.approx(1000 / 62)


def test_slope_and_curvature_carry_intervals_that_cover():
    rng = np.random.default_rng(4)
    curves = [learning_curves.fit(SIZES, auc(SIZES) + rng.normal(0, 0.004, 15)) for _ in range(400)]
    for k, true in ((1, 0.02), (2, -0.002)):
        inside = [curve.term(k).low <= true <= curve.term(k).high for curve in curves]
        assert np.mean(inside) == pytest.approx(0.95, abs=0.035)
    bands = [curve.band(np.array([250.0])) for curve in curves]
    assert np.mean([low[0] <= auc(250) <= high[0] for low, high in bands]) == pytest.approx(0.95, abs=0.035)


def test_bad_input_is_told():
    with pytest.raises(InputError, match="degree 2 needs 3 sizes and 4 runs, got 2 and 4"):
        learning_curves.fit([10, 10, 20, 20], [0.5] * 4)
    with pytest.raises(InputError, match="must be above 0"):
        learning_curves.fit([0, 10, 20, 30], [0.5] * 4)
    curve = learning_curves.fit(SIZES, auc(SIZES))
    with pytest.raises(InputError, match="size must lie within the curve, 62 to 1000"):
        learning_curves.data_multiplier(curve, np.ones(2), 5000, np.random.default_rng(0))
    with pytest.raises(InputError, match="at least two finite"):
        learning_curves.data_multiplier(curve, np.ones(1), 500, np.random.default_rng(0))
