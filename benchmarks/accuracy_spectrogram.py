"""Which windows, which compression, how many bins: what is each worth in notes?

Every variant of the default spectrogram gets dictionaries of its own (the 88 notes of each room of MAPS, and the three
real pianos behind the shipped ``piano``) and a tracker of its own, learned from every third excerpt of the software
pianos of MAPS that holds no piece of the two rooms. It is then scored on these rooms as in ``accuracy_maps.py``. Less
is learned from than for what ships, so the scores are lower; they are meant to be compared with each other.

    python benchmarks/accuracy_spectrogram.py
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from _results import f1_row, markdown, recordings, score_pieces, write
from nmfamt.templates.make_tracker import SOFTWARE_PIANOS, pieces

import nmfamt
from nmfamt import audio
from nmfamt.activation import PitchActivation
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import average_dictionaries
from nmfamt.learning import fill_pitches
from nmfamt.notes import Notes
from nmfamt.tracking.emission import EmissionModel
from nmfamt.training import learn_emission_model

ROOMS = ("ENSTDkCl", "ENSTDkAm")
REAL_PIANOS = ("piano_splendid", "piano_upright_kw", "piano_headroom")

DEFAULT = nmfamt.LogFrequency()
VARIANTS = {
    "default: windows of 375, 188, 94, 47 ms, power 0.7, 48 bins an octave": DEFAULT,
    "windows of 375, 188, 94 ms": replace(DEFAULT, splits=(200.0, 1200.0), windows=(0.375, 0.1875, 0.09375)),
    "windows of 320, 160, 90, 50, 30 ms": replace(
        DEFAULT, splits=(150.0, 500.0, 1500.0, 4000.0), windows=(0.32, 0.16, 0.09, 0.05, 0.03)
    ),
    "power 0.6": replace(DEFAULT, power=0.6),
    "power 0.8": replace(DEFAULT, power=0.8),
    "36 bins an octave": replace(DEFAULT, bins_per_octave=36),
}


def main() -> None:
    """Score every variant in both rooms, with own notes and with a generic piano."""
    rows = []
    for name, settings in VARIANTS.items():
        generic = generic_piano(settings)
        model = tracker(generic)
        for room in ROOMS:
            own = nmfamt.learn_dictionary(recordings("maps", "isolated", room), settings=settings, name=room)
            for protocol, dictionary in {"own": own, "generic": generic}.items():
                transcriber = nmfamt.Transcriber(
                    settings, nmfamt.Factorization(dictionary), nmfamt.HMMTracker(model=model)
                )
                scored = score_pieces(transcriber, recordings("maps", room))
                rows.append({"variant": name, "room": room, "protocol": protocol, **scored})
        print(name, file=sys.stderr, flush=True)
    write("accuracy_spectrogram", {"rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return all variants as Markdown."""
    lines = []
    for name in VARIANTS:
        cells = [
            " / ".join(f1_row(row["summary"], interval=False))
            for protocol in ("own", "generic")
            for room in ROOMS
            for row in rows
            if (row["variant"], row["room"], row["protocol"]) == (name, room, protocol)
        ]
        lines.append([name, *cells])
    header = [f"{protocol}, {room}" for protocol in ("own notes", "generic") for room in ROOMS]
    return markdown(["F1 of onset / onset + offset / frame", *header], lines)


def generic_piano(settings: nmfamt.LogFrequency) -> Dictionary:
    """Learn a piano from three real ones."""
    pianos = []
    for folder in REAL_PIANOS:
        learned = nmfamt.learn_dictionary(recordings("isolated", folder), settings=settings, name=folder)
        pianos.append(fill_pitches(learned, n_components=3, low=21, high=108))
    return average_dictionaries(pianos, name="piano", instrument="piano")


def tracker(piano: Dictionary) -> EmissionModel:
    """Learn a tracker from software pianos, heard through `piano`."""
    data = recordings("maps", ROOMS[0])[0].parents[2]
    heard = [path for room in SOFTWARE_PIANOS for path in pieces(data, room)]
    return learn_emission_model(activations(heard[::3], piano))


def activations(paths: list[Path], dictionary: Dictionary) -> Iterator[tuple[PitchActivation, Notes]]:
    """Yield the activations of recordings, with their labels."""
    front_end = nmfamt.Factorization(dictionary)
    for path in paths:
        y, sr = audio.load(path, sr=dictionary.settings.sr)
        yield front_end(dictionary.settings(y, sr=sr)), Notes.read(path.with_suffix(".tsv"))


if __name__ == "__main__":
    main()
