"""Tagging any audio file with one of the author's released networks, or a later one.

A file is cut into windows of the network's length that start at 0 s and every 29 s after (every 3 s for
networks of that length); a remainder under about half a window is dropped unless it is all there is, and
short audio is repeated to the full length. The probabilities of a file are the means over its windows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

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


@dataclass(frozen=True)
class Tags:
    """What a network says about one file.

    Attributes
    ----------
    probs : ndarray (50,) float32
        Mean probability of each tag over the windows.
    tags : tuple of str
        Their names.
    """

    file: Path
    model: str
    seconds: float
    n_windows: int
    probs: np.ndarray
    tags: tuple[str, ...] = TAGS

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
        raise InputError(
            "compact1 normalises with the batch: a clip's tags depend on its company; use compact"
        )
    if name not in released.RELEASES:
        frontend, network = later.load(name)
        structure, dataset = name.split("-")
        n_samples = later.N_SAMPLES[structure]
        return Tagger(name, frontend, network, n_samples, later.SAMPLE_RATE, later.TAGS[dataset])
    frontend, network = released.load(name)
    return Tagger(name, frontend, network, released.RELEASES[name].n_samples)


@torch.inference_mode()
def tag_samples(samples: np.ndarray, tagger: Tagger, *, batch_size: int = 16) -> np.ndarray:
    """Return the probabilities of every window, (window, 50) float32.

    Parameters
    ----------
    samples : ndarray (time,) float32
        Mono audio at the tagger's sample rate.
    batch_size : int
        Windows at once; it bounds the memory, not the result.
    """
    hop = min(round(HOP_SECONDS * tagger.sample_rate), tagger.n_samples)
    cut = audio.windows(samples, tagger.n_samples, hop, round(hop * MIN_SECONDS / HOP_SECONDS))
    probs = [
        torch.sigmoid(tagger.network(tagger.frontend(torch.from_numpy(part.copy()))))
        for part in np.array_split(cut, -(-len(cut) // batch_size))
    ]
    return torch.cat(probs).numpy()


def tag_file(path: str | Path, tagger: Tagger) -> Tags:
    """Tag one audio file.

    Raises
    ------
    InputError
        If the file cannot be used: with its name and the reason, in one line.
    """
    samples = audio.load(path, sample_rate=tagger.sample_rate)
    if audio.is_silent(samples):
        raise InputError(f"{audio.display_name(path)}: digital silence; there is nothing to tag")
    probs = tag_samples(samples, tagger)
    if not np.isfinite(probs).all():
        raise InputError(f"{audio.display_name(path)}: {tagger.name} gives values that are not finite")
    seconds = len(samples) / tagger.sample_rate
    return Tags(Path(path), tagger.name, seconds, len(probs), probs.mean(0), tagger.tags)


def find_audio(given: Iterable[str | Path]) -> tuple[list[Path], list[str], list[str]]:
    """Find the audio files that are meant by files and folders.

    Returns
    -------
    found : list of Path
    problems : list of str
        A line for each folder without audio, or that cannot be read.
    notes : list of str
        A line for each folder that holds other files too, with their extensions.
    """
    found, problems, notes = [], [], []
    for path in (Path(name).expanduser() for name in given):
        if path.is_dir():
            inside, others = paths.audio_below(path, problems)
            found += [path / name for name in inside]
            name, told = (
                audio.display_name(path),
                ", ".join(f"{n} {kind}" for kind, n in others.most_common(9)),
            )
            if not inside:
                problems.append(f"{name}: a folder without audio files" + (f" (but {told})" if told else ""))
            elif told:
                notes.append(f"{name}: passed over {told}")
        else:
            found.append(path)
    return found, problems, notes
