"""Activations for fixed templates by multiplicative updates.

``H <- H * (W' (V * X**(beta - 2)) / (W' X**(beta - 1))) ** gamma`` with ``X = W H``; ``gamma`` is 1 for beta
in [1, 2] and ``1 / (2 - beta)`` below, which makes every update a majorisation-minimisation step: the
divergence never rises. C. Févotte & J. Idier, "Algorithms for nonnegative matrix factorization with the
beta-divergence", Neural Computation 23 (2011), section 4; for beta = 1 and 2 these are the updates of D. D.
Lee & H. S. Seung, "Algorithms for non-negative matrix factorization", NIPS 2000.

Departures:

1. Frames are independent when W is fixed, so they are solved in chunks of `CHUNK_FRAMES` that stay in the
   cache. A chunk starts cold, from the flat model that has the energy of the frame, and so does not depend on
   its neighbours.
2. An update may be over-relaxed: R. Badeau, N. Bertin & E. Vincent, "Stability analysis of multiplicative update
   algorithms and application to nonnegative matrix factorization", IEEE Trans. Neural Networks 21 (2010), show that
   powers below 2 converge near a solution. They no longer guarantee that every update lowers the divergence.
3. `X` never falls below a tiny multiple of the largest value, so silent bins divide by something.
4. A chunk is solved after division by a power of two that brings its largest value near 1, and its
   activations are multiplied by the same: exact, and the powers of very quiet or loud data stay within single
   precision.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.divergence import beta_divergence

__all__ = ["CHUNK_FRAMES", "Fit", "activations"]

CHUNK_FRAMES = 256
"""Frames solved at a time."""

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Fit:
    """A factorisation and how it was reached.

    Attributes
    ----------
    H : ndarray, shape (n_components, n_frames)
        Activations.
    cost : ndarray, shape (n_checks,)
        Beta-divergence, at the start, every `check_every` iterations and at the end; empty where it was not
        asked for.
    n_iter : int
        Iterations done (the most in any chunk).
    converged : bool
        Whether the relative fall of the divergence came below `tol` in every chunk.
    """

    H: FloatArray
    cost: NDArray[np.float64]
    n_iter: int
    converged: bool


@single_thread()
def activations(
    V: FloatArray,
    W: FloatArray,
    *,
    beta: float = 1.0,
    max_iter: int = 60,
    tol: float = 0.0,
    check_every: int = 10,
    relaxation: float = 1.0,
) -> Fit:
    """Find activations `H` that make ``W @ H`` close to `V`.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Data; finite and not negative, float32 or float64.
    W : ndarray, shape (n_bins, n_components)
        Templates; finite and not negative. Used in the precision of `V`.
    beta : float, in [0, 2]
        Which divergence is minimised; 1 is Kullback-Leibler.
    max_iter : int
        Most updates; 60 come within about 2 % of the optimum on music (`benchmarks/results/trials.md`).
    tol : float
        Stop when the divergence has fallen by less than this share since the last check. 0 computes no
        divergence and does all `max_iter` updates.
    check_every : int
        Updates between two checks.
    relaxation : float, in [1, 2)
        Power to which the factor of every update but the first two and the last is raised. 1 is the update that never
        raises the divergence; 1.5 makes 40 updates worth 60 (the activations of music differ by 1 % in all).

    Returns
    -------
    Fit
        With ``fit.H`` in the precision of `V`.

    Raises
    ------
    NmfamtError
        If the shapes do not fit, `beta` is outside [0, 2], a value is negative or not finite, or `max_iter`,
        `tol` or `check_every` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> activations(np.array([[2.0], [3.0]]), W, max_iter=20).H.round(3)
    array([[2.],
           [3.]])
    """
    V, W = np.asarray(V), np.asarray(W)
    _check(V, W, beta)
    if not 1 <= relaxation < 2:
        raise NmfamtError(f"relaxation={relaxation} must lie in [1, 2): 1 is the plain update.")
    if max_iter < 0 or check_every < 1 or not tol >= 0:
        raise NmfamtError(
            f"max_iter={max_iter} must be at least 0, check_every={check_every} at least 1, tol={tol} not negative."
        )
    dtype = V.dtype if V.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    V = V.astype(dtype, copy=False)
    W = np.ascontiguousarray(W, dtype=dtype)
    H = np.zeros((W.shape[1], V.shape[1]), dtype=dtype)
    histories, n_iter, converged = [], 0, True
    for start in range(0, V.shape[1], CHUNK_FRAMES):
        chunk = slice(start, start + CHUNK_FRAMES)
        H[:, chunk], costs, done, settled = _solve(
            np.ascontiguousarray(V[:, chunk]), W, beta, max_iter, tol, check_every, relaxation
        )
        histories.append(costs)
        n_iter = max(n_iter, done)
        converged = converged and settled
    return Fit(H, _total(histories), n_iter, converged and tol > 0)


def _check(V: FloatArray, W: FloatArray, beta: float) -> None:
    if V.ndim != 2 or W.ndim != 2 or V.shape[0] != W.shape[0]:
        raise NmfamtError(
            f"V has shape {V.shape} and W {W.shape}: both need two axes and the same number of bins (rows)."
        )
    if not 0 <= beta <= 2:
        raise NmfamtError(f"beta={beta} must lie in [0, 2]: 0 Itakura-Saito, 1 Kullback-Leibler, 2 Euclidean.")
    for name, values in (("V", V), ("W", W)):
        if values.size and not (np.isfinite(values.sum()) and values.min() >= 0):
            raise NmfamtError(f"{name} has negative, NaN or infinite values; magnitudes are finite and >= 0.")


def _solve(
    V: FloatArray,
    W: FloatArray,
    beta: float,
    max_iter: int,
    tol: float,
    check_every: int,
    relaxation: float,
) -> tuple[FloatArray, list[float], int, bool]:
    """Return the activations of a chunk, the divergences met, the updates done, and whether `tol` was met."""
    if not V.any():
        return np.zeros((W.shape[1], V.shape[1]), dtype=V.dtype), [0.0] if tol > 0 else [], 0, True
    exponent = int(np.frexp(V.max())[1])
    V = np.ldexp(V, -exponent)
    unit = 2.0 ** min(beta * exponent, 1000.0)  # of the divergence
    floor = V.dtype.type(1e-7 * V.max())
    column_sums = W.sum(axis=0)[:, None]
    column_sums[column_sums == 0] = 1
    Wt = np.ascontiguousarray(W.T)
    gamma = 1.0 if beta >= 1 else 1.0 / (2.0 - beta)
    H = np.empty((W.shape[1], V.shape[1]), dtype=V.dtype)
    H[:] = V.sum(axis=0) / (W.sum() if W.any() else 1)
    X = np.maximum(W @ H, floor)
    costs = [unit * float(beta_divergence(V, X, beta=beta))] if tol > 0 else []
    n, settled = 0, False
    while n < max_iter and not settled:
        n += 1
        factor = _factor(V, X, Wt, column_sums, beta, gamma)
        H *= factor
        if relaxation != 1 and 2 < n < max_iter:
            # The square root is an order of magnitude faster than a power.
            H *= np.sqrt(factor) if relaxation == 1.5 else factor ** V.dtype.type(relaxation - 1)
        np.maximum(np.matmul(W, H, out=X), floor, out=X)
        if tol > 0 and (n % check_every == 0 or n == max_iter):
            costs.append(unit * float(beta_divergence(V, X, beta=beta)))
            settled = n % check_every == 0 and costs[-2] - costs[-1] <= tol * costs[-2]
    return np.ldexp(H, exponent), costs, n, settled


def _factor(
    V: FloatArray, X: FloatArray, Wt: FloatArray, column_sums: FloatArray, beta: float, gamma: float
) -> FloatArray:
    """Return what `H` is multiplied with; beta = 1 needs one matrix product instead of two."""
    if beta == 1:
        factor = Wt @ (V / X)
        factor /= column_sums
        return factor
    if beta == 2:
        return np.asarray((Wt @ V) / np.maximum(Wt @ X, np.finfo(V.dtype).tiny))
    weight = X ** V.dtype.type(beta - 2)
    denominator = np.maximum(Wt @ (weight * X), np.finfo(V.dtype).tiny)
    factor = (Wt @ (weight * V)) / denominator
    return factor if gamma == 1 else factor ** V.dtype.type(gamma)


def _total(histories: list[list[float]]) -> NDArray[np.float64]:
    """Add the divergences of all chunks; a chunk that stopped early keeps its last value."""
    length = max((len(costs) for costs in histories), default=0)
    total = np.zeros(length)
    for costs in histories:
        if costs:
            total += np.array(costs + costs[-1:] * (length - len(costs)))
    return total
