"""What a solver returns: the activations, and how far they can be from the best."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit"]


@dataclass(frozen=True, eq=False)
class Fit:
    """Activations for fixed templates, and how they were reached.

    Attributes
    ----------
    H : ndarray, shape (n_components, n_frames)
        Activations, not negative; a CuPy array where V was one.
    gap : float
        Distance to the optimum as a share of it. For beta from 1 to 2 it is certified: no activations have an objective
        below ``cost[-1] / (1 + gap)``. Below 1, where the objective has many local optima, it is the residual of the
        optimality conditions in the same unit (see `nmfamt.nmf.duality`). 0 where the
        model is exact but for rounding, nan where no certificate was asked for.
    converged : bool
        Whether `gap` is at most the `tol` that was asked for.
    n_iter : int
        Most iterations that any chunk of frames took.
    cost : ndarray, shape (n_checks,)
        Objective, penalties included, at every check of the gap. The last belongs to `H`.
    """

    H: NDArray[np.floating[Any]]
    gap: float
    converged: bool
    n_iter: int
    cost: NDArray[np.float64]
