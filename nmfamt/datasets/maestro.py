"""MAESTRO, version 3: piano competitions recorded on Disklaviers.

C. Hawthorne et al., "Enabling factorized piano music modeling and generation with the MAESTRO dataset", ICLR 2019.

Conventions: the splits are those of the index ``maestro-v3.0.0.csv`` that comes with the recordings. mirdata reads
version 2 alone, hence the index is read here. The group of a piece is its year.
"""

import csv
from pathlib import Path

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import file_reader
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.exceptions import NmfamtError

__all__ = ["MAESTRO"]

_INDEX = "maestro-v3.0.0.csv"


def _find(root: Path, pedal: str) -> list[Piece]:
    index = root / _INDEX
    if not index.is_file():
        return []
    try:
        with open(index, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        files = [(root / row["audio_filename"], root / row["midi_filename"], row) for row in rows]
        return [
            Piece(
                name=safe_name(audio.stem),
                audio=audio,
                read=file_reader(labels, pedal),
                split=row["split"],
                group=row["year"],
                instruments=("piano",),
            )
            for audio, labels, row in files
            if audio.is_file() and labels.is_file()
        ]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError) as error:
        raise NmfamtError(f"'{index}' cannot be read as the index of MAESTRO ({error!r}): copy it again.") from error


MAESTRO = DatasetKind(
    name="maestro",
    title="MAESTRO v3: piano competitions on Disklaviers; by default its test split",
    source="https://magenta.tensorflow.org/datasets/maestro",
    layout=f"{_INDEX} with the folders 2004 to 2018 beside it, as unpacked from maestro-v3.0.0.zip",
    look_for=_INDEX,
    find=_find,
    splits={"test": 177, "validation": 137, "train": 962, ALL: 1276},
    default_split="test",
    bibtex="""\
@inproceedings{hawthorne2019maestro,
  author    = {Hawthorne, Curtis and Stasyuk, Andriy and Roberts, Adam and Simon, Ian and Huang, Cheng-Zhi Anna and
               Dieleman, Sander and Elsen, Erich and Engel, Jesse and Eck, Douglas},
  title     = {Enabling Factorized Piano Music Modeling and Generation with the {MAESTRO} Dataset},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2019}
}
""",
)
