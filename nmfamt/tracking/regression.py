"""How the polynomials of the tracker are fitted: maximum likelihood with a squared penalty on standardised weights.

Quantities by ridge regression (A. E. Hoerl & R. W. Kennard, "Ridge regression: biased estimation for nonorthogonal
problems", Technometrics 12, 1970); truths by logistic regression, with Newton's method (iteratively reweighted least
squares; T. Hastie, R. Tibshirani & J. Friedman, "The Elements of Statistical Learning", section 4.4); choices among
the frames of a note by conditional logit (D. McFadden, "Conditional logit analysis of qualitative choice behavior",
1974), whose optimum L-BFGS finds (D. C. Liu & J. Nocedal, Mathematical Programming 45, 1989).

Conventions: the penalty stands beside the sum, not the mean, over all samples, so it matters less the more there are;
the intercept is free.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.polynomial import Polynomial

__all__ = ["fit_choice", "fit_logistic", "fit_ridge", "standardised"]

_BLOCK = 65536  # samples whose share of the curvature is summed at once

FloatArray = NDArray[np.floating[Any]]


def standardised(X: FloatArray, names: Sequence[str], interacting: Sequence[str] = ()) -> Polynomial:
    """Return a polynomial that brings the features of `X` to zero mean and unit variance, without weights yet.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_features)
        Features.
    names : sequence of str
        What they are called.
    interacting : sequence of str
        Those whose products may count.

    Examples
    --------
    >>> standardised(np.array([[1.0], [3.0]]), ["x"]).design(np.array([[1.0], [2.0]])).round(3)
    array([[-1.],
           [ 0.]], dtype=float32)
    """
    k = len(interacting)
    return Polynomial(
        names=tuple(names),
        mean=X.mean(axis=0, dtype=np.float64),
        scale=X.std(axis=0, dtype=np.float64) + 1e-6,  # a feature that never changes weighs nothing
        intercept=np.zeros(1),
        weights=np.zeros((len(names), 1)),
        interacting=tuple(interacting),
        products=np.zeros((k, k, 1)),
    )


def fit_ridge(start: Polynomial, X: FloatArray, y: FloatArray, *, penalty: float) -> Polynomial:
    """Fit a quantity.

    Parameters
    ----------
    start : Polynomial
        As `standardised` makes it.
    X : ndarray, shape (n_samples, n_features)
        Features.
    y : ndarray, shape (n_samples,)
        The quantity.
    penalty : float
        Weight of half the squared weights beside half the squared errors.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> line = fit_ridge(standardised(X, ["x"]), X, np.array([1.0, 3.0, 5.0]), penalty=1e-6)
    >>> line(np.array([[10.0]])).round(3)
    array([[21.]])
    """
    Z = start.design(X).astype(np.float64)
    centre, offset = Z.mean(axis=0), y.mean()
    A = (Z - centre).T @ (Z - centre) + penalty * np.eye(Z.shape[1])
    weights = np.linalg.solve(A, (Z - centre).T @ (y - offset))
    return start.with_terms(np.array([offset - centre @ weights]), weights[:, None])


def fit_logistic(start: Polynomial, X: FloatArray, y: NDArray[np.integer[Any]], *, penalty: float) -> Polynomial:
    """Fit the log-odds of a truth.

    Parameters
    ----------
    start : Polynomial
        As `standardised` makes it.
    X : ndarray, shape (n_samples, n_features)
        Features.
    y : ndarray of int, shape (n_samples,)
        0 or 1.
    penalty : float
        Weight of half the squared weights beside the negative log-likelihood.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> odds = fit_logistic(standardised(X, ["x"]), X, np.array([0, 0, 1, 1]), penalty=0.1)
    >>> odds(X)[:, 0] > 0
    array([False, False,  True,  True])
    """
    Z = start.design(X)
    signs = np.where(y == 1, 1.0, -1.0)
    share = float(np.clip(np.mean(y == 1), 1e-6, 1 - 1e-6))
    # The intercept comes last.
    weights = np.append(np.zeros(Z.shape[1]), np.log(share / (1 - share)))
    penalties = np.append(np.full(Z.shape[1], penalty), 0.0)

    def scores(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((Z @ weights[:-1].astype(np.float32)).astype(np.float64) + weights[-1])

    def loss(weights: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
        return float(np.logaddexp(0, -signs * scores).sum() + 0.5 * penalties @ weights**2)

    found = scores(weights)
    for _ in range(30):
        probabilities = 1 / (1 + np.exp(-np.clip(found, -30, 30)))
        gradient, curvature = _newton_sums(Z, probabilities, y)
        gradient += penalties * weights
        step = np.linalg.solve(curvature + np.diag(penalties + 1e-9), gradient)
        before, length = loss(weights, found), 1.0
        while True:
            moved = weights - length * step
            moved_scores = scores(moved)
            gain = before - loss(moved, moved_scores)
            if gain >= 0 or length < 1e-3:
                break
            length /= 2
        if gain >= 0:
            weights, found = moved, moved_scores
        if gain < 1e-6 * before:
            break
    return start.with_terms(weights[-1:], weights[:-1, None])


def _newton_sums(
    Z: NDArray[np.float32], probabilities: NDArray[np.float64], y: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gradient and Hessian of the negative log-likelihood, the intercept last."""
    n_terms = Z.shape[1] + 1
    gradient, curvature = np.zeros(n_terms), np.zeros((n_terms, n_terms))
    residuals = (probabilities - y).astype(np.float32)
    roots = np.sqrt(probabilities * (1 - probabilities)).astype(np.float32)
    for begin in range(0, len(Z), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        block = np.concatenate([Z[part], np.ones((len(Z[part]), 1), dtype=np.float32)], axis=1)
        gradient += block.T @ residuals[part]
        block *= roots[part, None]
        curvature += block.T @ block
    return gradient, curvature


def fit_choice(
    start: Polynomial,
    X: FloatArray,
    gained: FloatArray,
    likeness: FloatArray,
    lengths: NDArray[np.integer[Any]],
    *,
    penalty: float,
) -> tuple[Polynomial, NDArray[np.float64]]:
    """Fit which sample of a group is chosen: the score of each is a polynomial plus a weighted sum.

    Parameters
    ----------
    start : Polynomial
        As `standardised` makes it.
    X : ndarray, shape (n_samples, n_features)
        Features, one group after the other.
    gained : ndarray, shape (n_samples, n_gained)
        What is weighted besides, without a penalty and not standardised.
    likeness : ndarray, shape (n_samples,)
        How nearly each sample is the right one, from 0 to 1: what is maximised is the logarithm of its expectation.
    lengths : ndarray of int, shape (n_groups,)
        Samples of each group.
    penalty : float
        Weight of half the squared weights beside the negative log-likelihood.

    Returns
    -------
    Polynomial
        Up to a constant, the logarithm of the probability that a sample is chosen, without the weighted sum.
    weights : ndarray, shape (n_gained,)
        Of that sum.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [0.2], [0.9], [0.0]])
    >>> likeness = np.array([0.0, 1.0, 0.0, 1.0, 0.0])  # of two, then of three, the greatest x
    >>> chosen, _ = fit_choice(standardised(X, ["x"]), X, np.zeros((5, 1)), likeness, np.array([2, 3]), penalty=0.1)
    >>> float(chosen(X)[1, 0]) > float(chosen(X)[0, 0])
    True
    """
    from scipy.optimize import minimize

    Z = start.design(X)
    G = gained.astype(np.float64)
    scale = G.std(axis=0) + 1e-9  # so that L-BFGS sees weights of one size
    begins = np.cumsum(lengths) - lengths
    group = np.repeat(np.arange(len(lengths)), lengths)
    right = likeness.astype(np.float64) + 1e-4  # nobody is sure of a label
    n_terms = Z.shape[1]

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, others = parameters[:n_terms], parameters[n_terms:]
        scores = (Z @ weights.astype(np.float32)).astype(np.float64) + (G / scale) @ others
        chances = np.exp(scores - np.maximum.reduceat(scores, begins)[group])
        total = np.add.reduceat(chances, begins)
        matched = np.add.reduceat(chances * right, begins)
        residual = chances / total[group] - chances * right / matched[group]
        gradient = np.append(Z.T @ residual.astype(np.float32) + penalty * weights, (G / scale).T @ residual)
        return float(np.log(total / matched).sum() + 0.5 * penalty * weights @ weights), gradient

    zeros = np.zeros(n_terms + G.shape[1])
    best = minimize(objective, zeros, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-7})
    return start.with_terms(np.zeros(1), best.x[:n_terms, None]), best.x[n_terms:] / scale
