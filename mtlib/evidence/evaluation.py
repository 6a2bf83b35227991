"""How good: areas under ROC and precision-recall curves, and what the choice of test clips does to them.

The thesis judges taggers by the area under the ROC curve of each tag, averaged over the tags (AUC)
[Choi2018, §2.1.3]. An area is the probability that a clip with the tag scores above a clip without it;
it says nothing about thresholds or calibration.

Conventions
    Labels are 0 or 1, scores any real number, larger meaning more likely. Two-dimensional inputs are
    (clip, tag). An AUC of a tag without a positive or without a negative clip is undefined: `auc` raises,
    `tag_areas` gives NaN. Nothing is averaged over undefined values.
    Test clips are resampled as *counts* (clip, replicate): how often each clip stands in each replicate.
"""

import numpy as np
from scipy import sparse

from ..base.errors import InputError
from . import statistics

METRICS = ("roc", "pr")
"""ROC-AUC, and PR-AUC as scikit-learn's average precision (steps, no interpolation)."""

_N_AT_ONCE = 250
"""Replicates worked on together; bounds the memory to this many float32 values a clip."""


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
        If the shapes differ, a label is not 0 or 1, or a score is not finite; or naming the first tag whose
        area is undefined.
    """
    labels, scores = _binary(labels, scores, (1, 2))
    columns = labels.reshape(len(labels), -1)
    values = tag_areas(columns, scores.reshape(columns.shape))
    if np.isnan(values).any():
        tag = int(np.isnan(values).argmax())
        raise InputError(f"AUC is undefined for tag {tag}: {columns[:, tag].sum()} of {len(labels)} clips have it")
    return values if labels.ndim == 2 else float(values[0])


def tag_areas(
    labels: np.ndarray, scores: np.ndarray, *, metric: str = "roc", counts: np.ndarray | None = None
) -> np.ndarray:
    """Return the area of each tag, in each replicate of resampled clips.

    Parameters
    ----------
    labels, scores : ndarray (clip, tag)
    metric : {"roc", "pr"}
        Area under the ROC curve (ties count half), or average precision.
    counts : ndarray (clip, replicate), optional
        From `resample`; None: every clip once.

    Returns
    -------
    ndarray (tag,) or (replicate, tag) [dtype=float64]
        What scikit-learn gives for the repeated clips, to 1e-12; NaN where undefined.
    """
    labels, scores = _binary(labels, scores, (2,))
    if metric not in METRICS:
        raise InputError(f"metric must be 'roc' or 'pr', got {metric!r}")
    given = np.ones((len(labels), 1), np.uint16) if counts is None else np.asarray(counts)
    if given.ndim != 2 or len(given) != len(labels):
        raise InputError(f"counts must be (clip, replicate) with {len(labels)} clips, got shape {given.shape}")
    results = np.empty((given.shape[1], labels.shape[1]))
    for start in range(0, given.shape[1], _N_AT_ONCE):
        block = np.ascontiguousarray(given[:, start : start + _N_AT_ONCE], np.float32)
        for tag in range(labels.shape[1]):
            results[start : start + _N_AT_ONCE, tag] = _areas(labels[:, tag], scores[:, tag], block, metric)
    return results[0] if counts is None else results


def _areas(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, metric: str) -> np.ndarray:
    """Return the area of one tag in each replicate: labels, scores (clip,), counts (clip, replicate)."""
    levels = np.unique(scores[labels])  # the distinct scores of clips with the tag, rising
    if not len(levels) or labels.all():
        return np.full(counts.shape[1], np.nan)
    level = np.searchsorted(levels, scores)  # the first level that is not below the score
    tied = (level < len(levels)) & (levels[np.minimum(level, len(levels) - 1)] == scores)
    # Rows 2k: clips without the tag between the levels k − 1 and k; rows 2k + 1: those at level k.
    negatives = _summed(2 * level + tied, ~labels, 2 * len(levels) + 1, counts)
    positives = _summed(level, labels, len(levels), counts)  # (level, replicate)
    n_positive, n_negative = positives.sum(0), negatives.sum(0)
    below = np.cumsum(negatives, axis=0)[:-1:2]  # clips without the tag below each level
    with np.errstate(invalid="ignore"):
        if metric == "roc":
            won = (positives * (below + negatives[1::2] / 2)).sum(0)
            return np.where(n_positive * n_negative > 0, won / (n_positive * n_negative), np.nan)
        hits = np.cumsum(positives[::-1], axis=0)[::-1]  # clips with the tag at or above each level
        shown = hits + n_negative - below
        precision = np.divide(hits, shown, out=np.zeros_like(hits), where=shown > 0)
        defined = (n_positive > 0) & (n_negative > 0)
        return np.where(defined, (positives * precision).sum(0) / n_positive, np.nan)


def _summed(rows: np.ndarray, kept: np.ndarray, n_rows: int, counts: np.ndarray) -> np.ndarray:
    """Add the counts of the kept clips into rows; exact in float32 up to 16 million clips."""
    columns = np.flatnonzero(kept)
    ones = np.ones(len(columns), np.float32)
    adder = sparse.csr_array((ones, (rows[columns], columns)), shape=(n_rows, len(rows)))
    return (adder @ counts).astype(np.float64)  # (n_rows, replicate)


def resample(
    n_clips: int, n_resamples: int, rng: np.random.Generator, *, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw test sets with replacement.

    Parameters
    ----------
    n_clips, n_resamples : int
    rng : numpy Generator
    groups : ndarray (clip,), optional
        Clips that belong together (an artist, a song) and are drawn together; as any values.

    Returns
    -------
    counts : ndarray (clip, replicate) [dtype=uint16]
    """
    for name, value in (("n_clips", n_clips), ("n_resamples", n_resamples)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    if groups is None:
        n_units, unit = n_clips, None
    else:
        if len(groups) != n_clips:
            raise InputError(f"groups must have one value a clip, got {len(groups)} for {n_clips}")
        names, unit = np.unique(groups, return_inverse=True)
        n_units = len(names)
    counts = np.empty((n_units, n_resamples), np.uint16)
    for start in range(0, n_resamples, _N_AT_ONCE):
        n = min(_N_AT_ONCE, n_resamples - start)
        drawn = rng.integers(n_units, size=(n, n_units)) + n_units * np.arange(n)[:, None]
        counts[:, start : start + n] = np.bincount(drawn.ravel(), minlength=n * n_units).reshape(n, -1).T
    return counts if unit is None else counts[unit]


def compare(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rng: np.random.Generator,
    *,
    second_labels: np.ndarray | None = None,
    metric: str = "roc",
    n_resamples: int = 1000,
    groups: np.ndarray | None = None,
) -> statistics.Estimate:
    """Estimate by how much the macro area of one system exceeds another's, on the same test clips.

    Two things could have been otherwise: the training seeds, whose spread is measured from pair to pair,
    and the test clips, which all pairs share and which are resampled together for both systems.

    Parameters
    ----------
    labels : ndarray (clip, tag)
    first, second : ndarray (seed, clip, tag)
        Scores; row i of both was trained with the same seed, subset and order.
    rng : numpy Generator
    second_labels : ndarray (clip, tag), optional
        Labels the second is judged by, where they differ (noisy against true labels).
    metric : {"roc", "pr"}
    n_resamples : int
        Of the clips.
    groups : ndarray (clip,), optional
        As for `resample`.

    Returns
    -------
    Estimate
        ``n`` counts pairs of runs; ``floor`` is the standard error due to the clips. One pair has no
        spread: its interval speaks of these two trained networks only.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 3 or first.shape != second.shape or first.shape[1:] != np.shape(labels):
        raise InputError(
            "first and second must be (seed, clip, tag) with the clips and tags of labels, "
            f"got {first.shape}, {second.shape} and {np.shape(labels)}"
        )
    sides = (labels, first), (labels if second_labels is None else second_labels, second)
    values = np.stack([[tag_areas(truth, run, metric=metric) for run in runs] for truth, runs in sides])
    defined = _defined(values.sum((0, 1)))  # an area on both sides
    counts = resample(len(labels), n_resamples, rng, groups=groups)
    gaps = np.zeros(())
    for sign, (truth, runs) in zip((1, -1), sides, strict=True):
        for run in runs:
            gaps = gaps + sign * tag_areas(truth, run, metric=metric, counts=counts) / len(runs)
    clips = float(_macro(gaps, defined).std(ddof=1))
    pairs = -np.diff(values[..., defined].mean(2), axis=0)[0]  # (seed,)
    if len(pairs) == 1:
        return statistics.Estimate(float(pairs[0]), 0.0, np.inf, 1, floor=clips)
    return statistics.mean(pairs, floor=clips)


def _defined(values: np.ndarray) -> np.ndarray:
    defined = np.flatnonzero(~np.isnan(values))
    if not len(defined):
        raise InputError("AUC is undefined for every tag: each needs a clip with it and a clip without it")
    return defined


def _macro(drawn: np.ndarray, defined: np.ndarray) -> np.ndarray:
    """Return the mean over tags of the replicates (replicate, tag) that have an area for each of them."""
    complete = ~np.isnan(drawn[:, defined]).any(1)
    if complete.mean() < 0.5:
        rarest = defined[np.isnan(drawn[:, defined]).sum(0).argmax()]
        raise InputError(
            f"too few clips have tag {rarest} to resample them; leave the tag out, or take more test clips"
        )
    return drawn[complete][:, defined].mean(1)
