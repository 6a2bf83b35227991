"""Label noise: what re-annotating a few clips tells about the labels of all of them.

Listeners tag what strikes them. A tag that is there is nearly always right; a tag that is absent may be
wrong or only not given: the labels are *weak*. The thesis re-annotates clips with and without a tag by
ear, and infers how often the tag really applies [Choi2018, §3.2.2]. For a dataset of your own call
`estimate`; `plan` says how many clips to listen to.

Conventions
    *Observed* labels are the dataset's, *true* ones a careful listener's. Per tag: `n_clips` clips, of which
    `n_observed` have the tag; judged were `n_positive` clips with the tag (`n_wrong_positive` do not deserve
    it) and `n_negative` clips without (`n_wrong_negative` deserve it). Judged counts may be arrays of one
    shape, an element a repetition.
    Everything follows from two rates, r₊ = P(true | observed) and r₋ = P(true | not observed), and the
    known share of observed positives s (`QUANTITIES`):
      precision        r₊
      balanced_recall  r₊ / (r₊ + r₋): the recall *on a subset with equally many of both kinds*
      prevalence       s·r₊ + (1 − s)·r₋: how often the tag applies, Eq. 3.2 divided by the number of clips
      recall           s·r₊ / prevalence: the chance that a clip which deserves the tag has it, *tagability*
      ceiling          (1 + r₊ − r₋) / 2: the AUC on observed labels of a tagger that knows the truth alone

References
----------
C. J. Clopper and E. S. Pearson, Biometrika 26(4), 1934. L. D. Brown, T. T. Cai and A. DasGupta,
Statistical Science 16(2), 2001: Jeffreys' interval. W. J. Rogan and B. Gladen, American Journal of
Epidemiology 107(1), 1978: annotators who err.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.base.errors import InputError

from . import results


def _precision(positive: np.ndarray, negative: np.ndarray, share: np.ndarray) -> np.ndarray:
    return positive + 0 * negative


def _balanced_recall(positive: np.ndarray, negative: np.ndarray, share: np.ndarray) -> np.ndarray:
    return positive / (positive + negative)


def _prevalence(positive: np.ndarray, negative: np.ndarray, share: np.ndarray) -> np.ndarray:
    return share * positive + (1 - share) * negative


def _recall(positive: np.ndarray, negative: np.ndarray, share: np.ndarray) -> np.ndarray:
    return share * positive / _prevalence(positive, negative, share)


def _ceiling(positive: np.ndarray, negative: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (1 + positive - negative) / 2 + 0 * share


QUANTITIES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "precision": _precision,
    "balanced_recall": _balanced_recall,
    "prevalence": _prevalence,
    "recall": _recall,
    "ceiling": _ceiling,
}
"""Functions of r₊, r₋ and the share of observed positives; each monotone in both rates."""

METHODS = ("posterior", "bootstrap", "exact")
"""Jeffreys' prior for both rates; resampled clips, as in the thesis; Clopper and Pearson for both at once."""


JUDGING = (0.015, 0.985)
"""Quantiles of a posterior that judge a claim: those of 95 % would err in 5.7 % of cases on the border."""


@dataclass(frozen=True)
class Annotator:
    """How reliable the re-annotation itself is; 1 and 1: its word is the truth."""

    sensitivity: float = 1.0
    """Chance that a clip which deserves the tag is judged so."""
    specificity: float = 1.0
    """Chance that a clip which does not is judged so."""

    def __post_init__(self) -> None:
        for name, value in (("sensitivity", self.sensitivity), ("specificity", self.specificity)):
            if not 0 <= value <= 1:
                raise InputError(f"{name} must lie between 0 and 1, got {value}")
        if self.sensitivity + self.specificity <= 1:
            raise InputError(
                "an annotator must be better than chance: sensitivity + specificity above 1, "
                f"got {self.sensitivity} + {self.specificity}"
            )

    def corrected(self, judged: np.ndarray) -> np.ndarray:
        """Return true rates from judged ones [Rogan and Gladen], kept within 0 and 1."""
        return np.clip((judged - (1 - self.specificity)) / (self.sensitivity + self.specificity - 1), 0, 1)


@dataclass(frozen=True)
class Counts:
    """What is known of one tag after a re-annotation; see the conventions above."""

    n_clips: int
    n_observed: int
    n_positive: int | np.ndarray
    n_wrong_positive: int | np.ndarray
    n_negative: int | np.ndarray
    n_wrong_negative: int | np.ndarray

    def __post_init__(self) -> None:
        if not 0 < self.n_observed < self.n_clips:
            raise InputError(f"n_observed must lie between 0 and n_clips, got {self.n_observed} of {self.n_clips}")
        for kind, most in (("positive", self.n_observed), ("negative", self.n_clips - self.n_observed)):
            judged, wrong = getattr(self, f"n_{kind}"), getattr(self, f"n_wrong_{kind}")
            if np.any(np.asarray(wrong) < 0) or np.any(wrong > np.asarray(judged)) or np.any(judged > most):
                raise InputError(f"n_wrong_{kind} must lie between 0 and n_{kind}, and n_{kind} be at most {most}")

    @property
    def share(self) -> float:
        """Share of clips with the observed tag."""
        return self.n_observed / self.n_clips

    @property
    def hits(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Clips that deserve the tag and clips judged, with and without the observed tag."""
        positive, negative = np.asarray(self.n_positive), np.asarray(self.n_negative)
        return (positive - self.n_wrong_positive, positive), (np.asarray(self.n_wrong_negative), negative)


PERFECT = Annotator()


def value(counts: Counts, quantity: str, annotator: Annotator = PERFECT) -> np.ndarray:
    """Return the estimate of one of `QUANTITIES`, in the shape of the counts; NaN if undefined."""
    if quantity not in QUANTITIES:
        raise InputError(f"quantity must be one of {', '.join(QUANTITIES)}, got {quantity!r}")
    with np.errstate(invalid="ignore", divide="ignore"):
        positive, negative = (annotator.corrected(hits / judged) for hits, judged in counts.hits)
        return QUANTITIES[quantity](positive, negative, counts.share)


def draws(
    counts: Counts,
    rng: np.random.Generator,
    *,
    method: str = "posterior",
    annotator: Annotator = PERFECT,
    n_draws: int = 4000,
) -> dict[str, np.ndarray]:
    """Return values that `QUANTITIES` may have, for intervals of whatever is made of them.

    Parameters
    ----------
    counts : Counts
    rng : numpy Generator
    method : {"posterior", "bootstrap"}
        "posterior" draws both rates from their posterior under Jeffreys' prior. "bootstrap" resamples the
        judged clips, as the thesis does; it never leaves a rate of 0 or 1.
    annotator : Annotator
    n_draws : int

    Returns
    -------
    dict of str to ndarray (draw, …)
        By quantity; entry k of all quantities is made of the same two rates.
    """
    if method not in ("posterior", "bootstrap"):
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    draw = _posterior if method == "posterior" else _resampled
    positive, negative = (annotator.corrected(draw(*rate, n_draws, rng)) for rate in counts.hits)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: function(positive, negative, counts.share) for name, function in QUANTITIES.items()}


def intervals(
    counts: Counts,
    *,
    rng: np.random.Generator | None = None,
    method: str = "posterior",
    level: float = 0.95,
    annotator: Annotator = PERFECT,
    n_draws: int = 4000,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the intervals of all `QUANTITIES`.

    Parameters
    ----------
    counts : Counts
    rng : numpy Generator
        Not needed for "exact".
    method : {"posterior", "bootstrap", "exact"}
        The first two: quantiles of `draws`. "exact" takes Clopper and Pearson's interval for each rate, at
        a level that makes both hold together: never too narrow, often too wide.
    level : float
    annotator : Annotator
    n_draws : int

    Returns
    -------
    dict of str to (low, high)
        By quantity, each end in the shape of the counts; NaN where the bootstrap has nothing to resample.
    """
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    if method == "exact":
        return {name: _corners(counts, name, level, annotator) for name in QUANTITIES}
    if rng is None:
        raise InputError(f"method {method!r} needs a random generator: rng=numpy.random.default_rng(seed)")
    drawn = draws(counts, rng, method=method, annotator=annotator, n_draws=n_draws)
    tails = (1 - level) / 2, (1 + level) / 2
    return {name: tuple(np.quantile(values, tails, axis=0)) for name, values in drawn.items()}


def _corners(counts: Counts, quantity: str, level: float, annotator: Annotator) -> tuple[np.ndarray, np.ndarray]:
    """Return the extremes of a quantity over the rectangle of both rates' exact intervals."""
    joint = level if quantity == "precision" else level**0.5
    ends = [np.moveaxis(_exact(*rate, joint), 0, -1) for rate in counts.hits]  # (…, 2)
    positive, negative = (annotator.corrected(end) for end in ends)
    with np.errstate(invalid="ignore", divide="ignore"):
        corners = QUANTITIES[quantity](positive[..., :, None], negative[..., None, :], counts.share)
    return np.nanmin(corners, (-2, -1)), np.nanmax(corners, (-2, -1))


def _posterior(hits: np.ndarray, judged: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    return rng.beta(hits + 0.5, judged - hits + 0.5, size=(n_draws, *np.shape(hits)))


def _resampled(hits: np.ndarray, judged: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        rate = np.where(judged > 0, hits / np.maximum(judged, 1), np.nan)
    drawn = rng.binomial(judged, np.nan_to_num(rate), size=(n_draws, *np.shape(hits)))
    return np.where(judged > 0, drawn / np.maximum(judged, 1), np.nan)


def _exact(hits: np.ndarray, judged: np.ndarray, level: float) -> np.ndarray:
    """Return Clopper and Pearson's interval, stacked (2, …)."""
    tail, missed = (1 - level) / 2, judged - hits
    low = np.where(hits > 0, stats.beta.ppf(tail, np.maximum(hits, 1), missed + 1), 0.0)
    high = np.where(missed > 0, stats.beta.isf(tail, hits + 1, np.maximum(missed, 1)), 1.0)
    return np.stack([low, high])


def count(observed: np.ndarray, annotated: np.ndarray, clips: np.ndarray | None = None) -> Counts:
    """Count one tag's errors.

    Parameters
    ----------
    observed : ndarray (clip,)
        The dataset's labels, 0 or 1, of every clip.
    annotated : ndarray (judged,)
        What a listener says: 1, 0, or NaN where nothing was said.
    clips : ndarray (judged,) of int, optional
        Which clips were judged, each once; all by default.
    """
    observed, annotated = np.asarray(observed), np.asarray(annotated, np.float64)
    clips = np.arange(len(observed)) if clips is None else np.asarray(clips)
    if observed.ndim != 1 or annotated.shape != clips.shape:
        raise InputError(
            "observed must be (clip,), annotated as long as clips; "
            f"got {observed.shape}, {annotated.shape}, {clips.shape}"
        )
    if not np.isin(observed, (0, 1)).all() or not (np.isin(annotated, (0, 1)) | np.isnan(annotated)).all():
        raise InputError("observed labels must be 0 or 1; annotated ones 0, 1 or NaN (not judged)")
    if len(np.unique(clips)) != len(clips) or (len(clips) and not 0 <= clips.min() <= clips.max() < len(observed)):
        raise InputError(f"clips must name each judged clip once, by its index from 0 to {len(observed) - 1}")
    judged = ~np.isnan(annotated)
    has, said = observed[clips[judged]].astype(bool), annotated[judged] == 1
    return Counts(
        len(observed), int(observed.sum()),
        int(has.sum()), int((has & ~said).sum()), int((~has).sum()), int((~has & said).sum()),
    )  # fmt: skip


def estimate(
    observed: np.ndarray,
    clips: np.ndarray,
    annotated: np.ndarray,
    *,
    rng: np.random.Generator,
    names: Sequence[str] | None = None,
    method: str = "posterior",
    level: float = 0.95,
    annotator: Annotator = PERFECT,
) -> pd.DataFrame:
    """Estimate the label noise of a dataset from clips that were listened to again.

    Parameters
    ----------
    observed : ndarray (clip, tag)
        The dataset's labels, 0 or 1, of every clip.
    clips : ndarray (judged,) of int
        Clips that were judged. Among the clips with a tag, and among those without, they must be a random
        choice; how many of each kind is free.
    annotated : ndarray (judged, tag)
        What the listener says: 1, 0, or NaN where this tag was not judged.
    rng : numpy Generator
    names : sequence of str, optional
        Of the tags.
    method, level, annotator
        As for `intervals`.

    Returns
    -------
    DataFrame
        One row per tag and quantity: tag, quantity, value, low, high, and the counts behind them.

    Raises
    ------
    InputError
        If shapes or values do not fit, or a tag is observed in no clip or in all.
    """
    observed, annotated = np.asarray(observed), np.asarray(annotated)
    if observed.ndim != 2 or annotated.ndim != 2 or observed.shape[1] != annotated.shape[1]:
        raise InputError(
            f"observed must be (clip, tag) and annotated (judged, tag), got {observed.shape} and {annotated.shape}"
        )
    names = [f"tag {k}" for k in range(observed.shape[1])] if names is None else list(names)
    if len(names) != observed.shape[1]:
        raise InputError(f"names must be one per tag, got {len(names)} for {observed.shape[1]} tags")
    rows = []
    for k, name in enumerate(names):
        counts = count(observed[:, k], annotated[:, k], clips)
        found = intervals(counts, rng=rng, method=method, level=level, annotator=annotator)
        rows += [
            {"tag": name, "quantity": quantity, "value": float(value(counts, quantity, annotator)),
             "low": float(low), "high": float(high), **vars(counts)}
            for quantity, (low, high) in found.items()
        ]  # fmt: skip
    return pd.DataFrame(rows)


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
    with_label, without = results.rates(prevalence, tagability, min(false_positive, 1.0))
    n_positive, n_negative = n_judged * share_positive, n_judged * (1 - share_positive)
    counts = Counts(n_clips, n_observed, n_positive, n_positive * (1 - with_label), n_negative, n_negative * without)
    found = intervals(counts, rng=np.random.default_rng(0), level=level)
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
