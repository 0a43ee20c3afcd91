"""Scores: against cases counted by hand, and against mir_eval."""

import warnings

import mir_eval
import numpy as np
import pytest

from nmfamt.evaluation import evaluate
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes


def random_notes(seed, n_notes=60, scale=12):
    """Notes that overlap, on the grid of 12 / `scale` semitones."""
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, 6, n_notes).round(3)
    return Notes(
        np.stack([onsets, onsets + rng.uniform(0.02, 1.0, n_notes).round(3)], axis=1),
        50 + rng.integers(0, 10, n_notes) * 12 / scale,
        velocities=rng.integers(1, 128, n_notes),
    )


def similar_notes(notes, seed):
    """The same, most of it a little off."""
    rng = np.random.default_rng(seed)
    some = notes.select(rng.uniform(size=len(notes)) < 0.8)
    shifts = rng.normal(0, 0.03, some.intervals.shape)
    intervals = np.maximum(some.intervals + shifts, 0)
    return Notes(
        np.stack([intervals[:, 0], np.maximum(intervals[:, 1], intervals[:, 0] + 0.01)], axis=1),
        some.pitches,
        velocities=np.clip(0.5 * some.velocities + 20 + rng.normal(0, 5, len(some)), 1, 127),
    )


def test_a_perfect_transcription():
    notes = random_notes(0)
    scores = evaluate(notes, notes)
    assert scores.frame_f1 == scores.onset_f1 == scores.offset_f1 == scores.velocity_f1 == scores.frame_accuracy == 1
    assert scores.onset_bias == scores.onset_deviation == 0
    assert scores.n_reference == scores.n_estimate == 60


def test_counted_by_hand():
    reference = Notes([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0]], [60, 62, 64, 65], velocities=[20, 40, 60, 80])
    estimate = Notes(
        [[0.04, 1.04], [0.98, 1.5], [2.1, 3.0]],  # right; offset wrong; onset wrong
        [60, 62, 64],
        velocities=[20, 40, 60],
    )
    scores = evaluate(reference, estimate)
    assert (scores.onset_precision, scores.onset_recall) == (2 / 3, 2 / 4)
    assert scores.onset_f1 == pytest.approx(4 / 7)
    assert (scores.offset_precision, scores.offset_recall) == (1 / 3, 1 / 4)
    assert scores.onset_bias == pytest.approx((0.04 - 0.02) / 2)
    assert scores.onset_deviation == pytest.approx((0.04 + 0.02) / 2)
    common, in_reference, in_estimate = 96 + 50 + 90, 400, 100 + 52 + 90
    assert scores.frame_precision == common / in_estimate
    assert scores.frame_recall == common / in_reference
    assert scores.frame_accuracy == common / (in_reference + in_estimate - common)
    assert scores.frame_f1 == pytest.approx(2 * common / (in_reference + in_estimate))


def test_frame_errors_counted_by_hand():
    # At a hop of 1 s:   0   1   2   3   4
    # reference          C   C   CE  -   G
    # estimate           C   D   C   A   GB
    # N_ref              1   1   2   0   1    in all 5
    # N_est              1   1   1   1   2
    # N_corr             1   0   1   0   1
    # max - corr         0   1   1   1   1    total 4 / 5
    # min - corr         0   1   0   0   0    substitutions 1 / 5
    # max(0, ref - est)  0   0   1   0   0    misses 1 / 5
    # max(0, est - ref)  0   0   0   1   1    false alarms 2 / 5
    reference = Notes([[0, 3], [2, 3], [4, 5]], [60, 64, 67])
    estimate = Notes([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [4, 5]], [60, 62, 60, 69, 67, 71])
    for shift in (0.0, 0.25):  # fractions of a semitone are counted in another way
        moved = Notes(estimate.intervals, estimate.pitches + shift)
        scores = evaluate(reference, moved, hop=1.0)
        assert scores.frame_error_total == 4 / 5
        assert scores.frame_error_substitution == 1 / 5
        assert scores.frame_error_miss == 1 / 5
        assert scores.frame_error_false_alarm == 2 / 5
        assert (scores.frame_precision, scores.frame_recall, scores.frame_accuracy) == (3 / 6, 3 / 5, 3 / 8)
        assert scores.frame_f1 == pytest.approx(2 * 3 / 11)


def test_frame_errors_can_exceed_one_and_need_a_reference():
    notes, nothing = Notes([[0, 1]], [60]), Notes.empty()
    four_wrong = Notes([[0, 1]] * 4, [61, 62, 63, 64])
    scores = evaluate(notes, four_wrong)
    assert (scores.frame_error_total, scores.frame_error_substitution, scores.frame_error_false_alarm) == (4, 1, 3)
    assert evaluate(notes, nothing).frame_error_total == evaluate(notes, nothing).frame_error_miss == 1
    assert evaluate(nothing, nothing).frame_error_total == evaluate(nothing, nothing).frame_error_false_alarm == 0
    assert np.isnan(evaluate(nothing, notes).frame_error_total)
    assert evaluate(nothing, notes).to_dict()["frame_error_miss"] is None


def test_overlap_counted_by_hand():
    reference = Notes([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 6.02]], [60, 62, 64, 65])
    estimate = Notes(
        [
            [0.02, 1.1],  # both from 0.02 to 1, at least one from 0 to 1.1: 0.98 / 1.1; the offset is right
            [1.98, 2.5],  # 0.5 / 1.02; the offset is wrong
            [4.0, 5.0],  # another pitch: not matched
            [6.03, 6.05],  # begins 10 ms after the reference ended, 50 ms from its onset to this offset: -0.01 / 0.05
        ],
        [60, 62, 66, 65],
    )
    scores = evaluate(reference, estimate)
    assert (scores.onset_recall, scores.offset_recall) == (3 / 4, 2 / 4)
    assert scores.onset_overlap == pytest.approx((0.98 / 1.1 + 0.5 / 1.02 - 0.01 / 0.05) / 3)
    assert scores.offset_overlap == pytest.approx((0.98 / 1.1 - 0.01 / 0.05) / 2)
    assert evaluate(reference, reference).onset_overlap == 1
    assert np.isnan(evaluate(reference, Notes([[0, 1]], [80])).onset_overlap)


def test_velocity_counted_by_hand():
    # The line through (0, 20), (10, 40), (20, 60), (30, 120), by least squares: mean 15 and 60, slope
    # (-15 * -40 + -5 * -20 + 5 * 0 + 15 * 60) / (225 + 25 + 25 + 225) = 1600 / 500 = 3.2,
    # so 12, 44, 76, 108 where 20, 40, 60, 120 are wanted: 8, 4, 16 and 12 off. A tenth of the range is 10.
    times = np.arange(4)[:, None] + [0.0, 1.0]
    reference = Notes(times, [60] * 4, velocities=[20, 40, 60, 120])
    estimate = Notes(times, [60] * 4, velocities=[1, 11, 21, 31])
    scores = evaluate(reference, estimate)
    assert (scores.velocity_precision, scores.velocity_recall, scores.velocity_f1) == (2 / 4, 2 / 4, 2 / 4)
    assert evaluate(reference, estimate, velocity_tolerance=0.13).velocity_f1 == 3 / 4
    assert evaluate(reference, estimate, velocity_tolerance=0.17).velocity_f1 == 1


@pytest.mark.parametrize("pitch", range(21, 109))
@pytest.mark.parametrize("error", [-1, 1])
def test_a_semitone_is_an_error_everywhere_on_the_keyboard(pitch, error):
    scores = evaluate(Notes([[0, 1]], [pitch]), Notes([[0, 1]], [pitch + error]))
    assert scores.onset_f1 == scores.offset_f1 == scores.velocity_f1 == scores.frame_f1 == 0


@pytest.mark.parametrize("pitch", [21.0, 60.25, 108.0])
def test_half_a_semitone_is_the_limit(pitch):
    reference = Notes([[0, 1]], [pitch])
    inside, outside = (evaluate(reference, Notes([[0, 1]], [pitch + error])) for error in (0.45, 0.55))
    assert inside.onset_f1 == inside.frame_f1 == 1
    assert outside.onset_f1 == outside.frame_f1 == 0


def multipitch(notes, hop):
    """Instants and the frequencies at each, the slow way."""
    times = np.arange(round(notes.intervals[:, 1].max() / hop) + 2) * hop
    intervals, hz = notes.to_mir_eval()
    sounding = (intervals[:, :1] <= times + 1e-8) & (times + 1e-8 < intervals[:, 1:])
    return times, [np.unique(hz[column]) for column in sounding.T]


@pytest.mark.parametrize("scale", [12, 24, 31])
@pytest.mark.parametrize("seed", range(3))
def test_frames_are_those_of_mir_eval(seed, scale):
    reference = random_notes(seed, scale=scale)
    estimate = Notes.concatenate([similar_notes(reference, seed), random_notes(seed + 100, 10, scale)])
    scores = evaluate(reference, estimate)
    ref_times, ref_hz = multipitch(reference, 0.01)
    est_times, est_hz = multipitch(estimate, 0.01)
    n_frames = max(len(ref_times), len(est_times))
    ref_hz += [np.zeros(0)] * (n_frames - len(ref_hz))
    est_hz += [np.zeros(0)] * (n_frames - len(est_hz))
    times = np.arange(n_frames) * 0.01
    expected = mir_eval.multipitch.evaluate(times, ref_hz, times, est_hz)
    assert 0.3 < scores.frame_precision < 0.99
    assert scores.frame_precision == pytest.approx(expected["Precision"], abs=1e-12)
    assert scores.frame_recall == pytest.approx(expected["Recall"], abs=1e-12)
    assert scores.frame_accuracy == pytest.approx(expected["Accuracy"], abs=1e-12)
    assert scores.frame_error_total == pytest.approx(expected["Total Error"], abs=1e-12)
    assert scores.frame_error_substitution == pytest.approx(expected["Substitution Error"], abs=1e-12)
    assert scores.frame_error_miss == pytest.approx(expected["Miss Error"], abs=1e-12)
    assert scores.frame_error_false_alarm == pytest.approx(expected["False Alarm Error"], abs=1e-12)
    parts = (scores.frame_error_substitution, scores.frame_error_miss, scores.frame_error_false_alarm)
    assert min(parts) > 0
    assert scores.frame_error_total == pytest.approx(sum(parts))


@pytest.mark.parametrize("seed", range(3))
def test_notes_are_those_of_mir_eval(seed):
    reference = random_notes(seed)
    estimate = similar_notes(reference, seed)
    scores = evaluate(reference, estimate)
    arguments = (*reference.to_mir_eval(), *estimate.to_mir_eval())
    for level, options in (("onset", {"offset_ratio": None}), ("offset", {})):
        found = [getattr(scores, f"{level}_{score}") for score in ("precision", "recall", "f1", "overlap")]
        expected = mir_eval.transcription.precision_recall_f1_overlap(*arguments, **options)
        assert found == pytest.approx(expected)
        assert 0.3 < found[3] < 0.99
        assert 0.3 < found[2] < 0.99
    expected = mir_eval.transcription_velocity.precision_recall_f1_overlap(
        *reference.to_mir_eval(), reference.velocities, *estimate.to_mir_eval(), estimate.velocities
    )
    assert (scores.velocity_precision, scores.velocity_recall, scores.velocity_f1) == pytest.approx(expected[:3])
    assert 0 < scores.velocity_f1 < scores.offset_f1


def test_velocities_are_compared_up_to_a_straight_line():
    reference = Notes([[0, 1], [1, 2], [2, 3]], [60, 62, 64], velocities=[20, 60, 100])
    quieter = Notes(reference.intervals, reference.pitches, velocities=[10, 30, 50])
    uneven = Notes(reference.intervals, reference.pitches, velocities=[100, 20, 60])
    assert evaluate(reference, quieter).velocity_f1 == 1
    assert evaluate(reference, uneven).velocity_f1 < 1
    assert evaluate(reference, uneven).offset_f1 == 1


def test_one_estimate_for_one_reference():
    reference = Notes([[0, 1]], [60])
    scores = evaluate(reference, Notes([[0, 1], [0.02, 1]], [60, 60]))
    assert (scores.onset_precision, scores.onset_recall) == (0.5, 1)


def test_instruments_are_pooled():
    reference = Notes([[0, 1], [0, 1]], [60, 67], instruments=["flute", "oboe"])
    assert evaluate(reference, Notes([[0, 1], [0, 1]], [60, 67])).onset_f1 == 1


def test_nothing_against_nothing_is_right_and_against_something_wrong():
    notes, nothing = Notes([[0, 1]], [60]), Notes.empty()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        right = evaluate(nothing, nothing)
        wrong = [evaluate(notes, nothing), evaluate(nothing, notes)]
    assert right.frame_f1 == right.frame_accuracy == right.onset_f1 == right.offset_f1 == right.velocity_f1 == 1
    for scores in wrong:
        assert scores.frame_f1 == scores.frame_accuracy == scores.onset_f1 == scores.velocity_precision == 0
    assert right.to_dict()["onset_bias"] is None
    assert right.to_dict()["onset_f1"] == 1


def test_tolerances():
    reference, estimate = Notes([[1.0, 2.0]], [60]), Notes([[1.08, 2.3]], [60])
    assert evaluate(reference, estimate).onset_f1 == 0
    assert evaluate(reference, estimate, onset_tolerance=0.1).onset_f1 == 1
    assert evaluate(reference, estimate, onset_tolerance=0.1).offset_f1 == 0
    assert evaluate(reference, estimate, onset_tolerance=0.1, offset_ratio=0.4).offset_f1 == 1
    assert evaluate(reference, estimate, onset_tolerance=0.1, offset_min_tolerance=0.4).offset_f1 == 1
    for wrong in ({"hop": 0}, {"onset_tolerance": -1.0}, {"offset_ratio": float("nan")}):
        with pytest.raises(NmfamtError, match="Tolerances and hop are positive"):
            evaluate(reference, estimate, **wrong)


def test_files(tmp_path):
    notes = random_notes(0)
    notes.write(tmp_path / "a.tsv")
    notes.write(tmp_path / "a.json")
    assert evaluate(tmp_path / "a.tsv", str(tmp_path / "a.json")).velocity_f1 == 1
    with pytest.raises(NmfamtError, match="There is no file"):
        evaluate(tmp_path / "a.tsv", tmp_path / "b.tsv")
