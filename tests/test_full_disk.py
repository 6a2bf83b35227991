"""Every place that writes, on a disk that is full: one line, nothing half-written, and it goes on afterwards.

The limit on a file's size makes every write beyond it fail, as a full disk does.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
import soundfile
from click.testing import CliRunner

import miniatures
import toy
from book.builder import build, compare
from book.experiments.transfer import protocols
from mtlib.__main__ import program
from mtlib.base import paths, published
from mtlib.base.errors import InputError
from mtlib.corpora.datasets import downloads, find, preparation
from mtlib.corpora.synthetic.rendering import soundfont
from mtlib.evidence import recorded
from mtlib.page import pages
from mtlib.training import features, loading, sweeps


@contextmanager
def files_of_at_most(n_bytes):
    """Let no file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("MTLIB_HOME", str(home))
    return home


@pytest.fixture
def server(tmp_path):
    """Serve a folder with one file of 100 kB."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file.npy").write_bytes(bytes(100_000))
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/file.npy", downloads.sha256(folder / "file.npy")
        http.shutdown()


def command(*arguments):
    """Run a command; a line on standard error and status 1 are an `InputError`."""
    result = CliRunner().invoke(program, list(map(str, arguments)))
    if result.exit_code:
        assert isinstance(result.exception, SystemExit), result.exception
        (line,) = result.stderr.splitlines()
        raise InputError(line)
    return result


def spectrograms(home, *_):
    return lambda: loading.Clips(toy.write(n_clips=10), {}).kept()


def features_of_a_corpus(home, *_):
    tones = toy.write(n_clips=10)
    return lambda: features.of_corpus(tones, None, range(5))


def features_of_files(home, *_):
    soundfile.write(home / "a.wav", 0.1 * np.sin(np.arange(24_000)), 12_000)
    return lambda: command("features", home / "a.wav", "-o", home / "f.npz", "--network", "mfcc")


def a_run(home, *_):
    toy.write()
    return lambda: sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)


def a_corpus(home, tmp_path, *_):
    root = miniatures.MAKERS["gtzan_genre"](tmp_path / "gtzan").root
    return lambda: preparation.prepare(find("gtzan_genre"), root)


def labels(home, *_):
    tones = toy.write(n_clips=5_000 // 500)
    labels = np.zeros((10, 4), np.int8)
    return lambda: tones.add_labels("x", labels, {"note": "x" * 100_000})


def a_recorded_table(home, tmp_path, monkeypatch, *_):
    monkeypatch.setattr(paths, "DATA", home)
    table = pd.DataFrame({"i": range(30_000), "x": 0.123456})
    return lambda: recorded.write("t", table, ["i"], command="none")


def a_transfer_score(home, tmp_path, monkeypatch, *_):
    arrays = {"clips": np.arange(20_000), "predictions": np.zeros(20_000)}
    result = protocols.Result("T3", "mfcc", "thesis", 0, 0.5, (0.5,), (4,), "c", 0, 0.1, **arrays)
    monkeypatch.setattr(protocols, "key", lambda *_: "k")
    monkeypatch.setattr(protocols, "load", lambda *_: None)
    monkeypatch.setattr(protocols, "evaluate", lambda *_, **__: result)
    return lambda: protocols.run("T3", "mfcc", "thesis")


def a_soundfont(home, *_):
    def make():
        soundfont.tuned.cache_clear()
        return soundfont.tuned()

    return make


def a_player(home, tmp_path, monkeypatch, *_):
    monkeypatch.setenv("MTLIB_MEDIA", str(home / "media"))
    noise = np.random.default_rng(0).normal(0, 0.1, 240_000)
    return lambda: pages.sound_source(noise, 24_000)


def _executed(home):
    path = build.executed_path("book/02_background", home)
    path.parent.mkdir(parents=True)
    text = {"source": "x" * 100_000, "cell_type": "markdown"}
    number = {"data": {"application/papermill.record/text/plain": "'" + "1" * 100_000 + "'"},
              "output_type": "display_data", "metadata": {"scrapbook": {"name": "n"}}}  # fmt: skip
    path.write_text(
        json.dumps({"cells": [text, {"cell_type": "code", "outputs": [number]}], "metadata": {"mtlib": {}}})
    )
    return path


def a_snapshot(home, *_):
    _executed(home)
    return lambda: compare.save(home, home / "kept.json")


def an_executed_page(home, tmp_path, monkeypatch, *_):
    written = _executed(tmp_path).read_text()

    def run(source, target, **_):
        Path(target).write_text(written)

    monkeypatch.setattr(papermill, "execute_notebook", run)
    return lambda: build.execute("book/02_background", {}, home / "build", say=len)


def the_book(home, tmp_path, monkeypatch, *_):
    def run(*_, **__):
        made = home / "staging" / "_build" / "html"
        made.mkdir(parents=True, exist_ok=True)
        with files_of_at_most(1 << 20):
            (made / "index.html").write_text("x" * 100_000)
        return subprocess.CompletedProcess([], 0, stdout="")

    build.mark(home)
    (home / "html").mkdir()
    (home / "html" / "index.html").write_text("the last good book")
    (home / "extra").mkdir()
    (home / "extra" / "ledger.json").write_text("{}")
    _executed(home)
    monkeypatch.setattr(subprocess, "run", run)
    return lambda: build.render(home, say=len)


def a_renderer(home, tmp_path, monkeypatch, *_):
    """jupyter-book itself meets the full disk."""
    the_book(home, tmp_path, monkeypatch)
    limit = partial(resource.getrlimit, resource.RLIMIT_FSIZE)
    done = subprocess.run

    def run(*arguments, **options):
        full = limit()[0] == 50_000
        words = "Traceback …\nOSError: [Errno 28] No space left on device: 'x'"
        return subprocess.CompletedProcess([], 1, stdout=words) if full else done(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", run)
    return lambda: build.render(home, say=len)


def a_download(home, tmp_path, monkeypatch, server):
    return lambda: downloads.download(server[0], home / "file.npy", server[1])


def a_published_file(home, tmp_path, monkeypatch, server):
    monkeypatch.setenv("MTLIB_PUBLISHED", str(home / "published"))
    some = next(iter(published.ARTIFACTS.values()))
    artifact = replace(some, name="a/file.npy", url=server[0], n_bytes=100_000, checksum=server[1])
    monkeypatch.setitem(published.ARTIFACTS, "a/file.npy", artifact)
    return lambda: published.fetch("a/file.npy")


def an_archive(home, tmp_path, *_):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.mp3").write_bytes(np.random.default_rng(0).bytes(100_000))
    parts = miniatures.slices(tmp_path / "source", tmp_path)
    return lambda: downloads.unpack(parts, home / "mp3")


WRITERS = (
    spectrograms, features_of_a_corpus, features_of_files, a_run, a_corpus, labels, a_recorded_table,
    a_transfer_score, a_soundfont, a_player, a_snapshot, an_executed_page, the_book, a_renderer, a_download,
    a_published_file, an_archive,
)  # fmt: skip

SMALL = (features_of_a_corpus, features_of_files)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_a_full_disk_is_one_line_and_no_loss(writer, home, tmp_path, monkeypatch, server):
    write = writer(home, tmp_path, monkeypatch, server)
    before = content(home)
    for n_bytes in (1_000,) if writer in SMALL else (50_000, 1_000):
        with files_of_at_most(n_bytes), pytest.raises(InputError) as caught:
            write()
        words = str(caught.value)
        assert "\n" not in words and ("File too large" in words or "No space left" in words), words
        after = content(home)
        assert before.items() <= after.items()
        assert not [path for path in after if path.suffix in (".tmp", ".unfinished")]
    write()
    assert set(content(home)) > set(before) or writer is the_book or writer is a_renderer


def test_a_report_that_cannot_be_written_is_printed(home, tmp_path, monkeypatch):
    root = miniatures.MAKERS["gtzan_genre"](tmp_path / "gtzan").root
    next(root.rglob("*.wav")).write_bytes(b"")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparation.Report, "save", full)
    report = tmp_path / "report.csv"
    result = CliRunner().invoke(program, ["check", "gtzan_genre", "--root", str(root), "--jobs", "1",
                                          "--report", str(report)])  # fmt: skip
    assert result.exit_code == 1
    assert "clip_id,path,split,status" in result.stdout and ",empty," in result.stdout
    assert result.stderr == (
        f"Error: {report} cannot be written ([Errno 28] No space left on device); its lines are above\n"
    )


@pytest.mark.parametrize("name", ["no/report.csv", "folder"])
def test_a_report_is_tried_before_the_work(name, home, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(preparation, "check", lambda *_, **__: pytest.fail("the work began"))
    with pytest.raises(InputError, match=r"cannot be written \((No such|it is a folder)"):
        command("check", "gtzan_genre", "--root", tmp_path, "--report", tmp_path / name)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("arguments", [["--help"], ["fetch", "--list"]])
def test_output_to_a_full_device_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mtlib", *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
            cwd=paths.ROOT,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Error: No space left on device\n"
