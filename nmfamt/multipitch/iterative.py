"""Iterative estimation of fundamentals: find the most salient, cancel its partials, and look again.

A. Klapuri, "Multiple fundamental frequency estimation by summing harmonic amplitudes", ISMIR 2006. In each frame, which
is whitened (`nmfamt.multipitch.salience`):

1. The fundamental of the greatest salience ``s(f) = sum over m of g(f, m) max |Y|`` in the residual is found.
2. Each of its partials, located in the residual, is put as wide as the window makes it, and less the higher it is, into
   the spectrum ``D`` of all that was detected.
3. The residual is ``max(0, Y - d D)``, with ``d = 0.89``.
4. From the first while the sum of the saliences of the ``j`` sounds found, over ``j ** 0.70``, grows.

So the higher partials of a sound, which others are more likely to share, are left partly in place for those.

Departures, besides those of `nmfamt.multipitch.salience`:

1. The partials in ``D`` have the weights ``g(f, m) / g(f, 1)``. We read the paper as ``g(f, m)``, which is 0.3 for the
   first partial of a low note: most of it stays, and 47 % of single sounds were then found together with an octave or
   a twelfth that is not there, 7.5 % with these (200 notes of 12 instruments, `benchmarks/accuracy_polyphony.py`). With
   the number of sounds known, six of them, 16 % of the notes were missed instead of 18.
2. A semitone is found once; and the residual, which only falls, is not summed again where the sum before was too small.
3. The greatest number of sounds is `polyphony`; the paper tried one to six.
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

__all__ = ["IterativeF0"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class IterativeF0:
    """Front end: estimation and cancellation in turns.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram that it reads; by default the frames of the paper.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz; by default that of the paper.
    polyphony : int or None
        At most so many sounds a frame; None sets no limit.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz.
    harmonics : HarmonicSum
        Hyper-parameters of whitening and salience.
    cancellation : float, in [0, 2]
        How much of a sound is cancelled, of its first partial; ``d`` of the paper, which has 0.89 for frames of 93 ms
        and 1 for 46 ms.
    counting : float, in [0, 1]
        Exponent of the number of sounds that their saliences are divided by to decide how many there are: the greater,
        the fewer. 0 goes on to `polyphony` whatever is left, where the number of sounds is known.

    Examples
    --------
    >>> t = np.arange(22050) / 44100
    >>> y = sum(np.sin(2 * np.pi * m * f * t) / m for m in range(1, 9) for f in (220.0, 277.18, 329.63))
    >>> front_end = IterativeF0(tuning=0.0)
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
    cancellation: float = 0.89
    counting: float = 0.70

    def __post_init__(self) -> None:
        check_estimator(self)
        check_linear(self)
        if not 0 <= self.cancellation <= 2:
            raise NmfamtError(f"cancellation={self.cancellation} must lie between 0 and 2, such as 0.89.")
        if not 0 <= self.counting <= 1:
            raise NmfamtError(f"counting={self.counting} must lie between 0 and 1, such as 0.7.")

    def fitted(self, survey: Survey) -> "IterativeF0":
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
        """Return the saliences of what is found in each frame, shape (n_pitches, n_frames)."""
        from nmfamt.multipitch._klapuri import take_turns

        n_pitches = len(semitones(self))
        found = take_turns(
            self.harmonics.whitened(spectrogram),
            *self.harmonics.candidates(fundamentals(self), spectrogram),
            self.settings.n_fft / (self.settings.win_length or self.settings.n_fft),
            self.cancellation,
            self.counting,
            min(self.polyphony or n_pitches, n_pitches),
        )
        return share_out(found.T, spectrogram).astype(spectrogram.S.dtype)
