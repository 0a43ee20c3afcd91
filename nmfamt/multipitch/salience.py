"""Salience: how strong the harmonics of a pitch are together.

A. Klapuri, "Multiple fundamental frequency estimation by summing harmonic amplitudes", ISMIR 2006. The spectrum is
whitened first, to make the timbre count for less: the level ``sigma`` in each of 30 overlapping bands is compressed to
``sigma ** 0.33``, by a gain that is interpolated between the centres of the bands. The salience of a fundamental ``f``
is then a weighted sum over its partials,

    s(f) = sum over m of g(f, m) max |Y|,    g(f, m) = (f + alpha) / (m f + beta),

with the maximum near ``m f``. The weights were optimised in the paper on mixtures of notes; ``alpha`` is 52 Hz for
frames of 93 ms and 27 Hz for 46 ms, ``beta`` 320 Hz for both. `HarmonicSum` holds this, and `IterativeF0` and
`JointSalience` build on it. `Salience` is the *direct* method of the paper, which takes the highest maxima of ``s`` for
what sounds.

Departures:

1. The paper looks for the maximum over all periods, in steps of half a sample, by halving intervals of them. Here the
   candidates are frequencies in equal steps of a semitone, and the best in a quarter-tone around each tuned semitone is
   that semitone's; the range in which a partial is looked for is as wide as the step, rounded to bins.
2. The bands say nothing beyond the centre of the highest, 6.2 kHz: partials above it are left out, and so are those
   above the band of the recording. Below the lowest centre, 55 Hz, the gain is that at 55 Hz.
3. Time: the paper has single frames. Here they are 10 ms apart, each by itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.estimator import (
    activation_blocks,
    activation_of,
    check_estimator,
    describe,
    fundamentals,
    share_out,
    tuned,
    uncompressed,
)
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["FRAMES_OF_93_MS", "Candidates", "HarmonicSum", "Salience", "check_linear"]

FloatArray = NDArray[np.floating[Any]]

FRAMES_OF_93_MS = STFT(sr=44100, hop_length=441, n_fft=8192, win_length=4096, power=1.0)
"""The frames of the paper: a Hann window of 93 ms, padded with zeros to twice its length; here 10 ms apart."""

_N_BANDS = 30


class Candidates(NamedTuple):
    """Where the partials of candidates are, see `nmfamt.multipitch._klapuri`."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    weights: NDArray[np.float64]
    starts: NDArray[np.int64]


@dataclass(frozen=True)
class HarmonicSum:
    """Hyper-parameters of whitening and of the weights of partials.

    Parameters
    ----------
    whitening : float, in [0, 1]
        Exponent to which the level of a band is compressed; 1 leaves the spectrum as it is, 0 makes all bands equal.
    n_partials : int
        Partials that are summed.
    alpha, beta : float
        Of the weights, in Hz: the greater `alpha`, the more a low pitch counts beside its octave; the greater `beta`,
        the more equal are the first partials.
    n_steps : int
        Candidates a semitone.
    """

    whitening: float = 0.33
    n_partials: int = 20
    alpha: float = 52.0
    beta: float = 320.0
    n_steps: int = 7

    def __post_init__(self) -> None:
        if not 0 <= self.whitening <= 1:
            raise NmfamtError(f"whitening={self.whitening} must lie between 0 and 1, such as 0.33.")
        for name in ("n_partials", "n_steps"):
            if not 1 <= getattr(self, name) <= 100:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a number from 1 to 100.")
        for name in ("alpha", "beta"):
            if not 0 <= getattr(self, name) < np.inf:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a frequency in Hz, 0 or more.")

    @single_thread()
    def whitened(self, spectrogram: Spectrogram) -> NDArray[np.float64]:
        """Return whitened spectra, shape (n_frames, n_bins), up to the centre of the highest band.

        Examples
        --------
        >>> settings = FRAMES_OF_93_MS
        >>> quiet = settings(0.001 * np.sin(0.1 * np.arange(44100)), sr=44100)
        >>> loud = settings(0.1 * np.sin(0.1 * np.arange(44100)), sr=44100)
        >>> ratio = HarmonicSum().whitened(loud).max() / HarmonicSum().whitened(quiet).max()
        >>> round(float(np.log(ratio) / np.log(100)), 3)
        0.33
        """
        heard = spectrogram.freqs <= min(_centres()[-2], spectrogram.bandwidth)
        bands, gains = _bands(spectrogram.freqs[heard])
        magnitudes = uncompressed(spectrogram.S[heard].astype(np.float64), spectrogram.settings)
        level = np.sqrt(bands @ magnitudes**2 / (2 * len(spectrogram.freqs)))
        factors = np.power(level, self.whitening - 1, out=np.zeros_like(level), where=level > 0)
        return np.ascontiguousarray((magnitudes * (gains @ factors)).T)

    def candidates(self, f0: NDArray[np.float64], spectrogram: Spectrogram) -> Candidates:
        """Return where the partials of candidates around fundamentals lie in `whitened` spectra.

        Parameters
        ----------
        f0 : ndarray, shape (n_rows,)
            Fundamentals in Hz, each with `n_steps` candidates in the quarter-tones around it.
        spectrogram : Spectrogram
            That was whitened; its bins lie evenly.
        """
        step = 2 ** (1 / (12 * self.n_steps))
        around = step ** (np.arange(self.n_steps) - (self.n_steps - 1) / 2)
        f = (f0[:, None] * around).reshape(-1, 1)
        m = np.arange(1, self.n_partials + 1)
        freqs = spectrogram.freqs
        spacing = freqs[1] - freqs[0]
        n_bins = np.count_nonzero(freqs <= min(_centres()[-2], spectrogram.bandwidth))
        low = np.rint((m * f / np.sqrt(step) - freqs[0]) / spacing).astype(np.int64)
        high = np.rint((m * f * np.sqrt(step) - freqs[0]) / spacing).astype(np.int64)
        outside = (low < 0) | (high >= n_bins)
        low[outside], high[outside] = 0, -1
        weights = (f + self.alpha) / (m * f + self.beta)
        return Candidates(low, high, weights, np.arange(len(f0) + 1) * self.n_steps)


@dataclass(frozen=True)
class Salience:
    """Front end: the maxima of salience over pitch.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram that it reads; by default the frames of the paper.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz; by default that of the paper.
    polyphony : int or None
        So many maxima are kept, the highest; None keeps all.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz.
    harmonics : HarmonicSum
        Hyper-parameters of the salience.

    Examples
    --------
    >>> t = np.arange(22050) / 44100
    >>> y = sum(np.sin(2 * np.pi * m * 220 * t) / m for m in range(1, 9))
    >>> front_end = Salience(polyphony=1, tuning=0.0)
    >>> activation = front_end(front_end.settings(y, sr=44100))
    >>> float(activation.pitches[activation.values[:, 25].argmax()])
    57.0
    """

    settings: STFT = FRAMES_OF_93_MS
    fmin: float = 65.0
    fmax: float = 2100.0
    polyphony: int | None = 6
    tuning: float | str = "auto"
    harmonics: HarmonicSum = field(default_factory=HarmonicSum)

    def __post_init__(self) -> None:
        check_estimator(self)
        check_linear(self)

    def fitted(self, survey: Survey) -> "Salience":
        """Return the front end with the tuning of a recording."""
        return tuned(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Find the pitches of a spectrogram."""
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Find the pitches of a stream of spectrograms; no context is needed."""
        return activation_blocks(self, spectrograms, level=level)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return describe(self)

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return the maxima of salience, shape (n_pitches, n_frames)."""
        from nmfamt.multipitch._klapuri import salient

        found = salient(
            self.harmonics.whitened(spectrogram), *self.harmonics.candidates(fundamentals(self), spectrogram)
        ).T
        padded = np.pad(found, ((1, 1), (0, 0)))
        found[(found < padded[:-2]) | (found < padded[2:])] = 0
        return share_out(found, spectrogram).astype(spectrogram.S.dtype)


def check_linear(estimator: Any) -> None:
    """Refuse a spectrogram whose bins do not lie evenly.

    Raises
    ------
    NmfamtError
        Unless the settings are those of an `STFT`.
    """
    if not isinstance(estimator.settings, STFT):
        name = type(estimator).__name__
        raise NmfamtError(
            f"{name} sums harmonics at evenly spaced bins, settings={estimator.settings} has others: take "
            f"{FRAMES_OF_93_MS}."
        )


def _centres() -> NDArray[np.float64]:
    """Return the centres of the bands in Hz, with one more at either end, shape (n_bands + 2,)."""
    return np.asarray(229 * (10 ** (np.arange(1, _N_BANDS + 3) / 21.4) - 1))


def _bands(freqs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the triangular power responses of the bands, and what interpolates between their centres.

    Returns
    -------
    bands : ndarray, shape (n_bands, n_bins)
    gains : ndarray, shape (n_bins, n_bands)
    """
    centres = _centres()
    bands = np.stack([np.interp(freqs, centres[b : b + 3], [0, 1, 0]) for b in range(_N_BANDS)])
    gains = np.stack([np.interp(freqs, centres[1:-1], unit) for unit in np.eye(_N_BANDS)], axis=1)
    return bands, gains
