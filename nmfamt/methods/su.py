"""L. Su & Y.-H. Yang 2015: a pitch must stand in the spectrum and in the lag domain.

The threshold, and the running median of 0.1 s, were chosen on seven software pianos of MAPS. For frames the authors use
a median of 0.25 s; that loses most repeated and short notes (F1 of onsets 0.50 instead of 0.58, of frames 0.58 instead
of 0.61).
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.frequency_periodicity import CombinedFrequencyPeriodicity
    from nmfamt.tracking import Threshold

__all__ = ["SU2015"]

_THRESHOLD = 0.01
_SMOOTHING = 0.1
_MAX_GAP = 0.05


def _front_end(**options: Any) -> "CombinedFrequencyPeriodicity":
    from nmfamt.multipitch.frequency_periodicity import CombinedFrequencyPeriodicity

    return CombinedFrequencyPeriodicity(**options)


def _tracker(*, sensitivity: float | None = None, **options: Any) -> "Threshold":
    from nmfamt.tracking import Threshold

    threshold = sensitive_threshold(_THRESHOLD, sensitivity)
    return Threshold(threshold, **{"smoothing": _SMOOTHING, "max_gap": _MAX_GAP, **options})


SU2015 = Method(
    name="su2015",
    title="Combined frequency and periodicity",
    summary=(
        "A pitch has its partials in the spectrum and the multiples of its period in the cepstrum; what has only one "
        "of both series is an octave or a fifth of something else."
    ),
    citation=(
        "L. Su & Y.-H. Yang, 2015, Combining spectral and temporal representations for multipitch estimation of "
        "polyphonic music, IEEE/ACM Transactions on Audio, Speech, and Language Processing 23(10)."
    ),
    bibtex="""\
@article{su2015combining,
  author  = {Su, Li and Yang, Yi-Hsuan},
  title   = {Combining Spectral and Temporal Representations for Multipitch Estimation of Polyphonic Music},
  journal = {IEEE/ACM Transactions on Audio, Speech, and Language Processing},
  volume  = {23},
  number  = {10},
  year    = {2015}
}""",
    needs="nothing",
    equations=(
        "The magnitudes |X| are raised to 0.24, which whitens them: z0 = |X|^0.24.",
        "Their inverse Fourier transform, rectified, is the generalised cepstrum over lag: z1 = max(0, IFFT z0)^0.6, "
        "without the shortest lags.",
        "The Fourier transform of that, rectified, is a spectrum without envelope and noise: z2 = max(0, FFT z1).",
        "Local maxima of z2 over frequency, and of z1 over 1 / lag, are pooled into semitones.",
        "A semitone f is a pitch where z2 has maxima at f, 2 f, 3 f and 4 f, and z1 at f, f / 2, f / 3 and f / 4.",
        "Its strength is its share of z2^(1 / 0.24) among the pitches of the frame.",
        "Strengths are smoothed by a running median of 0.1 s; a note sounds while that is at least 1 % of the level of "
        "the recording, through gaps of 50 ms, and is kept if it lasts 50 ms.",
    ),
    limits=(
        "A pitch without a fundamental is not found, nor one whose partials lie outside the semitones of a "
        "harmonic series, such as the lowest piano strings. A repeated note is one note unless it falls silent in "
        "between, and of notes an octave apart the upper is lost where it adds nothing of its own."
    ),
    front_end=_front_end,
    tracker=_tracker,
)
