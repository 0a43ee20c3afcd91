"""The learned part of the tracker: small models whose every weight has a name.

Each model is a polynomial of the second order: a weighted sum of standardised features and, for a few features that
matter most, of their products two by two (a rise of the partials means less under a loud octave below). With the
logistic function it gives the probability that a candidate is an onset, with the softmax those of silence, sustain and
release in a frame, and as it stands a correction in time and a velocity.

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

__all__ = ["FRAME_STATES", "STATES", "EmissionModel", "Polynomial", "default_model"]

STATES = ("silence", "attack", "sustain", "release")
"""What a pitch can be doing."""

FRAME_STATES = ("silence", "sustain", "release")
"""What the frame model tells apart; the attack is told by the onset model."""

_CLIP = 3.0
_FORMAT = 1

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A second-order polynomial of named, standardised features.

    Attributes
    ----------
    names : tuple of str
        The features.
    mean, scale : ndarray, shape (n_features,)
        Subtracted from and divided into the features first.
    intercept : ndarray, shape (n_outputs,)
    weights : ndarray, shape (n_features, n_outputs)
    interacting : tuple of str
        The features whose products count; they are clipped to three standard deviations.
    products : ndarray, shape (n_interacting, n_interacting, n_outputs)
        Weight of every product, upper triangular.
    """

    names: tuple[str, ...]
    mean: FloatArray
    scale: FloatArray
    intercept: FloatArray
    weights: FloatArray
    interacting: tuple[str, ...] = ()
    products: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 1)))

    def __call__(self, X: FloatArray) -> NDArray[np.float64]:
        """Evaluate the polynomial.

        Parameters
        ----------
        X : ndarray, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, n_outputs)
        """
        Z = ((X - self.mean) / self.scale).astype(np.float32)
        result = (Z @ self.weights.astype(np.float32)).astype(np.float64) + self.intercept
        if self.interacting:
            K = np.clip(Z[:, [self.names.index(name) for name in self.interacting]], -_CLIP, _CLIP)
            for output in range(result.shape[1]):
                result[:, output] += ((K @ self.products[:, :, output].astype(np.float32)) * K).sum(axis=1)
        return result

    def design(self, X: FloatArray) -> NDArray[np.float32]:
        """Return all terms of the polynomial for each sample, shape (n_samples, n_terms): what a fit needs."""
        Z = ((X - self.mean) / self.scale).astype(np.float32)
        K = np.clip(Z[:, [self.names.index(name) for name in self.interacting]], -_CLIP, _CLIP)
        i, j = np.triu_indices(len(self.interacting))
        return np.concatenate([Z, K[:, i] * K[:, j]], axis=1)

    def with_terms(self, intercept: FloatArray, terms: FloatArray) -> "Polynomial":
        """Return the polynomial with weights as ordered by `design`, shape (n_terms, n_outputs)."""
        n, k = len(self.names), len(self.interacting)
        products = np.zeros((k, k, terms.shape[1]))
        products[np.triu_indices(k)] = terms[n:]
        return Polynomial(
            self.names, self.mean, self.scale, np.asarray(intercept), terms[:n], self.interacting, products
        )

    def terms(self, output: int = 0) -> list[tuple[str, float]]:
        """Return every term and its weight, the heaviest first.

        Examples
        --------
        >>> for name, weight in default_model().onset.terms()[:3]:  # doctest: +SKIP
        ...     print(f"{weight:+.2f}  {name}")
        """
        found = list(zip(self.names, self.weights[:, output].tolist(), strict=True))
        for i, j in zip(*np.triu_indices(len(self.interacting)), strict=True):
            name = f"{self.interacting[i]} * {self.interacting[j]}"
            found.append((name, float(self.products[i, j, output])))
        return sorted(found, key=lambda term: -abs(term[1]))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON, to six significant digits."""
        return {
            "names": list(self.names),
            "interacting": list(self.interacting),
            **{name: _rounded(getattr(self, name)) for name in ("mean", "scale", "intercept", "weights", "products")},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Polynomial":
        """Make it from what `to_dict` returned."""
        arrays = {
            name: np.asarray(values[name], dtype=np.float64)
            for name in ("mean", "scale", "intercept", "weights", "products")
        }
        return cls(names=tuple(values["names"]), interacting=tuple(values["interacting"]), **arrays)


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
        What it was learned from.
    """

    onset: Polynomial
    timing: Polynomial
    velocity: Polynomial
    frame: Polynomial
    transitions: FloatArray
    info: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model as JSON, whole or not at all."""
        values: dict[str, Any] = {
            "format": _FORMAT,
            "info": self.info,
            "transitions": _rounded(self.transitions),
        }
        for name in ("onset", "timing", "velocity", "frame"):
            values[name] = getattr(self, name).to_dict()
        with atomic_path(Path(path), overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(values, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "EmissionModel":
        """Read a model.

        Raises
        ------
        NmfamtError
            If the file is missing or is no model.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            if values["format"] > _FORMAT:
                raise NmfamtError(f"{path} is of format {values['format']}, newer than {_FORMAT}: upgrade nmfamt.")
            return cls(
                **{name: Polynomial.from_dict(values[name]) for name in ("onset", "timing", "velocity", "frame")},
                transitions=np.asarray(values["transitions"], dtype=np.float64),
                info=dict(values["info"]),
            )
        except NmfamtError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NmfamtError(f"{path} is not a tracker model: {error}.") from error

    def check(self, names: Sequence[str], frame_names: Sequence[str]) -> None:
        """Raise `NmfamtError` unless the model was learned on these features."""
        for what, polynomial, expected in (("onset", self.onset, names), ("frame", self.frame, frame_names)):
            if polynomial.names != tuple(expected):
                raise NmfamtError(
                    f"The {what} model was learned on {len(polynomial.names)} features, this version computes "
                    f"{len(expected)}: learn it again with templates/make_tracker.py."
                )


@lru_cache(maxsize=1)
def default_model() -> EmissionModel:
    """Return the model that ships.

    Examples
    --------
    >>> default_model().transitions.shape
    (4, 4)
    """
    return EmissionModel.load(str(files("nmfamt.templates") / "tracker.json"))


def _rounded(array: FloatArray) -> Any:
    """Return nested lists with six significant digits, so that the file is short and stable."""
    if array.ndim:
        return [_rounded(item) for item in array]
    return float(f"{float(array):.6g}")
