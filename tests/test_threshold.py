"""The textbook tracker."""

import numpy as np
import pytest
from synthetic import assert_same_notes, cut, make_activation, random_activation

from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking import Threshold


def slowly(activation, threshold, min_duration):
    """Walk through every row frame by frame; return (onset, offset, pitch, peak) of the notes."""
    found = []
    times = [*activation.times, activation.times[-1] + activation.hop]
    for pitch, row in zip(activation.pitches, activation.values / activation.level, strict=True):
        began = None
        for t, share in enumerate([*row, 0.0]):
            if began is None and share >= threshold:
                began = t
            elif began is not None and share < threshold:
                if times[t] - times[began] >= min_duration - 1e-9:
                    found.append((times[began], times[t], pitch, row[began:t].max()))
                began = None
    return sorted(found, key=lambda note: (note[0], note[2]))


# Independent truths


def test_a_note_sounds_while_it_is_above_the_threshold():
    values = [[0, 0.09, 0.1, 0.5, 0.3, 0.09, 0], [0, 0, 0, 0, 0, 0.2, 0.2]]
    notes = Threshold(0.1, min_duration=0.0)(make_activation(values))
    np.testing.assert_allclose(notes.intervals, [[0.02, 0.05], [0.05, 0.07]])
    assert notes.pitches.tolist() == [60, 61]


def test_loudness_and_confidence_come_from_the_peak():
    notes = Threshold(0.1, min_duration=0.0)(make_activation([[0, 0.2, 0.3, 0.2, 0, 3.0]]))
    assert notes.velocities.tolist() == [64, 84]  # a factor of ten is 20
    np.testing.assert_allclose(notes.confidences, [0.3 / 0.4, 3.0 / 3.1])


def test_the_threshold_is_a_share_of_the_level():
    values = np.array([[0, 1.0, 1, 1, 1, 1, 1, 0]])
    assert len(Threshold(0.1)(make_activation(values, level=9.0))) == 1
    assert len(Threshold(0.1)(make_activation(values, level=11.0))) == 0


def test_short_notes_are_dropped():
    values = np.zeros((1, 40))
    values[0, 5:9], values[0, 20:25] = 1, 1
    np.testing.assert_allclose(Threshold(min_duration=0.05)(make_activation(values)).intervals, [[0.2, 0.25]])
    assert len(Threshold(min_duration=0.04)(make_activation(values))) == 2


def test_latency_moves_notes_but_not_before_the_beginning():
    values = np.zeros((1, 100))
    values[0, :10], values[0, 50:60] = 1, 1
    notes = Threshold()(make_activation(values, latency=0.03, start=2.0))
    np.testing.assert_allclose(notes.intervals, [[2.0, 2.07], [2.47, 2.57]])


def test_a_note_that_latency_moves_away_keeps_a_moment():
    notes = Threshold(min_duration=0.0)(make_activation([[1.0, 1, 0, 0]], latency=0.05))
    np.testing.assert_allclose(notes.intervals, [[0.0, 0.005]])


def test_what_sounds_at_the_end_ends_there():
    (interval,) = Threshold()(make_activation(np.ones((1, 30)))).intervals
    np.testing.assert_allclose(interval, [0, 0.3])


def test_instruments_are_told_apart():
    activation = make_activation(np.ones((2, 10)), pitches=[60, 60], instruments=["flute", "harp"])
    assert Threshold()(activation).instruments.tolist() == ["flute", "harp"]


def test_a_note_goes_on_through_a_short_gap():
    values = np.ones((1, 60))
    values[0, 20:23], values[0, 40:44] = 0, 0
    notes = Threshold(max_gap=0.03)(make_activation(values))
    np.testing.assert_allclose(notes.intervals, [[0, 0.4], [0.44, 0.6]])
    assert len(Threshold(max_gap=0.02)(make_activation(values))) == 3


def test_a_median_takes_out_what_is_short():
    values = np.ones((1, 60))
    values[0, 20:22] = 0
    values[0, 40:] = 0
    values[0, 50] = 9
    tracker = Threshold(smoothing=0.05, min_duration=0.0)
    np.testing.assert_allclose(tracker(make_activation(values)).intervals, [[0, 0.4]])


# Naive oracle


@pytest.mark.parametrize("threshold", [0.1, 0.3])
@pytest.mark.parametrize("min_duration", [0.0, 0.03])
def test_the_definition(threshold, min_duration):
    noise = np.random.default_rng(0).standard_normal((5, 1000))
    waves = sum(np.roll(noise, lag, axis=1) for lag in range(6)) / 6
    activation = make_activation(np.maximum(waves, 0), level=2.0)
    notes = Threshold(threshold, min_duration)(activation)
    expected = slowly(activation, threshold, min_duration)
    assert len(expected) > 20
    np.testing.assert_allclose(notes.intervals, [note[:2] for note in expected], atol=1e-9)
    np.testing.assert_array_equal(notes.pitches, [note[2] for note in expected])
    peaks = np.array([note[3] for note in expected])
    np.testing.assert_allclose(notes.confidences, peaks / (peaks + threshold), rtol=1e-6)


# Properties


@pytest.mark.parametrize("options", [{}, {"max_gap": 0.03}, {"smoothing": 0.07}, {"max_gap": 0.05, "smoothing": 0.04}])
@pytest.mark.parametrize("seed", range(6))
def test_however_the_stream_is_cut_the_notes_are_the_same(seed, options):
    activation = random_activation(200, seed=seed)
    activation.values[2, 30:170] += 1  # across every cut
    tracker = Threshold(0.2, min_duration=0.0, **options)
    places = np.sort(np.random.default_rng(seed).integers(0, 201, size=3 * seed)).tolist()
    parts = [*cut(activation, *places), activation.frames(0, 0)]
    assert_same_notes(Notes.concatenate([Notes.empty(), *tracker.blocks(parts)]), tracker(activation))


@pytest.mark.parametrize("hop", [0.008, 0.02])
def test_one_frame_at_a_time(hop):
    activation = random_activation(50, hop=hop)
    tracker = Threshold(0.2, min_duration=0.0)
    parts = cut(activation, *range(1, 50))
    assert_same_notes(Notes.concatenate(tracker.blocks(parts)), tracker(activation))


def test_a_note_is_told_when_it_has_ended():
    values = np.zeros((2, 40))
    values[0, 5:25], values[1, 12:18] = 1, 1
    told = [len(notes) for notes in Threshold().blocks(cut(make_activation(values), 10, 20, 30))]
    assert told == [0, 1, 1, 0]


def test_recording_gain_changes_nothing():
    one = random_activation(300, level=1.0)
    other = make_activation(0.25 * one.values, pitches=one.pitches, level=0.25)
    assert_same_notes(Threshold()(other), Threshold()(one))


def test_a_lower_threshold_finds_every_frame_again():
    activation = random_activation(300)
    low, high = (Threshold(share, min_duration=0.0)(activation) for share in (0.1, 0.5))
    for interval, pitch in zip(high.intervals, high.pitches, strict=True):
        within = (low.pitches == pitch) & (low.intervals[:, 0] <= interval[0]) & (low.intervals[:, 1] >= interval[1])
        assert within.any()


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_silence_and_short_recordings(n_frames):
    assert len(Threshold(min_duration=0.0)(make_activation(np.zeros((3, n_frames)), level=0.0))) == 0
    assert len(Threshold(min_duration=0.0)(make_activation(np.ones((3, n_frames))))) == 3 * (n_frames > 0)


# What it says of itself, and errors


def test_notes_say_what_made_them():
    notes = Threshold(0.2, max_gap=0.03)(make_activation(np.ones((1, 10)), info={"front_end": "hand"}))
    options = {"threshold": 0.2, "min_duration": 0.05, "max_gap": 0.03, "smoothing": 0.0}
    assert notes.info == {"front_end": "hand", "tracker": "Threshold", **options}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold=0.0 must be positive"),
        ({"threshold": -1.0}, "threshold=-1.0 must be positive"),
        ({"threshold": float("nan")}, "threshold=nan must be positive"),
        ({"min_duration": -0.1}, "min_duration=-0.1 must be a number of seconds"),
        ({"max_gap": float("nan")}, "max_gap=nan must be a number of seconds"),
        ({"smoothing": float("inf")}, "smoothing=inf must be a number of seconds"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(NmfamtError, match=message):
        Threshold(**options)
