"""Repeated updates of one factor, extrapolated, until the divergence hardly falls.

An extrapolated step guesses in the logarithm, from two successive results of the plain update, where the next would
lead, and takes the update from there: ``h[i] = update(y[i])``, ``y[i + 1] = h[i] * (h[i] / h[i - 1]) ** m[i]`` with a
momentum `m` that grows towards 1. It is Y. Nesterov's acceleration ("A method of solving a convex programming problem
with convergence rate O(1/k^2)", Soviet Math. Doklady 27, 1983) with products for sums, which keep the factor positive.
No proof says that the divergence falls, so the best point is kept and returned to, and the answer is the result of a
plain update that lies no higher than the best point checked.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmfamt.array_namespace import namespace

__all__ = ["Descent", "descend", "extrapolated"]

FloatArray = NDArray[np.floating[Any]]

_MOMENTUM_DELAY = 3
_MOST_MOMENTUM = 0.98
_LARGEST_RATIO = 10.0


class Descent(NamedTuple):
    """Where `descend` arrived.

    Attributes
    ----------
    H : ndarray
        The factor.
    costs : list of float
        Divergence of the best point at every check, and of `H`.
    n_iter : int
        Updates done.
    converged : bool
        Whether the tolerance was met.
    """

    H: FloatArray
    costs: list[float]
    n_iter: int
    converged: bool


def descend(
    step: Callable[[FloatArray, bool], tuple[FloatArray, float]],
    H: FloatArray,
    *,
    max_iter: int,
    tol: float,
    check_every: int,
    extrapolate: bool,
) -> Descent:
    """Update one factor until the divergence hardly falls.

    Parameters
    ----------
    step : callable
        From a factor and whether to compute the divergence: the factor after the plain update, and the divergence
        *before* it (anything where it was not asked for).
    H : ndarray
        Where to start.
    max_iter : int
        Most updates.
    tol : float
        Stop when the divergence has fallen by at most this share since the last check; at 0 all updates are made.
    check_every : int
        Updates between two checks; 0 never computes a divergence, and does not extrapolate.
    extrapolate : bool
        Whether to take updates from extrapolated points. A check that finds the divergence higher than the one before
        goes back to the best point and starts anew, and the last update is taken from the best point.

    Returns
    -------
    Descent
        Its H is the result of a plain update.
    """
    if not check_every:
        for _ in range(max_iter):
            H = step(H, False)[0]
        return Descent(H, [], max_iter, False)
    best, least = H, np.inf  # the update of the best point, and the divergence of that point
    costs: list[float] = []
    previous: FloatArray | None = None
    momentum, n, settled = 0, 0, False
    while n < max_iter and not settled:
        checked = n % check_every == 0
        updated, cost = step(H, checked)
        n += 1
        if checked:
            settled = tol > 0 and bool(costs) and abs(least - cost) <= tol * least
            if cost <= least:
                best, least = updated, cost
            else:
                updated, previous, momentum = best, None, 0
            costs.append(least)
        H = updated
        if extrapolate and previous is not None:
            momentum += 1
            H = extrapolated(updated, previous, momentum)
        previous = updated
    if max_iter:
        H = updated
        costs.append(step(H, True)[1])
        if costs[-1] > least:
            H = best
            costs[-1] = step(H, True)[1]
    else:
        costs.append(step(H, True)[1])
    return Descent(H, costs, n, settled)


def extrapolated(H: Any, previous: Any, n_steps: int) -> Any:
    """Return where to take the next update from, beyond the last two results.

    Parameters
    ----------
    H, previous : array
        The last result and the one before, on any device.
    n_steps : int
        Extrapolations since the momentum was last zero, this one included.

    Examples
    --------
    >>> extrapolated(np.array([4.0, 0.0]), np.array([1.0, 0.0]), 3)
    array([8., 0.])
    """
    xp = namespace(H)
    momentum = min(n_steps / (n_steps + _MOMENTUM_DELAY), _MOST_MOMENTUM)
    ratio = xp.clip(H / xp.where(previous > 0, previous, 1), 1 / _LARGEST_RATIO, _LARGEST_RATIO)
    return H * ratio ** H.dtype.type(momentum)
