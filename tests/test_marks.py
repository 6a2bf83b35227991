"""Nothing of the reader's is deleted or replaced: without a mark of ours, one line, and all stays."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

import toy
from book.builder import build
from mtlib.__main__ import program
from mtlib.base import files, paths, published
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.datasets import downloads
from mtlib.training import runs


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def everything(folder):
    links = {path: os.readlink(path) for path in folder.rglob("*") if path.is_symlink()}
    files_there = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return links | {path: data for path, data in files_there.items() if path.suffix != ".lock"}


def refused(folder, *command):
    """Run a command that must end with one line and change nothing below a folder; return the line."""
    before = everything(folder)
    done = CliRunner().invoke(program, command)
    assert done.exit_code == 1 and everything(folder) == before
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("Error: ") and "Traceback" not in done.output
    return line


@pytest.mark.parametrize("link", [False, True])
def test_prepare_does_not_touch_raw_files_in_the_place_of_the_corpus(home, tree, tmp_path, link):
    place = home / "corpora/gtzan_genre"
    raw = tmp_path / "raw" if link else place
    shutil.copytree(tree("gtzan_genre").root, raw)
    if link:
        place.parent.mkdir(parents=True)
        place.symlink_to(raw)
    line = refused(tmp_path, "prepare", "gtzan_genre", "--root", str(raw), "--jobs", "1")
    assert str(place) in line and ("leads through a link" if link else "choose another name with --name") in line


def spoiled(content):
    def spoil(folder):
        folder.mkdir(parents=True)
        (folder / "corpus.json").write_text(content)

    return spoil


def linked(part):
    def spoil(folder):
        toy.write(n_clips=10)
        shutil.move(folder / part, folder.parents[2] / "elsewhere")
        (folder / part).symlink_to(folder.parents[2] / "elsewhere")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoiled('{"name": "their corpus"}'), "holds files of another kind, such as corpus.json"),
        (spoiled("not JSON"), "holds files of another kind, such as corpus.json"),
        (linked("audio"), "leads through a link"),
        (linked("labels"), "leads through a link"),
    ],
)
def test_a_folder_that_is_not_a_corpus_of_ours_is_refused(home, tmp_path, spoil, words):
    spoil(home / "corpora/tones")
    before = everything(tmp_path)
    with pytest.raises(InputError, match=words):
        toy.write(n_clips=10, seed=1)
    assert everything(tmp_path) == before


def test_a_corpus_loses_only_files_of_its_own(home):
    toy.write(n_clips=10)
    folder = home / "corpora/tones"
    old = set(folder.rglob("*.npy"))
    theirs = [folder / name for name in ("notes.txt", "audio/song.wav", "labels/mine.npy", "mp3/a/b.tmp")]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
    left = folder / "audio/.00000-0123456789ab.npy.123.tmp"
    left.write_text("of an interrupted preparation")
    toy.write(n_clips=10, seed=1)
    assert [path.read_text() for path in theirs] == ["theirs"] * 4 and not left.exists()
    assert not any(path.exists() for path in old)
    (folder / "corpus.json").write_text("")  # damaged: what is not ours is not mixed with it
    with pytest.raises(InputError, match="holds files of another kind"):
        toy.write(n_clips=10, seed=1)


def test_a_corpus_of_an_earlier_version_is_used_and_brought_up_to_date(home):
    expected = toy.write(n_clips=10).pcm([3])
    for path in (home / "corpora/tones").rglob("*.json"):
        path.write_text(json.dumps(files.read_json(path)))  # without digests
    assert "digest" not in (home / "corpora/tones/corpus.json").read_text()
    np.testing.assert_array_equal(Corpus.open("tones").pcm([3]), expected)
    np.testing.assert_array_equal(toy.write(n_clips=10).pcm([3]), expected)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A web server's folder, named as the build folder."""
    monkeypatch.setenv("MTLIB_BUILD", str(tmp_path / "www"))
    for name in ("html/index.html", "html.old/index.html", "extra/media/0123456789abcdef.mp3"):
        (tmp_path / "www" / name).parent.mkdir(parents=True)
        (tmp_path / "www" / name).write_text("theirs")
    return tmp_path / "www"


@pytest.mark.parametrize("command", ["book", "execute 2"])
def test_a_build_does_not_touch_a_folder_that_is_none(home, site, command):
    line = refused(site, *command.split(), "--profile", "smoke")
    assert f"{site} holds " in line and "set MTLIB_BUILD to a new folder" in line


def executed(folder):
    path = build.executed_path("book/02_background", folder)
    path.parent.mkdir(parents=True)
    notebook = {"cells": [], "metadata": {"mtlib": {"source": "of an earlier version"}}}
    path.write_text(json.dumps(notebook, indent=1))


def test_only_a_build_is_marked(site, tmp_path):
    executed(site)  # somebody tried `execute` there before builds had marks
    with pytest.raises(InputError, match="which is not of a book built here"):
        build.mark(site)
    with pytest.raises(InputError, match="which is not of a book built here"):
        build.render(site)
    (site / "html/ledger.json").write_text("[]")  # a whole book of an earlier version
    assert build.mark(site) == site and build.mark(site) == site
    assert (site / build.TAG).read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    outer = tmp_path / "builds"
    build.mark(outer / "seed1")
    build.mark(outer)  # holds a build and nothing else
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / build.TAG).write_text("Signature: 8a477f597d28d172789f06886806bc55\n# cargo")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "cache", tmp_path / "file", tmp_path):
        with pytest.raises(InputError, match="which is not of a book built here"):
            build.mark(folder)
    shutil.move(site / "html", tmp_path / "deployed")
    (site / "html").symlink_to(tmp_path / "deployed")
    with pytest.raises(InputError, match="html leads through a link"):
        build.render(site)


def test_media_that_no_page_made_stay(tmp_path):
    executed(tmp_path)
    folder = tmp_path / "extra/media"
    folder.mkdir(parents=True)
    for name in ("theirs.mp3", "0123456789abcdef.mp3"):
        (folder / name).write_text("sound")
    build.drop_unused_media(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["theirs.mp3"]


@pytest.mark.parametrize(
    ("there", "is_kept"),
    [("page", True), ("book/CACHEDIR.TAG", False), ("CACHEDIR.TAG", False), ("executed/page", False)],
)
def test_make_clean_deletes_builds_alone(tmp_path, there, is_kept):
    path = tmp_path / "_build" / there
    path.parent.mkdir(parents=True)
    path.write_text("")
    make = ["make", "-f", str(paths.ROOT / "Makefile"), "clean"]
    done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True)
    assert path.is_file() == (done.returncode != 0) == is_kept
    assert ("Error: _build holds no book built here; nothing is deleted\n" in done.stderr) == is_kept


def test_prune_deletes_no_folder_with_files_of_others(home):
    left, theirs = (runs.store() / f"{name}.unfinished" for name in ("left", "thesis"))
    for folder, name in ((left, "state.safetensors"), (left, ".spec.json.12.tmp"), (theirs, "chapter.tex")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    assert "chapter.tex is not of a run; nothing was deleted" in refused(home, "runs", "prune", "--delete")
    shutil.rmtree(theirs)
    theirs.symlink_to(left)
    assert "leads through a link" in refused(home, "runs", "prune", "--delete")
    theirs.unlink()
    assert CliRunner().invoke(program, ["runs", "prune", "--delete"]).exit_code == 0 and not left.exists()


def test_outputs_replace_only_outputs_of_the_same_command(home, tree, tmp_path):
    sound = next(path for path in tree("gtzan_genre").root.rglob("*.wav"))
    commands = {
        "report.csv": ["check", "urbansound8k", "--root", str(tree("urbansound8k").root), "--jobs", "1"],
        "out.npz": ["features", str(sound), "-o", "out.npz", "--network", "mfcc"],
        "kept.json": ["snapshot", "build", "--to", "kept.json"],
    }
    executed(tmp_path / "build")
    for name, command in commands.items():
        (tmp_path / name).write_text("theirs, and longer than any mark")
        assert "was not written by this command and is kept" in refused(tmp_path, *command)
        (tmp_path / name).write_text("")
        for _ in range(2):
            done = CliRunner().invoke(program, command)
            assert done.exit_code == 0 and (tmp_path / name).stat().st_size, done.output


def test_a_download_replaces_no_other_file(home, tmp_path, monkeypatch):
    name, artifact = next(iter(published.ARTIFACTS.items()))
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "clone"))
    artifact.path.parent.mkdir(parents=True)
    artifact.path.write_text("a newer version of the author's file")
    with pytest.raises(InputError, match="neither used nor replaced: move it away"):
        published.fetch(name)
    (tmp_path / "annotations.csv").write_text("corrected by hand")
    with pytest.raises(InputError, match=r"annotations.csv is not the file that is fetched, and is kept"):
        downloads.download("http://127.0.0.1:9/annotations.csv", tmp_path / "annotations.csv", "0" * 64)
    assert (tmp_path / "annotations.csv").read_text() == "corrected by hand"
