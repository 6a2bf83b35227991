"""Scores that are not music: sound events of General-MIDI effects and figures, and speech-like voices.

They are stand-ins: an engine is a low note struck 20 times a second, a siren a slow rise and fall of
steps.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from ..recipes import DRUMS
from .composer import compose as compose_music
from .score import NOTE, Part, Score


def _notes(
    starts: np.ndarray, durations: np.ndarray | float, pitches: np.ndarray | int, velocity: int = 104
) -> np.ndarray:
    found = np.empty(len(starts), NOTE)
    found["start"], found["duration"] = starts, durations
    found["pitch"] = np.clip(pitches, 36, 84)
    found["velocity"] = velocity
    return found


def _scattered(seconds: float, rng: np.random.Generator, most: int) -> np.ndarray:
    """Draw one to `most` starts."""
    return np.sort(rng.uniform(0, 0.8 * seconds, rng.integers(1, most + 1)))


def _regular(seconds: float, per_second: float, rng: np.random.Generator) -> np.ndarray:
    """Return starts at a rate, from a random moment of the first half second on."""
    return np.arange(rng.uniform(0, 0.5), seconds, 1 / per_second)


def _effect(program: int, most: int, length: tuple[float, float], pitch: tuple[int, int]) -> Callable:
    def make(seconds: float, rng: np.random.Generator) -> Part:
        starts = _scattered(seconds, rng, most)
        durations = rng.uniform(*length, len(starts))
        return Part(program, False, _notes(starts, durations, rng.integers(*pitch, len(starts))), 0.0, "effect")

    return make


def _repeated(program: int, rate: tuple[float, float], pitch: tuple[int, int], drum: str = "") -> Callable:
    def make(seconds: float, rng: np.random.Generator) -> Part:
        per_second = rng.uniform(*rate)
        starts = _regular(seconds, per_second, rng)
        key = DRUMS[drum] if drum else rng.integers(*pitch) + rng.integers(0, 2, len(starts))
        notes = _notes(starts, 0.9 / per_second, key)
        notes["velocity"] = rng.integers(88, 120, len(starts))
        return Part(program, bool(drum), notes, 0.0, "effect")

    return make


def _siren(seconds: float, rng: np.random.Generator) -> Part:
    step, period = 0.05, rng.uniform(0.8, 2.5)
    starts = np.arange(0, seconds, step)
    rise = np.abs((starts / period + rng.random()) % 1 * 2 - 1)
    two_tone = rng.random() < 0.4
    pitches = 70 + (np.where(rise > 0.5, 5, 0) if two_tone else np.rint(rise * 12))
    return Part(80, False, _notes(starts, step * 1.2, pitches), 0.0, "effect")


def _horn(seconds: float, rng: np.random.Generator) -> Part:
    starts = _scattered(seconds, rng, 4)
    low = int(rng.integers(60, 68))
    both = np.tile([low, low + 4], len(starts))
    return Part(
        56, False, _notes(np.repeat(starts, 2), np.repeat(rng.uniform(0.2, 1.0, len(starts)), 2), both),
        0.0, "effect",
    )  # fmt: skip


EVENTS: dict[str, Callable | None] = {
    "birds": _effect(123, 6, (0.3, 1.5), (55, 75)),
    "telephone": _effect(124, 2, (1.0, 2.5), (55, 70)),
    "helicopter": _effect(125, 1, (2.5, 4.0), (48, 66)),
    "applause": _effect(126, 1, (2.5, 4.0), (50, 68)),
    "gun_shot": _effect(127, 3, (0.5, 1.5), (48, 66)),
    "siren": _siren,
    "car_horn": _horn,
    "engine": _repeated(38, (14, 26), (36, 44)),
    "jackhammer": _repeated(0, (9, 15), (0, 1), "snare"),
    "street_music": None,
}
"""What makes each event; None is music, heard from afar."""


def compose(latents: pd.DataFrame, seed: int, seconds: float) -> list[Score]:
    """Compose clips with one kind of event each, over the hum of other sounds.

    Parameters
    ----------
    latents : pd.DataFrame
        With a column ``event``.
    seed : int
    seconds : float
    """
    found = []
    for score, (number, event) in zip(
        compose_music(latents.drop(columns="event"), seed, seconds), latents["event"].items(), strict=True
    ):
        rng = np.random.default_rng([seed, int(number), 1])
        make = EVENTS[event]
        place = dataclasses.replace(
            score.production, noise_db=float(rng.uniform(-30, -12)), reverb_mix=float(rng.uniform(0, 0.4)),
            level_db=float(rng.uniform(-30, -18)),
        )  # fmt: skip
        if make is None:
            found.append(dataclasses.replace(score, production=dataclasses.replace(place, reverb_mix=0.6)))
            continue
        behind = tuple(dataclasses.replace(part, level_db=part.level_db - rng.uniform(14, 24)) for part in score.parts)
        parts = (make(seconds, rng), *(behind if rng.random() < 0.5 else ()))
        found.append(dataclasses.replace(score, parts=parts, production=place))
    return found


def speech(score: Score, bed: bool) -> Score:
    """Keep the voice of a score, with soft music under it or none."""
    voice = tuple(part for part in score.parts if part.role == "voice")
    music = tuple(
        dataclasses.replace(part, level_db=part.level_db - 16) for part in score.parts if part.role != "voice"
    )
    return dataclasses.replace(score, parts=voice + (music if bed else ()))
