"""Templates and activations learned together."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.divergence import beta_divergence
from nmfamt.nmf.factorize import factorize

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]
each_beta = pytest.mark.parametrize("beta", BETAS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(n_bins=20, n_components=5, n_frames=30, *, seed=0, dtype=np.float64):
    """Return data, where the templates start (unit sums), and where each may be active."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.5, 1.0, (n_bins, n_components)) + 0.01
    mask = rng.random((n_components, n_frames)) < 0.6
    V = (W @ (mask * rng.gamma(1.0, 1.0, mask.shape)) + 1e-3) * np.exp(rng.normal(0, 0.3, (n_bins, n_frames)))
    start = W * np.exp(rng.normal(0, 1, W.shape))
    return V.astype(dtype), (start / start.sum(axis=0)).astype(dtype), mask


def naive(V, W, mask, beta, prior, n_iter, n_updates):
    """Update element by element, as the papers write it; return W and H."""
    gamma = 1 / (2 - beta) if beta < 1 else 1
    floor = 1e-6 * V.max()
    (F, K), T = W.shape, V.shape[1]
    H = np.zeros((K, T))
    for t in range(T):
        for k in range(K):
            if mask[k, t]:
                H[k, t] = V[:, t].sum() / mask[:, t].sum()
    W0 = W.copy()
    for _ in range(n_iter):
        for _ in range(n_updates):
            X = np.maximum(W @ H, floor)
            new = H.copy()
            for k in range(K):
                for t in range(T):
                    up = sum(W[f, k] * V[f, t] * X[f, t] ** (beta - 2) for f in range(F))
                    down = sum(W[f, k] * X[f, t] ** (beta - 1) for f in range(F))
                    new[k, t] *= (up / down) ** gamma
            H = new
        X = np.maximum(W @ H, floor)
        new = W.copy()
        for k in range(K):
            for f in range(F):
                up = sum(H[k, t] * V[f, t] * X[f, t] ** (beta - 2) for t in range(T))
                down = sum(H[k, t] * X[f, t] ** (beta - 1) for t in range(T))
                new[f, k] *= (up / down) ** gamma
        used = H.sum(axis=1)
        if beta != 1:
            H = H * new.sum(axis=0)[:, None]
        W = new * used + prior * used.mean() * W0
        W = W / W.sum(axis=0)
    return W, H


# Independent truths


@each_beta
def test_a_product_of_rank_one_is_recovered(beta):
    w, h = np.array([0.1, 0.4, 0.2, 0.3]), np.array([1.0, 5.0, 0.5])
    found = factorize(np.outer(w, h), 1, beta=beta, max_iter=200, tol=1e-12)
    np.testing.assert_allclose(found.W[:, 0], w, rtol=1e-4)
    np.testing.assert_allclose(found.H[0], h, rtol=1e-4)


@each_beta
def test_notes_that_also_sound_alone_are_told_apart(beta):
    rng = np.random.default_rng(0)
    W = rng.gamma(0.5, 1.0, (30, 3)) + 0.01
    W /= W.sum(axis=0)
    mask = np.repeat(np.array([[1, 0, 0, 1, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]], dtype=bool), 8, axis=1)
    V = W @ (mask * rng.uniform(0.5, 2, mask.shape))
    start = np.full_like(W, 1 / 30)
    found = factorize(V, start, mask=mask, beta=beta, max_iter=2000, tol=1e-10)
    np.testing.assert_allclose(found.W, W, atol=2e-3)


def test_a_fixed_template_leaves_the_rest_to_the_others():
    rng = np.random.default_rng(0)
    W, H = rng.random((12, 2)), rng.gamma(0.3, 1.0, (2, 40))
    found = factorize(W @ H, np.stack([W[:, 0], np.ones(12)], axis=1), fixed=np.array([True, False]), max_iter=2000)
    np.testing.assert_allclose(found.W[:, 1], W[:, 1] / W[:, 1].sum(), atol=0.01)
    np.testing.assert_allclose(found.H[0], H[0], atol=0.1)


# Naive oracle


@each_beta
@pytest.mark.parametrize("prior", [0.0, 0.5])
@pytest.mark.parametrize("n_updates", [1, 2])
def test_the_updates_of_the_papers(beta, prior, n_updates):
    V, W, mask = problem(n_bins=6, n_components=3, n_frames=7)
    found = factorize(
        V, W, mask=mask, beta=beta, prior=prior, max_iter=4, check_every=0, n_activation_updates=n_updates
    )
    expected_W, expected_H = naive(V, W, mask, beta, prior, 4, n_updates)
    np.testing.assert_allclose(found.W, expected_W, rtol=1e-9)
    np.testing.assert_allclose(found.H, expected_H, rtol=1e-9)


# Properties


@each_beta
@each_dtype
@pytest.mark.parametrize("restricted", [False, True])
def test_the_divergence_never_rises(beta, dtype, restricted):
    V, W, mask = problem(dtype=dtype)
    fixed = np.array([True, False, False, True, False]) & restricted
    found = factorize(
        V, 3 * W, mask=mask if restricted else None, fixed=fixed, beta=beta, max_iter=60, tol=0, check_every=1
    )
    assert len(found.cost) == 61
    assert (np.diff(found.cost) <= 2e-6 * found.cost[:-1]).all()
    X = np.maximum(found.W @ found.H, 1e-6 * V.max())
    assert found.cost[-1] == pytest.approx(beta_divergence(V, X, beta=beta), rel=1e-3)
    assert found.W.dtype == found.H.dtype == dtype


@each_beta
def test_masks_are_exact_and_fixed_templates_stay_to_the_bit(beta):
    V, W, mask = problem()
    W = W * np.array([1e-9, 1.0, 3.0, 1e12, 0.1])
    fixed = np.array([True, False, True, True, False])
    found = factorize(V, W, mask=mask, fixed=fixed, beta=beta)
    assert not found.H[~mask].any()
    assert found.H[mask].any()
    np.testing.assert_array_equal(found.W[:, fixed], W[:, fixed])
    np.testing.assert_allclose(found.W[:, ~fixed].sum(axis=0), 1)
    assert found.cost[-1] < found.cost[0]


@each_beta
def test_permuting_components_permutes_the_answer(beta):
    V, W, mask = problem()
    order = np.array([3, 1, 4, 0, 2])
    found = factorize(V, W, mask=mask, beta=beta, prior=0.1)
    permuted = factorize(V, W[:, order], mask=mask[order], beta=beta, prior=0.1)
    np.testing.assert_allclose(permuted.W, found.W[:, order], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(permuted.H, found.H[order], rtol=1e-6, atol=1e-12)


@each_beta
@each_dtype
@pytest.mark.parametrize("gain", [1e-30, 1e-6, 1e6, 1e30])
def test_scaling_the_data_scales_the_activations_only(beta, dtype, gain):
    V, W, mask = problem(dtype=dtype)
    options = {"mask": mask, "beta": beta, "prior": 0.05, "max_iter": 30, "tol": 0.0}
    found, loud = factorize(V, W, **options), factorize((gain * V).astype(dtype), W, **options)
    np.testing.assert_allclose(loud.W, found.W, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(loud.H / dtype(gain), found.H, rtol=1e-3, atol=1e-4 * found.H.max())
    assert loud.cost[-1] == pytest.approx(float(gain) ** beta * found.cost[-1], rel=1e-3)


@each_beta
def test_recordings_teach_together_what_they_do_end_to_end(beta):
    V, W, mask = problem(n_frames=40)
    cut = [slice(0, 11), slice(11, 40)]
    whole = factorize(V, W, mask=mask, beta=beta, prior=0.1)
    parts = factorize([V[:, c] for c in cut], W, mask=[mask[:, c] for c in cut], beta=beta, prior=0.1)
    np.testing.assert_allclose(parts.W, whole.W, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(np.concatenate(parts.H, axis=1), whole.H, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(parts.cost, whole.cost)


def test_blocks_of_frames_add_up():
    V, W, mask = problem(n_frames=600)
    whole = factorize(V, W, mask=mask, max_iter=5)
    expected_W, _ = naive_fast(V, W, mask, 5)
    np.testing.assert_allclose(whole.W, expected_W, rtol=1e-9)


def naive_fast(V, W, mask, n_iter):
    """Kullback-Leibler in three lines."""
    H = mask * V.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)
    for _ in range(n_iter):
        H = H * (W.T @ (V / np.maximum(W @ H, 1e-6 * V.max())))
        W = W * ((V / np.maximum(W @ H, 1e-6 * V.max())) @ H.T)
        W = W / W.sum(axis=0)
    return W, H


def test_given_activations_are_where_it_starts():
    V, W, _ = problem()
    first = factorize(V, 3 * W, max_iter=10, check_every=0)
    rest = factorize(V, first.W, H=first.H, max_iter=10, check_every=0)
    np.testing.assert_allclose(rest.W, factorize(V, 3 * W, max_iter=20, check_every=0).W, rtol=1e-6, atol=1e-12)


def test_a_strong_prior_keeps_the_start():
    V, W, _ = problem()
    np.testing.assert_allclose(factorize(V, W, prior=1e9).W, W, rtol=1e-6)


def test_templates_that_may_never_sound_stay_where_they_start():
    V, W, mask = problem()
    mask[2] = False
    for beta in BETAS:
        np.testing.assert_allclose(factorize(V, W, mask=mask, beta=beta).W[:, 2], W[:, 2])


def test_the_seed_makes_the_start():
    V, _, _ = problem()
    one, same, other = (factorize(V, 4, seed=seed, max_iter=3).W for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_it_stops_at_the_tolerance():
    V, W, _ = problem()
    found = factorize(V, W, tol=1e-3, max_iter=1000)
    assert found.converged
    assert found.n_iter < 1000
    assert len(found.cost) == 1 + found.n_iter // 10
    assert not factorize(V, W, tol=1e-12, max_iter=15).converged
    assert factorize(V, W, max_iter=15, check_every=0).cost.size == 0


# Silence, and what hardly sounds


@each_beta
@each_dtype
def test_silence_teaches_nothing(beta, dtype):
    _, W, _ = problem(dtype=dtype)
    found = factorize(np.zeros((20, 4), dtype=dtype), W, beta=beta)
    assert not found.H.any()
    np.testing.assert_allclose(found.W, W, rtol=1e-6)


@each_beta
@each_dtype
def test_silent_frames_silent_bins_and_empty_templates_do_no_harm(beta, dtype):
    V, W, _ = problem(dtype=dtype)
    V[:, 3], V[5], W[:, 1], W[7] = 0, 0, 0, 0
    found = factorize(V, W, beta=beta)
    assert np.isfinite(found.W).all()
    assert np.isfinite(found.H).all()
    assert not found.H[:, 3].any()
    assert not found.W[:, 1].any()


@each_beta
@pytest.mark.parametrize("shape", [(20, 1), (20, 0), (1, 3)])
def test_one_frame_no_frame_one_bin(beta, shape):
    V = np.random.default_rng(0).random(shape) + 0.1
    found = factorize(V, 2, beta=beta)
    assert found.H.shape == (2, shape[1])
    np.testing.assert_allclose(found.W.sum(axis=0), 1)


def test_nothing_is_left_between_zero_and_negligible():
    V, W, _ = problem(dtype=np.float32)
    found = factorize(V, W, max_iter=3000, check_every=0)
    for factor in (found.W, found.H):
        assert factor[factor > 0].min() > 1e-17


def test_arguments_are_not_changed():
    V, W, mask = problem()
    H = mask.astype(float)
    copies = [array.copy() for array in (V, W, mask, H)]
    factorize(V, W, mask=mask, H=H)
    for array, copy in zip((V, W, mask, H), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# Errors

ONES = np.ones((3, 4))


@pytest.mark.parametrize(
    ("V", "W", "options", "message"),
    [
        ([], 2, {}, "V holds no recordings"),
        ([ONES, np.ones((2, 4))], 2, {}, r"V has the shapes \(3, 4\), \(2, 4\): recordings"),
        (np.ones(3), 2, {}, r"V has the shapes \(3,\)"),
        (np.full((3, 4), np.nan), 2, {}, r"V has the value nan at \[0, 0\].*nan_to_num"),
        (ONES, -np.ones((3, 2)), {}, r"W has the value -1.0 at \[0, 0\]"),
        (ONES, np.ones((4, 2)), {}, r"W has shape \(4, 2\), V has 3 bins"),
        (ONES, 0, {}, "W=0 is a number of components: at least 1"),
        (ONES, 2, {"mask": np.ones((2, 3), dtype=bool)}, r"mask has shape \(2, 3\), but \(2, 4\) is needed"),
        (ONES, 2, {"mask": np.ones((2, 4))}, "mask has the type float64: it must be bool"),
        ([ONES, ONES], 2, {"mask": [np.ones((2, 4), dtype=bool)]}, "mask holds 1 arrays for 2 recordings"),
        (ONES, 2, {"H": np.full((2, 4), np.inf)}, r"H has the value inf at \[0, 0\]"),
        (ONES, 2, {"fixed": np.array([True])}, "must be bool, one value or 2"),
        (ONES, 2, {"beta": 3.0}, r"beta=3.0 must lie in \[0, 2\]"),
        (ONES, 2, {"prior": -1.0}, "prior=-1.0 must be finite and not negative"),
        (ONES, 2, {"n_activation_updates": 0}, "n_activation_updates=0 at least 1"),
        (ONES, 2, {"max_iter": -1}, "max_iter=-1"),
        (ONES, 2, {"tol": np.nan}, "tol=nan"),
    ],
)
def test_what_cannot_be_factorized(V, W, options, message):
    with pytest.raises(NmfamtError, match=message):
        factorize(V, W, **options)
