"""Chapter 6 with networks trained in the book: features of a source tagger on target tasks.

A Compact-convnet learns the tags of the source corpus, is frozen, and describes the clips of the target
tasks; beside it stand the same network with the weights it started from, and MFCC statistics. Every
feature set is scored on the same folds by the same nested support vector machine (`probes`), so
that differences are paired. ``python -m mtlib transfer-runs --record`` computes
``data/results/transfer_runs.csv`` again.

Conventions
    *Features* are ``trained`` (on the observed labels of all training clips), ``random``, ``mfcc``, and
    variants of the training: ``true labels``, ``half the clips``, ``a quarter of the clips``. A *set* is
    ``1`` … ``5``, ``12345``, or ``12345+mfcc``; ``12345max`` takes the maximum of each map where
    [Choi2018, §6.2.2] takes the mean. The synthetic tasks are those of `mtlib.corpora.synthetic.targets`;
    real ones are used where they are prepared.
"""

from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
import pandas as pd

from mtlib.base import profiles
from mtlib.base.errors import InputError
from mtlib.corpora import corpus as corpora
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import opening, targets
from mtlib.evidence import recorded, statistics
from mtlib.evidence.statistics import Estimate
from mtlib.training import features

from . import probes

NAME = "transfer_runs"
"""Of the recorded table."""

SYNTHETIC = tuple(name for name, target in targets.TARGETS.items() if target.thesis.startswith("T"))
"""The synthetic target tasks, in the order of the thesis."""

REAL = ("extended_ballroom", "gtzan_genre", "gtzan_speech_music", "emomusic", "jamendo_vocal", "urbansound8k")
"""Names under which the real target tasks are prepared."""

MOST_TAGS = 10
"""Tags of a corpus that are asked for, each by itself."""

FEWEST = 3
"""Clips of a class, or with and without a tag, from which a question is asked: one scores, two are learned from."""

LAYERS = ("1", "2", "3", "4", "5", "12345", "12345max")
"""Feature sets of a network."""


def target_names(chosen: str, *, few: bool = False) -> list[str]:
    """Return the target corpora that a chapter's ``targets`` names: synthetic, prepared, or one by name.

    Parameters
    ----------
    chosen : str
        Separated by commas.
    few : bool
        Take two tasks for the word ``synthetic``, for the smallest profile; what has a name of its own stays.

    Raises
    ------
    InputError
        If a name is unknown or not prepared.
    """
    found = []
    for name in filter(None, (part.strip() for part in chosen.split(","))):
        if name == "published":
            continue  # the author's features: `protocols`
        if name == "synthetic":
            stock = [*SYNTHETIC, *(real for real in REAL if real in corpora.names())]
            found += stock[1:3] if few else stock
        elif name in SYNTHETIC or name in corpora.names():
            found.append(name)
        else:
            known = ", ".join(("published", "synthetic", *SYNTHETIC, *corpora.names()))
            raise InputError(f"unknown target {name!r}; choose of {known}")
    return list(dict.fromkeys(found))


def open_task(name: str, profile: profiles.Profile) -> Corpus:
    """Open a target corpus by its name in `target_names`; one without audio is refused."""
    if name in SYNTHETIC:
        return opening.open_target(name, profile)
    task = Corpus.open(name)
    task.check_audio()
    return task


def outputs(name: str, task: Corpus) -> dict[str, np.ndarray]:
    """Return what a task asks, by question.

    Class indices (clip,); a column of numbers for each regression; for each of the `MOST_TAGS` most frequent
    tags whether a clip has it (0 or 1). A clip of a class with fewer than `FEWEST` clips has class −1: it
    is left out.

    Raises
    ------
    InputError
        If nothing can be asked.
    """
    labels = task.labels(task.label_sets[0])
    if task.task == "regression":
        return {f"{name}: {column}": labels[:, k].astype(float) for k, column in enumerate(task.tags["name"])}
    if task.task == "multiclass":
        counts = np.bincount(labels)
        if (counts >= FEWEST).sum() < 2:
            raise InputError(f"corpus {task.name}: no two classes have {FEWEST} clips or more; add clips")
        return {name: np.where(counts[labels] < FEWEST, -1, labels).astype(np.int64)}
    positive = labels.sum(0)
    known = np.minimum(positive, len(labels) - positive) >= FEWEST
    if not known.any():
        raise InputError(f"corpus {task.name}: no tag that {FEWEST} clips have and {FEWEST} lack; nothing can be asked")
    chosen = [k for k in np.argsort(-positive, kind="stable") if known[k]][:MOST_TAGS]
    return {f"{name}: {task.tags['name'][k]}": labels[:, k].astype(np.int64) for k in chosen}


def blocks(
    task: Corpus, extractor: features.Extractor | None, feature_set: str, summary: str = "mean"
) -> list[np.ndarray]:
    """Return the blocks (clip, feature) of a feature set; ``+mfcc`` adds the statistics.

    Parameters
    ----------
    task : Corpus
    extractor : Extractor or None
        None: MFCC statistics, whatever the set.
    feature_set : str
    summary : str
        Of a map; as for `features.stage_summaries`.
    """
    if extractor is None:
        return [features.of_corpus(task, None)]
    layers, _, more = feature_set.removesuffix("max").partition("+")
    values = features.of_corpus(task, extractor, summary=summary)
    found = [values[:, extractor.layers == int(layer)] for layer in layers]
    return found + ([features.of_corpus(task, None)] if more else [])


def scores(
    name: str, task: Corpus, extractors: dict[str, features.Extractor | None], sets: Sequence[str] = LAYERS
) -> pd.DataFrame:
    """Score feature sets on a target task.

    Parameters
    ----------
    name : str
        Of the task, as in `target_names`.
    task : Corpus
    extractors : dict
        By kind of features.
    sets : sequence of str
        For the networks; MFCC statistics are one set.

    Returns
    -------
    DataFrame
        One row a fold: corpus (`name`), task (the question), features, set, fold, n_clips, score (accuracy
        or R²). A class with fewer clips than folds gets fewer folds.
    """
    own = list(task.folds()) if (task.clips["fold"] >= 0).any() else None
    rows = []
    for title, y in outputs(name, task).items():
        kept = _kept(y)
        place = np.full(len(y), -1)
        place[kept] = np.arange(len(kept))
        outer = own and [tuple(part[part >= 0] for part in (place[train], place[test])) for train, test in own]
        outer = outer and [(train, test) for train, test in outer if len(test)]
        groups = _groups(task)
        folds = probes.nested_folds(y[kept], outer, n_inner=2, groups=None if groups is None else groups[kept])
        for kind, extractor in extractors.items():
            for feature_set in sets if extractor is not None else ("mfcc",):
                summary = "max" if feature_set.endswith("max") else "mean"
                parts = [block[kept] for block in blocks(task, extractor, feature_set, summary)]
                found = probes.svm_scores(parts, y[kept], folds)
                rows += [(name, title, kind, feature_set, k, len(kept), score) for k, score in enumerate(found)]
    return pd.DataFrame(rows, columns=["corpus", "task", "features", "set", "fold", "n_clips", "score"])


def _kept(y: np.ndarray) -> np.ndarray:
    """Return the clips of a question."""
    return np.flatnonzero(y >= 0) if np.issubdtype(y.dtype, np.integer) else np.arange(len(y))


def questions(name: str, task: Corpus) -> pd.DataFrame:
    """Return what is asked of a target corpus.

    Returns
    -------
    DataFrame
        task (the question), clips, left_out (clips of too rare classes), classes, fewest (clips of the
        rarest), commonest (share of the most frequent class: the accuracy of always naming it); empty for numbers.
    """
    rows = []
    for title, y in outputs(name, task).items():
        kept = _kept(y)
        counts = np.unique(y[kept], return_counts=True)[1] if y.dtype == np.int64 else np.array([])
        share = counts.max() / len(kept) if len(counts) else np.nan
        fewest = counts.min() if len(counts) else np.nan
        rows.append((title, len(kept), len(y) - len(kept), len(counts) or np.nan, fewest, share))
    columns = ["task", "clips", "left_out", "classes", "fewest", "commonest"]
    return pd.DataFrame(rows, columns=columns).astype({"classes": "Int64", "fewest": "Int64"})


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over folds of each score, with its 95 % interval.

    Parameters
    ----------
    table : DataFrame
        From `scores`, with ``source``, the corpus that taught the networks.

    Returns
    -------
    DataFrame
        source, corpus, task, features, set, folds, score, low, high.
    """
    by = ["source", "corpus", "task", "features", "set"]
    rows = []
    for names, part in table.groupby(by, sort=False):
        folds = part.groupby("fold").score.mean().to_numpy()
        found = statistics.fold_mean(folds, test_share=1 / len(folds))
        rows.append((*names, len(folds), found.value, found.low, min(found.high, 1.0)))  # neither score exceeds 1
    return pd.DataFrame(rows, columns=[*by, "folds", "score", "low", "high"])


def gains(table: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]) -> dict[str, Estimate]:
    """Return what one feature set gains over another, each given as (features, set), by task.

    Parameters
    ----------
    table : DataFrame
        From `scores`; where it has several seeds, their mean is taken fold by fold.
    """
    folds = table.groupby(["task", "features", "set", "fold"]).score.mean()
    return {
        task: statistics.fold_mean((folds.loc[task, *first] - folds.loc[task, *second]).to_numpy())
        for task in dict.fromkeys(table.task)
    }


def tempo_sensitivity(
    clips: Sequence[np.ndarray], extractor: features.Extractor, rates: Sequence[float]
) -> pd.DataFrame:
    """Stretch clips in time at the same pitch, and see how far the feature of each layer moves.

    Parameters
    ----------
    clips : sequence of ndarray (time,) float32
        Two or more, at the extractor's sample rate; repeated where they are too short.
    extractor : Extractor
    rates : sequence of float
        Above 1: faster.

    Returns
    -------
    DataFrame
        One row a rate, layer and clip: rate, layer, clip, ratio (`probes.sensitivity`).

    References
    ----------
    [Choi2018, §6.4.2.1]
    """

    def describe(rate: float) -> np.ndarray:
        stretched = [clip if rate == 1 else librosa.effects.time_stretch(clip, rate=rate) for clip in clips]
        samples = np.stack([np.resize(clip, extractor.n_samples) for clip in stretched])
        return features.convnet_features(samples.astype(np.float32), extractor)

    unchanged, rows = describe(1), []
    for rate in rates:
        changed = describe(rate)
        for layer in np.unique(extractor.layers):
            here = extractor.layers == layer
            ratios = probes.sensitivity(unchanged[:, here], changed[:, here])
            rows += [(rate, int(layer), k, ratio) for k, ratio in enumerate(ratios)]
    return pd.DataFrame(rows, columns=["rate", "layer", "clip", "ratio"])


def _groups(task: Corpus) -> np.ndarray | None:
    """Return the groups that folds keep together; None where every clip is its own."""
    groups = task.clips["group"].to_numpy()
    return None if len(set(groups)) in (1, len(groups)) else groups


INDEX = ("profile", "source", "corpus", "task", "features", "set", "seed", "fold")
"""Columns that tell recorded scores apart: ``source`` taught the networks, ``corpus`` asks."""


def record(table: pd.DataFrame, profile: str, source: str) -> Path:
    """Merge scores of networks that a source corpus taught into the recorded ones; return their path."""
    return recorded.write(
        NAME, table.assign(profile=profile, source=source), INDEX,
        command=f"python -m mtlib transfer-runs --profile {profile} --record",
    )  # fmt: skip
