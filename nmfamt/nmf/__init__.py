"""Non-negative matrix factorisation ``V ~ W H`` of plain arrays; nothing in here knows about audio.

Activations for fixed templates: `activations`. Templates too: `factorize`. With time in the templates: `convolutive`,
`attack_decay` and `learn_attack_decay`.
"""

from nmfamt.nmf.attack_decay import attack_decay
from nmfamt.nmf.attack_decay_notes import AttackDecayNote, learn_attack_decay, mean_transient
from nmfamt.nmf.convolutive import convolutive
from nmfamt.nmf.divergence import beta_divergence
from nmfamt.nmf.factorize import Factors, factorize
from nmfamt.nmf.fit import Fit
from nmfamt.nmf.fixed_templates import CHUNK_FRAMES, GPU_CHUNK_FRAMES, activations, update_ratios

__all__ = [
    "CHUNK_FRAMES",
    "GPU_CHUNK_FRAMES",
    "AttackDecayNote",
    "Factors",
    "Fit",
    "activations",
    "attack_decay",
    "beta_divergence",
    "convolutive",
    "factorize",
    "learn_attack_decay",
    "mean_transient",
    "update_ratios",
]
