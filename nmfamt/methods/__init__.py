"""The ways to transcribe that have a name, and the papers they come from.

A method is a recipe: a spectrogram, a front end and a tracker with the settings of its paper. Each stands in a module
called by the first author; where it departs from the paper is a numbered list there or in the module of its front end.
What each scores and costs is measured by ``benchmarks/accuracy_methods.py``.
"""

from nmfamt.exceptions import NmfamtError
from nmfamt.methods.benetos import BENETOS2013
from nmfamt.methods.cheng import CHENG2015_HMM, CHENG2016
from nmfamt.methods.duan import DUAN2010
from nmfamt.methods.klapuri import KLAPURI2003, KLAPURI2006_ITERATIVE, KLAPURI2006_JOINT
from nmfamt.methods.mauch import MAUCH2014
from nmfamt.methods.method import Method
from nmfamt.methods.nmf import NMF, THRESHOLD_NMF
from nmfamt.methods.pertusa import PERTUSA2012
from nmfamt.methods.smaragdis import SMARAGDIS2003
from nmfamt.methods.su import SU2015
from nmfamt.methods.vincent import VINCENT2010
from nmfamt.methods.wu import WU2022

__all__ = ["DEFAULT", "METHODS", "Method", "find_method"]

DEFAULT = "nmf"
"""The method that is used unless another is named."""

METHODS = {
    method.name: method
    for method in (
        NMF,
        THRESHOLD_NMF,
        SMARAGDIS2003,
        VINCENT2010,
        BENETOS2013,
        CHENG2015_HMM,
        CHENG2016,
        WU2022,
        KLAPURI2003,
        KLAPURI2006_ITERATIVE,
        KLAPURI2006_JOINT,
        DUAN2010,
        PERTUSA2012,
        SU2015,
        MAUCH2014,
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
    >>> find_method("nmf").needs
    'a dictionary'
    """
    if name not in METHODS:
        raise NmfamtError(f"There is no method {name!r}: give one of {', '.join(METHODS)}.")
    return METHODS[name]
