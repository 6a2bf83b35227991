"""Reading areas by tag: what tagability costs, and whether noisy labels order systems as true ones do.

Areas are tables of `trainings.areas`: one row a training and tag, with the AUC on true and on
observed labels. Undefined areas are left out by tag, and only there. A tagger is judged by the labels there
are: where it is right and they are wrong, it is marked down; how far, follows from the rates of wrong labels.

Conventions
    r₊ = P(true | observed) and r₋ = P(true | not observed), as in `estimates`.

References
----------
A. Menon et al., "Learning from corrupted binary labels via class-probability estimation", ICML 2015.
J. A. Hanley and B. J. McNeil, Radiology 143(1), 1982.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.base.errors import InputError
from mtlib.evidence import rules, statistics
from mtlib.evidence.correlation import Correlation
from mtlib.evidence.statistics import Estimate


def swept_means(areas: pd.DataFrame, tags: Collection[str]) -> pd.DataFrame:
    """Return the mean AUC on true labels of the tags whose tagability varies, and of all others.

    Parameters
    ----------
    areas : DataFrame
        Of the experiment *tagability*.
    tags : collection of str

    Returns
    -------
    DataFrame
        One row a training: tagability, seed, swept, others; means over tags that have an area in every row.
    """
    values = areas.pivot_table(index=["setting", "seed"], columns="tag", values="true", dropna=False)
    values = values.dropna(axis=1)
    inside = values.columns.isin(list(tags))
    if not inside.any() or inside.all():
        raise InputError("no tag, or every tag, of the swept ones has an area in every training")
    found = pd.DataFrame({"swept": values.loc[:, inside].mean(axis=1), "others": values.loc[:, ~inside].mean(axis=1)})
    found = found.reset_index().rename(columns={"setting": "tagability"})
    return found.assign(tagability=found.tagability.astype(float))


def slope(means: pd.DataFrame, column: str = "swept", *, floor: float = 0.0) -> Estimate:
    """Estimate the change of the AUC from no label dropped to all dropped: a straight line for each seed.

    Parameters
    ----------
    means : DataFrame
        From `swept_means`, at least two seeds and two tagabilities.
    column : {"swept", "others"}
    floor : float
        What the shared test clips add to the loss from no label dropped to all.
    """
    lines = [
        np.polyfit(1 - part.tagability, part[column], 1)[0]
        for _, part in means.groupby("seed") if part.tagability.nunique() > 1
    ]  # fmt: skip
    if len(lines) < 2:
        raise InputError(f"a slope with an interval needs at least two seeds, got {len(lines)}")
    return statistics.mean(np.array(lines), floor=floor)


def by_tag(areas: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds, one row per tag: true, observed, n_true, n_observed, n_clips; all defined."""
    return areas.groupby("tag", sort=False)[["true", "observed", "n_true", "n_observed", "n_clips"]].mean().dropna()


def systems(areas: pd.DataFrame, tags: Collection[str]) -> pd.DataFrame:
    """Return the scores of each training as in Figure 3.6.

    Parameters
    ----------
    areas : DataFrame
    tags : collection of str
        The few tags whose true labels are thought to be known.

    Returns
    -------
    DataFrame
        One row a training: experiment, setting, seed, few_true, few_observed, all_observed.
    """
    keys = ["experiment", "setting", "seed"]
    few = areas[areas.tag.isin(list(tags))].groupby(keys, sort=False)[["true", "observed"]].mean()
    return few.add_prefix("few_").assign(all_observed=areas.groupby(keys, sort=False)["observed"].mean()).reset_index()


def fisher_difference(first: Correlation, second: Correlation) -> Estimate:
    """Estimate how much a Pearson correlation exceeds another of independent units, on Fisher's scale.

    Raises
    ------
    InputError
        If a correlation is ±1 or has fewer than four units.
    """
    for one in (first, second):
        if one.n < 4 or abs(one.value) > 1 - 1e-12:
            raise InputError(f"Fisher's scale needs four units and a correlation within ±1, got {one}")
    gap = math.atanh(first.value) - math.atanh(second.value)
    error = math.sqrt(1 / (first.n - 3) + 1 / (second.n - 3))
    return Estimate(gap, 0.0, np.inf, first.n + second.n, floor=error, kind="Fisher")


def mean_correlation(found: Collection[Correlation], level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of independent Pearson correlations on Fisher's scale, with its interval."""
    scale = np.array([math.atanh(one.value) for one in found])
    error = math.sqrt(sum(1 / (one.n - 3) for one in found)) / len(scale)
    half = stats.norm.ppf((1 + level) / 2) * error
    return tuple(math.tanh(v) for v in (scale.mean(), scale.mean() - half, scale.mean() + half))


def rates(
    prevalence: np.ndarray, tagability: np.ndarray, false_positive: np.ndarray = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return r₊ and r₋ by Bayes' rule.

    Parameters
    ----------
    prevalence, tagability, false_positive : float or ndarray
        P(true), P(observed | true) and P(observed | not true).
    """
    for name, values in (
        ("prevalence", prevalence), ("tagability", tagability), ("false_positive", false_positive)
    ):  # fmt: skip
        if not ((np.asarray(values) >= 0) & (np.asarray(values) <= 1)).all():
            raise InputError(f"{name} must lie between 0 and 1, got {values}")
    prevalence, tagability, false_positive = map(np.asarray, (prevalence, tagability, false_positive))
    observed = prevalence * tagability + (1 - prevalence) * false_positive
    with np.errstate(invalid="ignore", divide="ignore"):
        return prevalence * tagability / observed, prevalence * (1 - tagability) / (1 - observed)


def expected_auc(auc: float, precision: np.ndarray, wrong_negative: np.ndarray) -> np.ndarray:
    """Return the AUC on observed labels of a tagger whose AUC on true labels is given.

    Where the score tells nothing about the labels beyond the truth, noise shrinks the area towards one half
    by a factor of r₊ − r₋ [Menon et al.]. A tagger that also knows *which* clips listeners bother to tag
    scores higher.

    Parameters
    ----------
    auc : float or ndarray
        On true labels; 1 gives the ceiling.
    precision, wrong_negative : float or ndarray
        r₊ = P(true | observed) and r₋ = P(true | not observed).
    """
    return 0.5 + (np.asarray(precision) - wrong_negative) * (np.asarray(auc) - 0.5)


def auc_error(auc: float, n_positive: float, n_negative: float) -> float:
    """Return the standard error of an AUC measured on few clips.

    References
    ----------
    J. A. Hanley and B. J. McNeil, Radiology 143(1), 1982.
    """
    if not 0 <= auc <= 1 or n_positive <= 0 or n_negative <= 0:
        raise InputError(f"auc must lie between 0 and 1 and counts be positive, got {auc}, {n_positive}, {n_negative}")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_positive - 1) * (q1 - auc**2) + (n_negative - 1) * (q2 - auc**2)
    return float(np.sqrt(spread / (n_positive * n_negative)))


def macro_error(areas: pd.DataFrame, labels: str = "true", n_networks: int = 2) -> float:
    """Return the standard error that test clips add to a mean area, or to a difference of two.

    Tags and networks are taken for independent, which two networks on one test set are not: for a difference
    the error is too large rather than too small.

    Parameters
    ----------
    areas : DataFrame
        From `by_tag`.
    labels : {"true", "observed"}
    n_networks : {1, 2}
    """
    errors = [
        auc_error(area, n, n_clips - n)
        for area, n, n_clips in zip(areas[labels], areas[f"n_{labels}"], areas.n_clips, strict=True)
    ]
    return float(np.sqrt(n_networks * np.square(errors).sum()) / len(errors))


def macro_auc(areas: pd.Series, n_positive: pd.Series, n_clips: int) -> Estimate:
    """Estimate a mean area over tags from published areas; its error is that of the test clips (`auc_error`).

    Parameters
    ----------
    areas, n_positive : Series
        By tag; clips of each tag among `n_clips`.
    """
    errors = [auc_error(areas[tag], n, n_clips - n) for tag, n in n_positive[areas.index].items()]
    error = float(np.sqrt(np.square(errors).sum())) / len(errors)
    return Estimate(float(areas.mean()), 0.0, np.inf, n_clips, floor=error, kind="test clips")


def implied_total(n_hits: int, n_known: int, n_elsewhere: int, n_rest: int) -> Estimate:
    """Estimate a count of all clips from a random part of them.

    Parameters
    ----------
    n_hits, n_known : int
        Clips with the tag in the random part, and clips in it.
    n_elsewhere : int
        Counted in the other known part, which is no random one.
    n_rest : int
        Clips outside that other part, the random part included.
    """
    rate = n_hits / n_known
    error = n_rest * np.sqrt(rate * (1 - rate) * (1 / n_known - 1 / n_rest))  # sampled without replacement
    return Estimate(float(n_rest * rate + n_elsewhere), float(error), np.inf, n_known)


def judge_totals(hits: Mapping[str, int], stated: Mapping[str, int], n_known: int, n_rest: int) -> dict[str, object]:
    """Judge stated counts by a random part of the clips: a sample can refute them, and not confirm.

    Parameters
    ----------
    hits : mapping of str to int
        Clips with the tag in the random part, by tag.
    stated : mapping of str to int
        Stated clips with the tag among all of which the part was drawn.
    n_known, n_rest : int
        Clips in the random part, and clips that it was drawn from.

    Returns
    -------
    dict
        rule, rule_id and verdict of `claims.record`.
    """
    tails = {name: stats.hypergeom(n_rest, stated[name], n_known) for name in stated}
    p = [2 * min(t.cdf(hits[name]), t.sf(hits[name] - 1), 0.5) for name, t in tails.items()]
    return {
        "rule": "a stated count is contradicted where a random part of the clips has too many or few (Holm)",
        "rule_id": "counts",
        "verdict": "contradicted" if (statistics.adjust(np.array(p)) < 0.05).any() else "inconclusive",
    }


def judge_agreement(found: Correlation) -> dict[str, object]:
    """Judge that scores agree over systems: Pearson's correlation above .5.

    Parameters
    ----------
    found : Correlation
        Over systems; its interval is normal on Fisher's scale.
    """
    side = rules.judge_interval(found.low, found.high, 0.5, claimed="above", rule_id="Pearson interval")
    return side | {"estimate": found.value, "low": found.low, "high": found.high, "n": found.n}
