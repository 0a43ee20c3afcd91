"""The hidden Markov model of a note: which of its frames is the release."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.viterbi import most_probable_states

__all__ = ["STATES", "find_releases"]

STATES = ("silence", "attack", "sustain", "release")
"""What a pitch can be doing. Attack and release are events: they last one frame."""

_SILENCE, _ATTACK, _SUSTAIN, _RELEASE = range(len(STATES))
_IMPOSSIBLE = -1e9  # finite, as hmmlearn wants it

_START = np.eye(len(STATES))[_ATTACK]
_TRANSITIONS = np.zeros((len(STATES), len(STATES)))
# A note is as likely to go on as to end: what is known about that stands in the emissions.
_TRANSITIONS[[_ATTACK, _ATTACK, _SUSTAIN, _SUSTAIN], [_SUSTAIN, _RELEASE, _SUSTAIN, _RELEASE]] = 0.5
_TRANSITIONS[[_RELEASE, _SILENCE], _SILENCE] = 1.0

FloatArray = NDArray[np.floating[Any]]


def find_releases(
    sustain: FloatArray, release: FloatArray, lengths: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find in which frame each note is released.

    A note is an attack, as much sustain as there is, a release, and silence.

    Parameters
    ----------
    sustain : ndarray, shape (n_frames,)
        Log-odds of a frame for a note that sounds against silence, all notes one after the other.
    release : ndarray, shape (n_frames,)
        Log-odds of a frame for the release.
    lengths : sequence of int, shape (n_notes,)
        Frames of each note, at least one. A note is released in one of them, but the first, which is its attack.

    Returns
    -------
    ndarray of int, shape (n_notes,)
        From 1 to the length of the note, which is where one ends that is released in its last frame.

    Examples
    --------
    >>> sustain = np.array([0.0, 2.0, 1.0, -3.0, -3.0])  # gained by a note that goes on in this frame
    >>> find_releases(sustain, np.zeros(5), [5])
    array([3])
    >>> find_releases(sustain, np.array([0, 0, 9.0, 0, 0]), [5])  # it looks very much like a release
    array([2])
    """
    lengths = np.asarray(lengths)
    last = np.cumsum(lengths) - 1
    first = last - lengths + 1
    emissions = np.zeros((len(sustain), len(STATES)))
    emissions[:, _SUSTAIN] = sustain + np.log(2)  # makes up for the transition
    emissions[:, _RELEASE] = release
    emissions[last, _SUSTAIN] = _IMPOSSIBLE
    emissions[first, _ATTACK] = 0.0
    states = most_probable_states(_START, _TRANSITIONS, emissions, lengths)
    released = np.append(np.flatnonzero(states == _RELEASE), len(states))
    found = released[np.searchsorted(released, first)] - first
    return np.where(found < lengths - 1, found, lengths)
