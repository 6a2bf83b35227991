"""What a feature sounds like, in numbers: onsets, percussion, brightness, sparsity.

The thesis describes auralised features by ear ("onset detector", "harmonic component selector")
[Choi2018, §7.2.4]. Here each description is a measurement on the deconvolved image against the original,
many features at once.

Conventions
    Images are (feature, freq, frame) on the bins of the transform; their size counts, not their sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import librosa
import numpy as np
import torch
from torch import Tensor

from mtlib.base.errors import InputError
from mtlib.signal.audio import SAMPLE_RATE

DESCRIPTORS = ("onset correlation", "onset strength", "percussive share", "centroid", "sparsity")
"""What `describe` measures, in this order.

onset correlation
    Of the image's sum over frequency, frame by frame, with the original's onset curve (librosa): near 1 for
    an onset detector, below 0 for a suppressor.
onset strength
    Rises from frame to frame, summed, over the sum of the image: 0 for a steady sound.
percussive share
    Energy at points where the original is percussive, by median filtering [Fitzgerald2010].
centroid
    Mean frequency in hertz, weighted by size.
sparsity
    Gini index of the sizes over every fourth frame: 0 if all are equal, near 1 if few hold everything.
"""


@dataclass(frozen=True)
class Original:
    """What the features of one excerpt are measured against."""

    magnitude: Tensor
    """(freq, frame)"""
    onsets: Tensor
    """Onset strength of each frame."""
    percussive: Tensor
    """Share of each point that is percussive, (freq, frame)."""
    sample_rate: int = SAMPLE_RATE


def original(magnitude: Tensor, sample_rate: int = SAMPLE_RATE) -> Original:
    """Prepare the magnitude (freq, frame) of an excerpt's transform."""
    if magnitude.ndim != 2 or not torch.isfinite(magnitude).all() or (magnitude < 0).any():
        raise InputError(f"magnitude must be a finite (freq, frame) image, got {tuple(magnitude.shape)}")
    values = magnitude.numpy()
    mel = librosa.feature.melspectrogram(S=values**2, sr=sample_rate, n_mels=64)
    level = librosa.power_to_db(mel, ref=np.max)
    onsets = librosa.onset.onset_strength(S=level, sr=sample_rate, center=False)  # frames are centred already
    _, percussive = librosa.decompose.hpss(values, kernel_size=17, mask=True)
    onsets, percussive = torch.from_numpy(onsets).float(), torch.from_numpy(percussive).float()
    return Original(magnitude, onsets, percussive, sample_rate)


def describe(images: Tensor, reference: Original) -> dict[str, np.ndarray]:
    """Measure every image.

    Parameters
    ----------
    images : Tensor (feature, freq, frame)
    reference : Original
        Of the same size.

    Returns
    -------
    dict of str to ndarray (feature,)
        By the names of `DESCRIPTORS`; NaN for an image of zeros (a silent feature), and for the onset
        correlation of one that does not change.
    """
    if images.ndim != 3 or images.shape[1:] != reference.magnitude.shape:
        raise InputError(
            f"images must be (feature, {', '.join(map(str, reference.magnitude.shape))}), got {tuple(images.shape)}"
        )
    parts = [_measure(part.abs(), reference) for part in images.split(4)]  # four stay in the cache
    return {name: torch.cat(values).numpy() for name, values in zip(DESCRIPTORS, zip(*parts, strict=True), strict=True)}


def _measure(sizes: Tensor, reference: Original) -> tuple[Tensor, ...]:
    """Return the values of `DESCRIPTORS`, (feature,) each."""
    total, energy = sizes.sum((1, 2)), sizes.square()
    hertz = torch.linspace(0, reference.sample_rate / 2, sizes.shape[1])
    return (
        pearson(sizes.sum(1), reference.onsets),
        sizes.diff(dim=2).clamp(min=0).sum((1, 2)) / total,
        (energy * reference.percussive).sum((1, 2)) / energy.sum((1, 2)),
        (sizes.sum(2) @ hertz) / total,
        gini(sizes[:, :, ::4].flatten(1)),
    )


def off_onsets(images: Tensor, reference: Original) -> np.ndarray:
    """Return the share of each image's energy in the half of the frames that are least like an onset.

    Parameters
    ----------
    images : Tensor (feature, freq, frame)
    reference : Original
        Of the same size.

    Returns
    -------
    ndarray (feature,)
        0.5 for a steady sound, 0 for one that sounds at onsets alone; NaN for an image of zeros.
    """
    energy = images.abs().square().sum(1)  # (feature, frame)
    off = reference.onsets <= reference.onsets.median()
    return (energy[:, off].sum(1) / energy.sum(1)).numpy()


CRITERIA = {
    "onsets": ("onset correlation", 1),
    "steady": ("percussive share", -1),
    "low": ("centroid", -1),
    "sparse": ("sparsity", 1),
}
"""Which descriptor picks a feature to listen to, and whether the highest (1) or the lowest (−1) wins."""


def choose(measured: dict[str, np.ndarray], criteria: Sequence[str] = tuple(CRITERIA)) -> dict[str, int]:
    """Pick one feature a criterion; none is picked twice, and none that was not measured.

    Parameters
    ----------
    measured : dict
        From `describe`.
    criteria : sequence of str
        Names in `CRITERIA`, in the order of picking.

    Returns
    -------
    dict of str to int
        Row of the feature by criterion; a criterion without a feature left is missing.
    """
    if unknown := [name for name in criteria if name not in CRITERIA]:
        raise InputError(f"unknown criterion {unknown[0]!r}; choose from {', '.join(CRITERIA)}")
    chosen: dict[str, int] = {}
    for criterion in criteria:
        descriptor, sign = CRITERIA[criterion]
        values = sign * measured[descriptor].astype(float)
        values[list(chosen.values())] = np.nan
        if not np.isnan(values).all():
            chosen[criterion] = int(np.nanargmax(values))
    return chosen


def words(measured: dict[str, np.ndarray], feature: int) -> str:
    """Return the description of one feature in words and units."""
    onset, strength, percussive, centroid, sparsity = (measured[name][feature] for name in DESCRIPTORS)
    return (
        f"onset correlation {onset:.2f}, onset strength {strength:.2f}, {percussive:.0%} percussive, "
        f"centroid {centroid:,.0f} Hz, sparsity {sparsity:.2f}"
    )


def pearson(first: Tensor, second: Tensor) -> Tensor:
    """Correlate along the last axis; NaN where one side does not change."""
    first, second = (x - x.mean(-1, keepdim=True) for x in (first.double(), second.double()))
    return (first * second).sum(-1) / (first.norm(dim=-1) * second.norm(dim=-1))


def gini(values: Tensor) -> Tensor:
    """Return the Gini index along the last axis, of values of 0 and more; NaN where all are 0."""
    if (values < 0).any():
        raise InputError(f"values must be at least 0, got {float(values.min()):g}; shift them first")
    n = values.shape[-1]
    ordered = torch.from_numpy(np.sort(values.numpy(), -1))  # NumPy's sort is three times as fast
    weights = (2 * torch.arange(1, n + 1, dtype=values.dtype) - n - 1) / n
    return (ordered @ weights) / ordered.sum(-1)


def decibels(spectrum: Tensor, top_db: float = 80.0) -> Tensor:
    """Return the level (…, freq, frame) of a transform, from `top_db` below its highest value up to 0 dB."""
    level = 20 * spectrum.abs().clamp(min=1e-10).log10()
    highest = level.amax((-2, -1), keepdim=True)
    return (level - highest).clamp(min=-top_db)
