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

__all__ = ["frame_feature_names", "frame_features"]

_LAGS = (-40, -25, -15, -10, -6, -3, -1, 0, 1, 3, 6, 10, 15, 25, 40)
_INTERVALS = (-24, -19, -12, -7, -2, -1, 1, 2, 7, 12, 19, 24)
_TOTAL_LAGS = (-20, -5, 0, 5, 20)
_RISE_LAGS = (-8, -4, 0, 4, 8)
_REGISTERS = (24, 48, 72, 96)
_FALL_KNOTS = (-1.5, -1.0, -0.6, -0.3, -0.1)
_AGE_KNOTS = (-0.6, -0.2, 0.2, 0.5)
_N_FALLING = 4

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
        *(f"partial_fall_{k}" for k in range(1, _N_FALLING + 1)),
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
    levels: Levels, row: NDArray[np.int64] | int, first: NDArray[np.int64] | int, last: NDArray[np.int64] | int
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
    rows, firsts, lasts = np.broadcast_arrays(*np.atleast_1d(row, first, last))
    lengths = lasts - firsts
    edges = np.concatenate([[0], np.cumsum(lengths)])
    note = np.repeat(np.arange(len(rows)), lengths)
    n_since = np.arange(edges[-1]) - edges[note]
    rows, frames, pitches = rows[note], firsts[note] + n_since, levels.pitches[rows]

    def at(level: Level, row: NDArray[np.int64] | int, lags: Sequence[int]) -> FloatArray:
        return level.at(row, frames + np.array(lags)[:, None])

    values, loss = at(levels.values, rows, _LAGS), at(levels.loss, rows, (0, 6))
    level, total = values[_LAGS.index(0)], at(levels.total, 0, _TOTAL_LAGS)
    partials = np.stack([partial.at(rows, frames) for partial in levels.partials])
    falling = np.stack([level, total[_TOTAL_LAGS.index(0)], *partials[:_N_FALLING]])
    peaks = _peaks(falling, edges)
    fall, total_fall, *partial_falls = falling - peaks
    age = np.log10(np.arange(lengths.max(initial=0)) * 0.01 + 0.05)[n_since]
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
        peaks[0],
        register[:, note],
        values[_LAGS.index(3)] - values[_LAGS.index(-3)],
        values[_LAGS.index(10)] - level,
        *(np.minimum(fall - knot, 0) for knot in _FALL_KNOTS),
        *(np.maximum(age - knot, 0) for knot in _AGE_KNOTS),
    ]
    # A feature is computed for all frames at once, and so it lies in memory.
    return np.concatenate([np.atleast_2d(column) for column in columns], dtype=np.float32, casting="same_kind").T


def _peaks(levels: FloatArray, edges: NDArray[np.int64]) -> FloatArray:
    """Return the greatest level so far in every note; notes lie between the `edges`."""
    peaks = np.empty_like(levels)
    for begin, end in pairwise(edges.tolist()):
        np.maximum.accumulate(levels[:, begin:end], axis=1, out=peaks[:, begin:end])
    return peaks
