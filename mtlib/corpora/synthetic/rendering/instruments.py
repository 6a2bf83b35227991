"""The sound of one note of one General-MIDI instrument, from the soundfont that comes with pretty_midi.

`play` is the only function that touches the synthesiser (symusic). It ignores velocities, cuts a note at
its end, explodes on two programs and can stay in its loop for ever on high notes: velocity, release and
mixing are therefore ours (`render`), and it runs in a process that can be killed (`player`).

Conventions
    A sound is a note held for all of its length, float32 [shape=(n_samples,)], at full velocity.
    `data/synthetic/soundfont.csv` holds what a sweep over all programs, kits and pitches found (``python
    tests/benchmarks/synthetic.py sweep``): at `RATE` nothing from 24 to 90 hangs.
"""

import csv
import functools
from typing import NamedTuple

import numpy as np

from ....base import paths
from ....base.errors import InputError
from . import soundfont

RATE = 44_100
"""Sample rate the synthesiser works at, in hertz: at lower rates cymbals fold back into the band we keep."""

DRUM_SECONDS = 2.0
"""Length a drum rings, whatever the length of its note."""


class Range(NamedTuple):
    """Pitches an instrument plays: all from `low` to `high` but the `gaps`."""

    low: int
    high: int
    gaps: frozenset[int]


@functools.cache
def table() -> dict[tuple[bool, int], dict[str, str]]:
    """Return what the sweep found: one row per program or kit, by whether it is a kit and its number.

    Each row has ``low``, ``high``, ``gaps`` (pitches between them that are silent) and ``problem`` (empty, or
    why the instrument is not to be used).
    """
    with open(paths.DATA / "synthetic" / "soundfont.csv", newline="") as file:
        return {(row["is_drum"] == "1", int(row["program"])): row for row in csv.DictReader(file)}


@functools.cache
def check(program: int, is_drum: bool) -> Range:
    """Refuse what the soundfont cannot play, and return the pitches of what it can.

    Raises
    ------
    InputError
        If the program does not exist, is no kit of the soundfont, or is played wrongly.
    """
    kind, row = "drum kit" if is_drum else "program", table().get((is_drum, program))
    if row is None:
        known = [str(number) for drum, number in table() if drum == is_drum]
        raise InputError(f"{kind} {program} does not exist; choose one of {', '.join(known)}")
    if row["problem"]:
        raise InputError(f"{kind} {program} cannot be played ({row['problem']}); choose another")
    return Range(int(row["low"]), int(row["high"]), frozenset(map(int, row["gaps"].split())))


def play(program: int, is_drum: bool, pitch: int, seconds: float) -> np.ndarray:
    """Play one note. May never return: call it through `player`.

    Returns
    -------
    np.ndarray [shape=(n_samples,), dtype=float32]
        At `RATE`, up to a sample or two longer than `seconds`.
    """
    import symusic

    score = symusic.Score(960, ttype="second")
    track = symusic.Track(program=program, is_drum=is_drum, ttype="second")
    track.notes.append(symusic.Note(0.0, seconds, pitch, 100, ttype="second"))
    score.tracks.append(track)
    # one that has played before does not play every note as a new one does; a new one costs 0.3 ms
    synthesizer = symusic.Synthesizer(str(soundfont.tuned()), RATE, 0)
    return np.ascontiguousarray(synthesizer.render(score, stereo=False)[0])
