"""Receptive fields: how much of the spectrogram one value of a layer can see, and how much it does see.

`exact` follows kernels and poolings; `thesis_rule` is what Table 7-A prints instead (notes E58, E59);
`effective` measures where the input really matters, by gradients [Luo2016]. Chapter 7 uses it.

Conventions
    Sizes are (freq, time) in bins and frames. n frames of a transform with windows of n_fft samples cover
    n_fft + (n − 1) · hop_length samples; n bins are n · sample_rate / n_fft hertz wide. Layers count from 1.

References
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
