"""From what was found in the rows of an activation to notes: what all trackers that follow a rule do in the end.

Conventions: peaks are shares of the level of the recording; 0.3 has the velocity 64, and ten times as much 20 more.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.notes import Notes

__all__ = ["notes_of_rows"]

_SHORTEST = 0.005  # seconds; what is left of a note that a delay moves before the beginning


def notes_of_rows(
    activation: PitchActivation,
    rows: NDArray[np.int64],
    intervals: NDArray[np.float64],
    peaks: NDArray[np.floating[Any]],
    *,
    begin: float,
    even: float,
) -> Notes:
    """Return the notes that sound in rows of an activation.

    Parameters
    ----------
    activation : PitchActivation
        Whose pitches and instruments the rows have.
    rows : ndarray of int, shape (n_notes,)
        The row of each note.
    intervals : ndarray, shape (n_notes, 2)
        Onsets and offsets in seconds, less all delays.
    peaks : ndarray, shape (n_notes,)
        How strong each note is, positive; velocity and confidence come from it.
    begin : float
        Nothing begins before this time, in seconds.
    even : float
        A peak as high as this has the confidence 0.5.

    Examples
    --------
    >>> values = np.ones((1, 9))
    >>> activation = PitchActivation(values, values, np.array([69.0]), np.arange(9) / 100, np.array([""]))
    >>> found = notes_of_rows(activation, np.array([0]), np.array([[-0.01, 0.05]]), np.array([0.3]), begin=0, even=0.1)
    >>> found.intervals.tolist(), found.velocities.tolist(), found.confidences.round(6).tolist()
    ([[0.0, 0.05]], [64], [0.75])
    """
    onsets = np.maximum(intervals[:, 0], begin)
    offsets = np.maximum(intervals[:, 1], onsets + _SHORTEST)
    return Notes(
        np.stack([onsets, offsets], axis=1),
        activation.pitches[rows],
        velocities=np.clip(np.round(64 + 20 * np.log10(peaks / 0.3)), 1, 127),
        confidences=peaks / (peaks + even),
        instruments=activation.instruments[rows],
    )
