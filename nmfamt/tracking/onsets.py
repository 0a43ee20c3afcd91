"""Which candidates are onsets: a first look at each, and a second at those that are possible.

The first is a logistic model of what is seen around a candidate (`nmfamt.tracking.events`), the second one of that and
of what the first thinks of all the others (`nmfamt.tracking.context`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.context import LEAST_LOG_ODDS, onset_context
from nmfamt.tracking.emission import EmissionModel
from nmfamt.tracking.events import Candidates, onset_features
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.polynomial import Polynomial

__all__ = ["JudgedCandidates", "judge_candidates", "look_again"]


@dataclass(frozen=True, eq=False)
class JudgedCandidates:
    """Candidates that are possible at first sight.

    Attributes
    ----------
    candidates : Candidates
        Those whose log-odds at first sight are above `LEAST_LOG_ODDS`.
    X : ndarray, shape (n_candidates, n_features)
        What is seen around each: `onset_feature_names`.
    context : ndarray, shape (n_candidates, n_context_features)
        What the first look thinks of the others: `onset_context_names`.
    first : ndarray, shape (n_candidates,)
        Log-odds at first sight.
    """

    candidates: Candidates
    X: NDArray[np.float32]
    context: NDArray[np.float32]
    first: NDArray[np.float64]


def look_again(
    levels: Levels, candidates: Candidates, X: NDArray[np.float32], onset: Polynomial
) -> tuple[JudgedCandidates, NDArray[np.int64]]:
    """Prepare the second look.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    candidates : Candidates
        Found in it.
    X : ndarray, shape (n_candidates, n_features)
        Their features.
    onset : Polynomial
        The first look.

    Returns
    -------
    JudgedCandidates
        Those that are possible.
    places : ndarray of int
        Where these stand among the candidates.
    """
    log_odds = onset(X)[:, 0]
    places = np.flatnonzero(log_odds > LEAST_LOG_ODDS)
    possible = candidates.select(places)
    context = onset_context(possible, levels.pitches[possible.rows], log_odds[places])
    return JudgedCandidates(possible, X[places], context, log_odds[places]), places


def judge_candidates(
    levels: Levels, candidates: Candidates, model: EmissionModel
) -> tuple[JudgedCandidates, NDArray[np.float64]]:
    """Judge candidates in two looks.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    candidates : Candidates
        Found in it.
    model : EmissionModel
        What was learned.

    Returns
    -------
    JudgedCandidates
        Those that are possible at first sight.
    log_odds : ndarray, shape (n_candidates,)
        Of the second look.

    Examples
    --------
    >>> from nmfamt import activate
    >>> from nmfamt.tracking.emission import default_model
    >>> from nmfamt.tracking.events import find_candidates
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) * (np.arange(16000) > 3200)
    >>> levels = Levels.of(activate(y, sr=16000))
    >>> judged, log_odds = judge_candidates(levels, find_candidates(levels), default_model())
    >>> float(levels.pitches[judged.candidates.rows[log_odds.argmax()]])
    69.0
    """
    judged, _ = look_again(levels, candidates, onset_features(levels, candidates), model.onset)
    return judged, model.onset_in_context(judged.X, judged.context)[:, 0]
