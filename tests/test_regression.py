"""How the polynomials of the tracker are fitted."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

from nmfamt.tracking import regression
from nmfamt.tracking.regression import fit_choice, fit_logistic, fit_ridge, standardised

NAMES = ("a", "b", "c")


def samples(n_samples=3000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_samples, 3)) * [1.0, 5.0, 0.2] + [0.0, 10.0, -3.0]


def logistic(odds):
    return 1 / (1 + np.exp(-odds))


def draw(probabilities, seed=1):
    """Draw a truth for every probability."""
    return (np.random.default_rng(seed).random(len(probabilities)) < probabilities).astype(int)


def choices(lengths, score, seed=1):
    """Choose one sample of every group, with the softmax of the scores."""
    rng, chosen = np.random.default_rng(seed), np.zeros(len(score))
    for part in np.split(np.arange(len(score)), np.cumsum(lengths)[:-1]):
        chances = np.exp(score[part] - score[part].max())
        chosen[rng.choice(part, p=chances / chances.sum())] = 1
    return chosen


def terms_of(polynomial):
    """Return the weights in the order of the design."""
    k = len(polynomial.interacting)
    return np.concatenate([polynomial.weights, polynomial.products[np.triu_indices(k)]])[:, 0]


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
    truth = draw(logistic(odds))
    found = fit_logistic(standardised(X, NAMES), X, truth, penalty=1e-3)
    assert dict(found.terms())["a"] == pytest.approx(2.0, abs=0.1)
    assert max(abs(dict(found.terms())[name]) for name in "bc") < 0.1
    assert found(np.array([[0.0, 10.0, -3.0]]))[0, 0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("n_true", [0, 3, 10])
def test_of_truths_without_features_the_counts_are_found(n_true):
    X, y = np.zeros((10, 1)), np.arange(10) < n_true
    found = fit_logistic(standardised(X, ["a"]), X, y.astype(int), penalty=1.0)
    np.testing.assert_allclose(logistic(found(X)[:, 0]), n_true / 10, atol=1e-4)


def test_truths_that_a_feature_tells_apart_have_finite_weights():
    X = samples(200)
    X = X[np.abs(X[:, 0]) > 0.2]
    truth = (X[:, 0] > 0).astype(int)
    found = fit_logistic(standardised(X, NAMES), X, truth, penalty=1e-3)
    assert ((found(X)[:, 0] > 0) == truth).all()
    assert found.terms()[0][0] == "a"
    assert 5 < abs(found.terms()[0][1]) < 1e3


def test_scores_that_made_the_choices_are_found():
    lengths = np.random.default_rng(3).integers(2, 12, 4000)
    X = samples(int(lengths.sum()))
    gained = np.random.default_rng(4).standard_normal((len(X), 2)) * [10, 0.1]
    score = 0.8 * X[:, 0] - 0.2 * X[:, 1] + gained @ [0.05, -4.0]
    found, weights = fit_choice(standardised(X, NAMES), X, gained, choices(lengths, score), lengths, penalty=1e-3)
    np.testing.assert_allclose(weights, [0.05, -4.0], rtol=0.1)
    by_unit = dict(zip(NAMES, found.weights[:, 0] / found.scale, strict=True))
    assert (by_unit["a"], by_unit["b"]) == (pytest.approx(0.8, abs=0.05), pytest.approx(-0.2, abs=0.02))
    assert abs(by_unit["c"]) < 0.3  # a unit is five standard deviations
    assert found.intercept.tolist() == [0.0]  # all of a group would share it


def test_what_nearly_was_right_counts_as_much():
    """Of two groups of three without a penalty: the score grows until the expectation is greatest."""
    X = np.array([[0.0], [1.0], [2.0]] * 2)
    likeness = np.array([0.0, 0.0, 1.0, 0.6, 0.0, 0.0])
    found, _ = fit_choice(standardised(X, ["x"]), X, np.zeros((6, 1)), likeness, np.array([3, 3]), penalty=0.0)
    slope = np.diff(found(X)[:2, 0])[0]
    # log(p2) + log(0.6 p0) is greatest where p is uniform; that both are likely is all that counts.
    assert slope == pytest.approx(0.0, abs=0.01)


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


@pytest.mark.parametrize("interacting", [(), ("a", "c")])
@pytest.mark.parametrize("penalty", [1.0, 100.0])
def test_the_penalised_likelihood_is_greatest(penalty, interacting):
    X = samples(400)
    y = draw(logistic(2 * X[:, 0] - 3))
    found = fit_logistic(standardised(X, NAMES, interacting), X, y, penalty=penalty)
    Z = np.concatenate([found.design(X).astype(float), np.ones((400, 1))], axis=1)

    def loss(weights):
        odds = Z @ weights
        return -(y * odds - np.logaddexp(0, odds)).sum() + 0.5 * penalty * weights[:-1] @ weights[:-1]

    best = minimize(loss, np.zeros(Z.shape[1]), method="BFGS", options={"gtol": 1e-4})
    weights = np.append(terms_of(found), found.intercept)
    assert loss(weights) <= best.fun + 1e-5
    np.testing.assert_allclose(weights, best.x, atol=1e-3)


@pytest.mark.parametrize("penalty", [0.1, 1.0, 100.0])
def test_the_gradient_vanishes_at_the_optimum(penalty):
    X = samples(5000)
    y = draw(logistic(X[:, 0] * X[:, 2] - 1))
    found = fit_logistic(standardised(X, NAMES, ["a", "c"]), X, y, penalty=penalty)
    residual = logistic(found(X)[:, 0]) - y
    assert abs(residual.sum()) < 0.05
    assert np.abs(found.design(X).T @ residual + penalty * terms_of(found)).max() < 0.05


def choice_loss(Z, gained, likeness, lengths, penalty):
    """Return the penalised negative log-likelihood of weights, group by group."""

    def loss(parameters):
        scores = np.concatenate([Z, gained], axis=1) @ parameters
        total = 0.5 * penalty * parameters[: Z.shape[1]] @ parameters[: Z.shape[1]]
        for part in np.split(np.arange(len(Z)), np.cumsum(lengths)[:-1]):
            chances = np.exp(scores[part] - scores[part].max())
            total -= np.log(chances @ (likeness[part] + 1e-4) / chances.sum())
        return total

    return loss


@pytest.mark.parametrize("interacting", [(), ("a", "c")])
@pytest.mark.parametrize("penalty", [1.0, 20.0])
def test_the_expected_likeness_is_greatest(penalty, interacting):
    lengths = np.array([1, 5, 2, 9, 1, 4, *[7] * 20])
    X = samples(int(lengths.sum()))
    rng = np.random.default_rng(5)
    gained = rng.standard_normal((len(X), 2)) * [30, 0.2]
    # Something is right in every group, here and there more than one sample.
    right = choices(lengths, X[:, 0] + gained @ [0.02, -3])
    likeness = np.maximum(right, rng.random(len(X)) * (rng.random(len(X)) < 0.3))
    found, weights = fit_choice(standardised(X, NAMES, interacting), X, gained, likeness, lengths, penalty=penalty)
    Z = found.design(X).astype(float)
    # Gains weigh in their own unit, and are found with another scale than here.
    loss = choice_loss(Z, gained, likeness, lengths, penalty)
    best = minimize(loss, np.zeros(Z.shape[1] + 2), method="BFGS", options={"gtol": 1e-5})
    assert loss(np.append(terms_of(found), weights)) == pytest.approx(best.fun, abs=1e-3)
    np.testing.assert_allclose(terms_of(found), best.x[:-2], atol=0.02)
    np.testing.assert_allclose(weights * gained.std(axis=0), best.x[-2:] * gained.std(axis=0), atol=0.05)


def test_the_gradient_of_a_choice_is_that_of_its_likelihood(monkeypatch):
    lengths = np.array([3, 1, 6, 2, 8])
    X, rng = samples(20), np.random.default_rng(6)
    gained, likeness = rng.standard_normal((20, 2)), rng.random(20)
    start, seen = standardised(X, NAMES, ["a", "b"]), []

    def look(objective, zeros, **options):
        seen.append(objective)
        return minimize(objective, zeros, **options)

    monkeypatch.setattr("scipy.optimize.minimize", look)
    fit_choice(start, X, gained, likeness, lengths, penalty=2.0)
    (objective,) = seen
    loss = choice_loss(start.design(X).astype(float), gained / gained.std(axis=0), likeness, lengths, 2.0)
    for place in (np.zeros(8), rng.standard_normal(8)):
        assert objective(place)[0] == pytest.approx(loss(place), rel=1e-5)
        assert check_grad(loss, lambda p: objective(p)[1], place) < 1e-4


# Properties


def test_a_penalty_makes_weights_small():
    X = samples(500)
    truth = (X[:, 0] > 0).astype(int)
    weak, strong = (
        abs(fit_logistic(standardised(X, NAMES), X, truth, penalty=penalty).terms()[0][1]) for penalty in (1.0, 1000.0)
    )
    assert 0 < strong < 0.2 * weak


def test_a_penalty_makes_the_weights_of_a_choice_small_but_not_those_of_what_is_gained():
    lengths = np.full(300, 5)
    X = samples(1500)
    gained = np.random.default_rng(7).standard_normal((1500, 1))
    likeness = choices(lengths, 2 * X[:, 0] + 2 * gained[:, 0])
    weak, strong = (
        fit_choice(standardised(X, NAMES), X, gained, likeness, lengths, penalty=penalty) for penalty in (1.0, 1e4)
    )
    assert abs(strong[0].weights).max() < 0.1 * abs(weak[0].weights).max()
    assert strong[1][0] > 0.7


@pytest.mark.parametrize("interacting", [(), ("a", "b")])
def test_sums_over_blocks_are_sums(monkeypatch, interacting):
    X = samples(500)
    truth = draw(logistic(X[:, 0] - 1))
    start = standardised(X, NAMES, interacting)
    whole = fit_logistic(start, X, truth, penalty=1.0)
    monkeypatch.setattr(regression, "_BLOCK", 7)
    np.testing.assert_allclose(terms_of(fit_logistic(start, X, truth, penalty=1.0)), terms_of(whole), atol=1e-4)


def test_the_opposite_truths_have_the_opposite_log_odds():
    X = samples(500)
    truth = draw(logistic(X[:, 0] - 1))
    start = standardised(X, NAMES, ["a", "b"])
    one, other = (fit_logistic(start, X, y, penalty=1.0)(X) for y in (truth, 1 - truth))
    np.testing.assert_allclose(other, -one, atol=1e-3)


def test_the_order_of_groups_does_not_matter():
    lengths = np.random.default_rng(8).integers(1, 9, 60)
    X = samples(int(lengths.sum()))
    gained = np.random.default_rng(9).standard_normal((len(X), 2))
    likeness = choices(lengths, X[:, 0])
    order = np.random.default_rng(10).permutation(60)
    places = np.concatenate([np.split(np.arange(len(X)), np.cumsum(lengths)[:-1])[i] for i in order])
    start = standardised(X, NAMES)
    one, weights = fit_choice(start, X, gained, likeness, lengths, penalty=1.0)
    other, others = fit_choice(start, X[places], gained[places], likeness[places], lengths[order], penalty=1.0)
    np.testing.assert_allclose(terms_of(other), terms_of(one), atol=0.01)
    np.testing.assert_allclose(others, weights, atol=0.01)


@pytest.mark.parametrize("shift", [-1e3, 1e3])
def test_what_all_samples_have_gained_does_not_count(shift):
    lengths = np.full(40, 5)
    X = samples(200)
    gained = np.random.default_rng(9).standard_normal((200, 1))
    likeness = choices(lengths, X[:, 0] + gained[:, 0])
    one, other = (
        fit_choice(standardised(X, NAMES), X, gained + s, likeness, lengths, penalty=1.0)[1] for s in (0, shift)
    )
    np.testing.assert_allclose(other, one, atol=0.02)
