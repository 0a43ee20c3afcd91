"""MusicNet, URMP, Bach10, TRIOS and Su: several instruments."""

import numpy as np
import pytest
from dataset_files import MUSICNET, MUSICNET_TEST, make_musicnet, names, open_part, silence, table, text

from nmfamt.datasets import open_dataset
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.notes import Notes


@pytest.fixture
def musicnet(tmp_path):
    return make_musicnet(tmp_path)


def test_musicnet_has_ten_test_pieces(musicnet):
    opened = open_dataset("musicnet", musicnet)
    assert names(opened) == [str(piece) for piece in MUSICNET_TEST]
    assert (opened.split, opened.n_official) == ("test", 10)
    assert names(open_part("musicnet", musicnet, split="train")) == ["1727"]


def test_musicnet_counts_samples_and_programs_from_one(musicnet):
    notes = open_dataset("musicnet", musicnet).pieces[0].reference()
    assert table(notes)[:3] == [(0.5, 1.0, 45), (1.0, 1.5, 69), (1.5, 2.0, 60)]
    assert notes.instruments.tolist() == ["cello", "violin", "piano", "clarinet", "oboe", "program 121"]


def test_labels_of_musicnet_that_are_none(musicnet):
    text(musicnet / "test_labels/1759.csv", "start_time,end_time,note\n1,2,60\n")
    with pytest.raises(NmfamtError, match=r"1759\.csv' does not hold labels of MusicNet \(KeyError\('instrument'\)"):
        open_dataset("musicnet", musicnet).pieces[0].reference()


def test_a_note_that_does_not_last_is_left_out(musicnet):
    text(musicnet / "test_labels/1759.csv", MUSICNET + "88200,88200,41,69,0.0,1.0,Quarter\n")
    with pytest.warns(NmfamtWarning, match="has 1 of 7 notes that do not last, or have no pitch: left out"):
        assert len(open_dataset("musicnet", musicnet).pieces[0].reference()) == 6


def test_urmp_mixes_its_players(tmp_path):
    piece = tmp_path / "Dataset" / "01_Jupiter_vn_vc"
    silence(piece / "AuMix_01_Jupiter_vn_vc.wav")
    silence(piece / "AuSep_1_vn_01_Jupiter.wav")
    text(piece / "Notes_1_vn_01_Jupiter.txt", "0.500\t\t440.0\t\t0.250\n1.000\t\t445.112\t\t0.500\n")
    text(piece / "Notes_2_vc_01_Jupiter.txt", "0.250 110.0 0.500\n")
    text(piece / "F0s_1_vn_01_Jupiter.txt", "0.023 440.0\n")
    (tmp_path / "Dataset" / "Supplementary_Files").mkdir()
    opened = open_part("urmp", tmp_path)
    assert names(opened) == ["01_Jupiter_vn_vc"]
    assert opened.pieces[0].instruments == ("violin", "cello")
    notes = opened.pieces[0].reference()
    assert table(notes) == [(0.25, 0.75, 45), (0.5, 0.75, 69), (1.0, 1.5, 69.2)]
    assert notes.instruments.tolist() == ["cello", "violin", "violin"]


def test_notes_of_urmp_that_are_none(tmp_path):
    silence(tmp_path / "a/AuMix_a.wav")
    path = text(tmp_path / "a/Notes_1_vn_a.txt", "0.5\n")
    (piece,) = open_part("urmp", tmp_path).pieces
    with pytest.raises(NmfamtError, match=rf"'{path}' is no table of 3 columns of numbers"):
        piece.reference()
    text(path, "0.5 0 0.5\n1 440 0.5\n")
    with pytest.warns(NmfamtWarning, match="1 of 2 notes that do not last, or have no pitch"):
        assert table(piece.reference()) == [(1.0, 1.5, 69)]
    text(path, "-0.5 440 1\n")
    with pytest.raises(NmfamtError, match=rf"'{path}': intervals\[0\] is"):
        piece.reference()
    text(path, "")
    assert len(piece.reference()) == 0


def bach10(root, *parts):
    """Write a chorale; each part is a list of (frames, pitches)."""
    from scipy.io import savemat

    def cells(items):
        column = np.empty((len(items), 1), dtype=object)
        for row, item in enumerate(items):
            column[row, 0] = item
        return column

    folder = root / "01-AchGottundHerr"
    silence(folder / "01-AchGottundHerr.wav")
    silence(folder / "01-AchGottundHerr-violin.wav")
    notes = cells([cells([np.array(note, dtype=float) for note in part]) for part in parts])
    savemat(folder / "01-AchGottundHerr-GTNotes.mat", {"GTNotes": notes})
    return folder


def test_bach10_counts_frames_from_one(tmp_path):
    violin = [([1, 2, 3], [69.1, 69.0, 68.9]), ([101, 102], [71, 71])]
    bach10(tmp_path, violin, [([1, 2], [64, 64])], [([1, 2], [60, 60])], [([51, 52], [48, 48])])
    opened = open_part("bach10", tmp_path)
    assert names(opened) == ["01-AchGottundHerr"]
    notes = opened.pieces[0].reference()
    # The middle of frame k is at 23 ms + (k - 1) 10 ms; a note reaches half a hop beyond its first and last.
    assert table(notes) == [
        (0.018, 0.038, 60),
        (0.018, 0.038, 64),
        (0.018, 0.048, 69),
        (0.518, 0.538, 48),
        (1.018, 1.038, 71),
    ]
    assert notes.instruments.tolist() == ["saxophone", "clarinet", "violin", "bassoon", "violin"]


def test_labels_of_bach10_that_are_none(tmp_path):
    folder = bach10(tmp_path, [([1, 2], [60, 60])])
    (piece,) = open_part("bach10", tmp_path).pieces
    assert piece.reference().instruments.tolist() == ["part 1"]
    text(folder / "01-AchGottundHerr-GTNotes.mat", "no matrix")
    with pytest.raises(NmfamtError, match=r"GTNotes\.mat' does not hold the notes of Bach10"):
        piece.reference()


def test_trios_without_its_drums(tmp_path):
    folder = tmp_path / "take_five"
    silence(folder / "mix.wav")
    silence(folder / "piano.wav")
    for stem, pitch in (("piano", 60), ("saxophone", 64), ("kick", 36), ("ride", 59), ("snare", 38)):
        Notes([[0.5, 1.5]], [pitch], instruments="something else").write(folder / f"{stem}.mid")
    opened = open_part("trios", tmp_path)
    assert names(opened) == ["take_five"]
    notes = opened.pieces[0].reference()
    assert notes.pitches.tolist() == [60, 64]
    assert notes.instruments.tolist() == list(opened.pieces[0].instruments) == ["piano", "saxophone"]


def test_su(tmp_path):
    silence(tmp_path / "audio/SQ01_Beethoven_audio.wav")
    text(tmp_path / "gt_Note/SQ01_Beethoven_note.txt", "0.5 1.0 440.0\n0.25 0.75 220.0\n")
    text(tmp_path / "gt_F0/SQ01_Beethoven_F0.txt", "0.01 440.0\n")
    opened = open_part("su", tmp_path)
    assert names(opened) == ["SQ01_Beethoven"]
    assert (opened.pieces[0].group, opened.pieces[0].instruments) == ("SQ", ("violin", "viola", "cello"))
    assert table(opened.pieces[0].reference()) == [(0.25, 0.75, 57), (0.5, 1.0, 69)]
