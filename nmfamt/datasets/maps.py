"""MAPS: pianos, real and sampled, with the notes of each recording.

V. Emiya, R. Badeau & B. David, "Multipitch estimation of piano sounds using a new probabilistic spectral smoothness
principle", TASLP 2010. Nine instruments, each in a folder of its own with 30 pieces; ENSTDkCl and ENSTDkAm are a real
Disklavier, recorded from near and from further away, the others are software.

Conventions:

1. Configuration 2 of S. Sigtia, E. Benetos & S. Dixon, "An end-to-end neural network for polyphonic piano music
   transcription", TASLP 2016: the test set is all of the real piano, the training set the software. As in C. Hawthorne
   et al., "Onsets and Frames", ISMIR 2018, a piece that the real piano plays is in no training set, whoever plays it
   there, which leaves 139. That can only be told from the pieces that lie in the folder: with a part of the
   real piano, pieces stay in the training set that should not.
2. Two layouts are read. As distributed, with the notes as MIDI, whose pedal is applied or not as asked for, or else as
   text, in which the pedal is applied: Hawthorne et al. find the durations of their rule in these files. Or
   recordings with labels of any format beside them, and isolated notes in ``isolated/ROOM``.
3. The group of a piece is its room, which is a split as well. Isolated notes are those of the room (``ISOL/NO`` as
   distributed: played normally, at three loudnesses, with and without pedal).
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nmfamt import note_files
from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import file_reader, make_notes, read_numbers
from nmfamt.datasets.pairs import AUDIO, files_in, matched
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.isolated_notes import IsolatedNote
from nmfamt.notes import Notes

__all__ = ["MAPS"]

_REAL = ("ENSTDkAm", "ENSTDkCl")
_SOFTWARE = ("AkPnBcht", "AkPnBsdf", "AkPnCGdD", "AkPnStgb", "SptkBGAm", "SptkBGCl", "StbgTGd2")
_ISOLATED = re.compile(r"MAPS_ISOL_NO_[A-Z]+_S\d_M(\d+)_")


def _find(root: Path, pedal: str) -> list[Piece]:
    rooms = {room: _room(root, room) for room in (*_REAL, *_SOFTWARE)}
    on_real = {piece for room in _REAL for piece, _, _ in rooms[room]}
    pieces = []
    for room, found in rooms.items():
        notes = _isolated_notes(root, room) if found else None
        for piece, audio, labels in found:
            split = "test" if room in _REAL else "" if piece in on_real else "train"
            pieces.append(
                Piece(
                    name=safe_name(f"{room}-{piece}"),
                    audio=audio,
                    read=_reader(labels, pedal),
                    split=split,
                    group=room,
                    instruments=("piano",),
                    isolated_notes=notes,
                )
            )
    return pieces


def _room(root: Path, room: str) -> list[tuple[str, Path, Path]]:
    """Return piece, recording and labels of what is played in a room."""
    folder = root / room / "MUS"
    folder = folder if folder.is_dir() else root / room
    recordings = files_in(folder, AUDIO)
    texts = {name: path for name, path in files_in(folder, {".txt"}).items() if name in recordings}
    labels = texts | files_in(folder, note_files.SUFFIXES)
    return [(_piece(name, room), audio, path) for name, audio, path in matched(recordings, labels, folder)]


def _piece(name: str, room: str) -> str:
    """Return what is played, without what the name of a file says beside it."""
    return name.removeprefix("MAPS_MUS-").removesuffix(f"_{room}")


def _isolated_notes(root: Path, room: str) -> Path | tuple[Path | IsolatedNote, ...] | None:
    """Return the single notes that were recorded in a room."""
    folder = root / "isolated" / room
    if folder.is_dir():
        return folder
    notes = []
    for name, path in files_in(root / room / "ISOL" / "NO", AUDIO).items():
        if match := _ISOLATED.match(name):
            notes.append(IsolatedNote(path, float(match[1]), "name"))
    return tuple(notes) or None


def _reader(path: Path, pedal: str) -> Callable[[], Notes]:
    if path.suffix.lower() == ".txt" and pedal == "extend":
        return partial(_read_text, path)
    return file_reader(path, pedal)


def _read_text(path: Path) -> Notes:
    """Read the labels as text: onset, offset and MIDI pitch under a line that says so."""
    onsets, offsets, pitches = read_numbers(path, n_columns=3, n_header=1).T
    return make_notes(path, onsets, offsets, pitches)


MAPS = DatasetKind(
    name="maps",
    title="MAPS: a real piano and software pianos; by default the real one (configuration 2), in two rooms",
    source="https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/",
    layout=(
        "ENSTDkCl/MUS/MAPS_MUS-PIECE_ENSTDkCl.wav with .mid or .txt beside it and ENSTDkCl/ISOL/NO, or "
        "ENSTDkCl/PIECE.flac with PIECE.tsv beside it and isolated/ENSTDkCl; likewise ENSTDkAm and seven more"
    ),
    look_for="ENSTDkAm/MUS",
    find=_find,
    splits={"test": 60, "train": 139, ALL: 270, **dict.fromkeys((*_REAL, *_SOFTWARE), 30)},
    default_split="test",
    bibtex="""\
@article{emiya2010maps,
  author  = {Emiya, Valentin and Badeau, Roland and David, Bertrand},
  title   = {Multipitch Estimation of Piano Sounds Using a New Probabilistic Spectral Smoothness Principle},
  journal = {IEEE Transactions on Audio, Speech, and Language Processing},
  volume  = {18},
  number  = {6},
  pages   = {1643--1654},
  year    = {2010}
}
""",
)
