"""Auralisation: from a deconvolved image to a sound.

An image from `deconvolution` says where a feature found what. Three ways make it audible
(`WAYS`):

"phase"
    The image is the spectrogram, the phase is that of the original: Listing 7.1 of the thesis.
"mask"
    The image multiplies the complex transform of the original, so its magnitude enters as well: what the
    author's code does (note E65).
"no phase"
    The size of the image is the spectrogram, and Griffin and Lim's iteration finds a phase that fits it:
    nothing but the image is heard.

See [Choi2018, §7.2.3].

Conventions
    Samples are (…, time), transforms and images (…, freq, frame); images of a network on mel bands go to the
    bins of the transform through its own filters, so weighted that an image of ones becomes ones.
    A negative value turns the phase round, as in the author's code.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlib.base.errors import InputError
from mtlib.signal.frontend import STFT, MelSpectrogram, load_torchaudio

WAYS = ("phase", "mask", "no phase")

N_AT_ONCE = 4
"""Images that go to sound together: as many as stay in a processor's cache."""


class Analysis:
    """The transform under a front end, with its inverse.

    Parameters
    ----------
    frontend : Module
        A front end of `mtlib.signal.frontend`, on mel bands or on an STFT.

    Raises
    ------
    InputError
        If the front end has no STFT.
    """

    def __init__(self, frontend: nn.Module):
        stft = next((part for part in frontend.modules() if isinstance(part, STFT)), None)
        if stft is None:
            raise InputError(f"the front end has no STFT to go back through: {type(frontend).__name__}")
        self.stft, self.n_fft, self.hop_length = stft, stft.n_fft, stft.hop_length
        mel = next((part for part in frontend.modules() if isinstance(part, MelSpectrogram)), None)
        self.filters = None if mel is None else _bin_weights(mel.filters)  # (bin, mel)

    def _padding(self, n_samples: int) -> tuple[int, int]:
        if self.stft.padding == "centre":
            return self.n_fft // 2, self.n_fft // 2
        missing = (self.stft.n_frames(n_samples) - 1) * self.hop_length + self.n_fft - n_samples
        return max(missing, 0) // 2, max(missing, 0) - max(missing, 0) // 2

    def transform(self, samples: Tensor) -> Tensor:
        """Return the complex transform (…, freq, frame) of samples (…, time), as the front end frames it."""
        reflect = self.stft.padding == "centre"
        flat = samples.reshape(-1, samples.shape[-1])
        padded = F.pad(flat, self._padding(samples.shape[-1]), mode="reflect" if reflect else "constant")
        window = self.stft.window
        spectrum = torch.stft(padded, self.n_fft, self.hop_length, window=window, center=False, return_complex=True)
        return spectrum.reshape(*samples.shape[:-1], *spectrum.shape[-2:])

    def signal(self, spectrum: Tensor, n_samples: int) -> Tensor:
        """Return the samples (…, time) whose transform is nearest to a spectrum (…, freq, frame)."""
        window = self.stft.window
        frames = torch.fft.irfft(spectrum.mT, self.n_fft) * window  # (…, frame, n_fft)
        weight = _overlap_add(window.square().expand(frames.shape[-2], -1), self.hop_length)
        left, _ = self._padding(n_samples)
        kept = slice(left, left + n_samples)
        samples = _overlap_add(frames, self.hop_length)[..., kept]
        samples = samples / weight[kept].clamp(min=1e-8)
        return F.pad(samples, (0, n_samples - samples.shape[-1]))

    def to_bins(self, image: Tensor) -> Tensor:
        """Bring an image (…, freq, frame) of the network's input to the bins of the transform."""
        return image if self.filters is None else self.filters @ image

    def frequencies(self) -> Tensor:
        """Return the place of each bin between 0 and half of the sample rate, from 0 to 1."""
        return torch.linspace(0, 1, self.n_fft // 2 + 1)


def _bin_weights(filters: Tensor) -> Tensor:
    """Return (bin, mel) weights that sum to 1 in every bin, from filters (mel, bin)."""
    weights = filters.T.clone()
    empty = weights.sum(1) == 0  # the lowest and the highest bin: take what the nearest band says
    weights[empty, 0] = (torch.arange(len(weights)) < len(weights) / 2)[empty].float()
    weights[empty, -1] = 1 - weights[empty, 0]
    return weights / weights.sum(1, keepdim=True)


def _overlap_add(frames: Tensor, hop_length: int) -> Tensor:
    """Add frames (…, frame, n_fft), each hop_length later, to samples (…, time)."""
    n_frames, n_fft = frames.shape[-2:]
    n_parts = math.ceil(n_fft / hop_length)
    frames = F.pad(frames, (0, n_parts * hop_length - n_fft)).unflatten(-1, (n_parts, hop_length))
    total = frames.new_zeros(*frames.shape[:-3], n_frames + n_parts - 1, hop_length)
    for part in range(n_parts):
        total[..., part : part + n_frames, :] += frames[..., part, :]
    return total.flatten(-2)


@torch.no_grad()
def sound(
    image: Tensor, spectrum: Tensor, analysis: Analysis, n_samples: int, *, way: str = "phase", seed: int = 0
) -> Tensor:
    """Make images audible.

    Parameters
    ----------
    image : Tensor (…, freq, frame)
        From `deconvolution.deconvolve`.
    spectrum : Tensor (freq, frame)
        The complex transform of the original, from `Analysis.transform`.
    analysis : Analysis
    n_samples : int
        Length of the original.
    way : {"phase", "mask", "no phase"}
        See above.
    seed : int
        Of the phase that "no phase" starts from.

    Returns
    -------
    Tensor (…, time) float32
        Not level-matched: the scale is that of the image.
    """
    if image.ndim == 3 and len(image) > N_AT_ONCE:
        parts = image.split(N_AT_ONCE)
        return torch.cat([sound(part, spectrum, analysis, n_samples, way=way, seed=seed) for part in parts])
    if way not in WAYS:
        raise InputError(f"way must be one of {', '.join(WAYS)}, got {way!r}")
    image = analysis.to_bins(image)
    if image.shape[-2:] != spectrum.shape[-2:]:
        raise InputError(
            f"the image is {tuple(image.shape[-2:])}, the transform {tuple(spectrum.shape[-2:])}; "
            "both must come from the same samples"
        )
    if way == "mask":
        return analysis.signal(image * spectrum, n_samples)
    if way == "phase":
        return analysis.signal(image * torch.sgn(spectrum), n_samples)  # sgn: z / |z|
    length = (image.shape[-1] - 1) * analysis.hop_length  # what centred frames cover for certain
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        samples = load_torchaudio().griffinlim(
            image.abs(), analysis.stft.window, analysis.n_fft, analysis.hop_length, analysis.n_fft,
            power=1.0, n_iter=32, momentum=0.99, length=length, rand_init=True,
        )  # fmt: skip
    return F.pad(samples, (0, n_samples - length))
