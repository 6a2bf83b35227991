"""Probes find what is there, nothing where nothing is, and never look at the clips that score them."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from book.experiments.transfer import probes, svm
from mtlib.base.errors import InputError
from mtlib.signal import audio
from mtlib.training import features

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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("y", "groups", "n_folds"),
    [
        (np.repeat([0, 1], [50, 3]), None, 3),
        (np.repeat([0, 1], [50, 30]), None, 10),
        (np.repeat([0, 1, 2], [20, 20, 1]), None, 2),
        (np.arange(23.0), None, 4),
        (np.tile([0, 1], 20), np.arange(40) // 10, 4),
        (np.arange(40.0), np.arange(40) // 20, 2),
    ],
    ids=["rare", "frequent", "once", "numbers", "groups", "numbers in groups"],
)
def test_a_class_with_fewer_clips_than_folds_gets_fewer_folds(y, groups, n_folds):
    folds = probes.nested_folds(y, groups=groups)
    assert len(folds) == n_folds and all(len(inner) >= 2 for _, inner in folds)
    assert np.array_equal(np.sort(np.concatenate([test for (_, test), _ in folds])), np.arange(len(y)))
    assert np.isfinite(probes.svm_scores([y[:, None] + 0.0], y, folds)).all()


def test_a_fold_that_could_learn_one_class_alone_is_told():
    with pytest.raises(InputError, match="too few clips of a class: a fold would learn from one class alone"):
        probes.nested_folds(np.repeat([0, 1], [50, 1]))


def test_nested_scores_on_real_excerpts_are_scikit_learns(real):
    """The same grid, folds and weights of folds, by `GridSearchCV`."""
    clips = sorted(real.glob("gtzan_99_excerpts/*/*.wav"))
    genres = np.unique([clip.parent.name for clip in clips], return_inverse=True)[1]
    values = np.stack([features.mfcc_statistics(audio.load(clip)[: 5 * 12_000]) for clip in clips]).astype(float)
    folds = probes.nested_folds(genres, n_outer=3)
    grid = [
        {"svc__kernel": [c.kernel], "svc__C": [c.C], **({"svc__gamma": [c.gamma]} if c.gamma else {})}
        for c in svm.grid(values.shape[1])
    ]
    for score, ((train, test), inner) in zip(probes.svm_scores([values], genres, folds), folds, strict=True):
        place = {clip: i for i, clip in enumerate(train)}
        local = [([place[i] for i in a], [place[i] for i in b]) for a, b in inner]
        pipeline = make_pipeline(StandardScaler(), SVC())
        search = GridSearchCV(pipeline, grid, cv=local, refit=False).fit(values[train], genres[train])
        by_fold = [search.cv_results_[f"split{k}_test_score"] for k in range(len(local))]
        chosen = int(np.argmax(np.average(by_fold, axis=0, weights=[len(b) for _, b in local]).round(12)))
        pipeline.set_params(**search.cv_results_["params"][chosen]).fit(values[train], genres[train])
        assert score == pipeline.score(values[test], genres[test])


def test_sensitivity_is_nothing_for_the_same_and_one_for_a_clip_in_another_ones_place():
    clips = np.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(probes.sensitivity(clips, clips), [0, 0])
    np.testing.assert_allclose(probes.sensitivity(clips, clips[::-1]), [1, 1])
    np.testing.assert_allclose(probes.sensitivity(clips * 7, clips[::-1] * 7), [1, 1])  # no unit
    with pytest.raises(InputError, match="two clips or more"):
        probes.sensitivity(clips[:1], clips[:1])
