"""What all solvers share: scaled frames and the objective."""

import numpy as np
import pytest

from nmfamt.nmf.problem import FLOOR, Frames, Problem


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gain", [1e-37, 1e-10, 1.0, 1e10, 1e37])
def test_scaled_frames_sum_to_less_than_one_and_come_back_exactly(dtype, gain):
    V = (np.random.default_rng(0).gamma(1.0, 1.0, (6, 9)) * gain / 9).astype(dtype)
    V[2] = 0
    frames = Frames.of(V)
    kept = np.arange(6) != 2
    assert ((frames.sums[kept] >= 0.5) & (frames.sums[kept] <= 1)).all()
    assert frames.sums[2] == 0
    np.testing.assert_array_equal(frames.unscaled(frames.V), V)
    assert frames.V.dtype == dtype


def test_units_bring_a_divergence_back():
    frames = Frames.of(np.array([[3.0, 5.0]]))
    for beta in (0.0, 1.0, 2.0):
        assert frames.units(beta)[0] == 16.0**beta


def test_the_floor_is_a_share_of_the_frame_but_for_least_squares():
    frames = Frames.of(np.array([[3.0, 5.0], [0.0, 0.0]]))
    assert frames.floor(1.0).tolist() == [FLOOR * 0.5, 1.0]
    assert frames.floor(2.0).tolist() == [0.0, 0.0]


def test_penalties_are_in_units_of_the_mean_of_a_frame():
    problem = Problem(np.array([[0.6, 0.4], [1.0, 0.0]]), 2.0, 1e-3, 10, l1=3.0)
    frames = Frames.of(np.array([[0.25, 0.25], [0.5, 0.25]]))
    norms = np.array([np.hypot(0.6, 0.4), 1.0])
    np.testing.assert_allclose(problem.penalty(frames), 3.0 * np.outer([0.25, 0.375], norms))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_ratios_are_numerator_and_denominator_of_the_update(beta):
    rng = np.random.default_rng(0)
    Wt = rng.random((3, 7))
    Wt /= Wt.sum(axis=1, keepdims=True)
    V, X = rng.random((4, 7)), rng.random((4, 7)) + 0.1
    num, den = Problem(Wt, beta, 1e-3, 10).ratios(V, X)
    np.testing.assert_allclose(num, (V * X ** (beta - 2)) @ Wt.T)
    np.testing.assert_allclose(np.broadcast_to(den, num.shape), X ** (beta - 1) @ Wt.T, rtol=1e-6)
