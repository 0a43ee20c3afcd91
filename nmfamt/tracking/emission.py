"""The learned part of the tracker: four small models whose every weight has a name.

Each is a `Polynomial`. With the logistic function the first gives the probability that a candidate is an onset; as
they stand, two give a correction in time and a velocity; with the softmax the last gives the probabilities of
silence, sustain and release in a frame. A matrix says how likely one state follows another.

The numbers that ship are in ``nmfamt/templates/tracker.json``, with a card; `nmfamt.training` learns them.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.polynomial import Polynomial, rounded

__all__ = ["FRAME_STATES", "STATES", "EmissionModel", "default_model"]

STATES = ("silence", "attack", "sustain", "release")
"""What a pitch can be doing."""

FRAME_STATES = ("silence", "sustain", "release")
"""What the frame model tells apart; the attack is told by the onset model."""

_FORMAT = 1
_N_OUTPUTS = {"onset": 1, "timing": 1, "velocity": 1, "frame": len(FRAME_STATES)}
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class EmissionModel:
    """Everything the tracker has learned.

    Attributes
    ----------
    onset : Polynomial
        Log-odds that a candidate is an onset.
    timing : Polynomial
        Seconds by which a candidate comes late.
    velocity : Polynomial
        MIDI velocity of a candidate.
    frame : Polynomial
        Unnormalised log-probabilities of `FRAME_STATES`.
    transitions : ndarray, shape (4, 4)
        Probability of going from one of `STATES` (row) to another in 10 ms.
    info : dict
        What it was learned from; JSON values only.

    Raises
    ------
    NmfamtError
        If a polynomial has the wrong number of outputs, or `transitions` are no probabilities.
    """

    onset: Polynomial
    timing: Polynomial
    velocity: Polynomial
    frame: Polynomial
    transitions: FloatArray
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, n_outputs in _N_OUTPUTS.items():
            found = len(getattr(self, name).intercept)
            if found != n_outputs:
                raise NmfamtError(f"the {name} model has {found} outputs, but needs {n_outputs}.")
        shape, n_states = self.transitions.shape, len(STATES)
        if shape != (n_states, n_states):
            raise NmfamtError(f"transitions has shape {shape}, but there are {n_states} states.")
        if not ((self.transitions >= 0).all() and np.allclose(self.transitions.sum(axis=1), 1)):
            raise NmfamtError("the rows of transitions are no probabilities that sum to 1.")

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model as JSON, whole or not at all.

        Raises
        ------
        NmfamtError
            If the file exists and `overwrite` is false, or cannot be written.
        """
        values: dict[str, Any] = {
            "format": _FORMAT,
            "info": self.info,
            "transitions": rounded(self.transitions),
            **{name: getattr(self, name).to_dict() for name in _N_OUTPUTS},
        }
        with atomic_path(Path(path), overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(values, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "EmissionModel":
        """Read a model.

        Raises
        ------
        NmfamtError
            If there is no such file, it is no model, or it is of a newer format.
        """
        name = repr(os.fspath(path))
        if not Path(path).is_file():
            raise NmfamtError(f"There is no file {name}.")
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            newer = values["format"] > _FORMAT
            if not newer:
                return cls(
                    **{part: Polynomial.from_dict(values[part]) for part in _N_OUTPUTS},
                    transitions=np.asarray(values["transitions"], dtype=np.float64),
                    info=dict(values["info"]),
                )
        except _DAMAGE as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": .")
            raise NmfamtError(f"{name} is not a tracker model ({reason}).") from error
        raise NmfamtError(
            f"{name} has format {values['format']}, newer than {_FORMAT}, the last one known: upgrade nmfamt."
        )

    def check(self, names: Sequence[str], frame_names: Sequence[str]) -> None:
        """Raise `NmfamtError` unless the model was learned on these features of candidates and of frames."""
        for part in _N_OUTPUTS:
            learned = getattr(self, part).names
            computed = tuple(frame_names if part == "frame" else names)
            if learned != computed:
                unlike = sorted(set(learned) ^ set(computed)) or ["the same in another order"]
                raise NmfamtError(
                    f"The {part} model was learned on {len(learned)} features, this version computes "
                    f"{len(computed)} (unlike: {', '.join(unlike[:3])}): learn it again with "
                    "templates/make_tracker.py."
                )


@lru_cache(maxsize=1)
def default_model() -> EmissionModel:
    """Return the model that ships.

    Examples
    --------
    >>> model = default_model()
    >>> model.transitions.shape
    (4, 4)
    >>> dict(model.onset.terms())["strength"] > 0  # the more a pitch rises, the more it is an onset
    True
    """
    return EmissionModel.load(str(files("nmfamt.templates") / "tracker.json"))
