"""A score brought into time with a recording of it.

Score and recording are compared in steps of 50 ms by what sounds and what begins at each pitch, and the cheapest path
through all pairs of steps is found by dynamic time warping (H. Sakoe & S. Chiba, "Dynamic programming algorithm
optimization for spoken word recognition", 1978; for music with onsets beside sustained sound, S. Ewert, M. Müller &
P. Grosche, "High resolution audio synchronization using chroma onset features", ICASSP 2009), which librosa does. A
note of which the recording shows an onset nearby begins there.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation, novelty
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["align_notes"]

_STEP = 0.05  # seconds
_MOST_STEPS = 4000  # of either; beyond that they get longer: the table of all pairs takes 128 MB
_DECAY = 1.0  # seconds in which a note of a score falls to 1 / e
_ONSET_WEIGHT = 2.0  # of what begins, beside what sounds
_SNAP = 0.1  # seconds within which an onset of the recording is taken for that of a note
_SHORTEST = 0.03  # seconds

FloatArray = NDArray[np.floating[Any]]


def align_notes(notes: Notes, activation: PitchActivation) -> Notes:
    """Move the notes of a score to where they are played.

    Parameters
    ----------
    notes : Notes
        A score of the whole recording, in any tempo, with the same repeats.
    activation : PitchActivation
        Of the recording, all of it; its rows are semitones.

    Returns
    -------
    aligned : Notes
        The same notes in the times of the sound.

    Raises
    ------
    NmfamtError
        If there are no notes, or none at the pitches of the activation, or nothing sounds.

    Examples
    --------
    >>> from nmfamt import activate
    >>> t = np.arange(64000) / 16000
    >>> y = sum(np.sin(2 * np.pi * hz * t) * (t // 0.8 == i) for i, hz in enumerate([440, 587.33, 659.26, 440]))
    >>> score = Notes([[0, 1], [1, 2], [2, 3], [3, 4]], [69, 74, 76, 69])  # played faster than it is written
    >>> onsets = align_notes(score, activate(y, sr=16000)).intervals[:, 0]
    >>> bool(np.abs(onsets - [0, 0.8, 1.6, 2.4]).max() < 0.06)
    True
    """
    if not len(notes):
        raise NmfamtError("There are no notes to align: give a score that has some.")
    rows = np.abs(activation.pitches[:, None] - notes.pitches).argmin(axis=0)
    known = np.abs(activation.pitches[rows] - notes.pitches) <= 0.5
    if not known.any() or not activation.values.any():
        raise NmfamtError("Nothing of the score can be heard: is it one of this recording, and the dictionary right?")
    import librosa

    duration = max(float(notes.intervals.max()), len(activation.times) * activation.hop)
    step = max(_STEP, duration / _MOST_STEPS)
    heard = _heard(activation, step)
    expected = _expected(notes.select(known), rows[known], len(activation.pitches), step)
    cost = 1 - _unit(expected).T @ _unit(heard)
    path = librosa.sequence.dtw(C=cost.astype(np.float64), backtrack=True)[1][::-1]
    # Of the steps of the recording that one of the score stands for, the one that it resembles most.
    order = np.lexsort((cost[path[:, 0], path[:, 1]], path[:, 0]))
    score_steps, best = np.unique(path[order, 0], return_index=True)
    places = path[order[best], 1] * step + float(activation.times[0])
    moved = np.interp(notes.intervals, score_steps * step, places)
    onsets = _snapped(moved[:, 0], rows, known, activation)
    offsets = np.maximum(moved[:, 1] + onsets - moved[:, 0], onsets + _SHORTEST)
    order = np.lexsort((notes.pitches, onsets))
    aligned = replace(notes, intervals=np.stack([onsets, offsets], axis=1))
    return Notes(
        aligned.intervals[order],
        notes.pitches[order],
        velocities=notes.velocities[order],
        confidences=notes.confidences[order],
        instruments=notes.instruments[order],
    )


def _heard(activation: PitchActivation, step: float) -> FloatArray:
    """Return what sounds and what begins in each step, shape (2 * n_rows, n_steps)."""
    size = max(1, round(step / activation.hop))
    rise = novelty(activation.values, activation.onsets)
    parts = []
    for array, weight in ((activation.values, 1.0), (rise, _ONSET_WEIGHT)):
        padded = np.pad(array, ((0, 0), (0, -array.shape[1] % size)))
        strongest = padded.reshape(len(array), -1, size).max(axis=2)
        parts.append(weight * np.sqrt(strongest / max(float(strongest.max()), 1e-12)))
    return np.concatenate(parts)


def _expected(notes: Notes, rows: NDArray[np.int64], n_rows: int, step: float) -> FloatArray:
    """Return the same of a score."""
    n_steps = int(np.ceil(float(notes.intervals.max()) / step)) + 1
    sounding, beginning = np.zeros((n_rows, n_steps)), np.zeros((n_rows, n_steps))
    for (onset, offset), row in zip(notes.intervals.tolist(), rows.tolist(), strict=True):
        first, last = int(onset / step), max(int(np.ceil(offset / step)), int(onset / step) + 1)
        fall = np.exp(-np.arange(last - first) * step / _DECAY)[: n_steps - first]
        sounding[row, first:last] = np.maximum(sounding[row, first:last], fall)
        beginning[row, first] = 1.0
    return np.concatenate([np.sqrt(sounding), _ONSET_WEIGHT * beginning])


def _unit(columns: FloatArray) -> FloatArray:
    """Return columns of unit length; silence stays."""
    lengths = np.linalg.norm(columns, axis=0)
    return np.asarray(columns / np.where(lengths > 0, lengths, 1))


def _snapped(
    onsets: NDArray[np.float64], rows: NDArray[np.int64], known: NDArray[np.bool_], activation: PitchActivation
) -> NDArray[np.float64]:
    """Return onsets moved to the strongest rise of their pitch nearby."""
    rise = novelty(activation.values, activation.onsets)
    reach = round(_SNAP / activation.hop)
    least = 0.02 * (activation.level or float(activation.values.max()))
    found = onsets.copy()
    for note in np.flatnonzero(known).tolist():
        centre = round((onsets[note] + activation.latency - float(activation.times[0])) / activation.hop)
        begin, end = max(0, centre - reach), min(rise.shape[1], centre + reach + 1)
        if begin < end and rise[rows[note], begin:end].max() > least:
            place = begin + int(rise[rows[note], begin:end].argmax())
            found[note] = float(activation.times[place]) - activation.latency
    return np.maximum(found, float(activation.times[0]))
