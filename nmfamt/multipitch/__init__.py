"""Front ends: each turns a `Spectrogram` into a `PitchActivation`.

With a dictionary `Factorization`, `BestDictionary` and `PLCA`, with patterns of isolated notes
`ConvolutiveFactorization` and `AttackDecay`; all others need nothing.
"""

from nmfamt.multipitch.attack_decay import AttackDecay
from nmfamt.multipitch.bandwise import BandwiseF0
from nmfamt.multipitch.best_dictionary import BestDictionary
from nmfamt.multipitch.convolutive import ConvolutiveFactorization
from nmfamt.multipitch.factorization import Factorization
from nmfamt.multipitch.frequency_periodicity import CombinedFrequencyPeriodicity
from nmfamt.multipitch.harmonic import HarmonicNMF
from nmfamt.multipitch.iterative import IterativeF0
from nmfamt.multipitch.joint_combinations import JointCombinations
from nmfamt.multipitch.joint_likelihood import JointLikelihood
from nmfamt.multipitch.joint_salience import JointSalience
from nmfamt.multipitch.monophonic import MonophonicPitch
from nmfamt.multipitch.plca import PLCA
from nmfamt.multipitch.salience import Salience
from nmfamt.multipitch.unsupervised import UnsupervisedNMF

__all__ = [
    "PLCA",
    "AttackDecay",
    "BandwiseF0",
    "BestDictionary",
    "CombinedFrequencyPeriodicity",
    "ConvolutiveFactorization",
    "Factorization",
    "HarmonicNMF",
    "IterativeF0",
    "JointCombinations",
    "JointLikelihood",
    "JointSalience",
    "MonophonicPitch",
    "Salience",
    "UnsupervisedNMF",
]
