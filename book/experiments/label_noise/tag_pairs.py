"""Pairs of tags that occur together, and why; how many different label rows clips have.

The thesis sorts related pairs into genre hierarchy, synonyms and musical similarity by eye [Choi2018, §3.2.1];
`relation` does so by rules that are written down.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import gammaln

from mtlib.base.errors import InputError
from mtlib.evidence import cooccurrence, statistics


def pairs(labels: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return every ordered pair of tags, the most frequent company first.

    Returns
    -------
    DataFrame
        Columns tag, beside (tag → beside), share = C[i, j] with its 95 % Wilson interval low, high,
        n_both, n_tag, n_beside. Tags without a clip are left out.
    """
    joint = cooccurrence.joint_counts(labels)
    sizes = np.diag(joint)
    if len(names) != len(sizes):
        raise InputError(f"names must be one per tag, got {len(names)} for {len(sizes)} tags")
    rows = []
    for i, j in np.argwhere(~np.eye(len(sizes), dtype=bool)):
        if sizes[i] and sizes[j]:
            low, high = statistics.proportion_interval(int(joint[i, j]), int(sizes[i]))
            rows.append((names[i], names[j], joint[i, j] / sizes[i], low, high, joint[i, j], sizes[i], sizes[j]))
    columns = ["tag", "beside", "share", "low", "high", "n_both", "n_tag", "n_beside"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def relation(tag: str, beside: str, n_tag: int, n_beside: int, category: Mapping[str, str]) -> str:
    """Return what relates two tags that often stand together.

    Returns
    -------
    {"synonym", "hierarchy", "similarity"}
        "synonym" if one name is the other with at most three letters more and no further word (*chill*,
        *chillout*); "hierarchy" if both are genres and the second ends the first's name (*indie rock*,
        *rock*) or has at least twice as many clips; "similarity" otherwise.
    """
    short, long = sorted((tag.lower(), beside.lower()), key=len)
    rest = long.removeprefix(short)
    if long.startswith(short) and len(rest) <= 3 and " " not in rest:
        return "synonym"
    if category.get(tag) == category.get(beside) == "genre" and (
        tag.lower().endswith(f" {beside.lower()}") or n_beside >= 2 * n_tag
    ):
        return "hierarchy"
    return "similarity"


def n_distinct(labels: np.ndarray) -> int:
    """Return how many different label rows there are."""
    return len(np.unique(np.packbits(np.asarray(labels, bool), axis=1), axis=0))


def accumulation(labels: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return how many different label rows a random choice of clips holds on average.

    Parameters
    ----------
    labels : ndarray (clip, tag)
    sizes : sequence of int
        Clips drawn without replacement, each at most the number of clips.

    Returns
    -------
    ndarray (size,)
        Exact expectations: a row that stands m times is missed with the hypergeometric chance.
    """
    packed = np.packbits(np.asarray(labels, bool), axis=1)
    multiplicity, n_rows = np.unique(np.unique(packed, axis=0, return_counts=True)[1], return_counts=True)
    n_clips = len(packed)
    if not all(1 <= size <= n_clips for size in sizes):
        raise InputError(f"sizes must lie between 1 and {n_clips}, got {list(sizes)}")
    expected = []
    for size in sizes:
        left = n_clips - size
        possible = multiplicity <= left
        m = multiplicity[possible]
        log_missed = gammaln(left + 1) - gammaln(left - m + 1) + gammaln(n_clips - m + 1) - gammaln(n_clips + 1)
        expected.append(n_rows.sum() - (n_rows[possible] * np.exp(log_missed)).sum())
    return np.array(expected)
