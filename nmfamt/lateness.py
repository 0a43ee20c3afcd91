"""How much later than in their labels the notes of an instrument are found, as far as labelled music tells.

Labels made by a keyboard say when a key moved, those made by ear when somebody heard a note begin, which for a reed
that speaks slowly is not when its sound arrives. A dictionary that was learned from labelled music keeps what the
default tracker would have to take off to find notes where such labels have them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmfamt.dictionary import Dictionary
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import Survey
from nmfamt.tracking import HMMTracker

__all__ = ["measure_lateness"]

_NEAR = 0.1  # seconds; what is further off is another note, or a question of the pedal
_LEAST_NOTES = 10


def measure_lateness(dictionary: Dictionary, pieces: Sequence[tuple[Spectrogram, Notes]]) -> tuple[float, float] | None:
    """Measure how much later than in their labels notes are found.

    Parameters
    ----------
    dictionary : Dictionary
        Of the instrument; the lateness that it has already does not count.
    pieces : sequence of (Spectrogram, Notes)
        Recordings and their notes.

    Returns
    -------
    tuple of float, or None
        Median seconds from the labelled onset to that which the default tracker finds with no delay taken off, and the
        same of the offsets, of notes for which it is at most 0.1 s; None where these are fewer than ten.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> piano = load_dictionary("piano")
    >>> silence = piano.settings([0.0] * 16000, sr=16000)
    >>> measure_lateness(piano, [(silence, Notes([[0.2, 0.7]], [69]))]) is None
    True
    """
    front_end = Factorization(dictionary.with_lateness(None), tuning="auto", equalizer="auto")
    tracker = HMMTracker(action_delay=0.0)
    late = np.concatenate([np.zeros((0, 2)), *(_late(tracker(_fitted(front_end, s)(s)), notes) for s, notes in pieces)])
    onsets, offsets = (times[np.abs(times) < _NEAR] for times in late.T)
    if min(len(onsets), len(offsets)) < _LEAST_NOTES:
        return None
    return float(np.median(onsets)), float(np.median(offsets))


def _fitted(front_end: Factorization, spectrogram: Spectrogram) -> Factorization:
    return front_end.fitted(Survey.of([spectrogram]))


def _late(found: Notes, labelled: Notes) -> NDArray[np.float64]:
    """Return by how much found onsets and offsets come after those of their labels, shape (n_pairs, 2)."""
    from mir_eval.transcription import match_notes

    if not (len(found) and len(labelled)):
        return np.zeros((0, 2))
    hz = [pitch_to_hz(np.round(notes.pitches)) for notes in (labelled, found)]
    pairs = match_notes(labelled.intervals, hz[0], found.intervals, hz[1], onset_tolerance=_NEAR, offset_ratio=None)
    label, place = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return found.intervals[place] - labelled.intervals[label]
