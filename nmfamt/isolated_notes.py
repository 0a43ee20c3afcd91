"""Recordings of single notes: which files there are, which note each holds, and when it begins.

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
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.pitch import name_to_pitch, pitch_to_name

__all__ = ["IsolatedNote", "NoteSources", "find_isolated_notes", "find_onset", "is_contradicted", "pitch_from_name"]

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


def find_onset(y: NDArray[np.floating[Any]], sr: float, *, around: float | None = None) -> float:
    """Return when a sound arrives, in seconds.

    Going back in time from its loudest moment, the onset is where the level (in 10 ms windows) falls below 26 dB under
    the maximum, a twentieth in amplitude, or to within 6 dB of the background, whichever is met first; the time is
    interpolated on the decibel axis. Noises of keys and pedals that have died away before do not count. A sound that
    begins at once is found up to 6 ms early, since a window feels it before its centre does; one that takes 0.1 s to
    rise as much late.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        One note.
    sr : float
        Its sample rate in Hz.
    around : float, optional
        A rough idea of the onset in seconds; only 0.2 s on either side of it are looked at.

    Raises
    ------
    NmfamtError
        If nothing sounds.

    Examples
    --------
    >>> y = np.sin(np.arange(8000.0)) * (np.arange(8000) > 1600)
    >>> round(find_onset(y, 16000), 2)
    0.1
    """
    begin = 0 if around is None else max(0, round((around - 0.2) * sr))
    end = len(y) if around is None else round((around + 0.2) * sr)
    step, width = max(1, round(0.002 * sr)), max(2, round(0.01 * sr))
    padded = np.pad(np.asarray(y[begin:end], dtype=np.float64) ** 2, (width // 2, width))
    energy = np.cumsum(padded)
    energy = (energy[width:] - energy[:-width])[::step] / width
    if not energy.size or energy.max() <= 1e-14:
        raise NmfamtError("nothing sounds in it")
    level = 10 * np.log10(np.maximum(energy, 1e-9 * energy.max()))
    peak = int(level.argmax())
    background = np.quantile(level[: peak + 1], 0.25)
    if begin == 0:  # a file may begin with the note, and then most of what precedes the maximum is its rise
        background = min(background, level[:3].mean())
    threshold = max(level[peak] - 26.0, min(background + 6.0, level[peak] - 6.0))
    quiet = np.flatnonzero(level[: peak + 1] < threshold)
    if not len(quiet):
        return begin / sr
    last = int(quiet[-1])
    fraction = (threshold - level[last]) / (level[last + 1] - level[last])
    return float(begin / sr + (last + fraction) * step / sr)
