"""From a clip's latents to its score: drums, bass, comping, pad, lead and voice over chords and a form.

A clip is an excerpt: its first bar may have begun before it. Everything random comes from the clip's own
generator, so a score depends on the seed, the clip's number and the recipes alone. Pitches keep
within what every program plays safely.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..recipes import DRUMS, Recipes, standard
from . import forms, melody
from .harmony import Chord, chord, fold, voicing
from .score import HIGHEST, LOWEST, NOTE, Part, Production, Score

RANGES = {"female": (57, 77), "male": (43, 62)}
"""Registers of the voices; they overlap by a fifth."""

VOICE_PROGRAM = 53
"""Program under a voice where it is not synthesised otherwise: voice oohs."""

EQ_DB, N_SLIDERS = 1.0, 8
"""Spread and number of the equaliser's gains: no two recordings have the same long-term spectrum."""

_VELOCITY = {"X": 118, "x": 92, "o": 58}
_FILLS = ("snare", "snare", "tom_high", "tom_high", "tom_mid", "tom_mid", "tom_low", "tom_low")


def compose(latents: pd.DataFrame, seed: int, seconds: float, recipes: Recipes | None = None) -> list[Score]:
    """Compose clips.

    Parameters
    ----------
    latents : pd.DataFrame
        From `mtlib.corpora.synthetic.population.latents.draw`, indexed by the clips' numbers.
    seed : int
        Of the corpus.
    seconds : float
        Length of each clip.
    recipes : Recipes, optional

    Returns
    -------
    list of Score
    """
    recipes = recipes or standard()
    rows = latents.astype(dict.fromkeys(latents.select_dtypes("category"), object)).to_dict("records")
    return [
        _Clip(row, np.random.default_rng([seed, int(number)]), seconds, recipes).score()
        for number, row in zip(latents.index, rows, strict=True)
    ]


@dataclass(eq=False)
class _Clip:
    """One clip while it is composed."""

    row: Mapping[str, Any]
    rng: np.random.Generator
    seconds: float
    recipes: Recipes

    def __post_init__(self) -> None:
        row = self.row
        self.pattern = self.recipes.drums[row["drums"]]
        self.n_steps = len(next(iter(self.pattern.values())))  # sixteenths a bar
        beat = 60 / row["bpm"]
        swung = np.array([0, 0.25, 0.5 + row["swing"] / 6, 0.75 + row["swing"] / 12])
        steps = np.arange(4 * self.n_steps)
        self.times = beat * (steps // 4 + swung[steps % 4])  # of steps, from the bar's start
        self.bar = beat * self.n_steps / 4
        self.begin = -row["offset"] * self.bar
        n_bars = math.ceil((self.seconds - self.begin) / self.bar)
        self.bars = self.begin + self.bar * np.arange(n_bars)
        centres = np.clip((self.bars + self.bar / 2) / self.seconds, 0, 1)
        self.has_drums = any(set(steps) - {"."} for steps in self.pattern.values())
        self.plan = forms.plan(row["form"], centres, self.has_drums)
        self.force = 1 + 0.18 * row["arousal"]

    def score(self) -> Score:
        row = self.row
        seed = int(self.rng.integers(2**31))
        parts = [self._drums(), self._bass(), self._comping(), self._pad(), self._lead(), self._voice()]
        kept = tuple(part for part in parts if part is not None and len(part.notes))
        gains = tuple(self.rng.normal(0, EQ_DB, N_SLIDERS).tolist())
        return Score(kept, production(row, self.recipes, seed, gains), self.seconds, seed + 1)

    def _chords(self, bar: int) -> list[tuple[int, int, Chord]]:
        """Return (first step, end, chord) of a bar."""
        table = self.recipes.progressions
        numerals = table["chords"].iat[self.row["progression"]]
        per_bar = table["per_bar"].iat[self.row["progression"]]
        shift = 2 * int(self.plan.section[bar])  # another section begins elsewhere in the progression
        if per_bar <= 1:
            return [(0, self.n_steps, chord(numerals[int(bar * per_bar + shift) % len(numerals)]))]
        n = int(per_bar)
        edges = [4 * round(self.n_steps * i / n / 4) for i in range(n)] + [self.n_steps]
        return [
            (edges[i], edges[i + 1], chord(numerals[(bar * n + i + shift) % len(numerals)]))
            for i in range(n)
            if edges[i] < edges[i + 1]
        ]

    def _part(self, role: str, name: str, notes: list[tuple], loose: float = 0.004) -> Part:
        """Turn (bar, step, length in steps, pitch, velocity) into a part."""
        instrument = self.recipes.instruments.loc[name]
        return self._made(role, int(instrument["program"]), False, notes, loose)

    def _made(self, role: str, program: int, is_drum: bool, notes: list[tuple], loose: float, **more: str) -> Part:
        gain = self.plan.gain[role]
        table = np.array(notes, np.float64).reshape(-1, 5)
        bar = table[:, 0].astype(int)
        starts = self.bars[bar] + np.interp(table[:, 1], np.arange(len(self.times)), self.times)
        ends = self.bars[bar] + np.interp(table[:, 1] + table[:, 2], np.arange(len(self.times)), self.times)
        velocity = np.clip(table[:, 4] * gain[bar] * self.force, 1, 127)
        found = np.empty(len(table), NOTE)
        found["start"] = starts + loose * self.rng.standard_normal(len(table))
        found["duration"] = np.maximum(ends - starts, 0.03)
        found["pitch"] = table[:, 3] if is_drum else np.clip(table[:, 3], LOWEST, HIGHEST)
        found["velocity"] = np.clip(velocity + self.rng.normal(0, 4, len(table)), 1, 127)
        sounding = (gain[bar] > 0) & (found["start"] < self.seconds) & (starts + found["duration"] > 0)
        found = found[sounding]
        cut = np.minimum(found["start"], 0)  # what began before the excerpt is heard from its start
        found["duration"] += cut
        found["start"] -= cut
        found = found[found["duration"] > 0.02]
        order = np.argsort(found["start"], kind="stable")
        return Part(program, is_drum, found[order], float(self.row[f"{role}_db"]), role, **more)

    def _drums(self) -> Part | None:
        if not self.has_drums:
            return None
        notes, plan = [], self.plan
        sparse = 0.3 - 0.4 * self.row["arousal"]  # calm music leaves out soft strokes
        for bar in range(len(self.bars)):
            last = self.n_steps - 4 * (1 + int(self.rng.random() < 0.4)) if plan.fill[bar] else self.n_steps
            for drum, steps in self.pattern.items():
                for step, stroke in enumerate(steps[:last]):
                    if stroke != "." and (stroke != "o" or self.rng.random() > sparse):
                        notes.append((bar, step, 1, DRUMS[drum], _VELOCITY[stroke]))
            for i in range(last, self.n_steps):
                notes.append((bar, i, 1, DRUMS[_FILLS[(i - last) % len(_FILLS)]], 100))
            if plan.accent[bar]:
                notes.append((bar, 0, 8, DRUMS["crash"], 112))
        loose = 0.002 if self.row["kit"] in (24, 25) else 0.006
        return self._made("drums", int(self.row["kit"]), True, notes, loose)

    def _bass(self) -> Part:
        notes, row = [], self.row
        events = _events(self.recipes.bass[row["bass_style"]])
        for bar in range(len(self.bars)):
            for first, end, here in self._chords(bar):
                for step, degree, length in _within(events, first, end):
                    pitch = fold(row["key"] + here.root + here.degree(degree), LOWEST, 55)
                    notes.append((bar, step, length * max(row["articulation"], 0.5), pitch, 100))
        return self._part("bass", row["bass"], notes)

    def _comping(self) -> Part:
        notes: list[tuple] = []
        row = self.row
        instrument = self.recipes.instruments.loc[row["comping"]]
        low, high = int(instrument["low"]), int(instrument["high"])
        events = _events(self.recipes.comping[row["comping_style"]])
        centre = 59 + 8 * row["valence"]
        tone = 0
        for bar in range(len(self.bars)):
            for first, end, here in self._chords(bar):
                pitches = voicing(here, row["key"], centre, low, high)
                power = [fold(row["key"] + here.root, 40, 51) + i for i in (0, 7, 12)]
                for step, kind, length in _within(events, first, end):
                    accent = 100 if step % 4 == 0 else 86
                    if kind == "a":
                        tone += 1
                        steps = [*pitches, pitches[0] + 12]
                        notes.append((bar, step, length + 1, min(steps[tone % len(steps)], high), accent))
                        continue
                    for i, pitch in enumerate(power if kind == "p" else pitches):
                        spread = 0.06 * i if instrument["guitar"] else 0  # a strum
                        notes.append((bar, step + spread, length * row["articulation"], pitch, accent - 2 * i))
        return self._part("comping", row["comping"], notes)

    def _pad(self) -> Part | None:
        row = self.row
        if not isinstance(row["pad"], str):
            return None
        instrument = self.recipes.instruments.loc[row["pad"]]
        notes = []
        for bar in range(len(self.bars)):
            for first, end, here in self._chords(bar):
                centre = 62 + 8 * row["valence"]
                for pitch in voicing(here, row["key"], centre, int(instrument["low"]), int(instrument["high"])):
                    notes.append((bar, first, end - first, pitch, 84))
        return self._part("pad", row["pad"], notes)

    def _lead(self) -> Part | None:
        row = self.row
        if not isinstance(row["lead"], str):
            return None
        instrument = self.recipes.instruments.loc[row["lead"]]
        sung = row["voice"] != "none"
        centre = 67 + 9 * row["valence"]
        low = int(np.clip(centre - 9, instrument["low"], instrument["high"] - 14))
        style = melody.Style(
            density=row["lead_density"] * (0.5 if sung else 1.0),
            length=row["articulation"], low=low, high=min(low + 19, int(instrument["high"])),
            leap=1.6, repetition=row["repetition"],
            sixteenths=row["lead_density"] > 0.65 or row["arousal"] > 0.6,
        )  # fmt: skip
        return self._part("lead", row["lead"], self._melody(style), loose=0.008)

    def _voice(self) -> Part | None:
        row = self.row
        if row["voice"] == "none":
            return None
        low, high = RANGES[row["voice"]]
        lift = round(2 * row["valence"])
        narrow = row["manner"] != "sung"
        style = melody.Style(
            density={"sung": 0.6, "rapped": 0.8, "spoken": 0.7}[row["manner"]],
            length=0.95 if row["manner"] == "sung" else 0.7,
            low=low + lift + (3 if narrow else 0), high=high + lift - (7 if narrow else 0),
            leap=0.6 if narrow else 1.3, repetition=0.0 if narrow else row["repetition"],
            sixteenths=narrow, free=row["manner"] == "spoken",
        )  # fmt: skip
        notes = self._melody(style)
        return self._made("voice", VOICE_PROGRAM, False, notes, 0.012, gender=row["voice"], manner=row["manner"])

    def _melody(self, style: melody.Style) -> list[tuple]:
        chords = [self._chords(bar)[0][2] for bar in range(len(self.bars))]
        row = self.row
        bars = melody.bars(chords, self.n_steps, row["key"], bool(row["major"]), style, self.rng)
        return [(bar, *note) for bar, notes in enumerate(bars) for note in notes]


@functools.cache
def _events(steps: str) -> tuple[tuple[int, str, int], ...]:
    """Read steps into (step, symbol, length in steps)."""
    found = []
    for i, symbol in enumerate(steps):
        if symbol not in ".-":
            end = i + 1
            while end < len(steps) and steps[end] == "-":
                end += 1
            found.append((i, symbol, end - i))
    return tuple(found)


def _within(events: tuple, first: int, end: int) -> list[tuple[int, str, int]]:
    """Return the events of steps `first` to `end`, repeating a figure that is shorter than the bar."""
    n = 16
    found = []
    for lap in range(0, end, n):
        for step, symbol, length in events:
            if first <= lap + step < end:
                found.append((lap + step, symbol, min(length, end - lap - step)))
            elif lap + step < first < lap + step + length:  # held over a change of chord: struck again
                found.append((first, symbol, min(lap + step + length, end) - first))
    return found


def production(row: Mapping[str, Any], recipes: Recipes, seed: int, eq_db: tuple[float, ...]) -> Production:
    """Turn a clip's era, its strength and its room into what the renderer does."""
    era, s = recipes.eras.loc[row["era"]], float(row["era_strength"])
    tape = -90 + s * (float(era["noise_db"]) + 90)
    return Production(
        era=row["era"], strength=s,
        reverb_seconds=float(row["reverb_seconds"]), reverb_mix=float(row["reverb_mix"]),
        tilt_db=float(row["tilt_db"]), saturation=s * float(era["saturation"]),
        compression=s * float(era["compression"]), low_hz=20 * (float(era["low_hz"]) / 20) ** s,
        high_hz=(6000 - 2000 * float(row["band"]) ** 3) * (float(era["high_hz"]) / 6000) ** s,
        noise_db=10 * math.log10(10 ** (tape / 10) + 10 ** (float(row["noise_db"]) / 10)),
        level_db=float(row["level_db"]), seed=seed, eq_db=eq_db,
    )  # fmt: skip
