"""The run store: each training done once, and found again.

``MTLIB_HOME/runs/<key>/`` holds a finished run: ``spec.json``, ``history.csv``, ``weights.safetensors``,
``predictions.npz`` and ``record.json`` (metrics, time, memory, provenance). It is written in
``<key>.unfinished`` and moved into place at the end, so what has the name is whole; a lock keeps two
processes off one run; a killed run goes on from its last epoch. `mtlib.training.sweeps` trains many.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..base import files, paths, provenance
from ..base.errors import InputError
from ..corpora.corpus import Corpus
from ..evidence import evaluation
from ..networks import models
from ..networks.devices import resolve_device
from . import experiment, objectives
from .specs import VERSION, RunSpec, from_dict

_OURS = re.compile(
    r"\.?(spec|record|history|weights|predictions|state)\.(json|csv|npz|safetensors|unfinished)(\.\d+\.tmp)?"
)
"""Names that a training gives to its files: `prune` deletes no folder with others."""


def store() -> Path:
    """Return the folder of all runs."""
    return paths.home() / "runs"


@dataclass(frozen=True)
class Run:
    """A finished run in the store."""

    key: str

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return store() / self.key

    @property
    def is_finished(self) -> bool:
        """Whether it is in the store."""
        return (self.folder / "record.json").is_file()

    @cached_property
    def record(self) -> dict[str, Any]:
        """Metrics, time, memory and provenance."""
        return self._read("record.json", lambda path: files.check_form(files.read_json(path), "record"))

    @cached_property
    def spec(self) -> RunSpec:
        """What was trained."""
        return from_dict(self._read("spec.json", files.read_json))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Test metrics; undefined areas are None."""
        return self.record["metrics"]

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row an epoch: loss, validation score, rate."""
        return self._read("history.csv", pd.read_csv)

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """``valid_clips``, ``valid_outputs``, ``test_clips``, ``test_outputs``, all (clip, …).

        Newer runs also hold ``test_ids`` and ``test_targets`` of the test clips, and ``tags``.
        """
        return self._read("predictions.npz", lambda path: dict(np.load(path)))

    def untrained(self) -> nn.Module:
        """Return the network with the weights it started from, on the CPU, in evaluation mode."""
        made = self.record["input"]
        sizes = made["n_samples"], made["sample_rate"], made["n_outputs"]
        return experiment.build_network(self.spec, *sizes).eval()

    def network(self) -> nn.Module:
        """Return the trained network, on the CPU, in evaluation mode."""
        weights = self._read("weights.safetensors", load_file)
        with files.told_if_damaged(self.folder, "delete it, then train it again"):
            network = self.untrained()
            network.load_state_dict(weights)
        return network.eval()

    def _read(self, name: str, read: Callable[[Path], Any]) -> Any:
        """Read one of the files, and compare it with the checksum that the record holds."""
        path = self.folder / name
        with files.told_if_damaged(path, f"delete {self.folder}, then train it again"):
            stored = {} if name == "record.json" else self.record.get("files", {})
            if stored.get(name) not in (None, files.crc32(path)):
                raise ValueError("it is not as it was written")
            return read(path)


def find(key: str) -> Run | None:
    """Return the finished run with a key, or with a key that begins so; None where there is none."""
    found = [run for run in finished() if run.key.startswith(key)]
    if len(found) > 1:
        raise InputError(f"{len(found)} runs begin with {key!r}; give more of the key")
    return found[0] if found else None


def named(key: str) -> Run:
    """Return the finished run whose key begins so.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    if (run := find(key)) is None:
        raise InputError(f"no run begins with {key!r}; python -m mtlib runs list shows them")
    return run


def _lock(key: str) -> filelock.FileLock:
    """Keep two processes off one run; the system frees the lock when its process ends, however it ends."""
    folder = store() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / f"{key}.lock", timeout=0)


def finished() -> list[Run]:
    """Return all finished runs, oldest first."""
    found = [run for path in _folders() if path.suffix != ".unfinished" and (run := Run(path.name)).is_finished]
    return sorted(found, key=lambda run: (run.folder / "record.json").stat().st_mtime)


def _folders() -> list[Path]:
    """List the store; unlike `Path.glob`, say so where it cannot be read."""
    return sorted(store().iterdir()) if store().is_dir() else []


def train_run(values: dict[str, Any], device: str, home: str, quiet: bool = True) -> tuple[str, str]:
    """Train one run unless it is finished or another process is at it; what a sweep sends to its workers.

    Returns
    -------
    status : {"trained", "found", "busy", "failed"}
    message : str
        One line about the run.
    """
    os.environ["MTLIB_HOME"] = home  # a worker of a cluster has its own environment
    spec = from_dict(values)
    run = Run(spec.key)
    try:
        with _lock(run.key):
            if run.is_finished:
                return "found", spec.title
            _train(spec, run, resolve_device(device), None if quiet else _reporter(spec.title))
    except filelock.Timeout:
        return "busy", spec.title
    except (InputError, OSError, SafetensorError, torch.OutOfMemoryError, torch.AcceleratorError) as error:
        torch.cuda.empty_cache()  # such as a full disk or GPU: the last epoch is kept
        return "failed", f"{spec.title}: {error}"
    area = run.metrics["score"]
    return "trained", f"{spec.title}: {area:.4f} in {run.record['seconds']:.0f} s"


def _reporter(title: str) -> Callable[[dict[str, Any]], None]:
    def show(row: dict[str, Any]) -> None:
        pace = f"{row['clips_per_second']:.0f} clips/s, {row['seconds_left']:.0f} s left"
        print(f"  {title}: epoch {row['epoch']}, loss {row['loss']:.4f}, score {row['score']:.4f}, {pace}")

    return show


def _train(spec: RunSpec, run: Run, device: torch.device, report: Callable | None) -> None:
    if run.folder.exists():
        raise InputError(f"{run.folder} has no record.json; delete it, then train it again")
    folder = run.folder.with_suffix(".unfinished")
    folder.mkdir(parents=True, exist_ok=True)
    resumed = (folder / "state.safetensors").is_file()
    corpus = Corpus.open(spec.corpus)
    with _peak_memory(device) as peak:
        network, fitted, predictions = experiment.run_experiment(spec, corpus, device, folder, report)
    targets = objectives.targets(corpus, spec.labels)
    record = {
        "key": run.key,
        "title": spec.title,
        "code": VERSION,
        "metrics": metrics(targets[predictions["test_clips"]], predictions["test_outputs"], corpus.task),
        "task": corpus.task,
        "input": {"n_samples": experiment.n_samples_used(spec, corpus), "sample_rate": corpus.sample_rate,
                  "n_outputs": targets.shape[1], "tags": list(corpus.tags["name"])},
        "n_parameters": models.n_parameters(network),
        "best_epoch": fitted.best_epoch,
        "seconds": sum(fitted.seconds),
        "epoch_seconds": fitted.seconds,
        "peak_memory_mib": peak[0],
        "resumed": resumed,
        **provenance.stamp(device),
    }  # fmt: skip
    weights = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    ids, tested = corpus.clips["clip_id"].to_numpy(str), predictions["test_clips"]
    told = {"test_ids": ids[tested], "test_targets": targets[tested], "tags": np.array(corpus.tags["name"], str)}
    with files.told_if_full(run.folder):
        save_file(weights, folder / "weights.safetensors")
        np.savez(folder / "predictions.npz", **predictions, **told)  # type: ignore[arg-type]  # NumPy takes any name
        pd.DataFrame(fitted.history).to_csv(folder / "history.csv", index=False, lineterminator="\n")
        files.write_json(folder / "spec.json", asdict(spec))
        names = ("spec.json", "history.csv", "weights.safetensors", "predictions.npz")
        sums = {name: files.crc32(folder / name) for name in names}
        files.write_json(folder / "record.json", record | {"files": sums})
    os.replace(folder, run.folder)
    (run.folder / "state.safetensors").unlink(missing_ok=True)


def prunable(*, outdated: bool = False) -> dict[Path, str]:
    """Return folders that may go, and why: abandoned runs and, if asked, those of other code."""
    found = {}
    for folder in _folders():
        if folder.suffix == ".unfinished":
            with suppress(filelock.Timeout), _lock(folder.stem):
                found[folder] = "unfinished"
    if outdated:
        found |= {run.folder: "trained by other code" for run in finished() if run.record["code"] != VERSION}
    return found


def prune(folders: Iterable[Path]) -> None:
    """Delete folders that `prunable` named, but for those taken up meanwhile; none if one is not a run's."""
    for folder in (folders := list(folders)):
        files.check_no_link(folder, paths.home())
        if others := [path for path in folder.iterdir() if path.is_dir() or not _OURS.fullmatch(path.name)]:
            raise InputError(f"{others[0]} is not of a run; nothing was deleted: move it away")
    for folder in folders:
        with suppress(filelock.Timeout), _lock(folder.name.removesuffix(".unfinished")):
            try:
                shutil.rmtree(folder)
            except OSError as error:
                reason = f"{folder} cannot be deleted ({error.strerror})"
                raise InputError(f"{reason}; check its owner and rights") from error


def metrics(targets: np.ndarray, outputs: np.ndarray, task: str) -> dict[str, Any]:
    """Return the test metrics of outputs (clip, output): ``score`` as for early stopping, and areas by tag.

    An undefined area is None, and in no mean; ``undefined`` lists such tags by number.
    """
    found: dict[str, Any] = {"score": objectives.score(targets, outputs, task), "n_clips": len(targets)}
    if task == "multilabel":
        for name, metric in (("roc_auc", "roc"), ("pr_auc", "pr")):
            values = evaluation.tag_areas(targets, outputs, metric=metric)
            found[name] = float(np.nanmean(values))
            found[f"{name}_by_tag"] = [None if np.isnan(value) else float(value) for value in values]
        found["undefined"] = [int(tag) for tag in np.flatnonzero(np.isnan(values))]
    return found


@contextmanager
def _peak_memory(device: torch.device) -> Iterator[list[float]]:
    """Measure the highest memory of the process, or of the GPU, within, in MiB; None where unknown."""
    peak: list[Any] = [None]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak[0] = torch.cuda.max_memory_allocated(device) / 2**20
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark, where there is one
    yield peak
    with suppress(OSError, IndexError):
        peak[0] = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
