"""H. Wu, A. Marmoret & J. E. Cohen 2022: short spectrograms of single notes, convolved with when they begin.

The threshold was chosen on four rendered pianos with their own isolated notes; on each of the two rooms of the MAPS
Disklavier, the pieces that only the other room has choose the same. Departures from the paper are numbered in
`nmfamt.multipitch.convolutive`, `nmfamt.learning_patterns` and `nmfamt.tracking.peaks`.
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method, load_or_learn
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.convolutive import ConvolutiveFactorization
    from nmfamt.patterns import NotePatterns
    from nmfamt.tracking.peaks import PeakTracker

__all__ = ["WU2022"]

_THRESHOLD = 0.03


def _learn(source: Any, **options: Any) -> "NotePatterns":
    from nmfamt.learning_patterns import learn_patterns
    from nmfamt.patterns import NotePatterns

    found: NotePatterns = load_or_learn(source, NotePatterns, learn_patterns, **options)
    return found


def _front_end(patterns: "NotePatterns", **options: Any) -> "ConvolutiveFactorization":
    from nmfamt.multipitch.convolutive import ConvolutiveFactorization

    return ConvolutiveFactorization(patterns, **options)


def _tracker(*, sensitivity: float | None = None, **options: Any) -> "PeakTracker":
    from nmfamt.tracking.peaks import PeakTracker

    return PeakTracker(sensitive_threshold(_THRESHOLD, sensitivity), **options)


WU2022 = Method(
    name="wu2022",
    title="Convolutive factorisation",
    summary=(
        "One short spectrogram of 0.2 s for every note, learned from a single recording of it; the music is explained "
        "by when they begin, and how strongly."
    ),
    citation=(
        "H. Wu, A. Marmoret & J. E. Cohen, 2022, Semi-supervised convolutive NMF for automatic piano transcription, "
        "Sound and Music Computing Conference."
    ),
    bibtex="""\
@inproceedings{wu2022semisupervised,
  author    = {Wu, Haoran and Marmoret, Axel and Cohen, J{\\'e}r{\\'e}my E.},
  title     = {Semi-Supervised Convolutive {NMF} for Automatic Piano Transcription},
  booktitle = {Sound and Music Computing Conference},
  year      = {2022}
}""",
    needs="isolated notes",
    equations=(
        "The magnitudes V of a Fourier transform over 93 ms are taken every 20 ms.",
        "Each isolated note is explained by one pattern W of ten frames, convolved with an activation that starts as "
        "an impulse at its onset.",
        "V is explained as the sum over lags t of W[t] times the activations H of t frames before; with W fixed, H "
        "minimises the Kullback-Leibler divergence.",
        "A peak of H that exceeds its moving average over 0.4 s by 3 % of the level of the recording is an onset; what "
        "the pattern takes to peak is subtracted.",
        "A note ends when what it explains has fallen to a tenth, or it begins again.",
    ),
    limits=(
        "It needs isolated notes of the very instrument, recorded in the same room: with those of another piano the F1 "
        "of the paper falls from 0.85 to 0.62 or 0.67. Offsets are rough, since a held note is explained by patterns "
        "that begin again and again."
    ),
    front_end=_front_end,
    tracker=_tracker,
    learn=_learn,
)
