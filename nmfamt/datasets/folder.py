"""Recordings with a file of notes of the same name: any folder of one's own, and SMD.

SMD: M. Müller, V. Konz, W. Bogler & V. Arifi-Müller, "Saarland music data (SMD)", late-breaking session, ISMIR 2011:
piano students on a Disklavier.

Conventions: in a folder of one's own the labels lie beside the recording, also in the folders inside it, whose names
are the groups. In SMD they may lie in another folder, and where a performance lies there in several formats the largest
file counts.
"""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from nmfamt import note_files
from nmfamt.datasets.kind import ALL, DatasetKind
from nmfamt.datasets.labels import file_reader
from nmfamt.datasets.pairs import AUDIO, files_in, matched
from nmfamt.datasets.piece import Piece, safe_name

__all__ = ["FOLDER", "SMD"]


def _find(root: Path, pedal: str) -> list[Piece]:
    recordings = files_in(root, AUDIO, below=True)
    labels = files_in(root, note_files.SUFFIXES, below=True)
    return [
        Piece(
            name=safe_name(name.replace("/", "-")),
            audio=audio,
            read=file_reader(path, pedal),
            group=str(Path(name).parent).removeprefix("."),
        )
        for name, audio, path in matched(recordings, labels, root)
    ]


def _find_smd(root: Path, pedal: str) -> list[Piece]:
    recordings, labels = _largest(root, AUDIO), _largest(root, {".mid", ".midi"})
    return [
        Piece(name=safe_name(name), audio=audio, read=file_reader(path, pedal), instruments=("piano",))
        for name, audio, path in matched(recordings, labels, root)
    ]


def _largest(root: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return the largest file of each stem, in whatever folder it lies."""
    files = defaultdict(list)
    for suffix in sorted(suffixes):
        for path in files_in(root, {suffix}, below=True).values():
            files[path.stem].append(path)
    return {stem: max(paths, key=lambda path: (path.stat().st_size, str(path))) for stem, paths in files.items()}


FOLDER = DatasetKind(
    name="folder",
    title="A folder of recordings, each with a MIDI, CSV, JSON or TSV file of the same name beside it",
    source="yourself",
    layout="PIECE.wav with PIECE.mid beside it, also in folders inside it",
    look_for="*.wav",
    find=_find,
    splits={ALL: None},
)

SMD = DatasetKind(
    name="smd",
    title="SMD: piano students on a Disklavier; all 50 performances",
    source="https://www.audiolabs-erlangen.de/resources/MIR/SMD/midi",
    layout="Bach_BWV849-01_001_20090916-SMD.mp3 or .wav and a .mid of the same name, in any folders",
    look_for="*-SMD.mid",
    find=_find_smd,
    splits={ALL: 50},
    bibtex="""\
@inproceedings{mueller2011smd,
  author    = {M{\\"u}ller, Meinard and Konz, Verena and Bogler, Wolfgang and Arifi-M{\\"u}ller, Vlora},
  title     = {Saarland Music Data ({SMD})},
  booktitle = {Late-Breaking and Demo Session of the International Conference on Music Information Retrieval (ISMIR)},
  year      = {2011}
}
""",
)
