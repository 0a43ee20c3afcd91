"""Second-order polynomials of named features: all that the tracker learns, in a form that can be read.

A polynomial is a weighted sum of standardised features and, for a few features that matter most, of their products
two by two (a rise of the partials means less under a loud octave below). What it means depends on its use: with the
logistic function log-odds are a probability, with the softmax so are several outputs, as it stands it is a quantity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError

__all__ = ["Polynomial", "rounded"]

_CLIP = 3.0  # standard deviations beyond which a product no longer grows
_ARRAYS = ("mean", "scale", "intercept", "weights", "products")

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A second-order polynomial of named, standardised features.

    Attributes
    ----------
    names : tuple of str
        The features.
    mean, scale : ndarray, shape (n_features,)
        Subtracted from the features first, and what they are then divided by.
    intercept : ndarray, shape (n_outputs,)
        What is added to the sum.
    weights : ndarray, shape (n_features, n_outputs)
        Of every feature.
    interacting : tuple of str
        The features whose products count; they are clipped to three standard deviations.
    products : ndarray, shape (n_interacting, n_interacting, n_outputs)
        Weight of every product, upper triangular.

    Raises
    ------
    NmfamtError
        If the shapes do not agree, a number is not finite, a scale is not positive, or a product is of a feature
        that is not there.

    Examples
    --------
    >>> weights, products = np.full((1, 1), 2.0), np.ones((1, 1, 1))
    >>> square = Polynomial(("x",), np.zeros(1), np.ones(1), np.ones(1), weights, ("x",), products)  # 1 + 2 x + x²
    >>> square(np.array([[-1.0], [2.0]]))
    array([[0.],
           [9.]])
    """

    names: tuple[str, ...]
    mean: FloatArray
    scale: FloatArray
    intercept: FloatArray
    weights: FloatArray
    interacting: tuple[str, ...] = ()
    products: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 1)))

    def __post_init__(self) -> None:
        n, k, n_outputs = len(self.names), len(self.interacting), len(self.intercept)
        if not k:
            object.__setattr__(self, "products", np.zeros((0, 0, n_outputs)))
        shapes = ((n,), (n,), (n_outputs,), (n, n_outputs), (k, k, n_outputs))
        for name, shape in zip(_ARRAYS, shapes, strict=True):
            array = getattr(self, name)
            if array.shape != shape:
                raise NmfamtError(f"{name} has shape {array.shape}, but {n} features and {k} interacting make {shape}.")
            if not np.isfinite(array).all():
                raise NmfamtError(f"{name} holds numbers that are not finite.")
        if not (self.scale > 0).all():
            raise NmfamtError("scale holds numbers that are not positive.")
        if unknown := set(self.interacting) - set(self.names):
            raise NmfamtError(f"there are products of {', '.join(sorted(unknown))}, which are no features.")

    @single_thread()
    def __call__(self, *X: FloatArray) -> NDArray[np.float64]:
        """Evaluate the polynomial.

        Parameters
        ----------
        *X : ndarray, shape (n_samples, n_features)
            Features in the order of `names`: one array, or several whose columns follow one another.

        Returns
        -------
        ndarray, shape (n_samples, n_outputs)
            Computed in float32 but for the last sum.
        """
        # Standardised features are needed for products alone: a weight takes their scale upon itself.
        weights = self.weights / self.scale[:, None]
        constant = self.intercept - self.mean @ weights
        result = np.tile(constant[:, None], len(X[0]))
        firsts = np.cumsum([0, *(part.shape[1] for part in X)])
        for part, first, last in zip(X, firsts[:-1], firsts[1:], strict=True):
            result += weights[first:last].T.astype(np.float32) @ part.T.astype(np.float32, copy=False)
        if self.interacting:
            K = self._clipped(*X)
        for output in range(len(result) if self.interacting else 0):
            partners = self.products[:, :, output].T.astype(np.float32) @ K
            partners *= K
            result[output] += partners.sum(axis=0)
        return result.T

    def design(self, X: FloatArray) -> NDArray[np.float32]:
        """Return what each weight is multiplied with: what a fit needs.

        Returns
        -------
        ndarray, shape (n_samples, n_terms)
            The standardised features, then the products.

        Examples
        --------
        >>> plain = Polynomial(("x", "y"), np.zeros(2), np.ones(2), np.zeros(1), np.zeros((2, 1)))
        >>> both = Polynomial(
        ...     ("x", "y"), np.zeros(2), np.ones(2), np.zeros(1), np.zeros((2, 1)), ("x", "y"), np.zeros((2, 2, 1))
        ... )
        >>> plain.design(np.array([[2.0, 3.0]])), both.design(np.array([[2.0, 3.0]]))
        (array([[2., 3.]], dtype=float32), array([[2., 3., 4., 6., 9.]], dtype=float32))
        """
        Z = self._standardised(X.T, slice(None))
        K = self._clipped(X) if self.interacting else Z[:0]
        i, j = np.triu_indices(len(self.interacting))
        return np.concatenate([Z, K[i] * K[j]]).T

    def with_terms(self, intercept: FloatArray, terms: FloatArray) -> "Polynomial":
        """Return the polynomial with other weights, as ordered by `design`.

        Parameters
        ----------
        intercept : ndarray, shape (n_outputs,)
            The new intercept.
        terms : ndarray, shape (n_terms, n_outputs)
            The new weights of the features, then of the products.

        Examples
        --------
        >>> plain = Polynomial(("x", "y"), np.zeros(2), np.ones(2), np.zeros(1), np.zeros((2, 1)))
        >>> plain.with_terms(np.ones(1), np.array([[2.0], [3.0]]))(np.array([[1.0, 1.0]]))
        array([[6.]])
        """
        n, k = len(self.names), len(self.interacting)
        products = np.zeros((k, k, terms.shape[1]))
        products[np.triu_indices(k)] = terms[n:]
        return Polynomial(
            self.names, self.mean, self.scale, np.asarray(intercept), terms[:n], self.interacting, products
        )

    def terms(self, output: int = 0) -> list[tuple[str, float]]:
        """Return every term and its weight, the heaviest first.

        Parameters
        ----------
        output : int
            Of which output.

        Examples
        --------
        >>> two = Polynomial(("x", "y"), np.zeros(2), np.ones(2), np.zeros(1), np.array([[0.5], [-2.0]]))
        >>> two.terms()
        [('y', -2.0), ('x', 0.5)]
        """
        found = list(zip(self.names, self.weights[:, output].tolist(), strict=True))
        for i, j in zip(*np.triu_indices(len(self.interacting)), strict=True):
            name = f"{self.interacting[i]} * {self.interacting[j]}"
            found.append((name, float(self.products[i, j, output])))
        return sorted(found, key=lambda term: -abs(term[1]))

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON, to six significant digits."""
        arrays = {name: rounded(getattr(self, name)) for name in _ARRAYS}
        return {"names": list(self.names), "interacting": list(self.interacting), **arrays}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Polynomial":
        """Make it from what `to_dict` returned.

        Examples
        --------
        >>> one = Polynomial(("x",), np.zeros(1), np.ones(1), np.ones(1), np.full((1, 1), 2.0))
        >>> Polynomial.from_dict(one.to_dict()).terms()
        [('x', 2.0)]
        """
        arrays = {name: np.asarray(values[name], dtype=np.float64) for name in _ARRAYS}
        return cls(names=tuple(values["names"]), interacting=tuple(values["interacting"]), **arrays)

    def _standardised(self, rows: FloatArray, places: slice | list[int]) -> NDArray[np.float32]:
        """Return features, one a row, that have these places among all, standardised."""
        Z = rows.astype(np.float32)
        Z -= self.mean[places].astype(np.float32)[:, None]
        Z /= self.scale[places].astype(np.float32)[:, None]
        return Z

    def _clipped(self, *X: FloatArray) -> NDArray[np.float32]:
        """Return the features that interact, standardised and clipped, one a row."""
        columns = [column for part in X for column in part.T]  # views
        places = [self.names.index(name) for name in self.interacting]
        K = self._standardised(np.stack([columns[place] for place in places]), places)
        return np.clip(K, -_CLIP, _CLIP, out=K)


def rounded(array: FloatArray) -> Any:
    """Return nested lists with six significant digits, so that a file of them is short and stable.

    Examples
    --------
    >>> rounded(np.array([1 / 3, 2e6 / 3]))
    [0.333333, 666667.0]
    """
    if array.ndim:
        return [rounded(item) for item in array]
    return float(f"{float(array):.6g}")
