"""``nmfamt dictionaries`` and ``nmfamt methods``: what there is to choose from."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmfamt.cli.console import Failure, fail, reporting
from nmfamt.cli.options import Debug
from nmfamt.jobs import attempt
from nmfamt.methods import DEFAULT, METHODS, find_method

if TYPE_CHECKING:
    from nmfamt.dictionary import Dictionary

__all__ = ["dictionaries", "methods"]

dictionaries = typer.Typer(name="dictionaries", help="List the dictionaries, or show one.")
methods = typer.Typer(name="methods", help="List the methods, or show one.")


@dictionaries.callback(invoke_without_command=True)
def _list_dictionaries(context: typer.Context, debug: Debug = False) -> None:
    if context.invoked_subcommand is not None:
        return
    with reporting(debug):
        from nmfamt.dictionary import list_dictionaries, load_dictionary

        known = list_dictionaries()
        failures = []
        for name in known:
            outcome = attempt(load_dictionary, name)
            if outcome.result is None:
                failures.append(Failure(name, outcome.error))
            else:
                typer.echo(f"{name:20} {_range(outcome.result)}")
        fail(failures, len(known))


@dictionaries.command("show")
def _show_dictionary(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from the list, or a file.")],
    debug: Debug = False,
) -> None:
    """Print the facts about a dictionary, and its card if it has one."""
    with reporting(debug):
        from nmfamt.dictionary import list_dictionaries, load_dictionary

        dictionary = load_dictionary(name)
        path = list_dictionaries().get(name, Path(name))
        filled = set(dictionary.pitches[dictionary.filled].tolist())
        facts = {
            "file": path,
            "instruments": ", ".join(sorted(set(dictionary.instruments.tolist()))),
            "range": _range(dictionary),
            "filled in": f"{len(filled)} of the pitches, from their neighbours",
            "templates": len(dictionary.pitches),
            "latency": f"{1000 * dictionary.latency:.1f} ms from an onset to its peak",
            "lateness": "not known"
            if dictionary.lateness is None
            else "{:.1f} ms of onsets, {:.1f} ms of offsets".format(*(1000 * late for late in dictionary.lateness)),
            "settings": json.dumps(dictionary.settings.to_dict()),
            "hash": dictionary.hash,
        }
        typer.echo(f"{dictionary.name}\n")
        for fact, value in facts.items():
            typer.echo(f"{fact:12} {value}")
        card = path.with_suffix(".md")
        if card.is_file():
            typer.echo(f"\n{card.read_text(encoding='utf-8').rstrip()}")


def _range(dictionary: "Dictionary") -> str:
    from nmfamt.pitch import pitch_to_name

    pitches = sorted(set(dictionary.pitches.tolist()))
    low, high = pitch_to_name(pitches[0]), pitch_to_name(pitches[-1])
    return f"{low} to {high}, {len(pitches)} {'pitch' if len(pitches) == 1 else 'pitches'}"


@methods.callback(invoke_without_command=True)
def _list_methods(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        from nmfamt.methods.description import measured

        for name, method in METHODS.items():
            typer.echo(f"{name}{' (default)' * (name == DEFAULT)}: {method.title}")
            typer.echo(_wrapped(method.citation, "  "))
            found = measured(method)
            typer.echo(f"  needs {method.needs}" + (f"; {found.speed:.0f} times real time" if found else ""))
            for recordings, scores in found.f1.items() if found else ():
                onset, offset, frame = scores
                typer.echo(f"  {recordings:10} onset {onset:.3f}   onset + offset {offset:.3f}   frame {frame:.3f}")


@methods.command("show")
def _show_method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from the list.")], debug: Debug = False
) -> None:
    """Print what a method does, needs and costs, and how to cite it."""
    with reporting(debug):
        from nmfamt.methods.description import departures, parameters

        method = find_method(name)
        typer.echo(f"{method.name}: {method.title}\n\n{_wrapped(method.summary)}\n")
        _numbered(method.equations)
        for fact in ("needs", "limits", "citation"):
            typer.echo(_wrapped(f"{fact:10}{getattr(method, fact)}", indent=" " * 10, first=""))
        stage = None
        for parameter in parameters(method):
            if parameter.stage != stage:
                stage = parameter.stage
                typer.echo(f"\n{stage}")
            named = f"{parameter.name} = {parameter.value}" if parameter.value else parameter.name
            typer.echo(_wrapped(f"{named}: {parameter.text}", indent="      ", first="  "))
        departed = departures(method)
        if departed:
            typer.echo("\nDepartures from the paper")
            _numbered(departed)
        typer.echo(method.bibtex if departed else f"\n{method.bibtex}")


def _numbered(items: Sequence[str]) -> None:
    for number, item in enumerate(items, start=1):
        typer.echo(_wrapped(f"{number}. {item}", indent="   ", first=""))
    typer.echo()


def _wrapped(text: str, indent: str = "", first: str | None = None) -> str:
    return textwrap.fill(text, 88, initial_indent=indent if first is None else first, subsequent_indent=indent)
