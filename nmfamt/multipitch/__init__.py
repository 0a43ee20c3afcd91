"""Front ends: each turns a `Spectrogram` into a `PitchActivation`."""

from nmfamt.multipitch.factorization import Factorization

__all__ = ["Factorization"]
