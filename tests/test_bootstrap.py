"""The bootstrap interval of a mean."""

import numpy as np
import pytest

from nmfamt.bootstrap import mean_interval


def test_two_values_by_hand():
    # Of two draws with return from 0 and 1 the means are 0, 1/2, 1/2 and 1, a quarter each.
    assert mean_interval(np.array([0.0, 1.0]), level=0.6) == (0, 1)
    assert mean_interval(np.array([0.0, 1.0]), level=0.4) == (0.5, 0.5)


def test_the_interval_widens_with_the_spread_and_depends_on_the_seed_alone():
    values = np.random.default_rng(0).normal(5, 1, 50)
    low, high = mean_interval(values)
    assert low < values.mean() < high
    assert mean_interval(2 * values) == pytest.approx((2 * low, 2 * high))
    assert mean_interval(values) == (low, high) != mean_interval(values, seed=1)


def test_fewer_than_two_values_have_none():
    assert np.isnan(mean_interval(np.array([1.0]))).all()
    assert np.isnan(mean_interval(np.zeros(0))).all()
    assert mean_interval(np.ones(3)) == (1, 1)
