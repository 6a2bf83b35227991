"""Per-channel energy normalisation: a compression that follows each band's own recent level.

Every band is divided by a power of its smoothed past (an automatic gain control) and compressed by a root:
an alternative to the logarithm, without a floor.

Conventions
    Input: magnitudes (batch, 1, freq, time) of samples in [−1, 1]; output of the same shape, float32.

References
----------
Wang et al. (2017), Trainable frontend for robust and far-field keyword spotting; Lostanlen et al. (2019),
Per-channel energy normalization: why and how.
"""

import math

import torch
from torch import Tensor, nn

from ..base.errors import InputError

GAIN, BIAS, POWER, EPS, SECONDS = 0.98, 2.0, 0.5, 1e-6, 0.4
"""librosa's; the seconds are the time constant of the smoother."""

SCALE = 2.0**31
"""Multiplies the magnitudes first; bias and eps are meant for 32-bit whole numbers."""


class PCEN(nn.Module):
    """Per-channel energy normalisation, (E / (eps + M)^gain + bias)^power − bias^power, M the smoothed E.

    Parameters
    ----------
    frame_rate : float
        Frames a second. The smoother's past is the first frame.
    """

    def __init__(self, frame_rate: float):
        super().__init__()
        if not frame_rate > 0:
            raise InputError(f"frame_rate must be above 0, got {frame_rate}")
        n_frames = SECONDS * frame_rate
        self.smoothing = (math.sqrt(1 + 4 * n_frames**2) - 1) / (2 * n_frames**2)  # as librosa

    def forward(self, magnitude: Tensor) -> Tensor:
        """Normalise ``magnitude`` (batch, 1, freq, time)."""
        if magnitude.ndim != 4:
            raise InputError(f"a spectrogram must be (batch, channel, freq, time), got {tuple(magnitude.shape)}")
        with torch.autocast(magnitude.device.type, enabled=False):
            energy = SCALE * magnitude.float()
            smooth = torch.matmul(energy, self._smoother(energy))  # (batch, 1, freq, time)
            ratio = energy / (EPS + smooth) ** GAIN
            return (ratio + BIAS) ** POWER - BIAS**POWER

    def _smoother(self, energy: Tensor) -> Tensor:
        """Return the weights (time, time) of frame k, a row, in the smoothed frame t, a column."""
        steps = torch.arange(energy.shape[3], device=energy.device, dtype=torch.float32)
        age = steps - steps[:, None]
        weights = torch.where(age < 0, 0.0, self.smoothing * (1 - self.smoothing) ** age.clamp(min=0))
        weights[0] += (1 - self.smoothing) ** (steps + 1)  # the past before the first frame
        return weights
