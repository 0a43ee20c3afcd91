"""The beta-divergence between a matrix and its model.

Convention: ``beta = 2`` is half the squared Euclidean distance, ``1`` the generalised Kullback-Leibler
divergence, ``0`` the Itakura-Saito divergence; the family is that of C. Févotte & J. Idier, "Algorithms for
nonnegative matrix factorization with the beta-divergence", Neural Computation 23 (2011).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.exceptions import NmfamtError

__all__ = ["beta_divergence"]


def beta_divergence(V: NDArray[Any], X: NDArray[Any], *, beta: float, axis: int | None = None) -> Any:
    """Return the beta-divergence of the model `X` from `V`.

    Parameters
    ----------
    V, X : ndarray
        Data and model, the same shape; not negative, and `X` positive. Where `beta` is 0, zeros of `V` count
        as the smallest positive number.
    beta : float, in [0, 2]
        Which divergence.
    axis : int, optional
        Sum along this axis only; by default over everything.

    Returns
    -------
    float or ndarray
        The divergence, in double precision; 0 only where ``V == X``.

    Raises
    ------
    NmfamtError
        If the shapes differ or `beta` is outside [0, 2].

    Examples
    --------
    >>> import numpy as np
    >>> float(beta_divergence(np.array([1.0, 2.0]), np.array([1.0, 4.0]), beta=2))
    2.0
    """
    V = np.asarray(V, dtype=np.float64)
    X = np.asarray(X, dtype=np.float64)
    if V.shape != X.shape:
        raise NmfamtError(f"V has shape {V.shape}, but X has {X.shape}: a model has the shape of its data.")
    if not 0 <= beta <= 2:
        raise NmfamtError(f"beta={beta} must lie in [0, 2]: 0 Itakura-Saito, 1 Kullback-Leibler, 2 Euclidean.")
    if beta == 2:
        terms = 0.5 * (V - X) ** 2
    elif beta == 1:
        ratio = np.divide(V, X)
        terms = V * np.log(ratio, where=V > 0, out=np.zeros_like(V)) - V + X
    elif beta == 0:
        ratio = np.maximum(V, np.finfo(np.float64).tiny) / X
        terms = ratio - np.log(ratio) - 1
    else:
        terms = (V**beta + (beta - 1) * X**beta - beta * V * X ** (beta - 1)) / (beta * (beta - 1))
    return terms.sum(axis=axis)
