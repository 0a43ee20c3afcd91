"""``nmfamt activation`` and ``nmfamt track``: the two halves of a transcription."""

from pathlib import Path
from typing import Annotated

import typer

from nmfamt.cli.console import progress_bar, reporting, say
from nmfamt.cli.files import check_target, format_of
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
)
from nmfamt.cli.transcription import announce, announce_choice, chosen_dictionary, parse_tempo
from nmfamt.methods import DEFAULT

__all__ = ["activation", "track"]


def activation(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="A.npz", help="The file to write.")],
    dictionary: DictionaryNames = None,
    method: MethodName = DEFAULT,
    device: Device = DeviceName.cpu,
    fmin: Fmin = None,
    fmax: Fmax = None,
    tuning: Tuning = "auto",
    equalizer: Equalizer = True,
    adapt: Adapt = True,
    polyphony: Polyphony = None,
    start: Start = 0.0,
    end: End = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Find how strongly each pitch sounds over time: the first half of transcribe."""
    check_spans(fmin=fmin, fmax=fmax, start=start, end=end)
    with reporting(debug):
        from nmfamt.transcription import activate

        check_target(output, overwrite=overwrite)
        chosen = chosen_dictionary(dictionary, method)
        with progress_bar(1) as show:
            found = activate(
                source,
                dictionary=chosen,
                method=method,
                device=device.value,
                fmin=fmin,
                fmax=fmax,
                tuning=tuning,
                equalizer=equalizer,
                adapt=adapt,
                polyphony=polyphony,
                start=start,
                end=end,
                progress=lambda part: show(source.name, part),
            )
        announce_choice(found.info, source)
        found.save(output, overwrite=overwrite)
        say(f"Wrote {output}: {len(found.pitches)} pitches, {len(found.times)} frames")


def track(
    source: Annotated[Path, typer.Argument(metavar="A.npz", help="What `nmfamt activation` wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The file of notes to write.")],
    method: MethodName = DEFAULT,
    format: Format = None,
    sensitivity: Sensitivity = None,
    min_duration: MinDuration = None,
    polyphony: Polyphony = None,
    tempo: Annotated[
        float | None,
        typer.Option(
            metavar="BPM",
            parser=parse_tempo,
            help="Where a score editor puts the bars of a MIDI file. By default 120.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Decide which notes were played: the second half of transcribe."""
    chosen = format_of(output, format)
    if tempo is not None and chosen != "mid":
        raise typer.BadParameter("--tempo has a meaning in MIDI alone: leave it out.")
    with reporting(debug):
        from nmfamt import transcription
        from nmfamt.activation import PitchActivation

        check_target(output, overwrite=overwrite)
        notes = transcription.track(
            PitchActivation.load(source),
            method=method,
            sensitivity=sensitivity,
            min_duration=min_duration,
            polyphony=polyphony,
        )
        notes.write(output, format=chosen, tempo=tempo, overwrite=overwrite)
        announce(notes, source, output, chosen)
