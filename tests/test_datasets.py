"""Data sets: what can be opened, the options, the errors, and a folder of one's own."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_files import DATA, names, silence, table, text, write_pedalled

from nmfamt.datasets import DATASETS, Piece, open_dataset
from nmfamt.datasets.piece import safe_name
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.notes import Notes

SHARED = DATA
EXAMPLES = Path(__file__).parent.parent / "examples" / "audio"
NOTES = Notes([[0.25, 0.75], [0.5, 1.5], [1.25, 1.75]], [60, 64, 67], velocities=[50, 60, 70])


@pytest.fixture
def folder(tmp_path):
    """A folder with one recording of 2 s, and three notes."""
    silence(tmp_path / "waltz.wav")
    NOTES.write(tmp_path / "waltz.tsv")
    return tmp_path


def test_a_folder_of_recordings_and_labels(folder):
    for suffix in ("mid", "csv", "json"):
        silence(folder / f"album/{suffix}.flac")
        NOTES.write(folder / f"album/{suffix}.{suffix}")
    opened = open_dataset("folder", folder)
    assert names(opened) == ["album-csv", "album-json", "album-mid", "waltz"]
    assert [piece.group for piece in opened.pieces] == ["album", "album", "album", ""]
    assert [piece.audio.suffix for piece in opened.pieces] == [".flac", ".flac", ".flac", ".wav"]
    for piece in opened.pieces:
        assert piece.reference().equals(NOTES, tol=2e-3)  # a tick of MIDI
    assert (opened.name, opened.split, opened.n_official, opened.bibtex) == ("folder", "all", None, "")
    assert names(open_dataset("folder", folder, split="album")) == ["album-csv", "album-json", "album-mid"]


def test_seconds_keep_the_beginning(folder):
    (piece,) = open_dataset("folder", folder, seconds=1.0).pieces
    assert (piece.start, piece.end) == (0.0, 1.0)
    assert table(piece.reference()) == [(0.25, 0.75, 60), (0.5, 1.0, 64)]
    assert len(piece.read()) == 3  # the labels are those of the whole recording
    (whole,) = open_dataset("folder", folder, seconds=2.0).pieces
    assert whole.end == 2.0  # the recording ends there, what others find after it is cut off all the same
    assert len(whole.reference()) == 3
    (short,) = open_dataset("folder", folder, seconds=2.5).pieces
    assert short.end is None


def test_seconds_of_a_recording_that_cannot_be_read_are_left_to_the_transcription(folder):
    text(folder / "waltz.wav", "no sound")
    (piece,) = open_dataset("folder", folder, seconds=1.0).pieces
    assert piece.end == 1.0


def test_labels_are_moved_before_the_part_is_taken(folder):
    opened = open_dataset("folder", folder, seconds=1.0, label_shift=0.6)
    assert table(opened.pieces[0].reference()) == [(0.85, 1.0, 60)]
    assert opened.options == {"pedal": "extend", "label_shift": 0.6, "seconds": 1.0}
    (early,) = open_dataset("folder", folder, label_shift=-0.5).pieces
    assert table(early.reference()) == [(0.0, 0.25, 60), (0.0, 1.0, 64), (0.75, 1.25, 67)]


def test_the_pedal_is_a_matter_of_midi(tmp_path):
    silence(tmp_path / "a.wav")
    write_pedalled(tmp_path / "a.mid")
    (held,) = open_dataset("folder", tmp_path).pieces
    (keys,) = open_dataset("folder", tmp_path, pedal="ignore").pieces
    assert table(held.reference()) == [(0.5, 1.5, 60)]
    assert table(keys.reference()) == [(0.5, 1.0, 60)]


def test_what_only_says_how_long_notes_sound_cannot_ignore_the_pedal(folder):
    with pytest.raises(NmfamtError, match=r"waltz\.tsv' says how long notes sound.*leave pedal='extend'"):
        open_dataset("folder", folder, pedal="ignore")
    with pytest.raises(NmfamtError, match="'musicnet' know of no sustain pedal"):
        open_dataset("musicnet", folder, pedal="ignore")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pedal": "half"}, "pedal is 'half': give 'extend' or 'ignore'"),
        ({"seconds": 0}, "seconds is 0: give how much"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"label_shift": float("inf")}, "label_shift is inf: give seconds"),
        ({"split": "test"}, "'folder' has no split 'test': give one of all"),
    ],
)
def test_options_out_of_range(folder, options, message):
    with pytest.raises(NmfamtError, match=message):
        open_dataset("folder", folder, **options)


def test_an_unknown_data_set(tmp_path):
    with pytest.raises(NmfamtError, match="There is no data set 'mops': give one of maps, maestro, "):
        open_dataset("mops", tmp_path)


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_set_says_where_it_comes_from_and_what_is_expected(name, tmp_path):
    kind = DATASETS[name]
    (tmp_path / "notes.md").touch()
    with pytest.raises(NmfamtError) as empty:
        open_dataset(name, tmp_path)
    assert f"'{tmp_path / kind.look_for}'" in str(empty.value)
    with pytest.raises(NmfamtError) as missing:
        open_dataset(name, tmp_path / "nowhere")
    assert f"There is no folder '{tmp_path / 'nowhere'}'" in str(missing.value)
    for refusal in (str(empty.value), str(missing.value)):
        assert kind.source in refusal
        assert kind.layout in refusal
        assert "nothing is downloaded" in refusal
        assert "\n" not in refusal


@pytest.mark.parametrize("kind", DATASETS.values(), ids=DATASETS)
def test_what_is_known_of_a_set(kind):
    assert DATASETS[kind.name] is kind
    assert kind.default_split in kind.splits
    assert "all" in kind.splits
    assert "test" not in kind.splits or kind.default_split == "test"
    assert "\n" not in kind.title
    if kind.name != "folder":
        assert kind.bibtex.startswith("@")
        assert kind.bibtex.count("{") == kind.bibtex.count("}")
        for key in ("author", "title", "year"):
            assert f"  {key}" in kind.bibtex


def test_what_has_no_counterpart_is_left_out_and_said(folder):
    silence(folder / "polka.wav")
    with pytest.warns(NmfamtWarning, match="1 recordings without labels, such as 'polka': left out"):
        opened = open_dataset("folder", folder)
    assert names(opened) == ["waltz"]
    (folder / "polka.wav").unlink()
    NOTES.write(folder / "march.mid")
    with pytest.warns(NmfamtWarning, match="1 labels without a recording, such as 'march': left out"):
        assert names(open_dataset("folder", folder)) == ["waltz"]


def test_two_files_of_one_name_are_refused(folder):
    NOTES.write(folder / "waltz.mid")
    with pytest.raises(NmfamtError, match=r"waltz\.mid' and '.*waltz\.tsv' have one name: take one of them away"):
        open_dataset("folder", folder)


def test_two_pieces_of_one_name_are_refused(tmp_path):
    for path in ("a b", "a_b"):
        silence(tmp_path / f"{path}.wav")
        NOTES.write(tmp_path / f"{path}.tsv")
    with pytest.raises(NmfamtError, match="2 pieces would be called 'a_b'"):
        open_dataset("folder", tmp_path)


def test_hidden_files_are_left_out(folder):
    silence(folder / "._waltz.wav")
    silence(folder / ".trash/old.wav")
    assert names(open_dataset("folder", folder)) == ["waltz"]


def test_broken_labels_are_said_when_they_are_read(folder):
    text(folder / "waltz.tsv", "onset\toffset\tpitch\n1\t2\tC4\n")
    (piece,) = open_dataset("folder", folder).pieces
    with pytest.raises(NmfamtError, match=r"waltz\.tsv', line 2 cannot be read"):
        piece.reference()


def test_data_sets_travel_between_processes(folder):
    opened = open_dataset("folder", folder, seconds=1.0, label_shift=0.1)
    copy = pickle.loads(pickle.dumps(opened))
    assert names(copy) == names(opened)
    assert copy.options == opened.options
    assert copy.pieces[0].reference().equals(opened.pieces[0].reference())


def test_names_are_safe():
    assert safe_name("../Étude (1)") == "_..__tude__1_"
    for text_ in ("-x", ".x", "a/b", "ü"):
        Piece(safe_name(text_), Path("a.wav"), Notes.empty)
    with pytest.raises(NmfamtError, match="'a/b' is no name for a piece"):
        Piece("a/b", Path("a.wav"), Notes.empty)
    with pytest.raises(NmfamtError, match=r"begins at 2.0 s and ends at 1.0 s"):
        Piece("a", Path("a.wav"), Notes.empty, start=2.0, end=1.0)


def test_a_part_clips_what_others_found_as_it_clips_labels():
    piece = Piece("a", Path("a.wav"), lambda: NOTES, start=0.5, end=1.5)
    assert table(piece.reference()) == [(0.5, 1.5, 64), (1.25, 1.5, 67)]
    assert piece.clip(NOTES).equals(piece.reference())


def test_opening_is_light():
    heavy = "scipy", "librosa", "mirdata", "pretty_midi", "mir_eval", "numba"
    code = f"import sys, nmfamt.datasets; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_examples_of_the_project():
    opened = open_dataset("folder", EXAMPLES)
    assert names(opened) == ["canon", "greensleeves", "invention"]
    assert all(len(piece.reference()) > 50 for piece in opened.pieces)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no development data")
def test_a_folder_of_hand_labelled_clips():
    opened = open_dataset("folder", SHARED / "harmonica")
    assert len(opened.pieces) == 20
    assert all(np.all(piece.reference().pitches > 40) for piece in opened.pieces)
