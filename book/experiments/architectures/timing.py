"""How long a network takes, and what it would take if only arithmetic, or only memory, cost time.

The thesis compares structures by training time. A time belongs to a device and a program: here it is
measured on the device at hand beside multiply-adds and moved bytes, which belong to the network
[Choi2018, §4.3.2].
"""

import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from mtlib.base.errors import at_least
from mtlib.networks import structures
from mtlib.networks.devices import autocast, best_precision, keep_freed_memory

from . import complexity


def step_seconds(
    structure: str,
    budget: float | None,
    *,
    n_frames: int = 340,
    batch: int = 8,
    n_steps: int = 5,
    device: torch.device | str = "cpu",
    **options: Any,
) -> np.ndarray:
    """Measure training steps of a network on noise, after one that is not counted.

    Parameters
    ----------
    structure, budget, n_frames, **options
        As for `structures.build`.
    batch : int
        Clips a step.
    n_steps : int
    device : torch.device

    Returns
    -------
    ndarray (n_steps,)
        Seconds a clip: processor time on a CPU, which other programs hardly move; elapsed time on a GPU.
    """
    at_least(1, n_steps=n_steps)
    device, generator = torch.device(device), torch.Generator().manual_seed(0)
    if device.type == "cpu":
        keep_freed_memory()
    network = structures.build(structure, budget, n_frames=n_frames, **options)
    network.to(device, memory_format=torch.channels_last).train()
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    x = torch.randn(batch, 1, 96, n_frames, generator=generator).to(device)
    y = (torch.rand(batch, 50, generator=generator) < 0.05).float().to(device)
    precision, seconds = best_precision(device), []
    for _ in range(n_steps + 1):
        started = _now(device)
        with autocast(device, precision):
            logits = network(x)
        loss = F.binary_cross_entropy_with_logits(logits.float(), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seconds.append((_now(device) - started) / batch)
    return np.array(seconds[1:])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def costs(structure: str, budget: float | None, n_frames: int = 340, **options: Any) -> dict[str, float]:
    """Return what one clip's forward pass costs: multiply-adds, moved bytes, values before pooling."""
    found = complexity.describe(structure, budget, n_frames=n_frames, **options)
    return {name: found[name] for name in ("multiply_adds", "moved_bytes", "activations", "parameters")}
