"""What is known about a pitch in every frame of a note: does it still sound?

The features compare the note with its own past (how far has it fallen since its peak, how long is it held?), describe
where its level is going, its neighbours at musical intervals and the whole frame, all as logarithms of the ratio to the
level of the recording.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS
from nmfamt.tracking.levels import Level, Levels, rows_of_intervals

__all__ = ["N_FALLING", "frame_feature_names", "frame_features"]

_LAGS = (-40, -25, -15, -10, -6, -3, -1, 0, 1, 3, 6, 10, 15, 25, 40)
_INTERVALS = (-24, -19, -12, -7, -2, -1, 1, 2, 7, 12, 19, 24)
_TOTAL_LAGS = (-20, -5, 0, 5, 20)
_RISE_LAGS = (-8, -4, 0, 4, 8)
_REGISTERS = (24, 48, 72, 96)
_FALL_KNOTS = (-1.5, -1.0, -0.6, -0.3, -0.1)
_AGE_KNOTS = (-0.6, -0.2, 0.2, 0.5)
_N_FALLING_PARTIALS = 4

N_FALLING = 2 + _N_FALLING_PARTIALS
"""Levels whose peaks a note remembers: its own, that of all pitches, those of its first partials."""

FloatArray = NDArray[np.floating[Any]]


def frame_feature_names() -> list[str]:
    """Return the names of the columns of `frame_features`.

    ``fall`` is the level under the peak of the note so far, ``age`` the logarithm of its duration so far.

    Examples
    --------
    >>> [name for name in frame_feature_names() if name.startswith("fall")]
    ['fall', 'fall<-1.5', 'fall<-1.0', 'fall<-0.6', 'fall<-0.3', 'fall<-0.1']
    """
    return [
        *(f"level{lag:+d}" for lag in _LAGS),
        "loss+0",
        "loss+6",
        "loss_share",
        *(f"partial_{k}" for k in range(1, N_PARTIALS + 1)),
        *(f"partial_fall_{k}" for k in range(1, _N_FALLING_PARTIALS + 1)),
        *(f"neighbour{interval:+d}" for interval in _INTERVALS),
        *(f"total{lag:+d}" for lag in _TOTAL_LAGS),
        *(f"total_rise{lag:+d}" for lag in _RISE_LAGS),
        "total_fall",
        "fall",
        "age",
        "peak",
        *(f"register{centre}" for centre in _REGISTERS),
        "slope",
        "trend",
        *(f"fall<{knot}" for knot in _FALL_KNOTS),
        *(f"age>{knot}" for knot in _AGE_KNOTS),
    ]


def frame_features(
    levels: Levels,
    row: NDArray[np.int64] | int,
    first: NDArray[np.int64] | int,
    last: NDArray[np.int64] | int,
    begin: NDArray[np.int64] | int | None = None,
    peaks: FloatArray | None = None,
) -> NDArray[np.float32]:
    """Describe the frames of a note, or of several.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    row : int or ndarray of int, shape (n_notes,)
        Row of each note.
    first, last : int or ndarray of int, shape (n_notes,)
        Frame of its onset, and the first frame that no longer counts.
    begin : int or ndarray of int, shape (n_notes,), optional
        Frame from which on it is described, where that is not its onset.
    peaks : ndarray, shape (N_FALLING, n_notes), optional
        The greatest levels that each note had before `begin`; afterwards, before `last`.

    Returns
    -------
    ndarray, shape (n_frames, n_features)
        In the order of `frame_feature_names`; the frames of the notes stand one after the other.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> X = frame_features(Levels.of(activate(y, sr=16000)), 69 - 21, 5, 45)
    >>> X.shape == (40, len(frame_feature_names())), float(X[0, frame_feature_names().index("fall")])
    (True, 0.0)
    """
    row, first, last, begin = np.broadcast_arrays(*np.atleast_1d(row, first, last, first if begin is None else begin))
    lengths = last - begin
    edges = np.concatenate([[0], np.cumsum(lengths)])
    note = np.repeat(np.arange(len(row)), lengths)
    frames = np.arange(edges[-1]) + (begin - edges[:-1])[note]
    n_since, rows, pitches = frames - first[note], row[note], levels.pitches[row]

    def at(level: Level, row: NDArray[np.int64] | int, lags: Sequence[int]) -> FloatArray:
        return level.at(row, frames + np.array(lags)[:, None])

    values, loss = at(levels.values, rows, _LAGS), at(levels.loss, rows, (0, 6))
    level, total = values[_LAGS.index(0)], at(levels.total, 0, _TOTAL_LAGS)
    partials = np.stack([partial.at(rows, frames) for partial in levels.partials])
    falling = np.stack([level, total[_TOTAL_LAGS.index(0)], *partials[:_N_FALLING_PARTIALS]])
    so_far = _greatest_so_far(falling, edges, peaks)
    fall, total_fall, *partial_falls = falling - so_far
    age = np.log10(np.arange(n_since.max(initial=0) + 1) * 0.01 + 0.05)[n_since]
    register = np.exp(-0.5 * ((pitches - np.array(_REGISTERS)[:, None]) / 12) ** 2)
    columns = [
        values,
        loss,
        loss[0] - level,
        partials - level,
        *partial_falls,
        levels.by_pitch.at(rows_of_intervals(pitches, _INTERVALS)[:, note], frames),
        total,
        at(levels.total_rise, 0, _RISE_LAGS),
        total_fall,
        fall,
        age,
        so_far[0],
        register[:, note],
        values[_LAGS.index(3)] - values[_LAGS.index(-3)],
        values[_LAGS.index(10)] - level,
        *(np.minimum(fall - knot, 0) for knot in _FALL_KNOTS),
        *(np.maximum(age - knot, 0) for knot in _AGE_KNOTS),
    ]
    # A feature is computed for all frames at once, and so it lies in memory.
    return np.concatenate([np.atleast_2d(column) for column in columns], dtype=np.float32, casting="same_kind").T


def _greatest_so_far(levels: FloatArray, edges: NDArray[np.int64], peaks: FloatArray | None) -> FloatArray:
    """Return the greatest level so far in every note; notes lie between the `edges`. `peaks` are brought up to date."""
    so_far = levels.copy()
    for note, (begin, end) in enumerate(pairwise(edges.tolist())):
        if begin < end:
            part = so_far[:, begin:end]
            if peaks is not None:
                np.maximum(part[:, 0], peaks[:, note], out=part[:, 0])
            np.maximum.accumulate(part, axis=1, out=part)
            if peaks is not None:
                peaks[:, note] = part[:, -1]
    return so_far
