"""TRIOS: five short pieces for three instruments, recorded one by one and mixed.

J. Fritsch & M. D. Plumbley, "Score informed audio source separation using constrained nonnegative matrix factorization
and score synthesis", ICASSP 2013.

Conventions: the mixture is transcribed; its reference are the aligned MIDI files of all instruments but the drums, each
named after its file. There is no official split.
"""

from functools import partial
from pathlib import Path

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import file_reader, read_parts
from nmfamt.datasets.pairs import AUDIO, files_in
from nmfamt.datasets.piece import Piece, safe_name

__all__ = ["TRIOS"]

_WITHOUT_PITCH = {"mix", "kick", "ride", "snare", "drums"}


def _find(root: Path, pedal: str) -> list[Piece]:
    pieces = []
    for audio in files_in(root, AUDIO, below=True).values():
        if audio.stem != "mix":
            continue
        parts = {
            name.replace("_", " "): file_reader(path, pedal)
            for name, path in files_in(audio.parent, {".mid", ".midi"}).items()
            if name.lower() not in _WITHOUT_PITCH
        }
        if parts:
            pieces.append(
                Piece(
                    name=safe_name(audio.parent.name),
                    audio=audio,
                    read=partial(read_parts, tuple(parts.items())),
                    instruments=tuple(parts),
                )
            )
    return pieces


TRIOS = DatasetKind(
    name="trios",
    title="TRIOS: five short pieces for three instruments",
    source="https://zenodo.org/record/6797837",
    layout="brahms/mix.wav with horn.mid, piano.mid and violin.mid beside it, likewise four more pieces",
    look_for="brahms/mix.wav",
    find=_find,
    splits={ALL: 5},
    bibtex="""\
@inproceedings{fritsch2013trios,
  author    = {Fritsch, Joachim and Plumbley, Mark D.},
  title     = {Score Informed Audio Source Separation Using Constrained Nonnegative Matrix Factorization and Score
               Synthesis},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  pages     = {888--891},
  year      = {2013}
}
""",
)
