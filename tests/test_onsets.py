"""Which candidates are onsets, in two looks."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import linear, make_activation, plain_model, play

from nmfamt.tracking.context import LEAST_LOG_ODDS, onset_context
from nmfamt.tracking.emission import feature_names
from nmfamt.tracking.events import find_candidates, onset_features
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.onsets import judge_candidates, look_again


@pytest.fixture(scope="module")
def seen():
    """Return levels, the candidates in them, and their features."""
    levels = Levels.of(play(2000, seed=4)[0])
    candidates = find_candidates(levels)
    return levels, candidates, onset_features(levels, candidates)


def random_model(seed=0):
    """Return a model whose second look weighs everything."""
    rng, names = np.random.default_rng(seed), feature_names()["onset_in_context"]
    weights = dict(zip(names, rng.standard_normal(len(names)), strict=True))
    return replace(plain_model(), onset_in_context=linear(names, [0.5], weights))


# Naive oracle


def test_both_looks(seen):
    levels, candidates, X = seen
    model = random_model()
    first = model.onset(X)[:, 0]
    possible = [i for i in range(len(candidates)) if first[i] > LEAST_LOG_ODDS]
    assert 20 < len(possible) < len(candidates) - 20
    context = onset_context(candidates.select(possible), levels.pitches[candidates.rows[possible]], first[possible])
    judged, log_odds = judge_candidates(levels, candidates, model)
    assert judged.candidates.frames.tolist() == candidates.frames[possible].tolist()
    assert judged.candidates.rows.tolist() == candidates.rows[possible].tolist()
    np.testing.assert_array_equal(judged.X, X[possible])
    np.testing.assert_array_equal(judged.context, context)
    np.testing.assert_array_equal(judged.first, first[possible])
    np.testing.assert_array_equal(judged.X, X[possible])
    np.testing.assert_array_equal(judged.context, context)
    expected = model.onset_in_context(np.concatenate([X[possible], context], axis=1))[:, 0]
    # Of columns in two matrices or in one: sums of float32 in another order, of terms up to ten times as large.
    np.testing.assert_allclose(log_odds, expected, rtol=1e-5, atol=1e-4)


def test_where_the_possible_stand_among_all(seen):
    levels, candidates, X = seen
    judged, places = look_again(levels, candidates, X, plain_model().onset)
    assert judged.candidates.strengths.tolist() == candidates.strengths[places].tolist()
    assert (np.diff(places) > 0).all()
    np.testing.assert_array_equal(judged.X, X[places])


# Properties


def test_a_second_look_that_is_the_first_changes_nothing(seen):
    levels, candidates, _ = seen
    judged, log_odds = judge_candidates(levels, candidates, plain_model())
    np.testing.assert_allclose(log_odds, judged.first, atol=1e-4)


def test_what_is_impossible_does_not_count_for_others(seen):
    """With and without them the second look is the same."""
    levels, candidates, _ = seen
    model = random_model()
    judged, log_odds = judge_candidates(levels, candidates, model)
    assert len(judged.candidates) < len(candidates)
    again, others = judge_candidates(levels, judged.candidates, model)
    assert len(again.candidates) == len(judged.candidates)
    np.testing.assert_allclose(others, log_odds, rtol=1e-5)


def test_the_features_are_those_of_the_model(seen):
    levels, candidates, _ = seen
    judged, _ = judge_candidates(levels, candidates, plain_model())
    assert judged.X.shape[1] == len(feature_names()["onset"])
    assert len(judged.X) == len(judged.context) == len(judged.candidates)
    assert judged.X.shape[1] + judged.context.shape[1] == len(feature_names()["onset_in_context"])
    assert judged.X.dtype == judged.context.dtype == np.float32


@pytest.mark.parametrize("height", [0.0, 0.02])
def test_nothing_to_judge_or_nothing_possible(height):
    values = np.zeros((3, 100), dtype=np.float32)
    values[:, 50:] = height
    levels = Levels.of(make_activation(values))
    candidates = find_candidates(levels)
    assert len(candidates) == (3 if height else 0)
    judged, log_odds = judge_candidates(levels, candidates, plain_model())
    assert (len(judged.candidates), log_odds.shape, judged.first.shape) == (0, (0,), (0,))
    assert len(judged.X) == len(judged.context) == 0
