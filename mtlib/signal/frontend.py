"""Front ends: samples to the time-frequency images that the networks see.

A front end is a chain of `torch.nn.Module` parts, on any device: `MelSpectrogram` (or `STFT`), `Decibel`,
`Standardise`. Three chains belong to the author's published networks: `crnn_frontend`,
`compact_frontend` and `theano_compact_frontend`. What comes between decibels and network is in
`mtlib.signal.weighting` and `mtlib.signal.pcen`; `mtlib.signal.views` makes chains from plain values.
[Choi2018, §2.3.2, §5.2]

Conventions
    Input: samples (…, time), floating point; output (batch, 1, freq, time), float32. No part has
    learned weights or stored state; autocast does not lower the precision.
    Decibels are 10·log10 of *power*. The author's tagger takes the logarithm of the power squared
    ("doubled decibels"), so that its 80 dB window holds 40 dB of power (note E40); `Decibel` does
    that where asked to.
    The Hann window is periodic (one period of the cosine is n_fft samples), as in librosa and in the
    DFT kernels stored with the published Keras network.
"""

import math
import warnings
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn

from ..base.errors import InputError, at_least, one_of
from .audio import SAMPLE_RATE


class STFT(nn.Module):
    """Short-time Fourier transform: power [Choi2018, §2.3.2].

    Parameters
    ----------
    n_fft, hop_length : int
        Samples of a frame and between frames.
    padding : {"centre", "same"}
        "centre": frame t is centred on sample t·hop_length, 1 + time // hop_length frames, the ends reflected
        (as in librosa when the author's arrays were made; since 0.10 it puts zeros there).
        "same": zeros on both sides so that there are ceil(time / hop_length) frames (Keras convolution).
    """

    def __init__(self, n_fft: int = 512, hop_length: int = 256, *, padding: str = "centre"):
        super().__init__()
        self.window: Tensor
        at_least(2, n_fft=n_fft)
        at_least(1, hop_length=hop_length)
        one_of(("centre", "same"), padding=padding)
        self.n_fft, self.hop_length, self.padding = n_fft, hop_length, padding
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def n_frames(self, n_samples: int) -> int:
        """Return the number of frames that `n_samples` samples give."""
        if self.padding == "centre":
            return 1 + n_samples // self.hop_length
        return math.ceil(n_samples / self.hop_length)

    def forward(self, samples: Tensor) -> Tensor:
        """Transform ``samples`` (…, time) to a spectrogram (batch, 1, n_fft // 2 + 1, frame)."""
        samples = _checked(samples)  # (batch, time)
        n_samples = samples.shape[-1]
        left = right = self.n_fft // 2
        if self.padding == "same":
            missing = (self.n_frames(n_samples) - 1) * self.hop_length + self.n_fft - n_samples
            left, right = max(missing, 0) // 2, max(missing, 0) - max(missing, 0) // 2
        reflect = self.padding == "centre"
        shortest = left + 1 if reflect else max(1, self.n_fft - left - right)
        if n_samples < shortest:
            raise InputError(f"samples are too short: {n_samples}, but n_fft {self.n_fft} needs {shortest}")
        samples = nn.functional.pad(samples, (left, right), mode="reflect" if reflect else "constant")
        spectrum = torch.stft(
            samples, self.n_fft, self.hop_length, window=self.window, center=False, return_complex=True
        )  # (batch, freq, frame), complex
        return (spectrum.real.square() + spectrum.imag.square()).unsqueeze(1)  # (batch, 1, freq, frame)


def load_torchaudio(name: str = "torchaudio.functional") -> ModuleType:
    """Import a module of torchaudio, which loads only beside the torch that it was built for.

    Raises
    ------
    InputError
        If it does not load.
    """
    try:
        return import_module(name)
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f"torchaudio does not load beside torch {torch.__version__}: install both at one version "
            f"from one index; in the repository, delete .venv and run make ({' '.join(str(error).split())})"
        ) from error


def mel_filterbank(n_mels: int = 96, *, n_fft: int = 512, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Make triangular mel filters up to half of the sample rate, with Slaney's scale and norm (equal area).

    The defaults give the filters stored with the published networks, to 1e-6.

    Parameters
    ----------
    n_mels, n_fft, sample_rate : int

    Returns
    -------
    filterbank : Tensor [shape=(n_fft // 2 + 1, n_mels), dtype=float32]

    Raises
    ------
    InputError
        If a value is out of range, or if filters are so narrow that they hold no DFT bin.
    """
    at_least(1, n_mels=n_mels, sample_rate=sample_rate)
    at_least(2, n_fft=n_fft)
    with warnings.catch_warnings():  # torchaudio warns of empty filters; this raises
        warnings.simplefilter("ignore")
        filterbank = load_torchaudio().melscale_fbanks(
            n_fft // 2 + 1, 0.0, sample_rate / 2, n_mels, sample_rate, norm="slaney", mel_scale="slaney"
        )  # (freq, mel)
    n_empty = int((filterbank.amax(dim=0) == 0).sum())
    if n_empty:
        raise InputError(
            f"n_mels {n_mels} is too many for n_fft {n_fft} up to {sample_rate / 2:g} Hz: "
            f"{n_empty} filters hold no DFT bin; take fewer bands or a longer n_fft"
        )
    return filterbank


class MelSpectrogram(nn.Module):
    """Power mel-spectrogram: `STFT`, then `mel_filterbank` [Choi2018, §2.3.2, §5.2.2].

    Parameters
    ----------
    n_mels, n_fft, sample_rate
        As for `mel_filterbank`.
    hop_length, padding
        As for `STFT`.
    """

    def __init__(
        self,
        n_mels: int = 96,
        *,
        n_fft: int = 512,
        hop_length: int = 256,
        sample_rate: int = SAMPLE_RATE,
        padding: str = "centre",
    ):
        super().__init__()
        self.filters: Tensor
        filterbank = mel_filterbank(n_mels, n_fft=n_fft, sample_rate=sample_rate)
        self.stft = STFT(n_fft, hop_length, padding=padding)
        self.register_buffer("filters", filterbank.T.contiguous(), persistent=False)  # (mel, freq)

    def forward(self, samples: Tensor) -> Tensor:
        """Transform ``samples`` (…, time) to power (batch, 1, mel, frame)."""
        power = self.stft(samples)  # (batch, 1, freq, frame)
        with torch.autocast(power.device.type, enabled=False):
            return torch.matmul(self.filters, power)  # (batch, 1, mel, frame)


class Decibel(nn.Module):
    """Decibels of power, clip by clip: 10·log10(max(power, amin)), against a reference, with a floor.

    Parameters
    ----------
    top_db : float, optional
        Values further than this below the clip's maximum are raised to that floor; None: no floor.
    reference : "max" or float
        The power that is 0 dB: the clip's maximum, or a fixed one.
    doubled : bool
        Square the power first, as the author's tagger does: every difference between two values
        doubles, and 80 dB on this scale are 40 dB of power (note E40).
    """

    amin = 1e-10
    """Powers below it count as it."""

    def __init__(self, *, top_db: float | None = 80.0, reference: str | float = "max", doubled: bool = False):
        super().__init__()
        if top_db is not None and not top_db > 0:
            raise InputError(f"top_db must be above 0 or None, got {top_db}")
        if reference != "max" and (isinstance(reference, str) or not reference > 0):
            raise InputError(f'reference must be "max" or a power above 0, got {reference!r}')
        self.top_db, self.reference, self.doubled = top_db, reference, doubled

    def forward(self, power: Tensor) -> Tensor:
        """Transform ``power`` (batch, 1, freq, frame) to decibels of the same shape."""
        power = _checked_spectrogram(power)
        if self.doubled:
            power = power.square()
        level = 10.0 * power.clamp(min=self.amin).log10()
        if self.reference == "max":
            level = level - level.amax(dim=(1, 2, 3), keepdim=True)
        else:
            level = level - 10.0 * math.log10(max(float(self.reference), self.amin))
        if self.top_db is None:
            return level
        return torch.maximum(level, level.amax(dim=(1, 2, 3), keepdim=True) - self.top_db)


class Standardise(nn.Module):
    """Subtract the clip's mean and divide by its standard deviation, both over all bins."""

    eps = 1e-10
    """Added to the standard deviation, so that a constant clip becomes zero: as in the published Keras network."""

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Standardise ``spectrogram`` (batch, 1, freq, frame)."""
        spectrogram = _checked_spectrogram(spectrogram)
        mean = spectrogram.mean(dim=(1, 2, 3), keepdim=True)  # (batch, 1, 1, 1)
        deviation = spectrogram - mean
        std = deviation.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()  # (batch, 1, 1, 1)
        return deviation / (std + self.eps)


def crnn_frontend() -> nn.Sequential:
    """Return the front end of the published CRNN and 5-layer CNN [Choi2018, §4.2].

    349,440 samples at 12 kHz become (batch, 1, 96, 1366): doubled decibels against a power of 1, with a
    floor 80 below the clip's maximum.
    """
    return nn.Sequential(MelSpectrogram(), Decibel(reference=1.0, doubled=True))


def compact_frontend(padding: str = "centre") -> nn.Sequential:
    """Return the front end of the published Keras-2 Compact-convnet [Choi2018, §2.4].

    348,000 samples at 12 kHz become (batch, 1, 96, 1360): decibels below the clip's maximum with a floor
    at −80, then standardised per clip.

    Parameters
    ----------
    padding : {"centre", "same"}
        Centred frames give 1360 as well. ``"same"`` is what the network's own file says: its frames lie
        48 samples earlier, and a probability moves by up to a few hundredths.
    """
    return nn.Sequential(MelSpectrogram(padding=padding), Decibel(), Standardise())


def theano_compact_frontend(padding: str = "same") -> nn.Sequential:
    """Return the front end of the published Theano Compact-convnet [Choi2018, §6.2.1].

    Doubled decibels below the clip's maximum with a floor at −80, not standardised. 348,000 samples at
    12 kHz become (batch, 1, 96, 1360) with "same" padding; 349,440 become (batch, 1, 96, 1366) with "centre".
    """
    return nn.Sequential(MelSpectrogram(padding=padding), Decibel(doubled=True))


def _checked(samples: Tensor) -> Tensor:
    """Return samples as (batch, time) float32; refuse what is no audio."""
    if not isinstance(samples, Tensor):
        raise InputError(f"samples must be a torch.Tensor, got {type(samples).__name__}")
    if not samples.is_floating_point():
        raise InputError(f"samples must be floating point in [−1, 1], got {samples.dtype}")
    if samples.ndim < 1 or samples.numel() == 0:
        raise InputError(f"samples must have shape (…, time) and not be empty, got {tuple(samples.shape)}")
    # On an accelerator, looking at the values would make the queue wait; decoded audio is finite.
    looks = samples.device.type == "cpu" and not torch.compiler.is_exporting()
    if looks and not torch.isfinite(samples).all():
        raise InputError("samples hold NaN or infinity")
    return samples.reshape(-1, samples.shape[-1]).float()


def _checked_spectrogram(spectrogram: Tensor) -> Tensor:
    if not isinstance(spectrogram, Tensor) or spectrogram.ndim != 4:
        shape = tuple(getattr(spectrogram, "shape", ()))
        raise InputError(f"a spectrogram must be a tensor of shape (batch, channel, freq, time), got {shape}")
    return spectrogram.float()
