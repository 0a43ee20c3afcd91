"""Notes that are struck and die away: ``V ~ W (H conv e^{-a t}) + A (H conv P)``.

A component has a template of its decay (a column of `W`), whose strength falls exponentially at a rate of its own from
the onset on, and one of its attack (a column of `A`), whose strength follows a short shape `P` around the onset, the
same for all. `H` says where notes begin. T. Cheng, M. Mauch, E. Benetos & S. Dixon, "An attack/decay model for piano
transcription", ISMIR 2016. The updates are those of `nmfamt.nmf.updates`, for any beta.

Departures:

1. Sums over the decay are a recursion, forward for the model and backward for the update: the cost grows with the
   number of frames, not with its square (`nmfamt.nmf._one_pole`).
2. Both halves share one matrix product each way, and the updates are extrapolated as in `nmfamt.nmf.convolutive`.
3. What would sound outside of the recording is left out on both sides of the update.

Templates, rates and the shape of the attack are learned in `nmfamt.nmf.attack_decay_notes`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.descent import descend
from nmfamt.nmf.factorize import Factors
from nmfamt.nmf.updates import (
    check_beta,
    check_magnitudes,
    check_part,
    check_stopping,
    common_dtype,
    divergence,
    drop_negligible,
    multiply,
    negligible,
    rescale,
    weights,
)

__all__ = ["attack_decay", "check_transient", "unfold"]

FloatArray = NDArray[np.floating[Any]]

_BLOCK_FRAMES = 256


@single_thread()
def attack_decay(
    V: FloatArray,
    W: FloatArray,
    A: FloatArray,
    *,
    decay: ArrayLike,
    transient: ArrayLike,
    H: FloatArray | None = None,
    beta: float = 1.0,
    mask: NDArray[np.bool_] | None = None,
    max_iter: int = 100,
    tol: float = 1e-3,
    check_every: int = 5,
    extrapolate: bool = True,
) -> Factors:
    """Find the onsets `H` of notes that are struck and die away.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Data; finite and not negative.
    W, A : ndarray, shape (n_bins, n_components)
        Templates of the decay and of the attack.
    decay : ndarray, shape (n_components,)
        Rates of decay, per frame: a note falls by ``exp(-decay)``. Finite and not negative.
    transient : ndarray, shape (n_transient,)
        Shape of the attack in time, an odd number of frames centred on the onset.
    H : ndarray, shape (n_components, n_frames), optional
        Where the activations start. By default all components that are allowed share the energy of a frame equally.
    beta : float, in [0, 2]
        Which divergence is minimised; 1 is Kullback-Leibler, and twice as fast as the others.
    mask : ndarray of bool, shape (n_components, n_frames), optional
        Where a component may begin; elsewhere `H` is zero.
    max_iter : int
        Most iterations.
    tol : float
        Stop when the divergence has fallen by at most this share since the last check. At 0 all `max_iter` are done.
    check_every : int
        Iterations between two checks; 0 makes none, does all iterations, and extrapolates none.
    extrapolate : bool
        Whether to extrapolate the updates. Without, the divergence falls with every iteration.

    Returns
    -------
    Factors
        With ``W (2, n_bins, n_components)``, the templates of decay and attack as they were given.

    Raises
    ------
    NmfamtError
        If shapes do not fit, a value is negative or not finite, or an option is outside its range.

    Examples
    --------
    >>> W, A = np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]])
    >>> model = {"decay": [0.5], "transient": [0.0, 1.0, 0.5]}
    >>> tails, strikes = unfold(np.array([[0.0, 2.0, 0.0, 0.0]]), **model)
    >>> attack_decay(W @ tails + A @ strikes, W, A, **model, tol=1e-9, max_iter=300).H.round(3) + 0
    array([[0., 2., 0., 0.]])
    """
    V, W, A = np.asarray(V), np.asarray(W), np.asarray(A)
    decay, transient = np.asarray(decay), np.asarray(transient)
    check_beta(beta)
    check_stopping(max_iter, tol, check_every)
    _check_model(V, W, A, decay, transient)
    wanted = (W.shape[1], V.shape[1])
    allowed = np.ones(wanted, dtype=bool) if mask is None else np.asarray(mask)
    check_part("mask", allowed, wanted)
    dtype = common_dtype(V)
    data = rescale([V], dtype)
    scaled = data.arrays[0]
    both = np.concatenate([W, A], axis=1).astype(dtype)
    sums = both.sum(axis=0, dtype=np.float64).reshape(2, -1).sum(axis=0)
    scales = np.exp2(np.round(np.log2(np.where(sums > 0, sums, 1))))  # exact to divide by
    both = np.asarray(both / np.tile(scales, 2), dtype=dtype)
    drop_negligible(both)
    if H is None:
        shares = allowed * (scaled.sum(axis=0) / np.maximum(allowed.sum(axis=0), 1))
        start = shares * np.where(sums > 0, scales / np.where(sums > 0, sums, 1), 0)[:, None]
    else:
        H = np.asarray(H)
        check_part("H", H, wanted)
        start = np.ldexp(H.astype(dtype), -data.exponent) * scales[:, None] * allowed
    ratio, shape = np.exp(-decay).astype(dtype), transient.astype(dtype)
    transposed = np.ascontiguousarray(both.T)
    column_sums = both.sum(axis=0)[:, None]

    def step(H: FloatArray, checked: bool) -> tuple[FloatArray, float]:
        courses = _unfold(H, ratio, shape)
        num, den, cost = np.empty_like(courses), np.empty_like(courses), 0.0
        for first in range(0, V.shape[1], _BLOCK_FRAMES):
            frames = slice(first, first + _BLOCK_FRAMES)
            X = np.maximum(both @ courses[:, frames], data.floor)
            R, E = weights(scaled[:, frames], X, beta)
            num[:, frames] = transposed @ R
            den[:, frames] = column_sums if E is None else transposed @ E
            if checked:
                cost += divergence(scaled[:, frames], X, R, beta)
        return multiply(H, _fold(num, ratio, shape), _fold(den, ratio, shape), beta), cost

    found = descend(
        step,
        np.ascontiguousarray(start, dtype=dtype),
        max_iter=max_iter,
        tol=tol,
        check_every=check_every,
        extrapolate=extrapolate,
    )
    onsets = np.ldexp(found.H, data.exponent) / scales.astype(dtype)[:, None]
    cost = data.unit(beta) * np.array(found.costs)
    return Factors(np.stack([W, A]).astype(dtype), onsets, cost, found.n_iter, found.converged)


def unfold(H: ArrayLike, *, decay: ArrayLike, transient: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return how strongly each component decays and is struck in every frame, twice shape (n_components, n_frames).

    Parameters
    ----------
    H : ndarray, shape (n_components, n_frames)
        Onsets.
    decay : ndarray, shape (n_components,)
        Rates of decay, per frame.
    transient : ndarray, shape (n_transient,)
        Shape of the attack, centred on the onset.

    Returns
    -------
    tails, strikes : ndarray
        ``W @ tails + A @ strikes`` is the model.

    Examples
    --------
    >>> tails, strikes = unfold([[0.0, 4.0, 0.0]], decay=[np.log(2)], transient=[0.25, 1.0, 0.5])
    >>> tails.round(3).tolist(), strikes.tolist()
    ([[0.0, 4.0, 2.0]], [[1.0, 4.0, 2.0]])
    """
    H = np.asarray(H)
    dtype = common_dtype(H)
    ratio = np.exp(-np.asarray(decay)).astype(dtype)
    both = _unfold(np.ascontiguousarray(H, dtype=dtype), ratio, np.asarray(transient, dtype=dtype))
    return both[: len(H)], both[len(H) :]


def _unfold(H: FloatArray, ratio: FloatArray, transient: FloatArray) -> FloatArray:
    """Return the tails, below them the strikes."""
    from nmfamt.nmf._one_pole import decayed

    n_components, n_frames = H.shape
    both = np.empty((2 * n_components, n_frames), dtype=H.dtype)
    decayed(H, ratio, negligible(H.dtype), both[:n_components])
    both[n_components:] = _correlated(H, transient[::-1])
    return both


def _fold(G: FloatArray, ratio: FloatArray, transient: FloatArray) -> FloatArray:
    """Return what weights at tails and strikes are worth to the onsets; the transpose of `_unfold`."""
    from nmfamt.nmf._one_pole import decayed_back

    n_components = len(G) // 2
    total = np.empty((n_components, G.shape[1]), dtype=G.dtype)
    decayed_back(G[:n_components], ratio, negligible(G.dtype), total)
    total += _correlated(G[n_components:], transient)
    return total


def _correlated(x: FloatArray, shape: FloatArray) -> FloatArray:
    """Return ``sum_j shape[j] x[:, t + j - centre]``."""
    n_frames, centre = x.shape[1], len(shape) // 2
    padded = np.pad(x, ((0, 0), (centre, centre)))
    total = np.zeros_like(x)
    for j in range(len(shape)):
        total += shape[j] * padded[:, j : j + n_frames]
    return total


def _check_model(
    V: NDArray[Any], W: NDArray[Any], A: NDArray[Any], decay: NDArray[Any], transient: NDArray[Any]
) -> None:
    if V.ndim != 2 or W.ndim != 2 or W.shape != A.shape or len(W) != len(V):
        raise NmfamtError(
            f"V has shape {V.shape}, W {W.shape} and A {A.shape}: they are (n_bins, n_frames) and, alike, "
            "(n_bins, n_components)."
        )
    if decay.shape != W.shape[1:]:
        raise NmfamtError(f"decay has shape {decay.shape}, W {W.shape[1]} components: give a rate for each.")
    for name, values in (("V", V), ("W", W), ("A", A), ("decay", decay)):
        check_magnitudes(name, values)
    check_transient(transient)


def check_transient(transient: NDArray[Any]) -> None:
    """Refuse what is no shape of an attack.

    Raises
    ------
    NmfamtError
        If it is not an odd number of finite values >= 0.
    """
    if transient.ndim != 1 or len(transient) % 2 == 0:
        raise NmfamtError(f"transient has shape {transient.shape}: it is an odd number of frames around the onset.")
    check_magnitudes("transient", transient)
