"""How quality grows with the training size, and how much data a difference in quality is worth.

AUC is fitted as a parabola over the logarithm of the number of training clips: a straight line is the
thesis' "exponentially increasing data size merely results in a linear AUC improvement", the curvature its
"starts to converge". Turned around, the curve says how many clips give a stated AUC; so a system that
needs all clips where another needs half is one that "needs twice the data" [Choi2018, §5.2.2, §5.2.4].

The thesis trains one network fifteen times, sees deviations from the mean of up to .0028 AUC and calls
differences below .005 insignificant. Whether such a threshold holds follows from the standard deviation of
a single training, which fifteen runs know only roughly (`spread`) [Choi2018, §5.2.1].

Conventions
    Sizes are numbers of training clips, one a training; sizes and scores stand side by side. Every score
    is an independent training (another seed) and they are equally uncertain. Intervals are (low, high), 95 %
    unless said.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mtlib.base.errors import InputError, at_least, one_of
from mtlib.evidence.statistics import MARGIN, Estimate


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
        raise InputError(f"size must lie within the curve, {curve.smallest:g} to {curve.largest:g}, got {size}")
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


@dataclass(frozen=True)
class Spread:
    """Standard deviation of one training, with its chi-square interval."""

    value: float
    low: float
    high: float
    n: int

    def within(self, threshold: float = MARGIN) -> tuple[float, float, float]:
        """Return the share of pairs of trainings that differ by less than a threshold: value, low, high."""
        if not threshold > 0:
            raise InputError(f"threshold must be above 0, got {threshold}")
        shares = [
            2 * stats.norm.cdf(threshold / (2**0.5 * sd)) - 1 if sd else 1.0 for sd in (self.value, self.high, self.low)
        ]
        return tuple(float(share) for share in shares)


def spread(values: np.ndarray, *, level: float = 0.95) -> Spread:
    """Estimate the standard deviation of independent, roughly normal values (n,), n at least 2.

    Raises
    ------
    InputError
        If there are fewer than two finite values.
    """
    values = _several(values)
    n, variance = len(values), float(values.var(ddof=1))
    tails = stats.chi2.ppf(((1 + level) / 2, (1 - level) / 2), n - 1)
    low, high = (variance * (n - 1) / tails) ** 0.5
    return Spread(variance**0.5, float(low), float(high), n)


def next_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval that holds the next single value: wider than that of the mean, and stays so."""
    values = _several(values)
    n = len(values)
    half = stats.t.isf((1 - level) / 2, n - 1) * values.std(ddof=1) * (1 + 1 / n) ** 0.5
    return float(values.mean() - half), float(values.mean() + half)


def power(n: int, size: float, deviation: float, *, question: str = "difference", level: float = 0.05) -> float:
    """Return the chance that n pairs of trainings give the answer that is true.

    Parameters
    ----------
    n : int
        Pairs, at least 2.
    size : float
        "difference": the true difference. "equality": the margin, while the true difference is zero.
    deviation : float
        Standard deviation of the difference of one pair: √2 times that of one training, where pairing does
        not help.
    question : {"difference", "equality"}
        A two-sided t test against zero, or two one-sided tests against the margin.
    level : float
        Chance of a wrong answer that the test allows.
    """
    at_least(2, n=n)
    one_of(("difference", "equality"), question=question)
    if not (size > 0 and deviation > 0):
        raise InputError(f"size and deviation must be above 0, got {size} and {deviation}")
    shift, df = size * n**0.5 / deviation, n - 1
    if question == "difference":
        border = stats.t.isf(level / 2, df)
        return float(stats.nct.sf(border, df, shift) + stats.nct.cdf(-border, df, shift))
    # Equal: |mean| < margin − t·s/√n. Average over what s turns out to be.
    border = stats.t.isf(level, df)
    chances = (np.arange(2000) + 0.5) / 2000
    s = (stats.chi2.ppf(chances, df) / df) ** 0.5  # in units of the deviation
    return float(np.maximum(2 * stats.norm.cdf(shift - border * s) - 1, 0).mean())


def n_needed(
    size: float, deviation: float, *, question: str = "difference", wanted: float = 0.8, level: float = 0.05
) -> int:
    """Return the fewest pairs of trainings with a `power` of at least ``wanted``."""
    if not 0 < wanted < 1:
        raise InputError(f"wanted must lie between 0 and 1, got {wanted}")
    low, high = 1, 2
    while power(high, size, deviation, question=question, level=level) < wanted:
        low, high = high, 2 * high
        if high > 10**7:
            raise InputError(f"no feasible number of pairs shows {size:g} at a deviation of {deviation:g}")
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(middle, size, deviation, question=question, level=level) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def _several(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(f"values must be at least two finite numbers, got shape {values.shape}")
    return values
