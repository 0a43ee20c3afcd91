"""A. Klapuri 2003 and 2006: fundamentals that are found one after the other, or together, from their harmonics.

The papers end with the pitches of single frames. Notes are made of them by the threshold, the longest gap and the
shortest duration below, which were chosen on seven software pianos of MAPS (`benchmarks/results/trials.md`).
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.bandwise import BandwiseF0
    from nmfamt.multipitch.iterative import IterativeF0
    from nmfamt.multipitch.joint_salience import JointSalience
    from nmfamt.tracking import Threshold

__all__ = ["KLAPURI2003", "KLAPURI2006_ITERATIVE", "KLAPURI2006_JOINT"]

_THRESHOLD = 0.04
_MIN_DURATION = 0.08
_MAX_GAP = 0.05


def _bandwise(**options: Any) -> "BandwiseF0":
    from nmfamt.multipitch.bandwise import BandwiseF0

    return BandwiseF0(**options)


def _iterative(**options: Any) -> "IterativeF0":
    from nmfamt.multipitch.iterative import IterativeF0

    return IterativeF0(**options)


def _joint(**options: Any) -> "JointSalience":
    from nmfamt.multipitch.joint_salience import JointSalience

    return JointSalience(**options)


def _tracker(*, sensitivity: float | None = None, **options: Any) -> "Threshold":
    from nmfamt.tracking import Threshold

    rules = {"min_duration": _MIN_DURATION, "max_gap": _MAX_GAP, **options}
    return Threshold(sensitive_threshold(_THRESHOLD, sensitivity), **rules)


_CITATION_2006 = (
    "A. Klapuri, 2006, Multiple fundamental frequency estimation by summing harmonic amplitudes, "
    "International Society for Music Information Retrieval Conference."
)
_BIBTEX_2006 = """\
@inproceedings{klapuri2006multiple,
  author    = {Klapuri, Anssi},
  title     = {Multiple Fundamental Frequency Estimation by Summing Harmonic Amplitudes},
  booktitle = {International Society for Music Information Retrieval Conference},
  year      = {2006}
}"""
_WHITENING = (
    "Frames of 93 ms are whitened: the level of each of 30 bands on the critical-band scale is compressed to its power "
    "of 0.33.",
    "The salience of a fundamental f is the sum over 20 partials m of g(f, m) |Y| near m f, with g = (f + 52 Hz) / "
    "(m f + 320 Hz).",
)
_NOTES = (
    "Notes are the stretches in which a pitch has at least 4 % of the level of the recording; gaps up to 50 ms are "
    "bridged, and what is shorter than 80 ms is dropped.",
)

KLAPURI2006_ITERATIVE = Method(
    name="klapuri2006-iterative",
    title="The most salient pitch, cancelled, and so on",
    summary=(
        "A pitch is as salient as its harmonics are strong in the whitened spectrum. The most salient is found and its "
        "partials are taken out, until nothing is left that adds to the sum."
    ),
    citation=_CITATION_2006,
    bibtex=_BIBTEX_2006,
    needs="nothing",
    equations=(
        *_WHITENING,
        "The most salient pitch is detected; its partials, weighted by g over that of the first and as wide as the "
        "window makes them, are added to what was detected, of which 0.89 is taken from the spectrum. Then the next is "
        "looked for.",
        "The number of sounds j grows while the sum of their saliences over j to the power 0.70 does.",
        *_NOTES,
    ),
    limits=(
        "Frames are independent and notes have no onset of their own: a repeated note is one note. Of an octave the "
        "upper note is often lost. Below 65 Hz and above 2.1 kHz nothing is looked for."
    ),
    front_end=_iterative,
    tracker=_tracker,
)

KLAPURI2006_JOINT = Method(
    name="klapuri2006-joint",
    title="The best combination of salient pitches",
    summary=(
        "The most salient pitches are candidates; the combination is found whose saliences add up to most, less what "
        "its members take from each other where they share partials."
    ),
    citation=_CITATION_2006,
    bibtex=_BIBTEX_2006,
    needs="nothing",
    equations=(
        *_WHITENING,
        "The 20 most salient semitones are candidates. Two of them lose to each other the salience of the partials "
        "that both claim.",
        "The goodness of a combination is the sum of its saliences less all that its pairs lose. The best of each "
        "number of sounds j is looked for among extensions of the 20 best of one sound less.",
        "The number of sounds grows while goodness over j to the power 0.73 does.",
        *_NOTES,
    ),
    limits=(
        "Frames are independent and notes have no onset of their own: a repeated note is one note. Of an octave the "
        "upper note is often lost. Below 65 Hz and above 2.1 kHz nothing is looked for."
    ),
    front_end=_joint,
    tracker=_tracker,
)

KLAPURI2003 = Method(
    name="klapuri2003",
    title="Harmonicity in bands, and spectral smoothness",
    summary=(
        "The evidence for a pitch is gathered in each band by itself and squared; what is found is subtracted with its "
        "spectrum smoothed, so that partials it shares with others stay partly in place."
    ),
    citation=(
        "A. Klapuri, 2003, Multiple fundamental frequency estimation based on harmonicity and spectral smoothness, "
        "IEEE Transactions on Speech and Audio Processing 11(6)."
    ),
    bibtex="""\
@article{klapuri2003multiple,
  author  = {Klapuri, Anssi P.},
  title   = {Multiple Fundamental Frequency Estimation Based on Harmonicity and Spectral Smoothness},
  journal = {IEEE Transactions on Speech and Audio Processing},
  volume  = {11},
  number  = {6},
  pages   = {804--816},
  year    = {2003}
}""",
    needs="nothing",
    equations=(
        "The magnitudes of frames of 190 ms are warped to log(1 + X / s), s being how loud the frame is, and their "
        "moving average over frequency is taken away as noise.",
        "In each band of two thirds of an octave the weight of a pitch is the sum of its n partials there, times "
        "0.75 / n + 0.25; the squared weights of all bands are added, under the inharmonicity that suits best.",
        "The pitch of the greatest weight is found; none of its partials counts for more than the mean of those within "
        "half an octave, and so smoothed it is subtracted. Then the next is looked for.",
        "The number of sounds j grows while the sum of their weights over j to the power 0.70 does.",
        *_NOTES,
    ),
    limits=(
        "Frames of 190 ms blur fast passages; a repeated note is one note. Below 65 Hz and above 2.1 kHz nothing is "
        "looked for."
    ),
    front_end=_bandwise,
    tracker=_tracker,
)
