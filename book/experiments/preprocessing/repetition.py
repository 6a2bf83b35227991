"""How far one training is from the next: spread, single runs, and how many runs a comparison needs.

The thesis trains one network fifteen times, sees deviations from the mean of up to .0028 AUC and calls
differences below .005 insignificant. Whether such a threshold holds follows from the standard deviation of
a single training, which fifteen runs know only roughly [Choi2018, §5.2.1].

Conventions
    Values are (n,), one number a training; intervals are (low, high), 95 % unless said.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mtlib.base.errors import InputError, at_least, one_of
from mtlib.evidence.statistics import MARGIN


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
            2 * stats.norm.cdf(threshold / (2**0.5 * sd)) - 1 if sd else 1.0
            for sd in (self.value, self.high, self.low)
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


def power(
    n: int, size: float, deviation: float, *, question: str = "difference", level: float = 0.05
) -> float:
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
