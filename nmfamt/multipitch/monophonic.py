"""One voice at a time: the pitch whose period the sound repeats best, followed by a hidden Markov model.

YIN looks for the shortest lag after which a sound differs little from itself, where little is a threshold.
Probabilistic YIN asks that for all thresholds at once: each is as likely as a Beta distribution says, so that a frame
has several candidates with probabilities, and what is left over is the probability that nothing is heard. The most
likely path through pitches a tenth of a semitone apart, heard or not, is the pitch of the voice.

Here all of that is computed from a spectrogram: the inverse transform of a power spectrum is the autocorrelation of the
windowed frame, which, divided by that of the window, tells how much the sound differs from itself.

References: M. Mauch & S. Dixon, "pYIN: a fundamental frequency estimator using probabilistic threshold distributions",
ICASSP 2014; A. de Cheveigne & H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", J. Acoust.
Soc. Am. 111(4), 2002; P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound", Proc. Institute of Phonetic Sciences 17, Amsterdam, 1993, for the
autocorrelation of a windowed sound.

Departures:

1. The difference function comes from the autocorrelation of a Hann-windowed frame, divided by that of the window, and
   not from two rectangular halves of a frame; it is interpolated to a quarter of a sample.
2. The distribution of thresholds is integrated in closed form, not over 100 of them.
3. The range has five octaves and a half, from 55 Hz on, not four.
4. From one frame to the next the pitch moves by as many semitones a second as in librosa's implementation, whatever the
   hop.
5. The path is found in windows of five seconds with a second of context on either side.
6. The paper ends with a pitch in each frame. Here it is rounded to a semitone, and a heard pitch has all of its frame.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.estimator import activation_blocks, activation_of, check_estimator, describe, semitones, tuned
from nmfamt.pitch import hz_to_pitch, pitch_to_hz
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["MonophonicPitch"]

FloatArray = NDArray[np.floating[Any]]

_PER_SEMITONE = 10  # pitches of the hidden Markov model
_FINE = 4  # lags a sample
_MARGIN = 0.5  # semitones beyond the range
_LEAST_PERIODS = 2.5  # of the lowest pitch in a window
_CONTEXT = 1.0  # seconds
_TINY = 1e-30


@dataclass(frozen=True)
class MonophonicPitch:
    """Front end: the pitch of a single voice.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram, with ``power=1`` and `n_fft` at least twice as long as the window.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz.
    polyphony : int, optional
        There is one voice, whatever this is.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz.
    threshold : float, in (0, 0.5]
        Mean of the distribution of thresholds of the difference function, whose values are about 0 where the sound
        repeats itself and 1 where it does not.
    no_trough : float
        Share of the probability of thresholds that no lag falls below, which the best lag gets anyway.
    switch : float
        Probability that the voice begins or ends, a frame.
    max_speed : float
        How fast its pitch moves at most, in octaves a second.

    Examples
    --------
    >>> front_end = MonophonicPitch()
    >>> y = sum(np.sin(2 * np.pi * k * 220 * np.arange(8000) / 16000) / k for k in range(1, 6))
    >>> activation = front_end(front_end.settings(y, sr=16000))
    >>> float(activation.pitches[activation.values[:, 25].argmax()])
    57.0
    """

    settings: STFT = STFT(n_fft=2048, win_length=1024, power=1.0)  # noqa: RUF009 - frozen
    fmin: float = 55.0
    fmax: float = 2489.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    threshold: float = 0.1
    no_trough: float = 0.01
    switch: float = 0.01
    max_speed: float = 35.92

    def __post_init__(self) -> None:
        check_estimator(self)
        settings = self.settings
        if not isinstance(settings, STFT) or settings.power != 1:
            raise NmfamtError(
                f"MonophonicPitch needs linear frequency and magnitudes, not {settings}: take STFT(n_fft=2048, "
                "win_length=1024, power=1.0)."
            )
        if settings.n_fft < 2 * self._n_window:
            raise NmfamtError(
                f"n_fft={settings.n_fft} is shorter than twice the window: take n_fft={2 * self._n_window}, or "
                f"win_length={settings.n_fft // 2}."
            )
        lowest = _LEAST_PERIODS * settings.sr / self._n_window
        if self.fmin < lowest:
            needed = int(np.ceil(_LEAST_PERIODS * settings.sr / self.fmin))
            raise NmfamtError(
                f"fmin={self.fmin:g} Hz has less than {_LEAST_PERIODS} periods in a window of {self._n_window} "
                f"samples: take fmin={np.ceil(lowest):g}, or a window of {needed}."
            )
        highest = settings.sr / 4
        if self.fmax > highest:
            raise NmfamtError(f"fmax={self.fmax:g} Hz has less than 4 samples a period: take {highest:g} at most.")
        for name, most in (("threshold", 0.5), ("no_trough", 1.0), ("switch", 0.5)):
            if not 0 < getattr(self, name) <= most:
                raise NmfamtError(f"{name}={getattr(self, name)} must lie in (0, {most}].")
        if not 0 < self.max_speed < np.inf:
            raise NmfamtError(f"max_speed={self.max_speed} must be positive, in octaves a second, such as 36.")

    @property
    def _n_window(self) -> int:
        return self.settings.win_length or self.settings.n_fft

    def fitted(self, survey: Survey) -> "MonophonicPitch":
        """Return the front end for a recording, with its tuning."""
        return tuned(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Find the pitches of a spectrogram; see `activation_of`."""
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Find the pitches of a stream of spectrograms; see `activation_blocks`."""
        context = round(_CONTEXT * self.settings.sr / self.settings.hop_length)
        return activation_blocks(self, spectrograms, level=level, before=context, after=context)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return describe(self)

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return the sums of the spectra at the semitones that are heard, shape (n_pitches, n_frames)."""
        rows = semitones(self)
        values = np.zeros((len(rows), spectrogram.n_frames), dtype=spectrogram.S.dtype)
        f0 = self.track(spectrogram)
        heard = np.flatnonzero(f0)
        row = np.round(hz_to_pitch(f0[heard]) - float(self.tuning) / 100 - rows[0]).astype(np.int64)
        inside = (row >= 0) & (row < len(rows))
        values[row[inside], heard[inside]] = spectrogram.S.sum(axis=0)[heard[inside]]
        return values

    def track(self, spectrogram: Spectrogram) -> NDArray[np.float64]:
        """Return the fundamental of each frame, looking at all frames together.

        Parameters
        ----------
        spectrogram : Spectrogram
            Computed with `settings`; where the tuning is ``"auto"``, it is estimated from it.

        Returns
        -------
        ndarray, shape (n_frames,)
            In Hz, to a tenth of a semitone; 0 where nothing is heard.

        Examples
        --------
        >>> front_end = MonophonicPitch()
        >>> y = np.sin(2 * np.pi * 440 * np.arange(4000) / 16000)
        >>> front_end.track(front_end.settings(y, sr=16000))[10].round()
        np.float64(440.0)
        """
        from nmfamt.multipitch._monophonic import most_likely_path

        if isinstance(self.tuning, str):
            return self.fitted(Survey.of([spectrogram])).track(spectrogram)
        probabilities = self._candidates(spectrogram.S)
        voiced = np.minimum(probabilities.sum(axis=1), 1)
        n_pitches = probabilities.shape[1]
        path = most_likely_path(
            np.log(probabilities + _TINY),
            np.log((1 - voiced) / n_pitches + _TINY),
            self._moves,
            float(np.log(1 - self.switch)),
            float(np.log(self.switch)),
        )
        heard = path < n_pitches
        return np.where(heard, pitch_to_hz(self._pitches[path % n_pitches]), 0.0)

    def _candidates(self, S: FloatArray) -> NDArray[np.float64]:
        """Return how likely each pitch is heard in each frame, shape (n_frames, n_pitches)."""
        n_frames, pitches = S.shape[1], self._pitches
        found = np.zeros((n_frames, len(pitches)))
        difference = self._difference(S)
        low = int(_FINE * self.settings.sr / pitch_to_hz(pitches[-1]))
        here, left, right = difference[:, low:-1], difference[:, low - 1 : -2], difference[:, low + 1 :]
        value = np.where((here < left) & (here <= right), np.clip(here, 0, 1), 1)
        # A lag is chosen by the thresholds that it is the first to fall below.
        before = np.minimum.accumulate(value, axis=1)[:, :-1]
        before = np.concatenate([np.ones((n_frames, 1)), before], axis=1)
        value = np.minimum(value, before)
        weight = self._below(before) - self._below(value)
        best = value.argmin(axis=1)
        frames = np.flatnonzero(value.min(axis=1) < 1)
        weight[frames, best[frames]] += self.no_trough * self._below(value[frames, best[frames]])
        frame, lag = np.nonzero(weight)
        a, b, c = left[frame, lag], here[frame, lag], right[frame, lag]
        curvature = a - 2 * b + c
        offset = np.divide(0.5 * (a - c), curvature, out=np.zeros_like(a), where=curvature > 0)
        hz = _FINE * self.settings.sr / (low + lag + np.clip(offset, -0.5, 0.5))
        pitch = np.round((hz_to_pitch(hz) - pitches[0]) * _PER_SEMITONE).astype(np.int64)
        inside = (pitch >= 0) & (pitch < len(pitches))
        np.add.at(found, (frame[inside], pitch[inside]), weight[frame, lag][inside])
        return found

    def _difference(self, S: FloatArray) -> NDArray[np.float64]:
        """Return the normalised difference function of each frame, shape (n_frames, n_lags), a quarter sample a lag."""
        n_lags = len(self._window_correlation)
        power = np.zeros((S.shape[1], len(S) + 1))
        np.square(S.T, out=power[:, 1:])
        total = power.sum(axis=1, keepdims=True)
        power /= np.where(total > 0, total, 1)
        correlation = _correlation(power, self.settings.n_fft)[:, :n_lags]
        zero = correlation[:, :1]
        ratio = np.divide(correlation, zero, out=np.zeros_like(correlation), where=zero > 0)
        difference = np.maximum(1 - ratio / self._window_correlation, 0)
        # Divided by its mean over all shorter lags: near 1 where nothing repeats, and no minimum at lag 0.
        mean = np.cumsum(difference, axis=1) / np.maximum(np.arange(n_lags), 1)
        return np.divide(difference, mean, out=np.ones_like(difference), where=mean > 1e-9)

    def _below(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability that a threshold is below `x`: Beta(2, b) with the mean `threshold`."""
        b = 2 * (1 - self.threshold) / self.threshold
        return np.asarray(1 - (1 - x) ** b * (1 + b * x))

    @cached_property
    def _pitches(self) -> NDArray[np.float64]:
        """The pitches of the hidden Markov model."""
        rows = semitones(self)
        low, high = rows[0] - _MARGIN, rows[-1] + _MARGIN
        tuning = float(self.tuning) / 100
        return np.asarray(low + tuning + np.arange(round((high - low) * _PER_SEMITONE) + 1) / _PER_SEMITONE)

    @cached_property
    def _window_correlation(self) -> NDArray[np.float64]:
        """The autocorrelation of the window at the lags that are looked at, 1 at lag 0."""
        from scipy.signal import get_window

        settings = self.settings
        window = get_window(settings.window, self._n_window)
        power = np.abs(np.fft.rfft(window, settings.n_fft)) ** 2
        n_lags = int(np.ceil(_FINE * settings.sr / pitch_to_hz(self._pitches[0]))) + 2
        correlation = _correlation(power, settings.n_fft)[:n_lags]
        return np.asarray(correlation / correlation[0])

    @cached_property
    def _moves(self) -> NDArray[np.float64]:
        """Log-probability of a move from each pitch, shape (2 * reach + 1, n_pitches)."""
        reach = max(1, round(self.max_speed * 12 * _PER_SEMITONE * self.settings.hop_length / self.settings.sr / 2))
        weights = np.repeat(1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1), len(self._pitches))
        moves = weights.reshape(2 * reach + 1, -1)
        target = np.arange(len(self._pitches)) + np.arange(-reach, reach + 1)[:, None]
        moves[(target < 0) | (target >= len(self._pitches))] = 0
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(moves / moves.sum(axis=0)))


def _correlation(power: FloatArray, n_fft: int) -> NDArray[np.float64]:
    """Return the inverse transform of power spectra, interpolated to a fraction of a sample."""
    return np.asarray(np.fft.irfft(power, n=_FINE * n_fft))
