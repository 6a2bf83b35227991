"""Linear support vector regression by Newton steps.

Chapter 6 regresses arousal and valence on layer features [Choi2018, §6.2.3]. With a linear kernel and a large
penalty C, the coordinate steps of libsvm need minutes for 670 clips and stop early; a primal-dual
interior-point method (Mehrotra's predictor and corrector) solves the same problem to a stated precision in
milliseconds, because a step costs no more than a small least-squares fit.
"""

import numpy as np
from scipy import linalg

from mtlib.base.errors import InputError

EPSILON = 0.1
"""Half-width of the insensitive tube of SVR: scikit-learn's default, which the author kept."""


def solve_svr(
    features: np.ndarray, y: np.ndarray, C: float, *, epsilon: float = EPSILON, tolerance: float = 1e-6
) -> tuple[np.ndarray, float, float]:
    """Solve linear ε-insensitive regression by a primal-dual interior-point method.

    Coordinate methods such as libsvm's need millions of steps for a linear kernel and a large C; Newton
    steps need about twenty, whatever C is, and each costs n_clips × n_features².

    Parameters
    ----------
    features : ndarray (clip, feature)
    y : ndarray (clip,)
    C, epsilon : float
    tolerance : float
        Bound of the duality gap, relative to the objective; the conditions of the optimum hold to a hundred
        times this, 1e-4, where libsvm stops at 1e-3.

    Returns
    -------
    weights : ndarray (feature,)
    intercept : float
        A prediction is ``features @ weights + intercept``.
    largest : float
        The largest multiplier of a clip, at most C.

    Raises
    ------
    InputError
        If C is not positive, or the method does not converge.
    """
    if C <= 0:
        raise InputError(f"C must be positive, got {C}")
    n = len(y)
    inputs = np.column_stack([features, np.ones(n)])  # the last column carries the intercept
    penalty = np.append(np.ones(features.shape[1]), 0.0)  # ... which is not penalised
    weights = np.append(np.zeros(features.shape[1]), np.median(y))
    sign = np.concatenate([np.ones(n), -np.ones(n)])
    linear = epsilon - sign * np.concatenate([y, y])
    alpha = np.full(2 * n, C / 2)  # multipliers of the upper, then of the lower side of the tube
    room = C - alpha  # kept apart: the difference would lose what is left of it
    lower, upper = np.ones(2 * n), np.ones(2 * n)  # multipliers of alpha >= 0 and of room >= 0
    for _ in range(100):
        fitted = inputs @ weights
        tube = sign * np.concatenate([fitted, fitted]) + linear - lower + upper
        pull = penalty * weights - inputs.T @ (alpha[:n] - alpha[n:])
        gap = alpha @ lower + room @ upper
        objective = abs((penalty * weights) @ weights / 2 + C * upper.sum()) + 1
        if gap < tolerance * objective and max(np.abs(tube).max(), np.abs(pull).max() / C) < 100 * tolerance:
            return weights[:-1], float(weights[-1]), float(alpha.max())
        theta = lower / alpha + upper / room
        clip_weight = 1 / theta[:n] + 1 / theta[n:]
        normal = (inputs * clip_weight[:, None]).T @ inputs + np.diag(penalty)
        factor = linalg.cho_factor(normal, check_finite=False)

        def step(target: np.ndarray, factor=factor, theta=theta, pull=pull) -> tuple[np.ndarray, np.ndarray]:
            """Return the change of alpha and of the weights that brings the tube's residual to `target`."""
            scaled = target / theta
            d_weights = linalg.cho_solve(
                factor, inputs.T @ (scaled[:n] - scaled[n:]) - pull, check_finite=False
            )
            change = inputs @ d_weights
            return scaled - sign * np.concatenate([change, change]) / theta, d_weights

        mu = gap / (4 * n)
        d_alpha, _ = step(-tube - lower + upper)
        d_lower, d_upper = -lower - lower / alpha * d_alpha, -upper + upper / room * d_alpha
        primal = min(_longest(alpha, d_alpha), _longest(room, -d_alpha))
        dual = min(_longest(lower, d_lower), _longest(upper, d_upper))
        after = (alpha + primal * d_alpha) @ (lower + dual * d_lower)
        after += (room - primal * d_alpha) @ (upper + dual * d_upper)
        centre = (after / gap) ** 3 * mu
        first = (centre - d_alpha * d_lower) / alpha - lower
        second = (centre + d_alpha * d_upper) / room - upper
        d_alpha, d_weights = step(-tube + first - second)
        d_lower, d_upper = first - lower / alpha * d_alpha, second + upper / room * d_alpha
        size = 0.995 * min(
            _longest(alpha, d_alpha),
            _longest(room, -d_alpha),
            _longest(lower, d_lower),
            _longest(upper, d_upper),
        )
        alpha, room = alpha + size * d_alpha, room - size * d_alpha
        lower, upper = lower + size * d_lower, upper + size * d_upper
        weights = weights + size * d_weights
    raise InputError(f"the regression with C = {C} did not converge; scale the features")


def _longest(values: np.ndarray, change: np.ndarray) -> float:
    """Return the largest step, at most 1, that keeps positive values positive."""
    shrinking = change < 0
    return min(1.0, float((-values[shrinking] / change[shrinking]).min(initial=np.inf)))
