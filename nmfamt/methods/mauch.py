"""One voice at a time: probabilistic YIN."""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.monophonic import MonophonicPitch
    from nmfamt.tracking import Threshold

__all__ = ["MAUCH2014"]

# On melodies of isolated notes of eight instruments all thresholds from 0.01 to 0.05 are as good.
_THRESHOLD = 0.03
_MIN_DURATION = 0.08
_SMOOTHING = 0.05
_LOW = 40.0  # Hz; lower pitches need the longer window


def _monophonic(**options: Any) -> "MonophonicPitch":
    from nmfamt.multipitch.monophonic import MonophonicPitch
    from nmfamt.spectrogram_librosa import STFT

    if options.get("fmin", MonophonicPitch.fmin) < _LOW:
        options["settings"] = STFT(n_fft=4096, win_length=2048, power=1.0)
    return MonophonicPitch(**options)


def _threshold(*, sensitivity: float | None = None, min_duration: float = _MIN_DURATION) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(_THRESHOLD, sensitivity), min_duration, smoothing=_SMOOTHING)


MAUCH2014 = Method(
    name="mauch2014",
    title="One voice at a time, by its period",
    summary=(
        "The lags after which a frame repeats itself are candidates for its period, with probabilities that come from "
        "a distribution of thresholds; a hidden Markov model follows the voice through them. For melodies, and as the "
        "reference that a polyphonic method should not fall behind where there is one voice."
    ),
    citation=(
        "M. Mauch & S. Dixon, 2014, pYIN: A fundamental frequency estimator using probabilistic threshold "
        "distributions, ICASSP."
    ),
    bibtex="""\
@inproceedings{mauch2014pyin,
  author    = {Mauch, Matthias and Dixon, Simon},
  title     = {{pYIN}: A Fundamental Frequency Estimator Using Probabilistic Threshold Distributions},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing},
  pages     = {659--663},
  year      = {2014}
}""",
    needs="nothing",
    equations=(
        "The autocorrelation r of a windowed frame is the inverse transform of its power spectrum; divided by that of "
        "the window it gives the difference function d(lag) = 1 - r(lag) / r(0), and that is divided by its mean over "
        "all shorter lags.",
        "For a threshold, the period is the shortest lag at which d has a minimum below it. Thresholds follow a Beta "
        "distribution with the mean 0.1, so every minimum has the probability of the thresholds that choose it; the "
        "deepest has a hundredth of that of the thresholds below it as well.",
        "What is left is the probability that nothing is heard.",
        "A hidden Markov model with pitches a tenth of a semitone apart, heard or not, finds the most likely path; a "
        "voice begins or ends with a probability of 0.01 a frame.",
        "The pitch is rounded to a semitone of the tuning of the recording. A running median of 50 ms removes single "
        "frames; a note is kept if it lasts 80 ms.",
    ),
    limits=(
        "One voice: of a chord it finds a common period or nothing. A note that is repeated on its pitch without a "
        "pause is one note, and wide vibrato or a glissando falls into several."
    ),
    front_end=_monophonic,
    tracker=_threshold,
)
