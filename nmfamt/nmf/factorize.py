"""Templates and activations together, by alternating multiplicative updates.

``V ~ W H`` with both factors unknown, or partly known. The activations are updated, then the templates, by the rules of
C. Févotte & J. Idier, "Algorithms for nonnegative matrix factorization with the beta-divergence", Neural Computation 23
(2011) (see `nmfamt.nmf.updates`). What is known can be said in three ways, singly or together:

* where a component may be active (`mask`), as a score says it: S. Ewert & M. Müller, "Using score-informed constraints
  for NMF-based source separation", ICASSP 2012;
* templates that are not to change (`fixed`): P. Smaragdis, B. Raj & M. Shashanka, "Supervised and semi-supervised
  separation of sounds from single-channel mixtures", ICA 2007;
* templates near which the answer lies (`prior`): every template is a weighted mean of what it explains and of its
  start. For beta = 1 this is the posterior mode under a Dirichlet prior that grows with the energy of the data.

Departures:

1. Templates have unit sum. Their scale moves into the activations, except for beta = 1, where the normalised template
   is the best of unit sum for the activations as they are, and the next update of these keeps the energy of every
   frame.
2. Several recordings share the templates. They are visited one after the other in blocks of frames, and only the sums
   of a whole pass change the templates, so that the memory needed besides data and activations is that of a block.
3. The model never falls below a tiny share of the largest value, so silent bins divide by something.
4. A template that comes to explain nothing goes back to its start.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.updates import (
    check_beta,
    check_magnitudes,
    check_part,
    check_stopping,
    common_dtype,
    component_flags,
    divergence,
    drop_negligible,
    multiply,
    rescale,
    template_scales,
    weights,
)

__all__ = ["Factors", "factorize"]

FloatArray = NDArray[np.floating[Any]]

_BLOCK_FRAMES = 256


@dataclass(frozen=True, eq=False)
class Factors:
    """Templates and activations, and how they were reached.

    Attributes
    ----------
    W : ndarray
        Templates, of the shape that the model gives them: ``(n_bins, n_components)`` where nothing else is said.
    H : ndarray, shape (n_components, n_frames), or list of ndarray
        Activations; a list where several recordings were given.
    cost : ndarray, shape (n_checks,)
        Beta-divergence at the start, at every check, and of the answer; empty where no checks were made.
    n_iter : int
        Iterations done.
    converged : bool
        Whether the relative fall of the divergence between two checks came below `tol`.
    """

    W: FloatArray
    H: Any
    cost: NDArray[np.float64]
    n_iter: int
    converged: bool


@single_thread()
def factorize(
    V: FloatArray | Sequence[FloatArray],
    W: FloatArray | int,
    *,
    H: FloatArray | Sequence[FloatArray] | None = None,
    beta: float = 1.0,
    mask: NDArray[np.bool_] | Sequence[NDArray[np.bool_]] | None = None,
    fixed: ArrayLike = False,
    prior: float = 0.0,
    max_iter: int = 100,
    tol: float = 1e-4,
    check_every: int = 10,
    n_activation_updates: int = 1,
    seed: int = 0,
) -> Factors:
    """Find templates `W` and activations `H` that make ``W @ H`` close to `V`.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames), or sequence of them
        Data, finite and not negative; or several recordings, whose templates are the same.
    W : ndarray, shape (n_bins, n_components), or int
        Where the templates start; or their number, then the start is random.
    H : ndarray, shape (n_components, n_frames), or sequence of them, optional
        Where the activations start, one array for each recording. By default all components that are allowed share the
        energy of a frame equally.
    beta : float, in [0, 2]
        Which divergence is minimised; 1 is Kullback-Leibler.
    mask : ndarray of bool, shape (n_components, n_frames), or sequence of them, optional
        Where a component may be active, one array for each recording; elsewhere `H` is zero.
    fixed : bool or ndarray of bool, shape (n_components,)
        Templates that stay exactly as they are given.
    prior : float
        Weight of the start in every template, in units of the mean energy of a template. Above 0 the divergence alone
        is no longer what is minimised, and may rise.
    max_iter : int
        Most iterations; each updates all activations, then the templates.
    tol : float
        Stop when the divergence has fallen by at most this share since the last check. At 0 all `max_iter` are done.
    check_every : int
        Iterations between two checks; 0 makes none, and all `max_iter` are done.
    n_activation_updates : int
        Updates of the activations for each of the templates; at least 1.
    seed : int
        Of the random start.

    Returns
    -------
    Factors
        In single precision where all data are, else in double. Templates that are not fixed have unit sum (or are
        empty, if they were).

    Raises
    ------
    NmfamtError
        If shapes do not fit, a value is negative or not finite, or an option is outside its range.

    Examples
    --------
    >>> V = np.outer([1.0, 3.0], [2.0, 0.0, 4.0])
    >>> factors = factorize(V, 1)
    >>> factors.W.round(3).tolist(), factors.H.round(3).tolist()
    ([[0.25], [0.75]], [[8.0, 0.0, 16.0]])
    """
    check_beta(beta)
    check_stopping(max_iter, tol, check_every)
    if not (0 <= prior < np.inf and n_activation_updates >= 1):
        raise NmfamtError(
            f"prior={prior} must be finite and not negative, n_activation_updates={n_activation_updates} at least 1."
        )
    several = not isinstance(V, np.ndarray) and all(np.ndim(part) == 2 for part in V)
    data = [np.asarray(part) for part in (V if several else [V])]
    _check_data(data)
    dtype = common_dtype(*data)
    given = _start(W, data[0].shape[0], seed).astype(dtype)
    n_components = given.shape[1]
    masks, starts = _parts(mask, several, len(data)), _parts(H, several, len(data))
    for name, parts in (("mask", masks), ("H", starts)):
        _check_parts(name, parts, data, n_components)
    held = component_flags(fixed, n_components)

    scales = template_scales(given.sum(axis=0, dtype=np.float64), held)
    W0 = np.asarray(given / scales, dtype=dtype)
    drop_negligible(W0)
    rescaled = rescale(data, dtype)
    recordings = [
        _Recording(part, _activations(part, W0, allowed, start, scales, rescaled.exponent))
        for part, allowed, start in zip(rescaled.arrays, masks, starts, strict=True)
    ]
    unit, floor = rescaled.unit(beta), rescaled.floor
    learned = W0.copy()
    costs = [unit * _cost(recordings, learned, beta, floor)] if check_every else []
    n, settled = 0, False
    while n < max_iter and not settled:
        n += 1
        num, den, used = _visit(recordings, learned, beta, floor, n_activation_updates)
        learned, growth = _templates(learned, W0, num, den, used, held, prior, beta)
        for recording in recordings:
            np.multiply(recording.H, growth[:, None], out=recording.H)
        if check_every and (n % check_every == 0 or n == max_iter):
            costs.append(unit * _cost(recordings, learned, beta, floor))
            settled = n % check_every == 0 and abs(costs[-2] - costs[-1]) <= tol * costs[-2] and tol > 0
    back = np.where(held, scales, 1).astype(dtype)[:, None]
    activations = [np.ldexp(recording.H, rescaled.exponent) / back for recording in recordings]
    learned[:, held] = given[:, held]
    return Factors(learned, activations if several else activations[0], np.array(costs), n, settled)


@dataclass(frozen=True, eq=False)
class _Recording:
    """Data and the activations that explain them; these are changed in place."""

    V: FloatArray
    H: FloatArray

    def blocks(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield views of a few frames each, which stay in the cache."""
        for start in range(0, self.V.shape[1], _BLOCK_FRAMES):
            frames = slice(start, start + _BLOCK_FRAMES)
            yield self.V[:, frames], self.H[:, frames]


def _visit(
    recordings: Sequence[_Recording], W: FloatArray, beta: float, floor: Any, n_updates: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Update all activations; return what the templates' update needs, and the sum of every activation."""
    num, used = np.zeros_like(W), np.zeros(W.shape[1], dtype=W.dtype)
    den = np.zeros_like(W)
    Wt, column_sums = np.ascontiguousarray(W.T), W.sum(axis=0)[:, None]
    for recording in recordings:
        for V, H in recording.blocks():
            for _ in range(n_updates):
                R, E = weights(V, np.maximum(W @ H, floor), beta)
                H[:] = multiply(H, Wt @ R, column_sums if E is None else Wt @ E, beta)
            R, E = weights(V, np.maximum(W @ H, floor), beta)
            num += R @ H.T
            used += H.sum(axis=1)
            if E is not None:
                den += E @ H.T
    return num, used[None] if beta == 1 else den, used


def _templates(
    W: FloatArray,
    W0: FloatArray,
    num: FloatArray,
    den: FloatArray,
    used: FloatArray,
    held: NDArray[np.bool_],
    prior: float,
    beta: float,
) -> tuple[FloatArray, FloatArray]:
    """Return the templates after an update, and what their activations grow by in exchange."""
    updated = multiply(W, num, den, beta)
    growth = updated.sum(axis=0)
    energy = (W.sum(axis=0) * used).mean()
    updated *= used
    updated += W.dtype.type(prior) * energy * W0
    sums = updated.sum(axis=0)
    gone = ~(sums > 0)
    updated = np.where(gone, W0, updated / np.where(gone, 1, sums))
    updated[:, held] = W[:, held]
    drop_negligible(updated)
    still = held | gone | ~(growth > 0) | (beta == 1)
    return updated, np.where(still, 1, growth).astype(W.dtype)


def _cost(recordings: Sequence[_Recording], W: FloatArray, beta: float, floor: Any) -> float:
    total = 0.0
    for recording in recordings:
        for V, H in recording.blocks():
            X = np.maximum(W @ H, floor)
            total += divergence(V, X, weights(V, X, beta)[0], beta)
    return total


def _activations(
    V: FloatArray,
    W: FloatArray,
    mask: NDArray[Any] | None,
    start: NDArray[Any] | None,
    scales: NDArray[np.float64],
    exponent: int,
) -> FloatArray:
    """Return where the activations of a recording start, for templates divided by `scales`."""
    allowed = np.ones((W.shape[1], V.shape[1]), dtype=bool) if mask is None else mask
    if start is not None:
        H = np.ldexp(start.astype(V.dtype), -exponent) * scales[:, None] * allowed
        return np.ascontiguousarray(H, dtype=V.dtype)
    shares = allowed * (V.sum(axis=0) / np.maximum(allowed.sum(axis=0), 1))
    sums = W.sum(axis=0)[:, None]
    return np.asarray(np.where(sums > 0, shares / np.where(sums > 0, sums, 1), 0), dtype=V.dtype)


def _start(W: FloatArray | int, n_bins: int, seed: int) -> FloatArray:
    if isinstance(W, int | np.integer):
        if W < 1:
            raise NmfamtError(f"W={W} is a number of components: at least 1.")
        return np.random.default_rng(seed).exponential(size=(n_bins, int(W)))
    W = np.asarray(W)
    if W.ndim != 2 or W.shape[0] != n_bins:
        raise NmfamtError(f"W has shape {W.shape}, V has {n_bins} bins: W is an array (n_bins, n_components).")
    check_magnitudes("W", W)
    return W


def _parts(given: Any, several: bool, n_recordings: int) -> Sequence[NDArray[Any] | None]:
    """Return an array for each recording, or as often nothing."""
    if given is None:
        return [None] * n_recordings
    return [np.asarray(part) for part in (given if several else [given])]


def _check_data(data: Sequence[NDArray[Any]]) -> None:
    if not data:
        raise NmfamtError("V holds no recordings: give one array (n_bins, n_frames), or several of them.")
    for part in data:
        if part.ndim != 2 or part.shape[0] != data[0].shape[0]:
            shapes = ", ".join(str(part.shape) for part in data)
            raise NmfamtError(f"V has the shapes {shapes}: recordings are (n_bins, n_frames), with the same bins.")
        check_magnitudes("V", part)


def _check_parts(
    name: str, parts: Sequence[NDArray[Any] | None], data: Sequence[NDArray[Any]], n_components: int
) -> None:
    if len(parts) != len(data):
        raise NmfamtError(f"{name} holds {len(parts)} arrays for {len(data)} recordings: give one for each.")
    for part, V in zip(parts, data, strict=True):
        if part is not None:
            check_part(name, part, (n_components, V.shape[1]))
