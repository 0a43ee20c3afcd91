"""What a named way to transcribe is: a paper, and the stages that carry out what it describes."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from nmfamt.exceptions import NmfamtError

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
        Where isolated notes are needed: ``learn(source, name=, pitch_from=)`` returns what the front end takes first,
        from a folder of them, to which the options belong, or from a file that was learned before.
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
    learn: Callable[..., Any] | None = None
    adapts: bool = False


def load_or_learn(source: Any, kind: Any, learn: Callable[..., Any], **options: Any) -> Any:
    """Return what a method knows of notes: what is given, or read from a file, or learned from isolated notes.

    Parameters
    ----------
    source : object of `kind`, or path, or sequence of paths
        Learned already; a file of what was; a folder of isolated notes, or several.
    kind : type
        What is wanted; its ``load`` reads files.
    learn : callable
        Learns it from isolated notes.
    **options
        Passed on to `learn`.

    Raises
    ------
    NmfamtError
        If the name is that of a dictionary, which knows spectra but not how they follow each other, or a file of what
        was learned is given together with others.

    Examples
    --------
    >>> load_or_learn(3, int, len)
    3
    """
    if isinstance(source, kind):
        return source
    if isinstance(source, str | os.PathLike):
        if _is_archive(source):
            return kind.load(source)
        _refuse_dictionary(os.fspath(source))
    elif isinstance(source, list | tuple):
        learned = [part for part in source if isinstance(part, str | os.PathLike) and _is_archive(part)]
        if learned:
            raise NmfamtError(
                f"{os.fspath(learned[0])!r} is no recording of a note: give it alone to transcribe with, or folders "
                "and files of isolated notes to learn from."
            )
    return learn(source, **options)


def _is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a file that was learned, or looks like it."""
    return os.fspath(path).endswith(".npz") or (os.path.isfile(path) and zipfile.is_zipfile(path))


def _refuse_dictionary(name: str) -> None:
    from nmfamt.dictionary import list_dictionaries

    if not os.path.exists(name) and (name == "auto" or name in list_dictionaries()):
        raise NmfamtError(
            f"{name!r} names dictionaries, and this method needs isolated notes: give a folder of them, or what "
            "`nmfamt learn --method` wrote."
        )
