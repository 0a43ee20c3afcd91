"""Kernels of bandwise estimation: the weight of a fundamental in each band, and subtraction under spectral smoothness.

Conventions: frames come first, and bins are counted from 0 Hz. ``X`` is the magnitude spectrum; what is looked at is
``max(0, log(1 + X / scale) - noise)``. Partial ``h`` (from 0) of the candidate ``c`` with the inharmonicity ``i`` is at
the bin ``places[c, i, h]``; those in the band ``b`` are ``parts[c, i, b, 0]`` to ``parts[c, i, b, 1]`` (excluded). Band
``b`` covers the bins ``edges[b, 0]`` to ``edges[b, 1]`` (excluded) with the weights ``shapes[b]``. Candidates of the
row ``r`` are ``starts[r]`` to ``starts[r + 1]`` (excluded).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["band_weight", "find_in_bands", "hamming_lobe_at", "octave_means"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

_jit = njit(cache=True, nogil=True, error_model="numpy")

NORMALIZED = 0.75
"""Share of the weight of a band that is a mean over its partials; the rest is a sum."""

WIDTH = 0.004
"""A partial is looked for as far as this share of its frequency, or one bin."""


@_jit
def band_weight(band: FloatArray, begin: int, places: IntArray, reach: int) -> float:
    """Return the weight of partials in one band, the greatest if all are shifted by up to `reach` bins.

    Parameters
    ----------
    band : ndarray, shape (n_bins_of_band,)
        The spectrum in the band, weighted by its shape.
    begin : int
        The first bin of the band.
    places : ndarray of int
        Bins of the partials in it.
    reach : int
        The furthest shift.
    """
    best = 0.0
    for shift in range(-reach - begin, reach - begin + 1):
        total = 0.0
        for place in places:
            if 0 <= place + shift < len(band):
                total += band[place + shift]
        best = max(best, total)
    return best * (NORMALIZED / max(1, len(places)) + 1 - NORMALIZED)


@_jit
def octave_means(amplitudes: FloatArray) -> FloatArray:
    """Return, for each partial, the mean of those within half an octave, weighted by a Hamming window."""
    n = len(amplitudes)
    means = np.empty(n)
    for h in range(n):
        total, weights = 0.0, 0.0
        for other in range(int(np.ceil((h + 1) / np.sqrt(2))) - 1, min(n, int((h + 1) * np.sqrt(2)))):
            distance = np.log2((other + 1) / (h + 1))
            weight = 0.54 + 0.46 * np.cos(2 * np.pi * distance)
            total += weight * amplitudes[other]
            weights += weight
        means[h] = total / weights
    return means


@_jit
def hamming_lobe_at(x: float) -> Any:
    """Return the main lobe of a Hamming window, 1 at its middle; `x` is the distance in bins without zero-padding."""
    x = abs(x)
    if x >= 2:
        return 0.0
    if x < 1e-6:
        return 1.0
    if abs(x - 1) < 1e-6:
        return 0.23 / 0.54
    return np.sin(np.pi * x) * (0.54 - 0.08 * x * x) / (0.54 * np.pi * x * (1 - x * x))


@_jit
def find_in_bands(
    X: FloatArray,
    scale: FloatArray,
    noise: FloatArray,
    places: IntArray,
    parts: IntArray,
    starts: IntArray,
    edges: IntArray,
    shapes: FloatArray,
    reaches: IntArray,
    padding: float,
    exponent: float,
    most: int,
) -> FloatArray:
    """Return the weights of the rows that are found in turns, zero elsewhere, shape (n_frames, n_rows).

    Weights only fall from turn to turn, since the residual does: those of the turn before are bounds, and a candidate
    is weighed again only while its bound is the greatest.
    """
    n_rows = len(starts) - 1
    rows = np.empty(len(places), dtype=np.int64)
    for r in range(n_rows):
        rows[starts[r] : starts[r + 1]] = r
    found = np.zeros((len(X), n_rows))
    bounds, is_new = np.empty(len(places)), np.empty(len(places), dtype=np.bool_)
    stretch = np.zeros(len(places), dtype=np.int64)
    bands = np.zeros(shapes.shape)
    detected = np.empty(X.shape[1])
    for t in range(len(X)):
        if scale[t] <= 0:
            continue
        detected[:] = 0
        bounds[:] = np.inf
        is_new[:] = False
        total, best_score = 0.0, 0.0
        for j in range(1, most + 1):
            _cut(X[t], detected, scale[t], noise[t], edges, shapes, bands)
            while True:
                c = bounds.argmax()
                if is_new[c] or bounds[c] <= 0:
                    break
                bounds[c], stretch[c] = _weigh(bands, places[c], parts[c], edges, reaches)
                is_new[c] = True
            total += max(0.0, bounds[c])
            score = total / j**exponent
            if score <= best_score * (1 + 1e-9):
                break
            best_score = score
            r = rows[c]
            found[t, r] = bounds[c]
            if j == most:
                break
            _detect(X[t], places[c, stretch[c]], padding, detected)
            bounds[starts[r] : starts[r + 1]] = -1
            is_new[:] = False
    return found


@_jit
def _cut(
    spectrum: FloatArray,
    detected: FloatArray,
    scale: float,
    noise: FloatArray,
    edges: IntArray,
    shapes: FloatArray,
    bands: FloatArray,
) -> None:
    """Compute the enhanced residual of a frame, cut into bands."""
    for b in range(len(edges)):
        for k in range(edges[b, 0], edges[b, 1]):
            left = max(0.0, spectrum[k] - detected[k])
            bands[b, k - edges[b, 0]] = shapes[b, k - edges[b, 0]] * max(0.0, np.log(1 + left / scale) - noise[k])


@_jit
def _weigh(
    bands: FloatArray, places: IntArray, parts: IntArray, edges: IntArray, reaches: IntArray
) -> tuple[float, int]:
    """Return the weight of a candidate over all bands, with the inharmonicity that suits it best."""
    best, which = -1.0, 0
    for i in range(len(places)):
        total = 0.0
        for b in range(len(edges)):
            first, last = parts[i, b, 0], parts[i, b, 1]
            if last > first:
                width = edges[b, 1] - edges[b, 0]
                total += band_weight(bands[b, :width], edges[b, 0], places[i, first:last], reaches[b]) ** 2
        if total > best:
            best, which = total, i
    return np.sqrt(best), which


@_jit
def _detect(spectrum: FloatArray, places: IntArray, padding: float, detected: FloatArray) -> None:
    """Add a sound to what was detected: its partials in the residual, none above the mean of those around it."""
    n_bins, n = len(spectrum), 0
    spacing = places[0]
    amplitudes, peaks = np.empty(len(places)), np.empty(len(places), dtype=np.int64)
    for place in places:
        reach = int(max(1.0, min(spacing / 4, WIDTH * place)) + 0.5)
        if place + reach >= n_bins:
            break
        k = max(0, place - reach)
        for other in range(k + 1, place + reach + 1):
            if spectrum[other] - detected[other] > spectrum[k] - detected[k]:
                k = other
        amplitudes[n], peaks[n] = max(0.0, spectrum[k] - detected[k]), k
        n += 1
    smooth = np.minimum(amplitudes[:n], octave_means(amplitudes[:n]))
    reach = int(np.ceil(2 * padding))
    for h in range(n):
        for k in range(max(0, peaks[h] - reach), min(n_bins, peaks[h] + reach + 1)):
            detected[k] += smooth[h] * hamming_lobe_at((k - peaks[h]) / padding)
