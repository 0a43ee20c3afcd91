"""The levels that all features of the tracker are made of.

Every quantity of an activation is expressed as the decimal logarithm of its ratio to the level of the recording, plus
a floor: 0 is as loud as the recording gets, -2.5 is silence. Arrays are extended by `CONTEXT` frames on both sides,
repeating the first and last, so that a feature may look back and ahead without asking where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS, PitchActivation, novelty
from nmfamt.exceptions import NmfamtError

__all__ = ["CONTEXT", "FLOOR", "Levels", "rows_of_intervals"]

CONTEXT = 48
"""Frames that a feature may look back or ahead."""

FLOOR = 0.003
"""Added to every ratio before its logarithm."""

_MARGIN = 40  # semitones below 0 and above 127 that an interval may reach

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Levels:
    """Logarithmic levels of an activation, with `CONTEXT` frames more on either side.

    Attributes
    ----------
    values, attack, loss : ndarray, shape (n_rows, n_frames + 2 * CONTEXT)
        Of each pitch: its activation, that of its attack templates, what the divergence loses without it.
    partials : ndarray, shape (N_PARTIALS, n_rows, n_frames + 2 * CONTEXT)
        The spectrum at its first partials.
    by_pitch, rise_by_pitch : ndarray, shape (128 + 2 * margin, n_frames + 2 * CONTEXT)
        Activation and novelty at each semitone, over all instruments; see `rows_of_intervals`.
    total, total_rise : ndarray, shape (n_frames + 2 * CONTEXT,)
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
    >>> levels.novelty.shape, levels.values.shape == (88, 51 + 2 * CONTEXT)
    ((88, 51), True)
    """

    values: FloatArray
    attack: FloatArray
    loss: FloatArray
    partials: FloatArray
    by_pitch: FloatArray
    rise_by_pitch: FloatArray
    total: FloatArray
    total_rise: FloatArray
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
        level = activation.level if activation.level > 0 else 1.0
        values = activation.values / np.float32(level)
        rise = novelty(values, activation.onsets / np.float32(level))
        return cls(
            values=_logarithm(values),
            attack=_logarithm(activation.onsets / np.float32(level)),
            loss=_logarithm(activation.evidence["loss"] / np.float32(level)),
            partials=np.stack([_logarithm(activation.evidence[name] / np.float32(level)) for name in partials]),
            by_pitch=_by_pitch(values, activation.pitches),
            rise_by_pitch=_by_pitch(rise, activation.pitches),
            total=_logarithm(values.sum(axis=0)),
            total_rise=_logarithm(rise.sum(axis=0)),
            novelty=rise,
            pitches=activation.pitches,
        )


def rows_of_intervals(pitches: NDArray[np.float64], intervals: Sequence[int]) -> NDArray[np.int64]:
    """Return the rows of ``Levels.by_pitch`` that lie at `intervals` (semitones) from `pitches`.

    Returns
    -------
    ndarray of int, shape (n_pitches, n_intervals)
        What lies beyond is a row that is always silent.

    Examples
    --------
    >>> (rows,) = rows_of_intervals(np.array([60.0]), (-12, 0, 12))
    >>> rows - rows[1]
    array([-12,   0,  12])
    """
    rows = np.round(pitches).astype(np.int64)[:, None] + np.array(intervals) + _MARGIN
    return np.asarray(np.clip(rows, 0, 127 + 2 * _MARGIN))


def _logarithm(array: FloatArray) -> FloatArray:
    """Return the decimal logarithm above the floor, padded in time."""
    # float32 logarithms to base e run several times faster than those to base 10.
    level = np.log(array + np.float32(FLOOR))
    level *= np.float32(1 / np.log(10))
    return np.pad(level, [(0, 0)] * (array.ndim - 1) + [(CONTEXT, CONTEXT)], mode="edge")


def _by_pitch(array: FloatArray, pitches: NDArray[np.float64]) -> FloatArray:
    """Return the level of the rows of each semitone added up."""
    semitones = np.round(pitches).astype(np.int64)
    summed = np.zeros((128, array.shape[1]), dtype=array.dtype)
    if len(np.unique(semitones)) == len(semitones):
        summed[semitones] = array
    else:
        np.add.at(summed, semitones, array)
    return np.pad(_logarithm(summed), ((_MARGIN, _MARGIN), (0, 0)), constant_values=float(np.log10(FLOOR)))
