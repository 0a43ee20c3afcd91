"""Log-frequency spectra of many frames at a time (numba kernels).

Time is the last axis of every array here, so that each inner loop runs over consecutive frames, which lie side by side
in memory, and becomes vector instructions of whatever width the processor has. Audio is stored in `columns` of one
hop each: sample ``r`` of hop ``t`` is ``columns[r, t]``, and the sample ``n`` of all frames is a piece of one row.

The transform is the decimation-in-frequency FFT of W. M. Gentleman & G. Sande, "Fast Fourier transforms: for fun and
profit", AFIPS Fall Joint Computer Conference (1966), in steps of four, in place; what comes out in digit-reversed order
is read through a table. A real frame is a complex one of half the length: its even samples are the real part, its odd
ones the imaginary part. Frames do not touch each other: silence beside a loud frame stays silence, bit by bit.

Powers are taken without logarithms: ``x = 2**e * m`` with ``1 <= m < 2``, so ``x**p`` is a table look-up times a
polynomial (relative error at most 5e-7 in single precision, 5e-14 in double).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["BLOCK_FRAMES", "Plan", "columns", "make_plan", "spectra"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]

BLOCK_FRAMES = 64
"""Frames that are transformed together: an FFT of 1024 samples in float32 is 256 KB, and stays in the cache."""


class Plan(NamedTuple):
    """A band, tabulated for the kernels.

    Attributes
    ----------
    decimation : int
        Divides the hop.
    taps : ndarray, shape (n_taps,)
        Of the low-pass, zeros after them to a multiple of four.
    lead : int
        Samples at the full rate from the first that is needed to the centre of a frame.
    window : ndarray, shape (n_window,)
        Of each frame.
    cos, sin : ndarray, shape (n_fft,)
        Of one turn.
    first : int
        The first FFT bin that a filter touches.
    places, mirrored : ndarray of int, shape (n_used,)
        Where the transform leaves each bin that a filter touches, and the bin of the opposite frequency.
    starts, firsts : ndarray of int, shape (n_bins + 1,) and (n_bins,)
        Filter ``b`` has the weights ``starts[b]`` to ``starts[b + 1]``, the first of them for used bin ``firsts[b]``.
    weights : ndarray
        Of all filters, one after the other.
    scale, polynomial : ndarray
        Powers of the 2**e, and what gives those of m by Horner's rule from ``m - 1.5``; empty for a power of 1.
    """

    decimation: int
    taps: FloatArray
    lead: int
    window: FloatArray
    cos: FloatArray
    sin: FloatArray
    first: int
    places: IntArray
    mirrored: IntArray
    starts: IntArray
    firsts: IntArray
    weights: FloatArray
    scale: FloatArray
    polynomial: FloatArray


def make_plan(
    *,
    decimation: int,
    lowpass: FloatArray,
    window: FloatArray,
    n_fft: int,
    first: int,
    filters: FloatArray,
    power: float,
) -> Plan:
    """Tabulate a band.

    Parameters
    ----------
    decimation : int
        Divides the hop.
    lowpass : ndarray, shape (n_taps,)
        An odd number of taps; a single one where nothing is decimated.
    window : ndarray, shape (n_window,)
        An odd number of samples at the decimated rate, at most `n_fft`.
    n_fft : int
        A power of two, at least 2.
    first : int
        FFT bin of the first column of `filters`.
    filters : ndarray, shape (n_bins, n_used)
        Not negative; what is not zero is contiguous in each row.
    power : float
        Exponent of the filtered magnitudes.
    """
    dtype = window.dtype
    turn = 2 * np.pi * np.arange(n_fft) / n_fft
    bins = first + np.arange(filters.shape[1])
    order = _order(n_fft // 2)
    counts = (filters > 0).sum(axis=1)
    scale, polynomial = _power_tables(power, dtype)
    return Plan(
        decimation=decimation,
        taps=np.concatenate([lowpass, np.zeros(-len(lowpass) % 4, dtype)]),
        lead=len(window) // 2 * decimation + len(lowpass) // 2,
        window=window,
        cos=np.cos(turn).astype(dtype),
        sin=np.sin(turn).astype(dtype),
        first=first,
        places=order[bins % len(order)],
        mirrored=order[-bins % len(order)],
        starts=np.concatenate([[0], np.cumsum(counts)]),
        firsts=(filters > 0).argmax(axis=1),
        weights=0.5 * filters[filters > 0],  # `_magnitudes` gives them twice
        scale=scale,
        polynomial=polynomial,
    )


def _order(n: int) -> IntArray:
    """Return where `_transform` leaves each frequency."""
    k, places, size = np.arange(n), np.zeros(n, dtype=np.int64), n
    while size >= 4:
        places += k % 4 * (size // 4)
        k, size = k // 4, size // 4
    return places + k


def _power_tables(power: float, dtype: np.dtype[Any]) -> tuple[FloatArray, FloatArray]:
    """Return the tables of `_raise`."""
    if power == 1:
        return np.zeros(0, dtype), np.zeros(0, dtype)
    facts = np.finfo(dtype)
    with np.errstate(over="ignore", under="ignore"):
        scale = np.exp2(power * np.arange(facts.minexp, facts.maxexp, dtype=np.float64)).astype(dtype)
    # The error falls by 5.8 with each degree: m = 0, where x**p is not smooth, is three half-lengths from the middle.
    degree = int(np.ceil(np.log(4 / facts.eps) / np.log(5.8)))
    fit = np.polynomial.Chebyshev.interpolate(lambda m: m**power, degree, domain=[1, 2])
    polynomial = fit.convert(kind=np.polynomial.Polynomial, domain=[1, 2], window=[-0.5, 0.5]).coef[::-1]
    polynomial = np.concatenate([np.zeros(-len(polynomial) % 4), polynomial])
    # What is smaller than the least normal number is zero.
    return np.concatenate([[0], scale, [np.inf]], dtype=dtype), polynomial.astype(dtype)


def spectra(y: FloatArray, plans: Iterable[Plan], *, hop_length: int, context: int, n_frames: int) -> FloatArray:
    """Compute compressed spectra of a log-frequency axis.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Audio in the precision of the plans.
    plans : iterable of Plan
        The bands, from low to high.
    hop_length : int
        Samples between frames.
    context : int
        The first frame is centred on ``y[context]``; at least the `lead` of every plan.
    n_frames : int
        How many.

    Returns
    -------
    ndarray, shape (n_bins, n_frames)
        Of the dtype of `y`.
    """
    n_whole = -(-n_frames // BLOCK_FRAMES) * BLOCK_FRAMES
    # Nothing reads further: half a window and half a low-pass are the context, a block ends within three hops of that.
    audio = columns(y, hop_length, n_whole + 2 * context // hop_length + 3)
    bands = []
    for plan in plans:
        low, start = audio, context - plan.lead
        if plan.decimation > 1:
            hop = hop_length // plan.decimation
            low, start = np.zeros((hop, n_whole + len(plan.window) // hop + 1), y.dtype), 0
            _decimate(audio, context - plan.lead, plan.taps, low)
        bands.append(_band(low, start, plan, n_frames))
    return np.concatenate(bands)


def columns(y: FloatArray, hop_length: int, n_columns: int) -> FloatArray:
    """Return audio in columns of one hop each, zeros after its end; shape (hop_length, n_columns).

    Examples
    --------
    >>> columns(np.arange(5.0), 2, 4)
    array([[0., 2., 4., 0.],
           [1., 3., 0., 0.]])
    """
    padded = np.zeros(hop_length * n_columns, dtype=y.dtype)
    padded[: len(y)] = y[: len(padded)]
    return np.ascontiguousarray(padded.reshape(n_columns, hop_length).T)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _decimate(audio: FloatArray, start: int, taps: FloatArray, low: FloatArray) -> None:
    """Filter audio and keep one sample in so many; `low` is zero before, the first output is from sample `start` on."""
    n_rows, n_columns = low.shape
    decimation = len(audio) // n_rows
    for row in range(n_rows):
        for k in range(0, len(taps), 4):
            n = start + row * decimation + k
            a, b, c, d = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
            w, x, y, z = _sample(audio, n), _sample(audio, n + 1), _sample(audio, n + 2), _sample(audio, n + 3)
            for t in range(n_columns):
                low[row, t] += a * w[t] + b * x[t] + c * y[t] + d * z[t]


@njit(cache=True, nogil=True, error_model="numpy")
def _sample(audio: FloatArray, n: int) -> FloatArray:
    """Return sample `n` of every hop."""
    return audio[n % len(audio), n // len(audio) :]


def _band(audio: FloatArray, start: int, plan: Plan, n_frames: int) -> FloatArray:
    """Return the spectra of a band, from audio in columns at its rate and the first sample of the first frame."""
    dtype = audio.dtype
    n_bins = len(plan.firsts)
    S = np.empty((n_bins, n_frames), dtype)
    spectrum = np.empty((len(plan.cos) // 2, 2 * BLOCK_FRAMES), dtype)
    magnitudes = np.empty((len(plan.places), BLOCK_FRAMES), dtype)
    summed = np.empty((n_bins, BLOCK_FRAMES), dtype)
    scratch = np.empty((2, summed.size), dtype)
    bits: IntArray = summed.reshape(-1).view(np.uint32 if dtype == np.float32 else np.uint64)
    _fill_band(audio, start, plan, spectrum, magnitudes, summed, bits, np.finfo(dtype).nmant, scratch, S)
    return S


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_band(
    audio: FloatArray,
    start: int,
    plan: Plan,
    spectrum: FloatArray,
    magnitudes: FloatArray,
    summed: FloatArray,
    bits: IntArray,
    n_mantissa: int,
    scratch: FloatArray,
    S: FloatArray,
) -> None:
    n_frames = S.shape[1]
    for t in range(0, n_frames, BLOCK_FRAMES):
        _windowed(audio, start, t, plan.window, spectrum)
        _transform(spectrum, plan.cos, plan.sin)
        _magnitudes(spectrum, plan.first, plan.places, plan.mirrored, plan.cos, plan.sin, magnitudes)
        _filtered(magnitudes, plan.starts, plan.firsts, plan.weights, summed)
        if len(plan.scale):
            _raise(summed.reshape(-1), bits, n_mantissa, plan.scale, plan.polynomial, scratch[0], scratch[1])
        last = min(t + BLOCK_FRAMES, n_frames)
        S[:, t:last] = summed[:, : last - t]


@njit(cache=True, nogil=True, error_model="numpy")
def _windowed(audio: FloatArray, start: int, t: int, window: FloatArray, spectrum: FloatArray) -> None:
    """Write the windowed frames from `t` on, even samples beside odd ones."""
    spectrum[len(window) // 2 :] = 0
    for n in range(len(window)):
        row, side, weight = n // 2, n % 2 * BLOCK_FRAMES, window[n]
        samples = _sample(audio, start + n)[t:]
        for i in range(BLOCK_FRAMES):
            spectrum[row, side + i] = weight * samples[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _transform(x: FloatArray, cos: FloatArray, sin: FloatArray) -> None:
    """Transform the first axis of ``x[:, :BLOCK_FRAMES] + 1j * x[:, BLOCK_FRAMES:]``, in place.

    What comes out stands in the order of `_order`.
    """
    n = len(x)
    size = n
    while size >= 4:
        for base in range(0, n, size):
            _fourfold(x, base, size // 4, len(cos) // size, cos, sin)
        size //= 4
    if size == 2:
        for k in range(0, n, 2):
            for i in range(2 * BLOCK_FRAMES):
                even, odd = x[k, i], x[k + 1, i]
                x[k, i] = even + odd
                x[k + 1, i] = even - odd


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _fourfold(x: FloatArray, base: int, quarter: int, step: int, cos: FloatArray, sin: FloatArray) -> None:
    """Split one transform into four of a quarter of its length."""
    for k in range(quarter):
        r0 = base + k
        r1, r2, r3 = r0 + quarter, r0 + 2 * quarter, r0 + 3 * quarter
        c1, c2, c3 = cos[k * step], cos[2 * k * step], cos[3 * k * step]
        s1, s2, s3 = sin[k * step], sin[2 * k * step], sin[3 * k * step]
        for i in range(BLOCK_FRAMES):
            m = BLOCK_FRAMES + i
            a, b, c, d = x[r0, i], x[r1, i], x[r2, i], x[r3, i]
            e, f, g, h = x[r0, m], x[r1, m], x[r2, m], x[r3, m]
            even_re, even_im, odd_re, odd_im = a + c, e + g, b + d, f + h
            x[r0, i], x[r0, m] = even_re + odd_re, even_im + odd_im
            re, im = even_re - odd_re, even_im - odd_im
            x[r2, i], x[r2, m] = re * c2 + im * s2, im * c2 - re * s2
            even_re, even_im, odd_re, odd_im = a - c, e - g, b - d, f - h
            re, im = even_re + odd_im, even_im - odd_re
            x[r1, i], x[r1, m] = re * c1 + im * s1, im * c1 - re * s1
            re, im = even_re - odd_im, even_im + odd_re
            x[r3, i], x[r3, m] = re * c3 + im * s3, im * c3 - re * s3


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _magnitudes(
    x: FloatArray,
    first: int,
    places: IntArray,
    mirrored: IntArray,
    cos: FloatArray,
    sin: FloatArray,
    magnitudes: FloatArray,
) -> None:
    """Write twice the magnitudes of the frames, whose even and odd samples have been transformed together."""
    for k in range(len(places)):
        p, q, c, s = places[k], mirrored[k], cos[first + k], sin[first + k]
        for i in range(BLOCK_FRAMES):
            m = BLOCK_FRAMES + i
            even_re, even_im = x[p, i] + x[q, i], x[p, m] - x[q, m]
            odd_re, odd_im = x[p, m] + x[q, m], x[q, i] - x[p, i]
            re, im = even_re + odd_re * c + odd_im * s, even_im + odd_im * c - odd_re * s
            magnitudes[k, i] = np.sqrt(re * re + im * im)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _filtered(
    magnitudes: FloatArray, starts: IntArray, firsts: IntArray, weights: FloatArray, summed: FloatArray
) -> None:
    """Write the weighted sums of magnitudes."""
    summed[:] = 0
    for b in range(len(firsts)):
        for j in range(starts[b], starts[b + 1]):
            k, weight = firsts[b] + j - starts[b], weights[j]
            for i in range(BLOCK_FRAMES):
                summed[b, i] += weight * magnitudes[k, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _raise(
    values: FloatArray,
    bits: IntArray,
    n_mantissa: int,
    scale: FloatArray,
    polynomial: FloatArray,
    factors: FloatArray,
    result: FloatArray,
) -> None:
    """Raise values, not negative and finite, to a power in place.

    `bits` is the memory of `values` as unsigned integers; `factors` and `result` are scratch.
    """
    shift = bits.dtype.type(n_mantissa)
    below_one = bits.dtype.type((1 << n_mantissa) - 1)
    one = bits.dtype.type(len(scale) // 2 - 1) << shift
    centre = values.dtype.type(1.5)
    for i in range(len(values)):
        factors[i] = scale[bits[i] >> shift]
        bits[i] = (bits[i] & below_one) | one
    result[:] = 0
    for k in range(0, len(polynomial), 4):
        a, b, c, d = polynomial[k], polynomial[k + 1], polynomial[k + 2], polynomial[k + 3]
        for i in range(len(values)):
            m = values[i] - centre
            result[i] = (((result[i] * m + a) * m + b) * m + c) * m + d
    for i in range(len(values)):
        values[i] = result[i] * factors[i]
