"""Does a re-annotation find the truth? The thesis' procedure, a thousand times, where the truth is known.

From a population whose true labels are known some clips are drawn, judged by an annotator, and everything
is estimated as in `estimates`. Repeated often, this shows the *bias* of each estimate (its mean
minus the truth) and the *coverage* of each interval (how often it holds the truth). The thesis had one
re-annotation and no truth [Choi2018, §3.2.2.1]. ``python -m mtlib label-noise
procedure --record`` computes ``data/results/label_noise_procedure.csv`` again.
"""

import itertools
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.corpora import synthetic
from mtlib.evidence import recorded as recorded_tables
from mtlib.evidence.statistics import proportion_interval

from . import estimates
from .estimates import METHODS, PERFECT, QUANTITIES, Annotator, Counts

NAME = "label_noise_procedure"
POPULATION = 242_842
"""Clips of the population: as many as the thesis' dataset has [Choi2018, §3.1.3]."""
UNBIASED = ("precision", "prevalence")
"""Estimates that are linear in both rates: right on average, if the annotator is."""


@dataclass(frozen=True)
class Design:
    """Which clips are judged for a tag."""

    n_positive: int = 0
    """Drawn among the clips with the observed tag."""
    n_negative: int = 0
    """Drawn among the clips without."""
    n_random: int = 0
    """Drawn among all clips; then the first two are 0."""

    def __post_init__(self) -> None:
        if min(self.n_positive, self.n_negative, self.n_random) < 0 or not (
            (self.n_random > 0) ^ (self.n_positive > 0 and self.n_negative > 0)
        ):
            raise InputError(f"a design draws n_random clips, or n_positive and n_negative ones, got {self}")


DESIGNS = {
    "Subset100": Design(50, 50),
    "Subset400": Design(n_random=400),
    "200 + 200": Design(200, 200),
    "40 + 360": Design(40, 360),
}
"""The thesis' two subsets, and two other ways to spend four hundred clips."""

ANNOTATORS = {"perfect": PERFECT, "careful": Annotator(0.95, 0.98), "hasty": Annotator(0.85, 0.95)}


def annotate(
    truth: np.ndarray, annotator: Annotator, rng: np.random.Generator, *, difficulty: np.ndarray | None = None
) -> np.ndarray:
    """Return what an annotator says of every clip (clip,), bool.

    Parameters
    ----------
    truth : ndarray (clip,) of bool
    annotator : Annotator
    rng : numpy Generator
    difficulty : ndarray (clip,), optional
        A miss is as likely, relative to other true clips, as this is large; 1 for all by default. The
        sensitivity stays that of the annotator on average, unless a chance would exceed 1.
    """
    truth = np.asarray(truth, bool)
    miss = np.full(len(truth), 1 - annotator.sensitivity)
    if difficulty is not None and truth.any():
        miss = np.minimum(miss * difficulty / np.mean(difficulty[truth]), 1)
    return rng.random(len(truth)) < np.where(truth, 1 - miss, 1 - annotator.specificity)


def repeat(
    observed: np.ndarray, judged: np.ndarray, design: Design, n_repetitions: int, rng: np.random.Generator
) -> Counts:
    """Draw the judged clips again and again.

    Parameters
    ----------
    observed, judged : ndarray (clip,) of bool
        The dataset's labels, and what the annotator would say of every clip.
    design : Design
    n_repetitions : int
    rng : numpy Generator

    Returns
    -------
    Counts
        With arrays (repetition,): clips drawn without replacement are hypergeometric counts.
    """
    observed, judged = np.asarray(observed, bool), np.asarray(judged, bool)
    both, wrong = (observed & judged).sum(), (observed & ~judged).sum()
    missed, neither = (~observed & judged).sum(), (~observed & ~judged).sum()
    if design.n_random:
        cells = rng.multivariate_hypergeometric([both, wrong, missed, neither], design.n_random, n_repetitions)
        drawn = cells[:, 0] + cells[:, 1], cells[:, 1], cells[:, 2] + cells[:, 3], cells[:, 2]
    else:
        if design.n_positive > both + wrong or design.n_negative > missed + neither:
            raise InputError(
                f"{design} asks for more clips than there are: {both + wrong} with the label, "
                f"{missed + neither} without"
            )
        drawn = (
            np.full(n_repetitions, design.n_positive),
            rng.hypergeometric(wrong, both, design.n_positive, n_repetitions),
            np.full(n_repetitions, design.n_negative),
            rng.hypergeometric(missed, neither, design.n_negative, n_repetitions),
        )
    return Counts(len(observed), int(both + wrong), *drawn)


def performance(
    counts: Counts,
    truth: dict[str, float],
    rng: np.random.Generator,
    *,
    annotator: Annotator = PERFECT,
    methods: Sequence[str] = METHODS,
    n_draws: int = 1000,
) -> pd.DataFrame:
    """Return bias and coverage over repetitions.

    Parameters
    ----------
    counts : Counts
        From `repeat`.
    truth : dict of str to float
        The true value of each quantity.
    rng : numpy Generator
    annotator : Annotator
        What the estimate takes the annotator for; errors that it does not know of stay uncorrected.
    methods : sequence of str
        Of `label_noise.METHODS`.
    n_draws : int
        Behind each interval.

    Returns
    -------
    DataFrame
        One row a quantity and method: truth, bias, bias_error (its standard error), spread (standard
        deviation of the estimates), coverage with its 95 % interval, width (mean of the intervals),
        n_repetitions, n_undefined (without an estimate or interval: they count as not covering).
    """
    drawn = np.stack([counts.n_positive, counts.n_wrong_positive, counts.n_negative, counts.n_wrong_negative])
    different, inverse = np.unique(drawn, axis=1, return_inverse=True)
    each = replace(counts, **dict(zip(
        ("n_positive", "n_wrong_positive", "n_negative", "n_wrong_negative"), different, strict=True
    )))  # fmt: skip
    rows = []
    for method in methods:
        found = estimates.intervals(each, rng=rng, method=method, annotator=annotator, n_draws=n_draws)
        for quantity in QUANTITIES:
            value = estimates.value(each, quantity, annotator)[inverse]
            low, high = (end[inverse] for end in found[quantity])
            rows.append({"quantity": quantity, "method": method, **_summary(value, low, high, truth[quantity])})
    return pd.DataFrame(rows)


def counting(counts: Counts, truth: float) -> dict[str, float]:
    """Return bias and coverage of the plain share of deserving clips in a random sample, as in column (g)."""
    hits = counts.n_positive - counts.n_wrong_positive + counts.n_wrong_negative
    n = int((counts.n_positive + counts.n_negative)[0])
    ends = {k: proportion_interval(k, n) for k in np.unique(hits).tolist()}
    low, high = np.array([ends[k] for k in hits.tolist()]).T
    return {"quantity": "prevalence", "method": "count", **_summary(hits / n, low, high, truth)}


def _summary(value: np.ndarray, low: np.ndarray, high: np.ndarray, truth: float) -> dict[str, float]:
    n = len(value)
    inside = int(((low - 1e-12 <= truth) & (truth <= high + 1e-12)).sum())
    undefined = np.isnan(value) | np.isnan(low)
    known = value[~np.isnan(value)]
    ends = proportion_interval(inside, n)
    return {
        "truth": truth,
        "bias": known.mean() - truth,
        "bias_error": known.std(ddof=1) / len(known) ** 0.5,
        "spread": known.std(ddof=1),
        "coverage": inside / n,
        "coverage_low": ends[0],
        "coverage_high": ends[1],
        "width": np.nanmean(high - low),
        "n_repetitions": n,
        "n_undefined": int(undefined.sum()),
    }


def true_values(observed: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the true value of each quantity in a population (clip,) whose truth is known."""
    counts = estimates.count(observed, truth)
    return {quantity: float(estimates.value(counts, quantity)) for quantity in QUANTITIES}


@dataclass(frozen=True)
class Setting:
    """One row of the experiment: a tag of the synthetic population, how tagable it is, who judges what."""

    tag: str
    tagability: float
    design: str = "Subset100"
    annotator: str = "perfect"
    errors: str = "none"
    """"none", "unknown" (the estimate takes the annotator for perfect), "known" (it corrects), or "known,
    hard clips" (it corrects by the average, but the annotator misses what is hardly salient)."""


TAGS_SHOWN = ("heavy metal", "jazz", "dance", "Mellow", "male vocalists")
"""Tags of the synthetic population, from rare to frequent."""
TAGABILITIES = (0.02, 0.05, 0.2, 0.5, 0.9)


def settings() -> list[Setting]:
    """Return every setting that is recorded: a perfect annotator in all designs, then those who err."""
    perfect = [Setting(*values) for values in itertools.product(TAGS_SHOWN, TAGABILITIES, DESIGNS)]
    erring = itertools.product(
        TAGS_SHOWN[::2], (0.05, 0.5), ("Subset100", "200 + 200"), ("careful", "hasty"),
        ("unknown", "known", "known, hard clips"),
    )  # fmt: skip
    return perfect + [Setting(*values) for values in erring]


def run(wanted: Iterable[Setting], *, n_repetitions: int = 1000, seed: int = 0) -> Iterator[pd.DataFrame]:
    """Repeat the procedure in every setting.

    Parameters
    ----------
    wanted : iterable of Setting
    n_repetitions : int
    seed : int
        Of the population and the draws; each setting has its own, whatever else is asked for.

    Yields
    ------
    DataFrame
        One a setting: the rows of `performance` (and of `counting`) with the columns of `Setting`.
    """
    population, labels = synthetic.population(POPULATION, seed=seed + 1), {}
    for setting in wanted:
        k, name = TAGS.index(setting.tag), json.dumps(vars(setting))
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        if setting.tagability not in labels:
            labels[setting.tagability] = synthetic.observe(
                population.salience, np.arange(POPULATION), setting.tagability, seed=seed + 1
            )
        observed, truth = labels[setting.tagability][:, k], population.true[:, k]
        annotator = ANNOTATORS[setting.annotator]
        difficulty = np.exp(-_standardised(population.salience[:, k], truth)) if "hard" in setting.errors else None
        judged = annotate(truth, annotator, rng, difficulty=difficulty)
        counts = repeat(observed, judged, DESIGNS[setting.design], n_repetitions, rng)
        truths = true_values(observed, truth)
        found = performance(
            counts, truths, rng,
            annotator=annotator if "known" in setting.errors.split(",") else PERFECT,
            methods=METHODS if setting.errors == "none" else ("posterior",),
        )  # fmt: skip
        if DESIGNS[setting.design].n_random:
            found.loc[len(found)] = counting(counts, truths["prevalence"])
        yield pd.DataFrame(vars(setting), index=found.index).join(found)


def _standardised(salience: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (salience - salience[truth].mean()) / salience[truth].std()


def record(tables: Iterable[pd.DataFrame]) -> Path:
    """Write the recorded results and where they come from; return their path."""
    recorded_tables.replace({NAME: pd.concat(tables)}, NAME, command="python -m mtlib label-noise procedure --record")
    return paths.DATA / "results" / f"{NAME}.csv"


def recorded() -> pd.DataFrame:
    """Return the recorded results."""
    return recorded_tables.read(NAME)
