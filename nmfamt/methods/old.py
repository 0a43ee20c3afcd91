"""The ways to transcribe that have a name, and the papers they come from.

A method is a recipe: a spectrogram, a front end and a tracker with settings that are known to go together.
What each costs and scores is measured in ``benchmarks/``; here stands what it is, so that it can be chosen
and cited.
"""

from dataclasses import dataclass

from nmfamt.exceptions import NmfamtError

__all__ = ["DEFAULT", "METHODS", "Method", "find_method"]

DEFAULT = "nmf"
"""The method that is used unless another is named."""


@dataclass(frozen=True)
class Method:
    """A named way to transcribe.

    Attributes
    ----------
    name : str
        As ``--method`` and ``transcribe(..., method=...)`` take it.
    summary : str
        What it does, in a sentence or two.
    citation : str
        Authors, year, title and venue of the papers it implements.
    bibtex : str
        The same, to be pasted.
    needs : str
        What has to be there before it can be used.
    speed : str
        What it costs, in words.
    """

    name: str
    summary: str
    citation: str
    bibtex: str
    needs: str
    speed: str


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

METHODS = {
    method.name: method
    for method in (
        Method(
            name="nmf",
            summary=(
                "Attack and sustain templates of every note are fitted to each frame under the "
                "Kullback-Leibler divergence; a hidden Markov model for each pitch, whose small emission "
                "model was learned once from labelled music, decides where notes begin and end."
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
            needs="a dictionary of the instrument; `nmfamt dictionaries` lists what ships",
            speed="many times faster than real time on one core",
        ),
        Method(
            name="threshold-nmf",
            summary=(
                "The textbook: one template for each note, fitted to each frame; a note sounds wherever its "
                "activation is above a threshold. For teaching, and as a baseline."
            ),
            citation=f"{_SMARAGDIS} {_DESSEIN}",
            bibtex=f"{_SMARAGDIS_BIBTEX}\n{_DESSEIN_BIBTEX}",
            needs="a dictionary of the instrument; its templates of one pitch are averaged",
            speed="faster than nmf: fewer templates, and nothing to decode",
        ),
    )
}
"""The methods by name, the default first."""


def find_method(name: str) -> Method:
    """Return a method by its name.

    Raises
    ------
    NmfamtError
        If there is none of that name.

    Examples
    --------
    >>> find_method("nmf").needs[:26]
    'a dictionary of the instru'
    """
    if name not in METHODS:
        raise NmfamtError(f"There is no method {name!r}: give one of {', '.join(METHODS)}.")
    return METHODS[name]
