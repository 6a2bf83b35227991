"""How sure: intervals, differences and several comparisons at once.

A difference in this book comes with its independent repetitions (training seeds, songs, listeners) and a
95 % interval; "no effect" is a test of equivalence with a margin, not a test that failed. With three to
fifteen seeds only Student's t keeps its promise: a percentile bootstrap over five seeds is too narrow
(``tests/benchmarks/decisions.py`` measures both).

Conventions
    Values are one-dimensional, one number an independent unit. Paired values stand at the same place of
    both arrays. Intervals are (low, high), 95 % unless said. `Estimate` carries a standard error and its
    degrees of freedom, so one object answers for every level and every hypothesis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy  # its parts are loaded where they are used

from ..base.errors import InputError

MARGIN = 0.005
"""Two areas under the curve that differ by less than this count as equal."""


@dataclass(frozen=True)
class Estimate:
    """A value whose error has two parts: one that repetitions show and reduce, one that they share.

    Parameters
    ----------
    value : float
    standard_error, df : float
        Of the part seen in the spread of the observations: a t distribution.
    n : int
        Independent observations.
    deviation : float
        Standard deviation of one observation; 0 where it is not known.
    floor : float
        Standard error that all observations share, such as too few test clips: a normal distribution.
        The half-widths of the two parts add as squares: wide enough at small n too, where
        Satterthwaite's degrees of freedom would not (7.6 % instead of 5 % outside, for three seeds).
    kind : str
        How it was estimated, as the rules' error rates are listed (`rules.measured`).
    """

    value: float
    standard_error: float
    df: float
    n: int
    deviation: float = 0.0
    floor: float = 0.0
    kind: str = "mean"

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interval at a confidence level."""
        half = _half_width((1 - _level(level)) / 2, self.standard_error, self.df, self.floor)
        return float(self.value - half), float(self.value + half)

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    def p_value(self, reference: float = 0.0, alternative: str = "two-sided") -> float:
        """Test that the value equals a reference against ``"two-sided"``, ``"above"`` or ``"below"``.

        The test at a level agrees with the interval at that level.
        """
        if alternative not in ("two-sided", "above", "below"):
            raise InputError(f"alternative must be two-sided, above or below, got {alternative!r}")
        distance = self.value - reference
        tail = self._tail(abs(distance))
        if alternative == "two-sided":
            return 2 * tail
        return tail if (distance >= 0) == (alternative == "above") else 1 - tail

    def _tail(self, distance: float) -> float:
        """Return the tail probability whose interval just reaches a distance, from 0 to 0.5."""
        if distance == 0:
            return 0.5
        if self.floor == 0:
            error = self.standard_error
            return float(scipy.special.stdtr(self.df, -distance / error)) if error else 0.0
        least = 1e-300  # beyond every figure that anybody prints
        gap = partial(_excess, distance=distance, error=self.standard_error, df=self.df, floor=self.floor)
        return float(np.exp(scipy.optimize.brentq(gap, np.log(least), np.log(0.5)))) if gap(np.log(least)) > 0 else 0.0


def _half_width(tail: float, error: float, df: float, floor: float) -> float:
    shared = scipy.special.ndtri(tail) * floor
    return float(np.hypot(scipy.special.stdtrit(df, tail) * error if error else 0.0, shared))


def _excess(log_tail: float, distance: float, error: float, df: float, floor: float) -> float:
    return _half_width(np.exp(log_tail), error, df, floor) - distance


def mean(values: np.ndarray, *, floor: float = 0.0) -> Estimate:
    """Estimate the mean of independent values (n,), n at least 2.

    Parameters
    ----------
    values : ndarray (n,)
    floor : float
        A further standard error that all values share (the same test clips).
    """
    values = _finite(values)
    if not floor >= 0:
        raise InputError(f"floor must be at least 0, got {floor}")
    n, deviation = len(values), float(values.std(ddof=1))
    return Estimate(float(values.mean()), deviation / n**0.5, n - 1, n, deviation, floor)


def paired_difference(first: np.ndarray, second: np.ndarray, *, floor: float = 0.0) -> Estimate:
    """Estimate the mean of ``first − second`` over pairs (seed by seed, item by item); as `mean`."""
    first, second = _finite(first), _finite(second)
    if len(first) != len(second):
        raise InputError(f"paired values must be equally many, got {len(first)} and {len(second)}")
    return mean(first - second, floor=floor)


def fold_mean(values: np.ndarray, *, test_share: float = 0.1) -> Estimate:
    """Estimate a mean over the folds of (repeated) cross-validation, whose training clips overlap.

    Folds are no independent repetitions: the variance of their mean is taken as
    (1/n + test/train) times theirs, not 1/n.

    Parameters
    ----------
    values : ndarray (n,)
        Scores, or paired differences of scores, fold by fold.
    test_share : float
        Share of the clips that a fold tests.

    References
    ----------
    Nadeau and Bengio (2003), Inference for the generalization error, Eq. 9.
    """
    if not 0 < test_share < 1:
        raise InputError(f"test_share must lie between 0 and 1, got {test_share}")
    values = _finite(values)
    n = len(values)
    error = float(values.std(ddof=1) * (1 / n + test_share / (1 - test_share)) ** 0.5)
    return Estimate(float(values.mean()), error, n - 1, n, kind="folds")


def difference(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Estimate the difference of the means of two independent samples (Welch)."""
    first, second = _finite(first), _finite(second)
    parts = np.array([first.var(ddof=1) / len(first), second.var(ddof=1) / len(second)])
    df = parts.sum() ** 2 / (parts**2 / [len(first) - 1, len(second) - 1]).sum() if parts.any() else np.inf
    n = len(first) + len(second)
    gap = float(first.mean() - second.mean())
    return Estimate(gap, float(parts.sum() ** 0.5), float(df), n, kind="two samples")


def mean_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Return Student's t interval of the mean of independent values (n,), n at least 2."""
    return mean(values).interval(level)


def deciding_n(mean: float, deviation: float, *, level: float = 0.95, floor: float = 0.0) -> int | None:
    """Return the smallest n whose t interval, at this mean and deviation, leaves zero out.

    The answer is a plan, not a promise: the next values may have another mean.

    Parameters
    ----------
    mean, deviation : float
    level : float
    floor : float
        Standard error that does not shrink with n (`Estimate`).

    Returns
    -------
    int or None
        None where no n decides: a mean of 0, or one that the floor hides.
    """
    if not deviation >= 0:
        raise InputError(f"deviation must be at least 0, got {deviation}")
    if mean == 0 or scipy.stats.norm.ppf((1 + _level(level)) / 2) * floor >= abs(mean):
        return None
    n = 2
    while _half_width((1 - level) / 2, deviation / n**0.5, n - 1, floor) >= abs(mean):
        n = n + 1 if n < 100 else int(n * 1.01)  # to one per cent; the t interval shrinks with n
        if n > 10**9:
            return None
    return n


def proportion_interval(n_hits: int, n: int, *, level: float = 0.95, method: str = "wilson") -> tuple[float, float]:
    """Return the interval of a proportion.

    Parameters
    ----------
    n_hits, n : int
        Observed hits among `n` independent trials.
    level : float
        Confidence level.
    method : {"wilson", "exact"}
        Wilson's score interval (covers `level` on average), or Clopper and Pearson's (at least `level`).
    """
    if not 0 <= n_hits <= n or n < 1:
        raise InputError(f"n_hits must lie between 0 and n, and n be at least 1, got {n_hits} of {n}")
    if method not in ("wilson", "exact"):
        raise InputError(f"method must be 'wilson' or 'exact', got {method!r}")
    interval = scipy.stats.binomtest(int(n_hits), int(n)).proportion_ci(_level(level), method=method)
    return float(interval.low), float(interval.high)


def adjust(p_values: np.ndarray | Sequence[float], *, method: str = "holm") -> np.ndarray:
    """Adjust p-values for being several.

    Parameters
    ----------
    p_values : ndarray (n,)
    method : {"holm", "fdr"}
        Holm: the chance of *any* false discovery stays at the level. "fdr" (Benjamini and Hochberg): the
        expected *share* of false discoveries does.

    Returns
    -------
    ndarray (n,)
        To be compared with the level itself.
    """
    p_values = np.asarray(p_values, np.float64)
    if p_values.ndim != 1 or not len(p_values) or not ((p_values >= 0) & (p_values <= 1)).all():
        raise InputError("p_values must be numbers between 0 and 1, one a test")
    if method not in ("holm", "fdr"):
        raise InputError(f"method must be 'holm' or 'fdr', got {method!r}")
    if method == "fdr":
        return scipy.stats.false_discovery_control(p_values)
    order = np.argsort(p_values)
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(f"values must be at least two finite numbers, got shape {values.shape}")
    return values


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    return level
