"""Recordings as files: where they are and what they say about themselves.

Everything that can be known without decoding is asked here, so that a caller is told at once when a
file is missing, empty, not audio, or shorter than it pretends. `nmfamt.audio` reads the sound itself.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import soundfile

from nmfamt.exceptions import NmfamtError, NmfamtWarning

__all__ = ["SUFFIXES", "AudioInfo", "find_audio", "info", "name_for_soundfile", "warn_if_cut_short"]

SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"}
    | {".rf64", ".snd", ".w64", ".wav", ".wave"}
)
"""Endings that `find_audio` takes for a recording."""

_UNKNOWN_LENGTH = 2**62  # libsndfile reports 2**63 - 1 samples where a stream does not tell
_UNFINISHED_SIZE = 0x7FFFF000  # recorders that write into a pipe put this much, or more, into the WAV header


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a recording says.

    Attributes
    ----------
    sr : int
        Sampling rate in Hz.
    n_channels : int
        Number of channels.
    n_samples : int
        Number of samples in each channel.
    format : str
        Container, in libsndfile's words: ``WAV``, ``FLAC``, ``MP3``, ...
    """

    sr: int
    n_channels: int
    n_samples: int
    format: str

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sr


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read the header of a recording.

    Parameters
    ----------
    path : str or path
        A file that soundfile can read.

    Returns
    -------
    AudioInfo
        Its rate, channels and length.

    Raises
    ------
    NmfamtError
        If there is no such file, or if it is empty, holds no samples or is not audio that soundfile reads.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros((8000, 2)), 16000)
    ...     info(f"{folder}/a.wav").duration
    0.5
    """
    name = repr(os.fspath(path))
    size = _file_size(path)
    try:
        found = soundfile.info(name_for_soundfile(path))
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: .raw, which has no header
        reason = str(error).removeprefix(f"Error opening {name_for_soundfile(path)!r}: ").rstrip(".")
        raise NmfamtError(
            f"{name} is not audio that soundfile can read ({reason}): "
            f"if another player opens it, convert it with  ffmpeg -i {name} out.wav"
        ) from error
    if found.frames >= _UNKNOWN_LENGTH:
        raise NmfamtError(f"{name} does not say how long it is: rewrite it with  ffmpeg -i {name} out.wav")
    if found.frames == 0:
        raise NmfamtError(
            f"{name} holds no samples according to its header, in {size} bytes: "
            f"if it was recorded into a pipe, finish it with  ffmpeg -i {name} out.wav"
        )
    return AudioInfo(found.samplerate, found.channels, found.frames, found.format)


def _file_size(path: str | os.PathLike[str]) -> int:
    """Return the size of a file in bytes, having made sure that it can be opened and is not empty."""
    name = repr(os.fspath(path))
    if Path(path).is_dir():
        raise NmfamtError(f"{name} is a folder, not a recording: name a file in it.")
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise NmfamtError(f"There is no file {name}: the current folder is {os.getcwd()!r}.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise NmfamtError(f"{name} cannot be opened: {getattr(error, 'strerror', error)}.") from error
    if size == 0:
        raise NmfamtError(f"{name} is empty (0 bytes): copy or record it again.")
    return size


def name_for_soundfile(path: str | os.PathLike[str]) -> str | bytes:
    """Return a path as soundfile takes it: as bytes where names are bytes, since not all of them are UTF-8.

    Examples
    --------
    >>> os.fsdecode(name_for_soundfile("a.wav"))
    'a.wav'
    """
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def warn_if_cut_short(path: str | os.PathLike[str], header: AudioInfo) -> None:
    """Warn where a RIFF header promises more bytes of sound than the file has.

    Parameters
    ----------
    path : str or path
        A recording.
    header : AudioInfo
        What `info` said about it.

    Warns
    -----
    NmfamtWarning
        If the data chunk of a WAV file ends before its size says; placeholders left by a recorder that wrote
        into a pipe are no size.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return
        file.seek(12)
        while len(chunk := file.read(8)) == 8:
            size = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                break
            file.seek(size + size % 2, os.SEEK_CUR)
        else:
            return
        available = os.fstat(file.fileno()).st_size - file.tell()
    if available < size < _UNFINISHED_SIZE:
        warnings.warn(
            f"{os.fspath(path)!r} ends after {header.duration:.2f} s, its header promises "
            f"{header.duration * size / available:.2f} s: the part that is there is used.",
            NmfamtWarning,
            stacklevel=3,
        )


def find_audio(folder: str | os.PathLike[str]) -> list[Path]:
    """List the recordings in a folder, by name; folders inside it are not searched.

    Parameters
    ----------
    folder : str or path
        Where to look.

    Returns
    -------
    list of Path
        The files with one of `SUFFIXES`, in any case, sorted; hidden files are left out.

    Raises
    ------
    NmfamtError
        If there is no such folder, or no recording in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.wav", "a.MP3", "notes.txt"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in find_audio(folder)]
    ['a.MP3', 'b.wav']
    """
    name = repr(os.fspath(folder))
    try:
        entries = sorted(Path(folder).iterdir())
    except FileNotFoundError:
        raise NmfamtError(f"There is no folder {name}: the current folder is {os.getcwd()!r}.") from None
    except OSError as error:
        raise NmfamtError(f"{name} cannot be listed as a folder: {error.strerror}.") from error
    found = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".")]
    if not found:
        raise NmfamtError(f"{name} holds no audio: files should end in one of {', '.join(sorted(SUFFIXES))}.")
    return found
