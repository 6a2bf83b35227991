"""Whatever is kept and then damaged is made again, or refused in one line; it is never read as it is."""

import importlib.util
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import toy
from book.builder import build
from book.experiments.transfer import protocols
from mtlib.__main__ import program
from mtlib.base import files, paths
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic.rendering import soundfont
from mtlib.training import features, loading, runs, sweeps, training


def flips(data):
    """A bit turned over in each of seven places, the first and the last byte among them."""
    rng = random.Random(len(data))
    for place in [0, len(data) - 1, *(rng.randrange(len(data)) for _ in range(5))]:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        yield bytes(changed)


DAMAGES = {
    "flip": flips,
    "truncate": lambda data: [data[: len(data) // 8], data[:-1]],
    "empty": lambda data: [b""],
    "delete": lambda data: [None],
}


def of_corpus():
    opened = Corpus.open("tones")
    tables = [table.to_csv() for table in (opened.clips, opened.left_out, opened.tags)]
    return [opened.pcm(range(len(opened))), opened.labels(), *tables, opened.fingerprint]


def prepared():
    toy.write(n_clips=20)
    return of_corpus()


def of_run():
    (folder,) = (path for path in runs.store().iterdir() if path.name not in ("state", "locks"))
    run = runs.Run(folder.name)
    weights = [value.numpy() for value in run.network().state_dict().values()]
    return [*weights, *run.predictions.values(), run.history.to_csv(), repr(run.spec), repr(run.record)]


def of_state():
    network = torch.nn.Linear(300, 2)
    state = training._State(network, torch.optim.Adam(network.parameters()), runs.store() / "state")
    return [network.weight.detach(), *state.best.values(), state.best_epoch] if state.history else None


def of_scores():
    result = protocols.run("T3", "5", "nested")
    return [result.predictions, result.clips, result.score, result.fold_scores]


def of_page():
    path = build.executed_path("page", paths.build())
    return None if build.is_stale("page", {}, paths.build()) else [files.read_json(path)]


KINDS = {
    "shard": ("corpora/tones/audio/*.npy", of_corpus),
    "manifest": ("corpora/tones/manifest-*.csv", of_corpus),
    "labels": ("corpora/tones/labels/*.npy", of_corpus),
    "corpus.json": ("corpora/tones/corpus.json", of_corpus),
    "spec": ("runs/*/spec.json", of_run),
    "record": ("runs/*/record.json", of_run),
    "history": ("runs/*/history.csv", of_run),
    "weights": ("runs/*/weights.safetensors", of_run),
    "predictions": ("runs/*/predictions.npz", of_run),
    "state": ("runs/state/state.safetensors", of_state),
}
MADE_AGAIN = {
    "shard, prepared again": ("corpora/tones/audio/*.npy", prepared),
    "outcomes, prepared again": ("corpora/tones/audio/*.json", prepared),
    "manifest, prepared again": ("corpora/tones/manifest-*.csv", prepared),
    "labels, prepared again": ("corpora/tones/labels/*.npy", prepared),
    "corpus.json, prepared again": ("corpora/tones/corpus.json", prepared),
    "features": ("features/*.npy", lambda: [features.of_corpus(Corpus.open("tones"), None, [0, 3])]),
    "spectrograms": ("spectrograms/*.npy", lambda: [loading.Clips(Corpus.open("tones"), {}).kept().copy()]),
    "soundfont": ("soundfonts/*.sf2", lambda: [soundfont.tuned.__wrapped__().read_bytes()]),
    "scores": ("transfer/*.npz", of_scores),
    "executed page": ("build/executed/page.ipynb", of_page),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a file of every kind; what takes long to make again is made once."""
    home = tmp_path_factory.mktemp("home")
    package = Path(importlib.util.find_spec("pretty_midi").origin).parent
    tuned = soundfont.retuned((package / "TimGM6mb.sf2").read_bytes())
    scores = np.random.default_rng(0).random(50)
    result = protocols.Result("T3", "5", "nested", 0, 0.5, (0.5,), (50,), "C=1", 0, 1.0, np.arange(50), scores)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(home))
        patch.setenv("MTLIB_BUILD", str(home / "build"))
        patch.setattr(soundfont, "retuned", lambda source: tuned)
        patch.setattr(protocols, "load", lambda name: None)
        patch.setattr(protocols, "evaluate", lambda *_, **__: result)
        patch.setattr(build, "state", lambda *_: {"source": "as it is"})
        toy.write(n_clips=20)
        sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
        (runs.store() / "state").mkdir()
        network = torch.nn.Linear(300, 2)
        optimiser = torch.optim.Adam(network.parameters())
        network(torch.ones(300)).sum().backward()
        optimiser.step()
        training._State(network, optimiser, runs.store() / "state").add({"epoch": 1, "score": 0.5}, 1.0)
        path = build.executed_path("page", build.mark(home / "build"))
        path.parent.mkdir()
        cells = [{"outputs": [{"data": {"text/plain": str(scores)}}]}]
        files.write_json(path, {"cells": cells, "metadata": {"mtlib": {"source": "as it is"}}})
        for _, read in (KINDS | MADE_AGAIN).values():
            assert read() is not None
        yield home


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS | MADE_AGAIN)
def test_a_damaged_file_is_made_again_or_refused_in_one_line(home, kind, damage):
    pattern, read = (KINDS | MADE_AGAIN)[kind]
    path = min(home.glob(pattern))
    whole, expected, n_noticed = path.read_bytes(), read(), 0
    for data in DAMAGES[damage](whole):
        path.write_bytes(data or b"")
        if data is None:
            path.unlink()
        try:
            found = read()
        except InputError as error:
            assert "\n" not in str(error) and (path.name in str(error) or "corpus tones" in str(error))
            found, n_noticed = None, n_noticed + 1
            assert kind in KINDS
        finally:
            path.write_bytes(whole)
        if found is not None:  # None: refused, or begun anew
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    assert kind in MADE_AGAIN or n_noticed or (kind, damage) == ("state", "delete")


def of_other_shape(data):
    buffer = io.BytesIO()
    np.save(buffer, np.load(io.BytesIO(data))[:-1])
    return buffer.getvalue()


def lines(change):
    return lambda data: b"".join(change(data.splitlines(keepends=True)))


EDITS = {
    "a row twice": ("manifest-*.csv", lines(lambda rows: [*rows, rows[-1]])),
    "a row missing": ("manifest-*.csv", lines(lambda rows: rows[:-1])),
    "rows in another order": ("manifest-*.csv", lines(lambda rows: [rows[0], *rows[:0:-1]])),
    "a column renamed": ("manifest-*.csv", lambda data: data.replace(b"clip_id", b"track", 1)),
    "labels of other shape": ("labels/*.npy", of_other_shape),
    "labels that are text": ("labels/*.npy", lambda data: b"1 0 1 0"),
    "another rate": ("corpus.json", lambda data: data.replace(b"12000", b"44100")),
    "another task": ("corpus.json", lambda data: data.replace(b"multilabel", b"regression")),
    "a list": ("corpus.json", lambda data: b"[]"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_corpus_is_one_line_and_healed(edit, tones_home):
    pattern, change = EDITS[edit]
    expected = of_corpus()
    (path,) = (tones_home / "corpora/tones").glob(pattern)
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    assert path.read_bytes() != whole
    done = CliRunner().invoke(program, ["check", "--corpus", "tones"])
    assert done.exit_code == 1 and done.output.count("\n") == 1 and "corpus tones is damaged" in done.output
    toy.write()
    for one, other in zip(of_corpus(), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("field", ["sample_rate", "n_samples", "tags", "columns", "label_sets", "shards", "loss_limit"])
@pytest.mark.parametrize("value", ["x", 0.5, [1], {"a": 1}, True])
def test_a_corpus_of_an_earlier_version_with_a_wrong_field_is_one_line(field, value, tones_home):
    path = tones_home / "corpora/tones/corpus.json"
    content = json.loads(path.read_text())
    del content["digest"]
    path.write_text(json.dumps(content))
    Corpus.open("tones").verify()
    path.write_text(json.dumps(content | {field: value}))
    if (field, value) != ("loss_limit", 0.5):
        with pytest.raises(InputError, match=rf"corpus tones is damaged or cannot be read \({field}"):
            Corpus.open("tones")


def test_a_run_trains_on_nothing_damaged(tones_home):
    path = min(tones_home.glob("corpora/tones/audio/*.npy"))
    with open(path, "r+b") as file:
        file.seek(9000)
        byte = file.read(1)[0]
        file.seek(9000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(InputError, match="is not as it was written") as caught:
        sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
    assert "\n" not in str(caught.value) and runs.finished() == []
    assert len(toy.write()) == 80
    (run,) = sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
    assert run.record["title"] and Corpus.open("tones").verify() is None


def test_check_compares_a_prepared_corpus(tones_home):
    check = lambda *words: CliRunner().invoke(program, ["check", *words])  # noqa: E731
    done = check("--corpus", "tones")
    assert done.exit_code == 0 and done.output == "corpus tones: 80 clips, all as they were stored\n"
    assert "name a dataset, or a prepared corpus with --corpus NAME" in check().output
    assert check("gtzan_genre", "--corpus", "tones").exit_code == 1
    path = next(tones_home.glob("corpora/tones/audio/*.npy"))
    whole = path.read_bytes()
    path.write_bytes(whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:])
    done = check("--corpus", "tones")
    assert done.exit_code == 1 and done.output.count("\n") == 1
    assert f"{path} is not as it was written" in done.output and "prepared it again" in done.output
