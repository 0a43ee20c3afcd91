"""Notes: one checked, ordered, immutable value."""

import dataclasses

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes


@pytest.fixture
def chord():
    """Three notes given out of order, of two instruments, with one pedal."""
    return Notes(
        [[1.0, 2.0], [0.0, 1.5], [1.0, 3.0]],
        [67, 60, 64.5],
        velocities=[30, 60, 90],
        confidences=[0.3, 0.6, 0.9],
        instruments=["flute", "piano", "flute"],
        pedal=[[0.5, 2.5]],
        info={"dictionary": "piano"},
    )


def test_everything_is_ordered_by_onset_then_pitch(chord):
    assert chord.pitches.tolist() == [60, 64.5, 67]
    assert chord.intervals.tolist() == [[0, 1.5], [1, 3], [1, 2]]
    assert chord.velocities.tolist() == [60, 90, 30]
    assert chord.confidences.tolist() == [0.6, 0.9, 0.3]
    assert chord.instruments.tolist() == ["piano", "flute", "flute"]
    assert chord.info == {"dictionary": "piano"}


def test_defaults():
    notes = Notes([[0, 1], [1, 2]], [60, 62])
    assert notes.velocities.tolist() == [64, 64]
    assert notes.confidences.tolist() == [1, 1]
    assert notes.instruments.tolist() == ["", ""]
    assert notes.pedal.shape == (0, 2)
    assert Notes([[0, 1], [1, 2]], [60, 62], instruments="oboe", velocities=9).instruments.tolist() == ["oboe"] * 2


def test_dtypes(chord):
    for notes in (chord, Notes.empty()):
        assert notes.intervals.dtype == notes.pitches.dtype == notes.confidences.dtype == np.float64
        assert notes.velocities.dtype == np.int64
        assert notes.instruments.dtype.kind == "U"


def test_velocities_are_rounded_to_what_midi_knows():
    assert Notes([[0, 1]] * 4, [60] * 4, velocities=[0.5, 63.6, 127.5, 1]).velocities.tolist() == [
        1,
        64,
        127,
        1,
    ]


def test_nothing_can_be_changed(chord):
    with pytest.raises(ValueError, match="read-only"):
        chord.pitches[0] = 61
    with pytest.raises(dataclasses.FrozenInstanceError):
        chord.pitches = np.zeros(3)


def test_the_callers_arrays_stay_theirs():
    intervals, pitches = np.array([[0.0, 1.0]]), np.array([60.0])
    notes = Notes(intervals, pitches)
    intervals[0, 1], pitches[0] = 9.0, 99.0
    assert (notes.intervals[0, 1], notes.pitches[0]) == (1.0, 60.0)


def test_empty():
    notes = Notes.empty()
    assert (len(notes), notes.intervals.shape, repr(notes)) == (0, (0, 2), "Notes(0 notes)")
    intervals, hz = notes.to_mir_eval()
    assert (intervals.shape, hz.shape) == ((0, 2), (0,))
    assert len(notes.shifted(1.0)) == len(notes.between(0, 1)) == len(Notes.concatenate([])) == 0
    assert notes.equals(Notes([], []))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"intervals": [[1.0, 1.0]]}, r"intervals\[0\] is \[1\.0, 1\.0\].*the end later"),
        ({"intervals": [[-0.1, 1.0]]}, "at least 0 s"),
        ({"intervals": [[0.0, np.inf]]}, "finite"),
        ({"intervals": [[np.nan, 1.0]]}, "finite"),
        ({"intervals": [0.0, 1.0]}, r"shape \(2,\): give \(n, 2\)"),
        ({"intervals": [["a", "b"]]}, "array of numbers"),
        ({"pitches": [60, 61]}, r"pitches has shape \(2,\), but there are 1 notes"),
        ({"pitches": [440.0]}, r"pitches\[0\] is 440.*hz_to_pitch"),
        ({"pitches": [10**400]}, "pitches cannot be read as an array of numbers"),
        ({"pitches": [np.nan]}, r"pitches\[0\] is nan"),
        ({"velocities": [0]}, r"velocities\[0\] is 0: give a MIDI velocity, 1 to 127"),
        ({"confidences": [1.5]}, r"confidences\[0\] is 1\.5"),
        ({"instruments": ["a", "b"]}, r"instruments has shape \(2,\)"),
        ({"pedal": [[2.0, 1.0]]}, r"pedal\[0\]"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, message):
    with pytest.raises(NmfamtError, match=message):
        Notes(**{"intervals": [[0.0, 1.0]], "pitches": [60], **fields})


def test_info_is_what_json_can_hold():
    settings = {"hop_length": np.int64(441), "windows": (0.1, 0.2), "splits": np.array([1.0])}
    assert Notes([], [], info=settings).info == {"hop_length": 441, "windows": [0.1, 0.2], "splits": [1.0]}
    for bad in (object(), float("nan")):
        with pytest.raises(NmfamtError, match="info holds what JSON cannot"):
            Notes([], [], info={"settings": bad})


def test_pedals_are_sorted_and_disjoint():
    notes = Notes([], [], pedal=[[5, 6], [0, 2], [1, 3], [3, 4]])
    assert notes.pedal.tolist() == [[0, 4], [5, 6]]


def test_mir_eval_gets_hertz():
    intervals, hz = Notes([[0, 1], [0, 1]], [57, 69]).to_mir_eval()
    assert intervals.tolist() == [[0, 1], [0, 1]]
    assert hz.tolist() == [220, 440]


def test_select(chord):
    flutes = chord.select(chord.instruments == "flute")
    assert flutes.pitches.tolist() == [64.5, 67]
    assert flutes.velocities.tolist() == [90, 30]
    assert flutes.pedal.tolist() == [[0.5, 2.5]]
    assert flutes.info == chord.info
    for mask in ([0, 2], [True]):
        with pytest.raises(NmfamtError, match="give 3 booleans"):
            chord.select(mask)


def test_shifted(chord):
    assert chord.shifted(1.0).shifted(-1.0).equals(chord)
    early = chord.shifted(-1.5)
    assert early.intervals.tolist() == [[0, 1.5], [0, 0.5]]
    assert early.pitches.tolist() == [64.5, 67]
    assert early.pedal.tolist() == [[0, 1]]


def test_between(chord):
    part = chord.between(1.0, 2.2)
    assert part.intervals.tolist() == [[1, 2.2], [1, 2]]
    assert part.pedal.tolist() == [[1, 2.2]]
    assert len(chord.between(0.0, 1.0)) == 1
    assert chord.between(3.0, 9.0).pedal.shape == (0, 2)


def test_concatenate(chord):
    again = Notes.concatenate([chord.select(chord.instruments == name) for name in ("flute", "piano")])
    assert again.equals(chord)
    assert again.info == chord.info
    other = Notes([[5, 6]], [50], info={"dictionary": "cello"})
    assert len(Notes.concatenate([chord, other])) == 4
    assert Notes.concatenate([chord, other]).info == {}


def test_equals_sees_every_difference(chord):
    assert chord.equals(chord.select([True] * 3))
    for change in (
        {"intervals": chord.intervals + 0.01},
        {"pitches": chord.pitches + 0.01},
        {"velocities": chord.velocities + 1},
        {"confidences": chord.confidences / 2},
        {"instruments": "flute"},
        {"pedal": []},
    ):
        fields = {field.name: getattr(chord, field.name) for field in dataclasses.fields(chord)}
        assert not chord.equals(Notes(**{**fields, **change})), change
    assert not chord.equals(Notes.empty())
    assert chord.equals(chord.shifted(0.01), tol=0.02)
