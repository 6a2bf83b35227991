"""Source taggers on target tasks: the right runs, paired scores, a record that merges."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import toy
from book.experiments.transfer import trainings
from mtlib.base import paths, profiles
from mtlib.base.errors import InputError
from mtlib.evidence import recorded
from mtlib.training import taggers

SIZES = replace(profiles.PROFILES["smoke"], epochs=1)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Scores of three kinds of features on a task of tones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(tmp_path_factory.mktemp("home")))
        source = toy.write(n_clips=60)
        made = taggers.extractors(source, SIZES, ("trained", "random", "mfcc"), n_jobs=1, report=None)
        task = toy.write("classes", task="multiclass")
        return trainings.scores("classes", task, made, ("1", "12345+mfcc", "5max"))


def test_every_set_has_a_score_a_fold(scored):
    assert set(scored.task) == {"classes"}
    assert scored.groupby("features").size().to_dict() == {"trained": 30, "random": 30, "mfcc": 10}
    means = scored.groupby(["features", "set"]).score.mean()
    assert means["trained", "12345+mfcc"] > 0.75  # a tone of 300 Hz is there or not
    assert scored.score.between(0, 1).all()


def test_gains_are_paired_by_fold(scored):
    found = trainings.gains(scored, ("trained", "1"), ("mfcc", "mfcc"))["classes"]
    folds = scored.set_index(["features", "set", "fold"]).score.sort_index()
    gaps = (folds["trained", "1"] - folds["mfcc", "mfcc"]).to_numpy()
    assert found.value == pytest.approx(gaps.mean()) and found.n == 10
    half = 2.2622 * gaps.std(ddof=1) * np.sqrt(1 / 10 + 1 / 9)
    assert found.high - found.value == pytest.approx(half, rel=1e-3)
    assert trainings.gains(scored, ("mfcc", "mfcc"), ("mfcc", "mfcc"))["classes"].value == 0


def test_variants_train_on_what_their_names_say(tones, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tones))
    source = toy.corpus.Corpus.open("tones")
    specs = {kind: taggers.source_spec(source, SIZES, kind, 3) for kind in taggers.FEATURES[:4]}
    assert [spec.n_train for spec in specs.values()] == [0, 0, 24, 12]
    assert [spec.labels for spec in specs.values()] == ["observed", "true", "observed", "observed"]
    assert {spec.seed for spec in specs.values()} == {3}
    with pytest.raises(InputError, match="no training gives 'random'; choose one of trained"):
        taggers.source_spec(source, SIZES, "random")


def test_a_new_tempo_moves_features_and_the_same_does_not(tones, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tones))
    source = toy.corpus.Corpus.open("tones")
    made = taggers.extractors(source, SIZES, ("random",))["random"]
    beats = [np.zeros(40_000, np.float32) for _ in range(2)]
    for beat, (step, hertz) in zip(beats, ((3_000, 500), (5_000, 900)), strict=True):
        for start in range(0, 38_000, step):
            beat[start : start + 400] = np.sin(2 * np.pi * hertz * np.arange(400) / 12_000)
    found = trainings.tempo_sensitivity(beats, made, (1, 0.95, 0.5))
    assert len(found) == 3 * 5 * 2
    mean = found.groupby("rate").ratio.mean()
    assert mean[1] == 0 and mean[0.5] > mean[0.95] > 0


def test_targets_are_named(tones, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tones))
    assert trainings.target_names("published,synthetic") == list(trainings.SYNTHETIC)
    assert len(trainings.SYNTHETIC) == 6
    assert trainings.target_names("genre, tones,genre") == ["genre", "tones"]
    with pytest.raises(InputError, match="unknown target 'nothing'; choose of published, synthetic, rhythm"):
        trainings.target_names("nothing")
    with pytest.raises(InputError, match="corpus tones has tags"):
        trainings.outputs("tones", toy.corpus.Corpus.open("tones"))


def test_a_regression_asks_for_each_of_its_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    asked = trainings.outputs("emotion", toy.write("numbers", n_clips=20, task="regression"))
    assert list(asked) == [f"emotion: tone {k}" for k in range(4)]
    assert all(y.shape == (20,) and y.dtype == float for y in asked.values())


def test_a_record_replaces_rows_of_the_same_index(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    table = pd.DataFrame({"set": ["1", "12345"], "seed": [0, 0], "score": [0.1, 0.2]})
    recorded.write("scores", table, ("set", "seed"), command="python -m mtlib again")
    more = pd.DataFrame({"set": ["12345", "2"], "seed": [0, 0], "score": [0.3, 0.4]})
    recorded.write("scores", more, ("set", "seed"), command="python -m mtlib again", corpus="tones")
    found = recorded.read("scores", text=("set",))

    assert dict(zip(found.set, found.score, strict=True)) == {"1": 0.1, "12345": 0.3, "2": 0.4}
    told = recorded.origin("scores")
    assert told["command"] == "python -m mtlib again" and told["corpus"] == "tones" and told["commit"]
    with pytest.raises(InputError, match="nothing is recorded under 'others'"):
        recorded.read("others")
