"""Learn the model of spectral peaks that `JointLikelihood` reads, and write its card.

As in Z. Duan, B. Pardo & C. Zhang (2010): which partials show as peaks is learned from single notes, everything else
from chords of two to six of them, mixed at random. A peak is normal if it lies within a quarter-tone of a partial of
one of them, and is that of the nearest; all others are spurious. Notes are recordings and renders, all of them free:
the sources stand in the card. Usage::

    python templates/make_peak_model.py --cache CACHE
"""

import argparse
import os
import sys
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.isolated_notes import find_isolated_notes, find_onset
from nmfamt.multipitch.joint_likelihood import ABOVE, FLOOR, LOBES, WIDTH, JointLikelihood
from nmfamt.multipitch.peak_model import PeakModel
from nmfamt.multipitch.spectral_peaks import find_peaks
from nmfamt.pitch import hz_to_pitch, pitch_to_hz

__all__ = ["RECORDED", "RENDERED", "learn_peak_model"]

FloatArray = NDArray[np.float64]

RECORDED = {
    "piano_splendid": "real Steinway, AKAI samples, public domain",
    "piano_upright_kw": "real Kawai upright, CC0 1.0",
    "piano_headroom": "real piano, Bengt Nilsson, CC BY 4.0",
    "alto_sax_weresax": "real alto saxophone, CC0 1.0",
    "double_bass_arco": "real bowed double bass, CC0 1.0",
}
"""Folders of the data, and where their notes come from."""

RENDERED = ("violin", "viola", "cello", "flute", "clarinet", "oboe", "bassoon", "trumpet", "horn", "guitar")
"""Instruments rendered from FluidR3 and MuseScore General (MIT)."""

QUARTER_TONE = 0.5
MOST_PARTIALS = 50
LEVELS = np.arange(-55.0, 6.0, 5.0)
PITCHES = np.arange(33.0, 142.0, 6.0)
PARTIALS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 23, 31, 50])
F0_PITCHES = np.arange(36.0, 97.0, 6.0)


class Note(NamedTuple):
    """A quarter of a second of a note."""

    y: FloatArray
    pitch: float  # as it sounds


def notes_of(folder: Path, *, sr: int, rng: np.random.Generator, most: int) -> list[Note]:
    """Return stretches of the notes of a folder, each as loud as the others."""
    sources = find_isolated_notes(str(folder))
    chosen = rng.permutation(len(sources))[:most]
    found = []
    for source in (sources[i] for i in chosen):
        y, _ = audio.load(source.path, sr=sr)
        if not y.any() or not 33 <= source.pitch <= 98:
            continue
        begin = round((find_onset(y, sr=sr) + rng.uniform(0.05, 0.6)) * sr)
        stretch = np.asarray(y[begin : begin + sr // 4], dtype=np.float64)
        if len(stretch) < sr // 4 or np.sqrt(np.mean(stretch**2)) < 0.01 * np.abs(y).max():
            continue
        stretch /= np.sqrt(np.mean(stretch**2))
        pitch = sounding_pitch(stretch, source.pitch, sr)
        if pitch is not None:
            found.append(Note(stretch, pitch))
    return found


def peaks_of(y: FloatArray, sr: int) -> tuple[FloatArray, FloatArray]:
    """Return pitch and level of the peaks in the middle of a sound."""
    spectrogram = JointLikelihood().settings(y, sr=sr)
    middle = spectrogram.n_frames // 2
    S = spectrogram.S[:, middle : middle + 1]
    peaks = find_peaks(S, spectrogram.freqs, floor=FLOOR, above=ABOVE, width=WIDTH, lobes=LOBES)
    return hz_to_pitch(peaks.freqs), 20 * np.log10(peaks.amplitudes)


def sounding_pitch(y: FloatArray, nominal: float, sr: int) -> float | None:
    """Return the pitch that the first partials agree on, within half a semitone of the nominal one, or None."""
    pitches, levels = peaks_of(y, sr)
    votes, weights = [], []
    for h in range(1, 5):
        off = pitches - nominal - 12 * np.log2(h)
        near = np.flatnonzero(np.abs(off) < QUARTER_TONE)
        if len(near):
            k = near[levels[near].argmax()]
            votes.append(off[k])
            weights.append(10 ** (levels[k] / 20))
    if not votes:
        return None
    return float(nominal + np.average(votes, weights=weights))


def partial_of(pitches: FloatArray, f0: float) -> tuple[NDArray[np.int64], FloatArray]:
    """Return which partial of a fundamental each peak is nearest to, and by how many semitones it lies above."""
    h = np.maximum(1, np.round(pitch_to_hz(pitches) / pitch_to_hz(f0))).astype(np.int64)
    return h, pitches - f0 - 12 * np.log2(h)


def learn_peak_model(ensembles: dict[str, list[Note]], *, sr: int, n_chords: int, seed: int = 0) -> PeakModel:
    """Learn from notes; chords are mixed of those of one ensemble, or of all."""
    rng = np.random.default_rng(seed)
    everyone = [note for notes in ensembles.values() for note in notes]
    groups = [*ensembles.values(), *[everyone] * len(ensembles)]
    normal: list[tuple[float, float, float, float]] = []  # deviation, level, pitch, partial
    spurious: list[tuple[float, float]] = []
    for _ in range(n_chords):
        notes = groups[rng.integers(len(groups))]
        n_notes = min(len(notes), int(rng.integers(2, 7)))
        chord = [notes[i] for i in rng.permutation(len(notes))[:n_notes]]
        mix = sum(10 ** (rng.uniform(-5, 5) / 20) * note.y for note in chord)
        pitches, levels = peaks_of(np.asarray(mix), sr)
        found = [partial_of(pitches, note.pitch) for note in chord]
        h, off = (np.stack(column) for column in zip(*found, strict=True))
        off[h > MOST_PARTIALS] = np.inf
        nearest = np.abs(off).argmin(axis=0)
        every = np.arange(len(pitches))
        h, off = h[nearest, every], off[nearest, every]
        is_normal = np.abs(off) < QUARTER_TONE
        normal += zip(off[is_normal], levels[is_normal], pitches[is_normal], h[is_normal], strict=True)
        spurious += zip(pitches[~is_normal], levels[~is_normal], strict=True)
    deviations, levels, pitches, partials = np.array(normal).T
    noise = np.array(spurious)
    return PeakModel(
        deviation=mixture(deviations, 4),
        levels=LEVELS,
        pitches=PITCHES,
        partials=PARTIALS.astype(np.float64),
        level_density=level_density(levels, pitches, partials),
        spurious_share=round(len(noise) / (len(noise) + len(deviations)), 4),
        spurious_mean=noise.mean(axis=0),
        spurious_covariance=np.cov(noise.T),
        f0_pitches=F0_PITCHES,
        detection=detection(everyone, sr),
        info={
            "name": "peak_model",
            "n_notes": len(everyone),
            "n_recorded": sum(len(notes) for name, notes in ensembles.items() if Path(name).name in RECORDED),
            "n_chords": n_chords,
            "seed": seed,
        },
    )


def mixture(x: FloatArray, n_normals: int) -> FloatArray:
    """Fit a mixture of normal distributions to numbers within a quarter-tone, by expectation and maximisation."""
    weight = np.full(n_normals, 1 / n_normals)
    mean, deviation = np.zeros(n_normals), np.geomspace(0.02, 0.3, n_normals)
    for _ in range(300):
        density = weight / deviation * np.exp(-0.5 * ((x[:, None] - mean) / deviation) ** 2)
        share = density / density.sum(axis=1, keepdims=True)
        total = share.sum(axis=0)
        weight, mean = total / len(x), (share * x[:, None]).sum(axis=0) / total
        deviation = np.sqrt((share * (x[:, None] - mean) ** 2).sum(axis=0) / total)
        deviation = np.maximum(deviation, 0.005)
    return np.stack([weight, mean, deviation])


def level_density(levels: FloatArray, pitches: FloatArray, partials: FloatArray) -> FloatArray:
    """Return the log density of the level, given pitch and partial: a Gaussian window is laid over every peak."""
    found = np.empty((len(PARTIALS), len(PITCHES), len(LEVELS)))
    overall = np.exp(-0.5 * ((LEVELS[:, None] - levels) / 5) ** 2).mean(axis=1)
    for i, h in enumerate(PARTIALS):
        near = np.exp(-0.5 * (np.log2(partials / h) / 0.15) ** 2)
        for j, pitch in enumerate(PITCHES):
            weights = near * np.exp(-0.5 * ((pitches - pitch) / 5) ** 2)
            density = np.exp(-0.5 * ((LEVELS[:, None] - levels) / 5) ** 2) @ weights + 5 * overall
            found[i, j] = np.log(density / (density.sum() * (LEVELS[1] - LEVELS[0])))
    return found


def detection(notes: list[Note], sr: int) -> FloatArray:
    """Return how often each partial of single notes shows as a peak, by the pitch of the fundamental."""
    shown = np.full((len(F0_PITCHES), MOST_PARTIALS), 0.5)  # one of two before anything is known
    number = np.full((len(F0_PITCHES), MOST_PARTIALS), 1.0)
    for note in notes:
        pitches, _ = peaks_of(note.y, sr)
        expected = note.pitch + 12 * np.log2(np.arange(1, MOST_PARTIALS + 1))
        held = pitch_to_hz(expected) < sr / 2 * 0.95
        shows = (np.abs(pitches[:, None] - expected) < QUARTER_TONE).any(axis=0)
        weight = np.exp(-0.5 * ((F0_PITCHES - note.pitch) / 4) ** 2)[:, None] * held
        shown += weight * shows
        number += weight
    for k in range(1, MOST_PARTIALS):  # above half the sample rate there is nothing to see: as the partial before
        unseen = number[:, k] <= 1.5
        shown[unseen, k], number[unseen, k] = shown[unseen, k - 1], number[unseen, k - 1]
    return np.clip(shown / number, 0.01, 0.98)


CARD = """# peak_model

What `JointLikelihood` knows of spectral peaks: how far they lie from the partial that they are, how strong they are,
how many belong to nothing that sounds, and which partials of a note show as peaks (Z. Duan, B. Pardo & C. Zhang, 2010).

| | |
|---|---|
| made | {made}, by `python templates/make_peak_model.py --cache CACHE` |
| learned from | {n_notes} single notes and {n_chords} chords of two to six of them |
| recordings | {recorded} |
| renders | {rendered}, from FluidR3 and MuseScore General (both MIT) |
| licence | these are statistics: no sound and no spectrum of a note is in them; free to use with the credits above |
| not to be evaluated on | chords of the notes above |
| may be evaluated on | everything else, all of MAPS included |
| scores | `benchmarks/results` |

| | |
|---|---|
| spurious peaks | {spurious:.0%} |
| standard deviations of the deviation | {deviations} cents |
| weights of these | {weights} |

Partials that show as peaks:

| fundamental | 1 | 2 | 3 | 5 | 8 | 12 | 20 |
|---|---:|---:|---:|---:|---:|---:|---:|
{rows}

## Limits

Learned at a window of 93 ms. {n_recorded} of the notes are recordings, the others rendered; there is no voice and no
percussion among them. Levels are below the strongest bin of the frame, and a quarter of a second of every note counts,
not its attack.
"""


def card(model: PeakModel, *, made: date) -> str:
    """Return the card of a model."""
    shown = (1, 2, 3, 5, 8, 12, 20)
    rows = [
        f"| {pitch:.0f} | " + " | ".join(f"{detection[h - 1]:.2f}" for h in shown) + " |"
        for pitch, detection in zip(model.f0_pitches[::2], model.detection[::2], strict=True)
    ]
    return CARD.format(
        made=made.isoformat(),
        n_notes=model.info["n_notes"],
        n_recorded=model.info["n_recorded"],
        n_chords=model.info["n_chords"],
        recorded="; ".join(f"`{name}` ({what})" for name, what in RECORDED.items()),
        rendered=", ".join(RENDERED),
        spurious=model.spurious_share,
        deviations=", ".join(f"{100 * value:.0f}" for value in model.deviation[2]),
        weights=", ".join(f"{value:.2f}" for value in model.deviation[0]),
        rows="\n".join(rows),
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where render.py put its notes")
    data = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data, help="recordings, with isolated/")
    parser.add_argument("--date", type=date.fromisoformat, default=date.today(), help="for the card (today)")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent, help="folder (this one)")
    parser.add_argument("--chords", type=int, default=4000, help="how many are mixed (4000)")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    sr = JointLikelihood().settings.sr
    folders = [options.data / "isolated" / name for name in RECORDED]
    folders += [options.cache / "notes" / font / name for font in ("fluidr3", "musescore") for name in RENDERED]
    ensembles = {}
    for folder in folders:
        ensembles[str(folder)] = notes_of(folder, sr=sr, rng=rng, most=60)
        print(f"{len(ensembles[str(folder)]):4d}  {folder}", file=sys.stderr, flush=True)
    model = learn_peak_model(ensembles, sr=sr, n_chords=options.chords)
    model.save(options.out / "peak_model.json", overwrite=True)
    (options.out / "peak_model.md").write_text(card(model, made=options.date), encoding="utf-8")


if __name__ == "__main__":
    main()
