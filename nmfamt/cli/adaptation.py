"""``nmfamt adapt``: a dictionary made to fit an instrument of which little is known."""

from pathlib import Path
from typing import Annotated

import typer

from nmfamt.cli.console import reporting, say, spinner
from nmfamt.cli.files import check_target
from nmfamt.cli.learning import PitchFrom
from nmfamt.cli.options import Debug, Overwrite, number

__all__ = ["adapt"]


def adapt(
    dictionary: Annotated[str, typer.Argument(metavar="DICTIONARY", help="Where to start: a shipped name, or a file.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DICT.npz", help="The file to write.")],
    notes: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="NOTES...",
            help="A few recordings of single notes, or folders of them, named as for `nmfamt learn`.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the dictionary and its instrument. By default that of the file."),
    ] = None,
    pitch_from: Annotated[PitchFrom, typer.Option(help="What says which note a file holds.")] = PitchFrom.name,
    music: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="AUDIO", help="A recording to adapt to, in place of single notes. With --labels repeat it for more."
        ),
    ] = None,
    labels: Annotated[
        list[Path] | None, typer.Option(metavar="MIDI|TSV", help="The notes of a --music, as far as they are known.")
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            parser=number(0, float("inf"), "a time in seconds, such as 10", inclusive=False),
            help="Up to when the --labels are complete and right.",
        ),
    ] = None,
    align: Annotated[
        bool, typer.Option("--align", help="The --labels are a score: bring it into time with the recording first.")
    ] = False,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Make a dictionary fit an instrument: from a few notes, or from a recording."""
    if bool(notes) == bool(music):
        raise typer.BadParameter("Give either single notes, NOTES, or recordings, --music.")
    if labels and len(labels) != len(music or []):
        raise typer.BadParameter(f"{len(music or [])} --music and {len(labels)} --labels were given: pair them.")
    if until is not None and not labels:
        raise typer.BadParameter("--until says how far --labels reach: give them, too.")
    if align and (not labels or until is not None):
        raise typer.BadParameter("--align is for --labels that are a score of all of the recording, without --until.")
    with reporting(debug):
        from nmfamt.adaptation import adapt_dictionary

        check_target(output, overwrite=overwrite)
        with spinner("Adapting ..."):
            adapted = adapt_dictionary(
                dictionary,
                notes or None,
                music=music or None,
                labels=labels or None,
                until=until,
                align=align,
                name=output.stem if name is None else name,
                pitch_from=pitch_from.value,
            )
        adapted.save(output, overwrite=overwrite)
        n_known = len(set(adapted.pitches[~adapted.filled].tolist()))
        n_all = len(set(adapted.pitches.tolist()))
        known = f", {n_known} of them as recorded" if notes or labels else ""
        say(f"Wrote {output}: {n_all} pitches of {dictionary}{known}")
