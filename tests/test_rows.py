"""Sums of rows, and what the divergence loses when a pitch is deleted (numba kernels)."""

from itertools import pairwise

import numpy as np
import pytest

from nmfamt.multipitch._rows import SHARE, add_rows, add_rows_of_arrays, deletion_loss, deletion_loss_of_arrays
from nmfamt.nmf import activations, beta_divergence

pytestmark = pytest.mark.kernel

each_beta = pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 1.5, 2.0])
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
STARTS = np.array([0, 1, 4, 6])


def problem(*, n_bins=12, n_frames=5, seed=0, dtype=np.float64):
    """Return V, W and H with frames first, as the kernel has them."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.5, 1.0, (STARTS[-1], n_bins)) + 0.01
    H = rng.gamma(1.0, 1.0, (n_frames, STARTS[-1]))
    H[rng.random(H.shape) < 0.2] = 0
    V = (H @ W + 1e-3) * np.exp(0.5 * rng.standard_normal((n_frames, n_bins)))
    return tuple(array.astype(dtype) for array in (V, W, H))


def naive(V, W, H, starts, beta):
    """Delete a row, compute the divergence anew, subtract."""
    loss, X = np.zeros((len(starts) - 1, len(V))), H @ W
    for row, (first, last) in enumerate(pairwise(starts)):
        for t in range(len(V)):
            if H[t, first:last].sum() <= SHARE * H[t].sum():
                continue
            without = np.maximum(X[t] - H[t, first:last] @ W[first:last], 1e-3 * X[t])
            change = beta_divergence(V[t], without, beta=beta) - beta_divergence(V[t], X[t], beta=beta)
            loss[row, t] = max(change, 0.0)
    return loss


# Independent truths


def test_a_note_alone_loses_what_it_explains():
    # KL of v from v / 1000 with v = w: v log(1000) - 0.999 v, in every bin.
    w = np.array([[0.5, 0.3, 0.2]])
    loss = deletion_loss(3 * w, w, np.array([[3.0]]), np.array([0, 1]), 1.0)
    assert loss[0, 0] == pytest.approx(3 * (np.log(1000) - 0.999), rel=1e-5)


@each_beta
def test_a_note_that_nothing_sounds_of_loses_nothing(beta):
    V, W, H = problem()
    H[:, 1:4] = 0
    assert not deletion_loss(V, W, H, STARTS, beta)[1].any()


@each_beta
def test_an_octave_ghost_loses_less_than_the_note(beta):
    W = np.array([[0.4, 0.3, 0.2, 0.1], [0.0, 0.6, 0.0, 0.4]])
    V = W[:1] + 1e-3
    H = activations(V.T, W.T, beta=beta, max_iter=500).H.T
    loss = deletion_loss(V, W, H, np.array([0, 1, 2]), beta)
    assert loss[0, 0] > 100 * loss[1, 0]


# Naive oracle


@each_beta
@each_dtype
@pytest.mark.parametrize("seed", range(3))
def test_the_definition(beta, dtype, seed):
    arrays = problem(seed=seed, dtype=dtype)
    found = deletion_loss(*arrays, STARTS, beta)
    expected = naive(*arrays, STARTS, beta)
    assert found.shape == (3, 5)
    assert found.dtype == dtype
    rtol = 1e-4  # logarithms are right to 2e-7
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-5 * expected.max())


@each_beta
@each_dtype
def test_arrays_say_the_same_as_the_kernel(beta, dtype):
    V, W, H = problem(dtype=dtype)
    rtol = 1e-4 if beta == 1 or dtype == np.float32 else 1e-9
    expected = deletion_loss_of_arrays(V, W, H, STARTS, beta)
    np.testing.assert_allclose(deletion_loss(V, W, H, STARTS, beta), expected, rtol=rtol, atol=1e-5 * expected.max())
    np.testing.assert_allclose(add_rows(H, STARTS), add_rows_of_arrays(H, STARTS), rtol=1e-6)


def test_rows_are_added():
    H = np.arange(6.0)[None]
    assert add_rows(H, np.array([0, 2, 3, 6])).tolist() == [[1.0], [2.0], [12.0]]


# Properties


@each_beta
def test_it_is_never_negative(beta):
    V, W, H = problem()
    assert (deletion_loss(0.1 * V, W, H, STARTS, beta) >= 0).all()


@each_beta
def test_rows_of_less_than_a_thousandth_are_not_asked(beta):
    V, W, H = problem()
    H[:, 0] = 0.9 * SHARE * H[:, 1:].sum(axis=1)
    assert not deletion_loss(V, W, H, STARTS, beta)[0].any()
    H[:, 0] = 2 * SHARE * H[:, 1:].sum(axis=1)
    assert deletion_loss(10 * V, W, H, STARTS, beta)[0].any()


@each_beta
def test_scaling_everything_scales_by_a_power(beta):
    V, W, H = problem()
    found = deletion_loss(10 * V, W, 10 * H, STARTS, beta)
    np.testing.assert_allclose(found, 10**beta * deletion_loss(V, W, H, STARTS, beta), rtol=1e-6)


@each_beta
def test_transposed_arrays_will_do(beta):
    arrays = problem()
    transposed = [np.ascontiguousarray(array.T).T for array in arrays]
    np.testing.assert_array_equal(deletion_loss(*transposed, STARTS, beta), deletion_loss(*arrays, STARTS, beta))


@each_beta
@each_dtype
def test_silent_frames_and_bins_that_no_template_reaches(beta, dtype):
    V, W, H = problem(dtype=dtype)
    W[:, :3] = 0
    H[2] = 0
    V[3] = 0
    loss = deletion_loss(50 * V, W, H, STARTS, beta)
    assert np.isfinite(loss).all()
    assert not loss[:, 2].any()
    alone = deletion_loss(50 * V[:, 3:], W[:, 3:], H, STARTS, beta)
    np.testing.assert_allclose(loss, alone, rtol=1e-5)


def test_no_frames():
    V, W, H = (array[:0] if len(array) == 5 else array for array in problem())
    assert deletion_loss(V, W, H, STARTS, 1.0).shape == (3, 0)
