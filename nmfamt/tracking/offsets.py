"""Where notes end: each is followed until nothing that comes later can change it.

A note may last up to the next onset of its row, but not half a second longer than anything is heard there, and at most
`LONGEST_FRAMES`; most are over long before. The most probable path is therefore sought through the first second, and
only where its end still depends on what follows, through the first two, four, and so on. The answer is that of the
whole path.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.emission import FRAME_STATES, STATES, EmissionModel
from nmfamt.tracking.events import Candidates
from nmfamt.tracking.frames import frame_features
from nmfamt.tracking.levels import FLOOR, Levels

if TYPE_CHECKING:
    from nmfamt.tracking.viterbi import NoteHMM

__all__ = ["LONGEST_FRAMES", "find_ends", "find_spans"]

LONGEST_FRAMES = 2000
"""No note is followed for longer; 20 s at a hop of 10 ms."""

_FIRST_FRAMES = 100  # of a note that are looked at before any later ones
_BATCH_FRAMES = 8192  # whose features are in memory together
_IMPOSSIBLE = -1e6
_INAUDIBLE = 2 * FLOOR  # as a ratio to the level of the recording
_FADING_FRAMES = 50  # how much longer than it is heard a note is followed


def find_spans(levels: Levels, candidates: Candidates) -> NDArray[np.int64]:
    """Find the frames in which each note may sound.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    candidates : Candidates
        The onsets of the notes, sorted by row, then frame.

    Returns
    -------
    ndarray of int, shape (3, n_notes)
        Row, first frame, and frame after the last of every note.

    Examples
    --------
    >>> from nmfamt import activate
    >>> from nmfamt.tracking.events import find_candidates
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> levels = Levels.of(activate(y, sr=16000))
    >>> candidates = find_candidates(levels)
    >>> find_spans(levels, candidates.select([candidates.strengths.argmax()])).tolist()
    [[48], [1], [51]]
    """
    rows, firsts, n_frames = candidates.rows, candidates.frames, levels.novelty.shape[1]
    next_onsets = np.append(firsts[1:], 0)
    lasts = np.minimum(firsts + LONGEST_FRAMES, n_frames)
    lasts = np.where(np.append(rows[1:] == rows[:-1], False), np.minimum(lasts, next_onsets), lasts)
    # Frames of all rows are counted through: the last heard one before `lasts` may be of an earlier note, or row.
    heard = np.append(-1, np.flatnonzero(levels.values.array > _INAUDIBLE))
    last_heard = heard[np.searchsorted(heard, rows * n_frames + lasts) - 1] - rows * n_frames
    return np.stack([rows, firsts, np.minimum(lasts, np.maximum(last_heard + 1, firsts) + _FADING_FRAMES)])


def find_ends(
    levels: Levels, spans: NDArray[np.int64], model: EmissionModel, hmm: "NoteHMM", *, frame_weight: float
) -> NDArray[np.int64]:
    """Find the frame in which the sustain of each note ends.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    spans : ndarray of int, shape (3, n_notes)
        As `find_spans` returns them.
    model : EmissionModel
        Whose probabilities of `FRAME_STATES` are the emissions.
    hmm : NoteHMM
        With its transitions.
    frame_weight : float
        Power of the probabilities.

    Returns
    -------
    ndarray of int, shape (n_notes,)
    """
    rows, firsts, lasts = spans
    n_sounding = np.full(len(rows), -1)
    n_followed = _FIRST_FRAMES
    while len(open_notes := np.flatnonzero(n_sounding < 0)):
        stops = np.minimum(firsts + n_followed, lasts)
        n_frames = np.cumsum((stops - firsts)[open_notes])
        for notes in np.split(open_notes, np.flatnonzero(np.diff(n_frames // _BATCH_FRAMES)) + 1):
            X = frame_features(levels, rows[notes], firsts[notes], stops[notes])
            lengths = (stops - firsts)[notes]
            emissions = _emissions(frame_weight * model.frame(X), lengths)
            n_sounding[notes] = hmm.sounding(emissions, lengths, goes_on=(stops < lasts)[notes])
        n_followed *= 2
    return np.asarray(firsts + n_sounding)


def _emissions(scores: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log-emissions of `STATES`: an attack in the first frame of each note, none in the others."""
    emissions = np.full((len(scores), len(STATES)), _IMPOSSIBLE)
    emissions[:, [STATES.index(state) for state in FRAME_STATES]] = scores - scores.max(axis=1, keepdims=True)
    attacks = np.cumsum(lengths) - lengths
    emissions[attacks] = _IMPOSSIBLE
    emissions[attacks, STATES.index("attack")] = 0.0
    return emissions
