"""Correlations against SciPy; intervals and permutation tests against simulation."""

import numpy as np
import pytest
from scipy import stats

from mtlib.base.errors import InputError
from mtlib.evidence import correlation


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("method", correlation.METHODS)
def test_values_are_scipys_with_ties(method):
    a, b = rng().integers(0, 6, (2, 30))
    theirs = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}[method](a, b)
    ours = correlation.correlation(a, b, rng=rng(), method=method, n_permutations=4000)
    assert ours.value == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.03)
    assert ours.low < ours.value < ours.high


def test_five_units_are_tested_exactly():
    a = np.arange(5.0)
    assert correlation.correlation(a, a, rng=rng()).p_value == 2 / 120  # itself and its mirror image
    fall = correlation.correlation(a, -a, rng=rng())
    assert (fall.value, fall.p_value) == (-1, 2 / 120)


@pytest.mark.parametrize("method", correlation.METHODS)
def test_the_p_value_counts_permutations_as_extreme(method):
    a, b = np.random.default_rng(2).integers(0, 6, (2, 9))
    measure = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}[method]
    orders = rng().permuted(np.tile(np.arange(9), (300, 1)), axis=1)
    drawn = np.array([measure(a, b[order]).statistic for order in orders])
    n_extreme = (np.abs(drawn) >= abs(measure(a, b).statistic) - 1e-12).sum()
    found = correlation.correlation(a, b, rng=rng(), method=method, n_permutations=300)
    assert 5 < n_extreme < 295 and found.p_value == (1 + n_extreme) / 301


def test_the_interval_covers():
    generator, inside = rng(), 0
    for _ in range(300):
        a = generator.normal(size=30)
        b = 0.6 * a + 0.8 * generator.normal(size=30)
        found = correlation.correlation(a, b, rng=generator, n_permutations=1)
        inside += found.low <= 6 / np.pi * np.arcsin(0.6 / 2) <= found.high  # Spearman's of a normal pair
    assert 0.91 < inside / 300 <= 0.99


def symmetric(vectors):
    return vectors @ vectors.T


def test_a_matrix_correlation_permutes_units_not_pairs():
    generator, pairs, units = rng(), 0, 0
    for _ in range(60):  # unrelated matrices, whose rows share a level: pairs of one unit depend
        levels = generator.normal(size=(2, 12, 1))
        a, b = (level + level.T + 0.2 * symmetric(generator.normal(size=(12, 2))) for level in levels)
        found = correlation.matrix_correlation(a, b, rng=generator, n_permutations=99)
        rows, columns = np.triu_indices(12, 1)
        assert found.value == pytest.approx(stats.spearmanr(a[rows, columns], b[rows, columns]).statistic)
        units += found.p_value <= 0.05
        pairs += stats.spearmanr(a[rows, columns], b[rows, columns]).pvalue <= 0.05
    assert units <= 9 < 20 < pairs  # 3 expected; the naive test finds what is not there
    a = symmetric(generator.normal(size=(12, 3)))
    same = correlation.matrix_correlation(a, a + 0.1 * symmetric(generator.normal(size=(12, 2))), rng=generator)
    assert same.p_value < 0.01 and 0 < same.low < same.value < same.high and same.n == 12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: correlation.correlation([1, 2], [1, 2], rng=rng()), "at least 5 values"),
        (lambda: correlation.correlation([1.0] * 6, range(6), rng=rng()), "all equal"),
        (lambda: correlation.correlation([np.nan, *range(5)], range(6), rng=rng()), "NaN or infinity"),
        (lambda: correlation.correlation(range(6), range(6), rng=rng(), method="x"), "method must be"),
        (lambda: correlation.matrix_correlation(np.eye(3), np.eye(3), rng=rng()), "must be square"),
        (lambda: correlation.matrix_correlation(np.triu(np.ones((6, 6))), np.eye(6), rng=rng()), "must be symmetric"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
