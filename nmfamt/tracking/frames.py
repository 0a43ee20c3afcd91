"""What is known about a pitch in every frame of a note: does it still sound?

The features compare the note with its own past (how far has it fallen since its peak, how long is it held?), describe
where its level is going, its neighbours at musical intervals and the whole frame, all as logarithms of the ratio to the
level of the recording.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS
from nmfamt.tracking.levels import CONTEXT, Levels, rows_of_intervals

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


def frame_features(levels: Levels, row: int, first: int, last: int) -> NDArray[np.float32]:
    """Describe the frames of one note.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    row : int
        Row of the note.
    first, last : int
        Frame of its onset, and the first frame that no longer counts.

    Returns
    -------
    ndarray, shape (last - first, n_features)
        In the order of `frame_feature_names`.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> X = frame_features(Levels.of(activate(y, sr=16000)), 69 - 21, 5, 45)
    >>> X.shape == (40, len(frame_feature_names())), float(X[0, frame_feature_names().index("fall")])
    (True, 0.0)
    """
    pitch = levels.pitches[row]
    n = last - first
    span = slice(first + CONTEXT, last + CONTEXT)

    def at(array: FloatArray, lags: Sequence[int]) -> list[FloatArray]:
        return [array[first + CONTEXT + lag : last + CONTEXT + lag] for lag in lags]

    values, loss, total = levels.values[row], levels.loss[row], levels.total[span]
    level = values[span]
    partials = levels.partials[:, row, span]
    peak = np.maximum.accumulate(level)
    fall = level - peak
    age = np.log10(np.arange(n) * 0.01 + 0.05)
    before, after, later = at(values, (-3, 3, 10))
    columns = [
        *at(values, _LAGS),
        *at(loss, (0, 6)),
        loss[span] - level,
        *(partials - level),
        *(partials[:_N_FALLING] - np.maximum.accumulate(partials[:_N_FALLING], axis=1)),
        *levels.by_pitch[rows_of_intervals(np.array([pitch]), _INTERVALS)[0], span],
        *at(levels.total, _TOTAL_LAGS),
        *at(levels.total_rise, _RISE_LAGS),
        total - np.maximum.accumulate(total),
        fall,
        age,
        peak,
        *(np.full(n, np.exp(-0.5 * ((pitch - centre) / 12) ** 2)) for centre in _REGISTERS),
        after - before,
        later - level,
        *(np.minimum(fall - knot, 0) for knot in _FALL_KNOTS),
        *(np.maximum(age - knot, 0) for knot in _AGE_KNOTS),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
