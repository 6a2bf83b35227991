"""Are the networks trained to the end? One recipe for all, and what twice its epochs would change.

A comparison of structures means something only where each has learned what it can from its clips. `RECIPE` is
the same for every network: a decaying rate with a budget of epochs, clips turned in time and mixed in pairs,
decoupled weight decay; the highest rate comes from a grid, chosen on validation clips. The epochs are doubled
until that moves the mean test AUC by less than `MARGIN`.

Conventions
    Runs are those of `trainings.base`, with the recipe. ``epochs`` is the budget, ``best_epoch`` the one whose
    weights are kept. A ridge regression on MFCC statistics learns from the same clips.
"""

import itertools
from collections import Counter
from collections.abc import Iterable

import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mtlib.base import paths
from mtlib.corpora.corpus import Corpus
from mtlib.evidence import recorded, statistics
from mtlib.training import experiment, features, objectives
from mtlib.training.runs import Run
from mtlib.training.specs import VERSION, RunSpec

from .trainings import RATE_SEED, Plan, network

NAME = "convergence"

EPOCHS = (16, 32, 64, 128)
"""Budgets, each twice the one before; rates are chosen at the first."""

RECIPE = {"training__mixup": 0.3, "training__turned": True, "training__weight_decay": 0.05}
RATES = (1e-3, 3e-3, 1e-2, 3e-2)
"""Highest rates that a structure chooses from."""

MARGIN = 0.003
"""What twice the epochs may move the mean test AUC by."""

SUMMARY = ("structure", "budget", "epochs", "best epoch", "seeds", "AUC", "AUC, twice the epochs", "difference",
           "low", "high", "enough")  # fmt: skip
"""Columns of `summary`."""

RIDGE = "ridge on MFCC"

ALPHAS = (100.0, 1_000.0, 10_000.0)
"""Strengths of the ridge regression; the validation clips choose."""


def trained(spec: RunSpec, structure: str, rate: float, epochs: int, seed: int, budget: float = 0.1) -> RunSpec:
    """Return the run of a structure with the recipe; the rate decays to nothing, so no epoch is left out."""
    budgeted = {"training__epochs": epochs, "training__patience": epochs, "training__peak_rate": rate}
    return network(spec, structure, budget, {}, **RECIPE, **budgeted, seed=seed)


def rate_runs(spec: RunSpec, structures: Iterable[str]) -> Plan:
    """Return the runs that choose each structure's rate, on half the clips."""
    half = spec.change(n_train=max(2, spec.n_train // 2))
    return [
        (f"{name}, rates", trained(half, name, rate, EPOCHS[0], RATE_SEED))
        for name, rate in itertools.product(structures, RATES)
    ]


def plan(spec: RunSpec, rates: dict[str, float], n_seeds: int, budgets: Iterable[int] = EPOCHS) -> Plan:
    """Return the runs of structures at several budgets of epochs, structure by structure."""
    return [
        (f"{name}, {epochs} epochs", trained(spec, name, rate, epochs, spec.seed + seed))
        for (name, rate), epochs, seed in itertools.product(rates.items(), budgets, range(n_seeds))
    ]


def chosen(runs: Iterable[Run]) -> dict[str, float]:
    """Return each structure's rate, that of its best validation score, from whole grids."""
    scores: dict[str, dict[float, float]] = {}
    for run in runs:
        scores.setdefault(run.spec.model.structure, {})[run.spec.training.peak_rate] = run.history["score"].max()
    return {name: max(sorted(found), key=found.__getitem__) for name, found in scores.items()}


def whole(done: list[tuple[str, Run]], planned: Plan) -> list[Run]:
    """Return finished runs of those names of a plan that are finished altogether."""
    there, wanted = (Counter(name for name, _ in named) for named in (done, planned))
    return [run for name, run in done if there[name] == wanted[name]]


def table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return one row a finished run."""
    rows = []
    for run in runs:
        spec, history = run.spec, run.history
        rows.append(
            {
                "structure": spec.model.structure, "budget": spec.model.budget, "n_train": spec.n_train,
                "epochs": spec.training.epochs, "seed": spec.seed, "peak_rate": spec.training.peak_rate,
                "best_epoch": run.record["best_epoch"], "valid_auc": history["score"].max(),
                "roc_auc": run.metrics["roc_auc"], "seconds": run.record["seconds"], "key": run.key,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def ridge(spec: RunSpec, corpus: Corpus) -> pd.DataFrame:
    """Return the row of a ridge regression on MFCC statistics, on the clips of a run."""
    train, valid, test = (corpus.split(name) for name in experiment.SPLITS)
    train = experiment.subset(train, spec.n_train, spec.subset_seed)
    given, values = objectives.targets(corpus, spec.labels), features.of_corpus(corpus, None)
    fitted = [make_pipeline(StandardScaler(), Ridge(alpha)).fit(values[train], given[train]) for alpha in ALPHAS]
    scores = [[objectives.score(given[part], one.predict(values[part]), corpus.task) for part in (valid, test)]
              for one in fitted]  # fmt: skip
    valid_auc, roc_auc = max(scores)
    told = {
        "structure": "ridge on MFCC",
        "budget": 0.0,
        "n_train": spec.n_train,
        "epochs": 0,
        "seed": 0,
        "peak_rate": 0.0,
    }
    return pd.DataFrame([{**told, "valid_auc": valid_auc, "roc_auc": roc_auc}])


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what each doubling of the epochs changed, for each structure and size.

    Returns
    -------
    DataFrame
        ``low`` and ``high`` bound the difference, 95 % over seeds; ``enough`` says whether its size is below
        `MARGIN`. Where fewer than two seeds have both budgets there is no row.
    """
    found = []
    runs = rows[(rows["epochs"] > 0) & (rows["seed"] != RATE_SEED)]
    for (name, budget), part in runs.groupby(["structure", "budget"], sort=False):
        wide = part.pivot_table(index="seed", columns="epochs", values="roc_auc")
        for once, twice in itertools.pairwise(wide.columns):
            both = wide[[once, twice]].dropna()
            if len(both) < 2 or twice != 2 * once:
                continue
            gap = statistics.paired_difference(both[twice].to_numpy(), both[once].to_numpy())
            best = part[part["epochs"] == once]["best_epoch"].mean()
            found.append(
                {
                    "structure": name, "budget": budget, "epochs": once, "best epoch": best, "seeds": gap.n,
                    "AUC": both[once].mean(), "AUC, twice the epochs": both[twice].mean(), "difference": gap.value,
                    "low": gap.low, "high": gap.high, "enough": abs(gap.value) < MARGIN,
                }
            )  # fmt: skip
    return pd.DataFrame(found, columns=SUMMARY)


def curves(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the validation AUC after every epoch of finished runs."""
    parts = []
    for run in runs:
        spec = run.spec
        told = {"structure": spec.model.structure, "budget": spec.model.budget, "epochs": spec.training.epochs,
                "seed": spec.seed, "peak_rate": spec.training.peak_rate}  # fmt: skip
        parts.append(run.history[["epoch", "score"]].assign(**told))
    return pd.concat(parts, ignore_index=True)


def record(runs: list[Run], spec: RunSpec, profile: str, corpus: Corpus) -> None:
    """Add runs, their curves and the ridge regression's row to ``data/results/convergence*``."""
    name = recorded.of_profile(NAME, profile)
    index = ["structure", "budget", "epochs", "seed", "peak_rate"]
    rows = pd.concat([table(runs), ridge(spec, corpus)], ignore_index=True)
    tables = {
        name: recorded.merged(name, rows, index),
        f"{name}_curves": recorded.merged(f"{name}_curves", curves(runs), [*index, "epoch"]),
    }
    command = f"python -m mtlib convergence --profile {profile} --record"
    recorded.replace(tables, name, command=command, corpus=corpus.fingerprint, code=VERSION)


def known(profile: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the recorded rows and curves of a profile; empty where there are none."""
    name = recorded.of_profile(NAME, profile)
    if not (paths.DATA / "results" / f"{name}.csv").is_file():
        columns = ["structure", "budget", "epochs", "seed"]
        return pd.DataFrame(columns=[*columns, "best_epoch", "roc_auc"]), pd.DataFrame(columns=[*columns, "score"])
    return recorded.read(name), recorded.read(f"{name}_curves")
