"""What a sweep costs beside the training itself, and what a second process gains.

Run: ``python tests/benchmarks/sweeps.py`` (about a minute). Twelve tiny runs of the Compact-convnet on noise,
trained one after another, then by two processes, then read back; shares and ratios within one run.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ["MTLIB_HOME"] = tempfile.mkdtemp()

import numpy as np
import pandas as pd

from mtlib.base import paths
from mtlib.corpora import corpus
from mtlib.training import specs, sweeps
from mtlib.training.training import Training

N_CLIPS, N_RUNS = 160, 12


def noise(rows: pd.DataFrame) -> list[tuple[np.ndarray, str, str]]:
    """Make the sound of one shard."""
    draw = [np.random.default_rng(int(name)).normal(0, 3000, 87_000) for name in rows.clip_id]
    return [(samples.astype(np.int16), "ok", "") for samples in draw]


def sweep(home: Path, wanted: list[specs.RunSpec], n_jobs: int) -> tuple[float, float]:
    """Sweep in a store; return the wall time, and the time that the runs themselves took."""
    os.environ["MTLIB_HOME"] = str(home)
    started = time.perf_counter()
    runs = sweeps.sweep(wanted, n_jobs=n_jobs, report=None)
    return time.perf_counter() - started, sum(run.record["seconds"] for run in runs)


def main() -> None:
    """Measure and print."""
    rows = pd.DataFrame({"clip_id": [str(i) for i in range(N_CLIPS)], "split": "train", "fold": -1, "group": ""})
    rows.loc[128:, "split"] = ["valid"] * 16 + ["test"] * 16
    labels = np.random.default_rng(0).random((N_CLIPS, 10)) < 0.3
    tags = pd.DataFrame({"name": [f"tag {i}" for i in range(10)], "category": "none"})
    corpus.write("noise", rows, noise, audio_recipe={"noise": 1}, sample_rate=12_000, n_samples=87_000,
                 task="multilabel", tags=tags, label_sets={"observed": (labels, {})})  # fmt: skip
    home = paths.home()
    base = specs.RunSpec(corpus="noise", training=Training(epochs=4))
    sweep(home, [base.change(seed=99)], 1)  # imports, spectrograms
    wanted = specs.grid(base, seed=range(N_RUNS))
    alone, training = sweep(home, wanted, 1)
    again, _ = sweep(home, wanted, 1)
    sweep(home, specs.grid(base, seed=range(50, 54)), 2)  # starts the worker processes
    together, _ = sweep(home, specs.grid(base, seed=range(100, 100 + N_RUNS)), 2)
    print(f"one process: {alone / training - 1:.1%} on top of the training itself, for runs of "
          f"{training / N_RUNS:.1f} s (corpus, network, predictions, metrics, files)")  # fmt: skip
    print(f"two processes: {alone / together:.2f}x one process")
    print(f"all runs in the store: {again / alone:.1%} of training them")


if __name__ == "__main__":
    main()
