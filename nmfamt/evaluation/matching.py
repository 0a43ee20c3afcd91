"""Which estimated note is which note of the reference.

A pair may be formed where pitch, onset and, if asked for, offset agree within tolerances; a difference equal to the
tolerance is inside. Of all ways to pair the notes, each at most once, one with the most pairs is taken, the one that
mir_eval takes (C. Raffel et al., "mir_eval: a transparent implementation of common MIR metrics", ISMIR 2014), which
decides where notes compete.

Difference from mir_eval: candidates are looked up among notes that begin at about the same time, not in a table of all
pairs, which takes gigabytes for a recital.
"""

import numpy as np
from numpy.typing import NDArray

from nmfamt.notes import Notes

__all__ = ["match_notes", "rates", "similar_velocities"]

Pairs = NDArray[np.int64]


def match_notes(
    ref: Notes,
    est: Notes,
    *,
    onset_tolerance: float = 0.05,
    pitch_tolerance: float = 50.0,
    offset_ratio: float | None = 0.2,
    offset_min_tolerance: float = 0.05,
) -> Pairs:
    """Pair the notes of a reference with those of an estimate.

    Parameters
    ----------
    ref, est : Notes
        The notes; instruments do not matter.
    onset_tolerance, pitch_tolerance, offset_min_tolerance : float
        How far a pair may be apart, in seconds and cents.
    offset_ratio : float or None
        Offsets may be apart by this part of the duration of the reference note, where that is more than
        `offset_min_tolerance`; None if offsets do not matter.

    Returns
    -------
    ndarray of int, shape (n_pairs, 2)
        Reference note and estimated note of each pair of a largest matching, sorted.

    Examples
    --------
    >>> reference = Notes([[0.0, 1.0], [1.0, 2.0]], [60, 64])
    >>> match_notes(reference, Notes([[1.01, 2.0], [2.0, 3.0]], [64, 65]))
    array([[1, 0]])
    """
    ref_notes, est_notes = _candidates(ref, est, onset_tolerance, pitch_tolerance)
    if offset_ratio is not None:
        durations = ref.intervals[ref_notes, 1] - ref.intervals[ref_notes, 0]
        limits = np.maximum(offset_ratio * durations, offset_min_tolerance)
        near = _apart(ref.intervals[ref_notes, 1], est.intervals[est_notes, 1]) <= limits
        ref_notes, est_notes = ref_notes[near], est_notes[near]
    alone = (np.bincount(ref_notes)[ref_notes] == 1) & (np.bincount(est_notes)[est_notes] == 1)
    pairs = np.stack([ref_notes[alone], est_notes[alone]], axis=1)
    if not alone.all():
        pairs = np.concatenate([pairs, _largest_matching(ref_notes[~alone], est_notes[~alone])])
    return pairs[np.argsort(pairs[:, 0])]


def _candidates(ref: Notes, est: Notes, onset_tolerance: float, pitch_tolerance: float) -> tuple[Pairs, Pairs]:
    """Return the pairs that agree in onset and pitch, sorted by reference note, then estimated note."""
    onsets = est.intervals[:, 0]  # in order, as notes are
    reach = onset_tolerance + 1e-3  # more than what `_apart` rounds away
    first = np.searchsorted(onsets, ref.intervals[:, 0] - reach, side="left")
    n_near = np.searchsorted(onsets, ref.intervals[:, 0] + reach, side="right") - first
    ref_notes = np.repeat(np.arange(len(ref)), n_near)
    est_notes = np.arange(n_near.sum()) - np.repeat(np.cumsum(n_near) - n_near, n_near) + first[ref_notes]
    # Distances in cents by way of Hz, as in mir_eval: at exactly 50 cents the last digit decides.
    ref_octaves, est_octaves = (np.log2(notes.to_mir_eval()[1]) for notes in (ref, est))
    close = _apart(ref.intervals[ref_notes, 0], onsets[est_notes]) <= onset_tolerance
    close &= np.abs(1200 * (ref_octaves[ref_notes] - est_octaves[est_notes])) <= pitch_tolerance
    return ref_notes[close], est_notes[close]


def _apart(times: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distances in seconds, rounded so that 50 ms stay 50 ms in floating point."""
    return np.abs(times - others).round(4)


def _largest_matching(ref_notes: Pairs, est_notes: Pairs) -> Pairs:
    """Return a matching with the most pairs among candidates of which several compete for a note.

    Notes that compete are few and near each other, so mir_eval is asked group by group.
    """
    from mir_eval.util import match_events
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_ref = int(ref_notes.max()) + 1
    n_notes = n_ref + int(est_notes.max()) + 1
    graph = coo_array((np.ones(len(ref_notes)), (ref_notes, n_ref + est_notes)), shape=(n_notes, n_notes))
    group = connected_components(graph, directed=False)[1][ref_notes]
    order = np.argsort(group, kind="stable")
    pairs = []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        rows, row = np.unique(ref_notes[members], return_inverse=True)
        columns, column = np.unique(est_notes[members], return_inverse=True)
        distances = np.ones((len(rows), len(columns)))
        distances[row, column] = 0
        found = match_events(rows, columns, 0.5, distance=lambda ref, est, table=distances: table)
        pairs += [(rows[i], columns[j]) for i, j in found]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def similar_velocities(ref: Notes, est: Notes, pairs: Pairs, *, velocity_tolerance: float = 0.1) -> NDArray[np.bool_]:
    """Return which pairs of notes agree in velocity.

    Estimated velocities are first mapped by the straight line that brings those of all pairs closest to the reference,
    in the sense of least squares (C. Hawthorne et al., "Onsets and Frames", ISMIR 2018).

    Parameters
    ----------
    ref, est : Notes
        The notes.
    pairs : ndarray of int, shape (n_pairs, 2)
        As `match_notes` returns them.
    velocity_tolerance : float
        How far a velocity may be off, as a part of the range of all velocities in the reference.

    Returns
    -------
    ndarray of bool, shape (n_pairs,)
        Whether the velocity is off by less than the tolerance.

    Examples
    --------
    >>> reference = Notes([[0, 1], [1, 2], [2, 3]], [60, 62, 64], velocities=[20, 60, 100])
    >>> quieter = Notes(reference.intervals, reference.pitches, velocities=[10, 30, 50])
    >>> similar_velocities(reference, quieter, match_notes(reference, quieter))
    array([ True,  True,  True])
    """
    if not len(pairs):
        return np.zeros(0, dtype=np.bool_)
    span = max(1, int(np.ptp(ref.velocities)))
    wanted = (ref.velocities[pairs[:, 0]] - ref.velocities.min()) / span
    line = np.stack([est.velocities[pairs[:, 1]], np.ones(len(pairs))], axis=1)
    fitted = line @ np.linalg.lstsq(line, wanted, rcond=None)[0]
    similar: NDArray[np.bool_] = np.abs(fitted - wanted) < velocity_tolerance
    return similar


def rates(n_common: int, n_reference: int, n_estimate: int) -> tuple[float, float, float]:
    """Return precision, recall and F1 of counts; all are 1 where there was nothing to find and nothing was found.

    Examples
    --------
    >>> rates(1, 4, 2)
    (0.5, 0.25, 0.3333333333333333)
    """
    if n_reference == n_estimate == 0:
        return 1.0, 1.0, 1.0
    return (
        n_common / n_estimate if n_estimate else 0.0,
        n_common / n_reference if n_reference else 0.0,
        2 * n_common / (n_reference + n_estimate),
    )
