"""Front ends: each turns a `Spectrogram` into a `PitchActivation`."""

from nmfamt.multipitch.best_dictionary import BestDictionary
from nmfamt.multipitch.factorization import Factorization

__all__ = ["BestDictionary", "Factorization"]
