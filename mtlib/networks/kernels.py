"""Which way the 3×3 kernels of a first layer look: edges in time, in frequency, or diagonal ones.

The thesis reads first-layer kernels as "vertical and horizontal edge detectors" [Choi2018, §2.3.5.1,
Figure 2.10]. Two measures test it against kernels that prefer no direction.

Conventions
    Kernels are (n, 3, 3) with axes (kernel, freq, time). The *gradient* of a kernel is the slope of the
    plane fitted to its nine weights. Flipping a kernel in both axes (Theano against PyTorch) changes
    neither measure.
"""

import numpy as np

from ..base.errors import InputError

_MEAN = np.array([1, 1, 1]) / np.sqrt(3)
_SLOPE = np.array([-1, 0, 1]) / np.sqrt(2)
_CURVE = np.array([1, -2, 1]) / np.sqrt(6)

AXIS_DEGREES = 22.5
"""A gradient this near to the time or the frequency axis counts as lying along it: half of all angles."""

PATTERNS = ("constant", "change in time", "change in frequency", "diagonal", "other")
"""What `energy_shares` splits a kernel into; with 1, 2, 2, 1 and 3 of the nine dimensions."""


def _checked(kernels: np.ndarray) -> np.ndarray:
    kernels = np.asarray(kernels, np.float64)
    if kernels.ndim != 3 or kernels.shape[1:] != (3, 3) or len(kernels) == 0:
        raise InputError(f"kernels must be (n, 3, 3), got shape {kernels.shape}")
    if not np.isfinite(kernels).all():
        raise InputError("kernels hold NaN or infinity")
    return kernels


def directions(kernels: np.ndarray) -> np.ndarray:
    """Return the angle of each kernel's gradient to the time axis.

    Parameters
    ----------
    kernels : ndarray (n, 3, 3)

    Returns
    -------
    degrees : ndarray (n,)
        From 0 (changes in time only: a vertical edge) to 90 (changes in frequency only: a horizontal
        edge); 45 is a diagonal edge. Signs are left out.
    """
    kernels = _checked(kernels)
    in_time = kernels @ _SLOPE @ _MEAN  # (n,): slope along time, mean over frequency
    in_freq = kernels @ _MEAN @ _SLOPE
    return np.degrees(np.arctan2(np.abs(in_freq), np.abs(in_time)))


def along_axis(degrees: np.ndarray) -> np.ndarray:
    """Tell which angles from `directions` lie within `AXIS_DEGREES` of an axis."""
    degrees = np.asarray(degrees)
    return (degrees <= AXIS_DEGREES) | (degrees >= 90 - AXIS_DEGREES)


def energy_shares(kernels: np.ndarray) -> np.ndarray:
    """Split the energy (sum of squares) of each kernel into the five `PATTERNS`.

    "change in time" is any pattern that is constant in frequency, "change in frequency" any that is
    constant in time, "diagonal" the product of two slopes (+ − over − +).

    Returns
    -------
    shares : ndarray (n, 5)
        Rows sum to 1. Kernels of independent equal normal weights average 1/9, 2/9, 2/9, 1/9 and 3/9.
    """
    kernels = _checked(kernels)
    basis = np.stack([_MEAN, _SLOPE, _CURVE])
    energy = np.square(basis @ kernels @ basis.T)  # (n, pattern in freq, pattern in time)
    total = energy.sum((1, 2))
    if (total == 0).any():
        raise InputError("a kernel of zeros has no direction")
    constant, diagonal = energy[:, 0, 0], energy[:, 1, 1]
    in_time, in_freq = energy[:, 0, 1:].sum(1), energy[:, 1:, 0].sum(1)
    other = total - constant - diagonal - in_time - in_freq
    return np.stack([constant, in_time, in_freq, diagonal, other], 1) / total[:, None]


def random_kernels(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw kernels (n, 3, 3) without a preferred direction: independent normal weights.

    This is also how the thesis' networks start [Choi2018, §5.2.1], so a share that training did not
    change stays where these kernels are.
    """
    if n < 1:
        raise InputError(f"n must be at least 1, got {n}")
    return rng.standard_normal((n, 3, 3))
