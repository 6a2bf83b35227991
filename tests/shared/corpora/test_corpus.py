"""The store: what was written comes back, changes are noticed, nothing half-written is read."""

import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus_reading import N_SAMPLES, read_even, read_uneven, samples_of
from mtlib.base import parallel
from mtlib.base.errors import InputError
from mtlib.corpora import corpus
from mtlib.corpora.corpus import Corpus

TAGS = pd.DataFrame({"name": ["rock", "jazz"], "category": ["genre", "genre"]})


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def table(n_clips=25):
    return pd.DataFrame(
        {
            "clip_id": [f"{i:03d}" for i in range(n_clips)],
            "split": ["train", "train", "train", "valid", "test"] * (n_clips // 5),
            "fold": -1,
            "group": ["NA", "1", "01", "", "None"] * (n_clips // 5),
            "seed": np.arange(n_clips),
        }
    )


def labels(n_clips=25):
    return np.random.default_rng(0).random((n_clips, 2)) < 0.5


def write(rows=None, read=read_even, **change):
    rows = table() if rows is None else rows
    options = {
        "audio_recipe": {"version": 1},
        "sample_rate": 12_000,
        "n_samples": N_SAMPLES,
        "task": "multilabel",
        "tags": TAGS,
        "label_sets": {"observed": (labels(len(rows)), {})},
        "shard_bytes": 8 * 2 * N_SAMPLES,
    }
    return corpus.write("songs", rows, read, **options | change)


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_corpus_gives_back_what_was_written():
    made = write()
    rows = table()
    good = rows[rows["seed"] % 10 != 7]
    assert list(made.clips["clip_id"]) == list(good["clip_id"])
    assert list(made.clips["group"]) == list(good["group"])  # "NA" and "01" stay what they are
    expected = np.stack([samples_of(row) for row in good.itertuples()])
    np.testing.assert_array_equal(made.pcm(np.arange(len(made))), expected)
    np.testing.assert_array_equal(made.pcm([20, 3, 3]), expected[[20, 3, 3]])
    np.testing.assert_array_equal(made.labels(), labels()[good.index])
    batch = made.batch([5, 0])
    assert batch.dtype == torch.float32 and batch.abs().max() <= 1
    np.testing.assert_array_equal(batch.numpy(), expected[[5, 0]].astype(np.float32) / 32768)
    assert list(made.left_out["message"]) == ["clip 7 is cut", "clip 17 is cut"]
    assert set(made.clips["split"].iloc[made.split("valid")]) == {"valid"}
    assert (made.name, made.sample_rate, made.n_samples, made.task) == ("songs", 12_000, 600, "multilabel")
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.pcm([4]), made.pcm([4]))


def test_clips_of_uneven_length_keep_it():
    made = write(read=read_uneven, n_samples=None)
    for i, row in enumerate(table().itertuples()):
        np.testing.assert_array_equal(made.clip(i) * 32768, samples_of(row, even=False))
    short = samples_of(table().iloc[1], even=False)
    np.testing.assert_array_equal(made.batch([1], 250).numpy()[0] * 32768, np.resize(short, 250))
    with pytest.raises(InputError, match="differ in length"):
        made.pcm([0])


def test_a_short_clip_ends_in_zeros_and_tells_its_length():
    made = write(read=read_uneven)
    assert made.clips["n_samples"].iat[3] == 121 and len(made.clip(3)) == 121
    assert not made.pcm([3])[0, 121:].any()
    with pytest.raises(InputError, match="1 to 600 samples"):
        write(table(100), read_uneven)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(n=st.integers(1, 5), shard=st.integers(1, 40), even=st.booleans(), seed=st.integers(0, 9))
def test_the_size_of_a_shard_changes_nothing(n, shard, even, seed):
    rows = table(5 * n).assign(seed=lambda t: (t["seed"] + seed) % 30)
    made = write(
        rows,
        read_even if even else read_uneven,
        n_samples=N_SAMPLES if even else None,
        shard_bytes=shard * 99,
    )
    assert len(made) + len(made.left_out) == len(rows)
    kept = rows[rows["clip_id"].isin(made.clips["clip_id"])]
    for i, row in enumerate(kept.itertuples()):
        np.testing.assert_array_equal(made.clip(i) * 32768, samples_of(row, even))


def test_two_workers_and_a_second_call_write_the_same_bytes(home):
    write()
    one = files(home / "corpora" / "songs")
    before = {p: p.stat().st_mtime_ns for p in (home / "corpora/songs/audio").iterdir()}
    write()
    assert {p: p.stat().st_mtime_ns for p in (home / "corpora/songs/audio").iterdir()} == before
    shutil.rmtree(home)
    write(n_jobs=2)
    assert files(home / "corpora" / "songs") == one


def test_only_the_shard_of_a_changed_source_is_written_again(home):
    first = write()
    rows = table()
    rows.loc[9, "seed"] = 200
    calls = []

    def read(part):
        calls.append(list(part["seed"]))
        return read_even(part)

    second = write(rows, read)
    assert calls == [[8, 200, 10, 11, 12, 13, 14, 15]]
    np.testing.assert_array_equal(second.clip(8) * 32768, samples_of(rows.iloc[9]))
    np.testing.assert_array_equal(first.clip(8) * 32768, samples_of(table().iloc[9]))  # still mapped
    assert first.audio_key != second.audio_key and first.label_key == second.label_key
    assert len(list((home / "corpora/songs/audio").glob("*.npy"))) == 4
    assert write(audio_recipe={"version": 2}).audio_key not in (first.audio_key, second.audio_key)


def test_keys_follow_what_they_name():
    first = write()
    resplit = table().assign(split="train")
    second = write(resplit)
    assert second.audio_key == first.audio_key and second.label_key == first.label_key
    assert second.fingerprint != first.fingerprint
    third = write(label_sets={"observed": (~labels(), {})})
    assert third.audio_key == first.audio_key and third.label_key != first.label_key


def test_label_sets_can_be_added_and_outlive_a_second_call(home):
    made = write()
    before = made.fingerprint
    rarer = made.labels() & (np.arange(len(made)) % 2 == 0)[:, None]
    made.add_labels("rare", rarer, {"tagability": 0.5})
    opened = Corpus.open("songs")
    assert opened.label_sets == ("observed", "rare") and opened.label_meta("rare") == {"tagability": 0.5}
    np.testing.assert_array_equal(opened.labels("rare"), rarer)
    assert opened.fingerprint == before != opened.fingerprint_of("rare")
    assert write().label_sets == ("observed", "rare")
    assert write(table().assign(split="test")).label_sets == ("observed",)
    with pytest.raises(InputError, match="was prepared again meanwhile"):
        made.add_labels("late", rarer, {})
    with pytest.raises(InputError, match=r"'wrong' must have shape \(23, 2\), got \(25, 2\)"):
        made.add_labels("wrong", labels(), {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "tagging"}, "task must be one of multilabel, multiclass, regression, got 'tagging'"),
        ({"n_samples": 0}, "n_samples must be at least 1, got 0"),
        ({"n_jobs": 0}, "n_jobs must be at least 1"),
        ({"label_sets": {"observed": (labels(20), {})}}, r"must have shape \(25, 2\), got \(20, 2\)"),
        ({"label_sets": {"observed": (labels() * np.nan, {})}}, "must hold finite numbers"),
        ({"task": "multiclass", "label_sets": {"observed": (np.full(25, 2), {})}}, "class indices 0 … 1"),
        ({"rows": table().assign(clip_id="a")}, "clip_id 'a' occurs twice"),
        ({"rows": table().drop(columns="group")}, "no column 'group'"),
        ({"rows": table(0)}, "no rows"),
        ({"read": lambda rows: []}, "8 rows were to be read, 0 results came"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "no Dask scheduler answers at tcp://127.0.0.1:1"),
    ],
)
def test_bad_arguments_are_told(change, words):
    with pytest.raises(InputError, match=words):
        write(**change)


def test_a_corpus_that_is_not_there_is_told_with_what_to_type(home):
    write()
    with pytest.raises(
        InputError, match=r"no corpus named 'mtat'; .*: songs; .*mtlib prepare DATASET --root"
    ):
        Corpus.open("mtat")
    (home / "corpora/songs/corpus.json").unlink()
    with pytest.raises(InputError, match="its preparation did not end; run the command"):
        Corpus.open("songs")


def test_damage_to_the_store_is_told_and_mended(home):
    whole = write()
    shard = next(iter(sorted((home / "corpora/songs/audio").glob("*.npy"))))
    expected = whole.pcm([0])
    for damage in (lambda: os.truncate(shard, 500), shard.unlink):
        damage()
        with pytest.raises(InputError, match="run the command that prepared it again"):
            Corpus.open("songs")
        np.testing.assert_array_equal(write().pcm([0]), expected)


def test_a_split_that_lost_too_much_is_refused():
    made = write()
    made.check_losses("valid")
    with pytest.raises(
        InputError, match=r"lost 2 of 15 clips of its train split \(2 truncated\), more than 1%"
    ):
        made.check_losses("train")
    made.check_losses("train", limit=0.2)
    write(loss_limit=1.0).check_losses("train")
    with pytest.raises(InputError, match="no clips in split 'dev'; it has test, train, valid"):
        made.split("dev")


def test_folds_are_those_of_the_dataset():
    with pytest.raises(InputError, match="has no folds: it has splits only"):
        next(write().folds())
    made = write(table().assign(fold=np.arange(25) % 3))
    pairs = list(made.folds())
    assert len(pairs) == 3
    for train, test in pairs:
        assert sorted([*train, *test]) == list(range(len(made)))


def test_dask_workers_write_the_same_corpus(home):
    from dask.distributed import LocalCluster

    write()
    one = files(home / "corpora" / "songs")
    shutil.rmtree(home)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp://"
    ) as cluster:
        write(scheduler=cluster.scheduler_address)
    assert files(home / "corpora" / "songs") == one


def test_a_worker_that_dies_is_told():
    with pytest.raises(InputError, match="a worker process died"):
        list(parallel.run(os._exit, [1, 1], n_jobs=2))
