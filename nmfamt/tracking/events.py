"""Candidate note onsets, and what is known about each.

A candidate is a local maximum over time of the `novelty` of one pitch. Its features describe the pitch before and
after (is there a rise, and does it last?), its neighbours at musical intervals (is it an octave ghost?), the whole
frame (how loud and how busy is it?), its register, and the other evidence of the front end, all as `Levels`.

Times are counted in frames of the activation, which must be about 10 ms apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS
from nmfamt.tracking.levels import FLOOR, Level, Levels, rows_of_intervals

__all__ = ["Candidates", "find_candidates", "onset_feature_names", "onset_features"]

_LAGS = (-25, -20, -16, -13, -10, *range(-8, 9), 10, 12, 15, 18, 22, 27, 32, 38)
_ATTACK_LAGS = (-4, -3, -2, -1, 0, 1, 2, 3, 4, 5)
_UP = (1, 2, 3, 4, 5, 7, 12, 16, 19, 24, 28, 31, 36)
_INTERVALS = (*(-interval for interval in reversed(_UP)), *_UP)
_REGISTERS = (24, 36, 48, 60, 72, 84, 96, 108)
_LOSS_LAGS = (-6, -3, 0, 3, 6, 12)

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
        """Return those where `mask` is true, or at the given places.

        Examples
        --------
        >>> two = Candidates(np.array([3, 4]), np.array([50, 70]), np.zeros(2), np.array([0.2, 0.9]))
        >>> two.select(two.strengths > 0.5).frames
        array([70])
        """
        return Candidates(self.rows[mask], self.frames[mask], self.offsets[mask], self.strengths[mask])


def find_candidates(levels: Levels, *, threshold: float = 0.01, radius: int = 2) -> Candidates:
    """Find the local maxima of novelty.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    threshold : float
        Least novelty, as a share of the level of the recording.
    radius : int
        Frames on either side that a maximum must not fall below.

    Returns
    -------
    Candidates
        Sorted by row, then frame.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> levels = Levels.of(activate(y, sr=16000))
    >>> found = find_candidates(levels)
    >>> float(levels.pitches[found.rows[found.strengths.argmax()]])
    69.0
    """
    rise = levels.novelty
    rows, frames = np.divmod(np.flatnonzero(rise > threshold), max(rise.shape[1], 1))
    padded = np.pad(rise, ((0, 0), (radius, radius)))
    top = rise[rows, frames].astype(np.float64)
    peak = np.ones(len(rows), dtype=bool)
    for lag in range(1, radius + 1):
        peak &= top > padded[rows, frames + radius - lag]
        peak &= top >= padded[rows, frames + radius + lag]
    rows, frames, top = rows[peak], frames[peak], top[peak]
    before = padded[rows, frames + radius - 1].astype(np.float64)
    after = padded[rows, frames + radius + 1].astype(np.float64)
    curvature = before - 2 * top + after
    offsets = np.divide(0.5 * (before - after), curvature, out=np.zeros(len(top)), where=curvature < 0)
    return Candidates(rows, frames, np.clip(offsets, -0.5, 0.5), top)


def onset_feature_names() -> list[str]:
    """Return the names of the columns of `onset_features`.

    A number with a sign is a time in frames (``level+3``) or an interval in semitones (``neighbour-12``).

    Examples
    --------
    >>> [name for name in onset_feature_names() if name.startswith("loss")]
    ['loss-6', 'loss-3', 'loss+0', 'loss+3', 'loss+6', 'loss+12', 'loss_share']
    """
    partials = range(1, N_PARTIALS + 1)
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
        *(f"partial_rise_{k}" for k in partials),
        *(f"partial_late_{k}" for k in partials),
        *(f"partial_level_{k}" for k in partials),
    ]


def onset_features(levels: Levels, candidates: Candidates) -> NDArray[np.float32]:
    """Describe every candidate.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    candidates : Candidates
        Found in it.

    Returns
    -------
    ndarray, shape (n_candidates, n_features)
        In the order of `onset_feature_names`.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> levels = Levels.of(activate(y, sr=16000))
    >>> candidates = find_candidates(levels)
    >>> onset_features(levels, candidates).shape == (len(candidates), len(onset_feature_names()))
    True
    """
    rows, frames = candidates.rows, candidates.frames
    pitch = levels.pitches[rows]

    def at(level: Level, row: NDArray[np.int64] | int, *lags: int) -> FloatArray:
        return level.at(row, frames + np.array(lags)[:, None])

    neighbours = rows_of_intervals(pitch, _INTERVALS)
    values, loss = at(levels.values, rows, *_LAGS), at(levels.loss, rows, *_LOSS_LAGS)
    columns = [
        values,
        at(levels.attack, rows, *_ATTACK_LAGS),
        levels.by_pitch.greatest_at(neighbours, frames, range(4)),
        levels.rise_by_pitch.greatest_at(neighbours, frames, range(-2, 3)),
        np.log10(candidates.strengths + FLOOR),
        at(levels.total, 0, 3, -5),
        at(levels.total_rise, 0, 0),
        np.exp(-0.5 * ((pitch - np.array(_REGISTERS)[:, None]) / 8.0) ** 2),
        loss,
        loss[_LOSS_LAGS.index(3)] - values[_LAGS.index(3)],
        *_partial_features(levels.partials, rows, frames),
    ]
    # A feature is computed for all candidates at once, and so it lies in memory.
    return np.concatenate([np.atleast_2d(column) for column in columns], dtype=np.float32, casting="same_kind").T


def _partial_features(
    partials: Sequence[Level], rows: NDArray[np.int64], frames: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the rise of each partial across the candidate, the same a little later, and its level."""

    def mean(*lags: int) -> FloatArray:
        at_lags = np.array(lags)[:, None]
        return np.stack([partial.at(rows, frames + at_lags).mean(axis=0) for partial in partials])

    before, now, after = mean(-8, -6, -4), mean(0, 1), mean(4, 6, 8)
    return now - before, after - now, now
