"""MAESTRO and SMD."""

import pytest
from dataset_files import maestro, names, open_part, silence, table, text, write_pedalled

from nmfamt.datasets import open_dataset
from nmfamt.exceptions import NmfamtError


def test_maestro_by_its_index(tmp_path):
    rows = [("test", 2018, "b--1"), ("train", 2004, "c"), ("validation", 2006, "d"), ("test", 2004, "a")]
    maestro(tmp_path, *rows)
    opened = open_part("maestro", tmp_path)
    assert (opened.split, opened.n_official, names(opened)) == ("test", 177, ["a", "b--1"])
    assert [piece.group for piece in opened.pieces] == ["2004", "2018"]
    assert table(opened.pieces[0].reference()) == [(0.5, 1.5, 60)]
    assert table(open_part("maestro", tmp_path, pedal="ignore").pieces[0].reference()) == [(0.5, 1.0, 60)]
    assert names(open_part("maestro", tmp_path, split="validation")) == ["d"]
    assert names(open_dataset("maestro", tmp_path, split="2004")) == ["a", "c"]


def test_recordings_of_maestro_that_are_missing(tmp_path):
    maestro(tmp_path, ("test", 2004, "a"), ("test", 2004, "b"))
    (tmp_path / "2004/b.wav").unlink()
    assert names(open_part("maestro", tmp_path)) == ["a"]


def test_a_broken_index(tmp_path):
    text(tmp_path / "maestro-v3.0.0.csv", "midi_filename,duration\na.midi,2\n")
    with pytest.raises(NmfamtError, match=r"cannot be read as the index of MAESTRO \(KeyError"):
        open_dataset("maestro", tmp_path)


def test_smd_in_several_folders_and_formats(tmp_path):
    stem = "Bach_BWV849-01_001_20090916-SMD"
    silence(tmp_path / f"mp3_copy/{stem}.flac", 1.0)
    largest = silence(tmp_path / f"wav_44100_stereo/{stem}.wav", 2.0)
    silence(tmp_path / f"wav_22050_mono/{stem}.wav", 1.5)
    (tmp_path / "midi").mkdir()
    write_pedalled(tmp_path / f"midi/{stem}.mid")
    opened = open_part("smd", tmp_path)
    assert names(opened) == [stem]
    assert opened.pieces[0].audio == largest
    assert table(opened.pieces[0].reference()) == [(0.5, 1.5, 60)]
