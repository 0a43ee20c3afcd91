"""Activations by multiplicative updates, and the same extrapolated.

``H <- H * (num / (den + penalty)) ** gamma`` with ``num = (V * X**(beta - 2)) W``, ``den = X**(beta - 1) W`` and ``X``
the model; `gamma` is 1 for beta in [1, 2] and ``1 / (2 - beta)`` below, which makes every update a
majorisation-minimisation step: the objective never rises. C. Févotte & J. Idier, "Algorithms for nonnegative matrix
factorization with the beta-divergence", Neural Computation 23 (2011), section 4; for beta = 1 and 2 these are the
updates of D. D. Lee & H. S. Seung, "Algorithms for non-negative matrix factorization", NIPS 2000.

Two matrix products are all it takes, so this is what runs on a GPU; the arrays decide where.

Departures:

1. A chunk starts cold, from the flat model that has the energy of the frame, and so does not depend on its neighbours.
2. An update may be over-relaxed: R. Badeau, N. Bertin & E. Vincent, "Stability analysis of multiplicative update
   algorithms and application to nonnegative matrix factorization", IEEE Trans. Neural Networks 21 (2010), show that
   powers below 2 converge near a solution. They no longer guarantee that every update lowers the objective.
3. A group penalty adds ``weights**2 * h / norm of the group`` to the denominator, and makes the exponent
   ``1 / (3 - beta)``: with the norm bounded by a parabola the update stops short of the minimum of the majorant.
4. Activations may be sharpened by a power that rises to `anneal` (T. Cheng, M. Mauch, E. Benetos & S. Dixon, "An
   attack/decay model for piano transcription", ISMIR 2016), relative to the largest of the frame.
5. Extrapolated, the next update starts beyond the last result (see `nmfamt.nmf.descent`). On music 50 updates come as
   near as 300 to 500 plain ones; the objective may rise on the way, so the best activations that were checked are kept.
6. Activations below `_TINY` of the sum of the frame become that: subnormal numbers would make each update up to thirty
   times slower.
"""

from typing import Any

from nmfamt.array_namespace import fused, namespace
from nmfamt.nmf.descent import extrapolated
from nmfamt.nmf.problem import ChunkFit, Frames, Groups, Problem

__all__ = ["solve_extrapolated", "solve_multiplicative"]

_TINY = 1e-20


def solve_multiplicative(
    frames: Frames, problem: Problem, *, check_every: int = 10, relaxation: float = 1.0, anneal: float = 1.0
) -> ChunkFit:
    """Update a chunk until its gap is at most ``problem.tol``; see `nmfamt.nmf.activations` for the parameters."""
    H = _flat(frames, problem)

    def update(H: Any, num: Any, den: Any, i: int) -> Any:
        last = i + 1 == problem.max_iter
        H = _updated(frames, problem, H, num, den, 1.0 if i < 2 or last else relaxation)
        if anneal != 1:
            power = 1 + (anneal - 1) * i / max(problem.max_iter - 1, 1)
            peak = namespace(H).maximum(H.max(axis=1, keepdims=True), H.dtype.type(_TINY))
            H = peak * (H / peak) ** H.dtype.type(power)
        return H

    return _iterate(frames, problem, H, update, check_every)


def solve_extrapolated(frames: Frames, problem: Problem, *, check_every: int = 10) -> ChunkFit:
    """Update a chunk with extrapolation until its gap is at most ``problem.tol``."""
    before: Any = None

    def update(Y: Any, num: Any, den: Any, i: int) -> Any:
        nonlocal before
        H = _updated(frames, problem, Y, num, den, 1.0)
        # What is checked next, or returned, is an update and not an extrapolation.
        plain = before is None or (i + 1) % check_every == 0 or i + 1 == problem.max_iter
        Y = H if plain else extrapolated(H, before, i)
        before = H
        return Y

    return _iterate(frames, problem, _flat(frames, problem), update, check_every)


def _iterate(frames: Frames, problem: Problem, H: Any, update: Any, check_every: int) -> ChunkFit:
    """Apply an update until the gap is small or the iterations are used up; return the best that was checked."""
    xp = namespace(H)
    floor = frames.floor(problem.beta)
    costs: list[float] = []
    best, least, lower, converged, negligible = H, xp.inf, -xp.inf, False, problem.negligible(frames)
    for i in range(problem.max_iter + 1):
        X = problem.model(H, floor)
        last = i == problem.max_iter
        num, den = problem.ratios(frames.V, X)
        if last or (i and i % check_every == 0):
            cost, bound = (float(part.sum()) for part in problem.check(frames, H, X, num, den))
            if problem.convex:  # a bound holds for every H
                lower = max(lower, bound)
            elif cost <= least:
                lower = bound
            if cost <= least:
                best, least = H, cost
            costs.append(least)
            converged = problem.good_enough(least, lower, negligible)
            if last or converged:
                break
        H = update(H, num, den, i)
    return ChunkFit(best, costs, lower, negligible, i, converged)


def _flat(frames: Frames, problem: Problem) -> Any:
    """Return equal activations that have the energy of the frame; those of empty templates are zero."""
    xp = namespace(problem.Wt)
    filled = problem.norms > 0
    n_filled = max(int(filled.sum()), 1)
    return xp.where(filled, frames.sums[:, None] / n_filled, 0).astype(problem.Wt.dtype)


def _updated(frames: Frames, problem: Problem, H: Any, num: Any, den: Any, relaxation: float) -> Any:
    """Return the activations after one update; the arrays that go in are not changed."""
    beta, xp, one = problem.beta, namespace(H), H.dtype.type
    den = den + problem.penalty(frames) if problem.l1 else den
    power = (1.0 if beta >= 1 else 1 / (2 - beta)) if problem.groups is None else 1 / (3 - beta)
    power *= relaxation
    if problem.groups is not None:
        den = den + _group_slope(problem.groups, H)
    least = (one(_TINY) * frames.sums)[:, None]
    if power == 1:
        H = _plain(H, num, den)
    elif power == 1.5:  # the square root is an order of magnitude faster than a power
        H = _one_and_a_half(H, num, den)
    else:
        H = _powered(H, num, den, one(power))
    return xp.maximum(H, xp.where(problem.norms > 0, least, 0))


def _group_slope(groups: Groups, H: Any) -> Any:
    """Return the derivative of the norms of the groups."""
    xp = namespace(H)
    weighted = groups.weights**2 * H
    norms = xp.sqrt((groups.weights * H) ** 2 @ groups.members) @ groups.members.T
    return H.dtype.type(groups.penalty) * weighted / xp.maximum(norms, xp.finfo(H.dtype).tiny)


@fused
def _plain(H: Any, num: Any, den: Any) -> Any:
    return H * (num / den)


@fused
def _one_and_a_half(H: Any, num: Any, den: Any) -> Any:
    factor = num / den
    return H * factor * factor**0.5


@fused
def _powered(H: Any, num: Any, den: Any, power: Any) -> Any:
    return H * (num / den) ** power
