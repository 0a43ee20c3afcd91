"""Kernel of non-negative least squares by block principal pivoting; `nmfamt.nmf.least_squares` says what it does."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Numba's cache of this file does not see edits of that one.
from nmfamt.nmf._active_set import _solve

__all__ = ["pivot"]

FloatArray = NDArray[np.floating[Any]]

_PATIENCE = 3
"""Exchanges of whole blocks without progress before variables are exchanged one by one."""


@njit(cache=True, nogil=True, error_model="numpy")
def pivot(B: FloatArray, Q: FloatArray, max_iter: int, H: FloatArray) -> int:
    """Minimise ``h' Q h / 2 - b' h`` over ``h >= 0`` for one row of B after the other.

    Parameters
    ----------
    B : ndarray, shape (n_frames, n_components)
        Linear terms.
    Q : ndarray, shape (n_components, n_components)
        Positive definite.
    max_iter : int
        Most exchanges a frame.
    H : ndarray, shape (n_frames, n_components)
        Receives the solutions.

    Returns
    -------
    int
        Most exchanges that a frame took.
    """
    n_components = len(Q)
    passive = np.zeros(n_components, np.bool_)  # the variables that may be positive; kept from frame to frame
    free = np.empty(n_components, np.int64)
    C = np.empty((n_components, n_components), Q.dtype)
    z = np.empty(n_components, Q.dtype)
    slack = np.empty(n_components, Q.dtype)
    most = 0
    for t in range(len(B)):
        b = B[t]
        tolerance = 1e-12 * max(np.abs(b).max(), 1e-300)
        fewest, patience = n_components + 1, _PATIENCE
        for step in range(max_iter):
            m = 0
            for k in range(n_components):
                if passive[k]:
                    free[m] = k
                    m += 1
            _solve(Q, free, m, b, C, z)
            for k in range(n_components):
                slack[k] = -b[k]
            for p in range(m):
                row, value = Q[free[p]], z[p]
                for k in range(n_components):
                    slack[k] += row[k] * value
            wrong, last = 0, -1
            for p in range(m):
                slack[free[p]] = 0
                if z[p] < 0:
                    wrong += 1
                    last = max(last, free[p])
            for k in range(n_components):
                if not passive[k] and slack[k] < -tolerance:
                    wrong += 1
                    last = max(last, k)
            most = max(most, step + 1)
            if wrong == 0:
                break
            if wrong < fewest:
                fewest, patience = wrong, _PATIENCE
            else:
                patience -= 1
            if patience < 0:  # Murty's rule, which cannot go round in circles
                passive[last] = not passive[last]
                continue
            for p in range(m):
                if z[p] < 0:
                    passive[free[p]] = False
            for k in range(n_components):
                if slack[k] < -tolerance:
                    passive[k] = True
        for p in range(m):
            H[t, free[p]] = max(z[p], 0.0)
    return most
