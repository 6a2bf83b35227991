"""Support vector machines over sums of kernels: the whole grid of chapter 6, exactly and fast.

The thesis trains SVC and SVR on concatenated layer features and searches kernel, bandwidth γ and penalty C
by cross-validation [Choi2018, §6.4.1]. Concatenating features adds their linear kernels and their squared
distances, so the kernel of every combination of layers is a sum of the kernels of its parts (`GramMatrices`).
`search` runs the grid on precomputed kernels with the same libsvm solver as scikit-learn's `GridSearchCV`,
and leaves out what cannot change a result: repeated configurations, and a larger C where no multiplier
reached the smaller one. All folds of raw features take their parts of one kernel of all clips.

Linear regressions alone go through the features: with a linear kernel and a large penalty, the coordinate
steps of libsvm need minutes for 670 clips and stop early; a primal-dual interior-point method (Mehrotra's
predictor and corrector) solves the same problem to a stated precision in milliseconds (`solve_svr`).

Conventions
    A block is (clip, feature), one layer's values. A split is a pair of index arrays (train, test).
    Accuracy scores classes, R² scores real targets.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import linalg
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.svm import SVC, SVR

from mtlib.base.errors import InputError

Split = tuple[np.ndarray, np.ndarray]


class GramMatrices:
    """Linear kernels and squared distances between clips, summed over blocks.

    Parameters
    ----------
    blocks : sequence of ndarray (clip, feature)
        The parts of the feature, with the same clips in the same order.
    standardise : bool
        Bring every feature to mean 0 and variance 1 over the training clips of each split.
    """

    def __init__(self, blocks: Sequence[np.ndarray], *, standardise: bool = False) -> None:
        self.blocks = [np.asarray(block, np.float64) for block in blocks]
        if not self.blocks or any(block.ndim != 2 for block in self.blocks):
            raise InputError("blocks must be at least one array (clip, feature)")
        if len({len(block) for block in self.blocks}) > 1:
            raise InputError(f"blocks differ in clips: {[len(block) for block in self.blocks]}")
        if not all(np.isfinite(block).all() for block in self.blocks):
            raise InputError("blocks hold NaN or infinity")
        self.n_features = sum(block.shape[1] for block in self.blocks)
        self.standardise = standardise
        self._all = None if standardise else _products(self.blocks)
        self._kept: tuple = ((), None)

    def of(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return linear kernel and squared distances, each (row, column); `columns` are training clips."""
        if self._all is not None:
            linear, squares = self._all
            linear = linear[np.ix_(rows, columns)]
            return linear, _distances(linear, squares[rows], squares[columns])
        both = np.concatenate([rows, columns])
        linear, squares = _products([_standardise(block, columns)[both] for block in self.blocks])
        n = len(rows)
        linear = np.ascontiguousarray(linear[:n, n:])
        return linear, _distances(linear, squares[:n], squares[n:])

    def gram(self, split: Split, gamma: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the kernel between training clips, and of test (row) with training clips (column).

        `gamma` None is the linear kernel. The latest of what calls can share is kept. Raw features: the
        kernel of all clips, of which each split takes its part. Standardised: the distances of the split.
        """
        train, test = split
        if self._all is None:
            if self._kept[0] is not split:
                self._kept = split, [self.of(train, train), self.of(test, train)]
            (linear, distances), (test_linear, test_distances) = self._kept[1]
            return _kernel(linear, distances, gamma), _kernel(test_linear, test_distances, gamma)
        if self._kept[0] != (gamma,):
            linear, squares = self._all
            distances = None if gamma is None else _distances(linear, squares, squares)
            self._kept = (gamma,), _kernel(linear, distances, gamma)
        columns = self._kept[1].take(train, 1)
        return columns.take(train, 0), columns.take(test, 0)

    def features(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the concatenated feature (row, feature); `columns` are training clips."""
        return np.hstack([(_standardise(block, columns) if self.standardise else block)[rows] for block in self.blocks])


def _products(blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the summed linear kernel (clip, clip) and the summed squared norms (clip,)."""
    linear = sum(block @ block.T for block in blocks)
    return linear, np.diagonal(linear).copy()


def _distances(linear: np.ndarray, row_squares: np.ndarray, column_squares: np.ndarray) -> np.ndarray:
    distances = linear * -2
    distances += row_squares[:, None]
    distances += column_squares
    return np.maximum(distances, 0, out=distances)


def _kernel(linear: np.ndarray, distances: np.ndarray, gamma: float | None) -> np.ndarray:
    if gamma is None:
        return linear
    exponents = distances * -gamma
    return np.exp(exponents, out=exponents)


def _standardise(block: np.ndarray, train: np.ndarray) -> np.ndarray:
    deviation = block[train].std(0)
    return (block - block[train].mean(0)) / np.where(deviation > 0, deviation, 1)


EPSILON = 0.1
"""Half-width of the insensitive tube of SVR: scikit-learn's default, which the author kept."""


def solve_svr(
    features: np.ndarray, y: np.ndarray, C: float, *, epsilon: float = EPSILON, tolerance: float = 1e-6
) -> tuple[np.ndarray, float, float]:
    """Solve linear ε-insensitive regression by a primal-dual interior-point method.

    Coordinate methods such as libsvm's need millions of steps for a linear kernel and a large C; Newton
    steps need about twenty, whatever C is, and each costs n_clips × n_features².

    Parameters
    ----------
    features : ndarray (clip, feature)
    y : ndarray (clip,)
    C, epsilon : float
    tolerance : float
        Bound of the duality gap, relative to the objective; the conditions of the optimum hold to a hundred
        times this, 1e-4, where libsvm stops at 1e-3.

    Returns
    -------
    weights : ndarray (feature,)
    intercept : float
        A prediction is ``features @ weights + intercept``.
    largest : float
        The largest multiplier of a clip, at most C.

    Raises
    ------
    InputError
        If C is not positive, or the method does not converge.
    """
    if C <= 0:
        raise InputError(f"C must be positive, got {C}")
    n = len(y)
    inputs = np.column_stack([features, np.ones(n)])  # the last column carries the intercept
    penalty = np.append(np.ones(features.shape[1]), 0.0)  # ... which is not penalised
    weights = np.append(np.zeros(features.shape[1]), np.median(y))
    sign = np.concatenate([np.ones(n), -np.ones(n)])
    linear = epsilon - sign * np.concatenate([y, y])
    alpha = np.full(2 * n, C / 2)  # multipliers of the upper, then of the lower side of the tube
    room = C - alpha  # kept apart: the difference would lose what is left of it
    lower, upper = np.ones(2 * n), np.ones(2 * n)  # multipliers of alpha >= 0 and of room >= 0
    for _ in range(100):
        fitted = inputs @ weights
        tube = sign * np.concatenate([fitted, fitted]) + linear - lower + upper
        pull = penalty * weights - inputs.T @ (alpha[:n] - alpha[n:])
        gap = alpha @ lower + room @ upper
        objective = abs((penalty * weights) @ weights / 2 + C * upper.sum()) + 1
        if gap < tolerance * objective and max(np.abs(tube).max(), np.abs(pull).max() / C) < 100 * tolerance:
            return weights[:-1], float(weights[-1]), float(alpha.max())
        theta = lower / alpha + upper / room
        clip_weight = 1 / theta[:n] + 1 / theta[n:]
        normal = (inputs * clip_weight[:, None]).T @ inputs + np.diag(penalty)
        factor = linalg.cho_factor(normal, check_finite=False)

        def step(target: np.ndarray, factor=factor, theta=theta, pull=pull) -> tuple[np.ndarray, np.ndarray]:
            """Return the change of alpha and of the weights that brings the tube's residual to `target`."""
            scaled = target / theta
            d_weights = linalg.cho_solve(factor, inputs.T @ (scaled[:n] - scaled[n:]) - pull, check_finite=False)
            change = inputs @ d_weights
            return scaled - sign * np.concatenate([change, change]) / theta, d_weights

        mu = gap / (4 * n)
        d_alpha, _ = step(-tube - lower + upper)
        d_lower, d_upper = -lower - lower / alpha * d_alpha, -upper + upper / room * d_alpha
        primal = min(_longest(alpha, d_alpha), _longest(room, -d_alpha))
        dual = min(_longest(lower, d_lower), _longest(upper, d_upper))
        after = (alpha + primal * d_alpha) @ (lower + dual * d_lower)
        after += (room - primal * d_alpha) @ (upper + dual * d_upper)
        centre = (after / gap) ** 3 * mu
        first = (centre - d_alpha * d_lower) / alpha - lower
        second = (centre + d_alpha * d_upper) / room - upper
        d_alpha, d_weights = step(-tube + first - second)
        d_lower, d_upper = first - lower / alpha * d_alpha, second + upper / room * d_alpha
        size = 0.995 * min(
            _longest(alpha, d_alpha), _longest(room, -d_alpha), _longest(lower, d_lower), _longest(upper, d_upper)
        )
        alpha, room = alpha + size * d_alpha, room - size * d_alpha
        lower, upper = lower + size * d_lower, upper + size * d_upper
        weights = weights + size * d_weights
    raise InputError(f"the regression with C = {C} did not converge; scale the features")


def _longest(values: np.ndarray, change: np.ndarray) -> float:
    """Return the largest step, at most 1, that keeps positive values positive."""
    shrinking = change < 0
    return min(1.0, float((-values[shrinking] / change[shrinking]).min(initial=np.inf)))


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
    unchecked = config_context(assume_finite=True, skip_parameter_validation=True)  # `GramMatrices`, `predict` did
    with unchecked, warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            machine.fit(inputs, y)
        except ConvergenceWarning:
            return None
    return machine.predict, np.abs(machine.dual_coef_).max()


def _path(
    inputs: np.ndarray, test: np.ndarray, y: np.ndarray, penalties: Sequence[float], exact: bool, max_iter: int
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
    kernels: GramMatrices,
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
    kernels : GramMatrices
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
    kernels: GramMatrices,
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
        values = np.array([r2_score(y, row) if done else np.nan for row, done in zip(flat, ~undone, strict=True)])
    return np.where(undone, np.nan, values).reshape(np.shape(predictions)[:-1])


def search(
    kernels: GramMatrices,
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
