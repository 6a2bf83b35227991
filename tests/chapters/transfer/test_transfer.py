"""Chapter 6's engine on the author's files: his scores, splits, the store and the recorded tables."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.experiments.transfer import protocols, published_features
from mtlib.base import paths
from mtlib.base import published as files
from mtlib.base.errors import InputError

needs_files = pytest.mark.usefixtures("published")
REPORTED = pd.read_csv(paths.DATA / "thesis" / "ch6_result_transfer.csv").set_index(["task", "combination"]).score
EXACT = [("T2", "345"), ("T3", "1"), ("T3", "mfcc"), ("T4a", "5"), ("T4v", "235"), ("T4v", "mfcc")]


@needs_files
@pytest.mark.parametrize(("task", "feature_set"), [*EXACT, ("T5", "4")])
def test_the_authors_score_comes_back(task, feature_set):
    result = protocols.evaluate(published_features.load(task), feature_set, "thesis")
    assert result.score == pytest.approx(REPORTED[task, feature_set], abs=5e-4)


@needs_files
@pytest.mark.parametrize("task", ["T1", "T2", "T3", "T4a", "T5", "T6"])
def test_every_clip_is_tested_once_and_never_trained_on(task):
    data = published_features.load(task)
    nested = published_features.nested_splits(data, seed=0)
    for splits in (published_features.author_splits(data), [outer for outer, _ in nested]):
        tested = np.concatenate([test for _, test in splits])
        assert (
            len(set(tested))
            == len(tested)
            == ((data.table["category"] == "test").sum() if task == "T5" else len(data.y))
        )
        assert all(not set(train) & set(test) for train, test in splits)
    for (_, test), inner in nested:
        assert all(not set(test) & {*a, *b} and not set(a) & set(b) for a, b in inner)


@needs_files
def test_sound_events_keep_their_folds():
    data = published_features.load("T6")
    for (_, test), [(inner, chooser)] in published_features.nested_splits(data, seed=3):
        folds = [set(data.table["fold"][rows]) for rows in (test, chooser, inner)]
        assert [len(names) for names in folds] == [1, 1, 8] and len(set.union(*folds)) == 10


@needs_files
@pytest.mark.parametrize("task", published_features.WITH_BLOCKS)
def test_no_batch_is_on_two_sides(task):
    data = published_features.load(task)
    batch = np.arange(len(data.y)) // published_features.BATCH
    pairs = published_features.block_splits(data)
    for (train, test), inner in pairs:
        assert not set(batch[train]) & set(batch[test])
        if not data.task.is_regression and task != "T5":
            assert set(data.y[test]) <= set(data.y[train])  # nothing is asked that nothing taught
        for a, b in inner:
            assert not set(batch[a]) & set(batch[b]) and set(batch[a]) | set(batch[b]) <= set(batch[train])
    tested = np.concatenate([test for (_, test), _ in pairs])
    expected = {"T1": 3992, "T4a": 744, "T4v": 744, "T5": 673, "T6": 8732}
    assert len(tested) == len(set(tested)) == expected[task]
    with pytest.raises(InputError, match="T2: its batches hold whole classes"):
        published_features.block_splits(published_features.load("T2"))


@needs_files
def test_the_filtered_split_has_its_930_clips():
    [((known, test), [(train, valid)])] = published_features.filtered_split(published_features.load("T2"))
    assert (len(train), len(valid), len(test)) == (443, 197, 290) and set(known) == {*train, *valid}
    with pytest.raises(InputError, match="belongs to task T2, got T3"):
        published_features.filtered_split(published_features.load("T3"))


def test_unshuffled_folds_cut_each_class_in_order():
    y = np.array([1, 0] * 12 + [1])
    folds = published_features.unshuffled_folds(y, 5)
    assert list(folds[0][1]) == [0, 1, 2, 3, 4, 5]  # 13 ones: 3 first, 12 zeros: 3 first
    assert sum(len(test) for _, test in folds) == 25


@needs_files
def test_a_stored_result_is_read_back_and_a_damaged_one_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    first = protocols.run("T3", "5", "nested", seed=1)
    [path] = (tmp_path / "transfer").iterdir()
    again = protocols.run("T3", "5", "nested", seed=1)
    assert again.score == first.score and again.seconds == first.seconds  # seconds: not computed anew
    np.testing.assert_array_equal(again.predictions, first.predictions)
    path.write_bytes(path.read_bytes()[:100])
    assert protocols.run("T3", "5", "nested", seed=1).score == first.score
    assert protocols.run("T3", "5", "nested", seed=2).seed == 2 and len(list((tmp_path / "transfer").iterdir())) == 2


@needs_files
def test_a_sweep_is_the_same_on_two_processes_and_on_a_cluster(tmp_path, monkeypatch):
    from distributed import LocalCluster

    cells = [("T3", name, "thesis", 0) for name in ("1", "2", "mfcc")]

    def scores(folder, **how):
        monkeypatch.setenv("MTLIB_HOME", str(tmp_path / folder))
        return {r.set: (r.score, r.configuration, *r.predictions) for r in protocols.sweep(cells, **how)}

    one = scores("one")
    assert one == scores("two", n_jobs=2)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
    ) as cluster:
        assert one == scores("dask", scheduler=cluster.scheduler_address)


@needs_files
def test_recorded_and_live_scores_agree():
    table = protocols.recorded().set_index(["task", "set", "protocol", "seed"])
    for cell in [
        ("T2", "5", "thesis", 0),
        ("T3", "mfcc", "scaled", 0),
        ("T4v", "235", "scaled", 0),
        ("T5", "4", "nested", 0),
        ("T4a", "12345", "blocks", 0),
    ]:
        live = protocols.evaluate(published_features.load(cell[0]), *cell[1:3], seed=cell[3])
        assert live.score == pytest.approx(table.score[cell], abs=1e-6)


def test_the_record_holds_what_was_promised():
    table = protocols.recorded()
    thesis = table[(table.protocol == "thesis") & table.published.notna()].set_index(["task", "set"])
    gap = (thesis.score - thesis.published).abs()
    exact = gap[gap.index.get_level_values("task").isin(["T1", "T2", "T3", "T4a", "T4v"])]
    assert len(exact) == 150 and exact.max() <= 5e-4
    without = gap[[("5" not in name) and task in ("T5", "T6") for task, name in gap.index]]
    jamendo, urban = without["T5"], without["T6"]
    assert len(jamendo) == 16 and jamendo.max() < 1e-6
    assert len(urban) == 15 and urban.max() <= 5e-4
    assert not table.duplicated(["task", "set", "protocol", "seed"]).any()


def test_cells_name_what_a_task_has():
    assert protocols.cells(["T3", "T6"], ["12", "mfcc"], "nested", 4) == [
        ("T3", "12", "nested", 4),
        ("T3", "mfcc", "nested", 4),
        ("T6", "12", "nested", 4),
    ]
    assert protocols.cells(["T3"], ["12"], "scaled", 4) == [("T3", "12", "scaled", 0)]  # nothing random there
    assert len(protocols.cells(list(published_features.TASKS), [], "thesis")) == 6 * 33 + 31
    for protocol, tasks in (("filtered", {"T2"}), ("blocks", set(published_features.WITH_BLOCKS))):
        assert {task for task, *_ in protocols.cells(list(published_features.TASKS), [], protocol)} == tasks
    with pytest.raises(InputError, match="no feature set '6'"):
        protocols.cells(["T3"], ["6"], "thesis")


def test_bad_names_are_refused():
    with pytest.raises(InputError, match="unknown task 'T9'; choose one of T1"):
        published_features.load("T9")


@needs_files
def test_bad_sets_and_protocols_are_refused():
    data = published_features.load("T6")
    with pytest.raises(InputError, match="T6 has no feature set 'mfcc'"):
        protocols.evaluate(data, "mfcc", "thesis")
    with pytest.raises(InputError, match="unknown protocol 'fair'"):
        protocols.evaluate(data, "1", "fair")


@pytest.fixture
def urban_mfcc(tmp_path, monkeypatch, published):
    """Put a stand-in where the MFCC file of the sound events belongs and let its hash be the right one."""

    def write(values):
        path, name = tmp_path / "urban.npy", f"{published_features.REPOSITORY}/data_feats/urbansound_mfcc.npy"
        np.save(path, values)
        blob = hashlib.sha1(b"blob %d\0" % path.stat().st_size + path.read_bytes()).hexdigest()
        item = replace(files.ARTIFACTS[name], name=str(path), checksum=blob)
        monkeypatch.setitem(files.ARTIFACTS, name, item)
        published_features.load.cache_clear()

    yield write
    published_features.load.cache_clear()


def test_the_mfccs_of_the_sound_events_are_used_when_present(urban_mfcc):
    task = published_features.TASKS["T6"]
    assert task.why_no_mfcc == "the file of the MFCC features of this task is not reachable in this build"
    urban_mfcc(np.random.default_rng(0).normal(size=(8732, 120)))
    assert "--task T6 --protocol nested --record" in task.why_no_mfcc
    assert protocols.cells(["T6"], ["mfcc", "12345+mfcc"], "nested") == [
        ("T6", "mfcc", "nested", 0), ("T6", "12345+mfcc", "nested", 0)
    ]  # fmt: skip
    data = published_features.load("T6")
    assert [part.shape[1] for part in data.parts("12345+mfcc")] == [32] * 5 + [120]
    rows = np.sort(np.random.default_rng(1).permutation(8732)[:400])
    few = published_features.TaskData(
        task, {name: block[rows] for name, block in data.blocks.items()}, data.y[rows], data.table.iloc[rows]
    )
    result = protocols.evaluate(few, "mfcc", "nested", max_iter=2000)
    assert len(result.fold_scores) == 10 and result.score < 0.3  # noise knows nothing of ten classes


@pytest.mark.parametrize("shape", [(8732,), (8731, 120)])
def test_mfccs_of_another_shape_are_told(urban_mfcc, shape):
    urban_mfcc(np.zeros(shape))
    with pytest.raises(InputError, match=r"T6: mfcc has shape .*, expected a row for each of 8732 labels"):
        published_features.load("T6")
