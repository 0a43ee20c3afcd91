"""Ghosts in melodies: notes that are doubted because their instrument hardly ever plays two at once.

What is left of the partials of a note, or of its vibrato, is often found as a further note: one or two octaves or a
twelfth above, or a step beside. In a chord such a note may be right, and only its sound can tell. In a melody it is a
ghost, however clear it looks. Which of both a recording is shows in itself: how often do notes of one instrument
overlap at all other intervals, thirds, fourths, fifths and sixths? The rarer that is, the more log-odds a note loses
for each surer note of its instrument that it overlaps at one of the former. What plays chords loses nothing.

How often notes overlap is counted with their probabilities, in turn with these, and over the recording as a whole.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.notes import Notes
from nmfamt.tracking.overlaps import log_rarity, overlaps

__all__ = ["drop_ghosts"]

FloatArray = NDArray[np.floating[Any]]

_INTERVALS = (1, 2, 12, 19, 24, 28, 31, 34, 36)  # semitones: steps, and partials 2, 3, 4, 5, 6, 7 and 8
_WEIGHT = 3.0  # of the logarithm of how rare overlaps are
_PRIOR = 2.0  # notes that overlap once each, counted before those of the recording
_ROUNDS = 20
_LEAST = 1e-13  # probability; its logarithm is finite


def drop_ghosts(notes: Notes, *, least: float) -> Notes:
    """Lower the confidence of probable ghosts, and drop what is no longer sure enough.

    Parameters
    ----------
    notes : Notes
        Of a recording as a whole, with their instruments and confidences.
    least : float
        Confidence below which notes are dropped.

    Returns
    -------
    notes : Notes
        With confidences that are lower or the same.

    Examples
    --------
    >>> melody = [[k, k + 1] for k in range(9)]
    >>> pitches = [60, 62, 64, 65, 67, 65, 64, 62, 60]
    >>> found = Notes([*melody, [3, 3.5]], [*pitches, 77], confidences=[0.9] * 9 + [0.8])
    >>> drop_ghosts(found, least=0.5).pitches.astype(int).tolist() == pitches
    True

    In what plays thirds all the time it would have stayed:

    >>> thirds = Notes(melody, [pitch - 4 for pitch in pitches], confidences=0.8)
    >>> len(drop_ghosts(Notes.concatenate([found, thirds]), least=0.5))
    19
    """
    if not len(notes):
        return notes
    names, player = np.unique(notes.instruments, return_inverse=True)
    probable = np.clip(notes.confidences, _LEAST, 1 - _LEAST)
    log_odds = np.log(probable / (1 - probable))
    pairs = overlaps(notes).tocoo()
    one, other = pairs.coords
    shared = pairs.data * (player[one] == player[other])
    suspicious = np.isin(np.abs(np.round(notes.pitches[one] - notes.pitches[other])), _INTERVALS)
    harmony = np.where(suspicious, 0, shared)
    # A note is doubted because of those that are surer.
    doubts = np.where(suspicious & (log_odds[one] < log_odds[other]), shared, 0)

    def of_notes(parts: FloatArray) -> FloatArray:
        """Add up the parts by which each note overlaps others, times the probabilities of these."""
        return np.asarray(np.bincount(one, parts * probable[other], minlength=len(notes)))

    def of_players(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(player, values, minlength=len(names)) + _PRIOR)

    confidences = notes.confidences
    for _ in range(_ROUNDS):
        rate = of_players(probable * of_notes(harmony)) / of_players(probable)
        shift = _WEIGHT * log_rarity(rate)[player] * of_notes(doubts)
        confidences = np.where(shift < 0, 1 / (1 + np.exp(-log_odds - shift)), notes.confidences)
        # Half a step at a time, as where instruments are told apart: full steps may go back and forth for ever.
        probable = (probable + confidences) / 2
    return replace(notes, confidences=confidences).select(confidences >= least)
