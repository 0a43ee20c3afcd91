"""The spectrograms of librosa behind the interface of `LogFrequency`: `STFT`, `Mel`, `CQT` and `VQT`.

Conventions are those of `nmfamt.spectrogram`: frame ``t`` is centred on the sample ``t * hop_length``, the
audio is zero outside the recording, and what librosa returns is turned into magnitudes and raised to
``power``. Where the audio is cut into blocks makes no difference: librosa sees chunks of a fixed length with
enough context around them.

The constant-Q transform is that of C. Schörkhuber & A. Klapuri, "Constant-Q transform toolbox for music
processing", SMC 2010, the variable-Q transform that of C. Schörkhuber, A. Klapuri, N. Holighaus & M. Dörfler,
"A Matlab toolbox for efficient perfect reconstruction time-frequency transforms with log-frequency
resolution", AES 2014.

Departures from calling librosa on the whole recording:

1. `STFT` leaves out the bin at 0 Hz, which has no place on a musical frequency axis.
2. `Mel` applies its filters to magnitudes, not powers, before `power` is applied, as `LogFrequency` does.
3. `CQT` and `VQT` halve the sample rate from octave to octave as long as the hop can be halved. A chunk
   starts a multiple of the hop before its first frame, so that all its rates sample the same instants as
   those of the whole. What remains is 1e-6 of the largest magnitude, and up to some per cent within a filter
   length of the ends, where librosa cuts off the ringing of its resamplers and this module does not.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram, check_settings, compress, stream, whole

__all__ = ["CQT", "STFT", "VQT", "Mel"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class STFT:
    """Settings of a linear-frequency spectrogram with one window for all frequencies.

    Parameters
    ----------
    sr : int
        Analysis rate in Hz; audio at another rate is resampled.
    hop_length : int
        Samples between frames.
    n_fft : int
        Length of the Fourier transform in samples; bins lie ``sr / n_fft`` Hz apart.
    power : float
        Exponent of the magnitudes; 1 keeps them, smaller values compress them.
    dtype : {"float32", "float64"}
        Precision of the result.
    win_length : int, optional
        Length of the window in samples, padded with zeros to `n_fft`; by default `n_fft`.
    window : str
        Shape of the window, a name that `scipy.signal.get_window` knows, such as ``"hamming"``.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> spectrogram = STFT(n_fft=1600)(y, sr=16000)
    >>> spectrogram.S.shape, round(spectrogram.freqs[spectrogram.S[:, 50].argmax()])
    ((800, 101), 440)
    """

    sr: int = 16000
    hop_length: int = 160
    n_fft: int = 4096
    power: float = 0.7
    dtype: str = "float32"
    win_length: int | None = None
    window: str = "hann"

    def __post_init__(self) -> None:
        check_settings(self, counts=("n_fft",) if self.win_length is None else ("n_fft", "win_length"))
        if self.n_fft < 2:
            raise NmfamtError(f"n_fft={self.n_fft} leaves no bin above 0 Hz: take 2 or more, such as 4096.")
        if self.win_length is not None and self.win_length > self.n_fft:
            raise NmfamtError(
                f"win_length={self.win_length} is longer than n_fft={self.n_fft}: take n_fft="
                f"{1 << (self.win_length - 1).bit_length()}."
            )
        _check_window(self.window)

    @property
    def freqs(self) -> NDArray[np.float64]:
        """Frequency of every bin in Hz, from ``sr / n_fft`` to half the sample rate."""
        return np.arange(1, self.n_fft // 2 + 1, dtype=np.float64) * (self.sr / self.n_fft)

    def __call__(self, y: ArrayLike, *, sr: float) -> Spectrogram:
        """Compute the spectrogram of a whole signal; see `LogFrequency`."""
        return whole(self, y, sr=sr)

    def blocks(self, blocks: Iterable[FloatArray]) -> Iterator[Spectrogram]:
        """Compute the spectrogram of a stream of audio that is already at `sr`; see `stream`."""

        def compute(y: FloatArray, n_frames: int) -> FloatArray:
            magnitudes = _magnitudes(y, self, n_frames, win_length=self.win_length, window=self.window)
            return compress(magnitudes[1:], self.power)

        return stream(blocks, compute, settings=self, context=self.n_fft // 2)

    def to_dict(self) -> dict[str, Any]:
        """Return the hyper-parameters and the name of their class, ready for JSON."""
        return {"class": "STFT", **asdict(self)}


@dataclass(frozen=True)
class Mel:
    """Settings of a mel spectrogram: triangular filters on Slaney's mel scale, each of unit area.

    Parameters
    ----------
    sr : int
        Analysis rate in Hz; audio at another rate is resampled.
    hop_length : int
        Samples between frames.
    n_fft : int
        Length of the Hann window in samples.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Lower end of the lowest filter and upper end of the highest, in Hz.
    power : float
        Exponent of the filtered magnitudes; 1 keeps them, smaller values compress them.
    dtype : {"float32", "float64"}
        Precision of the result.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> Mel(n_mels=64)(y, sr=16000).S.shape
    (64, 101)
    """

    sr: int = 16000
    hop_length: int = 160
    n_fft: int = 4096
    n_mels: int = 229
    fmin: float = pitch_to_hz(20)
    fmax: float = 7600.0
    power: float = 0.7
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_settings(self, counts=("n_fft", "n_mels"))
        if not 0 <= self.fmin < self.fmax <= self.sr / 2:
            raise NmfamtError(
                f"fmin={self.fmin} and fmax={self.fmax} must satisfy 0 <= fmin < fmax <= sr / 2 = {self.sr / 2}."
            )
        if self.n_mels > self.n_fft or not _mel_filters(self).any(axis=1).all():
            edges = _mel_edges(self)
            enough = 1 << int(np.ceil(np.log2(self.sr / (edges[2:] - edges[:-2]).min())))
            raise NmfamtError(
                f"n_mels={self.n_mels} makes filters so narrow that no bin of n_fft={self.n_fft} falls into "
                f"some of them: take n_fft={enough}, or fewer filters."
            )

    @property
    def freqs(self) -> NDArray[np.float64]:
        """Centre frequency of every filter in Hz."""
        return _mel_edges(self)[1:-1].copy()

    def __call__(self, y: ArrayLike, *, sr: float) -> Spectrogram:
        """Compute the spectrogram of a whole signal; see `LogFrequency`."""
        return whole(self, y, sr=sr)

    def blocks(self, blocks: Iterable[FloatArray]) -> Iterator[Spectrogram]:
        """Compute the spectrogram of a stream of audio that is already at `sr`; see `stream`."""
        filters = _mel_filters(self).astype(self.dtype)

        def compute(y: FloatArray, n_frames: int) -> FloatArray:
            with single_thread():
                return compress(filters @ _magnitudes(y, self, n_frames), self.power)

        return stream(blocks, compute, settings=self, context=self.n_fft // 2)

    def to_dict(self) -> dict[str, Any]:
        """Return the hyper-parameters and the name of their class, ready for JSON."""
        return {"class": "Mel", **asdict(self)}


def _check_window(window: str) -> None:
    if window in ("hann", "hamming", "blackman"):
        return  # without the import, which takes longer than most spectrograms
    from scipy.signal import get_window

    try:
        get_window(window, 8)
    except (TypeError, ValueError):
        raise NmfamtError(f"window={window!r} is no window that scipy knows by its name, such as 'hann'.") from None


def _magnitudes(
    y: FloatArray, settings: STFT | Mel, n_frames: int, *, win_length: int | None = None, window: str = "hann"
) -> FloatArray:
    """Return the magnitudes of frames centred on ``y[n_fft // 2 + t * hop_length]``."""
    import librosa

    y = y.astype(settings.dtype, copy=False)
    spectra = librosa.stft(
        y,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        win_length=win_length,
        window=window,
        center=False,
    )
    return np.asarray(np.abs(spectra[:, :n_frames]))


@lru_cache(maxsize=16)
def _mel_edges(settings: Mel) -> NDArray[np.float64]:
    """Return the lower end, the centres and the upper end of the filters in Hz, shape (n_mels + 2,)."""
    import librosa

    return np.asarray(librosa.mel_frequencies(settings.n_mels + 2, fmin=settings.fmin, fmax=settings.fmax))


@lru_cache(maxsize=16)
def _mel_filters(settings: Mel) -> NDArray[np.float64]:
    """Return the filters, shape (n_mels, n_fft // 2 + 1)."""
    import librosa

    with warnings.catch_warnings():
        # Mel refuses empty filters in a sentence of its own.
        warnings.filterwarnings("ignore", "Empty filters", UserWarning)
        filters = librosa.filters.mel(
            sr=settings.sr,
            n_fft=settings.n_fft,
            n_mels=settings.n_mels,
            fmin=settings.fmin,
            fmax=settings.fmax,
            dtype=np.float64,
        )
    return np.asarray(filters)


@dataclass(frozen=True)
class CQT:
    """Settings of a constant-Q spectrogram: every filter has the same number of periods.

    Low filters are long: two seconds at 26 Hz with 36 bins an octave. `VQT` trades that for wider filters.

    Parameters
    ----------
    sr : int
        Analysis rate in Hz; audio at another rate is resampled.
    hop_length : int
        Samples between frames. Each factor of two in it lets one octave be computed at half the rate of the
        next.
    bins_per_octave : int
        Resolution of the frequency axis.
    fmin : float
        Centre of the lowest bin in Hz, at least 1.
    n_bins : int
        Number of bins.
    power : float
        Exponent of the magnitudes; 1 keeps them, smaller values compress them.
    dtype : {"float32", "float64"}
        Precision of the result.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> spectrogram = CQT(fmin=110, n_bins=48, bins_per_octave=12)(y, sr=16000)
    >>> spectrogram.S.shape, round(spectrogram.freqs[spectrogram.S[:, 50].argmax()])
    ((48, 101), 440)
    """

    sr: int = 16000
    hop_length: int = 160
    bins_per_octave: int = 36
    fmin: float = pitch_to_hz(20)
    n_bins: int = 288
    power: float = 0.7
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _check_filters(self, 0.0)

    @property
    def freqs(self) -> NDArray[np.float64]:
        """Centre frequency of every bin in Hz."""
        return _centres(self)

    def __call__(self, y: ArrayLike, *, sr: float) -> Spectrogram:
        """Compute the spectrogram of a whole signal; see `LogFrequency`."""
        return whole(self, y, sr=sr)

    def blocks(self, blocks: Iterable[FloatArray]) -> Iterator[Spectrogram]:
        """Compute the spectrogram of a stream of audio that is already at `sr`; see `stream`."""
        return _filtered(blocks, self, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the hyper-parameters and the name of their class, ready for JSON."""
        return {"class": "CQT", **asdict(self)}


@dataclass(frozen=True)
class VQT:
    """Settings of a variable-Q spectrogram: a constant-Q spectrogram whose low filters are wider and shorter.

    Parameters
    ----------
    sr, hop_length, bins_per_octave, fmin, n_bins, power, dtype
        As in `CQT`.
    gamma : float, optional
        Hz added to the bandwidth of every filter; 0 is the constant-Q transform. By default such that
        bandwidths are proportional to the equivalent rectangular bandwidths of hearing.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> VQT()(y, sr=16000).S.shape
    (288, 101)
    """

    sr: int = 16000
    hop_length: int = 160
    bins_per_octave: int = 36
    fmin: float = pitch_to_hz(20)
    n_bins: int = 288
    gamma: float | None = None
    power: float = 0.7
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.gamma is not None and not 0 <= self.gamma < self.sr / 2:
            raise NmfamtError(f"gamma={self.gamma} must lie in [0, sr / 2 = {self.sr / 2}), or be None.")
        _check_filters(self, self.gamma)

    @property
    def freqs(self) -> NDArray[np.float64]:
        """Centre frequency of every bin in Hz."""
        return _centres(self)

    def __call__(self, y: ArrayLike, *, sr: float) -> Spectrogram:
        """Compute the spectrogram of a whole signal; see `LogFrequency`."""
        return whole(self, y, sr=sr)

    def blocks(self, blocks: Iterable[FloatArray]) -> Iterator[Spectrogram]:
        """Compute the spectrogram of a stream of audio that is already at `sr`; see `stream`."""
        return _filtered(blocks, self, self.gamma)

    def to_dict(self) -> dict[str, Any]:
        """Return the hyper-parameters and the name of their class, ready for JSON."""
        return {"class": "VQT", **asdict(self)}


def _centres(settings: CQT | VQT) -> NDArray[np.float64]:
    return np.asarray(settings.fmin * 2.0 ** (np.arange(settings.n_bins) / settings.bins_per_octave))


def _check_filters(settings: CQT | VQT, gamma: float | None) -> None:
    check_settings(settings, counts=("bins_per_octave", "n_bins"))
    if settings.bins_per_octave > 1200 or not 1 <= settings.fmin < settings.sr / 2:
        raise NmfamtError(
            f"bins_per_octave={settings.bins_per_octave} must be at most 1200, and fmin={settings.fmin} Hz "
            f"from 1 to below sr / 2 = {settings.sr / 2}."
        )
    _, upper_ends = _filter_shapes(settings, gamma)
    fitting = int(np.count_nonzero(upper_ends <= settings.sr / 2))
    if fitting < settings.n_bins:
        raise NmfamtError(
            f"n_bins={settings.n_bins} filters from {settings.fmin:g} Hz on reach beyond sr / 2 = "
            f"{settings.sr / 2} Hz: take {fitting} at most, or a lower fmin."
        )


def _filter_shapes(settings: CQT | VQT, gamma: float | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the length in samples and the upper end in Hz of every filter, as librosa has them."""
    ratio = 4.0 ** (1 / settings.bins_per_octave)
    alpha = (ratio - 1) / (ratio + 1)  # relative bandwidth
    extra = 24.7 * alpha / 0.108 if gamma is None else gamma  # B. Glasberg & B. Moore (1990) for None
    freqs = _centres(settings)
    hann_bandwidth = 1.50018310546875  # in DFT bins, the constant of librosa.filters
    lengths = settings.sr / (alpha * freqs + extra)
    return lengths, freqs * (1 + 0.5 * hann_bandwidth * alpha) + 0.5 * extra


def _filtered(blocks: Iterable[FloatArray], settings: CQT | VQT, gamma: float | None) -> Iterator[Spectrogram]:
    """Compute a variable-Q spectrogram of a stream."""
    hop = settings.hop_length
    lead = -(-_reach(settings, gamma) // hop)  # frames of context

    def compute(y: FloatArray, n_frames: int) -> FloatArray:
        import librosa

        spectra = librosa.vqt(
            y.astype(settings.dtype, copy=False),
            sr=settings.sr,
            hop_length=hop,
            fmin=settings.fmin,
            n_bins=settings.n_bins,
            bins_per_octave=settings.bins_per_octave,
            gamma=gamma,
        )
        return compress(np.abs(spectra[:, lead : lead + n_frames]), settings.power)

    return stream(blocks, compute, settings=settings, context=lead * hop)


def _reach(settings: CQT | VQT, gamma: float | None) -> int:
    """Return the samples on either side that influence a frame: half the longest filter, and resamplers."""
    longest = _filter_shapes(settings, gamma)[0].max()
    decimation = 1
    while settings.hop_length % (2 * decimation) == 0 and 4 * decimation * settings.fmin < settings.sr:
        decimation *= 2
    # librosa pads filters to a power of two; 128 samples at the lowest rate outlast all resamplers.
    return int(1 << int(np.ceil(np.log2(longest)))) // 2 + 128 * decimation
