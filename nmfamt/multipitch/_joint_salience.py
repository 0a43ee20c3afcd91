"""Kernels of the joint search: what candidates take from each other, and the best combination.

Conventions are those of `nmfamt.multipitch._klapuri`. A combination is a set of candidates, kept as the bits of an
integer.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nmfamt.multipitch._klapuri import lobe_at, salience_of

__all__ = ["best_combination", "find_together", "inhibition"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

_jit = njit(cache=True, nogil=True, error_model="numpy")


@_jit
def find_together(
    Y: FloatArray,
    low: IntArray,
    high: IntArray,
    weights: FloatArray,
    starts: IntArray,
    padding: float,
    sharing: float,
    exponent: float,
    most: int,
    n_candidates: int,
) -> FloatArray:
    """Return the salience of the rows of the best combination, zero elsewhere, shape (n_frames, n_rows)."""
    n_rows = len(starts) - 1
    found = np.zeros((len(Y), n_rows))
    rows_salience, best = np.empty(n_rows), np.empty(n_rows, dtype=np.int64)
    for t in range(len(Y)):
        for r in range(n_rows):
            rows_salience[r], best[r] = -1.0, 0
            for c in range(starts[r], starts[r + 1]):
                total = salience_of(Y[t], low[c], high[c], weights[c])
                if total > rows_salience[r]:
                    rows_salience[r], best[r] = total, c
        rows = np.argsort(-rows_salience, kind="mergesort")[:n_candidates]
        rows = rows[rows_salience[rows] > 0]
        if not len(rows):
            continue
        chosen = best[rows]
        pairs = inhibition(Y[t], low[chosen], high[chosen], weights[chosen], padding, sharing)
        combination = best_combination(rows_salience[rows], pairs, exponent, most)
        for i in range(len(rows)):
            if combination >> i & 1:
                found[t, rows[i]] = rows_salience[rows[i]]
    return found


@_jit
def inhibition(
    spectrum: FloatArray, low: IntArray, high: IntArray, weights: FloatArray, padding: float, sharing: float
) -> FloatArray:
    """Return how much salience two candidates lose to each other, shape (n_candidates, n_candidates)."""
    n, n_partials = low.shape
    reach = int(np.ceil(2 * padding))
    peaks = np.full((n, n_partials), -1)
    claimed = np.zeros((n, len(spectrum)))
    for i in range(n):
        for m in range(n_partials):
            if high[i, m] < low[i, m]:
                break
            k = low[i, m]
            for other in range(low[i, m] + 1, high[i, m] + 1):
                if spectrum[other] > spectrum[k]:
                    k = other
            peaks[i, m] = k
            for other in range(max(0, k - reach), min(len(spectrum), k + reach + 1)):
                claimed[i, other] = max(claimed[i, other], weights[i, m] * lobe_at((other - k) / padding))
    lost = np.zeros((n, n))
    for i in range(n):
        for m in range(n_partials):
            k = peaks[i, m]
            if k < 0:
                break
            for j in range(n):
                if j != i:
                    lost[i, j] += weights[i, m] * spectrum[k] * min(1.0, sharing * claimed[j, k])
    return lost + lost.T


@_jit
def best_combination(salience: FloatArray, pairs: FloatArray, exponent: float, most: int) -> Any:
    """Return the best combination as bits.

    Of each number of sounds as many combinations are kept as there are candidates, and each is extended by each.
    """
    n = len(salience)
    kept, goodness, n_kept = np.zeros(n, dtype=np.int64), np.zeros(n), n
    for i in range(n):
        kept[i], goodness[i] = 1 << i, salience[i]
    first = goodness.argmax()
    best, best_score = kept[first], goodness[first]
    extended = np.empty((n, n))
    for j in range(2, min(most, n) + 1):
        extended[:] = -1
        for q in range(n_kept):
            for i in range(n):
                if kept[q] >> i & 1:
                    continue
                total = goodness[q] + salience[i]
                for other in range(n):
                    if kept[q] >> other & 1:
                        total -= pairs[i, other]
                extended[q, i] = total
        longer, better, n_longer = np.zeros(n, dtype=np.int64), np.zeros(n), 0
        while n_longer < n:
            place = int(extended.argmax())
            q, i = place // n, place % n
            if extended[q, i] <= 0:
                break
            combination, is_new = kept[q] | (1 << i), True
            for other in range(n_longer):
                is_new &= longer[other] != combination
            if is_new:
                longer[n_longer], better[n_longer] = combination, extended[q, i]
                n_longer += 1
            extended[q, i] = -1
        if not n_longer:
            break
        score = better[0] / j**exponent
        if exponent > 0 and score <= best_score:
            break
        best, best_score = longer[0], score
        kept, goodness, n_kept = longer, better, n_longer
    return best
