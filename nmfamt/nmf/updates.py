"""What multiplicative updates of any model are made of: scaled data, weights, and the exponent.

Every model here is a sum of products of non-negative factors, ``X = W H`` or the like. The update of a factor
multiplies it by ``(num / den) ** gamma``, where `num` carries the weights ``V * X**(beta - 2)`` back through the model
to that factor, `den` the weights ``X**(beta - 1)``, and ``gamma = 1 / (2 - beta)`` for beta below 1, else 1: a
majorisation-minimisation step, after which the divergence is never higher. C. Févotte & J. Idier, "Algorithms for
nonnegative matrix factorization with the beta-divergence", Neural Computation 23 (2011).

Conventions: data are divided by a power of two that brings their largest value into [0.5, 1), which is exact
(`rescale`); the model never falls below a tiny share of that value; and what becomes negligible is set to zero, since
multiplicative updates drive many entries towards zero, and arithmetic with the denormal numbers they meet there is more
than ten times slower.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.divergence import beta_divergence

__all__ = [
    "Rescaled",
    "check_beta",
    "check_magnitudes",
    "check_part",
    "check_stopping",
    "common_dtype",
    "component_flags",
    "divergence",
    "drop_negligible",
    "multiply",
    "negligible",
    "rescale",
    "template_scales",
    "weights",
]

FloatArray = NDArray[np.floating[Any]]

_FLOOR = 1e-6
"""Least value of a model, as a share of the largest value of the data."""


def check_beta(beta: float) -> None:
    """Refuse a divergence outside of the family.

    Raises
    ------
    NmfamtError
        If `beta` is not in [0, 2].
    """
    if not 0 <= beta <= 2:
        raise NmfamtError(f"beta={beta} must lie in [0, 2]: 0 Itakura-Saito, 1 Kullback-Leibler, 2 Euclidean.")


def check_magnitudes(name: str, values: NDArray[Any]) -> None:
    """Refuse what is no magnitude, naming the first such value.

    Raises
    ------
    NmfamtError
        If a value is negative, NaN or infinite.
    """
    if values.size and not (np.isfinite(values.sum(dtype=np.float64)) and values.min() >= 0):
        where = np.unravel_index(int(np.argmin(np.isfinite(values) & (values >= 0))), values.shape)
        place = ", ".join(str(int(i)) for i in where)
        raise NmfamtError(
            f"{name} has the value {float(values[where])} at [{place}]: magnitudes are finite and not negative. "
            "Take the absolute value, and replace what is not finite (numpy.nan_to_num)."
        )


def check_stopping(max_iter: int, tol: float, check_every: int) -> None:
    """Refuse impossible limits.

    Raises
    ------
    NmfamtError
        If `max_iter`, `tol` or `check_every` is negative, or `tol` NaN.
    """
    if max_iter < 0 or check_every < 0 or not tol >= 0:
        raise NmfamtError(f"max_iter={max_iter}, tol={tol} and check_every={check_every} must not be negative.")


def check_part(name: str, part: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuse a mask or activations that do not fit.

    Parameters
    ----------
    name : {"mask", "H"}
        Masks are bool, activations magnitudes.
    part : ndarray
        The array.
    shape : tuple of int
        What it must have.

    Raises
    ------
    NmfamtError
        If it does not.
    """
    if part.shape != shape:
        raise NmfamtError(f"{name} has shape {part.shape}, but {shape} is needed: (n_components, n_frames).")
    if name == "mask" and part.dtype != bool:
        raise NmfamtError(f"mask has the type {part.dtype}: it must be bool, as mask > 0 is.")
    check_magnitudes(name, part)


def component_flags(fixed: ArrayLike, n_components: int) -> NDArray[np.bool_]:
    """Return which templates stay as they are, shape (n_components,).

    Raises
    ------
    NmfamtError
        If `fixed` is not bool, or neither one value nor one for each component.
    """
    flags = np.asarray(fixed)
    if flags.dtype != bool or flags.shape not in ((), (n_components,)):
        raise NmfamtError(
            f"fixed has the type {flags.dtype} and the shape {flags.shape}: it must be bool, one value or "
            f"{n_components}."
        )
    return np.broadcast_to(flags, n_components)


def template_scales(sums: NDArray[np.float64], held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what templates are divided by: their sum, or a power of two near it where not a bit of them may change.

    Examples
    --------
    >>> template_scales(np.array([5.0, 5.0, 0.0]), np.array([True, False, False]))
    array([4., 5., 1.])
    """
    sums = np.where(sums > 0, sums, 1)
    return np.where(held, np.exp2(np.round(np.log2(sums))), sums)


def common_dtype(*arrays: NDArray[Any]) -> np.dtype[Any]:
    """Return float32 where all data are float32, else float64."""
    return np.dtype(np.float32 if all(array.dtype == np.float32 for array in arrays) else np.float64)


class Rescaled(NamedTuple):
    """Data brought near 1.

    Attributes
    ----------
    arrays : list of ndarray
        Copies; ``array * 2**exponent`` is what was given, but for what is negligible.
    exponent : int
        The same for all.
    floor : floating
        Least value that a model of them may have.
    """

    arrays: list[FloatArray]
    exponent: int
    floor: Any

    def unit(self, beta: float) -> float:
        """Return what a divergence of the arrays is to be multiplied with to be one of the data; finite for any."""
        return float(2.0 ** min(beta * self.exponent, 1000.0))


def rescale(arrays: Iterable[NDArray[Any]], dtype: np.dtype[Any]) -> Rescaled:
    """Divide data by the power of two that brings their largest value into [0.5, 1).

    Examples
    --------
    >>> rescale([np.array([3.0, 5.0])], np.dtype(np.float64)).exponent
    3
    """
    arrays = [np.asarray(array, dtype=dtype, order="C") for array in arrays]
    largest = max((float(array.max()) for array in arrays if array.size), default=0.0)
    exponent = int(np.frexp(largest)[1])
    arrays = [np.ldexp(array, -exponent) for array in arrays]
    for array in arrays:
        drop_negligible(array)
    return Rescaled(arrays, exponent, dtype.type(_FLOOR * (np.ldexp(largest, -exponent) or 1.0)))


def negligible(dtype: np.dtype[Any]) -> float:
    """Return what is so small that the product of two smaller values may not be a normal number.

    Examples
    --------
    >>> negligible(np.dtype(np.float32)) < 1e-15
    True
    """
    return float(np.finfo(dtype).tiny ** 0.4)


def drop_negligible(A: FloatArray) -> None:
    """Set to zero, in place, what is negligible."""
    A *= np.greater_equal(A, negligible(A.dtype))


def weights(V: FloatArray, X: FloatArray, beta: float) -> tuple[FloatArray, FloatArray | None]:
    """Return ``V * X**(beta - 2)`` and ``X**(beta - 1)``; None stands for ones, where beta is 1.

    Parameters
    ----------
    V, X : ndarray
        Data and a positive model of the same shape.
    beta : float, in [0, 2]
        Which divergence.

    Examples
    --------
    >>> weights(np.array([6.0]), np.array([2.0]), 1.0)
    (array([3.]), None)
    """
    if beta == 1:
        return V / X, None
    if beta == 2:
        return V, X
    if beta == 0:
        E = 1 / X
    elif beta == 0.5:
        E = 1 / np.sqrt(X)  # an order of magnitude faster than the power
    else:
        E = X ** X.dtype.type(beta - 1)
    R = V * E
    R /= X
    return R, E


def multiply(A: FloatArray, num: FloatArray, den: FloatArray, beta: float) -> FloatArray:
    """Return a factor after its update; it stays where it is not used by the model.

    Parameters
    ----------
    A : ndarray
        The factor.
    num, den : ndarray
        What the weights are worth to it; `den` broadcasts against `A`.
    beta : float, in [0, 2]
        Which divergence.

    Examples
    --------
    >>> multiply(np.array([2.0, 3.0]), np.array([8.0, 0.0]), np.array([2.0, 0.0]), 0.0)
    array([4., 3.])
    """
    factor = num / np.where(den > 0, den, 1)
    if beta == 0:
        factor = np.sqrt(factor)
    elif beta < 1:
        factor **= factor.dtype.type(1 / (2 - beta))
    updated = A * np.where(den > 0, factor, 1)
    drop_negligible(updated)
    return np.asarray(updated)


def divergence(V: FloatArray, X: FloatArray, R: FloatArray, beta: float) -> float:
    """Return the divergence of a positive model, given the weights ``R = V * X**(beta - 2)``.

    For beta = 1 the logarithm is taken in the precision of the data, where it is ten times faster; the relative error
    is that of single precision times sum(V) / divergence.
    """
    if beta != 1:
        return float(beta_divergence(V, X, beta=beta))
    logarithm = np.log(np.maximum(R, np.finfo(R.dtype).tiny))
    logarithm -= 1
    logarithm *= V
    logarithm += X
    return float(logarithm.sum(dtype=np.float64))
