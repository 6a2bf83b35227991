"""One training, from fresh weights to the best checkpoint: the loop under all of them.

`fit` is the same code on a CPU and on a GPU: 16-bit floats by autocast where the hardware has them,
`channels_last` maps, Adam with a one-cycle or a constant rate, early stopping on the validation score, the
best checkpoint restored. Clips come from `mtlib.training.loading`, networks from
`mtlib.networks.structures`; `mtlib.training.runs` stores the result. The thesis states Adam, binary
cross-entropy and "stop when the validation AUC has not improved during one pass"; rate, batch size and
the number of epochs are our choice [Choi2018, §4.3, §5.2.1].

Conventions
    Targets are (clip, output): 0 and 1 for "multilabel" and "multiclass" (one 1 a row), numbers for
    "regression". The order of the clips and everything else random in epoch e follow from (seed, e) alone,
    so a training that goes on after an interruption ends, on a CPU, with the same bits.
"""

import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import nn

from ..base.errors import InputError
from ..base.files import told_if_full
from ..networks.devices import autocast
from ..networks.tagging import probabilities
from .loading import Clips
from .objectives import loss_function, prior, score


@dataclass(frozen=True)
class Training:
    """How to train.

    Parameters
    ----------
    epochs : int
        At most.
    batch : int
        Clips a step. A last batch that is not full is left out; other clips are, in other epochs.
    peak_rate : float
        Highest learning rate of the one-cycle schedule, or the constant rate.
    schedule : {"one-cycle", "constant"}
    patience : int
        Epochs without a better validation score before stopping. 1 is the thesis' rule, read literally;
        with a one-cycle rate the last epochs are the best ones, so the default hardly ever stops.
    weight_decay : float
        Decoupled from the gradient (AdamW).
    mixup : float
        Mix the clips of a step in pairs, sound and targets alike, in shares from a beta distribution with
        this parameter, twice; 0: do not.
    turned : bool
        Turn every clip in time, by another number of frames whenever it is seen.
    """

    epochs: int = 4
    batch: int = 8
    peak_rate: float = 1e-2
    schedule: str = "one-cycle"
    patience: int = 5
    weight_decay: float = 0.0
    mixup: float = 0.0
    turned: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "patience"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.peak_rate > 0 or not min(self.weight_decay, self.mixup) >= 0:
            raise InputError(f"peak_rate must be above 0, got {self.peak_rate}; weight_decay and mixup at least 0")
        if self.schedule not in ("one-cycle", "constant"):
            raise InputError(f"schedule must be 'one-cycle' or 'constant', got {self.schedule!r}")

    def rate(self, progress: float) -> float:
        """Return the learning rate at a share of the training: 30 % up from 1/25, then down to nothing."""
        if self.schedule == "constant":
            return self.peak_rate
        up = 0.3
        if progress < up:
            low, place = self.peak_rate / 25, progress / up
        else:
            low, place = self.peak_rate / 1e5, 1 - (progress - up) / (1 - up)
        return low + (self.peak_rate - low) * (1 - math.cos(math.pi * place)) / 2


@torch.no_grad()
def predict(
    network: nn.Module,
    clips: Clips,
    indices: np.ndarray,
    *,
    task: str = "multilabel",
    precision: str = "float32",
    batch: int = 0,
) -> np.ndarray:
    """Return the outputs for clips: probabilities, or the numbers themselves for a regression.

    Parameters
    ----------
    network : Module
    clips : Clips
    indices : ndarray (clip,)
    task : {"multilabel", "multiclass", "regression"}
    precision : {"bf16", "float32"}
    batch : int
        Clips at once; another number can change the last bits. 0: 256 on a GPU, 16 on a CPU.

    Returns
    -------
    ndarray (clip, output) [dtype=float32]
    """
    network.to(clips.device).eval()
    batch = batch or (16 if clips.device.type == "cpu" else 256)
    parts = [indices[start : start + batch] for start in range(0, len(indices), batch)]
    outputs = []
    for x in clips.batches(parts):
        with autocast(clips.device, precision):
            logits = network(x).float()  # (batch, output)
        outputs.append(probabilities(logits, task).cpu())
    return torch.cat(outputs).numpy()


@dataclass
class Fitted:
    """What a training leaves besides the weights in the network."""

    history: list[dict[str, float]]
    """One row an epoch: epoch (from 1), loss, score, rate."""
    best_epoch: int
    seconds: list[float]
    """Time of each epoch, validation included."""


def fit(
    network: nn.Module,
    clips: Clips,
    targets: np.ndarray,
    train: np.ndarray,
    valid: np.ndarray,
    settings: Training,
    *,
    task: str = "multilabel",
    precision: str = "float32",
    seed: int = 0,
    folder: Path | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> Fitted:
    """Train a network; afterwards it holds the weights of its best epoch.

    Parameters
    ----------
    network : Module
        Freshly initialised; its ``output`` layer is given the prior.
    clips : Clips
        Source of spectrograms; its device is where the training runs.
    targets : ndarray (clip, output)
        Of all clips of the corpus.
    train, valid : ndarray (clip,)
        Indices of the clips to learn from and to choose the epoch by.
    settings : Training
    task, precision : str
        As for `predict`.
    seed : int
        Of the order of the clips and of dropout.
    folder : Path, optional
        Keeps the state after every epoch; a training that finds one goes on from there.
    report : callable, optional
        Takes the row of each epoch, with ``clips_per_second`` and ``seconds_left``.

    Raises
    ------
    InputError
        If there is too little to train on, or the loss is not a number.
    """
    if len(train) < 2 or len(valid) < 1:
        raise InputError(f"training needs 2 clips and validation 1, got {len(train)} and {len(valid)}")
    device, loss_of = clips.device, loss_function(task)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's lack
    with torch.no_grad():
        network.output.bias.copy_(torch.from_numpy(prior(targets[train], task)))
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.peak_rate, weight_decay=settings.weight_decay, fused=True)
    answers = torch.as_tensor(targets, dtype=torch.float32, device=device)
    size = min(settings.batch, len(train))
    n_steps = len(train) // size
    state = _State(network, optimiser, folder)
    for epoch in range(len(state.history), settings.epochs):
        if epoch - state.best_epoch >= settings.patience:
            break
        started, total = time.perf_counter(), torch.zeros((), device=device)
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(train)[: n_steps * size].reshape(n_steps, size)
        network.train()
        with seeded(seed, epoch, device=device):
            for step, (x, y) in enumerate(_batches(clips, answers, order, settings, rng)):
                rate = settings.rate((epoch + step / n_steps) / settings.epochs)
                optimiser.param_groups[0]["lr"] = rate
                with autocast(device, precision):
                    logits = network(x)
                loss = loss_of(logits.float(), y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.detach()
                if (step % 64 == 63 or step == n_steps - 1) and not torch.isfinite(total):
                    raise InputError(
                        f"the loss is {total.item()} in epoch {epoch + 1} by step {step + 1}, at a rate of "
                        f"{rate:.3g}; lower peak_rate, or check the clips and labels"
                    )
        outputs = predict(network, clips, valid, task=task, precision=precision)
        row = {
            "epoch": epoch + 1,
            "loss": total.item() / n_steps,
            "score": score(targets[valid], outputs, task),
            "rate": rate,
        }
        state.add(row, time.perf_counter() - started)
        if report:
            left = float(np.mean(state.seconds)) * (settings.epochs - epoch - 1)
            report({**row, "clips_per_second": n_steps * size / state.seconds[-1], "seconds_left": left})
    network.load_state_dict(state.best)
    return Fitted(state.history, state.best_epoch, state.seconds)


def _batches(
    clips: Clips, answers: torch.Tensor, order: np.ndarray, settings: Training, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield spectrograms (batch, 1, freq, time) and targets of an epoch; its indices and numbers are sent once."""
    n_frames, send = clips.size[1], partial(torch.as_tensor, device=clips.device)
    turns = send(rng.integers(n_frames, size=order.shape))
    others = send(rng.permuted(np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1))
    shares = send(rng.beta(settings.mixup or 1, settings.mixup or 1, len(order)).astype(np.float32))
    frames = torch.arange(n_frames, device=clips.device)
    for x, rows, turn, other, share in zip(clips.batches(order), send(order), turns, others, shares, strict=True):
        y = answers[rows]
        if settings.turned:
            x = x.gather(3, ((frames + turn[:, None]) % n_frames)[:, None, None].expand_as(x))
        if settings.mixup:
            x, y = x.lerp(x[other], share), y.lerp(y[other], share)
        yield x, y


@contextmanager
def seeded(*numbers: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed PyTorch by several numbers, and leave the caller's generators as they were."""
    on_gpu = device is not None and device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
        yield


class _State:
    """Weights, optimiser and history after the last epoch, and the best weights; on disk after each epoch."""

    def __init__(self, network: nn.Module, optimiser: torch.optim.Optimizer, folder: Path | None):
        self.network, self.optimiser = network, optimiser
        self.path = folder / "state.safetensors" if folder else None
        self.history: list[dict[str, float]] = []
        self.seconds: list[float] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_epoch = 0
        if self.path and self.path.is_file():
            try:
                self._read()
            except (SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
                raise InputError(f"{self.path} is damaged ({error}); delete it to begin anew") from error

    def add(self, row: dict[str, float], seconds: float) -> None:
        """Take in the network as it is after an epoch."""
        self.history.append(row)
        self.seconds.append(seconds)
        if not self.best or row["score"] > self.history[self.best_epoch - 1]["score"]:
            self.best_epoch = int(row["epoch"])
            self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        if self.path:
            self._write(self.path)

    def _write(self, path: Path) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for i, kept in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{name}": value for name, value in kept.items()}
        tensors = {name: value.contiguous() for name, value in tensors.items()}
        told = json.dumps({"history": self.history, "seconds": self.seconds, "best_epoch": self.best_epoch})
        unfinished = path.with_suffix(".unfinished")
        try:
            with told_if_full(path):
                save_file(tensors, unfinished, metadata={"training": told, "crc32": _crc32(told, tensors)})
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _read(self) -> None:
        with safe_open(self.path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("crc32") not in (None, _crc32(metadata["training"], tensors)):
            raise ValueError("its checksum differs")
        told = json.loads(metadata["training"])
        self.history, self.seconds, self.best_epoch = told["history"], told["seconds"], told["best_epoch"]
        self.network.load_state_dict(_under(tensors, "network"))
        self.best = _under(tensors, "best")
        for i, weight in enumerate(self.optimiser.param_groups[0]["params"]):
            self.optimiser.state[weight] = {
                name: torch.empty_like(weight if value.ndim else value, device=weight.device).copy_(value)
                for name, value in _under(tensors, f"optimiser.{i}").items()
            }


def _crc32(text: str, tensors: dict[str, torch.Tensor]) -> str:
    return str(zlib.crc32(save(tensors, {"training": text})))


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
