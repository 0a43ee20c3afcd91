"""URMP: chamber music for two to five players, each recorded on their own and mixed.

B. Li, X. Liu, K. Dinesh, Z. Duan & G. Sharma, "Creating a multitrack classical music performance dataset for multimodal
music analysis", IEEE Transactions on Multimedia 2019.

Conventions: the mixture is transcribed, the notes of all players are its reference. Their pitch is given in Hz and kept
as it is, a fraction of a semitone. There is no official split.
"""

import re
from functools import partial
from pathlib import Path

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import Part, make_notes, pitches_of, read_numbers, read_parts
from nmfamt.datasets.pairs import AUDIO, files_in
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.notes import Notes

__all__ = ["URMP"]

_INSTRUMENTS = {
    "vn": "violin", "va": "viola", "vc": "cello", "db": "double bass", "fl": "flute", "ob": "oboe", "cl": "clarinet",
    "sax": "saxophone", "bn": "bassoon", "tpt": "trumpet", "hn": "horn", "tbn": "trombone", "tba": "tuba",
}  # fmt: skip
_NOTES = re.compile(r"Notes_\d+_([a-z]+)_")


def _find(root: Path, pedal: str) -> list[Piece]:
    pieces = []
    for key, audio in files_in(root, AUDIO, below=True).items():
        if not audio.stem.startswith("AuMix_"):
            continue
        parts = tuple(_parts(audio.parent))
        if parts:
            pieces.append(
                Piece(
                    name=safe_name(Path(key).name.removeprefix("AuMix_")),
                    audio=audio,
                    read=partial(read_parts, parts),
                    instruments=tuple(instrument for instrument, _ in parts),
                )
            )
    return pieces


def _parts(folder: Path) -> list[Part]:
    """Return the players of a piece, in the order of their numbers."""
    found: list[Part] = []
    for name, path in files_in(folder, {".txt"}).items():
        if match := _NOTES.match(name):
            found.append((_INSTRUMENTS.get(match[1], match[1]), partial(_read, path)))
    return found


def _read(path: Path) -> Notes:
    """Read onset, frequency in Hz and duration."""
    onsets, hz, durations = read_numbers(path, n_columns=3).T
    return make_notes(path, onsets, onsets + durations, pitches_of(hz))


URMP = DatasetKind(
    name="urmp",
    title="URMP: chamber music for two to five players; all 44 pieces",
    source="https://labsites.rochester.edu/air/projects/URMP.html",
    layout="01_Jupiter_vn_vc/AuMix_01_Jupiter_vn_vc.wav with Notes_1_vn_01_Jupiter.txt and so on beside it",
    look_for="01_Jupiter_vn_vc/AuMix_01_Jupiter_vn_vc.wav",
    find=_find,
    splits={ALL: 44},
    bibtex="""\
@article{li2019urmp,
  author  = {Li, Bochen and Liu, Xinzhao and Dinesh, Karthik and Duan, Zhiyao and Sharma, Gaurav},
  title   = {Creating a Multitrack Classical Music Performance Dataset for Multimodal Music Analysis: Challenges,
             Insights, and Applications},
  journal = {IEEE Transactions on Multimedia},
  volume  = {21},
  number  = {2},
  pages   = {522--535},
  year    = {2019}
}
""",
    has_pedal=False,
)
