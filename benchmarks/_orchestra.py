"""Solos and quartets made of isolated notes of real instruments, with the notes of human performances.

Every note of a performance sounds as a real isolated note of its instrument: placed where the music has it, cut at its
end, faded out within `RELEASE`, and all of it put into a mild room. The reference is when the sound begins
(`nmfamt.isolated_notes.find_onset`, as in learning) and when it is cut, or has died away by itself.

Isolated notes are *prepared*, those that are learned and those that are played alike:

* Labels are checked by pYIN between an octave below the label and a semitone above it. What sounds an octave lower is
  relabelled (the trombone's *forte* above its 58), what is further than `FARTHEST` from both is left out.
* Each is tuned by resampling to the semitone that it is labelled with: the saxophone is half a semitone flat in
  *forte* and up to as much sharp in *piano*, so that no dictionary of the one could be said to fit the other.
* What sounds for less than `SHORTEST_SAMPLE` is left out.

Semitones that nobody recorded are played by the nearest sample, resampled by `FILL` semitones at most.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile
import soxr
from nmfamt.templates.performances import read_excerpt
from nmfamt.templates.room import reverberate
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.isolated_notes import find_onset, pitch_from_name
from nmfamt.notes import Notes

__all__ = ["SR", "Part", "Sample", "choose_learned", "play", "playing_range", "prepare", "voices"]

SR = 22050
"""Sampling rate of everything that is made, Hz."""

RELEASE = 0.03
"""Seconds in which a note that is cut fades out."""

FARTHEST = 0.75
"""Semitones that a sample may be tuned by."""

SHORTEST_SAMPLE = 0.4
"""Seconds that a sample sounds at least."""

FILL = 2
"""Semitones that a sample may be transposed by."""

SHORTEST = 0.1
"""Seconds that a note of the music lasts at least."""

_LEAD_IN = 0.02  # seconds of a sample kept before its onset
_DIED_AWAY = -26.0  # dB under its maximum at which a sample no longer sounds, as its onset is found
_EXPRESSION = 6.0  # dB by which the softest and the loudest velocity differ from the middle


@dataclass(frozen=True)
class Sample:
    """An isolated note that has been prepared.

    Attributes
    ----------
    path : Path
        The audio, ``<pitch>_<dynamic>.flac``.
    pitch : int
        MIDI pitch.
    dynamic : str
        How it is played.
    onset, end : float
        When the sound begins and has died away, s.
    """

    path: Path
    pitch: int
    dynamic: str
    onset: float
    end: float


@dataclass(frozen=True)
class Part:
    """What one instrument plays with.

    Attributes
    ----------
    instrument : str
        Its name.
    samples : sequence of Sample
        Of the dynamic that is played.
    lowest, highest : int
        Range into which the music is transposed, both ends included.
    """

    instrument: str
    samples: Sequence[Sample]
    lowest: int
    highest: int


def prepare(source: Path, target: Path) -> list[Sample]:
    """Check, tune and write the isolated notes of an instrument; what an earlier call wrote is taken as it is."""
    table = target / "samples.json"
    if not table.is_file():
        target.mkdir(parents=True, exist_ok=True)
        found = {}
        for path in sorted(source.glob("*.mp3")):
            sample = _prepared(path, target)
            if sample:
                found.setdefault(sample.path, sample)
        rows = [asdict(sample) | {"path": sample.path.name} for sample in found.values()]
        table.write_text(json.dumps(rows, indent=1))
    return [Sample(**row | {"path": target / row["path"]}) for row in json.loads(table.read_text())]


def _prepared(path: Path, target: Path) -> Sample | None:
    """Write a sample in tune and under its right pitch; return None where it is too short or too far off."""
    y, _ = audio.load(path, sr=SR)
    pitch, deviation = _checked(y, pitch_from_name(path.stem))
    tuned = soxr.resample(y, SR, SR * 2 ** (deviation / 12))
    onset, end = _sounding(tuned)
    if abs(deviation) > FARTHEST or end - onset < SHORTEST_SAMPLE:
        return None
    dynamic = path.stem.split("_")[1]
    file = target / f"{pitch:03d}_{dynamic}.flac"
    if not file.exists():
        soundfile.write(file, 0.9 * tuned / np.abs(tuned).max(), SR, subtype="PCM_16")
    return Sample(file, pitch, dynamic, onset, end)


def _checked(y: NDArray[np.floating[Any]], stated: float) -> tuple[int, float]:
    """Return the right label of a sample, and by how many semitones the sound differs from it."""
    begin = max(0, int(np.argmax(np.convolve(y**2, np.ones(1024), "same"))) - SR // 10)
    lowest, highest = librosa.midi_to_hz([stated - 13, stated + 1])
    y = y[begin : begin + SR * 7 // 10]
    f0, *_ = librosa.pyin(y, fmin=lowest, fmax=highest, sr=SR, frame_length=4096, max_transition_rate=5)
    heard = float(np.nanmedian(librosa.hz_to_midi(f0)))
    label = min((stated, stated - 12), key=lambda label: abs(heard - label))
    return round(label), heard - label


def _sounding(y: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return when a sample begins to sound and when it has died away, s."""
    energy = np.convolve(y**2, np.ones(SR // 100), "same")
    loud = np.flatnonzero(energy > 10 ** (_DIED_AWAY / 10) * energy.max())
    return find_onset(y, SR), float(loud[-1] / SR)


def choose_learned(samples: Sequence[Sample], dynamic: str, n_notes: int) -> list[Sample]:
    """Return notes of one dynamic, spread evenly over those that there are."""
    ordered = sorted((sample for sample in samples if sample.dynamic == dynamic), key=lambda sample: sample.pitch)
    return [ordered[i] for i in np.linspace(0, len(ordered) - 1, n_notes).round().astype(int)]


def playing_range(learned: Sequence[Sample], played: Sequence[Sample]) -> tuple[int, int]:
    """Return the widest range within the learned notes of which every semitone can be played."""
    pitches = np.array([sample.pitch for sample in learned])
    inside = np.arange(pitches.min(), pitches.max() + 1)
    near = np.abs(inside[:, None] - [sample.pitch for sample in played]).min(axis=1) <= FILL
    runs = np.split(inside[near], np.flatnonzero(np.diff(inside[near]) > 1) + 1)
    widest = max(runs, key=len)
    return int(widest[0]), int(widest[-1])


def voices(midi: Path, *, n_voices: int, seconds: float, stretch: float, rng: np.random.Generator) -> list[Notes]:
    """Return the upper voices of a stretch of a performance, the highest first.

    A note belongs to the first voice if none that is higher sounds when it begins, to the second if one does, and so
    on. A voice plays one note at a time: each is cut where the next of its voice begins.
    """
    excerpt = read_excerpt(midi, seconds=seconds / stretch, start=None, rng=rng)
    onset, offset = excerpt.intervals.T * stretch
    # Notes of one chord begin up to 40 ms apart.
    sounds = (onset[None, :] < onset[:, None] + 0.04) & (offset[None, :] > onset[:, None])
    rank = (sounds & (excerpt.pitches[None, :] > excerpt.pitches[:, None])).sum(axis=1)
    found = []
    for voice in range(n_voices):
        mine = np.flatnonzero(rank == voice)
        ends = np.minimum(offset[mine], np.append(onset[mine][1:], seconds))
        lasts = ends - onset[mine] >= SHORTEST
        found.append(
            Notes(
                np.stack([onset[mine], ends], axis=1)[lasts],
                excerpt.pitches[mine][lasts],
                velocities=excerpt.velocities[mine][lasts],
            )
        )
    return found


def play(
    parts: Sequence[Part], music: Sequence[Notes], *, seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.floating[Any]], Notes]:
    """Play voices, each with its instrument.

    Parameters
    ----------
    parts : sequence of Part
        The instruments.
    music : sequence of Notes
        The voice of each.
    seconds : float
        Length of the recording.
    rng : Generator
        Draws the balance of the instruments, within 3 dB, and the room, 0.2 to 0.5 s.

    Returns
    -------
    y : ndarray
        The recording.
    played : Notes
        When which sound begins and ends; a note that another instrument holds already is not played by a second.
    """
    mix, notes = np.zeros(round((seconds + 1) * SR)), []  # begins `_LEAD_IN` before 0 s
    taken: list[tuple[int, float, float]] = []
    for part, voice in zip(parts, music, strict=True):
        balance = rng.uniform(-3.0, 3.0)
        pitches = _within(voice.pitches.astype(int), part.lowest, part.highest)
        for pitch, (onset, offset), velocity in zip(pitches.tolist(), voice.intervals, voice.velocities, strict=True):
            if any(pitch == p and onset < end and begin < offset for p, begin, end in taken):
                continue
            sound, lasts = _sound(part.samples, pitch, offset - onset)
            gain = balance + _EXPRESSION * (velocity - 64) / 64
            begin = round(onset * SR)
            mix[begin : begin + len(sound)] += 10 ** (gain / 20) * sound
            taken.append((pitch, onset, onset + lasts))
            notes.append(Notes([[onset, onset + lasts]], [pitch], velocities=velocity, instruments=part.instrument))
    y = reverberate(mix, sr=SR, rt60=rng.uniform(0.2, 0.5), rng=rng)[round(_LEAD_IN * SR) :][: round(seconds * SR)]
    return 0.7 * y / np.abs(y).max(), Notes.concatenate(notes)


def _within(pitches: NDArray[np.int64], lowest: int, highest: int) -> NDArray[np.int64]:
    """Return a voice moved by octaves so that it lies about the middle, what is still outside moved by octaves."""
    moved = pitches + 12 * round(((lowest + highest) / 2 - np.median(pitches)) / 12) if len(pitches) else pitches
    moved = moved + 12 * np.maximum(0, -((moved - lowest) // 12))
    return moved - 12 * np.maximum(0, -((highest - moved) // 12))


def _sound(samples: Sequence[Sample], pitch: int, duration: float) -> tuple[NDArray[np.floating[Any]], float]:
    """Return the sound of a note, which begins `_LEAD_IN` after its first value, and for how long it sounds."""
    sample = min(samples, key=lambda sample: (abs(sample.pitch - pitch), sample.pitch))
    y, _ = soundfile.read(sample.path)
    factor = 2 ** ((pitch - sample.pitch) / 12)
    lead_in = round((sample.onset - factor * _LEAD_IN) * SR)
    y = np.pad(y, (max(0, -lead_in), 0))[max(0, lead_in) :]
    y = soxr.resample(y, SR * factor, SR) if factor != 1 else y
    lasts = min(duration, (sample.end - sample.onset) / factor)
    n_kept, n_fade = round((_LEAD_IN + lasts) * SR), round(RELEASE * SR)
    y = y[: n_kept + n_fade] / np.sqrt(np.mean(y[: round(0.5 * SR)] ** 2))
    fade = np.cos(np.linspace(0, np.pi / 2, max(0, len(y) - n_kept))) ** 2
    y[len(y) - len(fade) :] *= fade
    return y, lasts
