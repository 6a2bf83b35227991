"""What a network costs: parameters by part, shapes, multiply-adds, values moved, receptive fields.

Nothing is trained or even allocated: the network runs on PyTorch's "meta" device, where tensors have
shapes only. ``python -m mtlib models`` prints it.

Conventions
    Multiply-adds are those of one clip's forward pass, in convolutions, dense and recurrent layers.
    *Moved values* are the inputs and outputs of every layer (convolution, pooling, normalisation with
    activation, dense, recurrent), once each: what a program that keeps nothing in cache has to read and
    write. A receptive field is the (freq, time) patch of the spectrogram that one value sees.
"""

import copy
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import torch
from torch import nn

from mtlib.networks import models, structures
from mtlib.networks.layers import LSTM, ConvStage, DenseStage, KerasGRU, TimeNorm


@dataclass(frozen=True)
class Layer:
    """One stage of a network."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """After the stage, without the batch."""
    parameters: int
    multiply_adds: int
    moved: int
    """Values read and written."""
    activations: int
    """Values that the convolution or dense layer gives out, before pooling."""
    receptive_field: tuple[int, ...] | None
    """(freq, time) of the convolution; None after the convolutions."""


def layers(network: nn.Module, n_freq: int, n_frames: int) -> list[Layer]:
    """List the stages of a network for one clip of (freq, time).

    Parameters
    ----------
    network : Module
        From `structures.build`, or one of `mtlib.networks.models`. It is not changed.
    n_freq, n_frames : int
    """
    found: list[Layer] = []
    field, jump = [1, 1], [1, 1]  # receptive field, and steps of the input that one step here stands for

    def note(name: str, part: nn.Module, given: torch.Tensor, result: torch.Tensor) -> None:
        n_in, n_out = given[0].numel(), result[0].numel()
        seen: tuple[int, ...] | None = None
        pool: Any
        n_inside, multiply_adds, moved = n_out, n_in * n_out, n_in + n_out  # dense
        if isinstance(part, ConvStage):
            kernel, pool = part.conv.kernel_size, part.pool.kernel_size
            n_inside = prod(part.convolve(given).shape[1:])
            multiply_adds = n_inside * part.conv.in_channels * prod(kernel)
            moved = (n_in + n_inside) + (n_inside + n_out) + 2 * (n_out if part.pool_first else n_inside)
            seen = tuple(field[axis] + (kernel[axis] - 1) * jump[axis] for axis in (0, 1))
            for axis in (0, 1):
                field[axis] = seen[axis] + (pool[axis] - 1) * jump[axis]
                jump[axis] *= pool[axis]
        elif isinstance(part, (KerasGRU, LSTM)):
            steps, width = result.shape[1:]
            multiply_adds = steps * part.n_gates * width * (given.shape[2] + width)
        elif isinstance(part, TimeNorm):
            n_inside = multiply_adds = 0
        elif isinstance(part, DenseStage):
            moved += 2 * n_out  # normalisation and activation
        shape, kind = tuple(result.shape[1:]), type(part).__name__
        n_parameters = models.n_parameters(part)
        found.append(Layer(name, kind, shape, n_parameters, multiply_adds, moved, n_inside, seen))

    shadow = copy.deepcopy(network).to("meta").eval()
    for name, part in shadow.named_modules():
        if name == "output" or isinstance(part, (ConvStage, DenseStage, KerasGRU, LSTM, TimeNorm)):
            part.register_forward_hook(
                lambda part, given, result, name=name: note(name, part, given[0], result)
            )
    with torch.no_grad():
        shadow(torch.empty(1, 1, n_freq, n_frames, device="meta"))
    return found


def counts(network: nn.Module) -> dict[str, int]:
    """Count trainable values by part: convolution, dense, recurrent, output, normalisation, input."""
    parts = dict.fromkeys(
        ("convolution", "dense", "recurrent", "output", "normalisation", "input_normalisation"), 0
    )
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        owner = network.get_submodule(name.rpartition(".")[0])
        if name.startswith("input_norm"):
            part = "input_normalisation"
        elif name.startswith("output"):
            part = "output"
        elif isinstance(owner, nn.Conv2d):
            part = "convolution"
        elif isinstance(owner, (nn.BatchNorm1d, nn.BatchNorm2d)):
            part = "normalisation"
        else:
            part = "dense" if isinstance(owner, nn.Linear) else "recurrent"
        parts[part] += parameter.numel()
    return parts


def describe(structure: str, budget: float | None = None, **options: Any) -> dict[str, Any]:
    """Return everything about one network as plain values.

    Parameters
    ----------
    structure, budget, **options
        As for `structures.build`.

    Returns
    -------
    dict
        ``parameters`` are trainable values with batch normalisation and without the input normalisation,
        as the thesis' budgets are best read; the other counts have keys of their own. ``layers`` lists
        the stages, `Layer` by `Layer`.
    """
    n_freq, n_frames = options.get("n_freq", 96), options.get("n_frames", 1366)
    with torch.device("meta"):
        network = structures.build(structure, budget, **options)
    stages = layers(network, n_freq, n_frames)
    parts = counts(network)
    norms, input_norm = parts.pop("normalisation"), parts.pop("input_normalisation")
    plain = sum(parts.values())
    n_padded = n_frames + 2 * getattr(network, "n_padding", 0)
    seen = [stage.receptive_field for stage in stages if stage.receptive_field]
    return {
        "structure": structure,
        "width": budget,
        "options": options,
        "parameters": plain + norms,
        "parameters_without_normalisation": plain,
        "parameters_with_input_normalisation": plain + norms + (input_norm or 2 * n_padded),
        **{f"parameters_{name}": count for name, count in parts.items()},
        "convolution_share": parts["convolution"] / plain,
        "multiply_adds": sum(stage.multiply_adds for stage in stages),
        "activations": sum(stage.activations for stage in stages[:-1]),
        "moved_bytes": 4 * sum(stage.moved for stage in stages),
        "receptive_field": list(seen[-1]),
        "layers": [asdict(stage) for stage in stages],
    }


def every() -> list[dict[str, Any]]:
    """Describe every network of the thesis; Compact-convnet on mel and STFT, k1c2 with both kernels."""
    table = structures.widths()
    return [
        describe("compact", n_frames=1360),
        describe("compact", n_freq=257, n_frames=1360),
        *(describe(name, budget) for name in table for budget in table[name]),
        *(describe("k1c2", budget, kernel_time=8) for budget in table["k1c2"]),
        describe("genre", n_freq=257, n_frames=173, n_tags=3),
    ]
