"""Pairs of notes: against cases settled by hand, and against mir_eval."""

from time import perf_counter

import mir_eval
import numpy as np
import pytest

from nmfamt.evaluation import evaluate, match_notes
from nmfamt.evaluation.matching import similar_velocities
from nmfamt.notes import Notes


def crowded(rng, scale):
    """Notes that compete: few pitches, close onsets, some of them equal."""
    n_notes = int(rng.integers(1, 120))
    onsets = rng.uniform(0, rng.choice([0.5, 2, 6]), n_notes).round(int(rng.integers(2, 5)))
    return Notes(
        np.stack([onsets, onsets + rng.uniform(0.02, 1, n_notes).round(3)], axis=1),
        50 + rng.integers(0, 6, n_notes) * 12 / scale,
        velocities=rng.integers(1, 128, n_notes),
    )


@pytest.mark.parametrize("scale", [12, 24, 31])
@pytest.mark.parametrize("seed", range(12))
def test_the_pairs_are_those_of_mir_eval(seed, scale):
    rng = np.random.default_rng(seed)
    reference, estimate = crowded(rng, scale), crowded(rng, scale)
    for options in ({}, {"offset_ratio": None}, {"offset_ratio": 0.5, "onset_tolerance": 0.1, "pitch_tolerance": 60}):
        pairs = match_notes(reference, estimate, **options)
        expected = mir_eval.transcription.match_notes(*reference.to_mir_eval(), *estimate.to_mir_eval(), **options)
        assert np.array_equal(pairs, np.array(expected, dtype=int).reshape(-1, 2))
    pairs = match_notes(reference, estimate)
    pairs = pairs[similar_velocities(reference, estimate, pairs)]
    expected = mir_eval.transcription_velocity.match_notes(
        *reference.to_mir_eval(), reference.velocities, *estimate.to_mir_eval(), estimate.velocities
    )
    assert np.array_equal(pairs, np.array(expected, dtype=int).reshape(-1, 2))


def test_the_nearest_note_gives_way_where_that_makes_more_pairs():
    # The second estimate lies nearest to the first reference, but is the only one for the second reference.
    reference = Notes([[1.00, 2], [1.06, 2]], [60, 60])
    estimate = Notes([[0.96, 2], [1.02, 2]], [60, 60])
    assert match_notes(reference, estimate).tolist() == [[0, 0], [1, 1]]


def test_the_tolerance_is_inside():
    reference = Notes([[1.0, 2.0]], [60])
    for onset, offset, right in ((1.05, 2.2, True), (0.95, 1.8, True), (1.0501, 2.0, False), (1.0, 2.2001, False)):
        assert bool(len(match_notes(reference, Notes([[onset, offset]], [60])))) is right
    short = Notes([[1.0, 1.1]], [60])  # a fifth of it is 20 ms: 50 ms count
    assert len(match_notes(short, Notes([[1.0, 1.15]], [60]))) == 1
    assert len(match_notes(short, Notes([[1.0, 1.1502]], [60]))) == 0


def test_nothing_pairs_with_nothing():
    notes = Notes([[0, 1]], [60])
    for reference, estimate in ((notes, Notes.empty()), (Notes.empty(), notes), (notes, Notes([[5, 6]], [60]))):
        assert match_notes(reference, estimate).shape == (0, 2)
        assert similar_velocities(reference, estimate, match_notes(reference, estimate)).shape == (0,)


def test_a_recital_takes_a_moment():
    rng = np.random.default_rng(0)
    onsets = rng.uniform(0, 2700, (20_000, 1))
    reference = Notes(
        onsets + np.hstack([0 * onsets, rng.uniform(0.05, 2, onsets.shape)]), rng.integers(21, 109, 20_000)
    )
    estimate = Notes(np.maximum(reference.intervals + rng.normal(0, 0.01, onsets.shape), [0, 0.001]), reference.pitches)
    begin = perf_counter()
    scores = evaluate(reference, estimate)
    assert perf_counter() - begin < 5  # tables of all pairs would take gigabytes
    assert scores.onset_f1 > 0.99
