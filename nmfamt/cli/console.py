"""What the command line says on stderr, and how it fails."""

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TextIO

import typer

from nmfamt.exceptions import NmfamtWarning, sentence

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Failure", "Report", "fail", "progress_bar", "reporting", "say", "spinner"]

Report = Callable[[float], None]
"""Takes the part that is done, 0 to 1."""


@dataclass(frozen=True)
class Failure:
    """Something that could not be used, and why.

    Attributes
    ----------
    what : str
        The name of the input.
    why : str
        A sentence.
    """

    what: str
    why: str


@lru_cache
def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def say(text: str) -> None:
    """Print a line on stderr, above a progress bar if there is one."""
    _console().print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


@contextmanager
def reporting(debug: bool) -> Iterator[None]:
    """Run a command: warnings become lines on stderr, errors a sentence and an exit status.

    Parameters
    ----------
    debug : bool
        Whether to print the traceback as well.

    Raises
    ------
    typer.Exit
        In place of any error, with status 1, or 130 after Ctrl-C. Wrong use of options is left to Typer.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NmfamtWarning)
        warnings.showwarning = _show_warning
        try:
            yield
        except (typer.Exit, typer.BadParameter, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            # Where an interrupt met code that runs in exec, as dataclasses are made, CPython would later die of
            # the signal although it was caught, unless another exec ends well.
            exec("")
            say("Interrupted.")
            raise typer.Exit(130) from None
        except Exception as error:
            if debug:
                say(traceback.format_exc())
            say(f"Error: {sentence(error)}")
            raise typer.Exit(1) from error


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"Warning: {message}")


def fail(failures: list[Failure], n_inputs: int) -> None:
    """List what failed, if anything did, and end with status 1.

    Raises
    ------
    typer.Exit
        If `failures` is not empty.
    """
    if not failures:
        return
    if n_inputs == 1:
        say(f"Error: {failures[0].why}")
    else:
        say(f"Error: {len(failures)} of {n_inputs} failed:")
        for failure in failures:
            say(f"  {failure.what}: {failure.why}")
    raise typer.Exit(1)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[str, float], None]]:
    """Show a bar on stderr, where that is a terminal, for as long as the block runs.

    Parameters
    ----------
    total : int
        Number of files.

    Yields
    ------
    callable
        Takes what is being done and how many files are done, fractions included.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console(), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)

        def update(description: str, done: float) -> None:
            progress.update(task, description=description, completed=done)

        yield update


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show on stderr, where that is a terminal, that something is going on."""
    if not sys.stderr.isatty():
        yield
        return
    with _console().status(text):
        yield
