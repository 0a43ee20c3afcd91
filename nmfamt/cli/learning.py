"""``nmfamt learn``: a dictionary from isolated notes, or from music whose notes are known."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmfamt.cli.console import reporting, say, spinner
from nmfamt.cli.files import check_target
from nmfamt.cli.options import Debug, Overwrite, check_method
from nmfamt.exceptions import NmfamtError
from nmfamt.methods import DEFAULT, find_method

if TYPE_CHECKING:
    from nmfamt.spectrogram import Settings

__all__ = ["learn"]

_COMPONENTS = 3  # templates for each pitch, unless another number is asked for


class PitchFrom(StrEnum):
    """What says which note a file holds."""

    name = "name"
    audio = "audio"


def learn(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DICT.npz", help="The file to write.")],
    notes: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="NOTES...",
            help="Recordings of single notes, or folders of them, called by their pitch as C4.wav or "
            "060.wav; or a folder with a labels.csv of file,pitch.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the dictionary and its instrument. By default that of the file."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The spectrogram to learn on, in JSON as `dictionaries show` prints it."),
    ] = None,
    components: Annotated[int, typer.Option(min=2, metavar="N", help="Templates for each pitch.")] = _COMPONENTS,
    pitch_from: Annotated[PitchFrom, typer.Option(help="What says which note a file holds.")] = PitchFrom.name,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            callback=check_method,
            help="For which method: the default and others that need a dictionary share one, those that need isolated "
            "notes have their own.",
        ),
    ] = DEFAULT,
    music: Annotated[
        list[Path] | None,
        typer.Option(metavar="AUDIO", help="A recording whose notes are known. Repeat it, with its --labels."),
    ] = None,
    labels: Annotated[list[Path] | None, typer.Option(metavar="MIDI|TSV", help="The notes of a --music.")] = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Learn what the notes of an instrument look like."""
    recordings = list(zip(music or [], labels or [], strict=False))
    _check_sources(n_notes=len(notes or []), n_music=len(music or []), n_labels=len(labels or []))
    if recordings and pitch_from is PitchFrom.audio:
        raise typer.BadParameter("--pitch-from is for single notes; the notes of --music stand in --labels.")
    name = output.stem if name is None else name
    with reporting(debug):
        check_target(output, overwrite=overwrite)
        recipe = find_method(method)
        if recipe.needs == "nothing":
            raise NmfamtError(f"The method {method!r} needs nothing to be learned: transcribe with it as it is.")
        if recipe.learn is not None:
            if recordings or settings is not None or components != _COMPONENTS:
                raise NmfamtError(
                    f"The method {method!r} learns from isolated notes, on the spectrogram of its paper: leave out "
                    "--music, --settings and --components."
                )
            with spinner("Learning ..."):
                learned = recipe.learn(notes, name=name, pitch_from=pitch_from.value)
            learned.save(output, overwrite=overwrite)
            say(f"Wrote {output}: {_counted(learned)}, for --method {method}")
            return
        chosen = None if settings is None else _read_settings(settings)
        with spinner("Learning ..."):
            if recordings:
                from nmfamt.learning_music import learn_dictionary_from_music

                dictionary = learn_dictionary_from_music(
                    recordings, settings=chosen, name=name, n_components=components
                )
            else:
                from nmfamt.learning import learn_dictionary

                dictionary = learn_dictionary(
                    notes or [],
                    settings=chosen,
                    name=name,
                    n_components=components,
                    pitch_from=pitch_from.value,
                )
        dictionary.save(output, overwrite=overwrite)
        say(f"Wrote {output}: {_counted(dictionary)}")


def _counted(learned: Any) -> str:
    """Say how many pitches a dictionary, or what a method learned, has."""
    n_pitches = len(set(learned.pitches.tolist()))
    n_filled = len(set(learned.pitches[learned.filled].tolist()))
    count = "1 pitch" if n_pitches == 1 else f"{n_pitches} pitches"
    return count + (f", {n_filled} of them made from their neighbours" if n_filled else "")


def _check_sources(*, n_notes: int, n_music: int, n_labels: int) -> None:
    if n_music != n_labels:
        raise typer.BadParameter(f"{n_music} --music and {n_labels} --labels were given: each needs the other.")
    if bool(n_notes) == bool(n_music):
        raise typer.BadParameter("Give either single notes, NOTES, or pairs of --music and --labels.")


def _read_settings(path: Path) -> "Settings":
    from nmfamt.spectrogram import settings_from_dict

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NmfamtError(f"There is no file {str(path)!r}: name a JSON file of settings.") from None
    except OSError as error:
        raise NmfamtError(f"{str(path)!r} cannot be opened: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise NmfamtError(
            f"{str(path)!r} is not JSON ({error}): write settings as `dictionaries show` does."
        ) from error
    if not isinstance(values, dict):
        raise NmfamtError(f"{str(path)!r} holds no settings: write them as `nmfamt dictionaries show` does.")
    return settings_from_dict(values)
