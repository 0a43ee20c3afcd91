"""Z. Duan, B. Pardo & C. Zhang 2010: the likelihood of spectral peaks and of the regions without.

The threshold was chosen on seven software pianos of MAPS; shortest note and gap are those of Z. Duan's published
program.
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.joint_likelihood import JointLikelihood
    from nmfamt.tracking import Threshold

__all__ = ["DUAN2010"]

_THRESHOLD = 0.05
_MAX_GAP = 0.1
_MIN_DURATION = 0.1


def _front_end(**options: Any) -> "JointLikelihood":
    from nmfamt.multipitch.joint_likelihood import JointLikelihood

    return JointLikelihood(**options)


def _tracker(*, sensitivity: float | None = None, min_duration: float = _MIN_DURATION) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(_THRESHOLD, sensitivity), min_duration, max_gap=_MAX_GAP)


DUAN2010 = Method(
    name="duan2010",
    title="The likelihood of peaks, and of where there are none",
    summary=(
        "Fundamentals are added one at a time: each time the one that makes the peaks of the spectrum most likely, and "
        "whose partials are not missing. What peaks are like was learned once from single notes and chords."
    ),
    citation=(
        "Z. Duan, B. Pardo & C. Zhang, 2010, Multiple fundamental frequency estimation by modeling spectral peaks and "
        "non-peak regions, IEEE Transactions on Audio, Speech, and Language Processing 18(8)."
    ),
    bibtex="""\
@article{duan2010multiple,
  author  = {Duan, Zhiyao and Pardo, Bryan and Zhang, Changshui},
  title   = {Multiple Fundamental Frequency Estimation by Modeling Spectral Peaks and Non-Peak Regions},
  journal = {IEEE Transactions on Audio, Speech, and Language Processing},
  volume  = {18},
  number  = {8},
  pages   = {2121--2133},
  year    = {2010}
}""",
    needs="nothing",
    equations=(
        "The spectrum of 93 ms has peaks, each with a frequency f and a level a: maxima at most 50 dB below the "
        "strongest, and 4 dB or more above the mean of the 400 Hz around.",
        "A peak is spurious with a probability that was learned, and then its f and a have a normal distribution; or "
        "it is partial h of one of the fundamentals F, with the density p(f - h F) p(a | f, h), that of the "
        "fundamental which explains it best.",
        "A partial further than a quarter-tone from every peak does not show: this has the probability 1 - e(h | F).",
        "The likelihood of a set of fundamentals is the product of both over all peaks and all such partials.",
        "Fundamentals near peaks are added one at a time, each where the likelihood rises most, up to nine; the first "
        "ones that reach 88 % of the rise of its logarithm, from one fundamental to all, are taken.",
        "In nine frames on either side the fundamentals are counted by semitone, with weights that fall with distance; "
        "as many of the highest counts are kept as sound on average.",
        "A pitch sounds as strongly as the peaks at its partials. A note sounds while that is at least 5 % of the "
        "level of the recording, through gaps of 100 ms, and is kept if it lasts 100 ms.",
    ),
    limits=(
        "From 65 to 1976 Hz, and only where a fundamental shows. A single high tone may bring its octave along, since "
        "the number of notes is a share of what all of them explain; short notes are lost to the frames around, and "
        "repetitions without a pause are one note."
    ),
    front_end=_front_end,
    tracker=_tracker,
)
