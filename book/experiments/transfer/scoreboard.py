"""The scores of chapter 6 by protocol: published, recorded, and computed by this build.

A chapter computes part of the grid and reads the rest from ``data/results``; the scoreboard lays the live
scores over the recorded ones and answers by task and protocol. ``published`` stands among the protocols
for the author's own files [Choi2018, §6.4].

A combination is named by its layers from 1 (``"135"``). The thesis reads rankings of 28 combinations and
states what the best and the worst have in common [Choi2018, §6.4.2]; `STATEMENTS` holds these sentences
as functions of the scores. A rank hides how near its neighbours are, so `inclusion_effects` asks the same
question of means: what does a layer add, over every combination of the others?
"""

from collections.abc import Callable, Sequence

import pandas as pd

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.evidence import statistics
from mtlib.evidence.statistics import Estimate

from . import protocols
from .published_features import LAYER_SETS, TASKS, load

INDEX = ["task", "set", "protocol", "seed"]
"""What names a cell of the recorded table."""


class Scoreboard:
    """Scores by task, feature set and protocol.

    Parameters
    ----------
    live : sequence of Result
        Scores of this build; they take the place of recorded ones.

    Attributes
    ----------
    cells : DataFrame
        The recorded table by `INDEX`, with a column ``tier``: live or recorded.
    gap : float
        Largest difference between a live score and the recorded one of the same cell; other processors and
        libraries may round differently.
    """

    def __init__(self, live: Sequence[protocols.Result] = ()) -> None:
        self.cells = protocols.recorded().set_index(INDEX).assign(tier="recorded")
        self._folds = protocols.recorded(protocols.FOLDS).set_index([*INDEX, "fold"]).score.sort_index()
        table = pd.read_csv(paths.DATA / "thesis" / "ch6_result_transfer.csv")
        self._published = table.set_index(["task", "combination"]).score
        self.gap = 0.0
        self._live = {(r.task, r.set, r.protocol): r for r in live if r.seed == 0}
        for result in live:
            cell = (result.task, result.set, result.protocol, result.seed)
            if cell in self.cells.index:
                self.gap = max(self.gap, abs(self.cells.score[cell] - result.score))
            self.cells.loc[cell, ["score", "tier"]] = result.score, "live"

    def of(self, task: str, protocol: str) -> pd.Series:
        """Return the scores of a task by feature set, of the first seed."""
        if task not in TASKS or protocol not in ("published", *protocols.PROTOCOLS):
            raise InputError(f"no scores of task {task!r} under protocol {protocol!r}")
        if protocol == "published":
            return self._published[task]
        rows = self.cells.reset_index()
        rows = rows[(rows.task == task) & (rows.protocol == protocol) & (rows.seed == 0)]
        return rows.set_index("set").score

    def has(self, task: str, protocol: str, *sets: str) -> bool:
        """Whether all these feature sets have a score."""
        return set(sets) <= set(self.of(task, protocol).index)

    def folds(self, task: str, protocol: str, *sets: str) -> pd.DataFrame:
        """Return recorded scores of the first seed, one row a fold, one column a feature set."""
        return pd.DataFrame({name: self._folds[task, name, protocol, 0] for name in sets})

    def right(self, task: str, name: str, protocol: str) -> pd.Series | None:
        """Return by clip whether the live prediction of its class was right; None where there is none."""
        if (result := self._live.get((task, name, protocol))) is None:
            return None
        right = result.predictions == load(task).y[result.clips]
        return pd.Series(right.astype(float), index=result.clips).sort_index()

    def gain(self, task: str, first: str, second: str, protocol: str = "honest") -> Estimate | None:
        """Return the first feature set's score minus the second's.

        Over folds; where a task has one split, over its test clips, which needs live predictions (else None).
        """
        table = self.folds(task, protocol, first, second)
        if len(table) > 1:
            return statistics.fold_mean((table[first] - table[second]).to_numpy())
        clips = [self.right(task, name, protocol) for name in (first, second)]
        if clips[0] is None or clips[1] is None:
            return None
        return statistics.paired_difference(*(values.to_numpy() for values in clips))

    def gains(self, first: str, second: str) -> dict[str, Estimate]:
        """Return `gain` under the honest protocol, of every task that has both scores and an interval."""
        known = [task for task in TASKS if self.has(task, "honest", first, second)]
        found = {task: self.gain(task, first, second) for task in known}
        return {task: gain for task, gain in found.items() if gain is not None}


NOT_RUN = ("1235", "1245", "1345")
"""Combinations that the thesis left out."""

RUN = tuple(name for name in LAYER_SETS if name not in NOT_RUN)
"""The 28 combinations of the thesis."""


def ranking(scores: pd.Series) -> list[str]:
    """Return the thesis' 28 combinations from best to worst; equal scores keep their order by length.

    Parameters
    ----------
    scores : Series
        Scores by combination; others than the 28 are left out.

    Raises
    ------
    InputError
        If one of the 28 has no score.
    """
    if missing := [name for name in RUN if name not in scores.index or pd.isna(scores[name])]:
        raise InputError(f"no score for {', '.join(missing)}; a ranking needs all {len(RUN)} combinations")
    return list(scores[list(RUN)].sort_values(ascending=False, kind="stable").index)


def _all_with(names: list[str], layers: str) -> bool:
    return all(set(layers) <= set(name) for name in names)


def _lowest_with_4(scores: pd.Series) -> bool:
    with_4 = [name for name in RUN if "4" in name]
    return scores[with_4].min() > scores[[name for name in RUN if "4" not in name]].max()


STATEMENTS: dict[tuple[str, str], Callable[[pd.Series], bool]] = {
    ("T1", "top-7"): lambda s: _all_with(ranking(s)[:7], "2") and sum("1" in name for name in ranking(s)[:7]) >= 6,
    ("T1", "bottom-7"): lambda s: set(ranking(s)[-7:]) == {"5", "4", "3", "45", "35", "2", "25"},
    ("T2", "top-3"): lambda s: ranking(s)[:3] == ["12345", "2345", "1234"],
    ("T2", "top-7"): lambda s: min(map(len, ranking(s)[:7])) > 3,
    ("T2", "bottom-7"): lambda s: max(map(len, ranking(s)[-7:])) <= 2,
    ("T4a", "top-7"): lambda s: _all_with(ranking(s)[:7], "5"),
    ("T4a", "top-5"): lambda s: _all_with(ranking(s)[:5], "15"),
    ("T4v", "top-6"): lambda s: _all_with(ranking(s)[:6], "3"),
    ("T4v", "single layers"): lambda s: s[list("12345")].idxmax() == "3",
    ("T5", "all 28"): _lowest_with_4,
    ("T6", "good ones"): lambda s: set(ranking(s)[:4]) == {"2345", "12345", "123", "234"},
    ("T6", "poor ones"): lambda s: max(map(len, ranking(s)[-8:])) <= 2,
}
"""What §6.4.2 says of the rankings, by task and group as in ``data/thesis/ch6_ranking_statements.csv``."""


def inclusion_effects(folds: pd.DataFrame) -> dict[str, Estimate]:
    """Return what each layer adds to the score, averaged over the 15 combinations of the others.

    Parameters
    ----------
    folds : DataFrame
        Scores, one row a fold of ten, one column for each of the 31 combinations.

    Returns
    -------
    dict
        Estimate by layer ``"1"`` … ``"5"``, from the spread over folds (`statistics.fold_mean`).
    """
    if missing := [name for name in LAYER_SETS if name not in folds.columns]:
        raise InputError(f"no scores for {', '.join(missing)}; effects need all {len(LAYER_SETS)} combinations")
    return {layer: statistics.fold_mean(inclusion_gains(folds, layer).mean(axis=1).to_numpy()) for layer in "12345"}


def inclusion_gains(folds: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Return what a layer adds: one row a fold, one column a combination run both with it and without."""
    gains = {}
    for name in folds.columns:
        joined = "".join(sorted(name + layer))
        if layer not in name and joined in folds.columns:
            gains[name] = folds[joined] - folds[name]
    if not gains:
        raise InputError(f"no combination was run both with and without layer {layer}")
    return pd.DataFrame(gains)
