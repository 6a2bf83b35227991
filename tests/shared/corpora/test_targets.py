import dataclasses

import numpy as np
import pytest

from mtlib.base.errors import InputError
from mtlib.base.profiles import PROFILES
from mtlib.corpora.synthetic import opening, recipes
from mtlib.corpora.synthetic.composing.score import HIGHEST, LOWEST
from mtlib.corpora.synthetic.population import latents
from mtlib.corpora.synthetic.targets import TARGETS

TINY = dataclasses.replace(PROFILES["smoke"], n_target=20)


@pytest.mark.parametrize("name", TARGETS)
def test_classes_are_balanced_over_folds(name):
    target = TARGETS[name]
    clips = np.arange(20 * len(target.classes))
    classes, folds = target.class_of(clips), target.fold_of(clips)
    assert set(folds) == set(range(10))
    if target.task == "multiclass":
        for fold in range(10):
            counts = np.bincount(classes[folds == fold], minlength=len(target.classes))
            assert (counts == 2).all()


@pytest.mark.parametrize("name", TARGETS)
def test_a_clip_is_the_same_alone_and_its_notes_are_safe(name):
    target = TARGETS[name]
    drawn = target(np.arange(24))
    scores = target.compose(drawn, target.seed, target.seconds)
    alone = target.compose(target(np.array([17])), target.seed, target.seconds)[0]
    assert [p.notes.tobytes() for p in alone.parts] == [p.notes.tobytes() for p in scores[17].parts]
    assert alone.production == scores[17].production
    for score in scores:
        assert score.parts and score.seconds == target.seconds
        for part in score.parts:
            assert part.program not in (78, 122)
            if not part.is_drum:
                assert ((part.notes["pitch"] >= LOWEST) & (part.notes["pitch"] <= HIGHEST)).all()


def test_half_of_the_genres_are_unseen_by_the_source():
    prior = recipes.standard().genres["prior"]
    unseen = [genre for genre in TARGETS["genre"].classes if prior[genre] == 0]
    assert len(unseen) == 5
    assert not set(latents.draw(1, np.arange(3000))["genre"]) & set(unseen)


def test_vocal_clips_have_a_voice_and_others_none():
    target = TARGETS["vocal"]
    clips = np.arange(30)
    scores = target.compose(target(clips), target.seed, 7.25)
    for score, vocal in zip(scores, target.class_of(clips), strict=True):
        assert any(p.role == "voice" for p in score.parts) == bool(vocal)


def test_moods_are_annotated_with_noise():
    target = TARGETS["emotion"]
    drawn = target(np.arange(400))
    labels = target.labels(drawn)
    assert labels.shape == (400, 2)
    for column, name in enumerate(target.classes):
        assert 0.9 < np.corrcoef(labels[:, column], drawn[name])[0, 1] < 0.995


def test_a_target_is_stored_as_a_corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    made = opening.open_target("events", TINY, n_jobs=1)
    assert (made.name, made.task, len(made), made.n_samples) == ("synthetic-events-smoke", "multiclass", 20, 48_000)
    assert np.array_equal(made.labels(), np.arange(20) % 10)
    assert tuple(made.tags["name"]) == TARGETS["events"].classes
    assert (made.pcm(np.arange(20)).std(axis=1) > 50).all()
    with pytest.raises(InputError, match="unknown target task 'opera'; choose one of rhythm"):
        opening.open_target("opera", TINY)
