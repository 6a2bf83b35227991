"""Error rates and power of the decision rules, by simulation.

Run: ``python tests/benchmarks/decisions.py`` (about five minutes on one core); ``--simulations 500`` is
quick. With ``--write`` the table becomes ``data/results/decision_rules.csv``, with its provenance beside
it.

The simulated world is what pilots measured: training seeds spread by 0.007 AUC, unrelated between two
networks even at equal seeds (the worst case), and 800 test clips move a difference of two networks by
0.0027. "false" counts every verdict that the truth does not bear out; on the border (no difference, or a
difference of exactly the margin) at most 5 % is allowed.
"""

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.base import paths, provenance
from mtlib.evidence import correlation, evaluation, rules, statistics

SEED_DEVIATION = 0.007
CLIP_DEVIATION = 0.0027
N_RUNS = (3, 5, 15)


def runs_against_runs(n: int, effect: float, rng: np.random.Generator) -> np.ndarray:
    """Draw n differences of paired runs that share their test clips."""
    return effect + rng.normal(0, CLIP_DEVIATION) + rng.normal(0, SEED_DEVIATION * 2**0.5, n)


def difference(n: int, effect: float, rng: np.random.Generator, *, claimed: str = "above") -> str:
    """Judge one simulated comparison as the chapters do."""
    estimate = statistics.mean(runs_against_runs(n, effect, rng), floor=CLIP_DEVIATION)
    return rules.judge(estimate, claimed=claimed)["verdict"]


def bootstrap(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge by the percentile bootstrap over seeds instead: the rule that this book does not use."""
    values = runs_against_runs(n, effect, rng)
    found = stats.bootstrap((values,), np.mean, n_resamples=1000, method="percentile", rng=rng)
    low, high = found.confidence_interval
    return rules.judge_interval(low, high, 0, claimed="above")


def order(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge the order of four networks whose neighbours differ by the effect."""
    runs = rng.normal(0, SEED_DEVIATION, (4, n)) - effect * np.arange(4)[:, None]
    runs += rng.normal(0, CLIP_DEVIATION / 2**0.5, (4, 1))
    steps = [statistics.paired_difference(a, b, floor=CLIP_DEVIATION) for a, b in itertools.pairwise(runs)]
    return rules.judge_order(steps, "abcd")["verdict"]


def rank(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge a rank correlation of n units whose normal scores correlate by the effect."""
    a, b = rng.normal(size=(2, n))
    found = correlation.correlation(a, effect * a + (1 - effect**2) ** 0.5 * b, rng=rng, n_permutations=999)
    return rules.judge_correlation(found, claimed="above")["verdict"]


def clips(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge two networks from labels and scores: 300 clips, 8 tags, the whole path through `compare`."""
    labels = rng.random((300, 8)) < 0.15
    clip = labels + rng.normal(size=labels.shape)  # what both networks hear in a clip
    shift = 0.05 * rng.normal(size=(2, n, 1, 1))  # a seed's luck
    shift[0] += effect / 0.24  # 0.24: slope of the area in the shift, here
    scores = clip + shift * labels + 0.5 * rng.normal(size=(2, n, *labels.shape))
    estimate = evaluation.compare(labels, *scores, rng, n_resamples=100)
    return rules.judge(estimate, claimed="above")["verdict"]


def cases(n_simulations: int) -> Iterator[tuple[str, Callable, int, float, tuple[str, ...], int]]:
    """List rule, judge, n, true effect, false verdicts, simulations."""
    both = ("supported", "contradicted")
    for n in N_RUNS:
        for effect in (0.0, 0.01, 0.02):
            false = both if effect == 0 else ("contradicted",)
            yield "difference of two networks", difference, n, effect, false, n_simulations
    for n in (*N_RUNS, 60):
        for effect in (0.0, statistics.MARGIN):
            false = ("contradicted",) if effect == 0 else both
            yield "equal within 0.005", partial(difference, claimed="equal"), n, effect, false, n_simulations
    for n in N_RUNS:
        for effect in (0.0, 0.02):
            false = both if effect == 0 else ("contradicted",)
            yield "order of four networks", order, n, effect, false, n_simulations
    for n in (5, 12, 50):
        for effect in (0.0, 0.5):
            false = both if effect == 0 else ("contradicted",)
            yield "rank correlation", rank, n, effect, false, n_simulations
    for effect in (0.0, 0.02):
        false = both if effect == 0 else ("contradicted",)
        yield "difference, from clips and scores", clips, 5, effect, false, max(n_simulations // 10, 50)
    for n in N_RUNS:
        yield "percentile bootstrap over seeds (not used)", bootstrap, n, 0.0, both, n_simulations


def measure(n_simulations: int, seed: int = 0) -> pd.DataFrame:
    """Simulate every case; one row each, shares of verdicts, the false ones with a 95 % interval."""
    rows = []
    for rule, judge, n, effect, false, n_cases in cases(n_simulations):
        rng = np.random.default_rng(seed)
        verdicts = [judge(n, effect, rng) for _ in range(n_cases)]
        n_false = sum(verdict in false for verdict in verdicts)
        low, high = statistics.proportion_interval(n_false, n_cases)
        shares = {name: verdicts.count(name) / n_cases for name in ("supported", "contradicted", "inconclusive")}
        rows.append({"rule": rule, "n": n, "effect": effect, "n_simulations": n_cases, **shares,
                     "false": n_false / n_cases, "false_low": low, "false_high": high})  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="write data/results/decision_rules.*")
    given = parser.parse_args()
    table = measure(given.simulations)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    if given.write:
        target = paths.DATA / "results" / "decision_rules.csv"
        target.parent.mkdir(exist_ok=True)
        table.to_csv(target, index=False, float_format="%.6g", lineterminator="\n")
        command = "python tests/benchmarks/decisions.py --write"
        record = provenance.stamp(command=command, seed_deviation=SEED_DEVIATION, clip_deviation=CLIP_DEVIATION)
        target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
