"""Front ends as plain values: what a run says about its input, and the module that follows from it.

A run stores its front end as a dictionary (``{"kind": "mel", "magnitude": "log"}``); `build` turns it
into the chain of `mtlib.frontend` parts. Chapters 3 to 7 train on these views [Choi2018, §5.2].
"""

from typing import Any

from torch import Tensor, nn

from . import frontend
from .audio import SAMPLE_RATE
from .errors import InputError


class Scale(nn.Module):
    """Multiply by a constant: the ×10 of chapter 5."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Scale a spectrogram (batch, 1, freq, time)."""
        return self.factor * x


def build(
    kind: str = "mel",
    *,
    magnitude: str = "log",
    standardise: bool = True,
    scale: float = 1.0,
    n_mels: int = 96,
    n_fft: int = 512,
    hop_length: int = 256,
    sample_rate: int = SAMPLE_RATE,
) -> nn.Sequential:
    """Build a front end: samples (batch, time) to spectrograms (batch, 1, freq, time).

    Parameters
    ----------
    kind : {"mel", "stft"}
    magnitude : {"log", "linear"}
        Decibels with an 80 dB floor, or the magnitude itself.
    standardise : bool
        Subtract each clip's mean and divide by its deviation.
    scale : float
        A factor after that.
    n_mels, n_fft, hop_length, sample_rate : int

    Raises
    ------
    InputError
        If a value is out of range.
    """
    if kind not in ("mel", "stft"):
        raise InputError(f"kind must be 'mel' or 'stft', got {kind!r}")
    if magnitude not in ("log", "linear"):
        raise InputError(f"magnitude must be 'log' or 'linear', got {magnitude!r}")
    if not scale > 0:
        raise InputError(f"scale must be above 0, got {scale}")
    if kind == "mel":
        first = frontend.MelSpectrogram(n_mels, n_fft=n_fft, hop_length=hop_length, sample_rate=sample_rate)
    else:
        first = frontend.STFT(n_fft, hop_length)
    parts = [first, frontend.Decibel() if magnitude == "log" else _Root()]
    if standardise:
        parts.append(frontend.Standardise())
    if scale != 1.0:
        parts.append(Scale(scale))
    return nn.Sequential(*parts)


class _Root(nn.Module):
    """Magnitude of power."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


def size(values: dict[str, Any], n_samples: int) -> tuple[int, int]:
    """Return (n_freq, n_frames) of a front end for a number of samples."""
    first = build(**values)[0]
    stft = first.stft if isinstance(first, frontend.MelSpectrogram) else first
    n_freq = stft.n_fft // 2 + 1 if stft is first else first.filters.shape[0]
    return n_freq, stft.n_frames(n_samples)
