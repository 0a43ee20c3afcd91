"""Several instruments at once: first which notes were played, then which instrument played each.

Templates of one pitch look alike in all instruments, so a spectrum says clearly that an A4 sounds, and much less
clearly whose it is: from frame to frame the share of one instrument grows at the expense of another. Were each row of
an activation tracked by itself, such a note would be found twice, or begin again in another instrument. Therefore

1. the rows of one pitch are *pooled*, and notes are traced in the pool: no note is given to two instruments, and
   a unison is one note;
2. each note is given to an instrument by its whole length: what every instrument contributed to the pitch while the
   note lasted, where the other notes of the instrument lie, and whether it would play two notes at once.

The second step is a mean-field approximation of the posterior of a small probabilistic model. Of a note given to an
instrument the log-probability is the sum of

* the logarithm of the share of the instrument in the activation of the note;
* `_REGISTER` times the log-density of its pitch under a normal distribution fitted to all notes of the instrument;
* for every other note of the instrument that sounds at the same time, the logarithm of how often the instrument is
  found to do that, where this is less than once a note: what plays melodies is told from what plays chords by the
  recording itself.

Register and overlaps are estimated from the notes that come in together, weighted with their probabilities, in turn
with those. Constraints between simultaneous notes beside timbre are those of Z. Duan, J. Han & B. Pardo, "Multi-pitch
streaming of harmonic sound mixtures", TASLP 2014; there as a clustering without dictionaries.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.blas import single_thread
from nmfamt.notes import Notes

__all__ = ["assign_instruments", "pool_instruments"]

_ROUNDS = 15
_LEAST_SHARE = 0.05  # of any instrument in a note: a foreign dynamic can hide a timbre almost entirely
_REGISTER = 0.5
_SPREAD = 4.0  # semitones: no register is narrower
_TOUCH = 0.25  # of the shorter note: notes played legato overlap by less
_RAREST = 0.02  # overlaps a note that are expected of an instrument that plays one note at a time

FloatArray = NDArray[np.floating[Any]]


def pool_instruments(activation: PitchActivation) -> PitchActivation:
    """Return an activation with one row for each pitch, whichever instrument plays it.

    Parameters
    ----------
    activation : PitchActivation
        Of one instrument, and then it is returned as it is, or of several.

    Returns
    -------
    PitchActivation
        ``values`` and ``onsets`` are sums. So are the square roots of the ``loss``: it grows about as the square of
        what is taken out. Of other evidence it is the greatest.

    Examples
    --------
    >>> from nmfamt import activate
    >>> duo = activate([0.0] * 8000, sr=16000, dictionary=["flute", "clarinet"])
    >>> duo.values.shape, pool_instruments(duo).values.shape
    ((82, 51), (47, 51))
    """
    if len(np.unique(activation.instruments)) < 2:
        return activation
    order = np.argsort(activation.pitches, kind="stable")
    pitches, starts = np.unique(activation.pitches[order], return_index=True)

    def added(array: FloatArray) -> FloatArray:
        return np.add.reduceat(array[order], starts, axis=0)

    def pooled(name: str, array: FloatArray) -> FloatArray:
        return added(np.sqrt(array)) ** 2 if name == "loss" else np.maximum.reduceat(array[order], starts, axis=0)

    return replace(
        activation,
        values=added(activation.values),
        onsets=added(activation.onsets),
        pitches=pitches,
        instruments=np.full(len(pitches), ""),
        evidence={name: pooled(name, array) for name, array in activation.evidence.items()},
    )


@single_thread()
def assign_instruments(notes: Notes, activation: PitchActivation) -> Notes:
    """Give each note to the instrument that most probably played it.

    Parameters
    ----------
    notes : Notes
        Found in the pool of `activation`.
    activation : PitchActivation
        With a row for each instrument and pitch; it covers the notes.

    Returns
    -------
    notes : Notes
        The same with their instruments.

    Examples
    --------
    >>> times = np.arange(100) / 100
    >>> values = np.array([[0.2], [0.8]]) * np.ones(100)
    >>> pitches, instruments = np.array([60.0, 60.0]), np.array(["flute", "oboe"])
    >>> activation = PitchActivation(values, 0 * values, pitches, times, instruments)
    >>> assign_instruments(Notes([[0.1, 0.5]], [60]), activation).instruments.tolist()
    ['oboe']
    """
    names = np.unique(activation.instruments)
    if not len(notes):
        return notes
    if len(names) < 2:
        return _named(notes, np.full(len(notes), names[0]))
    timbre = _timbre(notes, activation, names)
    overlaps = _overlaps(notes)
    probable = _normalised(timbre)
    for _ in range(_ROUNDS):
        n_others = overlaps @ probable
        weights = probable / np.maximum(probable.sum(axis=0), 1e-9)
        rate = (weights * n_others).sum(axis=0)
        alone = np.minimum(np.log(rate + _RAREST), 0)
        scores = timbre + _REGISTER * _register(notes.pitches, weights) + alone * n_others
        # Half a step at a time: full steps may swap two instruments for ever.
        probable = (probable + _normalised(scores)) / 2
    return _named(notes, names[probable.argmax(axis=1)])


def _timbre(notes: Notes, activation: PitchActivation, names: NDArray[np.str_]) -> FloatArray:
    """Return the logarithm of the share of each instrument in each note, minus infinity where it lacks the pitch."""
    n_frames = len(activation.times)
    sums = np.pad(np.cumsum(activation.values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    first, last = np.searchsorted(activation.times, notes.intervals.T)
    first = np.minimum(first, n_frames - 1)
    played = sums[:, np.maximum(last, first + 1)] - sums[:, first]
    # A row is of one instrument; a note asks for the row of its pitch, where the instrument has one.
    rows = (activation.pitches[:, None] == notes.pitches) & (activation.instruments == names[:, None])[:, :, None]
    share = (rows * played).sum(axis=1).T
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    return np.where(rows.any(axis=1).T, np.log(share + _LEAST_SHARE), -np.inf)


def _overlaps(notes: Notes) -> FloatArray:
    """Return by how much every two notes overlap as a part of the shorter one; what only touches does not."""
    onsets, offsets = notes.intervals.T
    common = np.minimum(offsets[:, None], offsets) - np.maximum(onsets[:, None], onsets)
    shorter = np.minimum.outer(offsets - onsets, offsets - onsets)
    part = np.maximum(common, 0) / shorter
    np.fill_diagonal(part, 0)
    return np.where(part < _TOUCH, 0, part)


def _register(pitches: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the log-density of each pitch in the register of each instrument, but for a constant."""
    mean = pitches @ weights
    distance = pitches[:, None] - mean
    variance = (distance**2 * weights).sum(axis=0) + _SPREAD**2
    return np.asarray(-0.5 * (distance**2 / variance + np.log(variance)))


def _normalised(scores: FloatArray) -> FloatArray:
    """Return the probabilities of log-probabilities that may be shifted by a constant for each note."""
    probable = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(probable / probable.sum(axis=1, keepdims=True))


def _named(notes: Notes, instruments: NDArray[np.str_]) -> Notes:
    """Return the notes with other instruments."""
    return Notes(
        notes.intervals,
        notes.pitches,
        velocities=notes.velocities,
        confidences=notes.confidences,
        instruments=instruments,
        pedal=notes.pedal,
        info=notes.info,
    )
