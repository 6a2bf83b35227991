"""The SVM grid of chapter 6 on summed kernels against GridSearchCV: same scores, and how much faster.

Run: ``python benchmarks/svm.py`` (GTZAN, all 31 combinations of layers: about ten minutes);
``--identity T3`` or ``T4a`` compares every score of a whole task instead. Both sides use two processes.
The baseline is the author's verbatim grid, in which half of the points repeat the other half because his
scaler never acts; the ratio over the same grid without repetitions is printed too. The bar: 6x verbatim.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR

from mtlib import svm, targets, transfer


class SwitchThatNeverActs(TransformerMixin, BaseEstimator):
    """The author's optional scaler as it behaved inside his search: it returns its input."""

    def __init__(self, on: bool = False) -> None:
        self.on = on

    def fit(self, x: np.ndarray, y: np.ndarray | None = None) -> "SwitchThatNeverActs":
        """Learn nothing."""
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Return the input."""
        return x


def library(data: targets.TaskData, name: str, verbatim: bool) -> GridSearchCV:
    """Run GridSearchCV on concatenated features over the author's folds."""
    features = np.hstack(data.parts(name))
    points = {"machine__C": list(svm.C_VALUES), "switch__on": [True, False] if verbatim else [False]}
    gammas = [*svm.GAMMAS, 1 / features.shape[1]]
    gammas = gammas if verbatim else list(dict.fromkeys(gammas))
    grid = [
        {"machine__kernel": ["linear"], **points},
        {"machine__kernel": ["rbf"], "machine__gamma": gammas, **points},
    ]
    machine = SVR() if data.task.is_regression else SVC()
    pipeline = Pipeline([("switch", SwitchThatNeverActs()), ("machine", machine)])
    splits = targets.author_splits(data)
    search = GridSearchCV(pipeline, grid, cv=splits, n_jobs=2, refit=False)
    return search.fit(features, data.y)


def library_scores(search: GridSearchCV, n_features: int) -> np.ndarray:
    """Return the library's scores (configuration, split) in the order of `svm.grid`."""
    found = search.cv_results_
    rows = {
        (p["machine__kernel"], p["machine__C"], p.get("machine__gamma")): i
        for i, p in enumerate(found["params"])
    }
    order = [rows[c.kernel, c.C, c.gamma] for c in svm.grid(n_features)]
    return np.stack([found[f"split{k}_test_score"][order] for k in range(search.n_splits_)], axis=1)


def ours(name: str, task: str) -> np.ndarray:
    """Return our scores (configuration, split) of one combination of layers."""
    data = targets.load(task)
    kernels = svm.Kernels(data.parts(name))
    grid, splits = svm.grid(kernels.n_features), targets.author_splits(data)
    return svm.search(kernels, data.y, splits, grid, confirm=transfer.CONFIRM)[0]


def compare(task: str, names: list[str], verbatim: bool) -> None:
    """Time both sides over the same combinations and compare every score."""
    data = targets.load(task)
    splits = targets.author_splits(data)
    pool = Parallel(n_jobs=2, batch_size=1)
    pool(delayed(ours)(names[0], task) for _ in range(2))  # starts the processes, loads the features
    seconds = dict.fromkeys(("ours", "verbatim", "without repetitions"), 0.0)
    fold = mean = winner = 0.0
    for i, name in enumerate(names):
        if i % 16 == 0:  # in turns, so that whatever else the machine does falls on both
            started = time.perf_counter()
            results = pool(delayed(ours)(each, task) for each in names[i : i + 16])
            seconds["ours"] += time.perf_counter() - started
        scores = results[i % 16]
        if verbatim:
            started = time.perf_counter()
            library(data, name, verbatim=True)
            seconds["verbatim"] += time.perf_counter() - started
        started = time.perf_counter()
        search = library(data, name, verbatim=False)
        seconds["without repetitions"] += time.perf_counter() - started
        theirs = library_scores(search, sum(part.shape[1] for part in data.parts(name)))
        fold = max(fold, np.abs(scores - theirs).max())
        mean = max(mean, np.abs(scores.mean(1) - theirs.mean(1)).max())
        winner = max(winner, abs(svm.best(scores, splits)[1] - svm.best(theirs, splits)[1]))
        print(f"{task} {name} ({i + 1} of {len(names)}): largest difference so far {fold:.2g} in a fold, "
              f"{mean:.2g} in a mean, {winner:.2g} of the best", flush=True)  # fmt: skip
    for label in list(seconds)[1:]:
        if seconds[label]:
            print(f"{task}, {len(names)} combinations, {label}: {seconds[label] / seconds['ours']:.2f}x ours")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--identity", metavar="TASK", choices=targets.TASKS, help="compare scores alone")
    parser.add_argument("--sets", nargs="+", default=list(targets.LAYER_SETS), help="such as 5 12345")
    chosen = parser.parse_args()
    compare(chosen.identity or "T2", chosen.sets, verbatim=chosen.identity is None)


if __name__ == "__main__":
    main()
