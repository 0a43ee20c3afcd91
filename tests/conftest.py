"""What several tests share: a small instrument of known notes, and the command line run in this process."""

import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nmfamt.learning import learn_dictionary
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_hz, pitch_to_name

SR = 16000
PITCHES = range(60, 73)


def tone(pitch, seconds):
    """Return a harmonic sound that begins at once and dies away."""
    t = np.arange(round(seconds * SR)) / SR
    partials = sum(np.sin(2 * np.pi * k * pitch_to_hz(pitch) * t + k) / k**1.5 for k in range(1, 9))
    ending = np.clip((seconds - t) / 0.03, 0, 1)
    return 0.2 * partials * np.exp(-2 * t) * np.clip(t / 0.003, 0, 1) * ending


def perform(notes):
    """Return the sound of notes, with a second of silence after them."""
    y = 1e-5 * np.random.default_rng(0).standard_normal(round((notes.intervals.max(initial=0) + 1) * SR))
    for (onset, offset), pitch in zip(notes.intervals, notes.pitches, strict=True):
        sound = tone(pitch, offset - onset)
        y[round(onset * SR) :][: len(sound)] += sound
    return y


@dataclass(frozen=True)
class Instrument:
    """Files about an instrument that is a formula.

    Attributes
    ----------
    notes : Path
        Folder of its isolated notes.
    dictionary : Path
        What was learned from them.
    song, labels : Path
        A piece of 5 s and its notes.
    """

    notes: Path
    dictionary: Path
    song: Path
    labels: Path


@pytest.fixture(scope="session")
def instrument(tmp_path_factory):
    """Files that the tests read, and do not change."""
    folder = tmp_path_factory.mktemp("instrument")
    (folder / "notes").mkdir()
    for pitch in PITCHES:
        note = Notes([[0.2, 1.7]], [pitch])
        soundfile.write(folder / f"notes/{pitch_to_name(pitch)}.wav", perform(note), SR)
    found = Instrument(folder / "notes", folder / "formula.npz", folder / "song.wav", folder / "song.tsv")
    learn_dictionary(found.notes, name="formula").save(found.dictionary)
    onsets = np.array([0.3, 0.8, 0.8, 1.3, 1.8, 2.3, 2.3, 2.3, 3.0, 3.5])
    song = Notes(np.stack([onsets, onsets + 0.45], axis=1), [60, 64, 67, 62, 72, 60, 65, 69, 71, 72])
    soundfile.write(found.song, perform(song), SR)
    song.write(found.labels)
    return found


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def nmfamt(capsys):
    """Return a function that runs the command line in this process."""
    from nmfamt.cli import main

    def run(*args):
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        return Run(ended.value.code or 0, *capsys.readouterr())

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)
