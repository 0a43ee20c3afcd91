"""MAPS, as distributed and with tables beside the recordings."""

import pickle

import pytest
from dataset_files import DATA, distributed_maps, names, open_part, silence, table

from nmfamt.datasets import open_dataset
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import find_isolated_notes
from nmfamt.notes import Notes

SHARED = DATA / "maps"


@pytest.fixture
def maps(tmp_path):
    """Two real rooms and two software pianos, which share pieces."""
    distributed_maps(tmp_path, "ENSTDkCl", "chpn_op7_1", "mz_331_3")
    distributed_maps(tmp_path, "ENSTDkAm", "chpn_op7_1", "bach_846")
    distributed_maps(tmp_path, "StbgTGd2", "bach_846", "liz_et6")
    distributed_maps(tmp_path, "AkPnBcht", "mz_331_3", "liz_et6", "alb_se3")
    return tmp_path


def test_the_test_set_is_the_real_piano(maps):
    opened = open_part("maps", maps)
    assert (opened.split, opened.n_official) == ("test", 60)
    assert names(opened) == ["ENSTDkAm-bach_846", "ENSTDkAm-chpn_op7_1", "ENSTDkCl-chpn_op7_1", "ENSTDkCl-mz_331_3"]
    assert {piece.group for piece in opened.pieces} == {"ENSTDkAm", "ENSTDkCl"}
    assert {piece.instruments for piece in opened.pieces} == {("piano",)}


def test_no_piece_of_the_test_set_is_in_the_training_set(maps):
    opened = open_part("maps", maps, split="train")
    assert opened.n_official == 139
    assert names(opened) == ["AkPnBcht-alb_se3", "AkPnBcht-liz_et6", "StbgTGd2-liz_et6"]


def test_a_room_and_everything_can_be_asked_for(maps):
    assert names(open_part("maps", maps, split="StbgTGd2")) == ["StbgTGd2-bach_846", "StbgTGd2-liz_et6"]
    assert len(open_part("maps", maps, split="all").pieces) == 9
    with pytest.raises(NmfamtError, match=r"'maps' has no split 'ENSTDkXX': give one of test, train, all, ENSTDkAm, "):
        open_dataset("maps", maps, split="ENSTDkXX")


def test_the_whole_room_is_no_warning(tmp_path):
    distributed_maps(tmp_path, "ENSTDkCl", *(f"piece_{n}" for n in range(30)))
    opened = open_dataset("maps", tmp_path, split="ENSTDkCl")
    assert len(opened.pieces) == opened.n_official == 30


def test_a_split_of_which_nothing_is_there(tmp_path):
    distributed_maps(tmp_path, "ENSTDkCl", "chpn_op7_1")
    with pytest.raises(NmfamtError, match="holds no piece of split 'train' of 'maps', only of test"):
        open_dataset("maps", tmp_path, split="train")


def test_the_pedal_is_applied_or_not(maps):
    held, keys = (open_part("maps", maps, pedal=pedal).pieces[0].reference() for pedal in ("extend", "ignore"))
    assert table(held) == [(0.5, 1.5, 60)]
    assert table(keys) == [(0.5, 1.0, 60)]


def test_labels_as_text_have_the_pedal_in_them(maps):
    for path in maps.rglob("*.mid"):
        path.unlink()
    assert table(open_part("maps", maps).pieces[0].reference()) == [(0.5, 1.5, 60)]
    with pytest.raises(NmfamtError, match=r"\.txt' says how long notes sound, pedal included"):
        open_dataset("maps", maps, pedal="ignore")


def test_isolated_notes_of_the_room(maps):
    piece = open_part("maps", maps, split="ENSTDkCl").pieces[0]
    notes = find_isolated_notes(piece.isolated_notes)
    assert sorted(note.pitch for note in notes) == [60, 60, 108]
    assert all("ENSTDkCl" in note.path.name and "_NO_" in note.path.name for note in notes)
    pickle.loads(pickle.dumps(piece))


def test_tables_beside_the_recordings(tmp_path):
    for room, piece in (("ENSTDkCl", "mz_331_3"), ("StbgTGd2", "mz_331_3"), ("StbgTGd2", "liz_et6")):
        silence(tmp_path / room / f"{piece}.flac")
        Notes([[0.5, 1.5]], [60], velocities=90).write(tmp_path / room / f"{piece}.tsv")
    silence(tmp_path / "isolated/ENSTDkCl/060.flac", 0.1)
    (real,) = open_part("maps", tmp_path).pieces
    assert real.name == "ENSTDkCl-mz_331_3"
    assert real.reference().velocities.tolist() == [90]
    assert [note.pitch for note in find_isolated_notes(real.isolated_notes)] == [60]
    (software,) = open_part("maps", tmp_path, split="train").pieces
    assert software.name == "StbgTGd2-liz_et6"
    assert software.isolated_notes is None
    with pytest.raises(NmfamtError, match=r"mz_331_3\.tsv' says how long notes sound, pedal included"):
        open_dataset("maps", tmp_path, pedal="ignore")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no development data")
def test_the_development_data():
    opened = open_part("maps", SHARED, seconds=30)
    assert len(opened.pieces) == 18
    assert all(len(find_isolated_notes(piece.isolated_notes)) == 88 for piece in opened.pieces)
    assert all(piece.reference().intervals.max() <= 30 for piece in opened.pieces)
    test = {piece.name.split("-", 1)[1] for piece in opened.pieces}
    train = {piece.name.split("-", 1)[1] for piece in open_part("maps", SHARED, split="train").pieces}
    assert "scn16_4" in test  # StbgTGd2 plays it as well
    assert not test & train
