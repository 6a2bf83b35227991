"""Chapter 5's trainings: which runs answer which question.

`VIEWS` names what the chapter feeds its network: the twelve configurations of the thesis, the STFTs, and
what lies beyond them. `live` is what a page trains itself, `plan` everything, by importance
[Choi2018, §5.2].

Conventions
    A configuration is a name of `VIEWS`; the baseline is ``log bypass ×1``. A smaller training set is seen
    more often: epochs grow with the root of the shrinkage. AUC is macro, over the tags that have one.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from mtlib.training.specs import RunSpec

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


def resized(spec: RunSpec, factor: float) -> RunSpec:
    """Return a run on another number of training clips; fewer are seen more often."""
    n_train = max(2, int(spec.n_train * factor))
    epochs = max(1, round(spec.training.epochs * (spec.n_train / n_train) ** 0.5))
    return spec.change(n_train=n_train, training__epochs=epochs)


Plan = list[tuple[str, RunSpec]]


def runs_of(spec: RunSpec, names: Iterable[str], *, seeds: Sequence[int] = (0,), sizes: Iterable[float] = (1,)) -> Plan:
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
