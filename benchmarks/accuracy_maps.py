"""How well is a real piano transcribed, knowing its notes and not knowing them?

The first 30 s of nine pieces on a Disklavier in two set-ups of MAPS (V. Emiya, R. Badeau & B. David, "Multipitch
estimation of piano sounds using a new probabilistic spectral smoothness principle", TASLP 2010): ENSTDkCl, close
microphones, and ENSTDkAm, further away. Two protocols:

own
    The dictionary is learned from the 88 isolated notes of that very set-up, and nothing else of it is used.
generic
    The shipped ``piano``, which knows nothing of that piano.

The emission model of the tracker is the shipped one: its card says that it heard neither the rooms nor the pieces.
Scores are those of `nmfamt.evaluate`, offsets include the pedal, every piece counts the same. Three systems:

nmf
    The default. It takes a constant of 15 ms off every time: what lies between the action of a key, which MIDI records,
    and its sound.
nmf, times of the sound
    The same with ``HMMTracker(action_delay=0)``: what is left where that constant is not granted.
threshold-nmf
    The textbook baseline, at its default threshold.

    python benchmarks/accuracy_maps.py
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _results import F1, f1_row, markdown, read, recordings, score_pieces, write

import nmfamt
from nmfamt.dictionary import Dictionary
from nmfamt.notes import Notes

ROOMS = {"ENSTDkCl": "ENSTDkCl, close microphones", "ENSTDkAm": "ENSTDkAm, further away"}
PROTOCOLS = {"own": "its 88 notes", "generic": "the shipped `piano`"}
TITLES = {
    "nmf": "nmfamt, {}",
    "nmf, times of the sound": "the same with `action_delay=0`",
    "threshold-nmf": "textbook NMF and threshold, {}",
}
GOALS = {
    ("ENSTDkCl", "own"): (0.92, 0.60, 0.84),
    ("ENSTDkAm", "own"): (0.90, 0.55, 0.82),
    ("ENSTDkCl", "generic"): (0.88, 0.57, 0.80),
    ("ENSTDkAm", "generic"): (0.83, 0.50, 0.78),
}
"""F1 of onsets, of onsets and offsets, of frames that are aimed at."""

System = Callable[[Path], Notes]


def systems(dictionary: Dictionary) -> dict[str, System]:
    """Return the systems under test by name."""
    front_end = nmfamt.Factorization(dictionary, tuning="auto", equalizer="auto")
    sound_times = nmfamt.HMMTracker(action_delay=0.0)
    return {
        "nmf": partial(nmfamt.transcribe, dictionary=dictionary),
        "nmf, times of the sound": nmfamt.Transcriber(dictionary.settings, front_end, sound_times, adapt=True),
        "threshold-nmf": partial(nmfamt.transcribe, dictionary=dictionary, method="threshold-nmf"),
    }


def main() -> None:
    """Score every system in both rooms under both protocols."""
    rows = []
    for room in ROOMS:
        # Learned anew in every run: a cached dictionary would outlive a change of how it is learned.
        own = nmfamt.learn_dictionary(recordings("maps", "isolated", room), name=room)
        for protocol, dictionary in {"own": own, "generic": nmfamt.load_dictionary("piano")}.items():
            for name, system in systems(dictionary).items():
                scored = score_pieces(system, recordings("maps", room))
                rows.append({"room": room, "protocol": protocol, "system": name, **scored})
                print(f"{room}, {protocol}, {name}", file=sys.stderr, flush=True)
    write("accuracy_maps", {"goals": {" ".join(goal): scores for goal, scores in GOALS.items()}, "rows": rows})
    print(table(rows), goals_table(rows), sep="\n\n")


def table(rows: list[dict[str, Any]]) -> str:
    """Return all systems and the peers, room by room, as Markdown."""
    lines = []
    for room, title in ROOMS.items():
        lines.append([f"**{title}**", "", "", ""])
        for row in rows:
            if row["room"] == room:
                name = TITLES[row["system"]].format(PROTOCOLS[row["protocol"]])
                lines.append([name, *f1_row(row["summary"])])
        for peer in read("peers")["maps"]:
            lines.append([peer["system"], *(f"{score:.3f}" for score in peer[room])])
    n_pieces = rows[0]["summary"]["n_pieces"]
    return markdown([f"F1, mean over {n_pieces} pieces (95 % interval)", "onset", "onset + offset", "frame"], lines)


def goals_table(rows: list[dict[str, Any]]) -> str:
    """Return what is aimed at beside what the default reaches."""
    lines = []
    for (room, protocol), goals in GOALS.items():
        (row,) = (r for r in rows if (r["room"], r["protocol"], r["system"]) == (room, protocol, "nmf"))
        means = [row["summary"]["mean"][name] for name in F1]
        cells = [
            f"{mean:.4f} {'≥' if mean >= goal else '**<**'} {goal:.2f}" for mean, goal in zip(means, goals, strict=True)
        ]
        lines.append([f"{room}, {protocol}", *cells])
    return markdown(["goals, F1", "onset", "onset + offset", "frame"], lines)


if __name__ == "__main__":
    main()
