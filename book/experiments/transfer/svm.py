"""Support vector machines over sums of kernels: the whole grid of chapter 6, exactly and fast.

The thesis trains SVC and SVR on concatenated layer features and searches kernel, bandwidth γ and penalty C
by cross-validation [Choi2018, §6.4.1]. Concatenating features adds their linear kernels and their squared
distances, so the kernel of every combination of layers is a sum of the kernels of its parts (`Kernels`).
`search` runs the grid on precomputed kernels with the same libsvm solver as scikit-learn's `GridSearchCV`,
and leaves out what cannot change a result: repeated configurations, and a larger C where no multiplier
reached the smaller one. Linear regressions alone go through the features (`interior_point`).

Conventions
    A block is (clip, feature), one layer's values. A split is a pair of index arrays (train, test).
    Accuracy scores classes, R² scores real targets. Chapter 6 uses this module.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.svm import SVC, SVR

from mtlib.base.errors import InputError

from .gram import Kernels, Split
from .interior_point import EPSILON, solve_svr

C_VALUES = (0.1, 2.0, 8.0, 32.0)
"""Penalties of the thesis' grid, ascending [Choi2018, §6.4.1]."""

GAMMAS = tuple(2.0**-power for power in (3, 5, 7, 9, 11, 13))
"""Bandwidths of the thesis' grid; 1 / n_features joins them [Choi2018, §6.4.1]."""


@dataclass(frozen=True)
class Configuration:
    """One point of the grid; `gamma` is None for the linear kernel."""

    kernel: str
    C: float
    gamma: float | None = None


def grid(n_features: int) -> tuple[Configuration, ...]:
    """Return the thesis' grid for a feature of `n_features` values, without repetitions.

    References
    ----------
    [Choi2018, §6.4.1]
    """
    if n_features < 1:
        raise InputError(f"n_features must be at least 1, got {n_features}")
    gammas = dict.fromkeys((*GAMMAS, 1 / n_features))
    return tuple(Configuration("linear", C) for C in C_VALUES) + tuple(
        Configuration("rbf", C, gamma) for gamma in gammas for C in C_VALUES
    )


def _fit(inputs: np.ndarray, y: np.ndarray, C: float, exact: bool, max_iter: int) -> tuple | None:
    """Train one machine; return (prediction function, largest multiplier), or None if stopped."""
    if exact:
        weights, intercept, largest = solve_svr(inputs, y, C)
        return (lambda test: test @ weights + intercept), largest
    options = {"kernel": "precomputed", "C": C, "max_iter": max_iter, "cache_size": 1000}
    machine = SVC(**options) if np.issubdtype(y.dtype, np.integer) else SVR(epsilon=EPSILON, **options)
    unchecked = config_context(assume_finite=True, skip_parameter_validation=True)  # `Kernels`, `predict` did
    with unchecked, warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            machine.fit(inputs, y)
        except ConvergenceWarning:
            return None
    return machine.predict, np.abs(machine.dual_coef_).max()


def _path(
    inputs: np.ndarray,
    test: np.ndarray,
    y: np.ndarray,
    penalties: Sequence[float],
    exact: bool,
    max_iter: int,
) -> Iterator[np.ndarray | None]:
    """Yield the test predictions for ascending penalties; None where a machine was not trained to the end.

    Where no multiplier reaches C, the constraint that C sets is slack: a larger C has the same solution.
    Where `max_iter` stopped a machine, larger C, which take longer, are left out with it.
    """
    predictions, done = None, False
    for C in penalties:
        if not done:
            fitted = _fit(inputs, y, C, exact, max_iter)
            predictions = None if fitted is None else fitted[0](test)
            done = fitted is None or fitted[1] < C * (1 - 1e-6)
        yield predictions


def predict(
    kernels: Kernels,
    y: np.ndarray,
    split: Split,
    configurations: Sequence[Configuration],
    *,
    max_iter: int = -1,
    exact: bool = True,
) -> np.ndarray:
    """Return the test predictions of one split for every configuration.

    Parameters
    ----------
    kernels : Kernels
    y : ndarray (clip,)
        Class indices (integers) or real targets.
    split : (ndarray, ndarray)
        Indices of training and test clips.
    configurations : sequence of Configuration
    max_iter : int
        Iterations libsvm may take; -1 sets no limit.
    exact : bool
        Solve linear regressions by `solve_svr` rather than by libsvm.

    Returns
    -------
    ndarray (configuration, test clip)
        A configuration that `max_iter` stopped is a row of NaN.
    """
    return _predict(kernels, y, [split], configurations, max_iter, exact)[0]


def _predict(
    kernels: Kernels,
    y: np.ndarray,
    splits: Sequence[Split],
    configurations: Sequence[Configuration],
    max_iter: int,
    exact: bool,
) -> list[np.ndarray]:
    """Return the test predictions (configuration, test clip) of every split."""
    y = np.asarray(y)
    if not np.isfinite(y).all():
        raise InputError("the targets hold NaN or infinity; leave these clips out")
    if any(len(np.unique(y[train])) < 2 for train, _ in splits):
        raise InputError("the training clips of a split must hold at least two values")
    exact = exact and not np.issubdtype(y.dtype, np.integer)
    results = [np.full((len(configurations), len(test)), np.nan) for _, test in splits]
    kinds = dict.fromkeys((c.kernel, c.gamma) for c in configurations)
    turns = product(range(len(splits)), kinds)
    if not kernels.standardise:  # one kind after the other, so that the splits share its kernel
        turns = sorted(turns, key=lambda turn: list(kinds).index(turn[1]))
    for k, (kind, gamma) in turns:
        train, test = splits[k]
        rows = [i for i, c in enumerate(configurations) if (c.kernel, c.gamma) == (kind, gamma)]
        rows.sort(key=lambda i: configurations[i].C)
        penalties = [configurations[i].C for i in rows]
        direct = exact and kind == "linear"
        if direct:
            inputs = kernels.features(train, train), kernels.features(test, train)
        else:
            inputs = kernels.gram(splits[k], gamma)
        path = _path(*inputs, y[train], penalties, direct, max_iter)
        for i, predictions in zip(rows, path, strict=True):
            if predictions is not None:
                results[k][i] = predictions
    return results


def score(y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return accuracy (integer `y`) or R² (real `y`) of predictions (…, clip); NaN stays NaN."""
    y = np.asarray(y)
    flat = np.atleast_2d(predictions)
    undone = np.isnan(flat).any(1)
    if np.issubdtype(y.dtype, np.integer):
        values = (flat == y).mean(1)
    else:
        values = np.array(
            [r2_score(y, row) if done else np.nan for row, done in zip(flat, ~undone, strict=True)]
        )
    return np.where(undone, np.nan, values).reshape(np.shape(predictions)[:-1])


def search(
    kernels: Kernels,
    y: np.ndarray,
    splits: Sequence[Split],
    configurations: Sequence[Configuration],
    *,
    max_iter: int = -1,
    confirm: float = 0.0,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Run the grid over all splits.

    Parameters
    ----------
    kernels, y, splits, configurations, max_iter
        As for `predict`.
    confirm : float
        Linear regressions are solved exactly; those that come this close to the best score are solved by
        libsvm again, whose looser solution moves R² by up to 0.002. 0 keeps the exact ones.

    Returns
    -------
    scores : ndarray (configuration, split)
    predictions : list of ndarray (configuration, test clip)
        One array a split.
    """
    y = np.asarray(y)
    predictions = _predict(kernels, y, splits, configurations, max_iter, exact=True)
    scores = _scores(y, splits, predictions)
    if confirm and not np.issubdtype(y.dtype, np.integer):
        _, highest = best(scores, splits)
        for i, configuration in enumerate(configurations):
            if configuration.kernel == "linear" and best(scores[i : i + 1], splits)[1] > highest - confirm:
                for split, rows in zip(splits, predictions, strict=True):
                    again = predict(kernels, y, split, [configuration], max_iter=max_iter, exact=False)[0]
                    rows[i] = rows[i] if np.isnan(again).any() else again
        scores = _scores(y, splits, predictions)
    return scores, predictions


def _scores(y: np.ndarray, splits: Sequence[Split], predictions: Sequence[np.ndarray]) -> np.ndarray:
    pairs = zip(splits, predictions, strict=True)
    return np.stack([score(y[test], rows) for (_, test), rows in pairs], axis=1)


def best(scores: np.ndarray, splits: Sequence[Split]) -> tuple[int, float]:
    """Return index and score of the best configuration, splits weighted by their test clips.

    scikit-learn weighted `best_score_` this way when the thesis was written (``iid=True``). Of equal
    configurations the first wins.
    """
    sizes = np.array([len(test) for _, test in splits], np.float64)
    means = scores @ (sizes / sizes.sum())
    if np.isnan(means).all():
        raise InputError("no configuration was trained to the end; raise max_iter")
    winner = int(np.nanargmax(means))
    return winner, float(means[winner])
