"""Many runs: the same bits on every backend, and after every kind of kill."""

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

import toy
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.training import runs, sweeps

N_RUNS = 6

FORKS = multiprocessing.get_context("forkserver")
"""Programs begin with what is imported already: imports would take most of their time."""


class Sweep:
    """A sweep over small runs of two structures in a process of its own, on a store of its own."""

    def __init__(self, home, n_runs, n_jobs, scheduler=""):
        FORKS.set_forkserver_preload(["toy"])
        self.home = home
        self.told = home / f"told-{time.monotonic_ns()}.txt"  # a pipe would stay open in orphaned workers
        self.process = FORKS.Process(target=_program, args=(home, self.told, n_runs, n_jobs, scheduler))
        self.process.start()

    def wait_for(self, n_finished):
        deadline = time.monotonic() + 600
        while len(finished(self.home)) < n_finished and self.process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def workers(self):
        if not self.process.is_alive():
            return []
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in found if "popen_loky" in " ".join(child.cmdline())]

    def end(self):
        self.process.join(timeout=180)
        return self.process.exitcode, self.told.read_text()

    def kill(self):
        workers = self.workers()
        self.process.kill()
        self.process.join()
        for worker in workers:  # they would finish what they have, and linger for five minutes
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()


def _program(home, told, n_runs, n_jobs, scheduler):
    environment = {"MTLIB_HOME": str(home), "PYTHONPATH": str(paths.ROOT)}
    os.environ.update(environment)  # the workers' too
    with open(told, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    kinds = [{}, {"model__structure": "crnn", "model__layer_widths": (4,) * 6}]
    specs = [toy.spec(epochs=4, seed=i, **kinds[i % 2]) for i in range(n_runs)]
    try:
        sweeps.sweep(specs, n_jobs=n_jobs, scheduler=scheduler)
    except InputError as error:
        sys.exit(f"Error: {error}")
    finally:  # a fork ends without the step that ends idle workers
        for worker in psutil.Process().children():
            worker.kill()


def finished(home):
    """Return when each finished run of a store ended."""
    records = {path.parent.name: path for path in (home / "runs").glob("*/record.json")}
    records = {key: path for key, path in records.items() if not key.endswith(".unfinished")}
    return {key: json.loads(path.read_text())["finished"] for key, path in records.items()}


def assert_same(home, other):
    """Compare all runs of two stores, bit by bit, but for times."""
    assert set(finished(home)) == set(finished(other))
    for key in finished(home):
        one, two = home / "runs" / key, other / "runs" / key
        assert (one / "history.csv").read_bytes() == (two / "history.csv").read_bytes()
        assert (one / "weights.safetensors").read_bytes() == (two / "weights.safetensors").read_bytes()
        with np.load(one / "predictions.npz") as ours, np.load(two / "predictions.npz") as theirs:
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name])
        records = [json.loads((folder / "record.json").read_text()) for folder in (one, two)]
        assert records[0]["metrics"] == records[1]["metrics"]
    assert not list((home / "runs").glob("*.unfinished"))


@pytest.fixture
def home(tones, tmp_path):
    shutil.copytree(tones, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def reference(tones, tmp_path_factory):
    """All runs, shared by two processes of one core each, and what the two said."""
    home = tmp_path_factory.mktemp("reference") / "home"
    shutil.copytree(tones, home)
    pair = [Sweep(home, N_RUNS, 1) for _ in range(2)]
    return home, [sweep.end() for sweep in pair]


@contextlib.contextmanager
def cluster(folder):
    """Start a Dask scheduler and two workers; yield the scheduler's process, the workers' and its address."""
    folder.mkdir(exist_ok=True)
    told = folder / "scheduler.json"
    told.unlink(missing_ok=True)
    log = (folder / "cluster.log").open("a")
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    output = {"stdout": log, "stderr": subprocess.STDOUT}
    environment = {**os.environ, "PYTHONPATH": f"{paths.ROOT}:{paths.ROOT / 'tests/helpers'}"}
    command = [*dask, "--no-dashboard", "--scheduler-file", str(told)]
    processes = [subprocess.Popen(command, env=environment, **output)]
    try:
        while not told.is_file() or not told.read_text().strip():
            time.sleep(0.02)
        address = json.loads(told.read_text())["address"]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
        processes += [subprocess.Popen(worker, env=environment, **output) for _ in range(2)]
        yield processes[0], processes[1:], address
    finally:
        for process in processes:
            process.kill()
            process.wait()
        log.close()


def test_two_processes_share_the_work(reference):
    home, told = reference
    assert [code for code, _ in told] == [0, 0]
    trained = [output.count(": trained") for _, output in told]
    assert sum(trained) == N_RUNS and min(trained) >= 2
    assert len(finished(home)) == N_RUNS


def test_loky_gives_the_same_after_kills_of_parent_and_worker(home, reference):
    first = Sweep(home, N_RUNS, 2)
    first.wait_for(2)
    first.kill()
    before = finished(home)
    second = Sweep(home, N_RUNS, 2)
    second.wait_for(len(before) + 1)
    between = finished(home)
    second.workers()[0].kill()
    code, output = second.end()
    assert code == 0 and "a worker process was lost; going on" in output
    after = finished(home)
    assert 2 <= len(before) < len(between) < len(after) == N_RUNS
    assert before.items() <= between.items() <= after.items()  # nothing lost, nothing trained twice
    assert_same(home, reference[0])


@pytest.mark.slow
def test_dask_gives_the_same_after_a_kill_of_the_scheduler(home, reference, tmp_path):
    with cluster(tmp_path / "dask") as (scheduler, _, address):
        assert Sweep(home, 2, 2, address).end()[0] == 0
        first = Sweep(home, N_RUNS, 2, address)
        first.wait_for(3)
        scheduler.kill()
        code, output = first.end()
        before = finished(home)
    assert code == 1 and "call again to go on" in output.splitlines()[-1]
    assert Sweep(home, N_RUNS, 1).end()[0] == 0  # a store does not ask who trained
    assert 3 <= len(before) < N_RUNS and before.items() <= finished(home).items()
    assert_same(home, reference[0])


@pytest.mark.slow
def test_thirty_kills_at_random_moments_lose_nothing(home, tones, tmp_path):
    rng, n_runs = random.Random(0), 150
    known, n_resumed, kinds = {}, 0, []
    while len(kinds) < 30:
        kind = rng.choice(["parent", "worker", "scheduler", "cluster worker"])
        on_cluster = kind in ("scheduler", "cluster worker")
        with cluster(tmp_path / "dask") if on_cluster else contextlib.nullcontext((None, [None], "")) as (
            scheduler, workers, address,
        ):  # fmt: skip
            sweep = Sweep(home, n_runs, 2, address)
            sweep.wait_for(len(known) + 1)
            time.sleep(rng.uniform(0, 2))
            assert sweep.process.is_alive(), "the sweep was over before the kill"
            own = [*sweep.workers(), None][0]
            {"parent": sweep, "worker": own, "scheduler": scheduler, "cluster worker": workers[0]}[kind].kill()
            kinds.append(kind)
            if "worker" in kind:
                time.sleep(rng.uniform(0, 2))
            sweep.kill()
        now = finished(home)
        assert known.items() <= now.items()
        known = now
        print(f"{len(kinds)}. {kind}: {len(known)} of {n_runs} runs finished", flush=True)
    code, output = Sweep(home, n_runs, 2).end()
    assert code == 0, output
    assert known.items() <= finished(home).items() and len(finished(home)) == n_runs
    for key in finished(home):
        n_resumed += json.loads((home / "runs" / key / "record.json").read_text())["resumed"]
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    print(f"\n{len(kinds)} kills: {counts}; {n_resumed} runs went on from a saved epoch")
    assert n_resumed > 0
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(tones, undisturbed)
    assert Sweep(undisturbed, n_runs, 2).end()[0] == 0
    assert_same(home, undisturbed)


def test_a_failed_run_does_not_take_the_others_along(home, monkeypatch, capsys):
    monkeypatch.setenv("MTLIB_HOME", str(home))
    good, bad = toy.spec(epochs=1), toy.spec(epochs=1, n_train=1)
    with pytest.raises(InputError, match=r"1 of 2 runs failed, the others are kept; the first: compact.*needs 2"):
        sweeps.sweep([bad, good], n_jobs=1)
    assert "2 runs: 0 are in the store, 2 to train" in capsys.readouterr().out
    assert len(runs.finished()) == 1
    (again,) = sweeps.sweep([good], report=lambda line: pytest.fail("nothing is left to train"))
    assert again.spec == sweeps.resolve([good])[0]


def test_a_full_disk_fails_the_run_and_keeps_its_last_epoch(home, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(home))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(InputError, match=r"1 of 1 runs failed.*No space left on device"):
            sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
    assert len(list(runs.store().glob("*.unfinished/state.safetensors"))) == 1
    (run,) = sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
    assert run.record["resumed"] and len(run.history) == 1


def test_a_spec_of_another_corpus_is_refused(home, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(home))
    with pytest.raises(InputError, match=r"corpus 'tones' is now .*, the run was made for gone"):
        sweeps.resolve([toy.spec(fingerprint="gone")])
    with pytest.raises(InputError, match="no corpus named 'tunes'"):
        sweeps.sweep([toy.spec("tunes")])
