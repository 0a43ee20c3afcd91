"""How the polynomials of the tracker are fitted: maximum likelihood with a squared penalty on standardised weights.

Quantities by ridge regression (A. E. Hoerl & R. W. Kennard, "Ridge regression: biased estimation for nonorthogonal
problems", Technometrics 12, 1970); classes by multinomial logistic regression, whose optimum L-BFGS finds (D. C. Liu &
J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45, 1989).

Conventions: the penalty stands beside the sum, not the mean, over all samples, so it matters less the more there are;
the intercept is free.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.tracking.polynomial import Polynomial

__all__ = ["fit_logistic", "fit_ridge", "fit_softmax", "standardised"]

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


def fit_softmax(
    start: Polynomial, X: FloatArray, y: NDArray[np.integer[Any]], *, n_classes: int, penalty: float
) -> Polynomial:
    """Fit classes: unnormalised log-probabilities of each.

    Parameters
    ----------
    start : Polynomial
        As `standardised` makes it.
    X : ndarray, shape (n_samples, n_features)
        Features.
    y : ndarray of int, shape (n_samples,)
        Classes, from 0 to ``n_classes - 1``.
    n_classes : int
        How many there are.
    penalty : float
        Weight of half the squared weights beside the negative log-likelihood.

    Examples
    --------
    >>> X = np.array([[-3.0], [-2.0], [0.0], [0.1], [2.0], [3.0]])
    >>> three = fit_softmax(standardised(X, ["x"], ["x"]), X, np.array([0, 0, 1, 1, 2, 2]), n_classes=3, penalty=0.01)
    >>> three(X).argmax(axis=1)
    array([0, 0, 1, 1, 2, 2])
    """
    from scipy.optimize import minimize

    Z = start.design(X)
    n_terms = Z.shape[1]
    target = np.eye(n_classes, dtype=np.float32)[y]

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        B = parameters.reshape(n_terms + 1, n_classes)
        scores = Z @ B[1:].astype(np.float32) + B[0].astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        total = np.exp(scores).sum(axis=1, keepdims=True)
        likelihood = float((scores - np.log(total))[target > 0].sum(dtype=np.float64))
        residual = np.exp(scores) / total - target
        gradient = np.concatenate([residual.sum(axis=0, keepdims=True), Z.T @ residual]).astype(np.float64)
        gradient[1:] += penalty * B[1:]
        return -likelihood + 0.5 * penalty * float((B[1:] ** 2).sum()), gradient.ravel()

    zeros = np.zeros((n_terms + 1) * n_classes)
    best = minimize(objective, zeros, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-7})
    B = best.x.reshape(n_terms + 1, n_classes)
    return start.with_terms(B[0], B[1:])


def fit_logistic(start: Polynomial, X: FloatArray, y: NDArray[np.integer[Any]], *, penalty: float) -> Polynomial:
    """Fit the log-odds of a truth; parameters as of `fit_softmax`, with `y` 0 or 1.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> odds = fit_logistic(standardised(X, ["x"]), X, np.array([0, 0, 1, 1]), penalty=0.1)
    >>> odds(X)[:, 0] > 0
    array([False, False,  True,  True])
    """
    two = fit_softmax(start, X, y, n_classes=2, penalty=penalty)
    return Polynomial(
        two.names,
        two.mean,
        two.scale,
        two.intercept[1:] - two.intercept[:1],
        two.weights[:, 1:] - two.weights[:, :1],
        two.interacting,
        two.products[:, :, 1:] - two.products[:, :, :1],
    )
