"""Frames: which pitches sound at each instant, and how well they, or how strongly they were found, agree.

Conventions: the instants are 0, `hop`, 2 `hop`, ... seconds; a note sounds from its onset up to, not including, its
offset, and a pitch that two notes hold at once sounds once.

Average precision is that of MusicNet (J. Thickstun, Z. Harchaoui & S. M. Kakade, "Learning Features of Music from
Scratch", ICLR 2017; J. Thickstun et al., "Invariances and Data Augmentation for Supervised Music Transcription",
ICASSP 2018): every pair of an instant and one of the 128 MIDI pitches is something to find or to leave out, and the
activation puts these pairs into an order. Differences from these papers:

1. The instants are 10 ms apart like all others here, not 512 samples at 44.1 kHz (11.6 ms).
2. An activation reaches as far as the recording; pairs after its end, or of pitches that it does not have, count as
   found last, at strength 0.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["average_precision", "count_frames", "piano_roll"]

N_PITCHES = 128

FloatArray = NDArray[np.floating[Any]]
Counts = NDArray[np.int64]


def piano_roll(notes: Notes, *, hop: float = 0.01, n_frames: int | None = None) -> NDArray[np.bool_]:
    """Return which semitone sounds at which instant.

    Parameters
    ----------
    notes : Notes
        The notes; fractions of a semitone are rounded, halves up.
    hop : float
        Distance of the instants in seconds.
    n_frames : int, optional
        How many instants; by default up to the last offset.

    Returns
    -------
    ndarray of bool, shape (128, n_frames)
        Whether each MIDI pitch sounds.

    Examples
    --------
    >>> roll = piano_roll(Notes([[0.01, 0.03]], [60]))
    >>> roll.shape, roll[60].tolist()
    ((128, 3), [False, True, True])
    """
    spans = _spans(notes, hop)
    roll = np.zeros((N_PITCHES, spans.max(initial=0) if n_frames is None else n_frames), dtype=np.bool_)
    for pitch, (begin, end) in zip(_semitones(notes.pitches).tolist(), spans.tolist(), strict=True):
        roll[pitch, begin:end] = True
    return roll


def count_frames(ref: Notes, est: Notes, *, hop: float = 0.01) -> tuple[Counts, Counts, Counts, Counts]:
    """Count the pitches that sound, and those that agree within half a semitone.

    Parameters
    ----------
    ref, est : Notes
        The notes to compare; instruments do not matter.
    hop : float
        Distance of the instants in seconds.

    Returns
    -------
    n_common, n_ref, n_est : ndarray of int, shape (n_spans,)
        How many pitches sound in both, in the reference and in the estimate; at every instant, or, where pitches are
        fractions of a semitone, in every span of instants in which nothing changes.
    n_instants : ndarray of int, shape (n_spans,)
        How many instants that is.

    Examples
    --------
    >>> count_frames(Notes([[0, 0.02], [0, 0.03]], [60, 64]), Notes([[0.01, 0.03]], [64]))[:3]
    (array([0, 1, 1]), array([2, 2, 1]), array([0, 1, 1]))
    """
    if all(np.array_equal(notes.pitches, np.rint(notes.pitches)) for notes in (ref, est)):
        n_frames = int(max(_spans(notes, hop).max(initial=0) for notes in (ref, est)))
        in_ref, in_est = (piano_roll(notes, hop=hop, n_frames=n_frames) for notes in (ref, est))
        counts = (roll.sum(axis=0, dtype=np.int64) for roll in (in_ref & in_est, in_ref, in_est))
        return *counts, np.ones(n_frames, dtype=np.int64)
    changes = np.unique(np.concatenate([[0], *(_spans(notes, hop).ravel() for notes in (ref, est))]))
    sounding = zip(_sounding(ref, hop, changes), _sounding(est, hop, changes), strict=True)
    table = np.array([(_n_within_half(a, b), len(a), len(b)) for a, b in sounding], dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2], np.diff(changes)


def _spans(notes: Notes, hop: float) -> Counts:
    """Return the first instant at or after each onset and offset."""
    # 1e-6 of a frame absorbs the rounding of the quotient.
    frames: Counts = np.ceil(notes.intervals / hop - 1e-6).astype(np.int64)
    return frames


def _semitones(pitches: FloatArray) -> Counts:
    """Return the nearest MIDI numbers, halves rounded up wherever they are."""
    rounded: Counts = np.floor(pitches + 0.5).astype(np.int64).clip(0, N_PITCHES - 1)
    return rounded


def _sounding(notes: Notes, hop: float, changes: Counts) -> Iterator[list[float]]:
    """Yield the pitches that sound between one change and the next, in order, each of them once."""
    begins, ends = _spans(notes, hop).T
    held: dict[float, int] = {}
    by_begin, by_end = np.argsort(begins, kind="stable"), np.argsort(ends, kind="stable")
    first, last = np.searchsorted(begins[by_begin], changes), np.searchsorted(ends[by_end], changes)
    first, last = np.append(first, len(notes)), np.append(last, len(notes))
    for k in range(len(changes) - 1):
        for pitch in notes.pitches[by_begin[first[k] : first[k + 1]]].tolist():
            held[pitch] = held.get(pitch, 0) + 1
        for pitch in notes.pitches[by_end[last[k] : last[k + 1]]].tolist():
            held[pitch] -= 1
            if not held[pitch]:
                del held[pitch]
        yield sorted(held)


def _n_within_half(ref: list[float], est: list[float]) -> int:
    """Return how many pitches of two sorted lists can be paired within half a semitone.

    Taking the lowest pair that fits is best: pitches on a line with one tolerance never have to cross.
    """
    i = j = n_pairs = 0
    while i < len(ref) and j < len(est):
        if abs(ref[i] - est[j]) <= 0.5:
            n_pairs, i, j = n_pairs + 1, i + 1, j + 1
        elif ref[i] < est[j]:
            i += 1
        else:
            j += 1
    return n_pairs


def average_precision(
    reference: Notes | Sequence[Notes], activation: PitchActivation | Sequence[PitchActivation], *, hop: float = 0.01
) -> float:
    """Return the area under the curve of precision over recall, for pitches at instants.

    Pairs of an instant and a pitch are taken from strong to weak: ``sum_k (R_k - R_{k-1}) P_k`` over the distinct
    strengths, with precision P and recall R of the pairs at least that strong. It is a step function, as in
    scikit-learn's ``average_precision_score``; pairs of the same strength come together.

    The strength of a pair is ``values / level`` in the frame nearest to the instant plus the latency of the
    activation, which is how much later its frames tell of a note; the largest of the rows that round to that semitone,
    whatever their instrument.

    Parameters
    ----------
    reference : Notes, or sequence of Notes
        What sounds; fractions of a semitone are rounded.
    activation : PitchActivation, or sequence of PitchActivation
        What a front end found in the same recording. Of several recordings the pairs are pooled, as for MusicNet's
        test set; long recordings then weigh more.
    hop : float
        Distance of the instants in seconds; they go up to the end of the notes or of the activation.

    Returns
    -------
    float
        0 to 1; what is expected of chance is the share of pairs that sound. NaN where nothing sounds.

    Raises
    ------
    NmfamtError
        If there is not one reference for each activation, or `hop` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[3.0, 1.0], [2.0, 0.0]])
    >>> names = np.array(["", ""])
    >>> found = PitchActivation(values, values, np.array([60.0, 62.0]), np.array([0.0, 0.01]), names)
    >>> round(average_precision(Notes([[0, 0.02]], [60]), found), 3)  # (1 + 2/3) / 2: the first and the third are right
    0.833
    """
    references = [reference] if isinstance(reference, Notes) else list(reference)
    activations = [activation] if isinstance(activation, PitchActivation) else list(activation)
    if len(references) != len(activations) or not hop > 0:
        raise NmfamtError(
            f"There are {len(references)} references and {len(activations)} activations at a hop of {hop} s: "
            "give one for each, and a hop above 0."
        )
    pieces = [_labelled(ref, act, hop) for ref, act in zip(references, activations, strict=True)]
    strengths, sounds = (np.concatenate(column) for column in list(zip(*pieces, strict=True))[:2])
    n_zero, n_zero_sounding = (sum(column) for column in list(zip(*pieces, strict=True))[2:])
    order = np.argsort(-strengths, kind="stable")
    last = np.flatnonzero(np.diff(strengths[order], append=-1.0))  # of each distinct strength
    n_found = np.append(last + 1, len(strengths) + n_zero)
    n_right = np.append(np.cumsum(sounds[order])[last], sounds.sum() + n_zero_sounding)
    if not n_right[-1]:
        return np.nan
    return float(np.sum(np.diff(n_right, prepend=0) * n_right / np.maximum(n_found, 1)) / n_right[-1])


def _labelled(ref: Notes, activation: PitchActivation, hop: float) -> tuple[FloatArray, NDArray[np.bool_], int, int]:
    """Return the strengths above zero with what sounds there, how many are zero and how many of these sound."""
    times, latency = activation.times, activation.latency
    end = times[-1] - latency + activation.hop / 2 if len(times) else 0.0
    n_frames = int(max(_spans(ref, hop).max(initial=0), np.ceil(end / hop - 1e-6), 0))
    instants = np.arange(n_frames) * hop + latency
    nearest = np.rint((instants - times[0]) / activation.hop).astype(np.int64) if len(times) else np.full(n_frames, -1)
    inside = (nearest >= 0) & (nearest < len(times))
    strengths = np.zeros((N_PITCHES, n_frames), dtype=activation.values.dtype)
    for row, pitch in enumerate(_semitones(activation.pitches).tolist()):
        strengths[pitch, inside] = np.maximum(strengths[pitch, inside], activation.values[row, nearest[inside]])
    if activation.level > 0:
        strengths /= activation.level
    roll = piano_roll(ref, hop=hop, n_frames=n_frames)
    found = strengths > 0
    n_zero = int(found.size - found.sum())
    return strengths[found], roll[found], n_zero, int((roll & ~found).sum())
