"""The card of a dictionary: what it was learned from, on what terms, and what not to expect of it.

Everything that can be counted is taken from the dictionary itself; what a person has to know, the
origin of the sources and the limits of an instrument, stands here.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from nmfamt import __version__
from nmfamt.dictionary import Dictionary
from nmfamt.pitch import pitch_to_name

__all__ = ["ORIGINS", "Origin", "card", "write_card"]


@dataclass(frozen=True)
class Origin:
    """Where notes come from.

    Attributes
    ----------
    what : str
        Title and makers.
    licence : str
        Its name; the texts are in ``README.md``.
    """

    what: str
    licence: str


# By the folder of a source, or by the first part of its path.
ORIGINS = {
    "fluidr3": Origin("renders of the soundfont FluidR3 GM, copyright 2000-2002, 2008 Frank Wen", "MIT"),
    "musescore": Origin(
        "renders of the soundfont MuseScore General HQ 0.2.1, copyright 2018-2021 S. Christian Collins, "
        "after Fluid (R3) Mono GM, copyright 2014-2017 Michael Cowgill, and FluidR3 GM, copyright "
        "2000-2002, 2008 Frank Wen; its grand piano is made of AKAI's Splendid Grand (public domain)",
        "MIT",
    ),
    "isolated/piano_splendid": Origin(
        "recordings of a Steinway, Splendid Grand Piano, samples by AKAI, mapped by kinwie "
        "(https://github.com/sfzinstruments/SplendidGrandPiano)",
        "public domain, says its README",
    ),
    "isolated/piano_upright_kw": Origin("recordings of a Kawai upright, Upright Piano KW", "CC0 1.0"),
    "isolated/piano_headroom": Origin(
        "recordings of a grand piano, Headroom Piano by Bengt Nilsson "
        "(https://github.com/sfzinstruments/BengtNilsson.HeadroomPiano); changes: averaged into "
        "spectra, from every third semitone at three dynamics, without the topmost two notes",
        "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)",
    ),
    "isolated/alto_sax_weresax": Origin("recordings of an alto saxophone, Weresax", "CC0 1.0"),
    "isolated/double_bass_arco": Origin("recordings of a bowed double bass", "CC0 1.0"),
}

_BOWED = "Bowed notes only: pizzicato, harmonics and mutes are not in it, vibrato as in the samples."
_BLOWN = "Ordinary sustained notes only: mutes, flutter-tonguing and multiphonics are not in it."
_LIMITS = {
    "piano": (
        "MuseScore General's piano is made of the same recordings as Splendid Grand: that Steinway counts "
        "twice. Distance, reverberation and una corda are not in it."
    ),
    **dict.fromkeys(("violin", "viola", "cello", "double_bass"), _BOWED),
    **dict.fromkeys(("flute", "piccolo", "oboe", "clarinet", "bassoon", "horn", "trumpet", "trombone", "tuba"), _BLOWN),
    **dict.fromkeys(("alto_saxophone", "tenor_saxophone"), _BLOWN),
    "guitar": "A nylon-string guitar, plucked; steel strings, pick-ups and strumming noises are not in it.",
    "organ": "One registration of a church organ, with its mixtures; other stops look different.",
    "harpsichord": "One register of one harpsichord; coupled registers an octave apart are not in it.",
    "harp": "Plucked, open strings; dampened notes and harmonics are not in it.",
    "vibraphone": "Without the tremolo of its motor.",
    "marimba": "One kind of mallet.",
}
_IN_EXAMPLES = ("piano", "flute", "oboe", "clarinet", "bassoon")
_ALIKE = 0.98


def write_card(dictionary: Dictionary, path: Path, *, made: date) -> None:
    """Write the card of a dictionary; see `card`."""
    path.write_text(card(dictionary, made=made), encoding="utf-8")


def card(dictionary: Dictionary, *, made: date) -> str:
    """Return the card of a dictionary as Markdown.

    Parameters
    ----------
    dictionary : Dictionary
        As loaded from its file, made by `nmfamt.templates.make_dictionaries`.
    made : date
        The day.
    """
    name, sources = dictionary.name, dictionary.info["average_of"]
    pitches = np.unique(dictionary.pitches)
    n_real = len(np.unique(dictionary.pitches[~dictionary.filled]))
    n_templates = len(dictionary.pitches)
    n_each = n_templates // len(pitches)
    low, high = pitches[0], pitches[-1]
    lowest, highest = dictionary.settings.freqs[[0, -1]]
    return f"""\
# {name}

Spectral templates of one instrument, `{name}.npz`, for `nmfamt transcribe --dictionary {name}`.

| | |
|---|---|
| instrument | {name} |
| range | {pitch_to_name(low)} to {pitch_to_name(high)} (MIDI {low:g} to {high:g}) |
| pitches | {len(pitches)}: {n_real} recorded, {len(pitches) - n_real} filled in from their neighbours |
| templates | {n_templates}, {n_each} a pitch: one of the attack, {n_each - 1} of the sustained sound |
| latency | {1000 * dictionary.latency:.1f} ms from an onset to its peak of novelty |
| spectrogram | `{dictionary.settings}` |
| hash | `{dictionary.hash}` |
| made | {made.isoformat()} with nmfamt {__version__} |

## Learned from

| notes | files | pitches | latency | what | licence |
|---|---|---|---|---|---|
{chr(10).join(_row(source) for source in sources)}

Each source was learned by itself and filled over the range; the dictionary is their mean, filled notes
counting half. It is under the licence of nmfamt, MIT{_attribution(sources)}.
Command, as in `README.md`:

    python templates/make_dictionaries.py --cache CACHE --instrument {name}

## Not to be evaluated on

The notes above, and any music played with them:
{_played(dictionary)}.
Scores there say how well it knows its own samples.

## Scores

Measured scores stand in `benchmarks/results/` of the repository, each with the hash of the dictionary
that it was measured with.

## Limits

* {_LIMITS[name]}
* {_variety(dictionary)}
* Tuned to A4 at 440 Hz, and as far from equal temperament as its sources.
* Semitones only; nothing below {lowest:.0f} or above {highest:.0f} Hz.
"""


def _origin(source: dict[str, Any]) -> Origin:
    folder = str(source["name"])
    return ORIGINS.get(folder) or ORIGINS[folder.split("/")[0]]


def _row(source: dict[str, Any]) -> str:
    origin, latency = _origin(source), f"{1000 * source['latency']:.1f} ms"
    cells = (f"`{source['name']}`", source["n_files"], source["n_pitches"], latency)
    return f"| {' | '.join(map(str, cells))} | {origin.what} | {origin.licence} |"


def _attribution(sources: list[dict[str, Any]]) -> str:
    by = [source for source in sources if _origin(source).licence.startswith("CC BY")]
    return "; whoever passes it on names Bengt Nilsson, as CC BY 4.0 asks" if by else ""


def _played(dictionary: Dictionary) -> str:
    """Name the music that sounds like the sources because it was rendered from them."""
    fonts = {"fluidr3": "FluidR3 GM", "musescore": "MuseScore General"}
    used = {source["name"].split("/")[0] for source in dictionary.info["average_of"]}
    renders = f"renders of {' and '.join(title for key, title in fonts.items() if key in used)}"
    return f"{renders}, `examples/audio` among them" if dictionary.name in _IN_EXAMPLES else renders


def _variety(dictionary: Dictionary) -> str:
    """Say how many different instruments the sources are."""
    sources, alike = dictionary.info["average_of"], dictionary.info["soundfonts_alike"]
    n_real = sum(source["name"].startswith("isolated/") for source in sources)
    shared = f" The soundfonts share samples (cosine of their templates {alike:.3f}): count them as one."
    shared = shared if alike > _ALIKE else ""
    if not n_real:
        return f"Rendered from soundfonts alone: no room, no player.{shared}"
    return f"{n_real} real instrument{'s' * (n_real > 1)}, {len(sources) - n_real} rendered.{shared}"
