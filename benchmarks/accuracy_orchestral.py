"""How well are orchestral instruments transcribed by one who has heard twelve notes of each, at another dynamic?

Seven instruments (clarinet, flute, bassoon, cello, trombone, saxophone, guitar) of which there are real isolated notes
in *piano* and in *forte*. Of each a dictionary is learned from twelve notes at one dynamic, spread over its range, and
from nothing else. The notes of the *other* dynamic then play what people played on a piano, in a mild room, as
``benchmarks/_orchestra.py`` says:

solos
    The upper voice of 20 s of a performance, 1.5 times as slow; each instrument in either dynamic.
quartets
    The upper four voices of 25 s, twice as slow, for four different instruments, half of the pieces in either dynamic.
    The dictionaries of the four are given.

Of each there are as many pieces as `N_DRAWS` says: which instrument plays a note is decided for a whole recording, and
well or badly at once, so that a few quartets say little.

Systems:

nmfamt
    The default, but for times of the sound, ``HMMTracker(action_delay=0)``: the reference is when the sound begins, as
    `nmfamt.isolated_notes.find_onset` says.
with ghosts
    The same with ``HMMTracker(ghosts_dropped=False)``.
basic-pitch
    At its default thresholds, on the same files, where ``NMFAMT_BASIC_PITCH`` names a Python that has it and its ONNX
    model. It knows no instruments.
basic-pitch, 40 ms earlier
    It finds onsets late: of 0, 10, 20, 30, 40 and 50 ms this is the constant that suits it best on these pieces. We
    learn our own delay from the twelve notes.

A note of a quartet is *given to the right instrument* if that instrument is found to play it within 50 ms: the F1 is
that of `nmfamt.evaluate`, each instrument by itself, averaged over the four.

The performances are those of ASAP (F. Foscarin et al., "ASAP: a dataset of aligned scores and performances for piano
transcription", ISMIR 2020), from which the tracker's emission model was learned, too, with other sounds and in another
arrangement. The recordings are made once and kept in the folder ``--cache``.

    python benchmarks/accuracy_orchestral.py --cache /tmp/orchestra
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from _orchestra import SR, Part, Sample, choose_learned, play, playing_range, prepare, voices
from _results import data_folder, f1_row, markdown, write

import nmfamt
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.notes import Notes
from nmfamt.transcription import make_transcriber

INSTRUMENTS = ("flute", "clarinet", "saxophone", "guitar", "trombone", "cello", "bassoon")

QUARTETS = (
    ("flute", "clarinet", "saxophone", "bassoon"),
    ("flute", "clarinet", "bassoon", "cello"),
    ("flute", "guitar", "cello", "bassoon"),
    ("clarinet", "saxophone", "trombone", "cello"),
    ("flute", "saxophone", "trombone", "bassoon"),
    ("clarinet", "guitar", "trombone", "cello"),
)
"""The highest voice first."""

PLAYED = {"forte": "piano", "piano": "forte"}
"""The dynamic that is played where one was learned."""

N_NOTES = 12
"""Notes that a dictionary is learned from."""

SOLO, QUARTET = {"seconds": 20.0, "stretch": 1.5}, {"seconds": 25.0, "stretch": 2.0}
FEWEST = {1: 20, 4: 12}
"""Notes that each voice of a solo and of a quartet has at least; other music is passed over."""

N_DRAWS = 6
"""Pieces of each solo instrument and dynamic, and of each quartet."""

SEED = 0

BASIC_PITCH = """
import sys
from basic_pitch import FilenameSuffix, build_icassp_2022_model_path
from basic_pitch.inference import Model, predict
model = Model(build_icassp_2022_model_path(FilenameSuffix.onnx))
for path in sys.argv[1:]:
    with open(path + ".basic-pitch.csv", "w") as file:
        print("onset,offset,pitch", file=file)
        for onset, offset, pitch, *_ in predict(path, model)[2]:
            print(onset, offset, pitch, sep=",", file=file)
"""


@dataclass(frozen=True)
class Piece:
    """A recording to be scored.

    Attributes
    ----------
    path : Path
        The audio; beside it the reference, ``.csv``.
    instruments : sequence of str
        Who plays.
    learned : str
        The dynamic of the notes that dictionaries are learned from.
    """

    path: Path
    instruments: Sequence[str]
    learned: str

    @property
    def reference(self) -> Notes:
        """What was played, each note with its instrument."""
        return Notes.read(self.path.with_suffix(".csv"))


def make_pieces(cache: Path) -> list[Piece]:
    """Return the recordings, having made those that are not in the cache."""
    data = data_folder()
    performances = sorted((data / "midi" / "asap").glob("*.mid")) if data else []
    if not performances:
        sys.exit("There are no performances in the data: set NMFAMT_DATA to the folder that holds midi/asap/.")
    pieces = []
    for draw in range(N_DRAWS):
        solos = [((instrument,), learned) for instrument in INSTRUMENTS for learned in PLAYED]
        quartets = [(instruments, list(PLAYED)[(k + draw) % 2]) for k, instruments in enumerate(QUARTETS)]
        for i, (instruments, learned) in enumerate(solos + quartets):
            piece = Piece(cache / f"{'-'.join(instruments)}_{PLAYED[learned]}_{draw}.flac", instruments, learned)
            if not piece.path.with_suffix(".csv").is_file():
                record(piece, performances, cache, np.random.default_rng([SEED + draw, i]))
            pieces.append(piece)
    return pieces


def record(piece: Piece, performances: Sequence[Path], cache: Path, rng: np.random.Generator) -> None:
    """Play what fits of performances in random order."""
    parts = []
    for instrument in piece.instruments:
        samples = isolated_notes(instrument, cache)
        played = [sample for sample in samples if sample.dynamic == PLAYED[piece.learned]]
        learned = choose_learned(samples, piece.learned, N_NOTES)
        parts.append(Part(instrument, played, *playing_range(learned, played)))
    length = SOLO if len(parts) == 1 else QUARTET
    for i in rng.permutation(len(performances)):
        music = voices(performances[i], n_voices=len(parts), **length, rng=rng)
        if min(map(len, music)) >= FEWEST[len(parts)]:
            break
    y, notes = play(parts, music, seconds=length["seconds"], rng=rng)
    soundfile.write(piece.path, y, SR, subtype="PCM_16")
    notes.write(piece.path.with_suffix(".csv"))


def isolated_notes(instrument: str, cache: Path) -> list[Sample]:
    """Return the prepared notes of an instrument."""
    return prepare(data_folder() / "isolated" / instrument, cache / "isolated" / instrument)


def learn(cache: Path) -> dict[tuple[str, str], Dictionary]:
    """Return the dictionary of each instrument and dynamic."""
    return {
        (instrument, learned): nmfamt.learn_dictionary(
            [s.path for s in choose_learned(isolated_notes(instrument, cache), learned, N_NOTES)], name=instrument
        )
        for instrument in INSTRUMENTS
        for learned in PLAYED
    }


def transcribe(piece: Piece, *, learned: dict[tuple[str, str], Dictionary], ghosts_dropped: bool = True) -> Notes:
    """Transcribe with the dictionaries of the instruments that play."""
    dictionary = combine_dictionaries([learned[name, piece.learned] for name in piece.instruments])
    tracker = nmfamt.HMMTracker(action_delay=0.0, ghosts_dropped=ghosts_dropped)
    return replace(make_transcriber(dictionary), tracker=tracker)(piece.path)


def basic_pitch(pieces: Sequence[Piece]) -> Callable[[Piece], Notes] | None:
    """Return what basic-pitch found, where there is one to run."""
    python = os.environ.get("NMFAMT_BASIC_PITCH")
    if not python:
        print("NMFAMT_BASIC_PITCH is not set: basic-pitch is left out.", file=sys.stderr)
        return None
    waiting = [str(piece.path) for piece in pieces if not Path(f"{piece.path}.basic-pitch.csv").is_file()]
    if waiting:
        subprocess.run([python, "-W", "ignore", "-c", BASIC_PITCH, *waiting], check=True, stdout=sys.stderr)
    return lambda piece: Notes.read(f"{piece.path}.basic-pitch.csv")


def score(system: Callable[[Piece], Notes], pieces: Sequence[Piece]) -> dict[str, Any]:
    """Return the scores of each piece, and of each instrument in it, and their summary."""
    scores, by_instrument = {}, {}
    for piece in pieces:
        reference, notes = piece.reference, system(piece)
        scores[piece.path.stem] = nmfamt.evaluate(reference, notes)
        by_instrument[piece.path.stem] = {
            name: nmfamt.evaluate(
                reference.select(reference.instruments == name), notes.select(notes.instruments == name)
            ).onset_f1
            for name in piece.instruments
        }
    return {
        "info": notes.info,
        "summary": nmfamt.summarize(list(scores.values())).to_dict(),
        "instrument_f1": float(np.mean([list(f1.values()) for f1 in by_instrument.values()])),
        "pieces": {stem: score.to_dict() | {"instrument_f1": by_instrument[stem]} for stem, score in scores.items()},
    }


def main() -> None:
    """Make the recordings, and score both systems on solos and quartets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--cache", type=Path, help="folder of the recordings; by default one that does not outlive this"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        pieces = make_pieces(cache)
        learned = learn(cache)
        systems = {
            "nmfamt": partial(transcribe, learned=learned),
            "nmfamt, with ghosts": partial(transcribe, learned=learned, ghosts_dropped=False),
        }
        if found := basic_pitch(pieces):
            systems |= {"basic-pitch": found, "basic-pitch, 40 ms earlier": lambda piece: found(piece).shifted(-0.04)}
        rows = []
        for kind, n_parts in (("solo", 1), ("quartet", 4)):
            chosen = [piece for piece in pieces if len(piece.instruments) == n_parts]
            rows += [{"kind": kind, "system": name, **score(run, chosen)} for name, run in systems.items()]
    write("accuracy_orchestral", {"seed": SEED, "n_notes": N_NOTES, "rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the scores as Markdown."""
    lines = []
    for kind in ("solo", "quartet"):
        chosen = [row for row in rows if row["kind"] == kind]
        lines.append([f"**{chosen[0]['summary']['n_pieces']} {kind}s**", "", "", "", ""])
        for row in chosen:
            assigned = f"{row['instrument_f1']:.3f}" if kind == "quartet" and row["system"].startswith("nmfamt") else ""
            lines.append([row["system"], *f1_row(row["summary"]), assigned])
    header = ["F1, mean over pieces (95 % interval)", "onset", "onset + offset", "frame", "onset, right instrument"]
    return markdown(header, lines)


if __name__ == "__main__":
    main()
