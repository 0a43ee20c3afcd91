"""How the polynomials of the tracker are fitted."""

import numpy as np
import pytest

from nmfamt.tracking.regression import fit_logistic, fit_ridge, fit_softmax, standardised

NAMES = ("a", "b", "c")


def samples(n_samples=3000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_samples, 3)) * [1.0, 5.0, 0.2] + [0.0, 10.0, -3.0]


def draw(probabilities, seed=1):
    """Draw a class for every row of probabilities."""
    thresholds = np.cumsum(probabilities, axis=1)
    return (np.random.default_rng(seed).random((len(probabilities), 1)) > thresholds).sum(axis=1)


def softmax(scores):
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


# Independent truths


def test_features_are_brought_to_zero_mean_and_unit_variance():
    X = samples()
    design = standardised(X, NAMES, ["b", "c"]).design(X)
    np.testing.assert_allclose(design[:, :3].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(design[:, :3].std(axis=0), 1, atol=1e-4)
    assert design.shape[1] == 3 + 3


def test_a_feature_that_never_changes_does_no_harm():
    X = np.ones((5, 1))
    line = fit_ridge(standardised(X, ["a"]), X, np.arange(5.0), penalty=1.0)
    assert line(X)[0, 0] == pytest.approx(2.0)


def test_a_law_is_found():
    X = samples()
    y = 2 * X[:, 0] - 0.3 * X[:, 1] + 7
    line = fit_ridge(standardised(X, NAMES), X, y, penalty=1e-6)
    np.testing.assert_allclose(line(X)[:, 0], y, atol=1e-4)


def test_a_law_with_a_product_is_found():
    X = samples() * [1.0, 0.1, 1.0]
    y = X[:, 0] * (X[:, 1] - X[:, 1].mean())
    curve = fit_ridge(standardised(X, NAMES, ["a", "b"]), X, y, penalty=1e-6)
    assert curve.terms()[0][0] == "a * b"
    inside = (np.abs(X[:, 0]) < 2) & (np.abs(X[:, 1] - X[:, 1].mean()) < 1)
    np.testing.assert_allclose(curve(X)[inside, 0], y[inside], atol=0.05)


def test_log_odds_that_made_the_truths_are_found():
    X = samples(20000)
    odds = 1 + 2 * X[:, 0]
    truth = draw(softmax(np.stack([0 * odds, odds], axis=1)))
    found = fit_logistic(standardised(X, NAMES), X, truth, penalty=1e-3)
    assert dict(found.terms())["a"] == pytest.approx(2.0, abs=0.1)
    assert max(abs(dict(found.terms())[name]) for name in "bc") < 0.1
    assert found(np.array([[0.0, 10.0, -3.0]]))[0, 0] == pytest.approx(1.0, abs=0.1)


def test_of_classes_without_features_the_counts_are_found():
    X, y = np.zeros((10, 1)), np.array([0] * 5 + [1] * 3 + [2] * 2)
    found = fit_softmax(standardised(X, ["a"]), X, y, n_classes=3, penalty=1.0)
    np.testing.assert_allclose(softmax(found(X))[0], [0.5, 0.3, 0.2], atol=1e-3)


# Naive oracle


def test_ridge_is_its_normal_equation():
    X = samples(50)
    y = np.random.default_rng(2).standard_normal(50)
    start = standardised(X, NAMES, ["a"])
    Z = start.design(X).astype(float)
    with_one = np.concatenate([np.ones((50, 1)), Z], axis=1)
    penalty = np.diag([0.0, *[3.0] * Z.shape[1]])
    expected = with_one @ np.linalg.solve(with_one.T @ with_one + penalty, with_one.T @ y)
    np.testing.assert_allclose(fit_ridge(start, X, y, penalty=3.0)(X)[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("penalty", [1.0, 100.0])
def test_the_gradient_vanishes_at_the_optimum(penalty):
    X = samples(400)
    y = draw(softmax(np.stack([X[:, 0], -X[:, 0], 0 * X[:, 0]], axis=1)))
    found = fit_softmax(standardised(X, NAMES, ["a", "c"]), X, y, n_classes=3, penalty=penalty)
    residual = softmax(found(X)) - np.eye(3)[y]
    terms = np.concatenate([found.weights, found.products[np.triu_indices(2)]])
    assert np.abs(residual.sum(axis=0)).max() < 1.0
    assert np.abs(found.design(X).T @ residual + penalty * terms).max() < 1.0


# Properties


def test_a_penalty_makes_weights_small():
    X = samples(500)
    truth = (X[:, 0] > 0).astype(int)
    weak, strong = (
        abs(fit_logistic(standardised(X, NAMES), X, truth, penalty=penalty).terms()[0][1]) for penalty in (1.0, 1000.0)
    )
    assert 0 < strong < 0.2 * weak


def test_the_log_odds_are_those_of_two_classes():
    X = samples(500)
    truth = (X[:, 0] + X[:, 2] > -3).astype(int)
    start = standardised(X, NAMES, ["a", "b"])
    two = fit_softmax(start, X, truth, n_classes=2, penalty=10.0)(X)
    np.testing.assert_allclose(fit_logistic(start, X, truth, penalty=10.0)(X)[:, 0], two[:, 1] - two[:, 0], atol=1e-4)
