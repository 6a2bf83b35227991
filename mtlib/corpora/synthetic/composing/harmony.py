"""Chords and scales: from Roman numerals to pitches (MIDI numbers; keys are 0, C, to 11)."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....base.errors import InputError

_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_KINDS = {
    ("", True): (0, 4, 7), ("", False): (0, 3, 7), ("5", True): (0, 7, 12), ("5", False): (0, 7, 12),
    ("7", True): (0, 4, 7, 10), ("7", False): (0, 3, 7, 10), ("maj7", True): (0, 4, 7, 11),
    ("maj7", False): (0, 3, 7, 11), ("9", True): (0, 4, 7, 10, 14), ("9", False): (0, 3, 7, 10, 14),
}  # fmt: skip

SCALES = {True: np.array([0, 2, 4, 5, 7, 9, 11]), False: np.array([0, 2, 3, 5, 7, 8, 10])}
"""Major (True) and natural minor, in semitones above the key."""


@dataclass(frozen=True)
class Chord:
    """A chord above a key.

    Attributes
    ----------
    root : int
        Semitones above the key, 0 to 11.
    tones : tuple of int
        Semitones above the root.
    """

    root: int
    tones: tuple[int, ...]

    def degree(self, name: str) -> int:
        """Return semitones of r, 3, 5, 6, 7 or 8 above the root."""
        third = self.tones[1] if self.tones[1] in (3, 4) else 7
        seventh = self.tones[3] if len(self.tones) > 3 else 10
        return {"r": 0, "3": third, "5": 7, "6": 9, "7": seventh, "8": 12}[name]


@functools.cache
def chord(numeral: str) -> Chord:
    """Read a Roman numeral: ``bVII``, ``ii7``, ``IVmaj7``, ``I5`` (root and fifth only)."""
    found = re.fullmatch(r"(b?)([IViv]+)(maj7|5|7|9)?", numeral)
    if found is None:
        raise InputError(f"unknown chord {numeral!r}; write it like bVII, ii7, IVmaj7 or I5")
    flat, degree, kind = found.groups()
    root = (_DEGREES[degree.upper()] - bool(flat)) % 12
    return Chord(root, _KINDS[kind or "", degree.isupper()])


def voicing(chord: Chord, key: int, centre: float, low: int, high: int) -> list[int]:
    """Place the chord's tones as near to a centre as they go, within a range of at least an octave.

    Returns
    -------
    list of int
        Pitches, rising, without doubles.
    """
    found = set()
    for tone in chord.tones:
        pitch = key + chord.root + tone
        pitch += 12 * round((centre - pitch) / 12)
        found.add(fold(pitch, low, high))
    return sorted(found)


def fold(pitch: float, low: int, high: int) -> int:
    """Move a pitch by octaves into a range of at least an octave."""
    pitch = int(pitch)
    if pitch < low:
        pitch += 12 * -((pitch - low) // 12)
    elif pitch > high:
        pitch -= 12 * -((high - pitch) // 12)
    return pitch


def ladder(key: int, major: bool, low: int, high: int, keep: Sequence[int] = range(7)) -> np.ndarray:
    """Return the scale's pitches within a range, as rungs for a melody.

    Parameters
    ----------
    keep : sequence of int
        Steps of the scale to use, 0 to 6.
    """
    steps = SCALES[major][list(keep)]
    pitches = np.arange(low, high + 1)
    return pitches[np.isin((pitches - key) % 12, steps)]
