"""Do two orders agree: rank correlations with intervals and permutation tests.

The thesis compares orders: of tags by tagability and by AUC (chapter 3), of tag pairs by label vectors and
by co-occurrence (chapter 7), of systems by noisy and by clean labels (chapter 3). `correlation` is for
independent units; `matrix_correlation` for the pairs of a similarity matrix, which are not independent:
1,225 pairs come from only fifty tags.

References
    D. G. Bonett and T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations", Psychometrika 65(1), 2000: the standard errors on Fisher's scale.
    N. Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research
    27(2), 1967: permuting the units of a matrix.
"""

import itertools
import math
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
        n at least 5; below 8 the test goes through all permutations.
    rng : numpy Generator
        Draws the permutations.
    method : {"spearman", "kendall", "pearson"}
    n_permutations : int
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
    if n < 8:
        orders = np.array(list(itertools.permutations(range(n))))
        p_value = float(np.mean(_extreme(_permuted(a, b, orders, method), value)))
    else:
        orders = rng.permuted(np.tile(np.arange(n), (_positive(n_permutations), 1)), axis=1)
        p_value = float((1 + _extreme(_permuted(a, b, orders, method), value).sum()) / (1 + n_permutations))
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
    square = np.zeros((n, n))
    square[rows, columns] = square[columns, rows] = b  # ranks move with their pairs
    n_extreme = 0
    for _ in range(_positive(n_permutations)):
        order = rng.permutation(n)
        n_extreme += abs(a @ square[order[rows], order[columns]]) >= abs(value) - 1e-12
    left_out = np.empty(n)
    for unit in range(n):
        kept = (rows != unit) & (columns != unit)
        pairs = first[rows, columns][kept], second[rows, columns][kept]
        left_out[unit] = math.atanh(min(_prepared(pairs[0], method) @ _prepared(pairs[1], method), 1 - 1e-12))
    error = math.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum())
    low, high = _fisher_interval(value, error, level)
    p_value = (1 + n_extreme) / (1 + n_permutations)
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


def _permuted(a: np.ndarray, b: np.ndarray, orders: np.ndarray, method: str) -> np.ndarray:
    """Return the correlations of `a` with `b` in other orders (permutation, n)."""
    if method != "kendall":
        return b[orders] @ a
    n = orders.shape[1]
    rows, columns = np.triu_indices(n, 1)
    square = np.zeros((n, n))
    square[rows, columns], square[columns, rows] = b, -b
    return np.array([square[order[rows], order[columns]] @ a for order in orders])


def _extreme(values: np.ndarray, value: float) -> np.ndarray:
    return np.abs(values) >= abs(value) - 1e-12


def _fisher_interval(value: float, error: float, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    if abs(value) > 1 - 1e-12:  # two identical orders: Fisher's scale has no room left
        return value, value
    centre, half = math.atanh(value), scipy.stats.norm.ppf((1 + level) / 2) * error
    return math.tanh(centre - half), math.tanh(centre + half)


def _positive(n_permutations: int) -> int:
    if n_permutations < 1:
        raise InputError(f"n_permutations must be at least 1, got {n_permutations}")
    return n_permutations
