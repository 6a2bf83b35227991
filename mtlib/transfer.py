"""Transfer learning: the six target tasks on the author's published features, under several protocols.

A network trained for tagging is frozen; the averages of its five layers, alone or concatenated, feed a
support vector machine that learns another task [Choi2018, §6.2]. The author published the features of
his six target tasks, their labels and 210 scores. `evaluate` computes the score of one feature set on one
task under one protocol:

``thesis``
    The author's code: no scaling (his switch never acts), his folds, and the best score over the grid on
    the very folds that chose it. Task 5 chooses on its test clips.
``scaled``
    The same, with features standardised over the training clips of every fold.
``honest``
    Standardised; folds shuffled (tasks 1 to 4); kernel, γ and C chosen without the fold that scores them.
    Task 5 chooses on its validation clips, task 6 keeps its ten folds and chooses on the next one.
``filtered``
    Task 2 alone: the split without faults and shared artists, 443 / 197 / 290 clips [Kereliuk2015].

Conventions
    Tasks are named T1 to T6 (T4a arousal, T4v valence), feature sets by their layers from 1 (``"135"``),
    ``"mfcc"`` and ``"12345+mfcc"``. Chapter 6 uses this module.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

from . import paths, published, svm
from .errors import InputError

REPOSITORY = "transfer_learning_music"
"""Where the author's features and labels lie among the published files."""


@dataclass(frozen=True)
class Task:
    """One target task."""

    name: str
    title: str
    file: str
    """Stem of the published files."""
    label: str = "label"
    """Column of the published label table."""
    has_mfcc: bool = True

    @property
    def is_regression(self) -> bool:
        """Whether R² scores it rather than accuracy."""
        return self.label != "label"

    @property
    def artifacts(self) -> dict[str, str]:
        """Published files by part: ``labels``, ``"1"`` … ``"5"``, ``mfcc``."""
        files = {"labels": f"{REPOSITORY}/data_csv/{self.file}.csv"}
        files |= {str(n + 1): f"{REPOSITORY}/data_feats/{self.file}_layer_{n}.npy" for n in range(5)}
        return files | ({"mfcc": f"{REPOSITORY}/data_feats/{self.file}_mfcc.npy"} if self.has_mfcc else {})


TASKS = {
    task.name: task
    for task in (
        Task("T1", "ballroom dance genre", "ballroom_extended"),
        Task("T2", "music genre", "gtzan_genre"),
        Task("T3", "speech / music", "gtzan_speechmusic"),
        Task("T4a", "arousal", "emoMusic", "label_arousal"),
        Task("T4v", "valence", "emoMusic", "label_valence"),
        Task("T5", "vocal / non-vocal", "jamendo_vd"),
        Task("T6", "audio event", "urbansound", has_mfcc=False),
    )
}
"""The target tasks by name [Choi2018, Table 6-A]."""

LAYER_SETS = tuple("".join(layers) for n in range(1, 6) for layers in combinations("12345", n))
"""All 31 combinations of the five layers; the thesis ran 28 of them."""

CONFIRM = 0.005
"""How near to the best R² a linear machine must come to be trained by libsvm as the author did."""

PROTOCOLS = ("thesis", "scaled", "honest", "filtered")


@dataclass(frozen=True)
class TaskData:
    """Features and labels of one task."""

    task: Task
    blocks: dict[str, np.ndarray]
    """``"1"`` … ``"5"`` and ``"mfcc"``, each (clip, feature)."""
    y: np.ndarray
    table: pd.DataFrame
    """The published label table."""

    def sets(self) -> tuple[str, ...]:
        """Return the feature sets that can be formed."""
        return LAYER_SETS + (("mfcc", "12345+mfcc") if "mfcc" in self.blocks else ())

    def parts(self, feature_set: str) -> list[np.ndarray]:
        """Return the blocks of a feature set."""
        if feature_set not in self.sets():
            raise InputError(f"{self.task.name} has no feature set {feature_set!r}; one of {self.sets()}")
        layers, _, rest = feature_set.partition("+")
        names = (["mfcc"] if layers == "mfcc" else list(layers)) + ([rest] if rest else [])
        return [self.blocks[name] for name in names]


@cache
def load(name: str) -> TaskData:
    """Load one task's published features and labels.

    Raises
    ------
    InputError
        If the task is unknown, a file cannot be had, or features and labels do not fit together.
    """
    if name not in TASKS:
        raise InputError(f"unknown task {name!r}; choose one of {', '.join(TASKS)}")
    task = TASKS[name]
    files = {part: published.fetch(artifact) for part, artifact in task.artifacts.items()}
    table = pd.read_csv(files.pop("labels"))
    blocks = {part: np.load(path, allow_pickle=False) for part, path in files.items()}
    for part, block in blocks.items():
        if len(block) != len(table):
            raise InputError(f"{name}: {len(block)} clips in {part}, but {len(table)} labels")
    return TaskData(task, blocks, table[task.label].to_numpy(), table)


def unshuffled_folds(y: np.ndarray, n_splits: int = 10) -> list[svm.Split]:
    """Return stratified folds as scikit-learn 0.18 made them: class by class, in the order of the clips.

    Each class is cut into `n_splits` runs, the first ones a clip longer where the class does not divide.
    """
    fold = np.empty(len(y), int)
    for value in np.unique(y):
        members = np.flatnonzero(y == value)
        for index, part in enumerate(np.array_split(members, n_splits)):
            fold[part] = index
    return _from_folds(fold, range(n_splits))


def _from_folds(fold: np.ndarray, names: Iterable[int]) -> list[svm.Split]:
    return [(np.flatnonzero(fold != name), np.flatnonzero(fold == name)) for name in names]


def author_splits(data: TaskData) -> list[svm.Split]:
    """Return the splits of the author's code."""
    if data.task.name == "T6":
        return _from_folds(data.table["fold"].to_numpy(), range(1, 11))
    if data.task.name == "T5":
        test = (data.table["category"] == "test").to_numpy()
        return [(np.flatnonzero(~test), np.flatnonzero(test))]
    if data.task.is_regression:
        return list(KFold(10).split(data.y))
    return unshuffled_folds(data.y)


def honest_splits(data: TaskData, seed: int) -> list[tuple[svm.Split, list[svm.Split]]]:
    """Return (outer split, inner splits) pairs: the inner ones choose the configuration.

    Inner splits hold no test clip of their outer split.
    """
    if data.task.name == "T5":
        parts = {name: np.flatnonzero(data.table["category"] == name) for name in ("train", "valid", "test")}
        known = np.concatenate([parts["train"], parts["valid"]])
        return [((known, parts["test"]), [(parts["train"], parts["valid"])])]
    if data.task.name == "T6":
        fold = data.table["fold"].to_numpy()
        following = {name: name % 10 + 1 for name in range(1, 11)}
        return [
            (outer, [(np.flatnonzero((fold != name) & (fold != after)), np.flatnonzero(fold == after))])
            for outer, (name, after) in zip(author_splits(data), following.items(), strict=True)
        ]
    kind = KFold if data.task.is_regression else StratifiedKFold
    n_inner = 5 if len(data.y) <= 1000 else 3
    pairs = []
    for train, test in kind(10, shuffle=True, random_state=seed).split(data.y, data.y):
        inner = kind(n_inner, shuffle=True, random_state=seed).split(train, data.y[train])
        pairs.append(((train, test), [(train[a], train[b]) for a, b in inner]))
    return pairs


def filtered_split(data: TaskData) -> list[tuple[svm.Split, list[svm.Split]]]:
    """Return the fault-filtered split of task 2, by file name; the configuration is chosen on its middle part."""
    from torchaudio.datasets import gtzan

    if data.task.name != "T2":
        raise InputError(f"the fault-filtered split belongs to task T2, got {data.task.name}")
    stems = pd.Series(range(len(data.y)), index=[Path(name).stem for name in data.table["filepath"]])
    train, valid, test = (
        stems[list(names)].to_numpy()
        for names in (gtzan.filtered_train, gtzan.filtered_valid, gtzan.filtered_test)
    )
    return [((np.concatenate([train, valid]), test), [(train, valid)])]


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


def evaluate(
    data: TaskData,
    feature_set: str,
    protocol: str,
    *,
    seed: int = 0,
    kernels: Sequence[str] = ("linear", "rbf"),
    max_iter: int = -1,
) -> Result:
    """Score one feature set on one task under one protocol.

    Parameters
    ----------
    data : TaskData
    feature_set : str
    protocol : {"thesis", "scaled", "honest", "filtered"}
    seed : int
        Of the shuffled folds (``honest`` alone).
    kernels : sequence of str
        Part of the grid to run.
    max_iter : int
        Iterations of libsvm a machine may take; -1 sets no limit.

    References
    ----------
    [Choi2018, §6.4.1]
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    started = time.process_time()
    sums = svm.Kernels(data.parts(feature_set), standardise=protocol != "thesis")
    grid = [c for c in svm.grid(sums.n_features) if c.kernel in kernels]
    if protocol in ("thesis", "scaled"):
        splits = author_splits(data)
        confirm = CONFIRM if protocol == "thesis" else 0.0  # the author's scores are libsvm's
        scores, rows = svm.search(sums, data.y, splits, grid, max_iter=max_iter, confirm=confirm)
        winner, _ = svm.best(scores, splits)
        chosen = [grid[winner]] * len(splits)
        predictions = [row[winner] for row in rows]
        n_unfinished = int(np.isnan(scores).any(1).sum())
    else:
        pairs = filtered_split(data) if protocol == "filtered" else honest_splits(data, seed)
        splits, chosen, predictions, n_unfinished = [outer for outer, _ in pairs], [], [], 0
        for outer, inner in pairs:
            scores, _ = svm.search(sums, data.y, inner, grid, max_iter=max_iter)
            n_unfinished += int(np.isnan(scores).any(1).sum())
            chosen.append(grid[svm.best(scores, inner)[0]])
            predictions.append(svm.predict(sums, data.y, outer, chosen[-1:])[0])
    fold_scores = [float(svm.score(data.y[test], row)) for (_, test), row in zip(splits, predictions, strict=True)]
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


RULES = 1
"""Part of every key below; raise it with a change that alters a score."""


def key(task: Task, feature_set: str, protocol: str, seed: int, max_iter: int) -> str:
    """Return the key of a stored result: a digest of the published files and of what decides the score."""
    files = {part: published.ARTIFACTS[name].sha256 for part, name in task.artifacts.items()}
    what = [RULES, task.name, task.label, files, feature_set, protocol, seed if protocol == "honest" else 0]
    return hashlib.sha256(json.dumps([*what, max_iter], sort_keys=True).encode()).hexdigest()[:16]


def _stored(path: Path) -> Result | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            fields = json.loads(str(file["fields"]))
            return Result(**fields, clips=file["clips"], predictions=file["predictions"])
    except (OSError, ValueError, KeyError, TypeError):
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
    part = path.with_name(f"{path.stem}.{os.getpid()}.part")
    with open(part, "wb") as file:
        np.savez(file, fields=json.dumps(fields), clips=result.clips, predictions=result.predictions)
    os.replace(part, path)
    return result


def sweep(
    cells: Sequence[tuple[str, str, str, int]], *, n_jobs: int = 1, max_iter: int = -1
) -> Iterable[Result]:
    """Yield the results of many cells (task, set, protocol, seed) as they finish, stored ones included.

    Under ``joblib.parallel_config(backend="dask")`` the cells run on a cluster.
    """
    jobs = (joblib.delayed(run)(*cell, max_iter) for cell in cells)
    return joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs)
