"""Labels as data sets write them: readers that `Piece.read` is made of.

What is wrong with a file is said in an `NmfamtError` that names it. A row that ends no later than it begins, or has no
frequency, is no note and is left out with a warning.
"""

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt import note_files
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.notes import Notes
from nmfamt.pitch import hz_to_pitch

__all__ = ["Part", "file_reader", "make_notes", "pitches_of", "read_numbers", "read_parts", "shifted"]

Part = tuple[str, Callable[[], Notes]]
"""The name of an instrument, and what reads its notes."""


def file_reader(path: Path, pedal: str) -> Callable[[], Notes]:
    """Return what reads a file of notes under a rule for the pedal.

    Parameters
    ----------
    path : Path
        MIDI, CSV, JSON or TSV.
    pedal : {"extend", "ignore"}
        See `nmfamt.note_files.read_notes`.

    Raises
    ------
    NmfamtError
        If the pedal is to be ignored, but the file only says how long notes sound.
    """
    if pedal == "ignore" and note_files.SUFFIXES.get(path.suffix.lower()) != "mid":
        raise NmfamtError(
            f"'{path}' says how long notes sound, pedal included, not when keys are released: leave pedal='extend', or "
            "give MIDI labels."
        )
    return partial(note_files.read_notes, path, pedal=pedal)  # type: ignore[arg-type]


def read_numbers(path: str | os.PathLike[str], *, n_columns: int, n_header: int = 0) -> NDArray[np.float64]:
    """Read the first columns of a table of numbers.

    Parameters
    ----------
    path : str or path
        A text file with a row a line, its columns separated by white space.
    n_columns : int
        How many columns there are at least.
    n_header : int
        How many lines come before the first row.

    Returns
    -------
    ndarray, shape (n_rows, n_columns)
        The numbers.

    Raises
    ------
    NmfamtError
        If the file cannot be read, or a row holds something else.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.txt").write_text("0.1 440.0 0.5")
    ...     read_numbers(f"{folder}/a.txt", n_columns=3)
    array([[1.0e-01, 4.4e+02, 5.0e-01]])
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # silence has no notes
            rows = np.loadtxt(path, skiprows=n_header, usecols=range(n_columns), ndmin=2, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise NmfamtError(f"{os.fspath(path)!r} is no table of {n_columns} columns of numbers ({error}).") from error
    return rows.reshape(-1, n_columns).astype(np.float64)


def make_notes(
    path: str | os.PathLike[str], onsets: ArrayLike, offsets: ArrayLike, pitches: ArrayLike, **fields: Any
) -> Notes:
    """Return notes that a file holds, without those that do not last.

    Parameters
    ----------
    path : str or path
        The file, for messages.
    onsets, offsets : array_like, shape (n_notes,)
        In seconds.
    pitches : array_like, shape (n_notes,)
        MIDI pitch; NaN where there is none.
    **fields
        Arrays of the same length for `Notes`.

    Raises
    ------
    NmfamtError
        If a number is out of range.

    Warns
    -----
    NmfamtWarning
        If notes are left out.

    Examples
    --------
    >>> make_notes("a.txt", [0.5], [1.0], [60])
    Notes(1 note, 0.50 to 1.00 s, C4 to C4)
    """
    intervals = np.stack([np.asarray(onsets, np.float64), np.asarray(offsets, np.float64)], axis=1)
    is_note = ~((intervals[:, 1] <= intervals[:, 0]) | np.isnan(np.asarray(pitches, np.float64)))
    if not is_note.all():
        warnings.warn(
            f"{os.fspath(path)!r} has {np.sum(~is_note)} of {len(is_note)} notes that do not last, or have no pitch: "
            "left out.",
            NmfamtWarning,
            stacklevel=3,
        )
    kept: dict[str, Any] = {name: np.asarray(values)[is_note] for name, values in fields.items()}
    try:
        return Notes(intervals[is_note], np.asarray(pitches)[is_note], **kept)
    except NmfamtError as error:
        raise NmfamtError(f"{os.fspath(path)!r}: {error}") from error


def pitches_of(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return MIDI pitches of frequencies in Hz; NaN where there is none.

    Examples
    --------
    >>> pitches_of(np.array([440.0, 0.0]))
    array([69., nan])
    """
    pitches = np.full(hz.shape, np.nan)
    pitches[hz > 0] = hz_to_pitch(hz[hz > 0])
    return pitches


def read_parts(parts: tuple[Part, ...]) -> Notes:
    """Read the notes of instruments that play together.

    Parameters
    ----------
    parts : tuple of (str, callable)
        The name of each instrument, and what reads its notes.

    Examples
    --------
    >>> read_parts((("oboe", partial(Notes, [[0, 1]], [72])), ("horn", partial(Notes, [[0, 1]], [48])))).instruments
    array(['horn', 'oboe'], ...)
    """
    played = []
    for instrument, read in parts:
        notes = read()
        played.append(
            Notes(
                notes.intervals,
                notes.pitches,
                velocities=notes.velocities,
                confidences=notes.confidences,
                instruments=instrument,
                pedal=notes.pedal,
            )
        )
    return Notes.concatenate(played)


def shifted(read: Callable[[], Notes], seconds: float) -> Notes:
    """Read notes and move them in time; see `Notes.shifted`."""
    return read().shifted(seconds)
