"""Probes find what is there, nothing where nothing is, and never look at the clips that score them."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from book.experiments.transfer import probes
from mtlib.base.errors import InputError

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 3, 120)
INFORMED = RNG.normal(size=(120, 6)) + np.eye(3)[CLASSES].repeat(2, 1) * 2
NOISE = RNG.normal(size=(120, 6))


@pytest.mark.parametrize("scores", [probes.svm_scores, probes.knn_scores])
def test_classes_are_found_where_they_are(scores):
    folds = probes.nested_folds(CLASSES, n_outer=5)
    assert scores([INFORMED, NOISE], CLASSES, folds).mean() > 0.75
    assert abs(scores([NOISE], CLASSES, folds).mean() - 1 / 3) < 0.15


def test_neighbours_equal_a_grid_search_inside_each_fold():
    folds = probes.nested_folds(CLASSES, n_outer=4)
    found = probes.knn_scores([INFORMED], CLASSES, folds)
    for score, ((train, test), inner) in zip(found, folds, strict=True):
        place = {clip: i for i, clip in enumerate(train)}
        local = [([place[i] for i in a], [place[i] for i in b]) for a, b in inner]
        pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
        search = GridSearchCV(pipeline, {"kneighborsclassifier__n_neighbors": probes.N_NEIGHBOURS}, cv=local)
        search.fit(INFORMED[train], CLASSES[train])
        assert score == search.score(INFORMED[test], CLASSES[test])


def test_folds_part_the_clips_and_keep_groups_together():
    groups = np.arange(120) // 4
    for y, together in ((CLASSES, None), (CLASSES, groups), (RNG.normal(size=120), groups)):
        folds = probes.nested_folds(y, n_outer=5, groups=together)
        assert np.array_equal(np.sort(np.concatenate([test for (_, test), _ in folds])), np.arange(120))
        for (train, test), inner in folds:
            assert not set(train) & set(test)
            assert all(set(a) | set(b) == set(train) and not set(a) & set(b) for a, b in inner)
            if together is not None:
                assert not set(groups[train]) & set(groups[test])
                assert all(not set(groups[a]) & set(groups[b]) for a, b in inner)


def test_a_datasets_own_folds_are_kept():
    own = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    folds = probes.nested_folds(CLASSES, own)
    assert [outer for outer, _ in folds] == own and [len(inner) for _, inner in folds] == [3, 3]


def test_a_class_smaller_than_the_folds_is_told():
    with pytest.raises(InputError, match="a class has 3 clips, fewer than 10 folds; take fewer folds"):
        probes.nested_folds(np.repeat([0, 1], [50, 3]))


def test_sensitivity_is_nothing_for_the_same_and_one_for_a_clip_in_another_ones_place():
    clips = np.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(probes.sensitivity(clips, clips), [0, 0])
    np.testing.assert_allclose(probes.sensitivity(clips, clips[::-1]), [1, 1])
    np.testing.assert_allclose(probes.sensitivity(clips * 7, clips[::-1] * 7), [1, 1])  # no unit
    with pytest.raises(InputError, match="two clips or more"):
        probes.sensitivity(clips[:1], clips[:1])
