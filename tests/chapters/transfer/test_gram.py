"""Sums of kernels against kernels of the concatenated features."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.preprocessing import StandardScaler

from book.experiments.transfer import svm
from mtlib.base.errors import InputError


@pytest.mark.parametrize("standardise", [False, True])
def test_kernels_are_those_of_the_concatenated_features(standardise):
    rng = np.random.default_rng(0)
    blocks = [rng.normal(2, 1, (30, 4)), rng.normal(0, 3, (30, 6))]
    splits = [(np.arange(10, 30), np.arange(10)), (np.arange(0, 30, 2), np.arange(1, 30, 2))]
    kernels = svm.GramMatrices(blocks, standardise=standardise)
    for gamma in (None, 0.1, 0.01):  # splits in turns: what is kept from one call must not leak into the next
        for train, test in splits:
            x = np.hstack(blocks)
            x = StandardScaler().fit(x[train]).transform(x) if standardise else x
            inner, outer = kernels.gram((train, test), gamma)
            for rows, found in ((train, inner), (test, outer)):
                args = (x[rows], x[train])
                expected = linear_kernel(*args) if gamma is None else rbf_kernel(*args, gamma=gamma)
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "at least one array"),
        ([np.zeros((3, 2)), np.zeros((4, 2))], r"differ in clips: \[3, 4\]"),
        ([np.full((3, 2), np.nan)], "NaN"),
    ],
)
def test_bad_blocks_are_refused(blocks, words):
    with pytest.raises(InputError, match=words):
        svm.GramMatrices(blocks)
