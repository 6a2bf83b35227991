"""Melodies for leads and voices: a motif in the scale that comes back as often as repetition says."""

from dataclasses import dataclass

import numpy as np

from .harmony import Chord, ladder

Note = tuple[float, float, int, int]
"""Step from the bar's start (sixteenths, may be fractional), length in steps, pitch, velocity."""


@dataclass(frozen=True)
class Style:
    """How a melody moves.

    Attributes
    ----------
    density : float
        Share of the eighths that begin a note, 0 to 1.
    length : float
        Share of the time to the next note that a note sounds.
    low, high : int
        Range of pitches.
    leap : float
        Standard deviation of a step between notes, in rungs of the scale.
    repetition : float
        Probability that a bar takes up the motif.
    sixteenths : bool
        Notes may begin on any sixteenth.
    free : bool
        Starts leave the grid, as in speech.
    """

    density: float
    length: float
    low: int
    high: int
    leap: float
    repetition: float
    sixteenths: bool = False
    free: bool = False


def bars(
    chords: list[Chord], n_steps: int, key: int, major: bool, style: Style, rng: np.random.Generator
) -> list[list[Note]]:
    """Write a melody over the chords of a clip's bars.

    Parameters
    ----------
    chords : list of Chord
        The first chord of each bar.
    n_steps : int
        Sixteenths a bar.

    Returns
    -------
    list of list of Note
        A list a bar.
    """
    pentatonic = (0, 1, 2, 4, 5) if major else (0, 2, 3, 4, 6)
    rungs = ladder(key, major, style.low, style.high, pentatonic if rng.random() < 0.5 else range(7))
    place = int(rng.integers(len(rungs) // 3, max(2 * len(rungs) // 3, len(rungs) // 3 + 1)))
    motif = _motif(n_steps, style, rng)
    found = []
    for chord in chords:
        if rng.random() >= style.repetition:
            motif = _motif(n_steps, style, rng)
            place = int(np.clip(place + rng.integers(-2, 3), 0, len(rungs) - 1))
        starts, lengths, moves = motif
        here = np.clip(place + moves, 0, len(rungs) - 1)
        pitches = rungs[here]
        tones = (key + chord.root + np.array(chord.tones)) % 12
        strong = np.isin(starts.astype(int) % 8, (0,))
        snapped = rungs[np.isin(rungs % 12, tones)]
        if len(snapped):  # strong beats take a tone of the chord
            nearest = snapped[np.abs(snapped[None, :] - pitches[:, None]).argmin(axis=1)]
            pitches = np.where(strong, nearest, pitches)
        velocities = rng.integers(84, 108, len(starts)) + 8 * strong
        found.append(list(zip(starts.tolist(), lengths.tolist(), pitches.tolist(), velocities.tolist(), strict=True)))
    return found


def _motif(n_steps: int, style: Style, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw starts, lengths (both in sixteenths) and moves (in rungs) of a bar."""
    grid = np.arange(0, n_steps, 1 if style.sixteenths else 2)
    weight = np.where(grid % 4 == 0, 1.25, 0.85)
    starts = grid[rng.random(len(grid)) < style.density * weight].astype(float)
    if not len(starts):
        starts = grid[[0]].astype(float)
    if style.free:
        starts = np.sort(np.clip(starts + rng.normal(0, 0.4, len(starts)), 0, n_steps - 0.5))
    lengths = np.maximum(np.diff(np.append(starts, n_steps)) * style.length, 0.4)
    moves = np.rint(np.cumsum(rng.normal(0, style.leap, len(starts))))
    moves -= np.rint(moves.mean())
    return starts, np.minimum(lengths, 12), moves.astype(int)
