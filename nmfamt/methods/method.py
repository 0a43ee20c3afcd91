"""What a named way to transcribe is: a paper, and the stages that carry out what it describes."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Method", "Needs", "load_or_learn"]

Needs = Literal["nothing", "a dictionary", "isolated notes"]


@dataclass(frozen=True)
class Method:
    """A named way to transcribe.

    Attributes
    ----------
    name : str
        As ``--method`` and ``transcribe(method=)`` take it: author, year, and what tells two of one paper apart.
    title : str
        What it is, in a few words.
    summary : str
        What it does, in a sentence or two.
    citation : str
        Authors, year, title and venue of the paper that it carries out.
    bibtex : str
        The same, to be pasted.
    needs : str
        What has to be there before it can be used.
    equations : tuple of str
        Its steps in words, one sentence or formula each, in the order in which they are done.
    limits : str
        What it cannot do, and where it fails.
    front_end : callable
        ``front_end(fmin=, fmax=, polyphony=, tuning=)`` returns the front end with the settings of the paper; only the
        options that were given are passed. Where a dictionary or isolated notes are needed, what was learned from them
        comes first.
    tracker : callable
        ``tracker(sensitivity=, min_duration=)`` returns the tracker of the paper; only the options that were given are
        passed. A sensitivity lies between 0 and 1, and 0.5 is the setting of the paper.
    learn : callable, optional
        Where isolated notes are needed: ``learn(source)`` returns what the front end takes first, from a folder of them
        or from a file that was learned before.
    adapts : bool
        Whether it can be adapted to the recording; then ``front_end(equalizer=)`` is passed as well.
    """

    name: str
    title: str
    summary: str
    citation: str
    bibtex: str
    needs: Needs
    equations: tuple[str, ...]
    limits: str
    front_end: Callable[..., Any]
    tracker: Callable[..., Any]
    learn: Callable[[Any], Any] | None = None
    adapts: bool = False


def load_or_learn(source: Any, kind: Any, learn: Callable[[Any], Any]) -> Any:
    """Return what a method knows of notes: what is given, or read from a file, or learned from isolated notes.

    Parameters
    ----------
    source : object of `kind`, or path, or sequence of paths
        Learned already; a file that ends in ``.npz``; a folder of isolated notes, or several.
    kind : type
        What is wanted; its ``load`` reads files.
    learn : callable
        Learns it from isolated notes.

    Examples
    --------
    >>> load_or_learn(3, int, len)
    3
    """
    if isinstance(source, kind):
        return source
    if isinstance(source, str | os.PathLike) and os.fspath(source).endswith(".npz"):
        return kind.load(source)
    return learn(source)
