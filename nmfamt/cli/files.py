"""Which files are read and which are written, settled before any work is done."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from nmfamt.cli.console import Failure
from nmfamt.cli.options import FormatName
from nmfamt.exceptions import NmfamtError, sentence

__all__ = ["Job", "check_target", "find_recordings", "format_of", "plan"]


@dataclass(frozen=True)
class Job:
    """A recording and the file of notes to be made of it.

    Attributes
    ----------
    source, target : Path
        The two files.
    format : str
        What the target is: ``mid``, ``csv``, ``json`` or ``tsv``.
    """

    source: Path
    target: Path
    format: str


def find_recordings(inputs: Sequence[Path]) -> tuple[list[Path], list[Failure]]:
    """Return the recordings that files and folders stand for, and the folders that hold none.

    Files are not looked at: whether they can be read is seen when they are.
    """
    from nmfamt.audio_files import find_audio

    found, failures = [], []
    for path in inputs:
        try:
            found += find_audio(path) if path.is_dir() else [path]
        except NmfamtError as error:
            failures.append(Failure(str(path), sentence(error)))
    return found, failures


def plan(
    inputs: Sequence[Path], recordings: Sequence[Path], output: str | None, format: FormatName | None
) -> list[Job]:
    """Return where the notes of each recording go.

    Parameters
    ----------
    inputs : sequence of Path
        What the user named: a single file may have an output file, anything else needs a folder.
    recordings : sequence of Path
        What `find_recordings` made of it.
    output : str, optional
        A file, or a folder that exists or is to be made. By default the notes go beside the recordings.
    format : FormatName, optional
        By default what the name of the output says, or MIDI.

    Raises
    ------
    typer.BadParameter
        If `output` cannot be what it has to be.
    NmfamtError
        If two recordings would make the same file, or a folder cannot be written to.
    """
    single = len(inputs) == 1 and not inputs[0].is_dir()
    if output is not None and single and not Path(output).is_dir() and not output.endswith(("/", os.sep)):
        jobs = [Job(path, Path(output), format_of(Path(output), format)) for path in recordings]
    else:
        if output is not None and (Path(output).is_file() or _known(Path(output))):
            raise typer.BadParameter(f"-o {output}: several recordings, or a folder of them, need a folder.")
        chosen = "mid" if format is None else format.value
        jobs = [
            Job(path, (path.parent if output is None else Path(output)) / f"{path.stem}.{chosen}", chosen)
            for path in recordings
        ]
    _check_distinct(jobs)
    for folder in sorted({job.target.parent for job in jobs}):
        _check_folder(folder)
    return jobs


def format_of(output: Path, format: FormatName | None) -> str:
    """Return the format of an output file.

    Raises
    ------
    typer.BadParameter
        If neither its name nor `format` tells, or they contradict each other.
    """
    named = _known(output)
    if format is None and named is None:
        raise typer.BadParameter(
            f"-o {output} does not tell its format: end it in .mid, .csv or .json, give --format, or "
            "end the name of a folder in '/'."
        )
    if format is not None and named not in (None, format.value):
        raise typer.BadParameter(f"-o {output} contradicts --format {format.value}: leave one of them out.")
    return named or str(format)


def _known(path: Path) -> str | None:
    from nmfamt.note_files import SUFFIXES

    return SUFFIXES.get(path.suffix.lower())


def _check_distinct(jobs: Sequence[Job]) -> None:
    made: dict[str, Path] = {}
    for job in jobs:
        target = os.path.normcase(job.target.resolve())
        if target in made:
            raise NmfamtError(
                f"{str(made[target])!r} and {str(job.source)!r} would both make {str(job.target)!r}: "
                "transcribe them one by one, or into different folders."
            )
        made[target] = job.source


def _check_folder(folder: Path) -> None:
    """Refuse a folder in which nothing can be written, without making it yet."""
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise NmfamtError(f"{str(folder)!r} cannot be a folder, {str(existing)!r} is a file: name another.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise NmfamtError(f"{str(existing)!r} cannot be written to: name a folder with -o where you may write.")


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse an output that exists, or that cannot be written, before it is worked for.

    Raises
    ------
    NmfamtError
        If `target` exists and may not be replaced, or its folder cannot be written to.
    """
    if target.exists() and not overwrite:
        raise NmfamtError(f"{str(target)!r} exists already: replace it with --overwrite.")
    if not target.parent.exists():
        raise NmfamtError(f"There is no folder {str(target.parent)!r}: make it first.")
    _check_folder(target.parent)
