"""The stems of a composed clip, and how much of an image belongs to each.

What an instrument contributes to a mixture is known where the mixture was composed: parts are muted, and
the rest is rendered again. Chapter 7 asks whether a feature of a network holds one of them
[Choi2018, §7.2.4.4].

Conventions
    Stems are taken before production and add up to what the production got. Equaliser, tilt and level change
    all of them alike, so which one is the loudest at a point stays; reverberation and noise blur it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor

from mtlib.corpora.synthetic import recipes
from mtlib.corpora.synthetic.composing.score import Part, Score
from mtlib.corpora.synthetic.rendering import render

STEMS = ("melody", "chords", "bass", "kick", "other drums")
"""Leads and voices; comping and pads; bass; the kick drum; what else a drummer plays."""

_ROLES = {"melody": ("lead", "voice"), "chords": ("comping", "pad"), "bass": ("bass",), "drums": ("drums",)}


def render_stems(score: Score, sample_rate: int) -> np.ndarray:
    """Render the stems of a score without its production.

    Returns
    -------
    ndarray (stem, time) float32
        In the order of `STEMS`; zeros where nobody plays.
    """
    sounds = {
        name: _mix(score, sample_rate, lambda part, roles=roles: np.full(len(part.notes), part.role in roles))
        for name, roles in _ROLES.items()
    }
    is_kick = [_kicks, lambda part: (part.role == "drums") & ~_kicks(part)]
    alone = np.stack([_mix(score, sample_rate, chosen) for chosen in is_kick])
    # A part is brought to its level whatever of it plays; both pieces go back to the level they had in it.
    gains = np.linalg.lstsq(alone.T, sounds.pop("drums"), rcond=None)[0].astype(np.float32)
    return np.stack([*sounds.values(), *(gains[:, None] * alone)])


def _kicks(part: Part) -> np.ndarray:
    return (part.role == "drums") & (part.notes["pitch"] == recipes.DRUMS["kick"])


def _mix(score: Score, sample_rate: int, chosen: Callable[[Part], np.ndarray]) -> np.ndarray:
    """Mix the chosen notes; every part keeps its place, which seeds its sound."""
    parts = tuple(replace(part, notes=part.notes[chosen(part)]) for part in score.parts)
    return render.mix(replace(score, parts=parts), sample_rate)


def shares(images: Tensor, powers: Tensor) -> np.ndarray:
    """Return which share of each image's energy lies where a stem is the loudest.

    Parameters
    ----------
    images : Tensor (image, freq, frame)
        Their size counts, not their sign.
    powers : Tensor (stem, freq, frame)

    Returns
    -------
    ndarray (image, stem)
        Rows sum to 1, but for energy where no stem sounds; NaN for an image of zeros.
    """
    highest = powers.amax(0, keepdim=True)
    loudest = ((powers == highest) & (highest > 0)).flatten(1).float()  # (stem, point)
    energy = images.flatten(1).square()
    return (energy @ loudest.T / energy.sum(1, keepdim=True)).numpy()
