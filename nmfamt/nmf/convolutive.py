"""Templates that last several frames: ``V ~ sum_{t < n_lags} W[t] shift(H, t)``.

A component is a short spectrogram, and its activation says where it begins. P. Smaragdis, "Non-negative matrix factor
deconvolution", ICA 2004; for the piano H. Wu, A. Marmoret & J. E. Cohen, "Semi-supervised convolutive NMF for automatic
piano transcription", SMC 2022. The updates are those of `nmfamt.nmf.updates`, for any beta.

Departures:

1. All lags share one matrix product each way: the shifted activations are stacked to ``(n_lags * n_components,
   n_frames)``, in blocks of frames that stay in the cache.
2. Activations are updated once with the weights of all lags; Smaragdis updates them for each lag and takes the mean,
   after which the divergence may rise.
3. With fixed templates the updates are extrapolated, so that about 30 do the work of 100
   (`benchmarks/bench_learning.py`).
4. What would sound after the last frame is left out on both sides of the update, so the last onsets are not penalised
   for frames that were not recorded.
5. Learned components have unit sum over bins and lags; the scale moves into the activations.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.descent import Descent, descend
from nmfamt.nmf.factorize import Factors, factorize
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

__all__ = ["convolutive", "convolve"]

FloatArray = NDArray[np.floating[Any]]

_BLOCK_FRAMES = 256


@single_thread()
def convolutive(
    V: FloatArray,
    W: FloatArray,
    *,
    H: FloatArray | None = None,
    beta: float = 1.0,
    mask: NDArray[np.bool_] | None = None,
    fixed: ArrayLike = True,
    n_start: int = 0,
    max_iter: int = 100,
    tol: float = 1e-3,
    check_every: int = 5,
    extrapolate: bool = True,
) -> Factors:
    """Find activations `H`, and templates where they are not fixed, that make ``convolve(W, H)`` close to `V`.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Data; finite and not negative.
    W : ndarray, shape (n_lags, n_bins, n_components)
        Templates, or where they start.
    H : ndarray, shape (n_components, n_frames), optional
        Where the activations start. By default all components that are allowed share the energy of a frame equally.
    beta : float, in [0, 2]
        Which divergence is minimised; 1 is Kullback-Leibler, and twice as fast as the others.
    mask : ndarray of bool, shape (n_components, n_frames), optional
        Where a component may begin; elsewhere `H` is zero.
    fixed : bool or ndarray of bool, shape (n_components,)
        Templates that stay exactly as they are given; by default all.
    n_start : int
        Plain updates, with the templates summed over their lags, that the activations start from. It is what Wu et al.
        do, with the first lag; the default, none, arrives sooner.
    max_iter : int
        Most iterations.
    tol : float
        Stop when the divergence has fallen by at most this share since the last check. At 0 all `max_iter` are done.
    check_every : int
        Iterations between two checks; 0 makes none, does all iterations, and extrapolates none.
    extrapolate : bool
        Whether to extrapolate the updates of the activations, where all templates are fixed. Without, the divergence
        falls with every iteration.

    Returns
    -------
    Factors
        With ``W (n_lags, n_bins, n_components)``; components that are not fixed have unit sum.

    Raises
    ------
    NmfamtError
        If shapes do not fit, a value is negative or not finite, or an option is outside its range.

    Examples
    --------
    >>> W = np.array([[[3.0], [1.0]], [[1.0], [1.0]]])
    >>> V = convolve(W, np.array([[2.0, 0.0, 0.0, 1.0]]))
    >>> convolutive(V, W, tol=1e-9).H.round(3) + 0
    array([[2., 0., 0., 1.]])
    """
    V, W = np.asarray(V), np.asarray(W)
    check_beta(beta)
    check_stopping(max_iter, tol, check_every)
    if n_start < 0:
        raise NmfamtError(f"n_start={n_start} must not be negative.")
    _check_shapes(V, W)
    n_components = W.shape[2]
    held = component_flags(fixed, n_components)
    allowed = np.ones((n_components, V.shape[1]), dtype=bool) if mask is None else np.asarray(mask)
    check_part("mask", allowed, (n_components, V.shape[1]))
    dtype = common_dtype(V)
    given = W.astype(dtype)
    scales = template_scales(given.sum(axis=(0, 1), dtype=np.float64), held)
    data = rescale([V], dtype)
    problem = _Problem(data.arrays[0], len(W), beta, data.floor)
    stacked = problem.stack_templates(given / scales)
    drop_negligible(stacked)
    if H is not None:
        H = np.asarray(H)
        check_part("H", H, (n_components, V.shape[1]))
        start = np.ldexp(H.astype(dtype), -data.exponent) * scales[:, None] * allowed
    else:
        summed = stacked.reshape(-1, len(W), n_components).sum(axis=1)
        start = factorize(problem.V, summed, beta=beta, mask=allowed, fixed=True, max_iter=n_start, check_every=0).H
    start = np.ascontiguousarray(start, dtype=dtype)
    if held.all():
        found = descend(
            lambda factor, checked: problem.step(stacked, factor, checked),
            start,
            max_iter=max_iter,
            tol=tol,
            check_every=check_every,
            extrapolate=extrapolate,
        )
    else:
        stacked, found = _alternate(problem, stacked, start, held, max_iter, tol, check_every)
    learned = problem.unstack_templates(stacked)
    learned[:, :, held] = given[:, :, held]
    back = np.where(held, scales, 1).astype(dtype)[:, None]
    cost = data.unit(beta) * np.array(found.costs)
    return Factors(learned, np.ldexp(found.H, data.exponent) / back, cost, found.n_iter, found.converged)


def convolve(W: NDArray[Any], H: NDArray[Any]) -> FloatArray:
    """Return the model, shape (n_bins, n_frames).

    Parameters
    ----------
    W : ndarray, shape (n_lags, n_bins, n_components)
        Templates.
    H : ndarray, shape (n_components, n_frames)
        Activations.

    Examples
    --------
    >>> convolve(np.array([[[3.0]], [[1.0]]]), np.array([[2.0, 0.0, 0.0]]))
    array([[6., 2., 0.]])
    """
    n_lags, n_bins, n_components = W.shape
    with single_thread():
        stacked = W.transpose(1, 0, 2).reshape(n_bins, n_lags * n_components)
        return np.asarray(stacked @ _shifted(_padded(H, n_lags), slice(0, H.shape[1]), n_lags))


class _Problem(NamedTuple):
    """Data and divergence; templates are stacked to ``(n_bins, n_lags * n_components)``, components running fastest."""

    V: FloatArray
    n_lags: int
    beta: float
    floor: Any

    def stack_templates(self, W: FloatArray) -> FloatArray:
        return np.ascontiguousarray(W.transpose(1, 0, 2), dtype=self.V.dtype).reshape(len(self.V), -1)

    def unstack_templates(self, stacked: FloatArray) -> FloatArray:
        return np.ascontiguousarray(stacked.reshape(len(self.V), self.n_lags, -1).transpose(1, 0, 2))

    def blocks(self) -> Iterator[slice]:
        """Yield a few frames at a time, which stay in the cache."""
        n_frames = self.V.shape[1]
        for start in range(0, n_frames, _BLOCK_FRAMES):
            yield slice(start, min(start + _BLOCK_FRAMES, n_frames))

    def step(self, W: FloatArray, H: FloatArray, checked: bool) -> tuple[FloatArray, float]:
        """Return the activations after an update, and the divergence before it where it is asked for."""
        n_lags = self.n_lags
        Wt, padded = np.ascontiguousarray(W.T), _padded(H, n_lags)
        num, den = np.zeros_like(padded), np.zeros_like(padded)
        if self.beta == 1:
            sums = W.sum(axis=0).reshape(n_lags, -1, 1)
            for lag, later in _slices(slice(0, H.shape[1]), n_lags):
                den[:, later] += sums[lag]
        cost = 0.0
        for frames in self.blocks():
            V = self.V[:, frames]
            X = np.maximum(W @ _shifted(padded, frames, n_lags), self.floor)
            R, E = weights(V, X, self.beta)
            _gather(Wt @ R, num, frames, n_lags)
            if E is not None:
                _gather(Wt @ E, den, frames, n_lags)
            if checked:
                cost += divergence(V, X, R, self.beta)
        kept = slice(n_lags - 1, None)
        return multiply(H, num[:, kept], den[:, kept], self.beta), cost

    def templates(self, W: FloatArray, H: FloatArray) -> FloatArray:
        """Return the templates after an update."""
        padded = _padded(H, self.n_lags)
        num, den = np.zeros_like(W), np.zeros_like(W)
        for frames in self.blocks():
            stacked = _shifted(padded, frames, self.n_lags)
            X = np.maximum(W @ stacked, self.floor)
            R, E = weights(self.V[:, frames], X, self.beta)
            num += R @ stacked.T
            den += stacked.sum(axis=1) if E is None else E @ stacked.T
        return multiply(W, num, den, self.beta)


def _alternate(
    problem: _Problem,
    W: FloatArray,
    H: FloatArray,
    held: NDArray[np.bool_],
    max_iter: int,
    tol: float,
    check_every: int,
) -> tuple[FloatArray, Descent]:
    """Update activations and templates in turn."""
    fixed = np.tile(held, problem.n_lags)
    costs: list[float] = []
    n, settled = 0, False
    while n < max_iter and not settled:
        checked = bool(check_every) and n % check_every == 0
        H, cost = problem.step(W, H, checked)
        if checked:
            settled = tol > 0 and bool(costs) and abs(costs[-1] - cost) <= tol * costs[-1]
            costs.append(cost)
        updated = np.where(fixed, W, problem.templates(W, H))
        sums = updated.sum(axis=0).reshape(problem.n_lags, -1).sum(axis=0)
        sums[held | ~(sums > 0)] = 1
        W = updated / np.tile(sums, problem.n_lags)
        drop_negligible(W)
        H = H * sums[:, None]
        n += 1
    if check_every:
        costs.append(problem.step(W, H, True)[1])
    return W, Descent(H, costs, n, settled)


def _padded(H: NDArray[Any], n_lags: int) -> FloatArray:
    """Return activations behind as many silent frames as a template may reach back."""
    return np.pad(H, ((0, 0), (n_lags - 1, 0)))


def _slices(frames: slice, n_lags: int) -> Iterator[tuple[int, slice]]:
    """Yield every lag, and where padded activations begin what is heard in the frames that much later."""
    for lag in range(n_lags):
        offset = n_lags - 1 - lag
        yield lag, slice(frames.start + offset, frames.stop + offset)


def _shifted(padded: FloatArray, frames: slice, n_lags: int) -> FloatArray:
    """Return what each lag hears in the frames, shape (n_lags * n_components, n_frames)."""
    return np.concatenate([padded[:, earlier] for _, earlier in _slices(frames, n_lags)])


def _gather(parts: FloatArray, padded: FloatArray, frames: slice, n_lags: int) -> None:
    """Add what concerns each lag to where it began; the transpose of `_shifted`."""
    n_components = len(padded)
    for lag, earlier in _slices(frames, n_lags):
        padded[:, earlier] += parts[lag * n_components : (lag + 1) * n_components]


def _check_shapes(V: NDArray[Any], W: NDArray[Any]) -> None:
    if V.ndim != 2 or W.ndim != 3 or not len(W) or W.shape[1] != V.shape[0]:
        raise NmfamtError(
            f"V has shape {V.shape} and W {W.shape}: they are (n_bins, n_frames) and (n_lags, n_bins, n_components)."
        )
    check_magnitudes("V", V)
    check_magnitudes("W", W)
