"""The default tracker: candidates judged by a logistic model, notes traced by a hidden Markov model.

Each pitch is in one of four states: silence, attack, sustain, release (T. Cheng, S. Dixon & M. Mauch, "Improving piano
note tracking by HMM smoothing", EUSIPCO 2015, where sustain is called decay, as befits a piano). An attack lasts one
frame and stands at every candidate whose probability of being an onset is high enough; the release, one frame as well,
is found by hmmlearn's Viterbi decoder. Both are decided in two looks: in the second, what the first thought of all
other notes is known (`nmfamt.tracking.context`, `nmfamt.tracking.voices`). Several instruments are tracked as one, and
each note is then given to the one that plays it (`nmfamt.tracking.instruments`). In the end those notes are dropped
that are probably ghosts in a melody (`nmfamt.tracking.ghosts`), and notes that were struck together are made to begin
together (`nmfamt.tracking.chords`).

Departures:

1. Emissions are not densities of the activation but the scores of discriminative models given many features
   (`EmissionModel`), as in hybrid recognisers: H. Bourlard & N. Morgan, "Connectionist Speech Recognition", 1994.
2. Since an attack is certain where it stands, the chain falls into independent pieces, one from each attack to the
   next, at most `LONGEST_FRAMES` long: this is what lets the tracker run over a stream.
3. The probability of the onset is the confidence of the note; posteriors over all frames are never computed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.chords import align_chords
from nmfamt.tracking.context import CONTEXT_FRAMES
from nmfamt.tracking.emission import EmissionModel, default_model
from nmfamt.tracking.events import Candidates, find_candidates
from nmfamt.tracking.ghosts import drop_ghosts
from nmfamt.tracking.instruments import assign_instruments, pool_instruments
from nmfamt.tracking.levels import CONTEXT, Levels
from nmfamt.tracking.offsets import LONGEST_FRAMES, find_ends, find_spans, follow_notes
from nmfamt.tracking.onsets import judge_candidates
from nmfamt.tracking.stream_tracker import StreamTracker
from nmfamt.windows import windows

__all__ = ["HMMTracker"]

CHUNK_FRAMES = 4000
"""Frames whose notes are decided together; 40 s at a hop of 10 ms."""

NEIGHBOUR_FRAMES = 500
"""How far from a note those begin that its end is compared with."""

_HOPS = (0.008, 0.0125)  # seconds; what was learned at 10 ms holds about as long
_LATENESS = (-0.03, 0.08)  # seconds; a correction beyond would be an extrapolation
_LEAST_FRAMES = 3  # of a note
_WIDEST = 0.1  # seconds, of the spread of a chord
_SHORTEST = 0.03  # seconds; frames resolve no less

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class HMMTracker(StreamTracker):
    """Tracker: onsets from learned evidence, durations from a hidden Markov model.

    Parameters
    ----------
    sensitivity : float, in (0, 1)
        A note is kept when its confidence is at least ``1 - sensitivity``: more is more notes, right and wrong.
    min_duration : float
        Shorter notes are dropped, in seconds.
    repeat_gap : float
        Two onsets of one pitch are found at least this far apart, in seconds.
    action_delay : float
        Seconds by which the sound of an instrument follows the action that a MIDI label records: hammer, valve or bow,
        and a few metres of air. Subtracted from every onset and offset. 0 gives times in the sound. Where the
        dictionary was learned from labelled music, what that taught counts instead (`PitchActivation.lateness`;
        `Dictionary.with_lateness` forgets it).
    ghosts_dropped : bool
        Whether notes are doubted that overlap a surer one of the same instrument, where it hardly ever plays two at
        once (`nmfamt.tracking.ghosts`).
    chord_spread : float
        By how much the onsets of notes that were struck together are found to differ, in seconds; they are brought
        together (`nmfamt.tracking.chords`). 0 leaves every onset where it was found.
    model : EmissionModel, optional
        What was learned; by default the model that ships.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfamt import Factorization, load_dictionary
    >>> piano = load_dictionary("piano")
    >>> silence = piano.settings(np.zeros(16000), sr=16000)
    >>> len(HMMTracker()(Factorization(piano)(silence)))
    0
    """

    sensitivity: float = 0.5
    min_duration: float = 0.0
    repeat_gap: float = 0.06
    action_delay: float = 0.015
    ghosts_dropped: bool = True
    chord_spread: float = 0.025
    model: EmissionModel | None = None

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity < 1:
            raise NmfamtError(f"sensitivity={self.sensitivity} must lie between 0 and 1, such as 0.5.")
        if not (0 <= self.min_duration < np.inf and 0 <= self.repeat_gap < np.inf):
            raise NmfamtError(
                f"min_duration={self.min_duration} and repeat_gap={self.repeat_gap} are seconds and cannot be negative."
            )
        if not abs(self.action_delay) < np.inf:
            raise NmfamtError(f"action_delay={self.action_delay} must be a time in seconds, such as 0.015.")
        if not 0 <= self.chord_spread <= _WIDEST:
            raise NmfamtError(
                f"chord_spread={self.chord_spread} must lie between 0 and {_WIDEST} seconds, such as 0.025; notes "
                "further apart were not struck together."
            )

    def stream(self, activations: Iterable[PitchActivation]) -> Notes:
        """Trace the notes of a recording whose activation comes in blocks; no more than the notes is kept.

        In the end, when all notes are known, those are dropped that are probably ghosts, chords are aligned, and what
        is too short is dropped.

        Raises
        ------
        NmfamtError
            If the evidence that the model reads is missing, or frames are not 8 to 12.5 ms apart.
        """
        notes = super().stream(activations)
        if self.ghosts_dropped:
            notes = drop_ghosts(notes, least=1 - self.sensitivity)
        if self.chord_spread:
            notes = align_chords(notes, spread=self.chord_spread)
        return notes.select(np.diff(notes.intervals, axis=1)[:, 0] >= self.min_duration - 1e-9)

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Yield the notes of a stream of activations every `CHUNK_FRAMES` frames, ghosts and short ones among them.

        A decision looks at `CONTEXT_FRAMES` before the onset and `LONGEST_FRAMES` after it, and does not depend on how
        the stream was cut. Of other notes it knows those that begin with its own `CHUNK_FRAMES`, counted from the
        beginning of the stream, and within `NEIGHBOUR_FRAMES` of them.
        """
        model = self.model or default_model()
        model.check()
        # Two candidates so many frames apart may come within the gap when their times are corrected.
        reach = int(np.ceil((self.repeat_gap + np.ptp(_LATENESS)) / _HOPS[0])) + 1
        before = max(reach, CONTEXT_FRAMES) + CONTEXT
        after = max(reach, LONGEST_FRAMES + NEIGHBOUR_FRAMES) + CONTEXT
        begin: float | None = None
        for window, first, last in windows(activations, CHUNK_FRAMES, before=before, after=after):
            self.check_hop(window.hop)
            begin = float(window.times[0]) if begin is None else begin
            notes = self._window(pool_instruments(window), first, last, begin, model)
            if notes is not None:
                yield assign_instruments(notes, window)

    def check_hop(self, hop: float) -> None:
        """Raise `NmfamtError` unless frames `hop` seconds apart can be tracked."""
        if not 0.99 * _HOPS[0] <= hop <= 1.01 * _HOPS[1]:
            raise NmfamtError(
                f"The frames are {1000 * hop:.1f} ms apart, the tracker needs 8 to 12.5 ms: choose "
                "hop_length = sr / 100, or the method that made them, with its own tracker."
            )

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {
            "tracker": "HMMTracker",
            "sensitivity": self.sensitivity,
            "min_duration": self.min_duration,
            "repeat_gap": self.repeat_gap,
            "action_delay": self.action_delay,
            "ghosts_dropped": self.ghosts_dropped,
            "chord_spread": self.chord_spread,
            "model": (self.model or default_model()).info.get("name", "unnamed"),
        }

    def _window(
        self, window: PitchActivation, first: int, last: int, begin: float, model: EmissionModel
    ) -> Notes | None:
        """Return the notes whose onsets are found in the frames `first` to `last` (excluded) of a window."""
        levels = Levels.of(window)
        candidates = find_candidates(levels)
        if not len(candidates):
            return None
        judged, log_odds = judge_candidates(levels, candidates, model)
        # Beyond 30 the probability would round to 0 or 1.
        confidences = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
        likely = np.flatnonzero(confidences >= 1 - self.sensitivity)
        candidates, confidences, X = judged.candidates.select(likely), confidences[likely], judged.X[likely]
        late = np.clip(model.timing(X)[:, 0], *_LATENESS)
        onset_delay, offset_delay = window.latency + np.array(window.lateness or (self.action_delay, self.action_delay))
        onsets = window.times[0] + (candidates.frames + candidates.offsets) * window.hop - late - onset_delay
        kept = self._kept(candidates, confidences, onsets)
        spans = find_spans(levels, candidates.select(kept))
        # Of what begins with the last frames of the recording nothing is known.
        last = min(last, len(window.times) - _LEAST_FRAMES + 1)
        ours = (first <= spans[1]) & (spans[1] < last)
        if not ours.any():
            return None
        onsets = np.maximum(onsets, begin)
        # The next attack of a pitch has been corrected in time as well, and there the note is over.
        next_onsets = _next_onsets(candidates.rows[kept], onsets[kept])[ours]
        # The notes around ours are followed because ours are compared with them.
        near = (first - NEIGHBOUR_FRAMES <= spans[1]) & (spans[1] < last + NEIGHBOUR_FRAMES)
        ends = find_ends(follow_notes(levels, spans[:, near], model.sounding), model)[ours[near]]
        kept = kept[ours]
        # An offset is felt where the sustain ends; the same kinds of delay lie between the action and the frame.
        offsets = np.minimum(window.times[0] + ends * window.hop - offset_delay, next_onsets)
        intervals = np.stack([onsets[kept], np.maximum(offsets, onsets[kept] + _SHORTEST)], axis=1)
        rows = candidates.rows[kept]
        return Notes(
            intervals,
            window.pitches[rows],
            velocities=np.clip(np.round(model.velocity(X[kept])[:, 0]), 1, 127),
            confidences=confidences[kept],
            instruments=window.instruments[rows],
        )

    def _kept(
        self, candidates: Candidates, confidences: NDArray[np.float64], onsets: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the candidates that are not too near a better one of their row, in order."""
        kept: dict[int, list[float]] = {}
        chosen = []
        for i in np.argsort(-confidences, kind="stable").tolist():
            others = kept.setdefault(int(candidates.rows[i]), [])
            if all(abs(onsets[i] - other) >= self.repeat_gap for other in others):
                others.append(float(onsets[i]))
                chosen.append(i)
        return np.array(sorted(chosen), dtype=np.int64)


def _next_onsets(rows: NDArray[np.int64], onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when the next note of the same row begins, infinity where there is none."""
    following = np.full(len(rows), np.inf)
    following[:-1] = np.where(rows[1:] == rows[:-1], onsets[1:], np.inf)
    return following
