"""The hidden Markov model of a note, on hmmlearn.

hmmlearn's own models have Gaussian or categorical emissions; this one is handed the logarithms of its emissions as if
they were the observations, and leaves initialisation, checks and the Viterbi recursion to the library.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hmmlearn.base import BaseHMM
from numpy.typing import NDArray

__all__ = ["STATES", "NoteHMM"]

STATES = ("silence", "attack", "sustain", "release")
"""What a pitch can be doing. Attack and release are events: they last one frame."""

_SILENCE, _ATTACK, _SUSTAIN, _RELEASE = range(len(STATES))
_IMPOSSIBLE = -1e9  # finite, as hmmlearn wants it

_TRANSITIONS = np.zeros((len(STATES), len(STATES)))
# A note is as likely to go on as to end: what is known about that stands in the emissions.
_TRANSITIONS[[_ATTACK, _ATTACK, _SUSTAIN, _SUSTAIN], [_SUSTAIN, _RELEASE, _SUSTAIN, _RELEASE]] = 0.5
_TRANSITIONS[[_RELEASE, _SILENCE], _SILENCE] = 1.0

FloatArray = NDArray[np.floating[Any]]


class NoteHMM(BaseHMM):  # type: ignore[misc]
    """A four-state model of one note: an attack, as much sustain as there is, a release, silence.

    Examples
    --------
    >>> sustain = np.array([0.0, 2.0, 1.0, -3.0, -3.0])  # gained by a note that goes on in this frame
    >>> NoteHMM().ends(sustain, np.zeros(5), [5])
    array([3])
    >>> NoteHMM().ends(sustain, np.array([0, 0, 9.0, 0, 0]), [5])  # it looks very much like a release
    array([2])
    """

    def __init__(self) -> None:
        super().__init__(n_components=len(STATES), init_params="", params="")
        self.startprob_ = np.eye(len(STATES))[_ATTACK]
        self.transmat_ = _TRANSITIONS

    def ends(
        self, sustain: FloatArray, release: FloatArray, lengths: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return in which frame each note is released.

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
        """
        lengths = np.asarray(lengths)
        last = np.cumsum(lengths) - 1
        first = last - lengths + 1
        emissions = np.zeros((len(sustain), len(STATES)))
        emissions[:, _SUSTAIN] = sustain + np.log(2)  # makes up for the transition
        emissions[:, _RELEASE] = release
        emissions[last, _SUSTAIN] = _IMPOSSIBLE
        emissions[first, _ATTACK] = 0.0
        _, states = self.decode(emissions, lengths)
        released = np.append(np.flatnonzero(states == _RELEASE), len(states))
        found = released[np.searchsorted(released, first)] - first
        return np.where(found < lengths - 1, found, lengths)

    def _compute_log_likelihood(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X
