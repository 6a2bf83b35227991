"""What label noise does to an AUC: the score that a perfect tagger would get, and errors on few clips.

A tagger is judged by the labels there are. Where it is right and they are wrong, it is marked down; how
far, follows from the rates of wrong labels alone. Chapter 3 uses this module.

Conventions
    r₊ = P(true | observed) and r₋ = P(true | not observed), as in `estimates`.

References
    A. Menon et al., "Learning from corrupted binary labels via class-probability estimation", ICML 2015.
    J. A. Hanley and B. J. McNeil, Radiology 143(1), 1982.
"""

import numpy as np

from mtlib.base.errors import InputError


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
        raise InputError(
            f"auc must lie between 0 and 1 and counts be positive, got {auc}, {n_positive}, {n_negative}"
        )
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_positive - 1) * (q1 - auc**2) + (n_negative - 1) * (q2 - auc**2)
    return float(np.sqrt(spread / (n_positive * n_negative)))
