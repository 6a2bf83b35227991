"""What the scale of the input can and cannot change in a network with batch normalisation.

A bias that feeds batch normalisation is subtracted with the mean of its map: no loss depends on it, its
gradient is zero, and what an optimiser makes of it is rounding. A factor on the input is divided out by
the same step, up to the small number added to the variance (note E39).
[Choi2018, §5.2.3.2].
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlib.base.errors import InputError


def gradients(network: nn.Module, x: Tensor, targets: Tensor) -> dict[str, float]:
    """Return the mean absolute gradients of the first convolution, in double precision.

    Parameters
    ----------
    network : Module
        A `models.Convnet` or another network with ``stages``; it is not changed.
    x : Tensor (batch, 1, freq, time)
    targets : Tensor (batch, tag)
        0 and 1, for the cross-entropy.

    Returns
    -------
    dict
        ``bias`` and ``weight``.
    """
    copy = deepcopy(network).double().train()
    F.binary_cross_entropy_with_logits(copy(x.double()), targets.double()).backward()
    conv = copy.stages[0].conv
    return {"bias": conv.bias.grad.abs().mean().item(), "weight": conv.weight.grad.abs().mean().item()}


@torch.no_grad()
def change(network: nn.Module, x: Tensor, factor: float, *, epsilon: float | None = None) -> float:
    """Return by how much a factor on the input changes what the first stage gives on.

    Parameters
    ----------
    network : Module
        As for `gradients`; in training mode, normalised by the batch's own statistics.
    x : Tensor (batch, 1, freq, time)
    factor : float
    epsilon : float, optional
        What normalisation adds to the variance; the network's own by default.

    Returns
    -------
    float
        Largest difference, as a share of the largest output.
    """
    if not factor > 0:
        raise InputError(f"factor must be above 0, got {factor}")
    stage = deepcopy(network).double().train().stages[0]
    if epsilon is not None and hasattr(stage.norm, "eps"):
        stage.norm.eps = epsilon
    plain, scaled = stage(x.double()), stage(factor * x.double())
    return ((plain - scaled).abs().max() / plain.abs().max()).item()
