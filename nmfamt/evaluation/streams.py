"""Score streams: notes given to the right instrument.

A note is right if pitch and onset (``stream_onset``), or pitch, onset and offset (``stream_offset``), agree as in
`nmfamt.evaluation.scores`, and the instrument as well. Conventions:

* **Streams** are the notes of one instrument, by its name; case and spaces around it do not matter. Notes without a
  name are a stream like any other. Two players of one instrument are two streams only where their names differ
  ("violin 1", "violin 2").
* **Which is which.** With ``assignment="named"`` names must agree (multi-instrument F1 of J. Gardner et al., "MT3:
  Multi-task multitrack music transcription", ICLR 2022, with offsets). With ``assignment="best"`` names do not matter:
  each estimated stream stands for one instrument of the reference at most, such that most notes are right (Z. Duan,
  J. Han & B. Pardo, "Multi-pitch streaming of harmonic sound mixtures", IEEE/ACM Transactions on Audio, Speech, and
  Language Processing, 2014, who do this for frames); notes of streams that are left over are wrong.
* **Pooled rates** count notes over all streams, so that busy instruments weigh more. ``instrument_onset_f1`` and
  ``instrument_offset_f1`` are means over the instruments of the reference, each counting the same.
* **Assignment accuracy** is the number of notes found with the right instrument over the number found whatever the
  instrument, both by pitch and onset: what is lost by the assignment alone. NaN where no note is found.

Differences from the references: Duan et al. count estimated pitches in frames, here notes are counted.
"""

import os
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nmfamt import note_files
from nmfamt.evaluation.matching import match_notes, rates
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["Stream", "StreamScores", "evaluate_streams"]


@dataclass(frozen=True)
class Stream:
    """One instrument of the reference, and what an estimate made of it.

    Attributes
    ----------
    reference, estimate : str or None
        The names as they are written; None where the other side has nothing that belongs to it.
    n_reference, n_estimate : int
        Number of notes.
    onset_f1, offset_f1 : float
        Notes by pitch and onset, and by pitch, onset and offset, 0 to 1.
    """

    reference: str | None
    estimate: str | None
    n_reference: int
    n_estimate: int
    onset_f1: float
    offset_f1: float


@dataclass(frozen=True)
class StreamScores:
    """How well notes were given to instruments; the module says what each number means.

    Attributes
    ----------
    n_reference, n_estimate : int
        Number of notes.
    n_reference_streams, n_estimate_streams : int
        Number of instruments.
    stream_onset_precision, stream_onset_recall, stream_onset_f1 : float
        Notes by instrument, pitch and onset, 0 to 1.
    stream_offset_precision, stream_offset_recall, stream_offset_f1 : float
        Notes by instrument, pitch, onset and offset, 0 to 1.
    instrument_onset_f1, instrument_offset_f1 : float
        F1 averaged over the instruments of the reference; NaN where it has none.
    assignment_accuracy : float
        Of the notes found by pitch and onset, the part that was given to the right instrument.
    streams : tuple of Stream
        Each instrument of the reference, then the estimated ones that belong to none.
    """

    n_reference: int
    n_estimate: int
    n_reference_streams: int
    n_estimate_streams: int
    stream_onset_precision: float
    stream_onset_recall: float
    stream_onset_f1: float
    stream_offset_precision: float
    stream_offset_recall: float
    stream_offset_f1: float
    instrument_onset_f1: float
    instrument_offset_f1: float
    assignment_accuracy: float
    streams: tuple[Stream, ...]

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers by name, without `streams`; None in place of NaN so that JSON can hold them."""
        numbers = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "streams"}
        return {name: None if np.isnan(value) else value for name, value in numbers.items()}


def evaluate_streams(
    reference: Notes | str | os.PathLike[str],
    estimate: Notes | str | os.PathLike[str],
    *,
    assignment: Literal["named", "best"] = "named",
    onset_tolerance: float = 0.05,
    pitch_tolerance: float = 50.0,
    offset_ratio: float = 0.2,
    offset_min_tolerance: float = 0.05,
) -> StreamScores:
    """Score a transcription of several instruments against a reference.

    Parameters
    ----------
    reference, estimate : Notes, or str or path
        Notes, or a file that `nmfamt.note_files.read_notes` reads.
    assignment : {"named", "best"}
        Whether the names of instruments must agree, or the best pairing of estimated and reference instruments counts,
        as is fair where names are missing.
    onset_tolerance, pitch_tolerance, offset_ratio, offset_min_tolerance : float
        As in `nmfamt.evaluate`.

    Returns
    -------
    StreamScores
        Rates between 0 and 1, pooled and for each instrument.

    Raises
    ------
    NmfamtError
        If a file cannot be read, `assignment` is another word or a tolerance is not positive.

    Examples
    --------
    >>> reference = Notes([[0, 1], [1, 2], [1, 2]], [60, 62, 67], instruments=["oboe", "oboe", "flute"])
    >>> estimate = Notes([[0, 1], [1, 2], [1, 2]], [60, 62, 67], instruments=["A", "B", "B"])
    >>> scores = evaluate_streams(reference, estimate, assignment="best")
    >>> [(stream.reference, stream.estimate) for stream in scores.streams], round(scores.stream_onset_f1, 3)
    ([('flute', 'B'), ('oboe', 'A')], 0.667)
    """
    if assignment not in ("named", "best"):
        raise NmfamtError(f"assignment is {assignment!r}: give 'named' or 'best'.")
    tolerances = (onset_tolerance, pitch_tolerance, offset_min_tolerance)
    if not (min(tolerances) > 0 and offset_ratio >= 0):
        raise NmfamtError(f"Tolerances are positive, here they are {tolerances}, offset_ratio {offset_ratio}.")
    ref = reference if isinstance(reference, Notes) else note_files.read_notes(reference)
    est = estimate if isinstance(estimate, Notes) else note_files.read_notes(estimate)
    timing = {"onset_tolerance": onset_tolerance, "pitch_tolerance": pitch_tolerance}
    ending = {"offset_ratio": offset_ratio, "offset_min_tolerance": offset_min_tolerance}
    refs, ests = _streams(ref), _streams(est)
    onsets, offsets = np.zeros((2, len(refs), len(ests)), dtype=np.int64)
    for i, mine in enumerate(refs.values()):
        for j, theirs in enumerate(ests.values()):
            onsets[i, j] = len(match_notes(mine, theirs, **timing, offset_ratio=None))
            offsets[i, j] = len(match_notes(mine, theirs, **timing, **ending))
    pairs = _same_names(list(refs), list(ests)) if assignment == "named" else _best_pairs(onsets, offsets)
    n_onset, n_offset = (int(sum(counts[pair] for pair in pairs)) for counts in (onsets, offsets))
    n_found = len(match_notes(ref, est, **timing, offset_ratio=None))
    streams = _rows(list(refs.values()), list(ests.values()), pairs, onsets, offsets)
    ours = streams[: len(refs)]
    return StreamScores(
        len(ref),
        len(est),
        len(refs),
        len(ests),
        *rates(n_onset, len(ref), len(est)),
        *rates(n_offset, len(ref), len(est)),
        float(np.mean([stream.onset_f1 for stream in ours])) if ours else np.nan,
        float(np.mean([stream.offset_f1 for stream in ours])) if ours else np.nan,
        n_onset / n_found if n_found else np.nan,
        tuple(streams),
    )


def _streams(notes: Notes) -> dict[str, Notes]:
    """Return the notes of each instrument by its folded name."""
    folded = np.array([name.strip().casefold() for name in notes.instruments.tolist()], dtype=np.str_)
    return {name: notes.select(folded == name) for name in np.unique(folded).tolist()}


def _same_names(refs: list[str], ests: list[str]) -> list[tuple[int, int]]:
    return [(i, ests.index(name)) for i, name in enumerate(refs) if name in ests]


def _best_pairs(onsets: NDArray[np.int64], offsets: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the one-to-one assignment with most onsets right and, among those, most offsets.

    Streams that share no note are not a pair, whatever the solver makes of them.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(onsets * (offsets.sum() + 1) + offsets, maximize=True)
    return [(i, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if onsets[i, j]]


def _rows(
    refs: list[Notes],
    ests: list[Notes],
    pairs: list[tuple[int, int]],
    onsets: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> list[Stream]:
    """Return a row for every instrument of the reference, then for every estimated one that is left over."""
    partner = dict(pairs)
    rows = []
    for i, mine in enumerate(refs):
        name, j = str(mine.instruments[0]), partner.get(i)
        if j is None:
            rows.append(Stream(name, None, len(mine), 0, 0.0, 0.0))
            continue
        f1 = (rates(int(counts[i, j]), len(mine), len(ests[j]))[2] for counts in (onsets, offsets))
        rows.append(Stream(name, str(ests[j].instruments[0]), len(mine), len(ests[j]), *f1))
    left_over = [theirs for j, theirs in enumerate(ests) if j not in partner.values()]
    return rows + [Stream(None, str(theirs.instruments[0]), 0, len(theirs), 0.0, 0.0) for theirs in left_over]
