"""The target tasks of chapter 6: the author's published features, their labels, and how clips are split.

A network trained for tagging is frozen; the averages of its five layers, alone or concatenated, describe
the clips of six other tasks [Choi2018, §6.3.2]. The author published these features, the MFCC statistics
they are compared with, and the labels.

Conventions
    Tasks are named T1 to T6 (T4a arousal, T4v valence), feature sets by their layers from 1 (``"135"``),
    ``"mfcc"`` and ``"12345+mfcc"``. A split is a pair of index arrays (train, test); nested splits come
    with inner splits, which choose and hold no test clip.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from mtlib.base import published
from mtlib.base.errors import InputError
from mtlib.signal.frontend import load_torchaudio

from .svm import Split

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

    @property
    def has_mfcc(self) -> bool:
        """Whether the MFCC file is at hand; that of T6 could not be reached when this book was made."""
        file = published.ARTIFACTS[f"{REPOSITORY}/data_feats/{self.file}_mfcc.npy"]
        return file.reachable or published.state(file) == "present"

    @property
    def why_no_mfcc(self) -> str:
        """What to say where no score with MFCCs is recorded."""
        if not self.has_mfcc:
            return "the file of the MFCC features of this task is not reachable in this build"
        return f"they are not recorded: `python -m mtlib transfer --task {self.name} --protocol nested --record`"

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
        Task("T6", "audio event", "urbansound"),
    )
}
"""The target tasks by name [Choi2018, Table 6-A]."""

LAYER_SETS = tuple("".join(layers) for n in range(1, 6) for layers in combinations("12345", n))
"""All 31 combinations of the five layers; the thesis ran 28 of them."""


def feature_sets(task: Task) -> tuple[str, ...]:
    """Return the names of the feature sets that the published files of a task can form."""
    return LAYER_SETS + (("mfcc", "12345+mfcc") if task.has_mfcc else ())


@dataclass(frozen=True)
class TaskData:
    """Features and labels of one task."""

    task: Task
    blocks: dict[str, np.ndarray]
    """``"1"`` … ``"5"`` and ``"mfcc"``, each (clip, feature)."""
    y: np.ndarray
    table: pd.DataFrame
    """The published label table."""

    def parts(self, feature_set: str) -> list[np.ndarray]:
        """Return the blocks of a feature set."""
        if feature_set not in (known := feature_sets(self.task)):
            raise InputError(f"{self.task.name} has no feature set {feature_set!r}; it has {', '.join(known)}")
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
        if block.ndim != 2 or len(block) != len(table):
            raise InputError(f"{name}: {part} has shape {block.shape}, expected a row for each of {len(table)} labels")
    return TaskData(task, blocks, table[task.label].to_numpy(), table)


def unshuffled_folds(y: np.ndarray, n_splits: int = 10) -> list[Split]:
    """Return stratified folds as scikit-learn 0.18 made them: class by class, in the order of the clips.

    Each class is cut into `n_splits` runs, the first ones a clip longer where the class does not divide.
    """
    fold = np.empty(len(y), int)
    for value in np.unique(y):
        members = np.flatnonzero(y == value)
        for index, part in enumerate(np.array_split(members, n_splits)):
            fold[part] = index
    return _from_folds(fold, range(n_splits))


def _from_folds(fold: np.ndarray, names: Iterable[int]) -> list[Split]:
    return [(np.flatnonzero(fold != name), np.flatnonzero(fold == name)) for name in names]


def author_splits(data: TaskData) -> list[Split]:
    """Return the splits of the author's code."""
    if data.task.name == "T6":
        return _from_folds(data.table["fold"].to_numpy(), range(1, 11))
    if data.task.name == "T5":
        test = (data.table["category"] == "test").to_numpy()
        return [(np.flatnonzero(~test), np.flatnonzero(test))]
    if data.task.is_regression:
        return list(KFold(10).split(data.y))
    return unshuffled_folds(data.y)


def nested_splits(data: TaskData, seed: int) -> list[tuple[Split, list[Split]]]:
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


BATCH = 256
"""Clips that the author's network normalised together, in the order of the label table (note E48)."""


WITH_BLOCKS = ("T1", "T4a", "T4v", "T5", "T6")
"""Tasks whose batches can be left out: those of tasks 2 and 3 hold whole classes."""


def _known_elsewhere(data: TaskData) -> np.ndarray:
    """Tell of every clip whether another batch has its class, too (clip,)."""
    if data.task.is_regression:
        return np.ones(len(data.y), bool)
    pairs = pd.DataFrame({"y": data.y, "batch": np.arange(len(data.y)) // BATCH})
    return (pairs.groupby("y").batch.transform("nunique") > 1).to_numpy()


def block_splits(data: TaskData) -> list[tuple[Split, list[Split]]]:
    """Return (outer split, inner splits) pairs in which test and training clips share no batch.

    One batch is left out at a time; inner splits leave out thirds of the other batches. Clips of a class
    that one batch alone holds are not scored: nothing could have taught it. Task 5 keeps its test clips and
    loses the training clips of their batches.

    Raises
    ------
    InputError
        If the task is not one of `WITH_BLOCKS`.
    """
    if data.task.name not in WITH_BLOCKS:
        raise InputError(f"{data.task.name}: its batches hold whole classes, so none can be left out")
    batch = np.arange(len(data.y)) // BATCH
    if data.task.name == "T5":
        [((_, test), [(train, valid)])] = nested_splits(data, 0)
        train, valid = (part[~np.isin(batch[part], batch[test])] for part in (train, valid))
        return [((np.concatenate([train, valid]), test), [(train, valid)])]
    scored, pairs = _known_elsewhere(data), []
    for name in np.unique(batch):
        train, test = np.flatnonzero(batch != name), np.flatnonzero((batch == name) & scored)
        inner = GroupKFold(min(3, batch[-1])).split(train, groups=batch[train])
        pairs.append(((train, test), [(train[a], train[b]) for a, b in inner]))
    return pairs


def filtered_split(data: TaskData) -> list[tuple[Split, list[Split]]]:
    """Return the fault-filtered split of task 2, by file name; its validation part chooses."""
    if data.task.name != "T2":
        raise InputError(f"the fault-filtered split belongs to task T2, got {data.task.name}")
    gtzan = load_torchaudio("torchaudio.datasets.gtzan")
    stems = pd.Series(range(len(data.y)), index=[Path(name).stem for name in data.table["filepath"]])
    train, valid, test = (
        stems[list(names)].to_numpy() for names in (gtzan.filtered_train, gtzan.filtered_valid, gtzan.filtered_test)
    )
    return [((np.concatenate([train, valid]), test), [(train, valid)])]
