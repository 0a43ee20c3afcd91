"""Joint estimation by the likelihood of spectral peaks and of the regions without peaks.

Z. Duan, B. Pardo & C. Zhang, "Multiple fundamental frequency estimation by modeling spectral peaks and non-peak
regions", IEEE Transactions on Audio, Speech, and Language Processing 18 (8), 2010. A set of fundamentals is likely if
it explains the peaks of a frame, each as a partial of one of them by its frequency and level, or as spurious; and if
few of its partials fall further than a quarter-tone from every peak, where they should have shown. The first rewards
fundamentals, the second punishes those an octave too low. They are added one at a time, each time the one by which the
likelihood rises most; as many sound as reach 88 % of the rise from the first to the last. Then each frame is corrected
by those around: in a histogram of their fundamentals over semitones, weighted by nearness, as many of the highest bins
are kept as sound on average.

Everything that is learned stands in `nmfamt.multipitch.peak_model`.

Departures:

1. Levels of peaks are relative to the strongest bin of the frame, so that the gain of a recording does not matter.
2. Fundamentals are looked for within 0.4 semitones of the lowest and of the strongest peaks between `fmin` and `fmax`,
   in steps of 0.2, and are at least half a semitone apart.
3. Adding ends where the likelihood no longer rises, if that is before `polyphony` is reached.
4. A fundamental that the frames around bring in has their weighted mean pitch; the frame is not searched again.
5. How strongly a pitch sounds, of which the paper says nothing, is the sum of the peaks at its partials; several that
   claim a peak share it equally. A pitch that the frames around bring in is absent where no peak is at its partials.
6. Silence is left to the tracker, which knows the level of the recording.
7. Side lobes of the window, 40 dB below what stands beside, are no peaks.
8. The model was learned at 22,050 Hz from piano, bass, saxophone and rendered notes; partials above the band of a
   recording are not expected to show.
9. Windows are 93 ms long; those of the authors' published program are 46 ms, which does not tell low semitones apart.
   Range, thresholds of peaks, step and frames around are those of that program. The weights of the histogram fall
   linearly.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
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
from nmfamt.multipitch.peak_model import PeakModel, default_peak_model
from nmfamt.multipitch.spectral_peaks import Peaks, find_peaks
from nmfamt.pitch import hz_to_pitch
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.survey import Survey

__all__ = ["ABOVE", "FLOOR", "LOBES", "WIDTH", "JointLikelihood"]

FloatArray = NDArray[np.floating[Any]]

FLOOR = 50.0
"""Peaks further than this below the strongest bin of a frame are left out, in dB; the model was learned with it."""

ABOVE, WIDTH = 4.0, 400.0
"""So are those less than `ABOVE` dB above the mean of the spectrum over `WIDTH` Hz."""

LOBES = (86.0, 40.0)
"""And those that lie 40 dB below what stands within 86 Hz: side lobes of a Hamming window of 93 ms lie 43 dB below."""

_SETTINGS = STFT(sr=22050, hop_length=220, n_fft=8192, win_length=2048, power=1.0, window="hamming")
_OFFSETS = np.array([-0.4, -0.2, 0.0, 0.2, 0.4])  # semitones around a peak
_APART = 0.5  # semitones between fundamentals
_REACH = 1.0  # semitones from a partial up to which a peak may be it; its density vanishes before
_MOST_FUNDAMENTALS = 20  # where the polyphony is not limited


@dataclass(frozen=True)
class JointLikelihood:
    """Front end: fundamentals that make the peaks of a spectrum likely, and the regions without.

    Parameters
    ----------
    settings : STFT
        Of the spectrogram; by default Hamming windows of 93 ms, four times padded with zeros.
    fmin, fmax : float
        Range of the fundamentals in Hz.
    polyphony : int, optional
        The most fundamentals of a frame; None is 20.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz; ``"auto"`` estimates it.
    share : float
        So much of the possible rise of the likelihood is reached by the fundamentals that are taken.
    n_peaks : int
        Around so many of the lowest peaks fundamentals are looked for, and as many of the strongest.
    context : int
        Frames on either side by which a frame is corrected; 0 corrects nothing.
    model : PeakModel, optional
        What is known of peaks; by default the model that ships.

    Examples
    --------
    >>> front_end = JointLikelihood()
    >>> t = np.arange(11025) / 22050
    >>> y = sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 9) for f0 in (261.63, 392.0))
    >>> activation = front_end(front_end.settings(y, sr=22050))
    >>> activation.pitches[activation.values[:, 25] > 0].tolist()
    [60.0, 67.0]
    """

    settings: STFT = _SETTINGS
    fmin: float = 65.4
    fmax: float = 1975.5
    polyphony: int | None = 9
    tuning: float | str = "auto"
    share: float = 0.88
    n_peaks: int = 10
    context: int = 9
    model: PeakModel | None = None

    def __post_init__(self) -> None:
        check_estimator(self)
        if not isinstance(self.settings, STFT):
            raise NmfamtError(
                f"JointLikelihood reads spectra whose bins are equally far apart, not {self.settings}: take an STFT."
            )
        if not 0 < self.share <= 1:
            raise NmfamtError(f"share={self.share} must be above 0 and at most 1, such as 0.88.")
        for name, least, most in (("n_peaks", 1, 100), ("context", 0, 100)):
            if not least <= getattr(self, name) <= most:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a number from {least} to {most}.")

    def fitted(self, survey: Survey) -> "JointLikelihood":
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
        """What identifies this front end in an output."""
        return {**describe(self), "model": self._model.info}

    @property
    def _model(self) -> PeakModel:
        return default_peak_model() if self.model is None else self.model

    @cached_property
    def _deviations(self) -> NDArray[np.float64]:
        """The log density of deviations, in steps of half a cent."""
        return self._model.log_deviation(np.linspace(-_REACH, _REACH, 401))

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how strongly each semitone sounds, shape (n_pitches, n_frames)."""
        from nmfamt.multipitch import _joint_likelihood as kernels

        magnitudes = uncompressed(spectrogram.S, spectrogram.settings)
        peaks = find_peaks(magnitudes, spectrogram.freqs, floor=FLOOR, above=ABOVE, width=WIDTH, lobes=LOBES)
        found = self._fundamentals(peaks, min(spectrogram.bandwidth, float(spectrogram.freqs[-1])))
        pitches = semitones(self)
        rows = np.round(found - float(self.tuning) / 100 - pitches[0]).astype(np.int64)
        rows[(found < 0) | (rows < 0) | (rows >= len(pitches))] = -1
        refined = kernels.refine(found, rows, len(pitches), self.context)
        values = kernels.intensities(
            hz_to_pitch(peaks.freqs), peaks.amplitudes, peaks.starts, refined, self._model.most_partials
        )
        return share_out(values, spectrogram).astype(spectrogram.S.dtype)

    def _fundamentals(self, peaks: Peaks, ceiling: float) -> FloatArray:
        """Return the MIDI pitches of the fundamentals of each frame, as it is by itself; -1 for none."""
        from nmfamt.multipitch import _joint_likelihood as kernels

        model = self._model
        pitches, levels = hz_to_pitch(peaks.freqs), 20 * np.log10(peaks.amplitudes)
        tuning, known = float(self.tuning) / 100, semitones(self)
        return kernels.add_in_frames(
            pitches,
            levels,
            model.spurious(pitches, levels),
            peaks.starts,
            self.n_peaks,
            (float(known[0]) - 0.5 + tuning, float(known[-1]) + 0.5 + tuning),
            _OFFSETS,
            float(hz_to_pitch(ceiling)),
            model.missing(_PITCH_GRID),
            self._deviations,
            _REACH,
            model.level_table,
            model.axes,
            model.spurious_share,
            self.polyphony or _MOST_FUNDAMENTALS,
            self.share,
            _APART,
        )


_PITCH_GRID = np.arange(128.0)
