"""Combined frequency and periodicity: a pitch has to stand in the spectrum and in the lag domain.

L. Su & Y.-H. Yang, "Combining spectral and temporal representations for multipitch estimation of polyphonic music",
IEEE/ACM TASLP 23(10), 2015. A spectrum shows a pitch at its fundamental and all multiples of that, so that what is
wrongly found lies above; a function of lag, such as an autocorrelation or a cepstrum, shows it at its period and all
multiples of that, so that what is wrongly found lies below. Only a pitch itself has both series. Three layers, each
rectified and raised to a power, follow each other:

    z0 = |X| ** g0,    z1 = max(0, IFFT z0) ** g1,    z2 = max(0, FFT z1) ** g2

The power-scaled spectrum ``z0`` is whitened without knowing any envelope, with ``g0 = 0.24``; ``z1`` is the generalised
cepstrum; ``z2``, a spectrum again, has lost the envelope and most of the noise with the low lags that are cut off from
``z1``. Local maxima are pooled into the semitones, one for each of the tuned scale. A semitone is a pitch of the frame
if there is a maximum at its first ``M`` partials in ``z2`` and at the first ``M`` multiples of its period in ``z1``.
Noise has maxima everywhere: where both series run through semitones nearly all of which hold one, there is no pitch.

Departures:

1. The third layer is of L. Su, "Between homomorphic signal processing and deep neural networks: Constructing deep
   algorithms for polyphonic music transcription", APSIPA 2017; the paper takes the maxima of ``z0`` itself. Frames of
   seven software pianos: F1 0.55 with ``z0``, 0.60 with ``z2``, at the best threshold of either.
2. The exponents, the length of the series, the share of semitones and the window of 0.18 s are those of programs in
   which this line of methods was published; what each experiment of 2015 used is not known to us.
3. Maxima are located between bins by a parabola, and lags are twice as dense as samples; pooling bins instead leaves
   semitones empty that are narrower than one, at both ends of the range.
4. Partials above the band of the recording are not asked for, nor are multiples of a period beyond two thirds of the
   window, where it shows none.
5. The paper decides by the rule alone. Here a pitch has a strength: its maximum in ``z2``, raised to ``1 / g0`` so that
   it counts as an amplitude again, as a share of all pitches of the frame. A threshold on it is worth eight points of
   frame F1 on the software pianos. The share of occupied semitones then does more harm than good there (0.56 at 0.7,
   0.61 without) and is 1 by default: nothing is taken for noise. White noise has ten times as many pitches then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.estimator import (
    activation_blocks,
    activation_of,
    check_estimator,
    describe,
    semitones,
    share_out,
    tuned,
)
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["FRAMES_OF_180_MS", "CombinedFrequencyPeriodicity"]

FloatArray = NDArray[np.floating[Any]]

FRAMES_OF_180_MS = STFT(sr=16000, hop_length=160, n_fft=8192, win_length=2880, window="blackman", power=1.0)
"""A Blackman window of 0.18 s, padded with zeros to 0.51 s, every 10 ms."""

_LAG_DENSITY = 2  # points of the lag domain in a sample
_MOST_PARTIALS = 16
_PERIODS_IN = 2 / 3  # of the window; in what is longer, no multiple of a period stands out


@dataclass(frozen=True)
class CombinedFrequencyPeriodicity:
    """Front end: what has its partials in the spectrum and its multiples of a period in the generalised cepstrum.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram that it reads; any exponent of it is made up for.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz.
    polyphony : int, optional
        At most so many pitches sound at once, the strongest; None is any number.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz; ``"auto"`` estimates it.
    exponents : tuple of float
        Of the spectrum, the generalised cepstrum, and the spectrum of that.
    n_partials : int
        Partials that a pitch must have, its fundamental included.
    n_periods : int
        Multiples of its period that a pitch must have, the period included.
    density : float
        Share of the semitones under both series at which so many hold a maximum that it is noise; 1 refuses nothing.

    Examples
    --------
    >>> t = np.arange(16000) / 16000
    >>> y = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 11))
    >>> front_end = CombinedFrequencyPeriodicity()
    >>> activation = front_end(front_end.settings(y, sr=16000))
    >>> activation.pitches[activation.values[:, 50] > 0.5 * activation.level].tolist()
    [57.0]
    """

    settings: STFT = FRAMES_OF_180_MS
    fmin: float = 27.5
    fmax: float = 4186.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    exponents: tuple[float, float, float] = (0.24, 0.6, 1.0)
    n_partials: int = 4
    n_periods: int = 4
    density: float = 1.0

    def __post_init__(self) -> None:
        check_estimator(self)
        if not isinstance(self.settings, STFT):
            raise NmfamtError(
                f"CombinedFrequencyPeriodicity reads linear frequencies, the settings are {self.settings}: give an "
                f"STFT, such as {FRAMES_OF_180_MS}."
            )
        if len(self.exponents) != 3 or not all(0 < exponent <= 2 for exponent in self.exponents):
            raise NmfamtError(f"exponents={self.exponents} must be three above 0, 2 at most, such as (0.24, 0.6, 1.0).")
        for name in ("n_partials", "n_periods"):
            if not 1 <= getattr(self, name) <= _MOST_PARTIALS:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a number from 1 to {_MOST_PARTIALS}.")
        if not 0 < self.density <= 1:
            raise NmfamtError(
                f"density={self.density} must be a share of the semitones above 0, 1 at most, such as 0.7."
            )

    def fitted(self, survey: Survey) -> "CombinedFrequencyPeriodicity":
        """Return the front end with the tuning of a recording, unless it was given."""
        return tuned(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Find the pitches of a whole spectrogram; see `nmfamt.multipitch.estimator.activation_of`."""
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Find the pitches of a stream of spectrograms; see `nmfamt.multipitch.estimator.activation_blocks`."""
        return activation_blocks(self, spectrograms, level=level)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return describe(self)

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how strongly every pitch stands out in each frame; zero where it lacks one of both series."""
        from nmfamt.multipitch._frequency_periodicity import stands_in_both

        in_frequency, in_lag, lowest = self.profiles(spectrogram)
        pitches = semitones(self).astype(np.int64)
        hz = pitch_to_hz(pitches + float(self.tuning) / 100)
        longest = _PERIODS_IN * (self.settings.win_length or self.settings.n_fft) / self.settings.sr
        highest = min(spectrogram.bandwidth, float(self.settings.freqs[-1]))
        margin = 2 ** (1 / 24)  # a quarter-tone
        found = np.zeros((len(pitches), spectrogram.n_frames), dtype=in_frequency.dtype)
        stands_in_both(
            in_frequency,
            in_lag,
            pitches - lowest,
            _series(self.n_partials),
            _series(self.n_periods),
            np.clip(np.floor(highest / (hz * margin)), 1, self.n_partials).astype(np.int64),
            np.clip(np.floor(longest * hz / margin), 1, self.n_periods).astype(np.int64),
            self.density,
            found,
        )
        found[hz > highest] = 0
        strongest = np.maximum(found.max(axis=0), np.finfo(found.dtype).tiny)
        salience = (found / strongest) ** (1 / self.exponents[0])
        return share_out(salience, spectrogram)

    def profiles(self, spectrogram: Spectrogram) -> tuple[FloatArray, FloatArray, int]:
        """Return the maxima of the spectrum and of the generalised cepstrum by the semitone.

        Returns
        -------
        in_frequency, in_lag : ndarray, shape (n_frames, n_semitones)
            The highest maximum in each semitone, zero where there is none.
        lowest : int
            The MIDI pitch of the first semitone.
        """
        from nmfamt.multipitch._frequency_periodicity import peaks_by_semitone, turned

        settings, (g0, g1, g2), tuning = self.settings, self.exponents, float(self.tuning) / 100
        pitches = semitones(self).astype(np.int64)
        lowest, highest = pitches[0] - _series(self.n_periods)[-1], pitches[-1] + _series(self.n_partials)[-1]
        low, high = pitch_to_hz(np.array([pitches[0] - 0.5, pitches[-1] + 0.5]) + tuning)
        first_bin = int(np.ceil(low * settings.n_fft / settings.sr))
        first_lag = int(np.ceil(_LAG_DENSITY * settings.sr / high))
        n_lags = _LAG_DENSITY * (settings.n_fft // 2) + 1

        spectrum = np.zeros((spectrogram.n_frames, settings.n_fft // 2 + 1), dtype=spectrogram.S.dtype)
        np.power(spectrogram.S.T, g0 / settings.power, out=spectrum[:, 1:])
        spectrum[:, :first_bin] = 0
        spectrum /= np.maximum(spectrum.max(axis=1, keepdims=True), np.finfo(spectrum.dtype).tiny)
        cepstrum = turned(spectrum, n_lags, first_lag) ** g1
        again = turned(cepstrum, n_lags, first_bin)[:, : spectrum.shape[1]] ** g2
        shape = (spectrogram.n_frames, int(highest - lowest) + 1)
        in_frequency, in_lag = np.zeros(shape, dtype=again.dtype), np.zeros(shape, dtype=again.dtype)
        a4 = 440.0 * 2 ** (tuning / 12)
        first = float(lowest - 69)
        peaks_by_semitone(again, first, a4 * settings.n_fft / settings.sr, 1.0, in_frequency)
        peaks_by_semitone(cepstrum, first, _LAG_DENSITY * settings.sr / a4, -1.0, in_lag)
        return in_frequency, in_lag, int(lowest)


def _series(n: int) -> NDArray[np.int64]:
    """Return how many semitones the first `n` partials lie above the first, rounded."""
    return np.asarray(np.rint(12 * np.log2(np.arange(1, n + 1))).astype(np.int64))
