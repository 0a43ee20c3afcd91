"""A recording that can be read more than once: a file, or an array, or a part of either.

What a transcription needs from the whole recording it measures in a first pass over the spectrogram. The second pass
computes the spectrogram again, which is quick and takes up less memory than keeping it; the audio it is computed from,
at the rate of the spectrogram, is kept between the passes unless it would take more than `AUDIO_BYTES`, so that only
long files are decoded twice. Whether the audio comes from a file or from memory makes no difference but for the
rounding of the resampler, which takes an array as a whole.
"""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt import audio
from nmfamt.array_namespace import to_device
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.spectrogram import Settings, Spectrogram, bandwidth

__all__ = ["AUDIO_BYTES", "Recording", "Source", "open_recording"]

AUDIO_BYTES = 50_000_000
"""The most that a first pass keeps of the audio for the second; ten minutes at 16 kHz are 38 MB."""

Progress = Callable[[float], None]
Source = str | os.PathLike[str] | ArrayLike

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Recording:
    """Audio that can be read from its beginning as often as needed.

    Attributes
    ----------
    read : callable
        Returns an iterable of consecutive audio blocks at a rate of its own choice: that of the settings it is
        opened for.
    sr : float
        Rate at which it was recorded, in Hz; it says what the audio can hold.
    start, duration : float
        The part that is read, in seconds.
    """

    read: Callable[[], Iterable[FloatArray]]
    sr: float
    start: float
    duration: float

    def spectrograms(
        self,
        settings: Settings,
        *,
        blocks: Iterable[FloatArray] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Spectrogram]:
        """Yield the spectrogram block by block; times count from the beginning of the recording, not of the part.

        Parameters
        ----------
        settings : Settings
            Of the spectrogram; the recording was opened at their rate.
        blocks : iterable of ndarray, optional
            What `read` returned, where the caller wanted to call it.
        progress : callable, optional
            Called with the share that is done, from 0 to 1.

        Examples
        --------
        >>> from nmfamt import LogFrequency
        >>> recording = open_recording(np.zeros(160_000), sr=16000, target=16000, start=2.0)
        >>> [float(spectrogram.times[0]) for spectrogram in recording.spectrograms(LogFrequency())]
        [2.0, 7.12]
        """
        for spectrogram in settings.blocks(self.read() if blocks is None else blocks):
            held = bandwidth(self.sr, settings.sr)
            spectrogram = replace(spectrogram, times=spectrogram.times + self.start, bandwidth=held)
            self._report(spectrogram, progress)
            yield spectrogram

    def passes(
        self, settings: Settings, *, first: Progress | None = None, second: Progress | None = None
    ) -> tuple[Iterator[Spectrogram], Iterator[Spectrogram]]:
        """Return the spectrogram twice, block by block; the second is to be asked for when the first has ended.

        Parameters
        ----------
        settings : Settings
            Of the spectrogram; the recording was opened at their rate.
        first, second : callable, optional
            Called with the share of that pass that is done, from 0 to 1.

        Returns
        -------
        first, second : iterator of Spectrogram
            The same blocks, bit for bit; the second keeps none that it has given away, nor says again what was
            warned of.

        Examples
        --------
        >>> from nmfamt import LogFrequency
        >>> recording = open_recording(np.zeros(160_000), sr=16000, target=16000)
        >>> first, second = recording.passes(LogFrequency())
        >>> [spectrogram.n_frames for spectrogram in first], [spectrogram.n_frames for spectrogram in second]
        ([512, 489], [512, 489])
        """
        kept: deque[FloatArray] = deque()
        n_bytes = 0

        def read() -> Iterator[FloatArray]:
            nonlocal n_bytes
            for block in self.read():
                n_bytes += block.nbytes
                if n_bytes <= AUDIO_BYTES:
                    kept.append(block)
                else:
                    kept.clear()
                yield block

        def read_again() -> Iterator[FloatArray]:
            while kept:
                yield kept.popleft()
            if n_bytes > AUDIO_BYTES:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NmfamtWarning)
                    blocks = self.read()
                yield from blocks

        return (
            self.spectrograms(settings, blocks=read(), progress=first),
            self.spectrograms(settings, blocks=read_again(), progress=second),
        )

    def _report(self, spectrogram: Spectrogram, progress: Progress | None) -> None:
        if progress:
            progress(min(1.0, (float(spectrogram.times[-1]) - self.start) / self.duration))


def open_recording(
    source: Source,
    *,
    sr: float | None = None,
    target: int,
    start: float = 0.0,
    end: float | None = None,
    device: str = "cpu",
) -> Recording:
    """Open a file or an array.

    Parameters
    ----------
    source : path or array_like, shape (n_samples,) or (n_channels, n_samples)
        A file that soundfile can read, or audio, with `sr`.
    sr : float, optional
        Sample rate of an array in Hz; a file knows its own.
    target : int
        Rate in Hz at which it will be read.
    start, end : float, optional
        The part to read, in seconds; an `end` beyond the recording means its end.
    device : {"cpu", "cuda"}
        Where the audio is put as it is read; what is computed from it is computed there.

    Raises
    ------
    NmfamtError
        If there is no such file or it is no audio, the array is not sound or has no rate, or the part is not inside.

    Examples
    --------
    >>> recording = open_recording(np.zeros(16000), sr=8000, target=16000, start=0.5)
    >>> recording.duration, [len(block) for block in recording.read()]
    (1.5, [24000])
    """
    if isinstance(source, str | os.PathLike):
        path, facts = source, audio.info(source)
        duration = facts.duration if end is None else min(end, facts.duration)
        return Recording(
            lambda: _moved(audio.blocks(path, sr=target, start=start, end=end), device),
            facts.sr,
            start,
            duration - start,
        )
    if sr is None:
        raise NmfamtError("Audio given as an array needs its sample rate: transcribe(y, sr=44100).")
    if not 0.5 < sr < np.inf:
        raise NmfamtError(f"sr={sr} must be the sample rate of y in Hz, such as 44100.")
    y = audio.resample(_excerpt(audio.check(source), sr, start, end), sr=sr, target=target)
    return Recording(lambda: _moved([y], device), sr, start, len(y) / target)


def _moved(blocks: Iterable[FloatArray], device: str) -> Iterable[Any]:
    """Return the blocks on the device."""
    return blocks if device == "cpu" else (to_device(block, device) for block in blocks)


def _excerpt(y: FloatArray, sr: float, start: float, end: float | None) -> FloatArray:
    """Return the samples from `start` to `end`, at least one."""
    duration = len(y) / sr
    if not 0 <= start < duration:
        raise NmfamtError(
            f"start={start} s is not inside the audio, which lasts {duration:.3f} s: "
            f"give a time from 0 to {duration:.3f}."
        )
    if end is not None and not end > start:
        raise NmfamtError(f"end={end} s is not after start={start} s: give a later end, or none for all.")
    first = min(round(start * sr), len(y) - 1)
    last = len(y) if end is None else max(round(min(end, duration) * sr), first + 1)
    return y[first:last]
