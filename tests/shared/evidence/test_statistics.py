"""Intervals and tests against SciPy, simulation and their own definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mtlib.base.errors import InputError
from mtlib.evidence import statistics


def test_intervals_cover_as_they_say():
    rng = np.random.default_rng(0)
    hits = rng.binomial(40, 0.3, 1000)
    wilson = np.array([statistics.proportion_interval(h, 40) for h in hits])
    exact = np.array([statistics.proportion_interval(h, 40, method="exact") for h in hits])
    assert 0.93 < np.mean((wilson[:, 0] <= 0.3) & (wilson[:, 1] >= 0.3)) < 0.98
    assert np.mean((exact[:, 0] <= 0.3) & (exact[:, 1] >= 0.3)) > 0.95
    means = np.array([statistics.mean_interval(rng.normal(1, 2, 5)) for _ in range(1000)])
    assert 0.93 < np.mean((means[:, 0] <= 1) & (means[:, 1] >= 1)) < 0.97


def test_differences_are_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 7), rng.normal(0.5, 2, 7)
    for ours, theirs in (
        (statistics.paired_difference(first, second), stats.ttest_rel(first, second)),
        (statistics.difference(first, second), stats.ttest_ind(first, second, equal_var=False)),
        (statistics.mean(first), stats.ttest_1samp(first, 0)),
    ):
        assert ours.p_value() == pytest.approx(theirs.pvalue)
        np.testing.assert_allclose(ours.interval(0.9), theirs.confidence_interval(0.9))
        assert ours.p_value(0, "above") + ours.p_value(0, "below") == pytest.approx(1)


@given(st.floats(-3, 3), st.floats(0.01, 2), st.floats(0, 2), st.integers(1, 30), st.floats(0.5, 0.999))
def test_the_test_and_the_interval_agree(value, error, floor, df, level):
    estimate = statistics.Estimate(value, error, df, df + 1, floor=floor)
    low, high = estimate.interval(level)
    assert low <= value <= high
    for end, side in ((low, "above"), (high, "below")):
        assert estimate.p_value(end, side) == pytest.approx((1 - level) / 2, rel=1e-6)
        assert estimate.p_value(end) == pytest.approx(1 - level, rel=1e-6)
    assert estimate.p_value(value) == 1


def test_a_shared_error_widens_the_interval_and_keeps_its_promise():
    rng = np.random.default_rng(0)
    for n in (3, 5, 15):
        shared = rng.normal(0, 0.5, (4000, 1))
        estimates = [statistics.mean(row, floor=0.5) for row in rng.normal(0, 1, (4000, n)) + shared]
        outside = np.mean([estimate.low > 0 or estimate.high < 0 for estimate in estimates])
        assert outside < 0.05


def test_the_deciding_n_decides_and_the_one_before_does_not():
    n = statistics.deciding_n(1.0, 1.5)
    for size, decides in ((n, True), (n - 1, False)):
        values = np.linspace(-1, 1, size)
        values = 1.0 + 1.5 * values / values.std(ddof=1)
        low, _ = statistics.mean_interval(values)
        assert (low > 0) == decides
    assert statistics.deciding_n(0.0, 1.0) is None
    assert statistics.deciding_n(1.0, 1.0, floor=0.52) is None  # 1.96 · 0.52 > 1
    assert statistics.deciding_n(1.0, 1.5, floor=0.3) > n


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_its_definition_and_never_below_the_plain_value(p_values):
    p_values = np.array(p_values)
    holm = statistics.adjust(p_values)
    for level in (0.01, 0.05, 0.2):
        rejected, left = np.zeros(len(p_values), bool), len(p_values)
        for i in np.argsort(p_values):
            if p_values[i] > level / left:
                break
            rejected[i], left = True, left - 1
        np.testing.assert_array_equal(rejected, holm * (1 - 1e-12) <= level)
    assert (statistics.adjust(p_values, method="fdr") <= holm + 1e-12).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: statistics.proportion_interval(5, 4), "n_hits must lie between 0 and n"),
        (lambda: statistics.mean_interval([1.0]), "at least two finite numbers"),
        (lambda: statistics.mean_interval([1.0, 2.0], level=1.0), "level must lie between 0 and 1"),
        (lambda: statistics.paired_difference([1.0, 2.0], [1.0, 2.0, 3.0]), "equally many, got 2 and 3"),
        (lambda: statistics.mean([1.0, 2.0], floor=-1), "floor must be at least 0"),
        (lambda: statistics.mean([1.0, 2.0]).p_value(0, "up"), "alternative must be"),
        (lambda: statistics.adjust([0.1, 1.2]), "between 0 and 1"),
        (lambda: statistics.adjust([0.1], method="tukey"), "method must be"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_mean_over_folds_has_the_corrected_variance():
    values = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.2, 0.3, 0.4, 0.5])
    found = statistics.fold_mean(values)
    expected = (values.var(ddof=1) * (1 / 10 + 1 / 9)) ** 0.5  # Nadeau and Bengio, ten folds
    assert found.standard_error == pytest.approx(expected) and found.df == 9
    assert found.value == pytest.approx(0.3)
    with pytest.raises(InputError, match="test_share must lie between 0 and 1, got 1"):
        statistics.fold_mean(values, test_share=1)
