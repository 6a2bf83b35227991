"""The scores of chapter 6 by protocol: published, recorded, and computed by this build.

A chapter computes part of the grid and reads the rest from ``data/results``; the scoreboard lays the live
scores over the recorded ones and answers by task and protocol. ``published`` stands among the protocols
for the author's own files [Choi2018, §6.4].
"""

from collections.abc import Sequence

import pandas as pd

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.evidence import statistics
from mtlib.evidence.statistics import Estimate

from . import protocols
from .published_features import TASKS, load

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
        Largest difference between a live score and the recorded one of the same cell.

    Raises
    ------
    InputError
        If live and recorded scores of one cell differ: the record belongs to other code or other files.
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
        if self.gap > 1e-6:
            raise InputError(f"live and recorded scores differ by {self.gap:.2g}; record these cells again")

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
