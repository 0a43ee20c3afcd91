"""The most likely path of a voice through pitches and silence, compiled.

A state is a pitch, heard or not heard: while nothing is heard the pitch goes on moving, so that a voice resumes near
where it stopped. A step is a move by a few pitches, independent of whether hearing begins or ends, and only the moves
that are possible are tried.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["most_likely_path"]


@njit(cache=True, nogil=True)
def most_likely_path(
    heard: NDArray[np.float64], silent: NDArray[np.float64], moves: NDArray[np.float64], stay: float, change: float
) -> NDArray[np.int64]:
    """Return the most likely state of every frame (Viterbi).

    Parameters
    ----------
    heard : ndarray, shape (n_frames, n_pitches)
        Log-probability of the frame where a pitch is heard.
    silent : ndarray, shape (n_frames,)
        The same where it is not.
    moves : ndarray, shape (2 * reach + 1, n_pitches)
        Log-probability of a move from each pitch by -reach to reach pitches; minus infinity out of range.
    stay, change : float
        Log-probabilities that hearing goes on as it was, and that it begins or ends.

    Returns
    -------
    ndarray, shape (n_frames,)
        The pitch where it is heard, ``n_pitches`` more where it is not.
    """
    n_frames, n_pitches = heard.shape
    path = np.empty(n_frames, dtype=np.int64)
    if n_frames == 0:
        return path
    reach = len(moves) // 2
    before = np.empty((n_frames, 2, n_pitches), dtype=np.int32)
    score = np.empty((2, n_pitches))
    merged = np.empty((2, n_pitches))
    origin = np.empty((2, n_pitches), dtype=np.int32)
    for p in range(n_pitches):
        score[0, p] = heard[0, p]
        score[1, p] = silent[0]
    for t in range(1, n_frames):
        # Whether it is heard and how it moves are independent: the better of both origins goes first.
        for p in range(n_pitches):
            for state in range(2):
                same, other = score[state, p] + stay, score[1 - state, p] + change
                if same >= other:
                    merged[state, p] = same
                    origin[state, p] = state * n_pitches + p
                else:
                    merged[state, p] = other
                    origin[state, p] = (1 - state) * n_pitches + p
        for state in range(2):
            for p in range(n_pitches):
                best, best_from = -np.inf, p
                for k in range(max(0, p - reach), min(n_pitches, p + reach + 1)):
                    value = merged[state, k] + moves[p - k + reach, k]
                    if value > best:
                        best, best_from = value, k
                before[t, state, p] = origin[state, best_from]
                score[state, p] = best + (heard[t, p] if state == 0 else silent[t])
    last, best = 0, -np.inf
    for state in range(2):
        for p in range(n_pitches):
            if score[state, p] > best:
                best, last = score[state, p], state * n_pitches + p
    path[n_frames - 1] = last
    for t in range(n_frames - 1, 0, -1):
        last = before[t, last // n_pitches, last % n_pitches]
        path[t - 1] = last
    return path
