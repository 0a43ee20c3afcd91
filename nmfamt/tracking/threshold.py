"""The textbook tracker: a note sounds while its activation is above a threshold.

Meant for teaching and as a baseline. A fixed threshold, and dropping what is short, is how A. Dessein, A. Cont & G.
Lemaitre, "Real-time polyphonic music transcription with non-negative matrix factorization and beta-divergence", ISMIR
2010, decide on notes.

Departure: the threshold is a share of the level of the recording, so that its gain does not matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["Threshold"]

_SHORTEST = 0.005  # seconds; what is left of a note that the latency moves before the beginning


@dataclass(frozen=True)
class Threshold:
    """Tracker: notes are stretches of activation above a threshold.

    Parameters
    ----------
    threshold : float
        Share of the level of the recording.
    min_duration : float
        Shorter notes are dropped, in seconds.

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

    def __post_init__(self) -> None:
        if not (self.threshold > 0 and self.min_duration >= 0):
            raise NmfamtError(
                f"threshold={self.threshold} must be positive and min_duration={self.min_duration} not negative."
            )

    def __call__(self, activation: PitchActivation) -> Notes:
        """Trace the notes of an activation."""
        notes = Notes.concatenate([Notes.empty(), *self.blocks([activation])])
        return replace(notes, info={**activation.info, **self.info})

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Trace the notes of a stream of activations; a note is yielded when it has ended."""
        sounding: dict[int, tuple[float, float]] = {}  # row: onset, greatest share so far
        begin: float | None = None
        last, end = 0.0, 0.0
        for activation in activations:
            if not len(activation.times):
                continue
            times = activation.times.tolist()
            share = activation.values / (activation.level if activation.level > 0 else 1.0)
            above = share >= self.threshold
            if begin is None:
                begin, last = times[0], times[0] - activation.hop
            ended = [(row, *sounding.pop(row), times[0]) for row in list(sounding) if not above[row, 0]]
            for row in np.flatnonzero(above.any(axis=1)).tolist():
                edges = np.flatnonzero(np.diff(above[row], prepend=False, append=False)).tolist()
                for first, stop in zip(edges[::2], edges[1::2], strict=True):
                    onset, peak = sounding.pop(row, (times[first], 0.0))
                    peak = max(peak, float(share[row, first:stop].max()))
                    if stop < len(times):
                        ended.append((row, onset, peak, times[stop]))
                    else:
                        sounding[row] = onset, peak
            end = times[-1] + (times[-1] - (times[-2] if len(times) > 1 else last))
            last = times[-1]
            yield self._notes(ended, activation, begin)
        if sounding and begin is not None:
            yield self._notes([(row, *note, end) for row, note in sounding.items()], activation, begin)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {"tracker": "Threshold", "threshold": self.threshold, "min_duration": self.min_duration}

    def _notes(self, ended: list[tuple[int, float, float, float]], activation: PitchActivation, begin: float) -> Notes:
        """Make notes of (row, onset, peak, offset); loudness and confidence come from the peak."""
        ended = [note for note in ended if note[3] - note[1] >= self.min_duration - 1e-9]
        if not ended:
            return Notes.empty()
        rows, onsets, peaks, offsets = (np.array(column) for column in zip(*ended, strict=True))
        onsets = np.maximum(onsets - activation.latency, begin)
        offsets = np.maximum(offsets - activation.latency, onsets + _SHORTEST)
        return Notes(
            np.stack([onsets, offsets], axis=1),
            activation.pitches[rows],
            velocities=np.clip(np.round(64 + 20 * np.log10(peaks / 0.3)), 1, 127),
            confidences=peaks / (peaks + self.threshold),
            instruments=activation.instruments[rows],
        )
