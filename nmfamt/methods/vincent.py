"""E. Vincent, N. Bertin & R. Badeau 2010: harmonic templates, learned on the recording.

The threshold is that of the paper. On two excerpts of each of seven software pianos of MAPS, -24 dB finds more onsets
(F1 0.75 instead of 0.72), and -27 dB more frames.
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.harmonic import HarmonicNMF
    from nmfamt.tracking import Threshold

__all__ = ["VINCENT2010"]

_DECIBELS = -27.0  # of the maximum
_POWER = 0.7  # of the magnitudes
_MIN_DURATION = 0.07  # seconds: three frames of 23 ms


def _harmonic(**options: Any) -> "HarmonicNMF":
    from nmfamt.multipitch.harmonic import HarmonicNMF

    return HarmonicNMF(**options)


def _threshold(*, sensitivity: float | None = None, min_duration: float = _MIN_DURATION) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(10 ** (_DECIBELS / 20 * _POWER), sensitivity), min_duration)


VINCENT2010 = Method(
    name="vincent2010",
    title="Harmonic templates whose envelope is learned on the recording",
    summary=(
        "The template of each pitch is a sum of a few narrow-band harmonic spectra. How strong each of these is, and "
        "so the envelope of the instrument, is learned on the recording itself, together with the activations."
    ),
    citation=(
        "E. Vincent, N. Bertin & R. Badeau, 2010, Adaptive harmonic spectral decomposition for multiple pitch "
        "estimation, IEEE Transactions on Audio, Speech, and Language Processing 18(3)."
    ),
    bibtex="""\
@article{vincent2010adaptive,
  author  = {Vincent, Emmanuel and Bertin, Nancy and Badeau, Roland},
  title   = {Adaptive Harmonic Spectral Decomposition for Multiple Pitch Estimation},
  journal = {IEEE Transactions on Audio, Speech, and Language Processing},
  volume  = {18},
  number  = {3},
  pages   = {528--537},
  year    = {2010}
}""",
    needs="nothing",
    equations=(
        "The partials of a pitch lie where those of an average piano do. They are gathered under 16 smooth band "
        "envelopes, 1.5 ERB apart, the first at the fundamental: the narrow-band spectra N_pk.",
        "The template of a pitch is W_p = sum_k E_pk N_pk.",
        "Multiplicative updates of the activations H and the weights E in turn bring W H close to the spectrum of the "
        "recording, under the beta-divergence with beta = 0.5.",
        "With the templates W learned so, the activations of every frame are found.",
        "A note sounds while its activation is at most 27 dB below the maximum of all activations in the recording, "
        "and is kept if it lasts 70 ms.",
    ),
    limits=(
        "Frames are independent: a repeated note is one note unless its activation falls below the threshold in "
        "between. A pitch that is never played alone may take the envelope of what it is played with, octaves above "
        "all, and one loud note raises the threshold of the whole recording."
    ),
    front_end=_harmonic,
    tracker=_threshold,
)
