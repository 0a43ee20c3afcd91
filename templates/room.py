"""What stands between an instrument and a recording: a microphone's colour, a room and noise.

Everything is drawn from a generator that the caller seeds, and nothing moves a note: the colour is
minimum phase, and a room's direct sound stays at sample 0. The room is the usual statistical model of
late reverberation, Gaussian noise that decays exponentially (Polack, "La transmission de l'énergie
sonore dans les salles", 1988), here with a faster decay above 2 kHz.
"""

import numpy as np
from scipy.signal import fftconvolve

__all__ = ["add_noise", "colour", "reverberate"]

_N_FFT = 8192


def colour(y: np.ndarray, *, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Filter a signal by a gentle random tilt and three broad peaks or dips.

    The tilt is within 1.5 dB an octave around 1 kHz and within 8 dB in all; the peaks are within 5 dB.

    Examples
    --------
    >>> y = np.zeros(4000)
    >>> y[0] = 1.0
    >>> bool(np.argmax(np.abs(colour(y, sr=22050, rng=np.random.default_rng(0)))) < 20)
    True
    """
    octaves = np.log2(np.maximum(np.fft.rfftfreq(_N_FFT, 1 / sr), 20.0) / 1000.0)
    level = np.clip(rng.uniform(-1.5, 1.5) * octaves, -8.0, 8.0)
    for _ in range(3):
        centre, width = rng.uniform(-3.5, 3.0), rng.uniform(0.4, 1.2)
        level += rng.uniform(-5.0, 5.0) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    return fftconvolve(y, _minimum_phase(level))[: len(y)]


def _minimum_phase(level: np.ndarray) -> np.ndarray:
    """Return the minimum-phase impulse response of a spectrum given in decibels, by the folded cepstrum."""
    cepstrum = np.fft.irfft(level * np.log(10.0) / 20.0)
    cepstrum[1 : _N_FFT // 2] *= 2.0
    cepstrum[_N_FFT // 2 + 1 :] = 0.0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))


def reverberate(y: np.ndarray, *, sr: int, rt60: float, rng: np.random.Generator) -> np.ndarray:
    """Place a signal in a synthetic room.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        The dry signal.
    sr : int
        Its sampling rate, Hz.
    rt60 : float
        Seconds in which the tail falls by 60 dB below 2 kHz; above, it takes 0.6 times as long.
    rng : Generator
        Draws the tail and the ratio of direct to reverberant energy, 0 to 12 dB.

    Returns
    -------
    ndarray, shape (n_samples,)
        Direct sound plus tail, cut to the length of `y`.
    """
    n_tail = round(1.2 * rt60 * sr)
    times = np.arange(n_tail) / sr
    low, high = _split(rng.standard_normal(n_tail), sr=sr)
    decay = np.log(1000.0) / rt60
    tail = low * np.exp(-decay * times) + high * np.exp(-decay / 0.6 * times)
    tail[: round(0.002 * sr)] = 0.0
    tail *= 10.0 ** (-rng.uniform(0.0, 12.0) / 20.0) / np.linalg.norm(tail)
    tail[0] = 1.0
    return fftconvolve(y, tail)[: len(y)]


def _split(noise: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a signal into its parts below and above 2 kHz, with a first-order slope."""
    spectrum = np.fft.rfft(noise)
    low_pass = 1.0 / (1.0 + (np.fft.rfftfreq(len(noise), 1 / sr) / 2000.0) ** 2)
    low = np.fft.irfft(spectrum * low_pass, len(noise))
    return low, noise - low


def add_noise(y: np.ndarray, *, level: float, rng: np.random.Generator) -> np.ndarray:
    """Add stationary noise whose power falls as a random power (0 to 1.5) of frequency.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        The signal.
    level : float
        Level of the noise relative to that of the signal (both RMS), dB; -50 to -35 is a quiet room.
    rng : Generator
        Draws the noise and its slope.

    Returns
    -------
    ndarray, shape (n_samples,)
        The sum.
    """
    spectrum = np.fft.rfft(rng.standard_normal(len(y)))
    spectrum *= np.maximum(np.arange(len(spectrum)), 20.0) ** (-0.5 * rng.uniform(0.0, 1.5))
    noise = np.fft.irfft(spectrum, len(y))
    return y + noise * (10.0 ** (level / 20.0) * np.std(y) / np.std(noise))
