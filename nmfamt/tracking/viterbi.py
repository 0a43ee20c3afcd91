"""The most probable courses of hidden Markov models, found by hmmlearn.

Its Viterbi recursion is called as its models call it, with emissions that are known already. The models themselves are
estimators of scikit-learn, which would be loaded for nothing but checks, and scipy.stats with it; what that costs a
transcription is in `benchmarks/results/trials.md`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hmmlearn._hmmc import viterbi
from numpy.typing import NDArray

__all__ = ["most_probable_states"]

FloatArray = NDArray[np.floating[Any]]


def most_probable_states(
    start: FloatArray, transitions: FloatArray, emissions: FloatArray, lengths: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find the most probable course of sequences that follow each other.

    Parameters
    ----------
    start : ndarray, shape (n_states,)
        Probabilities of the first state.
    transitions : ndarray, shape (n_states, n_states)
        Probabilities of the next.
    emissions : ndarray, shape (n_frames, n_states)
        Log-likelihood of every state in every frame; finite, and a constant more or less in a frame does not count.
    lengths : sequence of int, shape (n_sequences,)
        Frames of each sequence, at least one.

    Returns
    -------
    ndarray of int, shape (n_frames,)

    Examples
    --------
    >>> start, transitions = np.array([1.0, 0.0]), np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> most_probable_states(start, transitions, np.array([[0.0, 0.0], [0.0, 9.0], [1.0, 0.0], [0.0, 9.0]]), [4])
    array([0, 1, 1, 1])
    """
    sequences = np.split(np.asarray(emissions, dtype=np.float64), np.cumsum(lengths)[:-1])
    return np.concatenate([viterbi(start, transitions, sequence)[1] for sequence in sequences])
