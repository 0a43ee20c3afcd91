"""Score a transcription against a reference: frames, onsets, offsets, velocities.

The task is that of MIREX "Multiple Fundamental Frequency Estimation & Tracking". Conventions:

* **Frames.** At the instants 0, 10 ms, 20 ms, ... up to the last offset, a note sounds from its onset
  up to, not including, its offset. With the pitches that sound in both, in the reference alone and in the
  estimate alone counted over all instants of one piece (TP, FN, FP): precision TP / (TP + FP), recall
  TP / (TP + FN), accuracy TP / (TP + FP + FN) and F1, as in M. Bay, A. F. Ehmann & J. S. Downie,
  "Evaluation of multiple-F0 estimation and tracking systems", ISMIR 2009. Two pitches agree within half a
  semitone.
* **Notes.** An estimated note is right if a note of the reference that no other estimate claims has the
  same pitch within 50 cents and an onset within 50 ms (``onset``); if its offset, too, lies within 50 ms
  or a fifth of the duration, whichever is more (``offset``); and if its velocity fits as well, after the
  best straight line from estimated to reference velocities, within a tenth of their range
  (``velocity``). C. Raffel et al., "mir_eval", ISMIR 2014, and, for velocities, C. Hawthorne et al.,
  "Onsets and Frames", ISMIR 2018. mir_eval finds the matching with the most pairs; its default
  ``strict=False`` counts a difference equal to the tolerance as inside.
* **Timing.** Over the notes matched by onset, ``onset_bias`` is the mean of estimated minus reference
  onset and ``onset_deviation`` the mean of its absolute value, in seconds; NaN where nothing matches.

Differences from the references:

1. Where neither reference nor estimate holds a note, every rate is 1 (mir_eval: 0, and a warning):
   silence that stays empty is a right answer. Where only one of them is empty, every rate is 0.
2. Instruments are pooled: a note is right whichever instrument it is given to.

`nmfamt.summary` averages over pieces.
"""

import os
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from nmfamt import note_files
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
    onset_precision, onset_recall, onset_f1 : float
        Notes by pitch and onset, 0 to 1.
    offset_precision, offset_recall, offset_f1 : float
        Notes by pitch, onset and offset, 0 to 1.
    velocity_precision, velocity_recall, velocity_f1 : float
        Notes by pitch, onset, offset and velocity, 0 to 1.
    onset_bias, onset_deviation : float
        Mean and mean absolute difference of matched onsets in seconds, estimate minus reference.
    """

    n_reference: int
    n_estimate: int
    frame_precision: float
    frame_recall: float
    frame_f1: float
    frame_accuracy: float
    onset_precision: float
    onset_recall: float
    onset_f1: float
    offset_precision: float
    offset_recall: float
    offset_f1: float
    velocity_precision: float
    velocity_recall: float
    velocity_f1: float
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
    n_common, n_ref_frames, n_est_frames = _count_frames(ref, est, hop)
    n_either = n_ref_frames + n_est_frames - n_common
    timing = {"onset_tolerance": onset_tolerance, "pitch_tolerance": pitch_tolerance}
    ending = {"offset_ratio": offset_ratio, "offset_min_tolerance": offset_min_tolerance}
    onset_pairs = _match(ref, est, **timing, offset_ratio=None)
    offset_pairs = _match(ref, est, **timing, **ending)
    velocity_pairs = _match(ref, est, **timing, **ending, velocity_tolerance=velocity_tolerance)
    lags = est.intervals[onset_pairs[:, 1], 0] - ref.intervals[onset_pairs[:, 0], 0]
    return Scores(
        len(ref),
        len(est),
        *_rates(n_common, n_ref_frames, n_est_frames),
        n_common / n_either if n_either else 1.0,
        *_rates(len(onset_pairs), len(ref), len(est)),
        *_rates(len(offset_pairs), len(ref), len(est)),
        *_rates(len(velocity_pairs), len(ref), len(est)),
        float(lags.mean()) if len(lags) else np.nan,
        float(np.abs(lags).mean()) if len(lags) else np.nan,
    )


def _rates(n_common: int, n_reference: int, n_estimate: int) -> tuple[float, float, float]:
    """Return precision, recall and F1."""
    if n_reference == n_estimate == 0:
        return 1.0, 1.0, 1.0
    return (
        n_common / n_estimate if n_estimate else 0.0,
        n_common / n_reference if n_reference else 0.0,
        2 * n_common / (n_reference + n_estimate),
    )


def _match(ref: Notes, est: Notes, **tolerances: float | None) -> NDArray[np.int64]:
    """Return the pairs (reference note, estimated note) of the largest matching, shape (n_pairs, 2)."""
    import mir_eval

    if not len(ref) or not len(est):
        return np.zeros((0, 2), dtype=np.int64)
    if "velocity_tolerance" in tolerances:
        pairs = mir_eval.transcription_velocity.match_notes(
            *ref.to_mir_eval(), ref.velocities, *est.to_mir_eval(), est.velocities, **tolerances
        )
    else:
        pairs = mir_eval.transcription.match_notes(*ref.to_mir_eval(), *est.to_mir_eval(), **tolerances)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _count_frames(ref: Notes, est: Notes, hop: float) -> tuple[int, int, int]:
    """Return how many pitches sound in both, in the reference and in the estimate, over all instants."""
    n_frames = int(max(_frames(notes, hop).max(initial=0) for notes in (ref, est)))
    if all(np.array_equal(notes.pitches, np.rint(notes.pitches)) for notes in (ref, est)):
        in_ref, in_est = (_piano_roll(notes, hop, n_frames) for notes in (ref, est))
        return int((in_ref & in_est).sum()), int(in_ref.sum()), int(in_est.sum())
    # Fractions of a semitone need a matching at every instant, which takes seconds for a minute of music.
    import mir_eval

    ref_pitches, est_pitches = (_pitches_by_frame(notes, hop, n_frames) for notes in (ref, est))
    n_common = mir_eval.multipitch.compute_num_true_positives(ref_pitches, est_pitches, window=0.5)
    return int(n_common.sum()), sum(map(len, ref_pitches)), sum(map(len, est_pitches))


def _frames(notes: Notes, hop: float) -> NDArray[np.int64]:
    """Return the first instant at or after each onset and offset."""
    # 1e-6 of a frame absorbs the rounding of the quotient.
    frames: NDArray[np.int64] = np.ceil(notes.intervals / hop - 1e-6).astype(np.int64)
    return frames


def _piano_roll(notes: Notes, hop: float, n_frames: int) -> NDArray[np.bool_]:
    """Return which pitch sounds at which instant, shape (128, n_frames)."""
    roll = np.zeros((128, n_frames), dtype=np.bool_)
    for pitch, (begin, end) in zip(notes.pitches.astype(int), _frames(notes, hop), strict=True):
        roll[pitch, begin:end] = True
    return roll


def _pitches_by_frame(notes: Notes, hop: float, n_frames: int) -> list[NDArray[np.float64]]:
    """Return the pitches that sound at each instant, each of them once."""
    sounding: list[set[float]] = [set() for _ in range(n_frames)]
    for pitch, (begin, end) in zip(notes.pitches.tolist(), _frames(notes, hop), strict=True):
        for frame in sounding[begin:end]:
            frame.add(pitch)
    return [np.array(sorted(frame)) for frame in sounding]
