"""A network that forgot what it learned, from the top: a control for pictures and sounds of features.

If features of a randomised network look or sound like those of the trained one, they tell of the input and
of the method, not of what was learned [Adebayo2018]. Chapter 7 uses it.

References
    J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
"""

import copy

import torch
from torch import Tensor, nn

from mtlib.base.errors import InputError


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
        nn.init.kaiming_normal_(stage.conv.weight, generator=generator)
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
