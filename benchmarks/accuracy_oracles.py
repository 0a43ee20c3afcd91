"""Are our multi-pitch estimators as good as the published programs that follow the same papers?

Essentia has two: ``MultiPitchKlapuri`` (A. Klapuri 2006, the iterative method) and ``MultiPitchMelodia`` (J. Salamon &
E. Gomez 2012, with several contours at once). They run on the same files at their defaults, where ``NMFAMT_ESSENTIA``
names a Python that has them (``benchmarks/peers/essentia_notes.py``). They find onsets late: each is scored once more
with all its times 30 ms earlier, of 0, 10, 20 and 30 ms the constant with the most onsets on 13 of these very pieces.
Nothing is taken off ours that a method does not take off itself. They find pitches from 55 to 1760 Hz only: everything
is scored once more with the notes outside that range left out of references and estimates alike.
Ours are all methods that need no dictionary, by their names and with the settings of their papers; those for one voice
are among them.

What is compared are frames: the pitches that sound at 0, 10 ms, 20 ms, ... of Essentia those of its nearest frame,
rounded to the semitone; of ours those of the notes that the method finds. They become notes by one rule for all:
consecutive frames of one pitch are a note if they last 50 ms at least. Both are scored by `nmfamt.evaluate`. The notes
of our methods as they are, which repeat a pitch without a pause where a method finds onsets, are scored besides.

Two sets of recordings:

MAPS
    Nine pieces in each of two set-ups of a real piano, 30 s each, as in ``benchmarks/accuracy_maps.py``.
rendered
    Twelve excerpts for piano and eight for other instruments, 30 s each, chosen with a seed from what
    ``templates/render.py`` made: ``--cache`` names its folder. The emission model of `HMMTracker` was learned on such
    excerpts: a method that tracks with it has an advantage there.

    NMFAMT_ESSENTIA=... python benchmarks/accuracy_oracles.py --cache /tmp/templates
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from _results import markdown, read, recordings, write
from numpy.typing import NDArray

import nmfamt
from nmfamt.methods import METHODS
from nmfamt.note_files import read_notes
from nmfamt.notes import Notes
from nmfamt.transcription import transcribe

HOP = 0.01
"""Seconds from frame to frame."""

SHORTEST = 0.05
"""Seconds that a note lasts at least."""

ROOMS = ("ENSTDkCl", "ENSTDkAm")
N_PIANO, N_OTHERS, SEED = 12, 8, 0

EARLIER = 0.03
"""Seconds by which the peers are moved in their second row."""

COMMON = (33, 93)
"""Lowest and highest MIDI pitch that the peers can find."""

PEERS = {"Essentia MultiPitchKlapuri": "klapuri", "Essentia MultiPitchMelodia": "melodia"}
"""What the adapter calls each of them."""

ADAPTER = Path(__file__).with_name("peers") / "essentia_notes.py"

System = Callable[[Path], Notes]


def material(cache: Path | None) -> dict[str, list[Path]]:
    """Return the recordings of each set; their labels stand beside them."""
    sets = {room: recordings("maps", room) for room in ROOMS}
    if cache is None:
        print("No --cache: rendered material is left out.", file=sys.stderr)
        return sets
    folder = cache / "performances"
    entries = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(SEED)
    pianos = [entry["file"] for entry in entries if entry["instrument"].startswith("piano")]
    others = [entry["file"] for entry in entries if not entry["instrument"].startswith("piano")]
    for name, files, n in (("rendered pianos", pianos, N_PIANO), ("rendered others", others, N_OTHERS)):
        sets[name] = [folder / f"{file}.flac" for file in sorted(rng.choice(sorted(files), size=n, replace=False))]
    return sets


def peers(paths: Sequence[Path], folder: Path) -> dict[str, System]:
    """Return Essentia's estimators, where there is one to run; what they find in `paths` is written to a folder."""
    python = os.environ.get("NMFAMT_ESSENTIA")
    if not python:
        print("NMFAMT_ESSENTIA is not set: Essentia is left out.", file=sys.stderr)
        return {}
    systems: dict[str, System] = {}
    for name, algorithm in PEERS.items():
        targets = {path: folder / f"{algorithm}_{path.parent.name}_{path.stem}.csv" for path in paths}
        pairs = [str(file) for pair in targets.items() for file in pair]
        subprocess.run([python, str(ADAPTER), "--algorithm", algorithm, *pairs], check=True, stdout=sys.stderr)
        systems[name] = partial(_notes, targets=targets, earlier=0.0)
        systems[f"{name}, {1000 * EARLIER:.0f} ms earlier"] = partial(_notes, targets=targets, earlier=EARLIER)
    return systems


def _notes(path: Path, *, targets: dict[Path, Path], earlier: float) -> Notes:
    """Return the notes that the adapter wrote for a recording; it makes them of frames by the rule of `notes_of`."""
    return read_notes(targets[path]).shifted(-earlier)


def ours() -> dict[str, System]:
    """Return our methods that need nothing but the recording."""
    return {name: partial(transcribe, method=name) for name, method in METHODS.items() if method.needs == "nothing"}


def roll_of(notes: Notes) -> NDArray[np.bool_]:
    """Return which pitches sound at 0, 10 ms, ..., shape (128, n_frames)."""
    edges = np.ceil(notes.intervals / HOP - 1e-6).astype(int)
    roll = np.zeros((128, edges.max(initial=0)), dtype=bool)
    for pitch, (first, last) in zip(np.rint(notes.pitches).astype(int).tolist(), edges.tolist(), strict=True):
        roll[pitch, first:last] = True
    return roll


def notes_of(roll: NDArray[np.bool_]) -> Notes:
    """Return the stretches of frames, of each pitch those that last long enough."""
    padded = np.pad(roll, ((0, 0), (1, 1))).astype(np.int8)
    pitches, first = np.nonzero(np.diff(padded, axis=1) == 1)
    _, last = np.nonzero(np.diff(padded, axis=1) == -1)
    kept = (last - first) * HOP >= SHORTEST - 1e-9
    if not kept.any():
        return Notes.empty()
    return Notes(np.stack([first, last], axis=1)[kept] * HOP, pitches[kept])


def score(system: System, paths: Sequence[Path], *, as_they_are: bool) -> dict[str, Any]:
    """Return the scores of each piece and their summary, by the one rule and, if asked for, as the notes are."""
    by_rule, common, plain = {}, {}, {}
    begin = process_time()
    for path in paths:
        reference, notes = read_notes(path.with_suffix(".tsv")), system(path)
        framed = notes_of(roll_of(notes))
        by_rule[path.stem] = nmfamt.evaluate(reference, framed)
        common[path.stem] = nmfamt.evaluate(_in_common(reference), _in_common(framed))
        plain[path.stem] = nmfamt.evaluate(reference, notes)
    found = {
        "summary": nmfamt.summarize(list(by_rule.values())).to_dict(),
        "common": nmfamt.summarize(list(common.values())).to_dict(),
        "pieces": {stem: scores.to_dict() for stem, scores in by_rule.items()},
    }
    if as_they_are:
        found["notes"] = nmfamt.summarize(list(plain.values())).to_dict()
        found["seconds"] = process_time() - begin
    return found


def _in_common(notes: Notes) -> Notes:
    """Return the notes in the range that the peers can find."""
    return notes.select((notes.pitches >= COMMON[0]) & (notes.pitches <= COMMON[1]))


def main() -> None:
    """Score all systems on all sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="folder of templates/render.py; without it, MAPS alone")
    options = parser.parse_args()
    sets = material(options.cache)
    with tempfile.TemporaryDirectory() as folder:
        theirs = peers([path for paths in sets.values() for path in paths], Path(folder))
        rows = []
        for name, system in (theirs | ours()).items():
            for kind, paths in sets.items():
                rows.append({"system": name, "set": kind, **score(system, paths, as_they_are=name not in theirs)})
            print(name, file=sys.stderr, flush=True)
    write("accuracy_oracles", {"seed": SEED, "rows": rows})
    print(table(rows), table(rows, summary="common"), sep="\n\n")


def table(rows: list[dict[str, Any]] | None = None, *, summary: str = "summary") -> str:
    """Return onset and frame F1 of every system on every set as Markdown, by default as they were last written.

    `summary` is ``"summary"`` for all notes, ``"common"`` for the range that the peers can find.
    """
    rows = read("accuracy_oracles")["rows"] if rows is None else rows
    sets = list(dict.fromkeys(row["set"] for row in rows))
    lines = []
    for name in dict.fromkeys(row["system"] for row in rows):
        by_set = {row["set"]: row for row in rows if row["system"] == name}
        cells = []
        for kind in sets:
            mean = by_set[kind][summary]["mean"]
            plain = by_set[kind].get("notes") if summary == "summary" else None
            own = f" ({plain['mean']['onset_f1']:.3f})" if plain else ""
            cells.append(f"{mean['onset_f1']:.3f}{own} / {mean['frame_f1']:.3f}")
        lines.append([name if name.startswith("Essentia") else f"`{name}`", *cells])
    title = "onset (notes as they are) / frame F1" if summary == "summary" else "onset / frame F1, 55 to 1760 Hz"
    return markdown([title, *sets], lines)


if __name__ == "__main__":
    main()
