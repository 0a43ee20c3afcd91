"""P. Smaragdis & J. C. Brown 2003: templates and activations of a recording, pitches afterwards.

The paper reads notes off the activations by eye. The threshold was chosen on two excerpts of each of seven software
pianos of MAPS, like the number of components.
"""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.multipitch.unsupervised import UnsupervisedNMF
    from nmfamt.tracking import Threshold

__all__ = ["SMARAGDIS2003"]

_THRESHOLD = 0.035
_MIN_DURATION = 0.07


def _unsupervised(**options: Any) -> "UnsupervisedNMF":
    from nmfamt.multipitch.unsupervised import UnsupervisedNMF

    return UnsupervisedNMF(**options)


def _threshold(*, sensitivity: float | None = None, min_duration: float = _MIN_DURATION) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(_THRESHOLD, sensitivity), min_duration)


SMARAGDIS2003 = Method(
    name="smaragdis2003",
    title="Templates that are anything, learned on the recording",
    summary=(
        "The recording is factorised into 88 templates and their activations with no knowledge at all; afterwards each "
        "template is given the pitch whose harmonic spectrum fits it best, or none."
    ),
    citation=(
        "P. Smaragdis & J. C. Brown, 2003, Non-negative matrix factorization for polyphonic music transcription, "
        "IEEE Workshop on Applications of Signal Processing to Audio and Acoustics."
    ),
    bibtex="""\
@inproceedings{smaragdis2003nonnegative,
  author    = {Smaragdis, Paris and Brown, Judith C.},
  title     = {Non-Negative Matrix Factorization for Polyphonic Music Transcription},
  booktitle = {IEEE Workshop on Applications of Signal Processing to Audio and Acoustics},
  pages     = {177--180},
  year      = {2003}
}""",
    needs="nothing",
    equations=(
        "Multiplicative updates from a random start bring W H close to the magnitudes V of the recording, under the "
        "divergence sum(V log(V / W H) - V + W H): 88 templates W, and their activations H.",
        "To each template, of unit sum, a harmonic spectrum of every pitch is fitted; its pitch is the one that is "
        "closest. Where even that is further than 1.1 nats, it has none.",
        "With the templates as they are, the activations of every frame are found; those of one pitch are added.",
        "A note sounds while that is at least 3.5 % of the level of the recording, and is kept if it lasts 70 ms.",
    ),
    limits=(
        "Notes that always sound together become one template, and only one of them is found; so a short recording, or "
        "one of few different chords, is not taken apart. Pitches that are heard once are often lost, and noise is "
        "easily taken for one of the lowest, whose partials are dense."
    ),
    front_end=_unsupervised,
    tracker=_threshold,
)
