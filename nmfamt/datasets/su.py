"""Su: ten excerpts of piano and string music, labelled by a pianist who played along.

L. Su & Y.-H. Yang, "Escaping from the abyss of manual annotation: new methodology of building polyphonic datasets for
automatic music transcription", CMMR 2015.

Conventions: the reference is the note-level annotation in ``gt_Note``: onset and offset in seconds, frequency in Hz. It
does not name the instruments of a note. The group of a piece is what plays, by the two letters that its name begins
with. There is no official split.
"""

from functools import partial
from pathlib import Path

from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import make_notes, pitches_of, read_numbers
from nmfamt.datasets.pairs import AUDIO, files_in, matched
from nmfamt.datasets.piece import Piece, safe_name
from nmfamt.notes import Notes

__all__ = ["SU"]

_ENSEMBLES = {
    "PS": ("piano",),
    "PQ": ("piano", "violin", "viola", "cello"),
    "SQ": ("violin", "viola", "cello"),
    "VS": ("violin", "piano"),
}
"""Piano sonata, piano quintet, string quartet, violin sonata."""


def _find(root: Path, pedal: str) -> list[Piece]:
    recordings = {
        name.removesuffix("_audio"): path
        for name, path in files_in(root / "audio", AUDIO).items()
        if name.endswith("_audio")
    }
    labels = {
        name.removesuffix("_note"): path
        for name, path in files_in(root / "gt_Note", {".txt"}).items()
        if name.endswith("_note")
    }
    return [
        Piece(
            name=safe_name(name),
            audio=audio,
            read=partial(_read, path),
            group=name[:2],
            instruments=_ENSEMBLES.get(name[:2], ()),
        )
        for name, audio, path in matched(recordings, labels, root)
    ]


def _read(path: Path) -> Notes:
    """Read onset, offset and frequency in Hz."""
    onsets, offsets, hz = read_numbers(path, n_columns=3).T
    return make_notes(path, onsets, offsets, pitches_of(hz))


SU = DatasetKind(
    name="su",
    title="Su: ten excerpts of piano and string music",
    source="the page of Li Su, Academia Sinica, on building polyphonic datasets (L. Su & Y.-H. Yang, CMMR 2015)",
    layout="audio/PIECE_audio.wav with gt_Note/PIECE_note.txt",
    look_for="audio",
    find=_find,
    splits={ALL: 10},
    bibtex="""\
@inproceedings{su2015escaping,
  author    = {Su, Li and Yang, Yi-Hsuan},
  title     = {Escaping from the Abyss of Manual Annotation: New Methodology of Building Polyphonic Datasets for
               Automatic Music Transcription},
  booktitle = {International Symposium on Computer Music Multidisciplinary Research (CMMR)},
  year      = {2015}
}
""",
    has_pedal=False,
)
