"""What takes the place of a note: the onsets after its own, as features of the second look at where it ends.

A melody leaves a note for the next one, a bass its root for another, a finger its key to strike it again; a pedal is
changed with the harmony. So notes end where others begin, and not any others: those nearby in pitch (that voices move
by small intervals is the principle by which E. Chew & X. Wu, "Separating voices in polyphonic music: a contig mapping
approach", CMMR 2004, tell them apart). How many of them a note outlasts is a matter of touch and pedal, and so much
the same as for the notes around it.

Times are counted in frames of the activation, which must be about 10 ms apart. Notes that begin at most `TOGETHER`
frames apart are a chord, and take no place of each other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TOGETHER", "voice_context", "voice_context_names"]

TOGETHER = 5
"""Frames within which onsets are those of one chord."""

_REACHES = (4, 9)  # semitones
_NOW = 3  # frames on either side in which an onset is now
_FAR = 200  # frames; what is further away is as good as not there
_AROUND = 200  # frames; as far from a note as this others have the same touch

FloatArray = NDArray[np.floating[Any]]


def voice_context_names() -> list[str]:
    """Return the names of the columns of `voice_context`.

    Of the later onsets within four and nine semitones, ``near`` counts those now, ``passed`` those until now, as
    logarithms; ``since`` and ``until`` are the times to the last and the next. ``chords`` counts the chords that have
    begun since, ``more_chords`` compares it with those that the notes around outlast, ``typical_chords``. ``struck``
    says that the same pitch begins again now, ``until_struck`` is the time until it does.

    Examples
    --------
    >>> voice_context_names()[:4]
    ['near4', 'passed4', 'since4', 'until4']
    """
    return [
        *(f"{name}{reach}" for reach in _REACHES for name in ("near", "passed", "since", "until")),
        *("chords", "more_chords", "typical_chords", "struck", "until_struck"),
    ]


def voice_context(
    firsts: NDArray[np.int64], pitches: NDArray[np.float64], ends: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Describe the frames of every note by the onsets after its own.

    Parameters
    ----------
    firsts, ends : ndarray of int, shape (n_notes,)
        Frames of their onsets, and where the first look ends them.
    pitches : ndarray, shape (n_notes,)
        Their MIDI pitches.
    lengths : ndarray of int, shape (n_notes,)
        How many frames of each are described.

    Returns
    -------
    ndarray, shape (n_frames, n_features)
        In the order of `voice_context_names`; the frames of the notes stand one after the other.

    Examples
    --------
    >>> X = voice_context(np.array([0, 50]), np.array([60.0, 62.0]), np.array([50, 80]), np.array([60, 40]))
    >>> X[[40, 50], voice_context_names().index("near4")].round(2)  # log 0.3 is none, log 1.3 is one
    array([-1.2 ,  0.26], dtype=float32)
    """
    note = np.repeat(np.arange(len(firsts)), lengths)
    frames = firsts[note] + np.arange(len(note)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    later, apart = _later_onsets(firsts, pitches, lengths)
    columns: list[NDArray[Any]] = []
    for reach in _REACHES:
        onsets = _Onsets(firsts, lengths, *(part[apart <= reach] for part in later))
        before, _, _ = onsets.around(note, frames, -_NOW - 1)
        passed, since, until = onsets.around(note, frames, _NOW)
        columns += [_log_count(passed - before), _log_count(passed), _log_time(since), _log_time(until)]
    begun = np.sort(firsts)
    chords = begun[np.diff(begun, prepend=-np.inf) > TOGETHER]
    n_own = np.searchsorted(chords, firsts + TOGETHER, side="right")

    def outlasted(notes: NDArray[np.int64] | slice, frames: NDArray[np.int64]) -> FloatArray:
        """Count the chords that have begun since a note."""
        return _log_count(np.maximum(np.searchsorted(chords, frames + _NOW, side="right") - n_own[notes], 0))

    n_chords, typical = outlasted(note, frames), _mean_around(firsts, outlasted(slice(None), ends))[note]
    _, _, until_struck = _Onsets(firsts, lengths, *(part[apart < 0.5] for part in later)).around(note, frames, 0)
    columns += [n_chords, n_chords - typical, typical, until_struck <= 1, _log_time(until_struck)]
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns]).T


def _later_onsets(
    firsts: NDArray[np.int64], pitches: NDArray[np.float64], lengths: NDArray[np.int64]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]:
    """Return all pairs of a note and the frame of a later onset that may count, and how far apart in pitch they are."""
    order = np.argsort(firsts, kind="stable")
    begun = firsts[order]
    begin = np.searchsorted(begun, firsts + TOGETHER, side="right")
    n_later = np.searchsorted(begun, firsts + lengths + _FAR, side="right") - begin
    note = np.repeat(np.arange(len(firsts)), n_later)
    other = np.arange(len(note)) + np.repeat(begin - (np.cumsum(n_later) - n_later), n_later)
    return (note, begun[other]), np.abs(pitches[order[other]] - pitches[note])


class _Onsets:
    """Some of the later onsets of every note."""

    def __init__(
        self,
        firsts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        notes: NDArray[np.int64],
        onsets: NDArray[np.int64],
    ) -> None:
        self.firsts = firsts
        # Room for all that is asked of a note, so that it does not run into the next one.
        self.stride = int(lengths.max(initial=0)) + 3 * _FAR
        self.keys = self._keys(notes, onsets)
        self.begins = np.searchsorted(self.keys, np.arange(len(firsts)) * self.stride)

    def around(
        self, notes: NDArray[np.int64], frames: NDArray[np.int64], lag: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return how many there are up to a lag after frames, and the times since the last of them and to the next."""
        keys = self._keys(notes, frames)
        place = np.searchsorted(self.keys, keys + lag, side="right")
        # Before the first and after the last onset of a note stand those of others, far enough away.
        since = np.minimum(keys - np.append(-self.stride, self.keys)[place], _FAR)
        until = np.minimum(np.append(self.keys, (len(self.firsts) + 1) * self.stride)[place] - keys, _FAR)
        return place - self.begins[notes], since, until

    def _keys(self, notes: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(notes * self.stride + _FAR + frames - self.firsts[notes])


def _mean_around(firsts: NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Return the mean over the other notes that begin around each; 0 where there are none."""
    order = np.argsort(firsts, kind="stable")
    begun, sums = firsts[order], np.append(0.0, np.cumsum(values[order]))
    begin = np.searchsorted(begun, firsts - _AROUND, side="left")
    end = np.searchsorted(begun, firsts + _AROUND, side="right")
    return np.asarray((sums[end] - sums[begin] - values) / np.maximum(end - begin - 1, 1))


def _log_count(counts: NDArray[Any]) -> FloatArray:
    """Return logarithms of counts, and of none."""
    return np.asarray(np.log(counts + 0.3))


def _log_time(frames: NDArray[np.int64]) -> FloatArray:
    """Return logarithms of times, which may be a little below 0."""
    return np.asarray(np.log(np.clip(frames + 5, 1, _FAR)))
