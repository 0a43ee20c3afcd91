"""Errors as counts: notes by kind, and by loudness, register and polyphony; `nmfamt.evaluation.errors` makes them.

Conventions: velocities are those of the note itself, estimated ones of extra notes. The level of an estimated note is
its velocity minus that of the loudest estimated note which sounds when it begins. Polyphony is the number of reference
notes that sound when a note begins, itself among them. A register is an octave from C to B.

All is counts, so that pieces can be added; each note of a corpus then counts the same, while the means in
`nmfamt.summary` let each piece count the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.exceptions import NmfamtError

__all__ = ["AXES", "ESTIMATED_KINDS", "INTERVALS", "REFERENCE_KINDS", "SETTINGS", "Errors"]

Counts = NDArray[np.int64]

INTERVALS = {"octave": (12, 24, 36), "twelfth": (19, 31), "partial": (28, 34), "semitone": (1,)}
"""Intervals in semitones, up or down, that are kinds of errors."""
ESTIMATED_KINDS = ("found", "late", "early", "split", *INTERVALS, "ghost")
"""What an estimated note can be."""
REFERENCE_KINDS = ("found", "late", "early", "merged", *INTERVALS, "lost")
"""What can become of a note of the reference."""
AXES = {
    "velocity": ("1–15", *(f"{low}–{low + 15}" for low in range(16, 128, 16))),
    "level": ("below −40", "−40 to −31", "−30 to −21", "−20 to −11", "−10 to −1", "loudest"),
    "register": tuple(f"C{octave}–B{octave}".replace("-", "−") for octave in range(-1, 10)),
    "polyphony": ("1", "2", "3", "4", "5–6", "7–9", "10–14", "15 or more"),
}
"""What notes are counted by, and the names of the bins."""
_ESTIMATED_AXES, _REFERENCE_AXES = ("velocity", "level", "register"), ("velocity", "register", "polyphony")
N_TIMES = 20
"""Number of bins of times, from minus to plus a limit."""

SETTINGS = {
    "onset_tolerance": 0.05,
    "pitch_tolerance": 50.0,
    "offset_ratio": 0.2,
    "offset_min_tolerance": 0.05,
    "reach": 0.5,
}
"""The tolerances that errors are counted with, and what they are by default."""
_PLAIN = {
    "intervals": (2, len(INTERVALS) + 1),
    "onset_lags": (N_TIMES,),
    "shifts": (N_TIMES,),
    "offsets": (3,),
}


@dataclass(frozen=True, eq=False)
class Errors:
    """Counts of what is right and wrong in transcriptions, which can be added; the module says what each kind means.

    ``Errors()`` holds no notes, so that ``sum(pieces, Errors())`` adds any number of pieces.

    Attributes
    ----------
    estimated : dict of str to ndarray of int, shape (9, n_bins)
        Estimated notes by kind (`ESTIMATED_KINDS`) and bin (`AXES`) of ``velocity``, ``level`` and ``register``.
    reference : dict of str to ndarray of int, shape (9, n_bins)
        Notes of the reference by kind (`REFERENCE_KINDS`) and bin of ``velocity``, ``register`` and ``polyphony``.
    intervals : ndarray of int, shape (2, 5)
        Of the notes that were found, estimated ones first, then those of the reference: how many stand at each of the
        `INTERVALS` from a note of the other side that sounds, and how many at none of them.
    onset_lags : ndarray of int, shape (20,)
        Estimated minus reference onset of the notes that were found, from minus to plus the tolerance.
    shifts : ndarray of int, shape (20,)
        The same of late and early notes, from minus to plus `reach`.
    offsets : ndarray of int, shape (3,)
        How many of the notes that were found end too early, at the right time and too late.
    settings : dict of str to float
        The tolerances, as given to `nmfamt.evaluation.classify_errors`.

    Examples
    --------
    >>> from nmfamt.evaluation import classify_errors
    >>> from nmfamt.notes import Notes
    >>> one = classify_errors(Notes([[0, 1]], [60]), Notes([[0, 1], [0, 1]], [60, 72]))
    >>> (one + one).extra["octave"]
    2
    """

    estimated: dict[str, Counts] = field(default_factory=lambda: _zeros(ESTIMATED_KINDS, _ESTIMATED_AXES))
    reference: dict[str, Counts] = field(default_factory=lambda: _zeros(REFERENCE_KINDS, _REFERENCE_AXES))
    intervals: Counts = field(default_factory=lambda: np.zeros(_PLAIN["intervals"], dtype=np.int64))
    onset_lags: Counts = field(default_factory=lambda: np.zeros(N_TIMES, dtype=np.int64))
    shifts: Counts = field(default_factory=lambda: np.zeros(N_TIMES, dtype=np.int64))
    offsets: Counts = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    settings: dict[str, float] = field(default_factory=lambda: dict(SETTINGS))

    @property
    def n_estimated(self) -> int:
        """Number of estimated notes."""
        return int(self.estimated["velocity"].sum())

    @property
    def n_reference(self) -> int:
        """Number of notes in the reference."""
        return int(self.reference["velocity"].sum())

    @property
    def n_found(self) -> int:
        """Number of notes that were found, with the right pitch and onset."""
        return int(self.estimated["velocity"][0].sum())

    @property
    def extra(self) -> dict[str, int]:
        """Number of extra notes of each kind."""
        return dict(zip(ESTIMATED_KINDS[1:], self.estimated["velocity"].sum(axis=1)[1:].tolist(), strict=True))

    @property
    def missed(self) -> dict[str, int]:
        """Number of missed notes of each kind."""
        return dict(zip(REFERENCE_KINDS[1:], self.reference["velocity"].sum(axis=1)[1:].tolist(), strict=True))

    def __add__(self, other: "Errors") -> "Errors":
        if not isinstance(other, Errors):
            return NotImplemented
        if not other.n_reference + other.n_estimated:
            return self
        if not self.n_reference + self.n_estimated:
            return other
        if self.settings != other.settings:
            raise NmfamtError(
                f"Errors counted with {self.settings} cannot be added to others counted with {other.settings}: "
                "count both with the same tolerances."
            )
        return Errors(
            {axis: counts + other.estimated[axis] for axis, counts in self.estimated.items()},
            {axis: counts + other.reference[axis] for axis, counts in self.reference.items()},
            self.intervals + other.intervals,
            self.onset_lags + other.onset_lags,
            self.shifts + other.shifts,
            self.offsets + other.offsets,
            self.settings,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as lists, for JSON; `from_dict` reads them."""
        return {
            "estimated": {axis: counts.tolist() for axis, counts in self.estimated.items()},
            "reference": {axis: counts.tolist() for axis, counts in self.reference.items()},
            **{name: getattr(self, name).tolist() for name in _PLAIN},
            "settings": dict(self.settings),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Errors":
        """Return the errors that `to_dict` wrote.

        Raises
        ------
        NmfamtError
            If something is missing, or is not a table of counts of the right shape.
        """
        try:
            sides = {
                side: {
                    axis: _counts(plain[side][axis], (len(kinds), len(AXES[axis])), f"{side} {axis}") for axis in axes
                }
                for side, kinds, axes in (
                    ("estimated", ESTIMATED_KINDS, _ESTIMATED_AXES),
                    ("reference", REFERENCE_KINDS, _REFERENCE_AXES),
                )
            }
            tables = {name: _counts(plain[name], shape, name) for name, shape in _PLAIN.items()}
            settings = {name: float(plain["settings"][name]) for name in SETTINGS}
        except NmfamtError:
            raise
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise NmfamtError(f"These are no errors as Errors.to_dict writes them: {error!r}.") from error
        if not all(0 <= value < np.inf for value in settings.values()):
            raise NmfamtError(f"settings are {settings}: positive numbers are wanted.")
        return cls(sides["estimated"], sides["reference"], **tables, settings=settings)

    def table(self) -> str:
        """Return the errors as Markdown to read."""
        n_extra, n_missed = sum(self.extra.values()), sum(self.missed.values())
        n_found, n_reference, n_estimated = self.n_found, self.n_reference, self.n_estimated
        lines = [
            f"{n_found} of {n_reference} notes were found ({_share(n_found, n_reference)}); "
            f"{n_found} of {n_estimated} estimated notes are right ({_share(n_found, n_estimated)}).",
            "",
            "| kind           | extra notes |       | missed notes |       |",
            "|:---------------|------------:|------:|-------------:|------:|",
        ]
        rows = zip(self.extra.items(), self.missed.items(), strict=True)
        for (extra_kind, extra), (missed_kind, missed) in rows:
            title = extra_kind if extra_kind == missed_kind else f"{extra_kind} / {missed_kind}"
            shares = _share(extra, n_extra), _share(missed, n_missed)
            lines.append(f"| {title:14} | {extra:11} | {shares[0]:>5} | {missed:12} | {shares[1]:>5} |")
        lines.append(f"| {'all':14} | {n_extra:11} | {'':5} | {n_missed:12} | {'':5} |")
        lines += [
            "",
            "Intervals to a note that sounds in the other: extra and missed notes of wrong pitch, and right ones:",
            "",
        ]
        lines += ["| interval | extra | right | missed | found |", "|:---------|------:|------:|-------:|------:|"]
        tables = [list(self.extra.values())[3:], self.intervals[0], list(self.missed.values())[3:], self.intervals[1]]
        for row, name in enumerate(INTERVALS):
            cells = [_share(table[row], sum(table)) for table in tables]
            lines.append(f"| {name:8} | {cells[0]:>5} | {cells[1]:>5} | {cells[2]:>6} | {cells[3]:>5} |")
        for axis in _REFERENCE_AXES:
            lines += _rates(f"missed, by {axis}", axis, self.reference[axis], ("lost", "late, early, merged"))
        for axis in _ESTIMATED_AXES:
            lines += _rates(f"extra, by {axis}", axis, self.estimated[axis], ("ghost", "late, early, split"))
        early, right, late = (_share(count, self.n_found) for count in self.offsets.tolist())
        lines += ["", f"Of the notes found, {right} end at the right time, {early} too early, {late} too late."]
        return "\n".join(lines)


def _zeros(kinds: tuple[str, ...], axes: tuple[str, ...]) -> dict[str, Counts]:
    return {axis: np.zeros((len(kinds), len(AXES[axis])), dtype=np.int64) for axis in axes}


def _counts(plain: Any, shape: tuple[int, ...], name: str) -> Counts:
    table = np.asarray(plain)
    if table.shape != shape or table.dtype.kind != "i" or (table < 0).any():
        raise NmfamtError(f"{name} has shape {table.shape} of {table.dtype}: counts of shape {shape} are wanted.")
    return table.astype(np.int64)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def _rates(title: str, axis: str, counts: Counts, names: tuple[str, str]) -> list[str]:
    """Return the lines of a table of rates, without the empty bins at both ends."""
    totals = counts.sum(axis=0).tolist()
    parts = counts[1:], counts[-1:], counts[4:-1], counts[1:4]
    rates = [part.sum(axis=0).tolist() for part in parts]
    used = np.flatnonzero(totals)
    lines = [
        "",
        f"| {title:20} | notes |   all | {names[0]} | at an interval | {names[1]} |",
        f"|:{20 * '-'}-|------:|------:|{len(names[0]) * '-'}-:|---------------:|{len(names[1]) * '-'}-:|",
    ]
    for row in range(used[0], used[-1] + 1) if len(used) else ():
        cells = [_share(rate[row], totals[row]) for rate in rates]
        lines.append(
            f"| {AXES[axis][row]:20} | {totals[row]:5} | {cells[0]:>5} | {cells[1]:>{len(names[0])}} | {cells[2]:>14} "
            f"| {cells[3]:>{len(names[1])}} |"
        )
    return lines
