"""The default tracker: candidates judged by a logistic model, notes traced by a hidden Markov model.

Each pitch is in one of four states: silence, attack, sustain, release (T. Cheng, S. Dixon & M. Mauch, "Improving piano
note tracking by HMM smoothing", EUSIPCO 2015). An attack lasts one frame and stands at every candidate whose
probability of being an onset is high enough; between attacks the most probable path through the other three, found by
hmmlearn's Viterbi decoder, says where the sustain ends.

Departures:

1. Emissions are not densities of the activation but probabilities of a discriminative model given many features
   (`EmissionModel`), as in hybrid recognisers: H. Bourlard & N. Morgan, "Connectionist Speech Recognition", 1994. They
   are raised to the power `frame_weight`, because the evidence of neighbouring frames is far from independent.
2. Since an attack is certain where it stands, the chain falls into independent pieces, one from each attack to the
   next, at most `LONGEST` seconds: this is what lets the tracker run over a stream.
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
from nmfamt.tracking.emission import STATES, EmissionModel, default_model
from nmfamt.tracking.events import Candidates, find_candidates, onset_feature_names, onset_features
from nmfamt.tracking.frames import frame_feature_names, frame_features
from nmfamt.tracking.levels import CONTEXT, FLOOR, Levels
from nmfamt.tracking.windows import windows

__all__ = ["HMMTracker"]

LONGEST = 20.0
"""No note is followed for longer, in seconds."""

CHUNK_FRAMES = 4000
"""Frames whose notes are decided together; 40 s at a hop of 10 ms."""

_IMPOSSIBLE = -1e6
_INAUDIBLE = np.log10(3 * FLOOR)

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class HMMTracker:
    """Tracker: onsets from learned evidence, durations from a hidden Markov model.

    Parameters
    ----------
    sensitivity : float, in (0, 1)
        A note is kept when its confidence is at least ``1 - sensitivity``: more is more notes, right and wrong.
    min_duration : float
        Shorter notes are dropped, in seconds.
    repeat_gap : float
        Two onsets of one pitch are at least this far apart, in seconds.
    action_delay : float
        Seconds by which the sound of an instrument follows the action that a MIDI label records: hammer, valve or bow,
        and a few metres of air. Subtracted from every onset and offset. 0 gives times in the sound.
    frame_weight : float
        Power of the frame probabilities; smaller trusts the transitions more.
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
    frame_weight: float = 1.0
    model: EmissionModel | None = None

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity < 1:
            raise NmfamtError(f"sensitivity={self.sensitivity} must lie between 0 and 1, such as 0.5.")
        if self.min_duration < 0 or self.repeat_gap < 0:
            raise NmfamtError("min_duration and repeat_gap are seconds and cannot be negative.")

    def __call__(self, activation: PitchActivation) -> Notes:
        """Trace the notes of an activation.

        Returns
        -------
        notes : Notes
            With confidences; in ``info``, what made them.

        Raises
        ------
        NmfamtError
            If the evidence that the model reads is missing, or frames are not 8 to 12.5 ms apart.
        """
        return Notes.concatenate([Notes.empty(), *self.blocks([activation])])

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Trace the notes of a stream of activations; yields them every `CHUNK_FRAMES` frames.

        A decision looks at 0.5 s before and `LONGEST` after the onset, and does not depend on how the stream was cut.
        """
        from nmfamt.tracking.viterbi import NoteHMM

        model = self.model or default_model()
        model.check(onset_feature_names(), frame_feature_names())
        hmm = NoteHMM(model.transitions)
        ahead = round(LONGEST / 0.01) + CONTEXT
        for window, first, last in windows(activations, CHUNK_FRAMES, before=CONTEXT, after=ahead):
            if not 0.0079 < window.hop < 0.0126:
                raise NmfamtError(
                    f"The frames are {1000 * window.hop:.1f} ms apart, the tracker needs 8 to 12.5 ms: choose "
                    "hop_length = sr / 100."
                )
            notes = self._window(window, first, last, model, hmm)
            if notes is not None:
                yield notes

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {
            "tracker": "HMMTracker",
            "sensitivity": self.sensitivity,
            "min_duration": self.min_duration,
            "repeat_gap": self.repeat_gap,
            "action_delay": self.action_delay,
            "model": (self.model or default_model()).info.get("name", "unnamed"),
        }

    def _window(self, window: PitchActivation, first: int, last: int, model: EmissionModel, hmm: Any) -> Notes | None:
        """Return the notes whose onsets are found in the frames `first` to `last` (excluded) of a window."""
        levels = Levels.of(window)
        candidates = find_candidates(levels)
        if not len(candidates):
            return None
        X = onset_features(levels, candidates)
        confidences = 1 / (1 + np.exp(-model.onset(X)[:, 0]))
        late = np.clip(model.timing(X)[:, 0], -0.03, 0.08)
        peaks = window.times[0] + (candidates.frames + candidates.offsets) * window.hop
        onsets = peaks - late - window.latency - self.action_delay
        kept = self._kept(candidates, confidences, onsets)
        spans = _spans(candidates.select(kept), levels, round(LONGEST / window.hop))
        ours = [i for i, (_, start, _) in enumerate(spans) if first <= start < last]
        if not ours:
            return None
        kept, spans = kept[ours], [spans[i] for i in ours]
        ends = self._ends(levels, spans, model, hmm)
        # An offset is felt where the sustain ends; the same delays lie between the action and the frame.
        offsets = window.times[0] + ends * window.hop - window.latency - self.action_delay
        onsets = np.maximum(onsets[kept], 0)
        offsets = np.maximum(offsets, onsets + 0.03)
        rows = candidates.rows[kept]
        notes = Notes(
            np.stack([onsets, offsets], axis=1),
            window.pitches[rows],
            velocities=np.clip(np.round(model.velocity(X[kept])[:, 0]), 1, 127),
            confidences=confidences[kept],
            instruments=window.instruments[rows],
        )
        return notes.select(offsets - onsets >= self.min_duration)

    def _kept(
        self, candidates: Candidates, confidences: NDArray[np.float64], onsets: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the candidates that are confident enough and not too near a better one of their row, in order."""
        kept: dict[int, list[float]] = {}
        chosen = []
        for i in np.argsort(-confidences, kind="stable").tolist():
            if confidences[i] < 1 - self.sensitivity:
                break
            others = kept.setdefault(int(candidates.rows[i]), [])
            if all(abs(onsets[i] - other) >= self.repeat_gap for other in others):
                others.append(float(onsets[i]))
                chosen.append(i)
        return np.array(sorted(chosen), dtype=np.int64)

    def _ends(
        self, levels: Levels, spans: list[tuple[int, int, int]], model: EmissionModel, hmm: Any
    ) -> NDArray[np.int64]:
        """Return the frame in which the sustain of each note ends."""
        scores = model.frame(np.concatenate([frame_features(levels, *span) for span in spans]))
        scores -= np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
        scores -= scores.max(axis=1, keepdims=True)
        lengths = [last - first for _, first, last in spans]
        emissions = np.full((len(scores), len(STATES)), _IMPOSSIBLE)
        emissions[:, [0, 2, 3]] = self.frame_weight * scores
        starts = np.cumsum([0, *lengths[:-1]])
        emissions[starts] = _IMPOSSIBLE
        emissions[starts, STATES.index("attack")] = 0.0
        sounding = hmm.sounding(emissions, lengths)
        return np.array([first for _, first, _ in spans]) + sounding


def _spans(candidates: Candidates, levels: Levels, longest: int) -> list[tuple[int, int, int]]:
    """Return (row, first frame, frame after the last) of every note.

    A note may last up to the next onset of its row, but not half a second longer than anything is heard there.
    """
    spans = []
    n_frames = levels.novelty.shape[1]
    heard = levels.values > _INAUDIBLE
    for i, (row, start) in enumerate(zip(candidates.rows.tolist(), candidates.frames.tolist(), strict=True)):
        end = min(start + longest, n_frames)
        if i + 1 < len(candidates) and candidates.rows[i + 1] == row:
            end = min(end, int(candidates.frames[i + 1]))
        silent = int(heard[row, start + CONTEXT : end + CONTEXT][::-1].argmax())
        end = min(end, end - silent + 50)
        spans.append((row, start, end))
    return spans
