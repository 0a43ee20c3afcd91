"""Notes: what was played, when and how strongly.

Conventions: a note sounds from its onset up to, not including, its offset, in seconds from the
start of the recording, as long as it is heard: where a sustain pedal holds it, beyond the release of the key.
Pitches are MIDI numbers and may be fractional, velocities are whole MIDI velocities, a
confidence is the probability that the note was played. Several instruments may play in one performance.

`Notes.to_mir_eval` is the only place that knows that mir_eval wants frequencies in Hz: MIDI numbers given as
Hz are accepted there without a word and match notes several semitones apart.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import pitch_to_hz, pitch_to_name

__all__ = ["Notes"]

FloatArray = NDArray[np.float64]
_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Notes:
    """Note events of one performance, ordered by onset, then pitch.

    Every parameter is an attribute of the same name: an array of the shape given below, float64 but for
    `velocities` (int64) and `instruments` (str), that cannot be written to.

    Parameters
    ----------
    intervals : array_like, shape (n_notes, 2)
        Onset and offset of each note in seconds, in any order; onsets are at least 0, durations positive.
    pitches : array_like, shape (n_notes,)
        MIDI pitch, 0 to 127.
    velocities : array_like, shape (n_notes,), or int
        MIDI velocity, 1 to 127, rounded to whole numbers. By default 64, the middle.
    confidences : array_like, shape (n_notes,), or float
        0 to 1. By default 1, as for a reference.
    instruments : array_like of str, shape (n_notes,), or str
        Name of the instrument, empty where it is not known.
    pedal : array_like, shape (n_pedals, 2)
        Times in seconds when the sustain pedal went down and up; kept sorted, overlapping ones merged.
    info : mapping, optional
        Where the notes come from: version, dictionary, settings; anything that JSON can hold, kept as JSON
        gives it back (tuples and arrays are lists). It is written to MIDI and JSON files.

    Raises
    ------
    NmfamtError
        If the shapes do not agree or a value is outside its range.

    Examples
    --------
    >>> notes = Notes([[0.5, 1.0], [0.0, 0.5]], [64, 60], velocities=[80, 70])
    >>> notes
    Notes(2 notes, 0.00 to 1.00 s, C4 to E4)
    >>> notes.pitches
    array([60., 64.])
    """

    intervals: FloatArray
    pitches: FloatArray
    velocities: NDArray[np.int64]
    confidences: FloatArray
    instruments: NDArray[np.str_]
    pedal: FloatArray
    info: dict[str, Any]

    def __init__(
        self,
        intervals: ArrayLike,
        pitches: ArrayLike,
        *,
        velocities: ArrayLike = 64,
        confidences: ArrayLike = 1.0,
        instruments: ArrayLike = "",
        pedal: ArrayLike = (),
        info: Mapping[str, Any] | None = None,
    ) -> None:
        times = _intervals(intervals, "intervals")
        n_notes = len(times)
        midi = _column(pitches, n_notes, "pitches", 0, 127, "a MIDI number, 0 to 127 (hz_to_pitch makes one)")
        strengths = np.rint(_column(velocities, n_notes, "velocities", 0.5, 127.5, "a MIDI velocity, 1 to 127"))
        names = _broadcast(np.asarray(instruments, dtype=np.str_), n_notes, "instruments")
        order = np.lexsort((times[:, 1], midi, times[:, 0]))
        fields = {
            "intervals": times[order],
            "pitches": midi[order],
            "velocities": strengths[order].clip(1, 127).astype(np.int64),
            "confidences": _column(confidences, n_notes, "confidences", 0, 1, "a probability, 0 to 1")[order],
            "instruments": names[order],
            "pedal": _merged(_intervals(pedal, "pedal")),
        }
        for name, array in fields.items():
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "info", _plain(info or {}))

    @classmethod
    def empty(cls) -> Self:
        """Return no notes at all.

        Examples
        --------
        >>> len(Notes.empty())
        0
        """
        return cls((), ())

    @classmethod
    def concatenate(cls, performances: "Iterable[Notes]") -> Self:
        """Return the notes of several parts of one performance as one.

        Parameters
        ----------
        performances : iterable of Notes
            Instruments that play together, or consecutive blocks, on one time axis.

        Returns
        -------
        notes : Notes
            All notes and pedals; `info` keeps what all parts agree on.

        Examples
        --------
        >>> Notes.concatenate([Notes([[1, 2]], [60]), Notes([[0, 2]], [72])]).pitches
        array([72., 60.])
        """
        parts = list(performances)
        if not parts:
            return cls.empty()
        info = {key: value for key, value in parts[0].info.items() if all(p.info.get(key) == value for p in parts)}
        return cls(
            np.concatenate([part.intervals for part in parts]),
            np.concatenate([part.pitches for part in parts]),
            velocities=np.concatenate([part.velocities for part in parts]),
            confidences=np.concatenate([part.confidences for part in parts]),
            instruments=np.concatenate([part.instruments for part in parts]),
            pedal=np.concatenate([part.pedal for part in parts]),
            info=info,
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, pedal: Literal["extend", "ignore"] = "extend") -> "Notes":
        """Read notes from a file; see `nmfamt.note_files.read_notes`."""
        from nmfamt.note_files import read_notes

        return read_notes(path, pedal=pedal)

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        overwrite: bool = False,
        tempo: float | None = None,
    ) -> None:
        """Write the notes to a file; see `nmfamt.note_files.write_notes`."""
        from nmfamt.note_files import write_notes

        write_notes(self, path, format=format, overwrite=overwrite, tempo=tempo)

    def to_mir_eval(self) -> tuple[FloatArray, FloatArray]:
        """Return the intervals in seconds and the pitches in Hz, as mir_eval wants them.

        Returns
        -------
        intervals : ndarray, shape (n_notes, 2)
            Onsets and offsets in seconds.
        hz : ndarray, shape (n_notes,)
            Fundamental frequencies in Hz.

        Examples
        --------
        >>> Notes([[0, 1]], [69]).to_mir_eval()
        (array([[0., 1.]]), array([440.]))
        """
        return self.intervals, pitch_to_hz(self.pitches)

    def select(self, mask: ArrayLike) -> Self:
        """Return the notes for which `mask` holds, with pedal and info.

        Parameters
        ----------
        mask : array_like of bool, shape (n_notes,)
            Which notes to keep.

        Raises
        ------
        NmfamtError
            If `mask` is not of booleans or has another length.

        Examples
        --------
        >>> notes = Notes([[0, 1], [1, 2]], [60, 72])
        >>> notes.select(notes.pitches > 65)
        Notes(1 note, 1.00 to 2.00 s, C5 to C5)
        """
        keep = np.asarray(mask)
        if keep.dtype != np.bool_ or keep.shape != (len(self),):
            raise NmfamtError(
                f"mask has shape {keep.shape}, dtype {keep.dtype}: give {len(self)} booleans, one a note."
            )
        return self._kept(keep, self.intervals, self.pedal)

    def shifted(self, seconds: float) -> Self:
        """Return the notes moved in time.

        Parameters
        ----------
        seconds : float
            Added to every time. What would lie before zero is cut off: notes that end there are dropped.

        Examples
        --------
        >>> Notes([[0.0, 1.0], [2.0, 3.0]], [60, 62]).shifted(-0.5).intervals
        array([[0. , 0.5], [1.5, 2.5]])
        """
        intervals, pedal = (np.maximum(times + seconds, 0.0) for times in (self.intervals, self.pedal))
        return self._kept(intervals[:, 1] > intervals[:, 0], intervals, pedal)

    def between(self, start: float, end: float) -> Self:
        """Return the notes that begin in a span of time, cut off at its end; the times stay the same.

        Parameters
        ----------
        start, end : float
            The span in seconds, `end` not included.

        Examples
        --------
        >>> Notes([[0, 1], [1, 4], [3, 4]], [60, 62, 64]).between(0.5, 3.0)
        Notes(1 note, 1.00 to 3.00 s, D4 to D4)
        """
        onsets = self.intervals[:, 0]
        inside = (onsets >= start) & (onsets < end)
        pedal = np.clip(self.pedal, start, end)
        return self._kept(inside, np.minimum(self.intervals, end), pedal)

    def equals(self, other: "Notes", *, tol: float = 1e-6) -> bool:
        """Return whether two performances hold the same notes and pedals, whatever their `info`.

        Parameters
        ----------
        other : Notes
            The notes to compare with.
        tol : float
            How far numbers may differ: seconds, semitones, units of velocity and of confidence.

        Examples
        --------
        >>> Notes([[0, 1]], [60]).equals(Notes([[0, 1.001]], [60]), tol=0.01)
        True
        """
        if len(self) != len(other) or len(self.pedal) != len(other.pedal):
            return False
        numbers = ("intervals", "pitches", "velocities", "confidences", "pedal")
        agree = (np.allclose(getattr(self, n), getattr(other, n), rtol=0, atol=tol) for n in numbers)
        return all(agree) and np.array_equal(self.instruments, other.instruments)

    def __len__(self) -> int:
        return len(self.pitches)

    def __repr__(self) -> str:
        if not len(self):
            return "Notes(0 notes)"
        count = "1 note" if len(self) == 1 else f"{len(self)} notes"
        lowest, highest = pitch_to_name(self.pitches.min()), pitch_to_name(self.pitches.max())
        start, end = self.intervals[:, 0].min(), self.intervals[:, 1].max()
        return f"Notes({count}, {start:.2f} to {end:.2f} s, {lowest} to {highest})"

    def _kept(self, keep: NDArray[np.bool_], intervals: FloatArray, pedal: FloatArray) -> Self:
        """Return the notes that are kept, at other times; pedals left without duration go."""
        return type(self)(
            intervals[keep],
            self.pitches[keep],
            velocities=self.velocities[keep],
            confidences=self.confidences[keep],
            instruments=self.instruments[keep],
            pedal=pedal[pedal[:, 1] > pedal[:, 0]],
            info=self.info,
        )


def _intervals(times: ArrayLike, name: str) -> FloatArray:
    """Return times of shape (n, 2) that are finite, not negative, and end after they begin."""
    array = _numbers(times, name)
    array = array.reshape(0, 2) if array.size == 0 else array
    if array.ndim != 2 or array.shape[1] != 2:
        raise NmfamtError(f"{name} has shape {array.shape}: give (n, 2), a begin and an end in seconds in each row.")
    wrong = ~((array[:, 0] >= 0) & (array[:, 1] > array[:, 0]) & np.isfinite(array[:, 1]))
    if wrong.any():
        row = int(wrong.argmax())
        raise NmfamtError(
            f"{name}[{row}] is {array[row].tolist()}: the begin is at least 0 s, the end later and finite."
        )
    return array


def _column(values: ArrayLike, n_notes: int, name: str, low: float, high: float, meaning: str) -> FloatArray:
    """Return one number between `low` and `high` for each note."""
    array = _broadcast(_numbers(values, name), n_notes, name)
    wrong = ~((array >= low) & (array <= high))
    if wrong.any():
        row = int(wrong.argmax())
        raise NmfamtError(f"{name}[{row}] is {array[row]:g}: give {meaning}.")
    return array


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        return np.array(values, dtype=np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise NmfamtError(f"{name} cannot be read as an array of numbers ({error}).") from error


def _broadcast(array: NDArray[_Scalar], n_notes: int, name: str) -> NDArray[_Scalar]:
    if array.shape not in ((), (n_notes,)):
        raise NmfamtError(f"{name} has shape {array.shape}, but there are {n_notes} notes: give ({n_notes},).")
    return np.broadcast_to(array, (n_notes,))


def _plain(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that JSON can hold, so that no file format fails over it later."""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(info), default=lambda value: value.tolist(), allow_nan=False))
    except (AttributeError, TypeError, ValueError) as error:
        raise NmfamtError(
            f"info holds what JSON cannot ({error}): give texts, finite numbers, lists, dicts."
        ) from error
    return copy


def _merged(pedal: FloatArray) -> FloatArray:
    """Return intervals sorted, those that overlap or touch made one."""
    merged: list[list[float]] = []
    for down, up in sorted(pedal.tolist()):
        if merged and down <= merged[-1][1]:
            merged[-1][1] = max(up, merged[-1][1])
        else:
            merged.append([down, up])
    return np.array(merged, dtype=np.float64).reshape(-1, 2)
