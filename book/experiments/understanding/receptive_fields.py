"""What kernels see: how much of the spectrogram a layer covers, and which way the first layer's look.

`exact` follows kernels and poolings; `thesis_rule` is what Table 7-A prints instead (note E58, E59);
`effective` measures where the input really matters, by gradients [Luo2016]. The thesis reads first-layer
kernels as "vertical and horizontal edge detectors" [Choi2018, §2.3.5.1, Figure 2.10]; `directions` and
`energy_shares` test that against kernels that prefer no direction.

Conventions
    Sizes are (freq, time) in bins and frames. n frames of a transform with windows of n_fft samples cover
    n_fft + (n − 1) · hop_length samples; n bins are n · sample_rate / n_fft hertz wide. Layers count from 1.
    First-layer kernels are (n, 3, 3) with axes (kernel, freq, time). The *gradient* of a kernel is the slope
    of the plane fitted to its nine weights. Flipping a kernel in both axes (Theano against PyTorch) changes
    neither measure.

References
----------
W. Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
NeurIPS 2016.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mtlib.base.errors import InputError
from mtlib.networks.layers import Pool


def exact(kernels: Sequence[Pool], pools: Sequence[Pool]) -> list[tuple[int, int]]:
    """Return the receptive field of each convolution, (freq, time) in bins and frames.

    Parameters
    ----------
    kernels, pools : sequence of (int, int)
        Of each stage; a pooling comes after its convolution.
    """
    if len(kernels) != len(pools):
        raise InputError(f"one kernel and one pooling a stage, got {len(kernels)} and {len(pools)}")
    seen, jump, fields = [1, 1], [1, 1], []
    for kernel, pool in zip(kernels, pools, strict=True):
        for axis in (0, 1):
            seen[axis] += (kernel[axis] - 1) * jump[axis]
        fields.append((seen[0], seen[1]))
        for axis in (0, 1):
            seen[axis] += (pool[axis] - 1) * jump[axis]
            jump[axis] *= pool[axis]
    return fields


def thesis_rule(layer: int) -> int:
    """Return 3·2^(k−1) + 1: the size that Table 7-A's numbers follow, but for its last height."""
    if layer < 1:
        raise InputError(f"layer must be at least 1, got {layer}")
    return 3 * 2 ** (layer - 1) + 1


def milliseconds(n_frames: int, *, sample_rate: int, n_fft: int = 512, hop_length: int = 256) -> float:
    """Return the time that n frames cover, windows included."""
    return 1000 * (n_fft + (n_frames - 1) * hop_length) / sample_rate


def hertz(n_bins: int, *, sample_rate: int, n_fft: int = 512) -> float:
    """Return the width of n bins."""
    return n_bins * sample_rate / n_fft


def effective(network: nn.Module, x: Tensor, layer: int, *, seed: int = 0) -> np.ndarray:
    """Measure where the input moves the middle of a layer: the mean squared gradient around it.

    Parameters
    ----------
    network : Module
        With ``stages``, in evaluation mode, of `mtlib.networks.models`.
    x : Tensor (clip, 1, freq, time)
        Its input.
    layer : int
        From 1; the value in the middle of its convolution.
    seed : int
        Of the random signs with which the maps are summed, so that they do not cancel.

    Returns
    -------
    ndarray (freq, time)
        Sums to 1; the frame of the input (without what the network pads).
    """
    if not 1 <= layer <= len(network.stages):
        raise InputError(f"layer must lie between 1 and {len(network.stages)}, got {layer}")
    caught: list[Tensor] = []
    stage = network.stages[layer - 1]
    hook = stage.conv.register_forward_hook(lambda part, given, result: caught.append(result))
    try:
        x = x.detach().clone().requires_grad_(True)
        network.feature_maps(x)
    finally:
        hook.remove()
    maps = caught[0]  # (clip, map, freq, time)
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, maps.shape[:2], generator=generator) * 2 - 1
    middle = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
    (gradient,) = torch.autograd.grad((middle * signs).sum(), x)
    energy = gradient.square().mean((0, 1)).numpy().astype(np.float64)
    if energy.sum() == 0:
        raise InputError(f"the middle of layer {layer} does not depend on this input")
    return energy / energy.sum()


def effective_size(energy: np.ndarray, share: float = 0.95) -> tuple[int, int]:
    """Return the smallest (freq, time) extent that holds a share of the energy along each axis alone."""
    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, got {share}")
    sizes = []
    for axis in (1, 0):
        total = np.concatenate([[0.0], np.cumsum(energy.sum(axis))])
        total /= total[-1]
        ends = np.searchsorted(total, total + share - 1e-12)  # first end that holds the share from each start
        widths = (ends - np.arange(len(total)))[ends < len(total)]
        sizes.append(int(widths.min()))
    return sizes[0], sizes[1]


_MEAN = np.array([1, 1, 1]) / np.sqrt(3)
_SLOPE = np.array([-1, 0, 1]) / np.sqrt(2)
_CURVE = np.array([1, -2, 1]) / np.sqrt(6)

AXIS_DEGREES = 22.5
"""A gradient this near to the time or the frequency axis counts as lying along it: half of all angles."""

PATTERNS = ("constant", "change in time", "change in frequency", "diagonal", "other")
"""What `energy_shares` splits a kernel into; with 1, 2, 2, 1 and 3 of the nine dimensions."""


def _checked(kernels: np.ndarray) -> np.ndarray:
    kernels = np.asarray(kernels, np.float64)
    if kernels.ndim != 3 or kernels.shape[1:] != (3, 3) or len(kernels) == 0:
        raise InputError(f"kernels must be (n, 3, 3), got shape {kernels.shape}")
    if not np.isfinite(kernels).all():
        raise InputError("kernels hold NaN or infinity")
    return kernels


def directions(kernels: np.ndarray) -> np.ndarray:
    """Return the angle of each kernel's gradient to the time axis.

    Parameters
    ----------
    kernels : ndarray (n, 3, 3)

    Returns
    -------
    degrees : ndarray (n,)
        From 0 (changes in time only: a vertical edge) to 90 (changes in frequency only: a horizontal
        edge); 45 is a diagonal edge. Signs are left out.
    """
    kernels = _checked(kernels)
    in_time = kernels @ _SLOPE @ _MEAN  # (n,): slope along time, mean over frequency
    in_freq = kernels @ _MEAN @ _SLOPE
    return np.degrees(np.arctan2(np.abs(in_freq), np.abs(in_time)))


def along_axis(degrees: np.ndarray) -> np.ndarray:
    """Tell which angles from `directions` lie within `AXIS_DEGREES` of an axis."""
    degrees = np.asarray(degrees)
    return (degrees <= AXIS_DEGREES) | (degrees >= 90 - AXIS_DEGREES)


def energy_shares(kernels: np.ndarray) -> np.ndarray:
    """Split the energy (sum of squares) of each kernel into the five `PATTERNS`.

    "change in time" is any pattern that is constant in frequency, "change in frequency" any that is
    constant in time, "diagonal" the product of two slopes (+ − over − +).

    Returns
    -------
    shares : ndarray (n, 5)
        Rows sum to 1. Kernels of independent equal normal weights average 1/9, 2/9, 2/9, 1/9 and 3/9.
    """
    kernels = _checked(kernels)
    basis = np.stack([_MEAN, _SLOPE, _CURVE])
    energy = np.square(basis @ kernels @ basis.T)  # (n, pattern in freq, pattern in time)
    total = energy.sum((1, 2))
    if (total == 0).any():
        raise InputError("a kernel of zeros has no direction")
    constant, diagonal = energy[:, 0, 0], energy[:, 1, 1]
    in_time, in_freq = energy[:, 0, 1:].sum(1), energy[:, 1:, 0].sum(1)
    other = total - constant - diagonal - in_time - in_freq
    return np.stack([constant, in_time, in_freq, diagonal, other], 1) / total[:, None]


def random_kernels(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw kernels (n, 3, 3) without a preferred direction: independent normal weights.

    This is also how the thesis' networks start [Choi2018, §5.2.1], so a share that training did not
    change stays where these kernels are.
    """
    if n < 1:
        raise InputError(f"n must be at least 1, got {n}")
    return rng.standard_normal((n, 3, 3))
