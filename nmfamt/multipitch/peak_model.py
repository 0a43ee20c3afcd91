"""How likely a spectral peak is, given a fundamental, and how likely a partial shows as one: a small learned model.

Z. Duan, B. Pardo & C. Zhang, "Multiple fundamental frequency estimation by modeling spectral peaks and non-peak
regions", IEEE Transactions on Audio, Speech, and Language Processing 18 (8), 2010. A peak is normal, if it is a partial
of something that sounds, or spurious. Pitches are in semitones, also those of peaks; amplitudes in dB below the
strongest bin of the frame.

The numbers that ship are in ``nmfamt/templates/peak_model.json``, with a card that says what they were learned from.
"""

import json
import os
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError

__all__ = ["PeakModel", "default_peak_model"]

FloatArray = NDArray[np.float64]

_FORMAT = 1
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, eq=False)
class PeakModel:
    """What was learned about peaks.

    Attributes
    ----------
    deviation : ndarray, shape (3, n_normals)
        Weights, means and standard deviations of a mixture of normal distributions: of the semitones by which a peak
        lies above the partial that it is.
    levels, pitches, partials : ndarray
        Axes of `level_density`: dB, MIDI pitch of the peak, number of the partial; increasing.
    level_density : ndarray, shape (n_partials, n_pitches, n_levels)
        Logarithm of the probability density, per dB, of the level of a normal peak.
    spurious_share : float
        Probability that a peak is spurious.
    spurious_mean : ndarray, shape (2,)
        Mean pitch and level of a spurious peak.
    spurious_covariance : ndarray, shape (2, 2)
        Their covariance.
    f0_pitches : ndarray, shape (n_f0,)
        MIDI pitches of the fundamentals of `detection`, increasing.
    detection : ndarray, shape (n_f0, most_partials)
        Probability that a partial, from the first on, shows as a peak.
    info : dict
        What it was learned from; JSON values only.
    """

    deviation: FloatArray
    levels: FloatArray
    pitches: FloatArray
    partials: FloatArray
    level_density: FloatArray
    spurious_share: float
    spurious_mean: FloatArray
    spurious_covariance: FloatArray
    f0_pitches: FloatArray
    detection: FloatArray
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {
            "deviation": (3, self.deviation.shape[-1]),
            "level_density": (len(self.partials), len(self.pitches), len(self.levels)),
            "spurious_mean": (2,),
            "spurious_covariance": (2, 2),
            "detection": (len(self.f0_pitches), self.detection.shape[-1]),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape or not np.isfinite(getattr(self, name)).all():
                raise NmfamtError(f"{name} must hold finite numbers in the shape {shape}.")
        for name in ("pitches", "levels"):
            steps = np.diff(getattr(self, name))
            if not len(steps) or steps[0] <= 0 or not np.allclose(steps, steps[0]):
                raise NmfamtError(f"{name} must be two values or more, increasing by equal steps.")

    @property
    def most_partials(self) -> int:
        """How many partials are modelled."""
        return int(self.detection.shape[1])

    @property
    def axes(self) -> FloatArray:
        """First value and step of `pitches`, and of `levels`, which are equally far apart, shape (2, 2)."""
        return np.array([[axis[0], axis[1] - axis[0]] for axis in (self.pitches, self.levels)])

    @cached_property
    def level_table(self) -> FloatArray:
        """`level_density` of every partial up to `most_partials`, interpolated, shape (most_partials, ..., ...)."""
        wanted = np.arange(1, self.most_partials + 1)
        flat = self.level_density.reshape(len(self.partials), -1)
        table = np.stack([np.interp(wanted, self.partials, column) for column in flat.T], axis=1)
        return np.ascontiguousarray(table.reshape(len(wanted), *self.level_density.shape[1:]))

    def missing(self, pitches: FloatArray) -> FloatArray:
        """Return the logarithm of the probability that a partial does not show, shape (n_pitches, most_partials).

        Parameters
        ----------
        pitches : ndarray, shape (n_pitches,)
            MIDI pitches of fundamentals.
        """
        found = [np.interp(pitches, self.f0_pitches, column) for column in self.detection.T]
        return np.asarray(np.log1p(-np.stack(found, axis=1)))

    def log_deviation(self, semitones: FloatArray) -> FloatArray:
        """Return the logarithm of the probability density, per semitone, of a deviation."""
        weight, mean, deviation = self.deviation[:, :, None]
        z = (semitones - mean) / deviation
        density = (weight / (deviation * np.sqrt(2 * np.pi)) * np.exp(-0.5 * z**2)).sum(axis=0)
        return np.asarray(np.log(np.maximum(density, 1e-300)))

    def spurious(self, pitches: FloatArray, levels: FloatArray) -> FloatArray:
        """Return the probability density of spurious peaks, per semitone and dB."""
        off = np.stack([pitches - self.spurious_mean[0], levels - self.spurious_mean[1]])
        inverse = np.linalg.inv(self.spurious_covariance)
        distance = np.einsum("in,ij,jn->n", off, inverse, off)
        norm = 2 * np.pi * np.sqrt(np.linalg.det(self.spurious_covariance))
        return np.asarray(np.exp(-0.5 * distance) / norm)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model as JSON, whole or not at all."""
        values: dict[str, Any] = {"format": _FORMAT}
        for each in fields(self):
            value = getattr(self, each.name)
            values[each.name] = np.round(value, 4).tolist() if isinstance(value, np.ndarray) else value
        with atomic_path(Path(path), overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(values), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PeakModel":
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
            if values.pop("format") != _FORMAT:
                raise NmfamtError(f"{name} is of another format: make it anew with templates/make_peak_model.py.")
            arrays: dict[str, Any] = {
                key: np.array(value, dtype=np.float64) if isinstance(value, list) else value
                for key, value in values.items()
            }
            return cls(**arrays)
        except NmfamtError:
            raise
        except _DAMAGE as error:
            raise NmfamtError(f"{name} holds no peak model: {error}.") from None


@lru_cache(maxsize=1)
def default_peak_model() -> PeakModel:
    """Return the model that ships.

    Examples
    --------
    >>> default_peak_model().most_partials
    50
    """
    return PeakModel.load(str(files("nmfamt.templates") / "peak_model.json"))
