"""The textbook tracker: a note sounds while its activation is above a threshold.

Meant for teaching and as a baseline. A fixed threshold, and dropping what is short, is how A. Dessein, A. Cont & G.
Lemaitre, "Real-time polyphonic music transcription with non-negative matrix factorization and beta-divergence", ISMIR
2010, decide on notes. Papers on multi-pitch estimation, most of which end with frames, add a running median and bridge
short gaps.

Departure: the threshold is a share of the level of the recording, so that its gain does not matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.rows import notes_of_rows
from nmfamt.tracking.stream_tracker import StreamTracker
from nmfamt.windows import windows

__all__ = ["Threshold"]

_ROUNDING = 1e-9  # seconds by which sums of times may be off
_CHUNK_FRAMES = 512


@dataclass(frozen=True)
class Threshold(StreamTracker):
    """Tracker: notes are stretches of activation above a threshold.

    Parameters
    ----------
    threshold : float
        Share of the level of the recording.
    min_duration : float
        Shorter notes are dropped, in seconds.
    max_gap : float
        A note goes on through a gap that is no longer than this, in seconds.
    smoothing : float
        Length of a running median that the activation is smoothed by before anything else, in seconds; 0 smooths
        nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfamt.activation import PitchActivation
    >>> values = np.array([[0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0]])
    >>> activation = PitchActivation(values, 0 * values, np.array([69.0]), np.arange(8) / 100, np.array(["piano"]))
    >>> Threshold(0.1)(activation).intervals
    array([[0.01, 0.07]])
    """

    threshold: float = 0.05
    min_duration: float = 0.05
    max_gap: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold < np.inf:
            raise NmfamtError(f"threshold={self.threshold} must be positive, a share of the level such as 0.05.")
        for name in ("min_duration", "max_gap", "smoothing"):
            if not 0 <= getattr(self, name) < np.inf:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a number of seconds, 0 or more.")

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Trace the notes of a stream of activations; a note is yielded when it has ended."""
        waiting: dict[int, _Note] = {}  # row: a note that sounds, or may still go on
        begin: float | None = None
        last, end = 0.0, 0.0
        for activation in self._smoothed(activations):
            if not len(activation.times):
                continue
            times = activation.times.tolist()
            share = activation.values / (activation.level if activation.level > 0 else 1.0)
            above = share >= self.threshold
            waiting = {row: note.until(times[0]) for row, note in waiting.items()}
            if begin is None:
                begin, last = times[0], times[0] - activation.hop
            end = times[-1] + (times[-1] - (times[-2] if len(times) > 1 else last))
            last = times[-1]
            ended = []
            for row in np.flatnonzero(above.any(axis=1)).tolist():
                edges = np.flatnonzero(np.diff(above[row], prepend=False, append=False)).tolist()
                for first, stop in zip(edges[::2], edges[1::2], strict=True):
                    note = _Note(row, times[first], np.inf if stop == len(times) else times[stop], 0.0)
                    before = waiting.pop(row, note)
                    if note.onset - before.offset > self.max_gap + _ROUNDING:
                        ended.append(before)
                        before = note
                    peak = max(before.peak, float(share[row, first:stop].max()))
                    waiting[row] = _Note(row, before.onset, note.offset, peak)
            over = [row for row, note in waiting.items() if end - note.offset > self.max_gap + _ROUNDING]
            ended += [waiting.pop(row) for row in over]
            yield self._notes(ended, activation, begin)
        if waiting and begin is not None:
            yield self._notes([note.until(end) for note in waiting.values()], activation, begin)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {"tracker": "Threshold", **asdict(self)}

    def _smoothed(self, activations: Iterable[PitchActivation]) -> Iterator[PitchActivation]:
        """Replace the activation by its running median."""
        if not self.smoothing:
            yield from activations
            return
        from scipy.ndimage import median_filter

        stream = iter(activations)
        first = next(stream, None)
        if first is None:
            return
        half = round(self.smoothing / first.hop / 2)
        for window, begin, end in windows(chain([first], stream), _CHUNK_FRAMES, before=half, after=half):
            smooth = median_filter(window.values, size=(1, 2 * half + 1), mode="constant")
            yield replace(window, values=smooth).frames(begin, end)

    def _notes(self, ended: "list[_Note]", activation: PitchActivation, begin: float) -> Notes:
        """Make notes of what has ended; loudness and confidence come from the peak."""
        ended = [note for note in ended if note.offset - note.onset >= self.min_duration - _ROUNDING]
        if not ended:
            return Notes.empty()
        rows, onsets, offsets, peaks = (np.array(column) for column in zip(*ended, strict=True))
        intervals = np.stack([onsets, offsets], axis=1) - activation.latency
        return notes_of_rows(activation, rows, intervals, peaks, begin=begin, even=self.threshold)


class _Note(NamedTuple):
    """A stretch of activation above the threshold."""

    row: int
    onset: float
    offset: float  # of what is known so far; infinity where that is all above
    peak: float  # share of the level

    def until(self, time: float) -> "_Note":
        """Return the note with `time` for its offset, unless that is known."""
        return self if self.offset < np.inf else self._replace(offset=time)
