"""Tagging any audio file with one of the author's released networks, or a later one.

A file is cut into windows of the network's length that start at 0 s and every 29 s after (every 3 s for
networks of that length); a remainder under about half a window is dropped unless it is all there is, and
short audio is repeated to the full length. The probabilities of a file are the means over its windows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..base import paths
from ..base.errors import InputError
from ..base.tags import TAGS
from ..signal import audio
from . import later, released

HOP_SECONDS = 29.0
MIN_SECONDS = 15.0


@dataclass(frozen=True)
class Tagger:
    """A network with its front end, the length and sample rate of its window, and its tags."""

    name: str
    frontend: nn.Module
    network: nn.Module
    n_samples: int
    sample_rate: int = audio.SAMPLE_RATE
    tags: tuple[str, ...] = TAGS
    task: str = "multilabel"
    """What the outputs are: probabilities of tags or of classes, or numbers."""


@dataclass(frozen=True)
class Tags:
    """What a network says about one file.

    Attributes
    ----------
    probs : ndarray (50,) float32
        Mean probability of each tag over the windows.
    tags : tuple of str
        Their names.
    windows : ndarray (window, tag) float32
        Of each window.
    notes : tuple of str
        What is odd about the file but harmless.
    """

    file: Path
    model: str
    seconds: float
    n_windows: int
    probs: np.ndarray
    tags: tuple[str, ...] = TAGS
    windows: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    notes: tuple[str, ...] = ()

    def top(self, n: int = 5) -> list[tuple[str, float]]:
        """Return the n most probable tags with their probabilities."""
        return [(self.tags[i], float(self.probs[i])) for i in np.argsort(-self.probs, kind="stable")[:n]]

    def as_json(self) -> dict[str, Any]:
        """Return the file, the model, the length in seconds and all fifty probabilities."""
        return {
            "file": audio.display_name(self.file),
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "tags": {tag: round(float(prob), 6) for tag, prob in zip(self.tags, self.probs, strict=True)},
        }


def load_model(name: str = "fcn-msd") -> Tagger:
    """Load one of the author's networks (`released.RELEASES`) or a later one (`later.NAMES`).

    Raises
    ------
    InputError
        If the name is unknown, the network cannot tag a single clip (``compact1``), or its file
        cannot be had.
    """
    if name == "compact1":
        raise InputError("compact1 normalises with the batch: a clip's tags depend on its company; use compact")
    if name not in released.RELEASES:
        frontend, network = later.load(name)
        structure, dataset = name.split("-")
        n_samples = later.N_SAMPLES[structure]
        return Tagger(name, frontend, network, n_samples, later.SAMPLE_RATE, later.TAGS[dataset])
    frontend, network = released.load(name)
    return Tagger(name, frontend, network, released.RELEASES[name].n_samples)


def probabilities(logits: Tensor, task: str) -> Tensor:
    """Return what a network's logits (clip, output) mean: probabilities, or for a regression themselves."""
    if task == "regression":
        return logits
    return logits.sigmoid() if task == "multilabel" else logits.softmax(1)


@torch.inference_mode()
def tag_samples(samples: np.ndarray, tagger: Tagger, *, every: float = HOP_SECONDS, batch_size: int = 16) -> np.ndarray:
    """Return the probabilities of every window, (window, tag) float32.

    Parameters
    ----------
    samples : ndarray (time,) float32
        Mono audio at the tagger's sample rate.
    every : float
        Seconds from one window to the next, at most a window's length.
    batch_size : int
        Windows at once; it bounds the memory, not the result.
    """
    if not every > 0:
        raise InputError(f"every must be above 0 s, got {every:g}")
    hop = min(max(1, round(every * tagger.sample_rate)), tagger.n_samples)
    device = next(tagger.network.parameters()).device
    cut = audio.windows(samples, tagger.n_samples, hop, round(hop * MIN_SECONDS / HOP_SECONDS))
    probs = [
        probabilities(tagger.network(tagger.frontend(torch.from_numpy(part.copy()).to(device))), tagger.task).cpu()
        for part in np.array_split(cut, -(-len(cut) // batch_size))
    ]
    return torch.cat(probs).numpy()


def tag_file(path: str | Path, tagger: Tagger, every: float = HOP_SECONDS) -> Tags:
    """Tag one audio file.

    Raises
    ------
    InputError
        If the file cannot be used: with its name and the reason, in one line.
    """
    heard = audio.decode(path, sample_rate=tagger.sample_rate)
    if audio.is_silent(heard.samples):
        raise InputError(f"{audio.display_name(path)}: digital silence; there is nothing to tag")
    probs = tag_samples(heard.samples, tagger, every=every)
    if not np.isfinite(probs).all():
        raise InputError(f"{audio.display_name(path)}: {tagger.name} gives values that are not finite")
    return Tags(Path(path), tagger.name, heard.seconds, len(probs), probs.mean(0), tagger.tags, probs, heard.notes)


def find_audio(given: Iterable[str | Path]) -> tuple[list[Path], list[str], list[str]]:
    """Return the audio files meant by files and folders, problems, and what was passed over, a line each."""
    found: list[Path] = []
    problems: list[str] = []
    notes: list[str] = []
    for path in map(Path, given):
        if path.is_dir():
            n_problems, (inside, others) = len(problems), paths.audio_below(path, problems)
            found += [path / name for name in inside]
            told = ", ".join(f"{count} {kind}" for kind, count in others.most_common(9))
            if not inside and len(problems) == n_problems:
                more = f" (but {told})" if told else ""
                problems.append(f"{audio.display_name(path)}: a folder without audio files{more}")
            elif told:
                notes.append(f"{audio.display_name(path)}: passed over {told}")
        else:
            found.append(path)
    return found, problems, notes
