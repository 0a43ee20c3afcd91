"""Small copies of data sets, in their layouts."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from nmfamt.datasets import open_dataset
from nmfamt.exceptions import NmfamtWarning

SR = 8000


def silence(path, seconds=2.0):
    """Write a recording in which nothing sounds, and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(seconds * SR)), SR)
    return path


def text(path, contents):
    """Write a text file, and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(contents, encoding="utf-8")
    return path


def write_pedalled(path):
    """Write a note from 0.5 to 1 s under a pedal from 0.8 to 1.5 s."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(resolution=1000)
    track = pretty_midi.Instrument(0)
    track.notes.append(pretty_midi.Note(70, 60, 0.5, 1.0))
    track.control_changes += [pretty_midi.ControlChange(64, 127, 0.8), pretty_midi.ControlChange(64, 0, 1.5)]
    midi.instruments.append(track)
    midi.write(str(path))


def open_part(name, root, **options):
    """Open a data set of which a part is there, which is said."""
    with pytest.warns(NmfamtWarning, match=r"Only \d+ of the \d+ pieces"):
        return open_dataset(name, root, **options)


def names(dataset):
    return [piece.name for piece in dataset.pieces]


def table(notes):
    """Return onset, offset and pitch of each note, rounded to a millisecond and a cent."""
    return [
        (round(onset, 3), round(offset, 3), round(pitch, 2))
        for (onset, offset), pitch in zip(notes.intervals.tolist(), notes.pitches.tolist(), strict=True)
    ]
