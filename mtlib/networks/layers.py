"""The parts that the thesis' networks are made of.

`ConvStage` is convolution, batch normalisation, activation and max-pooling; `DenseStage` the same without
space; `TimeNorm` normalises the input frame by frame; `KerasGRU` and `LSTM` are recurrent over time. The
order inside a stage is an option: the author's code pools last, Table 2-B of the thesis pools before
normalising (note E02), which is the same function where gains are positive and three times as fast.
`mtlib.networks.models` puts the parts together.

Conventions
    Maps are (batch, map, freq, time), sequences (batch, step, feature). Convolutions keep the size of
    the map ("same"): an even kernel reaches one step further to the right than to the left. Every
    convolution has a bias, as in the author's code, although normalisation cancels it (note E39).
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from ..base.errors import InputError

EPSILON = 1e-3
"""Added to the variance in batch normalisation (Keras' default, used by all released networks)."""

Pool = tuple[int, int]
"""Pooling, or a kernel, in frequency and time."""

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"elu": F.elu, "relu": F.relu}


class FullHeightConv(nn.Conv2d):
    """Convolution over time whose kernels are as high as the map: its bands become channels, which is faster."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_in, freq, time) to (batch, n_out, 1, time)."""
        x, weight = (part.flatten(1, 2).unsqueeze(2) for part in (x, self.weight))
        return F.conv2d(x, weight, self.bias, padding=self.padding)


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
    collapse_freq : bool
        Pad in time only; a kernel as high as the map leaves one bin (k2c1's first layer).
    normalise : bool
    activation : {"elu", "relu"}

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
        collapse_freq: bool = False,
        normalise: bool = True,
        activation: str = "elu",
    ):
        super().__init__()
        for name, value in (("n_in", n_in), ("n_out", n_out), ("kernel", min(kernel)), ("pool", min(pool))):
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        if activation not in ACTIVATIONS:
            raise InputError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        # An even kernel, padded alike on both sides, gives one value too many.
        self.surplus = tuple(1 - size % 2 for size in kernel)
        kind = FullHeightConv if collapse_freq else nn.Conv2d
        self.conv = kind(n_in, n_out, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
        if collapse_freq:
            self.surplus, self.conv.padding = (0, self.surplus[1]), (0, kernel[1] // 2)
        statistics = not batch_statistics
        norm = nn.BatchNorm2d(n_out, eps=EPSILON, track_running_stats=statistics)
        self.norm = norm if normalise else nn.Identity()
        self.pool = nn.MaxPool2d(pool)
        self.dropout = nn.Dropout(dropout)
        self.pool_first = pool_first
        self.activation = activation

    def convolve(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_in, freq, time) to (batch, n_out, freq, time), before anything else."""
        return self.conv(x)[:, :, self.surplus[0] :, self.surplus[1] :]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_in, freq, time) to (batch, n_out, freq // pool[0], time // pool[1])."""
        activate = ACTIVATIONS[self.activation]
        x = self.convolve(x)  # (batch, n_out, freq, time)
        if self.pool_first:
            return self.dropout(activate(self.norm(self.pool(x))))
        return self.dropout(self.pool(activate(self.norm(x))))


class DenseStage(nn.Module):
    """Dense layer, batch normalisation, activation: (batch, n_in) to (batch, n_out)."""

    def __init__(self, n_in: int, n_out: int, *, normalise: bool = True, activation: str = "elu"):
        super().__init__()
        self.dense = nn.Linear(n_in, n_out)
        self.norm = nn.BatchNorm1d(n_out, eps=EPSILON) if normalise else nn.Identity()
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_in) to (batch, n_out)."""
        return ACTIVATIONS[self.activation](self.norm(self.dense(x)))


class TimeNorm(nn.Module):
    """Batch normalisation whose channels are the time frames, before the first convolution.

    The released taggers have one gain, offset, mean and variance for each *frame* (note E28).
    """

    def __init__(self, n_frames: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(n_frames, eps=EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, 1, freq, time) over batch and frequency, frame by frame."""
        if x.shape[3] != self.norm.num_features:
            n_frames = self.norm.num_features
            raise InputError(f"the input normalisation takes {n_frames} frames, got {x.shape[3]}")
        return self.norm(x.transpose(1, 3)).transpose(1, 3)  # frames stand where BatchNorm2d expects channels


class KerasGRU(nn.Module):
    """Gated recurrent unit as Keras 1 computes it.

    It differs from `torch.nn.GRU` in three points: the gates use the *hard sigmoid*
    clip(0.2 x + 0.5, 0, 1); the reset gate multiplies the state *before* the recurrent product; there
    is one bias a gate.

    References
    ----------
    [Choi2018, §4.2.4]
    """

    n_gates = 3

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
        states = []
        with torch.autocast("cuda" if x.is_cuda else "cpu", enabled=False):  # too small for 16 bits to save time
            to_gates, to_candidate = self.recurrent.split((2 * n_hidden, n_hidden), dim=1)
            given = x.float() @ self.kernel + self.bias
            gates, candidates = given.split((2 * n_hidden, n_hidden), dim=2)
            state = given.new_zeros(len(x), n_hidden)
            for gate, step in zip((0.2 * gates + 0.5).unbind(1), candidates.unbind(1), strict=True):
                update, reset = torch.addmm(gate, state, to_gates, alpha=0.2).clamp(0, 1).chunk(2, dim=1)
                candidate = torch.addmm(step, reset * state, to_candidate).tanh()
                state = candidate.lerp(state, update)
                states.append(state)
        return torch.stack(states, 1)


class LSTM(nn.Module):
    """Long short-term memory with one bias a gate, the forget gate's starting at 1 (Keras' way)."""

    n_gates = 4

    def __init__(self, n_in: int, n_hidden: int):
        super().__init__()
        self.cell = nn.LSTM(n_in, n_hidden, batch_first=True)
        with torch.no_grad():
            nn.init.xavier_uniform_(self.cell.weight_ih_l0)  # type: ignore[arg-type]
            for gate in self.cell.weight_hh_l0.data.split(n_hidden):
                nn.init.orthogonal_(gate)
            self.cell.bias_ih_l0.zero_()
            self.cell.bias_ih_l0[n_hidden : 2 * n_hidden] = 1.0
            self.cell.bias_hh_l0.zero_()
        self.cell.bias_hh_l0.requires_grad_(False)  # a second bias adds nothing

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a sequence (batch, step, n_in) to the states (batch, step, n_hidden)."""
        return self.cell(x)[0]


RECURRENT = {"gru": KerasGRU, "lstm": LSTM}
"""Recurrent layers by name."""


def initialise(network: nn.Module) -> nn.Module:
    """Draw weights as the thesis does: He's normal for convolutions, Glorot's uniform for dense layers.

    Biases become zero. Recurrent layers draw theirs when they are made.

    References
    ----------
    [Choi2018, §5.2.1, §6.3.3]
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
        elif isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
        if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
            nn.init.zeros_(part.bias)
    return network
