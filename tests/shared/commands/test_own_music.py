"""The recipes of the page on one's own music, run as they stand on a folder of tones."""

import contextlib
import json
import re
import shlex
import sys
import types

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from safetensors import safe_open

from miniatures import AMPLITUDE
from mtlib.__main__ import program
from mtlib.base import paths, profiles
from mtlib.corpora.corpus import Corpus
from mtlib.page import pages, report
from mtlib.training import runs

PAGE = (paths.ROOT / "book" / "own_music.md").read_text(encoding="utf-8")
N_CLIPS = 24


def invoke(*words):
    result = CliRunner().invoke(program, list(words))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Low and high tones of 8 s, half of them noisy, and a table that says so."""
    root, rows, rng = tmp_path_factory.mktemp("music"), [], np.random.default_rng(0)
    seconds = np.arange(8 * 12_000) / 12_000
    for k in range(N_CLIPS):
        high, noisy = k % 2, k // 2 % 2
        sound = AMPLITUDE * np.sin(2 * np.pi * (2000 if high else 300) * seconds)
        sound = sound + 0.1 * noisy * rng.normal(size=len(sound))
        name = f"{'high' if high else 'low'}/<b>{k:02d}</b>.wav"
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name.rpartition("/")[0]).mkdir(exist_ok=True)
        soundfile.write(root / name.replace("</b>", ""), sound.astype(np.float32), 12_000)
        tags = ["high"] * high + ["noisy"] * noisy or ["<script>alert(1)</script>"]
        split = "train" if k < 14 else "valid" if k < 17 else "test"
        rows.append(f"{name.replace('</b>', '')},{';'.join(tags)},{split}")
    (root / "tags.csv").write_text("\n".join(["path,tags,split", *rows]))
    return root


@pytest.fixture(scope="module")
def trained(music, tmp_path_factory):
    """A corpus prepared and a network trained by the page's own lines."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(home))
        patch.chdir(home)
        for line in lines():
            words = shlex.split(line, comments=True)[3:]
            if words[0] in ("check", "prepare", "train"):
                words = [str(music) if w == "MUSIC" else str(music / w) if w == "tags.csv" else w for w in words]
                words += ["--jobs", "1"] + (["--epochs", "3"] if words[0] == "train" else ["--seconds", "7.25"])
                output = invoke(*words)
        yield re.search(r"evaluate (\w+)", output)[1]


def lines():
    return [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]


def test_every_line_of_the_page_is_a_command():
    for line in lines():
        words = shlex.split(line, comments=True)[3:]
        assert words and invoke(words[0], "--help").startswith("Usage"), line


def test_a_folder_becomes_a_corpus_and_a_network(trained):
    corpus = Corpus.open("mine")
    assert len(corpus) == N_CLIPS and corpus.task == "multilabel"
    assert set(corpus.tags["name"]) == {"high", "noisy", "<script>alert(1)</script>"}
    found = runs.find(trained)
    assert found.record["input"]["tags"] == list(corpus.tags["name"])
    told = found.predictions
    assert told["test_targets"].shape == (7, 3) and list(told["test_ids"]) == list(corpus.clips["clip_id"][-7:])


def test_an_evaluation_is_numbers_a_page_and_json(trained, tmp_path):
    page, table = tmp_path / "r.html", tmp_path / "t.csv"
    output = invoke("evaluate", trained, "--html", str(page), "--csv", str(table))
    assert "macro_auc" in output and f"written: {page}" in output
    told = json.loads(invoke("evaluate", trained, "--json"))
    assert [row["tag"] for row in told["tags"]] == list(Corpus.open("mine").tags["name"])
    text = page.read_text()
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text and "<b>" not in text
    assert text.count("<audio") == min(12, len({row["clip_id"] for row in told["worst"]}))
    assert "http://" not in re.sub(r"https?://[\w./-]*(w3\.org|vega\.github\.io|json-schema)", "", text[-200_000:])
    for arguments in (["--precision", "2"], ["--html", str(tmp_path / "no" / "r.html")]):
        bad = CliRunner().invoke(program, ["evaluate", trained, *arguments])
        assert bad.exit_code == 1 and bad.output.count("\n") == 1


def test_numbers_are_scikit_learns(trained):
    """A tag of one or two test clips has scores and no interval."""
    from sklearn.metrics import average_precision_score, precision_score, roc_auc_score

    found = report.Evaluation(runs.find(trained), Corpus.open("mine"))
    targets = found.targets[found.clips]
    for k, row in found.by_tag().iterrows():
        if 0 < targets[:, k].sum() < len(targets):
            assert row.auc == pytest.approx(roc_auc_score(targets[:, k], found.outputs[:, k]))
            assert row.ap == pytest.approx(average_precision_score(targets[:, k], found.outputs[:, k]))
        n = targets[:, k].sum()
        assert np.isfinite(row.auc_low) == (min(n, len(targets) - n) >= report.FEWEST)
        assert not np.isfinite(row.auc_low) or row.auc_low <= row.auc <= row.auc_high
        if (said := found.outputs[:, k] >= row.threshold).any():
            assert row.precision == pytest.approx(precision_score(targets[:, k], said))
    assert found.calibration()["n"].sum() == found.outputs.size


def test_a_run_tags_files_over_time_and_as_a_table(trained, music):
    song = str(sorted(music.glob("high/*.wav"))[0])
    shown = json.loads(invoke("tag", song, "--model", trained, "--json", "--every", "2"))
    assert set(shown["tags"]) == {"high", "noisy", "<script>alert(1)</script>"} and len(shown["windows"]) > 1
    rows = invoke("tag", song, "--model", trained, "--csv").splitlines()
    assert rows[0].startswith("file,") and len(rows) == 2
    assert invoke("tag", song, "--model", trained, "--threshold", "0").count("\n") == 4
    bad = CliRunner().invoke(program, ["tag", song, "--model", "zzz"])
    assert bad.exit_code == 1 and "unknown model 'zzz'" in bad.output


def test_a_run_is_exported_with_what_a_program_needs(trained, tmp_path):
    path = tmp_path / "x.safetensors"
    invoke("export", trained, "--to", "safetensors", "-o", str(path))
    with safe_open(path, "np") as file:
        assert json.loads(file.metadata()["tags"])[0] and file.metadata()["sample_rate"] == "12000"
        weights = runs.find(trained).network().state_dict()
        assert set(file.keys()) == set(weights)


def test_onnx_gives_the_same_outputs(trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    import torch

    from mtlib.training import taggers

    path = tmp_path / "x.onnx"
    invoke("export", trained, "--to", "onnx", "-o", str(path))
    session = onnxruntime.InferenceSession(path)
    told = session.get_modelmeta().custom_metadata_map
    samples = np.random.default_rng(0).normal(0, 0.1, (3, int(told["n_samples"]))).astype(np.float32)
    with torch.no_grad():
        ours = taggers.FromSamples(runs.find(trained)).eval()(torch.from_numpy(samples)).numpy()
    np.testing.assert_allclose(session.run(None, {"samples": samples})[0], ours, atol=1e-5)


def test_curves_are_written_as_csv_and_for_tensorboard(trained, tmp_path, monkeypatch):
    line = ["train", "mine", "--structure", "k2c2", "--seconds", "7.25", "--epochs", "3", "--log-dir", str(tmp_path)]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert "tensorboard is not installed" in invoke(*line)
    history = runs.find(trained).history
    written = pd.read_csv(tmp_path / f"{trained}.csv")
    assert written.score.to_numpy() == pytest.approx(history.score.to_numpy()) and len(written) == 3
    drawn = []

    class Writer(contextlib.nullcontext):
        def __enter__(self):
            return self

        def add_scalar(self, name, value, epoch):
            drawn.append((name, value, epoch))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    assert "tensorboard" not in invoke(*line)
    assert [(v, e) for name, v, e in drawn if name == "score"] == [
        (row.score, row.epoch) for row in history.itertuples()
    ]


def test_what_a_sweep_takes_is_shown(trained):
    shown = json.loads(invoke("sweep", "--schema"))
    assert shown["view"]["n_mels"] == {"type": "int", "default": 96} and shown["seed"]["default"] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["prepare", "folder", "--root", "."], "give the corpus a name"),
        (["prepare", "folder", "--root", ".", "--name", "x"], "give a folder's labels"),
        (["check", "gtzan_genre", "--class-folders"], "belong to the dataset folder"),
        (["train", "nothing"], "no corpus named 'nothing'"),
        (["train", "mine", "--epochs", "some"], "epochs must be auto or a whole number"),
        (["train", "mine", "--seconds", "29"], "clips of corpus mine have 7.25 s"),
        (["evaluate", "zzz"], "no run begins with 'zzz'"),
        (["export", "zzz", "--to", "onnx"], "no run begins with 'zzz'"),
        (["sweep"], "name a file of runs"),
    ],
)
def test_wrong_use_is_one_line(trained, words, line):
    result = CliRunner().invoke(program, words)
    assert result.exit_code == 1 and line in result.output and result.output.count("\n") == 1


def test_the_foot_of_a_page_names_a_readers_corpus(trained, capsys):
    """Its size, and how much of it is absent."""
    pages.foot(profiles.Settings(profiles.named("smoke"), "mine", 0, "cpu", "", {}))
    assert "mine: 24 clips of 7.25 s, multilabel; 0 of 24 listed are absent (0.0%)" in capsys.readouterr().out
