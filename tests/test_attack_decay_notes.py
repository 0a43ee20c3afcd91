"""What an isolated note teaches."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.attack_decay_notes import learn_attack_decay, mean_transient

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]
each_beta = pytest.mark.parametrize("beta", BETAS)
SHAPE = np.array([0.0, 0.1, 0.3, 0.7, 1.0, 0.8, 0.5, 0.2, 0.1])


def note(rate, *, n_frames=150, onset=20, noise=0.0, background=1e-4):
    """Return a note made by the model, and its templates."""
    rng = np.random.default_rng(0)
    W, A = rng.gamma(0.5, 1.0, (2, 25)) + 0.01
    age = np.arange(n_frames) - onset
    tail = np.where(age >= 0, np.exp(-rate * np.maximum(age, 0)), 0)
    strike = np.zeros(n_frames)
    strike[onset - 4 : onset + 5] = SHAPE
    V = np.outer(W, tail) + np.outer(A, strike) + background
    return V * np.exp(noise * rng.standard_normal(V.shape)), W, A


@each_beta
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_rate_of_decay_is_recovered(beta, rate):
    V, _, _ = note(rate, noise=0.2, background=0.0)
    assert learn_attack_decay(V, beta=beta).decay == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_templates_and_shape_are_recovered(rate):
    V, W, A = note(rate)
    found = learn_attack_decay(V, tol=1e-9, max_iter=5000)
    assert found.onset == 20
    np.testing.assert_allclose(found.W, W, rtol=0.05, atol=0.05)
    known = learn_attack_decay(V, transient=SHAPE, tol=1e-9, max_iter=5000)
    np.testing.assert_allclose(known.A, A, rtol=0.05, atol=0.05)
    np.testing.assert_array_equal(known.transient, SHAPE)
    assert found.transient.max() == 1
    np.testing.assert_allclose(found.transient, SHAPE, atol=0.1)


@each_beta
def test_the_divergence_never_rises(beta):
    V, _, _ = note(0.05, noise=0.3)
    found = learn_attack_decay(V, beta=beta, max_iter=100, tol=0.0, check_every=1)
    assert len(found.cost) == 101
    assert (np.diff(found.cost) <= 1e-9 * found.cost[:-1]).all()


@pytest.mark.parametrize("gain", [1e-6, 1e6])
def test_scaling_the_note_scales_its_templates_only(gain):
    V, _, _ = note(0.05, noise=0.2)
    one, loud = learn_attack_decay(V), learn_attack_decay(gain * V)
    assert loud.decay == pytest.approx(one.decay, rel=1e-3)
    np.testing.assert_allclose(loud.W, gain * one.W, rtol=1e-3)
    np.testing.assert_allclose(loud.transient, one.transient, rtol=1e-3, atol=1e-6)


@each_beta
@pytest.mark.parametrize("n_frames", [1, 2, 6])
def test_short_notes(beta, n_frames):
    V, _, _ = note(0.05)
    found = learn_attack_decay(V[:, 20 : 20 + n_frames], beta=beta)
    assert np.isfinite(found.W).all()
    assert np.isfinite(found.A).all()
    assert found.decay >= 0


def test_shapes_are_averaged():
    mean = mean_transient([[0.0, 1.0, 0.2], [0.4, 1.0, 1.0], [0.2, 0.4, 1.0]])
    np.testing.assert_allclose(mean, np.array([0.6, 2.4, 2.2]) / 2.4)


@pytest.mark.parametrize(
    ("V", "options", "message"),
    [
        (np.zeros((3, 4)), {}, "something sound in it"),
        (np.ones(3), {}, r"V has shape \(3,\)"),
        (np.full((3, 4), np.nan), {}, "V has the value nan"),
        (np.ones((3, 4)), {"n_transient": 4}, "n_transient=4 must be odd"),
        (np.ones((3, 4)), {"transient": np.ones(2)}, r"transient has shape \(2,\)"),
        (np.ones((3, 4)), {"check_every": 0}, "check_every=0 at least 1"),
        (np.ones((3, 4)), {"beta": 5.0}, "beta=5.0"),
    ],
)
def test_what_cannot_be_learned_from(V, options, message):
    with pytest.raises(NmfamtError, match=message):
        learn_attack_decay(V, **options)
