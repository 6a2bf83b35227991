"""Where a result goes is checked before the work, and a place that cannot hold it is one line."""

import os

import pytest
from click.testing import CliRunner

from book.builder import compare
from miniatures import sound
from mtlib.__main__ import program
from mtlib.corpora.datasets import preparation
from mtlib.training import features, runs

COMMANDS = {
    "check": ("check gtzan_genre --root music --jobs 1 --report {}.csv", preparation, "check"),
    "prepare": ("prepare gtzan_genre --root music --jobs 1 --report {}.csv", preparation, "look"),
    "features": ("features music --network mfcc -o {}.npz", features, "of_windows"),
    "snapshot": ("snapshot build --to {}.json", compare, "summarise"),
    "evaluate": ("evaluate abc --html {}.html", runs, "named"),
    "evaluate a table": ("evaluate abc --csv {}.csv", runs, "named"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "music/a.wav", 300, 1.0)
    (tmp_path / "file").touch()
    return tmp_path


@pytest.mark.parametrize("place", ["a folder", "a device", "below a file"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_place_is_checked_before_the_work(name, place, here, monkeypatch):
    command, module, work = COMMANDS[name]
    target = here / command.rpartition(" ")[2].format("file/out" if place == "below a file" else "out")
    if place == "a folder":
        target.mkdir()
    elif place == "a device":
        os.mkfifo(target)
    monkeypatch.setattr(module, work, lambda *_, **__: pytest.fail("the work began"))
    result = CliRunner().invoke(program, command.format(target.with_suffix("")).split())
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("Error: "), result.stderr
    assert target.exists() == (place != "below a file") and not target.is_file()


@pytest.mark.parametrize("place", ["file/logs", "file"])
def test_the_folder_of_curves_is_tried_before_the_training(place, here):
    result = CliRunner().invoke(program, ["train", "nothing", "--log-dir", str(here / place)])
    assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit), result.exception
    assert str(here / place) in result.stderr and "no corpus named" not in result.stderr
