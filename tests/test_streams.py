"""Notes given to instruments: counted by hand, and against all assignments."""

import json
from itertools import permutations

import numpy as np
import pytest

from nmfamt.evaluation import evaluate, evaluate_streams, match_notes
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes


def performance(*notes):
    """Notes of one second, given as (onset, pitch, instrument)."""
    onsets, pitches, names = zip(*notes, strict=True)
    return Notes([[onset, onset + 1] for onset in onsets], pitches, instruments=names)


REFERENCE = performance((0, 60, "flute"), (1, 62, "flute"), (2, 64, "flute"), (0, 48, "bassoon"), (1, 50, "bassoon"))


def test_named_counted_by_hand():
    estimate = performance(
        (0, 60, "flute"),  # right
        (1, 62, "bassoon"),  # found, with the wrong instrument
        (2.3, 64, "flute"),  # too late
        (0, 48, "Bassoon "),  # right: case and spaces do not matter
    )
    scores = evaluate_streams(REFERENCE, estimate)
    assert (scores.n_reference, scores.n_estimate) == (5, 4)
    assert (scores.n_reference_streams, scores.n_estimate_streams) == (2, 2)
    assert (scores.stream_onset_precision, scores.stream_onset_recall) == (2 / 4, 2 / 5)
    assert scores.stream_onset_f1 == pytest.approx(2 * 2 / 9)
    assert scores.assignment_accuracy == 2 / 3  # three notes were found: 60, 62 and 48
    # bassoon: 1 of 2 notes, 2 estimated; flute: 1 of 3 notes, 2 estimated
    bassoon, flute = scores.streams
    assert (bassoon.reference, bassoon.n_reference, bassoon.n_estimate, bassoon.onset_f1) == ("bassoon", 2, 2, 0.5)
    assert (flute.reference, flute.n_reference, flute.n_estimate, flute.onset_f1) == ("flute", 3, 2, 2 / 5)
    assert scores.instrument_onset_f1 == pytest.approx((1 / 2 + 2 / 5) / 2)


def test_offsets_counted_by_hand():
    estimate = Notes(
        [[0, 1.1], [1, 2.5], [0, 1]],  # right; offset wrong; right
        [60, 62, 48],
        instruments=["flute", "flute", "bassoon"],
    )
    scores = evaluate_streams(REFERENCE, estimate)
    assert (scores.stream_onset_precision, scores.stream_onset_recall, scores.stream_onset_f1) == (1, 3 / 5, 6 / 8)
    assert (scores.stream_offset_precision, scores.stream_offset_recall, scores.stream_offset_f1) == (
        2 / 3,
        2 / 5,
        4 / 8,
    )
    # flute: 1 of 3, 2 estimated, 2 / 5; bassoon: 1 of 2, 1 estimated, 2 / 3
    assert scores.instrument_offset_f1 == pytest.approx((2 / 5 + 2 / 3) / 2)
    assert scores.assignment_accuracy == 1


def test_best_counted_by_hand():
    # A has 60, 62 of the flute and 48 of the bassoon, B has 64 of the flute and 50 of the bassoon:
    # A = flute, B = bassoon has 2 + 1 right, A = bassoon, B = flute 1 + 1.
    estimate = performance((0, 60, "A"), (1, 62, "A"), (0, 48, "A"), (2, 64, "B"), (1, 50, "B"))
    scores = evaluate_streams(REFERENCE, estimate, assignment="best")
    assert [(stream.reference, stream.estimate) for stream in scores.streams] == [("bassoon", "B"), ("flute", "A")]
    assert scores.stream_onset_f1 == scores.assignment_accuracy == 3 / 5
    named = evaluate_streams(REFERENCE, estimate)
    assert named.stream_onset_f1 == named.assignment_accuracy == 0
    # each of the reference found nothing, each of the estimate belongs to nothing
    pairs = [(stream.reference, stream.estimate) for stream in named.streams]
    assert pairs == [("bassoon", None), ("flute", None), (None, "A"), (None, "B")]


def test_offsets_decide_where_onsets_are_even():
    estimate = Notes([[0, 5], [0, 1]], [60, 60], instruments=["A", "B"])
    reference = Notes([[0, 5], [0, 1]], [60, 60], instruments=["y", "x"])
    scores = evaluate_streams(reference, estimate, assignment="best")
    assert [(stream.reference, stream.estimate) for stream in scores.streams] == [("x", "B"), ("y", "A")]
    assert scores.stream_offset_f1 == 1


def test_without_names_one_instrument_at_most_is_right():
    unnamed = Notes(REFERENCE.intervals, REFERENCE.pitches)
    scores = evaluate_streams(REFERENCE, unnamed, assignment="best")
    assert scores.stream_onset_recall == scores.assignment_accuracy == 3 / 5  # those of the flute
    assert evaluate_streams(REFERENCE, unnamed).stream_onset_f1 == 0
    assert evaluate_streams(unnamed, unnamed).stream_onset_f1 == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_best_assignment_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, 10, 60).round(2)
    reference = Notes(
        np.stack([onsets, onsets + 1], axis=1), rng.integers(60, 66, 60), instruments=rng.choice(list("abcd"), 60)
    )
    shuffled = np.where(
        rng.uniform(size=60) < 0.4,
        rng.choice(list("wxyz"), 60),
        np.char.translate(reference.instruments, str.maketrans("abcd", "yzwx")),
    )
    estimate = Notes(reference.intervals, reference.pitches, instruments=shuffled)
    found = [
        sum(
            len(
                match_notes(
                    reference.select(reference.instruments == a), estimate.select(shuffled == b), offset_ratio=None
                )
            )
            for a, b in zip("abcd", order, strict=True)
        )
        for order in permutations("wxyz")
    ]
    assert sorted(found)[-2] < max(found) < 60
    scores = evaluate_streams(reference, estimate, assignment="best")
    assert scores.stream_onset_recall == max(found) / 60
    assert scores.assignment_accuracy == max(found) / 60


def test_one_instrument_is_scored_like_its_notes():
    reference = performance((0, 60, "piano"), (1, 62, "piano"), (2, 64, "piano"))
    estimate = performance((0, 60, "piano"), (1.2, 62, "piano"))
    scores, notes = evaluate_streams(reference, estimate), evaluate(reference, estimate)
    for level in ("onset", "offset"):
        for rate in ("precision", "recall", "f1"):
            assert getattr(scores, f"stream_{level}_{rate}") == getattr(notes, f"{level}_{rate}")
    assert scores.instrument_onset_f1 == notes.onset_f1


def test_unison_is_two_notes():
    reference = performance((0, 60, "flute"), (0, 60, "oboe"))
    scores = evaluate_streams(reference, performance((0, 60, "oboe"), (0, 60, "flute")))
    assert scores.stream_onset_f1 == scores.assignment_accuracy == 1


def test_nothing():
    nothing = Notes.empty()
    for assignment in ("named", "best"):
        right = evaluate_streams(nothing, nothing, assignment=assignment)
        assert right.stream_onset_f1 == 1
        assert np.isnan(right.instrument_onset_f1)
        assert right.to_dict()["assignment_accuracy"] is None
        missed = evaluate_streams(REFERENCE, nothing, assignment=assignment)
        assert missed.stream_onset_f1 == missed.instrument_onset_f1 == 0
        assert evaluate_streams(nothing, REFERENCE, assignment=assignment).stream_onset_precision == 0
    json.dumps(right.to_dict(), allow_nan=False)


def test_wrong_use(tmp_path):
    with pytest.raises(NmfamtError, match="give 'named' or 'best'"):
        evaluate_streams(REFERENCE, REFERENCE, assignment="worst")
    with pytest.raises(NmfamtError, match="Tolerances are positive"):
        evaluate_streams(REFERENCE, REFERENCE, onset_tolerance=0)
    REFERENCE.write(tmp_path / "a.json")
    assert evaluate_streams(tmp_path / "a.json", REFERENCE).stream_onset_f1 == 1
