"""Our own best, and the textbook: fixed templates of a dictionary, decided by what was learned or by a threshold."""

from typing import TYPE_CHECKING, Any

from nmfamt.methods.method import Method

if TYPE_CHECKING:
    from nmfamt.dictionary import Dictionary
    from nmfamt.multipitch import Factorization
    from nmfamt.tracking import HMMTracker, Threshold

__all__ = ["NMF", "THRESHOLD_NMF", "sensitive_threshold"]


def sensitive_threshold(threshold: float, sensitivity: float | None) -> float:
    """Return the threshold of a method at a sensitivity: at 0.5 that of the paper, less where more is wanted.

    Parameters
    ----------
    threshold : float
        Of the paper.
    sensitivity : float, in (0, 1), or None
        None is 0.5.

    Raises
    ------
    NmfamtError
        If the sensitivity is out of range.

    Examples
    --------
    >>> sensitive_threshold(0.1, None), sensitive_threshold(0.1, 0.75)
    (0.1, 0.05)
    """
    from nmfamt.exceptions import NmfamtError

    if sensitivity is None:
        return threshold
    if not 0 < sensitivity < 1:
        raise NmfamtError(f"sensitivity={sensitivity} must lie between 0 and 1, such as 0.5.")
    return threshold * 2 * (1 - sensitivity)


_SMARAGDIS = (
    "P. Smaragdis & J. C. Brown, 2003, Non-negative matrix factorization for polyphonic music transcription, WASPAA."
)
_SMARAGDIS_BIBTEX = """\
@inproceedings{smaragdis2003nonnegative,
  author    = {Smaragdis, Paris and Brown, Judith C.},
  title     = {Non-Negative Matrix Factorization for Polyphonic Music Transcription},
  booktitle = {IEEE Workshop on Applications of Signal Processing to Audio and Acoustics},
  pages     = {177--180},
  year      = {2003}
}"""

_DESSEIN = (
    "A. Dessein, A. Cont & G. Lemaitre, 2010, Real-time polyphonic music transcription with non-negative "
    "matrix factorization and beta-divergence, ISMIR."
)
_DESSEIN_BIBTEX = """\
@inproceedings{dessein2010realtime,
  author    = {Dessein, Arnaud and Cont, Arshia and Lemaitre, Guillaume},
  title     = {Real-Time Polyphonic Music Transcription with Non-Negative Matrix Factorization and
               Beta-Divergence},
  booktitle = {International Society for Music Information Retrieval Conference},
  pages     = {489--494},
  year      = {2010}
}"""


def _factorization(
    dictionary: "Dictionary", *, tuning: float | str = "auto", equalizer: bool = True
) -> "Factorization":
    from nmfamt.multipitch import Factorization

    return Factorization(dictionary, tuning=tuning, equalizer="auto" if equalizer else None)


def _plain_factorization(dictionary: "Dictionary", *, tuning: float | str = "auto") -> "Factorization":
    from nmfamt.dictionary_mixing import average_columns
    from nmfamt.multipitch import Factorization

    return Factorization(average_columns(dictionary), fading=0, background=0.0, whitening=0.0, tuning=tuning)


def _hmm(**options: Any) -> "HMMTracker":
    from nmfamt.tracking import HMMTracker

    return HMMTracker(**options)


def _threshold(*, sensitivity: float | None = None, **options: Any) -> "Threshold":
    from nmfamt.tracking import Threshold

    return Threshold(sensitive_threshold(Threshold.threshold, sensitivity), **options)


NMF = Method(
    name="nmf",
    title="Learned templates and a learned tracker",
    summary=(
        "Attack and sustain templates of every note are fitted to each frame under the Kullback-Leibler divergence; a "
        "hidden Markov model for each pitch, whose small emission model was learned once from labelled music, decides "
        "where notes begin and end."
    ),
    citation=(
        f"{_SMARAGDIS} {_DESSEIN} T. Cheng, S. Dixon & M. Mauch, 2015, "
        "Improving piano note tracking by HMM smoothing, EUSIPCO."
    ),
    bibtex=f"""\
{_SMARAGDIS_BIBTEX}
{_DESSEIN_BIBTEX}
@inproceedings{{cheng2015improving,
  author    = {{Cheng, Tian and Dixon, Simon and Mauch, Matthias}},
  title     = {{Improving Piano Note Tracking by {{HMM}} Smoothing}},
  booktitle = {{European Signal Processing Conference}},
  pages     = {{2009--2013}},
  year      = {{2015}}
}}""",
    needs="a dictionary",
    equations=(
        "The spectrum V, on a logarithmic frequency axis and compressed, is explained frame by frame as W H: the "
        "templates W of a dictionary times activations H that are not negative, which minimise the Kullback-Leibler "
        "divergence of V from W H, its bins weighted so that soft ones count. Broad bands beside the templates take "
        "the noise that is no note.",
        "Before that the templates are moved to the tuning of the recording, multiplied by one smooth gain over "
        "frequency, and adapted to the notes that a first look at 45 seconds finds.",
        "The activations of all templates of a pitch are added; those of its attack templates are the evidence that it "
        "begins, and so are the rise of its partials and what the divergence would lose without it.",
        "Where a pitch rises is a candidate. A logistic model of that evidence says how likely it is an onset; a "
        "second look does so again, knowing all others. It is kept where its probability is at least 1 - sensitivity.",
        "A four-state hidden Markov model (silence, attack, sustain, release) finds where each note is released.",
        "How late each pitch is found, the notes say that begin with it; that is taken off, and chords begin together.",
    ),
    limits=(
        "It knows the notes of its dictionary and no others: give one of the instrument, twelve notes of it, or let "
        "`--dictionary auto` choose. Octaves that begin together are told apart least."
    ),
    front_end=_factorization,
    tracker=_hmm,
    adapts=True,
)

THRESHOLD_NMF = Method(
    name="threshold-nmf",
    title="The textbook: one template a note, and a threshold",
    summary=(
        "One template for each note, fitted to each frame; a note sounds wherever its activation is above a threshold. "
        "For teaching, and as a baseline."
    ),
    citation=f"{_SMARAGDIS} {_DESSEIN}",
    bibtex=f"{_SMARAGDIS_BIBTEX}\n{_DESSEIN_BIBTEX}",
    needs="a dictionary",
    equations=(
        "The templates of each pitch are averaged into one, and moved to the tuning of the recording.",
        "The spectrum V is explained frame by frame as W H, with activations H that are not negative and minimise the "
        "Kullback-Leibler divergence of V from W H.",
        "A note sounds while its activation is at least 5 % of the level of the recording, and is kept if it lasts 50 "
        "ms.",
    ),
    limits=(
        "A repeated note is one note unless the activation falls below the threshold in between; octaves and quiet "
        "notes under loud ones are lost or found twice."
    ),
    front_end=_plain_factorization,
    tracker=_threshold,
)
