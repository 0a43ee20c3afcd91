"""Joint estimation of fundamentals: the combination that explains most salience, what partners share counted less.

A. Klapuri, "Multiple fundamental frequency estimation by summing harmonic amplitudes", ISMIR 2006, the third method of
the paper. In each frame, which is whitened (`nmfamt.multipitch.salience`):

1. The candidates are the `n_candidates` semitones of the greatest salience.
2. Two candidates that share partials inhibit each other: from the salience of one is taken what the other claims of its
   partials, ``sum over m of g(f, m) |Y| min(1, d Z)``, where ``Z`` is the other's weights ``g`` at its partials, each
   as wide as the window makes it; and the other way round.
3. The goodness of a combination is the sum of the saliences of its members less all inhibitions between two of them.
4. The best combination of ``j`` sounds is looked for among the extensions of the `n_candidates` best of ``j - 1`` by
   any candidate. The number of sounds grows while the goodness over ``j ** 0.73`` does.

With ``n`` candidates, at most ``n + (J - 1) n (n - 1)`` combinations are valued for ``J`` sounds, of all
``C(n, 1) + ... + C(n, J)``: for 20 candidates and 6 sounds 1920 of 60 459. Goodness is updated from that of the shorter
combination by one row of a table of pairs.

Departures, besides those of `nmfamt.multipitch.salience`:

1. Candidates are the best semitones, neighbours included, not the maxima over pitch: in mixtures of six sounds 16 % of
   the notes are no maximum, and less than 1 % are missing among the 20 best.
2. ``d`` is 0.6 (our choice on mixtures of isolated notes, see `benchmarks/accuracy_polyphony.py`); Z is the greatest
   claim at a bin where those of two partials of one sound overlap.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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
    fundamentals,
    semitones,
    share_out,
    tuned,
)
from nmfamt.multipitch.salience import FRAMES_OF_93_MS, HarmonicSum, check_linear
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["JointSalience"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class JointSalience:
    """Front end: the best combination of salient pitches.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram that it reads; by default the frames of the paper.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz; by default that of the paper.
    polyphony : int or None
        At most so many sounds a frame; None allows all candidates.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz.
    harmonics : HarmonicSum
        Hyper-parameters of whitening and salience.
    n_candidates : int
        Candidates, and combinations that are kept of each number of sounds.
    sharing : float, in [0, 2]
        How much two sounds lose where they share a partial.
    counting : float, in [0, 1]
        Exponent of the number of sounds that goodness is divided by to decide how many there are: the greater, the
        fewer. 0 goes on to `polyphony`, where the number of sounds is known.

    Examples
    --------
    >>> t = np.arange(22050) / 44100
    >>> y = sum(np.sin(2 * np.pi * m * f * t) / m for m in range(1, 9) for f in (220.0, 277.18, 329.63))
    >>> front_end = JointSalience(tuning=0.0)
    >>> activation = front_end(front_end.settings(y, sr=44100))
    >>> activation.pitches[activation.values[:, 25] > 0].tolist()
    [57.0, 61.0, 64.0]
    """

    settings: STFT = FRAMES_OF_93_MS
    fmin: float = 65.0
    fmax: float = 2100.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    harmonics: HarmonicSum = field(default_factory=HarmonicSum)
    n_candidates: int = 20
    sharing: float = 0.6
    counting: float = 0.73

    def __post_init__(self) -> None:
        check_estimator(self)
        check_linear(self)
        if not 1 <= self.n_candidates <= 60:
            raise NmfamtError(f"n_candidates={self.n_candidates} must be a number from 1 to 60, such as 20.")
        if not 0 <= self.sharing <= 2:
            raise NmfamtError(f"sharing={self.sharing} must lie between 0 and 2, such as 0.6.")
        if not 0 <= self.counting <= 1:
            raise NmfamtError(f"counting={self.counting} must lie between 0 and 1, such as 0.73.")

    def fitted(self, survey: Survey) -> "JointSalience":
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
        """Return the saliences of the best combination in each frame, shape (n_pitches, n_frames)."""
        from nmfamt.multipitch._joint_salience import find_together

        found = find_together(
            self.harmonics.whitened(spectrogram),
            *self.harmonics.candidates(fundamentals(self), spectrogram),
            self.settings.n_fft / (self.settings.win_length or self.settings.n_fft),
            self.sharing,
            self.counting,
            self.polyphony or len(semitones(self)),
            self.n_candidates,
        )
        return share_out(found.T, spectrogram).astype(spectrogram.S.dtype)
