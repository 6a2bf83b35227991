"""Which labels occur together, and why: normalised co-occurrence and three kinds of related tags.

The thesis counts how often tag j stands beside tag i and sorts related pairs into genre hierarchy, synonyms
and musical similarity by eye [Choi2018, §3.2.1]; `relations` does so by rules that are written down.

Conventions
    Labels are (clip, tag), 0 or 1. ``C[i, j]`` is the share of the clips with tag i that have tag j as well
    (Eq. 3.1), so rows are what one starts from; Figure 3.1 prints it transposed, i across and j down.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..base.errors import InputError
from .statistics import proportion_interval


def joint_counts(labels: np.ndarray) -> np.ndarray:
    """Return how many clips have both tags (tag, tag); the diagonal counts each tag."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.isin(labels, (0, 1)).all():
        raise InputError(f"labels must be 0 or 1 and (clip, tag), got shape {labels.shape}")
    columns = labels.astype(np.float32)  # exact up to 16 million clips
    return np.rint(columns.T @ columns).astype(np.int64)


def normalised(labels: np.ndarray) -> np.ndarray:
    """Return C[i, j] = #(i and j) / #i (tag, tag); a row of NaN where no clip has tag i.

    References
    ----------
    Choi2018, Eq. 3.1.
    """
    joint = joint_counts(labels)
    with np.errstate(invalid="ignore"):
        return joint / np.diag(joint)[:, None].astype(np.float64)


def pairs(labels: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return every ordered pair of tags, the most frequent company first.

    Returns
    -------
    DataFrame
        Columns tag, beside (tag → beside), share = C[i, j] with its 95 % Wilson interval low, high,
        n_both, n_tag, n_beside. Tags without a clip are left out.
    """
    joint = joint_counts(labels)
    sizes = np.diag(joint)
    if len(names) != len(sizes):
        raise InputError(f"names must be one a tag, got {len(names)} for {len(sizes)} tags")
    rows = []
    for i, j in np.argwhere(~np.eye(len(sizes), dtype=bool)):
        if sizes[i] and sizes[j]:
            low, high = proportion_interval(int(joint[i, j]), int(sizes[i]))
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
