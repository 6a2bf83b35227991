"""Front ends made audible and measured: what a view keeps of a sound, and how finely it sees frequency.

`resynthesise` weighs every bin of a clip's STFT as a view weighs it and turns it back into sound with the
clip's own phase: what the view attenuates or throws away can be heard, and nothing else changes.
`bandwidth` sends pure tones through a view [Choi2018, §5.2.2, §5.2.3].
"""

import numpy as np
import torch
from torch import Tensor

from mtlib.base.errors import InputError
from mtlib.signal import views

N_FFT, HOP_LENGTH = 512, 256


def resynthesise(
    samples: Tensor,
    *,
    n_mels: int = 0,
    weighting: str = "bypass",
    top_db: float = 0.0,
    sample_rate: int = views.SAMPLE_RATE,
) -> Tensor:
    """Return a sound as a view weighs it.

    Parameters
    ----------
    samples : Tensor (time,)
    n_mels : int
        Spread each bin's energy over the mel bands that hold it and back; 0: leave the bins apart.
    weighting : {"bypass", "a-weighting", "per-frequency"}
        "per-frequency" gives all bands the same mean level and spread of level.
    top_db : float
        Mute what lies further below the clip's maximum; 0: nothing.
    sample_rate : int

    Returns
    -------
    Tensor (time,)
    """
    if samples.ndim != 1 or len(samples) <= N_FFT:
        raise InputError(f"samples must be (time,) and longer than {N_FFT}, got {tuple(samples.shape)}")
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(samples.float(), N_FFT, HOP_LENGTH, window=window, return_complex=True)
    power = spectrum.abs().square().clamp(min=1e-20)  # (freq, frame)
    kept = power
    if n_mels:
        filters = views.build(n_mels=n_mels, sample_rate=sample_rate)[0][0].filters  # (mel, freq)
        share = filters / filters.sum(0).clamp(min=1e-12)  # of each bin, over the bands
        width = filters / filters.sum(1, keepdim=True)
        kept = share.T @ (width @ power)
    level = 10 * kept.log10()  # (freq, frame)
    if top_db:
        level = torch.where(level < level.max() - top_db, -200.0, level)
    rest = views.build("stft", weighting=weighting, standardise=False, sample_rate=sample_rate)[1]
    weighed = rest(level[None, None])[0, 0]
    if weighting == "per-frequency":  # back to decibels: the clip's own spread about its own level
        weighed = level.mean() + weighed * (level - level.mean(1, keepdim=True)).std()
    gain = 10 ** ((weighed - 10 * power.log10()) / 20)
    return torch.istft(spectrum * gain.clamp(max=1e3), N_FFT, HOP_LENGTH, window=window, length=len(samples))


def bandwidth(hertz: float, sample_rate: int = views.SAMPLE_RATE, **view: object) -> float:
    """Measure how wide the band of a view is that responds most to a tone: its width at half power.

    Parameters
    ----------
    hertz : float
        Frequency of the tone that chooses the band.
    sample_rate : int
    **view
        Values of `views.build`, such as ``kind="stft", n_fft=256``.

    Returns
    -------
    float
        Hertz, to about 1 %.
    """
    if not 0 < hertz < sample_rate / 2:
        raise InputError(f"hertz must lie between 0 and {sample_rate / 2:g}, got {hertz:g}")
    front = views.build(**view, magnitude="linear", standardise=False, sample_rate=sample_rate)
    time = torch.arange(8192, dtype=torch.float64) / sample_rate

    def power(frequencies: np.ndarray) -> np.ndarray:
        tones = torch.sin(2 * np.pi * torch.from_numpy(frequencies)[:, None] * time).float()
        return front(tones)[:, 0, :, 4:-4].square().mean(2).numpy()  # (tone, band); no edges

    band = int(power(np.array([hertz]))[0].argmax())
    tones = hertz + np.linspace(-100, 100, 401)
    tones = tones[(tones > 0) & (tones < sample_rate / 2)]
    response = power(tones)[:, band]
    above = np.flatnonzero(response >= response.max() / 2)
    return float(tones[above[-1]] - tones[above[0]]) + 0.25
