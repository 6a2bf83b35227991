"""How many clips to listen to again: the precision that a re-annotation will have, before it is made.

Chapter 3 uses this module for its advice on a dataset of your own.
"""

import numpy as np
import pandas as pd

from mtlib.base.errors import InputError

from . import estimates, noisy_areas

N_CLIPS = (50, 100, 200, 400, 800, 1600, 3200)
"""Clips judged for one tag."""


def half_widths(
    n_judged: int, *, share_positive: float, prevalence: float, tagability: float, precision: float = 0.95,
    n_clips: int = 10_000_000, level: float = 0.95,
) -> dict[str, float]:  # fmt: skip
    """Return half the width of the interval that each quantity will have.

    Parameters
    ----------
    n_judged : int
        Clips judged for the tag.
    share_positive : float
        Share of these that have the label.
    prevalence, tagability, precision : float
        What one expects: P(true), P(observed | true), P(true | observed).
    n_clips : int
        Size of the dataset; very large by default, so that judging some clips does not use them up.
    level : float

    Returns
    -------
    dict of str to float
        By quantity of `label_noise.QUANTITIES`: the width where the counts are as expected.

    Raises
    ------
    InputError
        If a value is out of range, or the dataset has too few clips with or without the label.
    """
    values = {
        "share_positive": share_positive,
        "prevalence": prevalence,
        "tagability": tagability,
        "precision": precision,
    }
    for name, value in values.items():
        if not 0 < value < 1:
            raise InputError(f"{name} must lie between 0 and 1, got {value}")
    n_observed = round(n_clips * prevalence * tagability / precision)
    false_positive = n_observed * (1 - precision) / n_clips / (1 - prevalence)
    with_label, without = noisy_areas.rates(prevalence, tagability, min(false_positive, 1.0))
    n_positive, n_negative = n_judged * share_positive, n_judged * (1 - share_positive)
    counts = estimates.Counts(
        n_clips, n_observed, n_positive, n_positive * (1 - with_label), n_negative, n_negative * without
    )
    found = estimates.intervals(counts, rng=np.random.default_rng(0), level=level)
    return {quantity: float(high - low) / 2 for quantity, (low, high) in found.items()}


def table(
    prevalences: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7),
    tagabilities: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.5, 0.9),
    shares: tuple[float, ...] = (0.1, 0.5),
) -> pd.DataFrame:
    """Return half-widths of prevalence and recall for a grid of expectations.

    Returns
    -------
    DataFrame
        Columns prevalence, tagability, share_positive, n_judged, quantity, half_width.
    """
    rows = []
    for prevalence in prevalences:
        for tagability in tagabilities:
            for share in shares:
                for n_judged in N_CLIPS:
                    expected = {"prevalence": prevalence, "tagability": tagability, "share_positive": share}
                    widths = half_widths(n_judged, **expected)
                    rows += [
                        {**expected, "n_judged": n_judged, "quantity": name, "half_width": widths[name]}
                        for name in ("prevalence", "recall")
                    ]
    return pd.DataFrame(rows)
