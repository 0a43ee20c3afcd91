"""Onsets are peaks of the evidence for onsets, and a note lasts until it has faded or begins again.

The decision step of T. Cheng, M. Mauch, E. Benetos & S. Dixon, "An attack/decay model for piano transcription", ISMIR
2016, and of H. Wu, A. Marmoret & J. E. Cohen, "Semi-supervised convolutive NMF for automatic piano transcription", SMC
2022: a local maximum that exceeds its moving average over 20 frames of 20 ms by a threshold is an onset. For front ends
whose ``onsets`` are activations that have time in their templates.

Departures:

1. The threshold is a share of the level of the recording, so that its gain does not matter; the papers choose it on the
   recordings that they score.
2. The moving average has an odd number of frames, centred on the peak.
3. The time of a peak is interpolated by a parabola, and what front end and instrument add to it is subtracted.
4. A note ends where what it explains of the spectrum has fallen to a share of its greatest, or with the next onset of
   its pitch; the papers stop at onsets.
5. Peaks are merged only where it is asked for: on four rendered pianos and in two rooms, to merge those closer than 5
   frames changed little.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.rows import notes_of_rows
from nmfamt.tracking.stream_tracker import StreamTracker
from nmfamt.windows import windows

__all__ = ["PeakTracker"]

_CHUNK_FRAMES = 512
_ROUNDING = 1e-9

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class PeakTracker(StreamTracker):
    """Tracker: notes begin at peaks of the evidence for onsets.

    Parameters
    ----------
    threshold : float
        By how much a peak exceeds its moving average, as a share of the level of the recording.
    average : float
        Length of the moving average in seconds.
    min_interval : float
        A peak that follows another of its pitch after less than this many seconds is taken for the same onset; 0 merges
        none.
    end : float, in (0, 1)
        A note ends where its activation has fallen to this share of its greatest.
    min_duration : float
        A note lasts at least so long, in seconds, unless its pitch begins again.
    action_delay : float
        Seconds from the onset as labels have it, where a key goes down, to its sound, which is subtracted.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfamt.activation import PitchActivation
    >>> values = np.array([[0.0, 0.0, 0.9, 0.8, 0.7, 0.05, 0.0, 0.0]])
    >>> onsets = np.array([[0.0, 0.2, 0.9, 0.2, 0.0, 0.0, 0.0, 0.0]])
    >>> activation = PitchActivation(values, onsets, np.array([69.0]), np.arange(8) / 50, np.array(["piano"]))
    >>> PeakTracker(action_delay=0.0)(activation).intervals
    array([[0.04, 0.1 ]])
    """

    threshold: float = 0.03
    average: float = 0.4
    min_interval: float = 0.0
    end: float = 0.1
    min_duration: float = 0.05
    action_delay: float = 0.015

    def __post_init__(self) -> None:
        if not 0 < self.threshold < np.inf:
            raise NmfamtError(f"threshold={self.threshold} must be positive, a share of the level such as 0.03.")
        if not 0 < self.end < 1:
            raise NmfamtError(f"end={self.end} must lie between 0 and 1, a share of the greatest such as 0.1.")
        for name in ("average", "min_interval", "min_duration"):
            if not 0 <= getattr(self, name) < np.inf:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a number of seconds, 0 or more.")
        if not abs(self.action_delay) < np.inf:
            raise NmfamtError(f"action_delay={self.action_delay} must be a time in seconds, such as 0.015.")

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Trace the notes of a stream of activations; a note is yielded when it has ended."""
        stream = (activation for activation in activations if len(activation.times))
        first = next(stream, None)
        if first is None:
            return
        # Two frames say how far apart they are.
        second = next(stream, None) if len(first.times) == 1 else None
        known = [first] if second is None else [first, second]
        hop = PitchActivation.concatenate(known).hop
        half = round(self.average / hop / 2)
        sounding: dict[int, _Note] = {}
        last_onsets: dict[int, float] = {}
        begin = float(first.times[0])
        part = first
        for window, start, stop in windows(chain(known, stream), _CHUNK_FRAMES, before=half + 1, after=half + 1):
            peaks = self._peaks(window, half, hop)
            part = window.frames(start, stop)
            ended: list[_Note] = []
            onsets: dict[int, list[_Note]] = {}
            for note, frame in peaks:
                if start <= frame < stop and not self._is_merged(note, last_onsets):
                    last_onsets[note.row] = note.onset
                    onsets.setdefault(note.row, []).append(note._replace(frame=frame - start))
            for row in sorted({*sounding, *onsets}):
                sounding, over = self._followed(row, onsets.get(row, []), sounding, part, hop)
                ended += over
            yield self._notes(ended, part, begin)
        end = float(part.times[-1]) + hop
        yield self._notes([note._replace(offset=end) for note in sounding.values()], part, begin)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {"tracker": "PeakTracker", **asdict(self)}

    def _peaks(self, window: PitchActivation, half: int, hop: float) -> "list[tuple[_Note, int]]":
        """Return the onsets in a window, by row and time, and the frame of each."""
        from scipy.ndimage import uniform_filter1d

        if not window.level > 0:
            return []
        share = np.asarray(window.onsets, dtype=np.float64) / window.level
        excess = share - uniform_filter1d(share, 2 * half + 1, axis=1, mode="constant")
        padded = np.pad(share, ((0, 0), (1, 1)))
        before, after = padded[:, :-2], padded[:, 2:]
        rows, frames = np.nonzero((share > before) & (share >= after) & (excess >= self.threshold))
        here, left, right = share[rows, frames], before[rows, frames], after[rows, frames]
        shift = 0.5 * (left - right) / np.minimum(left - 2 * here + right, -np.finfo(np.float64).tiny)
        times = window.times[frames] + np.clip(shift, -0.5, 0.5) * hop
        return [
            (_Note(row, onset, np.inf, strength, 0.0, 0), frame)
            for row, onset, strength, frame in zip(
                rows.tolist(), times.tolist(), excess[rows, frames].tolist(), frames.tolist(), strict=True
            )
        ]

    def _is_merged(self, note: "_Note", last_onsets: dict[int, float]) -> bool:
        """Whether the onset is one with that before of its pitch."""
        return note.onset - last_onsets.get(note.row, -np.inf) < self.min_interval - _ROUNDING

    def _followed(
        self,
        row: int,
        onsets: "list[_Note]",
        sounding: "dict[int, _Note]",
        part: PitchActivation,
        hop: float,
    ) -> "tuple[dict[int, _Note], list[_Note]]":
        """Follow the notes of a row through a part: what sounds after it, and what has ended in it."""
        sounding, ended = dict(sounding), []
        queue = [sounding.pop(row)._replace(frame=0)] if row in sounding else []
        queue += onsets
        for note, following in zip(queue, [*queue[1:], None], strict=True):
            stop = len(part.times) if following is None else following.frame
            values = part.values[row, note.frame : stop]
            greatest = np.maximum.accumulate(np.append(note.greatest, values))[1:]
            old = part.times[note.frame : stop] - note.onset >= self.min_duration - hop / 2
            faded = np.flatnonzero((values <= self.end * greatest) & old)
            if len(faded):
                offset = float(part.times[note.frame + faded[0]])
                ended.append(note._replace(offset=offset))
            elif following is not None:
                ended.append(note._replace(offset=following.onset))
            else:
                sounding[row] = note._replace(greatest=float(greatest[-1]) if len(greatest) else note.greatest)
        return sounding, ended

    def _notes(self, ended: "list[_Note]", part: PitchActivation, begin: float) -> Notes:
        """Make notes of what has ended; loudness and confidence come from the peak."""
        if not ended:
            return Notes.empty()
        rows = np.array([note.row for note in ended])
        strengths = np.array([note.strength for note in ended])
        intervals = np.array([(note.onset, note.offset) for note in ended])
        intervals -= part.latency + self.action_delay
        return notes_of_rows(part, rows, intervals, strengths, begin=begin, even=self.threshold)


class _Note(NamedTuple):
    """An onset, and what is known of its note."""

    row: int
    onset: float
    offset: float
    strength: float  # by which the peak exceeds its average, as a share of the level
    greatest: float  # activation so far
    frame: int  # of the onset in the part that is looked at, or 0 where it lies before
