"""A score: what a composed clip is before it sounds. The composer writes it, the renderer plays it.

Conventions
    Times are in seconds from the clip's start, pitches are MIDI numbers, levels are in decibels. A score
    holds plain values and NumPy arrays only, and its seeds decide everything random in its sound: the same
    score sounds the same alone, in a batch and in any process.
"""

from dataclasses import dataclass

import numpy as np

NOTE = np.dtype([("start", "<f8"), ("duration", "<f8"), ("pitch", "u1"), ("velocity", "u1")])
"""One note: start and duration in seconds, MIDI pitch (a drum's number in drum parts), velocity 1 to 127."""

ROLES = ("drums", "bass", "comping", "lead", "pad", "voice", "effect")
"""What a part does; an effect is a sound event."""

MANNERS = ("sung", "rapped", "spoken")
"""How a voice is used: long vowels, short syllables in rhythm, or gliding syllables in free rhythm."""

ERAS = ("60s", "70s", "80s", "90s", "00s", "modern")
"""Decades of production; the first five are tags."""

LOWEST, HIGHEST = 36, 84
"""Pitches that every program plays safely at 24 kHz; the composer keeps within, the renderer clamps."""


@dataclass(frozen=True, eq=False)
class Part:
    """One instrument or voice.

    Attributes
    ----------
    program : int
        General-MIDI program, 0 to 127 (not 78 and 122, which the soundfont plays wrongly); for drums the kit.
    is_drum : bool
    notes : np.ndarray [shape=(n_notes,), dtype=NOTE]
        In order of their starts; may overlap.
    level_db : float
        Level in the mix, 0 for the main part.
    role : str
        One of `ROLES`.
    gender : {"", "female", "male"}
        Of a voice.
    manner : {"", "sung", "rapped", "spoken"}
        Of a voice.
    """

    program: int
    is_drum: bool
    notes: np.ndarray
    level_db: float
    role: str
    gender: str = ""
    manner: str = ""


@dataclass(frozen=True)
class Production:
    """What recording and mixing do to the sum of the parts, in the order of the fields.

    Attributes
    ----------
    era : str
        One of `ERAS`; the numbers below already follow from it.
    strength : float
        How strongly the era shows, 0 to 1.
    reverb_seconds : float
        Time to −60 dB.
    reverb_mix : float
        Energy of the reverberation against the dry sound, 0 to 1.
    tilt_db : float
        Slope of the spectrum about 1 kHz in decibels an octave; above zero is bright.
    saturation, compression : float
        0 (none) to 1.
    low_hz, high_hz : float
        Edges of the band that is kept, 0 and half the sample rate or more for all of it.
    noise_db : float
        Tape noise against the music, in decibels; −90 and less is none.
    level_db : float
        Root-mean-square level of the clip against full scale; peaks stay below 1.
    seed : int
        Of the noise, the reverberation and the voices.
    eq_db : tuple of float
        Gains of an equaliser in decibels, its sliders evenly in octaves from 60 Hz to 6 kHz; it acts with the
        tilt.
    """

    era: str
    strength: float
    reverb_seconds: float
    reverb_mix: float
    tilt_db: float
    saturation: float
    compression: float
    low_hz: float
    high_hz: float
    noise_db: float
    level_db: float
    seed: int
    eq_db: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Score:
    """A composed clip.

    Attributes
    ----------
    parts : tuple of Part
    production : Production
    seconds : float
        Length; notes may end later and are cut.
    seed : int
        What is random beyond the production.
    """

    parts: tuple[Part, ...]
    production: Production
    seconds: float
    seed: int
