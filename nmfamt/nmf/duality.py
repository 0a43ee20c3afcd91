"""How far activations are from the best: a certificate that needs no knowledge of the optimum.

The problem of one frame is to minimise ``sum_f d(v_f | x_f) + penalty' h`` with ``x = W h + floor`` over ``h >= 0``;
``d`` is the beta-divergence. For beta in [1, 2] it is convex, and for every vector ``p`` with
``W' p + penalty >= 0`` weak duality says that no ``h`` comes below ``sum_f min_x (d(v_f | x) - p_f x) + p' floor``
(S. Boyd & L. Vandenberghe, "Convex Optimization", 2004, chapter 5). Here ``p`` is the derivative of the divergence at
the model scaled up by a factor: ``p = d'(v | c x)``, feasible as soon as ``c`` reaches the largest ratio
``(num_k - penalty_k) / den_k``, where ``num = W' (v x**(beta - 2))`` and ``den = W' x**(beta - 1)`` are what a
multiplicative update computes anyway. The minimum over ``x`` is then at ``c x``, so the bound is a closed form, and the
gap is zero exactly where the optimality conditions (Karush, Kuhn & Tucker) hold.

Below beta = 1 the problem is not convex and the same number is no bound, but it still vanishes exactly at the
stationary points: it serves as the residual of the optimality conditions.

With a group penalty ``group_penalty * sum_g ||weights_g h_g||`` the condition on ``p`` is that
``||max(-W_g' p - penalty_g, 0) / weights_g||`` is at most `group_penalty` in every group; the smallest such ``c`` is
found by bisection.
"""

from typing import Any

import numpy as np

from nmfamt.array_namespace import fused, namespace

__all__ = ["feasible_scale", "primal_and_dual"]

_BISECTIONS = 30


def feasible_scale(num: Any, den: Any, penalty: Any, groups: Any = None) -> Any:
    """Return the smallest ``c >= 1`` per frame for which the scaled model gives a feasible dual point.

    Parameters
    ----------
    num, den : array, shape (n_frames, n_components)
        ``W' (v x**(beta - 2))`` and ``W' x**(beta - 1)``; `den` broadcasts.
    penalty : array, broadcasting to the same shape
        Derivative of the l1 penalty.
    groups : Groups, optional
        With a group penalty; see `nmfamt.nmf.problem`.
    """
    xp = namespace(num)
    high = xp.maximum(_ratio(num, den, penalty).max(axis=1), 1)
    if groups is None:
        return high
    low = xp.ones_like(high)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        excess = xp.maximum(num - penalty - middle[:, None] * den, 0) / groups.weights
        feasible = (xp.sqrt(excess**2 @ groups.members) <= groups.penalty).all(axis=1)
        low, high = xp.where(feasible, low, middle), xp.where(feasible, middle, high)
    return high


def primal_and_dual(V: Any, X: Any, scale: Any, floor: Any, beta: float) -> tuple[Any, Any]:
    """Return the divergence of each frame, and the dual objective at its model scaled by `scale`.

    Parameters
    ----------
    V, X : array, shape (n_frames, n_bins)
        Data and model; the model is positive (with beta = 2 it may be zero), `floor` included.
    scale, floor : array, shape (n_frames,)
        What `feasible_scale` returned; what the model holds besides ``W h``.
    beta : float, in [0, 2]
        Which divergence.

    Returns
    -------
    divergence, bound : array, shape (n_frames,)
        In double precision.
    """
    xp = namespace(V)
    if beta == 1:  # of both nearly all terms are the same
        ratio = V / X
        tiny = xp.finfo(V.dtype).tiny
        excess = (X - V).sum(axis=1, dtype=np.float64)
        divergence = (V * xp.log(xp.maximum(ratio, tiny))).sum(axis=1, dtype=np.float64) + excess
        gap = excess + V.sum(axis=1, dtype=np.float64) * xp.log(scale.astype(np.float64))
        gap -= floor * (V.shape[1] - ratio.sum(axis=1, dtype=np.float64) / scale)
        return divergence, divergence - gap
    Y = scale[:, None] * X
    slope = Y - V if beta == 2 else Y ** (beta - 1) - V * Y ** (beta - 2)
    divergence = _terms(V, X, beta).sum(axis=1, dtype=np.float64)
    return divergence, (_terms(V, Y, beta) - slope * (Y - floor[:, None])).sum(axis=1, dtype=np.float64)


def _terms(V: Any, X: Any, beta: float) -> Any:
    """Return ``d(V | X)`` element by element, beta other than 1."""
    xp = namespace(V)
    if beta == 2:
        return 0.5 * (V - X) ** 2
    if beta == 0:
        ratio = xp.maximum(V, xp.finfo(V.dtype).tiny) / X
        return ratio - xp.log(ratio) - 1
    return V**beta / (beta * (beta - 1)) + X**beta / beta - V * X ** (beta - 1) / (beta - 1)


@fused
def _ratio(num: Any, den: Any, penalty: Any) -> Any:
    return (num - penalty) / den
