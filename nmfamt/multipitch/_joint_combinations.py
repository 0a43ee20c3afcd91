"""Kernels of joint estimation by combinations: which fundamentals, taken together, explain the peaks of a frame.

Conventions: peaks are those of `nmfamt.multipitch.spectral_peaks`, of all frames one after the other. The candidates of
a frame stand in order of frequency, with -1 for none; a combination is a number whose bit ``c`` says that the candidate
``c`` is part of it. ``peak[c, h]`` is the peak at partial ``h`` (from 0) of a candidate, -1 for none, ``weight[c, h]``
how much of it counts, and ``shared[c, h]`` holds the bits of the candidates that have a partial at the same peak.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["find_candidates", "find_partials", "find_patterns", "merge", "salience_of_combinations"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

_GAUSSIAN = (0.21, 0.58)  # beside and at the middle: samples of the normal distribution that add up to one

_jit = njit(cache=True, nogil=True, error_model="numpy")


@_jit
def nearest_peak(freqs: FloatArray, first: int, last: int, hz: float) -> int:
    """Return the peak, of `first` to `last` (excluded), whose frequency is nearest; the lower of two, -1 for none."""
    if first == last:
        return -1
    k = first + int(np.searchsorted(freqs[first:last], hz))
    if k == last or (k > first and hz - freqs[k - 1] <= freqs[k] - hz):
        k -= 1
    return k


@_jit
def find_candidates(
    freqs: FloatArray,
    amplitudes: FloatArray,
    starts: IntArray,
    rows: IntArray,
    n_candidates: int,
    n_partials: int,
    tolerance: float,
) -> IntArray:
    """Return the peaks that may be fundamentals, those with the strongest partials, shape (n_frames, n_candidates).

    Only the strongest of the peaks in one row, a semitone, is a candidate; peaks in row -1 are none.
    """
    found = np.full((len(starts) - 1, n_candidates), -1)
    best, strength = np.full(128, -1), np.zeros(128)
    for t in range(len(starts) - 1):
        best[:] = -1
        strength[:] = 0
        for k in range(starts[t], starts[t + 1]):
            if rows[k] < 0:
                continue
            total = 0.0
            for h in range(n_partials):
                hz = (h + 1) * freqs[k]
                other = nearest_peak(freqs, starts[t], starts[t + 1], hz)
                off = abs(freqs[other] - hz)
                if off < tolerance:
                    total += amplitudes[other] * (1 - off / tolerance)
            if total > strength[rows[k]]:
                strength[rows[k]] = total
                best[rows[k]] = k
        n_found = 0
        for row in np.argsort(-strength, kind="mergesort")[:n_candidates]:
            if best[row] >= 0:
                found[t, n_found] = best[row]
                n_found += 1
        found[t, :n_found] = np.sort(found[t, :n_found])
    return found


@_jit
def find_partials(
    freqs: FloatArray,
    first: int,
    last: int,
    candidates: IntArray,
    tolerance: float,
    peak: IntArray,
    weight: FloatArray,
    shared: IntArray,
) -> None:
    """Write the partials of the candidates of a frame whose peaks are `first` to `last` (excluded)."""
    n_partials = peak.shape[1]
    peak[:] = -1
    weight[:] = 0
    shared[:] = 0
    for c in range(len(candidates)):
        if candidates[c] < 0:
            break
        for h in range(n_partials):
            hz = (h + 1) * freqs[candidates[c]]
            k = nearest_peak(freqs, first, last, hz)
            off = abs(freqs[k] - hz)
            if off < tolerance:
                peak[c, h] = k
                weight[c, h] = 1 - off / tolerance
    owners = np.zeros(last - first, dtype=np.int64)  # of each peak
    for c in range(len(candidates)):
        for h in range(n_partials):
            if peak[c, h] >= 0:
                owners[peak[c, h] - first] |= 1 << c
    for c in range(len(candidates)):
        for h in range(n_partials):
            if peak[c, h] >= 0:
                shared[c, h] = owners[peak[c, h] - first] & ~(1 << c)


@_jit
def find_patterns(
    combination: int,
    amplitudes: FloatArray,
    peak: IntArray,
    weight: FloatArray,
    shared: IntArray,
    residual: FloatArray,
    patterns: FloatArray,
) -> None:
    """Write the amplitudes of the partials of each candidate of a combination, in order of frequency.

    A partial that a higher candidate shares is interpolated from those that none does, though it never has more than
    the peak has left. What a candidate has is taken from the peaks: a higher one has what is left.
    """
    n_candidates, n_partials = peak.shape
    for c in range(n_candidates):
        if combination >> c & 1:
            for h in range(n_partials):
                if peak[c, h] >= 0:
                    residual[peak[c, h]] = amplitudes[peak[c, h]]
    for c in range(n_candidates):
        if not combination >> c & 1:
            continue
        higher = (combination >> (c + 1)) << (c + 1)
        before = -1  # the last partial that is free
        for h in range(n_partials):
            if shared[c, h] & higher:
                continue
            value = 0.0 if peak[c, h] < 0 else weight[c, h] * residual[peak[c, h]]
            patterns[c, h] = value
            for g in range(before + 1, h):  # those in between are shared
                if before < 0:
                    patterns[c, g] = value
                else:
                    share = (g - before) / (h - before)
                    patterns[c, g] = (1 - share) * patterns[c, before] + share * value
            before = h
        for g in range(before + 1, n_partials):
            patterns[c, g] = np.inf if before < 0 else patterns[c, before]
        for h in range(n_partials):
            k = peak[c, h]
            if k < 0:
                patterns[c, h] = 0
                continue
            patterns[c, h] = min(patterns[c, h], weight[c, h] * residual[k])
            residual[k] -= patterns[c, h]


@_jit
def smoothness_of(pattern: FloatArray) -> float:
    """Return how smooth a pattern is, from 0 to 1: how little it changes when it is smoothed by a Gaussian."""
    n_partials, largest = 0, 0.0
    for h in range(len(pattern)):
        if pattern[h] > 0:
            n_partials = h + 1
            largest = max(largest, pattern[h])
    if n_partials == 0:
        return 0.0
    change = 0.0
    for h in range(n_partials):
        smooth = _GAUSSIAN[1] * pattern[h]
        if h > 0:
            smooth += _GAUSSIAN[0] * pattern[h - 1]
        if h + 1 < n_partials:
            smooth += _GAUSSIAN[0] * pattern[h + 1]
        change += abs(smooth - pattern[h])
    return max(0.0, 1 - change / (largest * (1 - _GAUSSIAN[1]) * n_partials))


@_jit
def salience_of_combinations(
    freqs: FloatArray,
    amplitudes: FloatArray,
    starts: IntArray,
    candidates: IntArray,
    combinations: IntArray,
    n_partials: int,
    tolerance: float,
    smoothness: float,
    weakest: float,
) -> FloatArray:
    """Return the salience of every combination in every frame, shape (n_frames, n_combinations).

    It is zero where a candidate is missing, or weaker than the share `weakest` of the strongest.
    """
    n_frames, n_candidates = candidates.shape
    found = np.zeros((n_frames, len(combinations)))
    peak = np.empty((n_candidates, n_partials), dtype=np.int64)
    shared = np.empty((n_candidates, n_partials), dtype=np.int64)
    weight, patterns = np.empty((n_candidates, n_partials)), np.empty((n_candidates, n_partials))
    residual = np.empty(len(freqs))
    intensity = np.empty(n_candidates)
    for t in range(n_frames):
        find_partials(freqs, starts[t], starts[t + 1], candidates[t], tolerance, peak, weight, shared)
        n_held = np.sum(candidates[t] >= 0)
        for n in range(len(combinations)):
            if combinations[n] >> n_held:
                continue
            find_patterns(combinations[n], amplitudes, peak, weight, shared, residual, patterns)
            strongest = 0.0
            for c in range(n_held):
                if combinations[n] >> c & 1:
                    intensity[c] = patterns[c].sum()
                    strongest = max(strongest, intensity[c])
            total = 0.0
            for c in range(n_held):
                if combinations[n] >> c & 1:
                    if intensity[c] < weakest * strongest or intensity[c] <= 0:
                        total = 0.0
                        break
                    total += (intensity[c] * smoothness_of(patterns[c]) ** smoothness) ** 2
            found[t, n] = total
    return found


@_jit
def _slot(low: int, high: int) -> int:
    """Return where a set of pitches is looked for in a table; parts of 31 bits are multiplied, so nothing overflows."""
    part = (1 << 31) - 1
    mixed = (low & part) * 40503 ^ (low >> 31 & part) * 30011 ^ (high & part) * 50021 ^ (high >> 31 & part) * 60013
    mixed ^= (low >> 62 & 3) * 7919 ^ (high >> 62 & 3) * 104729
    return mixed ^ mixed >> 15


@_jit
def merge(
    freqs: FloatArray,
    amplitudes: FloatArray,
    starts: IntArray,
    scale: FloatArray,
    candidates: IntArray,
    rows: IntArray,
    combinations: IntArray,
    salience: FloatArray,
    n_context: int,
    n_rows: int,
    n_partials: int,
    tolerance: float,
) -> FloatArray:
    """Return the intensities of the pitches of the best combination of each frame, shape (n_rows, n_frames).

    The salience of a combination is added up over the frames around; combinations are the same whose pitches are.
    Amplitudes of a frame are multiplied by `scale`.
    """
    n_frames, n_candidates = candidates.shape
    low = np.zeros(salience.shape, dtype=np.int64)  # the pitches of each combination, as bits
    high = np.zeros(salience.shape, dtype=np.int64)
    for t in range(n_frames):
        for n in range(len(combinations)):
            if salience[t, n] > 0:
                for c in range(n_candidates):
                    if combinations[n] >> c & 1:
                        row = rows[candidates[t, c]]
                        if row < 64:
                            low[t, n] |= np.int64(1) << row
                        else:
                            high[t, n] |= np.int64(1) << (row - 64)
    values = np.zeros((n_rows, n_frames))
    n_slots = 2
    while n_slots < 2 * (2 * n_context + 1) * len(combinations):
        n_slots *= 2
    keys, totals = np.zeros((n_slots, 2), dtype=np.int64), np.zeros(n_slots)
    used = np.empty(n_slots, dtype=np.int64)
    peak = np.empty((n_candidates, n_partials), dtype=np.int64)
    shared = np.empty((n_candidates, n_partials), dtype=np.int64)
    weight, patterns = np.empty((n_candidates, n_partials)), np.empty((n_candidates, n_partials))
    residual = np.empty(len(freqs))
    for t in range(n_frames):
        n_used = 0
        around = range(max(0, t - n_context), min(n_frames, t + n_context + 1))
        for i in around:
            for n in range(len(combinations)):
                if salience[i, n] <= 0:
                    continue
                slot = _slot(low[i, n], high[i, n]) & (n_slots - 1)
                while totals[slot] > 0 and (keys[slot, 0] != low[i, n] or keys[slot, 1] != high[i, n]):
                    slot = (slot + 1) & (n_slots - 1)
                if totals[slot] == 0:
                    keys[slot, 0], keys[slot, 1] = low[i, n], high[i, n]
                    used[n_used] = slot
                    n_used += 1
                totals[slot] += salience[i, n] * scale[i] ** 2
        if n_used == 0:
            continue
        best = used[0]
        for slot in used[1:n_used]:
            if totals[slot] > totals[best]:
                best = slot
        n_holding = 0
        for i in around:
            for n in range(len(combinations)):
                if salience[i, n] > 0 and low[i, n] == keys[best, 0] and high[i, n] == keys[best, 1]:
                    find_partials(freqs, starts[i], starts[i + 1], candidates[i], tolerance, peak, weight, shared)
                    find_patterns(combinations[n], amplitudes, peak, weight, shared, residual, patterns)
                    n_holding += 1
                    for c in range(n_candidates):
                        if combinations[n] >> c & 1:
                            values[rows[candidates[i, c]], t] += patterns[c].sum() * scale[i]
                    break
        values[:, t] /= n_holding
        for slot in used[:n_used]:
            totals[slot] = 0
    return values
