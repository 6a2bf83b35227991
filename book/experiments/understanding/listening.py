"""What chapter 7 listens to: the author's excerpts, his four clips, and a phrase composed here.

Three of the four excerpts of Table 7-B are published (commercial recordings of about four seconds), and so
are four clips by Bensound; their sound may not be redistributed. The phrase is ours, so that the chapter has
something to hear without any file; its parts (*stems*) are known, so that a measurement of a sound can be
checked on it.

The bench sets original and features side by side: one panel per excerpt, opened by mouse or keyboard (a
plain disclosure element); in it the original, and a row of features for every layer, each with its picture,
its measured description and a level-matched player. No script is needed.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from IPython.display import HTML
from torch.nn import functional as F

from mtlib.base import published
from mtlib.base.errors import InputError
from mtlib.page import charts, pages
from mtlib.signal import audio
from mtlib.signal.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Excerpt:
    """One piece of music."""

    name: str
    title: str
    artifact: str
    """Name in `mtlib.base.published`; empty for the phrase."""

    @property
    def may_publish(self) -> bool:
        """Whether a public build may hold its sound, and what is made from it."""
        return not self.artifact


_SONGS, _CLIPS = "Auralisation/src_songs", "music-auto_tagging-keras/data"

EXCERPTS = {
    name: Excerpt(name, title, artifact)
    for name, title, artifact in (
        ("phrase", "A phrase composed for this book", ""),
        ("bach", "Bach, solo piano", f"{_SONGS}/bach.wav"),
        ("dream", "Dream (Lena Park), female voice", f"{_SONGS}/dream.wav"),
        ("toy", "Toy, male voice", f"{_SONGS}/toy.wav"),
        ("actionable", "Actionable (Bensound)", f"{_CLIPS}/bensound-actionable.mp3"),
        ("cute", "Cute (Bensound)", f"{_CLIPS}/bensound-cute.mp3"),
        ("dubstep", "Dubstep (Bensound)", f"{_CLIPS}/bensound-dubstep.mp3"),
        ("thejazzpiano", "The Jazz Piano (Bensound)", f"{_CLIPS}/bensound-thejazzpiano.mp3"),
    )
}
"""By name; all but the first are the author's files."""

AUTHORS = tuple(name for name in EXCERPTS if name != "phrase")


def load(name: str, n_samples: int) -> np.ndarray:
    """Return an excerpt at 12 kHz, in the length that a network takes.

    Longer audio gives its middle, shorter audio is repeated.

    Returns
    -------
    ndarray (n_samples,) float32

    Raises
    ------
    InputError
        If the name is unknown or the file cannot be had.
    """
    if name not in EXCERPTS:
        raise InputError(f"unknown excerpt {name!r}; choose one of {', '.join(EXCERPTS)}")
    samples = sum(phrase().values()) if name == "phrase" else audio.load(published.fetch(EXCERPTS[name].artifact))
    return audio.fit_length(samples, n_samples, crop="centre", short="repeat").astype(np.float32)


BEAT = 0.5
"""Seconds of a beat in the phrase: 120 a minute."""

_MELODY = ((0, 76, 1.0), (1, 79, 0.5), (1.5, 77, 0.5), (2, 74, 1.0), (3, 72, 1.0),
           (4, 72, 0.5), (4.5, 74, 0.5), (5, 76, 1.0), (6, 67, 1.5), (7.5, 71, 0.5))  # fmt: skip
_BASS = ((0, 36, 1.5), (2, 43, 1.5), (4, 41, 1.5), (6, 43, 1.5))
_CHORDS = ((0, (60, 64, 67), 2), (2, (59, 62, 67), 2), (4, (60, 65, 69), 2), (6, (59, 62, 67), 2))


def phrase() -> dict[str, np.ndarray]:
    """Compose two bars of melody, chords, bass, kick drum and hi-hat.

    Returns
    -------
    dict of str to ndarray (48000,) float32
        The stems, four seconds at 12 kHz; their sum is the phrase.
    """
    rng = np.random.default_rng(7)
    stems = {name: np.zeros(round(8 * BEAT * audio.SAMPLE_RATE)) for name in PHRASE_PARTS}
    for beat, pitch, length in _MELODY:
        _add(stems["melody"], beat, _note(pitch, length * BEAT, brightness=0.6), 0.14)
    for beat, pitches, length in _CHORDS:
        for pitch in pitches:
            _add(stems["chords"], beat, _note(pitch, length * BEAT, brightness=0.35), 0.05)
    for beat, pitch, length in _BASS:
        _add(stems["bass"], beat, _note(pitch, length * BEAT, brightness=0.4), 0.22)
    for beat in range(0, 8, 2):
        time = np.arange(round(0.25 * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
        falling = 2 * np.pi * (45 * time + 80 * 0.03 * (1 - np.exp(-time / 0.03)))
        _add(stems["kick"], beat, np.sin(falling) * np.exp(-time / 0.08), 0.5)
    for half in range(16):
        time = np.arange(round(0.06 * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
        noise = np.diff(rng.standard_normal(len(time) + 1))  # a difference: mostly high frequencies
        _add(stems["hi-hat"], half / 2, noise * np.exp(-time / 0.015), 0.06 if half % 2 else 0.1)
    return {name: stem.astype(np.float32) for name, stem in stems.items()}


PHRASE_PARTS = ("melody", "chords", "bass", "kick", "hi-hat")
"""Parts of the phrase."""


def _note(pitch: int, seconds: float, *, brightness: float) -> np.ndarray:
    """Return a plucked tone of a MIDI pitch with falling harmonics."""
    time = np.arange(round(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    tone = sum(
        brightness**k * np.sin(2 * np.pi * (k + 1) * hertz * time)
        for k in range(8)
        if (k + 1) * hertz < audio.SAMPLE_RATE / 2
    )
    rise, fall = np.minimum(1, time / 0.008), np.minimum(1, (seconds - time) / 0.03)
    return tone * rise * fall * np.exp(-time / 0.6)


def _add(stem: np.ndarray, beat: float, sound: np.ndarray, level: float) -> None:
    """Add a sound to a stem at a beat, cut at its end."""
    start = round(beat * BEAT * audio.SAMPLE_RATE)
    sound = sound[: len(stem) - start]
    stem[start : start + len(sound)] += level * sound


COMPRESSION = 0.8
"""Of the players, so that a page with many stays small (about 3.5 kB a second)."""


@dataclass(frozen=True)
class Sound:
    """One cell of the bench."""

    label: str
    """Such as "Feature 3-12"."""
    facts: str
    """What was measured, in words."""
    picture: np.ndarray
    """(freq, frame); larger is brighter."""
    samples: np.ndarray
    """(time,) float32; all zeros for a silent feature."""
    sample_rate: int = SAMPLE_RATE


@dataclass(frozen=True)
class Panel:
    """One excerpt: the original, and a row of features a layer."""

    title: str
    original: Sound
    rows: dict[str, list[Sound]]
    may_publish: bool


def bench(panels: Sequence[Panel], group: str) -> HTML:
    """Return the bench as HTML; the first panel is open.

    Parameters
    ----------
    panels : sequence of Panel
    group : str
        A name that no other bench of the page has; opening a panel closes the others of its group.
    """
    if not panels:
        raise InputError("a bench needs at least one panel")
    parts = []
    for i, panel in enumerate(panels):
        rows = "".join(
            f"<h5>{html.escape(name)}</h5><div class='mt-bench-row'>"
            + "".join(_cell(sound, panel.may_publish) for sound in sounds)
            + "</div>"
            for name, sounds in panel.rows.items()
        )
        parts.append(
            f"<details name='{html.escape(group)}'{' open' if i == 0 else ''}>"
            f"<summary>{html.escape(panel.title)}</summary>"
            f"<div class='mt-bench-row'>{_cell(panel.original, panel.may_publish)}</div>{rows}</details>"
        )
    return HTML(f"<div class='mt-bench'>{''.join(parts)}</div>")


def _cell(sound: Sound, may_publish: bool) -> str:
    label, facts = html.escape(sound.label), html.escape(sound.facts)
    if not np.any(sound.samples):
        heard = "<p class='mt-muted'>silent</p>"
    elif published.is_public_build() and not may_publish:
        heard = "<p class='mt-muted'>not in the public build</p>"
    else:
        source = pages.sound_source(sound.samples, sound.sample_rate, compression=COMPRESSION)
        heard = f"<audio controls preload='none' aria-label='{label}' src='{source}'></audio>"
    return (
        f"<figure><img alt='{label}: spectrogram, {facts}' src='{thumbnail(sound.picture)}'>"
        f"<figcaption><strong>{label}</strong><br>{facts}</figcaption>{heard}</figure>"
    )


def thumbnail(values: np.ndarray, size: tuple[int, int] = (40, 80)) -> str:
    """Return a small picture of (freq, frame) in a data address: averaged to `size`, sixteen colours."""
    values = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
    small = F.adaptive_avg_pool2d(values, size)[0].numpy()
    low, high = np.quantile(small, (0.02, 0.995))
    return charts.picture(small, low, high, n_colours=16)
