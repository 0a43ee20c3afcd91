"""Front ends: each turns a `Spectrogram` into a `PitchActivation`.

With a dictionary `Factorization`, `BestDictionary` and `PLCA`, with patterns of isolated notes
`ConvolutiveFactorization` and `AttackDecay`; all others need nothing.
"""

from nmfamt.multipitch.attack_decay import AttackDecay
from nmfamt.multipitch.best_dictionary import BestDictionary
from nmfamt.multipitch.convolutive import ConvolutiveFactorization
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
    "AttackDecay",
    "BestDictionary",
    "CombinedFrequencyPeriodicity",
    "ConvolutiveFactorization",
    "Factorization",
    "HarmonicNMF",
    "JointCombinations",
    "JointLikelihood",
    "MonophonicPitch",
    "UnsupervisedNMF",
]
