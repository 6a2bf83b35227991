"""Files and folders that belong to somebody else: one line that names them, and the rest goes on."""

import ctypes
import os
import shutil
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from papermill.exceptions import PapermillExecutionError

from book.builder import build
from miniatures import sound
from mtlib.__main__ import program
from mtlib.base import paths, published
from mtlib.base.errors import InputError, refused
from mtlib.corpora.synthetic.rendering import player, render, soundfont
from mtlib.networks import tagging


class _Capabilities(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


@pytest.fixture(autouse=True)
def rights_hold():
    """Let the rights of files hold for root too, while a test runs."""
    if os.name == "nt" or (os.geteuid() == 0 and sys.platform != "linux"):
        pytest.skip("root obeys no rights here")
    header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (_Capabilities * 2)()
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.capget(header, held)
    before = held[0].effective
    held[0].effective = before & ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    assert libc.capset(header, held) == 0
    yield
    held[0].effective = before
    assert libc.capset(header, held) == 0


@pytest.fixture
def home(tones_home, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_BUILD", str(tones_home / "build"))
    monkeypatch.chdir(tmp_path)
    return tones_home


def folder(*parts, mode=0o555, holds=""):
    """Return a step that makes a folder below the home, with a file if one is named, and takes its rights."""

    def take(home):
        path = home.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        if holds:
            (path / holds).touch()
        path.chmod(mode)
        return path

    return take


def file(pattern):
    """Return a step that makes a file of the home unreadable."""

    def take(home):
        path = next(home.glob(pattern))
        path.chmod(0)
        return path

    return take


def executed(home):
    """Take the rights of the folder of executed pages in a build."""
    build.mark(home / "build")
    return folder("build", "executed", "book")(home)


SPEC = '[{"corpus": "tones", "n_train": 10, "training": {"epochs": 1}}]'


@pytest.mark.parametrize(
    ("take", "command"),
    [
        (folder("corpora"), "prepare gtzan_genre --root {gtzan} --jobs 1"),
        (folder("soundfonts"), "prepare synthetic --profile smoke --jobs 1"),
        (folder("theirs"), "check gtzan_genre --root {gtzan} --jobs 1 --report {home}/theirs/report.csv"),
        (folder("gtzan", "genres", "rock", mode=0), "check gtzan_genre --root {home}/gtzan --jobs 1"),
        (folder("corpora", "tones", mode=0), "sweep spec.json"),
        (file("corpora/tones/audio/*.npy"), "sweep spec.json"),
        (folder("runs"), "sweep spec.json --jobs 1"),
        (folder("runs", mode=0), "runs list"),
        (folder("runs", "abc.unfinished", holds="state.safetensors"), "runs prune --delete"),
        (folder("theirs"), "features {song} --network mfcc -o {home}/theirs/features.npz"),
        (folder("build"), "execute thesis_index"),
        (folder("build"), "book --profile smoke --no-browser"),
        (executed, "execute thesis_index"),
        (folder("theirs"), "snapshot build --to {home}/theirs/kept.json"),
    ],
    ids=lambda value: value.split(" -")[0] if isinstance(value, str) else "",
)
def test_what_is_refused_is_one_line(take, command, home, tree, tmp_path, monkeypatch):
    monkeypatch.setattr(player, "_player", None)  # another test's knows its soundfont already
    monkeypatch.setattr(render, "_bank", type(render._bank)())  # and its notes
    soundfont.tuned.cache_clear()
    shutil.copytree(tree("gtzan_genre").root, home / "gtzan")
    song = sound(home / "song.wav", 500, 3.0)
    (tmp_path / "spec.json").write_text(SPEC)
    path = take(home)
    words = [word.format(gtzan=tree("gtzan_genre").root, home=home, song=song) for word in command.split()]
    result = CliRunner().invoke(program, words)
    path.chmod(0o755)
    assert isinstance(result.exception, SystemExit) and result.exit_code == 1, result.output
    assert result.stderr.count("\n") == 1 and str(path) in result.stderr
    assert "ermission denied" in result.stderr


def test_other_files_go_on(home):
    songs = [sound(home / f"music/{i}/song.wav", 400 + 100 * i, 3.0) for i in range(3)]
    songs[0].chmod(0)
    songs[1].parent.chmod(0)
    given = [str(songs[0]), str(home / "music")]
    result = CliRunner().invoke(program, ["features", *given, "--network", "mfcc", "-o", "features.npz"])
    songs[1].parent.chmod(0o755)
    assert result.exit_code == 1 and "3 files are left out, see above" in result.stderr
    assert sum("ermission denied" in line for line in result.stderr.splitlines()) == 3
    assert np.load("features.npz")["files"].tolist() == [str(songs[2])]


def test_an_unreadable_folder_is_not_an_empty_one(home):
    song = sound(home / "music/song.wav", 500, 3.0)
    song.parent.chmod(0)
    found, problems, _ = tagging.find_audio([song.parent])
    song.parent.chmod(0o755)
    assert found == [] and len(problems) == 1 and "Permission denied" in problems[0]


def test_an_unreadable_published_file_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path))
    artifact = next(iter(published.ARTIFACTS.values()))
    artifact.path.parent.mkdir(parents=True)
    artifact.path.write_bytes(bytes(artifact.n_bytes))
    artifact.path.chmod(0)
    with pytest.raises(InputError, match=f"{artifact.path} cannot be read; check its owner and rights"):
        published.fetch(artifact.name)
    listed = CliRunner().invoke(program, ["fetch", "--list"])
    assert listed.exit_code == 1 and "1 files cannot be read; check their owner and rights" in listed.stderr
    assert f"1 unreadable in {tmp_path}" in listed.stdout


@pytest.mark.parametrize(("value", "n_lines"), [("[Errno 13] Permission denied: '/a'", 0), ("seven", 2)])
def test_a_cell_that_is_refused_a_file_shows_no_traceback(home, monkeypatch, capsys, value, n_lines):
    def fail(*arguments, **options):
        raise PapermillExecutionError(2, 2, "cell", "PermissionError", value, ["Traceback", "line 1"])

    monkeypatch.setattr(build.papermill, "execute_notebook", fail)
    with pytest.raises(InputError, match=f"cell 3: PermissionError: {value[:5]!s}".replace("[", r"\[")):
        build.execute("book/thesis_index", {}, paths.build(), str)
    assert capsys.readouterr().err.count("\n") == n_lines


def test_an_error_without_a_file_keeps_its_words():
    assert refused(OSError("unable to\n open file")) == "unable to open file"
    assert refused(OSError()) == "OSError"
    moved = refused(PermissionError(1, "Operation not permitted", "/from", None, "/to\nhere"))
    assert moved.startswith(r"'/to\nhere': Operation not permitted; ")
