"""Templates with time in them: what the notes of an instrument look like from their onset on.

`NotePatterns` are short spectrograms, one for each pitch, which `nmfamt.nmf.convolutive` explains music by;
`AttackDecayTemplates` are spectra of attack and decay, with the rate at which a note dies away, for
`nmfamt.nmf.attack_decay`. Both are learned from isolated notes (`nmfamt.learning_patterns`).

Their unit is the loudness of a note: the loudest frame of every pattern adds up to 1. An activation then is in the unit
of the spectrogram, whatever the pitch.

The files are archives of plain arrays and one JSON text (`nmfamt.archive`), so that one from a stranger can be opened
safely.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import __version__
from nmfamt.archive import read_archive, write_archive
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import pitch_to_hz, pitch_to_name
from nmfamt.spectrogram import Settings, settings_from_dict
from nmfamt.tuning import shift_templates

__all__ = ["FORMAT", "AttackDecayTemplates", "NotePatterns"]

FORMAT = 1
"""Version of the file formats; a newer one is refused."""

_LARGEST = 2_000_000_000  # bytes of a file, unpacked: a thousand patterns of a second each

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class NotePatterns:
    """Short spectrograms of the notes of one instrument.

    Attributes
    ----------
    W : ndarray, shape (n_lags, n_bins, n_pitches)
        What sounds so many frames after an activation; not negative. The loudest frame of each pitch adds up to 1.
    pitches : ndarray, shape (n_pitches,)
        MIDI pitches, increasing; fractions are allowed.
    settings : Settings
        The spectrogram they were learned on.
    filled : ndarray of bool, shape (n_pitches,)
        True where no note was recorded and the pattern was made from its neighbours.
    info : dict
        ``name``, ``latency`` (seconds from an onset to the peak of its activation) and where they came from; JSON
        values only.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> patterns = NotePatterns(np.ones((10, 64, 2)), [60, 62], STFT(n_fft=128))
    >>> patterns.n_lags, float(patterns.W[0, :, 0].sum()), patterns.between(280, 300).pitches
    (10, 1.0, array([62.]))
    """

    W: FloatArray
    pitches: NDArray[np.float64]
    settings: Settings
    filled: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        W = _floats(self.W)
        n_bins = len(self.settings.freqs)
        if W.ndim != 3 or not W.size or W.shape[1] != n_bins:
            raise NmfamtError(
                f"W has shape {W.shape}: it is (n_lags, n_bins, n_pitches), and these settings make {n_bins} bins."
            )
        _check_spectra("W", W, W.any(axis=(0, 1)))
        scale = _unless_one(W.sum(axis=1, dtype=np.float64).max(axis=0))
        _settle(self, {"W": np.ascontiguousarray(W / scale, dtype=W.dtype)}, W.shape[2])

    @property
    def n_lags(self) -> int:
        """Frames of a pattern."""
        return len(self.W)

    @property
    def name(self) -> str:
        """Name by which people know them."""
        return str(self.info.get("name", "unnamed"))

    @property
    def latency(self) -> float:
        """Seconds from the onset of an isolated note to the peak of its activation."""
        return float(self.info.get("latency", 0.0))

    @property
    def hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of everything that influences a transcription."""
        return _hash(self, (self.W, self.pitches))

    def spectra(self) -> Dictionary:
        """Return the mean spectrum of every pitch."""
        return _spectra(self, self.W.mean(axis=0))

    def between(self, fmin: float, fmax: float) -> "NotePatterns":
        """Return the patterns of fundamentals from `fmin` to `fmax` Hz, give or take a quarter tone."""
        kept = _between(self, fmin, fmax)
        return replace(self, W=self.W[:, :, kept], pitches=self.pitches[kept], filled=self.filled[kept])

    def shifted(self, semitones: float) -> "NotePatterns":
        """Return the patterns moved upwards along the frequency axis; pitches keep their names."""
        if not semitones:
            return self
        freqs = self.settings.freqs
        moved = np.stack([_moved(frame, freqs, semitones) for frame in self.W])
        return replace(self, W=moved.astype(self.W.dtype))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the patterns to an ``.npz`` file, whole or not at all.

        Raises
        ------
        NmfamtError
            If the file exists and `overwrite` is false, or cannot be written.
        """
        _save(self, path, ("W", "pitches", "filled"), "patterns", overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "NotePatterns":
        """Read what `save` wrote.

        Raises
        ------
        NmfamtError
            If there is no such file, it holds no patterns, or it is of a newer format.
        """
        return cls(**_load(cls, path, ("W", "pitches", "filled"), "patterns"))


@dataclass(frozen=True, eq=False)
class AttackDecayTemplates:
    """Spectra of attack and decay of the notes of one instrument, and how they follow each other.

    Attributes
    ----------
    W, A : ndarray, shape (n_bins, n_pitches)
        Of the decay and of the attack; not negative. In the frame of the onset both together add up to 1.
    decay : ndarray, shape (n_pitches,)
        Rates of decay, per frame: a note falls by ``exp(-decay)``.
    transient : ndarray, shape (n_transient,)
        Shape of the attack in time, an odd number of frames centred on the onset, the largest 1.
    pitches, settings, filled, info
        As in `NotePatterns`.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> W = np.ones((64, 1))
    >>> templates = AttackDecayTemplates(W, 3 * W, [0.02], [0.5, 1.0, 0.5], [60], STFT(n_fft=128))
    >>> float(templates.W.sum()), float(templates.A.sum())
    (0.25, 0.75)
    """

    W: FloatArray
    A: FloatArray
    decay: NDArray[np.float64]
    transient: NDArray[np.float64]
    pitches: NDArray[np.float64]
    settings: Settings
    filled: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        W = _floats(self.W)
        A = np.asarray(self.A, dtype=W.dtype)
        n_bins = len(self.settings.freqs)
        if W.ndim != 2 or not W.size or W.shape != A.shape or len(W) != n_bins:
            raise NmfamtError(
                f"W has shape {W.shape} and A {A.shape}: they are alike (n_bins, n_pitches), and these settings make "
                f"{n_bins} bins."
            )
        _check_spectra("W", W, W.any(axis=0) | A.any(axis=0))
        _check_spectra("A", A, W.any(axis=0) | A.any(axis=0))
        scale = _unless_one(W.sum(axis=0, dtype=np.float64) + A.sum(axis=0, dtype=np.float64))
        decay, transient = np.array(self.decay, dtype=np.float64), np.array(self.transient, dtype=np.float64)
        if decay.shape != W.shape[1:] or not (np.isfinite(decay) & (decay >= 0)).all():
            raise NmfamtError(f"decay={decay} must be a rate per frame, 0 or more, for each of {W.shape[1]} pitches.")
        if transient.ndim != 1 or len(transient) % 2 == 0 or not (np.isfinite(transient) & (transient >= 0)).all():
            raise NmfamtError(f"transient={transient} must be an odd number of frames around the onset, none negative.")
        arrays = {
            "W": np.ascontiguousarray(W / scale, dtype=W.dtype),
            "A": np.ascontiguousarray(A / scale, dtype=W.dtype),
            "decay": decay,
            "transient": transient,
        }
        _settle(self, arrays, W.shape[1])

    @property
    def name(self) -> str:
        """Name by which people know them."""
        return str(self.info.get("name", "unnamed"))

    @property
    def latency(self) -> float:
        """Seconds from the onset of an isolated note to the peak of its attack."""
        return float(self.info.get("latency", 0.0))

    @property
    def hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of everything that influences a transcription."""
        return _hash(self, (self.W, self.A, self.decay, self.transient, self.pitches))

    def spectra(self) -> Dictionary:
        """Return the spectrum of the decay of every pitch, and where there is none that of its attack."""
        return _spectra(self, np.where(self.W.any(axis=0), self.W, self.A))

    def between(self, fmin: float, fmax: float) -> "AttackDecayTemplates":
        """Return the templates of fundamentals from `fmin` to `fmax` Hz, give or take a quarter tone."""
        kept = _between(self, fmin, fmax)
        return replace(
            self,
            W=self.W[:, kept],
            A=self.A[:, kept],
            decay=self.decay[kept],
            pitches=self.pitches[kept],
            filled=self.filled[kept],
        )

    def shifted(self, semitones: float) -> "AttackDecayTemplates":
        """Return the templates moved upwards along the frequency axis; pitches keep their names."""
        if not semitones:
            return self
        W, A = (_moved(X, self.settings.freqs, semitones).astype(self.W.dtype) for X in (self.W, self.A))
        return replace(self, W=W, A=A)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the templates to an ``.npz`` file, whole or not at all.

        Raises
        ------
        NmfamtError
            If the file exists and `overwrite` is false, or cannot be written.
        """
        _save(self, path, _ATTACK_DECAY, "attack_decay", overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "AttackDecayTemplates":
        """Read what `save` wrote.

        Raises
        ------
        NmfamtError
            If there is no such file, it holds no such templates, or it is of a newer format.
        """
        return cls(**_load(cls, path, _ATTACK_DECAY, "attack_decay"))


_ATTACK_DECAY = ("W", "A", "decay", "transient", "pitches", "filled")

_Learned = NotePatterns | AttackDecayTemplates


def _floats(values: Any) -> FloatArray:
    array = np.asarray(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _check_spectra(name: str, values: FloatArray, sounding: Any) -> None:
    if not (np.isfinite(values).all() and values.min() >= 0 and sounding.all()):
        raise NmfamtError(f"{name} has negative, NaN or infinite values, or a pitch that is empty: these are spectra.")


def _unless_one(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scale, or 1 where it is that but for rounding: a copy has the same hash."""
    return np.where(np.abs(scale - 1) < 1e-5, 1.0, scale)


def _settle(learned: _Learned, arrays: dict[str, NDArray[Any]], n_pitches: int) -> None:
    """Check what both kinds have in common, and make all arrays read-only."""
    pitches = np.array(learned.pitches, dtype=np.float64)
    filled = np.array(learned.filled if len(learned.filled) else np.zeros(n_pitches), dtype=bool)
    for name, array in (("pitches", pitches), ("filled", filled)):
        if array.shape != (n_pitches,):
            raise NmfamtError(f"{name} has shape {array.shape}, but there are {n_pitches} pitches.")
    if not (np.isfinite(pitches).all() and (pitches >= 0).all() and (pitches <= 127).all()):
        raise NmfamtError("Pitches must be MIDI numbers from 0 to 127.")
    if not (np.diff(pitches) > 0).all():
        raise NmfamtError("Pitches must increase, with one pattern each: average those of one pitch, and sort them.")
    for name, array in {**arrays, "pitches": pitches, "filled": filled}.items():
        array.setflags(write=False)
        object.__setattr__(learned, name, array)
    if not abs(learned.latency) < 1:
        raise NmfamtError(f"latency={learned.info['latency']} must be a time in seconds, less than 1 either way.")


def _hash(learned: _Learned, arrays: Sequence[NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps([learned.settings.to_dict(), learned.latency], sort_keys=True).encode())
    for numbers in arrays:
        digest.update(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:12]


def _spectra(learned: _Learned, W: FloatArray) -> Dictionary:
    n = len(learned.pitches)
    return Dictionary(
        W=W,
        pitches=learned.pitches,
        stages=np.full(n, "sustain"),
        instruments=np.full(n, learned.name),
        settings=learned.settings,
        filled=learned.filled,
        info={"name": learned.name},
    )


def _between(learned: _Learned, fmin: float, fmax: float) -> NDArray[np.bool_]:
    hz, tolerance = pitch_to_hz(learned.pitches), 2.0 ** (0.5 / 12)
    kept = (hz * tolerance >= fmin) & (hz <= fmax * tolerance)
    if not kept.any():
        low, high = pitch_to_name(learned.pitches[0]), pitch_to_name(learned.pitches[-1])
        raise NmfamtError(
            f"No pitch of {learned.name!r} lies from fmin={fmin:g} to fmax={fmax:g} Hz: it covers {low} to {high}."
        )
    return np.asarray(kept)


def _moved(W: FloatArray, freqs: NDArray[np.float64], semitones: float) -> FloatArray:
    """Return templates moved along the frequency axis, their sums kept."""
    sums = W.sum(axis=0, dtype=np.float64)
    sounding = sums > 0
    moved = np.zeros(W.shape)
    if sounding.any():
        moved[:, sounding] = shift_templates(W[:, sounding], freqs, semitones) * sums[sounding]
    return moved


def _save(learned: _Learned, path: str | os.PathLike[str], names: Sequence[str], key: str, overwrite: bool) -> None:
    write_archive(
        path,
        {name: getattr(learned, name) for name in names},
        key=key,
        meta={"format": FORMAT, "version": __version__, "settings": learned.settings.to_dict(), "info": learned.info},
        overwrite=overwrite,
    )


def _load(kind: type[_Learned], path: str | os.PathLike[str], names: Sequence[str], key: str) -> dict[str, Any]:
    """Read a file, trusting nothing in it; return what `kind` is made of, which has been tried."""
    method = {"patterns": "wu2022", "attack_decay": "cheng2016"}[key]
    refusal = f"holds no {kind.__name__}: make them with `nmfamt learn NOTES -o FILE.npz --method {method}`."
    arrays, meta = read_archive(path, key=key, newest=FORMAT, refusal=refusal, largest=_LARGEST)
    try:
        found: dict[str, Any] = {
            **{name: arrays[name] for name in names},
            "settings": settings_from_dict(meta["settings"]),
            "info": dict(meta["info"]),
        }
        kind(**found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NmfamtError(f"{os.fspath(path)!r} {refusal} ({error})") from error
    return found
