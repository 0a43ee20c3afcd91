"""How long does it take to learn from notes and music, and to explain music by templates that last?

Four questions, on a real piano (MAPS, ENSTDkCl), on one core with one BLAS thread:

* a dictionary from its 88 isolated notes;
* convolutive NMF of 30 s of music: 88 templates of 10 frames, 2048 bins, 20 ms a frame; and which divergence plain and
  extrapolated updates reach after how many iterations. Templates are the first 10 frames of each note. The recordings
  are sampled at 16 kHz and brought to 44.1 kHz, so that sizes and times are those of the published experiment (239 s);
* the attack/decay model of the same, and of the same twice in a row: time grows with the length, not its square;
* templates from 30 s of music and its score.

Seconds are those of the processor, for the first call in the process and the median of those after it.

    OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/bench_learning.py
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _results import markdown, recordings, write

import nmfamt
from nmfamt import audio
from nmfamt.learning_music import harmonic_dictionary, note_mask
from nmfamt.nmf.attack_decay import attack_decay
from nmfamt.nmf.attack_decay_notes import learn_attack_decay, mean_transient
from nmfamt.nmf.convolutive import convolutive
from nmfamt.nmf.factorize import factorize

ROOM = "ENSTDkCl"
SECONDS = 30.0
N_LAGS = 10
SETTINGS = nmfamt.STFT(sr=44100, n_fft=4096, hop_length=882, power=1.0)
N_RUNS = 3


def main() -> None:
    """Time everything."""
    notes, piece = recordings("maps", "isolated", ROOM), recordings("maps", ROOM)[0]
    results: dict[str, Any] = {"room": ROOM, "piece": piece.stem, "seconds": SECONDS}
    results["dictionary"] = {"n_notes": len(notes), **timed(lambda: nmfamt.learn_dictionary(notes))}
    print(results["dictionary"], flush=True)
    spectra = [spectrum(path, 4.0) for path in notes]
    V = spectrum(piece, SECONDS)
    results["convolutive"] = convolutive_rows(V, spectra)
    results["attack_decay"] = attack_decay_rows(V, spectra)
    results["score"] = score_row(piece)
    write("bench_learning", results)
    print(table(results))


def timed(run: Callable[[], Any], n_runs: int = N_RUNS) -> dict[str, float]:
    """Return the CPU seconds of the first call and the median of the calls after it."""
    seconds = []
    for _ in range(1 + n_runs):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    return {"first": seconds[0], "later": median(seconds[1:])}


def spectrum(path: Path, seconds: float) -> np.ndarray:
    """Return the magnitudes of the beginning of a recording."""
    y, sr = audio.load(path, sr=SETTINGS.sr)
    return SETTINGS(y[: round(seconds * sr)], sr=sr).S


def convolutive_rows(V: np.ndarray, spectra: list[np.ndarray]) -> dict[str, Any]:
    """Return times and divergences of plain and extrapolated updates."""
    templates = []
    for S in spectra:
        sums = S.sum(axis=0)
        onset = int(np.argmax(sums > 0.1 * sums.max()))
        S = S[:, onset : onset + N_LAGS]
        templates.append(np.pad(S, ((0, 0), (0, N_LAGS - S.shape[1]))).T / S.sum())
    W = np.stack(templates, axis=2)
    rows = []
    for name, options in (
        ("extrapolated, tol 1e-3", {}),
        ("extrapolated, 30 iterations", {"max_iter": 30, "tol": 0.0}),
        ("plain, 30 iterations", {"max_iter": 30, "tol": 0.0, "extrapolate": False}),
        ("plain, 100 iterations", {"max_iter": 100, "tol": 0.0, "extrapolate": False}),
        ("plain, 100 iterations after 50 of plain NMF", {"n_start": 50, "tol": 0.0, "extrapolate": False}),
        ("extrapolated, 300 iterations", {"max_iter": 300, "tol": 0.0}),
    ):
        fit = convolutive(V, W, **options)
        times = timed(lambda options=options: convolutive(V, W, **options), 1 if fit.n_iter > 50 else N_RUNS)
        rows.append({"updates": name, "n_iter": fit.n_iter, "divergence": float(fit.cost[-1]), **times})
        print(rows[-1], flush=True)
    best = min(row["divergence"] for row in rows)
    for row in rows:
        row["above_best"] = row["divergence"] / best - 1
    return {"shape": [*W.shape, V.shape[1]], "rows": rows}


def attack_decay_rows(V: np.ndarray, spectra: list[np.ndarray]) -> dict[str, Any]:
    """Return the times of learning the model and of explaining music by it."""
    began = time.process_time()
    shape = mean_transient([learn_attack_decay(S).transient for S in spectra])
    learned = [learn_attack_decay(S, transient=shape) for S in spectra]
    learning = time.process_time() - began
    W, A = (np.stack([getattr(note, name) for note in learned], axis=1) for name in ("W", "A"))
    model = {"decay": np.array([note.decay for note in learned]), "transient": shape}
    rows = []
    for name, data, options in (
        ("30 s, tol 1e-3", V, {}),
        ("30 s, 30 iterations", V, {"max_iter": 30, "tol": 0.0}),
        ("60 s, 30 iterations", np.tile(V, 2), {"max_iter": 30, "tol": 0.0}),
        ("30 s, 100 plain iterations", V, {"max_iter": 100, "tol": 0.0, "extrapolate": False}),
    ):
        fit = attack_decay(data, W, A, **model, **options)
        times = timed(lambda data=data, options=options: attack_decay(data, W, A, **model, **options))
        rows.append({"what": name, "n_iter": fit.n_iter, "divergence": float(fit.cost[-1]), **times})
        print(rows[-1], flush=True)
    return {"learning": learning, "transient": shape.tolist(), "rows": rows}


def score_row(piece: Path) -> dict[str, Any]:
    """Return the time of 20 passes over music whose notes are known."""
    settings = nmfamt.LogFrequency()
    y, sr = audio.load(piece, sr=settings.sr)
    spectrogram = settings(y[: round(SECONDS * sr)], sr=sr)
    notes = nmfamt.Notes.read(piece.with_suffix(".tsv"))
    start = harmonic_dictionary(np.unique(np.round(notes.pitches)), settings)
    mask = note_mask(notes, spectrogram.times, start.pitches, n_components=3)
    options: dict[str, Any] = {"mask": mask, "prior": 0.05, "max_iter": 20, "n_activation_updates": 2}
    fit = factorize(spectrogram.S, start.W, **options)
    times = timed(lambda: factorize(spectrogram.S, start.W, check_every=0, **options))
    return {"shape": [*start.W.shape, mask.shape[1]], "cost": fit.cost.tolist(), **times}


def table(results: dict[str, Any]) -> str:
    """Return the times as Markdown."""
    lines = [["a dictionary from 88 notes", "", "", *seconds(results["dictionary"])]]
    for row in results["convolutive"]["rows"]:
        gap = f"{100 * row['above_best']:.2f}"
        lines.append([f"convolutive, 30 s: {row['updates']}", str(row["n_iter"]), gap, *seconds(row)])
    for row in results["attack_decay"]["rows"]:
        lines.append([f"attack/decay: {row['what']}", str(row["n_iter"]), "", *seconds(row)])
    lines.append(["30 s and their score", "20", "", *seconds(results["score"])])
    return markdown(["one core", "iterations", "% above the best", "first call, s", "later, s"], lines)


def seconds(row: dict[str, float]) -> list[str]:
    """Return the two times as cells."""
    return [f"{row['first']:.2f}", f"{row['later']:.2f}"]


if __name__ == "__main__":
    main()
