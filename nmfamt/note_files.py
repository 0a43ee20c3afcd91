"""Notes in files: MIDI, CSV, JSON and TSV.

========  =====================================================================================
format    what it holds
========  =====================================================================================
mid       what `nmfamt.midi` says: everything but confidences and fractions of a semitone
csv       ``onset,offset,pitch,velocity,confidence,instrument`` under that header, no comments
json      everything: ``{"info": {...}, "notes": [{"onset": ...}, ...], "pedal": [[...], ...]}``
tsv       ``onset offset pitch velocity``, tab-separated under that header, for references and labels
========  =====================================================================================

Times are in seconds, pitches are MIDI numbers. Text is UTF-8, times have six decimals. Tables are read by
the names in their header: onset, offset and pitch must be there, velocity, confidence and instrument may
be, other columns are ignored. Files are not trusted: whatever is wrong with one is said in an
`NmfamtError`.
"""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError
from nmfamt.midi import midi_to_notes, notes_to_midi
from nmfamt.notes import Notes

__all__ = ["SUFFIXES", "read_notes", "write_notes"]

SUFFIXES = {".mid": "mid", ".midi": "mid", ".csv": "csv", ".json": "json", ".tsv": "tsv"}
"""The format that each ending stands for."""

_COLUMNS = ("onset", "offset", "pitch", "velocity", "confidence", "instrument")


def write_notes(
    notes: Notes,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    overwrite: bool = False,
    tempo: float | None = None,
) -> None:
    """Write notes to a file, which appears whole or not at all.

    Parameters
    ----------
    notes : Notes
        The notes.
    path : str or path
        The file to make.
    format : {"mid", "csv", "json", "tsv"}, optional
        By default what the suffix of `path` says.
    overwrite : bool
        Whether an existing file may be replaced.
    tempo : float, optional
        Beats per minute, for MIDI alone: see `nmfamt.midi.notes_to_midi`.

    Raises
    ------
    NmfamtError
        If the format is unknown, if the file exists and `overwrite` is false, or if it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_notes(Notes([[0, 1]], [60], instruments="flute"), f"{folder}/a.csv")
    ...     print(Path(folder, "a.csv").read_text())
    onset,offset,pitch,velocity,confidence,instrument
    0.000000,1.000000,60,64,1,flute
    """
    chosen = _format(path, format)
    if tempo is not None and chosen != "mid":
        raise NmfamtError(f"tempo={tempo} has a meaning in MIDI alone, this is {chosen}: leave it out.")
    writers: dict[str, Callable[[], bytes]] = {
        "mid": lambda: notes_to_midi(notes, tempo=tempo),
        "csv": lambda: _to_table(notes, _COLUMNS, ","),
        "json": lambda: _to_json(notes),
        "tsv": lambda: _to_table(notes, _COLUMNS[:4], "\t"),
    }
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(writers[chosen]())


def read_notes(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    pedal: Literal["extend", "ignore"] = "extend",
) -> Notes:
    """Read notes from a file.

    Parameters
    ----------
    path : str or path
        A file of one of the formats above.
    format : {"mid", "csv", "json", "tsv"}, optional
        By default what the suffix of `path` says.
    pedal : {"extend", "ignore"}
        What the sustain pedal of a MIDI file does to the offsets: by default a note sounds until the pedal
        comes up or its pitch begins again; otherwise it ends with its key. The other formats say when
        notes sound, they are not changed.

    Returns
    -------
    notes : Notes
        Velocity 64, confidence 1 and no instrument where the file does not say.

    Raises
    ------
    NmfamtError
        If there is no such file, its format is unknown, or its contents are not what they should be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Notes([[0, 1]], [60]).write(f"{folder}/a.mid")
    ...     read_notes(f"{folder}/a.mid")
    Notes(1 note, 0.00 to 1.00 s, C4 to C4)
    """
    if pedal not in ("extend", "ignore"):
        raise NmfamtError(f"pedal is {pedal!r}: give 'extend' or 'ignore'.")
    name = repr(os.fspath(path))
    chosen = _format(path, format)
    try:
        contents = Path(path).read_bytes()
    except FileNotFoundError:
        raise NmfamtError(f"There is no file {name}: the current folder is {os.getcwd()!r}.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise NmfamtError(f"{name} cannot be opened: {getattr(error, 'strerror', error)}.") from error
    if chosen == "mid":
        return midi_to_notes(contents, name, extend=pedal == "extend")
    try:
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NmfamtError(f"{name} is not a text file in UTF-8 (byte {error.start}).") from error
    return _from_json(text, name) if chosen == "json" else _from_table(text, name, "," if chosen == "csv" else "\t")


def _format(path: str | os.PathLike[str], format: str | None) -> str:
    known = sorted(set(SUFFIXES.values()))
    if format is not None and format not in known:
        raise NmfamtError(f"There is no format {format!r}: give one of {', '.join(known)}.")
    chosen = format or SUFFIXES.get(Path(path).suffix.lower())
    if chosen is None:
        raise NmfamtError(
            f"{os.fspath(path)!r} does not tell its format: end it in one of {', '.join(SUFFIXES)}, or give the format."
        )
    return chosen


def _rows(notes: Notes) -> list[dict[str, Any]]:
    """Return the notes as plain numbers and texts."""
    columns = (
        notes.intervals[:, 0].round(6),
        notes.intervals[:, 1].round(6),
        notes.pitches,
        notes.velocities,
        notes.confidences.round(6),
        notes.instruments,
    )
    return [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*(c.tolist() for c in columns), strict=True)]


def _to_table(notes: Notes, columns: tuple[str, ...], delimiter: str) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in _rows(notes):
        formatted = {
            "onset": f"{row['onset']:.6f}",
            "offset": f"{row['offset']:.6f}",
            "pitch": f"{row['pitch']:.8g}",
            "confidence": f"{row['confidence']:.6g}",
        }
        writer.writerow(row | formatted)
    return file.getvalue().encode()


def _from_table(text: str, name: str, delimiter: str) -> Notes:
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        table.fieldnames = [column.strip().lower() for column in table.fieldnames or ()]
        if missing := [column for column in _COLUMNS[:3] if column not in table.fieldnames]:
            expected = delimiter.join(_COLUMNS[:4])
            raise NmfamtError(f"{name} has no column {missing[0]!r}: its first line should be {expected!r}.")
        for fields in table:
            if None in fields or None in fields.values():
                raise csv.Error(f"not {len(table.fieldnames)} fields, as in the header")
            known = [column for column in _COLUMNS if column in fields]
            rows.append({c: fields[c] if c == "instrument" else float(fields[c]) for c in known})
    except NmfamtError:
        raise
    except (csv.Error, ValueError) as error:
        raise NmfamtError(f"{name}, line {table.line_num} cannot be read ({error}): correct it.") from error
    return _from_rows(rows, name)


def _to_json(notes: Notes) -> bytes:
    contents = {"info": notes.info, "notes": _rows(notes), "pedal": notes.pedal.round(6).tolist()}
    return (json.dumps(contents, indent=1) + "\n").encode()


def _from_json(text: str, name: str) -> Notes:
    try:
        contents = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NmfamtError(f"{name} is not JSON that can be read ({error}).") from error
    if not isinstance(contents, dict) or not isinstance(contents.get("notes"), list):
        raise NmfamtError(f'{name} holds no notes: it should be {{"notes": [{{"onset": 0.5, ...}}, ...]}}.')
    info = contents.get("info", {})
    if not isinstance(info, dict):
        raise NmfamtError(f"{name} has an info of type {type(info).__name__}: it should be an object.")
    return _from_rows(contents["notes"], name, pedal=contents.get("pedal", []), info=info)


def _from_rows(rows: list[Any], name: str, **extra: Any) -> Notes:
    """Make notes of rows in which all but onset, offset and pitch may be missing."""
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or not row.keys() >= set(_COLUMNS[:3]):
            raise NmfamtError(f"{name}, note {index} is {row!r:.80}: it should have onset, offset and pitch.")
    try:
        return Notes(
            [(row["onset"], row["offset"]) for row in rows],
            [row["pitch"] for row in rows],
            velocities=[row.get("velocity", 64) for row in rows],
            confidences=[row.get("confidence", 1.0) for row in rows],
            instruments=[str(row.get("instrument", "")) for row in rows],
            **extra,
        )
    except NmfamtError as error:
        raise NmfamtError(f"{name}: {error}") from error
