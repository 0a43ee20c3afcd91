"""Onsets at peaks of the evidence for them."""

import numpy as np
import pytest
from synthetic import cut, make_activation, random_activation

from nmfamt import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.peaks import PeakTracker

AT_ONCE = {"action_delay": 0.0}


def peaked(*peaks, n_frames=100, hop=0.02, decay=0.1, **fields):
    """Return one row: at each (frame, height) an onset, after which the activation dies away."""
    onsets, values = np.zeros((1, n_frames)), np.zeros((1, n_frames))
    for frame, height in peaks:
        onsets[0, frame] = height
        values[0, frame:] = height * np.exp(-decay * np.arange(n_frames - frame))
    return make_activation(values, onsets=onsets, hop=hop, **fields)


def test_a_note_lasts_until_it_has_faded_or_begins_again():
    notes = PeakTracker(end=np.exp(-1.0), **AT_ONCE)(peaked((10, 0.5), (40, 0.5), (45, 0.5)))
    np.testing.assert_allclose(notes.intervals, [[0.2, 0.4], [0.8, 0.9], [0.9, 1.1]])


def test_a_note_that_never_fades_ends_with_the_recording():
    notes = PeakTracker(**AT_ONCE)(peaked((10, 0.5), decay=0.0))
    np.testing.assert_allclose(notes.intervals, [[0.2, 2.0]])


@pytest.mark.parametrize(("height", "found"), [(0.099, 0), (0.101, 1)])
def test_the_threshold_counts_from_the_moving_average(height, found):
    onsets = np.full((1, 101), 0.5)
    onsets[0, 50] = 0.5 + height * 21 / 20  # the average over 21 frames holds a part of the peak
    activation = make_activation(onsets, onsets=onsets, hop=0.02)
    notes = PeakTracker(threshold=0.1, average=0.4)(activation)
    near = np.abs(notes.intervals[:, 0] - 1.0) < 0.1
    assert np.count_nonzero(near) == found


def test_the_peak_is_interpolated_and_delays_are_subtracted():
    onsets = np.zeros((1, 50))
    onsets[0, 19:22] = [0.3, 0.5, 0.4]
    activation = make_activation(onsets, onsets=onsets, hop=0.02, latency=0.03)
    found = PeakTracker(action_delay=0.01)(activation)
    assert found.intervals[0, 0] == pytest.approx(0.4 + 0.02 * 0.5 * (0.1 / 0.3) - 0.04)


def test_close_peaks_are_merged_where_it_is_asked_for():
    activation = peaked((10, 0.5), (13, 0.5), (16, 0.5))
    assert len(PeakTracker()(activation)) == 3
    np.testing.assert_allclose(PeakTracker(min_interval=0.1, **AT_ONCE)(activation).intervals[:, 0], [0.2, 0.32])


@pytest.mark.parametrize("hop", [0.01, 0.02])
def test_cutting_a_stream_makes_no_difference(hop):
    activation = random_activation(1400, hop=hop)
    tracker = PeakTracker(min_interval=0.06)
    whole = tracker(activation)
    assert len(whole) > 200
    for places in ([1, 2, 511, 512, 513, 900], range(1, 1400, 7)):
        parts = list(tracker.blocks(cut(activation, *places)))
        assert Notes.concatenate(parts).equals(whole, tol=0)


def test_gain_does_not_matter_and_silence_has_no_notes():
    activation = random_activation(200, level=1.0)
    louder = make_activation(activation.values * 8, onsets=activation.onsets * 8, pitches=activation.pitches, level=8.0)
    assert PeakTracker()(louder).equals(PeakTracker()(activation))
    assert len(PeakTracker()(make_activation(np.zeros((2, 30)), level=0.0))) == 0
    assert len(Notes.concatenate([Notes.empty(), *PeakTracker().blocks([])])) == 0
    assert len(PeakTracker()(make_activation(np.ones((1, 1)), onsets=np.ones((1, 1))))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold=0.0 must be positive"),
        ({"end": 1.0}, "end=1.0 must lie between 0 and 1"),
        ({"average": -1.0}, "average=-1.0 must be a number of seconds"),
        ({"min_interval": np.inf}, "min_interval=inf must be a number of seconds"),
        ({"action_delay": np.nan}, "action_delay=nan must be a time"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        PeakTracker(**options)


def test_a_note_lasts_a_while_though_it_fades_at_once():
    activation = peaked((10, 0.5), decay=50.0)
    (note,) = PeakTracker(min_duration=0.1, **AT_ONCE)(activation).intervals
    np.testing.assert_allclose(note, [0.2, 0.3])
