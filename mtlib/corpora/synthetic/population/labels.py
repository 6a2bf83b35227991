"""From what is true to what is tagged: weak labels by a per-tag tagability [Choi2018, §3.2.2].

A listener tags what is true and salient, sometimes, and what is not true, rarely:
P(tagged | true) = σ(a + β z), z the salience standardised over the clips where the tag is true, with the
intercept a solved so that the marginal rate is the tag's *tagability*; P(tagged | not true) is a
*false-positive rate* of the tag. The standardisation and the intercepts come from a reference population,
so the labels of a clip do not depend on which others are in its corpus. Any other setting is another label
set over the same audio, and shares its random numbers: raising a tagability only adds tags.
"""

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from ....base.errors import InputError
from ....base.tags import TAGS
from . import latents, tagrules
from .draws import uniform

SEED = 2018
"""Seed of the source corpus."""

SLOPE = 1.5
"""How much likelier a more salient tag is tagged: β."""

TWINS = (("female vocalists", "female vocalist"), ("chillout", "chill"))
"""Synonyms: one truth, two tagabilities."""

_REFERENCE = np.arange(20_000) + (1 << 40)
"""Numbers of the clips of the reference population; no corpus holds them."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The population that salience is measured against.

    Attributes
    ----------
    z : tuple of np.ndarray
        For each tag, standardised salience of the clips where it is true.
    mean, sd, prevalence : np.ndarray [shape=(50,)]
        Of the salience where the tag is true; rate of true clips.
    """

    z: tuple[np.ndarray, ...]
    mean: np.ndarray
    sd: np.ndarray
    prevalence: np.ndarray


@functools.cache
def reference() -> Reference:
    """Return the reference population, drawn once a process."""
    found = tagrules.salience(latents.draw(SEED, _REFERENCE))
    above = [column[column > 0] for column in found.T]
    mean, sd = np.array([c.mean() for c in above]), np.array([max(c.std(), 1e-9) for c in above])
    z = tuple((c - m) / s for c, m, s in zip(above, mean, sd, strict=True))
    return Reference(z, mean, sd, np.array([len(c) for c in above]) / len(found))


def default_tagability(seed: int = 0) -> np.ndarray:
    """Return a tagability for each tag: evenly from .35 to .95, in an order that ignores categories.

    The order is the first after `seed` in which both pairs of twins lie at least .25 apart.

    Returns
    -------
    np.ndarray [shape=(50,), dtype=float64]
    """
    values = np.linspace(0.35, 0.95, len(TAGS))
    while True:
        found = np.random.default_rng(seed).permutation(values)
        gaps = [found[TAGS.index(a)] - found[TAGS.index(b)] for a, b in TWINS]
        if min(gaps) >= 0.25:
            return found
        seed += 1


def default_false_positive() -> np.ndarray:
    """Return the false-positive rate of each tag: .03 of its true prevalence."""
    return 0.03 * reference().prevalence


def observe(
    salience: np.ndarray,
    clips: np.ndarray,
    tagability: np.ndarray | float | None = None,
    false_positive: np.ndarray | float | None = None,
    *,
    slope: float = SLOPE,
    seed: int = SEED,
) -> np.ndarray:
    """Draw weak labels.

    Parameters
    ----------
    salience : np.ndarray [shape=(n, 50)]
        From `mtlib.corpora.synthetic.population.tagrules.salience`.
    clips : array_like of int [shape=(n,)]
        Numbers of the clips: they decide the random numbers.
    tagability, false_positive : np.ndarray [shape=(50,)] or float, optional
        Marginal P(tagged | true), within (0, 1], and P(tagged | not true), within [0, 1); the
        defaults are `default_tagability` and `default_false_positive`.
    slope : float
        β, at least 0: 0 makes the labels independent of the salience.
    seed : int

    Returns
    -------
    np.ndarray [shape=(n, 50), dtype=bool]

    Raises
    ------
    InputError
        If a rate is out of range or a shape does not fit.
    """
    salience, clips = np.asarray(salience), np.asarray(clips)
    if salience.shape != (len(clips), len(TAGS)):
        raise InputError(f"salience must have shape ({len(clips)}, {len(TAGS)}), got {salience.shape}")
    if slope < 0:
        raise InputError(f"slope must be at least 0, got {slope}")
    tau = _rates("tagability", default_tagability() if tagability is None else tagability)
    phi = _rates("false_positive", default_false_positive() if false_positive is None else false_positive)
    if (tau <= 0).any() or (phi >= 1).any():
        raise InputError("tagability must be above 0 and false_positive below 1")
    known = reference()
    z = (salience - known.mean) / known.sd
    intercept = np.array([_intercept(i, float(t), slope) for i, t in enumerate(tau)])
    probability = np.where(salience > 0, expit(intercept + slope * z), phi)
    return uniform(seed, "observe", clips, len(TAGS)) < probability


@functools.lru_cache(4096)
def _intercept(tag: int, tagability: float, slope: float) -> float:
    """Solve for the intercept that gives the marginal rate in the reference population."""
    if tagability == 1:
        return np.inf
    z = reference().z[tag]
    return brentq(lambda a: expit(a + slope * z).mean() - tagability, -60, 60)


@dataclass(frozen=True, eq=False)
class Population:
    """Clips without audio.

    Attributes
    ----------
    latents : pd.DataFrame
    salience : np.ndarray [shape=(n, 50), dtype=float64]
    true, observed : np.ndarray [shape=(n, 50), dtype=bool]
    """

    latents: pd.DataFrame
    salience: np.ndarray
    true: np.ndarray
    observed: np.ndarray


def population(
    n: int,
    seed: int = 1,
    tagability: np.ndarray | float | None = None,
    false_positive: np.ndarray | float | None = None,
) -> Population:
    """Draw clips, what is true of them and how they are tagged, by the corpus' rules but without audio.

    Parameters
    ----------
    n : int
    seed : int
        The corpus itself has `SEED`.
    tagability, false_positive
        As in `observe`.
    """
    if n < 1:
        raise InputError(f"n must be at least 1, got {n}")
    parts = [np.arange(start, min(start + 20_000, n)) for start in range(0, n, 20_000)]
    drawn = [latents.draw(seed, clips) for clips in parts]
    salience = np.concatenate([tagrules.salience(part) for part in drawn])
    clips = np.arange(n)
    observed = observe(salience, clips, tagability, false_positive, seed=seed)
    return Population(pd.concat(drawn), salience, salience > 0, observed)


def _rates(name: str, values: np.ndarray | float) -> np.ndarray:
    rates = np.broadcast_to(np.asarray(values, np.float64), (len(TAGS),))
    if not ((rates >= 0) & (rates <= 1)).all():
        raise InputError(f"{name} must be one rate within 0 … 1 or one per tag, got {values}")
    return rates
