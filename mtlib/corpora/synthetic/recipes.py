"""The recipes of the synthetic music: tables in ``data/synthetic``, validated when they are read.

========================  ==================================================================
``genres.csv``            a genre a row: tempo, styles, instruments, voices, moods, eras. A prior of 0
                          keeps it out of the source corpus: the target tasks use it
``instruments.csv``       names of programs, safe ranges, what kind of sound they are
``drums.csv``             a drum of a style a row; a step is a sixteenth: X accent, x, o soft, . none
``styles.csv``            bass (degrees r 3 5 6 7 8) and comping (c chord, p power chord, a next tone
                          of an arpeggio); - holds what sounds
``progressions.csv``      chords in Roman numerals, by family and mode
``eras.csv``              what a decade's production does at full strength
``genre_tags.csv``        how far a genre is described by a tag
``dances.csv``            drums and tempo of the dances of a target task
``relations.csv``         genre hierarchy, synonyms and musical similarity [Choi2018, §3.2.1]
========================  ==================================================================

A wrong entry is told with its file, row and field. Used by everything in `mtlib.corpora.synthetic`.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...base import paths
from ...base.errors import InputError
from ...base.tags import CATEGORY, TAGS
from .composing.score import ERAS, HIGHEST, LOWEST, MANNERS

DRUMS = {
    "kick": 36, "rim": 37, "snare": 38, "clap": 39, "closed_hat": 42, "pedal_hat": 44, "tom_low": 45,
    "open_hat": 46, "tom_mid": 47, "crash": 49, "tom_high": 50, "ride": 51, "tambourine": 54, "cowbell": 56,
    "bongo": 60, "conga": 63, "agogo": 67, "shaker": 70, "guiro": 73, "claves": 75, "woodblock": 76,
}  # fmt: skip
"""Drum names and their General-MIDI notes."""

FORMS = (
    "steady", "fills", "solo", "build", "drop", "break", "intro", "quiet_loud", "sections", "loop",
)  # fmt: skip
"""What happens over the clip; see `mtlib.corpora.synthetic.composing.forms`."""

RELATIONS = ("hierarchy", "synonym", "similarity")


@dataclass(frozen=True, eq=False)
class Recipes:
    """All tables.

    Attributes
    ----------
    genres, instruments, eras : pd.DataFrame
        Indexed by name; lists are tuples.
    drums : dict of str to dict of str to str
        Steps of each drum of each style.
    bass, comping : dict of str to str
        Steps of each style.
    progressions : pd.DataFrame
        Columns family, mode, per_bar, chords (tuples of numerals).
    affinity : np.ndarray [shape=(50, n_genres)]
        How far each tag describes each genre, 0 to 1.
    relations : pd.DataFrame
        Columns kind, tag, other: the tag belongs to, means, or resembles the other.
    """

    genres: pd.DataFrame
    instruments: pd.DataFrame
    eras: pd.DataFrame
    drums: dict[str, dict[str, str]]
    bass: dict[str, str]
    comping: dict[str, str]
    progressions: pd.DataFrame
    affinity: np.ndarray
    relations: pd.DataFrame


Check = Callable[[str], Any]


def _number(low: float, high: float) -> Check:
    def check(text: str) -> float:
        if not low <= float(text) <= high:
            raise ValueError(f"must be within {low} … {high}")
        return float(text)

    return check


def _one(names: Iterable[str], pattern: str = "") -> Check:
    names = tuple(names)

    def check(text: str) -> str:
        if pattern and re.fullmatch(pattern, text) is None:
            raise ValueError(f"must match {pattern}")
        if names and text not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return text

    return check


def _several(names: Iterable[str] = (), pattern: str = "") -> Check:
    one = _one(names, pattern)

    def check(text: str) -> tuple[str, ...]:
        if not text.split():
            raise ValueError("must name at least one")
        return tuple(one(name) for name in text.split())

    return check


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _read(path: Path, schema: dict[str, Check]) -> pd.DataFrame:
    """Read a table and convert every field; the first column names the row."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    if set(table.columns) != set(schema):
        odd = sorted(set(table.columns) ^ set(schema))
        raise InputError(f"{path.name}: columns must be {', '.join(schema)}; missing or unknown: {odd}")
    values: dict[str, list[Any]] = {field: [] for field in schema}
    for number, row in enumerate(table.to_dict("records")):
        for field, check in schema.items():
            try:
                values[field].append(check(row[field]))
            except ValueError as error:
                name = next(iter(row.values()))
                raise InputError(
                    f"{path.name}, row {number + 2} ({name}), field {field}: {error}, got {row[field]!r}"
                ) from None
    return pd.DataFrame(values)


def _named(path: Path, schema: dict[str, Check]) -> pd.DataFrame:
    table = _read(path, schema)
    name = next(iter(schema))
    if (twice := table[name][table[name].duplicated()]).size:
        raise InputError(f"{path.name}, field {name}: {twice.iloc[0]!r} occurs twice")
    return table.set_index(name)


def _program(text: str) -> int:
    if int(text) in (78, 122) or not 0 <= int(text) <= 127:
        raise ValueError("must be a program within 0 … 127, but not 78 or 122, which the soundfont breaks")
    return int(text)


def load(folder: Path = paths.DATA / "synthetic") -> Recipes:
    """Read and validate the recipes.

    Raises
    ------
    InputError
        With the file, the row and the field that is wrong.
    """
    unit, pitch, word = _number(0, 1), _number(LOWEST, HIGHEST), _one((), r"[a-z0-9_]+")
    instruments = _named(
        folder / "instruments.csv",
        {"name": word, "program": _program, "low": pitch, "high": pitch,
         **dict.fromkeys(("acoustic", "guitar", "sustained", "strings"), _flag)},
    )  # fmt: skip
    eras = _named(
        folder / "eras.csv",
        {"era": _one(ERAS), "low_hz": _number(0, 1000), "high_hz": _number(2000, 24000),
         "noise_db": _number(-90, -20), "saturation": unit, "compression": unit, "tilt_db": _number(-6, 6),
         "reverb_seconds": _number(0.1, 5), "reverb_mix": unit, "kit": _kit, "pad": _one(instruments.index)},
    ).reindex(ERAS)  # fmt: skip
    if eras["kit"].isna().any():
        raise InputError(f"eras.csv: all of {', '.join(ERAS)} are needed")
    drums: dict[str, dict[str, str]] = {}
    rows = _read(folder / "drums.csv", {"style": word, "drum": _one(DRUMS), "steps": _one((), "([Xxo.]{2}){4,12}")})
    for style, drum, steps in rows.itertuples(index=False):
        drums.setdefault(style, {})[drum] = steps
        if len({len(other) for other in drums[style].values()}) > 1:
            raise InputError(f"drums.csv, row {style}, field steps: drums of a style need equal lengths")
    styles = _read(
        folder / "styles.csv",
        {"style": word, "role": _one(("bass", "comping")), "steps": _one((), "[r35678cpa.-]{8,32}")},
    )
    bass, comping = (
        styles[styles["role"] == role].set_index("style")["steps"].to_dict() for role in ("bass", "comping")
    )
    progressions = _read(
        folder / "progressions.csv",
        {"family": word, "mode": _one(("major", "minor")), "per_bar": _number(0.25, 4),
         "chords": _several(pattern="b?(VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)(maj7|5|7|9)?")},
    )  # fmt: skip
    genres = _named(folder / "genres.csv", {
        "genre": _one((), r"[a-z0-9 -]+"), "prior": _number(0, 100), "bpm": _number(40, 220),
        "bpm_sd": _number(0, 40), "swing": unit, "drums": _several(drums), "kit": _kit,
        "progressions": _several(progressions["family"].unique()), "bass": _several(instruments.index),
        "bass_style": _several(bass), "comping": _several(instruments.index),
        "comping_style": _several(comping),
        "lead": _several(instruments.index), "lead_density": unit, "pad": _one(instruments.index),
        "pad_probability": unit, "forms": _several(FORMS), "instrumental": unit, "female": unit, "male": unit,
        "manner": _one(MANNERS), "valence": _number(-1, 1), "arousal": _number(-1, 1),
        **{_era_field(era): unit for era in ERAS}, "repetition": unit, "rhythmic": _flag,
    })  # fmt: skip
    for fields in (["instrumental", "female", "male"], [_era_field(era) for era in ERAS]):
        sums = genres[fields].sum(axis=1)
        if (wrong := sums[(sums - 1).abs() > 1e-6]).size:
            raise InputError(
                f"genres.csv, row {wrong.index[0]}, fields {', '.join(fields)}: must sum to 1, got {wrong.iloc[0]:g}"
            )
    return Recipes(
        genres, instruments, eras, drums, bass, comping, progressions,
        _affinity(folder, genres), _relations(folder),
    )  # fmt: skip


def _kit(text: str) -> int:
    if int(text) not in (0, 8, 16, 24, 25, 32, 40):
        raise ValueError("must be a drum kit: 0, 8, 16, 24, 25, 32 or 40")
    return int(text)


def _era_field(era: str) -> str:
    return era if era == "modern" else f"e{era[:2]}"


def _affinity(folder: Path, genres: pd.DataFrame) -> np.ndarray:
    genre_tags = [tag for tag in TAGS if CATEGORY[tag] == "genre"]
    table = _read(
        folder / "genre_tags.csv", {"tag": _one(genre_tags), "genre": _one(genres.index), "affinity": _number(0, 1)}
    )
    affinity = np.zeros((len(TAGS), len(genres)))
    for tag, genre, value in table.itertuples(index=False):
        affinity[TAGS.index(tag), genres.index.get_loc(genre)] = value
    if lacking := set(genre_tags) - set(table["tag"]):
        raise InputError(f"genre_tags.csv: no row for {sorted(lacking)[0]!r}")
    return affinity


def _relations(folder: Path) -> pd.DataFrame:
    known = _one(TAGS)
    table = _read(folder / "relations.csv", {"kind": _one(RELATIONS), "tag": known, "other": known})
    if (wrong := table[table["tag"] == table["other"]]).size:
        raise InputError(f"relations.csv, row {wrong.iloc[0, 1]!r}, field other: it relates to itself")
    return table


@functools.cache
def load_dances() -> pd.DataFrame:
    """Return the dances of the rhythm task: drums, bpm and swing by name (``dances.csv``)."""
    schema = {
        "dance": _one((), "[a-z-]+"), "drums": _one(standard().drums), "bpm": _number(56, 196),
        "swing": _number(0, 1),
    }  # fmt: skip
    return _named(paths.DATA / "synthetic" / "dances.csv", schema)


@functools.cache
def standard() -> Recipes:
    """Return the recipes of the repository, read once."""
    return load()
