"""T. Cheng, S. Dixon, M. Mauch & E. Benetos: notes that are struck and die away, and four states of a note.

The threshold of `cheng2016` was chosen on the two rooms of the MAPS Disklavier, on the pieces that only one of them
has: those of Am choose 2.5 %, which is taken, those of Cl 2 %. Rendered pianos would choose 4 % or more. The weights of
silence of `cheng2015-hmm` were chosen on seven software pianos of MAPS. Departures are numbered in
`nmfamt.multipitch.attack_decay`, `nmfamt.learning_patterns`, `nmfamt.tracking.peaks` and `nmfamt.tracking.note_stages`.
"""

import math
from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method, load_or_learn
from nmfamt.methods.nmf import sensitive_threshold

if TYPE_CHECKING:
    from nmfamt.dictionary import Dictionary
    from nmfamt.multipitch import Factorization
    from nmfamt.multipitch.attack_decay import AttackDecay
    from nmfamt.patterns import AttackDecayTemplates
    from nmfamt.tracking.note_stages import NoteStages
    from nmfamt.tracking.peaks import PeakTracker

__all__ = ["CHENG2015_HMM", "CHENG2016"]

_THRESHOLD = 0.025


def _learn(source: Any, **options: Any) -> "AttackDecayTemplates":
    from nmfamt.learning_patterns import learn_attack_decay_templates
    from nmfamt.patterns import AttackDecayTemplates

    found: AttackDecayTemplates = load_or_learn(source, AttackDecayTemplates, learn_attack_decay_templates, **options)
    return found


def _front_end(templates: "AttackDecayTemplates", **options: Any) -> "AttackDecay":
    from nmfamt.multipitch.attack_decay import AttackDecay

    return AttackDecay(templates, **options)


def _tracker(*, sensitivity: float | None = None, **options: Any) -> "PeakTracker":
    from nmfamt.tracking.peaks import PeakTracker

    return PeakTracker(sensitive_threshold(_THRESHOLD, sensitivity), **options)


CHENG2016 = Method(
    name="cheng2016",
    title="An attack/decay model of the piano",
    summary=(
        "Every note has a spectrum of its attack and one of its decay, which dies away at a rate of its own; the music "
        "is explained by when notes are struck."
    ),
    citation=("T. Cheng, M. Mauch, E. Benetos & S. Dixon, 2016, An attack/decay model for piano transcription, ISMIR."),
    bibtex="""\
@inproceedings{cheng2016attack,
  author    = {Cheng, Tian and Mauch, Matthias and Benetos, Emmanouil and Dixon, Simon},
  title     = {An Attack/Decay Model for Piano Transcription},
  booktitle = {International Society for Music Information Retrieval Conference},
  year      = {2016}
}""",
    needs="isolated notes",
    equations=(
        "The magnitudes V of a Fourier transform over 93 ms are taken every 20 ms.",
        "V is explained as W (H conv exp(-a t)) + A (H conv P): spectra W of decays and A of attacks, rates a, a shape "
        "P of attacks in time, and activations H that say when notes are struck.",
        "W, A, a and P are learned from isolated notes, each struck once, in its loudest frame; then P is the mean of "
        "all notes, and the others are learned again.",
        "With these fixed, H minimises the Kullback-Leibler divergence.",
        "A peak of H conv P that exceeds its moving average over 0.4 s by 2.5 % of the level of the recording is an "
        "onset; what an attack takes to its peak is subtracted.",
        "A note ends when what it explains has fallen to a tenth, or it begins again.",
    ),
    limits=(
        "It needs isolated notes of the very instrument, and an instrument whose notes are struck and die away. A note "
        "that is damped is thought to go on until it would have died away by itself: offsets are late, and what "
        "remains in the model hides quiet notes."
    ),
    front_end=_front_end,
    tracker=_tracker,
    learn=_learn,
)


def _factorization(dictionary: "Dictionary", **options: Any) -> "Factorization":
    from nmfamt.multipitch import Factorization

    return Factorization(dictionary, background=0.0, whitening=0.0, equalizer="auto", **options)


def _stages(*, sensitivity: float | None = None, **options: Any) -> "NoteStages":
    from nmfamt.tracking.note_stages import NoteStages

    if sensitivity is None:
        return NoteStages(**options)
    odds = 1 / sensitive_threshold(0.5, sensitivity) - 1
    return NoteStages(NoteStages.silence - math.log(odds), **options)


CHENG2015_HMM = Method(
    name="cheng2015-hmm",
    title="Four states of a note",
    summary=(
        "Templates of attack and decay are fitted to each frame; a hidden Markov model with the states silence, "
        "attack, decay and release finds the most probable course of each pitch."
    ),
    citation="T. Cheng, S. Dixon & M. Mauch, 2015, Improving piano note tracking by HMM smoothing, EUSIPCO.",
    bibtex="""\
@inproceedings{cheng2015improving,
  author    = {Cheng, Tian and Dixon, Simon and Mauch, Matthias},
  title     = {Improving Piano Note Tracking by {HMM} Smoothing},
  booktitle = {European Signal Processing Conference},
  pages     = {2009--2013},
  year      = {2015}
}""",
    needs="a dictionary",
    equations=(
        "The spectrum is explained frame by frame by the templates of a dictionary, some of attacks, under the "
        "Kullback-Leibler divergence.",
        "Three numbers describe a pitch in a frame: its activation, how that changes over 40 ms, and the share of it "
        "that attack templates have.",
        "Each of four states, silence, attack, decay and release, has a density of these; silence weighs more, and the "
        "more the lower a pitch is.",
        "From decay the way leads to release, or back to attack where a note is struck again; the Viterbi algorithm "
        "finds the most probable course.",
        "A note begins with its attack and ends with its release, and is kept if it lasts 50 ms.",
    ),
    limits=(
        "Every pitch is decided by itself, so octaves and fifths of what sounds are found as well. The densities were "
        "counted on pianos."
    ),
    front_end=_factorization,
    tracker=_stages,
)
