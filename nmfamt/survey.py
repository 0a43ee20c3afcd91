"""What must be known of a recording as a whole before its notes can be judged, measured in a first pass over it.

How loud it is, what its sample rate can hold, and what it sounds like: a sample of its spectra, from which a front end
may find out how the instrument is tuned, or which one it is. A survey is taken block by block and stays small however
long the recording is. It does not depend on how that was cut into blocks.

Besides the sample there is an excerpt: `EXCERPT_FRAMES` frames as they follow each other, from the first sound on.

The sample is every n-th frame in which something sounds, where n is the smallest power of two that leaves `MOST_FRAMES`
at most. A frame counts as sounding while it is not much weaker than the loudest until then; frames that turn out to
be silence beside what came later are left out in the end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nmfamt.array_namespace import to_host
from nmfamt.exceptions import NmfamtError
from nmfamt.spectrogram import SILENCE, Spectrogram, measure_level

__all__ = ["EXCERPT_FRAMES", "MOST_FRAMES", "Survey"]

MOST_FRAMES = 2048
"""The most frames that a survey keeps; 3.6 MB of the default spectrogram."""

EXCERPT_FRAMES = 4500
"""Frames of the excerpt; 45 s at a hop of 10 ms, 7 MB of the default spectrogram."""

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Survey:
    """What was measured of a recording as a whole.

    Attributes
    ----------
    sample : Spectrogram
        Frames that are spread evenly over what sounds, at most `MOST_FRAMES`; in main memory.
    excerpt : Spectrogram
        The recording from its first sound on, at most `EXCERPT_FRAMES` frames; in main memory.
    level : float
        How loud the recording is, see `nmfamt.spectrogram.measure_level`.

    Examples
    --------
    >>> from nmfamt import LogFrequency
    >>> survey = Survey.of([LogFrequency()(np.sin(np.arange(160_000.0)), sr=16000)])
    >>> survey.S.shape, float(survey.sample.times[-1])
    ((394, 1001), 10.0)
    """

    sample: Spectrogram
    excerpt: Spectrogram
    level: float

    @property
    def S(self) -> FloatArray:  # noqa: N802 - as in a Spectrogram
        """The spectra of the sample, shape (n_bins, n_sampled)."""
        return self.sample.S

    @classmethod
    def of(cls, spectrograms: Iterable[Spectrogram]) -> Self:
        """Take the survey of a recording.

        Parameters
        ----------
        spectrograms : iterable of Spectrogram
            The recording, in one piece or many.

        Raises
        ------
        NmfamtError
            If there are none.
        """
        sample = _Sample()
        level = measure_level(sample.passing(spectrograms))
        return cls(sample.sounding(), sample.excerpt(), level)

    def thinned(self, n_frames: int) -> FloatArray:
        """Return the spectra of `n_frames` frames, or of as many as there are, spread evenly.

        Returns
        -------
        ndarray, shape (n_bins, at most n_frames)
        """
        n_sampled = self.sample.n_frames
        return self.S[:, np.linspace(0, n_sampled - 1, min(n_frames, n_sampled)).round().astype(np.int64)]


class _Sample:
    """A sample of frames, while it is taken."""

    def __init__(self) -> None:
        self.last: Spectrogram | None = None
        self.loudest = 0.0  # so far
        self.n_sounding = 0  # so far
        self.stride = 1  # every so many of them are kept
        self.frames: list[tuple[float, float, FloatArray]] = []  # time, sum over frequency, spectrum
        self.beginning: list[Spectrogram] = []

    def passing(self, spectrograms: Iterable[Spectrogram]) -> Iterator[Spectrogram]:
        """Yield the spectrograms as they come, having taken from each what belongs to the sample."""
        for spectrogram in spectrograms:
            self._add(spectrogram)
            yield spectrogram

    def _add(self, spectrogram: Spectrogram) -> None:
        self.last = spectrogram
        sums = to_host(spectrogram.S.sum(axis=0, dtype=np.float64))
        loudest = np.maximum.accumulate(np.append(self.loudest, sums))[1:]
        sounding = np.flatnonzero(sums > loudest / SILENCE)
        numbers = self.n_sounding + np.arange(len(sounding))
        kept = sounding[numbers % self.stride == 0]
        spectra = [spectrum.copy() for spectrum in to_host(spectrogram.S[:, kept]).T]
        self.frames += zip(spectrogram.times[kept].tolist(), sums[kept].tolist(), spectra, strict=True)
        self._add_beginning(spectrogram, sums)
        self.loudest = float(loudest[-1])
        self.n_sounding += len(sounding)
        while len(self.frames) > MOST_FRAMES:
            self.frames = self.frames[::2]
            self.stride *= 2

    def _add_beginning(self, spectrogram: Spectrogram, sums: NDArray[np.float64]) -> None:
        """Keep what belongs to the excerpt."""
        missing = EXCERPT_FRAMES - sum(part.n_frames for part in self.beginning)
        first = 0 if self.beginning else int(np.argmax(sums > 0))
        if missing and sums[first:].any():
            S = to_host(spectrogram.S[:, first : first + missing]).copy()
            times = spectrogram.times[first : first + missing]
            self.beginning.append(replace(spectrogram, S=S, times=times))

    def excerpt(self) -> Spectrogram:
        """Return the beginning of what sounds."""
        if not self.beginning:
            return self.sounding()
        return Spectrogram.concatenate(self.beginning)

    def sounding(self) -> Spectrogram:
        """Return the frames that are no silence beside the loudest."""
        if self.last is None:
            raise NmfamtError("There is no spectrogram to survey: give at least one.")
        kept = [(time, spectrum) for time, total, spectrum in self.frames if total > self.loudest / SILENCE]
        S = np.empty((len(self.last.freqs), len(kept)), dtype=self.last.S.dtype)
        for frame, (_, spectrum) in enumerate(kept):
            S[:, frame] = spectrum
        return replace(self.last, S=S, times=np.array([time for time, _ in kept]))
