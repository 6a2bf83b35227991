"""The store: what a finished run holds, what may go, and what the commands show of it."""

import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

import toy
from mtlib.__main__ import program
from mtlib.base import files
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.training import loading, runs, sweeps, training


@pytest.fixture(scope="module")
def home(tones, tmp_path_factory):
    home = tmp_path_factory.mktemp("runs") / "home"
    shutil.copytree(tones, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def run(home):
    (run,) = sweeps.sweep([toy.spec(n_train=40, precision="float32")], n_jobs=1, report=None)
    return run


def test_a_run_holds_all_of_it(home, run):
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"spec.json", "history.csv", "weights.safetensors", "predictions.npz", "record.json"}
    corpus = Corpus.open("tones")
    test = corpus.split("test")
    np.testing.assert_array_equal(run.predictions["test_clips"], test)
    truth, outputs = corpus.labels()[test], run.predictions["test_outputs"]
    theirs = [roc_auc_score(truth[:, i], outputs[:, i]) for i in range(4)]
    assert run.metrics["roc_auc_by_tag"] == pytest.approx(theirs)
    assert run.metrics["roc_auc"] == run.metrics["score"] == pytest.approx(np.mean(theirs))
    assert list(run.history.columns) == ["epoch", "loss", "score", "rate"] and len(run.history) == 2
    assert run.record["peak_memory_mib"] > 100 and run.record["seconds"] > 0
    assert run.record["versions"]["torch"] == torch.__version__.split("+")[0]


def test_the_network_comes_back_with_its_predictions(home, run):
    corpus = Corpus.open("tones")
    clips = loading.Clips(corpus, {})
    outputs = training.predict(run.network(), clips, corpus.split("test"))
    np.testing.assert_allclose(outputs, run.predictions["test_outputs"], atol=1e-5)


def test_larger_subsets_contain_smaller_ones():
    from mtlib.training.experiment import subset

    train = np.arange(100, 200)
    small, large, other = (set(subset(train, n, seed)) for n, seed in ((10, 0), (50, 0), (50, 1)))
    assert small < large and large != other and subset(train, 0, 0).size == 100
    with pytest.raises(InputError, match="n_train 101 is more than the 100 clips"):
        subset(train, 101, 0)


def test_an_undefined_area_is_none_and_in_no_mean():
    targets = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], np.float32)
    found = runs.metrics(targets, np.array([[0.9, 0.1], [0.2, 0.3], [0.6, 0.2], [0.7, 0.1]]), "multilabel")
    assert found["roc_auc_by_tag"] == [0.75, None] and found["roc_auc"] == 0.75 and found["undefined"] == [1]


def test_commands_list_show_and_prune(home, run):
    invoke = lambda *words: CliRunner().invoke(program, words)  # noqa: E731
    listed = invoke("runs", "list")
    assert run.key[:12] in listed.output and listed.output.splitlines()[-1].startswith("1 runs in ")
    assert json.loads(invoke("runs", "list", "--json").output)["key"] == run.key
    assert '"n_train": 40' in invoke("runs", "show", run.key[:6]).output
    missing = invoke("runs", "show", "zzz")
    assert missing.exit_code == 1 and "Error: no run begins with 'zzz'" in missing.output
    left, busy = (runs.store() / f"{name}.unfinished" for name in ("left", "busy"))
    for folder in (left, busy):
        folder.mkdir()
    with runs._lock("busy"):
        assert "1 folders would go" in invoke("runs", "prune").output and left.is_dir()
        assert "1 folders deleted" in invoke("runs", "prune", "--delete").output
    assert not left.exists() and busy.is_dir() and run.folder.is_dir()
    busy.rmdir()
    record = run.folder / "record.json"
    content = record.read_bytes()
    files.write_json(record, run.record | {"code": "old"})
    assert f"{run.key}  trained by other code" in invoke("runs", "prune", "--outdated").output
    record.write_bytes(content)


def test_the_sweep_command_reads_grids_and_lists(home, run, tmp_path):
    file = tmp_path / "grid.json"
    base = {"corpus": "tones", "n_train": 40, "precision": "float32", "model": {"layer_widths": [4] * 5},
            "training": {"epochs": 2}}  # fmt: skip
    file.write_text(json.dumps({"base": base, "grid": {"seed": [0]}}))
    shown = CliRunner().invoke(program, ["sweep", str(file), "--jobs", "1"])
    assert shown.exit_code == 0 and shown.output.startswith(run.key[:12])
    file.write_text(json.dumps([base]))
    told = CliRunner().invoke(program, ["sweep", str(file), "--json"])
    assert json.loads(told.stdout)["key"] == run.key
    for content, words in (
        ("[", "not JSON"),
        ('{"grid": {}, "gird": 1}', "unknown 'gird'"),
        ('[{"sed": 1}]', "'sed'"),
    ):
        file.write_text(content)
        refused = CliRunner().invoke(program, ["sweep", str(file)])
        assert refused.exit_code == 1 and words in refused.output
