"""Reading areas by tag: what tagability costs, and whether noisy labels order systems as true ones do.

Areas are tables of `trainings.areas`: one row a training and tag, with the AUC on true and on
observed labels. Undefined areas are left out by tag, and only there. Chapter 3 uses this module.
"""

import math
from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.base.errors import InputError
from mtlib.evidence import statistics
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
    found = pd.DataFrame(
        {"swept": values.loc[:, inside].mean(axis=1), "others": values.loc[:, ~inside].mean(axis=1)}
    )
    found = found.reset_index().rename(columns={"setting": "tagability"})
    return found.assign(tagability=found.tagability.astype(float))


def slope(means: pd.DataFrame, column: str = "swept") -> Estimate:
    """Estimate the change of the AUC from no label dropped to all dropped: a straight line for each seed.

    Parameters
    ----------
    means : DataFrame
        From `swept_means`, at least two seeds and two tagabilities.
    column : {"swept", "others"}
    """
    lines = [
        np.polyfit(1 - part.tagability, part[column], 1)[0]
        for _, part in means.groupby("seed") if part.tagability.nunique() > 1
    ]  # fmt: skip
    if len(lines) < 2:
        raise InputError(f"a slope with an interval needs at least two seeds, got {len(lines)}")
    return statistics.mean(np.array(lines))


def by_tag(areas: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds, a row a tag: true, observed, n_true, n_observed, n_clips; all defined."""
    return (
        areas.groupby("tag", sort=False)[["true", "observed", "n_true", "n_observed", "n_clips"]]
        .mean()
        .dropna()
    )


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
    return (
        few.add_prefix("few_")
        .assign(all_observed=areas.groupby(keys, sort=False)["observed"].mean())
        .reset_index()
    )


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
    return Estimate(
        gap, 0.0, np.inf, first.n + second.n, floor=math.sqrt(1 / (first.n - 3) + 1 / (second.n - 3))
    )


def mean_correlation(found: Collection[Correlation], level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of independent Pearson correlations on Fisher's scale, with its interval."""
    scale = np.array([math.atanh(one.value) for one in found])
    error = math.sqrt(sum(1 / (one.n - 3) for one in found)) / len(scale)
    half = stats.norm.ppf((1 + level) / 2) * error
    return tuple(math.tanh(v) for v in (scale.mean(), scale.mean() - half, scale.mean() + half))
