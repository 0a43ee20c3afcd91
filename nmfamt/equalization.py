"""An equalizer between a dictionary and a recording: how the same instrument sounds elsewhere.

Another room, another microphone, another specimen of the instrument: much of what then differs is one gain for each
frequency, the same for all notes and all the time. It is estimated blindly, as part of the model V ≈ diag(g) W H: given
the activations H, the gain that minimises the Kullback-Leibler divergence is in closed form the ratio of two sums over
time, g = Σ V / Σ W H. This is a source-filter model with one filter (T. Virtanen & A. Klapuri, "Analysis of polyphonic
audio using source-filter model and non-negative matrix factorization", NIPS workshop, 2006).

The logarithm of the gain is smoothed along the frequency axis. That is what makes it safe: a gain that could follow
single partials would explain notes that are missing with others that are not. And the fewer pitches there are, the less
is known about what they have in common: one alone cannot tell a gain from its own timbre.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread
from nmfamt.nmf import activations
from nmfamt.octaves import smoothing_over_octaves

__all__ = ["N_FRAMES", "equalized", "estimate_gain", "gain_in_db"]

FloatArray = NDArray[np.floating[Any]]

N_FRAMES = 300
"""Frames of a recording that the gain is estimated from; ten times as many are no better."""

_N_ROUNDS = 2  # four are no better (`benchmarks/results/trials.md`)
_WIDTH = 1 / 3  # of the smoothing window, in octaves; half and one and a half of it are worse by up to .01
_ENOUGH_PITCHES = 15  # besides one; 30 s of music on a piano or a harmonica have 18 to 44, see `_n_pitches`
_LEAST_SHARE = 1e-3  # of the mean bin; where there is less sound, the gain tends to 1
_OCTAVES = (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000)  # Hz, as graphic equalizers have them


@single_thread()
def estimate_gain(
    V: FloatArray, W: FloatArray, freqs: NDArray[np.float64], pitches: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Estimate by what gain templates should be multiplied to explain spectra best.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Spectra, a few hundred frames from all over the recording.
    W : ndarray, shape (n_bins, n_components)
        Templates with unit sums.
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz, increasing.
    pitches : ndarray, shape (n_components,)
        Of the templates.

    Returns
    -------
    ndarray, shape (n_bins,)
        In the unit of the spectra, that is compressed as they are; 1 where nothing sounds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> freqs = 100 * 2.0 ** (np.arange(96) / 24)
    >>> W = rng.dirichlet(np.full(96, 0.3), size=20).T
    >>> tilt = np.linspace(2.0, 0.5, 96)
    >>> gain = estimate_gain(tilt[:, None] * (W @ rng.gamma(1.0, size=(20, 40))), W, freqs, np.arange(20.0))
    >>> bool(gain[10] / gain[-10] > 2)
    True
    """
    gain = np.ones(len(V))
    if not V.any():
        return gain
    smoothing = smoothing_over_octaves(freqs, _WIDTH)
    found = V.sum(axis=1, dtype=np.float64)
    least = _LEAST_SHARE * found.mean()
    for _ in range(_N_ROUNDS):
        moved = equalized(W, gain).astype(V.dtype)
        H = activations(V, moved, tol=1e-2, certify=False).H
        explained = (moved @ H).sum(axis=1, dtype=np.float64)
        weight = min(1.0, (_n_pitches(H.sum(axis=1, dtype=np.float64), pitches) - 1) / _ENOUGH_PITCHES)
        gain *= np.exp(weight * (smoothing @ np.log((found + least) / (explained + least))))
    return gain


def _n_pitches(amounts: NDArray[np.float64], pitches: NDArray[np.float64]) -> float:
    """Return how many pitches sound as if all sounded equally much: the exponential of their entropy."""
    _, number = np.unique(pitches, return_inverse=True)
    shares = np.bincount(number, weights=amounts)
    shares = shares[shares > 0] / max(shares.sum(), np.finfo(np.float64).tiny)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def equalized(W: FloatArray, gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return templates multiplied by a gain, keeping unit sums.

    Examples
    --------
    >>> equalized(np.array([[0.5], [0.5]]), np.array([3.0, 1.0]))
    array([[0.75],
           [0.25]])
    """
    moved = W * gain[:, None]
    sums = moved.sum(axis=0)
    return np.asarray(moved / np.where(sums > 0, sums, 1))


def gain_in_db(gain: NDArray[np.float64], freqs: NDArray[np.float64], power: float) -> dict[str, float]:
    """Return a gain as a graphic equalizer would show it: dB at octaves, relative to their mean.

    Parameters
    ----------
    gain : ndarray, shape (n_bins,)
        Of magnitudes to the power `power`.
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz.
    power : float
        Magnitude exponent of the spectrogram.

    Examples
    --------
    >>> gain_in_db(np.array([1.0, 2.0]), np.array([125.0, 250.0]), 1.0)
    {'125': -3.0, '250': 3.0}
    """
    levels = 20 / power * np.log10(gain)
    octaves = [octave for octave in _OCTAVES if freqs[0] <= octave <= freqs[-1]]
    shown = np.interp(octaves, freqs, levels)
    return {f"{octave:g}": round(float(level), 1) for octave, level in zip(octaves, shown - shown.mean(), strict=True)}
