"""Candidate note onsets, and what is known about each.

A candidate is a local maximum over time of the `novelty` of one pitch. Its features describe the pitch before and
after (is there a rise, and does it last?), its neighbours at musical intervals (is it an octave ghost?), the whole
frame (how loud and how busy is it?), its register, and the other evidence of the front end. All levels are logarithms
of the ratio to the level of the recording, so that they do not depend on the recording gain.

Times are counted in frames of the activation, which must be about 10 ms apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation, novelty

__all__ = ["CONTEXT", "Candidates", "find_candidates", "onset_feature_names", "onset_features"]

CONTEXT = 48
"""Frames that the features look back and ahead at most."""

FLOOR = 0.003
"""Added to every level before its logarithm, as a share of the level of the recording."""

_LAGS = (-25, -20, -16, -13, -10, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 32, 38)
_ATTACK_LAGS = (-4, -3, -2, -1, 0, 1, 2, 3, 4, 5)
_INTERVALS = (-36, -31, -28, -24, -19, -16, -12, -7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7, 12, 16, 19, 24, 28, 31, 36)
_REGISTERS = (24, 36, 48, 60, 72, 84, 96, 108)
_LOSS_LAGS = (-6, -3, 0, 3, 6, 12)
_N_PARTIALS = 6

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Where notes may start.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Row of the activation.
    frames : ndarray of int, shape (n,)
        Frame of the peak of novelty.
    offsets : ndarray, shape (n,)
        Sub-frame position of the peak relative to that frame, in frames, -0.5 to 0.5.
    strengths : ndarray, shape (n,)
        Novelty at the peak as a share of the level of the recording.
    """

    rows: NDArray[np.int64]
    frames: NDArray[np.int64]
    offsets: NDArray[np.float64]
    strengths: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, mask: NDArray[Any]) -> "Candidates":
        """Return those where `mask` is true, or at the given places."""
        return Candidates(self.rows[mask], self.frames[mask], self.offsets[mask], self.strengths[mask])


def find_candidates(activation: PitchActivation, *, threshold: float = 0.01, radius: int = 2) -> Candidates:
    """Find the local maxima of novelty.

    Parameters
    ----------
    activation : PitchActivation
        With the level of the recording.
    threshold : float
        Least novelty, as a share of the level of the recording.
    radius : int
        Frames on either side that a maximum must not fall below.

    Returns
    -------
    Candidates
        Sorted by row, then frame.
    """
    rise = novelty(activation.values, activation.onsets)
    n_frames = rise.shape[1]
    padded = np.pad(rise, ((0, 0), (radius, radius)))
    peak = rise > threshold * activation.level
    for lag in range(1, radius + 1):
        peak &= rise > padded[:, radius - lag : radius - lag + n_frames]
        peak &= rise >= padded[:, radius + lag : radius + lag + n_frames]
    rows, frames = np.nonzero(peak)
    before = padded[rows, frames + radius - 1]
    after = padded[rows, frames + radius + 1]
    top = rise[rows, frames]
    curvature = before - 2 * top + after
    offsets = np.divide(0.5 * (before - after), curvature, out=np.zeros(len(top)), where=curvature < 0)
    level = activation.level if activation.level > 0 else 1.0
    return Candidates(rows, frames, np.clip(offsets, -0.5, 0.5), (top / level).astype(np.float64))


def onset_feature_names() -> list[str]:
    """Return the names of the columns of `onset_features`, such as ``level+3`` or ``neighbour-12``."""
    return [
        *(f"level{lag:+d}" for lag in _LAGS),
        *(f"attack{lag:+d}" for lag in _ATTACK_LAGS),
        *(f"neighbour{interval:+d}" for interval in _INTERVALS),
        *(f"neighbour_rise{interval:+d}" for interval in _INTERVALS),
        "strength",
        "total",
        "total_before",
        "total_rise",
        *(f"register{centre}" for centre in _REGISTERS),
        *(f"loss{lag:+d}" for lag in _LOSS_LAGS),
        "loss_share",
        *(f"partial_rise_{k}" for k in range(1, _N_PARTIALS + 1)),
        *(f"partial_late_{k}" for k in range(1, _N_PARTIALS + 1)),
        *(f"partial_level_{k}" for k in range(1, _N_PARTIALS + 1)),
    ]


def onset_features(activation: PitchActivation, candidates: Candidates) -> NDArray[np.float32]:
    """Describe every candidate.

    Parameters
    ----------
    activation : PitchActivation
        Of a front end that gives the evidence ``loss`` and ``partial_1`` to ``partial_6``.
    candidates : Candidates
        Found in it.

    Returns
    -------
    ndarray, shape (n_candidates, n_features)
        In the order of `onset_feature_names`.
    """
    level = activation.level if activation.level > 0 else 1.0
    rows, frames = candidates.rows, candidates.frames
    n = len(candidates)
    pitch = activation.pitches[rows]

    def log(array: FloatArray) -> FloatArray:
        return np.asarray(np.log10(array / level + FLOOR), dtype=np.float32)

    def at(padded: FloatArray, which: NDArray[np.int64], lags: Sequence[int]) -> FloatArray:
        return padded[which[:, None], frames[:, None] + CONTEXT + np.array(lags)]

    values = _padded(log(activation.values))
    rise = novelty(activation.values, activation.onsets)
    by_pitch, rise_by_pitch = _by_pitch(activation, activation.values), _by_pitch(activation, rise)
    around = _padded(log(_running_maximum(by_pitch, 0, 3)))
    around_rise = _padded(log(_running_maximum(rise_by_pitch, -2, 2)))
    neighbours = np.clip(np.round(pitch).astype(np.int64)[:, None] + np.array(_INTERVALS) + _MARGIN, 0, 127 + 2 * _MARGIN)
    total = _padded(log(activation.values.sum(axis=0, keepdims=True)))
    total_rise = _padded(log(rise.sum(axis=0, keepdims=True)))
    zero = np.zeros(n, dtype=np.int64)
    loss = at(_padded(log(activation.evidence["loss"])), rows, _LOSS_LAGS)
    level_now = values[rows, frames + CONTEXT + 3]
    columns = [
        at(values, rows, _LAGS),
        at(_padded(log(activation.onsets)), rows, _ATTACK_LAGS),
        around[neighbours, frames[:, None] + CONTEXT],
        around_rise[neighbours, frames[:, None] + CONTEXT],
        np.log10(candidates.strengths + FLOOR)[:, None],
        at(total, zero, (3,)),
        at(total, zero, (-5,)),
        at(total_rise, zero, (0,)),
        np.exp(-0.5 * ((pitch[:, None] - np.array(_REGISTERS)) / 8.0) ** 2),
        loss,
        loss[:, 3:4] - level_now[:, None],
        *_partial_features(activation, log, rows, frames),
    ]
    return np.concatenate([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


_MARGIN = 40


def _by_pitch(activation: PitchActivation, array: FloatArray) -> FloatArray:
    """Add the rows of equal (rounded) pitch, over all instruments: shape (128 + 2 * _MARGIN, n_frames)."""
    summed = np.zeros((128 + 2 * _MARGIN, array.shape[1]), dtype=array.dtype)
    np.add.at(summed, np.round(activation.pitches).astype(np.int64) + _MARGIN, array)
    return summed


def _padded(array: FloatArray) -> FloatArray:
    """Repeat the first and last frame `CONTEXT` times."""
    return np.pad(array, ((0, 0), (CONTEXT, CONTEXT)), mode="edge")


def _running_maximum(array: FloatArray, first: int, last: int) -> FloatArray:
    """Return the maximum over the frames ``t + first`` to ``t + last``."""
    n_frames = array.shape[1]
    padded = np.pad(array, ((0, 0), (-min(first, 0), last)), mode="edge")
    result = padded[:, :n_frames].copy()
    for shift in range(1, last - first + 1):
        np.maximum(result, padded[:, shift : shift + n_frames], out=result)
    return result


def _partial_features(activation: PitchActivation, log: Any, rows: Any, frames: Any) -> list[FloatArray]:
    """Return the rise of each partial across the candidate, the same a little later, and its level."""
    rises, lates, levels = [], [], []
    for k in range(1, _N_PARTIALS + 1):
        partial = _padded(log(activation.evidence[f"partial_{k}"]))
        t = frames + CONTEXT
        before = (partial[rows, t - 4] + partial[rows, t - 6] + partial[rows, t - 8]) / 3
        now = (partial[rows, t] + partial[rows, t + 1]) / 2
        after = (partial[rows, t + 4] + partial[rows, t + 6] + partial[rows, t + 8]) / 3
        rises.append(now - before)
        lates.append(after - now)
        levels.append(now)
    return [np.stack(columns, axis=1) for columns in (rises, lates, levels)]
