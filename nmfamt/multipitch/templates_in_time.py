"""What front ends have in common whose templates say how a note begins and goes on.

Such a model finds two things at once: when every pitch begins, which is the evidence for onsets that a tracker of peaks
reads, and how much of each frame it explains. Notes reach beyond the frames in which they begin, so a recording is
explained in windows that overlap; what is found in the overlap, where notes have their beginning or their end outside,
is thrown away.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.estimator import check_estimator, strongest
from nmfamt.multipitch.partials import strength_of_partials
from nmfamt.patterns import AttackDecayTemplates, NotePatterns
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey
from nmfamt.tuning import estimate_tuning
from nmfamt.windows import windows

__all__ = ["check", "describe_patterns", "explained_blocks", "explained_whole", "in_tune"]

FloatArray = NDArray[np.floating[Any]]

_CHUNK_FRAMES = 1024


class InTime(Protocol):
    """A front end with time in its templates; the fields are those of `nmfamt.multipitch.estimator.Estimator`."""

    @property
    def learned(self) -> NotePatterns | AttackDecayTemplates:
        """What it explains music by, as it was given."""
        ...

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads."""
        ...

    @property
    def fmin(self) -> float:
        """The lowest fundamental in Hz."""
        ...

    @property
    def fmax(self) -> float:
        """The highest fundamental in Hz."""
        ...

    @property
    def polyphony(self) -> int | None:
        """The most pitches at once."""
        ...

    @property
    def tuning(self) -> float | str:
        """Cents above what was learned, or ``"auto"``."""
        ...

    @property
    def info(self) -> dict[str, Any]:
        """What identifies it in an output."""
        ...

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how much of each frame every pitch explains."""
        ...

    def explain(self, spectrogram: Spectrogram) -> tuple[FloatArray, FloatArray]:
        """Return that, and how strongly every pitch begins, twice shape (n_pitches, n_frames)."""
        ...


T = TypeVar("T", bound=InTime)


def check(front_end: InTime, *, n_iter: int, beta: float) -> None:
    """Refuse options that cannot be used.

    Raises
    ------
    NmfamtError
        The message names the value and one that would work.
    """
    check_estimator(front_end)
    if not 1 <= n_iter <= 10_000:
        raise NmfamtError(f"n_iter={n_iter} must be a number of updates from 1 to 10000, such as 30.")
    if not 0 <= beta <= 2:
        raise NmfamtError(f"beta={beta} must lie in [0, 2]: 1 is the Kullback-Leibler divergence.")
    front_end.learned.between(front_end.fmin, front_end.fmax)


def in_tune(front_end: T, survey: Survey) -> T:
    """Return the front end with the tuning of a recording, unless it was given."""
    if not isinstance(front_end.tuning, str):
        return front_end
    _check_settings(front_end, survey.sample.settings)
    changed: Any = replace(front_end, tuning=estimate_tuning(survey, front_end.learned.spectra()))  # type: ignore[type-var]
    return changed  # type: ignore[no-any-return]


def explained_whole(front_end: Any, spectrogram: Spectrogram, *, level: float | None) -> PitchActivation:
    """Explain a whole recording; its tuning and level are measured where they are not known.

    Raises
    ------
    NmfamtError
        If the spectrogram was computed with other settings.
    """
    _check_settings(front_end, spectrogram.settings)
    fitted = in_tune(front_end, Survey.of([spectrogram])) if isinstance(front_end.tuning, str) else front_end
    level = spectrogram.level() if level is None else level
    return PitchActivation.concatenate(list(fitted.blocks([spectrogram], level=level)))


def explained_blocks(
    front_end: InTime, spectrograms: Iterable[Spectrogram], *, level: float, before: int, after: int
) -> Iterator[PitchActivation]:
    """Explain a stream of spectrograms, in windows of 1024 frames that overlap.

    Parameters
    ----------
    front_end : InTime
        Whose tuning is known.
    spectrograms : iterable of Spectrogram
        Consecutive parts of one recording; how it was cut does not matter.
    level : float
        Level of the recording.
    before, after : int
        Frames by which windows overlap.

    Raises
    ------
    NmfamtError
        If the tuning is ``"auto"``, or a spectrogram was computed with other settings.
    """
    if isinstance(front_end.tuning, str):
        raise NmfamtError("tuning='auto' needs the whole recording before its blocks: use fitted(survey).blocks.")
    learned = front_end.learned.between(front_end.fmin, front_end.fmax)
    f0 = pitch_to_hz(learned.pitches + float(front_end.tuning) / 100)
    info = front_end.info
    for window, first, last in windows(spectrograms, _CHUNK_FRAMES, before=before, after=after):
        _check_settings(front_end, window.settings)
        values, onsets = front_end.explain(window)
        values = strongest(values, front_end.polyphony)
        onsets = np.where(values > 0, onsets, 0) if front_end.polyphony is not None else onsets
        own = slice(first, last)
        yield PitchActivation(
            values=values[:, own],
            onsets=onsets[:, own],
            pitches=learned.pitches,
            times=window.times[own],
            instruments=np.full(len(learned.pitches), learned.name),
            evidence={"loss": values[:, own], **strength_of_partials(window.S[:, own], window.freqs, f0)},
            latency=learned.latency,
            level=level,
            info=info,
        )


def describe_patterns(front_end: Any) -> dict[str, Any]:
    """Return name and hyper-parameters of a front end, and of what it has learned name and hash, ready for JSON."""
    learned = front_end.learned
    return {
        "front_end": type(front_end).__name__,
        "dictionary": learned.name,
        "dictionary_hash": learned.hash,
        "fmin": front_end.fmin,
        "fmax": front_end.fmax,
        "polyphony": front_end.polyphony,
        "tuning": front_end.tuning if isinstance(front_end.tuning, str) else float(front_end.tuning),
        "n_iter": front_end.n_iter,
        "beta": front_end.beta,
        "settings": learned.settings.to_dict(),
    }


def _check_settings(front_end: InTime, settings: Settings) -> None:
    learned = front_end.learned
    if settings != learned.settings:
        raise NmfamtError(
            f"{learned.name!r} was learned on {learned.settings}, the spectrogram is {settings}: compute it with "
            "front_end.settings(y, sr=sr)."
        )
