"""How good, and how sure: ROC curves, areas under them, and intervals.

The thesis judges taggers by the area under the ROC curve of each tag, averaged over the tags (AUC)
[Choi2018, §2.1.3]. An area is the probability that a clip with the tag scores above a clip without it;
it says nothing about thresholds or calibration. Every chapter that compares anything uses this module.

Conventions
    Labels are 0 or 1, scores any real number, larger meaning more likely. Two-dimensional inputs are
    (clip, tag). An AUC of a tag without a positive or without a negative clip is undefined and raises:
    nothing is averaged over undefined values. Intervals are (low, high), 95 % unless said.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn import metrics

from .errors import InputError


def _binary(labels: np.ndarray, scores: np.ndarray, n_axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as bool and scores as float64; refuse what has no ROC curve."""
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    if labels.shape != scores.shape or labels.ndim not in n_axes or labels.size == 0:
        raise InputError(f"labels and scores must have one shape, got {labels.shape} and {scores.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise InputError("labels must be 0 or 1")
    if not np.isfinite(scores).all():
        raise InputError("scores hold NaN or infinity")
    return labels.astype(bool), scores


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ROC curve of one tag.

    Parameters
    ----------
    labels, scores : ndarray (clip,)

    Returns
    -------
    false_positive_rate, true_positive_rate : ndarray (point,)
        From (0, 0) to (1, 1), one point a threshold; points on a straight line are left out.

    Raises
    ------
    InputError
        If the shapes differ, a label is not 0 or 1, a score is not finite, or there is only one class.
    """
    labels, scores = _binary(labels, scores, (1,))
    if labels.all() or not labels.any():
        raise InputError("an ROC curve needs clips with and clips without the tag")
    false_positive_rate, true_positive_rate, _ = metrics.roc_curve(labels, scores)
    return false_positive_rate, true_positive_rate


def auc(labels: np.ndarray, scores: np.ndarray) -> float | np.ndarray:
    """Return the area under the ROC curve.

    Parameters
    ----------
    labels, scores : ndarray (clip,) or (clip, tag)

    Returns
    -------
    float or ndarray (tag,)
        Ties count half.

    Raises
    ------
    InputError
        As for `roc_curve`; it names the first tag whose area is undefined.
    """
    labels, scores = _binary(labels, scores, (1, 2))
    columns = labels.reshape(len(labels), -1)
    n_positive = columns.sum(0)
    undefined = np.flatnonzero((n_positive == 0) | (n_positive == len(labels)))
    if undefined.size:
        tag = undefined[0]
        raise InputError(f"AUC is undefined for tag {tag}: {n_positive[tag]} of {len(labels)} clips have it")
    ranks = stats.rankdata(scores.reshape(len(scores), -1), axis=0)
    sums = np.where(columns, ranks, 0).sum(0)  # Mann-Whitney: sum of the ranks of the clips with the tag
    areas = (sums - n_positive * (n_positive + 1) / 2) / (n_positive * (len(labels) - n_positive))
    return areas if labels.ndim == 2 else float(areas[0])


def proportion_interval(
    n_hits: int, n: int, *, level: float = 0.95, method: str = "wilson"
) -> tuple[float, float]:
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
    interval = stats.binomtest(int(n_hits), int(n)).proportion_ci(_level(level), method=method)
    return float(interval.low), float(interval.high)


def mean_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Return Student's t interval of the mean of independent values (n,), n at least 2."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(f"values must be at least two finite numbers, got shape {values.shape}")
    half = stats.t.ppf((1 + _level(level)) / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def deciding_n(mean: float, deviation: float, *, level: float = 0.95) -> int | None:
    """Return the smallest n whose t interval, at this mean and deviation, leaves zero out.

    The answer is a plan, not a promise: the next values may have another mean. None stands for a mean of 0.
    """
    if not deviation >= 0:
        raise InputError(f"deviation must be at least 0, got {deviation}")
    if mean == 0:
        return None
    n = 2
    while stats.t.ppf((1 + _level(level)) / 2, n - 1) * deviation / np.sqrt(n) >= abs(mean):
        n = n + 1 if n < 100 else int(n * 1.01)  # to one per cent; the t interval shrinks with n
    return n


def bootstrap_interval(
    values: np.ndarray,
    rng: np.random.Generator,
    *,
    statistic: Callable[..., np.ndarray] = np.mean,
    n_resamples: int = 10_000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic of independent values.

    Parameters
    ----------
    values : ndarray (n,)
    rng : numpy Generator
    statistic : callable
        Takes an array (…, n) and ``axis``, returns (…,).
    n_resamples : int
    level : float
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(f"values must be at least two finite numbers, got shape {values.shape}")
    if n_resamples < 1:
        raise InputError(f"n_resamples must be at least 1, got {n_resamples}")
    n_at_once = max(1, 2_000_000 // len(values))  # 16 MB of resampled values
    results = []
    for start in range(0, n_resamples, n_at_once):
        n_rows = min(n_at_once, n_resamples - start)
        picked = values[rng.integers(len(values), size=(n_rows, len(values)))]  # (resample, n)
        results.append(statistic(picked, axis=-1))
    tail = (1 - _level(level)) / 2
    low, high = np.quantile(np.concatenate(results), (tail, 1 - tail))
    return float(low), float(high)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    return level
