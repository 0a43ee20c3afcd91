"""Bounds below which no activations can come."""

import numpy as np
import pytest

from nmfamt.nmf import beta_divergence
from nmfamt.nmf.duality import feasible_scale, primal_and_dual
from nmfamt.nmf.problem import Groups


def frames(seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(1.0, 1.0, (4, 9)), rng.gamma(1.0, 1.0, (4, 9)) + 0.1


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_the_divergence_is_that_of_the_public_function(beta):
    V, X = frames()
    V[0, :3] = 0 if beta else V[0, :3]
    found, _ = primal_and_dual(V, X, np.ones(4), np.zeros(4), beta)
    np.testing.assert_allclose(found, beta_divergence(V, X, beta=beta, axis=1), rtol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_the_dual_is_the_minimum_of_the_lagrangian(beta, scale):
    V, X = frames()
    floor = np.full(4, 0.01)
    _, bound = primal_and_dual(V, X, np.full(4, scale), floor, beta)
    slope = (scale * X) ** (beta - 1) - V * (scale * X) ** (beta - 2)
    grid = np.linspace(1e-3, 30, 30_001)[:, None, None]
    if beta == 1:
        value = V * np.log(V / grid) - V + grid
    else:
        value = (V**beta + (beta - 1) * grid**beta - beta * V * grid ** (beta - 1)) / (beta * (beta - 1))
    least = (value - slope * (grid - 0.01)).min(axis=0).sum(axis=1)
    np.testing.assert_allclose(bound, least, rtol=1e-4, atol=1e-4)


def test_the_scale_makes_the_point_feasible_and_no_more():
    num, den = np.array([[1.2, 3.0], [0.1, 0.2]]), np.array([[1.0, 2.0], [1.0, 1.0]])
    assert feasible_scale(num, den, np.zeros((1, 2))).tolist() == [1.5, 1.0]
    assert feasible_scale(num, den, np.array([[0.5, 0.5]])).tolist() == [1.25, 1.0]


def test_the_scale_of_groups():
    rng = np.random.default_rng(1)
    num, den = rng.gamma(2.0, 1.0, (5, 6)), np.ones((5, 6))
    groups = Groups(np.repeat(np.eye(2), 3, axis=0), rng.uniform(0.5, 2, 6), 0.7)
    scale = feasible_scale(num, den, np.zeros((1, 6)), groups)
    excess = np.maximum(num - scale[:, None], 0) / groups.weights
    norms = np.sqrt(excess**2 @ groups.members).max(axis=1)
    np.testing.assert_allclose(norms[scale > 1], 0.7, rtol=1e-5)
    assert (norms <= 0.7 + 1e-6).all()
