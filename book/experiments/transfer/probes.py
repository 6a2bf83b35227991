"""Probes: what frozen features know about a clip, asked by a small classifier under cross-validation.

`svm_scores` is the classifier of the thesis, `knn_scores` the one it was preferred to. Both standardise over
the training clips of a fold and choose their settings without the clips that score them. The author's
published features have `protocols`.

Conventions
    Features come as blocks (clip, feature), one a layer; targets are class indices (integers, scored by
    accuracy) or numbers (scored by R²). Every function returns one score a fold, so that differences can
    be paired; `statistics.fold_mean` gives their interval. Splits are (train, test), the pairs of
    `nested_folds` come with inner splits that choose.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mtlib.base.errors import InputError

from . import svm

Nested = tuple[svm.Split, list[svm.Split]]

N_NEIGHBOURS = (1, 3, 5, 9, 15, 25)
"""Neighbours that `knn_scores` chooses from."""


def nested_folds(
    y: np.ndarray,
    outer: Iterable[svm.Split] | None = None,
    *,
    n_outer: int = 10,
    n_inner: int = 3,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> list[Nested]:
    """Return folds, each with shuffled inner folds of its training clips; classes are spread evenly.

    Where a class has fewer clips than there are folds, there are fewer folds (`most_folds`).

    Parameters
    ----------
    y : ndarray (clip,)
        Class indices (integers) or numbers.
    outer : iterable of (ndarray, ndarray), optional
        The folds of a dataset, as `Corpus.folds` gives them; otherwise `n_outer` shuffled ones.
    n_outer, n_inner : int
    seed : int
    groups : ndarray (clip,), optional
        Clips of one group (an artist, a song) stay on one side of every split.

    Raises
    ------
    InputError
        If the clips to learn from are of one class alone.
    """
    y = np.asarray(y)
    is_class = np.issubdtype(y.dtype, np.integer)

    def split(indices: np.ndarray, n: int) -> list[svm.Split]:
        here = None if groups is None else np.asarray(groups)[indices]
        if here is not None and len(set(here)) < 2:
            here = None
        if here is None:
            kind = StratifiedKFold if is_class else KFold
        else:
            kind = StratifiedGroupKFold if is_class else GroupKFold
        folds = kind(min(n, most_folds(y[indices], here)), shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")  # it is missing from a fold
            found = [(indices[a], indices[b]) for a, b in folds.split(indices, y[indices], here)]
        if is_class and any(len(set(y[train])) < 2 for train, _ in found):
            raise InputError("too few clips of a class: a fold would learn from one class alone; add clips of it")
        return found

    folds = split(np.arange(len(y)), n_outer) if outer is None else outer
    return [((train, test), split(train, n_inner)) for train, test in folds]


def most_folds(y: np.ndarray, groups: np.ndarray | None = None) -> int:
    """Return how many folds there can be, two at least: a clip of every class in each, or five numbers."""
    is_class = np.issubdtype(y.dtype, np.integer)
    most = np.unique(y, return_counts=True)[1].min() if is_class else len(y) // 5
    return max(2, int(most if groups is None else min(most, len(set(groups)))))


def svm_scores(blocks: Sequence[np.ndarray], y: np.ndarray, folds: Sequence[Nested]) -> np.ndarray:
    """Score a support vector machine, its kernel, γ and C chosen from the thesis' grid.

    Parameters
    ----------
    blocks : sequence of ndarray (clip, feature)
    y : ndarray (clip,)
    folds : sequence
        From `nested_folds`.

    Returns
    -------
    scores : ndarray (fold,)

    References
    ----------
    [Choi2018, §6.4.1]
    """
    y, kernels = np.asarray(y), svm.GramMatrices(blocks, standardise=True)
    grid, scores = svm.grid(kernels.n_features), []
    for outer, inner in folds:
        chosen = grid[svm.best(svm.search(kernels, y, inner, grid)[0], inner)[0]]
        predictions = svm.predict(kernels, y, outer, [chosen])[0]
        scores.append(svm.score(y[outer[1]], predictions))
    return np.array(scores, float)


def knn_scores(blocks: Sequence[np.ndarray], y: np.ndarray, folds: Sequence[Nested]) -> np.ndarray:
    """Score k nearest neighbours, k chosen by the inner folds; arguments and result as for `svm_scores`.

    References
    ----------
    [Choi2018, §6.2.3]
    """
    kind = KNeighborsClassifier if np.issubdtype(np.asarray(y).dtype, np.integer) else KNeighborsRegressor
    return _chosen_scores(
        blocks, y, folds, [lambda k=k: make_pipeline(StandardScaler(), kind(k)) for k in N_NEIGHBOURS]
    )


def sensitivity(unchanged: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Return how far a change moves each clip, against how far apart clips are.

    Parameters
    ----------
    unchanged : ndarray (clip, feature)
    changed : ndarray (clip, feature)
        The same clips after a change, such as a new tempo.

    Returns
    -------
    ratio : ndarray (clip,)
        Distance that a clip moved over its mean distance to the other clips; 0 where the feature is
        blind to the change.
    """
    if len(unchanged) < 2 or unchanged.shape != changed.shape:
        raise InputError(f"two clips or more are needed, twice, got {unchanged.shape} and {changed.shape}")
    apart = np.linalg.norm(unchanged[:, None] - unchanged[None], axis=2).sum(1) / (len(unchanged) - 1)
    return np.linalg.norm(changed - unchanged, axis=1) / apart


def _chosen_scores(
    blocks: Sequence[np.ndarray], y: np.ndarray, folds: Sequence[Nested], candidates: Sequence[Callable[[], Pipeline]]
) -> np.ndarray:
    """Score the candidate that the inner splits like best."""
    x, y, scores = np.hstack(blocks), np.asarray(y), []

    def score(make: Callable[[], Pipeline], train: np.ndarray, test: np.ndarray) -> float:
        return make().fit(x[train], y[train]).score(x[test], y[test])

    for (train, test), inner in folds:
        means = [np.mean([score(make, *split) for split in inner]) for make in candidates]
        scores.append(score(candidates[int(np.argmax(means))], train, test))
    return np.array(scores)
