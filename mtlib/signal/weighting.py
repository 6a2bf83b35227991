"""Weights along the frequency axis: the A-weighting of IEC 61672 and per-frequency standardisation.

The thesis asks whether a tagger gains from an input whose bands are weighed like hearing (A-weighting) or
made equally loud on average (per-frequency standardisation, spectral whitening), against no weighting at
all ("bypass"). Decibels are weighted by adding, magnitudes by multiplying; the thesis takes decibels
first. Excerpt-wise standardisation and the scaler come after the weights: before them they would cancel
(note E76). [Choi2018, §5.2.3]

Conventions
    Frequencies in hertz, one a row of the spectrogram; spectrograms (batch, 1, freq, time), float32.
"""

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from ..base.errors import InputError

LEAST_DB = -80.0
"""What is weighted down further, such as 0 Hz, is weighted by this."""


def a_weighting(frequencies: np.ndarray) -> np.ndarray:
    """Compute the A-weighting of frequencies, in decibels; 0 at 1 kHz.

    Parameters
    ----------
    frequencies : np.ndarray
        Hertz, at least 0.

    Returns
    -------
    np.ndarray [same shape, dtype=float64]
        At least `LEAST_DB`.

    Raises
    ------
    InputError
        If a frequency is negative or not finite.

    References
    ----------
    IEC 61672-1, annex E; [Choi2018, §5.2.3].
    """
    frequencies = np.asarray(frequencies, np.float64)
    if not (np.isfinite(frequencies) & (frequencies >= 0)).all():
        raise InputError(f"frequencies must be finite and at least 0 Hz, got {frequencies.min():g}")
    with np.errstate(divide="ignore"):
        level = librosa.A_weighting(frequencies, min_db=None)
        level -= librosa.A_weighting(1000.0)  # which librosa rounds: 0.0003 dB
    return np.maximum(level, LEAST_DB)


class AWeighting(nn.Module):
    """Weigh the bands of a spectrogram like the A curve.

    Parameters
    ----------
    frequencies : np.ndarray (freq,)
        Centre of each band in hertz.
    decibels : bool
        The input is in decibels: add. Otherwise it is a magnitude: multiply.
    """

    def __init__(self, frequencies: np.ndarray, *, decibels: bool = True):
        super().__init__()
        self.weights: Tensor
        level = a_weighting(frequencies)
        if level.ndim != 1:
            raise InputError(f"frequencies must be one a band, got shape {level.shape}")
        weights = level if decibels else 10 ** (level / 20)
        self.decibels = decibels
        self.register_buffer("weights", torch.from_numpy(weights).float()[:, None], persistent=False)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Weigh ``spectrogram`` (batch, 1, freq, time)."""
        if spectrogram.ndim != 4 or spectrogram.shape[2] != len(self.weights):
            raise InputError(
                f"a spectrogram must be (batch, 1, {len(self.weights)}, time), got {tuple(spectrogram.shape)}"
            )
        return spectrogram + self.weights if self.decibels else spectrogram * self.weights


class PerFrequency(nn.Module):
    """Standardise each band of a clip over time: subtract its mean, divide by its standard deviation.

    A thousandth of the clip's own deviation over all bins is added to that of the band, so that a silent one
    becomes zero and not amplified rounding.
    """

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Standardise ``spectrogram`` (batch, 1, freq, time)."""
        if spectrogram.ndim != 4:
            raise InputError(f"a spectrogram must be (batch, channel, freq, time), got {tuple(spectrogram.shape)}")
        mean = spectrogram.mean(3, keepdim=True)  # (batch, 1, freq, 1)
        deviation = spectrogram - mean
        std = deviation.square().mean(3, keepdim=True).sqrt()  # (batch, 1, freq, 1)
        whole = spectrogram.std((1, 2, 3), correction=0, keepdim=True)  # (batch, 1, 1, 1)
        return deviation / (std + 1e-3 * whole + 1e-10)
