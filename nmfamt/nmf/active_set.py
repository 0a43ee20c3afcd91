"""Activations by an active-set Newton method: only the few templates that a frame needs are computed with.

Of the templates of a dictionary some twenty are active in a frame of music, and nine tenths of them were active in
the frame before. So each frame starts from the solution of its predecessor, takes projected Newton steps on the active
templates alone, and adds a template only where the optimality conditions say that it is missing: T. Virtanen, J. F.
Gemmeke & B. Raj, "Active-set Newton algorithm for overcomplete non-negative representations of audio", IEEE TASLP 21
(2013).

Departures:

1. Frames are warm-started along time, within chunks that start cold, after two multiplicative updates of the active
   templates. Where a template is lacking badly, the frame starts cold too.
2. Up to twelve templates are added at a time, and a frame is left when a Newton step promises little (its decrement,
   S. Boyd & L. Vandenberghe, "Convex Optimization", 2004, section 9.5.1), not after a number of iterations.
3. After a pass over a chunk the duality gap of every frame is computed from two matrix products; frames whose gap is
   too large are improved, and checked again, until the gap of the chunk is at most `tol`.
4. A step is shortened by its slope at the end, which needs no logarithm.
5. Any beta in [0, 2) is served; below 1, where the divergence is not convex, by a curvature that stays positive.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.nmf.problem import ChunkFit, Frames, Problem

__all__ = ["solve_active_set"]

FloatArray = NDArray[np.floating[Any]]

_MAX_STEPS = 15  # Newton steps a frame and pass
_FIRST = (3e-3, 0.01)  # decrement and excess at which the first pass leaves a frame, where it is not the last
_LATER = (1e-3, 1e-4)  # the same in later passes; they end by their gap
_PATIENCE = 2  # passes in a row that may leave the gap as it is: below it is rounding


def solve_active_set(frames: Frames, problem: Problem, *, certify: bool = True) -> ChunkFit:
    """Solve a chunk; ``problem.max_iter`` bounds the passes over it. See `nmfamt.nmf.activations` for `certify`."""
    from nmfamt.nmf._active_set import refine, track

    V, Wt, beta = frames.V, problem.Wt, problem.beta
    floor, penalty = frames.floor(beta), problem.penalty(frames)
    H = np.zeros((len(V), len(Wt)), dtype=V.dtype)
    tau, tol = _FIRST if certify else (3 * problem.tol, 10 * problem.tol)
    n_iter = track(V, floor, penalty, Wt, beta, tau, tol, _MAX_STEPS, H)
    if not certify:
        return ChunkFit(H, [], np.nan, 0.0, n_iter, n_iter < _MAX_STEPS)
    cost, bound, excess = _check(frames, problem, H)
    costs, in_vain, negligible = [float(cost.sum())], 0, problem.negligible(frames)
    for _ in range(problem.max_iter):
        gap, lower = cost - bound, float(bound.sum())
        if problem.good_enough(costs[-1], lower, negligible) or in_vain == _PATIENCE:
            break
        chosen = np.flatnonzero(gap > problem.tol * abs(lower) / len(V) / 2)
        before = H.copy()
        steps = refine(V, floor, penalty, Wt, beta, *_LATER, _MAX_STEPS, H, excess, chosen)
        n_iter = max(n_iter, steps)
        new_cost, new_bound, excess = _check(frames, problem, H)
        worse = new_cost > cost
        H[worse] = before[worse]
        # Where the problem is convex a bound holds for every H.
        bound = np.maximum(bound, new_bound) if problem.convex else np.where(worse, bound, new_bound)
        cost = np.minimum(cost, new_cost)
        costs.append(float(cost.sum()))
        in_vain = 0 if (cost - bound).sum() < 0.99 * gap.sum() else in_vain + 1
    lower = float(bound.sum())
    return ChunkFit(H, costs, lower, negligible, n_iter, problem.good_enough(costs[-1], lower, negligible))


def _check(frames: Frames, problem: Problem, H: FloatArray) -> tuple[Any, Any, Any]:
    """Return objective and bound of each frame, and the excess of every template."""
    X = problem.model(H, frames.floor(problem.beta))
    num, den = problem.ratios(frames.V, X)
    cost, bound = problem.check(frames, H, X, num, den)
    return cost, bound, (num - problem.penalty(frames)) / den - 1
