"""The default spectrogram: multi-resolution magnitudes on a logarithmic frequency axis.

Four Hann windows, long for low pitches where partials lie close together and short for high ones where notes are
fast; the low bands are decimated first, so that a long window is a short transform. Triangular filters gather the bins
of each band on one logarithmic axis. Against the same windows and frequencies without decimation the spectra are at
most 0.03 % of the maximum of a band off; single precision adds 6e-7 of the maximum.

The definition is in array operations, for NumPy and CuPy; audio in main memory goes through compiled kernels that do
the same in a third of the time, `nmfamt._log_frequency`.

The idea of a window per frequency region, which trades time against frequency resolution as the constant-Q
transform does, is in J. C. Brown, "Calculation of a constant Q spectral transform", J. Acoust. Soc. Am. 89
(1991); the power below one compresses the dynamic range as in E. Vincent, N. Bertin & R. Badeau, "Adaptive
harmonic spectral decomposition for multiple pitch estimation", IEEE TASLP 18 (2010).
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.array_namespace import namespace
from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram, check_settings, compress, stream, whole

if TYPE_CHECKING:
    from nmfamt._log_frequency import Plan

__all__ = ["LogFrequency"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class LogFrequency:
    """Settings of the default multi-resolution log-frequency spectrogram.

    Parameters
    ----------
    sr : int
        Analysis rate in Hz; audio at another rate is resampled.
    hop_length : int
        Samples between frames; 160 at 16 kHz is 10 ms.
    bins_per_octave : int
        Resolution of the frequency axis; 48 is a quarter of a semitone.
    fmin, fmax : float
        Centre of the lowest bin and upper limit of the highest, in Hz.
    splits : tuple of float
        Frequencies in Hz where the window changes, increasing.
    windows : tuple of float
        Length of the Hann window in each band in seconds, one more than `splits`.
    power : float
        Exponent of the magnitudes; 1 keeps them, smaller values compress them.
    dtype : {"float32", "float64"}
        Precision of the result.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> spectrogram = LogFrequency(fmin=27.5, fmax=7040)(y, sr=16000)
    >>> spectrogram.S.shape, round(spectrogram.freqs[spectrogram.S[:, 50].argmax()])
    ((385, 101), 440)
    """

    sr: int = 16000
    hop_length: int = 160
    bins_per_octave: int = 48
    fmin: float = pitch_to_hz(20)
    fmax: float = 7600.0
    splits: tuple[float, ...] = (150.0, 600.0, 2400.0)
    windows: tuple[float, ...] = (0.375, 0.1875, 0.09375, 0.046875)
    power: float = 0.7
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_settings(self, counts=("bins_per_octave",))
        object.__setattr__(self, "splits", tuple(self.splits))
        object.__setattr__(self, "windows", tuple(self.windows))
        if len(self.windows) != len(self.splits) + 1:
            raise NmfamtError(
                f"{len(self.splits)} splits make {len(self.splits) + 1} bands, "
                f"but there are {len(self.windows)} windows."
            )
        if not all(low < high for low, high in zip((0.0, *self.splits), self.splits, strict=False)):
            raise NmfamtError(f"splits={self.splits} must be positive and increasing frequencies in Hz.")
        if not all(0 < seconds <= 10 for seconds in self.windows):
            raise NmfamtError(f"windows={self.windows} must be lengths in seconds, more than 0 and at most 10.")
        if not 1 <= self.fmin < self.fmax <= self.sr / 2:
            raise NmfamtError(
                f"fmin={self.fmin} and fmax={self.fmax} must satisfy 1 <= fmin < fmax <= sr / 2 = {self.sr / 2}."
            )
        if self.bins_per_octave > 1200:
            raise NmfamtError(f"bins_per_octave={self.bins_per_octave} must be at most 1200, one a cent.")

    @property
    def freqs(self) -> NDArray[np.float64]:
        """Centre frequency of every bin in Hz."""
        n_bins = int(np.floor(self.bins_per_octave * np.log2(self.fmax / self.fmin))) + 1
        return self.fmin * 2.0 ** (np.arange(n_bins) / self.bins_per_octave)

    def __call__(self, y: ArrayLike, *, sr: float) -> Spectrogram:
        """Compute the spectrogram of a whole signal.

        Parameters
        ----------
        y : array_like, shape (n_samples,) or (n_channels, n_samples)
            Audio; channels are averaged.
        sr : float
            Its sample rate in Hz; resampled where it differs from the settings.

        Returns
        -------
        Spectrogram
            ``1 + n_samples // hop_length`` frames.

        Raises
        ------
        NmfamtError
            If the audio is empty, or has NaN or infinite samples.
        """
        return whole(self, y, sr=sr)

    def blocks(self, blocks: Iterable[FloatArray]) -> Iterator[Spectrogram]:
        """Compute the spectrogram of a stream of audio that is already at `sr`; see `stream`."""
        context = max(band.reach for band in _bands(self))

        def compute(y: FloatArray, n_frames: int) -> FloatArray:
            y = y.astype(self.dtype, copy=False)
            return (_with_kernels if _suits_kernels(y) else _with_arrays)(y, self, context, n_frames)

        return stream(blocks, compute, settings=self, context=context)

    def to_dict(self) -> dict[str, Any]:
        """Return the hyper-parameters and the name of their class, ready for JSON."""
        return {"class": "LogFrequency", **asdict(self)}


@dataclass(frozen=True)
class _Band:
    """What turns audio into the magnitudes of one frequency region."""

    decimation: int
    lowpass: FloatArray  # FIR taps, an odd number; a single 1 where nothing is decimated
    window: FloatArray  # at the decimated rate, with unit sum
    n_fft: int
    first: int  # the first FFT bin that a filter touches
    filters: FloatArray  # (n_bins, n_fft_bins)
    reach: int  # samples at the full rate to either side of a frame centre


@lru_cache(maxsize=16)
def _bands(settings: LogFrequency, xp: ModuleType = np) -> tuple[_Band, ...]:
    """Design the bands of `settings`, in arrays of the namespace `xp`."""
    freqs = settings.freqs
    edges = np.concatenate([[0.0], settings.splits, [np.inf]])
    dtype = np.dtype(settings.dtype)
    bands = []
    for low, high, seconds in zip(edges[:-1], edges[1:], settings.windows, strict=True):
        centres = freqs[(freqs >= low) & (freqs < high)]
        if not len(centres):
            continue
        ratio = 2.0 ** (1.0 / settings.bins_per_octave)
        top = centres[-1] * ratio
        decimation = _decimation(settings.sr, settings.hop_length, top)
        rate = settings.sr / decimation
        n_window = 2 * round(seconds * rate / 2) + 1
        # Zero padding to at least 1.3 times the window keeps the grid fine enough for narrow filters.
        n_fft = 1 << int(np.ceil(np.log2(1.3 * n_window)))
        window = np.hanning(n_window + 2)[1:-1]
        filters, first = _triangles(centres, ratio, rate / n_fft, n_fft // 2 + 1)
        lowpass = _lowpass(settings.sr, top, rate - top) if decimation > 1 else np.ones(1)
        bands.append(
            _Band(
                decimation=decimation,
                lowpass=xp.asarray(lowpass.astype(dtype)),
                window=xp.asarray((window / window.sum()).astype(dtype)),
                n_fft=n_fft,
                first=first,
                filters=xp.asarray(filters.astype(dtype)),
                reach=(n_window // 2) * decimation + len(lowpass) // 2,
            )
        )
    return tuple(bands)


def _decimation(sr: int, hop_length: int, top: float) -> int:
    """Return the largest power of two that divides the hop and leaves `top` below 0.35 of the new rate."""
    factor = 1
    while hop_length % (2 * factor) == 0 and top < 0.35 * sr / (2 * factor):
        factor *= 2
    return factor


def _lowpass(sr: int, passband: float, stopband: float) -> NDArray[np.float64]:
    """Return a linear-phase low-pass with 70 dB of rejection (Kaiser window design, Oppenheim & Schafer)."""
    attenuation = 70.0
    beta = 0.1102 * (attenuation - 8.7)
    width = 2 * np.pi * (stopband - passband) / sr
    half = int(np.ceil((attenuation - 7.95) / (2.285 * width) / 2))
    n = np.arange(-half, half + 1)
    cutoff = (passband + stopband) / sr
    taps = cutoff * np.sinc(cutoff * n) * np.kaiser(2 * half + 1, beta)
    return np.asarray(taps / taps.sum())


def _triangles(centres: NDArray[np.float64], ratio: float, df: float, n_bins: int) -> tuple[NDArray[np.float64], int]:
    """Return triangular filters at `centres`, at least one FFT bin wide, and the first FFT bin they need.

    Each is divided by the root of its sum: halfway between the mean and the sum of the magnitudes, so that
    neither the partials (narrow) nor noise (broad) grow with the width of the filter.
    """
    below = np.maximum(centres - centres / ratio, df)[:, None]
    above = np.maximum(centres * ratio - centres, df)[:, None]
    offset = np.arange(n_bins) * df - centres[:, None]
    filters = np.clip(np.where(offset < 0, 1 + offset / below, 1 - offset / above), 0, None)
    filters /= np.sqrt(filters.sum(axis=1, keepdims=True))
    used = np.flatnonzero(filters.any(axis=0))
    return filters[:, used[0] : used[-1] + 1], int(used[0])


def _suits_kernels(y: FloatArray) -> bool:
    """Return whether audio is in memory, and squares of its spectrum do not leave the range of its precision."""
    return namespace(y) is np and max(y.max(), -y.min()) < np.sqrt(np.finfo(y.dtype).max) / 16


def _with_kernels(y: FloatArray, settings: LogFrequency, context: int, n_frames: int) -> FloatArray:
    """Compute what `_with_arrays` does."""
    from nmfamt._log_frequency import spectra

    return spectra(y, _plans(settings), hop_length=settings.hop_length, context=context, n_frames=n_frames)


@lru_cache(maxsize=16)
def _plans(settings: LogFrequency) -> "tuple[Plan, ...]":
    """Return what the kernels need to know of the bands."""
    from nmfamt._log_frequency import make_plan

    return tuple(
        make_plan(
            decimation=band.decimation,
            lowpass=band.lowpass,
            window=band.window,
            n_fft=band.n_fft,
            first=band.first,
            filters=band.filters,
            power=settings.power,
        )
        for band in _bands(settings)
    )


@single_thread()
def _with_arrays(y: FloatArray, settings: LogFrequency, context: int, n_frames: int) -> FloatArray:
    """Compute the frames that are centred on ``y[context + t * hop_length]``, in the namespace of `y`."""
    xp = namespace(y)
    bands = _bands(settings, xp)
    S = xp.concatenate([_band_magnitudes(y, band, settings.hop_length, context, n_frames, xp) for band in bands])
    return compress(S, settings.power)


def _band_magnitudes(
    y: FloatArray, band: _Band, hop_length: int, context: int, n_frames: int, xp: ModuleType
) -> FloatArray:
    """Compute the filtered magnitudes of one band."""
    if xp is np:
        from scipy.fft import rfft  # NumPy's transforms single precision in double, up to 1.26
    else:
        rfft = xp.fft.rfft
    sliding_window_view = xp.lib.stride_tricks.sliding_window_view
    half = len(band.window) // 2
    taps = len(band.lowpass)
    hop = hop_length // band.decimation
    n_low = (n_frames - 1) * hop + len(band.window)
    start = context - half * band.decimation - taps // 2
    low = xp.ascontiguousarray(y[start:])
    if taps > 1:
        low = sliding_window_view(low, taps)[:: band.decimation][:n_low] @ band.lowpass
    frames = sliding_window_view(low[:n_low], len(band.window))[::hop]
    used = slice(band.first, band.first + band.filters.shape[1])
    spectra = rfft(frames * band.window, n=band.n_fft, axis=1)[:, used]
    magnitudes: FloatArray = band.filters @ xp.ascontiguousarray(xp.abs(spectra).T)
    return magnitudes
