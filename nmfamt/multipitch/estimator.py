"""What the front ends that need no dictionary have in common.

Each of them is a frozen set of hyper-parameters with one method of its own, ``estimate``, from a spectrogram to how
strongly every semitone sounds in each frame. What surrounds it is the same for all and stands here: which pitches are
looked for, how they are tuned, at most how many at a time, and how a stream of spectrograms becomes a stream of
activations with all the evidence that any tracker reads:

``onsets``
    The positive change of salience: ``max(0, values[t + 1] - values[t - 1])``.
``loss``
    What would be left unexplained without the pitch; here its salience itself.
``partial_1`` ... ``partial_6``
    The spectrum at its partials.

Values are scaled so that those of a frame add up to about the sum of its spectrum, where a pitch alone is the whole of
it: what a share of the level means (`PitchActivation.level`) is then the same for all front ends.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.concert_pitch import estimate_concert_pitch
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.partials import strength_of_partials
from nmfamt.pitch import hz_to_pitch, pitch_to_hz
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey
from nmfamt.tuning import check_tuning
from nmfamt.windows import windows

__all__ = [
    "Estimator",
    "activation_blocks",
    "activation_of",
    "check_estimator",
    "check_survey",
    "describe",
    "fundamentals",
    "rises",
    "semitones",
    "share_out",
    "strongest",
    "tuned",
    "uncompressed",
]

FloatArray = NDArray[np.floating[Any]]

_CHUNK_FRAMES = 512
_MOST_POLYPHONY = 128
_LOWEST, _HIGHEST = 0, 127  # MIDI pitches


class Estimator(Protocol):
    """A front end that finds pitches without a dictionary.

    Attributes
    ----------
    settings : Settings
        Of the spectrogram that it reads.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz.
    polyphony : int or None
        At most so many pitches sound at once.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz.
    """

    @property
    def settings(self) -> Any:
        """Of the spectrogram that it reads."""
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
        """Cents above A4 = 440 Hz, or ``"auto"``."""
        ...

    @property
    def info(self) -> dict[str, Any]:
        """What identifies it in an output."""
        ...

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how strongly each of `semitones` sounds, shape (n_pitches, n_frames); the tuning is known."""
        ...


E = TypeVar("E", bound=Estimator)


def check_estimator(estimator: Estimator) -> None:
    """Refuse a range that holds no pitch, a polyphony of nobody, and what is no tuning.

    Raises
    ------
    NmfamtError
        The message names the value and one that would work.
    """
    fmin, fmax, polyphony = estimator.fmin, estimator.fmax, estimator.polyphony
    if not 0 < fmin < np.inf or not 0 < fmax < np.inf:
        raise NmfamtError(f"fmin={fmin} and fmax={fmax} must be frequencies in Hz, such as 27.5 and 4186.")
    if fmax < fmin:
        raise NmfamtError(f"fmax={fmax:g} Hz is below fmin={fmin:g} Hz: exchange them, or give both.")
    if not len(semitones(estimator)):
        raise NmfamtError(
            f"There is no MIDI pitch from fmin={fmin:g} to fmax={fmax:g} Hz: they reach from "
            f"{pitch_to_hz(_LOWEST):.1f} to {pitch_to_hz(_HIGHEST):.0f} Hz."
        )
    if polyphony is not None and not 1 <= polyphony <= _MOST_POLYPHONY:
        raise NmfamtError(f"polyphony={polyphony} must be a number of notes from 1 to {_MOST_POLYPHONY}, or None.")
    check_tuning(estimator.tuning)


def semitones(estimator: Estimator) -> NDArray[np.float64]:
    """Return the MIDI pitches that are looked for: all semitones from `fmin` to `fmax`, of those that MIDI has."""
    margin = 0.5  # a quarter-tone: 27.5 Hz is A0, however it is tuned
    low, high = hz_to_pitch(estimator.fmin) - margin, hz_to_pitch(estimator.fmax) + margin
    return np.arange(max(_LOWEST, np.ceil(low)), min(_HIGHEST, np.floor(high)) + 1)


def fundamentals(estimator: Estimator) -> NDArray[np.float64]:
    """Return the frequencies of `semitones` in Hz, as they are tuned; the tuning is known by now."""
    return pitch_to_hz(semitones(estimator) + float(estimator.tuning) / 100)


def check_survey(estimator: Estimator, survey: Survey) -> None:
    """Refuse a survey that was taken with other settings than those of an estimator.

    Raises
    ------
    NmfamtError
        The message names both settings.
    """
    settings = survey.sample.settings
    if settings != estimator.settings:
        name = type(estimator).__name__
        raise NmfamtError(
            f"This {name} reads {estimator.settings}, the survey was taken with {settings}: make a "
            f"{name}(settings=survey.sample.settings), or take the survey with the settings of the front end."
        )


def tuned(estimator: E, survey: Survey) -> E:
    """Return the estimator with the tuning of a recording, unless it was given."""
    if not isinstance(estimator.tuning, str):
        return estimator
    check_survey(estimator, survey)
    changed: Any = replace(estimator, tuning=estimate_concert_pitch(survey))  # type: ignore[type-var]
    return changed  # type: ignore[no-any-return]


def strongest(values: FloatArray, polyphony: int | None) -> FloatArray:
    """Return values of which each frame keeps the `polyphony` greatest; the others are zero.

    Parameters
    ----------
    values : ndarray, shape (n_pitches, n_frames)
        Of equal ones the lower pitch is kept.
    polyphony : int or None
        None keeps all.

    Examples
    --------
    >>> strongest(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), 2).tolist()
    [[0.0, 3.0], [2.0, 2.0], [3.0, 0.0]]
    """
    if polyphony is None or polyphony >= len(values):
        return values
    order = np.argsort(-values, axis=0, kind="stable")[polyphony:]
    kept = values.copy()
    np.put_along_axis(kept, order, 0, axis=0)
    return kept


def share_out(salience: FloatArray, spectrogram: Spectrogram) -> FloatArray:
    """Return salience in any unit as shares of the sums of the spectra: what a pitch that is alone has is all.

    Parameters
    ----------
    salience : ndarray, shape (n_pitches, n_frames)
        Not negative; where all of a frame is zero it stays so.
    spectrogram : Spectrogram
        Whose frames these are.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> spectrogram = STFT(n_fft=512)(np.ones(160), sr=16000)
    >>> values = share_out(np.array([[3.0, 0.0], [1.0, 0.0]]), spectrogram)
    >>> (values / spectrogram.S.sum(axis=0)).round(6).tolist()
    [[0.75, 0.0], [0.25, 0.0]]
    """
    total = salience.sum(axis=0)
    sums = np.ascontiguousarray(spectrogram.S).sum(axis=0)  # in an order that does not depend on how it was cut
    scale = np.divide(sums, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(salience * scale)


def uncompressed(S: FloatArray, settings: Settings) -> FloatArray:
    """Return magnitudes, whatever exponent the settings of a spectrogram have.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> uncompressed(np.array([0.5, 2.0]), STFT(power=0.5)).tolist()
    [0.25, 4.0]
    """
    return S if settings.power == 1 else np.asarray(S ** (1 / settings.power))


def activation_of(estimator: Estimator, spectrogram: Spectrogram, *, level: float | None) -> PitchActivation:
    """Run an estimator over a whole spectrogram, which is surveyed for its tuning if that is not known.

    Parameters
    ----------
    estimator : Estimator
        A front end.
    spectrogram : Spectrogram
        Computed with its settings.
    level : float or None
        Level of the recording; None measures that of `spectrogram`.

    Raises
    ------
    NmfamtError
        If the spectrogram was computed with other settings.
    """
    _check_settings(estimator, spectrogram.settings)
    fitted: Any = estimator
    if hasattr(estimator, "fitted"):
        fitted = estimator.fitted(Survey.of([spectrogram]))
    level = spectrogram.level() if level is None else level
    return PitchActivation.concatenate(list(fitted.blocks([spectrogram], level=level)))


def activation_blocks(
    estimator: Estimator, spectrograms: Iterable[Spectrogram], *, level: float, before: int = 0, after: int = 0
) -> Iterator[PitchActivation]:
    """Run an estimator over a stream of spectrograms.

    Parameters
    ----------
    estimator : Estimator
        A front end that is fitted.
    spectrograms : iterable of Spectrogram
        Consecutive parts of one recording; how it was cut does not matter.
    level : float
        Level of the recording.
    before, after : int
        Frames that `estimate` has to see on either side of one that counts.

    Raises
    ------
    NmfamtError
        If the tuning is ``"auto"``, or a spectrogram was computed with other settings.
    """
    if isinstance(estimator.tuning, str):
        raise NmfamtError("tuning='auto' needs the whole recording before its blocks: use fitted(survey).blocks.")
    pitches, f0 = semitones(estimator), fundamentals(estimator)
    info = estimator.info
    for window, first, last in windows(spectrograms, _CHUNK_FRAMES, before=before + 1, after=after + 1):
        _check_settings(estimator, window.settings)
        values = strongest(estimator.estimate(window), estimator.polyphony)
        own = slice(first, last)
        yield PitchActivation(
            values=values[:, own],
            onsets=rises(values)[:, own],
            pitches=pitches,
            times=window.times[own],
            instruments=np.full(len(pitches), ""),
            evidence={"loss": values[:, own], **strength_of_partials(window.S[:, own], window.freqs, f0)},
            level=level,
            info=info,
        )


def describe(estimator: Any) -> dict[str, Any]:
    """Return the name and the hyper-parameters of a front end or tracker, ready for JSON.

    Examples
    --------
    >>> from nmfamt import Threshold
    >>> describe(Threshold(0.1))["threshold"]
    0.1
    """
    found: dict[str, Any] = {"front_end": type(estimator).__name__}
    for field in fields(estimator):
        value = getattr(estimator, field.name)
        if hasattr(value, "to_dict"):
            value = value.to_dict()
        elif is_dataclass(value) and not isinstance(value, type):
            value = asdict(value)
        found[field.name] = value
    return found


def rises(values: FloatArray) -> FloatArray:
    """Return how much each row grows around each frame: the positive change from the frame before to the one after.

    Examples
    --------
    >>> rises(np.array([[0.0, 0.0, 1.0, 1.0]]))
    array([[0., 1., 1., 0.]])
    """
    padded = np.concatenate([np.zeros_like(values[:, :1]), values, values[:, -1:]], axis=1)
    return np.asarray(np.maximum(padded[:, 2:] - padded[:, :-2], 0))


def _check_settings(estimator: Estimator, settings: Settings) -> None:
    if settings != estimator.settings:
        name = type(estimator).__name__
        raise NmfamtError(
            f"This {name} reads {estimator.settings}, the spectrogram is {settings}: compute it with the settings of "
            f"the front end, front_end.settings(y, sr=sr), or make a {name}(settings=spectrogram.settings)."
        )
