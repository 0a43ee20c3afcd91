"""The hidden Markov model of a note, on hmmlearn.

hmmlearn's own models have Gaussian or categorical emissions; this one is handed the logarithms of its emissions as if
they were the observations, and leaves initialisation, checks and the Viterbi recursion to the library.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hmmlearn.base import BaseHMM
from numpy.typing import NDArray

from nmfamt.tracking.emission import STATES

__all__ = ["NoteHMM"]

_LATER_STATES = [STATES.index(state) for state in ("silence", "sustain", "release")]
_NEVER = -1e9  # less than any path costs, and finite, as hmmlearn wants it


class NoteHMM(BaseHMM):  # type: ignore[misc]
    """A four-state model of one pitch that starts with an attack.

    Parameters
    ----------
    transitions : ndarray, shape (4, 4)
        Probability of going from one of `STATES` to another from a frame to the next.

    Examples
    --------
    >>> stay = np.array([[0.9, 0.1, 0, 0], [0, 0, 1.0, 0], [0, 0.1, 0.8, 0.1], [0.5, 0, 0, 0.5]])
    >>> emissions = np.log([[1e-9, 1, 1e-9, 1e-9], [0.1, 1e-9, 0.8, 0.1], [0.05, 1e-9, 0.05, 0.9]])
    >>> NoteHMM(stay).sounding(emissions, [3])
    array([2])
    """

    def __init__(self, transitions: NDArray[Any]) -> None:
        super().__init__(n_components=len(STATES), init_params="", params="")
        self.transitions = transitions
        self.startprob_ = np.eye(len(STATES))[STATES.index("attack")]
        self.transmat_ = np.asarray(transitions, dtype=np.float64)

    def sounding(
        self,
        emissions: NDArray[np.float64],
        lengths: Sequence[int] | NDArray[np.int64],
        *,
        goes_on: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Return for how many frames each note sounds, its attack included.

        Parameters
        ----------
        emissions : ndarray, shape (n_frames, 4)
            Logarithms of the emission probabilities, all notes one after the other.
        lengths : sequence of int
            Frames of each note; a repeated attack is not possible within one.
        goes_on : ndarray of bool, shape (n_notes,), optional
            Notes that have more frames than are given; by default there are none.

        Returns
        -------
        ndarray of int, shape (n_notes,)
            -1 where the frames that are not given may change it.
        """
        lengths = np.asarray(lengths)
        if goes_on is None or not goes_on.any():
            return self._n_sounding(emissions, lengths)
        # What is to come sees the past through the state of the last given frame alone. When the best paths to all its
        # states have left the sustain in one and the same frame, so will the best path of the whole note.
        last = (np.cumsum(lengths) - 1)[goes_on]
        forced = np.tile(emissions, (len(_LATER_STATES), 1, 1))
        for state, ending in zip(_LATER_STATES, forced, strict=True):
            ending[last] = _NEVER
            ending[last, state] = emissions[last, state]
        # hmmlearn's checks take longer than many short notes: all at once.
        counts = self._n_sounding(forced.reshape(-1, len(STATES)), np.tile(lengths, len(forced)))
        counts = counts.reshape(len(forced), -1)
        certain = ~goes_on | ((np.ptp(counts, axis=0) == 0) & (counts[0] < lengths))
        return np.where(certain, counts[0], -1)

    def _n_sounding(self, emissions: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in which frame the most probable path of each note leaves the sustain, its length if it never does."""
        _, states = self.decode(emissions, lengths)
        over = np.flatnonzero((states == STATES.index("silence")) | (states == STATES.index("release")))
        edges = np.cumsum(lengths)
        begins = edges - lengths
        first_over = np.append(over, len(states))[np.searchsorted(over, begins)]
        return np.asarray(np.minimum(first_over, edges) - begins)

    def _compute_log_likelihood(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X
