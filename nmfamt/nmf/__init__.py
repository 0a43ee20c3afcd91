"""Non-negative matrix factorisation ``V ~ W H`` of plain arrays; nothing in here knows about audio."""

from nmfamt.nmf.divergence import beta_divergence
from nmfamt.nmf.multiplicative import Fit, activations

__all__ = ["Fit", "activations", "beta_divergence"]
