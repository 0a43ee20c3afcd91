"""Score a transcription against a reference: frames, onsets, offsets, velocities.

The task is that of MIREX "Multiple Fundamental Frequency Estimation & Tracking". Conventions:

* **Frames.** At the instants 0, 10 ms, 20 ms, ... up to the last offset, a note sounds from its onset
  up to, not including, its offset. With the pitches that sound in both, in the reference alone and in the
  estimate alone counted over all instants of one piece (TP, FN, FP): precision TP / (TP + FP), recall
  TP / (TP + FN), accuracy TP / (TP + FP + FN) and F1, as in M. Bay, A. F. Ehmann & J. S. Downie,
  "Evaluation of multiple-F0 estimation and tracking systems", ISMIR 2009. Two pitches agree within half a
  semitone.
* **Frame errors.** With N_ref(t) and N_est(t) pitches at instant t, N_corr(t) of them in both, and sums over
  all instants: total ``sum max(N_ref, N_est) - N_corr``, the sum of substitutions ``min(N_ref, N_est) - N_corr``,
  misses ``max(0, N_ref - N_est)`` and false alarms ``max(0, N_est - N_ref)``, each over ``sum N_ref``.
  G. E. Poliner & D. P. W. Ellis, "A discriminative model for polyphonic piano transcription", EURASIP Journal on
  Advances in Signal Processing, 2007. They can exceed 1; lower is better.
* **Notes.** An estimated note is right if a note of the reference that no other estimate claims has the
  same pitch within 50 cents and an onset within 50 ms (``onset``); if its offset, too, lies within 50 ms
  or a fifth of the duration, whichever is more (``offset``); and if its velocity fits as well, after the
  best straight line from estimated to reference velocities, within a tenth of their range
  (``velocity``). C. Raffel et al., "mir_eval", ISMIR 2014, and, for velocities, C. Hawthorne et al.,
  "Onsets and Frames", ISMIR 2018. Of all ways to pair the notes one with the most pairs counts; a difference
  equal to the tolerance is inside.
* **Overlap.** Of a pair of notes, how long both sound over how long at least one does (from the earlier onset
  to the later offset); its mean over the notes matched by onset (``onset_overlap``) and over those matched by
  onset and offset (``offset_overlap``), NaN where nothing matches. As in mir_eval, it is below 0 for short notes
  that match and do not touch. M. P. Ryynänen & A. Klapuri, "Polyphonic
  music transcription using note event modeling", WASPAA 2005.
* **Timing.** Over the notes matched by onset, ``onset_bias`` is the mean of estimated minus reference
  onset and ``onset_deviation`` the mean of its absolute value, in seconds; NaN where nothing matches.

Differences from MIREX (its 2015 code as the documentation of mir_eval tells, whose numbers these are; they come out
one or two points higher than those of MIREX):

1. Notes are paired so that there are most pairs; MIREX takes them greedily, one by one.
2. Times are compared to 0.1 ms; MIREX first rounds onsets and offsets down to 10 ms.
3. The least tolerance of an offset is 50 ms, as the MIREX page says; its code knows only the fifth of the duration.
4. Half a semitone is 50 cents; the MIREX page also calls it 3 %, which is 51 cents.
5. Frames of the reference are made from its notes; MIREX has pitch tracks where parts were recorded one by one. It
   reports precision, recall, accuracy and the frame errors, no frame F1, and all of them once more for pitch classes.

Differences from mir_eval:

1. Where neither reference nor estimate holds a note, every rate is 1 and every frame error 0 (mir_eval: 0, and a
   warning): silence that stays empty is a right answer. Where only one of them is empty, every rate is 0; frame
   errors of an empty reference, which would be infinite, are NaN (mir_eval: 0).
2. A mean over matched notes is NaN where nothing matches (mir_eval's overlap: 0).

Instruments are pooled here: a note is right whichever instrument it is given to; `nmfamt.evaluation.streams` asks
for the right one. `nmfamt.summary` averages over pieces.
"""

import os
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from nmfamt import note_files
from nmfamt.evaluation.frames import count_frames
from nmfamt.evaluation.matching import match_notes, rates, similar_velocities
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["Scores", "evaluate"]


@dataclass(frozen=True)
class Scores:
    """How one transcription compares with its reference; the module says what each number means.

    Attributes
    ----------
    n_reference, n_estimate : int
        Number of notes.
    frame_precision, frame_recall, frame_f1, frame_accuracy : float
        Pitches at instants, 0 to 1.
    frame_error_total, frame_error_substitution, frame_error_miss, frame_error_false_alarm : float
        Errors of Poliner and Ellis per pitch and instant of the reference, at least 0; the total is the sum of the
        others.
    onset_precision, onset_recall, onset_f1 : float
        Notes by pitch and onset, 0 to 1.
    offset_precision, offset_recall, offset_f1 : float
        Notes by pitch, onset and offset, 0 to 1.
    velocity_precision, velocity_recall, velocity_f1 : float
        Notes by pitch, onset, offset and velocity, 0 to 1.
    onset_overlap, offset_overlap : float
        Mean overlap of the notes that match by pitch and onset, or by pitch, onset and offset, at most 1.
    onset_bias, onset_deviation : float
        Mean and mean absolute difference of matched onsets in seconds, estimate minus reference.
    """

    n_reference: int
    n_estimate: int
    frame_precision: float
    frame_recall: float
    frame_f1: float
    frame_accuracy: float
    frame_error_total: float
    frame_error_substitution: float
    frame_error_miss: float
    frame_error_false_alarm: float
    onset_precision: float
    onset_recall: float
    onset_f1: float
    offset_precision: float
    offset_recall: float
    offset_f1: float
    velocity_precision: float
    velocity_recall: float
    velocity_f1: float
    onset_overlap: float
    offset_overlap: float
    onset_bias: float
    onset_deviation: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers by name, None in place of NaN so that JSON can hold them."""
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}


def evaluate(
    reference: Notes | str | os.PathLike[str],
    estimate: Notes | str | os.PathLike[str],
    *,
    onset_tolerance: float = 0.05,
    pitch_tolerance: float = 50.0,
    offset_ratio: float = 0.2,
    offset_min_tolerance: float = 0.05,
    velocity_tolerance: float = 0.1,
    hop: float = 0.01,
) -> Scores:
    """Score a transcription against a reference.

    Parameters
    ----------
    reference, estimate : Notes, or str or path
        Notes, or a file that `nmfamt.note_files.read_notes` reads.
    onset_tolerance : float
        How far an onset may be off, in seconds.
    pitch_tolerance : float
        How far the pitch of a note may be off, in cents.
    offset_ratio, offset_min_tolerance : float
        How far an offset may be off: this part of the duration of the reference note, and in any case so
        many seconds.
    velocity_tolerance : float
        How far a velocity may be off, as a part of the range of the reference velocities.
    hop : float
        Distance of the instants at which frames are compared, in seconds.

    Returns
    -------
    Scores
        Rates between 0 and 1, and the timing of the onsets.

    Raises
    ------
    NmfamtError
        If a file cannot be read, or a tolerance or `hop` is not positive.

    Examples
    --------
    >>> reference = Notes([[0.0, 1.0], [1.0, 2.0]], [60, 64])
    >>> scores = evaluate(reference, Notes([[0.01, 1.0], [1.0, 2.0]], [60, 65]))
    >>> scores.onset_f1, scores.frame_recall, round(scores.onset_bias, 3)
    (0.5, 0.495, 0.01)
    """
    tolerances = (onset_tolerance, pitch_tolerance, offset_min_tolerance, velocity_tolerance, hop)
    if not (min(tolerances) > 0 and offset_ratio >= 0):
        raise NmfamtError(f"Tolerances and hop are positive, here they are {tolerances}, offset_ratio {offset_ratio}.")
    ref = reference if isinstance(reference, Notes) else note_files.read_notes(reference)
    est = estimate if isinstance(estimate, Notes) else note_files.read_notes(estimate)
    timing = {"onset_tolerance": onset_tolerance, "pitch_tolerance": pitch_tolerance}
    ending = {"offset_ratio": offset_ratio, "offset_min_tolerance": offset_min_tolerance}
    onset_pairs = match_notes(ref, est, **timing, offset_ratio=None)
    offset_pairs = match_notes(ref, est, **timing, **ending)
    n_velocity_pairs = int(similar_velocities(ref, est, offset_pairs, velocity_tolerance=velocity_tolerance).sum())
    lags = est.intervals[onset_pairs[:, 1], 0] - ref.intervals[onset_pairs[:, 0], 0]
    return Scores(
        n_reference=len(ref),
        n_estimate=len(est),
        **_frame_scores(ref, est, hop),
        **_note_scores("onset", len(onset_pairs), ref, est),
        **_note_scores("offset", len(offset_pairs), ref, est),
        **_note_scores("velocity", n_velocity_pairs, ref, est),
        onset_overlap=_mean(_overlaps(ref, est, onset_pairs)),
        offset_overlap=_mean(_overlaps(ref, est, offset_pairs)),
        onset_bias=_mean(lags),
        onset_deviation=_mean(np.abs(lags)),
    )


def _frame_scores(ref: Notes, est: Notes, hop: float) -> dict[str, float]:
    n_common, n_ref, n_est, n_instants = count_frames(ref, est, hop=hop)
    common, in_ref, in_est = (int(counts @ n_instants) for counts in (n_common, n_ref, n_est))
    either = in_ref + in_est - common
    precision, recall, f1 = rates(common, in_ref, in_est)
    errors = {
        "total": np.maximum(n_ref, n_est) - n_common,
        "substitution": np.minimum(n_ref, n_est) - n_common,
        "miss": np.maximum(n_ref - n_est, 0),
        "false_alarm": np.maximum(n_est - n_ref, 0),
    }
    return {
        "frame_precision": precision,
        "frame_recall": recall,
        "frame_f1": f1,
        "frame_accuracy": common / either if either else 1.0,
    } | {
        f"frame_error_{kind}": int(counts @ n_instants) / in_ref if in_ref else np.nan if in_est else 0.0
        for kind, counts in errors.items()
    }


def _note_scores(level: str, n_common: int, ref: Notes, est: Notes) -> dict[str, float]:
    names = (f"{level}_{rate}" for rate in ("precision", "recall", "f1"))
    return dict(zip(names, rates(n_common, len(ref), len(est)), strict=True))


def _overlaps(ref: Notes, est: Notes, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each pair of notes how long both sound, as a part of how long at least one does."""
    first, second = ref.intervals[pairs[:, 0]], est.intervals[pairs[:, 1]]
    both = np.minimum(first[:, 1], second[:, 1]) - np.maximum(first[:, 0], second[:, 0])
    either = np.maximum(first[:, 1], second[:, 1]) - np.minimum(first[:, 0], second[:, 0])
    overlaps: NDArray[np.float64] = both / either
    return overlaps


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else np.nan
