"""The hidden Markov model of the stages of a note, on hmmlearn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hmmlearn.base import BaseHMM
from numpy.typing import NDArray

__all__ = ["StageHMM"]

FloatArray = NDArray[np.floating[Any]]


class StageHMM(BaseHMM):  # type: ignore[misc]
    """States whose log-likelihoods are known for every frame; the library finds the most probable course.

    Parameters
    ----------
    start : ndarray, shape (n_states,)
        Probabilities of the first state.
    transitions : ndarray, shape (n_states, n_states)
        Probabilities of the next.

    Examples
    --------
    >>> model = StageHMM(np.array([1.0, 0.0]), np.array([[0.9, 0.1], [0.1, 0.9]]))
    >>> model.states(np.array([[0.0, 0.0], [0.0, 9.0], [1.0, 0.0], [0.0, 9.0]]), [4])
    array([0, 1, 1, 1])
    """

    def __init__(self, start: FloatArray, transitions: FloatArray) -> None:
        super().__init__(n_components=len(start), init_params="", params="")
        self.startprob_ = np.asarray(start, dtype=np.float64)
        self.transmat_ = np.asarray(transitions, dtype=np.float64)

    def states(self, log_likelihoods: FloatArray, lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the state of every frame of sequences that follow each other."""
        _, states = self.decode(np.asarray(log_likelihoods, dtype=np.float64), np.asarray(lengths))
        return np.asarray(states)

    def _compute_log_likelihood(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X
