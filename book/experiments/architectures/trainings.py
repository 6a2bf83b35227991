"""Chapter 4's trainings: four structures at five sizes, and a small crossed design.

Every structure has its own learning rate, chosen by one small rule (`chosen_rates`). `live` is what a page
trains itself, `plan` everything, by importance; `results` makes tables and comparisons
of them [Choi2018, §4.3].

Conventions
    A configuration is a name such as ``crnn 0.1M`` or ``crnn 0.1M, lstm``. Runs of one seed share the order
    of the clips; every network is at the pooling that its clips' length has in `structures.POOLS`.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mtlib.base.profiles import Settings
from mtlib.corpora.corpus import Corpus
from mtlib.training import taggers
from mtlib.training.specs import RunSpec

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

Plan = list[tuple[str, RunSpec]]


def base(settings: Settings, corpus: Corpus) -> RunSpec:
    """Return the run that all others are changes of: half the training clips, three quarters of the epochs.

    These networks cost up to three times a Compact-convnet, and there are four of them.
    """
    spec, profile = taggers.base(settings, corpus), settings.profile
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
        (f"{name} 0.1M, rate {rate:g}", network(spec, name, 0.1, {}, training__peak_rate=rate, **half))
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
        ("crnn 0.1M, lstm", network(spec, "crnn", 0.1, rates, model__rnn="lstm", seed=spec.seed + s)) for s in seeds
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
