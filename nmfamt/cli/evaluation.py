"""``nmfamt evaluate``: transcriptions against references."""

import json
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from nmfamt.cli.console import Failure, fail, progress_bar, reporting, say
from nmfamt.cli.options import Debug
from nmfamt.exceptions import NmfamtError
from nmfamt.jobs import attempt

__all__ = ["evaluate"]


class Assignment(StrEnum):
    """Which stream of an estimate is which instrument."""

    NAMED = "named"
    BEST = "best"


def evaluate(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="A file of notes, or a folder of them.")],
    estimate: Annotated[
        Path,
        typer.Argument(metavar="ESTIMATE", help="The same as transcribed; in folders the stems pair them."),
    ],
    streams: Annotated[
        Assignment | None,
        typer.Option(help="Score the instruments too: by their names, or by the best pairing where they have none."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every number, as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Score transcriptions against references: MIDI, CSV, JSON or TSV."""
    with reporting(debug):
        from nmfamt.summary import summarize

        pairs = _pairs(reference, estimate)
        pieces: dict[tuple[Path, Path], _Piece] = {}
        failures = []
        with progress_bar(len(pairs)) as show:
            for done, pair in enumerate(pairs):
                show(pair[0].stem, done)
                outcome = attempt(partial(_score, streams=streams), pair)
                for warning in outcome.warnings:
                    say(f"Warning: {warning}")
                if outcome.result is None:
                    failures.append(Failure(pair[0].stem, outcome.error))
                    if debug:
                        say(outcome.traceback)
                else:
                    pieces[pair] = outcome.result
        if pieces:
            summary = summarize([numbers for numbers, _ in pieces.values()])
            if as_json:
                typer.echo(json.dumps({"pieces": _plain(pieces), "summary": summary.to_dict()}, indent=1))
            else:
                typer.echo(f"{_rows(pieces)}\n\n{summary.table()}")
        fail(failures, len(pairs))


def _pairs(reference: Path, estimate: Path) -> list[tuple[Path, Path]]:
    from nmfamt.summary import pair_files

    if reference.is_dir() and estimate.is_dir():
        return pair_files(reference, estimate)
    for path in (reference, estimate):
        if not path.exists():
            raise NmfamtError(f"There is no file {str(path)!r}: the current folder is {str(Path.cwd())!r}.")
    if reference.is_dir() or estimate.is_dir():
        raise NmfamtError(f"{str(reference)!r} and {str(estimate)!r} should be two files, or two folders.")
    return [(reference, estimate)]


_Piece = tuple[dict[str, float | None], list[dict[str, Any]]]  # numbers by name, and what each instrument got


def _score(pair: tuple[Path, Path], streams: Assignment | None) -> _Piece:
    from nmfamt import evaluation, note_files

    reference, estimate = (note_files.read_notes(path) for path in pair)
    numbers = evaluation.evaluate(reference, estimate).to_dict()
    if streams is None:
        return numbers, []
    found = evaluation.evaluate_streams(reference, estimate, assignment=streams.value)
    return numbers | found.to_dict(), [asdict(stream) for stream in found.streams]


def _plain(pieces: dict[tuple[Path, Path], _Piece]) -> list[dict[str, Any]]:
    return [
        {"reference": str(reference), "estimate": str(estimate), **numbers, **({"streams": rows} if rows else {})}
        for (reference, estimate), (numbers, rows) in pieces.items()
    ]


def _rows(pieces: dict[tuple[Path, Path], _Piece]) -> str:
    """Return the F1 scores of each piece as a table to read."""
    names = [reference.stem for reference, _ in pieces]
    width = max(len("F1"), *map(len, names))
    lines = [f"{'F1':{width}}  frames   onset  +offset  +velocity  found  notes"]
    for name, (numbers, _) in zip(names, pieces.values(), strict=True):
        rates = (f"{numbers[f'{level}_f1']:{n}.3f}" for level, n in _COLUMNS.items())
        lines.append(f"{name:{width}}  {'  '.join(rates)}  {numbers['n_estimate']:5d}  {numbers['n_reference']:5d}")
    return "\n".join(lines)


_COLUMNS = {"frame": 6, "onset": 6, "offset": 7, "velocity": 9}
