"""What decisions say about one another: the features of a second look.

A first look judges every candidate, and ends every note, by the spectrum around it. The second knows what the first
thinks of all the others: is there a surer note an octave below at the same time? Was this pitch played before, or its
pitch class? Do other notes end here, or begin? How long are the notes around this one? Such knowledge is what a
musicological language model would bring (as in E. Benetos & S. Dixon, "A shift-invariant latent variable model for
automatic music transcription", Computer Music Journal 36, 2012, or S. Sigtia, E. Benetos & S. Dixon, "An end-to-end
neural network for polyphonic piano music transcription", TASLP 24, 2016), in a form whose every term has a name; that
one classifier reads the output of another is stacked generalisation (D. H. Wolpert, Neural Networks 5, 1992).

Times are counted in frames of the activation, which must be about 10 ms apart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.events import Candidates
from nmfamt.tracking.levels import N_PITCH_ROWS, rows_of_intervals

__all__ = [
    "CONTEXT_FRAMES",
    "LEAST_LOG_ODDS",
    "note_context",
    "note_context_names",
    "onset_context",
    "onset_context_names",
]

CONTEXT_FRAMES = 1000
"""How far a second look reaches back and ahead; 10 s at a hop of 10 ms."""

LEAST_LOG_ODDS = -5.0
"""Of a candidate; what the first look finds less likely gets no second."""

_UP = (1, 2, 3, 4, 5, 7, 12, 16, 19, 24, 28, 31, 36)
_INTERVALS = (*(-interval for interval in reversed(_UP)), *_UP)
_TOGETHER = 5  # frames within which onsets are those of one chord
_SELF = 10  # frames on either side in which a candidate of the same pitch may be the same note
_PERIODS = {"before-": (-8, -1), "before": (-30, -9), "after+": (1, 8), "after": (9, 30)}
_LEAST_PROBABILITY = 0.05  # of a candidate that counts as something played
_N_NEIGHBOURS = 6  # notes on either side, in the order of their onsets
_NEIGHBOURHOOD = 500  # frames
_TYPICAL = np.log(25.0)  # duration, where there are no neighbours to compare with
_FAR = 200.0  # frames; what is further away is as good as not there

FloatArray = NDArray[np.floating[Any]]


def onset_context_names() -> list[str]:
    """Return the names of the columns of `onset_context`.

    ``odds`` are log-odds of the first look: of the candidate, of the best within 50 ms at an interval in semitones, of
    the best at the same pitch in some time before and after. ``played`` counts, as a logarithm, what was probably
    played within 10 s: at this pitch, in its class, at pitches beside it. ``dense`` and ``together`` count the onsets
    within 0.5 s and 50 ms.

    Examples
    --------
    >>> [name for name in onset_context_names() if name.startswith("played")][:4]
    ['played+0', 'played_class', 'played+1', 'played-1']
    """
    return [
        "odds",
        *(f"odds{interval:+d}" for interval in _INTERVALS),
        *(f"odds_{period}" for period in _PERIODS),
        *("played+0", "played_class", "played+1", "played-1", "played+12", "played-12"),
        *("dense", "together", "played", "played_share"),
    ]


def onset_context(
    candidates: Candidates, pitches: NDArray[np.float64], log_odds: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Describe every candidate by what the first look thinks of the others.

    Parameters
    ----------
    candidates : Candidates
        Those whose log-odds are above `LEAST_LOG_ODDS`.
    pitches : ndarray, shape (n_candidates,)
        Their MIDI pitches.
    log_odds : ndarray, shape (n_candidates,)
        Of the first look.

    Returns
    -------
    ndarray, shape (n_candidates, n_features)
        In the order of `onset_context_names`.

    Examples
    --------
    >>> two = Candidates(np.array([0, 1]), np.array([50, 52]), np.zeros(2), np.array([0.2, 0.9]))
    >>> X = onset_context(two, np.array([60.0, 72.0]), np.array([1.0, 4.0]))
    >>> X[:, onset_context_names().index("odds+12")]
    array([ 4., -5.], dtype=float32)
    """
    frames = candidates.frames
    odds = np.clip(log_odds, LEAST_LOG_ODDS, -LEAST_LOG_ODDS).astype(np.float32)
    probabilities = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
    probabilities[probabilities < _LEAST_PROBABILITY] = 0
    rows = rows_of_intervals(pitches, (0,))[0]
    best = _Best(rows, frames, odds)
    played = _Played(rows, frames, probabilities)

    def around(*intervals: int) -> FloatArray:
        """Count what was played at these intervals within the context, the candidate itself apart."""
        at = rows_of_intervals(pitches, intervals)
        whole = played.between(at, frames - CONTEXT_FRAMES, frames + CONTEXT_FRAMES)
        return np.asarray((whole - played.between(at, frames - _SELF + 1, frames + _SELF - 1)).sum(axis=0))

    at_all = _Played(np.zeros(len(rows), dtype=np.int64), frames, probabilities)

    def within(reach: int) -> FloatArray:
        return at_all.between(0, frames - reach, frames + reach)

    same, everything = _log_count(around(0)), _log_count(within(CONTEXT_FRAMES))
    columns = [
        odds,
        best.between(rows_of_intervals(pitches, _INTERVALS), -_TOGETHER, _TOGETHER),
        *(best.between(rows, begin, end) for begin, end in _PERIODS.values()),
        same,
        _log_count(around(-36, -24, -12, 12, 24, 36)),
        *(_log_count(around(interval)) for interval in (1, -1, 12, -12)),
        _log_count(within(50)),
        _log_count(within(_TOGETHER)),
        everything,
        same - everything,
    ]
    return np.concatenate([np.atleast_2d(column) for column in columns], dtype=np.float32, casting="same_kind").T


class _Best:
    """The best log-odds at some rows and frames around the candidates."""

    def __init__(self, rows: NDArray[np.int64], frames: NDArray[np.int64], odds: NDArray[np.float32]) -> None:
        reach = max(abs(lag) for period in _PERIODS.values() for lag in period)
        self.frames = frames - frames.min(initial=0) + reach
        self.odds = np.full((N_PITCH_ROWS, int(self.frames.max(initial=0)) + reach + 1), np.float32(LEAST_LOG_ODDS))
        np.maximum.at(self.odds, (rows, self.frames), odds)

    def between(self, rows: NDArray[np.int64], begin: int, end: int) -> FloatArray:
        """Return the greatest within the lags `begin` to `end`."""
        found = self.odds[rows, self.frames + begin]
        for lag in range(begin + 1, end + 1):
            np.maximum(found, self.odds[rows, self.frames + lag], out=found)
        return np.asarray(found)


class _Played:
    """Sums of probabilities over some time at a row."""

    def __init__(self, rows: NDArray[np.int64], frames: NDArray[np.int64], probabilities: FloatArray) -> None:
        # Room for what reaches beyond the last frame, so that a row does not run into the next.
        self.stride = int(frames.max(initial=0)) + 3 * CONTEXT_FRAMES
        keys = self._keys(rows, frames)
        order = np.argsort(keys, kind="stable")
        self.sorted = keys[order]
        self.sums = np.append(0.0, np.cumsum(probabilities[order]))

    def between(
        self, rows: NDArray[np.int64] | int, begins: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the sum over frames from `begins` to `ends`, both included."""
        first = np.searchsorted(self.sorted, self._keys(rows, begins), side="left")
        last = np.searchsorted(self.sorted, self._keys(rows, ends), side="right")
        return np.asarray(self.sums[last] - self.sums[first])

    def _keys(self, rows: NDArray[np.int64] | int, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(rows) * self.stride + frames + CONTEXT_FRAMES


def note_context_names() -> list[str]:
    """Return the names of the columns of `note_context`.

    ``onsets`` and ``ends`` count, as logarithms, the notes that begin or end within so many frames; ``since`` and
    ``until`` are the times to the last and the next onset; ``longer`` compares the age of the note with the durations
    of its neighbours in time, ``chord`` with those of the notes that begin with it; ``sounding_notes`` counts
    those that sound.

    Examples
    --------
    >>> note_context_names()[:3]
    ['onsets-3..3', 'onsets+0..10', 'onsets-10..0']
    """
    return [
        *("onsets-3..3", "onsets+0..10", "onsets-10..0", "ends-3..3", "ends-8..8"),
        *("longer", "longer>0", "longer<0", "sounding_notes", "chord", "has_chord", "since", "until"),
    ]


def note_context(firsts: NDArray[np.int64], ends: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Describe the frames of every note by what the first look thinks of all notes.

    Parameters
    ----------
    firsts, ends : ndarray of int, shape (n_notes,)
        Frames of their onsets, and where the first look ends them.
    lengths : ndarray of int, shape (n_notes,)
        How many frames of each are described.

    Returns
    -------
    ndarray, shape (n_frames, n_features)
        In the order of `note_context_names`; the frames of the notes stand one after the other.

    Examples
    --------
    >>> X = note_context(np.array([0, 50]), np.array([50, 80]), np.array([60, 40]))
    >>> X.shape == (100, len(note_context_names()))
    True
    """
    note = np.repeat(np.arange(len(firsts)), lengths)
    age = np.arange(len(note)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    frames = firsts[note] + age
    begun, ended = np.sort(firsts), np.sort(ends)

    def count(events: NDArray[np.int64], begin: int, end: int) -> FloatArray:
        first = np.searchsorted(events, frames + begin, side="left")
        return _log_count(np.searchsorted(events, frames + end, side="right") - first)

    typical, of_chord, has_chord = _neighbours(firsts, ends)
    log_age = np.log(age + 5.0)
    longer = log_age - typical[note]
    n_sounding = np.searchsorted(begun, frames, side="right") - np.searchsorted(ended, frames, side="right")
    last = np.searchsorted(begun, frames + 3, side="right")
    since = frames - np.append(-_FAR, begun)[last]
    until = np.append(begun, np.inf)[last] - frames
    columns = [
        count(begun, -3, 3),
        count(begun, 0, 10),
        count(begun, -10, 0),
        count(ended, -3, 3),
        count(ended, -8, 8),
        longer,
        np.maximum(longer, 0),
        np.minimum(longer, 0),
        _log_count(n_sounding),
        np.where(has_chord[note], log_age - of_chord[note], 0.0),
        has_chord[note],
        np.log(np.clip(since + 5, 1, _FAR)),
        np.log(np.clip(until + 5, 1, _FAR)),
    ]
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns]).T


def _neighbours(
    firsts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the logarithms of the durations around each note and of those in its chord, and whether it has one."""
    n_notes = len(firsts)
    order = np.argsort(firsts, kind="stable")
    onsets, durations = firsts[order].astype(np.float64), np.log(ends[order] - firsts[order] + 5.0)
    steps = np.array([step for step in range(-_N_NEIGHBOURS, _N_NEIGHBOURS + 1) if step])
    places = np.arange(n_notes)[:, None] + steps
    there = (places >= 0) & (places < n_notes)
    places = np.clip(places, 0, max(n_notes - 1, 0))
    distances = np.where(there, np.abs(onsets[places] - onsets[:, None]), np.inf)
    near, chord = distances < _NEIGHBOURHOOD, distances <= _TOGETHER
    # The median of those that are near: sorted, the others stand at the end.
    n_near = near.sum(axis=1)
    ranked = np.sort(np.where(near, durations[places], np.inf), axis=1)
    middle = np.stack([np.maximum(n_near - 1, 0) // 2, n_near // 2], axis=1)
    medians = np.take_along_axis(ranked, np.minimum(middle, len(steps) - 1), axis=1).mean(axis=1)
    n_chord = chord.sum(axis=1)
    means = (durations[places] * chord).sum(axis=1) / np.maximum(n_chord, 1)
    typical, of_chord, has_chord = np.empty(n_notes), np.empty(n_notes), np.empty(n_notes, dtype=bool)
    typical[order] = np.where(n_near > 2, medians, _TYPICAL)
    of_chord[order], has_chord[order] = means, n_chord > 0
    return typical, of_chord, has_chord


def _log_count(counts: NDArray[Any]) -> FloatArray:
    """Return logarithms of counts, and of none."""
    return np.asarray(np.log(counts + 0.3))
