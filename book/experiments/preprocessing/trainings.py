"""Chapter 5's trainings: which runs answer which question, and the tables that they leave.

`VIEWS` names what the chapter feeds its network: the twelve configurations of the thesis, the STFTs, and
what lies beyond them. `live` is what a page trains itself, `plan` everything, by importance. `record` writes
finished runs to ``data/results/preprocessing*.csv``, a row a run with its key, and what the choice of test
clips adds to each comparison to ``…_pairs.csv`` beside it [Choi2018, §5.2].

Conventions
    A configuration is a name of `VIEWS`; the baseline is ``log bypass ×1``. A smaller training set is seen
    more often: epochs grow with the root of the shrinkage. AUC is macro, over the tags that have one.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.base.profiles import Settings
from mtlib.corpora.corpus import Corpus
from mtlib.evidence import evaluation, statistics
from mtlib.evidence import recorded as recorded_tables
from mtlib.evidence.factorial import Factorial
from mtlib.evidence.statistics import Estimate
from mtlib.training import tasks
from mtlib.training.runs import Run
from mtlib.training.specs import RunSpec, from_dict

from . import learning_curves

FACTORS = {
    "magnitude": ("log", "linear"),
    "weighting": ("bypass", "a-weighting", "per-frequency"),
    "scaler": ("×1", "×10"),
}
"""The thesis' 2 × 3 × 2 design; the first of each is the baseline."""

GRID: dict[str, dict[str, Any]] = {
    " ".join(cell): {"view__magnitude": cell[0], "view__weighting": cell[1],
                     "view__scale": float(cell[2][1:])}
    for cell in itertools.product(*FACTORS.values())
}  # fmt: skip
_PLAIN = {"model__normalise": False, "training__peak_rate": 1e-3}

VIEWS: dict[str, dict[str, Any]] = {
    **GRID,
    "log STFT": {"view__kind": "stft"},
    "log STFT, 256 points": {"view__kind": "stft", "view__n_fft": 256},
    "linear STFT": {"view__kind": "stft", "view__magnitude": "linear"},
    "×0.1": {"view__scale": 0.1},
    "×100": {"view__scale": 100.0},
    "no normalisation ×0.1": {**_PLAIN, "view__scale": 0.1},
    "no normalisation ×1": _PLAIN,
    "no normalisation ×10": {**_PLAIN, "view__scale": 10.0},
    "rate 0.001": {"training__peak_rate": 1e-3},
    "PCEN": {"view__magnitude": "pcen"},
    "floor 40 dB": {"view__top_db": 40.0},
    "floor 120 dB": {"view__top_db": 120.0},
    "not standardised": {"view__standardise": False},
    "not standardised, 0 dB fixed": {"view__standardise": False, "view__reference": 1.0},
    "32 bands": {"view__n_mels": 32},
    "64 bands": {"view__n_mels": 64},
    "128 bands": {"view__n_mels": 128},
    "hop 512": {"view__hop_length": 512},
    "hop 128": {"view__hop_length": 128},
}
"""Changes of a run, by name."""

BASELINE = "log bypass ×1"
BEYOND = tuple(list(VIEWS)[list(VIEWS).index("PCEN") :])
STFTS = ("log STFT", "log STFT, 256 points")

SIZES = (1 / 4, 1 / 2, 1, 2, 4)
"""Training sizes, as factors of that at which configurations are compared: a quarter of all."""

N_BASELINE = 15
"""Trainings of the baseline, as in the thesis."""


def base(settings: Settings, corpus: Corpus) -> RunSpec:
    """Return the run that all others are changes of: the baseline on a quarter of the training clips."""
    profile = settings.profile
    length = round(profile.clip_seconds * corpus.sample_rate)
    whole = corpus.n_samples is not None and corpus.n_samples <= length
    n_train = max(2, min(profile.n_train, len(corpus.split("train"))) // 4)
    training = {"epochs": profile.epochs, "batch": profile.batch, "peak_rate": profile.peak_rate}
    return from_dict(
        {
            "corpus": corpus.name,
            "labels": "observed" if "observed" in corpus.label_sets else corpus.label_sets[0],
            "clip_seconds": 0.0 if whole else profile.clip_seconds,
            "n_train": n_train,
            "training": training,
            "seed": settings.seed,
        }
    )


def resized(spec: RunSpec, factor: float) -> RunSpec:
    """Return a run on another number of training clips; fewer are seen more often."""
    n_train = max(2, int(spec.n_train * factor))
    epochs = max(1, round(spec.training.epochs * (spec.n_train / n_train) ** 0.5))
    return spec.change(n_train=n_train, training__epochs=epochs)


PAIR_COLUMNS = ["first", "second", "n_train", "clip_error"]

Plan = list[tuple[str, RunSpec]]


def runs_of(
    spec: RunSpec, names: Iterable[str], *, seeds: Sequence[int] = (0,), sizes: Iterable[float] = (1,)
) -> Plan:
    """Return configurations × sizes of each seed (counted from the base's own) with their names."""
    return [
        (name, resized(spec, factor).change(**VIEWS[name], seed=spec.seed + seed))
        for seed, name, factor in itertools.product(seeds, list(names), list(sizes))
    ]


OTHER_SIZES = tuple(factor for factor in SIZES if factor != 1)


def live(spec: RunSpec) -> Plan:
    """Return what a page trains: the twelve configurations and the baseline's sizes, one seed each."""
    return runs_of(spec, GRID) + runs_of(spec, [BASELINE], sizes=OTHER_SIZES)


def plan(spec: RunSpec, n_seeds: int = 3) -> Plan:
    """Return every training of the chapter, the most important first."""
    seeds = range(n_seeds)
    return (
        live(spec)
        + runs_of(spec, GRID, seeds=seeds[1:])
        + runs_of(spec, [BASELINE], seeds=seeds[1:], sizes=OTHER_SIZES)
        + runs_of(spec, STFTS, seeds=seeds)
        + runs_of(spec, ["log STFT"], seeds=seeds, sizes=OTHER_SIZES)
        + runs_of(spec, [BASELINE], seeds=range(n_seeds, N_BASELINE))
        + runs_of(spec, [name for name in VIEWS if name not in (*GRID, *STFTS)], seeds=seeds)
        + runs_of(spec, [STFTS[1], "linear bypass ×1"], seeds=seeds, sizes=OTHER_SIZES)
    )


def table(named: Iterable[tuple[str, Run]]) -> pd.DataFrame:
    """Return one row a finished run: configuration, size, seed, scores, first-layer bias, time, key."""
    rows, truths = [], {}
    for name, run in named:
        spec, record = run.spec, run.record
        if spec.corpus not in truths:
            corpus = Corpus.open(spec.corpus)
            truths[spec.corpus] = tasks.targets(corpus, "true") if "true" in corpus.label_sets else None
        truth, predictions = truths[spec.corpus], run.predictions
        true_auc = np.nan
        if truth is not None:
            areas = evaluation.tag_areas(truth[predictions["test_clips"]], predictions["test_outputs"])
            true_auc = float(np.nanmean(areas))
        rows.append(
            {
                "configuration": name,
                "n_train": spec.n_train,
                "epochs": spec.training.epochs,
                "seed": spec.seed,
                "roc_auc": record["metrics"]["roc_auc"],
                "pr_auc": record["metrics"]["pr_auc"],
                "true_auc": true_auc,
                "n_undefined": len(record["metrics"]["undefined"]),
                "n_clips": record["metrics"]["n_clips"],
                "bias": run.network().stages[0].conv.bias.abs().mean().item(),
                "seconds": record["seconds"],
                "commit": record["commit"],
                "key": run.key,
            }
        )
    return pd.DataFrame(rows)


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the comparisons that the chapter makes, first minus second, among configurations."""
    grid = [tuple(name.split(" ")) for name in GRID]
    found = [
        (" ".join(a), " ".join(b))
        for a, b in itertools.permutations(grid, 2)
        if sum(x != y for x, y in zip(a, b, strict=True)) == 1
        and all(
            levels.index(x) >= levels.index(y) for x, y, levels in zip(a, b, FACTORS.values(), strict=True)
        )
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
            labels = tasks.targets(Corpus.open(run.spec.corpus), run.spec.labels)[test]
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
                gaps = sum(drawn[sides[0][seed].key] - drawn[sides[1][seed].key] for seed in seeds) / len(
                    seeds
                )
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
        self.size = int(
            rows.groupby("n_train")["configuration"].nunique().idxmax()
        )  # most are compared at it

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
        if self.errors is None:
            return found
        rows = self.errors.set_index(["first", "second", "n_train"])["clip_error"]
        return replace(found, floor=float(rows.get((first, second, n_train), 0.0)))

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
        return learning_curves.data_multiplier(curve, linear, self.size, rng)
