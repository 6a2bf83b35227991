"""Does a tagger use the order of time? Its input, or its last maps, in another order of segments.

The thesis credits the CRNN's lead to a summary that knows the global structure. A network that needs the
order of a clip's parts must suffer when they are shuffled; one that only counts what occurs must not.
Both are asked of trained networks and of the released one [Choi2018, §4.3.1].

Conventions
    Spectrograms are (batch, 1, freq, time). Segments are of equal length; frames that do not fill one stay
    at the end. The order is drawn per clip, and the same for every network at one seed.
"""

import numpy as np
import torch
from torch import nn

from mtlib.base.errors import at_least
from mtlib.networks.models import CRNN


def shuffle_segments(x: torch.Tensor, n_segments: int, rng: np.random.Generator) -> torch.Tensor:
    """Return spectrograms whose segments stand in random order, another one for each clip.

    Parameters
    ----------
    x : Tensor (batch, 1, freq, time)
    n_segments : int
        At most `time`.
    rng : numpy Generator

    Raises
    ------
    InputError
        If there are fewer frames than segments.
    """
    at_least(1, n_segments=n_segments)
    at_least(n_segments, frames=x.shape[3])
    length = x.shape[3] // n_segments
    inside, rest = x[..., : n_segments * length], x[..., n_segments * length :]
    parts = inside.unflatten(3, (n_segments, length)).movedim(3, 1)  # (batch, segment, 1, freq, length)
    order = torch.from_numpy(np.stack([rng.permutation(n_segments) for _ in range(len(x))])).to(x.device)
    parts = torch.stack([clip[places] for clip, places in zip(parts, order, strict=True)])
    return torch.cat([parts.movedim(1, 3).flatten(3), rest], 3)


class Shuffled(nn.Module):
    """A network that hears every clip with its segments in random order.

    Parameters
    ----------
    network : Module
    n_segments : int
    seed : int
        Of the orders; they follow from it and from the place of a clip in what is asked.
    """

    def __init__(self, network: nn.Module, n_segments: int, seed: int = 0):
        super().__init__()
        self.network, self.n_segments = network, n_segments
        self.rng = np.random.default_rng(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a spectrogram (batch, 1, freq, time) to logits (batch, tag)."""
        return self.network(shuffle_segments(x, self.n_segments, self.rng))


@torch.no_grad()
def shuffle_steps(network: CRNN, x: torch.Tensor, n_orders: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return a CRNN's probabilities with its steps in order and in random orders.

    Parameters
    ----------
    network : CRNN
        In evaluation mode; what its convolutions give out is shuffled, so no border is heard.
    x : Tensor (batch, 1, freq, time)
    n_orders : int
    seed : int

    Returns
    -------
    in_order : ndarray (batch, tag)
    shuffled : ndarray (n_orders, batch, tag)
    """
    at_least(1, n_orders=n_orders)
    steps = network.feature_maps(x)[-1].permute(0, 3, 1, 2).flatten(2)  # (batch, step, maps)

    def summarise(part: torch.Tensor) -> np.ndarray:
        return network.output(network.gru2(network.gru1(part))[:, -1]).sigmoid().numpy()

    rng = np.random.default_rng(seed)
    orders = [rng.permutation(steps.shape[1]) for _ in range(n_orders)]
    return summarise(steps), np.stack([summarise(steps[:, order]) for order in orders])
