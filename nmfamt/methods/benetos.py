"""Templates that may lie beside their pitch: shift-invariant latent component analysis."""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.dictionary import Dictionary
    from nmfamt.multipitch.plca import PLCA
    from nmfamt.tracking import Threshold

__all__ = ["BENETOS2013"]

# On 14 excerpts of software pianos, with the shipped piano, 0.08 to 0.1 found the most onsets; a running median gained
# nothing (`benchmarks/results/trials.md`).
_THRESHOLD = 0.08
_MIN_DURATION = 0.05


def _plca(dictionary: "Dictionary", **options: Any) -> "PLCA":
    from nmfamt.multipitch.plca import PLCA

    return PLCA(dictionary, **options)


def _threshold(*, sensitivity: float | None = None, min_duration: float = _MIN_DURATION) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(_THRESHOLD, sensitivity), min_duration)


BENETOS2013 = Method(
    name="benetos2013",
    title="Templates of several instruments that may shift by half a semitone",
    summary=(
        "Each frame is a mixture of pitches, each a mixture of instruments and of shifts by 20 cents around its "
        "nominal frequency; expectation maximisation finds the shares, and sharpens them. Instruments that are out of "
        "tune, and vibrato, are followed."
    ),
    citation=(
        "E. Benetos, S. Cherla & T. Weyde, 2013, An efficient shift-invariant model for polyphonic music "
        "transcription, 6th International Workshop on Machine Learning and Music. E. Benetos & S. Dixon, 2012, A "
        "shift-invariant latent variable model for automatic music transcription, Computer Music Journal 36(4)."
    ),
    bibtex="""\
@inproceedings{benetos2013efficient,
  author    = {Benetos, Emmanouil and Cherla, Srikanth and Weyde, Tillman},
  title     = {An Efficient Shift-Invariant Model for Polyphonic Music Transcription},
  booktitle = {6th International Workshop on Machine Learning and Music},
  year      = {2013}
}
@article{benetos2012shift,
  author    = {Benetos, Emmanouil and Dixon, Simon},
  title     = {A Shift-Invariant Latent Variable Model for Automatic Music Transcription},
  journal   = {Computer Music Journal},
  volume    = {36},
  number    = {4},
  pages     = {81--94},
  year      = {2012}
}""",
    needs="a dictionary",
    equations=(
        "The templates of the dictionary are moved to the tuning of the recording, and shifted by -40, -20, 0, 20 and "
        "40 cents.",
        "A frame of the spectrum is P(t) times a mixture of them: P(w, t) = P(t) sum_p,s,f P(w | p, s, f) P(p | t) "
        "P(s | p, t) P(f | p, t), with pitch p, source s and shift f.",
        "Expectation maximisation: the frame divided by the mixture says how much of it each template explains; what "
        "each explains, added over the others, gives P(p | t), P(s | p, t) and P(f | p, t).",
        "After every step each of the three is raised to the power 1.1, and normalised: few pitches are left. There "
        "are 15 steps.",
        "P(t) P(p | t), shared out by source where there are several instruments, is the activation.",
        "A note sounds while its activation is at least 8 % of the level of the recording, and is kept if it lasts 50 "
        "ms.",
    ),
    limits=(
        "A repeated note is one note unless the activation falls below the threshold in between; notes end early as "
        "they fade. Frames are independent, so that a note may change from one instrument to another while it sounds."
    ),
    front_end=_plca,
    tracker=_threshold,
)
