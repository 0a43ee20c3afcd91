"""Where notes end: each is followed until it is over for good, then the frame of its release is chosen.

The choice is a conditional logit (D. McFadden, "Conditional logit analysis of qualitative choice behavior", 1974): of
the frames of a note the release is in the one whose score is greatest. The score adds up what the note has gained by
going on until there and how much the frame looks like a release, and so the best frame is found by the Viterbi
recursion of a hidden Markov model (`find_releases`).

There are two looks. In the first every note is on its own; in the second the ends of all others are known from the
first (`nmfamt.tracking.context.note_context`), and what follows each (`nmfamt.tracking.voices`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.context import note_context
from nmfamt.tracking.emission import EmissionModel
from nmfamt.tracking.events import Candidates
from nmfamt.tracking.frames import N_FALLING, frame_features
from nmfamt.tracking.levels import FLOOR, Levels
from nmfamt.tracking.polynomial import Polynomial
from nmfamt.tracking.releases import find_releases
from nmfamt.tracking.voices import voice_context

__all__ = ["LONGEST_FRAMES", "FollowedNotes", "choose_ends", "find_ends", "find_spans", "follow_notes", "in_context"]

LONGEST_FRAMES = 2000
"""No note is followed for longer; 20 s at a hop of 10 ms."""

_FIRST_FRAMES = 100  # of a note that are looked at before any later ones
_BATCH_FRAMES = 8192  # whose features are computed together
_INAUDIBLE = 2 * FLOOR  # as a ratio to the level of the recording
_FADING_FRAMES = 50  # how much longer than it is heard a note is followed
_OVER_FRAMES = 50  # for which a note does not sound when it is over for good
_OVER = -3.0  # log-odds of sounding in them
_CLIP = 6.0  # log-odds of a single frame are never surer

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class FollowedNotes:
    """The frames of notes, one note after the other.

    Attributes
    ----------
    firsts : ndarray of int, shape (n_notes,)
        Frames of the onsets.
    lengths : ndarray of int, shape (n_notes,)
        For how many frames each note is followed.
    pitches : ndarray, shape (n_notes,)
        MIDI pitches.
    X : ndarray, shape (n_frames, n_features)
        What is known about each frame.
    sounding : ndarray, shape (n_frames,)
        Log-odds that the note still sounds there.
    """

    firsts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    pitches: NDArray[np.float64]
    X: NDArray[np.float32]
    sounding: NDArray[np.float64]

    @cached_property
    def gained(self) -> NDArray[np.float32]:
        """What a note that ends in a frame has gained until there, shape (n_frames, 2); see `persistence`."""
        before = np.cumsum(self.sounding) - self.sounding
        begins = np.cumsum(self.lengths) - self.lengths
        ages = np.arange(len(self.sounding)) - np.repeat(begins, self.lengths)
        sums = before - np.repeat(before[begins], self.lengths)
        return np.stack([sums, ages], axis=1).astype(np.float32)


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
        Row, first frame, and frame after the last of every note: up to the next onset of its row, but not half a
        second longer than anything is heard there, and at most `LONGEST_FRAMES`.

    Examples
    --------
    >>> from nmfamt import activate
    >>> from nmfamt.tracking.events import find_candidates
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    >>> levels = Levels.of(activate(y, sr=16000))
    >>> candidates = find_candidates(levels)
    >>> find_spans(levels, candidates.select([candidates.strengths.argmax()])).tolist()
    [[48], [0], [51]]
    """
    rows, firsts, n_frames = candidates.rows, candidates.frames, levels.novelty.shape[1]
    next_onsets = np.append(firsts[1:], 0)
    lasts = np.minimum(firsts + LONGEST_FRAMES, n_frames)
    lasts = np.where(np.append(rows[1:] == rows[:-1], False), np.minimum(lasts, next_onsets), lasts)
    # Frames of all rows are counted through: the last heard one before `lasts` may be of an earlier note, or row.
    heard = np.append(-1, np.flatnonzero(levels.values.array > _INAUDIBLE))
    last_heard = heard[np.searchsorted(heard, rows * n_frames + lasts) - 1] - rows * n_frames
    return np.stack([rows, firsts, np.minimum(lasts, np.maximum(last_heard + 1, firsts) + _FADING_FRAMES)])


def follow_notes(levels: Levels, spans: NDArray[np.int64], sounding: Polynomial) -> FollowedNotes:
    """Follow notes until they have not sounded for half a second, or to the ends of their spans.

    Parameters
    ----------
    levels : Levels
        Of an activation.
    spans : ndarray of int, shape (3, n_notes)
        As `find_spans` returns them.
    sounding : Polynomial
        Of an `EmissionModel`.

    Returns
    -------
    FollowedNotes
    """
    rows, firsts, lasts = spans
    lengths = np.zeros(len(rows), dtype=np.int64)
    features: list[list[NDArray[np.float32]]] = [[] for _ in rows]
    log_odds: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
    peaks = np.full((N_FALLING, len(rows)), -np.inf, dtype=np.float32)
    open_notes, begins, n_followed = np.arange(len(rows)), firsts, _FIRST_FRAMES
    while len(open_notes):
        stops = np.minimum(firsts + n_followed, lasts)
        n_frames = np.cumsum((stops - begins)[open_notes])
        for notes in np.split(open_notes, np.flatnonzero(np.diff(n_frames // _BATCH_FRAMES)) + 1):
            reached = peaks[:, notes]
            X = frame_features(levels, rows[notes], firsts[notes], stops[notes], begins[notes], reached)
            peaks[:, notes] = reached
            odds = np.clip(sounding(X)[:, 0], -_CLIP, _CLIP)
            edges = np.cumsum((stops - begins)[notes])[:-1]
            parts = zip(notes.tolist(), np.split(X.T, edges, axis=1), np.split(odds, edges), strict=True)
            for note, seen, judged in parts:
                features[note].append(seen)
                log_odds[note] = np.append(log_odds[note], judged)
            followed = (stops - firsts)[notes]
            over = _over(np.concatenate([log_odds[note] for note in notes.tolist()]), followed)
            done = (over < followed) | (stops[notes] == lasts[notes])
            lengths[notes[done]] = over[done]
            open_notes = np.setdiff1d(open_notes, notes[done], assume_unique=True)
        begins = stops
        n_followed *= 2
    X = np.empty((len(sounding.names), lengths.sum()), dtype=np.float32)  # a feature of all frames lies together
    for note, end in enumerate(np.cumsum(lengths).tolist()):
        begin = end - int(lengths[note])
        for part in features[note]:
            stop = min(begin + part.shape[1], end)
            X[:, begin:stop] = part[:, : stop - begin]
            begin = stop
        features[note] = []  # the memory of those that are done is free again
    log_odds = [odds[:n] for odds, n in zip(log_odds, lengths.tolist(), strict=True)]
    return FollowedNotes(firsts, lengths, levels.pitches[rows], X.T, np.concatenate([np.empty(0), *log_odds]))


def _over(odds: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many frames of each note there are until it has been over for long enough; all where it has not."""
    begins = np.cumsum(lengths) - lengths
    sounds = np.append(0, np.cumsum(odds >= _OVER))
    places = np.arange(len(odds))
    ages = places - np.repeat(begins, lengths)
    quiet = (ages >= _OVER_FRAMES - 1) & (sounds[places + 1] == sounds[np.maximum(places + 1 - _OVER_FRAMES, 0)])
    first = np.append(np.flatnonzero(quiet), len(odds))
    found = first[np.searchsorted(first, begins)] - begins + 1
    return np.asarray(np.minimum(found, lengths))


def in_context(followed: FollowedNotes, ends: NDArray[np.int64] | None = None) -> tuple[NDArray[np.float32], ...]:
    """Return what the release is found from: of the first look, or with `ends` of that look of the second.

    Returns
    -------
    tuple of ndarray, shape (n_frames, n_features)
        Side by side they are what `nmfamt.tracking.emission.feature_names` has for ``release`` and
        ``release_in_context``.
    """
    alone = (followed.X, followed.sounding[:, None].astype(np.float32))
    if ends is None:
        return alone
    firsts, lengths = followed.firsts, followed.lengths
    others = note_context(firsts, ends, lengths), voice_context(firsts, followed.pitches, ends, lengths)
    return *alone, *others


def find_ends(followed: FollowedNotes, model: EmissionModel) -> NDArray[np.int64]:
    """Find the frame in which each note is released, in two looks.

    Parameters
    ----------
    followed : FollowedNotes
        All notes that are to know of each other.
    model : EmissionModel
        What was learned.

    Returns
    -------
    ndarray of int, shape (n_notes,)
    """
    first, second = model.persistence
    ends = choose_ends(followed, model.release, first)
    return choose_ends(followed, model.release_in_context, second, ends)


def choose_ends(
    followed: FollowedNotes, release: Polynomial, persistence: FloatArray, ends: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Find the frame in which each note is released, in the first look, or with its `ends` in the second.

    Parameters
    ----------
    followed : FollowedNotes
        The notes.
    release : Polynomial
        How much each frame looks like a release.
    persistence : ndarray, shape (2,)
        What a note gains by going on; see `EmissionModel`.
    ends : ndarray of int, shape (n_notes,), optional
        Of the first look.

    Returns
    -------
    ndarray of int, shape (n_notes,)
    """
    if not len(followed.firsts):
        return followed.firsts
    weight, gain = persistence
    scores = release(*in_context(followed, ends))[:, 0]
    return followed.firsts + find_releases(weight * followed.sounding + gain, scores, followed.lengths)
