"""Parameters: names and values are checked, because papermill only warns."""

import pytest

from mtlib.base import profiles
from mtlib.base.errors import InputError

GOOD = {"profile": "quick", "corpus": "synthetic", "seed": 0, "device": "auto", "scheduler": ""}


def test_good_parameters_become_settings():
    settings = profiles.check({**GOOD, "clip": "x", "_hidden": 1, "profiles": profiles, "In": []}, own=("clip",))
    assert settings.profile is profiles.PROFILES["quick"]
    assert settings.own == {"clip": "x"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profle": "cpu"}, "unknown parameter 'profle'; this chapter has"),
        ({"profile": "fast"}, "unknown profile 'fast'; choose one of smoke, quick, cpu, gpu"),
        ({"profile": 3}, "profile must be of type str, got 3"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": True}, "seed must be of type int, got True"),
        ({"seed": "1"}, "seed must be of type int, got '1'"),
        ({"device": "gpu"}, "device must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ({"scheduler": "localhost"}, "scheduler must be empty or tcp://HOST:PORT"),
        ({"corpus": "/data/mtat"}, "a corpus is named, never a path"),
    ],
)
def test_bad_parameters_are_told(change, words, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    with pytest.raises(InputError, match=words):
        profiles.check({**GOOD, **change})


def test_a_prepared_corpus_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    (tmp_path / "corpora" / "mtat").mkdir(parents=True)
    with pytest.raises(InputError, match="unknown corpus"):  # its preparation did not end
        profiles.check({**GOOD, "corpus": "mtat"})
    for name in ("fma", "synthetic-smoke"):
        (tmp_path / "corpora" / name).mkdir()
        (tmp_path / "corpora" / name / "corpus.json").write_text("{}")
    with pytest.raises(InputError, match=r"a path: synthetic, fma\. Another is prepared first: python"):
        profiles.check({**GOOD, "corpus": "mtat"})
    (tmp_path / "corpora" / "mtat" / "corpus.json").write_text("{}")
    assert profiles.check({**GOOD, "corpus": "mtat"}).corpus == "mtat"


def test_a_missing_parameter_is_told():
    with pytest.raises(InputError, match="parameter seed is not set"):
        profiles.check({name: value for name, value in GOOD.items() if name != "seed"})


def test_a_notebook_shows_bad_input_in_one_line():
    assert InputError("seed must be at least 0, got -1")._render_traceback_() == [
        "InputError: seed must be at least 0, got -1"
    ]
