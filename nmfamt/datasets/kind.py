"""What is known of a data set before its files are seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nmfamt.datasets.piece import Piece

__all__ = ["ALL", "DatasetKind"]

ALL = "all"
"""The split that every piece belongs to."""


@dataclass(frozen=True)
class DatasetKind:
    """A data set of the field.

    Attributes
    ----------
    name : str
        What `nmfamt.datasets.open_dataset` calls it.
    title : str
        One line about it.
    source : str
        Where it comes from.
    layout : str
        The files that are expected under its folder.
    look_for : str
        The first of them, relative to the folder.
    find : callable
        Takes the folder and the rule for the pedal, returns all pieces that are there, in any order, or none.
    splits : mapping of str to (int or None)
        The official splits, with their number of pieces, None where that is open. A piece belongs to the split, and to
        the group, that it names; all of them to ``"all"``.
    default_split : str
        The test set, where there is one.
    bibtex : str
        What to cite.
    has_pedal : bool
        Whether its labels say when the sustain pedal is down, so that it can be ignored.
    """

    name: str
    title: str
    source: str
    layout: str
    look_for: str
    find: Callable[[Path, str], list[Piece]]
    splits: Mapping[str, int | None]
    default_split: str = ALL
    bibtex: str = ""
    has_pedal: bool = True
