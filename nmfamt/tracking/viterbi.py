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

    def sounding(self, emissions: NDArray[np.float64], lengths: Sequence[int]) -> NDArray[np.int64]:
        """Return for how many frames each note sounds, its attack included.

        Parameters
        ----------
        emissions : ndarray, shape (n_frames, 4)
            Logarithms of the emission probabilities, all notes one after the other.
        lengths : sequence of int
            Frames of each note; a repeated attack is not possible within one.

        Returns
        -------
        ndarray of int, shape (n_notes,)
        """
        _, states = self.decode(emissions, lengths)
        begins = np.cumsum([0, *lengths[:-1]])
        over = (states == STATES.index("silence")) | (states == STATES.index("release"))
        counts = []
        for begin, length in zip(begins.tolist(), lengths, strict=True):
            ended = np.flatnonzero(over[begin : begin + length])
            counts.append(int(ended[0]) if len(ended) else length)
        return np.array(counts, dtype=np.int64)

    def _compute_log_likelihood(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X
