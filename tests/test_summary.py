"""Scores of several pieces."""

import json
from dataclasses import fields

import numpy as np
import pytest

from nmfamt.evaluation import Scores, evaluate, evaluate_streams
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.notes import Notes
from nmfamt.summary import pair_files, summarize


def piece(n_right, n_notes=10):
    """Scores of a piece in which so many notes are right."""
    intervals = np.arange(n_notes)[:, None] + [0.0, 1.0]
    reference = Notes(intervals, [60] * n_notes)
    return evaluate(reference, Notes(intervals, np.where(np.arange(n_notes) < n_right, 60, 70)))


def test_mean_and_standard_deviation():
    summary = summarize([piece(2), piece(4), piece(9)])
    assert summary.n_pieces == 3
    assert summary.mean["onset_f1"] == pytest.approx(0.5)
    assert summary.std["onset_f1"] == pytest.approx(np.std([0.2, 0.4, 0.9], ddof=1))
    assert summary.mean["n_reference"] == 10


def test_the_interval_is_that_of_the_mean():
    rng = np.random.default_rng(0)
    scores = [piece(n) for n in rng.integers(0, 11, 100)]
    summary = summarize(scores)
    half = 1.96 * summary.std["onset_f1"] / np.sqrt(100)  # the central limit theorem, for a hundred pieces
    assert summary.low["onset_f1"] == pytest.approx(summary.mean["onset_f1"] - half, abs=0.01)
    assert summary.high["onset_f1"] == pytest.approx(summary.mean["onset_f1"] + half, abs=0.01)
    narrow = summarize(scores, level=0.5)
    assert summary.low["onset_f1"] < narrow.low["onset_f1"] < narrow.high["onset_f1"] < summary.high["onset_f1"]


def test_the_interval_depends_on_the_seed_alone():
    scores = [piece(n) for n in (1, 3, 8, 9)]
    assert summarize(scores, n_resamples=50) == summarize(scores, n_resamples=50)
    assert summarize(scores, n_resamples=50) != summarize(scores, n_resamples=50, seed=1)


def test_pieces_where_a_number_is_unknown_are_left_out_of_it():
    summary = summarize([piece(0), piece(5), piece(5)])
    assert summary.mean["onset_bias"] == 0
    assert (summary.n_known["onset_bias"], summary.n_known["onset_f1"]) == (2, 3)
    assert summary.mean["onset_f1"] == pytest.approx(1 / 3)


def test_one_piece_has_no_spread():
    summary = summarize([piece(5)])
    assert summary.mean["onset_f1"] == 0.5
    assert np.isnan([summary.std["onset_f1"], summary.low["onset_f1"], summary.high["onset_f1"]]).all()
    assert summary.to_dict()["std"]["onset_f1"] is None
    json.dumps(summary.to_dict(), allow_nan=False)


def test_every_score_is_summarized():
    summary = summarize([piece(2), piece(9)])
    assert set(summary.mean) == {field.name for field in fields(Scores)}
    # of 10 pitches at each instant 8 are substituted in one piece, 1 in the other
    assert summary.mean["frame_error_substitution"] == pytest.approx((0.8 + 0.1) / 2)
    assert summary.std["frame_error_total"] == pytest.approx(np.std([0.8, 0.1], ddof=1))


def test_other_scores_are_summarized_by_name():
    pieces = [{"average_precision": 0.5, "frame_f1": 0.4}, {"average_precision": None}, {"average_precision": 0.7}]
    summary = summarize(pieces)
    assert summary.mean == pytest.approx({"average_precision": 0.6, "frame_f1": 0.4})
    assert summary.n_known == {"average_precision": 2, "frame_f1": 1}
    assert summary.to_dict()["n_known"]["average_precision"] == 2
    assert summary.table().splitlines()[1:] == ["average precision 0.600"]
    everything = summarize([piece(2).to_dict() | {"average_precision": 0.25}])
    assert everything.mean["onset_f1"] == 0.2
    assert everything.table() == summarize([piece(2)]).table().replace("overlap", "average precision 0.250\noverlap")


def test_streams_are_summarized():
    reference = Notes([[0, 1], [1, 2]], [60, 62], instruments=["flute", "oboe"])
    flute = Notes([[0, 1], [1, 2]], [60, 62], instruments="flute")
    summary = summarize([evaluate_streams(reference, reference), evaluate_streams(reference, flute)])
    assert summary.mean["stream_onset_f1"] == summary.mean["assignment_accuracy"] == (1 + 1 / 2) / 2
    assert "streams" not in summary.mean
    lines = summary.table().splitlines()
    assert lines[1].split()[:5] == ["instrument,", "onset", "0.750", "0.750", "0.750"]
    assert lines[2].split()[:4] == ["instr.,", "onset,", "offset", "0.750"]
    assert lines[3] == "notes found that have the right instrument 0.750"


def test_nothing_to_average():
    with pytest.raises(NmfamtError, match="0 scores"):
        summarize([])
    with pytest.raises(NmfamtError, match="at level 95"):
        summarize([piece(1)], level=95)


def test_table():
    table = summarize([piece(2), piece(4), piece(9)]).table()
    lines = table.splitlines()
    assert lines[0].split() == [
        "3",
        "pieces",
        "precision",
        "recall",
        "F1",
        "std",
        "95%",
        "interval",
        "of",
        "F1",
    ]
    assert lines[2].split()[:5] == ["onset", "0.500", "0.500", "0.500", "0.361"]
    assert "frame accuracy" in table
    assert "frame error 0.500: substitutions 0.500, misses 0.000, false alarms 0.000" in lines
    assert "overlap of notes matched by onset 1.000" in lines
    assert "1 piece " in summarize([piece(2)]).table()


def test_a_table_of_nothing_matched():
    assert "onsets: none matched" in summarize([piece(0)]).table()


@pytest.fixture
def folders(tmp_path):
    """Two folders with two pieces each."""
    for name in (
        "references/b.tsv",
        "references/a.mid",
        "estimates/a.mid",
        "estimates/b.json",
        "estimates/b.flac",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "references", tmp_path / "estimates"


def test_files_are_paired_by_stem(folders):
    references, estimates = folders
    expected = [(references / "a.mid", estimates / "a.mid"), (references / "b.tsv", estimates / "b.json")]
    assert pair_files(references, estimates) == expected


def test_a_missing_estimate_is_an_error(folders):
    (folders[1] / "b.json").unlink()
    with pytest.raises(NmfamtError, match="no estimate for 'b'"):
        pair_files(*folders)


def test_an_estimate_without_reference_is_left_out_with_a_warning(folders):
    (folders[0] / "b.tsv").unlink()
    with pytest.warns(NmfamtWarning, match="No reference for 'b'"):
        assert [reference.stem for reference, _ in pair_files(*folders)] == ["a"]


def test_folders_that_cannot_be_paired(folders, tmp_path):
    with pytest.raises(NmfamtError, match="no folder"):
        pair_files(folders[0], tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NmfamtError, match="holds no notes"):
        pair_files(folders[0], tmp_path / "empty")
    (folders[0] / "b.csv").touch()
    with pytest.raises(NmfamtError, match=r"holds 'b\.csv' and 'b\.tsv'"):
        pair_files(*folders)
