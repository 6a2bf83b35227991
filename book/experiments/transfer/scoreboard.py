"""The scores of chapter 6 by protocol: published, recorded, and computed by this build.

A chapter computes part of the grid and reads the rest from ``data/results``; the scoreboard lays the live
scores over the recorded ones and answers by task and protocol. ``published`` stands among the protocols
for the author's own files [Choi2018, §6.4].

A combination is named by its layers from 1 (``"135"``). The thesis reads rankings of 28 combinations and
states what the best and the worst have in common [Choi2018, §6.4.2]; `STATEMENTS` holds these sentences.
A rank of one run is partly chance: with other test clips neighbours change places. `rank_bounds` resamples
the clips, for all combinations together, and bounds each rank; a statement stands where it is true of every
ranking within the bounds (`judge_statements`). `inclusion_effects` asks the same question of means: what does
a layer add, over every combination of the others?
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.evidence import evaluation, recorded, statistics
from mtlib.evidence.statistics import Estimate

from . import protocols
from .published_features import LAYER_SETS, TASKS, TaskData, load

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
        self._ranks = recorded.read(RANKS, text=("set", "beats")).set_index(["task", "protocol"])
        self._pairs = recorded.read(PAIRS).set_index(["task", "protocol", "first", "second"]).clip_error
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

    def above(self, task: str, protocol: str) -> pd.DataFrame | None:
        """Return which combinations surely beat which others (and MFCC); None where that is not recorded."""
        if (task, protocol) not in self._ranks.index:
            return None
        rows = self._ranks.loc[[(task, protocol)]].set_index("set").beats.fillna("").str.split()
        return pd.DataFrame([[second in beaten for second in rows.index] for beaten in rows],
                            index=rows.index, columns=rows.index)  # fmt: skip

    def gain(self, task: str, first: str, second: str, protocol: str = "nested") -> Estimate | None:
        """Return the first feature set's score minus the second's.

        Over folds; where there are fewer than ten, over the test clips, whose error is recorded (else None).
        """
        if not self.has(task, protocol, first, second):
            return None
        table = self.folds(task, protocol, first, second)
        if len(table) >= 10:
            return statistics.fold_mean((table[first] - table[second]).to_numpy(), test_share=1 / len(table))
        error = self._pairs.get((task, protocol, first, second))
        if error is None:
            return None
        value = self.of(task, protocol)[first] - self.of(task, protocol)[second]
        n = int(self.cells.n_clips[task, first, protocol, 0])
        return Estimate(float(value), 0.0, np.inf, n, floor=float(error), kind="test clips")

    def gains(self, first: str, second: str, protocol: str = "nested") -> dict[str, Estimate]:
        """Return `gain` under a protocol, of every task that has both scores and an interval."""
        found = {task: self.gain(task, first, second, protocol) for task in TASKS}
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


@dataclass(frozen=True)
class Statement:
    """At most ``n_other`` of the best (or worst) ``n`` combinations lack what the others share."""

    n: int
    alike: tuple[str, ...]
    """The combinations that have it."""
    n_other: int = 0
    worst: bool = False
    among: tuple[str, ...] = RUN

    def holds(self, order: Sequence[str]) -> bool:
        """Tell whether it is true of a ranking, best first."""
        order = [name for name in order if name in self.among]
        ends = order[-self.n :] if self.worst else order[: self.n]
        return sum(name not in self.alike for name in ends) <= self.n_other


def _with(layers: str) -> tuple[str, ...]:
    return tuple(name for name in RUN if set(layers) <= set(name))


def _long(least: int, most: int = 5) -> tuple[str, ...]:
    return tuple(name for name in RUN if least <= len(name) <= most)


STATEMENTS: dict[tuple[str, str], tuple[Statement, ...]] = {
    ("T1", "top-7"): (Statement(7, _with("2")), Statement(7, _with("1"), n_other=1)),
    ("T1", "bottom-7"): (Statement(7, ("5", "4", "3", "45", "35", "2", "25"), worst=True),),
    ("T2", "top-3"): (Statement(3, ("12345", "2345", "1234")),),
    ("T2", "top-7"): (Statement(7, _long(3)),),  # "more than three": of 28 sets only three have (E52)
    ("T2", "bottom-7"): (Statement(7, _long(1, 2), worst=True),),
    ("T4a", "top-7"): (Statement(7, _with("5")),),
    ("T4a", "top-5"): (Statement(5, _with("15")),),
    ("T4v", "top-6"): (Statement(6, _with("3")),),
    ("T4v", "single layers"): (Statement(1, ("3",), among=tuple("12345")),),
    ("T5", "all 28"): (Statement(14, _with("4")),),
    ("T6", "good ones"): (Statement(4, ("2345", "12345", "123", "234")),),
    ("T6", "poor ones"): (Statement(8, _long(1, 2), worst=True),),
}
"""What §6.4.2 says of the rankings, by task and group as in ``data/thesis/ch6_ranking_statements.csv``."""

RANKS, PAIRS = "transfer_ranks", "transfer_pairs"
"""Recorded tables: which combinations surely beat which others, and what test clips add to comparisons."""

COMPARED = (("12345", "mfcc"), ("12345+mfcc", "12345"))
"""Comparisons whose clip error is recorded."""


def resampled(data: TaskData, results: Sequence[protocols.Result], counts: np.ndarray) -> np.ndarray:
    """Return the scores of results on resampled test clips.

    Parameters
    ----------
    data : TaskData
    results : sequence of Result
        Of one task and protocol: the same clips in the same folds.
    counts : ndarray (clip, replicate)
        How often each scored clip is drawn, in the order of the first result's ``clips``.

    Returns
    -------
    ndarray (result, replicate)
        Accuracy, or R² fold by fold weighted by its clips, as the protocols score.
    """
    first = results[0]
    predictions = np.stack([result.predictions for result in results])
    if any((result.clips != first.clips).any() for result in results):
        raise InputError(f"{first.task}: results of different clips cannot be resampled together")
    y, scores, weights = data.y[first.clips], 0.0, 0.0
    if not data.task.is_regression:
        return (predictions == y) @ counts / counts.sum(0)
    for fold in np.split(np.arange(len(y)), np.cumsum(first.fold_sizes)[:-1]):
        n = counts[fold].sum(0)
        mean = y[fold] @ counts[fold] / n
        spread = np.square(y[fold]) @ counts[fold] - n * mean**2
        left = np.square(predictions[:, fold] - y[fold]) @ counts[fold]
        scores, weights = scores + n * (1 - left / spread), weights + n
    return scores / weights


def surely_above(scores: np.ndarray, drawn: np.ndarray, *, level: float = 0.95) -> np.ndarray:
    """Tell which of several systems surely beat which others, all comparisons together at one level.

    Parameters
    ----------
    scores : ndarray (system,)
    drawn : ndarray (system, replicate)
        Of resampled test clips, the same for all systems.

    Returns
    -------
    ndarray (system, system) [dtype=bool]
        Whether the first beats the second: their difference exceeds its standard error by a factor that no
        difference between any two systems exceeds in 95 % of the replicates (max-t).
    """
    gaps = scores[:, None] - scores
    differences = drawn[:, None] - drawn  # (system, system, replicate)
    errors = differences.std(2, ddof=1)
    kept = errors > 1e-12
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.abs(differences - gaps[..., None]) / errors[..., None]
    factor = np.quantile(off[kept].max(0), level) if kept.any() else np.inf
    return kept & (gaps > factor * errors)


def judge_statements(statements: Iterable[Statement], above: pd.DataFrame) -> dict[str, Any]:
    """Judge statements about a ranking by what is sure of it.

    Parameters
    ----------
    statements : iterable of Statement
    above : DataFrame
        From `surely_above`, by combination.

    Returns
    -------
    dict
        rule, rule_id, verdict and n of `claims.record`: supported if all are true of every ranking that is
        possible, contradicted if one is true of none.
    """
    verdicts = set()
    for statement in statements:
        sure = above.loc[list(statement.among), list(statement.among)].to_numpy()
        sure = sure if statement.worst else sure.T  # (combination, those that go before it)
        best = 1 + sure.sum(1)
        last = len(sure) - sure.sum(0)
        others = np.array([name not in statement.alike for name in statement.among])
        possible, certain = (int(((rank <= statement.n) & others).sum()) for rank in (best, last))
        too_few = ((best <= statement.n) & ~others).sum() < statement.n - statement.n_other
        if possible <= statement.n_other:
            verdicts.add("supported")
        else:
            verdicts.add("contradicted" if certain > statement.n_other or too_few else "inconclusive")
    verdict = next(v for v in ("contradicted", "inconclusive", "supported") if v in verdicts)
    rule = "true of every ranking that resampled test clips allow (95 %, all comparisons together)"
    return {"rule": rule, "rule_id": "ranks", "verdict": verdict, "n": len(RUN)}


def record_clips(results: Iterable[protocols.Result], n_resamples: int = 2000) -> None:
    """Record what test clips say of rankings and comparisons, of every task and protocol that is complete."""
    groups: dict[tuple[str, str], dict[str, protocols.Result]] = {}
    for result in results:
        if result.seed == 0:
            groups.setdefault((result.task, result.protocol), {})[result.set] = result
    ranks, pairs = [], []
    for (task, protocol), found in groups.items():
        data, where = load(task), {"task": task, "protocol": protocol}
        counts = evaluation.resample(
            len(next(iter(found.values())).clips), n_resamples, np.random.default_rng(0)
        ).astype(np.float64)
        drawn = dict(zip(found, resampled(data, list(found.values()), counts), strict=True))
        for names in COMPARED:
            if set(names) <= set(found):
                gap = drawn[names[0]] - drawn[names[1]]
                pairs.append(where | {"first": names[0], "second": names[1], "clip_error": gap.std(ddof=1)})
        known = [name for name in (*RUN, "mfcc") if name in found]
        if set(RUN) <= set(known):
            scores = np.array([found[name].score for name in known])
            above = surely_above(scores, np.stack([drawn[name] for name in known]))
            ranks += [
                where | {"set": name, "score": score, "beats": " ".join(np.array(known)[row])}
                for name, score, row in zip(known, scores, above, strict=True)
            ]
    command = "python -m mtlib transfer --record"
    for name, rows, index in (
        (RANKS, ranks, ("task", "protocol", "set")), (PAIRS, pairs, ("task", "protocol", "first", "second")),
    ):  # fmt: skip
        if rows:
            recorded.write(name, pd.DataFrame(rows), index, command=command, n_resamples=n_resamples)


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
