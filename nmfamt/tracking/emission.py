"""The learned part of the tracker: seven small models whose every weight has a name.

Each is a `Polynomial`. With the logistic function ``onset`` gives the probability that a candidate is one, at first
sight, and ``onset_in_context`` when all other candidates are known; ``sounding`` that a note still sounds in a frame.
``release`` and ``release_in_context`` say how much a frame looks like one in which a note ends. As they stand, two
more give a correction in time and a velocity.

The numbers that ship are in ``nmfamt/templates/tracker.json``, with a card; `nmfamt.training` learns them.
"""

import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.context import note_context_names, onset_context_names
from nmfamt.tracking.events import onset_feature_names
from nmfamt.tracking.frames import frame_feature_names
from nmfamt.tracking.polynomial import Polynomial, rounded
from nmfamt.tracking.voices import voice_context_names

__all__ = ["EmissionModel", "default_model", "feature_names"]

_FORMAT = 2
_PARTS = ("onset", "onset_in_context", "timing", "velocity", "sounding", "release", "release_in_context")
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class EmissionModel:
    """Everything the tracker has learned.

    Attributes
    ----------
    onset : Polynomial
        Log-odds that a candidate is an onset, from `onset_feature_names`.
    onset_in_context : Polynomial
        The same, from those and `onset_context_names`.
    timing : Polynomial
        Seconds by which a candidate comes late.
    velocity : Polynomial
        MIDI velocity of a candidate.
    sounding : Polynomial
        Log-odds that a note still sounds in a frame, from `frame_feature_names`.
    release : Polynomial
        How much a frame looks like the one in which the note ends, in log-odds up to a constant, from those and the
        value of ``sounding``.
    release_in_context : Polynomial
        The same, from those, `note_context_names` and `voice_context_names`.
    persistence : ndarray, shape (2, 2)
        Of each of the two: how much a note that goes on gains in every frame from the log-odds of ``sounding``, and at
        any rate.
    info : dict
        What it was learned from; JSON values only.

    Raises
    ------
    NmfamtError
        If a polynomial has more than one output, or `persistence` is not of that shape.
    """

    onset: Polynomial
    onset_in_context: Polynomial
    timing: Polynomial
    velocity: Polynomial
    sounding: Polynomial
    release: Polynomial
    release_in_context: Polynomial
    persistence: FloatArray
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _PARTS:
            found = len(getattr(self, name).intercept)
            if found != 1:
                raise NmfamtError(f"the {name} model has {found} outputs, but needs 1.")
        if self.persistence.shape != (2, 2) or not np.isfinite(self.persistence).all():
            raise NmfamtError("persistence must be two finite numbers for each of two models.")

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
            "persistence": rounded(self.persistence),
            **{name: getattr(self, name).to_dict() for name in _PARTS},
        }
        with atomic_path(Path(path), overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(values, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "EmissionModel":
        """Read a model.

        Raises
        ------
        NmfamtError
            If there is no such file, it is no model, or it is of another format.
        """
        name = repr(os.fspath(path))
        if not Path(path).is_file():
            raise NmfamtError(f"There is no file {name}.")
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            known, older = values["format"] == _FORMAT, values["format"] < _FORMAT
            if known:
                return cls(
                    **{part: Polynomial.from_dict(values[part]) for part in _PARTS},
                    persistence=np.asarray(values["persistence"], dtype=np.float64),
                    info=dict(values["info"]),
                )
        except _DAMAGE as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": .")
            raise NmfamtError(f"{name} is not a tracker model ({reason}).") from error
        raise NmfamtError(
            f"{name} has format {values['format']}, "
            + (
                f"older than {_FORMAT}, the only one known: learn it again with templates/make_tracker.py."
                if older
                else f"newer than {_FORMAT}, the last one known: upgrade nmfamt."
            )
        )

    def check(self) -> None:
        """Raise `NmfamtError` unless the model was learned on the features that this version computes."""
        for part, computed in feature_names().items():
            learned = getattr(self, part).names
            if learned != computed:
                unlike = sorted(set(learned) ^ set(computed)) or ["the same in another order"]
                raise NmfamtError(
                    f"The {part} model was learned on {len(learned)} features, this version computes "
                    f"{len(computed)} (unlike: {', '.join(unlike[:3])}): learn it again with "
                    "templates/make_tracker.py."
                )


def feature_names() -> dict[str, tuple[str, ...]]:
    """Return the features that each part of a model reads.

    Examples
    --------
    >>> feature_names()["release"][-1]
    'sounding'
    """
    onset, frame = tuple(onset_feature_names()), tuple(frame_feature_names())
    release = (*frame, "sounding")
    return {
        "onset": onset,
        "onset_in_context": (*onset, *onset_context_names()),
        "timing": onset,
        "velocity": onset,
        "sounding": frame,
        "release": release,
        "release_in_context": (*release, *note_context_names(), *voice_context_names()),
    }


@lru_cache(maxsize=1)
def default_model() -> EmissionModel:
    """Return the model that ships.

    Examples
    --------
    >>> model = default_model()
    >>> model.persistence.shape
    (2, 2)
    >>> dict(model.onset.terms())["strength"] > 0  # the more a pitch rises, the more it is an onset
    True
    """
    return EmissionModel.load(str(files("nmfamt.templates") / "tracker.json"))
