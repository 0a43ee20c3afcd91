"""What the adapters of peers share: recordings in, a file of notes for each out.

An adapter runs in an environment of its own, with nothing of nmfamt in it: here is the standard library, NumPy and
soundfile, for Python 3.9 and later (madmom wants an old one). All have the same command line:

    python benchmarks/peers/basic_pitch_notes.py [--start S] [--end S] RECORDING NOTES.csv [RECORDING NOTES.csv ...]

Times in the notes are seconds from the start of the recording, wherever ``--start`` begins. A file appears whole or
not at all. For each a line of JSON is printed: the file, and how many seconds of audio and of processor time it took,
without the start of the program. A recording that fails ends in the line's ``error``; the others are still done, and
the exit status is 1.

Of programs that give pitches frame by frame, notes are made by one rule: pitches are rounded to the semitone, those at
0, 10 ms, 20 ms, ... are those of the nearest frame, and consecutive ones are a note if they last 50 ms at least. It is
the rule of ``benchmarks/accuracy_oracles.py``. Such notes have no velocity.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import soundfile

__all__ = ["HOP", "SHORTEST", "Note", "command_line", "notes_of_frames", "run"]

HOP = 0.01
"""Seconds from frame to frame of the rule."""

SHORTEST = 0.05
"""Seconds that a note of frames lasts at least."""


class Note(NamedTuple):
    """A note: seconds, MIDI pitch, and MIDI velocity where it is known."""

    onset: float
    offset: float
    pitch: int
    velocity: int | None = None


Transcribe = Callable[[Any, int], Iterable[Note]]
"""From mono audio, shape (n_samples,), float32, and its sampling rate in Hz to notes."""


def notes_of_frames(times: Sequence[float], frames: Iterable[Any]) -> list[Note]:
    """Return the notes in pitches frame by frame.

    Parameters
    ----------
    times : sequence of float
        Of the frames, in seconds, increasing.
    frames : iterable of array_like
        The fundamentals in each, in Hz; what is not positive is no pitch.

    Returns
    -------
    list of Note
        By onset, then pitch.
    """
    rounded = [_pitches(hz) for hz in frames]
    if not rounded:
        return []
    roll = np.zeros((128, round(times[-1] / HOP) + 1), dtype=bool)
    nearest = np.rint(np.interp(np.arange(roll.shape[1]) * HOP, times, np.arange(len(rounded)))).astype(int)
    for t, frame in enumerate(nearest.tolist()):
        roll[rounded[frame], t] = True
    edges = np.diff(np.pad(roll, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    pitches, first = np.nonzero(edges == 1)
    _, last = np.nonzero(edges == -1)
    kept = (last - first) * HOP >= SHORTEST - 1e-9
    columns = (first[kept] * HOP, last[kept] * HOP, pitches[kept])
    return sorted(Note(*note) for note in zip(*(column.tolist() for column in columns)))  # noqa: B905


def _pitches(hz: Any) -> Any:
    positive = np.atleast_1d(np.asarray(hz, dtype=float))
    pitches = np.rint(69 + 12 * np.log2(positive[positive > 0] / 440)).astype(int)
    return pitches[(pitches >= 0) & (pitches < 128)]


def command_line(description: str | None) -> argparse.ArgumentParser:
    """Return the options that all adapters have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=float, default=0.0, help="where to begin, in seconds")
    parser.add_argument("--end", type=float, help="where to stop, in seconds; by default the end of the recording")
    parser.add_argument("paths", nargs="+", help="a recording and where to write, alternating")
    return parser


def run(transcribe: Transcribe, options: argparse.Namespace) -> None:
    """Write the notes of the recordings that the command line names, and exit.

    Parameters
    ----------
    transcribe : callable
        What finds notes; its times are counted from the first sample it is given.
    options : Namespace
        Of `command_line`.
    """
    if len(options.paths) % 2:
        sys.exit("Give a file for the notes of every recording: RECORDING NOTES.csv RECORDING NOTES.csv ...")
    failed = False
    for source, target in zip(options.paths[::2], options.paths[1::2]):  # noqa: B905 (madmom needs Python 3.9)
        begin = process_time()
        try:
            y, sr = _read(source, options.start, options.end)
            _write(target, transcribe(y, sr), options.start)
            line = {"audio": round(len(y) / sr, 3), "processor": round(process_time() - begin, 3)}
        except Exception as error:  # whatever a program does with one recording, the others are still done
            failed, line = True, {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"file": target, **line}), flush=True)
    sys.exit(int(failed))


def _read(path: str, start: float, end: float | None) -> tuple[Any, int]:
    """Return part of a recording as mono."""
    with soundfile.SoundFile(path) as file:
        first, last = round(start * file.samplerate), file.frames
        if end is not None:
            last = min(last, round(end * file.samplerate))
        if first >= last:
            raise ValueError(f"{path} holds nothing from {start} s to {end} s")
        file.seek(first)
        y = file.read(last - first, dtype="float32", always_2d=True)
        return np.ascontiguousarray(y.mean(axis=1, dtype=np.float32)), file.samplerate


def _write(target: str, notes: Iterable[Note], start: float) -> None:
    """Write notes as CSV, all at once."""
    temporary = Path(f"{target}.{os.getpid()}.part")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("onset", "offset", "pitch", "velocity"))
            for onset, offset, pitch, velocity in notes:
                times = (f"{onset + start:.6f}", f"{offset + start:.6f}")
                rows.writerow((*times, pitch, 64 if velocity is None else min(max(velocity, 1), 127)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
