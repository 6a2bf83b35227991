"""What chapter 5's trainings show: tables of runs, what is recorded of them, and the chapter's questions.

`record` writes finished runs to ``data/results/preprocessing*.csv``, one row per run with its key, and what
the choice of test clips adds to each comparison to ``…_pairs.csv`` beside it [Choi2018, §5.2].
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.evidence import evaluation, statistics
from mtlib.evidence import recorded as recorded_tables
from mtlib.evidence.statistics import Estimate
from mtlib.training import objectives, taggers
from mtlib.training.runs import Run

from . import learning_curves
from .factorial import Factorial
from .trainings import BASELINE, FACTORS, GRID, VIEWS

PAIR_COLUMNS = ["first", "second", "n_train", "clip_error"]


def table(named: Iterable[tuple[str, Run]]) -> pd.DataFrame:
    """Return `taggers.table` with the mean absolute bias of the first layer."""
    named = list(named)
    biases = [run.network().stages[0].conv.bias.abs().mean().item() for _, run in named]
    return taggers.table(named).assign(bias=biases)


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the comparisons that the chapter makes, first minus second, among configurations."""
    grid = [tuple(name.split(" ")) for name in GRID]
    found = [
        (" ".join(a), " ".join(b))
        for a, b in itertools.permutations(grid, 2)
        if sum(x != y for x, y in zip(a, b, strict=True)) == 1
        and all(levels.index(x) >= levels.index(y) for x, y, levels in zip(a, b, FACTORS.values(), strict=True))
    ]
    found += [("log STFT, 256 points", "log STFT"), ("linear STFT", "log STFT")]
    found += [(name, BASELINE) for name in VIEWS if name not in GRID]
    known = set(names)
    return [pair for pair in found if known.issuperset(pair)]


def often(labels: np.ndarray, least: int = 5) -> np.ndarray:
    """Tell which tags at least so many clips have and so many have not (tag,): these can be resampled."""
    counts = labels.sum(0)
    return (counts >= least) & (len(labels) - counts >= least)


def resampled(runs: Iterable[Run], rng: np.random.Generator, n_resamples: int = 200) -> dict[str, np.ndarray]:
    """Return the macro AUC of runs of one test set in resampled test sets: key → (replicate,).

    Over the tags that are there `often`; the same replicates for all runs, so differences are paired.
    """
    found, counts = {}, None
    for run in runs:
        outputs, test = run.predictions["test_outputs"], run.predictions["test_clips"]
        if counts is None:
            labels = objectives.targets(Corpus.open(run.spec.corpus), run.spec.labels)[test]
            counts, tags = evaluation.resample(len(test), n_resamples, rng), often(labels)
        if tags.any():
            areas = evaluation.tag_areas(labels[:, tags], outputs[:, tags], counts=counts)
            found[run.key] = np.nanmean(areas, axis=1)
    return found


def _tables(profile: str) -> tuple[str, str]:
    """Return the names of the recorded tables of a profile: its runs, and the clips' part."""
    name = recorded_tables.of_profile("preprocessing", profile)
    return name, f"{name}_pairs"


def recorded(profile: str = "quick") -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the recorded runs, what the test clips add to their comparisons, and where they come from.

    Empty where nothing of that profile is recorded.
    """
    names = _tables(profile)
    if not (paths.DATA / "results" / f"{names[0]}.json").exists():
        return pd.DataFrame(columns=["configuration", "key", "roc_auc"]), pd.DataFrame(), {}
    runs, errors = map(recorded_tables.read, names)
    return runs, errors, recorded_tables.origin(names[0])


def record(named: Sequence[tuple[str, Run]], profile: str = "quick") -> None:
    """Write finished runs, and the clips' part in their comparisons, to ``data/results``.

    Parameters
    ----------
    named : sequence of (str, Run)
        Of one base, such as all of a `plan` that are finished; what was recorded before is replaced.
    profile : str
        Whose sizes they have; each profile has tables of its own.
    """
    if not named:
        raise InputError("none of these runs is finished yet; train some first")
    drawn = resampled((run for _, run in named), np.random.default_rng(0))
    found: dict[tuple[str, int], dict[int, Run]] = {}
    for name, run in named:
        found.setdefault((name, run.spec.n_train), {})[run.spec.seed] = run
    errors = []
    for n_train in sorted({size for _, size in found}):
        for first, second in pairs({name for name, size in found if size == n_train}):
            sides = found[first, n_train], found[second, n_train]
            seeds = [seed for seed in sides[0] if seed in sides[1]]
            if seeds and drawn:
                gaps = sum(drawn[sides[0][seed].key] - drawn[sides[1][seed].key] for seed in seeds) / len(seeds)
                errors.append((first, second, n_train, gaps.std(ddof=1)))
    spec, code = named[0][1].spec, named[0][1].record["code"]
    told = {"corpus": spec.corpus, "fingerprint": spec.fingerprint, "precision": spec.precision, "code": code}
    rows = table(named).sort_values(["configuration", "n_train", "seed"])
    names = _tables(profile)
    tables = dict(zip(names, (rows, pd.DataFrame(errors, columns=PAIR_COLUMNS)), strict=True))
    recorded_tables.replace(tables, names[0], **told)


class Results:
    """A table of runs, asked the chapter's questions; what it has no runs for is None.

    Parameters
    ----------
    rows : DataFrame
        From `table` or `recorded`, of one base.
    errors : DataFrame, optional
        From `recorded`: what the choice of test clips adds to comparisons. Without it intervals speak of
        these test clips.
    """

    def __init__(self, rows: pd.DataFrame, errors: pd.DataFrame | None = None):
        self.rows, self.errors = rows, errors
        self.size = int(rows.groupby("n_train")["configuration"].nunique().idxmax())  # most are compared at it

    def scores(self, names: Sequence[str], n_train: int = 0, column: str = "roc_auc") -> np.ndarray:
        """Return AUCs (configuration, seed) of the seeds that all configurations have."""
        chosen = self.rows[self.rows["configuration"].isin(names)]
        chosen = chosen[chosen["n_train"] == (n_train or self.size)]
        wide = chosen.pivot_table(index="configuration", columns="seed", values=column)
        return wide.reindex(names).dropna(axis=1).to_numpy()

    def design(self) -> Factorial | None:
        """Return the analysis of the twelve configurations; None without a seed that all have."""
        scores = self.scores(GRID)
        if not scores.size:
            return None
        return Factorial(scores.reshape(*map(len, FACTORS.values()), -1), FACTORS)

    def clip_error(self, first: str, second: str, n_train: int = 0) -> float:
        """Return what the choice of test clips adds to a comparison; NaN where that is not recorded."""
        if self.errors is None or not len(self.errors):
            return np.nan
        rows = self.errors.set_index(["first", "second", "n_train"])["clip_error"]
        known = [rows.get((*pair, n_train or self.size)) for pair in ((first, second), (second, first))]
        return float(next((error for error in known if error is not None), np.nan))

    def effects(self) -> dict[str, Estimate]:
        """Return the effects of the twelve configurations, test clips included; none without a design."""
        design = self.design()
        between = lambda a, b: self.clip_error(" ".join(a), " ".join(b))  # noqa: E731
        return design.effects(clip_error=between) if design else {}

    def gap(self, first: str, second: str, n_train: int = 0) -> Estimate | None:
        """Estimate by how much the first configuration exceeds the second, over paired seeds.

        Two of the twelve share the error of the whole design, which has more degrees of freedom.
        """
        n_train, design = n_train or self.size, self.design()
        if n_train == self.size and design and {first, second} <= set(GRID):
            cells = [dict(zip(FACTORS, name.split(" "), strict=True)) for name in (first, second)]
            found = design.difference(*cells)
        else:
            scores = self.scores((first, second), n_train)
            if scores.shape[1] < 2:
                return None
            found = statistics.paired_difference(*scores)
        return replace(found, floor=float(np.nan_to_num(self.clip_error(first, second, n_train))))

    def sizes(self, name: str) -> list[int]:
        """Return the training sizes at which a configuration has at least two seeds."""
        counts = self.rows[self.rows["configuration"] == name].groupby("n_train")["seed"].nunique()
        return sorted(int(size) for size in counts.index[counts >= 2])

    def curve(self, name: str, degree: int = 2) -> learning_curves.Curve | None:
        """Fit the learning curve of a configuration; None with too few sizes."""
        rows = self.rows[self.rows["configuration"] == name]
        if rows["n_train"].nunique() < degree + 2:
            return None
        return learning_curves.fit(rows["n_train"].to_numpy(), rows["roc_auc"].to_numpy(), degree=degree)

    def multiplier(self, rng: np.random.Generator) -> learning_curves.Multiplier | None:
        """Estimate how many times the data linear magnitudes need for the AUC of decibels.

        Weightings and scalers are taken for what they are in the thesis, repetitions: the curve is that of
        the baseline's sizes with all six configurations in decibels, against the six linear ones.
        """
        rows = self.rows[self.rows["configuration"].isin(GRID)]
        log = rows["configuration"].str.startswith("log")
        linear = rows[~log & (rows["n_train"] == self.size)]["roc_auc"].to_numpy()
        if rows[log]["n_train"].nunique() < 4 or len(linear) < 2:
            return None
        curve = learning_curves.fit(rows[log]["n_train"].to_numpy(), rows[log]["roc_auc"].to_numpy())
        floor = self.effects()["linear"].floor if self.design() else 0.0
        return learning_curves.data_multiplier(curve, linear, self.size, rng, floor=floor)
