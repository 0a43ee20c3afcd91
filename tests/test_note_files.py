"""Notes in files: every format round trips as far as it can, every broken file is refused in a sentence."""

import json
import os

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.note_files import read_notes, write_notes
from nmfamt.notes import Notes


@pytest.fixture
def notes():
    """Notes with everything that can be said about them."""
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(0, 60, 50))
    return Notes(
        np.stack([onsets, onsets + rng.uniform(0.05, 1.0, 50)], axis=1),
        40 + np.arange(50) + 0.25,
        velocities=rng.integers(1, 128, 50),
        confidences=rng.uniform(0, 1, 50),
        instruments=np.array(["piano", "flute, solo", 'so-called "santur"', "", "二胡"])[rng.integers(0, 5, 50)],
        pedal=[[0.5, 1.5], [2.0, 3.0]],
        info={"version": "0.1.0", "dictionary": "piano", "settings": {"hop_length": 160}},
    )


def test_json_keeps_everything(tmp_path, notes):
    notes.write(tmp_path / "a.json")
    again = Notes.read(tmp_path / "a.json")
    assert again.equals(notes, tol=1e-6)
    assert again.info == notes.info


def test_csv_keeps_everything_but_pedal_and_info(tmp_path, notes):
    notes.write(tmp_path / "a.csv")
    without_pedal = Notes(
        notes.intervals,
        notes.pitches,
        velocities=notes.velocities,
        confidences=notes.confidences,
        instruments=notes.instruments,
    )
    assert Notes.read(tmp_path / "a.csv").equals(without_pedal, tol=1e-6)
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "onset,offset,pitch,velocity,confidence,instrument"
    assert len(lines) == 51


def test_tsv_keeps_what_the_labels_have(tmp_path, notes):
    notes.write(tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text().startswith("onset\toffset\tpitch\tvelocity\n")
    expected = Notes(notes.intervals, notes.pitches, velocities=notes.velocities)
    assert Notes.read(tmp_path / "a.tsv").equals(expected, tol=1e-6)


@pytest.mark.parametrize("suffix", ["mid", "midi", "MID"])
def test_midi_keeps_the_keys(tmp_path, notes, suffix):
    path = tmp_path / f"a.{suffix}"
    notes.write(path)
    again = Notes.read(path, pedal="ignore")
    np.testing.assert_allclose(again.intervals, notes.intervals, atol=0.001)
    np.testing.assert_array_equal(again.pitches, np.rint(notes.pitches))
    assert again.info == notes.info


@pytest.mark.parametrize("suffix", ["mid", "csv", "json", "tsv"])
def test_no_notes(tmp_path, suffix):
    Notes.empty().write(tmp_path / f"a.{suffix}")
    assert len(Notes.read(tmp_path / f"a.{suffix}")) == 0


def test_pedal_extends_midi_alone(tmp_path):
    notes = Notes([[0, 1]], [60], pedal=[[0.5, 2.0]])
    for suffix, end in (("mid", 2.0), ("json", 1.0)):
        notes.write(tmp_path / f"a.{suffix}")
        assert Notes.read(tmp_path / f"a.{suffix}").intervals[0, 1] == pytest.approx(end)
    assert Notes.read(tmp_path / "a.mid", pedal="ignore").intervals[0, 1] == pytest.approx(1.0)
    with pytest.raises(NmfamtError, match="give 'extend' or 'ignore'"):
        Notes.read(tmp_path / "a.mid", pedal="half")


def test_the_format_can_be_given(tmp_path, notes):
    write_notes(notes, tmp_path / "labels.txt", format="tsv")
    assert len(read_notes(tmp_path / "labels.txt", format="tsv")) == 50


def test_unknown_formats(tmp_path, notes):
    with pytest.raises(NmfamtError, match=r"a\.xml' does not tell its format: end it in one of \.mid"):
        notes.write(tmp_path / "a.xml")
    with pytest.raises(NmfamtError, match="no format 'xml': give one of csv, json, mid, tsv"):
        notes.write(tmp_path / "a.mid", format="xml")
    with pytest.raises(NmfamtError, match="tempo=90 has a meaning in MIDI alone"):
        notes.write(tmp_path / "a.csv", tempo=90)
    assert os.listdir(tmp_path) == []


def test_nothing_is_overwritten_unless_asked(tmp_path, notes):
    notes.write(tmp_path / "a.csv")
    with pytest.raises(NmfamtError, match="exists already"):
        Notes.empty().write(tmp_path / "a.csv")
    assert len(Notes.read(tmp_path / "a.csv")) == 50
    Notes.empty().write(tmp_path / "a.csv", overwrite=True)
    assert len(Notes.read(tmp_path / "a.csv")) == 0


def test_a_writer_that_fails_leaves_nothing(tmp_path, notes):
    with pytest.raises(NmfamtError, match="tempo"):
        notes.write(tmp_path / "a.mid", tempo=0)
    assert os.listdir(tmp_path) == []


def test_columns_are_found_by_name(tmp_path):
    (tmp_path / "a.tsv").write_text("pitch\thz\tOffset\t onset\n69\t441.2\t2.5\t1\n\n70\t466\t3\t2\n")
    expected = Notes([[1, 2.5], [2, 3]], [69, 70])
    assert Notes.read(tmp_path / "a.tsv").equals(expected)


def test_a_byte_order_mark_and_windows_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfonset,offset,pitch\r\n0,1,60\r\n")
    assert len(Notes.read(tmp_path / "a.csv")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'onset': its first line should be 'onset,offset,pitch,velocity'"),
        ("0.5,1.0,60\n", "has no column 'onset'"),
        ("onset,offset\n0,1\n", "has no column 'pitch'"),
        ("onset,offset,pitch\n0,1,60\n0,one,60\n", "line 3 cannot be read .*'one'"),
        ("onset,offset,pitch\n# made by hand\n", "line 2 cannot be read"),
        ("onset,offset,pitch\n0,1\n", r"line 2 cannot be read \(not 3 fields"),
        ("onset,offset,pitch\n0,1,60,9\n", r"line 2 cannot be read \(not 3 fields"),
        ("onset,offset,pitch\n0,1,60\n2,2,60\n", r"a\.csv': intervals\[1\] is \[2\.0, 2\.0\]"),
        ("onset,offset,pitch\n0,1,440\n", r"pitches\[0\] is 440"),
        ("onset,offset,pitch\nnan,1,60\n", r"intervals\[0\]"),
        ('onset,offset,pitch\n0,1,"' + "6" * 200_000, "field limit"),
    ],
)
def test_broken_tables(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(NmfamtError, match=message):
        Notes.read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "holds no notes"),
        ('{"notes": 3}', "holds no notes"),
        ('{"notes": [3]}', "note 0 is 3: it should have onset"),
        ('{"notes": [{"onset": 0}]}', "it should have onset, offset and pitch"),
        ('{"notes": [{"onset": 0, "offset": "x", "pitch": 60}]}', "cannot be read as an array of numbers"),
        ('{"notes": [{"onset": 0, "offset": 1, "pitch": [60]}]}', "pitches has shape"),
        ('{"notes": [{"onset": 0, "offset": 1, "pitch": NaN}]}', "pitches"),
        ('{"notes": [{"onset": 0, "offset": 1, "pitch": 1' + "0" * 400 + "}]}", "pitches"),
        ('{"notes": [{"onset": 0, "offset": 1, "pitch": 60, "velocity": null}]}', "velocities"),
        ('{"notes": [], "pedal": [1, 2, 3]}', "pedal has shape"),
        ('{"notes": [], "pedal": {"a": 1}}', "pedal cannot be read"),
        ('{"notes": [], "info": [1]}', "info of type list"),
        ('{"notes": [], "info": {"x": NaN}}', "info holds what JSON cannot"),
    ],
)
def test_broken_json(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(NmfamtError, match=message):
        Notes.read(tmp_path / "a.json")


def test_json_without_extras(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"notes": [{"onset": 0, "offset": 1, "pitch": 60}]}))
    assert Notes.read(tmp_path / "a.json").equals(Notes([[0, 1]], [60]))


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(NmfamtError, match=r"There is no file .*missing\.mid"):
        Notes.read(tmp_path / "missing.mid")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(NmfamtError, match="cannot be opened"):
        Notes.read(tmp_path / "folder.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\0\1")
    with pytest.raises(NmfamtError, match="not a text file in UTF-8"):
        Notes.read(tmp_path / "binary.csv")
    (tmp_path / "empty.mid").touch()
    with pytest.raises(NmfamtError, match="is not a MIDI file"):
        Notes.read(tmp_path / "empty.mid")
