"""Many runs at once: the same call on one core, on several, and on a cluster.

`sweep` takes a list of specs: finished runs are read from the store (`mtlib.training.runs`),
missing ones trained, one after another, in several processes (joblib's loky), or on a Dask cluster
(``scheduler="tcp://HOST:PORT"``), whose workers have to see the same ``MTLIB_HOME``. Many small networks
scale by runs, not by splitting one.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import joblib
import torch

from ..base import parallel, paths
from ..base.errors import InputError
from ..corpora.corpus import Corpus
from ..networks.devices import capability
from .runs import Run, train_run
from .specs import RunSpec


def resolve(specs: Iterable[RunSpec], device: str = "auto", scheduler: str = "") -> list[RunSpec]:
    """Fill in corpus fingerprints, device and precision, so that every spec has its key.

    With a scheduler a worker says what its device is and how precisely it computes.

    Raises
    ------
    InputError
        If a corpus or label set is not there, or another one than a spec was made for.
    """
    specs = list(specs)
    ((kind, precision),) = parallel.run(capability, [device], scheduler=scheduler)
    corpora = {name: Corpus.open(name) for name in dict.fromkeys(spec.corpus for spec in specs)}
    labels = dict.fromkeys((spec.corpus, spec.labels) for spec in specs)
    fingerprints = {(name, known): corpora[name].fingerprint_of(known) for name, known in labels}
    resolved = []
    for spec in specs:
        now = fingerprints[spec.corpus, spec.labels]
        if spec.fingerprint not in ("", now):
            raise InputError(f"corpus {spec.corpus!r} is now {now}, the run was made for {spec.fingerprint}")
        chosen = precision if spec.precision == "auto" else spec.precision
        resolved.append(spec.change(fingerprint=now, device=kind, precision=chosen))
    return resolved


def finished(named: Iterable[tuple[str, RunSpec]], device: str = "auto") -> list[tuple[str, Run]]:
    """Return those of named specs whose runs are in the store, with their names; train nothing."""
    named = list(named)
    found = [Run(spec.key) for spec in resolve([spec for _, spec in named], device)]
    return [(name, run) for (name, _), run in zip(named, found, strict=True) if run.is_finished]


def sweep(
    specs: Iterable[RunSpec],
    *,
    device: str = "auto",
    n_jobs: int = 0,
    scheduler: str = "",
    report: Callable[[str], None] | None = print,
) -> list[Run]:
    """Return the runs of specs, in their order; train those that are not in the store.

    Two processes that are given the same specs share the work. What is finished stays finished, whatever
    is killed; calling again goes on.

    Parameters
    ----------
    specs : iterable of RunSpec
    device : {"auto", "cpu", "cuda", "cuda:N"}
    n_jobs : int
        Processes on this machine; 0: one a core on a CPU, one on a GPU. With 1 nothing is started.
    scheduler : str
        ``tcp://HOST:PORT`` of a Dask scheduler.
    report : callable, optional
        Takes lines about the progress.

    Raises
    ------
    InputError
        If a corpus is missing, or runs failed (the others are kept), or the cluster was lost.
    """
    wanted = resolve(specs, device, scheduler)
    runs = [Run(spec.key) for spec in wanted]
    missing = {run.key: spec for spec, run in zip(wanted, runs, strict=True) if not run.is_finished}
    if not missing:
        return runs
    quiet, report = report is None, report or (lambda line: None)
    report(f"{len(runs)} runs: {len(runs) - len(missing)} are in the store, {len(missing)} to train")
    if n_jobs < 1:
        n_jobs = 1 if wanted[0].device else joblib.cpu_count()
    failures = _train_missing(missing, device, min(n_jobs, len(missing)), scheduler, report, quiet)
    if failures:
        raise InputError(f"{len(failures)} of {len(runs)} runs failed, the others are kept; the first: {failures[0]}")
    return runs


def _train_missing(
    missing: dict[str, RunSpec], device: str, n_jobs: int, scheduler: str, report: Callable[[str], None], quiet: bool
) -> list[str]:
    """Train runs, here or on a cluster, until none is missing; return what failed."""
    waiting, failures, n_done, n_lost, started = dict(missing), [], 0, 0, time.monotonic()
    while waiting:
        try:
            for key, status, message in _results(waiting, device, n_jobs, scheduler, quiet):
                if status == "busy":  # another process trains it; look again later
                    continue
                del waiting[key]
                n_done, n_lost = n_done + 1, 0
                if status == "failed":
                    failures.append(message)
                left = (time.monotonic() - started) / n_done * len(waiting)
                report(f"{n_done} of {len(missing)}: {status} {message}; about {left:.0f} s left")
        except parallel.WorkerLost as error:
            n_lost += 1
            if n_lost > 3 or scheduler:
                done = f"{n_done} of {len(missing)} runs were trained and are kept"
                raise InputError(f"{error}; {done}, call again to go on") from error
            report(f"a worker process was lost; going on with {len(waiting)} runs")
        if waiting:
            time.sleep(0.2)
    return failures


def _results(
    specs: dict[str, RunSpec], device: str, n_jobs: int, scheduler: str, quiet: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield key, status and message of runs as they end."""
    quiet = quiet or n_jobs > 1 or bool(scheduler)
    work = partial(_keyed, home=str(paths.home()), quiet=quiet)
    devices = [device]
    if n_jobs > 1 and not scheduler and device in ("auto", "cuda") and torch.cuda.is_available():
        devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]  # dealt out
    items = [(key, asdict(spec), here) for (key, spec), here in zip(specs.items(), itertools.cycle(devices))]
    return parallel.run(work, items, n_jobs=n_jobs, scheduler=scheduler)


def _keyed(item: tuple[str, dict, str], **options: Any) -> tuple[str, str, str]:
    key, values, device = item
    return key, *train_run(values, device, **options)
