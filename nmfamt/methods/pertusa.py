"""A. Pertusa & J. M. Iñesta 2012: combinations of candidates, scored by intensity and smoothness.

The threshold and the shortest note were chosen on seven software pianos of MAPS; the gap that is bridged is that of A.
Pertusa's published program, whose shortest note, two frames, finds more that was not played (F1 of onsets 0.03 less).
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.joint_combinations import JointCombinations
    from nmfamt.tracking import Threshold

__all__ = ["PERTUSA2012"]

_THRESHOLD = 0.05
_MAX_GAP = 0.05
_MIN_DURATION = 0.05


def _front_end(**options: Any) -> "JointCombinations":
    from nmfamt.multipitch.joint_combinations import JointCombinations

    return JointCombinations(**options)


def _tracker(*, sensitivity: float | None = None, min_duration: float = _MIN_DURATION) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(_THRESHOLD, sensitivity), min_duration, max_gap=_MAX_GAP)


PERTUSA2012 = Method(
    name="pertusa2012",
    title="All combinations of the best candidates",
    summary=(
        "The ten peaks with the strongest partials are candidates; each of their 847 combinations of up to six is "
        "judged as a whole, by how strong and how smooth the partials are that it gives to each of them."
    ),
    citation=(
        "A. Pertusa & J. M. Iñesta, 2008, Multiple fundamental frequency estimation using Gaussian smoothness, ICASSP. "
        "A. Pertusa & J. M. Iñesta, 2012, Efficient methods for joint estimation of multiple fundamental frequencies "
        "in music signals, EURASIP Journal on Advances in Signal Processing 2012:27."
    ),
    bibtex="""\
@inproceedings{pertusa2008multiple,
  author    = {Pertusa, Antonio and I{\\~n}esta, Jos{\\'e} M.},
  title     = {Multiple Fundamental Frequency Estimation Using {Gaussian} Smoothness},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing},
  pages     = {105--108},
  year      = {2008}
}
@article{pertusa2012efficient,
  author  = {Pertusa, Antonio and I{\\~n}esta, Jos{\\'e} M.},
  title   = {Efficient Methods for Joint Estimation of Multiple Fundamental Frequencies in Music Signals},
  journal = {EURASIP Journal on Advances in Signal Processing},
  volume  = {2012},
  number  = {27},
  year    = {2012}
}""",
    needs="nothing",
    equations=(
        "The spectrum of 93 ms has peaks; those from 38 to 2100 Hz may be fundamentals f0, and the ten with the "
        "strongest partials are candidates.",
        "Partial h of a candidate, of ten, is the peak nearest to h f0; it counts in full there and not at all 11 Hz "
        "away.",
        "In a combination, candidates are taken in order of frequency: a partial that a higher one shares is "
        "interpolated from those that none does, and what a candidate has is subtracted from the peaks.",
        "The intensity l of a candidate is the sum of its partials p(h).",
        "Its smoothness s is 1 less the mean of |p(h) - (0.21 p(h - 1) + 0.58 p(h) + 0.21 p(h + 1))|, divided by 0.42 "
        "and by the greatest p.",
        "The salience of a combination is the sum of (l s^4)^2 over its candidates; it is 0 if one of them has less "
        "than 15 % of the intensity of the strongest.",
        "Saliences of the same pitches are added up over nine frames, and the combination with the greatest sum is "
        "chosen.",
        "A note sounds while its intensity is at least 5 % of the level of the recording, through gaps of 50 ms, and "
        "is kept if it lasts 50 ms.",
    ),
    limits=(
        "At most six notes, from 38 to 2100 Hz, each with a fundamental that shows. Of two notes an octave apart only "
        "the stronger may be found, since squares favour few strong notes; quiet notes under loud ones are lost, and "
        "so are repetitions without a pause."
    ),
    front_end=_front_end,
    tracker=_tracker,
)
