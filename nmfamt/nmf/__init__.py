"""Non-negative matrix factorisation ``V ~ W H`` of plain arrays; nothing in here knows about audio."""

from nmfamt.nmf.divergence import beta_divergence
from nmfamt.nmf.fit import Fit
from nmfamt.nmf.fixed_templates import CHUNK_FRAMES, GPU_CHUNK_FRAMES, activations, update_ratios

__all__ = ["CHUNK_FRAMES", "GPU_CHUNK_FRAMES", "Fit", "activations", "beta_divergence", "update_ratios"]
