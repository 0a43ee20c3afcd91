"""Data sets whose labels mirdata reads (the extra ``datasets``): GuitarSet, MedleyDB-pitch, vocadito.

R. M. Bittner et al., "mirdata: software for reproducible usage of datasets", ISMIR 2019.

Conventions:

1. mirdata reads the labels; the files are listed here. From version 1.0 on mirdata has the list of files of a set only
   after it has fetched it from the network, and nothing is downloaded here.
2. GuitarSet is heard through its microphone. It has no official split: each player is a group, ``"00"`` to ``"05"``, so
   that one player can be left out of training.
3. The notes of MedleyDB-pitch were found by pYIN, not by a person, and those of vocadito are of its first annotator.
   Pitches are fractions of a semitone in all three.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import make_notes, pitches_of
from nmfamt.datasets.pairs import AUDIO, files_in, matched
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

__all__ = ["GUITARSET", "MEDLEYDB_PITCH", "VOCADITO"]


def _find_guitarset(root: Path, pedal: str) -> list[Piece]:
    recordings = _named(root / "audio_mono-mic", AUDIO, "_mic")
    labels = _named(root / "annotation", {".jams"}, "")
    return _pieces(root, recordings, labels, _read_guitarset, instrument="guitar", n_group=2)


def _find_medleydb_pitch(root: Path, pedal: str) -> list[Piece]:
    recordings = _named(root / "audio", AUDIO, "")
    labels = _named(root / "medleydb-pitch-pyin-notes", {".csv"}, "_vamp_pyin_pyin_notes")
    return _pieces(root, recordings, labels, partial(_read_hz, "medleydb_pitch"))


def _find_vocadito(root: Path, pedal: str) -> list[Piece]:
    recordings = _named(root / "Audio", AUDIO, "")
    labels = _named(root / "Annotations" / "Notes", {".csv"}, "_notesA1")
    return _pieces(root, recordings, labels, partial(_read_hz, "vocadito"), instrument="voice")


def _named(folder: Path, suffixes: Any, ending: str) -> dict[str, Path]:
    """Return files by what comes before the ending of their names."""
    files = files_in(folder, suffixes)
    return {name.removesuffix(ending): path for name, path in files.items() if name.endswith(ending)}


def _pieces(
    root: Path,
    recordings: dict[str, Path],
    labels: dict[str, Path],
    read: Callable[[Path], Notes],
    *,
    instrument: str = "",
    n_group: int = 0,
) -> list[Piece]:
    """Return what has a recording and labels; the group is the beginning of the name."""
    if recordings and find_spec("mirdata") is None:
        raise NmfamtError(f"The labels in '{root}' are read by mirdata: pip install \"nmfamt[datasets]\"")
    return [
        Piece(
            name=safe_name(name),
            audio=audio,
            read=partial(read, path),
            group=name[:n_group],
            instruments=(instrument,) if instrument else (),
        )
        for name, audio, path in matched(recordings, labels, root)
    ]


def _read_guitarset(path: Path) -> Notes:
    from mirdata.datasets import guitarset

    strings = [_loaded(partial(guitarset.load_notes, str(path), string), path) for string in range(6)]
    played = [string for string in strings if string is not None]
    intervals = np.concatenate([np.empty((0, 2)), *(string.intervals for string in played)])
    pitches = np.concatenate([np.empty(0), *(string.pitches for string in played)])
    return make_notes(path, intervals[:, 0], intervals[:, 1], pitches)


def _read_hz(name: str, path: Path) -> Notes:
    """Read notes whose pitches are frequencies."""
    from importlib import import_module

    found = _loaded(partial(import_module(f"mirdata.datasets.{name}").load_notes, str(path)), path)
    if found is None:
        return Notes.empty()
    return make_notes(path, found.intervals[:, 0], found.intervals[:, 1], pitches_of(found.pitches))


def _loaded(load: Callable[[], Any], path: Path) -> Any:
    try:
        return load()
    except Exception as error:  # mirdata meets a broken file with errors of every kind
        raise NmfamtError(f"'{path}' cannot be read by mirdata ({error!r}): copy it again.") from error


GUITARSET = DatasetKind(
    name="guitarset",
    title="GuitarSet: six guitarists, solo and accompaniment; all 360 excerpts, or those of a player (needs mirdata)",
    source="https://zenodo.org/records/3371780",
    layout="annotation/00_BN1-129-Eb_comp.jams with audio_mono-mic/00_BN1-129-Eb_comp_mic.wav",
    look_for="audio_mono-mic",
    find=_find_guitarset,
    splits={ALL: 360, **{f"0{player}": 60 for player in range(6)}},
    bibtex="""\
@inproceedings{xi2018guitarset,
  author    = {Xi, Qingyang and Bittner, Rachel M. and Pauwels, Johan and Ye, Xuzhou and Bello, Juan Pablo},
  title     = {{GuitarSet}: A Dataset for Guitar Transcription},
  booktitle = {International Society for Music Information Retrieval Conference (ISMIR)},
  year      = {2018}
}
""",
    has_pedal=False,
)

MEDLEYDB_PITCH = DatasetKind(
    name="medleydb_pitch",
    title="MedleyDB-pitch: single instruments and voices, with notes that pYIN found (needs mirdata)",
    source="https://zenodo.org/record/2620624, and the notes from https://zenodo.org/record/4728793",
    layout="audio/TRACK.wav with medleydb-pitch-pyin-notes/TRACK_vamp_pyin_pyin_notes.csv",
    look_for="audio",
    find=_find_medleydb_pitch,
    splits={ALL: None},
    bibtex="""\
@inproceedings{bittner2014medleydb,
  author    = {Bittner, Rachel M. and Salamon, Justin and Tierney, Mike and Mauch, Matthias and Cannam, Chris and
               Bello, Juan Pablo},
  title     = {{MedleyDB}: A Multitrack Dataset for Annotation-Intensive {MIR} Research},
  booktitle = {International Society for Music Information Retrieval Conference (ISMIR)},
  year      = {2014}
}
""",
    has_pedal=False,
)

VOCADITO = DatasetKind(
    name="vocadito",
    title="vocadito: 40 excerpts of solo singing in seven languages (needs mirdata)",
    source="Zenodo, as vocadito (R. M. Bittner et al., 2021)",
    layout="Audio/vocadito_1.wav with Annotations/Notes/vocadito_1_notesA1.csv",
    look_for="Audio",
    find=_find_vocadito,
    splits={ALL: 40},
    bibtex="""\
@misc{bittner2021vocadito,
  author = {Bittner, Rachel M. and Pasalo, Katherine and Bosch, Juan Jos{\\'e} and Meseguer-Brocal, Gabriel and
            Rubinstein, David},
  title  = {vocadito: A Dataset of Solo Vocals with f0, Note, and Lyric Annotations},
  note   = {arXiv:2110.05580},
  year   = {2021}
}
""",
    has_pedal=False,
)
