"""Transfer learning: a support vector machine on frozen features, under five protocols.

`evaluate` computes the score of one feature set on one target task under one protocol:

``thesis``
    The author's code: no scaling (his switch never acts), his folds, and the best score over the grid on
    the very folds that chose it. Task 5 chooses on its test clips.
``scaled``
    The same, with features standardised over the training clips of every fold.
``nested``
    Standardised; folds shuffled (tasks 1 to 4); kernel, γ and C chosen without the fold that scores them.
    Task 5 chooses on its validation clips, task 6 keeps its ten folds and chooses on the next one.
``blocks``
    As ``nested``, but test clips share no extraction batch of 256 with clips that train or choose: one batch
    is left out at a time, where batches do not hold whole classes (tasks 1, 4, 5 and 6).
``filtered``
    Task 2 alone: the split without faults and shared artists, 443 / 197 / 290 clips [Kereliuk2015].

`run` keeps every result in a store, so that an interrupted sweep goes on where it stopped; `record` writes
the committed tables.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mtlib.base import files, parallel, paths, provenance, published
from mtlib.base.errors import InputError
from mtlib.evidence import recorded as recorded_tables

from . import svm
from .published_features import (
    TASKS,
    WITH_BLOCKS,
    Task,
    TaskData,
    author_splits,
    block_splits,
    feature_sets,
    filtered_split,
    load,
    nested_splits,
)

CONFIRM = 0.005
"""How near to the best R² a linear machine must come to be trained by libsvm as the author did."""

MAX_ITER = 20_000_000
"""Steps a machine may take in a sweep; with raw MFCCs, a linear kernel and a large C it needs more."""

PROTOCOLS = ("thesis", "scaled", "nested", "blocks", "filtered")
"""Ways to score a feature set; see above."""


@dataclass(frozen=True)
class Result:
    """The score of one feature set on one task under one protocol."""

    task: str
    set: str
    protocol: str
    seed: int
    score: float
    fold_scores: tuple[float, ...]
    fold_sizes: tuple[int, ...]
    configuration: str
    """The chosen kernel, γ and C, or ``varies`` where folds differ."""
    n_unfinished: int
    """Configurations that `max_iter` stopped; they were left out."""
    seconds: float
    clips: np.ndarray
    """Indices of the scored clips."""
    predictions: np.ndarray
    """Predictions for `clips`."""


def _describe(c: svm.Configuration) -> str:
    return f"linear C={c.C:g}" if c.gamma is None else f"rbf C={c.C:g} gamma={c.gamma:.4g}"


def evaluate(data: TaskData, feature_set: str, protocol: str, *, seed: int = 0, max_iter: int = -1) -> Result:
    """Score one feature set on one task under one protocol.

    Parameters
    ----------
    data : TaskData
    feature_set : str
    protocol : {"thesis", "scaled", "nested", "blocks", "filtered"}
    seed : int
        Of the shuffled folds (``nested`` alone).
    max_iter : int
        Iterations of libsvm a machine may take; -1 sets no limit.

    References
    ----------
    [Choi2018, §6.4.1]
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    started = time.process_time()
    sums = svm.GramMatrices(data.parts(feature_set), standardise=protocol != "thesis")
    grid = svm.grid(sums.n_features)
    if protocol in ("thesis", "scaled"):
        splits = author_splits(data)
        confirm = CONFIRM if protocol == "thesis" else 0.0  # the author's scores are libsvm's
        scores, rows = svm.search(sums, data.y, splits, grid, max_iter=max_iter, confirm=confirm)
        winner, _ = svm.best(scores, splits)
        chosen = [grid[winner]] * len(splits)
        predictions = [row[winner] for row in rows]
        n_unfinished = int(np.isnan(scores).any(1).sum())
    else:
        pairs = {"nested": lambda: nested_splits(data, seed), "blocks": lambda: block_splits(data),
                 "filtered": lambda: filtered_split(data)}[protocol]()  # fmt: skip
        splits, chosen, predictions, n_unfinished = [outer for outer, _ in pairs], [], [], 0
        for outer, inner in pairs:
            scores, _ = svm.search(sums, data.y, inner, grid, max_iter=max_iter)
            n_unfinished += int(np.isnan(scores).any(1).sum())
            chosen.append(grid[svm.best(scores, inner)[0]])
            predictions.append(svm.predict(sums, data.y, outer, chosen[-1:])[0])
    scored = zip(splits, predictions, strict=True)
    fold_scores = [float(svm.score(data.y[test], row)) for (_, test), row in scored]
    sizes = [len(test) for _, test in splits]
    return Result(
        task=data.task.name,
        set=feature_set,
        protocol=protocol,
        seed=seed,
        score=float(np.average(fold_scores, weights=sizes)),
        fold_scores=tuple(fold_scores),
        fold_sizes=tuple(sizes),
        configuration=_describe(chosen[0]) if len(set(chosen)) == 1 else "varies",
        n_unfinished=n_unfinished,
        seconds=time.process_time() - started,
        clips=np.concatenate([test for _, test in splits]),
        predictions=np.concatenate(predictions),
    )


NAME, FOLDS = "transfer", "transfer_folds"
"""Of the recorded tables."""

VERSION = "439a7fc2a1948e056180a46b08aa200ccfea4b19d540775e40c370d3d11f8f64"
"""Of the code behind stored scores; change it by hand when it gives other scores."""


def key(task: Task, feature_set: str, protocol: str, seed: int, max_iter: int) -> str:
    """Return the key of a stored result: a digest of the published files and of what decides the score."""
    hashes = {part: published.ARTIFACTS[name].checksum for part, name in task.artifacts.items()}
    return files.digest([VERSION, task.name, task.label, hashes, feature_set, protocol, seed, max_iter], 16)


def _stored(path: Path) -> Result | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            fields = json.loads(str(file["fields"]))
            return Result(**fields, clips=file["clips"], predictions=file["predictions"])
    except Exception:  # there is none, or a damaged one, which can raise anything
        return None


def run(name: str, feature_set: str, protocol: str, seed: int = 0, max_iter: int = -1) -> Result:
    """Return a result from the store, or evaluate and store it.

    Two processes may run the same cell; both arrive at the same file.
    """
    path = paths.home() / "transfer" / f"{key(TASKS[name], feature_set, protocol, seed, max_iter)}.npz"
    if (result := _stored(path)) is not None:
        return result
    result = evaluate(load(name), feature_set, protocol, seed=seed, max_iter=max_iter)
    fields = {k: v for k, v in vars(result).items() if k not in ("clips", "predictions")}
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as file:
        np.savez(file, fields=json.dumps(fields), clips=result.clips, predictions=result.predictions)
    return result


def cells(tasks: Sequence[str], sets: Sequence[str], protocol: str, seed: int = 0) -> list[tuple[str, str, str, int]]:
    """Return the cells (task, set, protocol, seed) of a sweep; no sets stand for all that a task has.

    Raises
    ------
    InputError
        If a name is unknown, or no task has a named set.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    for name in tasks:
        if name not in TASKS:
            raise InputError(f"unknown task {name!r}; choose one of {', '.join(TASKS)}")
    possible = {"filtered": ("T2",), "blocks": WITH_BLOCKS}.get(protocol, tuple(TASKS))
    tasks = [name for name in tasks if name in possible]
    known = {name: feature_sets(TASKS[name]) for name in tasks}
    for wanted in sets:
        if not any(wanted in names for names in known.values()):
            raise InputError(f"no feature set {wanted!r}; choose layers such as 135, mfcc or 12345+mfcc")
    seed = seed if protocol == "nested" else 0  # nothing else is random
    return [
        (name, feature_set, protocol, seed)
        for name in tasks
        for feature_set in known[name]
        if not sets or feature_set in sets
    ]


def sweep(
    cells: Sequence[tuple[str, str, str, int]], *, n_jobs: int = 1, scheduler: str = "", max_iter: int = MAX_ITER
) -> Iterator[Result]:
    """Yield the results of many cells (task, set, protocol, seed) as they finish, stored ones included.

    Parameters
    ----------
    cells : sequence
        From `cells`.
    n_jobs, scheduler
        As for `parallel.run`.
    max_iter : int
        As for `evaluate`.
    """
    return parallel.run(partial(_run_cell, max_iter=max_iter), cells, n_jobs=n_jobs, scheduler=scheduler)


def _run_cell(cell: tuple[str, str, str, int], max_iter: int) -> Result:
    return run(*cell, max_iter)


def table(results: Iterable[Result]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tidy tables of results: one row a cell beside the author's score, and one row a fold."""
    reported = pd.read_csv(paths.DATA / "thesis" / "ch6_result_transfer.csv")
    scores = reported.set_index(["task", "combination"])["score"].to_dict()
    cells, folds, commit = [], [], provenance.commit()
    for result in results:
        where = {"task": result.task, "set": result.set, "protocol": result.protocol, "seed": result.seed}
        kind = "convnet" if "mfcc" not in result.set else "both" if "+" in result.set else "mfcc"
        cells.append(
            where
            | {
                "kind": kind,
                "published": scores.get((result.task, result.set)),
                "score": result.score,
                "n_clips": len(result.clips),
                "configuration": result.configuration,
                "n_unfinished": result.n_unfinished,
                "seconds": round(result.seconds, 1),
                "commit": commit,
            }
        )
        pairs = zip(result.fold_scores, result.fold_sizes, strict=True)
        folds += [where | {"fold": k, "n_clips": n, "score": score} for k, (score, n) in enumerate(pairs)]
    order = ["task", "protocol", "seed", "set"]
    return pd.DataFrame(cells).sort_values(order), pd.DataFrame(folds).sort_values([*order, "fold"])


def record(results: Iterable[Result]) -> Path:
    """Merge results into the recorded tables of cells and of folds; return the path of the first."""
    tables = {
        name: recorded_tables.merged(name, frame, ("task", "protocol", "seed", "set"))
        for name, frame in zip((NAME, FOLDS), table(results), strict=True)
    }
    recorded_tables.replace(tables, NAME, command="python -m mtlib transfer --record")
    return paths.DATA / "results" / f"{NAME}.csv"


def recorded(name: str = NAME) -> pd.DataFrame:
    """Return a recorded table: `NAME` (one row per cell) or `FOLDS`."""
    return recorded_tables.read(name, text=("set",))
