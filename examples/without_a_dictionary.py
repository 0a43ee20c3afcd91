"""One recording, and every method that has never heard its instrument: what each finds, and what it gets wrong.

The shipped piano stands at the end for comparison: what it costs to know nothing.

    python examples/without_a_dictionary.py
"""

from pathlib import Path

import nmfamt
from nmfamt.methods import METHODS

AUDIO = Path(__file__).parent / "audio"


def main() -> None:
    """Print a line for each method."""
    recording, score = AUDIO / "invention.flac", AUDIO / "invention.mid"
    print(f"{'F1 of':24} {'onset':>7} {'frame':>7}   {'played':>6} {'found':>6}")
    chosen = [name for name, method in METHODS.items() if method.needs == "nothing"]
    for name in [*chosen, "nmf"]:
        notes = nmfamt.transcribe(recording, method=name)
        scores = nmfamt.evaluate(score, notes)
        rates = f"{scores.onset_f1:7.3f} {scores.frame_f1:7.3f}   {scores.n_reference:6} {scores.n_estimate:6}"
        print(f"{name:24} {rates}   {METHODS[name].title}")


if __name__ == "__main__":
    main()
