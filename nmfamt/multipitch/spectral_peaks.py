"""Spectral peaks: where and how strong the sinusoids of a frame are.

A peak is a local maximum over frequency. Its place and height are those of the parabola through the logarithm of the
maximum and its two neighbours (J. O. Smith & X. Serra, "PARSHL: an analysis/synthesis program for non-harmonic sounds
based on a sinusoidal representation", ICMC 1987).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Peaks", "find_peaks"]

FloatArray = NDArray[np.floating[Any]]

_DEEPEST = 1e-5  # of the strongest bin of a frame, -100 dB: no logarithm is taken of less


class Peaks(NamedTuple):
    """Peaks of consecutive frames, one after the other; in each frame by frequency.

    Attributes
    ----------
    freqs : ndarray, shape (n_peaks,)
        In Hz.
    amplitudes : ndarray, shape (n_peaks,)
        Shares of the strongest bin of the frame, a little above 1 at most.
    starts : ndarray, shape (n_frames + 1,)
        The peaks of frame ``t`` are ``starts[t]`` to ``starts[t + 1]`` (excluded).
    """

    freqs: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    starts: NDArray[np.int64]


def find_peaks(
    S: FloatArray,
    freqs: NDArray[np.float64],
    *,
    floor: float,
    above: float | None = None,
    width: float = 400.0,
    lobes: tuple[float, float] | None = None,
) -> Peaks:
    """Find the peaks of spectra.

    Parameters
    ----------
    S : ndarray, shape (n_bins, n_frames)
        Magnitudes.
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz, equally far apart.
    floor : float
        Peaks further than this below the strongest bin of their frame are left out, in dB; 100 at most.
    above : float, optional
        So are those less than this above the mean of the spectrum around them, both in dB.
    width : float
        How wide that mean reaches, in Hz.
    lobes : (float, float), optional
        Distance in Hz, and level in dB: peaks that far or further below what stands within that distance are taken for
        side lobes of the window, and left out.

    Examples
    --------
    >>> S = np.array([[0.1], [1.0], [0.1], [0.0], [0.02], [0.5], [0.1]])
    >>> peaks = find_peaks(S, 100 * np.arange(1.0, 8.0), floor=50)
    >>> peaks.freqs.round().tolist(), peaks.amplitudes.round(2).tolist(), peaks.starts.tolist()
    ([200.0, 617.0], [1.0, 0.53], [0, 2])
    """
    n_frames = S.shape[1]
    if len(S) < 3 or not n_frames:
        return Peaks(np.zeros(0), np.zeros(0), np.zeros(n_frames + 1, dtype=np.int64))
    frames = np.ascontiguousarray(S.T, dtype=np.float64)  # in frames first: a frame is read as a whole
    strongest = frames.max(axis=1, keepdims=True)
    frames /= np.where(strongest > 0, strongest, 1)
    middle = frames[:, 1:-1]
    is_peak = (middle > frames[:, :-2]) & (middle >= frames[:, 2:]) & (middle >= 10 ** (-floor / 20))
    if above is not None:
        loudness = 20 * np.log10(np.maximum(frames, _DEEPEST))
        is_peak &= loudness[:, 1:-1] >= _moving_mean(loudness, width / (freqs[1] - freqs[0]))[:, 1:-1] + above
    t, k = np.nonzero(is_peak)
    if lobes is not None:
        around = np.arange(-round(lobes[0] / (freqs[1] - freqs[0])), round(lobes[0] / (freqs[1] - freqs[0])) + 1)
        nearby = frames[t[:, None], np.clip(k[:, None] + 1 + around, 0, len(S) - 1)].max(axis=1)
        is_own = middle[t, k] > nearby * 10 ** (-lobes[1] / 20)
        t, k = t[is_own], k[is_own]
    left, top, right = (np.log(np.maximum(frames[t, k + shift], _DEEPEST)) for shift in (0, 1, 2))
    curvature = left - 2 * top + right
    shift = np.divide(0.5 * (left - right), curvature, out=np.zeros_like(top), where=curvature < 0)
    return Peaks(
        freqs[k + 1] + shift * (freqs[1] - freqs[0]),
        np.exp(top - 0.25 * (left - right) * shift),
        np.searchsorted(t, np.arange(n_frames + 1)),
    )


def _moving_mean(frames: NDArray[np.float64], n_bins: float) -> NDArray[np.float64]:
    """Return the mean over the bins around each, fewer at the ends."""
    half = max(1, round(n_bins / 2))
    sums = np.zeros((len(frames), frames.shape[1] + 1))
    np.cumsum(frames, axis=1, out=sums[:, 1:])
    bins = np.arange(frames.shape[1])
    first, last = np.maximum(bins - half, 0), np.minimum(bins + half + 1, frames.shape[1])
    return np.asarray((sums[:, last] - sums[:, first]) / (last - first))
