"""Chapter 4's trainings: four structures at five sizes, a small crossed design, and the tables they leave.

Every structure has its own learning rate, chosen by one small rule (`chosen_rates`). `live` is what a page
trains itself, `plan` everything, by importance. `record` writes finished runs to
``data/results/architectures.csv``, a row a run with its key, tag by tag to ``architectures_tags.csv``, and
what the choice of test clips adds to each comparison to ``architectures_pairs.csv`` [Choi2018, §4.3].

Conventions
    A configuration is a name such as ``crnn 0.1M`` or ``crnn 0.1M, lstm``. Runs of one seed share the order
    of the clips; every network is at the pooling that its clips' length has in `structures.POOLS`.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from . import evaluation, paths, preprocessing, rules, statistics, tasks
from . import recorded as recorded_tables
from .corpus import Corpus
from .errors import InputError
from .profiles import Settings
from .runs import Run
from .specs import RunSpec
from .statistics import Estimate

ORDER = ("crnn", "k2c2", "k1c2", "k2c1")
"""The thesis' order by AUC at equal size, best first."""

BUDGETS = (0.1, 0.25, 0.5, 1.0, 3.0)
RATES = (3e-3, 1e-2, 3e-2)
"""Peak learning rates that a structure chooses from."""

RATE_SEED = 1000
"""Seed of the trainings that choose a rate; no comparison uses them."""

FACTORS = {
    "structure": ("crnn", "k2c2"),
    "stopping": ("one-cycle", "thesis"),
    "input": ("plain", "normalised"),
    "rate": ("chosen", "a third"),
}
"""The crossed design about who comes first; the first of each is how the other runs are trained."""

THESIS_STOPPING = {"training__schedule": "constant", "training__patience": 1}
"""The thesis' rule, read literally: a constant rate until one epoch brings no better validation score."""

FILES = ("architectures", "architectures_tags", "architectures_pairs")

_COLUMNS = (
    ["configuration", "structure", "budget", "seed", "roc_auc", "peak_rate", "valid_auc", "key"],
    ["configuration", "seed", "tag", "roc_auc"],
    ["first", "second", "clip_error"],
)

Plan = list[tuple[str, RunSpec]]


def base(settings: Settings, corpus: Corpus) -> RunSpec:
    """Return the run that all others are changes of: half the training clips, three quarters of the epochs.

    These networks cost up to three times a Compact-convnet, and there are four of them.
    """
    spec, profile = preprocessing.base(settings, corpus), settings.profile
    n_train = min(profile.n_train, len(corpus.split("train"))) // 2
    return spec.change(n_train=n_train, training__epochs=max(1, round(0.75 * profile.epochs)))


def network(spec: RunSpec, structure: str, budget: float, rates: dict[str, float], **changes: Any) -> RunSpec:
    """Return the run of a structure at a size, with its chosen rate where there is one."""
    rate = rates.get(structure, spec.training.peak_rate)
    given = {"model__structure": structure, "model__budget": budget, "training__peak_rate": rate}
    return spec.change(**{**given, **changes})


def rate_runs(spec: RunSpec) -> Plan:
    """Return the runs that choose each structure's rate: the smallest size, half the clips, one a rate."""
    half = {"n_train": max(2, spec.n_train // 2), "seed": RATE_SEED}
    return [
        (
            f"{name} 0.1M, rate {rate:g}",
            network(spec, name, 0.1, {}, training__peak_rate=rate, **half),
        )
        for name, rate in itertools.product(ORDER, RATES)
    ]


def chosen_rates(rows: pd.DataFrame) -> dict[str, float]:
    """Return each structure's rate: that of its best validation score; the smaller one where two are equal.

    Parameters
    ----------
    rows : DataFrame
        Recorded rows; a structure whose trainings are not all there is left out.
    """
    tried = rows[rows["seed"] == RATE_SEED].sort_values("peak_rate", kind="stable")
    return {
        name: float(group["peak_rate"].iloc[int(np.argmax(group["valid_auc"]))])
        for name, group in tried.groupby("structure")
        if set(np.round(group["peak_rate"], 9)) == set(RATES)
    }


def sized(
    spec: RunSpec, rates: dict[str, float], budgets: Iterable[float], seeds: Iterable[int], **changes: Any
) -> Plan:
    """Return the four structures at sizes and seeds (counted from the base's own)."""
    return [
        (f"{name} {budget:g}M", network(spec, name, budget, rates, seed=spec.seed + seed, **changes))
        for budget, seed, name in itertools.product(budgets, seeds, ORDER)
    ]


def live(spec: RunSpec, rates: dict[str, float], n_seeds: int) -> Plan:
    """Return what a page trains: the four structures at 0.1M, paired seeds."""
    return sized(spec, rates, [0.1], range(n_seeds))


def crossed(spec: RunSpec, rates: dict[str, float], seeds: Iterable[int]) -> Plan:
    """Return the crossed design of `FACTORS`; its first cells are runs of `live`."""
    found = []
    for seed, cell in itertools.product(seeds, itertools.product(*FACTORS.values())):
        name, stopping, inputs, rate = cell
        changes = dict(THESIS_STOPPING) if stopping == "thesis" else {}
        changes["model__input_norm"] = inputs == "normalised"
        own = rates.get(name, spec.training.peak_rate)
        changes["training__peak_rate"] = own if rate == "chosen" else own / 3
        run = network(spec, name, 0.1, rates, seed=spec.seed + seed, **changes)
        found.append((cell_name(cell), run))
    return found


def cell_name(cell: Sequence[str]) -> str:
    """Return the configuration of a cell of `FACTORS`; levels that are the first are not named."""
    changed = [
        f"{factor} {level}"
        for (factor, levels), level in zip(FACTORS.items(), cell, strict=True)
        if factor != "structure" and level != levels[0]
    ]
    return ", ".join([f"{cell[0]} 0.1M", *changed])


def plan(spec: RunSpec, rates: dict[str, float], n_seeds: int = 3) -> Plan:
    """Return every training of the chapter, the most important first."""
    seeds = range(n_seeds)
    lstm = [
        ("crnn 0.1M, lstm", network(spec, "crnn", 0.1, rates, model__rnn="lstm", seed=spec.seed + s))
        for s in seeds
    ]
    longer = [
        ("k1c2 0.1M, 8 elements", network(spec, "k1c2", 0.1, rates, model__kernel_time=8, seed=spec.seed + s))
        for s in seeds
    ]
    everything = (
        rate_runs(spec)
        + live(spec, rates, n_seeds)
        + sized(spec, rates, [0.25], range(1))
        + crossed(spec, rates, seeds)
        + sized(spec, rates, BUDGETS[1:3], seeds)
        + lstm
        + longer
        + sized(spec, rates, BUDGETS[3:], seeds)
    )
    once: dict[RunSpec, str] = {}
    for name, run in everything:
        once.setdefault(run, name)
    return [(name, run) for run, name in once.items()]


def table(named: Sequence[tuple[str, Run]]) -> pd.DataFrame:
    """Return one row a finished run: what it is, its scores, parameters, time and key."""
    rows = preprocessing.table(named).drop(columns="bias")
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
        (f"{a} {budget:g}M", f"{b} {budget:g}M")
        for budget in BUDGETS
        for a, b in itertools.combinations(ORDER, 2)
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
    labels = tasks.targets(Corpus.open(spec.corpus), spec.labels)[first[0].predictions["test_clips"]]
    outputs = [np.stack([run.predictions["test_outputs"] for run in side]) for side in (first, second)]
    return evaluation.compare(labels, *outputs, rng, n_resamples=200).floor


def recorded() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the recorded runs, their AUC by tag, the test clips' part in comparisons, the provenance.

    Empty tables with their columns where nothing is recorded.
    """
    folder = paths.DATA / "results"
    if not (folder / "architectures.json").is_file():
        return (*(pd.DataFrame(columns=columns) for columns in _COLUMNS), {"fingerprint": ""})
    told = json.loads((folder / "architectures.json").read_text(encoding="utf-8"))
    return (*(pd.read_csv(folder / f"{name}.csv") for name in FILES), told)


def record(named: Sequence[tuple[str, Run]]) -> None:
    """Write finished runs to ``data/results``.

    Parameters
    ----------
    named : sequence of (str, Run)
        Of one base, such as all of a `plan` that are finished; what was recorded before is replaced.
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
        table(named).sort_values(["budget", "configuration", "seed"]),
        by_tag([(name, run) for name, run in named if run.spec.seed != RATE_SEED and "," not in name]),
        pd.DataFrame(errors, columns=_COLUMNS[2]),
    )
    recorded_tables.replace(dict(zip(FILES, frames, strict=True)), "architectures", **told)


def together(known: pd.DataFrame, of: str, live: pd.DataFrame, now: str) -> tuple[pd.DataFrame, float]:
    """Return live rows and, if they are of the same corpus, the recorded ones; and how far the two agree.

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
    rows : DataFrame
        With a column ``tier``; a live row stands in the place of the recorded one.
    gap : float
        Largest difference in AUC between rows of one key; 0 where no key is in both.
    """
    rows = live.assign(tier="live")
    both = known.merge(live, on="key", suffixes=("", "_live"))
    gap = float((both["roc_auc"] - both["roc_auc_live"]).abs().max()) if len(both) else 0.0
    if of == now:
        rows = pd.concat([rows, known.assign(tier="recorded")], ignore_index=True)
    return rows.drop_duplicates(["configuration", "seed"], keep="first"), gap


def judge_all(found: dict[str, Estimate | None]) -> dict[str, Any]:
    """Judge a claim that several differences are all above zero, some of which may be unknown.

    Parameters
    ----------
    found : dict
        Differences by name; None where fewer than two paired seeds are known.

    Returns
    -------
    dict
        The fields of `claims.record` that the rule decides, as `rules.judge_every`; supported only if all
        are known.
    """
    known = {name: estimate for name, estimate in found.items() if estimate is not None}
    if not known:
        reason = "fewer than two paired trainings are known"
        return {"rule": "every difference above 0", "verdict": "not tested", "reason": reason}
    judged = rules.judge_every(list(known.values()), list(known), claimed="above")
    told = "; ".join(f"{name} {estimate.value:+.3f}" for name, estimate in known.items())
    missing = [name for name in found if name not in known]
    unknown = f"; not known: {', '.join(missing)}" if missing else ""
    open_still = missing and judged["verdict"] == "supported"
    return {**judged, "verdict": "inconclusive" if open_still else judged["verdict"],
            "reason": f"{judged['reason']} ({told}){unknown}."}  # fmt: skip


def judge_one(estimate: Estimate | None, claimed: str, **options: Any) -> dict[str, Any]:
    """Judge one comparison as `rules.judge` does; not tested where it is not known."""
    if estimate is None:
        reason = "fewer than two paired trainings are known"
        return {"rule": f"95 % interval: {claimed}", "verdict": "not tested", "reason": reason}
    return rules.judge(estimate, claimed=claimed, **options)


def scores_of(rows: pd.DataFrame) -> np.ndarray | None:
    """Return AUCs (level of each of `FACTORS`, …, seed) of seeds that all cells have; None if under two."""
    cells = [cell_name(cell) for cell in itertools.product(*FACTORS.values())]
    chosen = rows[rows["configuration"].isin(cells) & (rows["seed"] != RATE_SEED)]
    wide = chosen.pivot_table(index="configuration", columns="seed", values="roc_auc")
    wide = wide.reindex(cells).dropna(axis=1)
    shape = tuple(len(levels) for levels in FACTORS.values())
    return wide.to_numpy().reshape(*shape, -1) if wide.shape[1] > 1 else None


def compare(rows: pd.DataFrame, errors: pd.DataFrame, first: str, second: str) -> Estimate | None:
    """Estimate first minus second over the seeds that both have; None where fewer than two.

    Parameters
    ----------
    rows, errors : DataFrame
        From `table` and `recorded`; the test clips' part is added where it is known.
    """
    chosen = rows[rows["configuration"].isin([first, second]) & (rows["seed"] != RATE_SEED)]
    wide = chosen.pivot_table(index="seed", columns="configuration", values="roc_auc")
    wide = wide.reindex(columns=[first, second]).dropna()
    if len(wide) < 2:
        return None
    known = errors[(errors["first"] == first) & (errors["second"] == second)]
    floor = float(known["clip_error"].iloc[0]) if len(known) else 0.0
    return statistics.paired_difference(wide[first].to_numpy(), wide[second].to_numpy(), floor=floor)
