"""The SVM grid of chapter 6 on summed kernels against GridSearchCV: same scores, and how much faster.

Run: ``python tests/benchmarks/svm.py`` (GTZAN, all 31 combinations of layers: about six minutes);
``--identity T3`` or ``T4a`` compares every score of a whole task instead. Both sides use two processes
(``--jobs``).
The baseline is the author's verbatim grid, in which half of the points repeat the other half because his
scaler never acts; the ratio over the same grid without repetitions, by the library's own clock, is printed
too. The bar: 6x verbatim. Regressions: machines with a radial kernel are libsvm's on both sides; linear ones
are solved exactly here, and by libsvm again where they come near the best (``--confirm inf``: all of them).
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR

from book.experiments.transfer import protocols, published_features, svm


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


def library(data: published_features.TaskData, name: str, verbatim: bool, n_jobs: int) -> GridSearchCV:
    """Run GridSearchCV on concatenated features over the author's folds."""
    features = np.hstack(data.parts(name))
    points = {"machine__C": list(svm.C_VALUES), "switch__on": [True, False] if verbatim else [False]}
    gammas = [*svm.GAMMAS, 1 / features.shape[1]]
    gammas = gammas if verbatim else list(dict.fromkeys(gammas))
    grid = [{"machine__kernel": ["linear"], **points}, {"machine__kernel": ["rbf"], "machine__gamma": gammas, **points}]
    machine = SVR() if data.task.is_regression else SVC()
    pipeline = Pipeline([("switch", SwitchThatNeverActs()), ("machine", machine)])
    splits = published_features.author_splits(data)
    search = GridSearchCV(pipeline, grid, cv=splits, n_jobs=n_jobs, refit=False)
    return search.fit(features, data.y)


def library_scores(search: GridSearchCV, n_features: int) -> np.ndarray:
    """Return the library's scores (configuration, split) in the order of `svm.grid`."""
    found = search.cv_results_
    rows = {(p["machine__kernel"], p["machine__C"], p.get("machine__gamma")): i for i, p in enumerate(found["params"])}
    order = [rows[c.kernel, c.C, c.gamma] for c in svm.grid(n_features)]
    return np.stack([found[f"split{k}_test_score"][order] for k in range(search.n_splits_)], axis=1)


def ours(name: str, task: str, confirm: float) -> np.ndarray:
    """Return our scores (configuration, split) of one combination of layers."""
    data = published_features.load(task)
    kernels = svm.GramMatrices(data.parts(name))
    grid, splits = svm.grid(kernels.n_features), published_features.author_splits(data)
    return svm.search(kernels, data.y, splits, grid, confirm=confirm)[0]


def without_repetitions(search: GridSearchCV) -> float:
    """Return the share of the library's time that went to the first of equal points, by its own clock."""
    found = search.cv_results_
    spent = found["mean_fit_time"] + found["mean_score_time"]
    first = {}
    for i, p in enumerate(found["params"]):
        first.setdefault((p["machine__kernel"], p["machine__C"], p.get("machine__gamma")), i)
    return spent[list(first.values())].sum() / spent.sum()


def clocks() -> np.ndarray:
    """Return seconds passed, and core-seconds of this process and of those it started."""
    here = psutil.Process()
    spent = [process.cpu_times() for process in (here, *here.children(recursive=True))]
    ended = here.cpu_times()
    busy = sum(t.user + t.system for t in spent) + ended.children_user + ended.children_system
    return np.array([time.perf_counter(), busy])


def differences(scores: np.ndarray, theirs: np.ndarray, grid: tuple, splits: list) -> dict[str, np.ndarray]:
    """Return differences by kind: over single folds, over means by kernel, and of the best."""
    linear = np.array([c.kernel == "linear" for c in grid])
    means = np.abs(scores.mean(1) - theirs.mean(1))
    best = abs(svm.best(scores, splits)[1] - svm.best(theirs, splits)[1])
    return {
        "a fold": np.abs(scores - theirs).ravel(),
        "a mean, radial": means[~linear],
        "a mean, linear": means[linear],
        "the best": np.array([best]),
    }


def compare(task: str, names: list[str], confirm: float, verbatim: bool, n_jobs: int) -> None:
    """Compare every score of the same combinations; with the verbatim grid, time both sides too."""
    data = published_features.load(task)
    splits = published_features.author_splits(data)
    pool = Parallel(n_jobs=n_jobs, batch_size=1)
    passes, theirs, once = [], np.zeros(2), np.zeros(2)
    found: dict[str, list[np.ndarray]] = {}

    def run_ours() -> list[np.ndarray]:
        pool(delayed(ours)(name, "T3", confirm) for name in "11")  # starts the processes
        pool(delayed(published_features.load)(task) for _ in range(2))
        started = clocks()
        results = pool(delayed(ours)(name, task, confirm) for name in names)
        passes.append(clocks() - started)
        print("ours: {:.1f} s, {:.1f} core-seconds".format(*passes[-1]), flush=True)
        return results

    results = run_ours()
    for i, (name, scores) in enumerate(zip(names, results, strict=True)):
        started = clocks()
        search = library(data, name, verbatim, n_jobs)
        spent = clocks() - started
        theirs, once = theirs + spent, once + spent * without_repetitions(search)
        n_features = sum(part.shape[1] for part in data.parts(name))
        reference = library_scores(search, n_features)
        for kind, values in differences(scores, reference, svm.grid(n_features), splits).items():
            found.setdefault(kind, []).append(values)
        print(f"{task} {name} ({i + 1} of {len(names)}), so far:", flush=True)
        for kind, values in found.items():
            together = np.concatenate(values)
            print(f"    {kind}: differs by at most {together.max():.2g}, {np.mean(together <= 1e-3):.1%} within 0.001")
    if verbatim:
        run_ours()  # before and after, so that whatever else the machine does falls on both
        mean = np.mean(passes, axis=0)
        print(f"{task}, {len(names)} combinations, ours and verbatim:")
        for unit, our, full, short in zip(("seconds", "core-seconds"), mean, theirs, once, strict=True):
            ratios = f"{full / our:.2f}x; without repetitions {short / our:.2f}x"
            print(f"    {unit}: {our:.1f} and {full:.1f}, {ratios}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--identity", metavar="TASK", choices=published_features.TASKS, help="compare scores alone")
    parser.add_argument("--sets", nargs="+", default=list(published_features.LAYER_SETS), help="such as 5 12345")
    parser.add_argument("--confirm", type=float, default=protocols.CONFIRM, help="R² below the best, see above")
    parser.add_argument("--jobs", type=int, default=2, help="processes, on both sides")
    chosen = parser.parse_args()
    compare(chosen.identity or "T2", chosen.sets, chosen.confirm, verbatim=chosen.identity is None, n_jobs=chosen.jobs)


if __name__ == "__main__":
    main()
