"""Kernels of the active set and of block pivoting, also as the Python they are written in."""

import numpy as np
import pytest
from scipy.optimize import nnls

from nmfamt.nmf import _active_set as kernels
from nmfamt.nmf._least_squares import pivot
from nmfamt.nmf.active_set import solve_active_set
from nmfamt.nmf.problem import Frames, Problem

pytestmark = pytest.mark.kernel

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def small(n_frames=6, n_bins=9, n_components=5, *, dtype=np.float64, seed=0):
    """Return frames and templates, rows first."""
    rng = np.random.default_rng(seed)
    Wt = rng.gamma(0.5, 1.0, (n_components, n_bins)) + 0.01
    Wt /= Wt.sum(axis=1, keepdims=True)
    V = (rng.gamma(1.0, 1.0, (n_frames, n_components)) @ Wt) * rng.uniform(0.5, 1.5, (n_frames, n_bins))
    return V.astype(dtype), Wt.astype(dtype)


@each_dtype
@pytest.mark.parametrize("n", [1, 3, 4, 5, 9])
def test_products_in_tiles_are_products(n, dtype):
    rng = np.random.default_rng(n)
    A, d, x = (rng.random(shape).astype(dtype) for shape in ((n, 7), 7, n))
    S, B, g, L = np.zeros((n, n), dtype), np.zeros((n, 7), dtype), np.zeros(n, dtype), np.zeros(7, dtype)
    kernels._hessian(A, B, n, d, S)
    kernels._products(A, n, d, g)
    kernels._model(A, x, n, dtype(0.5), L)
    np.testing.assert_allclose(S, (A * d) @ A.T, rtol=1e-5)
    np.testing.assert_allclose(g, A @ d, rtol=1e-5)
    np.testing.assert_allclose(L, x @ A + 0.5, rtol=1e-5)


def test_the_free_variables_are_solved_for():
    rng = np.random.default_rng(0)
    S = rng.random((6, 6))
    S = S @ S.T + np.eye(6)
    b, free, z = rng.random(6), np.array([4, 0, 3]), np.zeros(6)
    assert kernels._solve(S, free, 3, b, np.zeros((6, 6)), z)
    np.testing.assert_allclose(z[:3], np.linalg.solve(S[np.ix_(free, free)], b[free]))
    assert not kernels._solve(-S, free, 3, b, np.zeros((6, 6)), z)


@each_dtype
@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5])
def test_a_chunk_is_certified(beta, dtype):
    V, Wt = small(dtype=dtype)
    fit = solve_active_set(Frames.of(V), Problem(Wt, beta, 1e-2, 20, l1=0.1))
    assert fit.converged
    assert fit.costs == sorted(fit.costs, reverse=True)
    assert (fit.H >= 0).all()


def test_a_frame_follows_silence_and_change():
    V, Wt = small()
    V[2] = 0
    V[4] = 1e4 * V[4, ::-1]
    fit = solve_active_set(Frames.of(V), Problem(Wt, 1.0, 1e-3, 20))
    assert fit.converged
    assert not fit.H[2].any()


def test_block_pivoting_is_least_squares():
    V, Wt = small(n_components=8, n_bins=9)
    H = np.zeros((6, 8))
    steps = pivot(V @ Wt.T, Wt @ Wt.T, 100, H)
    np.testing.assert_allclose(H, [nnls(Wt.T, v)[0] for v in V], atol=1e-8)
    assert 1 <= steps < 100
