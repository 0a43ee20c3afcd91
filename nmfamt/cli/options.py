"""The options that several commands share, and how they are read."""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from nmfamt.exceptions import NmfamtError
from nmfamt.methods import METHODS

__all__ = [
    "Adapt",
    "Debug",
    "Device",
    "DeviceName",
    "DictionaryNames",
    "End",
    "Equalizer",
    "Fmax",
    "Fmin",
    "Format",
    "FormatName",
    "MethodName",
    "MinDuration",
    "Overwrite",
    "Polyphony",
    "Sensitivity",
    "Start",
    "Tuning",
    "check_method",
    "check_spans",
    "number",
    "parse_frequency",
    "parse_tuning",
]


class FormatName(StrEnum):
    """What a file of notes may be."""

    mid = "mid"
    csv = "csv"
    json = "json"


class DeviceName(StrEnum):
    """Where the arithmetic is done."""

    cpu = "cpu"
    cuda = "cuda"


def number(low: float, high: float, meaning: str, *, inclusive: bool = True) -> Callable[[str], float]:
    """Return a parser of numbers in a range, which says `meaning` to whatever is not one.

    Examples
    --------
    >>> number(0, 1, "a share")("0.5")
    0.5
    """

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low <= value <= high) or (not inclusive and value in (low, high)):
            raise typer.BadParameter(f"{text!r} is not {meaning}.")
        return value

    return parse


def parse_frequency(text: str) -> float:
    """Return the frequency in Hz that is written as a number or as the name of a note.

    Raises
    ------
    typer.BadParameter
        If it is neither.

    Examples
    --------
    >>> parse_frequency("A4"), parse_frequency("27.5")
    (440.0, 27.5)
    """
    from nmfamt.pitch import name_to_pitch, pitch_to_hz

    try:
        return pitch_to_hz(name_to_pitch(text))
    except NmfamtError:
        return number(0, 1e6, "a frequency in Hz, such as 27.5, or a note, such as A0 or Bb3", inclusive=False)(text)


def parse_tuning(text: str) -> float | str:
    """Return a tuning that is written as a number of cents, or as auto.

    Raises
    ------
    typer.BadParameter
        If it is neither.

    Examples
    --------
    >>> parse_tuning("-31"), parse_tuning("auto")
    (-31.0, 'auto')
    """
    return "auto" if text == "auto" else number(-200, 200, "auto, or a number of cents from -200 to 200")(text)


def check_spans(*, fmin: float | None, fmax: float | None, start: float, end: float | None) -> None:
    """Refuse ranges that hold nothing.

    Raises
    ------
    typer.BadParameter
        If an upper limit is below the lower one.
    """
    if fmin is not None and fmax is not None and fmax < fmin:
        raise typer.BadParameter(f"--fmax, {fmax:g} Hz, is below --fmin, {fmin:g} Hz.")
    if end is not None and end <= start:
        raise typer.BadParameter(f"--end, {end:g} s, is not after --start, {start:g} s.")


def check_method(name: str) -> str:
    """Return the name of a method.

    Raises
    ------
    typer.BadParameter
        If there is none of that name.
    """
    if name not in METHODS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(METHODS)}.")
    return name


_SECONDS = number(0, 1e9, "a number of seconds, 0 or more")

Adapt = Annotated[
    bool,
    typer.Option("--adapt/--no-adapt", help="Adapt the dictionary to the recording by what is found at its beginning."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
DictionaryNames = Annotated[
    list[str] | None,
    typer.Option(
        "--dictionary",
        metavar="NAME|FILE",
        help="What the notes look like: a name from `nmfamt dictionaries`, or a file; by default piano. "
        "Repeat it for several instruments, or let auto find out which of those that ship fit best. Methods that need "
        "isolated notes take a folder of them, or what `nmfamt learn --method` wrote.",
    ),
]
End = Annotated[
    float | None, typer.Option(metavar="SECONDS", parser=_SECONDS, help="Where to stop. By default the end.")
]
Equalizer = Annotated[
    bool,
    typer.Option(
        "--equalizer/--no-equalizer", help="Equalize the dictionary to sound as in the recording, estimated from it."
    ),
]
Fmax = Annotated[
    float | None,
    typer.Option(metavar="HZ|NOTE", parser=parse_frequency, help="The highest note to look for, as C8 or 4186."),
]
Fmin = Annotated[
    float | None,
    typer.Option(metavar="HZ|NOTE", parser=parse_frequency, help="The lowest note to look for, as A0 or 27.5."),
]
Format = Annotated[
    FormatName | None,
    typer.Option(help="What to write. By default what the name of the output says, or mid."),
]
MethodName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=check_method,
        help=f"One of {', '.join(METHODS)}; `nmfamt methods` describes them.",
    ),
]
MinDuration = Annotated[
    float | None, typer.Option(metavar="SECONDS", parser=_SECONDS, help="Leave out notes shorter than this.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Polyphony = Annotated[int | None, typer.Option(min=1, help="How many notes may sound at once.")]
Sensitivity = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        parser=number(0, 1, "a number between 0 and 1", inclusive=False),
        help="Between 0 and 1: higher finds more notes, and more wrong ones. A note is kept when its "
        "confidence is at least 1 - X.",
    ),
]
Start = Annotated[float, typer.Option(metavar="SECONDS", parser=_SECONDS, help="Where to begin.")]
Tuning = Annotated[
    Any,
    typer.Option(
        metavar="CENTS|auto",
        parser=parse_tuning,
        help="How far the recording lies above the dictionary, such as 8 for 442 Hz or -101 for 415 Hz; auto estimates "
        "it.",
    ),
]
