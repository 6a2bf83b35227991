"""A bench to listen at: original and features side by side, layer by layer.

One panel an excerpt, opened by mouse or keyboard (a plain disclosure element); in it the original, and a
row of features for every layer, each with its picture, its measured description and a level-matched player.
No script is needed. Chapter 7 uses it.
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
from mtlib.signal.audio import SAMPLE_RATE

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
