"""MusicNet: classical music for one to eight instruments, with scores aligned to the recordings.

J. Thickstun, Z. Harchaoui & S. Kakade, "Learning features of music from scratch", ICLR 2017.

Conventions:

1. The test set is that of ``test_data`` as distributed, ten pieces: 1759, 1819, 2106, 2191, 2298, 2303, 2382, 2416,
   2556 and 2628. The paper of 2017 scored three of them (1819, 2303 and 2382), that of 2018 (J. Thickstun et al.,
   "Invariances and data augmentation for supervised music transcription", ICASSP) all ten.
2. Labels are in samples at 44.1 kHz. Instruments are General MIDI programs counted from 1, and get their names.
3. The notes come from a score: they have no velocities, and the labels know of no pedal.
"""

import csv
from functools import partial
from pathlib import Path

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import make_notes
from nmfamt.datasets.pairs import AUDIO, files_in, matched
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.exceptions import NmfamtError
from nmfamt.midi import PROGRAMS
from nmfamt.notes import Notes

__all__ = ["MUSICNET"]

_SR = 44100
_INSTRUMENTS = {program + 1: name for name, program in reversed(PROGRAMS.items())}  # the first name of each counts


def _find(root: Path, pedal: str) -> list[Piece]:
    return [
        Piece(name=safe_name(name), audio=audio, read=partial(_read, labels), split=split)
        for split in ("test", "train")
        for name, audio, labels in matched(
            files_in(root / f"{split}_data", AUDIO), files_in(root / f"{split}_labels", {".csv"}), root
        )
    ]


def _read(path: Path) -> Notes:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [
                [int(row[column]) for column in ("start_time", "end_time", "note", "instrument")]
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise NmfamtError(f"'{path}' does not hold labels of MusicNet ({error!r}): copy it again.") from error
    onsets, offsets, pitches, programs = zip(*rows, strict=True) if rows else ([], [], [], [])
    return make_notes(
        path,
        [onset / _SR for onset in onsets],
        [offset / _SR for offset in offsets],
        pitches,
        instruments=[_INSTRUMENTS.get(program, f"program {program}") for program in programs],
    )


MUSICNET = DatasetKind(
    name="musicnet",
    title="MusicNet: classical chamber and solo music; by default its ten test pieces",
    source="https://zenodo.org/records/5120004",
    layout="test_data/1759.wav with test_labels/1759.csv, likewise train_data and train_labels",
    look_for="test_data",
    find=_find,
    splits={"test": 10, "train": 320, ALL: 330},
    default_split="test",
    bibtex="""\
@inproceedings{thickstun2017musicnet,
  author    = {Thickstun, John and Harchaoui, Zaid and Kakade, Sham M.},
  title     = {Learning Features of Music from Scratch},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2017}
}
""",
    has_pedal=False,
)
