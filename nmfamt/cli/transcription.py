"""``nmfamt transcribe``: recordings in, notes out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmfamt.cli.console import Failure, fail, progress_bar, reporting, say
from nmfamt.cli.files import Job, find_recordings, plan
from nmfamt.cli.options import (
    Adapt,
    Debug,
    Device,
    DeviceName,
    DictionaryNames,
    End,
    Equalizer,
    Fmax,
    Fmin,
    Format,
    MethodName,
    MinDuration,
    Overwrite,
    Polyphony,
    Sensitivity,
    Start,
    Tuning,
    check_spans,
    number,
)
from nmfamt.exceptions import NmfamtError
from nmfamt.jobs import Outcome, attempt, in_processes
from nmfamt.methods import DEFAULT

if TYPE_CHECKING:
    from nmfamt.notes import Notes

__all__ = ["announce", "announce_choice", "chosen_dictionary", "parse_tempo", "transcribe"]

parse_tempo = number(4, 1000, "a number of beats per minute, 4 to 1000")


def _tempo(text: str | None) -> str | None:
    if text not in (None, "auto"):
        parse_tempo(text)
    return text


def transcribe(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="Recordings, or folders of them.")],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="A file for one recording, a folder for several. By default the notes go beside each "
            "recording, in STEM.mid.",
        ),
    ] = None,
    dictionary: DictionaryNames = None,
    method: MethodName = DEFAULT,
    format: Format = None,
    device: Device = DeviceName.cpu,
    sensitivity: Sensitivity = None,
    min_duration: MinDuration = None,
    fmin: Fmin = None,
    fmax: Fmax = None,
    tuning: Tuning = "auto",
    equalizer: Equalizer = True,
    adapt: Adapt = True,
    polyphony: Polyphony = None,
    start: Start = 0.0,
    end: End = None,
    tempo: Annotated[
        str | None,
        typer.Option(
            metavar="BPM|auto",
            callback=_tempo,
            help="Where a score editor puts the bars of a MIDI file; auto listens for the beat. By default 120.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="How many recordings to work on at once.")] = 1,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out recordings whose notes are there already.")
    ] = False,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Transcribe recordings into MIDI, CSV or JSON."""
    check_spans(fmin=fmin, fmax=fmax, start=start, end=end)
    if skip_existing and overwrite:
        raise typer.BadParameter("--skip-existing and --overwrite contradict each other: give one of them.")
    with reporting(debug):
        recordings, failures = find_recordings(inputs)
        n_inputs = len(recordings) + len(failures)
        planned = plan(inputs, recordings, output, format)
        if tempo is not None and any(job.format != "mid" for job in planned):
            raise typer.BadParameter("--tempo has a meaning in MIDI alone: leave it out.")
        waiting = _waiting(planned, failures, skip_existing=skip_existing, overwrite=overwrite)
        work = partial(
            _notes_of,
            tempo=tempo,
            dictionary=chosen_dictionary(dictionary, method) if waiting else None,
            method=method,
            device=device.value,
            sensitivity=sensitivity,
            min_duration=min_duration,
            fmin=fmin,
            fmax=fmax,
            tuning=tuning,
            equalizer=equalizer,
            adapt=adapt,
            polyphony=polyphony,
            start=start,
            end=end,
        )
        with progress_bar(len(waiting)) as show:
            for job, outcome in _outcomes(work, waiting, jobs, show):
                failures += _settle(job, outcome, overwrite=overwrite, debug=debug)
        fail(failures, n_inputs)


def chosen_dictionary(names: Sequence[str] | None, method: str) -> Any:
    """Return what a method needs to know of the notes, as `nmfamt.transcription.prepare_dictionary` does.

    Raises
    ------
    NmfamtError
        If there is none of a name, they do not go together, or the method needs another kind.
    """
    from nmfamt.transcription import AUTO, prepare_dictionary

    if names and AUTO in names and len(names) > 1:
        raise NmfamtError("--dictionary auto finds out how many instruments play: give it alone.")
    return prepare_dictionary(names[0] if names and len(names) == 1 else names, method=method)


def announce_choice(info: dict[str, Any], source: Path) -> None:
    """Say which dictionaries were chosen, and how well they explain the recording, where that was asked for."""
    choice = info.get("dictionary_choice")
    if choice:
        names = choice["dictionaries"]
        verb = "explains" if len(names) == 1 else "explain"
        others = ", ".join(name for name in choice["alone"] if name not in names)
        say(f"{source.name}: {' + '.join(names)} {verb} {100 * choice['explained']:.0f} % of it; next best: {others}")


def announce(notes: "Notes", source: Path, target: Path, format: str) -> None:
    """Say what was written."""
    from nmfamt.pitch import pitch_to_name

    kind = {"mid": "MIDI", "csv": "CSV", "json": "JSON", "tsv": "TSV"}[format]
    if not len(notes):
        say(f"No notes found in {source}: wrote an empty {kind} file, {target}")
        return
    low, high = pitch_to_name(notes.pitches.min()), pitch_to_name(notes.pitches.max())
    count = "1 note" if len(notes) == 1 else f"{len(notes)} notes"
    say(f"Wrote {target}: {count}, {low} to {high}")


def _waiting(planned: Sequence[Job], failures: list[Failure], *, skip_existing: bool, overwrite: bool) -> list[Job]:
    """Return what is left to do; what may not be replaced is a failure, or skipped."""
    waiting = []
    for job in planned:
        if not job.target.exists() or overwrite:
            waiting.append(job)
        elif skip_existing:
            say(f"Skipped {job.source}: {job.target} exists")
        else:
            why = f"{str(job.target)!r} exists already: --overwrite replaces it, --skip-existing keeps it."
            failures.append(Failure(str(job.source), why))
    return waiting


@dataclass(frozen=True)
class _Transcription:
    """Notes and the tempo to write them with."""

    notes: "Notes"
    tempo: float | None


def _notes_of(
    job: Job, *, tempo: str | None, progress: Callable[[float], None] | None = None, **options: Any
) -> _Transcription:
    """Transcribe one recording; `options` are those of `nmfamt.transcription.transcribe`."""
    from nmfamt import transcription
    from nmfamt.tempo import estimate_tempo

    notes = transcription.transcribe(job.source, progress=progress, **options)
    if tempo == "auto":
        heard = estimate_tempo(job.source, start=options["start"], end=options["end"]) if len(notes) else None
    else:
        heard = None if tempo is None else float(tempo)
    return _Transcription(notes, heard)


def _outcomes(
    work: Callable[..., _Transcription],
    waiting: Sequence[Job],
    n_processes: int,
    show: Callable[[str, float], None],
) -> Iterator[tuple[Job, Outcome[_Transcription]]]:
    """Do the work on every job, showing how far it is."""
    if n_processes > 1 and len(waiting) > 1:
        show(f"{len(waiting)} recordings", 0.0)
        for done, (index, outcome) in enumerate(in_processes(work, waiting, n_processes=n_processes), start=1):
            show(f"{len(waiting)} recordings", done)
            yield waiting[index], outcome
        return
    for done, job in enumerate(waiting):

        def progress(part: float, name: str = job.source.name, before: int = done) -> None:
            show(name, before + part)

        progress(0.0)
        yield job, attempt(partial(work, progress=progress), job)


def _settle(job: Job, outcome: Outcome[_Transcription], *, overwrite: bool, debug: bool) -> list[Failure]:
    """Write what was found, or return why not."""
    for warning in outcome.warnings:
        say(f"Warning: {warning}")
    last = outcome if outcome.result is None else attempt(partial(_write, outcome.result, overwrite=overwrite), job)
    if not last.error:
        return []
    if debug:
        say(last.traceback)
    return [Failure(str(job.source), last.error)]


def _write(found: _Transcription, job: Job, *, overwrite: bool) -> None:
    job.target.parent.mkdir(parents=True, exist_ok=True)
    announce_choice(found.notes.info, job.source)
    found.notes.write(job.target, format=job.format, tempo=found.tempo, overwrite=overwrite)
    announce(found.notes, job.source, job.target, job.format)
