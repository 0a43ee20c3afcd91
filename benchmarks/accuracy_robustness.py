"""What is lost when the recording is not as clean, or not in tune?

The two rooms and protocols of ``accuracy_maps.py``, each recording as it is (16 kHz, mono) and in these conditions:

44.1 kHz
    Resampled; nothing is added above 8 kHz.
mp3
    At 44.1 kHz and a constant 64 kbit/s, encoded and decoded by libsndfile.
+6 dB, clipped; -6 dB
    Full scale is that of the loudest sample; what is louder than that is cut off.
noise
    Pink noise 20 dB below the recording.
room
    ``templates/room.py``: a synthetic tail with a reverberation time of 0.5 or 1.5 s, its energy 0 to 12 dB below that
    of the direct sound. Labels do not grow with it.
tuning
    Played faster or slower by 30 cents, with the tuning estimated, which is the default, and with ``tuning=0``. The
    times of the notes are those of the clean recording again before they are scored.
one silent channel
    Stereo whose right channel is empty.

Rooms and noise are the same for every system; what is random is seeded by the name of the piece.

    python benchmarks/accuracy_robustness.py
"""

import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from _results import markdown, recordings, score_pieces, write
from accuracy_maps import PROTOCOLS, ROOMS
from nmfamt.templates.room import reverberate

import nmfamt
from nmfamt import audio
from nmfamt.dictionary import Dictionary
from nmfamt.notes import Notes

Audio = np.ndarray
Condition = Callable[[Audio, int, np.random.Generator], tuple[Audio, int]]

_MP3_64 = 1 - (64 - 32) / (320 - 32)  # libsndfile's measure of a constant bit rate at 44.1 kHz, 320 to 32 kbit/s


def resampled(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
    """Return audio at 44.1 kHz."""
    return audio.resample(y, sr=sr, target=44100), 44100


def compressed(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
    """Return audio that was an MP3 in between."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mp3"
        y44, sr44 = resampled(y, sr, rng)
        soundfile.write(path, y44, sr44, bitrate_mode="CONSTANT", compression_level=_MP3_64)
        return soundfile.read(path, dtype="float32")


def amplified(gain: float) -> Condition:
    """Return what changes the level, cutting off what is beyond full scale."""

    def change(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
        return np.clip(gain * y / np.abs(y).max(), -1, 1), sr

    return change


def noisy(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
    """Return audio with pink noise 20 dB below it."""
    spectrum = np.fft.rfft(rng.standard_normal(len(y)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, len(y))
    return (y + noise * (0.1 * y.std() / noise.std())).astype(y.dtype), sr


def in_a_room(rt60: float) -> Condition:
    """Return what adds reverberation."""

    def change(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
        return reverberate(y, sr=sr, rt60=rt60, rng=rng).astype(y.dtype), sr

    return change


def one_channel(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
    """Return stereo, only the left of which is heard."""
    return np.stack([y, np.zeros_like(y)]), sr


def retuned(cents: float) -> Condition:
    """Return what plays faster or slower."""

    def change(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
        return audio.resample(y, sr=sr * 2 ** (cents / 1200), target=sr), sr

    return change


def clean(y: Audio, sr: int, rng: np.random.Generator) -> tuple[Audio, int]:
    """Return audio as it is."""
    return y, sr


CONDITIONS: dict[str, tuple[Condition, float, dict[str, Any]]] = {
    "as it is": (clean, 0, {}),
    "44.1 kHz": (resampled, 0, {}),
    "MP3, 64 kbit/s": (compressed, 0, {}),
    "+6 dB, clipped": (amplified(2.0), 0, {}),
    "-6 dB": (amplified(0.5), 0, {}),
    "pink noise, 20 dB below": (noisy, 0, {}),
    "room of 0.5 s": (in_a_room(0.5), 0, {}),
    "room of 1.5 s": (in_a_room(1.5), 0, {}),
    "one channel silent": (one_channel, 0, {}),
    "30 cents flat": (retuned(-30), -30, {}),
    "30 cents flat, `tuning=0`": (retuned(-30), -30, {"tuning": 0}),
    "30 cents sharp": (retuned(30), 30, {}),
    "30 cents sharp, `tuning=0`": (retuned(30), 30, {"tuning": 0}),
}
"""What is done to a recording, by how many cents that changes its speed, and the options of `transcribe`."""


def system(name: str, dictionary: Dictionary) -> Callable[[Path], Notes]:
    """Return what transcribes a recording in a condition."""
    change, cents, options = CONDITIONS[name]

    def transcribe(path: Path) -> Notes:
        y, sr = soundfile.read(path, dtype="float32")
        changed, rate = change(y, sr, np.random.default_rng(zlib.crc32(path.stem.encode())))
        notes = nmfamt.transcribe(changed, sr=rate, dictionary=dictionary, **options)
        return replace(notes, intervals=notes.intervals * 2 ** (cents / 1200))

    return transcribe


def main() -> None:
    """Score every condition in both rooms under both protocols."""
    rows = []
    for room in ROOMS:
        own = nmfamt.learn_dictionary(recordings("maps", "isolated", room), name=room)
        for protocol, dictionary in {"own": own, "generic": nmfamt.load_dictionary("piano")}.items():
            for name in CONDITIONS:
                scored = score_pieces(system(name, dictionary), recordings("maps", room))
                rows.append({"room": room, "protocol": protocol, "condition": name, **scored})
                print(f"{room}, {protocol}, {name}", file=sys.stderr, flush=True)
    write("accuracy_robustness", {"rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the F1 of the onsets in every condition as Markdown."""
    columns = [(room, protocol) for protocol in PROTOCOLS for room in ROOMS]
    found = {(r["condition"], r["room"], r["protocol"]): r["summary"]["mean"]["onset_f1"] for r in rows}
    lines = [
        [name, *(f"{found[name, room, protocol]:.3f}" for room, protocol in columns)]
        for name in dict.fromkeys(r["condition"] for r in rows)
    ]
    n_pieces = rows[0]["summary"]["n_pieces"]
    header = [f"{PROTOCOLS[protocol]}, {room}" for room, protocol in columns]
    return markdown([f"onset F1, mean over {n_pieces} pieces", *header], lines)


if __name__ == "__main__":
    main()
