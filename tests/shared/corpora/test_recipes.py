import shutil

import pytest

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.corpora.synthetic import recipes


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(paths.DATA / "synthetic", tmp_path / "recipes")


def test_the_recipes_are_valid():
    found = recipes.load()
    assert len(found.genres) >= 24
    assert (found.genres["prior"] == 0).any(), "target tasks need genres that the source does not have"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("genres.csv", "jazz,6,140", "jazz,6,fast", r"row \d+ \(jazz\), field bpm"),
        ("genres.csv", "funk,4,106", "funk,4,500", r"row \d+ \(funk\), field bpm: must be within 40 … 220"),
        ("genres.csv", "slap_bass finger_bass", "slap_base", r"\(funk\), field bass: must be one of"),
        ("genres.csv", "0.06,0.5,0.44", "0.06,0.5,0.6", "row soul, fields instrumental, female, male: must sum"),
        ("instruments.csv", "piano,0,", "piano,78,", r"\(piano\), field program"),
        ("instruments.csv", "piano,0,40,84", "piano,0,40,96", r"\(piano\), field high: must be within 36 … 84"),
        ("drums.csv", "rock,kick,X.......X.x.....", "rock,kick,X...", r"\(rock\), field steps"),
        ("drums.csv", "rock,kick,", "rock,gong,", r"\(rock\), field drum: must be one of"),
        ("progressions.csv", "I bVII IV I", "I bVII IX I", r"field chords: must match"),
        ("genre_tags.csv", "jazz,jazz,1", "jaz,jazz,1", r"\(jaz\), field tag"),
        ("relations.csv", "synonym,chillout,chill", "synonym,chill,chill", "field other"),
        ("eras.csv", "era,low_hz", "era,low", "columns must be"),
    ],
)
def test_a_wrong_recipe_names_its_row_and_field(folder, file, old, new, message):
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        recipes.load(folder)
