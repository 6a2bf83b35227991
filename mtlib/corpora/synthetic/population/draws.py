"""Random numbers that belong to a clip, not to the order in which clips are drawn.

Every number is a hash of (seed, stream, clip, column), so clip 17 has the same numbers alone and among
20,000, in any process, and drawing for 200,000 clips is a few array operations.
"""

import hashlib

import numpy as np
from scipy.special import ndtri

_STEP, _MIX_A, _MIX_B = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _mixed(x: np.ndarray) -> np.ndarray:
    """Return the finaliser of SplitMix64 of unsigned 64-bit integers."""
    x = (x ^ (x >> np.uint64(30))) * _MIX_A
    x = (x ^ (x >> np.uint64(27))) * _MIX_B
    return x ^ (x >> np.uint64(31))


def uniform(seed: int, stream: str, clips: np.ndarray, n_columns: int | None = None) -> np.ndarray:
    """Return numbers in (0, 1), the same for a clip whatever others are asked for.

    Parameters
    ----------
    seed : int
    stream : str
        What the numbers are for; other streams are independent.
    clips : np.ndarray [shape=(n,), dtype=int64]
        Numbers of the clips.
    n_columns : int, optional
        One number a clip by default.

    Returns
    -------
    np.ndarray [shape=(n,) or (n, n_columns), dtype=float64]
    """
    key = int.from_bytes(hashlib.sha256(f"{seed}/{stream}".encode()).digest()[:8], "little")
    with np.errstate(over="ignore"):
        states = _mixed(np.asarray(clips).astype(np.uint64) * _STEP + np.uint64(key))
        columns = np.arange(1, (n_columns or 1) + 1, dtype=np.uint64) * _STEP
        bits = _mixed(states[:, None] + columns)
    numbers = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return numbers[:, 0] if n_columns is None else numbers


def normal(seed: int, stream: str, clips: np.ndarray, n_columns: int | None = None) -> np.ndarray:
    """Return standard normal numbers; see `uniform`."""
    return ndtri(uniform(seed, stream, clips, n_columns))


def choice(numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Turn uniform numbers into indices drawn by weights.

    Parameters
    ----------
    numbers : np.ndarray [shape=(n,)]
    weights : np.ndarray [shape=(k,) or (n, k)]
        At least one above zero.

    Returns
    -------
    np.ndarray [shape=(n,), dtype=int64]
    """
    edges = np.cumsum(np.atleast_2d(weights), axis=1)
    return (numbers[:, None] * edges[:, -1:] >= edges).sum(axis=1)
