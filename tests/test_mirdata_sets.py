"""GuitarSet, MedleyDB-pitch and vocadito, whose labels mirdata reads."""

import json
from importlib.util import find_spec

import pytest
from dataset_files import names, open_part, silence, table, text

from nmfamt.datasets import mirdata_sets, open_dataset
from nmfamt.exceptions import NmfamtError, NmfamtWarning

needs_mirdata = pytest.mark.skipif(find_spec("mirdata") is None, reason="mirdata is not installed")


def guitarset(root, name, strings):
    """Write an excerpt; for each string its notes as (time, duration, pitch)."""
    silence(root / f"audio_mono-mic/{name}_mic.wav")
    annotations = [
        {
            "namespace": "note_midi",
            "annotation_metadata": {"data_source": str(string)},
            "data": [{"time": t, "duration": d, "value": p, "confidence": None} for t, d, p in notes],
        }
        for string, notes in enumerate(strings)
    ]
    text(root / f"annotation/{name}.jams", json.dumps({"annotations": annotations}))


@needs_mirdata
def test_guitarset_by_player(tmp_path):
    low, high = [(0.5, 0.25, 40.1), (1.0, 0.5, 43.0)], [(0.5, 0.5, 64.2)]
    for name in ("00_BN1-129-Eb_comp", "05_Jazz1-130-D_solo"):
        guitarset(tmp_path, name, [low, [], [], [], [], high])
    opened = open_part("guitarset", tmp_path)
    assert (opened.split, opened.n_official) == ("all", 360)
    assert names(opened) == ["00_BN1-129-Eb_comp", "05_Jazz1-130-D_solo"]
    assert table(opened.pieces[0].reference()) == [(0.5, 0.75, 40.1), (0.5, 1.0, 64.2), (1.0, 1.5, 43.0)]
    player = open_part("guitarset", tmp_path, split="05")
    assert (player.n_official, names(player)) == (60, ["05_Jazz1-130-D_solo"])


@needs_mirdata
def test_strings_that_are_silent(tmp_path):
    guitarset(tmp_path, "00_BN1-129-Eb_comp", [[]] * 6)
    assert len(open_part("guitarset", tmp_path).pieces[0].reference()) == 0


@needs_mirdata
def test_labels_that_mirdata_cannot_read(tmp_path):
    guitarset(tmp_path, "00_BN1-129-Eb_comp", [])
    (piece,) = open_part("guitarset", tmp_path).pieces
    with pytest.raises(NmfamtError, match=r"00_BN1-129-Eb_comp\.jams' cannot be read by mirdata \(ValueError"):
        piece.reference()


@needs_mirdata
def test_medleydb_pitch(tmp_path):
    silence(tmp_path / "audio/AClassicEducation_NightOwl_STEM_08.wav")
    silence(tmp_path / "audio/Other_STEM_01.wav")
    labels = "medleydb-pitch-pyin-notes/AClassicEducation_NightOwl_STEM_08_vamp_pyin_pyin_notes.csv"
    text(tmp_path / labels, "0.5,0.25,440.0\n1.0,0.5,220.0\n")
    with pytest.warns(NmfamtWarning, match="1 recordings without labels, such as 'Other_STEM_01'"):
        opened = open_dataset("medleydb_pitch", tmp_path)
    assert names(opened) == ["AClassicEducation_NightOwl_STEM_08"]
    assert table(opened.pieces[0].reference()) == [(0.5, 0.75, 69), (1.0, 1.5, 57)]
    text(tmp_path / labels, "")
    assert len(opened.pieces[0].reference()) == 0


@needs_mirdata
def test_vocadito(tmp_path):
    silence(tmp_path / "Audio/vocadito_1.wav")
    for annotator, hz in (("A1", 440.0), ("A2", 220.0)):
        text(tmp_path / f"Annotations/Notes/vocadito_1_notes{annotator}.csv", f"0.5,{hz},0.25\n1.0,{hz},0.5\n")
    opened = open_part("vocadito", tmp_path)
    assert opened.pieces[0].instruments == ("voice",)
    assert table(opened.pieces[0].reference()) == [(0.5, 0.75, 69), (1.0, 1.5, 69)]


def test_mirdata_is_asked_for(tmp_path, monkeypatch):
    guitarset(tmp_path, "00_BN1-129-Eb_comp", [[]] * 6)
    monkeypatch.setattr(mirdata_sets, "find_spec", lambda name: None)
    with pytest.raises(NmfamtError, match=r'are read by mirdata: pip install "nmfamt\[datasets\]"'):
        open_dataset("guitarset", tmp_path)
