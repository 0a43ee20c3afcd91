"""Spectra of a few neighbouring partials: what a harmonic spectrum of unknown timbre is made of.

E. Vincent, N. Bertin & R. Badeau, "Adaptive harmonic spectral decomposition for multiple pitch estimation", IEEE TASLP
18 (2010), write the spectrum of a pitch as a weighted sum of narrow-band spectra. Each of these holds the partials of
the pitch under one smooth band envelope; the bands lie evenly on the ERB scale of hearing, the first at the
fundamental. Whatever the weights are, their sum is harmonic and its envelope is smooth.

Partials lie at multiples of the fundamental, or where a stiff string has them: the m-th at
``m f0 sqrt((1 + B m^2) / (1 + B))``, with the inharmonicity ``B`` of an average piano.

What one partial looks like is measured: pure tones, 2 cents apart, are given to the settings of the spectrogram. So any
settings will do whose windows are no longer than half a second. Tones an octave apart are measured in one go; what a
tone leaks further than half an octave is left out.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread
from nmfamt.pitch import hz_to_pitch
from nmfamt.spectrogram import Settings

__all__ = ["erb_number", "narrow_band_spectra", "partial_frequencies", "piano_inharmonicity"]

FloatArray = NDArray[np.floating[Any]]

_STEPS = 600  # tones in an octave
_TONE = 0.5  # seconds
_LOWEST = 20.0  # Hz; no partial lies below
_LEAST = 1e-3  # of the maximum of a narrow-band spectrum; what is less is left out


def erb_number(hz: Any) -> Any:
    """Return where frequencies lie on the ERB scale, as B. Glasberg & B. Moore (1990) have it.

    Examples
    --------
    >>> erb_number(np.array([0.0, 1000.0])).round(2).tolist()
    [0.0, 15.56]
    """
    return 9.26 * np.log1p(0.00437 * np.asarray(hz))


def piano_inharmonicity(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inharmonicity of the strings of an average piano.

    Its logarithm falls over the wound bass strings and rises over the others, as in the tessitura model of F. Rigaud,
    B. David & L. Daudet, "A parametric model of piano tuning", DAFx 2011, with the mean of the pianos there.

    Examples
    --------
    >>> bool(1e-4 < piano_inharmonicity(np.array([110.0]))[0] < 3e-4)
    True
    """
    pitch = hz_to_pitch(f0)
    return np.asarray(np.exp(-0.0847 * pitch - 5.82) + np.exp(0.0926 * pitch - 13.64))


def partial_frequencies(f0: float, highest: float, inharmonicity: float = 0.0) -> NDArray[np.float64]:
    """Return the frequencies of all partials up to `highest`, in Hz.

    Examples
    --------
    >>> partial_frequencies(100.0, 350.0).tolist()
    [100.0, 200.0, 300.0]
    """
    m = np.arange(1, max(1, int(highest / f0)) + 1)
    hz = m * f0 * np.sqrt((1 + inharmonicity * m**2) / (1 + inharmonicity))
    return np.asarray(hz[hz <= highest])


@single_thread()
def narrow_band_spectra(
    settings: Settings,
    f0: NDArray[np.float64],
    *,
    n_bands: int,
    band_step: float,
    highest: float = np.inf,
    inharmonicity: NDArray[np.float64] | None = None,
) -> FloatArray:
    """Return the narrow-band spectra of fundamentals.

    Parameters
    ----------
    settings : Settings
        Of the spectrogram.
    f0 : ndarray, shape (n_pitches,)
        Fundamentals in Hz.
    n_bands : int
        Bands for each; those that lie above `highest` are empty.
    band_step : float
        From one band to the next, in ERB; also how wide they are.
    highest : float
        Frequency in Hz that the recording can hold.
    inharmonicity : ndarray, shape (n_pitches,), optional
        Of the strings; by default 0.

    Returns
    -------
    ndarray, shape (n_pitches, n_bands, n_bins)
        Each of unit sum, or empty.

    Examples
    --------
    >>> from nmfamt import LogFrequency
    >>> N = narrow_band_spectra(LogFrequency(), np.array([220.0]), n_bands=3, band_step=3.0)
    >>> LogFrequency().freqs[N[0].argmax(axis=1)].round(-1).tolist()
    [220.0, 440.0, 660.0]
    """
    freqs = settings.freqs
    highest = min(highest, float(freqs[-1]))
    stiffness = np.zeros(len(f0)) if inharmonicity is None else inharmonicity
    known: Any = settings  # frozen, so that it can be remembered
    tones, first = _tones(known)
    N = np.zeros((len(f0), n_bands, len(freqs)), dtype=tones.dtype)
    for row, (hz, B) in enumerate(zip(f0.tolist(), stiffness.tolist(), strict=True)):
        partials = partial_frequencies(hz, highest, B)
        if not len(partials):
            continue
        place = np.clip(np.log2(partials / first) * _STEPS, 0, len(tones) - 1)
        below = np.minimum(place.astype(np.int64), len(tones) - 2)
        share = (place - below).astype(tones.dtype)[:, None]
        centres = erb_number(hz) + band_step * np.arange(n_bands)
        distance = (erb_number(partials) - centres[:, None]) / band_step
        # The magnitude of a gammatone filter of fourth order; its power falls by half at half a step.
        envelopes = (1 + 4 * (2**0.25 - 1) * distance**2) ** (-2 * settings.power)
        envelopes[centres > erb_number(partials[-1]) + band_step / 2] = 0
        envelopes[envelopes < _LEAST] = 0
        N[row] = envelopes.astype(tones.dtype) @ ((1 - share) * tones[below] + share * tones[below + 1])
    N[..., freqs > highest] = 0
    sums = N.sum(axis=2, keepdims=True)
    return np.asarray(np.divide(N, sums, out=np.zeros_like(N), where=sums > 0))


@lru_cache(maxsize=4)
def _tones(settings: Settings) -> tuple[FloatArray, float]:
    """Return the spectra of pure tones, shape (n_tones, n_bins), and the frequency of the first in Hz."""
    freqs = settings.freqs
    first = min(_LOWEST, settings.sr / 4)
    n_octaves = int(np.floor(np.log2(settings.sr / 2 / first) - 1e-6)) + 1
    n_hops = int(np.ceil(_TONE * settings.sr / settings.hop_length))
    hop = n_hops * settings.hop_length
    changed: Any = settings
    sparse: Settings = replace(changed, hop_length=hop)  # one frame a tone
    t = np.arange(hop) / settings.sr
    hz = first * 2.0 ** (np.arange(_STEPS * n_octaves).reshape(n_octaves, _STEPS) / _STEPS)
    audible = hz < settings.sr / 2
    y = np.concatenate([np.sin(2 * np.pi * np.outer(hz[audible[:, i], i], t)).sum(axis=0) for i in range(_STEPS)])
    y = np.concatenate([np.zeros(hop // 2), y])  # tone i lies around frame i + 1
    S = sparse(y.astype(settings.dtype), sr=settings.sr).S[:, 1 : _STEPS + 1]
    tones = np.zeros((n_octaves, _STEPS, len(freqs)), dtype=S.dtype)
    for octave in range(n_octaves):
        near = np.abs(np.log2(freqs[:, None] / hz[octave])) < 0.5
        tones[octave] = np.where(near & audible[octave], S, 0).T
    return tones.reshape(-1, len(freqs)), first
