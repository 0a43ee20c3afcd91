"""Templates that last several frames."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.convolutive import convolutive, convolve
from nmfamt.nmf.divergence import beta_divergence
from nmfamt.nmf.factorize import factorize

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]
each_beta = pytest.mark.parametrize("beta", BETAS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(n_lags=4, n_bins=12, n_components=3, n_frames=25, *, noise=0.3, dtype=np.float64):
    """Return data, templates, and the onsets behind the data."""
    rng = np.random.default_rng(0)
    W = rng.gamma(0.5, 1.0, (n_lags, n_bins, n_components)) + 0.01
    H = rng.gamma(2.0, 1.0, (n_components, n_frames)) * (rng.random((n_components, n_frames)) < 0.15)
    V = (naive_model(W, H) + 1e-3) * np.exp(noise * rng.standard_normal((n_bins, n_frames)))
    return V.astype(dtype), W.astype(dtype), H


def naive_model(W, H):
    n_lags, n_bins, n_components = W.shape
    X = np.zeros((n_bins, H.shape[1]))
    for lag in range(n_lags):
        for k in range(n_components):
            for t in range(lag, H.shape[1]):
                X[:, t] += W[lag, :, k] * H[k, t - lag]
    return X


def naive(V, W, beta, n_iter, *, learn):
    """Update element by element."""
    gamma = 1 / (2 - beta) if beta < 1 else 1
    n_lags, _, n_components = W.shape
    T = V.shape[1]
    H = V.sum(axis=0) / (n_components * W.sum(axis=(0, 1))[:, None])
    for _ in range(n_iter):
        X = np.maximum(naive_model(W, H), 1e-6 * V.max())
        R, E = V * X ** (beta - 2), X ** (beta - 1)
        new = H.copy()
        for k in range(n_components):
            for t in range(T):
                heard = range(min(n_lags, T - t))
                up = sum(W[lag, :, k] @ R[:, t + lag] for lag in heard)
                down = sum(W[lag, :, k] @ E[:, t + lag] for lag in heard)
                new[k, t] *= (up / down) ** gamma
        H = new
        if learn:
            X = np.maximum(naive_model(W, H), 1e-6 * V.max())
            R, E = V * X ** (beta - 2), X ** (beta - 1)
            new = W.copy()
            for lag in range(n_lags):
                for k in range(n_components):
                    h = np.concatenate([np.zeros(lag), H[k, : T - lag]])
                    new[lag, :, k] *= ((R @ h) / (E @ h)) ** gamma
            sums = new.sum(axis=(0, 1))
            W, H = new / sums, H * sums[:, None]
    return W, H


def test_the_model_is_a_convolution():
    _, W, H = problem()
    np.testing.assert_allclose(convolve(W, H), naive_model(W, H))
    expected = sum(np.convolve(W[:, 5, k], H[k])[: H.shape[1]] for k in range(3))
    np.testing.assert_allclose(convolve(W, H)[5], expected)


@each_beta
def test_one_lag_is_plain_factorization(beta):
    V, W, _ = problem(n_lags=1)
    found = convolutive(V, W, beta=beta, extrapolate=False, max_iter=20, tol=0)
    plain = factorize(V, W[0], fixed=True, beta=beta, max_iter=20, tol=0)
    np.testing.assert_allclose(found.H, plain.H, rtol=1e-6, atol=1e-12)


@each_beta
@pytest.mark.parametrize("learn", [False, True])
def test_the_updates_of_the_papers(beta, learn):
    V, W, _ = problem(n_lags=3, n_bins=5, n_components=2, n_frames=8)
    found = convolutive(V, W, beta=beta, fixed=not learn, max_iter=4, check_every=0)
    expected_W, expected_H = naive(V, W, beta, 4, learn=learn)
    np.testing.assert_allclose(found.W, expected_W, rtol=1e-9)
    np.testing.assert_allclose(found.H, expected_H, rtol=1e-9)


def test_blocks_of_frames_add_up():
    V, W, _ = problem(n_lags=3, n_bins=4, n_components=2, n_frames=530)
    found = convolutive(V, W, fixed=False, max_iter=2, check_every=0)
    expected_W, expected_H = naive(V, W, 1.0, 2, learn=True)
    np.testing.assert_allclose(found.W, expected_W, rtol=1e-9)
    np.testing.assert_allclose(found.H, expected_H, rtol=1e-9)


def test_onsets_are_recovered():
    V, W, H = problem(noise=0.0)
    found = convolutive(V, W, max_iter=500, tol=1e-9)
    np.testing.assert_allclose(found.H, H, atol=0.03 * H.max())


@each_beta
@each_dtype
@pytest.mark.parametrize("fixed", [True, False, np.array([True, False, False])])
def test_the_divergence_never_rises(beta, dtype, fixed):
    V, W, _ = problem(dtype=dtype)
    found = convolutive(V, W, beta=beta, fixed=fixed, max_iter=50, tol=0, check_every=1, extrapolate=False)
    assert len(found.cost) == 51
    assert (np.diff(found.cost) <= 2e-6 * found.cost[:-1]).all()
    X = np.maximum(convolve(found.W, found.H), 1e-6 * V.max())
    assert found.cost[-1] == pytest.approx(beta_divergence(V, X, beta=beta), rel=1e-3)
    assert found.W.dtype == found.H.dtype == dtype


@each_beta
def test_extrapolation_does_in_30_what_plain_updates_do_in_100(beta):
    V, W, _ = problem(n_frames=60)
    plain = convolutive(V, W, beta=beta, max_iter=100, tol=0, extrapolate=False)
    fast = convolutive(V, W, beta=beta, max_iter=30, tol=0)
    assert fast.cost[-1] <= 1.002 * plain.cost[-1]


def test_masks_are_exact_and_fixed_components_stay_to_the_bit():
    V, W, H = problem()
    W = W * np.array([1e-9, 1.0, 1e6])
    mask = H > 0
    fixed = np.array([True, False, True])
    found = convolutive(V, W, mask=mask, fixed=fixed)
    assert not found.H[~mask].any()
    np.testing.assert_array_equal(found.W[:, :, fixed], W[:, :, fixed])
    np.testing.assert_allclose(found.W[:, :, 1].sum(), 1)
    assert found.cost[-1] < found.cost[0]


@each_beta
@pytest.mark.parametrize("fixed", [True, False])
def test_permuting_components_permutes_the_answer(beta, fixed):
    V, W, _ = problem()
    order = np.array([2, 0, 1])
    found = convolutive(V, W, beta=beta, fixed=fixed, max_iter=20)
    permuted = convolutive(V, W[:, :, order], beta=beta, fixed=fixed, max_iter=20)
    np.testing.assert_allclose(permuted.H, found.H[order], rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(permuted.W, found.W[:, :, order], rtol=1e-6, atol=1e-10)


@each_beta
@each_dtype
@pytest.mark.parametrize("gain", [1e-6, 1e6])
def test_scaling_the_data_scales_the_activations_only(beta, dtype, gain):
    V, W, _ = problem(dtype=dtype)
    found, loud = (
        convolutive((g * V).astype(dtype), W, beta=beta, fixed=False, max_iter=20, tol=0) for g in (1.0, gain)
    )
    np.testing.assert_allclose(loud.W, found.W, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(loud.H / dtype(gain), found.H, rtol=1e-3, atol=1e-4 * found.H.max())


def test_where_it_starts():
    V, W, _ = problem()
    first = convolutive(V, W, max_iter=10, check_every=0)
    rest = convolutive(V, W, H=first.H, max_iter=10, check_every=0)
    np.testing.assert_allclose(rest.H, convolutive(V, W, max_iter=20, check_every=0).H, rtol=1e-9)
    plain = factorize(V, W.sum(axis=0), fixed=True, max_iter=7, check_every=0).H
    np.testing.assert_allclose(convolutive(V, W, n_start=7, max_iter=0).H, plain, rtol=1e-9)


@each_beta
@each_dtype
@pytest.mark.parametrize("fixed", [True, False])
def test_silence_and_empty_components_do_no_harm(beta, dtype, fixed):
    V, W, _ = problem(dtype=dtype)
    V[:, 5:14], V[3], W[:, :, 1] = 0, 0, 0
    for data in (V, 0 * V):
        found = convolutive(data, W, beta=beta, fixed=fixed)
        assert np.isfinite(found.H).all()
        assert np.isfinite(found.W).all()
        assert np.isfinite(found.cost).all()
    assert not found.H.any()


@each_beta
@pytest.mark.parametrize("n_frames", [0, 1, 3])
@pytest.mark.parametrize("fixed", [True, False])
def test_recordings_shorter_than_a_template(beta, n_frames, fixed):
    V, W, _ = problem()
    found = convolutive(V[:, :n_frames], W, beta=beta, fixed=fixed)
    assert found.H.shape == (3, n_frames)
    assert np.isfinite(found.H).all()


ONES, TEMPLATES = np.ones((3, 4)), np.ones((2, 3, 2))


@pytest.mark.parametrize(
    ("V", "W", "options", "message"),
    [
        (ONES, np.ones((3, 2)), {}, r"V has shape \(3, 4\) and W \(3, 2\): they are"),
        (ONES, np.ones((2, 4, 2)), {}, r"W \(2, 4, 2\): they are"),
        (ONES, np.ones((0, 3, 2)), {}, r"W \(0, 3, 2\): they are"),
        (ONES * np.nan, TEMPLATES, {}, r"V has the value nan at \[0, 0\]"),
        (ONES, -TEMPLATES, {}, r"W has the value -1.0 at \[0, 0, 0\]"),
        (ONES, TEMPLATES, {"mask": np.ones((2, 3), dtype=bool)}, r"mask has shape \(2, 3\), but \(2, 4\)"),
        (ONES, TEMPLATES, {"H": np.ones((1, 4))}, r"H has shape \(1, 4\), but \(2, 4\)"),
        (ONES, TEMPLATES, {"fixed": np.array([1, 0])}, "must be bool"),
        (ONES, TEMPLATES, {"n_start": -1}, "n_start=-1 must not be negative"),
        (ONES, TEMPLATES, {"beta": -0.1}, "beta=-0.1"),
        (ONES, TEMPLATES, {"check_every": -1}, "check_every=-1"),
    ],
)
def test_what_cannot_be_solved(V, W, options, message):
    with pytest.raises(NmfamtError, match=message):
        convolutive(V, W, **options)
