"""What chapter 4's trainings show: tables of runs, what is recorded of them, comparisons and verdicts.

`record` writes finished runs of `trainings` to ``data/results/architectures.csv``, one row per run with
its key, tag by tag to ``architectures_tags.csv``, and what the choice of test clips adds to each comparison
to ``architectures_pairs.csv``; runs of a profile other than `quick` have tables of their own, such as
``architectures_cpu.csv`` [Choi2018, §4.3].
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
from mtlib.training import objectives, sweeps, taggers
from mtlib.training.runs import Run

from . import trainings
from .trainings import BUDGETS, FACTORS, ORDER, RATE_SEED, cell_name

_COLUMNS = (
    ["configuration", "structure", "budget", "seed", "roc_auc", "peak_rate", "valid_auc", "key"],
    ["configuration", "seed", "tag", "roc_auc"],
    ["first", "second", "clip_error"],
)
_UNIQUE = (["budget", "configuration", "seed"], ["configuration", "seed", "tag"], ["first", "second"])
"""What tells the rows of each table apart, and sorts them."""


def table(named: Sequence[tuple[str, Run]]) -> pd.DataFrame:
    """Return one row a finished run: what it is, its scores, parameters, time and key."""
    rows = taggers.table(named)
    runs = [run for _, run in named]
    rows.insert(1, "structure", [run.spec.model.structure for run in runs])
    rows.insert(2, "budget", [run.spec.model.budget for run in runs])
    rows["peak_rate"] = [run.spec.training.peak_rate for run in runs]
    rows["valid_auc"] = [run.history["score"].max() for run in runs]
    rows["n_epochs"] = [len(run.history) for run in runs]
    rows["parameters"] = [run.record["n_parameters"] for run in runs]
    return rows


def by_tag(named: Sequence[tuple[str, Run]]) -> pd.DataFrame:
    """Return the AUC of every tag that has one: configuration, seed, tag, roc_auc."""
    names = list(Corpus.open(named[0][1].spec.corpus).tags["name"]) if named else []
    return pd.DataFrame(
        [
            {"configuration": name, "seed": run.spec.seed, "tag": tag, "roc_auc": area}
            for name, run in named
            for tag, area in zip(names, run.metrics["roc_auc_by_tag"], strict=True)
            if area is not None
        ],
        columns=_COLUMNS[1],
    )


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the comparisons that the chapter makes, first minus second, among configurations."""
    found = [
        (f"{a} {budget:g}M", f"{b} {budget:g}M") for budget in BUDGETS for a, b in itertools.combinations(ORDER, 2)
    ]
    found += [("crnn 0.1M", "k2c2 0.25M"), ("crnn 0.1M", "crnn 0.1M, lstm")]
    found += [("k1c2 0.1M, 8 elements", "k1c2 0.1M")]
    cells = itertools.product(*list(FACTORS.values())[1:])
    found += [tuple(cell_name((name, *cell)) for name in FACTORS["structure"]) for cell in cells]
    found = list(dict.fromkeys(found))
    known = set(names)
    return [pair for pair in found if known.issuperset(pair)]


def clip_error(first: Sequence[Run], second: Sequence[Run], rng: np.random.Generator) -> float:
    """Return the standard error that the choice of test clips adds to a difference of two configurations."""
    spec = first[0].spec
    labels = objectives.targets(Corpus.open(spec.corpus), spec.labels)[first[0].predictions["test_clips"]]
    outputs = [np.stack([run.predictions["test_outputs"] for run in side]) for side in (first, second)]
    return evaluation.compare(labels, *outputs, rng, n_resamples=200).floor


def _tables(profile: str, draw: int = 0) -> tuple[str, str, str]:
    """Return the names of the recorded tables of a profile: its runs, their tags, the clips' part."""
    name = recorded_tables.of_profile(f"architectures_draw_{draw}" if draw else "architectures", profile)
    return name, f"{name}_tags", f"{name}_pairs"


def recorded(profile: str = "quick", draw: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the recorded runs, their AUC by tag, the test clips' part in comparisons, the provenance.

    Empty tables with their columns where nothing of that profile and draw of the corpus is recorded.
    """
    names = _tables(profile, draw)
    if not (paths.DATA / "results" / f"{names[0]}.json").is_file():
        return (*(pd.DataFrame(columns=columns) for columns in _COLUMNS), {"fingerprint": ""})
    return (*map(recorded_tables.read, names), recorded_tables.origin(names[0]))


def known(named: trainings.Plan, device: str = "auto", profile: str = "quick", draw: int = 0) -> pd.DataFrame:
    """Return the rows of those runs that are finished in the store or recorded in a profile's table."""
    here = sweeps.finished(named, device)
    rows, told = table(here) if here else pd.DataFrame(columns=["key"]), recorded(profile, draw)[0]
    keys = {run.key for run in sweeps.resolve([run for _, run in named], device)} - set(rows["key"])
    return pd.concat([part for part in (rows, told[told["key"].isin(keys)]) if len(part)] or [told[:0]])


def record(named: Sequence[tuple[str, Run]], profile: str = "quick", draw: int = 0) -> None:
    """Write finished runs to ``data/results``, beside what the same code has recorded on the same corpus.

    Parameters
    ----------
    named : sequence of (str, Run)
        Of one base, such as all of a `plan` that are finished.
    profile : str
        Whose sizes they have; each profile has tables of its own.
    draw : int
        Of the synthetic corpus; each draw has tables of its own.
    """
    if not named:
        raise InputError("none of these runs is finished yet; train some first")
    rng, found = np.random.default_rng(0), {}
    for name, run in named:
        if run.spec.seed != RATE_SEED:
            found.setdefault(name, {})[run.spec.seed] = run
    errors = []
    for first, second in pairs(found):
        if seeds := sorted(set(found[first]) & set(found[second]))[:3]:
            sides = ([found[side][seed] for seed in seeds] for side in (first, second))
            errors.append({"first": first, "second": second,
                           "clip_error": clip_error(*sides, rng)})  # fmt: skip
    spec = named[0][1].spec
    told = {"corpus": spec.corpus, "fingerprint": spec.fingerprint, "precision": spec.precision,
            "code": named[0][1].record["code"]}  # fmt: skip
    frames = (
        table(named),
        by_tag([(name, run) for name, run in named if run.spec.seed != RATE_SEED and "," not in name]),
        pd.DataFrame(errors, columns=_COLUMNS[2]),
    )
    names = _tables(profile, draw)
    if recorded(profile, draw)[-1].items() >= told.items():
        frames = tuple(map(recorded_tables.merged, names, frames, _UNIQUE))
    recorded_tables.replace(dict(zip(names, frames, strict=True)), names[0], **told)


def together(known: pd.DataFrame, of: str, live: pd.DataFrame, now: str) -> pd.DataFrame:
    """Return live rows and, if they are of the same corpus, the recorded ones.

    Parameters
    ----------
    known : DataFrame
        From `recorded`.
    live : DataFrame
        From `table`.
    of, now : str
        Fingerprints of the corpora that recorded and live runs were trained on.

    Returns
    -------
    DataFrame
        With a column ``tier``; a live row stands in the place of the recorded one.
    """
    rows = live.assign(tier="live")
    if of == now:
        rows = pd.concat([rows, known.assign(tier="recorded")], ignore_index=True)
    return rows.drop_duplicates(["configuration", "seed"], keep="first")


def scores_of(rows: pd.DataFrame) -> np.ndarray | None:
    """Return AUCs (level of each of `FACTORS`, …, seed) of seeds that all cells have; None if under two."""
    cells = [cell_name(cell) for cell in itertools.product(*FACTORS.values())]
    chosen = rows[rows["configuration"].isin(cells) & (rows["seed"] != RATE_SEED)]
    wide = chosen.pivot_table(index="configuration", columns="seed", values="roc_auc")
    wide = wide.reindex(cells).dropna(axis=1)
    shape = tuple(len(levels) for levels in FACTORS.values())
    return wide.to_numpy().reshape(*shape, -1) if wide.shape[1] > 1 else None


def clip_error_of(errors: pd.DataFrame, first: Sequence[str], second: Sequence[str]) -> float:
    """Return what test clips add to a comparison of two cells of `FACTORS`; NaN where not recorded."""
    known = errors.set_index(["first", "second"])["clip_error"] if len(errors) else {}
    names = cell_name(first), cell_name(second)
    found = [known[pair] for pair in (names, names[::-1]) if pair in known]
    return float(found[0]) if found else np.nan


def paired(rows: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Return the AUC of two configurations, a row a seed that both have."""
    chosen = rows[rows["configuration"].isin([first, second]) & (rows["seed"] != RATE_SEED)]
    wide = chosen.pivot_table(index="seed", columns="configuration", values="roc_auc")
    return wide.reindex(columns=[first, second]).dropna()


def compare(rows: pd.DataFrame, errors: pd.DataFrame, first: str, second: str) -> Estimate | None:
    """Estimate first minus second over the seeds that both have; None where fewer than two.

    Parameters
    ----------
    rows, errors : DataFrame
        From `table` and `recorded`; the test clips' part is added where it is known.
    """
    wide = paired(rows, first, second)
    if len(wide) < 2:
        return None
    known = errors[(errors["first"] == first) & (errors["second"] == second)]
    floor = float(known["clip_error"].iloc[0]) if len(known) else 0.0
    return statistics.paired_difference(wide[first].to_numpy(), wide[second].to_numpy(), floor=floor)


def tag_share(first: np.ndarray, second: np.ndarray, *, floor: float = 0.0) -> Estimate:
    """Estimate on which share of the tags one network is ahead of another.

    Parameters
    ----------
    first, second : ndarray (seed, tag)
        Areas of paired trainings; ties count half.
    floor : float
        What the test clips add (`tag_share_error`). Tags share clips and training, so they are no
        independent votes: the seeds are.
    """
    ahead = (first > second) + (first == second) / 2
    return replace(statistics.mean(ahead.mean(1), floor=floor), kind="tags")


def tag_share_error(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, rng: np.random.Generator, n_resamples: int = 100
) -> float:
    """Return the standard error that the choice of test clips adds to `tag_share`.

    Parameters
    ----------
    labels : ndarray (clip, tag)
        Tags that enough clips have to be resampled.
    first, second : ndarray (seed, clip, tag)
        Scores.
    """
    counts = evaluation.resample(len(labels), n_resamples, rng)
    areas = [[evaluation.tag_areas(labels, run, counts=counts) for run in runs] for runs in (first, second)]
    shares = np.nanmean(np.stack(areas[0]) > np.stack(areas[1]), axis=(0, 2))  # (replicate,)
    return float(shares.std(ddof=1))
