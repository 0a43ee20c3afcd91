"""Systems on the pieces of a data set, scored; what is done is not done again.

A folder holds everything::

    run.json                     version, commit, settings, hashes of dictionaries, machine, times
    pieces.csv                   every score of every system on every piece
    summary.md, summary.tex      means over pieces, with significance
    errors.json, errors/*.pdf    what kinds of errors each system makes
    notes/SYSTEM/PIECE.json      the notes
    records/SYSTEM/PIECE.json    what is known of them; where both files are, the piece is done
    dictionaries/                what was learned for this run

Every file appears whole or not at all, so a run can be killed at any point and started again. A record says what it
depends on: the program, the method, the hash of the dictionary, the options of the data set. Where that is no longer
the same, nothing is mixed: the run says so, and replaces it if asked. Means are over the pieces that every system has
done. Labels and audio are known by their names: where they changed, start in another folder.

The same run gives the same bytes, apart from the times in ``run.json`` and in the records.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from nmfamt import __version__
from nmfamt.atomic import atomic_path
from nmfamt.benchmark.facts import code_hash, commit, machine
from nmfamt.benchmark.records import Record, Scorer, Task, measure, read_record, write_record
from nmfamt.benchmark.systems import System
from nmfamt.datasets import Dataset
from nmfamt.exceptions import NmfamtError
from nmfamt.jobs import Outcome, attempt, in_processes
from nmfamt.notes import Notes

__all__ = ["Failed", "Results", "run_benchmark"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Failed:
    """A piece that a system could not do, and why."""

    system: str
    piece: str
    why: str


@dataclass(frozen=True)
class Results:
    """What a benchmark found.

    Attributes
    ----------
    dataset : Dataset
        The pieces that were asked for.
    records : dict of str to dict of str to Record
        By system, then by piece, in the order in which they were asked for.
    failures : tuple of Failed
        Where there are no notes, and why.
    n_measured : int
        How many pieces were done now; the others were done before, or failed.
    """

    dataset: Dataset
    records: dict[str, dict[str, Record]]
    failures: tuple[Failed, ...]
    n_measured: int

    @property
    def common(self) -> list[str]:
        """The pieces that every system has done: means are over these."""
        done = [records.keys() for records in self.records.values()]
        return [piece.name for piece in self.dataset.pieces if all(piece.name in names for names in done)]

    def times_real_time(self, system: str) -> float | None:
        """Return seconds of audio in a second of processor time, the median over pieces; None where it is not known.

        A piece that imports and compiles as well does not move a median.
        """
        ratios = [
            record.cost.audio / max(record.cost.processor, 1e-3)
            for record in self.records[system].values()
            if record.cost
        ]
        return median(ratios) if ratios else None


def run_benchmark(
    dataset: Dataset,
    systems: Sequence[System],
    folder: Path,
    *,
    average_precision: bool = False,
    scorers: Sequence[Scorer] = (),
    n_jobs: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> Results:
    """Let systems transcribe a data set, and score them.

    Parameters
    ----------
    dataset : Dataset
        What `nmfamt.datasets.open_dataset` returned.
    systems : sequence of System
        What to compare, each with a name of its own.
    folder : Path
        Where everything is kept; it is made.
    average_precision : bool
        Whether to score activations as well; that takes more memory.
    scorers : sequence of Scorer
        What else to score; the numbers are in all tables.
    n_jobs : int
        How many pieces to work on at once.
    overwrite : bool
        Whether to replace what was made otherwise than it would be now.
    progress : callable, optional
        Called with what is worked on and how many pieces of all systems are done.
    warn : callable, optional
        Called with what systems warned of.

    Returns
    -------
    Results
        With what failed.

    Raises
    ------
    NmfamtError
        If there is nothing to do, two systems share a name, `n_jobs` is below 1, a record was made otherwise, or the
        folder cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import soundfile
    >>> from nmfamt.benchmark import prepare_methods
    >>> from nmfamt.datasets import open_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros(16000), 16000)
    ...     Notes([[0, 0.5]], [60]).write(f"{folder}/a.mid")
    ...     dataset = open_dataset("folder", folder)
    ...     systems, _ = prepare_methods(["threshold-nmf"], dataset, Path(folder))
    ...     results = run_benchmark(dataset, systems, Path(folder, "results"))
    >>> results.common, results.records["threshold-nmf"]["a"].scores["onset_f1"]
    (['a'], 0.0)
    """
    names = [system.name for system in systems]
    if not names or len(set(names)) < len(names):
        raise NmfamtError(f"The systems are {', '.join(names) or 'none'}: give one or more, each once.")
    if n_jobs < 1:
        raise NmfamtError(f"n_jobs={n_jobs} must be at least 1.")
    began, clock = datetime.now(UTC), perf_counter()
    options = {"average_precision": average_precision, "scorers": [scorer.__qualname__ for scorer in scorers]}
    tasks, known, failures = _plan(dataset, systems, folder, options, overwrite=overwrite)
    _make(folder)
    n_measured = 0
    work = partial(measure, precision=average_precision, scorers=scorers)
    for task, outcome in _outcomes(work, tasks, n_jobs, sum(map(len, known.values())), progress):
        system, piece = task.system.name, task.piece.name
        if warn:
            for doubt in outcome.warnings:
                warn(f"{system}, {piece}: {doubt}")
        if outcome.result is None:
            failures.append(Failed(system, piece, outcome.error))
            continue
        notes, known[system][piece] = outcome.result
        _keep(folder, system, piece, notes, known[system][piece])
        n_measured += 1
    order = [piece.name for piece in dataset.pieces]
    records = {name: {piece: known[name][piece] for piece in order if piece in known[name]} for name in names}
    results = Results(dataset, records, tuple(failures), n_measured)
    _write_run(results, folder, {"began": began.isoformat(timespec="seconds"), "jobs": n_jobs}, perf_counter() - clock)
    return results


def _plan(
    dataset: Dataset, systems: Sequence[System], folder: Path, options: dict[str, Any], *, overwrite: bool
) -> tuple[list[Task], dict[str, dict[str, Record]], list[Failed]]:
    """Return what is to be done, what is known, and what cannot be done."""
    tasks: list[Task] = []
    known: dict[str, dict[str, Record]] = {system.name: {} for system in systems}
    failures: list[Failed] = []
    for system in systems:
        for piece in dataset.pieces:
            own = attempt(system.identity, piece)
            if own.result is None:
                failures.append(Failed(system.name, piece.name, own.error))
                continue
            identity = {
                "version": __version__,
                "code": code_hash(),
                **own.result,
                "data_set": dataset.name,
                **dataset.options,
                "part": [piece.start, piece.end],
                **options,
            }
            record = read_record(_record_path(folder, system.name, piece.name))
            same = record is not None and record.identity == identity
            if record and same and _notes_path(folder, system.name, piece.name).is_file():
                known[system.name][piece.name] = record
            elif record is None or same or overwrite:
                tasks.append(Task(system, piece, identity))
            else:
                raise NmfamtError(_difference(record.identity, identity, system.name, piece.name, folder))
    return tasks, known, failures


def _difference(old: dict[str, Any], new: dict[str, Any], system: str, piece: str, folder: Path) -> str:
    """Return why a record is not what would be measured now."""
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    changes = ", ".join(f"{key} was {old.get(key)!r} and is {new.get(key)!r}" for key in keys)
    return (
        f"The results of {system!r} for {piece!r} in {str(folder)!r} were made otherwise ({changes}): choose another "
        "folder, or replace them with --overwrite (overwrite=True)."
    )


def _outcomes(
    work: Callable[[Task], tuple[Notes, Record]],
    tasks: Sequence[Task],
    n_jobs: int,
    n_known: int,
    progress: Progress | None,
) -> Iterator[tuple[Task, Outcome[tuple[Notes, Record]]]]:
    """Do what is to be done, saying how far it is."""
    report = progress or (lambda what, done: None)
    if n_jobs > 1 and len(tasks) > 1:
        report(f"{len(tasks)} pieces", n_known)
        for done, (index, outcome) in enumerate(in_processes(work, tasks, n_processes=n_jobs), start=1):
            report(f"{tasks[index].system.name}, {tasks[index].piece.name}", n_known + done)
            yield tasks[index], outcome
        return
    for done, task in enumerate(tasks):
        report(f"{task.system.name}, {task.piece.name}", n_known + done)
        yield task, attempt(work, task)


def _record_path(folder: Path, system: str, piece: str) -> Path:
    return folder / "records" / system / f"{piece}.json"


def _notes_path(folder: Path, system: str, piece: str) -> Path:
    return folder / "notes" / system / f"{piece}.json"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NmfamtError(
            f"The folder {str(folder)!r} cannot be made ({error.strerror}): choose another for the results."
        ) from error


def _keep(folder: Path, system: str, piece: str, notes: Notes, record: Record) -> None:
    """Write the notes, then the record, which says that they are there."""
    paths = _notes_path(folder, system, piece), _record_path(folder, system, piece)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    notes.write(paths[0], overwrite=True)
    write_record(record, paths[1])


def _write_run(results: Results, folder: Path, circumstances: dict[str, Any], seconds: float) -> None:
    """Write what was run, when and where."""
    dataset = results.dataset
    contents = {
        "nmfamt": __version__,
        "commit": commit(),
        "code": code_hash(),
        "data_set": {
            "name": dataset.name,
            "title": dataset.title,
            "split": dataset.split,
            "options": dataset.options,
            "n_official": dataset.n_official,
            "pieces": [piece.name for piece in dataset.pieces],
        },
        "systems": {name: _facts(results, name) for name in results.records},
        "failures": [vars(failure) for failure in results.failures],
        "machine": machine(),
        **circumstances,
        "seconds": round(seconds, 1),
        "n_measured": results.n_measured,
    }
    with atomic_path(folder / "run.json", overwrite=True) as temporary:
        temporary.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")


def _facts(results: Results, system: str) -> dict[str, Any]:
    """Return what a system was, and its cost: what its records have in common, and what they do not by piece."""
    records = results.records[system]
    costs = [record.cost for record in records.values() if record.cost]
    identities = [record.identity for record in records.values()]
    own = [key for key in (identities[0] if identities else ()) if key not in (*results.dataset.options, "part")]
    facts: dict[str, Any] = {}
    for key in own:
        values = {name: record.identity.get(key) for name, record in records.items()}
        same = all(value == identities[0][key] for value in values.values())
        facts[key] = identities[0][key] if same else values
    speed = results.times_real_time(system)
    return {
        **facts,
        "n_pieces": len(records),
        "audio_seconds": round(sum(cost.audio for cost in costs), 1),
        "wall_seconds": round(sum(cost.wall for cost in costs), 1),
        "processor_seconds": round(sum(cost.processor for cost in costs), 1),
        "times_real_time": None if speed is None else round(speed, 1),
    }
