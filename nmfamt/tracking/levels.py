"""The levels that all features of the tracker are made of.

Every quantity of an activation is expressed as the decimal logarithm of its ratio to the level of the recording, plus
a floor: 0 is as loud as the recording gets, -2.5 is silence. The first and the last frame go on for ever, so that a
feature may look back and ahead without asking where it is.

Logarithms are taken where a feature looks: candidates and notes see few of the frames of a few of the pitches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS, PitchActivation, novelty
from nmfamt.exceptions import NmfamtError

__all__ = ["CONTEXT", "FLOOR", "N_PITCH_ROWS", "Level", "Levels", "rows_of_intervals"]

CONTEXT = 48
"""Frames that a feature may look back or ahead."""

FLOOR = 0.003
"""Added to every ratio before its logarithm."""

_MARGIN = 40  # semitones below 0 and above 127 that an interval may reach

N_PITCH_ROWS = 128 + 2 * _MARGIN
"""Rows of all semitones, and of those that intervals may reach beyond."""

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Level:
    """Logarithmic level of some rows over time.

    Attributes
    ----------
    array : ndarray, shape (n_rows, n_frames)
        Magnitudes, contiguous in memory.
    unit : float
        The magnitude whose level is 0.
    """

    array: FloatArray
    unit: float = 1.0

    def at(self, rows: NDArray[np.int64] | int, frames: NDArray[np.int64]) -> FloatArray:
        """Return the levels at rows and frames, which are broadcast against each other.

        Examples
        --------
        >>> level = Level(np.array([[0.0, 0.1, 1.0]]))
        >>> level.at(0, np.array([-5, 0, 1, 2, 7])).round(2)
        array([-2.52, -2.52, -0.99,  0.  ,  0.  ])
        """
        return self._logarithm(self._magnitudes(rows, frames))

    def greatest_at(self, rows: NDArray[np.int64] | int, frames: NDArray[np.int64], lags: Sequence[int]) -> FloatArray:
        """Return the greatest of the levels at some lags around frames.

        Examples
        --------
        >>> level = Level(np.array([[0.0, 0.1, 1.0]]))
        >>> level.greatest_at(0, np.array([0, 1, 2]), (-1, 0)).round(2)
        array([-2.52, -0.99,  0.  ])
        """
        greatest = self._magnitudes(rows, frames + lags[0])
        for lag in lags[1:]:
            np.maximum(greatest, self._magnitudes(rows, frames + lag), out=greatest)
        return self._logarithm(greatest)

    def _magnitudes(self, rows: NDArray[np.int64] | int, frames: NDArray[np.int64]) -> FloatArray:
        n_frames = self.array.shape[1]
        # One index into the flat array is looked up several times faster than two.
        places = np.clip(frames, 0, n_frames - 1) + np.asarray(rows) * n_frames
        return np.asarray(self.array.ravel().take(places))

    def _logarithm(self, magnitudes: FloatArray) -> FloatArray:
        """Turn magnitudes into levels, in place."""
        if self.unit != 1:
            magnitudes /= np.float32(self.unit)
        magnitudes += np.float32(FLOOR)
        # float32 logarithms to base e run several times faster than those to base 10.
        np.log(magnitudes, out=magnitudes)
        magnitudes *= np.float32(1 / np.log(10))
        return magnitudes


@dataclass(frozen=True, eq=False)
class Levels:
    """Logarithmic levels of an activation.

    Attributes
    ----------
    values, attack, loss : Level, n_rows
        Of each pitch: its activation, that of its attack templates, what the divergence loses without it.
    partials : tuple of Level, n_rows each
        The spectrum at its first `N_PARTIALS` partials.
    by_pitch, rise_by_pitch : Level, N_PITCH_ROWS
        Activation and novelty at each semitone, over all instruments; see `rows_of_intervals`.
    total, total_rise : Level, 1 row
        Activation and novelty over all pitches.
    novelty : ndarray, shape (n_rows, n_frames)
        Not a logarithm: the novelty as a share of the level of the recording.
    pitches : ndarray, shape (n_rows,)
        MIDI pitch of the rows.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> levels = Levels.of(activate(y, sr=16000))
    >>> levels.novelty.shape, levels.values.at(69 - 21, np.array([25])) > -1
    ((88, 51), array([ True]))
    """

    values: Level
    attack: Level
    loss: Level
    partials: tuple[Level, ...]
    by_pitch: Level
    rise_by_pitch: Level
    total: Level
    total_rise: Level
    novelty: FloatArray
    pitches: NDArray[np.float64]

    @classmethod
    def of(cls, activation: PitchActivation) -> "Levels":
        """Compute the levels of an activation.

        Raises
        ------
        NmfamtError
            If the front end did not give the evidence ``loss`` and ``partial_1`` to ``partial_6``.
        """
        partials = [f"partial_{k}" for k in range(1, N_PARTIALS + 1)]
        missing = [name for name in ("loss", *partials) if name not in activation.evidence]
        if missing:
            raise NmfamtError(
                f"The activation lacks the evidence {', '.join(missing)}: use the Threshold tracker, or a front end "
                "that gives it, such as Factorization."
            )
        unit = activation.level if activation.level > 0 else 1.0

        def level(array: FloatArray) -> Level:
            return Level(np.ascontiguousarray(array), unit)

        values = activation.values / np.float32(unit)
        rise = novelty(values, activation.onsets / np.float32(unit))
        return cls(
            values=Level(values),
            attack=level(activation.onsets),
            loss=level(activation.evidence["loss"]),
            partials=tuple(level(activation.evidence[name]) for name in partials),
            by_pitch=Level(_by_pitch(values, activation.pitches)),
            rise_by_pitch=Level(_by_pitch(rise, activation.pitches)),
            total=Level(values.sum(axis=0, keepdims=True)),
            total_rise=Level(rise.sum(axis=0, keepdims=True)),
            novelty=rise,
            pitches=activation.pitches,
        )


def rows_of_intervals(pitches: NDArray[np.float64], intervals: Sequence[int]) -> NDArray[np.int64]:
    """Return the rows, one for each semitone, that lie at `intervals` (semitones) from `pitches`.

    Returns
    -------
    ndarray of int, shape (n_intervals, n_pitches)
        What lies beyond is a row that is always silent.

    Examples
    --------
    >>> rows = rows_of_intervals(np.array([60.0]), (-12, 0, 12))
    >>> (rows - rows[1]).tolist()
    [[-12], [0], [12]]
    """
    rows = np.round(pitches).astype(np.int64) + np.array(intervals)[:, None] + _MARGIN
    return np.asarray(np.clip(rows, 0, N_PITCH_ROWS - 1))


def _by_pitch(array: FloatArray, pitches: NDArray[np.float64]) -> FloatArray:
    """Return the rows of each semitone added up, with silent rows on both sides."""
    rows = rows_of_intervals(pitches, (0,))[0]
    summed = np.zeros((N_PITCH_ROWS, array.shape[1]), dtype=array.dtype)
    if len(np.unique(rows)) == len(rows):
        summed[rows] = array
    else:
        np.add.at(summed, rows, array)
    return summed
