"""Follow a recording from sound to notes, step by step, and ask of one note why it was found.

python examples/step_by_step.py
"""

from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

import nmfamt
from nmfamt import audio
from nmfamt.activation import PitchActivation
from nmfamt.pitch import pitch_to_name
from nmfamt.tracking.chords import lateness_of_pitches
from nmfamt.tracking.emission import default_model
from nmfamt.tracking.events import find_candidates
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.onsets import judge_candidates
from nmfamt.tracking.polynomial import Polynomial

RECORDING = Path(__file__).parent / "audio" / "invention.flac"


def main() -> None:
    """Print what comes out of every step."""
    y, sr = audio.load(RECORDING)
    print(f"1. The recording: {len(y)} samples at {sr} Hz, {len(y) / sr:.1f} s.")

    piano = nmfamt.load_dictionary("piano")
    n_bins, n_templates = piano.W.shape
    print(f"2. The dictionary: {n_templates} templates of {n_bins} bins, {len(piano.rows)} pitches.")

    spectrogram = piano.settings(y, sr=sr)
    n_frames = spectrogram.n_frames
    print(f"3. The spectrogram as the dictionary wants it: {n_bins} bins x {n_frames} frames.")

    activation = nmfamt.Factorization(piano, tuning="auto", equalizer="auto")(spectrogram)
    n_rows = len(activation.pitches)
    print(f"4. Explained as a sum of templates: {n_rows} pitches x {n_frames} frames, values and onsets;")
    print(f"   further evidence: {', '.join(activation.evidence)}.")

    print("5. Two ways to read notes from it (F1 of onsets, of frames):")
    reference = nmfamt.Notes.read(RECORDING.with_suffix(".mid"))
    for tracker in (nmfamt.Threshold(), nmfamt.HMMTracker()):
        notes = tracker(activation)
        scores = nmfamt.evaluate(reference, notes)
        name = type(tracker).__name__
        rates = f"{scores.onset_f1:.3f} {scores.frame_f1:.3f}"
        print(f"   {name:10} {rates}   {len(notes)} notes for {len(reference)}")

    as_found = nmfamt.HMMTracker(chord_spread=0)(activation)
    late = lateness_of_pitches(as_found, spread=nmfamt.HMMTracker.chord_spread)
    (_, pitch), seconds = max(late.items(), key=lambda key: key[1])
    print("6. How late is each key found beside what is struck together with it? That is taken off, and chords begin")
    print(f"   together; the latest is {pitch_to_name(pitch)}, {1000 * seconds:.1f} ms.")

    explain(activation, notes, int(np.argsort(notes.confidences)[len(notes) // 2]))


def explain(activation: PitchActivation, notes: nmfamt.Notes, index: int) -> None:
    """Print which pitches competed when a note began, and the terms of the model that decided."""
    pitch, onset = notes.pitches[index], notes.intervals[index, 0]
    levels, model = Levels.of(activation), default_model()
    judged, log_odds = judge_candidates(levels, find_candidates(levels), model)
    candidates = judged.candidates
    times = activation.times[candidates.frames] + candidates.offsets * activation.hop - activation.latency
    near = np.flatnonzero(np.abs(times - onset) < 0.1)

    print(f"7. Why {pitch_to_name(pitch)} at {onset:.2f} s? The novelty of these pitches peaks within 0.1 s:")
    print("   pitch    time   novelty  at first sight  knowing the others")
    for i in near[np.argsort(-log_odds[near])][:8]:
        name = pitch_to_name(activation.pitches[candidates.rows[i]])
        first, second = 1 / (1 + np.exp([-judged.first[i], -log_odds[i]]))
        print(f"   {name:5} {times[i]:7.3f} {candidates.strengths[i]:9.3f} {first:15.3f} {second:19.3f}")

    same = near[activation.pitches[candidates.rows[near]] == pitch]
    chosen = same[np.argmax(log_odds[same])]
    print(f"   What speaks for and against {pitch_to_name(pitch)}, in log-odds, the weightiest first:")
    seen_and_known = np.append(judged.X[chosen], judged.context[chosen])
    for term, share in contributions(model.onset_in_context, seen_and_known)[:8]:
        print(f"   {share:+6.2f}  {term}")


def contributions(model: Polynomial, x: np.ndarray) -> list[tuple[str, float]]:
    """Return what every term of a polynomial adds to its value for one candidate."""
    names = [
        *model.names,
        *(" * ".join(pair) for pair in combinations_with_replacement(model.interacting, 2)),
    ]
    upper = np.triu_indices(len(model.interacting))
    weights = np.concatenate([model.weights[:, 0], model.products[..., 0][upper]])
    shares = model.design(x[None, :])[0] * weights
    return sorted(zip(names, shares.tolist(), strict=True), key=lambda term: -abs(term[1]))


if __name__ == "__main__":
    main()
