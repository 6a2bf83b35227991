"""Places, names and signs of a reader's machine: its folders, startup files, kernels and encodings."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
import requests
from click.testing import CliRunner

from book.builder import build
from miniatures import sound
from mtlib.__main__ import program
from mtlib.base import paths, profiles
from mtlib.base.errors import InputError
from mtlib.corpora.datasets import DATASETS, labels_only

PARAMETERS = 'profile = "quick"\ncorpus = "synthetic"\nseed = 0\ndevice = "auto"\nscheduler = ""'
CELL = """
import sys
from mtlib.base import paths, profiles
settings = profiles.check(globals())
print(settings.profile.name, settings.seed, sys.executable, paths.home(), paths.build(), sep="|")
"""
PROGRAM = """
import os
from pathlib import Path
from mtlib.base import paths
from book.builder import build
paths.ROOT = Path("root").absolute()
os.chdir(paths.ROOT)
build.execute("page", {"profile": "smoke"}, paths.build(), str)
"""


def at(folder, **variables):
    """Return an environment in which a folder is the reader's home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MTLIB_", "IPYTHON", "JUPYTER"))}
    return kept | {"HOME": str(folder), "PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"} | variables


def test_a_chapter_runs_on_a_reader_s_machine(tmp_path):
    """With a startup file, another environment's kernel named python3, relative folders and no locale."""
    startup = tmp_path / ".ipython/profile_default/startup/00-mine.py"
    startup.parent.mkdir(parents=True)
    startup.write_text("from pathlib import Path\nfrom math import pi\nseed = 'of the startup'\n1 / 0\n")
    (tmp_path / "python.py").write_text("rcParams = {}\nopen('not there')\n")
    kernel = tmp_path / "jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["/usr/bin/false"], "display_name": "Python 3 of another", "language": "python"}')
    cells = [nbformat.v4.new_code_cell(text) for text in (PARAMETERS, CELL)]
    cells[0].metadata["tags"] = ["parameters"]
    (tmp_path / "root").mkdir()
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=python), tmp_path / "root/page.ipynb")
    variables = {"JUPYTER_PATH": str(tmp_path / "jupyter"), "MTLIB_HOME": "mine", "MTLIB_BUILD": "~/build",
                 "PYTHONSTARTUP": str(tmp_path / "python.py"), "LC_ALL": "C"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=at(tmp_path, **variables), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    notebook = json.loads((tmp_path / "build/executed/page.ipynb").read_text(encoding="utf-8"))
    text = "".join("".join(output.get("text", "")) for output in notebook["cells"][-1]["outputs"])
    home, made = tmp_path / "mine", tmp_path / "build"
    assert text.strip() == f"smoke|0|{sys.executable}|{home}|{made}"


def test_this_python_s_kernel_is_started_whatever_is_installed(tmp_path, monkeypatch):
    kernel = tmp_path / "kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for content in ('{"argv": ["Rscript"], "display_name": "R", "language": "R"}', "", "[]"):
        kernel.write_text(content)
        assert build._Kernel(kernel_name="python3").kernel_spec.argv[:3] == [sys.executable, "-m", "ipykernel_launcher"]


GOOD = {"profile": "quick", "corpus": "synthetic", "seed": 0, "device": "auto", "scheduler": ""}


def test_names_of_a_startup_file_are_no_parameters():
    shell = SimpleNamespace(user_ns_hidden={"Path": 1, "np": 2, "seed": 3})
    namespace = GOOD | {"Path": 1, "np": 2, "get_ipython": lambda: shell}
    assert profiles.check(namespace).seed == 0
    with pytest.raises(InputError, match="unknown parameter 'sede'"):
        profiles.check(namespace | {"sede": 1})
    with pytest.raises(InputError, match="seed must be of type int"):  # the startup's, and no parameters cell
        profiles.check(namespace | {"seed": "3"})


@pytest.mark.parametrize("variable", ["MTLIB_HOME", "MTLIB_BUILD", "MTLIB_PUBLISHED", "MTLIB_REAL"])
def test_a_folder_is_where_it_was_when_it_was_named(variable, tmp_path, monkeypatch):
    folder = getattr(paths, variable.removeprefix("MTLIB_").lower())
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for value, expected in (("~/a b", "me/a b"), ("a/../b", "b"), ("é", "é"), (str(tmp_path / "c"), "c")):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(variable, value)
        assert folder() == tmp_path / expected
        monkeypatch.chdir("/")
        assert folder() == tmp_path / expected and os.environ[variable] == str(tmp_path / expected)
    monkeypatch.setenv(variable, "")
    assert folder().is_absolute() and folder() != tmp_path


def test_a_root_may_begin_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "music/music_speech/music_wav/a.wav", 300, 30.0, 2_000)
    (tmp_path / "music/music_speech/speech_wav").mkdir()
    result = CliRunner().invoke(program, ["check", "gtzan_speech_music", "--root=~/music", "--jobs", "1"])
    assert "1 of 1 clips can be used" in result.output
    result = CliRunner().invoke(program, ["check", "gtzan_speech_music", "--root=~nobody-of-this-name/music"])
    assert result.exit_code == 1 and "no such folder" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_what_an_output_cannot_show_is_escaped(encoding, tmp_path):
    for folder in ("music_wav", "speech_wav"):
        sound(tmp_path / f"music_speech/{folder}/caf\N{LATIN SMALL LETTER E WITH ACUTE}→.wav", 300, 30.0, 2_000)
    command = ["-m", "mtlib", "prepare", "gtzan_speech_music", "--root", str(tmp_path), "--jobs", "1"]
    variables = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "MTLIB_HOME": "home"}
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=at(tmp_path, **variables), capture_output=True, encoding=encoding
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert r"2 clips \u2192 0.0 GB" in done.stdout and "note: 2 of 128 clips found" in done.stdout
    assert done.stderr.startswith("Error: the corpus is ready without the clips above")


@pytest.mark.parametrize("name", ["synthetic", "synthetic-quick", "synthetic-genre-smoke"])
@pytest.mark.parametrize("more", [["mtg_jamendo"], ["mtg_jamendo", "--labels-only"]])
def test_the_name_of_composed_music_is_refused(name, more, tree, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    root = str(tree("mtg_jamendo").root)
    result = CliRunner().invoke(program, ["prepare", *more, "--root", root, "--name", name, "--jobs", "1"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {name} is the name of a corpus that is composed here; choose another --name\n"
    assert not (tmp_path / "corpora").exists()


@pytest.mark.parametrize("name", [*DATASETS, "artifacts", "later"])
def test_to_list_what_is_there_downloads_nothing(name, tmp_path, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("asked the network")

    monkeypatch.setattr(requests.sessions.Session, "request", refuse)
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "published"))
    result = CliRunner().invoke(program, ["fetch", name, "--list"])
    assert result.exit_code == 0, result.output
    if name == "magnatagatune":
        assert "missing  mp3.zip.001" in result.stdout and "missing  annotations_final.csv" in result.stdout
        (tmp_path / "datasets/magnatagatune").mkdir(parents=True)
        (tmp_path / "datasets/magnatagatune/mp3.zip.001").touch()
        assert "present  mp3.zip.001" in CliRunner().invoke(program, ["fetch", name, "--list"]).stdout


def test_labels_only_expands_a_tilde(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tree("mtg_jamendo").root.parent))
    made = labels_only.prepare("mtg_jamendo", f"~/{tree('mtg_jamendo').root.name}")
    assert len(made) == 3
