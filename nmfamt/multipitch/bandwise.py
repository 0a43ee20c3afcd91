"""Iterative estimation of fundamentals in bands, under spectral smoothness.

A. Klapuri, "Multiple fundamental frequency estimation based on harmonicity and spectral smoothness", IEEE Transactions
on Speech and Audio Processing 11(6), 2003. In each frame:

1. Magnitudes ``X`` are warped to ``Y = log(1 + X / s)``, where ``s`` is the cube of the mean of their cube roots from
   50 Hz to 6 kHz. From ``Y`` a moving average over two thirds of an octave, at least 100 Hz, is taken away as noise;
   what stays above zero is ``Z``.
2. ``Z`` is cut into overlapping triangular bands of two thirds of an octave, at least 100 Hz. The weight of a
   fundamental in a band is the sum of ``Z`` at those of its ``n`` partials that lie in it, times ``0.75 / n + 0.25``.
3. The fundamental with the greatest sum of squared weights over all bands is found, under the best inharmonicity:
   partial ``h`` lies at ``h f sqrt(1 + B (h h - 1))``.
4. Its partials are measured. None may be stronger than the mean of the partials within half an octave, weighted by a
   Hamming window: what sticks out belongs to other sounds as well. So smoothed, the sound is subtracted from ``X``.
5. From 2, until there are enough.

Departures:

1. The paper leaves open where the first partial of each band lies, as far as ``B = 0.01`` could move it, so that a band
   is judged by the spacing of its partials alone. That left 36 % of the fundamentals that were found first in mixtures
   of four sounds wrong, most of them an octave or more too low (100 mixtures, frames of 93 ms). Here the partials of
   all bands belong to one series with one of the `inharmonicities`, and those of a band may be shifted together by as
   much as half a step of the frequencies that are tried.
2. How many sounds there are, the paper decides by linear functions of their weights and the noise whose coefficients
   were trained; here it is as in the later paper (`nmfamt.multipitch.iterative`), while the sum of the weights of ``j``
   sounds over ``j ** 0.70`` grows.
3. The moving average is computed at points a sixth of an octave, at least 25 Hz apart, and interpolated.
4. A semitone is found once; a candidate is not weighed again where its weight before was too small.
5. The paper has frames of 93 and 190 ms. Here they are of 190 ms, which is what its abstract reports, and 10 ms apart.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

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
    semitones,
    share_out,
    tuned,
    uncompressed,
)
from nmfamt.multipitch.salience import check_linear
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["FRAMES_OF_190_MS", "BandwiseF0"]

FloatArray = NDArray[np.floating[Any]]

FRAMES_OF_190_MS = STFT(sr=44100, hop_length=441, n_fft=16384, win_length=8192, power=1.0, window="hamming")
"""The longer frames of the paper: a Hamming window of 186 ms, padded with zeros to twice its length; here 10 ms
apart."""

_FMIN, _FMAX = 50.0, 6000.0  # Hz; of what is looked at
_OCTAVES, _LEAST_WIDTH = 2 / 3, 100.0  # Hz; of bands, and of what noise is averaged over


@dataclass(frozen=True)
class BandwiseF0:
    """Front end: weights in bands, and subtraction under spectral smoothness, in turns.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram that it reads.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz; by default that of the paper.
    polyphony : int or None
        At most so many sounds a frame; None sets no limit.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz.
    inharmonicities : tuple of float
        ``B`` that are tried: 0 for winds and bowed strings, about 1e-4 for the bass and 4e-4 for the middle of a piano.
    n_steps : int
        Fundamentals that are tried a semitone.
    counting : float, in [0, 1]
        Exponent of the number of sounds that their weights are divided by to decide how many there are: the greater,
        the fewer. 0 goes on to `polyphony`, where the number of sounds is known.

    Examples
    --------
    >>> t = np.arange(22050) / 44100
    >>> y = sum(np.sin(2 * np.pi * m * f * t) / m for m in range(1, 9) for f in (220.0, 277.18, 329.63))
    >>> front_end = BandwiseF0(tuning=0.0, polyphony=3)
    >>> activation = front_end(front_end.settings(y, sr=44100))
    >>> activation.pitches[activation.values[:, 25] > 0].tolist()
    [57.0, 61.0, 64.0]
    """

    settings: STFT = FRAMES_OF_190_MS
    fmin: float = 65.0
    fmax: float = 2100.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    inharmonicities: tuple[float, ...] = (0.0, 1e-4, 4e-4)
    n_steps: int = 7
    counting: float = 0.70

    def __post_init__(self) -> None:
        check_estimator(self)
        check_linear(self)
        if not self.inharmonicities or not all(0 <= b <= 0.1 for b in self.inharmonicities):
            raise NmfamtError(
                f"inharmonicities={self.inharmonicities} must be numbers from 0 to 0.1, such as (0.0, 1e-4, 4e-4)."
            )
        if not 1 <= self.n_steps <= 100:
            raise NmfamtError(f"n_steps={self.n_steps} must be a number from 1 to 100, such as 7.")
        if not 0 <= self.counting <= 1:
            raise NmfamtError(f"counting={self.counting} must lie between 0 and 1, such as 0.7.")

    def fitted(self, survey: Survey) -> "BandwiseF0":
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
        """Return the weights of what is found in each frame, shape (n_pitches, n_frames)."""
        from nmfamt.multipitch._bandwise import find_in_bands

        X, freqs = _from_zero(spectrogram)
        scale, noise = _scale_and_noise(X, freqs)
        edges, shapes = _bands(freqs)
        places, parts = self._partials(edges, freqs[1])
        half_a_step = 2 ** (1 / (24 * self.n_steps)) - 1
        found = find_in_bands(
            X,
            scale,
            noise,
            places,
            parts,
            np.arange(len(semitones(self)) + 1) * self.n_steps,
            edges,
            shapes,
            np.rint(half_a_step * edges.mean(axis=1)).astype(np.int64),
            self.settings.n_fft / (self.settings.win_length or self.settings.n_fft),
            self.counting,
            self.polyphony or len(semitones(self)),
        )
        return share_out(found.T, spectrogram).astype(spectrogram.S.dtype)

    def _partials(self, edges: NDArray[np.int64], spacing: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the bins of the partials of all candidates, and which of them are in which band."""
        around = 2 ** ((np.arange(self.n_steps) - (self.n_steps - 1) / 2) / (12 * self.n_steps))
        f = (fundamentals(self)[:, None] * around).reshape(-1, 1, 1) / spacing
        h = np.arange(1, int(edges.max() / f.min()) + 2)
        B = np.array(self.inharmonicities)[:, None]
        places = np.rint(f * h * np.sqrt(1 + B * (h * h - 1.0))).astype(np.int64)
        below = [np.count_nonzero(places < edge, axis=-1) for edge in edges.ravel()]
        return places, np.stack(below, axis=-1).reshape(*places.shape[:2], *edges.shape)


def _from_zero(spectrogram: Spectrogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the magnitudes from 0 Hz to the end of what is looked at, and their frequencies; frames come first."""
    freqs = np.arange(len(spectrogram.freqs) + 1) * spectrogram.freqs[0]
    heard = freqs[1:] <= min(_FMAX * 2 ** (_OCTAVES / 2), spectrogram.bandwidth)
    magnitudes = uncompressed(spectrogram.S[heard].astype(np.float64), spectrogram.settings)
    return np.ascontiguousarray(np.pad(magnitudes, ((1, 0), (0, 0))).T), freqs[: 1 + np.count_nonzero(heard)]


@single_thread()
def _scale_and_noise(
    X: NDArray[np.float64], freqs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what magnitudes are divided by in each frame, and the moving average of their warped spectrum."""
    within = (freqs >= _FMIN) & (freqs <= _FMAX)
    scale = np.cbrt(X[:, within]).mean(axis=1) ** 3
    warped = np.log1p(np.divide(X.T, scale, out=np.zeros_like(X.T), where=scale > 0))
    points = [_FMIN]
    while points[-1] < freqs[-1]:
        points.append(max(points[-1] + 25, points[-1] * 2 ** (1 / 6)))
    centres = np.array(points)[:, None]
    widths = np.maximum(_LEAST_WIDTH, centres * (2 ** (_OCTAVES / 2) - 2 ** (-_OCTAVES / 2)))
    distance = np.minimum(np.abs(freqs - centres) / widths, 0.5)
    windows = np.where(distance < 0.5, 0.54 + 0.46 * np.cos(2 * np.pi * distance), 0)
    averages = (windows @ warped) / np.maximum(windows.sum(axis=1, keepdims=True), 1e-9)
    between = np.stack([np.interp(freqs, centres[:, 0], unit) for unit in np.eye(len(centres))], axis=1)
    return scale, np.ascontiguousarray((between @ averages).T)


def _bands(freqs: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first bins of the bands and the bins after their last, and their triangular responses.

    Returns
    -------
    edges : ndarray of int, shape (n_bands, 2)
    shapes : ndarray, shape (n_bands, most bins of a band)
    """
    limits, low = [], _FMIN
    while (high := low + max(_LEAST_WIDTH, low * (2**_OCTAVES - 1))) <= min(_FMAX, freqs[-1]):
        limits.append((low, high))
        low = low + _LEAST_WIDTH / 2 if high - low <= _LEAST_WIDTH else low * 2 ** (_OCTAVES / 2)
    edges = np.stack([np.searchsorted(freqs, [low, high]) for low, high in limits])
    shapes = np.zeros((len(edges), int(np.diff(edges).max())))
    for (low, high), (begin, end), shape in zip(limits, edges, shapes, strict=True):
        shape[: end - begin] = np.interp(freqs[begin:end], [low, (low + high) / 2, high], [0, 1, 0])
    return edges.astype(np.int64), shapes
