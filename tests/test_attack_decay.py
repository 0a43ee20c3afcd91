"""Notes that are struck and die away."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf._one_pole import decayed, decayed_back
from nmfamt.nmf.attack_decay import attack_decay, unfold
from nmfamt.nmf.divergence import beta_divergence

pytestmark = pytest.mark.kernel

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]
each_beta = pytest.mark.parametrize("beta", BETAS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPE = np.array([0.1, 0.5, 1.0, 0.6, 0.2])
DECAY = np.array([0.05, 0.2, 0.4])
MODEL = {"decay": DECAY, "transient": SHAPE}


def problem(n_bins=15, n_frames=30, *, noise=0.3, dtype=np.float64):
    """Return data, templates of decay and attack, and the onsets behind the data."""
    rng = np.random.default_rng(0)
    W, A = rng.gamma(0.5, 1.0, (2, n_bins, 3)) + 0.01
    H = rng.uniform(1, 3, (3, n_frames)) * (rng.random((3, n_frames)) < 0.1)
    V = (naive_model(W, A, H) + 1e-3) * np.exp(noise * rng.standard_normal((n_bins, n_frames)))
    return V.astype(dtype), W.astype(dtype), A.astype(dtype), H


def naive_tails(H):
    tails = np.zeros_like(H)
    for k in range(len(H)):
        for t in range(H.shape[1]):
            tails[k, t] = sum(H[k, s] * np.exp(-DECAY[k] * (t - s)) for s in range(t + 1))
    return tails


def naive_strikes(H):
    strikes = np.zeros_like(H)
    for t in range(H.shape[1]):
        for j, strength in enumerate(SHAPE):
            onset = t - (j - 2)
            if 0 <= onset < H.shape[1]:
                strikes[:, t] += strength * H[:, onset]
    return strikes


def naive_model(W, A, H):
    return W @ naive_tails(H) + A @ naive_strikes(H)


def naive(V, W, A, beta, n_iter):
    """Update every onset by what each frame that hears it says."""
    gamma = 1 / (2 - beta) if beta < 1 else 1
    T = V.shape[1]
    H = V.sum(axis=0) / (3 * (W + A).sum(axis=0)[:, None])
    for _ in range(n_iter):
        X = np.maximum(naive_model(W, A, H), 1e-6 * V.max())
        R, E = V * X ** (beta - 2), X ** (beta - 1)
        new = H.copy()
        for k in range(3):
            for t in range(T):
                spectra = np.zeros_like(V)  # what an onset of strength 1 sounds like
                for s in range(T):
                    if s >= t:
                        spectra[:, s] += W[:, k] * np.exp(-DECAY[k] * (s - t))
                    if abs(s - t) <= 2:
                        spectra[:, s] += A[:, k] * SHAPE[s - t + 2]
                new[k, t] *= ((spectra * R).sum() / (spectra * E).sum()) ** gamma
        H = new
    return H


@each_dtype
def test_the_recursion_is_the_sum(dtype):
    x = np.random.default_rng(0).random((3, 20)).astype(dtype)
    ratio, y, back = np.exp(-DECAY).astype(dtype), np.empty_like(x), np.empty_like(x)
    decayed(x, ratio, 1e-30, y)
    decayed_back(x, ratio, 1e-30, back)
    np.testing.assert_allclose(y, naive_tails(x), rtol=1e-5)
    np.testing.assert_allclose(back, naive_tails(x[:, ::-1])[:, ::-1], rtol=1e-5)
    other = np.random.default_rng(1).random((3, 20)).astype(dtype)
    decayed(other, ratio, 1e-30, y)
    np.testing.assert_allclose((x * y).sum(), (back * other).sum(), rtol=1e-5)  # transposes of each other


def test_tails_end_in_silence_not_in_denormal_numbers():
    x = np.zeros((1, 500), dtype=np.float32)
    x[0, 250] = 1
    y = np.empty_like(x)
    for kernel in (decayed, decayed_back):
        kernel(x, np.array([0.5], dtype=np.float32), 1e-15, y)
        assert y[y > 0].min() >= 1e-15
        assert (y > 0).sum() == 50


def test_strikes_are_centred_on_the_onset():
    _, _, _, H = problem()
    tails, strikes = unfold(H, **MODEL)
    np.testing.assert_allclose(tails, naive_tails(H), atol=1e-12)
    np.testing.assert_allclose(strikes, naive_strikes(H), atol=1e-12)


@each_beta
def test_the_updates_of_the_paper(beta):
    V, W, A, _ = problem(n_bins=5, n_frames=10)
    found = attack_decay(V, W, A, **MODEL, beta=beta, max_iter=3, check_every=0)
    np.testing.assert_allclose(found.H, naive(V, W, A, beta, 3), rtol=1e-9)


def test_onsets_are_recovered():
    V, W, A, H = problem(noise=0.0)
    found = attack_decay(V, W, A, **MODEL, max_iter=2000, tol=1e-9)
    np.testing.assert_allclose(found.H, H, atol=0.05 * H.max())


@each_beta
@each_dtype
def test_the_divergence_never_rises(beta, dtype):
    V, W, A, _ = problem(dtype=dtype)
    found = attack_decay(V, W, A, **MODEL, beta=beta, max_iter=50, tol=0, check_every=1, extrapolate=False)
    assert (np.diff(found.cost) <= 2e-6 * found.cost[:-1]).all()
    tails, strikes = unfold(found.H, **MODEL)
    X = np.maximum(W @ tails + A @ strikes, 1e-6 * V.max())
    assert found.cost[-1] == pytest.approx(beta_divergence(V, X, beta=beta), rel=1e-3)
    assert found.H.dtype == dtype


@each_beta
def test_extrapolation_does_in_30_what_plain_updates_do_in_100(beta):
    V, W, A, _ = problem()
    plain = attack_decay(V, W, A, **MODEL, beta=beta, max_iter=100, tol=0, extrapolate=False)
    assert attack_decay(V, W, A, **MODEL, beta=beta, max_iter=30, tol=0).cost[-1] <= 1.002 * plain.cost[-1]


@each_beta
def test_permuting_components_permutes_the_answer(beta):
    V, W, A, _ = problem()
    order = np.array([2, 0, 1])
    found = attack_decay(V, W, A, **MODEL, beta=beta, max_iter=20)
    permuted = attack_decay(V, W[:, order], A[:, order], decay=DECAY[order], transient=SHAPE, beta=beta, max_iter=20)
    np.testing.assert_allclose(permuted.H, found.H[order], rtol=1e-6, atol=1e-10)


@each_beta
@each_dtype
@pytest.mark.parametrize("gain", [1e-6, 1e6])
def test_scaling_the_data_scales_the_onsets(beta, dtype, gain):
    V, W, A, _ = problem(dtype=dtype)
    found, loud = (
        attack_decay((g * V).astype(dtype), W, A, **MODEL, beta=beta, max_iter=20, tol=0) for g in (1.0, gain)
    )
    np.testing.assert_allclose(loud.H / dtype(gain), found.H, rtol=1e-3, atol=1e-4 * found.H.max())


def test_masks_are_exact_and_given_onsets_are_where_it_starts():
    V, W, A, H = problem()
    mask = H > 0
    found = attack_decay(V, W, A, **MODEL, mask=mask)
    assert not found.H[~mask].any()
    first = attack_decay(V, W, A, **MODEL, max_iter=5, check_every=0)
    rest = attack_decay(V, W, A, **MODEL, H=first.H, max_iter=5, check_every=0)
    expected = attack_decay(V, W, A, **MODEL, max_iter=10, check_every=0)
    np.testing.assert_allclose(rest.H, expected.H, rtol=1e-9)
    np.testing.assert_array_equal(rest.W, np.stack([W, A]))


@each_beta
@each_dtype
def test_silence_and_empty_templates_do_no_harm(beta, dtype):
    V, W, A, _ = problem(dtype=dtype)
    V[:, 5:14], V[3], W[:, 1], A[:, 1] = 0, 0, 0, 0
    for data in (V, 0 * V, V[:, :1], V[:, :0]):
        found = attack_decay(data, W, A, **MODEL, beta=beta)
        assert np.isfinite(found.H).all()
        assert np.isfinite(found.cost).all()
    assert not attack_decay(0 * V, W, A, **MODEL, beta=beta).H.any()


def test_blocks_of_frames_add_up():
    rng = np.random.default_rng(0)
    V, W, A = rng.random((2, 300)) + 0.1, rng.random((2, 3)), rng.random((2, 3))
    found = attack_decay(V, W, A, **MODEL, max_iter=1, check_every=0)
    H = V.sum(axis=0) / (3 * (W + A).sum(axis=0)[:, None])
    R = V / naive_model(W, A, H)
    back = naive_tails((W.T @ R)[:, ::-1])[:, ::-1]
    for t in range(300):
        heard = [(t + j - 2, strength) for j, strength in enumerate(SHAPE) if 0 <= t + j - 2 < 300]
        back[:, t] += sum(strength * (A.T @ R)[:, s] for s, strength in heard)
    ones = np.ones((3, 300))
    down = W.sum(axis=0)[:, None] * naive_tails(ones)[:, ::-1]
    for t in range(300):
        down[:, t] += A.sum(axis=0) * sum(strength for j, strength in enumerate(SHAPE) if 0 <= t + j - 2 < 300)
    np.testing.assert_allclose(found.H, H * back / down, rtol=1e-9)


def test_templates_too_small_for_single_precision_are_dropped():
    V, W, A, _ = problem(dtype=np.float32)
    W, A = W.astype(np.float64), A.astype(np.float64)
    W[:4], A[:4] = 1e-42, 1e-42
    found = attack_decay(V, W, A, **MODEL, max_iter=5)
    W[:4], A[:4] = 0, 0
    np.testing.assert_array_equal(found.H, attack_decay(V, W, A, **MODEL, max_iter=5).H)


ONES = np.ones((3, 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A": np.ones((3, 1))}, r"W \(3, 2\) and A \(3, 1\): they are"),
        ({"V": np.ones((2, 4))}, r"V has shape \(2, 4\)"),
        ({"V": ONES * np.nan}, r"V has the value nan at \[0, 0\]"),
        ({"decay": np.ones(3)}, r"decay has shape \(3,\), W 2 components: give a rate for each"),
        ({"decay": np.array([0.1, -0.1])}, r"decay has the value -0.1 at \[1\]"),
        ({"transient": np.ones(4)}, r"transient has shape \(4,\): it is an odd number of frames"),
        ({"mask": np.ones((2, 4))}, "mask has the type float64"),
        ({"H": np.ones((2, 5))}, r"H has shape \(2, 5\)"),
        ({"beta": 2.1}, "beta=2.1"),
        ({"max_iter": -1}, "max_iter=-1"),
    ],
)
def test_what_cannot_be_solved(change, message):
    arguments = {"V": ONES, "W": np.ones((3, 2)), "A": np.ones((3, 2)), "decay": np.ones(2), "transient": np.ones(3)}
    with pytest.raises(NmfamtError, match=message):
        attack_decay(**(arguments | change))
