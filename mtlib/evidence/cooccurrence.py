"""Which labels occur together: the thesis counts how often tag j stands beside tag i [Choi2018, §3.2.1].

Conventions
    Labels are (clip, tag), 0 or 1. ``C[i, j]`` is the share of the clips with tag i that have tag j as well
    (Eq. 3.1), so rows are what one starts from; Figure 3.1 prints it transposed, i across and j down.
"""

import numpy as np

from ..base.errors import InputError


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
