"""Several instruments at once: first which notes were played, then which instrument played each.

Templates of one pitch look alike in all instruments, so a spectrum says clearly that an A4 sounds, and much less
clearly whose it is: from frame to frame the share of one instrument grows at the expense of another. Were each row of
an activation tracked by itself, such a note would be found twice, or begin again in another instrument. Therefore

1. the rows of one pitch are *pooled*, and notes are traced in the pool: no note is given to two instruments, and
   a unison is one note;
2. each note is given to an instrument by its whole length: what every instrument contributed to the pitch while the
   note lasted, where the other notes of the instrument lie, which instruments play above which, and whether it would
   play two notes at once.

The second step is a mean-field approximation of the posterior of a small probabilistic model. Of a note given to an
instrument the log-probability is the sum of

* `_TIMBRE` times the negative cross-entropy of its shares, those that the instruments have in its activation, and the
  mean shares of the notes of the instrument: a saxophone that once looks half a clarinet does so again;
* `_REGISTER` times the log-density of its pitch under a normal distribution fitted to all notes of the instrument; it
  starts from the middle half of what the instrument can play;
* for every other note that sounds at the same time, the logarithm of how often its instrument is found above, or below,
  this one: voices rarely cross;
* for every other note of the instrument that sounds at the same time, the logarithm of how often the instrument is
  found to do that, where this is less than once a note: what plays melodies is told from what plays chords by the
  recording itself.

Shares, registers, order and overlaps are estimated from the notes that come in together, weighted with their
probabilities, in turn with those. Constraints between simultaneous notes beside timbre are those of Z. Duan, J. Han &
B. Pardo, "Multi-pitch streaming of harmonic sound mixtures", TASLP 2014; there as a clustering without dictionaries.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.blas import single_thread
from nmfamt.notes import Notes
from nmfamt.tracking.overlaps import log_rarity, overlaps

__all__ = ["assign_instruments", "instrument_probabilities", "pool_instruments"]

_ROUNDS = 15
_TIMBRE = 2.0
_OWN_SHARE = 0.8  # of an instrument in its notes, as far as is known before
_N_OWN = 10.0  # notes, which that weighs as much as
_REGISTER = 0.5
_N_REGISTER = 10.0  # notes, which the compass of an instrument weighs as much as
_MIDDLE = 0.5  # standard deviation of a register before any note is heard, to that of the compass
_SPREAD = 4.0  # semitones: no register is narrower

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
    names, probable = instrument_probabilities(notes, activation)
    return replace(notes, instruments=names[probable.argmax(axis=1)])


@single_thread()
def instrument_probabilities(notes: Notes, activation: PitchActivation) -> tuple[NDArray[np.str_], FloatArray]:
    """Return how probably each instrument played each note.

    Parameters
    ----------
    notes, activation
        As for `assign_instruments`.

    Returns
    -------
    names : ndarray of str, shape (n_instruments,)
        The instruments of the activation.
    probabilities : ndarray, shape (n_notes, n_instruments)
        They add up to 1 for every note, and are 0 where an instrument lacks the pitch.

    Examples
    --------
    >>> times = np.arange(100) / 100
    >>> values = np.array([[0.2], [0.8]]) * np.ones(100)
    >>> pitches, instruments = np.array([60.0, 60.0]), np.array(["flute", "oboe"])
    >>> activation = PitchActivation(values, 0 * values, pitches, times, instruments)
    >>> names, probabilities = instrument_probabilities(Notes([[0.1, 0.5]], [60]), activation)
    >>> names.tolist(), probabilities.round(1).tolist()
    (['flute', 'oboe'], [[0.2, 0.8]])
    """
    names = np.unique(activation.instruments)
    n_instruments = len(names)
    if not len(notes) or n_instruments < 2:
        return names, np.ones((len(notes), n_instruments))
    shares, playable = _shares(notes, activation, names)
    beside = overlaps(notes)
    above = beside * (notes.pitches[:, None] > notes.pitches)
    compasses = [activation.pitches[activation.instruments == name] for name in names]
    known = np.full((n_instruments, n_instruments), (1 - _OWN_SHARE) / (n_instruments - 1))
    np.fill_diagonal(known, _OWN_SHARE)
    probable = _normalised(_timbre(shares, known, playable))
    for _ in range(_ROUNDS):
        n_notes = probable.sum(axis=0)
        weights = probable / np.maximum(n_notes, 1e-9)
        n_others = beside @ probable
        rate = (weights * n_others).sum(axis=0)
        profiles = (probable.T @ shares + _N_OWN * known) / (n_notes + _N_OWN)[:, None]
        # One note each way is counted before those of the recording.
        n_above = probable.T @ (above @ probable) + 1
        order = np.log(n_above / (n_above + n_above.T))
        scores = (
            _timbre(shares, profiles, playable)
            + _REGISTER * _register(notes.pitches, probable, compasses)
            + (above @ probable) @ order.T
            + (above.T @ probable) @ order
            + log_rarity(rate) * n_others
        )
        # Half a step at a time: full steps may swap two instruments for ever.
        probable = (probable + _normalised(scores)) / 2
    return names, probable


def _shares(notes: Notes, activation: PitchActivation, names: NDArray[np.str_]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the share of each instrument in each note, and whether it has the pitch."""
    n_frames = len(activation.times)
    sums = np.pad(np.cumsum(activation.values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    first, last = np.searchsorted(activation.times, notes.intervals.T)
    first = np.minimum(first, n_frames - 1)
    played = sums[:, np.maximum(last, first + 1)] - sums[:, first]
    # A row is of one instrument; a note asks for the row of its pitch, where the instrument has one.
    rows = (activation.pitches[:, None] == notes.pitches) & (activation.instruments == names[:, None])[:, :, None]
    share = (rows * played).sum(axis=1).T
    return share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12), rows.any(axis=1).T


def _timbre(shares: FloatArray, profiles: FloatArray, playable: NDArray[np.bool_]) -> FloatArray:
    """Return how well the shares of each note go with the mean shares of the notes of each instrument."""
    return np.where(playable, _TIMBRE * (shares @ np.log(profiles).T), -np.inf)


def _register(pitches: FloatArray, probable: FloatArray, compasses: Sequence[FloatArray]) -> FloatArray:
    """Return the log-density of each pitch in the register of each instrument, but for a constant."""
    middles = np.array([compass.mean() for compass in compasses])
    spreads = _MIDDLE * np.array([compass.std() for compass in compasses])
    n_notes = probable.sum(axis=0) + _N_REGISTER
    distances = pitches[:, None] - (pitches @ probable + _N_REGISTER * middles) / n_notes
    variances = ((distances**2 * probable).sum(axis=0) + _N_REGISTER * spreads**2) / n_notes + _SPREAD**2
    return np.asarray(-0.5 * (distances**2 / variances + np.log(variances)))


def _normalised(scores: FloatArray) -> FloatArray:
    """Return the probabilities of log-probabilities that may be shifted by a constant for each note."""
    probable = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(probable / probable.sum(axis=1, keepdims=True))
