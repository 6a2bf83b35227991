"""Do features of a tagger describe real sound? ESC-10 and excerpts of GTZAN as target tasks of chapter 6.

The thesis' question on sound that its author did not use: features of the released Keras 2 network, of the
same network with the weights it starts from, and statistics of MFCCs, each under a support vector machine
whose settings are chosen without the clips that score it.

Conventions
    ESC-10 has its own five folds, named in its files; clips of one recording stay in one fold. GTZAN is
    split into nine folds at random (blues has nine excerpts); its artists are not known, so that one may
    stand on both sides. MFCCs are taken at 12 kHz, as the network hears, and at 22.05 kHz. Clips shorter
    than the network's 29 s are repeated; MFCCs are taken of the clip as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from book.experiments.transfer import probes
from book.experiments.transfer.published_features import LAYER_SETS
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.evidence import recorded, statistics
from mtlib.signal import audio
from mtlib.training import features

from . import genres

RECORDED = "later_transfer"
"""Name of the recorded table: one row for each task, feature, set of layers, seed and fold."""

MFCC = {"mfcc 12 kHz": 12_000, "mfcc 22.05 kHz": 22_050}
N_SEEDS = 5
"""Networks of random weights."""

N_SECONDS = 29.12
"""What the network hears of a clip; MFCCs hear no more."""


@dataclass(frozen=True)
class Task:
    """Clips, their class indices, and folds that each come with inner folds."""

    name: str
    clips: list[Path]
    y: np.ndarray
    folds: list[probes.Nested]


def esc10(folder: Path | None = None) -> Task:
    """Return ESC-10 with its five folds; the folder is ``esc10`` of `mtlib.base.paths.real` by default.

    Raises
    ------
    InputError
        If it holds no sounds, or a file's name does not begin with its fold.
    """
    folder = folder or paths.real() / "esc10"
    clips = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in paths.EXTENSIONS)
    if not clips:
        raise InputError(f"no sounds in {folder}: name the folder that holds one folder for each class")
    number = [path.name.split("-")[0] for path in clips]
    if not set(number) <= set("12345"):
        odd = next(path for path, n in zip(clips, number, strict=True) if n not in set("12345"))
        raise InputError(f"{odd}: names in ESC-10 begin with their fold, 1 to 5")
    y = np.unique([path.parent.name for path in clips], return_inverse=True)[1]
    fold = np.array(number)
    outer = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in sorted(set(number))]
    return Task("ESC-10", clips, y, probes.nested_folds(y, outer))


def gtzan(folder: Path | None = None, *, n_folds: int = 9) -> Task:
    """Return excerpts of GTZAN in shuffled folds; folder and errors as for `genres.find_clips`."""
    clips = genres.find_clips(folder)
    y = np.unique([path.parent.name for path in clips], return_inverse=True)[1]
    return Task("GTZAN", clips, y, probes.nested_folds(y, n_outer=n_folds))


def scores(task: Task, sets: tuple[str, ...] = LAYER_SETS, n_seeds: int = N_SEEDS) -> Iterator[pd.DataFrame]:
    """Score the features of a task, one table for each extractor.

    Yields
    ------
    DataFrame
        task, features (``trained``, ``random`` or a name of `MFCC`), set (layers, ``12345max`` for the
        maxima of maps, or ``mfcc``), seed, fold, score (accuracy), n_clips (of the fold).
    """
    for name, rate in MFCC.items():
        n = round(N_SECONDS * rate)
        values = [features.mfcc_statistics(audio.load(p, sample_rate=rate)[:n], rate) for p in task.clips]
        yield _table(task, name, "mfcc", 0, [np.stack(values)])
    for name, seeds in (("trained", 1), ("random", n_seeds)):
        for seed in range(seeds):
            found = features.extractor("compact" if name == "trained" else "random", seed)
            values, layers = of_clips(task.clips, found), found.layers
            parts = [
                _table(task, name, chosen, seed, [values[:, layers == int(layer)] for layer in chosen])
                for chosen in sets
            ]
            if name == "trained":
                parts.append(_table(task, name, "12345max", seed, [of_clips(task.clips, found, "max")]))
            yield pd.concat(parts)


def of_clips(clips: list[Path], extractor: features.Extractor, summary: str = "mean") -> np.ndarray:
    """Return the features of audio files (clip, feature), shorter ones repeated."""
    n, rows = extractor.n_samples, []
    for path in clips:
        samples = audio.load(path, sample_rate=extractor.sample_rate)
        rows.append(features.convnet_features(np.resize(samples[:n], (1, n)), extractor, summary=summary)[0])
    return np.stack(rows)


def _table(task: Task, name: str, chosen: str, seed: int, blocks: list[np.ndarray]) -> pd.DataFrame:
    found = probes.svm_scores(blocks, task.y, task.folds)
    sizes = [len(test) for (_, test), _ in task.folds]
    table = pd.DataFrame({"fold": np.arange(len(found)) + 1, "score": found, "n_clips": sizes})
    return table.assign(task=task.name, features=name, set=chosen, seed=seed)


def record(table: pd.DataFrame) -> Path:
    """Keep the scores in ``data/results``."""
    return recorded.write(
        RECORDED, table, ["task", "features", "set", "seed", "fold"],
        command="python -m mtlib later transfer --record",
        caveats="Artists of GTZAN may stand on both sides of a split, and in what the network learned from.",
    )  # fmt: skip


def read() -> pd.DataFrame:
    """Return the recorded scores."""
    return recorded.read(RECORDED, ["set"])


def by_fold(table: pd.DataFrame, task: str, name: str, chosen: str) -> np.ndarray:
    """Return the scores of one feature fold by fold, (fold,), means over seeds."""
    rows = table[(table.task == task) & (table.features == name) & (table.set == chosen)]
    if rows.empty:
        raise InputError(f"nothing is recorded for {name} {chosen} on {task}")
    return rows.groupby("fold").score.mean().to_numpy()


def compare(table: pd.DataFrame, task: str, first: tuple[str, str], second: tuple[str, str]) -> statistics.Estimate:
    """Estimate by how much one feature (name, set) scores above another over the same folds."""
    difference = by_fold(table, task, *first) - by_fold(table, task, *second)
    return statistics.fold_mean(difference, test_share=1 / len(difference))


def share_above(table: pd.DataFrame, task: str, first: str, second: str) -> statistics.Estimate:
    """Estimate in which share of the combinations of layers one network scores above another, fold by fold."""
    above = [by_fold(table, task, first, name) > by_fold(table, task, second, name) for name in LAYER_SETS]
    return statistics.fold_mean(np.mean(above, axis=0), test_share=1 / len(above[0]))
