"""``nmfamt evaluate``: transcriptions against references."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmfamt.cli.console import Failure, fail, progress_bar, reporting, say
from nmfamt.cli.jobs import attempt
from nmfamt.cli.options import Debug
from nmfamt.exceptions import NmfamtError

if TYPE_CHECKING:
    from nmfamt.evaluation import Scores

__all__ = ["evaluate"]


def evaluate(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="A file of notes, or a folder of them.")],
    estimate: Annotated[
        Path,
        typer.Argument(metavar="ESTIMATE", help="The same as transcribed; in folders the stems pair them."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print every number, as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Score transcriptions against references: MIDI, CSV, JSON or TSV."""
    with reporting(debug):
        from nmfamt.summary import summarize

        pairs = _pairs(reference, estimate)
        scores: dict[tuple[Path, Path], Scores] = {}
        failures = []
        with progress_bar(len(pairs)) as show:
            for done, pair in enumerate(pairs):
                show(pair[0].stem, done)
                outcome = attempt(_scores, pair)
                for warning in outcome.warnings:
                    say(f"Warning: {warning}")
                if outcome.result is None:
                    failures.append(Failure(pair[0].stem, outcome.error))
                    if debug:
                        say(outcome.traceback)
                else:
                    scores[pair] = outcome.result
        if scores:
            summary = summarize(list(scores.values()))
            if as_json:
                typer.echo(json.dumps({"pieces": _plain(scores), "summary": summary.to_dict()}, indent=1))
            else:
                typer.echo(f"{_rows(scores)}\n\n{summary.table()}")
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


def _scores(pair: tuple[Path, Path]) -> "Scores":
    from nmfamt.evaluation import evaluate

    return evaluate(*pair)


def _plain(scores: "dict[tuple[Path, Path], Scores]") -> list[dict[str, float | str | None]]:
    return [
        {"reference": str(reference), "estimate": str(estimate), **found.to_dict()}
        for (reference, estimate), found in scores.items()
    ]


def _rows(scores: "dict[tuple[Path, Path], Scores]") -> str:
    """Return the F1 scores of each piece as a table to read."""
    names = [reference.stem for reference, _ in scores]
    width = max(len("F1"), *map(len, names))
    lines = [f"{'F1':{width}}  frames   onset  +offset  +velocity  found  notes"]
    for name, found in zip(names, scores.values(), strict=True):
        f1 = f"{found.frame_f1:6.3f}  {found.onset_f1:6.3f}  {found.offset_f1:7.3f}  {found.velocity_f1:9.3f}"
        lines.append(f"{name:{width}}  {f1}  {found.n_estimate:5d}  {found.n_reference:5d}")
    return "\n".join(lines)
