"""How strongly each pitch sounds, and where it starts: what a front end finds and a tracker reads.

Conventions: pitch is the first axis, time the second; `values` is in the unit of the spectrogram, `level` (the same
unit) says how loud the recording is, so ``values / level`` does not depend on the recording gain.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError

__all__ = ["PitchActivation", "novelty"]

FloatArray = NDArray[np.floating[Any]]

_FORMAT = 1


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
    level: float = 1.0
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.pitches), len(self.times))
        for name, array in {"values": self.values, "onsets": self.onsets, **self.evidence}.items():
            if array.shape != shape:
                raise NmfamtError(f"{name} has shape {array.shape}, but pitches and times make {shape}.")
        rows = list(zip(self.instruments.tolist(), self.pitches.tolist(), strict=True))
        if rows != sorted(rows):
            raise NmfamtError("The rows of an activation are sorted by instrument, then pitch; these are not.")

    @property
    def hop(self) -> float:
        """Seconds from one frame to the next; 0.01 where there is only one frame."""
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.01

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the activation to an ``.npz`` file, whole or not at all."""
        meta = {"format": _FORMAT, "latency": self.latency, "level": self.level, "info": self.info}
        with atomic_path(Path(path), overwrite=overwrite) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file,
                values=self.values,
                onsets=self.onsets,
                pitches=self.pitches,
                times=self.times,
                instruments=self.instruments,
                activation=np.array(json.dumps(meta)),
                **{f"evidence_{name}": array for name, array in self.evidence.items()},
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PitchActivation":
        """Read what `save` wrote.

        Raises
        ------
        NmfamtError
            If there is no such file, it is no activation, or it holds pickled objects.
        """
        if not Path(path).is_file():
            raise NmfamtError(f"There is no file {path}.")
        try:
            with np.load(path, allow_pickle=False) as archive:
                meta = json.loads(str(archive["activation"]))
                if meta["format"] > _FORMAT:
                    raise NmfamtError(f"{path} is of format {meta['format']}, newer than {_FORMAT}: upgrade nmfamt.")
                return cls(
                    **{name: archive[name] for name in ("values", "onsets", "pitches", "times", "instruments")},
                    evidence={n.removeprefix("evidence_"): archive[n] for n in archive if n.startswith("evidence_")},
                    latency=float(meta["latency"]),
                    level=float(meta["level"]),
                    info=dict(meta["info"]),
                )
        except NmfamtError:
            raise
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise NmfamtError(
                f"{path} is not an activation of nmfamt: make one with `nmfamt activation IN -o A.npz`. ({error})"
            ) from error


def novelty(values: FloatArray, onsets: FloatArray) -> FloatArray:
    """Return how much each pitch grows, frame by frame: where its peaks are, notes may start.

    Parameters
    ----------
    values, onsets : ndarray, shape (n_rows, n_frames)
        As in `PitchActivation`.

    Returns
    -------
    ndarray, shape (n_rows, n_frames)
        ``max(0, values[t + 1] - values[t - 2]) + onsets[t] / 2``; beyond the edges there is silence before and
        the last frame after.

    Examples
    --------
    >>> import numpy as np
    >>> novelty(np.array([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]), np.zeros((1, 6)))
    array([[0., 0., 1., 1., 1., 0.]])
    """
    padded = np.pad(values, ((0, 0), (2, 0)))
    padded = np.concatenate([padded, padded[:, -1:]], axis=1)
    rise = np.maximum(padded[:, 3:] - padded[:, :-3], 0)
    rise += 0.5 * onsets
    return np.asarray(rise)
