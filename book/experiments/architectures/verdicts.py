"""Chapter 4's claims about trainings: what a table of runs says of each.

`Comparisons` asks a table, live or recorded, the chapter's questions about who is ahead at equal size; the
same rules judge the page's own runs and larger recorded builds. What `Comparisons.judged` returns goes to
`claims.record` [Choi2018, §4.3].
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.evidence import rules, statistics
from mtlib.evidence.statistics import Estimate

from . import results
from .timing import Times
from .trainings import BUDGETS, ORDER, RATE_SEED

Judged = dict[str, Any]


@dataclass(frozen=True)
class Comparisons:
    """Runs of one base, compared.

    Attributes
    ----------
    rows : DataFrame
        From `architecture_results.table`, `together` or `recorded`.
    errors : DataFrame
        What the choice of test clips adds to comparisons, as recorded; may be empty.
    """

    rows: pd.DataFrame
    errors: pd.DataFrame

    @property
    def size(self) -> int:
        """Training clips of the comparisons."""
        return int(self.rows["n_train"].max())

    def gap(self, first: str, second: str) -> Estimate | None:
        """Estimate the AUC of one configuration minus another's, over paired seeds."""
        return results.compare(self.rows, self.errors, first, second)

    def at_all_sizes(self, first: str, *seconds: str) -> dict[str, Estimate | None]:
        """Return the differences of a structure and others at every size, by name."""
        return {
            f"{first} − {second} {budget:g}M": self.gap(f"{first} {budget:g}M", f"{second} {budget:g}M")
            for second in seconds
            for budget in BUDGETS
        }

    def means(self) -> pd.DataFrame:
        """Return the mean AUC of every structure and size with its 95 % interval over seeds.

        Returns
        -------
        DataFrame
            structure, budget, auc, low, high, n, parameters, and tier where the runs have one. Both ends are
            NaN where there is one seed.
        """
        names = [f"{name} {budget:g}M" for name in ORDER for budget in BUDGETS]
        rows = self.rows[self.rows["configuration"].isin(names) & (self.rows["seed"] != RATE_SEED)]
        found = []
        for (structure, budget), part in rows.groupby(["structure", "budget"]):
            scores = part["roc_auc"].to_numpy()
            low, high = statistics.mean_interval(scores) if len(part) > 1 else (np.nan, np.nan)
            told = {name: part[name].iloc[0] for name in ("parameters", "tier") if name in part}
            found.append({"structure": structure, "budget": budget, "auc": scores.mean(), "low": low,
                          "high": high, "n": len(part), **told})  # fmt: skip
        return pd.DataFrame(found)

    def judged(self) -> dict[str, list[Judged]]:
        """Judge every claim that differences between trainings at equal size can decide.

        Returns
        -------
        dict of str to dict
            By claim: arguments of `claims.record` but for corpus, source, profile and provenance.
        """
        similar = rules.judge_known(
            {"CRNN − k2c2": self.gap("crnn 0.1M", "k2c2 0.1M")}, claimed="above", reference=-statistics.MARGIN
        )
        one = {
            "C4.03": (self.gap("crnn 0.1M", "k2c2 0.25M"), "above"),
            "C4.19": (self.gap("crnn 0.1M", "crnn 0.1M, lstm"), "equal"),
        }
        every = {
            "C4.01": {
                name: gap for pair in itertools.pairwise(ORDER) for name, gap in self.at_all_sizes(*pair).items()
            },
            "C4.02": self.at_all_sizes("crnn", "k2c2"),
            "C4.04": self.at_all_sizes("k2c2", "k1c2", "k2c1"),
            "C4.05": self.at_all_sizes("k1c2", "k2c1"),
        }
        spreads = [
            self.rows.query("configuration == @name and seed != @RATE_SEED")["roc_auc"].to_numpy()
            for name in ("crnn 0.1M", "k2c2 0.1M")
        ]
        comparable = rules.judge_known(
            {"CRNN − k2c2": self.mean_gap("crnn", "k2c2")}, claimed="above", reference=-statistics.MARGIN
        )
        return {
            "C2.03": judge_spreads(*spreads),
            "C2.04": {**similar, "rule": "CRNN − k2c2 at 0.1M above −0.005: similar or better"},
            "C4.20": {
                **comparable,
                "rule": "CRNN − k2c2, mean over the five sizes, above −0.005: comparable or better",
            },
            **{claim: rules.judge_known(gaps, claimed="above") for claim, gaps in every.items()},
            **{claim: rules.judge_known({claim: gap}, claimed=claimed) for claim, (gap, claimed) in one.items()},
        }

    def mean_gap(self, first: str, second: str) -> Estimate | None:
        """Estimate the mean over the five sizes of the AUC of one structure minus another's."""
        names = [[f"{side} {budget:g}M" for budget in BUDGETS] for side in (first, second)]
        wide = self.rows.query("seed != @RATE_SEED").pivot_table(
            index="seed", columns="configuration", values="roc_auc"
        )
        wide = wide.reindex(columns=[*names[0], *names[1]]).dropna()
        if len(wide) < 2:
            return None
        errors = [gap.floor for gap in self.at_all_sizes(first, second).values() if gap]
        return statistics.paired_difference(
            *(wide[side].mean(axis=1).to_numpy() for side in names), floor=float(np.mean(errors))
        )


ACROSS_SIZES = ("C4.03", "C4.19")
"""Claims that hold a network of 0.1M against one that the second draw of the corpus does not have."""


@dataclass(frozen=True)
class Draws:
    """The smallest networks on two draws of one corpus: other clips and labels, the same recipe.

    Attributes
    ----------
    first, second : Comparisons
    """

    first: Comparisons
    second: Comparisons

    def change(self, *pair: str) -> Estimate | None:
        """Estimate a difference of two configurations on the second draw minus that on the first.

        Trainings of one seed share weights and order, so they are paired; the test clips of both draws count.
        """
        sides = [results.paired(each.rows, *pair) for each in (self.second, self.first)]
        gaps = pd.concat([side[pair[0]] - side[pair[1]] for side in sides], axis=1, join="inner")
        known = [each.gap(*pair) for each in (self.second, self.first)]
        if len(gaps) < 2 or None in known:
            return None
        floor = float(np.hypot(*(one.floor for one in known if one)))
        return statistics.paired_difference(*gaps.to_numpy().T, floor=floor)

    def differences(self) -> dict[str, tuple[Estimate, Estimate, Estimate]]:
        """Return each comparison of two structures at 0.1M: on the first draw, on the second, the change."""
        pairs = {f"{a} − {b}": (f"{a} 0.1M", f"{b} 0.1M") for a, b in itertools.combinations(ORDER, 2)}
        found = {name: (self.first.gap(*p), self.second.gap(*p), self.change(*p)) for name, p in pairs.items()}
        return {name: (a, b, change) for name, (a, b, change) in found.items() if a and b and change}

    def verdicts(self) -> pd.DataFrame:
        """Return the verdict of each claim, as it is and with the second draw's trainings at 0.1M instead.

        Returns
        -------
        DataFrame
            Columns first, second; indexed by claim, without `ACROSS_SIZES`.
        """
        rows = self.first.rows[~self.first.rows["configuration"].isin(self.second.rows["configuration"])]
        errors = self.first.errors.merge(self.second.errors[["first", "second"]], how="left", indicator=True)
        errors = errors[errors.pop("_merge") == "left_only"]
        mixed = Comparisons(pd.concat([self.second.rows, rows]), pd.concat([self.second.errors, errors]))
        both = {"first": self.first.judged(), "second": mixed.judged()}
        found = {draw: {claim: one["verdict"] for claim, one in judged.items()} for draw, judged in both.items()}
        return pd.DataFrame(found).drop(index=list(ACROSS_SIZES))


def judge_spreads(first: np.ndarray, second: np.ndarray) -> Judged:
    """Judge whether the first network's scores spread more over seeds than the second's.

    Parameters
    ----------
    first, second : ndarray (seed,)
    """
    rule = "spread of AUC over seeds, CRNN against k2c2 (Brown–Forsythe at 5 %, at least 8 seeds each)"
    if min(len(first), len(second)) < 2:
        return {"rule": rule, "verdict": "not tested", "reason": "one training each has no spread"}
    p = float(stats.levene(first, second, center="median").pvalue)
    ratio = float(first.std(ddof=1) / max(second.std(ddof=1), 1e-9))
    decided = min(len(first), len(second)) >= 8 and p < 0.05
    verdict = ("supported" if ratio > 1 else "contradicted") if decided else "inconclusive"
    reason = f"Standard deviations {first.std(ddof=1):.4f} and {second.std(ddof=1):.4f}, p = {p:.2f}."
    return {"rule": rule, "rule_id": "spread ratio", "verdict": verdict, "estimate": ratio, "n": len(first),
            "reason": reason}  # fmt: skip


def judge_times(times: Times, faster: dict[str, tuple[tuple[str, float], tuple[str, float]]]) -> Judged:
    """Judge that each of several networks takes longer than another, by recorded single steps.

    Parameters
    ----------
    times : Times
    faster : dict
        By name: the slower network and the faster one, each (structure, budget).
    """
    return rules.judge_known({name: times.slower(*pair) for name, pair in faster.items()}, claimed="above")
