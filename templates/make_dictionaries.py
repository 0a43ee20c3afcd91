"""Learn every dictionary that ships, and write its card.

A recipe names the folders of isolated notes that an instrument is learned from: renders of the two
soundfonts (`nmfamt.templates.render`) and recordings of real instruments. Each folder makes a dictionary,
filled over the range of all of them, and these are averaged: what they share is the instrument.

``piano.npz``, ``piano.md`` and so on are written beside this script; those that exist are replaced.
The same notes give the same files. Usage::

    python templates/make_dictionaries.py --cache CACHE
    python templates/make_dictionaries.py --cache CACHE --instrument piano
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from nmfamt.templates.dictionary_card import write_card
from nmfamt.templates.instruments import INSTRUMENTS

from nmfamt import audio
from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.dictionary_mixing import average_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import IsolatedNote, find_isolated_notes
from nmfamt.learning import fill_pitches, learn_dictionary

__all__ = ["LEFT_OUT", "RECIPES", "make_dictionary"]

N_COMPONENTS = 3

# Folders below CACHE/notes, and those that start with "isolated" below DATA.
RECIPES: dict[str, tuple[str, ...]] = {
    name: (f"fluidr3/{name}", f"musescore/{name}") for name in INSTRUMENTS if not name.startswith("piano")
} | {
    "piano": (
        "isolated/piano_splendid",
        "isolated/piano_upright_kw",
        "isolated/piano_headroom",
        "fluidr3/piano0",
        "musescore/piano0",
    ),
    # The two soundfonts have the same samples here: both of them would outweigh the real instrument.
    "alto_saxophone": ("isolated/alto_sax_weresax", "fluidr3/alto_saxophone"),
    "double_bass": ("isolated/double_bass_arco", "fluidr3/double_bass", "musescore/double_bass"),
}

# Notes a third of a semitone or more out of tune, against a comb of six partials.
LEFT_OUT: dict[str, tuple[int, ...]] = {
    "fluidr3/violin": (90, 91, 92, 93, 97, 98, 99, 100),  # 35 to 40 cents sharp
    "isolated/piano_upright_kw": (23,),  # 80 cents flat
    "isolated/piano_headroom": (105, 108),  # 50 and 80 cents sharp
}


def make_dictionary(name: str, *, cache: Path, data: Path) -> Dictionary:
    """Learn an instrument from all its sources.

    Parameters
    ----------
    name : str
        A key of `RECIPES`.
    cache : Path
        Where `nmfamt.templates.render` put its notes.
    data : Path
        Folder of recordings, with ``isolated/``.

    Returns
    -------
    Dictionary
        Complete in semitones; ``info["average_of"]`` tells what each source gave,
        ``info["soundfonts_alike"]`` whether the two soundfonts are really two.
    """
    notes = {source: _notes(source, cache, data) for source in RECIPES[name]}
    pitches = [note.pitch for found in notes.values() for note in found]
    dictionaries = []
    for source, found in notes.items():
        learned = learn_dictionary(found, name=source, n_components=N_COMPONENTS)
        dictionaries.append(fill_pitches(learned, n_components=N_COMPONENTS, low=min(pitches), high=max(pitches)))
    averaged = average_dictionaries(dictionaries, name=name, instrument=name)
    return replace(averaged, info={**averaged.info, "soundfonts_alike": _likeness(dictionaries)})


def _likeness(dictionaries: list[Dictionary]) -> float:
    """Return the median cosine between the templates of the two soundfonts, 0 where there is only one."""
    rendered = [d for d in dictionaries if not d.name.startswith("isolated/")]
    if len(rendered) < 2:
        return 0.0
    one, other = (d.W / np.linalg.norm(d.W, axis=0) for d in rendered)
    return round(float(np.median((one * other).sum(axis=0))), 3)


def _notes(source: str, cache: Path, data: Path) -> list[IsolatedNote]:
    """List the notes of a source that are in tune and sound at all: soundfonts have holes."""
    folder = (data if source.startswith("isolated/") else cache / "notes") / source
    return [
        note
        for note in find_isolated_notes(folder)
        if note.pitch not in LEFT_OUT.get(source, ()) and audio.load(note.path)[0].any()
    ]


def make_all(names: Iterable[str], *, cache: Path, data: Path, out: Path, made: date) -> None:
    """Make dictionaries and their cards, telling of each how long it took and how large it is."""
    for name in names:
        began = time.perf_counter()
        path = out / f"{name}.npz"
        make_dictionary(name, cache=cache, data=data).save(path, overwrite=True)
        write_card(load_dictionary(path), path.with_suffix(".md"), made=made)
        seconds, kilobytes = time.perf_counter() - began, path.stat().st_size / 1000
        print(f"{path.name}: {kilobytes:.0f} kB, {seconds:.0f} s", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where render.py put its notes")
    data = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data, help="recordings, with isolated/")
    parser.add_argument("--instrument", choices=sorted(RECIPES), action="append", help="only this one")
    parser.add_argument("--date", type=date.fromisoformat, default=date.today(), help="for the cards (today)")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent, help="folder (this one)")
    options = parser.parse_args(arguments)
    names = options.instrument or sorted(RECIPES)
    try:
        make_all(names, cache=options.cache, data=options.data, out=options.out, made=options.date)
    except NmfamtError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


if __name__ == "__main__":
    main()
