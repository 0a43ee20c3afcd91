"""Kernels of harmonic summation: the salience of candidates, and estimation and cancellation in turns.

Conventions: frames come first, and ``Y[t, k]`` is the whitened spectrum at the bin ``k``. Partial ``m`` (from 0) of the
candidate ``c`` is the strongest of the bins ``low[c, m]`` to ``high[c, m]``, both included, and has the weight
``weights[c, m]``; where it lies outside the spectrum ``high < low``. Candidates of one row stand together: those of row
``r`` are ``starts[r]`` to ``starts[r + 1]`` (excluded).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["add_partials", "lobe_at", "salience_of", "salient", "take_turns"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

_jit = njit(cache=True, nogil=True, error_model="numpy")


@_jit
def salience_of(spectrum: FloatArray, low: IntArray, high: IntArray, weights: FloatArray) -> float:
    """Return the weighted sum of the partials of one candidate."""
    total = 0.0
    for m in range(len(low)):
        if high[m] < low[m]:
            break
        largest = spectrum[low[m]]
        for k in range(low[m] + 1, high[m] + 1):
            largest = max(largest, spectrum[k])
        total += weights[m] * largest
    return total


@_jit
def salient(Y: FloatArray, low: IntArray, high: IntArray, weights: FloatArray, starts: IntArray) -> FloatArray:
    """Return the salience of each row, that of its best candidate, shape (n_frames, n_rows)."""
    found = np.zeros((len(Y), len(starts) - 1))
    for t in range(len(Y)):
        for r in range(len(starts) - 1):
            for c in range(starts[r], starts[r + 1]):
                found[t, r] = max(found[t, r], salience_of(Y[t], low[c], high[c], weights[c]))
    return found


@_jit
def lobe_at(x: float) -> Any:
    """Return the main lobe of a Hann window, 1 at its middle; `x` is the distance in bins without zero-padding."""
    x = abs(x)
    if x >= 2:
        return 0.0
    if x < 1e-6:
        return 1.0
    if abs(x - 1) < 1e-6:
        return 0.5
    return np.sin(np.pi * x) / (np.pi * x * (1 - x * x))


@_jit
def take_turns(
    Y: FloatArray,
    low: IntArray,
    high: IntArray,
    weights: FloatArray,
    starts: IntArray,
    padding: float,
    cancellation: float,
    exponent: float,
    most: int,
) -> FloatArray:
    """Return the salience of the rows that are found in turns, zero elsewhere, shape (n_frames, n_rows).

    Saliences only fall from turn to turn, since the residual does: those of the turn before are bounds, and a candidate
    is summed again only while its bound is the greatest.
    """
    n_rows = len(starts) - 1
    rows = np.empty(len(low), dtype=np.int64)
    for r in range(n_rows):
        rows[starts[r] : starts[r + 1]] = r
    found = np.zeros((len(Y), n_rows))
    bounds, is_new = np.empty(len(low)), np.empty(len(low), dtype=np.bool_)
    detected, residual = np.empty(Y.shape[1]), np.empty(Y.shape[1])
    for t in range(len(Y)):
        residual[:] = Y[t]
        detected[:] = 0
        for c in range(len(low)):
            bounds[c] = salience_of(residual, low[c], high[c], weights[c])
        is_new[:] = True
        total, best_score = 0.0, 0.0
        for j in range(1, most + 1):
            while True:
                c = int(bounds.argmax())
                if is_new[c]:
                    break
                bounds[c] = salience_of(residual, low[c], high[c], weights[c])
                is_new[c] = True
            total += bounds[c]
            score = total / j**exponent
            if score <= best_score * (1 + 1e-9):
                break
            best_score = score
            r = rows[c]
            found[t, r] = bounds[c]
            if j == most:
                break
            add_partials(residual, low[c], high[c], weights[c], padding, detected)
            for k in range(len(residual)):
                residual[k] = max(0.0, Y[t, k] - cancellation * detected[k])
            bounds[starts[r] : starts[r + 1]] = -1
            is_new[:] = False
    return found


@_jit
def add_partials(
    spectrum: FloatArray, low: IntArray, high: IntArray, weights: FloatArray, padding: float, detected: FloatArray
) -> None:
    """Add the partials of a candidate, each as wide as the window makes it, to what was detected.

    They count as many times less than the first as their weights are less.
    """
    last = len(spectrum) - 1
    reach = int(np.ceil(2 * padding))
    for m in range(len(low)):
        if high[m] < low[m]:
            break
        k = low[m]
        for other in range(low[m] + 1, high[m] + 1):
            if spectrum[other] > spectrum[k]:
                k = other
        height, offset = spectrum[k], 0.0
        if 0 < k < last and spectrum[k - 1] <= height >= spectrum[k + 1]:
            curvature = spectrum[k - 1] - 2 * height + spectrum[k + 1]
            if curvature < 0:
                slope = 0.5 * (spectrum[k - 1] - spectrum[k + 1])
                offset = slope / curvature
                height -= 0.5 * slope * offset
        height *= weights[m] / weights[0]
        for other in range(max(0, k - reach), min(last, k + reach) + 1):
            detected[other] += height * lobe_at((other - k - offset) / padding)
