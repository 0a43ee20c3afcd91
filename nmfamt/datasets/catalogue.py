"""The data sets that can be opened by name, and how one is opened.

Conventions:

1. A split is the official one. The pieces of a group (a room, a player, a subfolder) can be asked for by its name, all
   pieces by ``"all"``. The default is the test set, where there is one.
2. Pieces that a folder lacks are a warning with their number, and `Dataset.n_official` says how many there should be; a
   folder in which nothing is found is an error that says where the set comes from.
3. ``pedal="extend"`` means that a note sounds as long as the sustain pedal holds it, ``"ignore"`` that it ends with its
   key. Labels that only say the former are refused under the latter.
4. A constant can be added to the times of the labels, where those of a set are known to be early or late. It is the
   same for all pieces, is part of the result, and is never fitted.
5. ``seconds`` keeps the beginning of each recording: notes that begin later are left out, those that still sound end
   there, as in the protocol of the first 30 s of MAPS.
"""

import math
import os
import warnings
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from nmfamt import audio_files
from nmfamt.datasets.bach10 import BACH10
from nmfamt.datasets.folder import FOLDER, SMD
from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import shifted
from nmfamt.datasets.maestro import MAESTRO
from nmfamt.datasets.maps import MAPS
from nmfamt.datasets.mirdata_sets import GUITARSET, MEDLEYDB_PITCH, VOCADITO
from nmfamt.datasets.musicnet import MUSICNET
from nmfamt.datasets.piece import Dataset, Piece
from nmfamt.datasets.su import SU
from nmfamt.datasets.trios import TRIOS
from nmfamt.datasets.urmp import URMP
from nmfamt.exceptions import NmfamtError, NmfamtWarning

__all__ = ["DATASETS", "open_dataset"]

_KINDS = (
    *(MAPS, MAESTRO, SMD),
    *(MUSICNET, URMP, BACH10, TRIOS, SU),
    *(GUITARSET, MEDLEYDB_PITCH, VOCADITO),
    FOLDER,
)

DATASETS: dict[str, DatasetKind] = {kind.name: kind for kind in _KINDS}
"""By name: the piano, several instruments, one instrument, and any folder."""


def open_dataset(
    name: str,
    root: str | os.PathLike[str],
    *,
    split: str | None = None,
    seconds: float | None = None,
    pedal: str = "extend",
    label_shift: float = 0.0,
) -> Dataset:
    """Open a data set that lies in a folder.

    Parameters
    ----------
    name : str
        A name from `DATASETS`.
    root : str or path
        Its folder.
    split : str, optional
        A split, a group, or ``"all"``. By default the test set, where there is one.
    seconds : float, optional
        How much of the beginning of each recording is used. By default all of it.
    pedal : {"extend", "ignore"}
        Whether the sustain pedal holds the notes of the labels, or they end with their keys.
    label_shift : float
        Seconds that are added to the times of the labels.

    Returns
    -------
    Dataset
        Its pieces, sorted by name. No labels are read yet.

    Raises
    ------
    NmfamtError
        If there is no such data set or split, an option is out of range, the folder does not hold the set, or its
        labels do not say what the pedal did and it is to be ignored.

    Warns
    -----
    NmfamtWarning
        If the folder holds less than the whole split, or recordings without labels, or labels without a recording.

    Examples
    --------
    >>> import tempfile, numpy as np, soundfile
    >>> from nmfamt.notes import Notes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/waltz.wav", np.zeros(16000), 8000)
    ...     Notes([[0.5, 2.0], [1.5, 2.0]], [60, 64]).write(f"{folder}/waltz.tsv")
    ...     (piece,) = open_dataset("folder", folder, seconds=1.0).pieces
    ...     piece.name, piece.reference()
    ('waltz', Notes(1 note, 0.50 to 1.00 s, C4 to C4))
    """
    kind = DATASETS.get(name)
    if kind is None:
        raise NmfamtError(f"There is no data set {name!r}: give one of {', '.join(DATASETS)}.")
    _check_options(kind, seconds, pedal, label_shift)
    seconds, label_shift = None if seconds is None else float(seconds), float(label_shift)
    pieces = _find(kind, Path(root), pedal)
    chosen = kind.default_split if split is None else split
    selected = [piece for piece in pieces if chosen in (ALL, piece.split, piece.group)]
    n_official = kind.splits.get(chosen)
    if not selected:
        raise NmfamtError(_no_split(kind, Path(root), chosen, pieces))
    if n_official is not None and len(selected) < n_official:
        warnings.warn(
            f"Only {len(selected)} of the {n_official} pieces of {name!r}, split {chosen!r}, lie in {str(root)!r}: "
            "name the part beside results.",
            NmfamtWarning,
            stacklevel=2,
        )
    return Dataset(
        name=kind.name,
        title=kind.title,
        pieces=tuple(_prepared(piece, seconds, label_shift) for piece in selected),
        bibtex=kind.bibtex,
        split=chosen,
        n_official=n_official,
        options={"pedal": pedal, "label_shift": label_shift, "seconds": seconds},
    )


def _check_options(kind: DatasetKind, seconds: float | None, pedal: str, label_shift: float) -> None:
    if pedal not in ("extend", "ignore"):
        raise NmfamtError(f"pedal is {pedal!r}: give 'extend' or 'ignore'.")
    if pedal == "ignore" and not kind.has_pedal:
        raise NmfamtError(f"The labels of {kind.name!r} know of no sustain pedal: leave pedal='extend'.")
    if seconds is not None and not 0 < seconds < math.inf:
        raise NmfamtError(f"seconds is {seconds!r}: give how much of each piece to use, such as 30.")
    if not math.isfinite(label_shift):
        raise NmfamtError(f"label_shift is {label_shift!r}: give seconds, such as 0.019.")


def _find(kind: DatasetKind, root: Path, pedal: str) -> list[Piece]:
    """Return all pieces of a folder, sorted by name."""
    where = f"{kind.name!r} is expected as {kind.layout}, and comes from {kind.source}; nothing is downloaded."
    if not root.is_dir():
        raise NmfamtError(f"There is no folder {str(root)!r}: {where}")
    pieces = sorted(kind.find(root, pedal), key=lambda piece: piece.name)
    if not pieces:
        raise NmfamtError(f"No piece with labels is found, looking for '{root / kind.look_for}': {where}")
    name, count = Counter(piece.name for piece in pieces).most_common(1)[0]
    if count > 1:
        paths = ", ".join(repr(str(piece.audio)) for piece in pieces if piece.name == name)
        raise NmfamtError(f"{count} pieces would be called {name!r} ({paths}): rename or move one.")
    return pieces


def _no_split(kind: DatasetKind, root: Path, split: str, pieces: list[Piece]) -> str:
    """Return why no piece belongs to a split."""
    if split in kind.splits:
        there = sorted({piece.split or "none" for piece in pieces})
        return f"{str(root)!r} holds no piece of split {split!r} of {kind.name!r}, only of {', '.join(there)}."
    names = dict.fromkeys([*kind.splits, *sorted({piece.group for piece in pieces if piece.group})])
    return f"{kind.name!r} has no split {split!r}: give one of {', '.join(names)}."


def _prepared(piece: Piece, seconds: float | None, label_shift: float) -> Piece:
    """Return a piece as it is used: its part, and its labels moved."""
    read = partial(shifted, piece.read, label_shift) if label_shift else piece.read
    return replace(piece, read=read, end=None if seconds is None else _end(piece.audio, seconds))


def _end(path: Path, seconds: float) -> float | None:
    """Return where a part ends; None where the recording is shorter than that."""
    try:
        duration = audio_files.info(path).duration
    except NmfamtError:  # said again, for this piece alone, when it is transcribed
        return seconds
    return seconds if seconds <= duration else None
