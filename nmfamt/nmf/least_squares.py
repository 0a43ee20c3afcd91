"""Activations under the Euclidean distance: non-negative least squares on the Gram matrix.

With beta = 2 all that is needed of the templates are their products with each other and with the data. Block
principal pivoting exchanges all variables that are infeasible between the sets of zero and of free ones at once, until
none is: J. Kim & H. Park, "Fast nonnegative matrix factorization: an active-set-like method and comparisons", SIAM J.
Sci. Comput. 33 (2011), after L. F. Portugal, J. J. Judice & L. N. Vicente (1994). The result is exact but for rounding.

Departures:

1. A frame starts from the sets of the frame before, which on music are nearly right.
2. Templates may be equal or dependent: a ridge of `RIDGE` times the largest diagonal element makes the solution unique.
3. Everything is computed in double precision, whatever the data: the normal equations square the condition number.
"""

import numpy as np

from nmfamt.nmf.problem import ChunkFit, Frames, Problem

__all__ = ["RIDGE", "solve_least_squares"]

RIDGE = 1e-10
"""Added to the diagonal of the Gram matrix, as a share of its largest element."""

_NEGLIGIBLE = 1e-14  # of the squared data: where these are met exactly, what is left of the cost is rounding
_MAX_STEPS = 10_000  # exchanges a frame; music needs fewer than ten


def solve_least_squares(frames: Frames, problem: Problem) -> ChunkFit:
    """Solve a chunk exactly; `problem` has beta = 2."""
    from nmfamt.nmf._least_squares import pivot

    V, Wt = frames.V.astype(np.float64), problem.Wt.astype(np.float64)
    gram = Wt @ Wt.T
    Q = gram + RIDGE * max(float(gram.diagonal().max(initial=0)), np.finfo(np.float64).tiny) * np.eye(len(gram))
    penalty = problem.penalty(frames).astype(np.float64)
    num = V @ Wt.T
    H = np.zeros((len(V), len(Wt)))
    n_iter = pivot(num - penalty, Q, _MAX_STEPS, H)
    # Primal and dual objective as in `nmfamt.nmf.duality`, by way of the Gram matrix.
    den = H @ gram
    scale = np.maximum(((num - penalty) / np.maximum(den, np.finfo(np.float64).tiny)).max(axis=1, initial=1), 1)
    energy, model = 0.5 * (V**2).sum(axis=1), 0.5 * (den * H).sum(axis=1)
    cost = energy - ((num - penalty) * H).sum(axis=1) + model
    bound = energy - scale**2 * model
    units = frames.units(2.0)
    total, lower, negligible = float(units @ cost), float(units @ bound), _NEGLIGIBLE * float(units @ energy)
    converged = problem.good_enough(total, lower, negligible)
    return ChunkFit(H.astype(frames.V.dtype), [total], lower, negligible, n_iter, converged)
