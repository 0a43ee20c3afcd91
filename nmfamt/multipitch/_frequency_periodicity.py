"""Kernels of combined frequency and periodicity: from spectra to lags and back, peaks by the semitone, and the rule.

Conventions: frames come first. A spectrum has the bins 0, 1, ... up to half the sampling rate.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["peaks_by_semitone", "stands_in_both", "turned"]

FloatArray = NDArray[np.floating[Any]]

_jit = njit(cache=True, nogil=True, error_model="numpy")


def turned(X: FloatArray, n_points: int, first: int) -> FloatArray:
    """Return the Fourier transform of an even function, half-wave rectified, zero below `first`.

    Parameters
    ----------
    X : ndarray, shape (n_frames, n)
        Its values at 0, 1, ...; it is zero beyond, up to `n_points`.
    n_points : int
        Points of the result; those of `X` and of the result make up one period of ``2 * (n_points - 1)``.
    first : int
        Where the envelope and the offset of the other domain no longer reach.
    """
    from scipy.fft import dct

    found = dct(X, type=1, n=n_points, axis=1)
    np.maximum(found, 0, out=found)
    found[:, :first] = 0
    return np.asarray(found)


@_jit
def peaks_by_semitone(X: FloatArray, first: float, scale: float, sign: float, found: FloatArray) -> None:
    """Write the height of the highest local maximum in each semitone.

    Parameters
    ----------
    X : ndarray, shape (n_frames, n)
        Not negative; the maxima are located between points by a parabola.
    first, scale : float
        A maximum at the point ``x`` belongs to the semitone nearest to ``sign * 12 * log2(x / scale) - first``.
    sign : float
        1 for frequencies, -1 for lags.
    found : ndarray, shape (n_frames, n_semitones)
        Zeros, to be written to.
    """
    for t in range(len(X)):
        for i in range(1, X.shape[1] - 1):
            here = X[t, i]
            if here <= 0 or here <= X[t, i - 1] or here < X[t, i + 1]:
                continue
            left, right = float(X[t, i - 1]), float(X[t, i + 1])
            shift = 0.5 * (left - right) / (left - 2.0 * here + right)
            row = int(np.floor(sign * 12 * np.log2((i + shift) / scale) - first + 0.5))
            if 0 <= row < found.shape[1] and here > found[t, row]:
                found[t, row] = here


@_jit
def stands_in_both(
    F: FloatArray,
    L: FloatArray,
    pitches: NDArray[np.int64],
    above: NDArray[np.int64],
    below: NDArray[np.int64],
    n_above: NDArray[np.int64],
    n_below: NDArray[np.int64],
    density: float,
    found: FloatArray,
) -> None:
    """Write the strength of every pitch that has its partials in frequency and its multiples in lag.

    Parameters
    ----------
    F, L : ndarray, shape (n_frames, n_semitones)
        Peaks by the semitone, in frequency and in lag.
    pitches : ndarray of int, shape (n_pitches,)
        The semitone of each pitch.
    above, below : ndarray of int
        By how many semitones partials lie above, and multiples of the period below.
    n_above, n_below : ndarray of int, shape (n_pitches,)
        How many of them each pitch has to have.
    density : float
        Where this share of the semitones, or more, holds a peak over the range of both series, there is no pitch.
    found : ndarray, shape (n_pitches, n_frames)
        Zeros, to be written to: the peak in frequency.
    """
    for t in range(len(F)):
        for p in range(len(pitches)):
            row, stands = pitches[p], True
            for k in range(n_above[p]):
                stands = stands and F[t, row + above[k]] > 0
            for k in range(n_below[p]):
                stands = stands and L[t, row - below[k]] > 0
            if not stands:
                continue
            up, down = above[n_above[p] - 1] + 1, below[n_below[p] - 1] + 1
            n_up, n_down = 0, 0
            for k in range(up):
                n_up += F[t, row + k] > 0
            for k in range(down):
                n_down += L[t, row - k] > 0
            if density >= 1 or n_up < density * up or n_down < density * down:
                found[p, t] = F[t, row]
