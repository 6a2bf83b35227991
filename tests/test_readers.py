"""Every reader of a list, a table or JSON: damage gives one line or a right result, in little memory."""

import contextlib
import json
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import miniatures
import toy
from book.builder import build as builder
from book.builder import command, compare, errata, release
from mtlib.__main__ import program
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.datasets import find, folder, labels_only, preparation
from mtlib.corpora.synthetic import recipes
from mtlib.evidence import claims, recorded
from mtlib.page import report
from mtlib.training import features, runs, sweeps

FUZZ = settings(
    max_examples=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

LISTS = {
    "magnatagatune": ["annotations_final.csv"],
    "msd_lastfm": ["train_y.npy", "train_x_msd_id.txt", "train_x_7d_id.txt"],
    "mtg_jamendo": ["autotagging_top50tags-train.tsv", "top50.txt"],
    "fma": ["tracks.csv"],
    "extended_ballroom": ["extendedballroom_v1.1.xml"],
    "gtzan_genre": ["bextract_single.mf"],  # is not read
    "gtzan_speech_music": [],
    "emomusic": ["static_annotations.csv", "songs_info.csv"],
    "jamendo_vocal": ["School.lab", "train"],
    "urbansound8k": ["UrbanSound8K.csv"],
}
"""The lists of each dataset that are damaged."""


@contextlib.contextmanager
def within(n_bytes=1 << 30, seconds=5):
    """Let this process take no more than some memory beyond what it has, and some time of a processor."""
    begun = time.process_time()
    with _memory(n_bytes):
        yield
    assert time.process_time() - begun < seconds


@contextlib.contextmanager
def _memory(n_bytes):
    try:
        import resource

        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def line_of(read, *arguments):
    """Return the line with which bad input is refused, None where it is taken; anything else is a failure."""
    with within():
        try:
            read(*arguments)
        except InputError as error:
            assert str(error).strip() and "\n" not in str(error), str(error)
            return str(error)
    return None


TOKENS = (
    b"", b"0", b"-1", b"nan", b"1e999", b"x", b'"', b",", b"\t", b"\n", b"\r", b"\0", b"\xff", b"[", b"}",
    b"null", b"9" * 400, b"<a>", b"&b;", "é".encode(), b"\xef\xbb\xbf", b"../..", b"train", b"1 2 sing\n",
)  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252")


@st.composite
def damages(draw):
    """Draw a function that damages bytes as downloads, editors and hands do."""
    kind = draw(st.sampled_from(["cut", "put", "swap", "lines", "encode", "flip", "all"]))
    places = draw(st.lists(st.floats(0, 1), min_size=3, max_size=3))
    token, encoding = draw(st.sampled_from(TOKENS)), draw(st.sampled_from(ENCODINGS))

    def damage(data):
        a, b, c = (int(place * len(data)) for place in sorted(places))
        if kind == "cut":
            return data[:a]
        if kind == "put":
            return data[:a] + token + data[a:]
        if kind == "swap":
            fields = data.replace(b"\n", b"\n,").split(b",")
            fields[int(places[0] * (len(fields) - 1))] = token
            return b",".join(fields).replace(b"\n,", b"\n")
        if kind == "lines":
            lines = data.splitlines(keepends=True)
            first, last = int(places[0] * len(lines)), int(places[1] * len(lines))
            return b"".join(lines[:first] + lines[last:])
        if kind == "encode":
            with contextlib.suppress(UnicodeError):
                return data.decode().encode(encoding, "replace")
        if kind == "flip":
            return data[:a] + bytes(byte ^ 0x55 for byte in data[a : min(b, a + 3)]) + data[b : c + 3] + data[c:]
        return token

    return damage


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Trees of every dataset with empty files in the place of audio, made once."""

    def touch(path, *arguments, **options):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
        return path

    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(miniatures, "sound", touch)
        patch.setattr(miniatures.soundfile, "write", touch)
        for name, maker in miniatures.MAKERS.items():
            made[name] = maker(tmp_path_factory.mktemp("bare") / name).root
    jamendo = tmp_path_factory.mktemp("bare") / "second"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(miniatures, "sound", touch)
        made["jamendo_vocal"] = miniatures.jamendo_tree(jamendo, original=False).root
    return made


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "published"))


@pytest.mark.parametrize("name", [name for name, files in LISTS.items() if files])
@FUZZ
@given(data=st.data())
def test_damaged_lists_of_datasets(name, bare, data):
    file = data.draw(st.sampled_from(LISTS[name]))
    path = min(path for path in bare[name].rglob(file) if path.is_file())
    whole, damage = path.read_bytes(), data.draw(damages())
    try:
        path.write_bytes(damage(whole))
        line_of(preparation.look, find(name), bare[name])
        if name in ("magnatagatune", "msd_lastfm", "mtg_jamendo"):
            line_of(labels_only.scan, name, bare[name])
    finally:
        path.write_bytes(whole)


TABLES = {
    "own.csv": b"path,tags,split\na.wav,rock;pop,train\nb.wav,jazz,test\n",
    "own.tsv": b"path\tclass\tgroup\na.wav\trock\tx\nb.wav\tjazz\ty\n",
    "numbers.csv": b"path,valence,arousal,fold\na.wav,0.5,1,0\nb.wav,-1,2,1\n",
    "own.jsonl": b'{"path": "a.wav", "tags": ["rock"]}\n{"path": "b.wav", "tags": ["pop", "jazz"]}\n',
}


@pytest.mark.parametrize("name", ["own.jsonl", "own.csv", "own.tsv"])
def test_a_table_that_is_nested_without_end_is_one_line(name, tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / name).write_bytes(b"[" * 100_000)
    assert name in line_of(folder.dataset, tmp_path, tmp_path / name)


@pytest.mark.parametrize("name", TABLES)
@FUZZ
@given(damage=damages())
def test_damaged_tables_of_a_reader(name, damage, tmp_path):
    for file in ("a.wav", "b.wav"):
        (tmp_path / file).touch()
    (tmp_path / name).write_bytes(damage(TABLES[name]))
    line_of(folder.dataset, tmp_path, tmp_path / name)


WAYS = {  # of damaging any list: what the line says; without one the clips are the same
    "empty": (lambda data: b"", "empty; get it again"),
    "blank": (lambda data: b"\n\n", "empty; get it again"),
    "a web page": (lambda data: b"<!DOCTYPE html><html><body>sorry</body></html>", "a web page"),
    "a pointer": (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
    "UTF-16": (lambda data: data.decode("latin-1").encode("utf-16"), "not the table"),
    "UTF-16 without a mark": (lambda data: data.decode("latin-1").encode("utf-16-le"), "get it again"),
    "NUL": (lambda data: data[:9] + b"\0" + data[9:], "get it again"),
    "a mark": (lambda data: b"\xef\xbb\xbf" + data, "no line"),
    "other line ends": (lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), "no line"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [name for name, files in LISTS.items() if files])
def test_what_downloads_and_editors_leave(name, way, bare):
    damage, words = WAYS[way]
    before = preparation.look(find(name), bare[name]).clips["clip_id"].tolist()
    for file in LISTS[name]:
        if file.endswith((".npy", ".mf")):
            continue
        path = min(path for path in bare[name].rglob(file) if path.is_file())
        whole = path.read_bytes()
        try:
            path.write_bytes(damage(whole))
            line = line_of(preparation.look, find(name), bare[name])
            if line is None:
                assert preparation.look(find(name), bare[name]).clips["clip_id"].tolist() == before
            else:
                assert words in line and file in line
        finally:
            path.write_bytes(whole)


# Lists of trainings


def sweep(tmp_path, content):
    """Call the command on a file; no corpus is prepared, so the best it can say is that there is none."""
    file = tmp_path / "runs.json"
    file.write_bytes(content)
    with within():
        result = CliRunner().invoke(program, ["sweep", str(file)])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("Error: ").removeprefix(f"{file}: ").strip()


RUNS = {  # what the file holds: what the line says
    '"text"': "run must be an object with named values, got 'text'",
    "null": "run must be an object with named values, got None",
    "[1]": "run must be an object with named values, got 1",
    "[]": "no run in it",
    "": "not JSON",
    '{"model": {"budget": "x"}}': "model.budget must be a number, got 'x'",
    '{"model": {"layer_widths": 3}}': "layer_widths must be a list of numbers within 1 … 4096, got 3",
    '{"model": {"layer_widths": [0.5]}}': "layer_widths must be a list of numbers within 1 … 4096, got [0.5]",
    '{"view": {"n_fft": 1000000000}}': "view.n_fft must be a number of at most 16384, got 1000000000",
    '{"view": null}': "view must be an object with named values, got None",
    '{"clip_seconds": 1e999}': "run.clip_seconds must be a number of at most 2147483648, got inf",
    '{"seed": NaN}': "run.seed must be a number of at most 2147483648, got nan",
    '{"grid": ["seed"]}': "grid must be an object with named values, got ['seed']",
    '{"grid": null}': "grid must be an object with named values, got None",
    '{"grid": {"seed": 3}}': "grid.seed must be a list, got 3",
    '{"grid": {"model__structure": "crnn"}}': "grid.model__structure must be a list, got 'crnn'",
    '{"grid": {"seed": []}}': "grid must have 1 to 100,000 combinations, got 0 of seed",
    '{"grid": {"self": [1]}}': "unknown value 'self' of a run",
    '{"grid": {"base": [1]}}': "unknown value 'base' of a run",
    '{"grid": {}, "base": []}': "run must be an object with named values, got []",
    '{"corpus": "a\\u0000b"}': "no corpus named 'a\\x00b'",
    "[" * 100_000: "not JSON",
}


@pytest.mark.parametrize("content", RUNS, ids=range(len(RUNS)))
def test_a_list_of_runs_that_cannot_be_used_is_one_line(content, tmp_path):
    assert RUNS[content] in sweep(tmp_path, content.encode())


def test_a_grid_that_is_too_large_is_not_made(tmp_path):
    grid = {name: list(range(1, 1000)) for name in ("seed", "n_train", "threads", "subset_seed")}
    assert "grid must have 1 to 100,000 combinations" in sweep(tmp_path, json.dumps({"grid": grid}).encode())


def test_a_list_of_runs_in_another_encoding_is_read(tmp_path):
    for encoding in ("utf-16", "utf-8-sig", "utf-32"):
        assert sweep(tmp_path, '{"corpus": "café"}'.encode(encoding)).startswith("no corpus named 'café'")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def edited(draw, whole):
    """Draw JSON like another, with a value replaced, removed, or named otherwise."""
    content = json.loads(whole)
    place, key = None, None
    for _ in range(draw(st.integers(1, 6))):
        inside = content if place is None else place[key]
        if not isinstance(inside, (dict, list)) or not inside:
            break
        place, key = (inside, draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside)))))
    if place is None:
        return json.dumps(draw(VALUES)).encode()
    change = draw(st.sampled_from(["replace", "remove", "rename"]))
    old = place[key]
    if change == "replace":
        place[key] = draw(VALUES)
    else:
        del place[key]
    if change == "rename" and isinstance(place, dict):
        place[draw(st.text(max_size=8))] = old
    return json.dumps(content).encode()


SWEEP = json.dumps({
    "base": {
        "corpus": "none", "n_train": 10, "training": {"epochs": 1}, "view": {"kind": "stft", "scale": 2.0},
        "model": {"structure": "k2c2", "budget": 0.1, "layer_widths": [4, 4]},
    },
    "grid": {"seed": [0, 1], "model__structure": ["crnn", "k2c2"]},
})  # fmt: skip


@FUZZ
@given(content=edited(SWEEP))
def test_edited_lists_of_runs(content, tmp_path):
    sweep(tmp_path, content)


@FUZZ
@given(damage=damages())
def test_damaged_lists_of_runs(damage, tmp_path):
    sweep(tmp_path, damage(SWEEP.encode()))


# Builds of the book: executed copies, and what was kept of one


def snapshot():
    row = dict.fromkeys(compare._KEPT, "x") | {"estimate": 0.5, "low": 0.1, "high": 1, "n": 3}
    page = {"numbers": {"auc": "0.9"}, "parameters": {"seed": 0}, "provenance": {"device": "x"}}
    return json.dumps({"pages": {"a": page, "b": {"numbers": {}}}, "evidence": [{"page": "a", "number": 1, **row}]})


def compared(tmp_path, content):
    """Compare a whole snapshot with another that is damaged."""
    (tmp_path / "whole.json").write_text(snapshot())
    (tmp_path / "other.json").write_bytes(content)
    pair = [str(tmp_path / "whole.json"), str(tmp_path / "other.json")]
    for first, second in (pair, reversed(pair)):
        result = CliRunner().invoke(program, ["compare", first, second])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.stderr.count("\n") == result.exit_code
    return result.stderr


@pytest.mark.parametrize(
    "content",
    [
        '{"pages": [], "evidence": {}}',
        '{"pages": {"a": []}, "evidence": []}',
        '{"pages": {"a": {"numbers": {"x": 1}}}, "evidence": []}',
        '{"pages": {}, "evidence": [{"page": "a"}]}',
        "",
        "[" * 100_000,
    ],
    ids=range(6),
)
def test_a_snapshot_with_wrong_types_is_one_line(content, tmp_path):
    assert "not a snapshot of a build" in compared(tmp_path, content.encode())


@FUZZ
@given(content=edited(snapshot()))
def test_edited_snapshots(content, tmp_path):
    compared(tmp_path, content)


@FUZZ
@given(damage=damages())
def test_damaged_snapshots(damage, tmp_path):
    compared(tmp_path, damage(snapshot().encode()))


COPIES = [b"", b"null", b"[]", b"{}", b'{"cells": 3}', b'{"cells": [1], "metadata": []}', b'{"cells": [{"out', b"\xff"]


@pytest.mark.parametrize("content", COPIES)
def test_a_damaged_executed_copy_is_stale_and_one_line(content, tmp_path):
    path = builder.executed_path("book/02_background", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert builder.is_stale("book/02_background", {}, tmp_path)
    for read in (compare.summarise, lambda build: claims.collect([path]), lambda build: errata.collect(path)):
        assert line_of(read, tmp_path).endswith("; run `make book`")
    result = CliRunner().invoke(program, ["compare", "published", str(tmp_path)])
    assert result.exit_code == 1 and result.stderr.count("\n") == 1


def test_a_damaged_executed_copy_is_not_released(tmp_path):
    for page in builder.notebooks():
        builder.executed_path(page, tmp_path).parent.mkdir(parents=True, exist_ok=True)
        builder.executed_path(page, tmp_path).touch()
    (tmp_path / "html").mkdir()
    (tmp_path / "html/index.html").touch()
    assert "call `make release`" in line_of(release.write, tmp_path)


# What this program keeps: a file without a digest is one of an earlier version, or edited by hand


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A home with a corpus, and a run that was trained on it."""
    home = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(home))
        toy.write(n_clips=20)
        (run,) = sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
    return home, run.key


def without_digest(path):
    content = json.loads(path.read_text())
    del content["digest"]
    return json.dumps(content)


def read_corpus(*_):
    opened = Corpus.open("tones")
    opened.verify()
    for split in ("train", "valid", "test"):
        opened.check_losses(split)
        opened.batch(opened.split(split)[:2], 1000)
    return repr(opened), opened.fingerprint, opened.labels(), list(opened.tags["name"]), opened.left_out


def read_run(key):
    run = runs.named(key)
    found = report.Evaluation(run, Corpus.open(run.spec.corpus))
    features.from_run(run)
    return found.summary(), found.worst()


@pytest.mark.parametrize("file", ["corpora/tones/corpus.json", "runs/*/record.json", "runs/*/spec.json"])
@FUZZ
@given(data=st.data())
def test_edited_descriptions_of_what_is_kept(file, data, kept, monkeypatch):
    home, key = kept
    monkeypatch.setenv("MTLIB_HOME", str(home))
    (path,) = home.glob(file)
    whole = path.read_bytes()
    try:
        path.write_bytes(data.draw(edited(without_digest(path))))
        line_of(read_corpus)
        line_of(read_run, key)
        for words in ("runs list", f"runs show {key}", "runs prune --outdated", "check --corpus tones"):
            result = CliRunner().invoke(program, words.split())
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            assert result.stderr.count("\n") == result.exit_code
    finally:
        path.write_bytes(whole)


PAGE = json.dumps({"metadata": {"mtlib": {}}, "cells": [
    {"cell_type": "code", "outputs": [{"data": {kind: {"a": 1}}, "metadata": {"scrapbook": {"name": "x"}}}]}
    for kind in (claims.MIME, errata.MIME, compare.pages.MIME, "application/papermill.record/text/plain")
]})  # fmt: skip


@FUZZ
@given(content=edited(PAGE))
def test_edited_executed_copies(content, tmp_path):
    path = builder.executed_path("book/02_background", tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    builder.is_stale("book/02_background", {}, tmp_path)
    for read in (compare.summarise, lambda build: claims.collect([path]), lambda build: errata.collect(path)):
        line_of(read, tmp_path)


@FUZZ
@given(name=st.text(max_size=5), value=VALUES, damage=damages())
def test_parameters_of_a_page_are_text_or_json(name, value, damage):
    text = damage(f"{name}={json.dumps(value)}".encode()).decode("utf-8", "replace")
    line_of(command._parameters, (text,))


# Tables of this project


RECIPES = ("drums", "eras", "genre_tags", "genres", "instruments", "progressions", "relations", "styles")


@pytest.mark.parametrize("file", [f"{name}.csv" for name in RECIPES])
@settings(FUZZ, max_examples=6)
@given(damage=damages())
def test_damaged_recipes(file, damage, recipe_folder):
    whole = (paths.DATA / "synthetic" / file).read_bytes()
    try:
        (recipe_folder / file).write_bytes(damage(whole))
        line_of(recipes.load, recipe_folder)
    finally:
        (recipe_folder / file).write_bytes(whole)


@pytest.fixture(scope="module")
def recipe_folder(tmp_path_factory):
    return shutil.copytree(paths.DATA / "synthetic", tmp_path_factory.mktemp("recipes") / "synthetic")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'a\n"1'])
def test_a_damaged_record_is_one_line(content, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    (tmp_path / "results").mkdir()
    for suffix in (".csv", ".json"):
        (tmp_path / f"results/x{suffix}").write_bytes(content)
    assert "check it out again" in line_of(recorded.read, "x")
    assert "check it out again" in line_of(recorded.origin, "x")
