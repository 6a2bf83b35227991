"""How long a network takes, and what it would take if only arithmetic, or only memory, cost time.

A time belongs to a device and a program, so times are recorded with their machine (``data/results``) and no
verdict hangs on the clock of a build; multiply-adds and moved bytes belong to the network [Choi2018, §4.3.2].
"""

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from mtlib.base.errors import at_least
from mtlib.corpora.corpus import Corpus
from mtlib.evidence import recorded as recorded_tables
from mtlib.evidence import statistics
from mtlib.evidence.statistics import Estimate
from mtlib.networks import structures
from mtlib.networks.devices import autocast, best_precision, keep_freed_memory
from mtlib.training import experiment
from mtlib.training.specs import RunSpec

from . import complexity

NAME = "architectures_times"
N_FRAMES = 340


class Averaged(nn.Module):
    """A CRNN without its recurrent layers: the mean of its last maps over time, and the output layer."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        network.gru1 = network.gru2 = nn.Identity()
        network.output = nn.Linear(network.stages[-1].conv.out_channels, network.output.out_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a spectrogram (batch, 1, freq, time) to logits (batch, tag)."""
        return self.network.output(self.network.feature_maps(x)[-1].mean((2, 3)))


def step_seconds(
    structure: str,
    budget: float | None,
    *,
    n_frames: int = 340,
    batch: int = 8,
    n_steps: int = 5,
    device: torch.device | str = "cpu",
    recurrent: bool = True,
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
    recurrent : bool
        Whether a CRNN keeps its recurrent layers, or is `Averaged`.

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
    network = network if recurrent else Averaged(network)
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


def core_hours(specs: Iterable[RunSpec], corpus: Corpus, n_steps: int = 2) -> float:
    """Estimate the processor time of trainings from a few steps of each kind of network."""
    seconds: dict[tuple, float] = {}
    total, n_valid = 0.0, len(corpus.split("valid"))
    for spec in specs:
        model, n_frames = spec.model, 1 + experiment.n_samples_used(spec, corpus) // spec.view.hop_length
        kind = (model.structure, model.budget, n_frames)
        if kind not in seconds:
            seconds[kind] = float(np.median(step_seconds(*kind[:2], n_frames=n_frames, n_steps=n_steps)))
        n_clips = (spec.n_train or len(corpus.split("train"))) + n_valid / 3  # a prediction has no way back
        total += seconds[kind] * n_clips * spec.training.epochs
    return total / 3600


def measure(
    budgets: Iterable[float], *, n_steps: int = 10, device: torch.device | str = "cpu"
) -> Iterator[pd.DataFrame]:
    """Yield the times of each structure and size, and of the CRNN without its recurrent layers.

    Yields
    ------
    DataFrame
        structure ("crnn, no recurrence" for the latter), budget, step, ms (a clip and training step).
    """
    parts = [(name, True) for name in structures.WITH_WIDTHS] + [("crnn", False)]
    for budget, (name, recurrent) in itertools.product(budgets, parts):
        seconds = step_seconds(
            name, budget, n_frames=N_FRAMES, batch=4, n_steps=n_steps, device=device, recurrent=recurrent
        )
        frame = pd.DataFrame({"step": range(n_steps), "ms": 1000 * seconds})
        frame.insert(0, "structure", name if recurrent else f"{name}, no recurrence")
        frame.insert(1, "budget", budget)
        yield frame


def record(table: pd.DataFrame, device: torch.device | str) -> None:
    """Write times to ``data/results`` in the place of those that were there, with their machine."""
    told = {"command": "python -m mtlib architectures --times --record", "n_frames": N_FRAMES}
    recorded_tables.replace({NAME: table}, NAME, device=str(device), **told)


class Times:
    """Times of training steps, compared.

    Parameters
    ----------
    table : DataFrame, optional
        From `measure`; what is recorded by default.
    """

    def __init__(self, table: pd.DataFrame | None = None):
        table = recorded_tables.read(NAME) if table is None else table
        self.steps = {key: rows["ms"].to_numpy() for key, rows in table.groupby(["structure", "budget"])}
        self.ms = {key: float(np.median(steps)) for key, steps in self.steps.items()}
        self.budgets = sorted({budget for _, budget in self.steps})

    def slower(self, first: tuple[str, float], second: tuple[str, float]) -> Estimate:
        """Estimate the logarithm of the first network's time over the second's, from single steps."""
        return statistics.difference(*(np.log(self.steps[key]) for key in (first, second)))
