"""What is compared: methods of this toolkit with their dictionaries, and the notes that other programs found.

A dictionary called ``own`` is learned from the isolated notes that a data set has of the very instrument, room and
microphones of a piece, once for each of them, and kept beside the results. The name of its file has a hash of the notes
and of the program: what was learned from other notes, or otherwise, is not taken for it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from nmfamt.activation import PitchActivation
from nmfamt.benchmark.facts import code_hash
from nmfamt.datasets import Dataset, Piece
from nmfamt.dictionary import list_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import NoteSources, find_isolated_notes
from nmfamt.methods import METHODS, find_method
from nmfamt.note_files import SUFFIXES, read_notes
from nmfamt.notes import Notes

__all__ = ["ALL", "OWN", "Estimates", "MethodSystem", "System", "prepare_methods"]

ALL = "all"
"""As a method: every one that can be run with what there is."""

OWN = "own"
"""As a dictionary: that of the isolated notes which belong to a piece."""

_NAME = re.compile(r"[\w+-][\w.+=-]*")


class System(Protocol):
    """Something that says which notes are played in a piece."""

    @property
    def name(self) -> str:
        """Its row in the tables, and its folder."""

    @property
    def works(self) -> bool:
        """Whether it finds notes itself, which takes time, or reads what was found before."""

    def identity(self, piece: Piece) -> dict[str, Any]:
        """Return what its notes depend on, beside this program: where that is the same, they are not found again."""

    def notes(self, piece: Piece, *, activation: bool) -> tuple[Notes, PitchActivation | None]:
        """Return the notes, and if asked for the activation that they were traced in, where there is one."""


@dataclass(frozen=True)
class MethodSystem:
    """A method of this toolkit.

    Attributes
    ----------
    name : str
        That of the method, and of its dictionary where that was given with it: ``nmf=piano``.
    method : str
        A name from `nmfamt.methods.METHODS`.
    dictionaries : dict of str to (str or None)
        By the group of a piece, ``""`` for any other, what the method needs to know of notes: a name, or a file.
    hashes : dict of str to (str or None)
        Of these, likewise.
    """

    name: str
    method: str
    dictionaries: dict[str, str | None] = field(default_factory=lambda: {"": None})
    hashes: dict[str, str | None] = field(default_factory=lambda: {"": None})

    works: ClassVar[bool] = True

    def identity(self, piece: Piece) -> dict[str, Any]:
        """Return the method and the dictionary."""
        chosen = self.dictionaries.get(piece.group, self.dictionaries.get(""))
        return {
            "method": self.method,
            "dictionary": Path(chosen).stem if chosen else None,
            "dictionary_hash": self.hashes.get(piece.group, self.hashes.get("")),
        }

    def notes(self, piece: Piece, *, activation: bool) -> tuple[Notes, PitchActivation | None]:
        """Transcribe the part of a piece that is scored."""
        from nmfamt import transcription

        dictionary = self.dictionaries.get(piece.group, self.dictionaries.get(""))
        part: dict[str, Any] = {"start": piece.start, "end": piece.end}
        if not activation:
            return transcription.transcribe(piece.audio, method=self.method, dictionary=dictionary, **part), None
        found = transcription.activate(piece.audio, method=self.method, dictionary=dictionary, **part)
        return transcription.track(found, method=self.method), found


@dataclass(frozen=True)
class Estimates:
    """The notes that another program found, one file for each piece, called by the name of the piece.

    Attributes
    ----------
    name : str
        Of the program.
    folder : Path
        Where the files are: MIDI, CSV, JSON or TSV.
    """

    name: str
    folder: Path

    works: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not self.folder.is_dir():
            raise NmfamtError(
                f"There is no folder {str(self.folder)!r} with the notes of {self.name!r}: give one that holds a file "
                "for each piece."
            )

    def identity(self, piece: Piece) -> dict[str, Any]:
        """Return the hash of the file."""
        path = self._file(piece)
        return {"estimates": path.name, "hash": hashlib.sha256(path.read_bytes()).hexdigest()[:12]}

    def notes(self, piece: Piece, *, activation: bool) -> tuple[Notes, PitchActivation | None]:
        """Read the notes."""
        return read_notes(self._file(piece)), None

    def _file(self, piece: Piece) -> Path:
        for suffix in SUFFIXES:
            path = self.folder / f"{piece.name}{suffix}"
            if path.is_file():
                return path
        raise NmfamtError(
            f"{str(self.folder)!r} has no notes of {self.name!r} for {piece.name!r}: they should be called "
            f"{piece.name}.mid, or .csv, .json or .tsv."
        )


def prepare_methods(
    methods: Sequence[str], dataset: Dataset, folder: Path, *, dictionary: str | None = None, anew: bool = False
) -> tuple[list[MethodSystem], dict[str, str]]:
    """Return methods with what they need to know of notes, loaded, or learned and kept in a folder.

    Parameters
    ----------
    methods : sequence of str
        Names of methods; ``NAME=DICTIONARY`` gives one a dictionary, `ALL` is every method that can be run.
    dataset : Dataset
        What they will transcribe.
    folder : Path
        Where dictionaries are kept that are learned for this run.
    dictionary : str, optional
        For methods that need one and were given none: a name, a file, a folder of isolated notes, ``"auto"`` or
        ``"own"``. By default the piano, and none for those that learn from isolated notes.
    anew : bool
        Whether to learn what is there already.

    Returns
    -------
    systems : list of MethodSystem
        Without repetition.
    left_out : dict of str to str
        Methods that `ALL` stands for but which cannot be run, and why.

    Raises
    ------
    NmfamtError
        If there is no such method or dictionary, a method that was named needs another kind, or two dictionaries of a
        method have one name.
    """
    systems: dict[str, MethodSystem] = {}
    left_out: dict[str, str] = {}
    for item in methods:
        name, _, given = item.partition("=")
        for method in METHODS if name == ALL else [name]:
            needs = find_method(method).needs
            chosen = given or (None if needs == "nothing" else dictionary)
            if name == ALL and needs == "nothing":
                chosen = None
            label = f"{method}={_label(given)}" if given and chosen else method
            try:
                system = _prepare(label, method, chosen, dataset, folder, anew=anew)
            except NmfamtError as refusal:
                if name != ALL:
                    raise
                left_out[label] = str(refusal)
                continue
            if systems.setdefault(label, system) != system:
                raise NmfamtError(f"{item!r} is another dictionary of the name {label!r}: rename one of the two.")
    return list(systems.values()), left_out


def _label(dictionary: str) -> str:
    label = Path(dictionary).stem
    _check_name(label)
    return label


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise NmfamtError(f"{name!r} cannot be the name of a row and a folder: use letters, digits, '-', '_' and '.'.")


def _prepare(
    label: str, method: str, dictionary: str | None, dataset: Dataset, folder: Path, *, anew: bool
) -> MethodSystem:
    from nmfamt.transcription import prepare_dictionary

    files: dict[str, str | None]
    if dictionary == OWN:
        first = {piece.group: piece for piece in reversed(dataset.pieces)}
        files = {group: _learned(method, piece, folder, anew=anew) for group, piece in sorted(first.items())}
    elif dictionary is not None and _is_folder(dictionary, method):
        files = {"": _learn(method, dictionary, folder, _label(dictionary), anew=anew)}
    else:
        files = {"": dictionary}
    hashes = {group: getattr(prepare_dictionary(file, method=method), "hash", None) for group, file in files.items()}
    return MethodSystem(label, method, files, hashes)


def _is_folder(dictionary: str, method: str) -> bool:
    """Return whether a folder of isolated notes is meant; what has a name goes before, as everywhere."""
    is_named = find_method(method).learn is None and dictionary in list_dictionaries()
    return Path(dictionary).is_dir() and not is_named


def _learned(method: str, piece: Piece, folder: Path, *, anew: bool) -> str:
    """Return the file with what a method knows of the isolated notes that belong to a piece."""
    if find_method(method).needs == "nothing":
        raise NmfamtError(f"The method {method!r} needs no dictionary: leave {OWN!r} out.")
    if piece.isolated_notes is None:
        raise NmfamtError(
            f"There are no isolated notes that belong to {piece.name!r}, from which {method!r} could learn: give "
            "another dictionary."
        )
    return _learn(method, piece.isolated_notes, folder, piece.group or OWN, anew=anew)


def _learn(method: str, notes: NoteSources, folder: Path, label: str, *, anew: bool) -> str:
    """Return the file with what is learned from notes; methods with one kind of dictionary share it."""
    from nmfamt.learning import learn_dictionary

    learn = find_method(method).learn
    path = folder / f"{method if learn else 'dictionary'}-{label}-{_hash(notes)}.npz"
    if anew or not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        (learn or learn_dictionary)(notes).save(path, overwrite=True)
    return str(path)


def _hash(notes: NoteSources) -> str:
    """Return 8 hexadecimal digits that change with isolated notes, and with the program that learns from them."""
    digest = hashlib.sha256(code_hash().encode())
    for note in find_isolated_notes(notes):
        digest.update(f"{note.path.name} {note.pitch} ".encode())
        digest.update(note.path.read_bytes())
    return digest.hexdigest()[:8]
