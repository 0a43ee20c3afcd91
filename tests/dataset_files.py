"""Small copies of data sets, in their layouts."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nmfamt.datasets import open_dataset
from nmfamt.exceptions import NmfamtWarning

SR = 8000
DATA = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Real recordings, where there are any."""

MAPS = "OnsetTime\tOffsetTime\tMidiPitch\n0.5\t1.5\t60\n\n"
MAESTRO = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
MUSICNET_TEST = (1759, 1819, 2106, 2191, 2298, 2303, 2382, 2416, 2556, 2628)
MUSICNET = """start_time,end_time,instrument,note,start_beat,end_beat,note_value
44100,66150,41,69,0.0,1.0,Quarter
22050,44100,43,45,0.0,1.0,Quarter
66150,88200,1,60,1.0,1.0,Quarter
66150,88200,69,72,1.0,1.0,Quarter
66150,88200,72,70,1.0,1.0,Quarter
66150,88200,121,73,1.0,1.0,Quarter
"""


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


def distributed_maps(root, room, *pieces):
    """Write pieces as they are distributed, one note each, which the pedal holds."""
    for piece in pieces:
        stem = root / room / "MUS" / f"MAPS_MUS-{piece}_{room}"
        silence(stem.with_name(f"{stem.name}.wav"))
        text(stem.with_name(f"{stem.name}.txt"), MAPS)
        write_pedalled(stem.with_name(f"{stem.name}.mid"))
    for letter, pitch in (("F", 60), ("P", 60), ("M", 108)):
        silence(root / room / "ISOL" / "NO" / f"MAPS_ISOL_NO_{letter}_S1_M{pitch}_{room}.wav", 0.1)
    silence(root / room / "ISOL" / "CH" / f"MAPS_ISOL_CH0.1_F_S0_M60_{room}.wav", 0.1)


def maestro(root, *rows):
    """Write an index, and the files of its rows."""
    lines = []
    for split, year, stem in rows:
        lines.append(f'Franz Liszt,"Étude, No. 4",{split},{year},{year}/{stem}.midi,{year}/{stem}.wav,2.0\n')
        silence(root / f"{year}/{stem}.wav")
        write_pedalled(root / f"{year}/{stem}.midi")
    text(root / "maestro-v3.0.0.csv", MAESTRO + "".join(lines))


def make_musicnet(root):
    """Write the ten test pieces and one to learn from."""
    for piece in MUSICNET_TEST:
        silence(root / f"test_data/{piece}.wav")
        text(root / f"test_labels/{piece}.csv", MUSICNET)
    silence(root / "train_data/1727.wav")
    text(root / "train_labels/1727.csv", MUSICNET)
    return root
