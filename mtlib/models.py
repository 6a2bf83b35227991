"""The networks of the thesis, smallest parts first.

Input is a spectrogram (batch, 1, freq, time), output are logits (batch, tag). A network is a stack of
`ConvStage` (convolution, batch normalisation, ELU, max-pooling) with something on top: nothing
(`Convnet`: the Compact-convnet of chapter 2 and the five-layer network of the tagger repository), or
two recurrent layers (`CRNN`, chapter 4).

The order inside a stage is an option: the author's code pools last, Table 2-B of the thesis pools
before normalising (erratum E02). Chapters 2, 4, 6 and 7 use the networks.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .errors import InputError

EPSILON = 1e-3
"""Added to the variance in batch normalisation (Keras' default, used by all released networks)."""

Pool = tuple[int, int]

COMPACT_POOLS: dict[str, tuple[Pool, ...]] = {
    "mel": ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)),  # the author's code for 96 bands
    "stft": ((2, 4), (4, 4), (4, 5), (2, 4), (4, 4)),  # printed in Table 2-B; fits 257 bins only (E01)
}
"""Pooling (freq, time) of the Compact-convnet's five stages, by input."""

CNN5_POOLS: tuple[Pool, ...] = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))
CRNN_POOLS: tuple[Pool, ...] = ((2, 2), (3, 3), (4, 4), (4, 4))


class ConvStage(nn.Module):
    """Convolution with "same" padding, batch normalisation, ELU and max-pooling.

    Parameters
    ----------
    n_in, n_out : int
        Feature maps before and after.
    pool : (int, int)
        Pooling in frequency and time; a remainder is dropped.
    kernel : (int, int)
        Kernel size in frequency and time.
    pool_first : bool
        Pool before normalising (Table 2-B) instead of last (the author's code).
    batch_statistics : bool
        Normalise with the statistics of the current batch at prediction too (Keras 1, ``mode=2``).
    dropout : float
        Share of values dropped after pooling while training.

    References
    ----------
    [Choi2018, Table 2-B, Eq. 2.6]
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        pool: Pool,
        *,
        kernel: Pool = (3, 3),
        pool_first: bool = False,
        batch_statistics: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        for name, value in (("n_in", n_in), ("n_out", n_out)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        self.conv = nn.Conv2d(n_in, n_out, kernel, padding="same")
        self.norm = nn.BatchNorm2d(n_out, eps=EPSILON, track_running_stats=not batch_statistics)
        self.pool = nn.MaxPool2d(pool)
        self.dropout = nn.Dropout(dropout)
        self.pool_first = pool_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_in, freq, time) to (batch, n_out, freq // pool[0], time // pool[1])."""
        x = self.conv(x)  # (batch, n_out, freq, time)
        if self.pool_first:
            return self.dropout(F.elu(self.norm(self.pool(x))))
        return self.dropout(self.pool(F.elu(self.norm(x))))


class TimeNorm(nn.Module):
    """Batch normalisation whose channels are the time frames, before the first convolution.

    The released taggers have one gain, offset, mean and variance for each *frame* (erratum E28).
    """

    def __init__(self, n_frames: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(n_frames, eps=EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, 1, freq, time) over batch and frequency, frame by frame."""
        return self.norm(x.transpose(1, 3)).transpose(1, 3)  # frames stand where BatchNorm2d expects channels


def _stages(n_maps: Sequence[int], pools: Sequence[Pool], **options) -> nn.ModuleList:
    if len(n_maps) != len(pools):
        raise InputError(f"n_maps and pools must have one value a stage, got {len(n_maps)} and {len(pools)}")
    inputs = (1, *n_maps[:-1])
    return nn.ModuleList(
        ConvStage(n_in, n_out, pool, **options)
        for n_in, n_out, pool in zip(inputs, n_maps, pools, strict=True)
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
    [Choi2018, §2.4, Table 2-B]
    """

    def __init__(
        self,
        n_maps: Sequence[int] = (32,) * 5,
        pools: Sequence[Pool] = COMPACT_POOLS["mel"],
        *,
        n_tags: int = 50,
        n_frames_normalised: int | None = None,
        **options,
    ):
        super().__init__()
        self.pools = tuple(pools)
        self.input_norm = TimeNorm(n_frames_normalised) if n_frames_normalised else nn.Identity()
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


class KerasGRU(nn.Module):
    """Gated recurrent unit as Keras 1 computes it.

    It differs from `torch.nn.GRU` in three points: the gates use the *hard sigmoid*
    clip(0.2 x + 0.5, 0, 1); the reset gate multiplies the state *before* the recurrent product; there
    is one bias a gate.

    References
    ----------
    [Choi2018, §4.2.4]
    """

    def __init__(self, n_in: int, n_hidden: int):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(n_in, 3 * n_hidden))
        self.recurrent = nn.Parameter(torch.empty(n_hidden, 3 * n_hidden))
        self.bias = nn.Parameter(torch.zeros(3 * n_hidden))
        nn.init.xavier_uniform_(self.kernel)
        for gate in self.recurrent.data.split(n_hidden, dim=1):
            nn.init.orthogonal_(gate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a sequence (batch, step, n_in) to the states (batch, step, n_hidden)."""
        n_hidden = self.recurrent.shape[0]
        to_gates, to_candidate = self.recurrent.split((2 * n_hidden, n_hidden), dim=1)
        state = x.new_zeros(len(x), n_hidden)
        states = []
        for step in (x @ self.kernel + self.bias).unbind(1):  # (batch, 3 n_hidden)
            update, reset = torch.clamp(0.2 * (step[:, : 2 * n_hidden] + state @ to_gates) + 0.5, 0, 1).chunk(
                2, dim=1
            )
            candidate = torch.tanh(step[:, 2 * n_hidden :] + (reset * state) @ to_candidate)
            state = update * state + (1 - update) * candidate
            states.append(state)
        return torch.stack(states, 1)


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
    ):
        super().__init__()
        self.pools = CRNN_POOLS
        self.n_frames, self.n_padding = n_frames, n_padding
        self.input_norm = TimeNorm(n_frames + 2 * n_padding)
        self.stages = _stages(n_maps, CRNN_POOLS, dropout=dropout)
        self.gru1 = KerasGRU(n_maps[-1], n_hidden[0])
        self.gru2 = KerasGRU(*n_hidden)
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
