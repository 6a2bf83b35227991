"""Front ends as plain values: what a run says about its input, and the module that follows from it.

A run stores its front end as a dictionary (``{"kind": "mel", "magnitude": "log"}``); `build` turns it
into a chain of two: the spectrogram with its compression, which can be kept on disk, and what is cheap:
weights along frequency, then excerpt-wise standardisation, then the scaler (note E76)
[Choi2018, §5.2].
"""

from typing import Any

import librosa
import numpy as np
from torch import Tensor, nn

from ..base.errors import InputError, one_of
from . import frontend
from .audio import SAMPLE_RATE
from .pcen import PCEN
from .weighting import AWeighting, PerFrequency

WEIGHTINGS = ("bypass", "a-weighting", "per-frequency")
MAGNITUDES = ("log", "linear", "pcen")

FINISH = ("weighting", "standardise", "scale")
"""Values of the second half: they do not change what is kept on disk."""


class Scale(nn.Module):
    """Multiply by a constant: the thesis' ×10 [Choi2018, §5.2.3.2]."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Scale a spectrogram (batch, 1, freq, time)."""
        return self.factor * x


class _Root(nn.Module):
    """Magnitude of power."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


def build(
    kind: str = "mel",
    *,
    magnitude: str = "log",
    weighting: str = "bypass",
    standardise: bool = True,
    scale: float = 1.0,
    top_db: float = 80.0,
    reference: float = 0.0,
    n_mels: int = 96,
    n_fft: int = 512,
    hop_length: int = 256,
    sample_rate: int = SAMPLE_RATE,
) -> nn.Sequential:
    """Build a front end: samples (batch, time) to spectrograms (batch, 1, freq, time).

    Parameters
    ----------
    kind : {"mel", "stft"}
    magnitude : {"log", "linear", "pcen"}
        Decibels, the magnitude itself, or its per-channel energy normalisation.
    weighting : {"bypass", "a-weighting", "per-frequency"}
        Along frequency, after the compression.
    standardise : bool
        Subtract each clip's mean and divide by its deviation.
    scale : float
        A factor after that.
    top_db, reference : float
        Of decibels: the floor below each clip's maximum, 0 for none; the power that is 0 dB, 0 for each
        clip's maximum.
    n_mels, n_fft, hop_length, sample_rate : int

    Returns
    -------
    Sequential
        Of two: spectrogram and compression, whose output can be kept; and what `FINISH` names.

    Raises
    ------
    InputError
        If a value is out of range.
    """
    one_of(("mel", "stft"), kind=kind)
    one_of(MAGNITUDES, magnitude=magnitude)
    one_of(WEIGHTINGS, weighting=weighting)
    if not scale > 0:
        raise InputError(f"scale must be above 0, got {scale}")
    if (weighting, magnitude) == ("a-weighting", "pcen"):
        raise InputError("A-weighting goes with log or linear magnitudes; PCEN would undo it")
    first: nn.Module
    if kind == "mel":
        first = frontend.MelSpectrogram(n_mels, n_fft=n_fft, hop_length=hop_length, sample_rate=sample_rate)
    else:
        first = frontend.STFT(n_fft, hop_length)
    compression: list[nn.Module] = [_Root()]
    if magnitude == "log":
        compression = [frontend.Decibel(top_db=top_db or None, reference=reference or "max")]
    if magnitude == "pcen":
        compression.append(PCEN(sample_rate / hop_length))
    rest = nn.Sequential()
    if weighting == "a-weighting":
        bands = frequencies(kind, n_mels=n_mels, n_fft=n_fft, sample_rate=sample_rate)
        rest.append(AWeighting(bands, decibels=magnitude == "log"))
    if weighting == "per-frequency":
        rest.append(PerFrequency())
    if standardise:
        rest.append(frontend.Standardise())
    if scale != 1.0:
        rest.append(Scale(scale))
    return nn.Sequential(nn.Sequential(first, *compression), rest)


def frequencies(
    kind: str = "mel", *, n_mels: int = 96, n_fft: int = 512, sample_rate: int = SAMPLE_RATE, **_: Any
) -> np.ndarray:
    """Return the centre of each row of a front end in hertz (freq,)."""
    if kind == "stft":
        return np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    return librosa.mel_frequencies(n_mels + 2, fmin=0.0, fmax=sample_rate / 2)[1:-1]


def size(values: dict[str, Any], n_samples: int) -> tuple[int, int]:
    """Return (n_freq, n_frames) of a front end for a number of samples."""
    analysis: Any = build(**values)[0]
    stft = getattr(analysis[0], "stft", analysis[0])
    return len(frequencies(**values)), stft.n_frames(n_samples)
