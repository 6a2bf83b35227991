"""What a notebook puts on its page besides figures: players, the card's figures, the foot.

A player is a compressed file beside the page when the book is built (``MTLIB_MEDIA`` names the folder),
and a file inside the page when a notebook is run alone. Excerpts are level-matched, so that a louder
one does not sound better.
"""

import base64
import contextlib
import hashlib
import html
import io
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import soundfile
from IPython.display import HTML, display
from myst_nb import glue

from ..base import published
from ..base.errors import InputError
from ..base.files import atomic
from ..base.profiles import STANDARD, Settings
from ..base.provenance import commit, device_name
from ..corpora.corpus import Corpus, names

MIME = "application/vnd.mtlib.page+json"
"""Kind of the output that says how a page was made; the status page reads it."""

LEVEL_DB = -20.0
"""Root mean square of every player, in decibels of full scale; lowered where a peak would clip."""

LONG_TABLE = 40
"""More rows than this scroll in a frame of their own."""

LONG_TEXT = 60
"""Characters of a cell that make a table too wide for a phone."""

_started = time.perf_counter()


def match_level(samples: np.ndarray, level_db: float = LEVEL_DB) -> np.ndarray:
    """Scale samples (time,) to a root mean square of ``level_db``, or to a peak of 0.99 if that clips."""
    rms, peak = float(np.sqrt(np.mean(np.square(samples)))), float(np.abs(samples).max())
    if peak == 0:
        return samples
    return samples * min(10 ** (level_db / 20) / rms, 0.99 / peak)


def sound_source(samples: np.ndarray, sample_rate: int, *, compression: float | None = None) -> str:
    """Return the address of a level-matched, compressed file of mono samples (time,).

    Parameters
    ----------
    compression : float, optional
        From 0 to 1; more makes smaller files, for pages with many players.
    """
    if samples.ndim != 1 or len(samples) == 0 or not np.isfinite(samples).all():
        raise InputError(f"samples must be finite mono audio, got shape {samples.shape}")
    buffer = io.BytesIO()
    soundfile.write(
        buffer, match_level(samples), sample_rate, format="MP3", subtype="MPEG_LAYER_III",
        compression_level=compression,
    )  # fmt: skip
    data = buffer.getvalue()
    if not (folder := os.environ.get("MTLIB_MEDIA")):
        return "data:audio/mpeg;base64," + base64.b64encode(data).decode()
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.mp3"
    Path(folder).mkdir(parents=True, exist_ok=True)
    with atomic(Path(folder) / name) as file:
        file.write(data)
    return f"../media/{name}"


def player(samples: np.ndarray, sample_rate: int, label: str, *, may_publish: bool = True) -> HTML:
    """Return an audio player for an excerpt.

    Parameters
    ----------
    samples : ndarray (time,) float32
        Mono audio.
    sample_rate : int
        Hertz; one that MP3 knows.
    label : str
        What is heard; shown, and read out by screen readers.
    may_publish : bool
        False for audio without a licence: a public build then shows a note in its place.
    """
    text = html.escape(label)
    if published.is_public_build() and not may_publish:
        return HTML(f"<p class='mt-player'>{text}: not in the public build (no licence to redistribute).</p>")
    source = sound_source(samples, sample_rate)
    return HTML(
        f"<figure class='mt-player'><figcaption>{text}</figcaption>"
        f"<audio controls preload='metadata' aria-label='{text}' src='{source}'></audio></figure>"
    )


def missing(what: str, reason: str, *, command: str = "python -m mtlib fetch") -> None:
    """Say on the page which evidence is missing, why, and which command gets it."""
    display(
        HTML(
            f"<div class='mt-missing'><p><strong>Missing: {html.escape(what)}.</strong> "
            f"{html.escape(reason)}</p><p><code>{html.escape(command)}</code> gets it; "
            "then build the book again.</p></div>"
        )
    )


def scrolling(table: str, label: str, *, kind: str = "") -> str:
    """Wrap an HTML table so that it scrolls sideways on a narrow screen, by the keyboard too."""
    return f"<div class='mt-scroll {kind}' tabindex='0' role='region' aria-label='{html.escape(label)}'>{table}</div>"


def show_table(frame: pd.DataFrame) -> None:
    """Show a table that scrolls sideways on a narrow screen, and down under its header if it is long.

    Where a cell holds a sentence, columns do not become as narrow as a word.
    """
    table = frame.rename_axis(columns=None).to_html(index=False, border=0, classes="mt-ledger")
    kinds = ["mt-long"] if len(frame) > LONG_TABLE else []
    if frame.map(lambda value: len(str(value)) > LONG_TEXT).to_numpy().any():
        kinds.append("mt-wide")
    label = f"Table of {', '.join(map(str, frame.columns))}"
    display(HTML(scrolling(table, label, kind=" ".join(kinds))))


def set_glue(**values: Any) -> None:
    """Glue values under their names; `None` becomes a dash, so that every key is always set."""
    for name, value in values.items():
        glue(name, "–" if value is None else value, display=False)


def provenance(settings: Settings) -> dict[str, str]:
    """Return where this page's numbers come from, as plain text."""
    device: Any = "cpu"
    if "torch" in sys.modules:  # a page that never needed it has computed nothing on another device
        from ..networks.devices import resolve_device

        device = resolve_device(settings.device)
    return {
        "profile": settings.profile.name,
        "corpus": settings.corpus,
        "device": device_name(device),
        "published files": published.fingerprint(),
        "commit": commit(),
        "versions": ", ".join(
            [f"Python {sys.version.split()[0]}"]
            + [f"{name} {version(name)}" for name in ("torch", "numpy", "librosa", "scikit-learn", "altair")]
        ),
    }


def _core_seconds() -> float:
    """Return the processor time of this process and of the workers it has or had."""
    this, seconds = psutil.Process(), 0.0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            seconds += sum(process.cpu_times()[:4])
    return seconds


def foot(settings: Settings) -> None:
    """Show the foot of a page, store it as data, and glue ``minutes`` and ``peak_memory`` for its card."""
    core_seconds = _core_seconds()
    seconds = time.perf_counter() - _started
    wall = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
    scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
    gibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**30
    memory = f"{gibibytes:.1f} GiB"
    set_glue(minutes=wall, peak_memory=memory)
    made = provenance(settings)
    own = {"corpus": Corpus.open(settings.corpus).described()} if settings.corpus in names() else {}
    rows = made | own | {"time": f"{wall} ({core_seconds:.0f} core-seconds)", "peak memory": memory}
    items = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in rows.items())
    data = {
        "parameters": {
            "profile": settings.profile.name,
            **{name: getattr(settings, name) for name in STANDARD[1:]},
            **settings.own,
        },
        "provenance": made,
        "seconds": round(seconds, 1),
        "core_seconds": round(core_seconds, 1),
        "peak_gib": round(gibibytes, 2),
    }
    page = f"<dl class='mt-foot' aria-label='How this page was made'>{items}</dl>"
    text = "; ".join(f"{name}: {value}" for name, value in rows.items())
    display({"text/html": page, "text/plain": text, MIME: data}, raw=True)
