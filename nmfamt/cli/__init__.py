"""The command line: recordings in, files of notes out.

Conventions: results go to files or stdout, progress and messages to stderr. The exit status is 0, 1 where
some input cannot be used, 2 where the options make no sense, and 130 after Ctrl-C. Whatever is wrong with an
input is said in a sentence; ``--debug`` shows the traceback. An output appears whole or not at all, and
replaces nothing unless ``--overwrite`` is given. The options are called as the keywords in Python are.

Each command lives in the module that is named after its subject and imports what it needs when it runs, so
that ``nmfamt --help`` answers at once.
"""

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from nmfamt import __version__
from nmfamt.cli import adaptation, benchmark, catalogue, evaluation, halves, learning, transcription

__all__ = ["main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(transcription.transcribe)
app.command()(learning.learn)
app.command()(adaptation.adapt)
app.command()(evaluation.evaluate)
app.command()(benchmark.benchmark)
app.command()(benchmark.datasets)
app.add_typer(catalogue.dictionaries)
app.add_typer(catalogue.methods)
app.command()(halves.activation)
app.command()(halves.track)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nmfamt {__version__}")
        raise typer.Exit


@app.callback()
def _nmfamt(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn recordings of music into notes, by learned spectra of single notes."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line, and end the process.

    Parameters
    ----------
    args : sequence of str, optional
        The words after the name of the program; by default those that it was called with.

    Raises
    ------
    SystemExit
        Always, with the exit status.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        app(args=None if args is None else list(args), prog_name="nmfamt")
    except KeyboardInterrupt:  # outside of a command, say while modules are imported
        sys.exit(130)


def _end(number: int, frame: FrameType | None) -> None:
    """End in good order when a batch system says so: temporary files and child processes go."""
    sys.exit(128 + number)
