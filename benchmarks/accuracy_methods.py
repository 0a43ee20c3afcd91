"""What does each method score, paper by paper, on the same recordings?

Every method of `nmfamt.methods` with the settings of its paper, none of them changed for these recordings, on

pianos
    The first 30 s of nine pieces in each of two set-ups of MAPS, ENSTDkCl and ENSTDkAm. What needs a dictionary or
    isolated notes has the 88 notes of that very set-up; what needs nothing has nothing.
harmonica
    Twenty clips. What needs a dictionary has the shipped one, or few, that `dictionary="auto"` chooses. What
    learns from isolated notes has none, and is left out.
shipped recordings
    The three in ``examples/audio``, rendered from soundfonts that the shipped dictionaries know as well; left out
    likewise.

Speed is audio time over processor time on one core, from the file to the notes, without imports and compilation: the
second of two runs over the longest of the pieces in ENSTDkCl.

    python benchmarks/accuracy_methods.py                      all methods
    python benchmarks/accuracy_methods.py --method su2015      one of them anew; the others stay as they were measured

What `nmfamt methods` lists is written as well, into ``nmfamt/methods/scores.json``.
"""

import argparse
import json
import runpy
import sys
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import soundfile
from _results import EXAMPLES, F1, REPOSITORY, RESULTS, markdown, read, recordings, score_pieces, write

import nmfamt
from nmfamt.methods import METHODS
from nmfamt.transcription import AUTO, prepare_dictionary

ROOMS = ("ENSTDkCl", "ENSTDkAm")
SETS = {"ENSTDkCl": "ENSTDkCl", "ENSTDkAm": "ENSTDkAm", "harmonica": "harmonica", "examples": "examples"}
SCORES = REPOSITORY / "nmfamt" / "methods" / "scores.json"


@cache
def learned(room: str, method: str) -> Any:
    """Return what a method knows of the notes of a room."""
    needs = METHODS[method].needs
    if needs == "nothing":
        return None
    if needs == "isolated notes":
        return prepare_dictionary(str(recordings("maps", "isolated", room)[0].parent), method=method)
    return own_dictionary(room)


@cache
def own_dictionary(room: str) -> nmfamt.Dictionary:
    """Return the dictionary of the 88 notes of a room."""
    return nmfamt.learn_dictionary(recordings("maps", "isolated", room), name=room)


def score(method: str) -> dict[str, Any]:
    """Score a method on every set that it can be run on."""
    found: dict[str, Any] = {"method": method}
    for room in ROOMS:
        transcribe = partial(nmfamt.transcribe, method=method, dictionary=learned(room, method))
        found[room] = score_pieces(transcribe, recordings("maps", room))
    if METHODS[method].needs != "isolated notes":
        by_ear = None if METHODS[method].needs == "nothing" else AUTO
        transcribe = partial(nmfamt.transcribe, method=method, dictionary=by_ear)
        found["harmonica"] = score_pieces(transcribe, recordings("harmonica"))
        found["examples"] = score_examples(method)
    found["speed"] = speed(method)
    return found


def score_examples(method: str) -> dict[str, Any]:
    """Score the recordings that ship, those that need a dictionary with that of their instruments."""
    pieces = runpy.run_path(str(EXAMPLES / "scores.py"))["PIECES"]
    scores: dict[str, Any] = {}
    for piece, names in pieces.items():
        dictionary = None if METHODS[method].needs == "nothing" else names
        transcribe = partial(nmfamt.transcribe, method=method, dictionary=dictionary)
        scores.update(score_pieces(transcribe, [EXAMPLES / "audio" / f"{piece}.flac"], ".mid")["pieces"])
    summary = nmfamt.summarize(list(scores.values())).to_dict()
    return {"summary": summary, "pieces": scores}


def speed(method: str) -> float:
    """Return how many seconds of audio a method transcribes in a second of processor time."""
    path = max(recordings("maps", ROOMS[0]), key=duration)
    dictionary = learned(ROOMS[0], method)
    nmfamt.transcribe(path, method=method, dictionary=dictionary)
    before = time.process_time()
    nmfamt.transcribe(path, method=method, dictionary=dictionary)
    return duration(path) / (time.process_time() - before)


def duration(path: Path) -> float:
    """Return the length of a recording in seconds."""
    return float(soundfile.info(path).duration)


def main() -> None:
    """Score the methods that are asked for; keep what is known of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--method", action="append", choices=list(METHODS), help="repeat it for several")
    chosen = parser.parse_args().method or list(METHODS)
    known = RESULTS / "accuracy_methods.json"
    rows = {row["method"]: row for row in (read("accuracy_methods")["rows"] if known.exists() else [])}
    for method in chosen:
        rows[method] = score(method)
        print(f"{method}: {cells(rows[method])}", file=sys.stderr, flush=True)
        ordered = [rows[name] for name in METHODS if name in rows]
        write("accuracy_methods", {"rows": ordered})
    ship(ordered)
    print(table(ordered))


def ship(rows: list[dict[str, Any]]) -> None:
    """Write what the package shows of the scores."""
    lines = []
    for row in rows:
        means = {name: row[name]["summary"]["mean"] for name in SETS if name in row}
        f1 = {name: [round(mean[score], 3) for score in F1] for name, mean in means.items()}
        lines.append(f'"{row["method"]}": {json.dumps({"speed": round(row["speed"], 1), "f1": f1})}')
    SCORES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def cells(row: dict[str, Any]) -> list[str]:
    """Return the scores on each set, and the speed, as cells."""
    found = []
    for name in SETS:
        mean = row[name]["summary"]["mean"] if name in row else None
        found.append(" / ".join(f"{mean[f1]:.2f}"[1:] if mean[f1] < 0.995 else "1.0" for f1 in F1) if mean else "–")
    return [*found, f"{row['speed']:.0f}"]


def table(rows: list[dict[str, Any]]) -> str:
    """Return all methods as Markdown."""
    header = ["onset / onset + offset / frame F1", "needs", *SETS.values(), "times real time"]
    return markdown(header, [[row["method"], METHODS[row["method"]].needs, *cells(row)] for row in rows])


if __name__ == "__main__":
    main()
