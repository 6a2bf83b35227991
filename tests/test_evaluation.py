"""Areas and intervals against scikit-learn, simulation and their own definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mtlib import evaluation
from mtlib.errors import InputError


@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.integers(2, 20))
def test_auc_is_scikit_learns_with_ties_and_over_tags(seed, n_clips, n_values):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, 2, (n_clips, 3)), rng.integers(0, n_values, (n_clips, 3))
    labels[0], labels[1] = 0, 1
    theirs = [roc_auc_score(labels[:, i], scores[:, i]) for i in range(3)]
    np.testing.assert_allclose(evaluation.auc(labels, scores), theirs, atol=1e-12)
    false_positive, true_positive = evaluation.roc_curve(labels[:, 0], scores[:, 0])
    assert np.trapezoid(true_positive, false_positive) == pytest.approx(theirs[0])
    np.testing.assert_allclose(evaluation.auc(labels, 2.0**scores), theirs, atol=1e-12)
    np.testing.assert_allclose(evaluation.auc(1 - labels, -scores), theirs, atol=1e-12)


def test_an_undefined_area_is_refused_not_averaged():
    labels = np.array([[0, 1], [0, 0], [0, 1]])
    with pytest.raises(InputError, match="AUC is undefined for tag 0: 0 of 3 clips have it"):
        evaluation.auc(labels, np.zeros((3, 2)))


def test_intervals_cover_as_they_say():
    rng = np.random.default_rng(0)
    hits = rng.binomial(40, 0.3, 1000)
    wilson = np.array([evaluation.proportion_interval(h, 40) for h in hits])
    exact = np.array([evaluation.proportion_interval(h, 40, method="exact") for h in hits])
    assert 0.93 < np.mean((wilson[:, 0] <= 0.3) & (wilson[:, 1] >= 0.3)) < 0.98
    assert np.mean((exact[:, 0] <= 0.3) & (exact[:, 1] >= 0.3)) > 0.95
    means = np.array([evaluation.mean_interval(rng.normal(1, 2, 5)) for _ in range(1000)])
    assert 0.93 < np.mean((means[:, 0] <= 1) & (means[:, 1] >= 1)) < 0.97
    boot = np.array(
        [evaluation.bootstrap_interval(rng.normal(1, 2, 40), rng, n_resamples=300) for _ in range(400)]
    )
    assert 0.90 < np.mean((boot[:, 0] <= 1) & (boot[:, 1] >= 1)) < 0.97


def test_the_deciding_n_decides_and_the_one_before_does_not():
    n = evaluation.deciding_n(1.0, 1.5)
    for size, decides in ((n, True), (n - 1, False)):
        values = np.linspace(-1, 1, size)
        values = 1.0 + 1.5 * values / values.std(ddof=1)
        low, _ = evaluation.mean_interval(values)
        assert (low > 0) == decides
    assert evaluation.deciding_n(0.0, 1.0) is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: evaluation.auc([0, 1], [0.0]), "must have one shape"),
        (lambda: evaluation.auc([0, 2], [0.0, 1.0]), "labels must be 0 or 1"),
        (lambda: evaluation.auc([0, 1], [0.0, np.nan]), "NaN or infinity"),
        (lambda: evaluation.roc_curve([1, 1], [0.0, 1.0]), "with and clips without"),
        (lambda: evaluation.proportion_interval(5, 4), "n_hits must lie between 0 and n"),
        (lambda: evaluation.mean_interval([1.0]), "at least two finite numbers"),
        (lambda: evaluation.mean_interval([1.0, 2.0], level=1.0), "level must lie between 0 and 1"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
