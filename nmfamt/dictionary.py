"""Dictionaries of spectral templates: what each note of an instrument looks like.

A dictionary holds one or more unit-sum columns per pitch. Their *stage* says which part of a note they were
learned from: ``attack`` columns are needed only where a note begins, ``sustain`` columns while it sounds.

The file is an archive of plain arrays and one JSON text (see `nmfamt.archive`), so a dictionary from a
stranger can be opened safely.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import __version__
from nmfamt.archive import read_archive, write_archive
from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import pitch_to_hz, pitch_to_name
from nmfamt.spectrogram import Settings, Spectrogram, settings_from_dict

__all__ = [
    "FORMAT",
    "STAGES",
    "Dictionary",
    "list_dictionaries",
    "load_dictionary",
    "shipped_dictionaries",
]

FORMAT = 1
"""Version of the file format; a newer one is refused."""

_LARGEST = 500_000_000  # bytes of a file, unpacked: a thousand times the shipped piano

STAGES = ("attack", "sustain")

_ARRAYS = ("W", "pitches", "stages", "instruments", "filled")


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Spectral templates of one or more instruments.

    Attributes
    ----------
    W : ndarray, shape (n_bins, n_components)
        Templates; not negative, every column sums to 1.
    pitches : ndarray, shape (n_components,)
        MIDI pitch of every column; fractions are allowed.
    stages : ndarray of str, shape (n_components,)
        ``"attack"`` or ``"sustain"``.
    instruments : ndarray of str, shape (n_components,)
        Which instrument a column belongs to.
    filled : ndarray of bool, shape (n_components,)
        True where no note was recorded and the column was made from its neighbours.
    settings : Settings
        The spectrogram it was learned on.
    info : dict
        ``name``, ``latency`` (seconds from an onset to its peak of novelty), ``lateness`` and where it came from; JSON
        values only.
    """

    W: NDArray[np.floating[Any]]
    pitches: NDArray[np.float64]
    stages: NDArray[np.str_]
    instruments: NDArray[np.str_]
    settings: Settings
    filled: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        W = np.asarray(self.W)
        if W.dtype not in (np.float32, np.float64):
            W = W.astype(np.float64)
        n = W.shape[1] if W.ndim == 2 else -1
        if n < 1 or W.shape[0] != len(self.settings.freqs):
            raise NmfamtError(
                f"W has shape {W.shape}: its settings make {len(self.settings.freqs)} bins (rows), "
                "and there is at least one column."
            )
        if not (np.isfinite(W).all() and W.min() >= 0 and W.any(axis=0).all()):
            raise NmfamtError("W has negative, NaN or infinite values, or an empty column: templates are spectra.")
        sums = W.sum(axis=0, dtype=np.float64)
        # Columns that sum to 1 but for rounding stay as they are, so that a copy has the same hash.
        sums[np.abs(sums - 1) < 1e-5] = 1
        arrays = {
            "W": np.ascontiguousarray(W / sums, dtype=W.dtype),
            "pitches": np.array(self.pitches, dtype=np.float64),
            "stages": np.array(self.stages, dtype=np.str_),
            "instruments": np.array(self.instruments, dtype=np.str_),
            "filled": np.array(self.filled if len(self.filled) else np.zeros(n), dtype=bool),
        }
        for name, array in arrays.items():
            if name != "W" and array.shape != (n,):
                raise NmfamtError(f"{name} has shape {array.shape}, but there are {n} templates.")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        unknown = set(self.stages.tolist()) - set(STAGES)
        if unknown:
            raise NmfamtError(f"Unknown stages {sorted(unknown)}: a template is of the 'attack' or the 'sustain'.")
        if not (np.isfinite(self.pitches).all() and (self.pitches >= 0).all() and (self.pitches <= 127).all()):
            raise NmfamtError("Pitches of templates must be MIDI numbers from 0 to 127.")
        if not abs(self.latency) < 1:
            raise NmfamtError(f"latency={self.info['latency']} must be a time in seconds, less than 1 either way.")
        lateness = self.lateness
        if lateness is not None and not (len(lateness) == 2 and all(abs(seconds) < 1 for seconds in lateness)):
            raise NmfamtError(f"lateness={self.info['lateness']} must be two times in seconds, less than 1 either way.")

    @property
    def name(self) -> str:
        """Name by which people know it."""
        return str(self.info.get("name", "unnamed"))

    @property
    def latency(self) -> float:
        """Seconds from the onset of an isolated note to its peak of novelty."""
        return float(self.info.get("latency", 0.0))

    @property
    def lateness(self) -> tuple[float, ...] | None:
        """Seconds by which the default tracker finds onsets, and offsets, later than they are labelled.

        Known where labelled music taught it (`nmfamt.lateness`), else None.
        """
        known = self.info.get("lateness")
        return None if known is None else tuple(float(seconds) for seconds in known)

    def with_lateness(self, lateness: tuple[float, ...] | None) -> "Dictionary":
        """Return the dictionary with another lateness, or none.

        Examples
        --------
        >>> load_dictionary("piano").with_lateness((0.02, 0.0)).lateness
        (0.02, 0.0)
        """
        info = {key: value for key, value in self.info.items() if key != "lateness"}
        return replace(self, info=info if lateness is None else {**info, "lateness": list(lateness)})

    @property
    def rows(self) -> list[tuple[str, float]]:
        """Instrument and pitch of every row of an activation, sorted by instrument, then pitch."""
        return sorted(set(zip(self.instruments.tolist(), self.pitches.tolist(), strict=True)))

    @property
    def hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of everything that influences a transcription."""
        times = [self.latency] if self.lateness is None else [self.latency, *self.lateness]
        digest = hashlib.sha256(json.dumps([self.settings.to_dict(), *times], sort_keys=True).encode())
        for numbers in (self.W, self.pitches):
            digest.update(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())
        for texts in (self.stages, self.instruments):
            digest.update("\0".join(texts.tolist()).encode())
        return digest.hexdigest()[:12]

    def check(self, spectrogram: Spectrogram) -> None:
        """Raise `NmfamtError` unless `spectrogram` was computed with the settings of the dictionary."""
        if spectrogram.settings != self.settings:
            raise NmfamtError(
                f"Dictionary {self.name!r} was learned on {self.settings}, the spectrogram is "
                f"{spectrogram.settings}: compute it with dictionary.settings(y, sr=sr)."
            )

    def select(self, mask: NDArray[np.bool_]) -> "Dictionary":
        """Return the dictionary with only those columns where `mask`, of shape (n_components,), is true."""
        if not mask.any():
            low, high = self.pitches.min(), self.pitches.max()
            covered = f"{pitch_to_name(low)} to {pitch_to_name(high)}"
            raise NmfamtError(f"No template of {self.name!r} is left: it covers {covered}.")
        return replace(
            self,
            W=self.W[:, mask],
            pitches=self.pitches[mask],
            stages=self.stages[mask],
            instruments=self.instruments[mask],
            filled=self.filled[mask],
        )

    def between(self, fmin: float, fmax: float) -> "Dictionary":
        """Return the templates of fundamentals from `fmin` to `fmax` Hz, give or take a quarter tone."""
        hz = pitch_to_hz(self.pitches)
        tolerance = 2.0 ** (0.5 / 12)
        return self.select((hz * tolerance >= fmin) & (hz <= fmax * tolerance))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the dictionary to an ``.npz`` file, whole or not at all.

        Raises
        ------
        NmfamtError
            If the file exists and `overwrite` is false, or cannot be written.
        """
        write_archive(
            path,
            {name: getattr(self, name) for name in _ARRAYS},
            key="meta",
            meta={
                "format": FORMAT,
                "version": __version__,
                "settings": self.settings.to_dict(),
                "info": self.info,
            },
            overwrite=overwrite,
        )


def load_dictionary(name: str | os.PathLike[str]) -> Dictionary:
    """Load a dictionary by name or from a file.

    Parameters
    ----------
    name : str or path
        A shipped name (``"piano"``), then the stem of a file in the folders of the environment variable
        ``NMFAMT_DICTIONARIES`` or the user's data folder, then a path.

    Raises
    ------
    NmfamtError
        If nothing of that name is found, the file is no dictionary, holds pickled objects, or is of a newer
        format.

    Examples
    --------
    >>> piano = load_dictionary("piano")
    >>> piano.name, piano.rows[0]
    ('piano', ('piano', 21.0))
    """
    for folder in _folders():
        path = folder / f"{name}.npz"
        if os.sep not in str(name) and path.is_file():
            return _read(path)
    path = Path(name)
    if not path.is_file():
        known = ", ".join(list_dictionaries()) or "none"
        raise NmfamtError(f"There is no dictionary {str(name)!r}: it is no file, and the known ones are {known}.")
    return _read(path)


def list_dictionaries() -> dict[str, Path]:
    """Return the names that `load_dictionary` knows and the files behind them.

    Examples
    --------
    >>> "piano" in list_dictionaries()
    True
    """
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.npz")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def shipped_dictionaries() -> list[Dictionary]:
    """Return all dictionaries that ship, in the order of their names.

    Examples
    --------
    >>> [dictionary.name for dictionary in shipped_dictionaries()][:2]
    ['alto_saxophone', 'bassoon']
    """
    return [_read(path) for folder in _shipped() for path in sorted(folder.glob("*.npz"))]


def _folders() -> list[Path]:
    """Return where dictionaries are looked for by name, in that order."""
    import platformdirs

    own = [Path(p) for p in os.environ.get("NMFAMT_DICTIONARIES", "").split(os.pathsep) if p]
    return [*_shipped(), *own, Path(platformdirs.user_data_dir("nmfamt"))]


def _shipped() -> list[Path]:
    """Return the folder of what ships, if it is there."""
    from importlib.util import find_spec

    spec = find_spec("nmfamt.templates")
    return [Path(spec.origin).parent] if spec and spec.origin else []


def _read(path: Path) -> Dictionary:
    """Read a dictionary file, trusting nothing in it."""
    refusal = "is not a dictionary of nmfamt: make one with `nmfamt learn NOTES -o DICT.npz`."
    arrays, meta = read_archive(path, key="meta", newest=FORMAT, refusal=refusal, largest=_LARGEST)
    try:
        return Dictionary(
            **{name: arrays[name] for name in _ARRAYS},
            settings=settings_from_dict(meta["settings"]),
            info=dict(meta["info"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NmfamtError(f"{str(path)!r} {refusal} ({error})") from error
