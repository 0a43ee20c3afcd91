"""Shift-invariant probabilistic latent component analysis: templates that may lie beside their nominal pitch.

A spectrum is taken for a distribution over frequency, and explained as a mixture: first a pitch is drawn, then a source
that plays it, then how many cents its partials are shifted, then a frequency from the template of all three,

``P(w, t) = P(t) sum_p,s,f P(w | p, s, f) P(p | t) P(s | p, t) P(f | p, t)``.

The templates are given, and shifted beforehand; the three distributions of each frame are found by expectation
maximisation, each raised to a power above one after every step, so that few pitches are left, each played by few
sources at one shift. ``P(t) P(p | t)`` is the activation; with the shift it shows vibrato, glissandi and instruments
that are out of tune.

References: E. Benetos & S. Dixon, "A shift-invariant latent variable model for automatic music transcription", Computer
Music Journal 36(4), 2012, for the model; E. Benetos, S. Cherla & T. Weyde, "An efficient shift-invariant model for
polyphonic music transcription", 6th International Workshop on Machine Learning and Music, 2013, for templates that are
shifted beforehand, which spares the convolution.

Departures:

1. Shifted templates are interpolated by cubic splines (`nmfamt.tuning.shift_templates`), on the frequency axis of the
   dictionary; with 60 bins per octave that is the shift by whole bins of the papers. So any dictionary will
   do, and the spectrogram is that of the dictionary. Learned on `LogFrequency` with 48 bins per octave it transcribes
   as well as with 60 (`benchmarks/results/trials.md`).
2. A source is one template of an instrument: an attack and two sustain templates are three sources, and are added.
3. The distributions start uniform, not at random, and there are 15 steps and powers of 1.1; with 20 steps and a power
   of 1.2 for the sources fewer onsets are found in piano music, and instruments are told apart no better.
4. A pitch that has less than a hundred-thousandth of a frame is dropped from it: it would not come back.
5. Shifts are counted from the tuning of the recording, which is estimated first (`nmfamt.tuning`).
6. Where several instruments play, each has its share of a pitch in a row of its own; `pooled` adds them, as the papers
   do before they decide on notes. The hidden Markov models of 2012 are left to the tracker.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.array_namespace import to_host
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.estimator import activation_of, check_estimator, rises, strongest
from nmfamt.multipitch.partials import strength_of_partials
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey
from nmfamt.tuning import estimate_tuning, shift_templates
from nmfamt.windows import windows

__all__ = ["PLCA"]

FloatArray = NDArray[np.floating[Any]]

_SEMITONE = 100.0
_CHUNK_FRAMES = 512
_EM_FRAMES = 64  # explained together: few enough for most pitches to be silent in all of them
_LEAST_HELD = 0.01  # of a template that has less of itself below the band of the recording nothing can be said


@dataclass(frozen=True)
class PLCA:
    """Front end: the share that each pitch has of each frame, found with templates that may shift.

    Parameters
    ----------
    dictionary : Dictionary
        What notes look like, of one instrument or several.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz.
    polyphony : int, optional
        At most so many pitches sound at once.
    tuning : float or "auto"
        Cents by which the recording lies above the dictionary, from -200 to 200; shifts are counted from there.
        ``"auto"`` estimates it.
    shift_step : float
        Cents from one shift to the next; an odd number of them makes a semitone. 100 leaves the templates where they
        are.
    resolution : float
        Cents from one row of the activation to the next: 100, one a semitone, or `shift_step`, which shows where
        within the semitone it sounds.
    pooled : bool
        Whether all instruments share one row a pitch; otherwise each has its own.
    n_iter : int
        Steps of expectation maximisation.
    pitch_power, source_power, shift_power : float
        Exponents of 1 or more that sharpen P(pitch), P(source | pitch) and P(shift | pitch) after every step.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> piano = load_dictionary("piano")
    >>> y = sum(np.sin(2 * np.pi * k * 440 * np.arange(8000) / 16000) / k for k in range(1, 6))
    >>> activation = PLCA(piano)(piano.settings(y, sr=16000))
    >>> activation.values.shape, float(activation.pitches[activation.values[:, 25].argmax()])
    ((88, 51), 69.0)
    """

    dictionary: Dictionary
    fmin: float = 27.5
    fmax: float = 4186.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    shift_step: float = 20.0
    resolution: float = 100.0
    pooled: bool = False
    n_iter: int = 15
    pitch_power: float = 1.1
    source_power: float = 1.1
    shift_power: float = 1.1

    def __post_init__(self) -> None:
        check_estimator(self)
        n_shifts = _SEMITONE / self.shift_step if 1 <= self.shift_step <= _SEMITONE else 0.0
        if abs(n_shifts - round(n_shifts)) > 1e-9 or round(n_shifts) % 2 != 1:
            raise NmfamtError(
                f"shift_step={self.shift_step} cents must divide a semitone into an odd number of steps, such as 20."
            )
        if self.resolution not in (_SEMITONE, self.shift_step):
            raise NmfamtError(
                f"resolution={self.resolution} must be 100 cents, or as fine as shift_step={self.shift_step}."
            )
        if not 1 <= self.n_iter <= 10_000:
            raise NmfamtError(f"n_iter={self.n_iter} must be a number of steps from 1 to 10000, such as 15.")
        for name in ("pitch_power", "source_power", "shift_power"):
            if not 1 <= getattr(self, name) <= 2:
                raise NmfamtError(f"{name}={getattr(self, name)} must lie in [1, 2]: 1 does not sharpen, 1.1 does.")
        _ = self._components  # a range without templates is refused now

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads: those of the dictionary."""
        return self.dictionary.settings

    def fitted(self, survey: Survey) -> "PLCA":
        """Return the front end for a recording, with its tuning.

        Raises
        ------
        NmfamtError
            If the survey was taken with other settings than those of the dictionary.
        """
        if not isinstance(self.tuning, str):
            return self
        return replace(self, tuning=estimate_tuning(survey, self.dictionary))

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Explain a spectrogram.

        Parameters
        ----------
        spectrogram : Spectrogram
            Computed with the settings of the dictionary.
        level : float, optional
            Level of the recording; by default that of `spectrogram`.

        Returns
        -------
        PitchActivation
            One row for each instrument and pitch, or as `pooled` and `resolution` say.

        Raises
        ------
        NmfamtError
            If the spectrogram was computed with other settings.
        """
        self.dictionary.check(spectrogram)
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Explain a stream of spectrograms.

        Raises
        ------
        NmfamtError
            If `tuning` is ``"auto"``, or a spectrogram was computed with other settings.
        """
        if isinstance(self.tuning, str):
            raise NmfamtError("tuning='auto' needs the whole recording before its blocks: use fitted(survey).blocks.")
        rows = self._components
        f0 = pitch_to_hz(rows.pitches + self.tuning / 100)
        for window, first, last in windows(spectrograms, _CHUNK_FRAMES, before=1, after=1):
            self.dictionary.check(window)
            values = self.estimate(window)
            own = slice(first, last)
            yield PitchActivation(
                values=values[:, own],
                onsets=rises(values)[:, own],
                pitches=rows.pitches,
                times=window.times[own],
                instruments=rows.instruments,
                evidence={"loss": values[:, own], **strength_of_partials(window.S[:, own], window.freqs, f0)},
                latency=self.dictionary.latency,
                level=level,
                info=self.info,
            )

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how strongly each row sounds, shape (n_rows, n_frames), in the unit of the spectrogram.

        Those of a frame add up to the sum of its spectrum, unless `polyphony` takes some away.
        """
        from nmfamt.multipitch._plca import explain

        rows, powers = self._components, (self.pitch_power, self.source_power, self.shift_power)
        counts = np.diff(rows.starts)
        held = spectrogram.freqs <= spectrogram.bandwidth
        V = np.ascontiguousarray(to_host(spectrogram.S)[held])
        templates = self._templates[:, :, held]
        heard = templates.sum(axis=2, keepdims=True)
        # A recording at a low rate says nothing about the bins above its band, nor of pitches that lie there.
        templates = np.where(heard > _LEAST_HELD, templates / np.maximum(heard, _LEAST_HELD), 0).astype(V.dtype)
        values = np.zeros((len(rows.pitches), V.shape[1]), dtype=V.dtype)
        for start in range(0, V.shape[1], _EM_FRAMES):
            part = V[:, start : start + _EM_FRAMES]
            pitch, joint = explain(part, templates, counts, n_iter=self.n_iter, powers=powers)
            kept = strongest(pitch, self.polyphony) > 0
            joint *= np.repeat(kept, counts, axis=0)[:, None, :]
            flat = joint.reshape(-1, part.shape[1])[rows.order]
            values[:, start : start + _EM_FRAMES] = np.add.reduceat(flat, rows.row_starts, axis=0)
        return np.asarray(values * V.sum(axis=0))

    @cached_property
    def _components(self) -> "_Components":
        return _Components.of(self.dictionary.between(self.fmin, self.fmax), self.resolution, self._shifts, self.pooled)

    @property
    def _shifts(self) -> NDArray[np.float64]:
        """How many cents templates are shifted."""
        half = round(_SEMITONE / self.shift_step) // 2
        return np.asarray(self.shift_step * np.arange(-half, half + 1))

    @cached_property
    def _templates(self) -> FloatArray:
        """The shifted templates, sorted by pitch, shape (n_templates, n_shifts, n_bins)."""
        W = self.dictionary.between(self.fmin, self.fmax).W[:, self._components.columns]
        freqs, tuning = self.settings.freqs, float(self.tuning)
        moved = [shift_templates(W, freqs, (tuning + cents) / 100).T for cents in self._shifts.tolist()]
        return np.stack(moved, axis=1)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return {
            "front_end": "PLCA",
            "dictionary": self.dictionary.name,
            "dictionary_hash": self.dictionary.hash,
            "dictionary_choice": self.dictionary.info.get("choice"),
            **{
                name: getattr(self, name)
                for name in ("fmin", "fmax", "polyphony", "tuning", "shift_step", "resolution", "pooled", "n_iter")
            },
            "powers": [self.pitch_power, self.source_power, self.shift_power],
            "settings": self.settings.to_dict(),
        }


@dataclass(frozen=True)
class _Components:
    """How templates are gathered into pitches, and templates at their shifts into the rows of an activation."""

    columns: NDArray[np.int64]  # of the dictionary, sorted by pitch
    starts: NDArray[np.int64]  # where each pitch begins in that order, and the end
    order: NDArray[np.int64]  # of (template, shift) pairs, sorted by row
    row_starts: NDArray[np.int64]  # where each row begins in that order
    pitches: NDArray[np.float64]  # of the rows
    instruments: NDArray[np.str_]

    @classmethod
    def of(cls, dictionary: Dictionary, resolution: float, shifts: NDArray[np.float64], pooled: bool) -> "_Components":
        columns = np.argsort(dictionary.pitches, kind="stable")
        pitches = dictionary.pitches[columns]
        _, first = np.unique(pitches, return_index=True)
        instruments = dictionary.instruments[columns]
        names, names_of = np.unique(instruments, return_inverse=True)
        if pooled and len(names) > 1:
            names, names_of = np.array([""]), np.zeros_like(names_of)
        fine = shifts if resolution < _SEMITONE else np.zeros_like(shifts)
        # Rounded, so that one pitch's highest shifts and the lowest of the next are different rows for sure.
        row_pitches = np.round(pitches[:, None] + fine / 100, 6).ravel()
        row_names = np.repeat(names_of, len(shifts))
        order = np.lexsort((row_pitches, row_names))
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(row_pitches[order]) != 0) | (np.diff(row_names[order]) != 0)
        rows = order[new]
        return cls(
            columns=columns,
            starts=np.append(first, len(columns)),
            order=order,
            row_starts=np.flatnonzero(new),
            pitches=row_pitches[rows],
            instruments=names[row_names[rows]],
        )
