"""Kernels of joint estimation by the likelihood of spectral peaks and of the regions without.

Conventions: pitches are MIDI pitches, of peaks too; the peaks of a frame ``t`` are ``starts[t]`` to ``starts[t + 1]``
(excluded), in order of pitch; what there is none of in a row of fundamentals is -1.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["add_fundamentals", "add_in_frames", "intensities", "likelihoods", "propose", "refine"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

_jit = njit(cache=True, nogil=True, error_model="numpy")

_QUARTER_TONE = 0.5


@_jit
def propose(
    pitches: FloatArray, levels: FloatArray, n_peaks: int, low: float, high: float, offsets: FloatArray
) -> FloatArray:
    """Return the fundamentals that a frame may have: around its lowest and its strongest peaks.

    `n_peaks` is how many of either count, of those with pitches from `low` to `high`; `offsets` are around each.
    """
    inside = np.flatnonzero((pitches >= low) & (pitches <= high))
    chosen = np.zeros(len(inside), dtype=np.bool_)
    chosen[:n_peaks] = True
    chosen[np.argsort(-levels[inside], kind="mergesort")[:n_peaks]] = True
    found = np.empty(chosen.sum() * len(offsets))
    n = 0
    for i in range(len(inside)):
        if chosen[i]:
            for offset in offsets:
                pitch = pitches[inside[i]] + offset
                if low <= pitch <= high:
                    found[n] = pitch
                    n += 1
    return found[:n]


@_jit
def likelihoods(
    pitches: FloatArray,
    levels: FloatArray,
    spurious: FloatArray,
    f0: FloatArray,
    missing: FloatArray,
    ceiling: float,
    deviation: FloatArray,
    reach: float,
    table: FloatArray,
    axes: FloatArray,
    spurious_share: float,
) -> tuple[FloatArray, FloatArray]:
    """Return how well each fundamental alone explains each peak, and the regions without peaks.

    Parameters
    ----------
    pitches, levels, spurious : ndarray, shape (n_peaks,)
        Of the peaks of a frame, and the probability density of spurious ones.
    f0 : ndarray, shape (n_f0,)
        Pitches of fundamentals.
    missing : ndarray, shape (128, n_partials)
        Logarithm of the probability that a partial of a MIDI pitch does not show.
    ceiling : float
        Partials above this pitch are not expected.
    deviation : ndarray, shape (odd,)
        Logarithm of the density of deviations from `-reach` to `reach` semitones.
    table : ndarray, shape (n_partials, n_pitches, n_levels)
        Logarithm of the density of levels.
    axes : ndarray, shape (2, 2)
        First value and step of its pitches, and of its levels.
    spurious_share : float
        Probability that a peak is spurious.

    Returns
    -------
    explained : ndarray, shape (n_f0, n_peaks)
        Log-likelihood of each peak, as spurious or partial of the fundamental.
    silent : ndarray, shape (n_f0,)
        Log-likelihood of the regions without peaks.
    """
    n_partials = missing.shape[1]
    intervals = 12 * np.log2(np.arange(1, n_partials + 1).astype(np.float64))
    explained, silent = np.empty((len(f0), len(pitches))), np.zeros(len(f0))
    middle = len(deviation) // 2
    for k in range(len(pitches)):
        floor = np.log(spurious_share * spurious[k])
        along = min(max((pitches[k] - axes[0, 0]) / axes[0, 1], 0.0), table.shape[1] - 1.0)
        across = min(max((levels[k] - axes[1, 0]) / axes[1, 1], 0.0), table.shape[2] - 1.0)
        i, j = min(int(along), table.shape[1] - 2), min(int(across), table.shape[2] - 2)
        u, v = along - i, across - j
        for c in range(len(f0)):
            explained[c, k] = floor
            h = max(1, round(2 ** ((pitches[k] - f0[c]) / 12)))
            if h > n_partials:
                continue
            off = pitches[k] - f0[c] - intervals[h - 1]
            if abs(off) > reach:
                continue
            cells = table[h - 1]
            level = (1 - u) * ((1 - v) * cells[i, j] + v * cells[i, j + 1])
            level += u * ((1 - v) * cells[i + 1, j] + v * cells[i + 1, j + 1])
            normal = np.log(1 - spurious_share) + deviation[middle + round(off / reach * middle)] + level
            high, low = max(floor, normal), min(floor, normal)
            explained[c, k] = high + np.log1p(np.exp(low - high))
    for c in range(len(f0)):
        k = 0
        for h in range(n_partials):
            pitch = f0[c] + intervals[h]
            if pitch > ceiling:
                break
            while k < len(pitches) and pitches[k] < pitch - _QUARTER_TONE:
                k += 1
            if k == len(pitches) or pitches[k] > pitch + _QUARTER_TONE:
                silent[c] += missing[min(127, max(0, round(f0[c]))), h]
    return explained, silent


@_jit
def add_fundamentals(
    f0: FloatArray, explained: FloatArray, silent: FloatArray, most: int, share: float, apart: float
) -> FloatArray:
    """Return fundamentals that are added one at a time, each where the likelihood gains most, shape (at most `most`,).

    A peak is explained by the fundamental that does so best. They are added while the likelihood rises, and as many are
    returned as reach `share` of the gain of all over the first; no two are closer than `apart` semitones.
    """
    n_f0, n_peaks = explained.shape
    best = np.full(n_peaks, -np.inf)
    is_open = np.ones(n_f0, dtype=np.bool_)
    chosen, reached = np.empty(most), np.empty(most)
    total, number = -np.inf, 0
    for n in range(most):
        top, place = total, -1
        for c in range(n_f0):
            if is_open[c]:
                value = silent[c]
                for m in range(number):
                    value += silent[int(chosen[m])]
                for k in range(n_peaks):
                    value += max(best[k], explained[c, k])
                if (place < 0 and n == 0) or value > top:
                    top, place = value, c
        if place < 0:
            break
        for k in range(n_peaks):
            best[k] = max(best[k], explained[place, k])
        chosen[n], reached[n], total = place, top, top
        number += 1
        for c in range(n_f0):
            if abs(f0[c] - f0[place]) < apart:
                is_open[c] = False
    kept = number
    for n in range(number):
        if reached[n] - reached[0] >= share * (reached[number - 1] - reached[0]):
            kept = n + 1
            break
    found = np.empty(kept)
    for n in range(kept):
        found[n] = f0[int(chosen[n])]
    return found


@_jit
def add_in_frames(
    pitches: FloatArray,
    levels: FloatArray,
    spurious: FloatArray,
    starts: IntArray,
    n_peaks: int,
    span: tuple[float, float],
    offsets: FloatArray,
    ceiling: float,
    missing: FloatArray,
    deviation: FloatArray,
    reach: float,
    table: FloatArray,
    axes: FloatArray,
    spurious_share: float,
    most: int,
    share: float,
    apart: float,
) -> FloatArray:
    """Return the fundamentals of every frame by itself, shape (n_frames, most); -1 for none.

    `span` holds the lowest and the highest pitch; for all else see `propose`, `likelihoods` and `add_fundamentals`.
    """
    found = np.full((len(starts) - 1, most), -1.0)
    for t in range(len(starts) - 1):
        of = slice(starts[t], starts[t + 1])
        f0 = propose(pitches[of], levels[of], n_peaks, span[0], span[1], offsets)
        if len(f0):
            explained, silent = likelihoods(
                pitches[of],
                levels[of],
                spurious[of],
                f0,
                missing,
                ceiling,
                deviation,
                reach,
                table,
                axes,
                spurious_share,
            )
            chosen = add_fundamentals(f0, explained, silent, most, share, apart)
            found[t, : len(chosen)] = chosen
    return found


@_jit
def refine(found: FloatArray, rows: IntArray, n_rows: int, n_context: int) -> FloatArray:
    """Return the fundamentals of each frame, corrected by the frames around, shape (n_frames, n_rows); -1 for none.

    Parameters
    ----------
    found : ndarray, shape (n_frames, most)
        MIDI pitches of the fundamentals of each frame.
    rows : ndarray, shape (n_frames, most)
        The semitone of each, -1 for none.
    n_rows : int
        Number of semitones.
    n_context : int
        Frames on either side.
    """
    n_frames, most = found.shape
    refined = np.full((n_frames, n_rows), -1.0)
    histogram, sums = np.empty(n_rows), np.empty(n_rows)
    for t in range(n_frames):
        histogram[:] = 0
        sums[:] = 0
        number, total = 0.0, 0.0
        for i in range(max(0, t - n_context), min(n_frames, t + n_context + 1)):
            weight = 1 - abs(i - t) / (n_context + 1)
            total += weight
            for n in range(most):
                if rows[i, n] >= 0:
                    number += weight
                    histogram[rows[i, n]] += weight
                    sums[rows[i, n]] += weight * found[i, n]
        for _ in range(int(np.floor(number / total + 0.5))):
            row = histogram.argmax()
            if histogram[row] <= 0:
                break
            refined[t, row] = sums[row] / histogram[row]
            histogram[row] = 0
        for n in range(most):
            if rows[t, n] >= 0 and refined[t, rows[t, n]] >= 0:
                refined[t, rows[t, n]] = found[t, n]
    return refined


@_jit
def intensities(
    pitches: FloatArray, amplitudes: FloatArray, starts: IntArray, refined: FloatArray, n_partials: int
) -> FloatArray:
    """Return the sum of the peaks at the partials of each fundamental, shape (n_rows, n_frames).

    A peak that is near a partial of several is shared equally.
    """
    n_frames, n_rows = refined.shape
    values = np.zeros((n_rows, n_frames))
    claims = np.empty(n_rows, dtype=np.bool_)
    for t in range(n_frames):
        for k in range(starts[t], starts[t + 1]):
            n_claims = 0
            for row in range(n_rows):
                claims[row] = False
                if refined[t, row] < 0:
                    continue
                h = max(1, round(2 ** ((pitches[k] - refined[t, row]) / 12)))
                if h <= n_partials and abs(pitches[k] - refined[t, row] - 12 * np.log2(h)) < _QUARTER_TONE:
                    claims[row] = True
                    n_claims += 1
            for row in range(n_rows):
                if claims[row]:
                    values[row, t] += amplitudes[k] / n_claims
    return values
