"""Learn an instrument from nine of its notes, and see what that is worth.

The instrument exists nowhere: stiff bars whose even partials are faint and whose third partial is the
loudest. A piano dictionary hears its twelfth; nine recorded notes, every third semitone, put that right.

    python examples/learn_from_notes.py
"""

import tempfile
from pathlib import Path

import numpy as np
import soundfile

import nmfamt
from nmfamt.pitch import pitch_to_hz

SR = 22050
PARTIALS = np.arange(1, 8)[:, None]
LOUDNESS = np.array([0.5, 0.04, 1.0, 0.04, 0.6, 0.02, 0.3])[:, None]
RECORDED = range(60, 85, 3)
# Onset and duration in quavers, MIDI pitch: a melody and a chord to end on, twice, the second time with a bass.
MELODY = [(0, 2, 72), (2, 1, 74), (3, 1, 76), (4, 2, 77), (4, 2, 65), (6, 1, 76), (7, 1, 74), (8, 2, 76)]
MELODY += [(8, 2, 67), (10, 1, 74), (11, 1, 71), (12, 4, 60), (12, 4, 64), (12, 4, 67), (12, 4, 72)]
BASS = [(0, 2, 60), (2, 2, 64), (6, 2, 62), (10, 2, 65)]
SCORE = MELODY + [(16 + onset, duration, pitch) for onset, duration, pitch in sorted(MELODY + BASS)]
QUAVER = 0.25


def strike(pitch: float, seconds: float) -> np.ndarray:
    """Return one note: partials stretched by stiffness, high ones dying first, dampened at the end."""
    t = np.arange(round(seconds * SR)) / SR
    hz = pitch_to_hz(pitch) * PARTIALS * np.sqrt(1 + 4e-4 * PARTIALS**2)
    decay = np.exp(-t * (1 + PARTIALS / 2))
    y = (LOUDNESS * decay * np.sin(2 * np.pi * hz * t + PARTIALS)).sum(axis=0)
    return 0.2 * y * np.minimum(1, t / 0.003) * np.clip((seconds - t) / 0.03, 0, 1)


def main() -> None:
    """Record the notes, learn them, and transcribe the melody with and without them."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for pitch in RECORDED:
            y = np.pad(strike(pitch, 1.5), (SR // 5, 0))
            soundfile.write(Path(folder, f"{pitch}.wav"), y + 1e-4 * rng.standard_normal(len(y)), SR)
        bars = nmfamt.learn_dictionary(folder, name="bars")

    intervals = np.cumsum(np.array(SCORE)[:, :2], axis=1) * QUAVER + 0.3
    reference = nmfamt.Notes(intervals, np.array(SCORE)[:, 2])
    y = 1e-4 * rng.standard_normal(round((intervals.max() + 0.5) * SR))
    for (onset, offset), pitch in zip(reference.intervals, reference.pitches, strict=True):
        y[round(onset * SR) :][: round((offset - onset) * SR)] += strike(pitch, offset - onset)

    print(f"{len(reference)} notes played; F1 of what is found by ...")
    for title, dictionary in ((f"{len(RECORDED)} notes of its own", bars), ("the piano", "piano")):
        found = nmfamt.transcribe(y, sr=SR, dictionary=dictionary)
        scores = nmfamt.evaluate(reference, found)
        print(f"{title:22} onset {scores.onset_f1:.3f}  frame {scores.frame_f1:.3f}  ({len(found)} notes)")


if __name__ == "__main__":
    main()
