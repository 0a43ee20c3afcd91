"""Activations for fixed templates, by every solver."""

import numpy as np
import pytest
from scipy.optimize import nnls

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import CHUNK_FRAMES, activations, beta_divergence

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]
SOLVERS = ["multiplicative", "extrapolated", "active_set"]
each_beta = pytest.mark.parametrize("beta", BETAS)
each_solver = pytest.mark.parametrize("solver", SOLVERS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(n_bins=30, n_components=6, n_frames=20, *, seed=0, noise=0.0, dtype=np.float64):
    """Return V, W and the activations behind V; half of them are zero."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.5, 1.0, (n_bins, n_components)) + 0.01
    W /= W.sum(axis=0)
    H = rng.gamma(1.0, 1.0, (n_components, n_frames)) * (rng.random((n_components, n_frames)) < 0.5)
    V = (W @ H + 1e-4) * np.exp(noise * rng.standard_normal((n_bins, n_frames)))
    return V.astype(dtype), W.astype(dtype), H.astype(dtype)


def oracle(V, W, beta, *, l1=0.0, n_iter=20_000):
    """Solve in double precision by very many multiplicative updates, as the paper writes them."""
    V, W = V.astype(np.float64), W.astype(np.float64)
    gamma = 1 if beta >= 1 else 1 / (2 - beta)
    penalty = l1 * np.linalg.norm(W, axis=0)[:, None] * V.mean(axis=0) ** (beta - 1) if l1 else 0
    floor = 0 if beta == 2 else 1e-8 * V.sum(axis=0)
    H = np.tile(V.sum(axis=0) / W.sum(), (W.shape[1], 1))
    for _ in range(n_iter):
        X = W @ H + floor
        X = np.maximum(X, 1e-300)
        H *= (W.T @ (V * X ** (beta - 2)) / np.maximum(W.T @ X ** (beta - 1) + penalty, 1e-300)) ** gamma
    return H


def objective(V, W, H, beta, l1=0.0):
    V, W, H = (array.astype(np.float64) for array in (V, W, H))
    X = W @ H + (0 if beta == 2 else 1e-8 * V.sum(axis=0))
    penalty = (l1 * V.mean(axis=0) ** (beta - 1) * (np.linalg.norm(W, axis=0) @ H)).sum() if l1 else 0
    return beta_divergence(V, np.maximum(X, 1e-300), beta=beta) + penalty


# Independent truths


@each_solver
@each_beta
def test_one_template_has_a_closed_form(beta, solver):
    rng = np.random.default_rng(0)
    V, w = rng.uniform(0.1, 1, (12, 4)), rng.uniform(0.1, 1, (12, 1))
    expected = (w ** (beta - 1) * V).sum(axis=0) / (w**beta).sum()
    np.testing.assert_allclose(activations(V, w, beta=beta, solver=solver, tol=1e-9).H[0], expected, rtol=1e-4)


@each_solver
@each_beta
def test_templates_that_share_no_bin_are_solved_apart(beta, solver):
    W = np.kron(np.eye(3), np.ones((2, 1)))
    V = np.array([[1.0, 4.0], [1.0, 4.0], [2.0, 5.0], [2.0, 5.0], [3.0, 6.0], [3.0, 6.0]])
    np.testing.assert_allclose(activations(V, W, beta=beta, solver=solver, tol=1e-9).H, V[::2], rtol=1e-4)


def test_the_euclidean_optimum_is_that_of_least_squares():
    V, W, _ = problem(noise=0.3)
    fit = activations(V, W, beta=2.0)
    expected = np.stack([nnls(W, v)[0] for v in V.T], axis=1)
    np.testing.assert_allclose(fit.H, expected, atol=1e-6 * expected.max())
    assert fit.gap < 1e-6
    assert fit.converged


def test_kullback_leibler_keeps_the_energy_of_every_frame():
    V, W, _ = problem(noise=0.5)
    for solver in SOLVERS:
        H = activations(V, W, solver=solver, tol=1e-6).H
        np.testing.assert_allclose((W @ H).sum(axis=0), V.sum(axis=0), rtol=1e-5)


# Oracle


@each_solver
@each_beta
@pytest.mark.parametrize("l1", [0.0, 0.4])
def test_all_solvers_reach_the_optimum(beta, solver, l1):
    V, W, _ = problem(noise=0.5)
    expected = objective(V, W, oracle(V, W, beta, l1=l1), beta, l1)
    fit = activations(
        V, W, beta=beta, solver=solver, tol=1e-6, l1=l1, max_iter=None if solver == "active_set" else 3000
    )
    assert objective(V, W, fit.H, beta, l1) == pytest.approx(expected, rel=2e-5)
    assert fit.cost[-1] == pytest.approx(objective(V, W, fit.H, beta, l1), rel=1e-9)


@each_dtype
@pytest.mark.parametrize("n_components", [3, 40])
@pytest.mark.parametrize("seed", range(3))
def test_the_active_set_with_fewer_and_more_templates_than_bins(n_components, dtype, seed):
    V, W, _ = problem(n_bins=20, n_components=n_components, n_frames=30, noise=0.5, seed=seed, dtype=dtype)
    expected = objective(V, W, oracle(V, W, 1.0, n_iter=5000), 1.0)
    fit = activations(V, W, solver="active_set", tol=1e-3)
    assert fit.converged
    assert objective(V, W, fit.H, 1.0) <= expected * 1.001


@each_beta
@pytest.mark.parametrize("l1", [0.0, 0.4])
def test_conditions_of_karush_kuhn_and_tucker(beta, l1):
    V, W, _ = problem(noise=0.5)
    H = activations(V, W, beta=beta, tol=1e-8, l1=l1).H
    X = W @ H + (0 if beta == 2 else 1e-8 * V.sum(axis=0))
    slope = W.T @ (X ** (beta - 1) - V * X ** (beta - 2))
    slope += l1 * np.linalg.norm(W, axis=0)[:, None] * V.mean(axis=0) ** (beta - 1)
    scale = W.T @ X ** (beta - 1)
    assert (slope >= -1e-4 * scale).all()
    assert (np.abs(slope)[H > 1e-3] <= 1e-3 * scale[H > 1e-3]).all()


# The certificate


@each_solver
@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("l1", [0.0, 0.4])
@pytest.mark.parametrize("max_iter", [1, 3, 30])
def test_the_gap_is_never_less_than_the_truth(beta, solver, l1, max_iter):
    V, W, _ = problem(noise=0.7)
    best = objective(V, W, oracle(V, W, beta, l1=l1), beta, l1)
    fit = activations(V, W, beta=beta, solver=solver, tol=0, l1=l1, max_iter=max_iter)
    assert fit.cost[-1] / (1 + fit.gap) <= best * (1 + 1e-9)


def test_what_is_not_reached_is_said():
    V, W, _ = problem(noise=0.5)
    fit = activations(V, W, solver="multiplicative", tol=1e-9, max_iter=12)
    assert not fit.converged
    assert fit.n_iter == 12
    assert len(fit.cost) == 2
    assert fit.gap > 1e-9


def test_a_tolerance_that_single_precision_cannot_reach_ends_all_the_same():
    V, W, _ = problem(noise=0.5, dtype=np.float32)
    fit = activations(V, W, tol=1e-12)
    assert not fit.converged
    assert fit.gap < 1e-3


def test_without_the_certificate_there_is_no_gap():
    V, W, _ = problem(noise=0.5, n_frames=50)
    quick, sure = activations(V, W, certify=False), activations(V, W, tol=1e-6)
    assert np.isnan(quick.gap)
    assert quick.cost.size == 0
    assert objective(V, W, quick.H, 1.0) <= 1.01 * sure.cost[-1]


# Sparsity


def test_l1_is_sparser():
    V, W, _ = problem(n_components=20, noise=0.5)
    counts = [(activations(V, W, l1=l1).H > 0).sum() for l1 in (0.0, 1.0, 3.0)]
    assert counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_a_group_penalty_lowers_its_objective_and_is_certified(beta):
    V, W, _ = problem(n_components=12, noise=0.5)
    groups = np.repeat(np.arange(4), 3)
    fit = activations(
        V, W, beta=beta, solver="multiplicative", group_l1=1.0, groups=groups, tol=1e-4, max_iter=5000, check_every=1
    )
    assert (np.diff(fit.cost) <= 1e-9 * fit.cost[:-1]).all()
    weighted = (np.linalg.norm(W, axis=0)[:, None] * fit.H) ** 2
    norms = np.sqrt(weighted.reshape(4, 3, -1).sum(axis=1)).sum()
    if beta == 1:  # elsewhere the penalty counts in scaled frames
        assert fit.cost[-1] == pytest.approx(objective(V, W, fit.H, beta) + norms, rel=1e-6)
        assert fit.converged
        sparse = activations(V, W, group_l1=1.0, groups=groups, tol=1e-4)
        assert sparse.cost[-1] == pytest.approx(fit.cost[-1], rel=1e-3)


def test_annealed_activations_are_sparser():
    V, W, _ = problem(n_components=20, noise=0.5)
    plain = activations(V, W, solver="multiplicative", max_iter=60, tol=0).H
    sharp = activations(V, W, anneal=1.1, max_iter=60, tol=0).H
    assert (sharp > 1e-3).sum() < (plain > 1e-3).sum()


# Properties


@each_solver
@each_beta
def test_permuting_templates_permutes_activations(beta, solver):
    V, W, _ = problem(noise=0.5)
    order = np.random.default_rng(1).permutation(W.shape[1])
    found, permuted = (activations(V, w, beta=beta, solver=solver, tol=1e-8).H for w in (W, W[:, order]))
    np.testing.assert_allclose(permuted, found[order], rtol=1e-3, atol=1e-3)


@each_solver
@each_beta
@each_dtype
@pytest.mark.parametrize("gain", [2.0**-110, 1e-6, 1e6, 2.0**110])
def test_scaling_the_data_scales_the_activations(beta, solver, dtype, gain):
    V, W, _ = problem(noise=0.5, dtype=dtype)
    found = activations((gain * V).astype(dtype), W, beta=beta, solver=solver, max_iter=20).H
    expected = activations(V, W, beta=beta, solver=solver, max_iter=20).H
    np.testing.assert_allclose(found / dtype(gain), expected, rtol=1e-2, atol=1e-3 * expected.max())


@each_solver
@each_beta
def test_scaling_templates_scales_activations_back(beta, solver):
    V, W, _ = problem(noise=0.5)
    gains = np.array([1e-3, 1.0, 10.0, 0.5, 3.0, 100.0])
    found = activations(V, W * gains, beta=beta, solver=solver, tol=1e-8).H
    np.testing.assert_allclose(
        found * gains[:, None], activations(V, W, beta=beta, solver=solver, tol=1e-8).H, rtol=1e-3, atol=1e-3
    )


@each_solver
@each_beta
def test_chunks_do_not_know_each_other(beta, solver):
    V, W, _ = problem(n_frames=2 * CHUNK_FRAMES + 10, noise=0.5, dtype=np.float32)
    whole = activations(V, W, beta=beta, solver=solver, max_iter=10).H
    for start in range(0, V.shape[1], CHUNK_FRAMES):
        part = activations(V[:, start : start + CHUNK_FRAMES], W, beta=beta, solver=solver, max_iter=10).H
        np.testing.assert_array_equal(part, whole[:, start : start + CHUNK_FRAMES])


@each_solver
def test_threads_change_no_bit(solver):
    V, W, _ = problem(n_frames=5 * CHUNK_FRAMES, noise=0.5, dtype=np.float32)
    one, two = (activations(V, W, solver=solver, max_iter=20, n_jobs=n).H for n in (1, 2))
    np.testing.assert_array_equal(one, two)


@each_solver
@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])  # below there are several optima
def test_the_order_of_frames_matters_little(beta, solver):
    V, W, _ = problem(n_frames=60, noise=0.5)
    order = np.random.default_rng(2).permutation(60)
    found = activations(V, W, beta=beta, solver=solver, tol=1e-8).H
    np.testing.assert_allclose(
        activations(V[:, order], W, beta=beta, solver=solver, tol=1e-8).H, found[:, order], rtol=1e-3, atol=1e-3
    )


@each_solver
@each_beta
@each_dtype
def test_stress(beta, solver, dtype):
    """Noise, silence between loud frames, sudden changes, equal and nearly equal templates, silent bins."""
    rng = np.random.default_rng(3)
    W = rng.gamma(0.3, 1.0, (25, 12))
    W[:, 5] = W[:, 4]
    W[:, 6] = W[:, 4] * (1 + 1e-4 * rng.random(25))
    W[:, 7] = 0
    V = rng.gamma(0.3, 1.0, (25, 40)) * 10.0 ** rng.integers(-6, 7, 40)
    V[:, [0, 10, 11, 39]] = 0
    V[:4, 20:] = 0
    W[:2] = 0
    V, W = V.astype(dtype), W.astype(dtype)
    fit = activations(V, W, beta=beta, solver=solver, tol=1e-3)
    assert np.isfinite(fit.H).all()
    assert (fit.H >= 0).all()
    assert not fit.H[:, [0, 10, 11, 39]].any()
    assert not fit.H[7].any()
    assert np.isfinite(fit.cost).all()
    if beta in (1.0, 2.0):
        assert objective(V, W, fit.H, beta) <= 1.01 * objective(V, W, oracle(V, W, beta, n_iter=2000), beta)


@each_solver
@each_beta
def test_silence_costs_nothing(beta, solver):
    fit = activations(np.zeros((5, 3)), np.ones((5, 2)), beta=beta, solver=solver)
    assert not fit.H.any()
    assert fit.converged
    assert not fit.cost.any()
    assert fit.gap == 0


@each_solver
def test_no_frames_give_no_activations(solver):
    fit = activations(np.zeros((5, 0), dtype=np.float32), np.ones((5, 2)), solver=solver)
    assert fit.H.shape == (2, 0)
    assert fit.H.dtype == np.float32
    assert fit.converged


@each_solver
@each_beta
@each_dtype
def test_precision_is_kept_and_arguments_are_not_changed(beta, solver, dtype):
    V, W, _ = problem(dtype=dtype)
    kept = V.copy(), W.copy()
    assert activations(V, W, beta=beta, solver=solver, max_iter=5).H.dtype == dtype
    np.testing.assert_array_equal(V, kept[0])
    np.testing.assert_array_equal(W, kept[1])


def test_other_numbers_are_solved_in_double_precision():
    assert activations([[2], [3]], np.eye(2, dtype=np.float32)).H.dtype == np.float64


@each_solver
def test_templates_that_are_all_empty_explain_nothing(solver):
    assert not activations(np.ones((5, 3)), np.zeros((5, 2)), solver=solver).H.any()


def test_auto_chooses():
    V, W, _ = problem(noise=0.5)
    groups = np.arange(6)
    for options, solver in (
        ({}, "active_set"),
        ({"beta": 2.0}, "active_set"),
        ({"group_l1": 0.5, "groups": groups}, "extrapolated"),
        ({"anneal": 1.02, "max_iter": 20}, "multiplicative"),
    ):
        found, named = (activations(V, W, solver=name, **options).H for name in ("auto", solver))
        np.testing.assert_array_equal(found, named)


# Errors


@pytest.mark.parametrize(
    ("V", "W", "options", "message"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), {}, r"V has shape \(3, 2\) and W \(4, 2\): both need two axes"),
        (np.ones(3), np.ones((3, 2)), {}, "both need two axes"),
        (np.ones((3, 2)), np.ones((3, 0)), {}, "no templates"),
        (np.ones((3, 2)), np.ones((3, 2)), {"beta": 2.5}, r"beta=2.5 must lie in \[0, 2\]"),
        (np.ones((3, 2)), np.ones((3, 2)), {"beta": float("nan")}, r"must lie in \[0, 2\]"),
        (-np.ones((3, 2)), np.ones((3, 2)), {}, "V has negative, NaN or infinite values"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), {}, "V has negative, NaN or infinite values"),
        (np.ones((3, 2)), np.full((3, 2), np.inf), {}, "W has negative, NaN or infinite values"),
        (np.ones((3, 2)), np.ones((3, 2)), {"max_iter": 0}, "max_iter=0 must be at least 1"),
        (np.ones((3, 2)), np.ones((3, 2)), {"check_every": 0}, "check_every=0 must be at least 1"),
        (np.ones((3, 2)), np.ones((3, 2)), {"n_jobs": 0}, "n_jobs=0 must be at least 1"),
        (np.ones((3, 2)), np.ones((3, 2)), {"tol": float("nan")}, "tol=nan must not be negative"),
        (np.ones((3, 2)), np.ones((3, 2)), {"l1": -1.0}, "l1=-1.0 must not be negative"),
        (np.ones((3, 2)), np.ones((3, 2)), {"group_l1": 1.0}, "needs one label for each of the 2 templates"),
        (np.ones((3, 2)), np.ones((3, 2)), {"relaxation": 2.0}, r"must lie in \[1, 2\): 1 is the plain update"),
        (np.ones((3, 2)), np.ones((3, 2)), {"anneal": 0.5}, r"anneal=0.5 must lie in \[1, 2\]"),
        (np.ones((3, 2)), np.ones((3, 2)), {"solver": "magic"}, "solver='magic' is unknown: use one of 'auto'"),
        (np.ones((3, 2)), np.ones((3, 2)), {"relaxation": 1.5}, "belong to solver='multiplicative'"),
        (
            np.ones((3, 2)),
            np.ones((3, 2)),
            {"solver": "active_set", "group_l1": 1.0, "groups": [0, 1]},
            "knows no group_l1",
        ),
    ],
)
def test_what_cannot_be_solved(V, W, options, message):
    with pytest.raises(NmfamtError, match=message):
        activations(V, W, **options)
