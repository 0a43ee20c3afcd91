"""Transcribe the three recordings that ship, each with the dictionaries of its instruments, and score them.

They are rendered from soundfonts from which those dictionaries were learned, too, so the scores are what
the method can do with the right dictionary; `benchmarks/` has what it does with a real piano.

    python examples/scores.py
"""

from pathlib import Path

import nmfamt

AUDIO = Path(__file__).parent / "audio"
PIECES = {
    "invention": ["piano"],
    "greensleeves": ["flute"],
    "canon": ["clarinet", "oboe", "flute", "bassoon"],
}


def main() -> None:
    """Print a line of scores for each piece, and the mean."""
    print(f"{'F1 of':14} {'onset':>7} {'offset':>7} {'frame':>7}   {'played':>6} {'found':>6}   dictionaries")
    every = []
    for piece, names in PIECES.items():
        notes = nmfamt.transcribe(AUDIO / f"{piece}.flac", dictionary=names)
        scores = nmfamt.evaluate(AUDIO / f"{piece}.mid", notes)
        every.append(scores)
        rates = f"{scores.onset_f1:7.3f} {scores.offset_f1:7.3f} {scores.frame_f1:7.3f}"
        print(f"{piece:14} {rates}   {scores.n_reference:6} {scores.n_estimate:6}   {', '.join(names)}")
    mean = nmfamt.summarize(every).mean
    print(f"{'mean':14} {mean['onset_f1']:7.3f} {mean['offset_f1']:7.3f} {mean['frame_f1']:7.3f}")


if __name__ == "__main__":
    main()
