"""Recordings of single notes: which files there are, and which note each holds.

The pitch of a file stands in a ``labels.csv`` of its folder, or in its name, or is heard. In a name it is a
word of its own: a note name (``C4.wav``, ``violin_Cs4_forte.mp3``), or else a number from 0 to 127
(``060.flac``, ``60_ff.wav``); the first such word wins. A ``labels.csv`` has the columns ``file,pitch``,
where a pitch is a MIDI number, which may be fractional; it wins over names, and files that it does not list
are left out.

What is heard is estimated with pYIN: M. Mauch & S. Dixon, "pYIN: a fundamental frequency estimator using
probabilistic threshold distributions", ICASSP 2014.
"""

import csv
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nmfamt import audio
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.pitch import name_to_pitch, pitch_to_name

__all__ = ["IsolatedNote", "NoteSources", "find_isolated_notes", "is_contradicted", "pitch_from_name"]

_WORD = re.compile(r"[A-Za-z0-9#]+")
_NOTE_NAME = re.compile(r"[A-Ga-g](##|#|s|bb|b)?\d")

_HARMONIC_INTERVALS = np.array([0, 12, 19, 24, 31, 36])
"""Semitones by which a pitch is commonly misheard: octaves and twelfths."""


@dataclass(frozen=True)
class IsolatedNote:
    """A recording of a single note.

    Attributes
    ----------
    path : Path
        The audio file.
    pitch : float
        Its MIDI pitch; fractions are allowed.
    known_from : {"name", "labels", "audio", "caller"}
        What says so.
    """

    path: Path
    pitch: float
    known_from: Literal["name", "labels", "audio", "caller"] = "caller"


NoteSources = str | os.PathLike[str] | Sequence[str | os.PathLike[str] | IsolatedNote]
"""A folder or file, or several; or notes that are known already."""


def find_isolated_notes(notes: NoteSources, *, pitch_from: str = "name") -> list[IsolatedNote]:
    """List isolated notes with their pitches.

    Parameters
    ----------
    notes : path, or sequence of paths and IsolatedNote
        Folders of audio files, files, or notes that are known already.
    pitch_from : {"name", "audio"}
        Where the pitch of a file that no ``labels.csv`` lists is taken from.

    Returns
    -------
    list of IsolatedNote
        At least one, in the order given; the files of a folder sorted by name.

    Raises
    ------
    NmfamtError
        If there is nothing of that name, no audio, no pitch in a name (or heard), or two notes of one name
        have different pitches.

    Warns
    -----
    NmfamtWarning
        If what is heard contradicts the name, octaves and twelfths aside.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("A4.wav", "060_ff.wav"):
    ...         Path(folder, name).touch()
    ...     [note.pitch for note in find_isolated_notes(folder)]
    [60.0, 69.0]
    """
    if pitch_from not in ("name", "audio"):
        raise NmfamtError(f"pitch_from={pitch_from!r} must be 'name' or 'audio'.")
    items: Iterable[Any] = [notes] if isinstance(notes, str | os.PathLike) else notes
    found: list[IsolatedNote] = []
    for item in items:
        found += [item] if isinstance(item, IsolatedNote) else _notes_at(Path(item), pitch_from)
    if not found:
        raise NmfamtError("No isolated notes were given: name a folder of audio files, one note each.")
    seen: dict[str, IsolatedNote] = {}
    for note in found:
        other = seen.setdefault(note.path.stem, note)
        if other.pitch != note.pitch:
            raise NmfamtError(
                f"'{other.path}' and '{note.path}' have one name but pitches {other.pitch:g} and "
                f"{note.pitch:g}: rename one, or correct labels.csv."
            )
    return found


def _notes_at(path: Path, pitch_from: str) -> list[IsolatedNote]:
    """Return the notes in a folder, or the one in a file."""
    if not path.exists():
        raise NmfamtError(f"There is no file or folder '{path}': the current folder is '{Path.cwd()}'.")
    if not path.is_dir():
        return [_note_in(path, pitch_from)]
    if (path / "labels.csv").is_file():
        return _labelled_notes(path / "labels.csv")
    return [_note_in(file, pitch_from) for file in audio.find_audio(path)]


def _labelled_notes(path: Path) -> list[IsolatedNote]:
    """Read a ``labels.csv``."""
    pitches: dict[str, float] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                name, pitch = _label(row, f"'{path}', line {number}")
                if pitches.setdefault(name, pitch) != pitch:
                    raise NmfamtError(f"'{path}' gives {name!r} the pitches {pitches[name]:g} and {pitch:g}: keep one.")
                if not (path.parent / name).is_file():
                    raise NmfamtError(f"'{path}', line {number}: there is no file {name!r} in the folder.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NmfamtError(f"'{path}' cannot be read as a table ({error}): save it as CSV in UTF-8.") from error
    if not pitches:
        raise NmfamtError(f"'{path}' lists no file: give a line file,pitch for every note, or remove it.")
    return [IsolatedNote(path.parent / name, pitches[name], "labels") for name in sorted(pitches)]


def _label(row: dict[str, Any], where: str) -> tuple[str, float]:
    try:
        name, pitch = row["file"].strip(), float(row["pitch"])
        if 0 <= pitch <= 127:
            return name, pitch
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise NmfamtError(f"{where}: expected the columns file,pitch with a MIDI pitch from 0 to 127.")


def _note_in(path: Path, pitch_from: str) -> IsolatedNote:
    """Return the note in a file that no table lists."""
    named = pitch_from_name(path.stem)
    if pitch_from == "name":
        if named is None:
            raise NmfamtError(
                f"'{path}' does not state its pitch: name it like C4.wav or 060.wav, add a labels.csv of "
                "file,pitch, or have it heard (--pitch-from audio)."
            )
        return IsolatedNote(path, named, "name")
    heard = _pitch_heard(path)
    if named is not None and is_contradicted(named, heard):
        warnings.warn(
            f"'{path}' is named {pitch_to_name(named)} but sounds like {pitch_to_name(heard)}.",
            NmfamtWarning,
            stacklevel=4,
        )
    return IsolatedNote(path, heard, "audio")


def pitch_from_name(stem: str) -> float | None:
    """Return the pitch that a file name states, or None.

    Examples
    --------
    >>> pitch_from_name("violin_Cs4_forte"), pitch_from_name("060_ff"), pitch_from_name("noise")
    (61.0, 60.0, None)
    """
    words = _WORD.findall(stem)
    named = [float(name_to_pitch(word)) for word in words if _NOTE_NAME.fullmatch(word)]
    numbered = [float(word) for word in words if word.isdigit()]
    return next((pitch for pitch in named + numbered if pitch <= 127), None)


def is_contradicted(stated: float, heard: float) -> bool:
    """Return whether two pitches are more than a semitone apart, octaves and twelfths aside.

    Examples
    --------
    >>> is_contradicted(60, 62), is_contradicted(60, 60.9), is_contradicted(60, 47.8), is_contradicted(60, 79)
    (True, False, False, False)
    """
    return bool(np.abs(abs(heard - stated) - _HARMONIC_INTERVALS).min() > 1)


def _pitch_heard(path: Path) -> float:
    """Estimate the pitch of a single note: its semitone where that is near, else the nearest tenth of one."""
    import librosa

    y, sr = audio.load(path, sr=22050, end=5.0)
    # Where the note is loud: what pYIN hears in the noise around it would outvote it.
    energy = np.convolve(y.astype(np.float64) ** 2, np.ones(1024), "same")
    begin = max(0, int(energy.argmax()) - round(0.1 * sr))
    excerpt = slice(begin, begin + round(0.7 * sr))
    f0, _, _ = librosa.pyin(y[excerpt], fmin=27.0, fmax=4400.0, sr=sr, frame_length=4096, hop_length=1024)
    loud = energy[excerpt][::1024]
    f0 = f0[: len(loud)][loud > 0.01 * energy.max()]
    if not np.isfinite(f0).any():
        raise NmfamtError(f"No pitch is heard in '{path}': state it in the name or in a labels.csv.")
    pitch = float(np.nanmedian(librosa.hz_to_midi(f0)))
    return float(round(pitch)) if abs(pitch - round(pitch)) <= 0.3 else round(pitch, 1)
