"""The bench: one player a sound, keyboard-operable, nothing unlicensed in a public build."""

import re

import numpy as np
import pytest

from book.experiments.understanding import listening
from book.experiments.understanding.listening import Panel, Sound
from mtlib.base.errors import InputError

TONE = np.sin(np.arange(12_000) / 5).astype(np.float32)


def sound(label: str, samples: np.ndarray = TONE) -> Sound:
    return Sound(label, "onset correlation 0.50 <", np.outer(np.arange(96), np.arange(140)), samples)


@pytest.fixture
def panels():
    rows = {"Layer 1": [sound("Feature 1-3"), sound("Feature 1-4", np.zeros(12_000, np.float32))]}
    return [Panel("Ours", sound("Original"), rows, True), Panel("A song", sound("Original"), rows, False)]


def test_every_sound_has_its_picture_words_and_player(panels):
    page = listening.bench(panels, "g").data
    assert page.count("<audio ") == 4 and page.count(">silent<") == 2
    assert page.count("alt='") == page.count("<img ") == 6
    assert page.count("<details name='g'") == 2 and page.count(" open>") == 1
    assert "0.50 &lt;" in page and "<script" not in page
    assert len(set(re.findall(r"aria-label='([^']*)'", page))) == 2


def test_a_public_build_leaves_songs_out(panels, monkeypatch):
    monkeypatch.setenv("PUBLIC", "1")
    page = listening.bench(panels, "g").data
    assert page.count("<audio ") == 2 and page.count("not in the public build") == 2


def test_files_go_beside_the_page_and_stay_small(panels, monkeypatch, tmp_path):
    monkeypatch.setenv("MTLIB_MEDIA", str(tmp_path))
    page = listening.bench(panels, "g").data
    names = set(re.findall(r"src='../media/([^']+)'", page))
    assert {path.name for path in tmp_path.iterdir()} == names
    assert all(path.stat().st_size < 6_000 for path in tmp_path.iterdir())  # one second
    assert len(page) < 6 * 6_000


def test_pictures_of_any_size_and_value_are_drawn():
    for values in (np.zeros((96, 10)), np.full((257, 200), -3.5), np.random.default_rng(0).normal(size=(30, 300))):
        assert listening.thumbnail(values).startswith("data:image/png;base64,")


def test_an_empty_bench_is_refused():
    with pytest.raises(InputError, match="at least one panel"):
        listening.bench([], "g")
