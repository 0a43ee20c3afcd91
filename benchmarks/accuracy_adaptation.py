"""How few notes of an instrument are enough?

A Disklavier that no shipped dictionary has heard, in two set-ups (see ``accuracy_maps.py``). The shipped ``piano`` is
adapted to 30, 12 or 6 of its 88 isolated notes, spread evenly over the keyboard, in three choices each (the grid is
moved by a third of its step), which are averaged; beside it what the same notes give alone, with `learn_dictionary`.
All 88, and none, are the ends of the curve. The scale is the onset F1 that the 88 notes give.

A second question is asked of the first ten seconds of every piece: their notes are known, corrected by hand perhaps.
How much better are the notes of the remaining twenty found, when the ``piano`` is adapted to that?

    python benchmarks/accuracy_adaptation.py
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from _results import F1, REPOSITORY, f1_row, markdown, recordings, score_pieces, write
from accuracy_maps import ROOMS

import nmfamt
from nmfamt.dictionary import Dictionary
from nmfamt.isolated_notes import IsolatedNote, find_isolated_notes
from nmfamt.notes import Notes

COUNTS = (30, 12, 6)
MOVES = (1 / 6, 1 / 2, 5 / 6)
KNOWN = 10.0
"""Seconds whose notes are corrected."""


def spread(notes: list[IsolatedNote], count: int, move: float) -> list[IsolatedNote]:
    """Return so many notes, evenly spread over the keyboard; `move` says where in its step the grid begins."""
    pitches = np.array([note.pitch for note in notes])
    grid = pitches.min() + (np.arange(count) + move) * (np.ptp(pitches) + 1) / count
    return [notes[i] for i in sorted({int(np.abs(pitches - place).argmin()) for place in grid.tolist()})]


def scored(room: str, dictionary: Dictionary) -> dict[str, Any]:
    """Return the scores of all pieces."""
    return score_pieces(lambda path: nmfamt.transcribe(path, dictionary=dictionary), recordings("maps", room))


def averaged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the scores of each piece averaged over runs, and their mean over pieces."""
    pieces = {
        piece: {name: float(np.mean([run["pieces"][piece][name] for run in runs])) for name in F1}
        for piece in runs[0]["pieces"]
    }
    mean = {name: float(np.mean([scores[name] for scores in pieces.values()])) for name in F1}
    drawn = np.random.default_rng(0).integers(0, len(pieces), size=(10_000, len(pieces)))
    limits = {
        name: np.percentile(np.array([s[name] for s in pieces.values()])[drawn].mean(axis=1), [2.5, 97.5]).tolist()
        for name in F1
    }
    summary = {
        "n_pieces": len(pieces),
        "mean": mean,
        "low": {name: limits[name][0] for name in F1},
        "high": {name: limits[name][1] for name in F1},
    }
    return {"summary": summary, "pieces": pieces}


def curve(room: str) -> list[dict[str, Any]]:
    """Return the scores for every number of notes in a room."""
    notes = find_isolated_notes(recordings("maps", "isolated", room))
    piano = nmfamt.load_dictionary("piano")
    rows = [{"room": room, "n_notes": len(notes), "how": "learned", **averaged([scored(room, _learned(notes, room))])}]
    for count in COUNTS:
        choices = [spread(notes, count, move) for move in MOVES]
        for how, make in {"adapted": lambda c: nmfamt.adapt_dictionary(piano, c), "learned": _learned}.items():
            runs = [scored(room, make(choice)) for choice in choices]
            rows.append({"room": room, "n_notes": count, "how": how, **averaged(runs)})
            print(f"{room}, {count} notes, {how}", file=sys.stderr, flush=True)
    rows.append({"room": room, "n_notes": 0, "how": "adapted", **averaged([scored(room, piano)])})
    best = rows[0]["summary"]["mean"]
    for row in rows:
        row["share"] = {name: row["summary"]["mean"][name] / best[name] for name in F1}
    return rows


def _learned(notes: list[IsolatedNote], name: str = "own") -> Dictionary:
    """Return what notes give alone, filled over the whole keyboard."""
    learned = nmfamt.learn_dictionary(notes, name=name)
    return nmfamt.learning.fill_pitches(learned, n_components=3, low=21, high=108)


def corrected(room: str) -> list[dict[str, Any]]:
    """Return the scores of what comes after the first seconds, before and after these are corrected."""
    piano = nmfamt.load_dictionary("piano")

    def rest(path: Path, dictionary: Dictionary) -> dict[str, float]:
        notes, reference = nmfamt.transcribe(path, dictionary=dictionary), Notes.read(path.with_suffix(".tsv"))
        late = [n.select(n.intervals[:, 0] >= KNOWN) for n in (reference, notes)]
        scores = nmfamt.evaluate(*late)
        return {name: getattr(scores, name) for name in F1}

    before, after = {}, {}
    for path in recordings("maps", room):
        adapted = nmfamt.adapt_dictionary(piano, music=path, labels=path.with_suffix(".tsv"), until=KNOWN)
        before[path.stem], after[path.stem] = rest(path, piano), rest(path, adapted)
    return [
        {"room": room, "how": how, "n_notes": None, **averaged([{"pieces": pieces}])}
        for how, pieces in {"not corrected": before, "corrected": after}.items()
    ]


def main() -> None:
    """Measure both, and draw the curve."""
    rows = []
    for room in ROOMS:
        rows += curve(room)
        rows += corrected(room)
    write("accuracy_adaptation", {"rows": rows})
    draw(rows)
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return all of it as Markdown."""
    lines = []
    for room, title in ROOMS.items():
        lines.append([f"**{title}**", "", "", "", ""])
        for row in (row for row in rows if row["room"] == room):
            if row["n_notes"] is None:
                name, share = f"after {KNOWN:.0f} s, these {row['how']}", ""
            else:
                how = "adapted" if row["how"] == "adapted" else "alone"
                name = f"{row['n_notes']} notes, {how}" if row["n_notes"] else "no notes: the shipped `piano`"
                share = f"{100 * row['share']['onset_f1']:.1f} %"
            lines.append([name, *f1_row(row["summary"]), share])
    return markdown(
        ["F1, mean over 9 pieces (95 % interval)", "onset", "onset + offset", "frame", "share of all notes"], lines
    )


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw the share of the onset F1 that so many notes give."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
    for room in ROOMS:
        for how, style in (("adapted", "o-"), ("learned", "x--")):
            points = [r for r in rows if r["room"] == room and r["n_notes"] is not None and r["how"] == how]
            if how == "adapted":
                points += [r for r in rows if r["room"] == room and r["n_notes"] == 88]
            points.sort(key=lambda row: row["n_notes"])
            label = f"{room}, {'piano, adapted' if how == 'adapted' else 'these notes alone'}"
            axes.plot(
                [r["n_notes"] for r in points], [100 * r["share"]["onset_f1"] for r in points], style, label=label
            )
    axes.set_xscale("symlog", linthresh=6)
    axes.set_xticks([0, 6, 12, 30, 88], ["0", "6", "12", "30", "88"])
    axes.set(xlabel="isolated notes of the instrument", ylabel="% of the onset F1 that all give")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(REPOSITORY / "benchmarks" / "results" / "accuracy_adaptation.png", dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
