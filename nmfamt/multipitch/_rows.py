"""From the activations of templates to the rows of pitches: their sums, and what the divergence loses without a row.

Each exists twice, as a numba kernel that visits only what is active, and in array operations for NumPy or CuPy.

Conventions: frames come first; row ``r`` owns the components ``starts[r]`` to ``starts[r + 1]``.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nmfamt.array_namespace import namespace

__all__ = ["add_rows", "add_rows_of_arrays", "deletion_loss", "deletion_loss_of_arrays"]

FloatArray = NDArray[np.floating[Any]]

TINY = 1e-30
"""Least model value that is divided by."""

SHARE = 1e-3
"""A pitch with less than this share of the activation of its frame is not asked; its loss is zero."""

_MOST = 0.999
"""A pitch never explains a bin entirely: so much of the model at most is deleted, and the logarithm stays finite."""

# log(1 + t) / t on [0, 1], Chebyshev interpolation: with the exponent apart, logarithms are right to 2e-7.
_C0, _C1, _C2, _C3 = np.float32(0.99999981), np.float32(-0.499974494), np.float32(0.332761766), np.float32(-0.244996117)
_C4, _C5, _C6, _C7 = (
    np.float32(0.17757024),
    np.float32(-0.107853679),
    np.float32(0.0442141923),
    np.float32(-0.0085746762),
)
_LOG_2 = np.float32(0.69314718)

_jit = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
# Inlined: as functions of their own they exist twice, by themselves and optimised for their caller, and which one was
# called, with its own order of sums, depended on whether it had just been compiled or came from the cache.
_inlined = njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"}, forceinline=True)


def add_rows(H: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
    """Return the sum of the activations of each row, shape (n_rows, n_frames).

    Parameters
    ----------
    H : ndarray, shape (n_frames, n_components)
        Activations.
    starts : ndarray of int, shape (n_rows + 1,)
        Where the rows begin.
    """
    total = np.zeros((len(starts) - 1, len(H)), dtype=H.dtype)
    _add_rows(H, starts, total)
    return total


@_jit
def _add_rows(H: FloatArray, starts: NDArray[np.int64], total: FloatArray) -> None:
    for r in range(len(starts) - 1):
        for k in range(starts[r], starts[r + 1]):
            for t in range(len(H)):
                total[r, t] += H[t, k]


def add_rows_of_arrays(H: Any, starts: NDArray[np.int64]) -> Any:
    """Return the same as `add_rows` in array operations."""
    return namespace(H).stack([H[:, first:last].sum(axis=1) for first, last in pairwise(starts.tolist())])


def deletion_loss(V: FloatArray, W: FloatArray, H: FloatArray, starts: NDArray[np.int64], beta: float) -> FloatArray:
    """Return the rise of the divergence of each frame from its model ``H @ W`` if the components of a row are deleted.

    Parameters
    ----------
    V : ndarray, shape (n_frames, n_bins)
        Spectra.
    W : ndarray, shape (n_components, n_bins)
        Templates.
    H : ndarray, shape (n_frames, n_components)
        Activations; the fewer are not zero, the faster.
    starts : ndarray of int, shape (n_rows + 1,)
        Row ``r`` owns the components ``starts[r]`` to ``starts[r + 1]``.
    beta : float
        Which divergence.

    Returns
    -------
    ndarray, shape (n_rows, n_frames)
        Not negative, in the precision of `V`; with beta = 1 it is computed in single precision.
    """
    dtype = np.dtype(np.float32) if beta == 1 else V.dtype
    V32, W32, H32 = (np.ascontiguousarray(array, dtype=dtype) for array in (V, W, H))
    loss = np.zeros((len(V), len(starts) - 1), dtype=dtype)
    _deletion_loss(V32, W32, H32, starts, float(beta), loss)
    return np.asarray(loss.T, dtype=V.dtype)


@_jit
def _deletion_loss(
    V: FloatArray, W: FloatArray, H: FloatArray, starts: NDArray[np.int64], beta: float, loss: FloatArray
) -> None:
    n_frames, n_bins = V.shape
    x, part, inverse = np.empty(n_bins, V.dtype), np.empty(n_bins, V.dtype), np.empty(n_bins, V.dtype)
    tiny, one = V.dtype.type(TINY), V.dtype.type(1)
    for t in range(n_frames):
        h = H[t]
        enough = V.dtype.type(SHARE) * h.sum()
        x[:] = tiny
        _add(W, h, 0, len(h), x)
        for f in range(n_bins):
            inverse[f] = one / x[f]
        for r in range(len(starts) - 1):
            total = V.dtype.type(0)
            for k in range(starts[r], starts[r + 1]):
                total += h[k]
            if total <= enough:
                continue
            part[:] = 0
            _add(W, h, starts[r], starts[r + 1], part)
            if beta == 1:
                loss[t, r] = max(_loss_of_kl(V[t], x, inverse, part), V.dtype.type(0))
            else:
                loss[t, r] = max(_loss_of(V[t], x, part, beta), 0.0)


@_inlined
def _add(W: FloatArray, h: FloatArray, first: int, last: int, x: FloatArray) -> None:
    """Add the templates `first` to `last` (excluded) times their activations to `x`."""
    for k in range(first, last):
        value = h[k]
        if value > 0:
            for f in range(len(x)):
                x[f] += value * W[k, f]


@_inlined
def _loss_of_kl(v: FloatArray, x: FloatArray, inverse: FloatArray, part: FloatArray) -> Any:
    """Return the rise of the Kullback-Leibler divergence: ``-v log(1 - part / x) - part``, summed.

    The logarithm is taken apart into the exponent and a polynomial of the rest: without a call, or a branch, the loop
    becomes vector instructions.
    """
    total, one, most = np.float32(0), np.float32(1), np.float32(_MOST)
    for f in range(len(v)):
        share = min(part[f] * inverse[f], most)
        bits = np.float32(one - share).view(np.int32)
        t = np.int32((bits & 0x7FFFFF) | 0x3F800000).view(np.float32) - one
        log = t * (_C0 + t * (_C1 + t * (_C2 + t * (_C3 + t * (_C4 + t * (_C5 + t * (_C6 + t * _C7)))))))
        log += np.float32((bits >> 23) - 127) * _LOG_2
        total -= v[f] * log + share * x[f]
    return total


@_inlined
def _loss_of(v: FloatArray, x: FloatArray, part: FloatArray, beta: float) -> Any:
    """Return the rise of any other divergence of one frame if `part` is taken out of its model `x`."""
    total = 0.0
    for f in range(len(v)):
        c = min(part[f], _MOST * x[f])
        if c <= 0:
            continue
        if beta == 2.0:
            total += c * (v[f] - x[f] + 0.5 * c)
        elif beta == 0.0:
            total += v[f] / (x[f] - c) - v[f] / x[f] + np.log1p(-c / x[f])
        else:
            y = x[f] - c
            total += (y**beta - x[f] ** beta) / beta
            total -= v[f] * (y ** (beta - 1) - x[f] ** (beta - 1)) / (beta - 1)
    return total


def deletion_loss_of_arrays(V: Any, W: Any, H: Any, starts: NDArray[np.int64], beta: float) -> Any:
    """Return the same as `deletion_loss` in array operations, for NumPy or CuPy; note by note over all frames.

    Parameters
    ----------
    V, W, H, starts, beta
        As in `deletion_loss`, but arrays of either kind.
    """
    xp = namespace(V)
    X = xp.maximum(H @ W, TINY)
    enough = SHARE * H.sum(axis=1)
    rows = []
    for first, last in pairwise(starts.tolist()):
        part = xp.minimum(H[:, first:last] @ W[first:last], _MOST * X)
        Y = X - part
        if beta == 1:
            terms = -V * xp.log1p(-part / X) - part
        elif beta == 2:
            terms = part * (V - X + 0.5 * part)
        elif beta == 0:
            terms = V / Y - V / X + xp.log1p(-part / X)
        else:
            terms = (Y**beta - X**beta) / beta - V * (Y ** (beta - 1) - X ** (beta - 1)) / (beta - 1)
        asked = H[:, first:last].sum(axis=1) > enough
        rows.append(xp.where(asked, xp.maximum(terms.sum(axis=1), 0), 0))
    return xp.stack(rows)
