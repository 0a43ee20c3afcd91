"""Errors: what becomes of every note that was played, and where every note that was not played comes from.

Notes are paired by pitch and onset as in `nmfamt.evaluation.matching`. Every estimated note that is left over (an
*extra* note) and every reference note that is left over (a *missed* one) then gets exactly one kind, the first that
fits:

==========  =====================================================  ====================================================
kind        an extra note                                          a missed note
==========  =====================================================  ====================================================
late        is a missed note, of the same pitch, begun too late    was found, but too late
early       is a missed note, of the same pitch, begun too early   was found, but too early
split       begins while the reference sounds at its pitch
merged                                                             begins while the estimate sounds at its pitch
octave      12, 24 or 36 semitones above or below a note of the    the same, from a note of the estimate
            reference that sounds: the partials 2, 4 and 8
twelfth     the same, 19 or 31 semitones: the partials 3 and 6     the same
partial     the same, 28 or 34 semitones, the partials 5 and 7     the same
semitone    the same, a semitone                                   the same
ghost       all others
lost                                                               all others
==========  =====================================================  ====================================================

The first question is thus whether the pitch is right and only the time is wrong, the second which interval explains a
wrong pitch. Swapping reference and estimate swaps the columns, and late with early.

Conventions:

* Late and early notes come in pairs of one extra and one missed note, nearest onsets first. Their onsets are further
  apart than the tolerance, by `reach` at most, and there is a time when both sound, give or take the tolerance.
* A note *sounds* at a time where it begins, give or take the tolerance of onsets, and from there up to that tolerance
  before its offset: the last note of a legato does not sound together with the next one.
* Pitches agree, and stand at an interval, within the tolerance of pitch.
* A note of the estimate that explains a missed one may be right itself: a note that hides behind the octave below it,
  which was found, is what makes transcription hard.
* Notes that are right stand at these intervals too, as music is made of them. How many do is counted as well
  (``intervals``): only what exceeds it speaks for a confusion. On 18 pieces of MAPS (``benchmarks/results/maps-30s``),
  57 % of the wrong pitches of NMF stand an octave from a note that sounds, and 28 % of its right ones; with the method
  of Duan, Pardo & Zhang, 24 % and 5 % stand at a twelfth, 6 % and 2 % at 28 or 34 semitones. Fifths are not much more
  usual among wrong pitches than among right ones (``trials.md``), and hence no kind.

`nmfamt.evaluation.error_counts` says what the kinds are counted by.
"""

import numpy as np
from numpy.typing import NDArray

from nmfamt.evaluation.error_counts import AXES, ESTIMATED_KINDS, INTERVALS, N_TIMES, SETTINGS, Counts, Errors
from nmfamt.evaluation.matching import match_notes
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["Errors", "classify_errors"]

_POLYPHONY = np.array([2, 3, 4, 5, 7, 10, 15])  # where the bins after the first begin


def classify_errors(
    reference: Notes,
    estimate: Notes,
    *,
    onset_tolerance: float = 0.05,
    pitch_tolerance: float = 50.0,
    offset_ratio: float = 0.2,
    offset_min_tolerance: float = 0.05,
    reach: float = 0.5,
) -> Errors:
    """Say of each note that is missing or too many what kind of error it is, and count them.

    Parameters
    ----------
    reference, estimate : Notes
        What was played and what was transcribed; instruments do not matter.
    onset_tolerance, pitch_tolerance, offset_ratio, offset_min_tolerance : float
        As in `nmfamt.evaluation.evaluate`, in seconds, cents, parts of the duration and seconds.
    reach : float
        How far the onset of a late or early note may be off, in seconds.

    Returns
    -------
    Errors
        Counts.

    Raises
    ------
    NmfamtError
        If a tolerance is not positive, `pitch_tolerance` is more than 50 cents, or `reach` is not above
        `onset_tolerance`.

    Examples
    --------
    >>> reference = Notes([[0.0, 1.0], [1.0, 2.0]], [60, 64])
    >>> errors = classify_errors(reference, Notes([[0.0, 1.0], [0.0, 0.5], [1.1, 2.0]], [60, 72, 64]))
    >>> {kind: count for kind, count in errors.extra.items() if count}
    {'late': 1, 'octave': 1}
    >>> {kind: count for kind, count in errors.missed.items() if count}
    {'late': 1}
    """
    settings = dict(
        zip(SETTINGS, (onset_tolerance, pitch_tolerance, offset_ratio, offset_min_tolerance, reach), strict=True)
    )
    positive = min(onset_tolerance, pitch_tolerance, offset_min_tolerance) > 0 and offset_ratio >= 0
    if not (positive and pitch_tolerance <= 50 and np.inf > reach > onset_tolerance):
        raise NmfamtError(
            f"{settings} will not do: tolerances are positive, pitch_tolerance is at most 50 cents and reach above "
            "onset_tolerance."
        )
    ref, est = reference, estimate
    pairs = match_notes(ref, est, onset_tolerance=onset_tolerance, pitch_tolerance=pitch_tolerance, offset_ratio=None)
    shifted = _late_and_early(ref, est, pairs, onset_tolerance, pitch_tolerance / 100, reach)
    shifts = est.intervals[shifted[:, 1], 0] - ref.intervals[shifted[:, 0], 0]
    timed = np.concatenate([np.zeros(len(pairs), dtype=np.int64), np.where(shifts > 0, 1, 2)])
    placed = np.concatenate([pairs, shifted])
    est_kinds, est_near = _kinds(est, ref, placed[:, 1], timed, onset_tolerance, pitch_tolerance / 100)
    ref_kinds, ref_near = _kinds(ref, est, placed[:, 0], timed, onset_tolerance, pitch_tolerance / 100)

    ends = est.intervals[pairs[:, 1], 1] - ref.intervals[pairs[:, 0], 1]
    limits = np.maximum(offset_ratio * np.diff(ref.intervals[pairs[:, 0]])[:, 0], offset_min_tolerance)
    ends = np.where(np.around(np.abs(ends), 4) <= limits, 0, np.sign(ends)).astype(np.int64) + 1
    lags = est.intervals[pairs[:, 1], 0] - ref.intervals[pairs[:, 0], 0]
    near = [
        np.bincount(near[kinds == 0], minlength=len(INTERVALS) + 1)
        for kinds, near in ((est_kinds, est_near), (ref_kinds, ref_near))
    ]
    return Errors(
        {
            "velocity": _tabulated(est_kinds, est.velocities // 16, "velocity"),
            "level": _tabulated(est_kinds, _levels(est, onset_tolerance), "level"),
            "register": _tabulated(est_kinds, _registers(est), "register"),
        },
        {
            "velocity": _tabulated(ref_kinds, ref.velocities // 16, "velocity"),
            "register": _tabulated(ref_kinds, _registers(ref), "register"),
            "polyphony": _tabulated(ref_kinds, _polyphony(ref, onset_tolerance), "polyphony"),
        },
        np.stack(near),
        _binned(lags, onset_tolerance),
        _binned(shifts, reach),
        np.bincount(ends, minlength=3),
        settings,
    )


def _late_and_early(
    ref: Notes, est: Notes, pairs: Counts, onset_tolerance: float, pitch_tolerance: float, reach: float
) -> Counts:
    """Pair missed with extra notes of the same pitch whose onsets are off, the nearest first."""
    missed = np.setdiff1d(np.arange(len(ref)), pairs[:, 0])
    extra = np.setdiff1d(np.arange(len(est)), pairs[:, 1])
    row, column = _around(ref.intervals[missed, 0], est.intervals[extra], reach, onset_tolerance)
    first, second = missed[row], extra[column]
    lags = np.around(np.abs(est.intervals[second, 0] - ref.intervals[first, 0]), 4)
    near = (lags > onset_tolerance) & (lags <= reach)
    near &= np.abs(ref.pitches[first] - est.pitches[second]) <= pitch_tolerance
    near &= est.intervals[second, 1] > ref.intervals[first, 0] - onset_tolerance
    near &= ref.intervals[first, 1] > est.intervals[second, 0] - onset_tolerance
    first, second, lags = first[near], second[near], lags[near]
    taken: tuple[set[int], set[int]] = (set(), set())
    found = []
    for i in np.lexsort((second, first, lags)).tolist():
        pair = int(first[i]), int(second[i])
        if pair[0] not in taken[0] and pair[1] not in taken[1]:
            found.append(pair)
            taken[0].add(pair[0])
            taken[1].add(pair[1])
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _kinds(
    notes: Notes, others: Notes, placed: Counts, timed: Counts, onset_tolerance: float, pitch_tolerance: float
) -> tuple[Counts, Counts]:
    """Return the kind of each note, and at which of the `INTERVALS` (their number for none) it stands to another.

    `placed` are the notes that were found, late or early, and `timed` which of these each of them is.
    """
    note, other = _sounding(notes, others, onset_tolerance)
    apart = np.abs(notes.pitches[note] - others.pitches[other])
    near = np.full(len(notes), len(INTERVALS))
    for index, semitones in reversed(list(enumerate(INTERVALS.values()))):
        for interval in semitones:
            near[note[np.abs(apart - interval) <= pitch_tolerance]] = index
    kinds = near + ESTIMATED_KINDS.index("octave")
    kinds[note[apart <= pitch_tolerance]] = ESTIMATED_KINDS.index("split")
    kinds[placed] = timed
    return kinds, near


def _sounding(notes: Notes, others: Notes, tolerance: float) -> tuple[Counts, Counts]:
    """Return all pairs of a note and another one that sounds when it begins, as the module says."""
    note, other = _around(notes.intervals[:, 0], others.intervals, tolerance, tolerance)
    onsets = notes.intervals[note, 0]
    begins = np.around(np.abs(others.intervals[other, 0] - onsets), 4) <= tolerance
    sounds = begins | ((others.intervals[other, 0] < onsets) & (others.intervals[other, 1] > onsets + tolerance))
    return note[sounds], other[sounds]


def _around(
    times: NDArray[np.float64], intervals: NDArray[np.float64], ahead: float, behind: float
) -> tuple[Counts, Counts]:
    """Return all pairs of a time and an interval that begins until `ahead` after and ends from `behind` before it.

    The times are in order, so that a block of them has few intervals near it, and no table of all pairs is made.
    """
    ahead, behind = ahead + 1e-3, behind + 1e-3  # more than what is rounded later
    found: list[tuple[Counts, Counts]] = [(np.zeros(0, dtype=np.int64),) * 2]
    for start in range(0, len(times), 256):
        block = times[start : start + 256]
        near = np.flatnonzero((intervals[:, 0] <= block[-1] + ahead) & (intervals[:, 1] >= block[0] - behind))
        begun = intervals[near, 0] <= block[:, None] + ahead
        rows, columns = np.nonzero(begun & (intervals[near, 1] >= block[:, None] - behind))
        found.append((rows + start, near[columns]))
    return np.concatenate([rows for rows, _ in found]), np.concatenate([columns for _, columns in found])


def _registers(notes: Notes) -> Counts:
    octaves: Counts = np.minimum(np.rint(notes.pitches) // 12, len(AXES["register"]) - 1).astype(np.int64)
    return octaves


def _polyphony(notes: Notes, tolerance: float) -> Counts:
    """Return the bin of the number of notes that sound when each note begins."""
    n_sounding = np.bincount(_sounding(notes, notes, tolerance)[0], minlength=len(notes))
    bins: Counts = np.searchsorted(_POLYPHONY, n_sounding, side="right")
    return bins


def _levels(notes: Notes, tolerance: float) -> Counts:
    """Return the bin of the velocity of each note against the loudest that sounds when it begins."""
    note, other = _sounding(notes, notes, tolerance)
    loudest = notes.velocities.copy()
    np.maximum.at(loudest, note, notes.velocities[other])
    n_steps = len(AXES["level"]) - 1
    bins: Counts = n_steps - np.minimum(-((notes.velocities - loudest) // 10), n_steps)
    return bins


def _tabulated(kinds: Counts, bins: Counts, axis: str) -> Counts:
    n_bins = len(AXES[axis])
    table: Counts = np.bincount(kinds * n_bins + bins, minlength=len(ESTIMATED_KINDS) * n_bins).reshape(-1, n_bins)
    return table


def _binned(times: NDArray[np.float64], limit: float) -> Counts:
    """Count times from -limit to limit; what rounding puts beyond counts in the last bin."""
    bins = np.floor((np.around(times, 4) / limit + 1) * N_TIMES / 2).clip(0, N_TIMES - 1)
    return np.bincount(bins.astype(np.int64), minlength=N_TIMES)
