"""How far a recording lies from A4 = 440 Hz, from its partials alone.

Instruments are not at 440 Hz: whatever looks for notes without a dictionary has to know where their names lie. The
strongest peaks of a spectrum are partials, and most of those are, but for octaves, fifths and the little by which a
third or a seventh partial deviates, notes of the scale themselves. The peaks of a sample of the recording are located
between bins by a parabola through logarithms, and librosa finds the most common deviation from the equal-tempered
scale. Where there is a dictionary, `nmfamt.tuning` measures the distance from that instead.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.survey import Survey

__all__ = ["estimate_concert_pitch"]

_N_FRAMES = 500
_FMIN, _FMAX = 150.0, 2000.0  # Hz: below, bins are too wide; above, strings are stretched
_PEAKS_PER_FRAME = 8
_LEAST_PEAKS = 50


def estimate_concert_pitch(survey: Survey) -> float:
    """Estimate how many cents a recording lies above A4 = 440 Hz.

    Parameters
    ----------
    survey : Survey
        Of the recording, with any settings.

    Returns
    -------
    float
        From -50 to 50, to a whole cent; 0 where there is too little to tell.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> y = sum(np.sin(2 * np.pi * k * 221.5 * np.arange(32000) / 16000) for k in (1, 2, 4))
    >>> abs(estimate_concert_pitch(Survey.of([STFT(n_fft=4096)(y, sr=16000)])) - 12) < 2
    True
    """
    from librosa import pitch_tuning

    freqs = survey.sample.freqs
    peaks = _peaks(survey.thinned(_N_FRAMES), freqs)
    if len(peaks) < _LEAST_PEAKS:
        return 0.0
    cents = 100 * float(pitch_tuning(peaks, resolution=0.01))
    return round(cents) + 0.0


def _peaks(S: NDArray[Any], freqs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frequencies in Hz of the strongest peaks of each frame."""
    heard = np.flatnonzero((freqs >= _FMIN) & (freqs <= _FMAX))
    heard = heard[(heard > 0) & (heard < len(freqs) - 1)]
    if not len(heard) or not S.shape[1]:
        return np.empty(0)
    here, below, above = S[heard], S[heard - 1], S[heard + 1]
    is_peak = (here > below) & (here >= above)
    strength = np.where(is_peak, here, 0)
    least = -np.sort(-strength, axis=0)[min(_PEAKS_PER_FRAME, len(heard)) - 1]
    rows, frames = np.nonzero(is_peak & (strength >= np.maximum(least, 0.02 * here.max(axis=0))))
    tiny = np.finfo(np.float64).tiny
    left, middle, right = (np.log(array[rows, frames].astype(np.float64) + tiny) for array in (below, here, above))
    offset = np.clip(0.5 * (left - right) / (left - 2 * middle + right), -0.5, 0.5)
    bins = heard[rows]
    nearest = np.where(offset < 0, bins - 1, bins + 1)
    # Along the frequency axis bins may be spaced as they like; between two of them the step is even in its logarithm.
    return np.asarray(freqs[bins] * (freqs[nearest] / freqs[bins]) ** np.abs(offset))
