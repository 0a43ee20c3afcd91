"""Front ends: each turns a `Spectrogram` into a `PitchActivation`.

With a dictionary `Factorization`, `BestDictionary` and `PLCA`; without one all others.
"""

from nmfamt.multipitch.best_dictionary import BestDictionary
from nmfamt.multipitch.factorization import Factorization
from nmfamt.multipitch.frequency_periodicity import CombinedFrequencyPeriodicity
from nmfamt.multipitch.harmonic import HarmonicNMF
from nmfamt.multipitch.joint_combinations import JointCombinations
from nmfamt.multipitch.joint_likelihood import JointLikelihood
from nmfamt.multipitch.monophonic import MonophonicPitch
from nmfamt.multipitch.plca import PLCA
from nmfamt.multipitch.unsupervised import UnsupervisedNMF

__all__ = [
    "PLCA",
    "BestDictionary",
    "CombinedFrequencyPeriodicity",
    "Factorization",
    "HarmonicNMF",
    "JointCombinations",
    "JointLikelihood",
    "MonophonicPitch",
    "UnsupervisedNMF",
]
