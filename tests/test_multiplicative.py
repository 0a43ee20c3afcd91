"""Activations for fixed templates by multiplicative updates."""

import numpy as np
import pytest
from scipy.optimize import nnls

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import activations, beta_divergence
from nmfamt.nmf.multiplicative import CHUNK_FRAMES

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]
each_beta = pytest.mark.parametrize("beta", BETAS)


def problem(n_bins=30, n_components=6, n_frames=20, *, seed=0, noise=0.0, dtype=np.float64):
    """Return V, W and the activations behind V; half of them are zero."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.5, 1.0, (n_bins, n_components)) + 0.01
    W /= W.sum(axis=0)
    H = rng.gamma(1.0, 1.0, (n_components, n_frames)) * (rng.random((n_components, n_frames)) < 0.5)
    V = (W @ H) * np.exp(noise * rng.standard_normal((n_bins, n_frames)))
    return V.astype(dtype), W.astype(dtype), H.astype(dtype)


def naive(V, W, beta, n_iter):
    """Update one frame after the other, one activation after the other, as the paper writes it."""
    gamma = 1 if 1 <= beta <= 2 else 1 / (2 - beta)
    H = np.zeros((W.shape[1], V.shape[1]))
    floor = 1e-7 * V.max()
    for t in range(V.shape[1]):
        h = np.full(W.shape[1], V[:, t].sum() / W.sum())
        for _ in range(n_iter):
            x = np.maximum(W @ h, floor)
            h = np.array(
                [
                    h[k]
                    * (
                        sum(W[f, k] * V[f, t] * x[f] ** (beta - 2) for f in range(len(V)))
                        / sum(W[f, k] * x[f] ** (beta - 1) for f in range(len(V)))
                    )
                    ** gamma
                    for k in range(W.shape[1])
                ]
            )
        H[:, t] = h
    return H


# Independent truths


@each_beta
def test_one_template_has_a_closed_form(beta):
    rng = np.random.default_rng(0)
    V, w = rng.uniform(0.1, 1, (12, 4)), rng.uniform(0.1, 1, (12, 1))
    expected = (w ** (beta - 1) * V).sum(axis=0) / (w**beta).sum()
    np.testing.assert_allclose(activations(V, w, beta=beta, max_iter=100).H[0], expected, rtol=1e-6)


@each_beta
def test_templates_that_share_no_bin_are_solved_apart(beta):
    W = np.kron(np.eye(3), np.ones((2, 1)))
    V = np.array([[1.0, 4.0], [1.0, 4.0], [2.0, 5.0], [2.0, 5.0], [3.0, 6.0], [3.0, 6.0]])
    np.testing.assert_allclose(activations(V, W, beta=beta, max_iter=200).H, V[::2], rtol=1e-6)


@each_beta
def test_exact_activations_are_recovered(beta):
    V, W, H = problem(n_bins=60, n_components=4)
    found = activations(V + 1e-9, W, beta=beta, max_iter=3000).H
    np.testing.assert_allclose(found, H, atol=0.02 * H.max())


def test_the_euclidean_optimum_is_that_of_least_squares():
    V, W, _ = problem(noise=0.3)
    found = activations(V, W, beta=2.0, max_iter=20000).H
    expected = np.stack([nnls(W, v)[0] for v in V.T], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())


def test_kullback_leibler_keeps_the_energy_of_every_frame():
    V, W, _ = problem(noise=0.5)
    H = activations(V, W, beta=1.0, max_iter=3).H
    np.testing.assert_allclose((W @ H).sum(axis=0), V.sum(axis=0))


# Naive oracle


@each_beta
@pytest.mark.parametrize("n_iter", [0, 1, 7])
def test_the_update_of_the_paper(beta, n_iter):
    V, W, _ = problem(n_bins=9, n_components=4, n_frames=5, noise=0.5)
    found = activations(V, W, beta=beta, max_iter=n_iter).H
    np.testing.assert_allclose(found, naive(V, W, beta, n_iter), rtol=1e-9)


# Properties


@each_beta
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_the_divergence_never_rises(beta, dtype, seed):
    V, W, _ = problem(noise=1.0, seed=seed, dtype=dtype)
    V += dtype(0.001)
    fit = activations(V, W, beta=beta, max_iter=60, tol=1e-12, check_every=1)
    assert len(fit.cost) > 20
    assert (np.diff(fit.cost) <= 1e-6 * fit.cost[:-1]).all()
    assert fit.cost[-1] == pytest.approx(beta_divergence(V, W @ fit.H, beta=beta), rel=1e-4)


@each_beta
def test_permuting_templates_permutes_activations(beta):
    V, W, _ = problem(noise=0.5)
    order = np.random.default_rng(1).permutation(W.shape[1])
    found, permuted = activations(V, W, beta=beta).H, activations(V, W[:, order], beta=beta).H
    np.testing.assert_allclose(permuted, found[order], rtol=1e-6, atol=1e-12)


@each_beta
def test_permuting_frames_permutes_activations(beta):
    V, W, _ = problem(noise=0.5)
    found, reversed_ = activations(V, W, beta=beta).H, activations(V[:, ::-1], W, beta=beta).H
    np.testing.assert_allclose(reversed_[:, ::-1], found, rtol=1e-9)


@each_beta
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gain", [1e-36, 1e-20, 3.0, 1e20, 1e36])
def test_scaling_the_data_scales_the_activations(beta, dtype, gain):
    V, W, _ = problem(noise=0.5, dtype=dtype)
    found = activations((gain * V).astype(dtype), W, beta=beta).H
    expected = activations(V, W, beta=beta).H
    np.testing.assert_allclose(found / dtype(gain), expected, rtol=1e-3, atol=1e-5 * expected.max())


@each_beta
def test_scaling_the_data_scales_the_cost(beta):
    V, W, _ = problem(noise=0.5)
    cost, scaled = (activations(gain * V, W, beta=beta, tol=1e-9).cost for gain in (1.0, 100.0))
    np.testing.assert_allclose(scaled, 100.0**beta * cost, rtol=1e-6)


@each_beta
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(beta, dtype):
    V, W, _ = problem(dtype=dtype)
    assert activations(V, W.astype(np.float64), beta=beta).H.dtype == dtype


def test_other_numbers_are_solved_in_double_precision():
    assert activations([[2], [3]], np.eye(2, dtype=np.float32)).H.dtype == np.float64


@each_beta
def test_chunks_do_not_know_each_other(beta):
    V, W, _ = problem(n_frames=2 * CHUNK_FRAMES + 10, noise=0.5, dtype=np.float32)
    whole = activations(V, W, beta=beta, max_iter=10).H
    for start in range(0, V.shape[1], CHUNK_FRAMES):
        part = activations(V[:, start : start + CHUNK_FRAMES], W, beta=beta, max_iter=10).H
        np.testing.assert_array_equal(part, whole[:, start : start + CHUNK_FRAMES])


@each_beta
def test_frames_hardly_know_each_other(beta):
    V, W, _ = problem(n_frames=30, noise=0.5)
    alone = np.concatenate([activations(v[:, None], W, beta=beta).H for v in V.T], axis=1)
    np.testing.assert_allclose(alone, activations(V, W, beta=beta).H, rtol=1e-6, atol=1e-9)


@each_beta
def test_silent_frames_have_no_activations(beta):
    V, W, _ = problem(noise=0.5)
    V[:, [0, 7]] = 0
    fit = activations(V, W, beta=beta, tol=1e-6)
    assert not fit.H[:, [0, 7]].any()
    assert fit.H[:, 1:7].any(axis=0).all()
    assert np.isfinite(fit.H).all()


@each_beta
def test_silent_bins_and_empty_templates_do_no_harm(beta):
    V, W, _ = problem(dtype=np.float32)
    V[:10] = 0
    W[:12] = 0
    W[:, 2] = 0
    fit = activations(V, W, beta=beta, tol=1e-6)
    assert np.isfinite(fit.H).all()
    assert np.isfinite(fit.cost).all()


@each_beta
def test_silence_costs_nothing(beta):
    fit = activations(np.zeros((5, 3)), np.ones((5, 2)), beta=beta, tol=1e-3)
    assert not fit.H.any()
    assert fit.converged
    assert fit.cost.tolist() == [0.0]


def test_no_frames_give_no_activations():
    fit = activations(np.zeros((5, 0), dtype=np.float32), np.ones((5, 2)))
    assert fit.H.shape == (2, 0)
    assert fit.cost.size == 0


def test_templates_that_are_all_empty_explain_nothing():
    assert not activations(np.ones((5, 3)), np.zeros((5, 2))).H.any()


def test_arguments_are_not_changed():
    V, W, _ = problem()
    kept = V.copy(), W.copy()
    activations(V, W, beta=0.5)
    np.testing.assert_array_equal(V, kept[0])
    np.testing.assert_array_equal(W, kept[1])


# Over-relaxed updates


@each_beta
@pytest.mark.parametrize("relaxation", [1.3, 1.5, 1.8])
def test_relaxation_takes_the_factor_to_a_power_but_first_and_last(beta, relaxation):
    V, W, _ = problem(n_bins=9, n_components=4, n_frames=5, noise=0.5)
    H = activations(V, W, beta=beta, max_iter=2).H
    for last in (False, True):
        plain = step(V, W, H, beta)
        H = plain if last else H * (plain / H) ** relaxation
    found = activations(V, W, beta=beta, max_iter=4, relaxation=relaxation).H
    np.testing.assert_allclose(found, H, rtol=1e-9)


def step(V, W, H, beta):
    """Return the activations after one plain update."""
    gamma = 1 / (2 - beta) if beta < 1 else 1
    X = np.maximum(W @ H, 1e-7 * V.max())
    return H * (W.T @ (V * X ** (beta - 2)) / (W.T @ X ** (beta - 1))) ** gamma


@each_beta
def test_relaxation_comes_as_close_with_two_thirds_of_the_updates(beta):
    V, W, _ = problem(noise=0.5)
    plain = activations(V, W, beta=beta, max_iter=60, tol=1e-15).cost[-1]
    relaxed = activations(V, W, beta=beta, max_iter=40, tol=1e-15, relaxation=1.5).cost[-1]
    assert relaxed <= 1.001 * plain


@pytest.mark.parametrize("relaxation", [0.9, 2.0, float("nan")])
def test_relaxation_has_a_range(relaxation):
    with pytest.raises(NmfamtError, match=r"must lie in \[1, 2\): 1 is the plain update"):
        activations(np.ones((3, 2)), np.ones((3, 2)), relaxation=relaxation)


# When it stops


def test_without_tol_all_updates_are_made_and_no_cost_is_computed():
    V, W, _ = problem()
    V[:, :] *= np.arange(V.shape[1]) > 3
    for data in (V, 0 * V):
        fit = activations(data, W, max_iter=13)
        assert fit.cost.size == 0
        assert not fit.converged
    assert activations(V, W, max_iter=13).n_iter == 13


def test_tol_stops_when_little_is_gained():
    V, W, _ = problem(noise=0.5)
    fit = activations(V, W, tol=1e-3, max_iter=1000, check_every=5)
    assert fit.converged
    assert fit.n_iter < 1000
    assert fit.n_iter % 5 == 0
    assert len(fit.cost) == 1 + fit.n_iter // 5
    falls = -np.diff(fit.cost) / fit.cost[:-1]
    assert falls[-1] < 1e-3
    assert (falls[:-1] >= 1e-3).all()


def test_what_is_not_reached_is_said():
    V, W, _ = problem(noise=0.5)
    fit = activations(V, W, tol=1e-9, max_iter=12, check_every=10)
    assert not fit.converged
    assert fit.n_iter == 12
    assert len(fit.cost) == 3


def test_an_exact_fit_converges():
    fit = activations(np.eye(3), np.eye(3), tol=1e-6, max_iter=1000)
    assert fit.converged
    assert fit.n_iter < 1000


def test_chunks_that_stop_early_keep_their_last_cost():
    V, W, _ = problem(n_frames=CHUNK_FRAMES + 5, noise=0.5)
    V[:, :CHUNK_FRAMES] = 0
    fit = activations(V, W, tol=1e-4, max_iter=500)
    alone = activations(V[:, CHUNK_FRAMES:], W, tol=1e-4, max_iter=500)
    np.testing.assert_allclose(fit.cost, alone.cost)
    assert fit.n_iter == alone.n_iter


# Errors


@pytest.mark.parametrize(
    ("V", "W", "options", "message"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), {}, r"V has shape \(3, 2\) and W \(4, 2\): both need two axes"),
        (np.ones(3), np.ones((3, 2)), {}, "both need two axes"),
        (np.ones((3, 2)), np.ones((3, 2)), {"beta": 2.5}, r"beta=2.5 must lie in \[0, 2\]"),
        (np.ones((3, 2)), np.ones((3, 2)), {"beta": float("nan")}, r"must lie in \[0, 2\]"),
        (-np.ones((3, 2)), np.ones((3, 2)), {}, "V has negative, NaN or infinite values"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), {}, "V has negative, NaN or infinite values"),
        (np.ones((3, 2)), np.full((3, 2), np.inf), {}, "W has negative, NaN or infinite values"),
        (np.ones((3, 2)), np.ones((3, 2)), {"max_iter": -1}, "max_iter=-1 must be at least 0"),
        (np.ones((3, 2)), np.ones((3, 2)), {"check_every": 0}, "check_every=0 at least 1"),
        (np.ones((3, 2)), np.ones((3, 2)), {"tol": float("nan")}, "tol=nan not negative"),
    ],
)
def test_what_cannot_be_solved(V, W, options, message):
    with pytest.raises(NmfamtError, match=message):
        activations(V, W, **options)
