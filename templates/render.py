"""Render notes and performances with soundfonts: what dictionaries and tracker models are learned from.

Needs ``fluidsynth``, the soundfonts FluidR3 and MuseScore General (both MIT; Debian packages
``fluid-soundfont-gm`` and ``musescore-general-soundfont``), an installed nmfamt and, for the
performances, a folder of MIDI files. Everything is written below a cache folder:

* ``notes/<soundfont>/<instrument>/<pitch>_v<velocity>.flac``: isolated notes, from 0.1 s on;
* ``performances/<soundfont>_<instrument>_<piece>.flac`` and ``.tsv``, listed in ``index.json``.

Usage::

    python templates/render.py corpus --cache CACHE
    python templates/render.py notes --cache CACHE --instrument violin
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from nmfamt.templates.corpus import plan_performances
from nmfamt.templates.instruments import INSTRUMENTS, Instrument
from nmfamt.templates.performances import render_performance
from nmfamt.templates.synthesis import render_notes, synthesise

__all__ = ["main", "render_notes", "render_performance", "synthesise"]

_SOUNDFONTS = {
    "fluidr3": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
}
_PIANO_VELOCITIES = (20, 45, 70, 95, 120)
_VELOCITIES = (40, 75, 110)


def render_all_notes(soundfonts: dict[str, Path], names: Iterable[str], cache: Path) -> None:
    """Render the isolated notes of some instruments by each soundfont."""
    for soundfont, path in soundfonts.items():
        for name in names:
            folder = cache / "notes" / soundfont / name
            instrument = INSTRUMENTS[name]
            velocities = _PIANO_VELOCITIES if _is_piano(instrument) else _VELOCITIES
            written = render_notes(path, instrument.program, instrument.pitches, velocities, folder)
            print(f"{folder}: {len(written)} notes", file=sys.stderr)


def render_performances(soundfonts: dict[str, Path], midi: Path, cache: Path, *, piano: bool) -> None:
    """Render the planned performances, of the pianos or of everything else, and index them."""
    folder = cache / "performances"
    index = folder / "index.json"
    entries = json.loads(index.read_text()) if index.exists() else []
    entries = [entry for entry in entries if _is_piano(INSTRUMENTS[entry["instrument"]]) != piano]
    for performance in plan_performances(midi, list(soundfonts)):
        instrument = INSTRUMENTS[performance.instrument]
        if _is_piano(instrument) != piano:
            continue
        n_notes = render_performance(
            midi / f"{performance.piece}.mid",
            soundfonts[performance.soundfont],
            instrument.program,
            folder / performance.stem,
            seed=performance.seed,
            room=performance.room,
            noise_db=performance.noise_db,
            equalise=performance.equalise,
            stretch=performance.stretch,
            ignore_pedal=not piano,
            legato=0.0 if instrument.struck else 0.5,
            pitch_range=(instrument.lowest, instrument.highest),
            polyphony=performance.polyphony,
            shortest=0.03 if instrument.struck else 0.08,
        )
        print(f"{performance.stem}: {n_notes} notes", file=sys.stderr)
        entries.append(
            {"file": performance.stem, "program": instrument.program, "n_notes": n_notes} | asdict(performance)
        )
        index.write_text(json.dumps(entries, indent=1))


def _is_piano(instrument: Instrument) -> bool:
    return instrument.program < 2


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("corpus", "notes"))
    parser.add_argument("--cache", type=Path, required=True, help="folder for everything rendered")
    parser.add_argument("--instrument", choices=sorted(INSTRUMENTS), help="only this one (notes)")
    parser.add_argument("--fluidr3", type=Path, default=_SOUNDFONTS["fluidr3"])
    parser.add_argument("--musescore", type=Path, default=_SOUNDFONTS["musescore"])
    data = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--midi", type=Path, default=data / "midi" / "asap", help="performances (corpus)")
    options = parser.parse_args(arguments)
    soundfonts = {"fluidr3": options.fluidr3, "musescore": options.musescore}

    if options.what == "notes":
        names = [options.instrument] if options.instrument else list(INSTRUMENTS)
        render_all_notes(soundfonts, names, options.cache)
        return
    pianos = [name for name, instrument in INSTRUMENTS.items() if _is_piano(instrument)]
    render_all_notes(soundfonts, pianos, options.cache)
    render_performances(soundfonts, options.midi, options.cache, piano=True)
    (options.cache / "READY_PIANO").touch()
    render_all_notes(soundfonts, [name for name in INSTRUMENTS if name not in pianos], options.cache)
    render_performances(soundfonts, options.midi, options.cache, piano=False)
    (options.cache / "READY_ALL").touch()


if __name__ == "__main__":
    main()
