"""Sums over an exponential decay as a recursion (numba kernels).

``y[t] = sum_{s <= t} x[s] exp(-a (t - s))`` is ``y[t] = x[t] + exp(-a) y[t - 1]``: one multiplication a frame instead
of one for every pair of frames.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["decayed", "decayed_back"]

FloatArray = NDArray[np.floating[Any]]

_jit = njit(cache=True, nogil=True, error_model="numpy")


@_jit
def decayed(x: FloatArray, ratio: FloatArray, least: float, y: FloatArray) -> None:
    """Add up what came before, ``y[k, t] = sum_{s <= t} x[k, s] ratio[k]**(t - s)``.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_frames)
        Not negative.
    ratio : ndarray, shape (n_rows,)
        What remains after a frame, in [0, 1].
    least : float
        A sum below it is dropped: tails would end in denormal numbers, which are slow.
    y : ndarray, shape (n_rows, n_frames)
        Receives the sums.
    """
    for k in range(x.shape[0]):
        total = x.dtype.type(0)
        for t in range(x.shape[1]):
            total = x[k, t] + ratio[k] * total
            if total < least:
                total = x.dtype.type(0)
            y[k, t] = total


@_jit
def decayed_back(x: FloatArray, ratio: FloatArray, least: float, y: FloatArray) -> None:
    """Add up what comes after, ``y[k, t] = sum_{s >= t} x[k, s] ratio[k]**(s - t)``; the transpose of `decayed`."""
    for k in range(x.shape[0]):
        total = x.dtype.type(0)
        for t in range(x.shape[1] - 1, -1, -1):
            total = x[k, t] + ratio[k] * total
            if total < least:
                total = x.dtype.type(0)
            y[k, t] = total
