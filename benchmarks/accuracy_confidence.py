"""Of the notes with a confidence of 0.8, are 80 % right?

The confidences of all notes that are at least 5 % likely (``sensitivity=0.95``), in both rooms and protocols of
``accuracy_maps.py``, against whether a labelled note begins within 50 ms at that pitch. A table of ten bins, the Brier
score (G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950), the expected calibration
error, and a reliability diagram. The confidences were learned from other recordings, see ``templates/tracker.md``.

    python benchmarks/accuracy_confidence.py
"""

from itertools import pairwise
from typing import Any

import numpy as np
from _results import REPOSITORY, markdown, recordings, write
from accuracy_maps import PROTOCOLS, ROOMS
from mir_eval.transcription import match_notes

import nmfamt
from nmfamt.notes import Notes

EDGES = np.linspace(0, 1, 11)


def judged(reference: Notes, notes: Notes) -> np.ndarray:
    """Return which notes are right."""
    one, other = reference.to_mir_eval(), notes.to_mir_eval()
    pairs = match_notes(*one[:2], *other[:2], onset_tolerance=0.05, offset_ratio=None)
    right = np.zeros(len(notes), dtype=bool)
    right[[place for _, place in pairs]] = True
    return right


def calibration(confidences: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Return Brier score, expected calibration error, and the bins of a reliability diagram."""
    numbers = np.clip(np.digitize(confidences, EDGES) - 1, 0, len(EDGES) - 2)
    bins = [
        {
            "n": int((numbers == i).sum()),
            "confidence": float(confidences[numbers == i].mean()),
            "right": float(right[numbers == i].mean()),
        }
        for i in np.unique(numbers).tolist()
    ]
    errors = [b["n"] * abs(b["confidence"] - b["right"]) for b in bins]
    return {
        "n_notes": len(right),
        "brier": float(np.mean((confidences - right) ** 2)),
        "calibration_error": sum(errors) / len(right),
        "bins": bins,
    }


def main() -> None:
    """Compare confidences with the truth, and draw the diagram."""
    rows = []
    for room in ROOMS:
        own = nmfamt.learn_dictionary(recordings("maps", "isolated", room), name=room)
        for protocol, dictionary in {"own": own, "generic": nmfamt.load_dictionary("piano")}.items():
            confidences, right = [], []
            for path in recordings("maps", room):
                notes = nmfamt.transcribe(path, dictionary=dictionary, sensitivity=0.95)
                confidences.append(notes.confidences)
                right.append(judged(Notes.read(path.with_suffix(".tsv")), notes))
            found = calibration(np.concatenate(confidences), np.concatenate(right))
            rows.append({"room": room, "protocol": protocol, **found})
    write("accuracy_confidence", {"rows": rows})
    draw(rows)
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the share of right notes, bin by bin, as Markdown."""
    lines = []
    for low, high in pairwise(EDGES.tolist()):
        cells = []
        for row in rows:
            inside = [b for b in row["bins"] if low <= b["confidence"] < high or (high == 1 and b["confidence"] == 1)]
            cells.append(f"{inside[0]['right']:.2f} ({inside[0]['n']})" if inside else "")
        lines.append([f"{low:.1f}–{high:.1f}", *cells])
    lines.append(["Brier score", *(f"{row['brier']:.3f}" for row in rows)])
    lines.append(["expected calibration error", *(f"{row['calibration_error']:.3f}" for row in rows)])
    header = [f"{PROTOCOLS[row['protocol']]}, {row['room']}" for row in rows]
    return markdown(["confidence", *(f"right (notes): {name}" for name in header)], lines)


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw the reliability diagram."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for row in rows:
        x, y = ([b[name] for b in row["bins"]] for name in ("confidence", "right"))
        axes.plot(x, y, "o-", label=f"{PROTOCOLS[row['protocol']]}, {row['room']}")
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(REPOSITORY / "benchmarks" / "results" / "accuracy_confidence.png", dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
