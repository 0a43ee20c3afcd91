"""Magnitude spectrograms on a musical frequency axis, computed block by block.

A set of settings is a frozen dataclass; calling it on ``(y, sr=...)`` gives a `Spectrogram`, its method
``blocks`` gives the same frames from a stream of audio. Two settings that compare equal give spectra that can
be compared: that is how a dictionary knows whether it fits.

Conventions: frame ``t`` is centred on the sample ``t * hop_length`` of audio at ``settings.sr``; the audio
is zero before its first and after its last sample; frequency is the first axis, time the second. Frames are
computed in chunks of `CHUNK_FRAMES`, counted from the start of the recording, so the result does not depend
on how the audio was cut.

The default settings are `nmfamt.log_frequency.LogFrequency`; the librosa transforms `STFT`, `Mel`, `CQT` and
`VQT` live in `nmfamt.spectrogram_librosa`.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt import audio
from nmfamt.array_namespace import namespace, to_host
from nmfamt.exceptions import NmfamtError

__all__ = [
    "CHUNK_FRAMES",
    "SILENCE",
    "Settings",
    "Spectrogram",
    "bandwidth",
    "check_settings",
    "compress",
    "measure_level",
    "settings_from_dict",
    "stream",
    "whole",
]

CHUNK_FRAMES = 512
"""Frames computed at a time; 5 s at the default hop."""

SILENCE = 20.0
"""A frame so many times weaker than the loudest, in the sum over frequency, is silence."""

FloatArray = NDArray[np.floating[Any]]


class Settings(Protocol):
    """How a spectrogram is computed: frozen hyper-parameters that can be compared, stored and called."""

    @property
    def sr(self) -> int:
        """Sample rate in Hz at which the audio is analysed."""
        ...

    @property
    def hop_length(self) -> int:
        """Samples from one frame centre to the next."""
        ...

    @property
    def power(self) -> float:
        """Exponent of the magnitudes."""
        ...

    @property
    def dtype(self) -> str:
        """Precision of the result, float32 or float64."""
        ...

    @property
    def freqs(self) -> NDArray[np.float64]:
        """Centre frequency of every bin in Hz."""
        ...

    def __call__(self, y: ArrayLike, *, sr: float) -> "Spectrogram":
        """Compute the spectrogram of a whole signal."""
        ...

    def blocks(self, blocks: Iterable[FloatArray]) -> Iterator["Spectrogram"]:
        """Compute the spectrogram of a stream of audio that is already at `sr`."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the hyper-parameters and the name of their class, ready for JSON."""
        ...


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """A magnitude spectrogram and its axes.

    Attributes
    ----------
    S : ndarray, shape (n_bins, n_frames)
        Magnitudes raised to the exponent of the settings; finite and not negative.
    freqs : ndarray, shape (n_bins,)
        Centre frequencies in Hz, increasing.
    times : ndarray, shape (n_frames,)
        Frame centres in seconds.
    settings : Settings
        What it was computed with.
    bandwidth : float
        The highest frequency in Hz that the recording can hold, from its sample rate; bins above it are
        empty.
    """

    S: FloatArray
    freqs: NDArray[np.float64]
    times: NDArray[np.float64]
    settings: Settings
    bandwidth: float = np.inf

    def __post_init__(self) -> None:
        if self.S.shape != (len(self.freqs), len(self.times)):
            raise NmfamtError(
                f"S has shape {self.S.shape}, but there are {len(self.freqs)} frequencies and {len(self.times)} times."
            )

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.times)

    def frames(self, first: int, last: int) -> "Spectrogram":
        """Return the frames `first` to `last` (excluded).

        Examples
        --------
        >>> from nmfamt import LogFrequency
        >>> LogFrequency()([0.0] * 8000, sr=16000).frames(20, 30).times[[0, -1]]
        array([0.2 , 0.29])
        """
        return replace(self, S=self.S[:, first:last], times=self.times[first:last])

    @classmethod
    def concatenate(cls, parts: "Sequence[Spectrogram]") -> "Spectrogram":
        """Return consecutive parts of one spectrogram, at least one, as one.

        Examples
        --------
        >>> from nmfamt import LogFrequency
        >>> whole = LogFrequency()([0.0] * 8000, sr=16000)
        >>> Spectrogram.concatenate([whole.frames(0, 20), whole.frames(20, 51)]).n_frames
        51
        """
        first = parts[0]
        return replace(
            first,
            S=namespace(first.S).concatenate([part.S for part in parts], axis=1),
            times=np.concatenate([part.times for part in parts]),
        )

    def level(self, quantile: float = 0.95) -> float:
        """Return the level of the recording; see `measure_level`."""
        return measure_level([self], quantile)


def measure_level(spectrograms: Iterable[Spectrogram], quantile: float = 0.95) -> float:
    """Return the level of a recording: a quantile of the sums over frequency, wherever something sounds.

    Parameters
    ----------
    spectrograms : iterable of Spectrogram
        The recording, in one piece or many.
    quantile : float, in (0, 1]
        0.95 ignores single crashes. Frames below a twentieth of the loudest are silence and do not count, so that
        the level of a melody is the same however long the pause after it.

    Returns
    -------
    float
        In the unit of ``S``, to within half a percent, since the sums are counted in a histogram of fixed
        size; 0.0 for silence.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfamt import LogFrequency
    >>> spectrogram = LogFrequency()(np.sin(np.arange(16000.0)), sr=16000)
    >>> round(spectrogram.level(1.0) / float(spectrogram.S.sum(axis=0).max()), 1)
    1.0
    """
    low, high = np.log2(_LEVEL_RANGE).tolist()
    counts = np.zeros(_LEVEL_BINS, dtype=np.int64)
    for spectrogram in spectrograms:
        sums = to_host(spectrogram.S.sum(axis=0, dtype=np.float64))
        sounding = np.minimum(np.log2(sums[sums > _LEVEL_RANGE[0]]), high)
        counts += np.histogram(sounding, bins=_LEVEL_BINS, range=(low, high))[0]
    if not counts.any():
        return 0.0
    width = (high - low) / _LEVEL_BINS
    loudest = int(np.flatnonzero(counts)[-1])
    counts[: max(0, loudest - round(np.log2(SILENCE) / width))] = 0
    place = int(np.searchsorted(np.cumsum(counts), quantile * counts.sum()))
    return float(2.0 ** (low + (place + 0.5) * width))


_LEVEL_BINS = 4096
_LEVEL_RANGE = (2.0**-24, 2.0**24)


def stream(
    blocks: Iterable[FloatArray],
    compute: Callable[[FloatArray, int], FloatArray],
    *,
    settings: Settings,
    context: int,
) -> Iterator[Spectrogram]:
    """Cut a stream of audio into chunks with context and compute the frames of each.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (n,)
        Consecutive audio at ``settings.sr``, in blocks of any length; of NumPy, or all of CuPy.
    compute : callable
        ``compute(y, n_frames)`` returns the ``n_frames`` spectra whose first is centred on ``y[context]``;
        `y` is zero-padded to ``context + (n_frames - 1) * hop_length + 1 + context`` samples.
    settings : Settings
        Gives the hop length, the rate and the frequencies.
    context : int
        Samples needed on either side of a frame centre.

    Yields
    ------
    Spectrogram
        `CHUNK_FRAMES` frames each, the last one fewer; together ``1 + n_samples // hop_length`` frames.
    """
    hop = settings.hop_length
    needed = 2 * context + 1 + (CHUNK_FRAMES - 1) * hop
    buffer: FloatArray | None = None
    n_samples, start = 0, 0

    def chunk(y: FloatArray, n_frames: int) -> Spectrogram:
        times = np.arange(start, start + n_frames, dtype=np.float64) * (hop / settings.sr)
        return Spectrogram(compute(y, n_frames), settings.freqs, times, settings)

    for block in blocks:
        xp = namespace(block)
        n_samples += len(block)
        buffer = xp.concatenate([xp.zeros(context, dtype=block.dtype) if buffer is None else buffer, block])
        while len(buffer) >= needed:
            yield chunk(buffer[:needed], CHUNK_FRAMES)
            buffer = buffer[CHUNK_FRAMES * hop :]
            start += CHUNK_FRAMES
    if buffer is None or not n_samples:
        return
    total = 1 + n_samples // hop
    while start < total:
        n_frames = min(CHUNK_FRAMES, total - start)
        length = 2 * context + 1 + (n_frames - 1) * hop
        y = namespace(buffer).zeros(length, dtype=buffer.dtype)
        y[: min(length, len(buffer))] = buffer[:length]
        yield chunk(y, n_frames)
        buffer = buffer[CHUNK_FRAMES * hop :]
        start += n_frames


def whole(settings: Settings, y: ArrayLike, *, sr: float) -> Spectrogram:
    """Compute the spectrogram of a whole signal by way of ``settings.blocks``.

    Raises
    ------
    NmfamtError
        If the audio is empty, has NaN or infinite samples, or is not one- or two-dimensional, or `sr` is no
        rate.
    """
    on_host = namespace(y) is np
    checked: Any = audio.check(y) if on_host else y
    if not 0.5 < sr < np.inf:
        raise NmfamtError(f"sr={sr} must be the sample rate of y in Hz, such as 44100.")
    if round(sr) != settings.sr:
        if not on_host:
            raise NmfamtError(f"Audio on a GPU cannot be resampled from {sr:g} Hz: give it at {settings.sr} Hz.")
        checked = audio.resample(checked, sr=round(sr), target=settings.sr)
    found = Spectrogram.concatenate(list(settings.blocks([checked])))
    return replace(found, bandwidth=bandwidth(sr, settings.sr))


def bandwidth(sr: float, target: float) -> float:
    """Return the highest frequency in Hz that audio holds after resampling from the rate `sr` to `target`.

    Examples
    --------
    >>> bandwidth(8000, 16000), bandwidth(44100, 16000)
    (3600.0, inf)
    """
    # A good resampler keeps nine tenths of the band and rolls off above.
    return 0.45 * sr if sr < target else np.inf


def check_settings(settings: Settings, *, counts: tuple[str, ...] = ()) -> None:
    """Refuse hyper-parameters that no transform can use; whole numbers of any type become `int`.

    Parameters
    ----------
    settings : Settings
        Under construction.
    counts : tuple of str
        Its hyper-parameters, besides `sr` and `hop_length`, that are whole numbers of at least 1.

    Raises
    ------
    NmfamtError
        If a count is not a whole number from 1 to 2 ** 20, `power` is not in (0, 4], or `dtype` is unknown.
    """
    for name in ("sr", "hop_length", *counts):
        value = getattr(settings, name)
        try:
            number = operator.index(value)
        except TypeError:
            raise NmfamtError(f"{name}={value!r} must be a whole number (int).") from None
        if not 1 <= number <= 2**20:
            raise NmfamtError(f"{name}={number} must lie between 1 and {2**20}.")
        object.__setattr__(settings, name, number)
    if not 0 < settings.power <= 4:
        raise NmfamtError(f"power={settings.power} must lie in (0, 4]: 1 keeps magnitudes, 2 makes powers.")
    if settings.dtype not in ("float32", "float64"):
        raise NmfamtError(f"dtype={settings.dtype!r} must be 'float32' or 'float64'.")


def compress(S: FloatArray, power: float) -> FloatArray:
    """Raise magnitudes to a power, in place."""
    return S if power == 1 else np.power(S, S.dtype.type(power), out=S)


def settings_from_dict(values: dict[str, Any]) -> Settings:
    """Make settings from what their ``to_dict`` returned.

    Raises
    ------
    NmfamtError
        If the class or one of its hyper-parameters is unknown.

    Examples
    --------
    >>> from nmfamt import LogFrequency
    >>> settings_from_dict(LogFrequency(power=1.0).to_dict()) == LogFrequency(power=1.0)
    True
    """
    from nmfamt import spectrogram_librosa as transforms
    from nmfamt.log_frequency import LogFrequency

    known: dict[str, Any] = {"LogFrequency": LogFrequency} | {
        name: getattr(transforms, name) for name in transforms.__all__
    }
    name = str(values.get("class"))
    if name not in known:
        raise NmfamtError(f"Unknown spectrogram {name!r}: the known ones are {', '.join(known)}.")
    try:
        settings: Settings = known[name](**{key: value for key, value in values.items() if key != "class"})
    except TypeError as error:
        raise NmfamtError(f"{name} does not take these hyper-parameters: {error}.") from error
    return settings
