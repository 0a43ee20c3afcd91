"""How strongly each pitch sounds, and where it starts: what a front end finds and a tracker reads.

Conventions: pitch is the first axis, time the second; `values` is in the unit of the spectrogram, `level`
(the same unit) says how loud the recording is, so ``values / level`` does not depend on the recording gain.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nmfamt.archive import read_archive, write_archive
from nmfamt.exceptions import NmfamtError

__all__ = ["N_PARTIALS", "PitchActivation", "novelty"]

N_PARTIALS = 6
"""Partials of a note whose strength front ends give as evidence, ``partial_1`` and so on."""

FloatArray = NDArray[np.floating[Any]]

_FORMAT = 1
_LARGEST = 16_000_000_000  # bytes: eight hours of piano
_EVIDENCE = "evidence_"


@dataclass(frozen=True, eq=False)
class PitchActivation:
    """Pitches over time, as found by a front end.

    Attributes
    ----------
    values : ndarray, shape (n_rows, n_frames)
        How strongly each pitch sounds; finite and not negative.
    onsets : ndarray, shape (n_rows, n_frames)
        The evidence that it starts there; finite and not negative.
    pitches : ndarray, shape (n_rows,)
        MIDI pitch of each row; fractions are allowed.
    times : ndarray, shape (n_frames,)
        Frame centres in seconds.
    instruments : ndarray of str, shape (n_rows,)
        Rows are sorted by instrument, then pitch.
    evidence : mapping of str to ndarray, shape (n_rows, n_frames)
        What else a tracker may use, by name.
    latency : float
        Seconds from an onset to its peak of novelty, as known from isolated notes.
    lateness : tuple of float, optional
        Seconds by which the default tracker finds onsets, and offsets, later than labels have them, with the latency
        taken off; where it is not known, a tracker assumes something.
    level : float
        Level of the recording in the unit of `values`.
    info : dict
        What made it; JSON values only.
    """

    values: FloatArray
    onsets: FloatArray
    pitches: NDArray[np.float64]
    times: NDArray[np.float64]
    instruments: NDArray[np.str_]
    evidence: Mapping[str, FloatArray] = field(default_factory=dict)
    latency: float = 0.0
    lateness: tuple[float, ...] | None = None
    level: float = 1.0
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.pitches), len(self.times))
        for name, array in {"values": self.values, "onsets": self.onsets, **self.evidence}.items():
            if array.shape != shape:
                raise NmfamtError(f"{name} has shape {array.shape}, but pitches and times make {shape}.")
        if self.instruments.shape != self.pitches.shape:
            raise NmfamtError(
                f"There are {len(self.pitches)} pitches but instruments of shape {self.instruments.shape}: "
                "give one name a row."
            )
        rows = list(zip(self.instruments.tolist(), self.pitches.tolist(), strict=True))
        if rows != sorted(rows):
            raise NmfamtError("The rows of an activation are sorted by instrument, then pitch: sort these.")

    @property
    def hop(self) -> float:
        """Seconds from one frame to the next; 0.01 where there is only one frame."""
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.01

    def frames(self, first: int, last: int) -> Self:
        """Return the frames `first` to `last` (excluded).

        Examples
        --------
        >>> from nmfamt import activate
        >>> activate([0.0] * 8000, sr=16000).frames(20, 30).times[[0, -1]]
        array([0.2 , 0.29])
        """
        span = slice(first, last)
        return replace(
            self,
            values=self.values[:, span],
            onsets=self.onsets[:, span],
            times=self.times[span],
            evidence={name: array[:, span] for name, array in self.evidence.items()},
        )

    @classmethod
    def concatenate(cls, parts: "Sequence[PitchActivation]") -> "PitchActivation":
        """Return consecutive parts of one activation as one.

        Raises
        ------
        NmfamtError
            If there are none, or their rows differ.

        Examples
        --------
        >>> from nmfamt import activate
        >>> whole = activate([0.0] * 8000, sr=16000)
        >>> PitchActivation.concatenate([whole.frames(0, 20), whole.frames(20, 51)]).values.shape
        (88, 51)
        """
        if not parts:
            raise NmfamtError("There is no activation to concatenate.")
        first = parts[0]
        rows = (first.instruments.tolist(), first.pitches.tolist())
        if any((part.instruments.tolist(), part.pitches.tolist()) != rows for part in parts):
            raise NmfamtError("Only activations with the same rows can follow each other.")
        return replace(
            first,
            values=np.concatenate([part.values for part in parts], axis=1),
            onsets=np.concatenate([part.onsets for part in parts], axis=1),
            times=np.concatenate([part.times for part in parts]),
            evidence={name: np.concatenate([part.evidence[name] for part in parts], axis=1) for name in first.evidence},
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the activation to an ``.npz`` file, whole or not at all."""
        names = ("values", "onsets", "pitches", "times", "instruments")
        write_archive(
            path,
            {name: getattr(self, name) for name in names}
            | {f"{_EVIDENCE}{name}": array for name, array in self.evidence.items()},
            key="activation",
            meta={
                "format": _FORMAT,
                "latency": self.latency,
                "lateness": self.lateness,
                "level": self.level,
                "info": self.info,
            },
            overwrite=overwrite,
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PitchActivation":
        """Read what `save` wrote.

        Raises
        ------
        NmfamtError
            If there is no such file, it is no activation, or it holds pickled objects or values that no front
            end finds.
        """
        refusal = "is not an activation of nmfamt: make one with `nmfamt activation IN -o A.npz`."
        arrays, meta = read_archive(path, key="activation", newest=_FORMAT, refusal=refusal, largest=_LARGEST)
        try:
            loaded = cls(
                values=_magnitudes(arrays["values"]),
                onsets=_magnitudes(arrays["onsets"]),
                pitches=arrays["pitches"].astype(np.float64),
                times=arrays["times"].astype(np.float64),
                instruments=arrays["instruments"].astype(np.str_),
                evidence={
                    name.removeprefix(_EVIDENCE): _magnitudes(array)
                    for name, array in arrays.items()
                    if name.startswith(_EVIDENCE)
                },
                latency=float(meta["latency"]),
                lateness=None if meta["lateness"] is None else tuple(float(seconds) for seconds in meta["lateness"]),
                level=float(meta["level"]),
                info=dict(meta["info"]),
            )
            _check_axes(loaded)
        except (KeyError, TypeError, ValueError) as error:
            raise NmfamtError(f"{os.fspath(path)!r} {refusal} ({error})") from error
        return loaded


def _magnitudes(array: NDArray[Any]) -> FloatArray:
    """Return an array from a file, having made sure that it holds magnitudes."""
    if array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all() or (array < 0).any():
        raise NmfamtError("values that are no magnitudes, finite and not negative")
    return array


def _check_axes(activation: PitchActivation) -> None:
    """Refuse axes, a level or a latency that no front end makes; checked only where a file is read."""
    pitches, times = activation.pitches, activation.times
    if not (np.isfinite(pitches).all() and ((pitches >= 0) & (pitches <= 127)).all()):
        raise NmfamtError("pitches outside 0 to 127")
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise NmfamtError("times that do not increase")
    if not (0 <= activation.level < np.inf and abs(activation.latency) < np.inf):
        raise NmfamtError("a level or a latency that is no number")
    if activation.lateness is not None and not (
        len(activation.lateness) == 2 and np.isfinite(activation.lateness).all()
    ):
        raise NmfamtError("a lateness that is not two numbers")


def novelty(values: FloatArray, onsets: FloatArray) -> FloatArray:
    """Return how much each pitch grows, frame by frame: where its peaks are, notes may start.

    Parameters
    ----------
    values, onsets : ndarray, shape (n_rows, n_frames)
        As in `PitchActivation`.

    Returns
    -------
    ndarray, shape (n_rows, n_frames)
        ``max(0, values[t + 1] - values[t - 2]) + onsets[t] / 2``; beyond the edges there is silence before
        and the last frame after.

    Examples
    --------
    >>> import numpy as np
    >>> novelty(np.array([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]), np.zeros((1, 6)))
    array([[0., 0., 1., 1., 1., 0.]])
    """
    rise = np.concatenate([values[:, 1:], values[:, -1:]], axis=1)
    rise[:, 2:] -= values[:, :-2]
    np.maximum(rise, 0, out=rise)
    rise += 0.5 * onsets
    return rise
