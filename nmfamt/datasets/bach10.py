"""Bach10: ten chorales by J. S. Bach for violin, clarinet, saxophone and bassoon.

Z. Duan, B. Pardo & C. Zhang, "Multiple fundamental frequency estimation by modeling spectral peaks and non-peak
regions", TASLP 2010.

Conventions: the mixture is transcribed. The reference is ``-GTNotes.mat``, which has for each instrument the frames of
each note, counted from 1, with the pitch in each. Frames are 46 ms long and begin every 10 ms; a note is
taken to sound from 5 ms before the middle of its first frame to 5 ms after that of its last, its pitch is the median.
There is no official split.
"""

from functools import partial
from pathlib import Path

import numpy as np

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import make_notes
from nmfamt.datasets.pairs import AUDIO, files_in, matched
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["BACH10"]

_INSTRUMENTS = ("violin", "clarinet", "saxophone", "bassoon")
_LABELS = "-GTNotes"
_HOP, _FIRST_MIDDLE = 0.010, 0.023


def _find(root: Path, pedal: str) -> list[Piece]:
    labels = {
        name.removesuffix(_LABELS): path
        for name, path in files_in(root, {".mat"}, below=True).items()
        if name.endswith(_LABELS)
    }
    recordings = files_in(root, AUDIO, below=True)
    mixtures = {name: path for name, path in recordings.items() if path.stem == path.parent.name}
    return [
        Piece(
            name=safe_name(audio.stem),
            audio=audio,
            read=partial(_read, path),
            instruments=_INSTRUMENTS,
        )
        for _, audio, path in matched(mixtures, labels, root)
    ]


def _read(path: Path) -> Notes:
    from scipy.io import loadmat

    try:
        parts = [part.ravel() for part in loadmat(path, variable_names=["GTNotes"])["GTNotes"].ravel()]
        frames = [note[0, [0, -1]] for part in parts for note in part]
        pitches = [np.median(note[1]) for part in parts for note in part]
    except Exception as error:  # a broken file meets the parser with errors of every kind
        raise NmfamtError(f"'{path}' does not hold the notes of Bach10 ({error!r}): copy it again.") from error
    middles = _FIRST_MIDDLE + (np.array(frames, dtype=np.float64).reshape(-1, 2) - 1) * _HOP
    names = _INSTRUMENTS if len(parts) == len(_INSTRUMENTS) else [f"part {n}" for n in range(1, len(parts) + 1)]
    return make_notes(
        path,
        middles[:, 0] - _HOP / 2,
        middles[:, 1] + _HOP / 2,
        pitches,
        instruments=np.repeat(names, [len(part) for part in parts]),
    )


BACH10 = DatasetKind(
    name="bach10",
    title="Bach10: ten chorales for violin, clarinet, saxophone and bassoon",
    source="https://labsites.rochester.edu/air/resource.html",
    layout="01-AchGottundHerr/01-AchGottundHerr.wav with 01-AchGottundHerr-GTNotes.mat beside it, as in Bach10_v1.1",
    look_for="01-AchGottundHerr/01-AchGottundHerr.wav",
    find=_find,
    splits={ALL: 10},
    bibtex="""\
@article{duan2010bach10,
  author  = {Duan, Zhiyao and Pardo, Bryan and Zhang, Changshui},
  title   = {Multiple Fundamental Frequency Estimation by Modeling Spectral Peaks and Non-Peak Regions},
  journal = {IEEE Transactions on Audio, Speech, and Language Processing},
  volume  = {18},
  number  = {8},
  pages   = {2121--2133},
  year    = {2010}
}
""",
    has_pedal=False,
)
