"""The textbook tracker: a note sounds while its activation is above a threshold.

Meant for teaching and as a baseline. The threshold is a share of the level of the recording, as in A. Dessein, A. Cont
& G. Lemaitre, "Real-time polyphonic music transcription with non-negative matrix factorization and beta-divergence",
ISMIR 2010.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["Threshold"]


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
        began: dict[int, tuple[float, float]] = {}  # row: onset, greatest share so far
        previous = np.zeros(0, dtype=bool)
        end = 0.0
        last: PitchActivation | None = None
        for activation in activations:
            share = activation.values / (activation.level if activation.level > 0 else 1.0)
            above = share >= self.threshold
            if last is None:
                previous = np.zeros(len(share), dtype=bool)
            last = activation
            closed = []
            edges = np.diff(np.concatenate([previous[:, None], above], axis=1).astype(np.int8), axis=1)
            for row in np.flatnonzero(edges.any(axis=1) | above.any(axis=1)).tolist():
                changes = np.flatnonzero(edges[row]).tolist()
                for begin, stop in zip([0, *changes], [*changes, len(activation.times)], strict=True):
                    if row in began and stop > begin:
                        onset, peak = began[row]
                        began[row] = onset, max(peak, float(share[row, begin:stop].max()))
                    if stop == len(activation.times):
                        break
                    time = float(activation.times[stop])
                    if edges[row, stop] > 0:
                        began[row] = time, 0.0
                    else:
                        closed.append((row, *began.pop(row), time))
            previous = above[:, -1] if above.shape[1] else previous
            end = float(activation.times[-1]) + activation.hop if len(activation.times) else end
            yield self._notes(closed, activation)
        if last is not None:
            yield self._notes([(row, *value, end) for row, value in began.items()], last)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {"tracker": "Threshold", "threshold": self.threshold, "min_duration": self.min_duration}

    def _notes(self, closed: list[tuple[int, float, float, float]], activation: PitchActivation) -> Notes:
        """Make notes of (row, onset, peak, offset); loudness and confidence come from the peak."""
        closed = [note for note in closed if note[3] - note[1] >= self.min_duration - 1e-9]
        if not closed:
            return Notes.empty()
        rows = [note[0] for note in closed]
        peaks = np.array([note[2] for note in closed])
        shift = activation.latency
        intervals = np.array([(max(on - shift, 0.0), max(off - shift, 0.005)) for _, on, _, off in closed])
        return Notes(
            intervals,
            activation.pitches[rows],
            velocities=np.clip(np.round(64 + 20 * np.log10(peaks / 0.3)), 1, 127),
            confidences=peaks / (peaks + self.threshold),
            instruments=activation.instruments[rows],
        )
