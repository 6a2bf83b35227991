"""The networks of the thesis: stages of convolution with something on top.

Input is a spectrogram (batch, 1, freq, time), output are logits (batch, tag). On top of the stages stands
the maximum of each map (`Convnet`: Compact-convnet, k2c2, the tagger repository's five-layer network),
dense layers (`DenseConvnet`: k1c2, k2c1, the genre network), or two recurrent layers (`CRNN`).
`mtlib.networks.structures` names the networks, their widths and their pooling.

The released networks of the author come out of the defaults: conv, norm, ELU, pool (see `ConvStage`).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..base.errors import InputError
from .layers import RECURRENT, ConvStage, DenseStage, Pool, TimeNorm

COMPACT_POOLS: dict[str, tuple[Pool, ...]] = {
    "mel": ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)),  # the author's code for 96 bands
    "stft": ((2, 4), (4, 4), (4, 5), (2, 4), (4, 4)),  # printed in Table 2-B; fits 257 bins only (E01)
}
"""Pooling (freq, time) of the Compact-convnet's five stages, by input."""

CNN5_POOLS: tuple[Pool, ...] = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))
CRNN_POOLS: tuple[Pool, ...] = ((2, 2), (3, 3), (4, 4), (4, 4))


def _stages(
    n_maps: Sequence[int], pools: Sequence[Pool], kernels: Sequence[Pool] | None = None, **options: Any
) -> nn.ModuleList:
    kernels = [options.pop("kernel", (3, 3))] * len(pools) if kernels is None else kernels
    if not len(n_maps) == len(pools) == len(kernels):
        raise InputError(
            f"n_maps and pools must have one value a stage, got {len(n_maps)} and {len(pools)}"
            + (f" and {len(kernels)} kernels" if len(kernels) != len(pools) else "")
        )
    inputs = (1, *n_maps[:-1])
    return nn.ModuleList(
        ConvStage(n_in, n_out, pool, kernel=kernel, **options)
        for n_in, n_out, pool, kernel in zip(inputs, n_maps, pools, kernels, strict=True)
    )


def _stage_outputs(stages: nn.ModuleList, x: torch.Tensor) -> list[torch.Tensor]:
    maps = []
    for stage in stages:
        x = stage(x)
        maps.append(x)
    return maps


def stage_shapes(n_freq: int, n_frames: int, pools: Sequence[Pool]) -> list[tuple[int, int]]:
    """Return (freq, time) after each pooling; a zero means an empty map.

    Parameters
    ----------
    n_freq, n_frames : int
        Size of the input.
    pools : sequence of (int, int)
        Pooling of each stage in frequency and time.
    """
    shapes = []
    for pool_freq, pool_time in pools:
        n_freq, n_frames = n_freq // pool_freq, n_frames // pool_time
        shapes.append((n_freq, n_frames))
    return shapes


def _check_input(x: torch.Tensor, pools: Sequence[Pool]) -> None:
    if x.ndim != 4 or x.shape[1] != 1:
        raise InputError(f"input must be (batch, 1, freq, time), got shape {tuple(x.shape)}")
    last = stage_shapes(x.shape[2], x.shape[3], pools)[-1]
    if 0 in last:
        raise InputError(
            f"pooling {tuple(pools)} leaves an empty map of {last} from an input of "
            f"{tuple(x.shape[2:])}; use pools that fit"
        )


class Convnet(nn.Module):
    """Stages of convolution, the maximum over what is left of each map, one dense output layer.

    Parameters
    ----------
    n_maps : sequence of int
        Feature maps of each stage; five times 32 is the Compact-convnet.
    pools : sequence of (int, int)
        Pooling of each stage.
    n_tags : int
        Outputs.
    n_frames_normalised : int, optional
        Normalise the input over its time axis of this length (the tagger repository's networks).
    **options
        Of `ConvStage`: ``pool_first``, ``batch_statistics``, ``dropout``, ``kernel``.

    References
    ----------
    [Choi2018, §2.4, Table 2-B, §4.2.3]
    """

    def __init__(
        self,
        n_maps: Sequence[int] = (32,) * 5,
        pools: Sequence[Pool] = COMPACT_POOLS["mel"],
        *,
        n_tags: int = 50,
        n_frames_normalised: int | None = None,
        **options: Any,
    ):
        super().__init__()
        self.pools = tuple(pools)
        self.input_norm: nn.Module = TimeNorm(n_frames_normalised) if n_frames_normalised else nn.Identity()
        self.stages = _stages(n_maps, pools, **options)
        self.output = nn.Linear(n_maps[-1], n_tags)

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of each stage, (batch, maps, freq, time) each."""
        _check_input(x, self.pools)
        return _stage_outputs(self.stages, self.input_norm(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a spectrogram (batch, 1, freq, time) to logits (batch, tag)."""
        last = self.feature_maps(x)[-1]  # (batch, maps, 1, 1) at the length it was made for
        return self.output(last.amax((2, 3)))  # (batch, tag)


class DenseConvnet(nn.Module):
    """Stages of convolution, what is left of the maps laid flat, dense stages, one dense output layer.

    Parameters
    ----------
    n_maps : sequence of int
        Feature maps of each convolutional stage.
    n_hidden : sequence of int
        Widths of the dense stages.
    pools, kernels : sequence of (int, int)
        Of each convolutional stage. A first kernel as high as the input (more than three bins) leaves
        one bin: k2c1.
    n_freq, n_frames : int
        Size of the input.
    n_tags : int
    input_norm : bool
        Normalise the input over its time axis.
    **options
        Of `ConvStage`, ``normalise`` and ``activation`` of the dense stages too.

    References
    ----------
    [Choi2018, §4.2.1, §4.2.2, §7.2.4]
    """

    def __init__(
        self,
        n_maps: Sequence[int],
        n_hidden: Sequence[int],
        pools: Sequence[Pool],
        kernels: Sequence[Pool],
        *,
        n_freq: int = 96,
        n_frames: int = 1366,
        n_tags: int = 50,
        input_norm: bool = False,
        **options: Any,
    ):
        super().__init__()
        self.pools, self.n_freq, self.n_frames = tuple(pools), n_freq, n_frames
        self.input_norm: nn.Module = TimeNorm(n_frames) if input_norm else nn.Identity()
        self.stages = _stages(n_maps, pools, kernels, **options)
        n_left = n_freq
        if kernels[0][0] == n_freq > 3:
            self.stages[0] = ConvStage(
                1, n_maps[0], pools[0], kernel=kernels[0], collapse_freq=True, **options
            )
            n_left = 1
        last = stage_shapes(n_left, n_frames, pools)[-1]
        if 0 in last:
            raise InputError(f"pooling {self.pools} leaves an empty map of {last} from {n_freq}×{n_frames}")
        dense = {name: options[name] for name in ("normalise", "activation") if name in options}
        sizes = (n_maps[-1] * last[0] * last[1], *n_hidden)
        self.hidden = nn.Sequential(
            *(DenseStage(n_in, n_out, **dense) for n_in, n_out in zip(sizes, n_hidden, strict=False))
        )
        self.output = nn.Linear(sizes[-1], n_tags)

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of each convolutional stage, (batch, maps, freq, time) each."""
        if x.ndim != 4 or x.shape[1:] != (1, self.n_freq, self.n_frames):
            size = f"(batch, 1, {self.n_freq}, {self.n_frames})"
            raise InputError(f"input must be {size}, got shape {tuple(x.shape)}")
        return _stage_outputs(self.stages, self.input_norm(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a spectrogram (batch, 1, freq, time) to logits (batch, tag)."""
        last = self.feature_maps(x)[-1]  # (batch, maps, freq left, time left)
        return self.output(self.hidden(last.flatten(1)))  # (batch, tag)


class CRNN(nn.Module):
    """Four convolutional stages, two recurrent layers over time, one dense output layer.

    Parameters
    ----------
    n_maps : sequence of 4 int
        Feature maps of the convolutional stages (the released network: 64, 128, 128, 128).
    n_hidden : (int, int)
        Widths of the two recurrent layers (the released network: 32, 32).
    n_frames : int
        Frames of the input (1366).
    n_padding : int
        Frames of zeros added on both sides; 37 makes 1366 into 1440, which four poolings take to 15.
    n_tags : int
        Outputs.
    dropout : float
        After each pooling, while training.
    pools : sequence of 4 (int, int)
    input_norm : bool
        Normalise the padded input over its time axis (the released network does).
    rnn : {"gru", "lstm"}
    **options
        Of `ConvStage`.

    References
    ----------
    [Choi2018, §4.2.4, Table 4-A]
    """

    def __init__(
        self,
        n_maps: Sequence[int] = (64, 128, 128, 128),
        n_hidden: tuple[int, int] = (32, 32),
        *,
        n_frames: int = 1366,
        n_padding: int = 37,
        n_tags: int = 50,
        dropout: float = 0.1,
        pools: Sequence[Pool] = CRNN_POOLS,
        input_norm: bool = True,
        rnn: str = "gru",
        **options: Any,
    ):
        super().__init__()
        if rnn not in RECURRENT:
            raise InputError(f"rnn must be one of {', '.join(RECURRENT)}, got {rnn!r}")
        self.pools = tuple(pools)
        self.n_frames, self.n_padding = n_frames, n_padding
        self.input_norm: nn.Module = TimeNorm(n_frames + 2 * n_padding) if input_norm else nn.Identity()
        self.stages = _stages(n_maps, pools, dropout=dropout, **options)
        self.gru1 = RECURRENT[rnn](n_maps[-1], n_hidden[0])
        self.gru2 = RECURRENT[rnn](*n_hidden)
        self.output = nn.Linear(n_hidden[1], n_tags)

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of each convolutional stage, (batch, maps, freq, time) each."""
        _check_input(x, self.pools)
        if x.shape[3] != self.n_frames:
            raise InputError(f"the CRNN takes {self.n_frames} frames, got {x.shape[3]}")
        x = self.input_norm(F.pad(x, (self.n_padding, self.n_padding)))  # (batch, 1, freq, 1440)
        return _stage_outputs(self.stages, x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a spectrogram (batch, 1, 96, 1366) to logits (batch, tag)."""
        last = self.feature_maps(x)[-1]  # (batch, maps, 1, 15)
        steps = last.permute(0, 3, 1, 2).flatten(2)  # (batch, 15, maps)
        states = self.gru2(self.gru1(steps))  # (batch, 15, hidden)
        return self.output(states[:, -1])  # (batch, tag)


def n_parameters(network: nn.Module) -> int:
    """Count the trainable values of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
