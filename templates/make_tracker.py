"""Learn the emission model of the tracker, and write its card.

The model must not care which instrument it hears or how well the dictionary fits, so it learns from many pairs of
recording and dictionary:

* the seven software pianos of MAPS, heard through the shipped ``piano``, which knows none of them;
* the same, each heard through a dictionary learned from the labels of half of its pieces, on the other half;
* both again, each piano with a microphone and in a room of its own (`nmfamt.templates.room`);
* piano performances rendered from two soundfonts, heard through the notes of the same soundfont;
* twelve other instruments rendered likewise, heard through the notes of their own soundfont and through the shipped
  dictionary of the instrument;
* the same once more, through twelve notes of one velocity whose timbre has been changed (`nmfamt.templates.misfit`),
  for the models of onsets alone.

Pieces that also stand in the two real rooms of MAPS are left out, so that these can be evaluated on. Usage::

    python templates/make_tracker.py --cache CACHE
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from nmfamt.templates.misfit import misfit
from nmfamt.templates.room import add_noise, colour, reverberate

from nmfamt import audio
from nmfamt.activation import PitchActivation
from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.learning import learn_dictionary
from nmfamt.learning_music import learn_dictionary_from_music
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.spectrogram import Spectrogram
from nmfamt.tracking.emission import EmissionModel, feature_names
from nmfamt.tracking.polynomial import Polynomial
from nmfamt.training import learn_emission_model

__all__ = ["GROUPS", "ONSETS_ONLY", "REAL_ROOMS", "SOFTWARE_PIANOS", "likeness", "pieces", "recordings"]

SOFTWARE_PIANOS = ("AkPnBcht", "AkPnBsdf", "AkPnCGdD", "AkPnStgb", "SptkBGAm", "SptkBGCl", "StbgTGd2")
REVERBERATION = (0.3, 0.5, 0.7, 0.9, 1.1, 0.6, 0.4)  # seconds, of the rooms that they are placed in
REAL_ROOMS = ("ENSTDkAm", "ENSTDkCl")

Recording = tuple[PitchActivation, Notes]
Group = Callable[[Path, Path], Iterator[Recording]]


def software_pianos(data: Path, cache: Path, *, placed: bool = False) -> Iterator[Recording]:
    """Yield the software pianos, heard through the shipped piano; `placed` in rooms."""
    front_end = _front_end(load_dictionary("piano"))
    for number in range(len(SOFTWARE_PIANOS)):
        for spectrogram, notes in _played(data, number, front_end.dictionary, placed):
            yield front_end(spectrogram), notes


def software_pianos_known(data: Path, cache: Path, *, placed: bool = False) -> Iterator[Recording]:
    """Yield the software pianos, each half of the pieces heard through what the labels of the other half taught."""
    piano = load_dictionary("piano")
    for number, name in enumerate(SOFTWARE_PIANOS):
        played = _played(data, number, piano, placed)
        for half in (0, 1):
            learned = learn_dictionary_from_music(played[1 - half :: 2], start=piano, name=name)
            front_end = _front_end(learned)
            for spectrogram, notes in played[half::2]:
                yield front_end(spectrogram), notes


def _front_end(dictionary: Dictionary) -> Factorization:
    """Return the front end of `transcribe`, but without a background and without whitening.

    A model that is learned with them is a point worse on orchestral instruments (`benchmarks/results/trials.md`).
    """
    return Factorization(dictionary, background=0.0, whitening=0.0, tuning="auto", equalizer="auto")


def _played(data: Path, number: int, dictionary: Dictionary, placed: bool) -> list[tuple[Spectrogram, Notes]]:
    """Return the pieces of a software piano, as they are or through one microphone in one room."""
    found = []
    for path in pieces(data, SOFTWARE_PIANOS[number]):
        y, sr = audio.load(path, sr=dictionary.settings.sr)
        if placed:
            rng = np.random.default_rng(number)  # the same for all pieces of the piano
            y = colour(y, sr=sr, rng=rng)
            y = reverberate(y, sr=sr, rt60=REVERBERATION[number], rng=rng)
            y = add_noise(y, level=rng.uniform(-60, -40), rng=rng)
        found.append((dictionary.settings(y, sr=sr), Notes.read(path.with_suffix(".tsv"))))
    return found


def rendered_pianos(data: Path, cache: Path) -> Iterator[Recording]:
    """Yield rendered piano performances, heard through the notes of their soundfont."""
    for entry in _index(cache):
        if str(entry["instrument"]).startswith("piano"):
            yield _rendered(cache, entry, own=True)


def rendered_instruments(data: Path, cache: Path) -> Iterator[Recording]:
    """Yield the other rendered instruments, through the notes of their soundfont and the shipped dictionary."""
    for entry in _index(cache):
        if not str(entry["instrument"]).startswith("piano"):
            yield _rendered(cache, entry, own=True)
            yield _rendered(cache, entry, own=False)


def misfit_instruments(data: Path, cache: Path) -> Iterator[Recording]:
    """Yield the other rendered instruments, through twelve notes of one velocity whose timbre has been changed."""
    rng = np.random.default_rng(0)
    for entry in _index(cache):
        if str(entry["instrument"]).startswith("piano"):
            continue
        folder = cache / "notes" / str(entry["soundfont"]) / str(entry["instrument"])
        for velocity in (40, 110):
            sounding = [path for path in sorted(folder.glob(f"*_v{velocity:03d}.flac")) if audio.load(path)[0].any()]
            chosen = [sounding[i] for i in np.linspace(0, len(sounding) - 1, 12).round().astype(int)]
            dictionary = misfit(learn_dictionary(chosen, name=folder.name), rng=rng)
            spectrogram, notes = _piece(cache / "performances" / f"{entry['file']}.flac", dictionary)
            yield _front_end(dictionary)(spectrogram), notes


GROUPS = {
    "software pianos, shipped piano": software_pianos,
    "software pianos, dictionary from the labels of other pieces": software_pianos_known,
    "software pianos in rooms, shipped piano": partial(software_pianos, placed=True),
    "software pianos in rooms, dictionary from the labels of other pieces": partial(software_pianos_known, placed=True),
    "rendered pianos, dictionary of the soundfont": rendered_pianos,
    "rendered instruments, dictionary of the soundfont, and shipped": rendered_instruments,
}

ONSETS_ONLY = {"rendered instruments, twelve notes of one velocity in another timbre": misfit_instruments}
"""What teaches the models of onsets and no others: with it ends of piano notes are found a point or two worse."""


def recordings(
    data: Path, cache: Path, counts: dict[str, int], groups: Mapping[str, Group] = GROUPS
) -> Iterator[Recording]:
    """Yield all of some groups, counting the recordings of each in `counts`."""
    for group, read in groups.items():
        for recording in read(data, cache):
            counts[group] = counts.get(group, 0) + 1
            yield recording
        print(f"{counts[group]:4d}  {group}", file=sys.stderr, flush=True)


def pieces(data: Path, room: str) -> list[Path]:
    """List the pieces of a software piano that no real room has, under whatever name.

    One study stands in MAPS under two names, so pieces are known by their notes.
    """
    real = [Notes.read(path) for name in REAL_ROOMS for path in sorted((data / "maps" / name).glob("*.tsv"))]
    found = []
    for path in sorted((data / "maps" / room).glob("*.flac")):
        notes = Notes.read(path.with_suffix(".tsv"))
        if all(likeness(notes, other) < 0.6 for other in real):
            found.append(path)
    return found


def likeness(one: Notes, other: Notes) -> float:
    """Return how much of the shorter of two performances coincides with the other, after the best shift in time.

    Renderings of one MIDI file come to 1 or more, different pieces of MAPS to 0.3 at most.

    Examples
    --------
    >>> tune = Notes([[0, 1], [1, 2], [2, 3]], [60, 64, 67])
    >>> likeness(tune, tune.shifted(0.5)), round(likeness(tune, Notes([[0, 1], [1, 2], [2, 3]], [67, 62, 60])), 2)
    (1.0, 0.33)
    """
    same = one.pitches[:, None] == other.pitches
    shifts = (one.intervals[:, None, 0] - other.intervals[:, 0])[same]
    counts = np.unique(np.floor(shifts / 0.1), return_counts=True)
    near = dict(zip(counts[0].tolist(), counts[1].tolist(), strict=True))
    best = max((count + near.get(place + 1, 0) for place, count in near.items()), default=0)
    return best / max(1, min(len(one), len(other)))


def _piece(path: Path, dictionary: Dictionary) -> tuple[Spectrogram, Notes]:
    y, sr = audio.load(path, sr=dictionary.settings.sr)
    return dictionary.settings(y, sr=sr), Notes.read(path.with_suffix(".tsv"))


def _index(cache: Path) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = json.loads((cache / "performances" / "index.json").read_text())
    return entries


_learned: dict[Path, Dictionary] = {}


def _rendered(cache: Path, entry: dict[str, object], *, own: bool) -> Recording:
    """Return a rendered performance through the notes of its soundfont, or the shipped dictionary."""
    instrument, soundfont = str(entry["instrument"]), str(entry["soundfont"])
    folder = cache / "notes" / soundfont / instrument
    if not own:
        dictionary = load_dictionary(instrument)
    else:
        if folder not in _learned:
            sounding = [path for path in audio.find_audio(folder) if audio.load(path)[0].any()]
            _learned[folder] = learn_dictionary(sounding, name=instrument)
        dictionary = _learned[folder]
    spectrogram, notes = _piece(cache / "performances" / f"{entry['file']}.flac", dictionary)
    return _front_end(dictionary)(spectrogram), notes


LICENCES = (
    "MAPS (Emiya, Badeau & David 2010, research use) taught these weights only: no sound and no spectrum of it is in "
    "them; likewise renders of ASAP performances (CC BY-NC-SA 4.0) with FluidR3 and MuseScore General (MIT)"
)

CARD = """# tracker

The emission model of `HMMTracker`: which candidates are onsets, at first sight and knowing all others, how late they
are found, how loud they were, which frames of a note still sound, and which look like its end. {n_terms} weights, all
named: `default_model().onset.terms()` prints them.

| | |
|---|---|
| made | {made}, by `python templates/make_tracker.py --cache CACHE` |
| learned from | {learned_from} |
| licences | {licences} |
| not to be evaluated on | the {n_pieces} software-piano excerpts, the ASAP excerpts of `templates/corpus.py` |
| may be evaluated on | ENSTDkCl and ENSTDkAm: neither the rooms nor any piece played there was heard |
| scores | `benchmarks/results`, and the table in the README |

## Heaviest terms of the onset model

Weights of standardised features, in log-odds per standard deviation.

| weight | term |
|---|---|
{terms}

## Heaviest terms of the second look at onsets

| weight | term |
|---|---|
{context}

## Limits

Learned on 30 s excerpts. Bends, glissandi and percussion were not among them. The sustain pedal is not modelled:
what it holds is heard as a long note.
"""


def card(model: EmissionModel, *, made: date) -> str:
    """Return the card of a model."""
    counts = model.info["recordings"]
    parts = [getattr(model, name) for name in feature_names()]
    return CARD.format(
        n_terms=sum(part.weights.size + part.intercept.size for part in parts)
        + sum(len(part.interacting) * (len(part.interacting) + 1) // 2 * part.weights.shape[1] for part in parts),
        made=made.isoformat(),
        licences=LICENCES,
        learned_from="; ".join(f"{count} × {group}" for group, count in counts.items()),
        n_pieces=counts["software pianos, shipped piano"],
        terms=_terms(model.onset),
        context=_terms(model.onset_in_context),
    )


def _terms(polynomial: Polynomial) -> str:
    """Return the heaviest terms as rows of a table."""
    return "\n".join(f"| {weight:+.2f} | `{name}` |" for name, weight in polynomial.terms()[:25])


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where render.py put its notes and performances")
    data = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data, help="recordings, with maps/")
    parser.add_argument("--date", type=date.fromisoformat, default=date.today(), help="for the card (today)")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent, help="folder (this one)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)  # now: what is learned in a quarter of an hour is not to be lost
    counts: dict[str, int] = {}
    # `counts` is full by the time the model is made: it is filled while the recordings are read.
    model = learn_emission_model(
        recordings(options.data, options.cache, counts),
        onsets_only=recordings(options.data, options.cache, counts, ONSETS_ONLY),
        info={"name": "tracker", "recordings": counts},
    )
    model.save(options.out / "tracker.json", overwrite=True)
    (options.out / "tracker.md").write_text(card(model, made=options.date), encoding="utf-8")


if __name__ == "__main__":
    main()
