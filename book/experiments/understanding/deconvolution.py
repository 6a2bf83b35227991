"""Deconvolution: from one feature of a convnet back to the spectrogram that excited it.

On the way forth every pooling keeps its *switches*, the places of its maxima. On the way back, stage by
stage, maps are rectified, put back to those places and filtered with the transposed kernels, until one
image of the input's size is left [Zeiler2014; Choi2018, §7.2.2]. `auralisation` makes the images audible.
Every convolutional network of `mtlib.networks.models` will do. `randomised` is the control: if features of
a network with random weights look or sound like those of the trained one, they tell of the input and of the
method, not of what was learned [Adebayo2018].

Conventions
    Images are (feature, freq, time) in the units of the network's input, signed: the last filter is not
    followed by a rectifier, as in the author's code. A normalisation counts as part of the filter before
    it: its gain scales the kernel; offsets are dropped, as are the biases of the author's code (E65).
    Layers count from 1, features from 0, as in the thesis. The way back starts at the pooled map.

References
----------
M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from mtlib.base.errors import InputError
from mtlib.networks.layers import ACTIVATIONS, ConvStage, TimeNorm


@dataclass(frozen=True)
class Step:
    """What one stage did to the clips: enough to go back."""

    stage: ConvStage
    gain: Tensor
    """Of the normalisation, (map,)."""
    active: Tensor
    """Activations at the places of the convolution, before pooling where the network pools last."""
    pooled: Tensor
    """Output of the stage, (clip, map, freq, time)."""
    switches: Tensor
    """Where each maximum stood in the flattened (freq, time), of the shape of `pooled`."""
    size: tuple[int, int]
    """(freq, time) of the maps that were pooled."""

    @property
    def kernels(self) -> Tensor:
        """The kernels with the gain of the normalisation, (map, map before, freq, time)."""
        return self.stage.conv.weight * self.gain[:, None, None, None]


@dataclass(frozen=True)
class Trace:
    """A network's way forth, for a batch of clips."""

    steps: list[Step]
    input_gain: Tensor
    """Of the normalisation of the input, (frame,) or (1,)."""
    n_padding: int
    """Frames of zeros that the network adds on both sides."""
    _first: dict[int, sparse.csr_array] = field(default_factory=dict, repr=False)

    def first_stage(self, clip: int) -> sparse.csr_array:
        """Return the way back through the first stage as one sparse matrix (kept for one clip)."""
        if clip not in self._first:
            self._first.clear()  # one clip's matrix is 40 MB
            self._first[clip] = first_stage_matrix(self.steps[0], clip)
        return self._first[clip]


@torch.no_grad()
def trace(network: nn.Module, x: Tensor) -> Trace:
    """Run the convolutional stages of a network and keep what the way back needs.

    Parameters
    ----------
    network : Convnet, DenseConvnet or CRNN
        In evaluation mode.
    x : Tensor (clip, 1, freq, time)
        Its input. A network that normalises with the statistics of the batch needs a batch of clips.

    Raises
    ------
    InputError
        If the network has no convolutional stages, is in training mode, or the input does not fit.
    """
    if not isinstance(getattr(network, "stages", None), nn.ModuleList):
        raise InputError(f"a network with convolutional stages is needed, got {type(network).__name__}")
    if network.training:
        raise InputError("the network is in training mode; call network.eval() first")
    expected = [tuple(maps.shape) for maps in network.feature_maps(x)]  # checks the input, too
    n_padding, input_gain = getattr(network, "n_padding", 0), x.new_ones(1)
    x = F.pad(x, (n_padding, n_padding))
    if isinstance(network.input_norm, TimeNorm):
        input_gain = _gain(network.input_norm.norm, x.transpose(1, 3))
    x, steps = network.input_norm(x), []
    for stage in network.stages:
        step = _forward(stage, x)
        steps.append(step)
        x = step.pooled
    assert [tuple(step.pooled.shape) for step in steps] == expected
    return Trace(steps, input_gain, n_padding)


def _forward(stage: ConvStage, x: Tensor) -> Step:
    activate, pool = ACTIVATIONS[stage.activation], stage.pool.kernel_size
    x = stage.convolve(x)  # (clip, map, freq, time)
    given = F.max_pool2d(x, pool) if stage.pool_first else x
    gain = _gain(stage.norm, given)
    if not stage.pool_first:
        x = activate(stage.norm(x))
    pooled, switches = F.max_pool2d(x, pool, return_indices=True)
    if stage.pool_first:
        active, pooled = activate(stage.norm(x)), activate(stage.norm(pooled))
    else:
        active = x
    return Step(stage, gain, active, pooled, switches, tuple(x.shape[2:]))


def _gain(norm: nn.Module, given: Tensor) -> Tensor:
    """Return what a normalisation multiplies each channel of its input with."""
    if isinstance(norm, nn.Identity):
        return given.new_ones(given.shape[1])
    variance = norm.running_var
    if variance is None:  # it uses the statistics of the batch
        variance = given.var((0, 2, 3), correction=0)
    return norm.weight / (variance + norm.eps).sqrt()


def unpool(pooled: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    """Put maxima back where they stood, zeros elsewhere.

    Parameters
    ----------
    pooled, switches : Tensor (…, freq, time)
        Values, and the places of their maxima in the flattened larger map; shapes broadcast.
    size : (int, int)
        (freq, time) of the larger map.
    """
    flat = pooled.flatten(-2)
    larger = flat.new_zeros(*flat.shape[:-1], size[0] * size[1])
    return larger.scatter_(-1, switches.flatten(-2).expand_as(flat), flat).unflatten(-1, size)


def transpose(stage: ConvStage, maps: Tensor, kernels: Tensor, *, groups: int = 1) -> Tensor:
    """Apply the adjoint of `ConvStage.convolve` (without its bias).

    Parameters
    ----------
    maps : Tensor (batch, map, freq, time)
    kernels : Tensor (map, map before, freq, time)
    groups : int
        As in `torch.nn.functional.conv_transpose2d`.
    """
    maps = F.pad(maps, (stage.surplus[1], 0, stage.surplus[0], 0))  # what an even kernel leaves out
    return F.conv_transpose2d(maps, kernels, padding=stage.conv.padding, groups=groups)


def first_stage_matrix(step: Step, clip: int) -> sparse.csr_array:
    """Return unpooling and filtering of the first stage as one matrix.

    Few of the unpooled values are not zero and only one map is left, so a sparse matrix applied to all
    features at once is about ten times as fast as the convolution.

    Returns
    -------
    csr_array (freq · time, map · pooled freq · pooled time)
        The image still has the borders that "same" padding cuts off.
    """
    (n_freq, n_time), kernels = step.stage.conv.kernel_size, step.kernels[:, 0].cpu()  # (map, freq, time)
    (skip_freq, skip_time), (freq, time) = step.stage.surplus, step.size
    height, width = freq + skip_freq + n_freq - 1, time + skip_time + n_time - 1
    place = step.switches[clip].flatten(1).cpu()  # (map, place)
    corner = (place // time + skip_freq) * width + place % time + skip_time
    reach = torch.arange(n_freq)[:, None] * width + torch.arange(n_time)  # (freq, time)
    rows = corner[:, :, None] + reach.flatten()  # (map, place, weight), ascending
    values = kernels.flatten(1)[:, None].expand(rows.shape)
    starts = torch.arange(place.numel() + 1) * reach.numel()
    shape = (height * width, place.numel())
    parts = (values.flatten(), rows.flatten().int(), starts.int())
    return sparse.csc_array(tuple(part.numpy() for part in parts), shape).tocsr()


@torch.no_grad()
def deconvolve(
    traced: Trace, layer: int, features: Sequence[int] | None = None, *, clip: int = 0, batch_size: int = 8
) -> Tensor:
    """Return what excited the features of a layer, as images of the input.

    Parameters
    ----------
    traced : Trace
    layer : int
        From 1.
    features : sequence of int, optional
        From 0; all by default.
    clip : int
        Of the traced batch.
    batch_size : int
        Features at once: few stay in the processor's cache; the result is the same.

    Returns
    -------
    Tensor (feature, freq, time) float32
    """
    if not 1 <= layer <= len(traced.steps):
        raise InputError(f"layer must lie between 1 and {len(traced.steps)}, got {layer}")
    n_clips, n_maps = traced.steps[layer - 1].pooled.shape[:2]
    features = range(n_maps) if features is None else features
    if not len(features) or not all(0 <= feature < n_maps for feature in features):
        raise InputError(f"features of layer {layer} lie between 0 and {n_maps - 1}, got {list(features)}")
    if not 0 <= clip < n_clips:
        raise InputError(f"clip must lie between 0 and {n_clips - 1}, got {clip}")
    chosen = torch.tensor(list(features), device=traced.input_gain.device)
    images = torch.cat([_back(traced, layer, part, clip) for part in chosen.split(batch_size)])
    end = images.shape[2] - traced.n_padding
    return (images * traced.input_gain)[:, :, traced.n_padding : end]


def _back(traced: Trace, layer: int, features: Tensor, clip: int) -> Tensor:
    """Return the images (feature, freq, time) of a few features."""
    step, n = traced.steps[layer - 1], len(features)
    alone = unpool(step.pooled[clip, features].relu(), step.switches[clip, features], step.size)
    maps = transpose(step.stage, alone[None], step.kernels[features], groups=n)  # (1, feature · map, …)
    maps = maps[0].unflatten(0, (n, -1))  # (feature, map before, freq, time)
    if layer == 1:
        return maps[:, 0]
    for step in traced.steps[layer - 2 : 0 : -1]:
        maps = unpool(maps.relu_(), step.switches[clip], step.size)
        maps = transpose(step.stage, maps, step.kernels)
    first = traced.steps[0]
    image = torch.from_numpy(traced.first_stage(clip) @ maps.relu_().flatten(1).T.contiguous().cpu().numpy())
    (freq, time), (skip, more) = first.stage.conv.kernel_size, first.stage.surplus
    height, width = first.size[0] + skip + freq - 1, first.size[1] + more + time - 1
    image = image.to(maps.device).T.unflatten(1, (height, width))  # (feature, freq, time) with borders
    up, left = first.stage.conv.padding
    return image[:, up : height - up, left : width - left].contiguous()


@torch.no_grad()
def randomised(network: nn.Module, x: Tensor, *, n_stages: int, seed: int = 0) -> nn.Module:
    """Return a copy whose last convolutional stages start anew.

    Their kernels are drawn as the thesis' networks start (He's normal), gains become 1, biases and offsets 0,
    and the normalisation takes the statistics that `x` now gives, so that activations stay in range.

    Parameters
    ----------
    network : Module
        With ``stages``, of `mtlib.networks.models`.
    x : Tensor (clip, 1, freq, time)
        Input that the statistics come from.
    n_stages : int
        How many, from the top; 0 gives a plain copy.
    seed : int
    """
    n_all = len(network.stages)
    if not 0 <= n_stages <= n_all:
        raise InputError(f"n_stages must lie between 0 and {n_all}, got {n_stages}")
    fresh = copy.deepcopy(network).eval()
    generator = torch.Generator().manual_seed(seed)
    hooks = []
    for stage in fresh.stages[n_all - n_stages :]:
        drawn = torch.empty_like(stage.conv.weight, device="cpu")
        stage.conv.weight.copy_(nn.init.kaiming_normal_(drawn, generator=generator))
        nn.init.zeros_(stage.conv.bias)
        if isinstance(stage.norm, nn.BatchNorm2d):
            stage.norm.reset_parameters()
            hooks.append(stage.norm.register_forward_pre_hook(_take_statistics))
    if hooks:
        fresh.feature_maps(x)  # in order: every stage sees what the one below now gives
    for hook in hooks:
        hook.remove()
    return fresh


def _take_statistics(norm: nn.BatchNorm2d, given: tuple[Tensor, ...]) -> None:
    if norm.running_var is not None:
        norm.running_mean.copy_(given[0].mean((0, 2, 3)))
        norm.running_var.copy_(given[0].var((0, 2, 3), correction=0))
