"""How quality grows with the training size, and how much data a difference in quality is worth.

AUC is fitted as a parabola over the logarithm of the number of training clips: a straight line is the
thesis' "exponentially increasing data size merely results in a linear AUC improvement", the curvature its
"starts to converge". Turned around, the curve says how many clips give a stated AUC; so a system that
needs all clips where another needs half is one that "needs twice the data". Chapter 5 uses this module
[Choi2018, §5.2.2, §5.2.4].

Conventions
    Sizes are numbers of training clips, one a training; sizes and scores stand side by side. Every score
    is an independent training (another seed) and they are equally uncertain.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mtlib.base.errors import InputError, at_least
from mtlib.evidence.statistics import Estimate


@dataclass(frozen=True)
class Curve:
    """A fitted learning curve, score = Σ coefficient_k · log2(size / largest)^k."""

    coefficients: np.ndarray
    """(degree + 1,): value at the largest size, slope a doubling there, curvature."""
    covariance: np.ndarray
    df: int
    smallest: float
    largest: float
    deviation: float
    """Standard deviation of one training about the curve."""

    def term(self, k: int) -> Estimate:
        """Return a coefficient with its error."""
        error = float(self.covariance[k, k] ** 0.5)
        n = self.df + len(self.coefficients)
        return Estimate(float(self.coefficients[k]), error, self.df, n, kind="curve")

    def at(self, sizes: np.ndarray) -> np.ndarray:
        """Return the expected score at sizes (n,)."""
        return self._design(sizes) @ self.coefficients

    def band(self, sizes: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Return low and high of the expected score at sizes (n,), for each size alone."""
        design = self._design(sizes)
        half = stats.t.isf((1 - level) / 2, self.df) * np.sqrt(
            np.einsum("ni,ij,nj->n", design, self.covariance, design)
        )
        return design @ self.coefficients - half, design @ self.coefficients + half

    def _design(self, sizes: np.ndarray) -> np.ndarray:
        x = np.log2(np.asarray(sizes, np.float64) / self.largest)
        return x[:, None] ** np.arange(len(self.coefficients))


def fit(sizes: np.ndarray, scores: np.ndarray, *, degree: int = 2) -> Curve:
    """Fit a learning curve by least squares.

    Parameters
    ----------
    sizes, scores : ndarray (run,)
    degree : int
        1 for a straight line over log size, 2 with curvature.

    Raises
    ------
    InputError
        If there are too few runs or sizes for the degree, or values that are not finite.
    """
    sizes, scores = np.asarray(sizes, np.float64), np.asarray(scores, np.float64)
    at_least(1, degree=degree)
    if sizes.ndim != 1 or sizes.shape != scores.shape:
        raise InputError(f"sizes and scores must be (run,), got {sizes.shape} and {scores.shape}")
    if not (np.isfinite(scores).all() and np.isfinite(sizes).all() and (sizes > 0).all()):
        raise InputError("sizes must be above 0 and scores finite")
    if len(np.unique(sizes)) <= degree or len(sizes) <= degree + 1:
        raise InputError(
            f"degree {degree} needs {degree + 1} sizes and {degree + 2} runs, got "
            f"{len(np.unique(sizes))} and {len(sizes)}"
        )
    largest = sizes.max()
    design = np.log2(sizes / largest)[:, None] ** np.arange(degree + 1)
    coefficients, *_ = np.linalg.lstsq(design, scores, rcond=None)
    df = len(sizes) - degree - 1
    variance = float(((scores - design @ coefficients) ** 2).sum() / df)
    covariance = variance * np.linalg.inv(design.T @ design)
    return Curve(coefficients, covariance, df, float(sizes.min()), float(largest), variance**0.5)


@dataclass(frozen=True)
class Multiplier:
    """By how much more data one system needs to equal another: value and 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """Trainings behind it."""
    beyond: float
    """Share of the draws whose answer lies outside the fitted sizes; they are cut at its ends."""


def data_multiplier(
    curve: Curve,
    scores: np.ndarray,
    size: float,
    rng: np.random.Generator,
    *,
    floor: float = 0.0,
    n_draws: int = 10_000,
    level: float = 0.95,
) -> Multiplier:
    """Invert a learning curve: a system scores like that curve does with size / value clips.

    Parameters
    ----------
    curve : Curve
        Of the better system.
    scores : ndarray (run,)
        Of the other system, all trained on `size` clips.
    size : float
    rng : numpy Generator
        Draws curves and means from their t distributions.
    floor : float
        Standard error that the shared test clips add to the difference of the two systems.

    Returns
    -------
    Multiplier
        An end of the interval that lies at a border of the fitted sizes is only known to be that far.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or len(scores) < 2 or not np.isfinite(scores).all():
        raise InputError(f"scores must be at least two finite numbers, got shape {scores.shape}")
    if not curve.smallest <= size <= curve.largest:
        raise InputError(
            f"size must lie within the curve, {curve.smallest:g} to {curve.largest:g}, got {size}"
        )
    n = len(scores)
    spread = np.linalg.cholesky(curve.covariance + 1e-18 * np.eye(len(curve.coefficients)))
    curves = curve.coefficients + _t(rng, curve.df, (n_draws, len(curve.coefficients))) @ spread.T
    means = scores.mean() + scores.std(ddof=1) / n**0.5 * rng.standard_t(n - 1, n_draws)
    means += floor * rng.standard_normal(n_draws) if floor else 0.0
    ends = curve.smallest, curve.largest
    x, outside = _invert(curves, means, *(np.log2(end / curve.largest) for end in ends))
    value = _invert(curve.coefficients[None], scores[:1] * 0 + scores.mean(),
                    *(np.log2(end / curve.largest) for end in ends))[0][0]  # fmt: skip
    place = np.log2(size / curve.largest)
    low, high = 2 ** (place - np.quantile(x, ((1 + level) / 2, (1 - level) / 2)))
    return Multiplier(
        float(2 ** (place - value)), float(low), float(high), n + curve.df + len(curve.coefficients),
        float(outside.mean()),
    )  # fmt: skip


def _t(rng: np.random.Generator, df: int, shape: tuple[int, int]) -> np.ndarray:
    """Draw rows of a multivariate t distribution."""
    return rng.standard_normal(shape) / np.sqrt(rng.chisquare(df, (shape[0], 1)) / df)


def _invert(curves: np.ndarray, scores: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where curves (draw, coefficient) first reach scores (draw,), and what lies outside."""
    grid = np.linspace(low, high, 1001)
    values = curves @ (grid[:, None] ** np.arange(curves.shape[1])).T  # (draw, grid)
    reached = values >= scores[:, None]
    first = reached.argmax(1)
    never = ~reached.any(1)
    x = np.where(never, high, grid[first])
    inside = (first > 0) & ~never
    i = np.flatnonzero(inside)
    before, after = values[i, first[i] - 1], values[i, first[i]]
    x[i] = grid[first[i]] - (after - scores[i]) / (after - before) * (grid[1] - grid[0])
    return x, ~inside
