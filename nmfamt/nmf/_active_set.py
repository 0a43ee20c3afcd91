"""Kernels of the active-set Newton method; `nmfamt.nmf.active_set` says what they do.

Arrays and numbers in and out, nothing is checked. Frames and atoms (the rows of `Wt`) are contiguous. A `Workspace`
holds the active set of the frame at hand: its atoms gathered side by side, so that all products run over contiguous
memory.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["refine", "track"]

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]

_RESTART = 2.0
"""Excess of an atom above which the warm start is given up: the music has changed abruptly."""

_NEAR = -0.15
"""Excess below which an atom is not looked at again while a frame is solved."""

_N_START = 24
"""Atoms that a cold start begins with."""

_N_ADDED = 12
"""Most atoms added in one iteration."""

_N_WARM = 2
"""Multiplicative updates of the active atoms that a frame begins with."""

_PERIOD = 4
"""All atoms are looked at in one of so many frames, and wherever the model of the frame before fits badly."""

_STRAIN = 1.5
"""Misfit, in units of that of the frame before, that counts as badly."""

_jit = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc", "arcp"})


class Workspace(NamedTuple):
    """Scratch memory for one frame after the other; the first `n` entries of the active set are in use."""

    atoms: IntArray  # the atom of each place
    place: IntArray  # place of each atom, -1 where it is not active
    x: FloatArray  # activations
    y: FloatArray  # where a step leads
    z: FloatArray  # solution of the free variables
    b: FloatArray
    gradient: FloatArray
    penalty: FloatArray  # of the active atoms
    A: FloatArray  # the active atoms, (K, F)
    B: FloatArray  # the same times the curvature
    S: FloatArray  # Hessian
    C: FloatArray  # its Cholesky factor
    free: IntArray
    near: IntArray  # atoms that may become active
    excess: FloatArray  # of every atom: share by which the numerator of its update exceeds the denominator
    L: FloatArray  # model of the frame
    Ly: FloatArray  # model after the step
    r: FloatArray  # v L**(beta - 2)
    e: FloatArray  # L**(beta - 1)
    d: FloatArray  # curvature


@_jit
def _workspace(Wt: FloatArray) -> Workspace:
    K, F = Wt.shape
    t = Wt.dtype
    return Workspace(
        np.empty(K, np.int64),
        np.full(K, -1, np.int64),
        np.empty(K, t),
        np.empty(K, t),
        np.empty(K, t),
        np.empty(K, t),
        np.empty(K, t),
        np.empty(K, t),
        np.empty((K, F), t),
        np.empty((K, F), t),
        np.empty((K, K), t),
        np.empty((K, K), t),
        np.empty(K, np.int64),
        np.empty(K, np.int64),
        np.empty(K, t),
        np.empty(F, t),
        np.empty(F, t),
        np.empty(F, t),
        np.empty(F, t),
        np.empty(F, t),
    )


@_jit
def track(
    V: FloatArray,
    floor: FloatArray,
    penalty: FloatArray,
    Wt: FloatArray,
    beta: float,
    tau: float,
    tol: float,
    max_iter: int,
    H: FloatArray,
) -> int:
    """Solve the frames of a chunk one after the other, each from the solution of the one before.

    Parameters
    ----------
    V : ndarray, shape (n_frames, n_bins)
        Frames; sums are 0 or in [0.5, 1).
    floor : ndarray, shape (n_frames,)
        What the model holds besides the atoms.
    penalty : ndarray, shape (n_frames or 1, n_components)
        Derivative of the l1 penalty.
    Wt : ndarray, shape (n_components, n_bins)
        Atoms; rows sum to 1 or 0.
    beta : float, in [0, 2)
        Which divergence.
    tau : float
        A frame is left when a Newton step promises less than this share of ``sum(v L**(beta - 1))``, with beta = 1 the
        sum of the frame.
    tol : float
        An atom is added when its excess is more.
    max_iter : int
        Most Newton steps a frame.
    H : ndarray, shape (n_frames, n_components)
        Receives the activations; zero at the call.

    Returns
    -------
    int
        Most steps that a frame took.
    """
    w = _workspace(Wt)
    n, n_near, before, strain, age, most = 0, 0, Wt.dtype.type(1), Wt.dtype.type(0), 0, 0
    for t in range(len(V)):
        v, least, lam = V[t], floor[t], penalty[t if len(penalty) > 1 else 0]
        total = v.sum()
        if not total > 0:
            n = _empty(w, n)
            continue
        cold = n == 0
        if not cold:
            for i in range(n):
                w.x[i] *= total / before
            for _ in range(_N_WARM):
                _model(w.A, w.x, n, least, w.L)
                _multiply(w, v, beta, n)
            _model(w.A, w.x, n, least, w.L)
            _weights(v, w.L, beta, w.r, w.e)
            age += 1
            if age == _PERIOD or _strain(w, v, w.L) > _STRAIN * strain * total:
                _excess(w, lam, beta, Wt)
                age, n_near = 0, _find_near(w)
                cold = _largest(w.excess) > _RESTART
            else:
                _excess_near(w, n_near, lam, beta, Wt)
        if cold:
            n = _start(w, v, least, lam, beta, Wt, n)
            age, n_near = 0, _find_near(w)
        before = total
        n, steps = _newton(w, v, least, lam, beta, Wt, n, n_near, tau, tol, max_iter)
        _weights(v, w.Ly, beta, w.r, w.e)
        strain = _strain(w, v, w.Ly) / total
        most = max(most, steps)
        for i in range(n):
            H[t, w.atoms[i]] = w.x[i]
    return most


@_jit
def refine(
    V: FloatArray,
    floor: FloatArray,
    penalty: FloatArray,
    Wt: FloatArray,
    beta: float,
    tau: float,
    tol: float,
    max_iter: int,
    H: FloatArray,
    excess: FloatArray,
    chosen: IntArray,
) -> int:
    """Improve frames that are already near their optimum, knowing the excess of every atom.

    Parameters
    ----------
    V, floor, penalty, Wt, beta, tau, tol, max_iter, H
        As in `track`; H holds the activations so far.
    excess : ndarray, shape (n_frames, n_components)
        Of every atom at H.
    chosen : ndarray of int
        The frames to improve.

    Returns
    -------
    int
        Most steps that a frame took.
    """
    w = _workspace(Wt)
    n, most = 0, 0
    for t in chosen:
        v, least, lam = V[t], floor[t], penalty[t if len(penalty) > 1 else 0]
        n = _empty(w, n)
        w.excess[:] = excess[t]
        for k in range(len(Wt)):
            if H[t, k] > 0:
                n = _add(w, n, k, H[t, k], lam, Wt)
                H[t, k] = 0
        _model(w.A, w.x, n, least, w.L)
        _weights(v, w.L, beta, w.r, w.e)
        n, steps = _newton(w, v, least, lam, beta, Wt, n, _find_near(w), tau, tol, max_iter)
        most = max(most, steps)
        for i in range(n):
            H[t, w.atoms[i]] = w.x[i]
    return most


@_jit
def _newton(
    w: Workspace,
    v: FloatArray,
    least: float,
    lam: FloatArray,
    beta: float,
    Wt: FloatArray,
    n: int,
    n_near: int,
    tau: float,
    tol: float,
    max_iter: int,
) -> tuple[int, int]:
    """Take projected Newton steps on the active set until one promises little; w.L, r, e are those of w.x."""
    zero, half = v.dtype.type(0), v.dtype.type(0.5)
    enough = zero
    for f in range(len(v)):
        enough += v.dtype.type(tau) * v[f] * w.e[f]
    for step in range(max_iter):
        if step:
            _excess_near(w, n_near, lam, beta, Wt)
        n = _add_missing(w, n, n_near, tol, lam, Wt)
        _curvature(v, w.L, beta, w.r, w.e, w.d)
        for f in range(len(v)):
            w.Ly[f] = w.e[f] - w.r[f]
        _products(w.A, n, w.Ly, w.gradient)
        for i in range(n):
            w.gradient[i] += w.penalty[i]
        _hessian(w.A, w.B, n, w.d, w.S)
        _minimise(w, n)
        slope = zero
        for i in range(n):
            slope += w.gradient[i] * (w.y[i] - w.x[i])
        _model(w.A, w.y, n, least, w.Ly)
        done = -slope * half < enough
        if not done:
            _search(w, v, beta, n, slope)
        n = _accept(w, n)
        if done:
            return n, step + 1
        for f in range(len(v)):
            w.L[f] = w.Ly[f]
        _weights(v, w.L, beta, w.r, w.e)
    return n, max_iter


@_jit
def _search(w: Workspace, v: FloatArray, beta: float, n: int, slope: Any) -> None:
    """Shorten the step to w.y until the slope at its end is at most half that at its beginning, turned around.

    Where the divergence is not convex it must not rise either.
    """
    half = v.dtype.type(0.5)
    now = _value(w, v, w.L, beta) if beta < 1 else v.dtype.type(0)
    for _ in range(8):
        _weights(v, w.Ly, beta, w.r, w.e)
        end = v.dtype.type(0)
        for i in range(n):
            end += w.penalty[i] * (w.y[i] - w.x[i])
        for f in range(len(v)):
            end += (w.e[f] - w.r[f]) * (w.Ly[f] - w.L[f])
        if end > -half * slope:
            share: Any = slope / (slope - end)
        elif beta < 1 and _value(w, v, w.Ly, beta) > now + v.dtype.type(1e-6) * abs(now):
            share = half
        else:
            return
        slope *= share
        for i in range(n):
            w.y[i] = w.x[i] + share * (w.y[i] - w.x[i])
        for f in range(len(v)):
            w.Ly[f] = w.L[f] + share * (w.Ly[f] - w.L[f])


@_jit
def _value(w: Workspace, v: FloatArray, L: FloatArray, beta: float) -> Any:
    """Return the divergence of a frame but for what depends on `v` alone."""
    total = 0.0
    for f in range(len(v)):
        if beta == 0:
            total += np.log(L[f]) + v[f] / L[f]
        elif beta == 0.5:
            root = np.sqrt(L[f])
            total += 2 * root + 2 * v[f] / root
        else:
            total += L[f] ** (beta - 1) * (L[f] / beta - v[f] / (beta - 1))
    return v.dtype.type(total)


@_jit
def _minimise(w: Workspace, n: int) -> None:
    """Put into w.y what is the non-negative minimum of the quadratic model around w.x, or at least lower than w.x.

    The minimum over all variables, found by Cholesky's factorisation, is tried first; variables that it makes negative
    are set to zero and the rest is solved again, twice. Where that does not lower the model (it is no exact method),
    coordinate descent does.
    """
    zero, half = w.x.dtype.type(0), w.x.dtype.type(0.5)
    now = zero  # the model is y' S y / 2 - b' y
    for i in range(n):
        w.S[i, i] = w.S[i, i] * w.x.dtype.type(1.0001) + w.x.dtype.type(1e-20)
        row, total = w.S[i], zero
        for j in range(n):
            total += row[j] * w.x[j]
        w.b[i] = total - w.gradient[i]
        now += w.x[i] * (half * total - w.b[i])
        w.free[i] = i
        w.y[i] = zero
    m, solved = n, False
    for _ in range(3):
        if not _solve(w.S, w.free, m, w.b, w.C, w.z):
            break
        kept = 0
        for p in range(m):
            if w.z[p] > 0:
                w.free[kept] = w.free[p]
                w.z[kept] = w.z[p]
                kept += 1
        solved = kept == m
        m = kept
        if solved or m == 0:
            break
    then = zero
    for p in range(m):
        w.y[w.free[p]] = w.z[p]
        then -= half * w.b[w.free[p]] * w.z[p]  # S y = b among the free
    if not solved or then > now:
        _descend(w, n)


@_jit
def _descend(w: Workspace, n: int) -> None:
    """Lower the quadratic model from w.x by coordinate descent."""
    zero = w.x.dtype.type(0)
    for i in range(n):
        w.y[i] = w.x[i]
    for _ in range(10):
        for i in range(n):
            row, total = w.S[i], w.b[i]
            for j in range(n):
                total -= row[j] * w.y[j]
            w.y[i] = max(w.y[i] + total / row[i], zero)


@_jit
def _solve(S: FloatArray, free: IntArray, m: int, b: FloatArray, C: FloatArray, z: FloatArray) -> bool:
    """Solve the system of the free variables by Cholesky's factorisation; false where it is not positive definite."""
    for p in range(m):
        row = C[p]
        for q in range(p + 1):
            row[q] = S[free[p], free[q]]
        for q in range(p):
            other = C[q]
            total = row[q]
            for t in range(q):
                total -= row[t] * other[t]
            row[q] = total * other[q]
        total = row[p]
        for t in range(p):
            total -= row[t] * row[t]
        if not total > 0:
            return False
        row[p] = 1 / np.sqrt(total)  # of the diagonal only the inverse is needed
        total = b[free[p]]
        for t in range(p):
            total -= row[t] * z[t]
        z[p] = total * row[p]
    for p in range(m - 1, -1, -1):
        row = C[p]
        value = z[p] * row[p]
        z[p] = value
        for t in range(p):
            z[t] -= row[t] * value
    return True


@_jit
def _accept(w: Workspace, n: int) -> int:
    """Make w.y the activations and drop the atoms that it has brought to zero."""
    i = 0
    while i < n:
        if w.y[i] > 0:
            w.x[i] = w.y[i]
            i += 1
            continue
        n -= 1
        w.place[w.atoms[i]] = -1
        if i < n:
            w.atoms[i] = w.atoms[n]
            w.place[w.atoms[i]] = i
            w.y[i] = w.y[n]
            w.penalty[i] = w.penalty[n]
            for f in range(w.A.shape[1]):
                w.A[i, f] = w.A[n, f]
    return n


@_jit
def _add(w: Workspace, n: int, k: int, value: Any, lam: FloatArray, Wt: FloatArray) -> int:
    w.atoms[n] = k
    w.place[k] = n
    w.x[n] = value
    w.penalty[n] = lam[k]
    for f in range(Wt.shape[1]):
        w.A[n, f] = Wt[k, f]
    return n + 1


@_jit
def _add_missing(w: Workspace, n: int, n_near: int, tol: float, lam: FloatArray, Wt: FloatArray) -> int:
    """Add the near atoms whose excess is more than `tol`, those that lack most first."""
    missing = 0
    for c in range(n_near):
        k = w.near[c]
        if w.place[k] < 0 and w.excess[k] > tol:
            w.free[missing] = k
            missing += 1
    for added in range(min(missing, _N_ADDED)):
        first = added
        if missing > _N_ADDED:
            for c in range(added + 1, missing):
                if w.excess[w.free[c]] > w.excess[w.free[first]]:
                    first = c
        k = w.free[first]
        w.free[first] = w.free[added]
        n = _add(w, n, k, w.x.dtype.type(0), lam, Wt)
    return n


@_jit
def _empty(w: Workspace, n: int) -> int:
    for i in range(n):
        w.place[w.atoms[i]] = -1
    return 0


@_jit
def _start(w: Workspace, v: FloatArray, least: float, lam: FloatArray, beta: float, Wt: FloatArray, n: int) -> int:
    """Begin with the atoms that a flat model lacks most, and a few multiplicative updates."""
    _empty(w, n)
    share = v.sum() / v.dtype.type(len(Wt))
    for f in range(len(v)):
        w.L[f] = least
    for k in range(len(Wt)):
        for f in range(len(v)):
            w.L[f] += share * Wt[k, f]
    _weights(v, w.L, beta, w.r, w.e)
    _excess(w, lam, beta, Wt)
    order = np.argsort(-w.excess)
    n = min(_N_START, len(Wt))
    share = v.sum() / v.dtype.type(n)
    for i in range(n):
        _add(w, i, order[i], share, lam, Wt)
    for _ in range(8):
        _model(w.A, w.x, n, least, w.L)
        _multiply(w, v, beta, n)
    _model(w.A, w.x, n, least, w.L)
    _weights(v, w.L, beta, w.r, w.e)
    _excess(w, lam, beta, Wt)
    return n


@_jit
def _multiply(w: Workspace, v: FloatArray, beta: float, n: int) -> None:
    """Update the active atoms multiplicatively; w.L is the model of w.x."""
    _weights(v, w.L, beta, w.r, w.e)
    _products(w.A, n, w.r, w.b)
    if beta == 1:
        for i in range(n):
            w.x[i] *= w.b[i] / (1 + w.penalty[i])
        return
    _products(w.A, n, w.e, w.y)
    gamma = v.dtype.type(1 / (2 - beta)) if beta < 1 else v.dtype.type(1)
    for i in range(n):
        w.x[i] *= (w.b[i] / (w.y[i] + w.penalty[i])) ** gamma


@_jit
def _excess(w: Workspace, lam: FloatArray, beta: float, Wt: FloatArray) -> None:
    """Compute the excess of every atom from the weights."""
    if beta == 1:
        _products(Wt, len(Wt), w.r, w.excess)
        for k in range(len(Wt)):
            w.excess[k] -= 1 + lam[k]
        return
    for k in range(len(Wt)):
        w.excess[k] = _excess_of(Wt[k], w.r, w.e, lam[k], beta)


@_jit
def _excess_near(w: Workspace, n_near: int, lam: FloatArray, beta: float, Wt: FloatArray) -> None:
    """Compute the excess of the atoms that are near and not active, with beta = 1 four at a time."""
    m = 0
    for c in range(n_near):
        w.free[m] = w.near[c]
        m += w.place[w.near[c]] < 0
    zero, r = w.x.dtype.type(0), w.r
    whole = m - m % 4 if beta == 1 else 0
    for c in range(0, whole, 4):
        k0, k1, k2, k3 = w.free[c], w.free[c + 1], w.free[c + 2], w.free[c + 3]
        W0, W1, W2, W3 = Wt[k0], Wt[k1], Wt[k2], Wt[k3]
        g0, g1, g2, g3 = zero, zero, zero, zero
        for f in range(len(r)):
            g0 += W0[f] * r[f]
            g1 += W1[f] * r[f]
            g2 += W2[f] * r[f]
            g3 += W3[f] * r[f]
        w.excess[k0] = g0 - 1 - lam[k0]
        w.excess[k1] = g1 - 1 - lam[k1]
        w.excess[k2] = g2 - 1 - lam[k2]
        w.excess[k3] = g3 - 1 - lam[k3]
    for c in range(whole, m):
        k = w.free[c]
        w.excess[k] = _excess_of(Wt[k], w.r, w.e, lam[k], beta)


@_jit
def _find_near(w: Workspace) -> int:
    """List the atoms that may become active, and return their number."""
    n_near = 0
    for k in range(len(w.excess)):
        w.near[n_near] = k
        n_near += w.excess[k] > _NEAR
    return n_near


@_jit
def _strain(w: Workspace, v: FloatArray, L: FloatArray) -> Any:
    """Return how badly the model of w.r and w.e fits a frame: the sum of (L - v) d'(v | L)."""
    total = v.dtype.type(0)
    for f in range(len(v)):
        total += (L[f] - v[f]) * (w.e[f] - w.r[f])
    return total


@_jit
def _largest(array: FloatArray) -> Any:
    found = array[0]
    for value in array:
        found = max(found, value)
    return found


@_jit
def _excess_of(atom: FloatArray, r: FloatArray, e: FloatArray, penalty: float, beta: float) -> Any:
    num, den = atom.dtype.type(0), atom.dtype.type(0)
    for f in range(len(atom)):
        num += atom[f] * r[f]
    if beta == 1:
        return num - 1 - penalty
    for f in range(len(atom)):
        den += atom[f] * e[f]
    return (num - den - penalty) / den if den > 0 else -atom.dtype.type(1)


@_jit
def _weights(v: FloatArray, L: FloatArray, beta: float, r: FloatArray, e: FloatArray) -> None:
    """Compute ``r = v L**(beta - 2)`` and ``e = L**(beta - 1)``, whose difference is the derivative."""
    one = v.dtype.type(1)
    if beta == 1:
        for f in range(len(v)):
            r[f] = v[f] / L[f]
            e[f] = one
    elif beta == 0.5:
        for f in range(len(v)):
            e[f] = one / np.sqrt(L[f])
            r[f] = v[f] * e[f] / L[f]
    else:
        power = v.dtype.type(beta - 1)
        for f in range(len(v)):
            e[f] = L[f] ** power
            r[f] = v[f] * e[f] / L[f]


@_jit
def _curvature(v: FloatArray, L: FloatArray, beta: float, r: FloatArray, e: FloatArray, d: FloatArray) -> None:
    """Compute the second derivative; below beta = 1, where it may be negative, what a majorant suggests instead."""
    if beta == 1:
        for f in range(len(v)):
            d[f] = r[f] / L[f]
        return
    a, c = v.dtype.type(2 - beta), v.dtype.type(beta - 1)
    if beta > 1:
        for f in range(len(v)):
            d[f] = (a * r[f] + c * e[f]) / L[f]
        return
    fifth, least = v.dtype.type(0.2), v.dtype.type(0.05)
    for f in range(len(v)):
        d[f] = max(a * r[f] + c * e[f], fifth * a * r[f] + least * e[f]) / L[f]


@_jit
def _model(A: FloatArray, x: FloatArray, n: int, least: float, L: FloatArray) -> None:
    """Compute ``least + x' A``, four atoms at a time."""
    for f in range(len(L)):
        L[f] = least
    for i in range(0, n - n % 4, 4):
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        A0, A1, A2, A3 = A[i], A[i + 1], A[i + 2], A[i + 3]
        for f in range(len(L)):
            L[f] += x0 * A0[f] + x1 * A1[f] + x2 * A2[f] + x3 * A3[f]
    for i in range(n - n % 4, n):
        x0, A0 = x[i], A[i]
        for f in range(len(L)):
            L[f] += x0 * A0[f]


@_jit
def _products(A: FloatArray, n: int, r: FloatArray, g: FloatArray) -> None:
    """Compute ``A r``, four atoms at a time."""
    zero = r.dtype.type(0)
    for i in range(0, n - n % 4, 4):
        A0, A1, A2, A3 = A[i], A[i + 1], A[i + 2], A[i + 3]
        g0, g1, g2, g3 = zero, zero, zero, zero
        for f in range(len(r)):
            g0 += A0[f] * r[f]
            g1 += A1[f] * r[f]
            g2 += A2[f] * r[f]
            g3 += A3[f] * r[f]
        g[i], g[i + 1], g[i + 2], g[i + 3] = g0, g1, g2, g3
    for i in range(n - n % 4, n):
        A0, g0 = A[i], zero
        for f in range(len(r)):
            g0 += A0[f] * r[f]
        g[i] = g0


@_jit
def _hessian(A: FloatArray, B: FloatArray, n: int, d: FloatArray, S: FloatArray) -> None:
    """Compute ``A diag(d) A'``, which is symmetric, in tiles of 3 x 3 that stay in the registers of any processor.

    At the edge a tile repeats the last atom, which writes the same number twice.
    """
    zero = d.dtype.type(0)
    for i in range(n):
        for f in range(len(d)):
            B[i, f] = A[i, f] * d[f]
    for i in range(0, n, 3):
        i1, i2 = min(i + 1, n - 1), min(i + 2, n - 1)
        B0, B1, B2 = B[i], B[i1], B[i2]
        for j in range(0, i + 1, 3):
            j1, j2 = min(j + 1, n - 1), min(j + 2, n - 1)
            A0, A1, A2 = A[j], A[j1], A[j2]
            s00, s01, s02 = zero, zero, zero
            s10, s11, s12 = zero, zero, zero
            s20, s21, s22 = zero, zero, zero
            for f in range(len(d)):
                a0, a1, a2 = A0[f], A1[f], A2[f]
                b0, b1, b2 = B0[f], B1[f], B2[f]
                s00 += b0 * a0
                s01 += b0 * a1
                s02 += b0 * a2
                s10 += b1 * a0
                s11 += b1 * a1
                s12 += b1 * a2
                s20 += b2 * a0
                s21 += b2 * a1
                s22 += b2 * a2
            S[i, j], S[i, j1], S[i, j2] = s00, s01, s02
            S[i1, j], S[i1, j1], S[i1, j2] = s10, s11, s12
            S[i2, j], S[i2, j1], S[i2, j2] = s20, s21, s22
            S[j, i], S[j1, i], S[j2, i] = s00, s01, s02
            S[j, i1], S[j1, i1], S[j2, i1] = s10, s11, s12
            S[j, i2], S[j1, i2], S[j2, i2] = s20, s21, s22
