"""What an isolated note teaches: templates of its attack and decay, the rate of the decay, the shape of the attack.

The training step of T. Cheng, M. Mauch, E. Benetos & S. Dixon, "An attack/decay model for piano transcription", ISMIR
2016: the note is struck once, in its loudest frame, and everything else is estimated in turn; `nmfamt.nmf.attack_decay`
has the model. A whole instrument takes two rounds: every note by itself, then every note again with the mean shape of
the attack of all.

Departures:

1. The rate of decay takes a Fisher scoring step, halved until the divergence does not rise; the paper's multiplicative
   update of the rate gives no such promise.
2. A note is looked at from the beginning of its attack on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.attack_decay import check_transient
from nmfamt.nmf.updates import (
    check_beta,
    check_magnitudes,
    check_stopping,
    divergence,
    multiply,
    rescale,
    weights,
)

__all__ = ["AttackDecayNote", "learn_attack_decay", "mean_transient"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class AttackDecayNote:
    """What an isolated note teaches.

    Attributes
    ----------
    W, A : ndarray, shape (n_bins,)
        Templates of decay and attack.
    decay : float
        Rate of decay, per frame.
    transient : ndarray, shape (n_transient,)
        Shape of the attack, centred on the onset; its largest value is 1.
    onset : int
        Frame of the onset, the loudest.
    cost : ndarray, shape (n_checks,)
        Beta-divergence from the beginning of the attack on, at the start, at every check, and of the answer.
    n_iter : int
        Iterations done.
    converged : bool
        Whether the relative fall of the divergence between two checks came below `tol`.
    """

    W: FloatArray
    A: FloatArray
    decay: float
    transient: FloatArray
    onset: int
    cost: NDArray[np.float64]
    n_iter: int
    converged: bool


@single_thread()
def learn_attack_decay(
    V: FloatArray,
    *,
    n_transient: int = 9,
    transient: ArrayLike | None = None,
    beta: float = 1.0,
    max_iter: int = 500,
    tol: float = 1e-4,
    check_every: int = 10,
) -> AttackDecayNote:
    """Learn templates, rate of decay and shape of the attack from an isolated note.

    As in the paper a whole instrument takes two rounds: every note by itself, then every note again with `transient`
    set to the `mean_transient` of all.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        The note, finite and not negative; its onset is the loudest frame.
    n_transient : int
        Frames of the attack; odd.
    transient : ndarray, shape (n_transient,), optional
        Shape of the attack, where it is known.
    beta : float, in [0, 2]
        Which divergence is minimised.
    max_iter : int
        Most iterations.
    tol : float
        Stop when the divergence has fallen by at most this share since the last check.
    check_every : int
        Iterations between two checks; at least 1.

    Returns
    -------
    AttackDecayNote
        Computed in double precision.

    Raises
    ------
    NmfamtError
        If nothing sounds, a value is negative or not finite, or an option is outside its range.

    Examples
    --------
    >>> V = np.outer([1.0, 3.0], np.exp(-0.05 * np.arange(100)))
    >>> round(learn_attack_decay(V).decay, 3)
    0.05
    """
    V = np.asarray(V)
    check_beta(beta)
    check_stopping(max_iter, tol, check_every)
    if V.ndim != 2 or not V.any():
        raise NmfamtError(f"V has shape {V.shape}: it must be (n_bins, n_frames), and something sound in it.")
    check_magnitudes("V", V)
    if n_transient < 1 or n_transient % 2 == 0 or not check_every:
        raise NmfamtError(f"n_transient={n_transient} must be odd, and check_every={check_every} at least 1.")
    shape: FloatArray = np.hanning(n_transient + 2)[1:-1]
    if transient is not None:
        shape = np.asarray(transient, dtype=np.float64)
        check_transient(shape)
    onset, centre = int(V.sum(axis=0).argmax()), len(shape) // 2
    begin = max(onset - centre, 0)
    data = rescale([V[:, begin:]], np.dtype(np.float64))
    S = data.arrays[0]
    age = np.arange(S.shape[1]) - (onset - begin)
    sums = S.sum(axis=0)
    rate = _first_rate(sums, age)
    loudest = S[:, onset - begin]
    both = np.stack([S[:, age >= 0].mean(axis=1) / np.exp(-rate * age[age >= 0]).mean(), 0.5 * loudest], axis=1)
    X, costs, n, settled = _model(both, rate, shape, age, data.floor), [], 0, False
    costs.append(_cost(S, X, beta))
    while n < max_iter and not settled:
        n += 1
        R, E = weights(S, X, beta)
        E = np.ones_like(R) if E is None else E
        course = _course(rate, shape, age)
        both = multiply(both, R @ course.T, E @ course.T, beta)
        if transient is None:
            shape, both = _shaped(S, both, rate, shape, age, data.floor, beta)
        rate, X = _slowed(S, both, rate, shape, age, data.floor, beta)
        if n % check_every == 0 or n == max_iter:
            costs.append(_cost(S, X, beta))
            settled = tol > 0 and n % check_every == 0 and abs(costs[-2] - costs[-1]) <= tol * costs[-2]
    W, A = np.ldexp(both, data.exponent).T
    return AttackDecayNote(W, A, rate, shape, onset, data.unit(beta) * np.array(costs), n, settled)


def mean_transient(transients: Sequence[ArrayLike]) -> FloatArray:
    """Return the mean shape of the attack of many notes, its largest value 1.

    Parameters
    ----------
    transients : sequence of ndarray, shape (n_transient,)
        Of `AttackDecayNote`, all of the same length.

    Examples
    --------
    >>> mean_transient([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    array([0.5, 1. , 0. ])
    """
    mean = np.mean([np.asarray(shape, dtype=np.float64) for shape in transients], axis=0)
    return np.asarray(mean / mean.max())


def _first_rate(sums: FloatArray, age: NDArray[np.int64]) -> float:
    """Return the rate of the exponential that has the mean age of the energy after the onset."""
    after = age >= 0
    mean_age = float((age[after] * sums[after]).sum() / sums[after].sum())
    return float(np.log1p(1 / max(mean_age, 0.1)))


def _course(rate: float, transient: FloatArray, age: NDArray[np.int64]) -> FloatArray:
    """Return how strong decay and attack are at each age, shape (2, n_frames)."""
    centre = len(transient) // 2
    strike = np.zeros(len(age))
    near = np.abs(age) <= centre
    strike[near] = transient[age[near] + centre]
    return np.stack([np.where(age >= 0, np.exp(-rate * np.maximum(age, 0)), 0), strike])


def _model(both: FloatArray, rate: float, transient: FloatArray, age: NDArray[np.int64], floor: Any) -> FloatArray:
    return np.asarray(np.maximum(both @ _course(rate, transient, age), floor))


def _cost(S: FloatArray, X: FloatArray, beta: float) -> float:
    return divergence(S, X, weights(S, X, beta)[0], beta)


def _shaped(
    S: FloatArray,
    both: FloatArray,
    rate: float,
    transient: FloatArray,
    age: NDArray[np.int64],
    floor: Any,
    beta: float,
) -> tuple[FloatArray, FloatArray]:
    """Return the shape of the attack after an update, and templates that make up for its largest value being 1."""
    R, E = weights(S, _model(both, rate, transient, age, floor), beta)
    near, centre = np.abs(age) <= len(transient) // 2, len(transient) // 2
    num, den = np.zeros_like(transient), np.zeros_like(transient)
    num[age[near] + centre] = both[:, 1] @ R[:, near]
    den[age[near] + centre] = both[:, 1].sum() if E is None else both[:, 1] @ E[:, near]
    updated = multiply(transient, num, den, beta)
    largest = updated.max()
    if not largest > 0:
        return transient, both
    return updated / largest, both * np.array([1.0, largest])


def _slowed(
    S: FloatArray,
    both: FloatArray,
    rate: float,
    transient: FloatArray,
    age: NDArray[np.int64],
    floor: Any,
    beta: float,
) -> tuple[float, FloatArray]:
    """Return the rate after a step that does not raise the divergence, and the model with it."""
    X = _model(both, rate, transient, age, floor)
    R, E = weights(S, X, beta)
    slope = -np.outer(both[:, 0], _course(rate, transient, age)[0] * age)
    gradient = float(((1.0 if E is None else E) - R).ravel() @ slope.ravel())
    curvature = float((X ** (beta - 2) * slope**2).sum())
    if not curvature > 0:
        return rate, X
    before = divergence(S, X, R, beta)
    change = -gradient / curvature
    for _ in range(10):
        moved = max(rate + change, 0.0)
        then = _model(both, moved, transient, age, floor)
        if _cost(S, then, beta) <= before:
            return moved, then
        change /= 2
    return rate, X
