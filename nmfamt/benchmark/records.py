"""What is kept of one system on one piece: scores, errors, what they depend on, and what they cost."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from nmfamt import audio_files
from nmfamt.atomic import atomic_path
from nmfamt.benchmark.systems import System
from nmfamt.datasets import Piece
from nmfamt.evaluation import Errors, average_precision, classify_errors, evaluate, evaluate_streams
from nmfamt.exceptions import NmfamtWarning
from nmfamt.notes import Notes

__all__ = ["Cost", "Record", "Scorer", "Task", "measure", "read_record", "write_record"]

Scorer = Callable[[Notes, Notes], Mapping[str, float | None]]
"""Takes the notes of the reference and those that were found, returns further scores by names of their own; a place for
what this package does not score, such as notation. It can be pickled."""


@dataclass(frozen=True)
class Task:
    """One system, one piece, and what its record will depend on."""

    system: System
    piece: Piece
    identity: dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """What the notes of a piece cost.

    Attributes
    ----------
    audio : float
        Length of what was transcribed, in seconds.
    wall, processor : float
        From the file to the notes, in seconds of the clock and of the processor; the first piece in a process imports
        and compiles as well.
    """

    audio: float
    wall: float
    processor: float


@dataclass(frozen=True)
class Record:
    """One system on one piece.

    Attributes
    ----------
    identity : dict
        What the notes depend on: where it is the same, they are not found again.
    scores : dict of str to (float or None)
        Numbers by name, those of `nmfamt.evaluation`.
    errors : dict
        What `nmfamt.evaluation.classify_errors` counted.
    cost : Cost or None
        None where the notes were found elsewhere.
    """

    identity: dict[str, Any]
    scores: dict[str, float | None]
    errors: dict[str, Any]
    cost: Cost | None


def measure(task: Task, *, precision: bool, scorers: Sequence[Scorer] = ()) -> tuple[Notes, Record]:
    """Let a system transcribe a piece, and score it.

    Both sides are treated alike: notes that begin outside the part that is scored are left out, and what still sounds
    is cut off at its end.

    Parameters
    ----------
    task : Task
        Who and what.
    precision : bool
        Whether to compute the average precision of the activation, where there is one.
    scorers : sequence of Scorer
        What else to compute.

    Returns
    -------
    (Notes, Record)
        The notes, as they are scored, and what is to be kept of them.

    Raises
    ------
    NmfamtError
        If labels, audio or notes cannot be read.

    Warns
    -----
    NmfamtWarning
        If the reference holds no notes.
    """
    piece = task.piece
    reference = piece.reference()  # first: broken labels should not cost a transcription
    if not len(reference):
        warnings.warn("its reference holds no notes in the part that is scored.", NmfamtWarning, stacklevel=2)
    wall, processor = perf_counter(), process_time()
    notes, activation = task.system.notes(piece, activation=precision)
    wall, processor = perf_counter() - wall, process_time() - processor
    notes = piece.clip(notes)
    scores: dict[str, float | None] = {**evaluate(reference, notes).to_dict()}
    if len(set(reference.instruments.tolist())) > 1:
        named = set(notes.instruments.tolist()) <= set(reference.instruments.tolist())
        streams = evaluate_streams(reference, notes, assignment="named" if named else "best")
        scores |= streams.to_dict()
    if activation is not None:
        scores["average_precision"] = average_precision(reference, activation)
    for scorer in scorers:
        scores |= scorer(reference, notes)
    errors = classify_errors(reference, notes).to_dict()
    cost = None
    if task.system.works:  # the recording may be missing where only notes are read
        duration = (piece.end or audio_files.info(piece.audio).duration) - piece.start
        cost = Cost(round(duration, 3), round(wall, 3), round(processor, 3))
    return notes, Record(task.identity, scores, errors, cost)


def write_record(record: Record, path: Path) -> None:
    """Write a record, the whole file or nothing."""
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def read_record(path: Path) -> Record | None:
    """Read a record; None where there is none, or what is there is not whole."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        identity, scores, errors, cost = (known[name] for name in ("identity", "scores", "errors", "cost"))
        numbers = [*scores.values(), *(cost or {}).values()]
        if not isinstance(identity, dict) or any(not isinstance(x, int | float | None) for x in numbers):
            return None
        Errors.from_dict(errors)
        return Record(identity, scores, errors, None if cost is None else Cost(**cost))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
