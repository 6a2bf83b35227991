"""Independent tasks, side by side: on this machine's cores, or on a Dask cluster.

One call serves the corpus (a task per shard) and sweeps of trainings (a task per run). On one
machine joblib's processes do the work; with a scheduler's address the same tasks go to its workers.
"""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pkgutil import resolve_name
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from .errors import InputError


class WorkerLost(InputError):
    """A process that did the work is gone; what it finished is kept."""


def end_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends, even by SIGKILL; elsewhere do nothing.

    Parameters
    ----------
    parent : int
        Process id of the parent, read before this process started.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)


def popen_options() -> dict[str, Any]:
    """Return options for `subprocess.Popen`: on Linux the new process ends with this one."""
    return {"preexec_fn": partial(end_with, os.getpid())} if sys.platform == "linux" else {}


def run(
    function: Callable[[Any], Any], tasks: Iterable[Any], *, n_jobs: int = 1, scheduler: str = ""
) -> Iterator[Any]:
    """Call a function on every task and yield the results as they finish, in no set order.

    Parameters
    ----------
    function : callable
        Picklable; takes one task. What it raises is raised here.
    tasks : iterable
        Picklable values.
    n_jobs : int
        Processes on this machine; 1 works in this process, −1 takes all cores.
    scheduler : str
        ``tcp://HOST:PORT`` of a Dask scheduler; its workers then do the work.

    Raises
    ------
    InputError
        If `n_jobs` is 0, the scheduler cannot be reached, or a worker died.
    """
    if n_jobs == 0:
        raise InputError("n_jobs must be at least 1, or -1 for all cores, got 0")
    if not scheduler and n_jobs == 1:
        yield from map(function, tasks)
        return
    calls = (joblib.delayed(function)(task) for task in tasks)
    if scheduler:
        yield from _on_cluster(calls, scheduler)
        return
    try:
        yield from joblib.Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", initializer=end_with, initargs=(os.getpid(),)
        )(calls)
    except TerminatedWorkerError:
        raise WorkerLost(
            "a worker process died, often for lack of memory; what was finished is kept: "
            "run the same command again, with fewer jobs"
        ) from None


def _on_cluster(calls: Iterable[Any], scheduler: str) -> Iterator[Any]:
    client = _connect(scheduler)
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        with client, joblib.parallel_config(backend="dask", n_jobs=-1):
            yield from joblib.Parallel(return_as="generator_unordered")(calls)
    except (CommClosedError, FutureCancelledError, KilledWorker, TimeoutError):
        raise WorkerLost(
            f"the cluster at {scheduler} was lost; what was finished is kept: run the same command again"
        ) from None


def _connect(scheduler: str) -> Any:
    """Return a client of the Dask scheduler."""
    try:
        from dask.distributed import Client
    except ImportError:
        raise InputError(
            f"scheduler {scheduler} needs Dask: pip install 'dask[distributed]', or leave scheduler empty"
        ) from None
    host, _, port = scheduler.partition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=10):
            pass  # the client alone would try again for as long as it may wait
        client = Client(scheduler, timeout=30)
    except (OSError, ValueError):
        raise InputError(
            f"no Dask scheduler answers at {scheduler}; start one with `dask scheduler`, "
            "or leave scheduler empty"
        ) from None
    try:  # without the module they would fail again and again and the client would wait for ever
        client.run_on_scheduler(resolve_name, "mtlib:__name__")
        client.run(resolve_name, "mtlib:__name__")
    except ModuleNotFoundError as error:
        client.close()
        raise InputError(
            f"the scheduler at {scheduler} or one of its workers says: {error}; "
            "start each with PYTHONPATH set to this project's folder"
        ) from None
    return client
