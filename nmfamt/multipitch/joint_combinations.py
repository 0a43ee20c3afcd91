"""Joint estimation by combinations of candidates, scored by intensity and Gaussian smoothness.

A. Pertusa & J. M. Iñesta, "Multiple fundamental frequency estimation using Gaussian smoothness", ICASSP 2008, and
"Efficient methods for joint estimation of multiple fundamental frequencies in music signals", EURASIP Journal on
Advances in Signal Processing 2012:27. The spectral peaks of a frame that may be fundamentals, those with the strongest
partials, are its candidates, and every combination of them is judged as a whole. The partials of each of its candidates
are gathered in order of frequency: one that a higher candidate shares is interpolated from those that none does, and
what a candidate has is taken from the peaks. The intensity of a candidate is the sum of its partials. Its smoothness is
how little they change when they are smoothed by a Gaussian, for spectra of instruments fall smoothly where those of
wrong combinations jump. The salience of a combination is the sum of

    (intensity * smoothness ** kappa) ** 2

and is added up over neighbouring frames before the best one is chosen. How many sound is not decided by itself: it is
the size of the best combination.

Departures:

1. Peaks are refined by a parabola, and left out by their distance to the strongest of the frame, where the authors have
   a fixed magnitude. Likewise a fixed least intensity is left to the tracker, so that the gain of a recording does not
   matter.
2. Of several peaks in one semitone only the one with the strongest partials is a candidate, so that no combination
   holds a pitch twice.
3. Partials that all are shared, with none free to interpolate from, take what the peaks have left.
4. The intensity of a pitch is the mean of that in the frames around that hold the same combination.
5. There is no graph of combinations and no shortest path through it, the last stage of 2012: it needs all of the
   recording at once. The frames around do part of its work.
6. Frames are 10 ms apart; the authors' program, published with the paper of 2012, has 12 ms.
7. Number of candidates, size of combinations, tolerance, smoothness, least share, range and frames around are those of
   that program. It has 15 partials, which find a little less on software pianos than the 10 here (F1 of onsets 0.52
   instead of 0.54).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
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
    uncompressed,
)
from nmfamt.multipitch.spectral_peaks import find_peaks
from nmfamt.pitch import hz_to_pitch
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["MOST_COMBINATIONS", "JointCombinations"]

FloatArray = NDArray[np.floating[Any]]

MOST_COMBINATIONS = 20_000
"""The most combinations that a frame may have: some twenty times as many as by default."""

_SETTINGS = STFT(sr=22050, hop_length=220, n_fft=8192, win_length=2048, power=1.0)


@dataclass(frozen=True)
class JointCombinations:
    """Front end: the combination of candidates whose partials are strong and smooth.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram; by default windows of 93 ms, four times padded with zeros.
    fmin, fmax : float
        Range of the fundamentals in Hz.
    polyphony : int, optional
        The most candidates of a combination; None allows all.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz; ``"auto"`` estimates it.
    n_candidates : int
        Candidates of a frame.
    n_partials : int
        Partials of a candidate.
    tolerance : float
        Distance in Hz at which a peak is no partial any more; one halfway there counts half.
    smoothness : float
        Weight of smoothness against intensity, ``kappa``; 0 ignores it.
    weakest : float
        A combination is refused if a candidate has less than this share of the intensity of its strongest.
    floor : float
        Peaks further than this below the strongest of a frame are left out, in dB.
    context : int
        Frames on either side over which the salience of a combination is added up.

    Examples
    --------
    >>> front_end = JointCombinations()
    >>> t = np.arange(11025) / 22050
    >>> y = sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 9) for f0 in (261.63, 392.0))
    >>> activation = front_end(front_end.settings(y, sr=22050))
    >>> activation.pitches[activation.values[:, 25] > 0].tolist()
    [60.0, 67.0]
    >>> front_end.n_combinations
    847
    """

    settings: STFT = _SETTINGS
    fmin: float = 38.0
    fmax: float = 2100.0
    polyphony: int | None = 6
    tuning: float | str = "auto"
    n_candidates: int = 10
    n_partials: int = 10
    tolerance: float = 11.0
    smoothness: float = 4.0
    weakest: float = 0.15
    floor: float = 80.0
    context: int = 4

    def __post_init__(self) -> None:
        check_estimator(self)
        if not isinstance(self.settings, STFT):
            raise NmfamtError(
                f"JointCombinations reads spectra whose bins are equally far apart, not {self.settings}: take an STFT."
            )
        for name, least, most in (("n_candidates", 1, 30), ("n_partials", 1, 100), ("context", 0, 100)):
            if not least <= getattr(self, name) <= most:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a number from {least} to {most}.")
        if not 0 < self.tolerance < np.inf:
            raise NmfamtError(f"tolerance={self.tolerance} must be a distance in Hz, such as 11.")
        if not 0 <= self.smoothness < np.inf:
            raise NmfamtError(f"smoothness={self.smoothness} must be a weight of 0 or more, such as 4.")
        if not 0 <= self.weakest <= 1:
            raise NmfamtError(f"weakest={self.weakest} must be a share from 0 to 1, such as 0.15.")
        if not 0 < self.floor <= 100:
            raise NmfamtError(f"floor={self.floor} must be a distance above 0 and up to 100 dB, such as 80.")
        if self.n_combinations > MOST_COMBINATIONS:
            raise NmfamtError(
                f"n_candidates={self.n_candidates} and polyphony={self.polyphony} make {self.n_combinations} "
                f"combinations of a frame, {MOST_COMBINATIONS} are possible: take n_candidates=10."
            )

    @property
    def n_combinations(self) -> int:
        """The most combinations that are judged in a frame."""
        return sum(comb(self.n_candidates, n) for n in range(1, self._largest + 1))

    @property
    def _largest(self) -> int:
        """The size of the largest combination."""
        return self.n_candidates if self.polyphony is None else min(self.polyphony, self.n_candidates)

    @cached_property
    def _combinations(self) -> NDArray[np.int64]:
        """All combinations as numbers whose bits are their candidates."""
        bits = [1 << c for c in range(self.n_candidates)]
        sizes = range(1, self._largest + 1)
        return np.array(sorted(sum(chosen) for size in sizes for chosen in combinations(bits, size)))

    def fitted(self, survey: Survey) -> "JointCombinations":
        """Return the front end for a recording: its tuning is estimated, unless it was given."""
        return tuned(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Find the pitches of a spectrogram, which is a whole recording; see `Factorization`."""
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Find the pitches of a stream of spectrograms; the tuning is known."""
        return activation_blocks(self, spectrograms, level=level, before=self.context, after=self.context)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output, and how many combinations it judges."""
        return {**describe(self), "n_combinations": self.n_combinations}

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how strongly each semitone sounds, shape (n_pitches, n_frames)."""
        from nmfamt.multipitch import _joint_combinations as kernels

        magnitudes = uncompressed(spectrogram.S, spectrogram.settings)
        pitches = semitones(self)
        peaks = find_peaks(magnitudes, spectrogram.freqs, floor=self.floor)
        rows = np.round(hz_to_pitch(peaks.freqs) - float(self.tuning) / 100 - pitches[0]).astype(np.int64)
        rows[(rows < 0) | (rows >= len(pitches))] = -1
        candidates = kernels.find_candidates(*peaks, rows, self.n_candidates, self.n_partials, self.tolerance)
        salience = kernels.salience_of_combinations(
            *peaks, candidates, self._combinations, self.n_partials, self.tolerance, self.smoothness, self.weakest
        )
        values = kernels.merge(
            *peaks,
            magnitudes.max(axis=0, initial=0).astype(np.float64),
            candidates,
            rows,
            self._combinations,
            salience,
            self.context,
            len(pitches),
            self.n_partials,
            self.tolerance,
        )
        return share_out(values, spectrogram).astype(spectrogram.S.dtype)
