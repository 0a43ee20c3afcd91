"""Activations for fixed templates: one function, several solvers, one criterion of when to stop.

With W fixed the frames are independent problems, convex for beta from 1 to 2. They are solved in chunks of fixed length
that start cold, so the result depends neither on the number of threads nor on what else is in the array.

======================  =================================================  ==========================================
solver                  what it is                                         where it is best
======================  =================================================  ==========================================
``multiplicative``      multiplicative updates, any beta in [0, 2]         to reproduce a paper
``extrapolated``        the same, extrapolated: matrix products only       on a GPU; with a group penalty
``active_set``          Newton steps on the few templates that a frame     on a CPU: tens of times faster on music
                        needs; with beta = 2 block principal pivoting      than multiplicative updates
======================  =================================================  ==========================================
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.array_namespace import namespace
from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.active_set import solve_active_set
from nmfamt.nmf.fit import Fit
from nmfamt.nmf.least_squares import solve_least_squares
from nmfamt.nmf.multiplicative import solve_extrapolated, solve_multiplicative
from nmfamt.nmf.problem import FLOOR, ChunkFit, Frames, Groups, Problem

__all__ = ["CHUNK_FRAMES", "GPU_CHUNK_FRAMES", "SOLVERS", "activations", "update_ratios"]

CHUNK_FRAMES = 256
"""Frames solved at a time on a CPU; what they need stays in the cache."""

GPU_CHUNK_FRAMES = 65_536
"""Frames solved at a time on a GPU, which is only busy with many."""

SOLVERS = ("auto", "multiplicative", "extrapolated", "active_set")

_MAX_ITER = {"multiplicative": 2000, "extrapolated": 400, "active_set": 12}

FloatArray = NDArray[np.floating[Any]]


def activations(
    V: FloatArray,
    W: FloatArray,
    *,
    beta: float = 1.0,
    solver: str = "auto",
    tol: float = 1e-3,
    max_iter: int | None = None,
    certify: bool = True,
    l1: float = 0.0,
    group_l1: float = 0.0,
    groups: ArrayLike | None = None,
    relaxation: float = 1.0,
    anneal: float = 1.0,
    check_every: int = 10,
    n_jobs: int = 1,
) -> Fit:
    """Find the activations `H` that bring ``W @ H`` closest to `V`.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Data; finite and not negative, float32 or float64, or a CuPy array.
    W : ndarray, shape (n_bins, n_components)
        Templates; finite and not negative. Used in the precision of `V`, where `V` is.
    beta : float, in [0, 2]
        Which divergence is minimised: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito.
    solver : {"auto", "multiplicative", "extrapolated", "active_set"}
        How; ``"auto"`` is ``active_set`` where that can solve the problem, ``multiplicative`` with `anneal`, else
        ``extrapolated``.
    tol : float
        Gap to the optimum, as a share of it, at which a chunk of frames is good enough. For beta from 1 to 2 it is
        certified by duality (`nmfamt.nmf.duality`), which makes it a safe bound: the true gap is far smaller, on music
        a hundredth of it. Below 1 it is a residual of the optimality conditions.
    max_iter : int, optional
        Most updates, by default 2000, or 400 extrapolated; with ``active_set``, most passes over a chunk (12).
    certify : bool
        With ``active_set`` and beta below 2, false leaves the certificate and the passes that it asks for out: `tol` is
        then what the Newton steps promise, on music about right, and ``fit.gap`` is nan. Some 60 % of the time.
    l1 : float
        Weight of the sum of the activations of templates scaled to unit Euclidean norm (see `nmfamt.nmf.problem`):
        larger is sparser.
    group_l1 : float
        Weight of the sum of the Euclidean norms of the `groups`, likewise.
    groups : array_like of int, shape (n_components,), optional
        To which group each template belongs, such as its pitch.
    relaxation : float, in [1, 2)
        Power to which ``multiplicative`` raises its factors.
    anneal : float, at least 1
        Power of the activations that ``multiplicative`` rises to, such as 1.04 for sparser ones. What it converges to
        is then no minimum, so `tol` is not met.
    check_every : int
        Updates between two checks of the gap.
    n_jobs : int
        Threads; the result is the same to the bit. BLAS runs on one thread each.

    Returns
    -------
    Fit
        With ``fit.H`` in the precision and on the device of `V`.

    Raises
    ------
    NmfamtError
        If the shapes do not fit, a value is negative or not finite, or an option is out of range or not for this
        solver.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> fit = activations(np.array([[2.0], [3.0]]), W)
    >>> fit.H.round(3), fit.converged
    (array([[2.],
           [1.]]), True)
    """
    V, W = _arrays(V, W)
    _check_values(V, W)
    _check_options(beta, tol, max_iter, l1, group_l1, relaxation, anneal, check_every, n_jobs)
    xp = namespace(V)
    if solver == "auto":
        can_be_active = xp is np and not group_l1 and anneal == 1
        solver = "active_set" if can_be_active else "multiplicative" if anneal != 1 else "extrapolated"
    _check_solver(solver, group_l1, relaxation, anneal, on_gpu=xp is not np)
    W, sums = _normalised(W)
    problem = Problem(
        Wt=xp.ascontiguousarray(W.T),
        beta=float(beta),
        tol=float(tol),
        max_iter=_MAX_ITER[solver] if max_iter is None else max_iter,
        l1=float(l1),
    )
    if group_l1:
        problem = _grouped(problem, groups, group_l1)
    solve: Callable[[Frames], ChunkFit]
    if solver == "multiplicative":
        solve = partial(
            solve_multiplicative, problem=problem, check_every=check_every, relaxation=relaxation, anneal=anneal
        )
    elif solver == "extrapolated":
        solve = partial(solve_extrapolated, problem=problem, check_every=check_every)
    elif beta == 2:
        solve = partial(solve_least_squares, problem=problem)
    else:
        solve = partial(solve_active_set, problem=problem, certify=certify)
    H = xp.zeros((V.shape[1], W.shape[1]), dtype=V.dtype)  # frames lie together, as in the solvers

    def fill(start: int) -> ChunkFit:
        chunk = slice(start, start + length)
        frames = Frames.of(V[:, chunk].T)
        fit = solve(frames)
        H[chunk] = frames.unscaled(fit.H) / sums
        return fit

    length = CHUNK_FRAMES if xp is np else GPU_CHUNK_FRAMES
    starts = range(0, V.shape[1], length)
    with single_thread():
        if n_jobs == 1:
            fits = [fill(start) for start in starts]
        else:
            with ThreadPoolExecutor(n_jobs) as pool:
                fits = list(pool.map(fill, starts))
    return _fit(H.T, fits, beta)


@single_thread()
def update_ratios(V: FloatArray, W: FloatArray, H: FloatArray, *, beta: float = 1.0) -> Any:
    """Return the factors by which a multiplicative update would change activations.

    At the optimum they are 1 where a template is used and at most 1 where it is not; how much less says how far it is
    from being used.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Data, as in `activations`.
    W : ndarray, shape (n_bins, n_components)
        Templates.
    H : ndarray, shape (n_components, n_frames)
        Activations.
    beta : float, in [0, 2]
        Which divergence.

    Returns
    -------
    ndarray, shape (n_components, n_frames)
        0 in silent frames and for empty templates.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 0.5], [0.0, 0.5]])
    >>> update_ratios(np.array([[1.0], [0.0]]), W, np.array([[1.0], [0.0]])).round(3)
    array([[1. ],
           [0.5]])
    """
    xp = namespace(V)
    W, sums = _normalised(W)
    problem = Problem(Wt=xp.ascontiguousarray(W.T), beta=float(beta), tol=0.0, max_iter=0)
    ratios = xp.empty((V.shape[1], W.shape[1]), dtype=V.dtype)
    length = CHUNK_FRAMES if xp is np else GPU_CHUNK_FRAMES
    for start in range(0, V.shape[1], length):
        chunk = slice(start, start + length)
        totals = V[:, chunk].sum(axis=0)
        units = xp.where(totals > 0, totals, 1)[:, None]
        v = xp.ascontiguousarray(V[:, chunk].T) / units
        X = problem.model(xp.ascontiguousarray(H[:, chunk].T) * sums / units, xp.full(len(v), FLOOR, v.dtype))
        num, den = problem.ratios(v, X)
        ratios[chunk] = num / den
    return ratios.T


def _normalised(W: Any) -> tuple[Any, Any]:
    """Return the templates with unit sums, and their sums; empty ones stay so."""
    sums = W.sum(axis=0)
    sums[sums == 0] = 1
    return W / sums, sums


def _arrays(V: Any, W: Any) -> tuple[Any, Any]:
    """Return both in one precision and place."""
    xp = namespace(V)
    V = xp.asarray(V)
    dtype = V.dtype if V.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    return V.astype(dtype, copy=False), xp.asarray(W).astype(dtype, copy=False)


def _check_values(V: Any, W: Any) -> None:
    if V.ndim != 2 or W.ndim != 2 or V.shape[0] != W.shape[0]:
        raise NmfamtError(
            f"V has shape {V.shape} and W {W.shape}: both need two axes and the same number of bins (rows)."
        )
    for name, values in (("V", V), ("W", W)):
        # The sum is NaN or infinite if a value is; float64 cannot overflow on float32.
        if values.size and not (np.isfinite(float(values.sum(dtype=np.float64))) and float(values.min()) >= 0):
            raise NmfamtError(f"{name} has negative, NaN or infinite values; magnitudes are finite and >= 0.")
    if not W.shape[1]:
        raise NmfamtError(f"W has shape {W.shape}, no templates: give at least one column.")


def _check_options(
    beta: float,
    tol: float,
    max_iter: int | None,
    l1: float,
    group_l1: float,
    relaxation: float,
    anneal: float,
    check_every: int,
    n_jobs: int,
) -> None:
    if not 0 <= beta <= 2:
        raise NmfamtError(f"beta={beta} must lie in [0, 2]: 0 Itakura-Saito, 1 Kullback-Leibler, 2 Euclidean.")
    if not tol >= 0:
        raise NmfamtError(f"tol={tol} must not be negative: it is a share of the optimum, such as 1e-3.")
    for name, count in {"max_iter": max_iter, "check_every": check_every, "n_jobs": n_jobs}.items():
        if count is not None and not count >= 1:
            raise NmfamtError(f"{name}={count} must be at least 1.")
    for name, weight in {"l1": l1, "group_l1": group_l1}.items():
        if not 0 <= weight < np.inf:
            raise NmfamtError(f"{name}={weight} must not be negative: it is the weight of a penalty, such as 0.1.")
    if not 1 <= relaxation < 2:
        raise NmfamtError(f"relaxation={relaxation} must lie in [1, 2): 1 is the plain update.")
    if not 1 <= anneal <= 2:
        raise NmfamtError(f"anneal={anneal} must lie in [1, 2]: 1 leaves the activations as they are.")


def _check_solver(solver: str, group_l1: float, relaxation: float, anneal: float, *, on_gpu: bool) -> None:
    if solver not in SOLVERS:
        raise NmfamtError(f"solver={solver!r} is unknown: use one of {', '.join(map(repr, SOLVERS))}.")
    if solver != "multiplicative" and (relaxation != 1 or anneal != 1):
        raise NmfamtError(f"relaxation and anneal belong to solver='multiplicative', not to {solver!r}.")
    if solver == "active_set" and group_l1:
        raise NmfamtError("solver='active_set' knows no group_l1: use 'extrapolated'.")
    if solver == "active_set" and on_gpu:
        raise NmfamtError("solver='active_set' runs on the CPU only: use 'extrapolated' on a GPU.")


def _grouped(problem: Problem, groups: ArrayLike | None, group_l1: float) -> Problem:
    """Return the problem with a penalty on groups."""
    n_components = len(problem.Wt)
    labels = np.asarray([] if groups is None else groups)
    if labels.shape != (n_components,):
        raise NmfamtError(
            f"groups has shape {labels.shape}: group_l1 needs one label for each of the {n_components} templates, "
            "such as their pitches."
        )
    xp = namespace(problem.Wt)
    members = xp.asarray(labels[:, None] == np.unique(labels), dtype=problem.Wt.dtype)
    weights = xp.where(problem.norms > 0, problem.norms, 1)
    return Problem(
        problem.Wt, problem.beta, problem.tol, problem.max_iter, problem.l1, Groups(members, weights, float(group_l1))
    )


def _fit(H: Any, fits: Sequence[ChunkFit], beta: float) -> Fit:
    """Put the chunks together; one that was done earlier keeps its last cost."""
    n_checks = max((len(fit.costs) for fit in fits), default=0)
    cost = np.zeros(n_checks)
    for fit in fits:
        cost += np.array(fit.costs + fit.costs[-1:] * (n_checks - len(fit.costs)))
    bound, negligible = sum(fit.bound for fit in fits), sum(fit.negligible for fit in fits)
    gap = np.nan
    if n_checks:
        distance = max(float(cost[-1]) - bound, 0.0) if beta >= 1 else abs(float(cost[-1]) - bound)
        gap = 0.0 if cost[-1] <= negligible else distance / max(abs(bound), np.finfo(np.float64).tiny)
    return Fit(
        H=H,
        gap=gap,
        converged=all(fit.converged for fit in fits),
        n_iter=max((fit.n_iter for fit in fits), default=0),
        cost=cost,
    )
