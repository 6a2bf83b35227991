"""Traces of the extraction batch in features: does a feature depend on the clips it was computed with?

The author's network normalised every batch by that batch's own mean, so features computed in batches of
256 carry the mark of their batch. Two tests show it from the features alone: batch means that are too
alike at the true batch length, and a classifier that tells two batches of one class apart. Features are
taken in the order of the files.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mtlib.base.errors import InputError


def between_batch_variance(features: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """Return the variance between the means of consecutive batches, as a share of the total variance.

    Parameters
    ----------
    features : ndarray (clip, feature)
        In the order of extraction.
    lengths : sequence of int
        Batch lengths to try; an incomplete last batch is left out.

    Returns
    -------
    ndarray (length,)
        Mean over features; smallest where `lengths` hits the length that normalisation used.
    """
    shares = []
    for length in lengths:
        n_batches = len(features) // length
        if length < 1 or n_batches < 2:
            raise InputError(f"batch length must be from 1 to {len(features) // 2}, got {length}")
        batches = features[: n_batches * length].reshape(n_batches, length, -1).astype(np.float64)
        total = batches.reshape(-1, batches.shape[-1]).var(0)
        kept = total > 0
        shares.append(float((batches.mean(1).var(0)[kept] / total[kept]).mean()))
    return np.array(shares)


def batch_accuracy(
    features: np.ndarray, y: np.ndarray, *, length: int = 256, offset: int = 0, n_least: int = 20, seed: int = 0
) -> tuple[float, float, int]:
    """Tell from features of one class in which batch a clip was computed.

    Parameters
    ----------
    features : ndarray (clip, feature)
    y : ndarray (clip,)
        Classes; batches are told apart within each.
    length, offset : int
        Batches begin at ``offset + k·length``. An offset of half a length serves as comparison.
    n_least : int
        Fewest clips of a class in a batch.
    seed : int
        Of the five shuffled folds.

    Returns
    -------
    accuracy, chance : float
        Cross-validated accuracy of a logistic regression, and that of naming the largest batch.
    n : int
        Clips.
    """
    batch = (np.arange(len(y)) - offset) // length
    right, largest, n = 0, 0, 0
    machine = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for value in np.unique(y):
        members = np.flatnonzero(y == value)
        names, counts = np.unique(batch[members], return_counts=True)
        members = members[np.isin(batch[members], names[counts >= n_least])]
        if (counts >= n_least).sum() < 2:
            continue
        found = cross_val_predict(machine, features[members], batch[members], cv=folds)
        right += int((found == batch[members]).sum())
        largest += int(counts.max())
        n += len(members)
    if n == 0:
        raise InputError(f"no class has {n_least} clips in two batches of {length}")
    return right / n, largest / n, n
