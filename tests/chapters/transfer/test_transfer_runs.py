"""Source taggers on target tasks: the right runs, paired scores, a record that merges."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import toy
from book.experiments.transfer import trainings
from miniatures import sound
from mtlib.base import paths, profiles
from mtlib.base.errors import InputError
from mtlib.corpora.datasets import folder, preparation
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
    assert trainings.target_names("synthetic,tones", few=True) == [*trainings.SYNTHETIC[1:3], "tones"]


def test_tags_are_asked_one_by_one(tones, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tones))
    task = trainings.open_task("tones", SIZES)
    asked, table = trainings.outputs("mine", task), trainings.questions("mine", task)
    assert sorted(asked) == [f"mine: tone {k}" for k in range(4)]
    for title, y in asked.items():
        assert np.array_equal(y, task.labels()[:, int(title[-1])])
    positive = [y.sum() for y in asked.values()]
    assert positive == sorted(positive, reverse=True)  # frequent tags first
    assert list(table.fewest) == [min(n, 80 - n) for n in positive] and set(table.clips) == {80}
    assert table.commonest.to_numpy() == pytest.approx(1 - table.fewest.to_numpy(int) / 80)


def own_classes(home, monkeypatch, counts, groups=1):
    """A folder of one's own, its classes tones of several lengths; opened as a target."""
    monkeypatch.setenv("MTLIB_HOME", str(home / "home"))
    rows = ["path,class,artist"]
    for k, n in enumerate(counts):
        for i in range(n):
            sound(home / "music" / f"{k}/{i}.wav", 300 * (k + 1) + 5 * i, 1.0, 12_000)
            rows.append(f"{k}/{i}.wav,class {k},{k}-{i // groups}")
    (home / "classes.csv").write_text("\n".join([*rows, "absent.wav,class 0,nobody"]))
    found = folder.dataset(home / "music", home / "classes.csv", None)
    preparation.prepare(found, home / "music", name="mine", short="repeat", n_jobs=1)
    return trainings.open_task("mine", SIZES)


def test_rare_classes_get_fewer_folds_or_are_left_out(tmp_path, monkeypatch):
    task = own_classes(tmp_path, monkeypatch, (6, 4, 2))
    assert "mine: 12 clips" in task.described() and "1 of 13 listed are absent (7.7%)" in task.described()
    asked = trainings.questions("mine", task).iloc[0]
    assert (asked.clips, asked.left_out, asked.classes, asked.fewest, asked.commonest) == (10, 2, 2, 4, 0.6)
    scored = trainings.scores("mine", task, {"mfcc": None}).assign(source="synthetic-quick")
    assert set(scored.corpus) == {"mine"} and list(scored.fold) == [0, 1, 2, 3] and set(scored.n_clips) == {10}
    found = trainings.summary(scored).iloc[0]
    assert found.score == pytest.approx(scored.score.mean()) and found.folds == 4 and found.low <= found.score


def test_nothing_to_ask_is_told(tmp_path, monkeypatch):
    task = own_classes(tmp_path, monkeypatch, (5, 2))
    with pytest.raises(InputError, match="corpus mine: no two classes have 3 clips or more"):
        trainings.outputs("mine", task)


def test_scores_of_two_sources_are_kept_apart(tmp_path, monkeypatch, scored):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    for source in ("synthetic-quick", "mine", "mine"):
        trainings.record(scored.assign(seed=0), "quick", source)
    found = recorded.read(trainings.NAME, text=("set",))
    assert found.groupby("source").size().to_dict() == {"synthetic-quick": len(scored), "mine": len(scored)}


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
