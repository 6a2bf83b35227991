"""Do two orders agree: rank correlations with intervals and permutation tests.

The thesis compares orders: of tags by tagability and by AUC, of tag pairs by label vectors and by
co-occurrence, of systems by noisy and by clean labels. `correlation` is for independent units;
`matrix_correlation` for the pairs of a similarity matrix, which are not independent: 1,225 pairs come
from only fifty tags.

References
----------
D. G. Bonett and T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman
correlations", Psychometrika 65(1), 2000: the standard errors on Fisher's scale.
N. Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research
27(2), 1967: permuting the units of a matrix.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded where they are used

from ..base.errors import InputError

METHODS = ("spearman", "kendall", "pearson")


@dataclass(frozen=True)
class Correlation:
    """A correlation with its interval and the two-sided p-value of a permutation test."""

    value: float
    low: float
    high: float
    p_value: float
    n: int
    """Independent units: pairs of values, or rows of a matrix."""
    kind: str = "correlation"
    """How it was tested, as the rules' error rates are listed."""


def correlation(
    first: np.ndarray,
    second: np.ndarray,
    *,
    rng: np.random.Generator,
    method: str = "spearman",
    n_permutations: int = 10_000,
    level: float = 0.95,
) -> Correlation:
    """Correlate two values of independent units.

    Parameters
    ----------
    first, second : ndarray (n,)
        n at least 5.
    rng : numpy Generator
        Draws the permutations.
    method : {"spearman", "kendall", "pearson"}
    n_permutations : int
        If there are no more than so many permutations (10,000: n below 8), the test goes through all.
    level : float

    Returns
    -------
    Correlation
        The interval is normal on Fisher's scale [Bonett and Wright]; it is open-ended guesswork for fewer
        than about ten units, where the permutation test is what counts.

    Raises
    ------
    InputError
        If shapes differ, values are not finite, all equal, or fewer than five.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 5:
        shapes = f"{first.shape} and {second.shape}"
        raise InputError(f"correlation takes two arrays of at least 5 values each, got shapes {shapes}")
    a, b = _prepared(first, method), _prepared(second, method)
    n, value = len(first), float(np.clip(a @ b, -1, 1))
    permuted = _pairs(b, n, sign=-1) if method == "kendall" else b.__getitem__
    p_value = _p_value(a, permuted, n, rng, n_permutations)
    spread = {"spearman": (1 + value**2 / 2) / (n - 3), "kendall": 0.437 / (n - 4), "pearson": 1 / (n - 3)}
    low, high = _fisher_interval(value, math.sqrt(spread[method]), level)
    return Correlation(value, low, high, p_value, n)


def matrix_correlation(
    first: np.ndarray,
    second: np.ndarray,
    *,
    rng: np.random.Generator,
    method: str = "spearman",
    n_permutations: int = 10_000,
    level: float = 0.95,
) -> Correlation:
    """Correlate the pairs of two symmetric similarity matrices over the same units.

    Parameters
    ----------
    first, second : ndarray (unit, unit)
        Symmetric, at least 6 units; the diagonal is left out.
    rng : numpy Generator
    method : {"spearman", "pearson"}
    n_permutations : int
    level : float

    Returns
    -------
    Correlation
        `p_value` permutes units, not pairs (Mantel); the interval leaves out one unit at a time
        (jackknife, normal on Fisher's scale); `n` counts units.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 2 or first.shape != second.shape or first.shape[0] != first.shape[1] or len(first) < 6:
        raise InputError(f"matrices must be square, of one size ≥ 6, got {first.shape} and {second.shape}")
    for matrix in (first, second):
        if not np.allclose(matrix, matrix.T):
            raise InputError("matrices must be symmetric; symmetrise them first, and say how")
    if method == "kendall":
        raise InputError("method must be 'spearman' or 'pearson' for matrices, got 'kendall'")
    n = len(first)
    rows, columns = np.triu_indices(n, 1)
    a, b = _prepared(first[rows, columns], method), _prepared(second[rows, columns], method)
    value = float(np.clip(a @ b, -1, 1))
    p_value = _p_value(a, _pairs(b, n), n, rng, n_permutations)  # ranks move with their pairs
    left_out = np.empty(n)
    for unit in range(n):
        kept = (rows != unit) & (columns != unit)
        pairs = first[rows, columns][kept], second[rows, columns][kept]
        left_out[unit] = math.atanh(min(_prepared(pairs[0], method) @ _prepared(pairs[1], method), 1 - 1e-12))
    error = math.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum())
    low, high = _fisher_interval(value, error, level)
    return Correlation(value, low, high, p_value, n, "matrix correlation")


def _prepared(values: np.ndarray, method: str) -> np.ndarray:
    """Return what gives the correlation as a dot product: centred, normed (signs of pairs for Kendall)."""
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not np.isfinite(values).all():
        raise InputError("values hold NaN or infinity")
    if method == "kendall":
        values = np.sign(values[:, None] - values)[np.triu_indices(len(values), 1)]
    else:
        values = scipy.stats.rankdata(values) if method == "spearman" else values
        values = values - values.mean()
    norm = np.linalg.norm(values)
    if norm < 1e-12:
        raise InputError("values are all equal; a correlation is undefined")
    return values / norm


def _pairs(values: np.ndarray, n: int, sign: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives the values of all pairs (…, pair) when their units stand in other orders (…, n)."""
    rows, columns = np.triu_indices(n, 1)
    square = np.zeros((n, n))
    square[rows, columns], square[columns, rows] = values, sign * values
    return lambda orders: square[orders[..., rows], orders[..., columns]]


def _p_value(
    a: np.ndarray, permuted: Callable[[np.ndarray], np.ndarray], n: int, rng: np.random.Generator, n_permutations: int
) -> float:
    if n_permutations < 1:
        raise InputError(f"n_permutations must be at least 1, got {n_permutations}")
    test = scipy.stats.permutation_test(
        (np.arange(n),), lambda orders, axis: np.abs(permuted(orders) @ a), permutation_type="pairings",
        alternative="greater", n_resamples=n_permutations, batch=100, vectorized=True, rng=rng,
    )  # fmt: skip
    return float(test.pvalue)


def _fisher_interval(value: float, error: float, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    if abs(value) > 1 - 1e-12:  # two identical orders: Fisher's scale has no room left
        return value, value
    centre, half = math.atanh(value), scipy.stats.norm.ppf((1 + level) / 2) * error
    return math.tanh(centre - half), math.tanh(centre + half)
