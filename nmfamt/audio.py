"""Recordings: whole, in blocks, mixed down and resampled.

Conventions: audio is one channel, the mean of the channels that the file has; samples are float32
between -1 and 1 where the file keeps to that range; every time is in seconds. What soundfile reads
is read (wav, flac, ogg, mp3, aiff and more), at any rate and with any number of channels. `blocks` runs
in constant memory and `load` is its concatenation, so a recording sounds the same either way.
"""

import os
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from nmfamt.audio_files import SUFFIXES, AudioInfo, find_audio, info, name_for_soundfile, warn_if_cut_short
from nmfamt.exceptions import NmfamtError

__all__ = ["SUFFIXES", "AudioInfo", "blocks", "check", "find_audio", "info", "load", "resample"]

FloatArray = NDArray[np.floating[Any]]

_MAX_CHANNELS = 256  # more rows than this are samples, in the (n_samples, n_channels) order of soundfile


def load(
    path: str | os.PathLike[str], *, sr: int | None = None, start: float = 0.0, end: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Read a recording, mixed down to one channel.

    Parameters
    ----------
    path : str or path
        A file that soundfile can read.
    sr : int, optional
        Rate to resample to, in Hz. By default the file's own.
    start, end : float, optional
        The part to read, in seconds; an `end` beyond the recording means its end.

    Returns
    -------
    y : ndarray of float32, shape (n_samples,)
        The mean of the channels.
    sr : int
        Its rate in Hz.

    Raises
    ------
    NmfamtError
        As in `blocks`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.ones((8000, 2)) * [0.5, 0.25], 16000)
    ...     y, sr = load(f"{folder}/a.wav", sr=8000)
    >>> y.shape, sr
    ((4000,), 8000)
    """
    rate = info(path).sr if sr is None else sr
    return np.concatenate(list(blocks(path, sr=rate, start=start, end=end))), rate


def blocks(
    path: str | os.PathLike[str],
    *,
    sr: int,
    block_seconds: float = 10.0,
    start: float = 0.0,
    end: float | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Read a recording block by block, mixed down and resampled, in constant memory.

    Parameters
    ----------
    path : str or path
        A file that soundfile can read.
    sr : int
        Rate to resample to, in Hz.
    block_seconds : float
        Length of each block but the last, in seconds.
    start, end : float, optional
        The part to read, in seconds; an `end` beyond the recording means its end.

    Yields
    ------
    ndarray of float32, shape (n_samples,)
        The next `block_seconds`, never empty.

    Raises
    ------
    NmfamtError
        At the call: as in `info`, or if `sr`, `block_seconds`, `start` or `end` make no sense.
        At the block in question: if the decoder fails or a sample is NaN or infinite.

    Warns
    -----
    NmfamtWarning
        If a WAV file is shorter than its header says; the part that is there is read.

    Notes
    -----
    A truncated MP3 or Ogg stream cannot be told from a short one and is read as far as it goes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros(40000), 16000)
    ...     [len(block) for block in blocks(f"{folder}/a.wav", sr=8000, block_seconds=1.0)]
    [8000, 8000, 4000]
    """
    if not sr > 0:
        raise NmfamtError(f"sr is {sr!r}: a sampling rate is a positive number of Hz, such as 22050.")
    if not block_seconds > 0:
        raise NmfamtError(f"block_seconds is {block_seconds!r}: give a positive number, such as 10.0.")
    header = info(path)
    _check_span(path, header.duration, start, end)
    warn_if_cut_short(path, header)
    first = min(round(start * header.sr), header.n_samples - 1)
    last = header.n_samples if end is None else min(round(end * header.sr), header.n_samples)
    native = _decode(path, header.sr, first, max(last, first + 1), max(1, round(block_seconds * header.sr)))
    resampled = native if header.sr == sr else _resample_stream(native, header.sr, sr)
    return _regroup(resampled, max(1, round(block_seconds * sr)))


def _check_span(path: str | os.PathLike[str], duration: float, start: float, end: float | None) -> None:
    if not 0 <= start < duration:
        raise NmfamtError(
            f"start={start} s is not inside {os.fspath(path)!r}, which lasts {duration:.3f} s: "
            f"give a time from 0 to {duration:.3f}."
        )
    if end is not None and not end > start:
        raise NmfamtError(f"end={end} s is not after start={start} s: give a later end, or none for all.")


def _decode(
    path: str | os.PathLike[str], sr: int, first: int, last: int, block_length: int
) -> Iterator[NDArray[np.float32]]:
    """Yield samples `first` to `last`, the channels averaged."""
    name = repr(os.fspath(path))
    position = first
    try:
        with soundfile.SoundFile(name_for_soundfile(path)) as file:
            file.seek(first)
            while position < last:
                channels = file.read(min(block_length, last - position), dtype="float32", always_2d=True)
                if len(channels) == 0:
                    break
                y = _mix(channels)
                _check_finite(y, name, sr, position)
                yield y
                position += len(y)
    except soundfile.SoundFileError as error:
        raise NmfamtError(
            f"{name} cannot be decoded beyond {position / sr:.2f} s ({str(error).rstrip('.')}): "
            f"the file is damaged or cut off; copy it again, or give end={position / sr:.2f} at most."
        ) from error
    if position == first:
        raise NmfamtError(f"{name} ends before {first / sr:.2f} s: give an earlier start.")


def _mix(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of channels that lie side by side."""
    # Channel by channel: NumPy's mean over a short last axis takes twenty times as long.
    y: NDArray[np.float32] = reduce(np.add, channels.T)
    return y / np.float32(channels.shape[1]) if channels.shape[1] > 1 else y


def _check_finite(y: FloatArray, name: str, sr: int | None = None, offset: int = 0) -> None:
    finite = np.isfinite(y)
    if not finite.all():
        at = offset + int(finite.argmin())
        where = f"sample {at}" if sr is None else f"{at / sr:.3f} s"
        raise NmfamtError(f"{name} holds NaN or infinite samples, the first at {where}: repair or cut them out.")


def _resample_stream(pieces: Iterable[NDArray[np.float32]], sr: int, target: int) -> Iterator[NDArray[np.float32]]:
    import soxr

    stream = soxr.ResampleStream(sr, target, 1, dtype="float32", quality="HQ")
    n_samples, first = 0, np.zeros(0, dtype=np.float32)
    for y in pieces:
        first = first if len(first) else y[:1]
        resampled = stream.resample_chunk(y)
        n_samples += len(resampled)
        yield resampled
    rest = stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
    # Fewer input samples than make one output sample: something was recorded, so something comes out.
    yield rest if n_samples + len(rest) else first


def _regroup(pieces: Iterable[NDArray[np.float32]], length: int) -> Iterator[NDArray[np.float32]]:
    """Yield the same samples in arrays of `length`, the last one shorter."""
    waiting: list[NDArray[np.float32]] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= length:
            y = np.concatenate(waiting) if len(waiting) > 1 else piece
            whole = len(y) // length * length
            yield from y[:whole].reshape(-1, length)
            waiting = [y[whole:]]
    y = np.concatenate(waiting)
    if len(y):
        yield y


def resample(y: FloatArray, *, sr: float, target: float) -> FloatArray:
    """Resample one channel of audio.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Audio, float32 or float64.
    sr, target : float
        Its rate and the rate wanted, in Hz.

    Returns
    -------
    ndarray, shape (ceil(n_samples * target / sr),) or one less
        Audio of the same dtype, at least one sample.

    Raises
    ------
    NmfamtError
        If a rate is not positive.

    Examples
    --------
    >>> resample(np.zeros(16000), sr=16000, target=22050).shape
    (22050,)
    """
    if not (sr > 0 and target > 0):
        raise NmfamtError(f"sr={sr!r} and target={target!r} must be positive numbers of Hz, such as 22050.")
    if sr == target:
        return y
    import soxr

    resampled: FloatArray = soxr.resample(y, sr, target, quality="HQ")
    return resampled if len(resampled) else y[:1]


def check(y: ArrayLike) -> FloatArray:
    """Return audio that is given as an array as one channel, having made sure that it is sound.

    Parameters
    ----------
    y : array_like, shape (n_samples,) or (n_channels, n_samples)
        Audio as floats; channels, in librosa's order, are averaged.

    Returns
    -------
    ndarray, shape (n_samples,)
        float32 or float64 as given.

    Raises
    ------
    NmfamtError
        If `y` is not one- or two-dimensional, is empty, is not of floats, has its axes exchanged,
        or holds a NaN or infinite sample.

    Examples
    --------
    >>> check([[0.5, 1.0], [0.5, 0.0]])
    array([0.5, 0.5])
    """
    try:
        audio = np.asarray(y)
    except (TypeError, ValueError) as error:
        raise NmfamtError(f"y is not an array of samples ({error}): give floats of shape (n_samples,).") from error
    if audio.ndim not in (1, 2) or audio.size == 0:
        raise NmfamtError(f"y has shape {audio.shape}: give (n_samples,) or (n_channels, n_samples), not empty.")
    if audio.dtype.kind != "f":
        full_scale = f", as in y / {np.iinfo(audio.dtype).max + 1}" if audio.dtype.kind == "i" else ""
        raise NmfamtError(f"y holds {audio.dtype} samples: give floats between -1 and 1{full_scale}.")
    if audio.ndim == 2:
        if len(audio) > _MAX_CHANNELS:
            raise NmfamtError(f"y has shape {audio.shape}, {len(audio)} channels: channels come first, give y.T.")
        audio = audio.mean(axis=0)
    audio = audio.astype(np.float64 if audio.dtype.itemsize > 4 else np.float32, copy=False)
    _check_finite(audio, "y")
    return audio
