"""Kernels of concatenated features: linear kernels and squared distances add over their parts.

The kernel of every combination of layers is therefore a sum over its layers, and all folds of raw features
take their parts of one kernel of all clips. `svm` trains on them; chapter 6 uses it.

Conventions
    A block is (clip, feature), one layer's values. A split is a pair of index arrays (train, test).
"""

from collections.abc import Sequence

import numpy as np

from mtlib.base.errors import InputError

Split = tuple[np.ndarray, np.ndarray]


class Kernels:
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
        return np.hstack(
            [(_standardise(block, columns) if self.standardise else block)[rows] for block in self.blocks]
        )


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
