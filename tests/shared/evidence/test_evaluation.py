"""Areas against scikit-learn, replicate by replicate; comparisons against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mtlib.base.errors import InputError
from mtlib.evidence import evaluation

THEIRS = {"roc": roc_auc_score, "pr": average_precision_score}


@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.integers(2, 20))
def test_auc_is_scikit_learns_with_ties_and_over_tags(seed, n_clips, n_values):
    rng = np.random.default_rng(seed)
    labels, scores = rng.integers(0, 2, (n_clips, 3)), rng.integers(0, n_values, (n_clips, 3))
    labels[0], labels[1] = 0, 1
    theirs = [roc_auc_score(labels[:, i], scores[:, i]) for i in range(3)]
    np.testing.assert_allclose(evaluation.auc(labels, scores), theirs, atol=1e-12)
    np.testing.assert_allclose(evaluation.auc(labels, 2.0**scores), theirs, atol=1e-12)
    np.testing.assert_allclose(evaluation.auc(1 - labels, -scores), theirs, atol=1e-12)


@pytest.mark.parametrize("metric", evaluation.METRICS)
@given(seed=st.integers(0, 2**32 - 1), n_clips=st.integers(4, 50), n_values=st.integers(2, 30))
def test_every_replicate_is_scikit_learns_of_the_repeated_clips(metric, seed, n_clips, n_values):
    rng = np.random.default_rng(seed)
    labels, scores = rng.random((n_clips, 2)) < 0.4, rng.integers(0, n_values, (n_clips, 2))
    counts = evaluation.resample(n_clips, 3, rng)
    assert (counts.sum(0) == n_clips).all()
    ours = evaluation.tag_areas(labels, scores, metric=metric, counts=counts)
    for replicate in range(3):
        clips = np.repeat(np.arange(n_clips), counts[:, replicate])
        for tag in range(2):
            truth = labels[clips, tag]
            if 0 < truth.sum() < n_clips:
                theirs = THEIRS[metric](truth, scores[clips, tag])
                assert ours[replicate, tag] == pytest.approx(theirs, abs=1e-12)
            else:
                assert np.isnan(ours[replicate, tag])


def test_more_replicates_than_fit_at_once_are_the_same_ones():
    rng = np.random.default_rng(1)
    labels, scores = rng.random((40, 2)) < 0.4, rng.normal(size=(40, 2))
    many, few = (evaluation.resample(40, n, np.random.default_rng(2)) for n in (600, 250))
    np.testing.assert_array_equal(many[:, :250], few)
    whole = evaluation.tag_areas(labels, scores, counts=many)
    np.testing.assert_array_equal(whole[300:310], evaluation.tag_areas(labels, scores, counts=many[:, 300:310]))


def test_an_undefined_area_is_reported_not_averaged():
    labels = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]] * 5)
    scores = np.tile([[0.1, 0.9, 0.2], [0.2, 0.3, 0.1], [0.3, 0.8, 0.4], [0.4, 0.1, 0.3]], (5, 1))
    with pytest.raises(InputError, match="AUC is undefined for tag 0: 0 of 20 clips have it"):
        evaluation.auc(labels, scores)
    found = evaluation.tag_areas(labels, scores)
    assert np.isnan(found).tolist() == [True, False, False]
    gap = evaluation.compare(labels, scores[None], -scores[None], np.random.default_rng(0), n_resamples=200)
    assert gap.value == pytest.approx((2 * found[1:] - 1).mean())  # the area of −scores is 1 − area
    with pytest.raises(InputError, match="undefined for every tag"):
        evaluation.compare(labels[:, :1], *np.zeros((2, 1, 20, 1)), np.random.default_rng(0))
    two = np.zeros((50, 2))
    two[0, 0] = two[1, 1] = 1
    with pytest.raises(InputError, match="too few clips have tag"):
        evaluation.compare(two, *np.zeros((2, 1, 50, 2)), np.random.default_rng(0))


def test_clips_of_a_group_are_drawn_together():
    groups = np.repeat(list("abcde"), 4)
    counts = evaluation.resample(20, 30, np.random.default_rng(0), groups=groups)
    assert (counts.reshape(5, 4, 30) == counts.reshape(5, 4, 30)[:, :1]).all()
    assert (counts[::4].sum(0) == 5).all()


def test_the_clip_interval_covers_the_area_of_the_population():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(200):
        labels = rng.random((150, 4)) < 0.3
        scores = labels + rng.normal(size=labels.shape)  # area: P(N(1, 2) > 0) = 0.7602
        counts = evaluation.resample(len(labels), 200, rng)
        drawn = evaluation.tag_areas(labels, scores, counts=counts).mean(1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        inside += low <= 0.76025 <= high
    assert 0.89 < inside / 200 < 0.99


def test_a_comparison_knows_seeds_and_clips():
    rng = np.random.default_rng(0)
    labels = rng.random((200, 5)) < 0.3
    clip = labels + rng.normal(size=labels.shape)
    first, second = (clip + 0.4 * rng.normal(size=(4, *labels.shape)) for _ in range(2))
    found = evaluation.compare(labels, first, second, rng, n_resamples=200)
    each = [evaluation.auc(labels, run).mean() for run in (*first, *second)]
    assert found.value == pytest.approx(np.mean(each[:4]) - np.mean(each[4:]))
    assert found.n == 4 and found.floor > 0
    same = evaluation.compare(labels, first, first, rng, n_resamples=50)
    assert same.value == 0 and same.high - same.low < 1e-12
    one = evaluation.compare(labels, first[:1], second[:1], rng, n_resamples=50)
    assert one.n == 1 and one.low < one.value < one.high
    noisy = labels ^ (rng.random(labels.shape) < 0.2)
    gap = evaluation.compare(labels, first, first, rng, second_labels=noisy, n_resamples=200)
    assert gap.low > 0  # the same predictions do worse against noisier labels


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: evaluation.auc([0, 1], [0.0]), "must have one shape"),
        (lambda: evaluation.auc([0, 2], [0.0, 1.0]), "labels must be 0 or 1"),
        (lambda: evaluation.auc([0, 1], [0.0, np.nan]), "NaN or infinity"),
        (lambda: evaluation.tag_areas([[0], [1]], [[0], [1]], metric="f1"), "metric must be 'roc' or 'pr'"),
        (lambda: evaluation.tag_areas([[0], [1]], [[0], [1]], counts=np.ones((3, 1))), "counts must be"),
        (lambda: evaluation.resample(0, 1, None), "n_clips must be at least 1"),
        (lambda: evaluation.resample(2, 1, None, groups=["a"]), "groups must have one value a clip"),
        (lambda: evaluation.compare([[0], [1]], [[0, 1]], [[0, 1]], None), r"must be \(seed, clip, tag\)"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
