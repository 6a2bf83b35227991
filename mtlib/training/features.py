"""Features of a clip: averages of a network's layers, and the statistics of MFCCs they are compared with.

A convnet that has learned to tag is frozen; what its layers say of a clip, averaged over frequency and
time, describes the clip for other tasks [Choi2018, §6.2.2, Figure 6.1]. The Compact-convnet gives 160
values: 32 from each of five layers. Stages 1 to 4 are averaged *after* the pooling of the stage, as the
published features were; the author's second notebook averages before it, which is another feature
(note E72) and an option here. The last stage has one value per map and is taken as it is.

Conventions
    An `Extractor` is a front end, a network and the length it takes; clips that are shorter are repeated
    until they fill it, longer ones give their first samples. Layers are numbered from 1. MFCC statistics
    are librosa's at the sample rate of the clip (12 kHz in this book): the author's own settings cannot
    be verified. Features of a corpus are kept in ``MTLIB_HOME/features``.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from ..base import paths
from ..base.errors import InputError
from ..base.files import atomic, digest, read_array, seal
from ..corpora.corpus import Corpus
from ..networks import devices, released, structures
from ..networks.layers import ACTIVATIONS
from ..networks.tagging import Tagger
from ..signal import audio, frontend, views
from . import runs

N_MFCC = 20
"""Coefficients; with first and second differences, means and deviations: 120 values."""

_DELTA_WIDTH = 9
"""Frames that librosa's differences are fitted over."""

SUMMARIES = ("mean", "mean before pooling", "max")
"""Ways to make one number of a map."""

VERSION = "c391f3618eb332ad33d33fb1bf107987106353999e1037b11feedfb9d8f3a25b"
"""Of the code behind stored features; change it by hand when it gives other features."""


class Extractor(Tagger):
    """A frozen network with its front end, in evaluation mode; its ``stages`` give the features."""

    @property
    def layers(self) -> np.ndarray:
        """The layer, from 1, that each value comes from: (feature,) int."""
        widths = [stage.conv.out_channels for stage in self.network.stages]
        return np.repeat(np.arange(1, len(widths) + 1), widths)


def extractor(name: str = "compact", seed: int = 0) -> Extractor:
    """Return one of the author's networks, or one that has learned nothing.

    Parameters
    ----------
    name : {"compact", "compact1", "random"}
        The Keras-2 network, the Theano one (whose features depend on the batch), or the
        Compact-convnet with the weights it starts from [Choi2018, §6.3.3].
    seed : int
        Of the random weights.

    Raises
    ------
    InputError
        If the name is unknown, or a file cannot be had.
    """
    if name == "random":
        n_samples = audio.N_SAMPLES[1360]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = structures.build("compact", n_frames=1360)
        return Extractor(f"random-{seed}", frontend.compact_frontend(), network.eval(), n_samples)
    if name not in ("compact", "compact1"):
        raise InputError(f"no features from {name!r}; choose compact, compact1, random, or a run's key")
    front, network = released.load(name)
    return Extractor(name, front, network, released.RELEASES[name].n_samples)


def from_run(run: runs.Run) -> Extractor:
    """Return the network of a finished run (`mtlib.training.runs`), with the names of its tags."""
    made, task = run.record["input"], run.record["task"]
    tags = made.get("tags") or list(Corpus.open(run.spec.corpus).tags["name"])
    front = views.build(**{**vars(run.spec.view), "sample_rate": made["sample_rate"]})
    return Extractor(run.key, front, run.network(), made["n_samples"], made["sample_rate"], tuple(tags), task)


def stage_summaries(network: nn.Module, x: Tensor, *, summary: str = "mean") -> Tensor:
    """Summarise each layer of a convnet over frequency and time; take the last as it is.

    Parameters
    ----------
    network : Module
        With ``input_norm`` and ``stages``, as in `mtlib.networks.models`.
    x : Tensor [shape=(batch, 1, freq, time)]
    summary : {"mean", "mean before pooling", "max"}
        The mean of what a stage gives, of what it gives before it is pooled (note E72), or the maximum.

    Returns
    -------
    features : Tensor [shape=(batch, feature)]
        The maps of the first stage, of the second, and so on; of the last stage the maxima, which are
        its values where one value per map is left.

    References
    ----------
    [Choi2018, §6.2.2, Figure 6.1]
    """
    if summary not in SUMMARIES:
        raise InputError(f"summary must be one of {', '.join(SUMMARIES)}, got {summary!r}")
    x, parts = network.input_norm(x), []
    for stage in network.stages[:-1]:
        pooled = stage(x)  # (batch, maps, freq, time)
        maps = pooled
        if summary == "mean before pooling":
            maps = ACTIVATIONS[stage.activation](stage.norm(stage.convolve(x)))
        parts.append(maps.amax((2, 3)) if summary == "max" else maps.mean((2, 3)))  # (batch, maps)
        x = pooled
    parts.append(network.stages[-1](x).amax((2, 3)))  # (batch, maps)
    return torch.cat(parts, 1)


@torch.inference_mode()
def convnet_features(samples: np.ndarray | Tensor, extractor: Extractor, *, summary: str = "mean") -> np.ndarray:
    """Return the features of clips of the extractor's length.

    Parameters
    ----------
    samples : ndarray or Tensor [shape=(batch, n_samples), dtype=float32]
    extractor : Extractor
    summary : str
        As for `stage_summaries`.

    Returns
    -------
    features : np.ndarray [shape=(batch, feature), dtype=float32]
    """
    samples = torch.as_tensor(samples)
    if samples.ndim != 2 or samples.shape[1] != extractor.n_samples:
        raise InputError(
            f"samples must be (batch, {extractor.n_samples}) for {extractor.name}, got {tuple(samples.shape)}"
        )
    spectrograms = extractor.frontend(samples.to(next(extractor.network.parameters()).device))
    return stage_summaries(extractor.network, spectrograms, summary=summary).cpu().numpy()


def mfcc_statistics(samples: np.ndarray, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Return mean and deviation over time of 20 MFCCs and their first and second differences.

    Parameters
    ----------
    samples : np.ndarray [shape=(time,), dtype=float32]
        A clip too short for the differences (nine frames) is repeated.
    sample_rate : int
        Hertz.

    Returns
    -------
    features : np.ndarray [shape=(120,), dtype=float32]
        Means of coefficients, Δ and ΔΔ, then their deviations.

    References
    ----------
    [Choi2018, §6.3.3]
    """
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1 or not len(samples):
        raise InputError(f"samples must be (time,) with at least one value, got shape {samples.shape}")
    shortest = 512 * (_DELTA_WIDTH - 1)  # hop length of librosa, centred frames
    if len(samples) < shortest:
        samples = np.resize(samples, shortest)
    mfcc = librosa.feature.mfcc(y=samples, sr=sample_rate, n_mfcc=N_MFCC)  # (coefficient, frame)
    rows = np.concatenate([mfcc, *(librosa.feature.delta(mfcc, order=order) for order in (1, 2))])
    return np.concatenate([rows.mean(1), rows.std(1)]).astype(np.float32)


def of_corpus(
    corpus: Corpus,
    extractor: Extractor | None,
    indices: Sequence[int] | np.ndarray | None = None,
    *,
    summary: str = "mean",
    batch: int = 16,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Return the features of a corpus' clips, computed once and kept.

    Parameters
    ----------
    corpus : Corpus
    extractor : Extractor or None
        None: MFCC statistics.
    indices : sequence of int, optional
        Clips; all by default.
    summary : str
        As for `stage_summaries`.
    batch : int
        Clips at once.
    device : str or torch.device
        Where the network computes, and stays.

    Returns
    -------
    features : np.ndarray [shape=(clip, feature), dtype=float32]

    Raises
    ------
    InputError
        If corpus and extractor differ in sample rate.
    """
    if extractor and extractor.sample_rate != corpus.sample_rate:
        rates = f"{extractor.sample_rate} Hz, corpus {corpus.name} has {corpus.sample_rate}"
        raise InputError(f"{extractor.name} takes {rates}")
    indices = np.arange(len(corpus)) if indices is None else np.asarray(indices)
    values = [VERSION, corpus.audio_key, len(corpus), indices.tolist(), summary, _key(extractor)]
    path = paths.home() / "features" / f"{digest(values, 24)}.npy"
    if (found := read_array(path)) is not None:
        return found
    if extractor is None:
        features = np.stack([mfcc_statistics(corpus.clip(int(i)), corpus.sample_rate) for i in indices])
    else:
        devices.move(extractor, device)
        parts = np.array_split(indices, -(-len(indices) // batch))
        features = np.concatenate(
            [convnet_features(corpus.batch(i, extractor.n_samples), extractor, summary=summary) for i in parts]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()  # to a file, NumPy would write past Python and not notice that it is full
    np.save(buffer, features)
    with atomic(path) as file:
        file.write(buffer.getbuffer())
        seal(file)
    return features


def _key(extractor: Extractor | None) -> str:
    """Return a hash of everything an extractor is made of."""
    if extractor is None:
        return "mfcc"
    digest = hashlib.sha256(repr((extractor.frontend, extractor.network, extractor.n_samples)).encode())
    for part in (extractor.frontend, extractor.network):
        for name, value in part.state_dict().items():
            digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


def window(extractor: Extractor | None) -> tuple[int, int]:
    """Return samples and sample rate of what is described at once: the network's input, 29 s for MFCCs."""
    return (extractor.n_samples, extractor.sample_rate) if extractor else (audio.N_SAMPLES[1360], audio.SAMPLE_RATE)


def of_windows(path: str | Path, extractor: Extractor | None, most: int | None = None) -> tuple[np.ndarray, float]:
    """Return the features of a file's windows (window, feature), end to end, and its length in seconds.

    A rest of less than half a window is left out; ``most`` windows are described. A file that cannot be
    used raises `InputError`, with its name and the reason.
    """
    n, rate = window(extractor)
    samples = audio.load(path, sample_rate=rate)
    if audio.is_silent(samples):
        raise InputError(f"{audio.display_name(path)}: digital silence; it has no features")
    starts = [s for s in range(0, len(samples), n) if s == 0 or len(samples) - s >= n / 2]
    parts = [samples[start : start + n] for start in starts[:most]]
    if extractor is None:
        return np.stack([mfcc_statistics(part, rate) for part in parts]), len(samples) / rate
    rows = [convnet_features(np.resize(part, (1, n)), extractor) for part in parts]
    return np.concatenate(rows), len(samples) / rate


def find(name: str, seed: int = 0) -> Extractor | None:
    """Return what a name stands for: ``mfcc``, a network of `extractor`, or the beginning of a run's key."""
    if name == "mfcc":
        return None
    if name not in ("compact", "compact1", "random") and (run := runs.find(name)) is not None:
        return from_run(run)
    return extractor(name, seed)


def save(file: IO[bytes], rows: Sequence[tuple[str, float, np.ndarray]], extractor: Extractor | None) -> None:
    """Write rows into an ``.npz`` file: ``files``, ``starts`` [s], ``features``, ``layers``, ``extractor``."""
    columns = zip(("files", "starts", "features"), map(np.array, zip(*rows, strict=True)), strict=True)
    content: dict[str, Any] = dict(columns)
    content["layers"] = extractor.layers if extractor else np.zeros(len(rows[0][2]), int)
    np.savez(file, **content, extractor=np.array(extractor.name if extractor else "mfcc"))
    file.truncate()
