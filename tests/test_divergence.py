"""The beta-divergence."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import beta_divergence

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]


def naive(v, x, beta):
    """Févotte & Idier (2011), equation 2, for one number."""
    if beta == 0:
        return v / x - np.log(v / x) - 1
    if beta == 1:
        return v * np.log(v / x) - v + x
    return (v**beta + (beta - 1) * x**beta - beta * v * x ** (beta - 1)) / (beta * (beta - 1))


@pytest.fixture
def pair():
    return np.random.default_rng(0).uniform(0.1, 5.0, (2, 4, 6))


@pytest.mark.parametrize(("beta", "expected"), [(2.0, 2.0), (1.0, 2 * np.log(0.5) + 2), (0.0, 0.5 - np.log(0.5) - 1)])
def test_worked_by_hand(beta, expected):
    assert beta_divergence(np.array([2.0]), np.array([4.0]), beta=beta) == pytest.approx(expected)


@pytest.mark.parametrize("beta", BETAS)
def test_the_definition(pair, beta):
    V, X = pair
    expected = np.vectorize(naive)(V, X, beta)
    assert beta_divergence(V, X, beta=beta) == pytest.approx(expected.sum())
    np.testing.assert_allclose(beta_divergence(V, X, beta=beta, axis=0), expected.sum(axis=0))
    np.testing.assert_allclose(beta_divergence(V, X, beta=beta, axis=1), expected.sum(axis=1))


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_the_limits_are_continuous(pair, limit):
    near = [beta_divergence(*pair, beta=abs(limit - 1e-5)), beta_divergence(*pair, beta=limit + 1e-5)]
    np.testing.assert_allclose(near, beta_divergence(*pair, beta=limit), rtol=1e-4)


@pytest.mark.parametrize("beta", BETAS)
def test_it_is_zero_only_for_equals(pair, beta):
    V, X = pair
    assert beta_divergence(V, V, beta=beta) == pytest.approx(0, abs=1e-12)
    assert (beta_divergence(V[None], X[None], beta=beta, axis=0) > 0).all()


@pytest.mark.parametrize("beta", BETAS)
def test_scaling_both_scales_by_a_power(pair, beta):
    V, X = pair
    assert beta_divergence(10 * V, 10 * X, beta=beta) == pytest.approx(10**beta * beta_divergence(V, X, beta=beta))


@pytest.mark.parametrize("beta", BETAS)
def test_zeros_of_the_data_are_finite(beta):
    assert 0 < beta_divergence(np.array([0.0]), np.array([1.0]), beta=beta) < 1000


def test_single_precision_is_summed_in_double():
    V = np.full(10_000_000, 0.1, dtype=np.float32)
    expected = len(V) * naive(float(V[0]), 0.2, 2.0)
    assert beta_divergence(V, np.full_like(V, 0.2), beta=2) == pytest.approx(expected, rel=1e-6)


def test_a_model_has_the_shape_of_its_data():
    with pytest.raises(NmfamtError, match=r"V has shape \(2,\), but X has \(3,\)"):
        beta_divergence(np.ones(2), np.ones(3), beta=1)


@pytest.mark.parametrize("beta", [-0.1, 2.1, float("nan")])
def test_beta_has_a_range(beta):
    with pytest.raises(NmfamtError, match=r"must lie in \[0, 2\]"):
        beta_divergence(np.ones(2), np.ones(2), beta=beta)
