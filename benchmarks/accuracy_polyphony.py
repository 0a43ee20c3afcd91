"""How many of the sounds that begin together are found? The classic experiment of A. Klapuri.

Random mixtures of one to six isolated notes, all with the same mean square in the frame that is looked at, which begins
100 ms after the onsets: an instrument is drawn, then a pitch that it has from 65 Hz to 2.1 kHz, then a recording of
that pitch; no pitch twice. One frame is judged, on equal-tempered semitones.

known
    The front end is told how many sounds there are and finds that many. The error rate is the share of the notes that
    are missed, as in A. Klapuri, "Multiple fundamental frequency estimation based on harmonicity and spectral
    smoothness", IEEE Transactions on Speech and Audio Processing 11(6), 2003.
estimated
    It decides by itself: missed are the notes that it does not find, added those that it finds besides, both as shares
    of the notes that there are.

The material is not that of the paper: ten instruments of the folder ``isolated`` (three pianos, clarinet, flute,
bassoon, cello, double bass, alto saxophone, guitar), in few dynamics, where the paper has 30 instruments of four
collections. Two are left out because their notes are not what their names say, which pYIN confirms: of the trombone
most are an octave lower, and the ``saxophone`` is tuned half a semitone flat. No front end was trained on these notes
except `JointLikelihood`, whose model of peaks has heard the pianos, the alto saxophone and the double bass.

    python benchmarks/accuracy_polyphony.py [--mixtures 200]
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from _results import data_folder, markdown, write
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import find_isolated_notes, find_onset
from nmfamt.multipitch import (
    BandwiseF0,
    CombinedFrequencyPeriodicity,
    IterativeF0,
    JointCombinations,
    JointLikelihood,
    JointSalience,
    Salience,
)
from nmfamt.multipitch.estimator import semitones

SR = 44100
SEED = 0
NUMBERS = (1, 2, 3, 4, 5, 6)
LEFT_OUT = ("saxophone", "trombone")
PUBLISHED = {"known": (1.8, 3.9, 6.3, 9.9, 14.0, 18.0)}
"""Error rates in percent, from the abstract of the paper, frames of 190 ms, number of sounds known."""

_LOW, _HIGH = 36, 96  # MIDI: 65 Hz to 2.1 kHz
_AFTER = 0.1  # seconds from the onset to the frame
_MARGIN, _LENGTH = 0.15, 0.6  # seconds of a note, before its frame and in all
_LEVEL_SECONDS = 4096 / SR  # over which notes are made equally loud
_QUIET = 1e-5

FRONT_ENDS: dict[str, Callable[[], Any]] = {
    "klapuri2003": lambda: BandwiseF0(tuning=0.0),
    "klapuri2006-iterative": lambda: IterativeF0(tuning=0.0),
    "klapuri2006-joint": lambda: JointSalience(tuning=0.0),
    "salience, its highest maxima": lambda: Salience(tuning=0.0),
    "pertusa2012": lambda: JointCombinations(tuning=0.0),
    "duan2010": lambda: JointLikelihood(tuning=0.0),
    "su2015": lambda: CombinedFrequencyPeriodicity(tuning=0.0),
}


class Note(NamedTuple):
    """A stretch of an isolated note, equally loud as all others in its frame."""

    pitch: float
    y: NDArray[np.float64]


def read_notes() -> dict[str, list[Note]]:
    """Return the notes of every instrument, those in range that sound in their frame."""
    data = data_folder()
    if data is None or not (data / "isolated").is_dir():
        sys.exit("There is no isolated/ in the data: set NMFAMT_DATA to the folder that holds it.")
    found: dict[str, list[Note]] = {}
    for folder in sorted((data / "isolated").iterdir()):
        if not folder.is_dir() or folder.name in LEFT_OUT:
            continue
        notes = []
        for note in find_isolated_notes(folder):
            if _LOW <= note.pitch <= _HIGH:
                y, _ = audio.load(note.path, sr=SR, end=6.0)
                cut = _cut(np.asarray(y, dtype=np.float64))
                notes += [] if cut is None else [Note(note.pitch, cut)]
        found[folder.name] = notes
        print(f"{folder.name}: {len(notes)} notes", file=sys.stderr)
    return found


def _cut(y: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return what is around the frame, at a mean square of 1 from its beginning on; None where nothing sounds."""
    try:
        onset = find_onset(y, SR)
    except NmfamtError:
        return None
    begin = round((onset + _AFTER - _MARGIN) * SR)
    cut = np.zeros(round(_LENGTH * SR))
    there = y[max(0, begin) : begin + len(cut)]
    cut[max(0, -begin) : max(0, -begin) + len(there)] = there
    first = round(_MARGIN * SR)
    level = np.sqrt(np.mean(cut[first : first + round(_LEVEL_SECONDS * SR)] ** 2))
    return cut / level if level > _QUIET else None


def mixture(
    notes: dict[str, list[Note]], n_sounds: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], set[float]]:
    """Return a random mixture and its pitches."""
    names = sorted(notes)
    y, pitches = np.zeros(round(_LENGTH * SR)), set[float]()
    while len(pitches) < n_sounds:
        instrument = notes[names[rng.integers(len(names))]]
        there = sorted({note.pitch for note in instrument})
        pitch = there[rng.integers(len(there))]
        takes = [note for note in instrument if note.pitch == pitch]
        if pitch not in pitches:
            y = y + takes[rng.integers(len(takes))].y
            pitches.add(pitch)
    return y, pitches


def find_pitches(front_end: Any, y: NDArray[np.float64], n_sounds: int | None) -> set[float]:
    """Return what a front end finds in the frame; where the number of sounds is known, its strongest."""
    spectrogram = front_end.settings(y, sr=SR)
    length = (getattr(front_end.settings, "win_length", None) or front_end.settings.n_fft) / front_end.settings.sr
    frame = int(np.argmin(np.abs(spectrogram.times - (_MARGIN + length / 2))))
    # Some look at the frames around, which belong to the same sounds.
    values = front_end.estimate(spectrogram)[:, frame]
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0]
    return set(semitones(front_end)[order[:n_sounds]].tolist())


def told(front_end: Any, n_sounds: int) -> Any:
    """Return the front end that knows how many sounds there are."""
    options: dict[str, Any] = {"polyphony": n_sounds}
    if hasattr(front_end, "counting"):
        options["counting"] = 0.0
    return replace(front_end, **options)


def main() -> None:
    """Judge every front end on the same mixtures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=200, help="of each number of sounds")
    n_mixtures = parser.parse_args().mixtures
    notes = read_notes()
    rows: list[dict[str, Any]] = [{"front_end": name, "known": [], "missed": [], "added": []} for name in FRONT_ENDS]
    for n_sounds in NUMBERS:
        rng = np.random.default_rng([SEED, n_sounds])
        mixtures = [mixture(notes, n_sounds, rng) for _ in range(n_mixtures)]
        for row in rows:
            front_end = FRONT_ENDS[row["front_end"]]()
            informed = told(front_end, n_sounds)
            known = [len(pitches - find_pitches(informed, y, n_sounds)) for y, pitches in mixtures]
            found = [(pitches, find_pitches(front_end, y, None)) for y, pitches in mixtures]
            total = n_sounds * n_mixtures
            row["known"].append(100 * sum(known) / total)
            row["missed"].append(100 * sum(len(there - heard) for there, heard in found) / total)
            row["added"].append(100 * sum(len(heard - there) for there, heard in found) / total)
            print(f"{n_sounds} sounds, {row['front_end']}: {row['known'][-1]:.1f} %", file=sys.stderr, flush=True)
    n_notes = {name: len(found) for name, found in notes.items()}
    write("accuracy_polyphony", {"n_mixtures": n_mixtures, "seed": SEED, "n_notes": n_notes, "rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the error rates as Markdown, beside the published ones."""
    lines = [["**number of sounds known: missed**", *[""] * len(NUMBERS)]]
    lines.append(["Klapuri 2003, as published, other material", *(f"{rate:.1f}" for rate in PUBLISHED["known"])])
    lines += [[row["front_end"], *(f"{rate:.1f}" for rate in row["known"])] for row in rows]
    lines.append(["**estimated: missed + added**", *[""] * len(NUMBERS)])
    for row in rows:
        pairs = zip(row["missed"], row["added"], strict=True)
        lines.append([row["front_end"], *(f"{missed:.0f} + {added:.0f}" for missed, added in pairs)])
    return markdown(["% of the notes, sounds at once", *map(str, NUMBERS)], lines)


if __name__ == "__main__":
    main()
