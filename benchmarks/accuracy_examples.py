"""How well are the three recordings that ship transcribed?

They are rendered from a soundfont that the shipped dictionaries were learned from, too: this says what the method does
with the right dictionary, not what to expect of a recording. Pieces and dictionaries are those of
``examples/scores.py``.

    python benchmarks/accuracy_examples.py
"""

import runpy
from functools import partial
from typing import Any

from _results import EXAMPLES, f1_row, markdown, score_pieces, write

import nmfamt


def main() -> None:
    """Score the three recordings, each with its instruments, by both methods."""
    pieces = runpy.run_path(str(EXAMPLES / "scores.py"))["PIECES"]
    rows = []
    for method in ("nmf", "threshold-nmf"):
        for piece, names in pieces.items():
            transcribe = partial(nmfamt.transcribe, dictionary=names, method=method)
            recording = EXAMPLES / "audio" / f"{piece}.flac"
            rows.append({"system": method, "dictionaries": names, **score_pieces(transcribe, [recording], ".mid")})
    write("accuracy_examples", {"rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the scores of every recording as Markdown."""
    lines = []
    for row in rows:
        ((piece, scores),) = row["pieces"].items()
        name = f"{piece} ({', '.join(row['dictionaries'])}): {row['system']}"
        lines.append([name, str(scores["n_reference"]), *f1_row(row["summary"])])
    return markdown(["F1", "notes", "onset", "onset + offset", "frame"], lines)


if __name__ == "__main__":
    main()
