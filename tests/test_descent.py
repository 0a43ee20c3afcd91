"""Extrapolated updates."""

import numpy as np
import pytest

from nmfamt.nmf.descent import descend

RNG = np.random.default_rng(0)
W = RNG.gamma(0.5, 1.0, (40, 12)) + 0.01
V = (W @ (RNG.gamma(1.0, 1.0, (12, 10)) * (RNG.random((12, 10)) < 0.4)) + 1e-3) * np.exp(RNG.normal(0, 0.3, (40, 10)))


def step(H, checked):
    X = W @ H
    return H * (W.T @ (V / X)) / W.sum(axis=0)[:, None], kl(X) if checked else 0.0


def kl(X):
    return float((V * np.log(V / X) - V + X).sum())


def run(**options):
    settings = {"max_iter": 50, "tol": 0.0, "check_every": 5, "extrapolate": True} | options
    return descend(step, np.ones((12, 10)), **settings)


def test_plain_updates_are_repeated():
    H = np.ones((12, 10))
    for _ in range(7):
        H = step(H, False)[0]
    for check_every in (0, 1, 3):
        found = run(max_iter=7, extrapolate=False, check_every=check_every)
        np.testing.assert_allclose(found.H, H, rtol=1e-12)
        assert found.n_iter == 7


def test_extrapolation_does_in_30_what_plain_updates_do_in_100():
    assert run(max_iter=30).costs[-1] < run(max_iter=100, extrapolate=False).costs[-1]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 11])
def test_the_last_cost_is_that_of_the_answer_and_the_least(n):
    found = run(max_iter=n)
    assert found.costs[-1] == pytest.approx(kl(W @ found.H))
    assert found.costs[-1] <= min(found.costs) * (1 + 1e-12)
    assert (np.diff(found.costs) <= 0).all()


def test_a_step_that_overshoots_is_taken_back():
    def wild(H, checked):
        """Lead away from the optimum, unless from where all began."""
        return H * 1.1 if H.max() > 1.5 else H * 0.9, abs(float(H.max()) - 0.9)

    found = descend(wild, np.ones((2, 2)), max_iter=40, tol=0.0, check_every=1, extrapolate=True)
    assert found.costs[-1] <= found.costs[0]


def test_it_stops_at_the_tolerance():
    found = run(tol=1e-3, max_iter=1000)
    assert found.converged
    assert found.n_iter < 200
    assert not run(tol=1e-12, max_iter=20).converged
