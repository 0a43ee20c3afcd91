"""A recording with the notes that are played in it, and sets of them.

Times are in seconds from the start of the recording, also where only a part of it is used. Both values can be pickled,
so that pieces can be worked on in other processes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import IsolatedNote
from nmfamt.notes import Notes

__all__ = ["Dataset", "Piece", "safe_name"]

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Piece:
    """One recording and its labels.

    Attributes
    ----------
    name : str
        Unique in the set, and safe as a file name: letters, digits, ``-``, ``_`` and ``.``.
    audio : Path
        The recording.
    read : callable
        Returns the labels of the whole recording.
    split : str
        ``"train"``, ``"test"``, ... as the set has it; empty where it belongs to none.
    group : str
        Room, player, ensemble: what tells parts of a set apart.
    instruments : tuple of str
        What plays, as far as that is known without reading the labels.
    start, end : float
        The part that is transcribed and scored, in seconds; None as `end` is that of the recording.
    isolated_notes : Path or tuple of (Path or IsolatedNote), optional
        Single notes of the same set-up, where the set has them.

    Raises
    ------
    NmfamtError
        If the name is not safe, or the part is none.

    Examples
    --------
    >>> piece = Piece("a", Path("a.wav"), lambda: Notes([[0, 2], [5, 9]], [60, 62]), end=6.0)
    >>> piece.reference()
    Notes(2 notes, 0.00 to 6.00 s, C4 to D4)
    """

    name: str
    audio: Path
    read: Callable[[], Notes]
    split: str = ""
    group: str = ""
    instruments: tuple[str, ...] = ()
    start: float = 0.0
    end: float | None = None
    isolated_notes: Path | tuple[Path | IsolatedNote, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _SAFE_NAME.fullmatch(self.name):
            raise NmfamtError(f"{self.name!r} is no name for a piece: use letters, digits, '-', '_' and '.'.")
        if not 0 <= self.start < (np.inf if self.end is None else self.end):
            raise NmfamtError(f"{self.name!r} begins at {self.start} s and ends at {self.end} s: give a part.")

    def reference(self) -> Notes:
        """Return the labels of the part that is scored: those that begin in it, cut off at its end."""
        return self.clip(self.read())

    def clip(self, notes: Notes) -> Notes:
        """Return the notes that begin in the part that is scored, cut off at its end; the times stay the same.

        Parameters
        ----------
        notes : Notes
            Of the whole recording.
        """
        return notes.between(self.start, np.inf if self.end is None else self.end)


@dataclass(frozen=True)
class Dataset:
    """Pieces of a data set that belong to one split.

    Attributes
    ----------
    name, title : str
        What `nmfamt.datasets.DATASETS` calls it, and one line about it.
    pieces : tuple of Piece
        Sorted by name.
    bibtex : str
        What to cite; empty for recordings of one's own.
    split : str
        Which part of the set this is.
    n_official : int or None
        How many pieces the split has officially, None where that is open.
    options : dict
        ``pedal``, ``label_shift`` and ``seconds``, as asked for.
    """

    name: str
    title: str
    pieces: tuple[Piece, ...]
    bibtex: str = ""
    split: str = "all"
    n_official: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


def safe_name(text: str) -> str:
    """Return a text as the name of a piece: any other character becomes ``_``.

    Examples
    --------
    >>> safe_name("ENSTDkCl/Für Elise (1)")
    'ENSTDkCl_F_r_Elise__1_'
    """
    return re.sub(r"^(?=[.-])|[^A-Za-z0-9._-]", "_", text)
