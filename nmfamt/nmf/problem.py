"""The problem that all solvers for fixed templates share, prepared once.

Conventions: frames come first, ``V (n_frames, n_bins) ~ H (n_frames, n_components) @ Wt``, so that what a frame needs
lies together. Rows of ``Wt`` sum to 1 (an empty template stays empty), and every frame is divided by the power of two
that brings its sum into [0.5, 1): exact, and the squares and powers of very quiet or loud data stay within single
precision. To the model of every frame a `FLOOR` of its sum is added in every bin, so that something divides bins that
no template explains; with beta = 2, where nothing is divided, there is none.

Penalties are measured in activations of templates with unit Euclidean norm, since with unit-sum templates and the
Kullback-Leibler divergence a uniform l1 penalty would only rescale H: the sum of a frame's activations is then that of
its data, whatever they are. In frames whose mean is not 1 they count ``mean**(beta - 1)`` times as much, which makes
them independent of the gain of a recording.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmfamt.array_namespace import namespace
from nmfamt.nmf.duality import feasible_scale, primal_and_dual

__all__ = ["FLOOR", "ChunkFit", "Frames", "Groups", "Problem"]

FLOOR = 1e-8
"""What the model of a frame holds in every bin besides the templates, as a share of the sum of the frame."""

_EXTREME = 100  # exponent of two from which a scaling takes two steps
_LARGEST = 1000  # exponent of two beyond which a divergence would overflow


@dataclass(frozen=True, eq=False)
class Groups:
    """A penalty on the Euclidean norm of groups of activations, such as all templates of a pitch.

    Attributes
    ----------
    members : array, shape (n_components, n_groups)
        1 where a component belongs to a group, else 0.
    weights : array, shape (n_components,)
        Euclidean norm of the templates, whose rows sum to 1.
    penalty : float
        Weight of the sum of the norms.
    """

    members: Any
    weights: Any
    penalty: float


@dataclass(frozen=True, eq=False)
class Frames:
    """A chunk of frames, each scaled to a sum in [0.5, 1).

    Attributes
    ----------
    V : array, shape (n_frames, n_bins)
        The scaled data.
    exponents : array of int, shape (n_frames,)
        ``V * 2**exponents`` is what was given.
    sums : array, shape (n_frames,)
        Of the scaled frames; 0 for silence.
    """

    V: Any
    exponents: Any
    sums: Any

    @classmethod
    def of(cls, V: Any) -> "Frames":
        """Scale ``V (n_frames, n_bins)``, which is copied."""
        xp = namespace(V)
        exponents = xp.frexp(V.sum(axis=1, dtype=np.float64))[1]
        V = xp.ascontiguousarray(_scaled(V, -exponents))
        return cls(V, exponents, V.sum(axis=1))

    def unscaled(self, H: Any) -> Any:
        """Return activations of the frames as given, from those of the scaled ones."""
        return _scaled(H, self.exponents)

    def floor(self, beta: float) -> Any:
        """Return what the model of each frame holds besides the templates, shape (n_frames,)."""
        xp = namespace(self.V)
        least = self.V.dtype.type(FLOOR) * self.sums
        return xp.zeros_like(least) if beta == 2 else xp.where(self.sums > 0, least, 1)

    def units(self, beta: float) -> Any:
        """Return what a divergence of the scaled frames is to be multiplied with, in double precision."""
        xp = namespace(self.V)
        return xp.exp2(xp.minimum(beta * self.exponents.astype(xp.float64), _LARGEST))


def _scaled(array: Any, exponents: Any) -> Any:
    """Multiply rows by powers of two: exact, in two steps where such a power alone would overflow."""
    xp = namespace(array)
    one = xp.ones(len(array), dtype=array.dtype)
    if not len(array) or int(abs(exponents).max()) <= _EXTREME:
        return array * xp.ldexp(one, exponents)[:, None]
    halves = exponents // 2
    return array * xp.ldexp(one, halves)[:, None] * xp.ldexp(one, exponents - halves)[:, None]


@dataclass(frozen=True, eq=False)
class ChunkFit:
    """What a solver made of a chunk.

    Attributes
    ----------
    H : array, shape (n_frames, n_components)
        Activations of the scaled frames.
    costs : list of float
        Objective at every check, in the unit of the data as given.
    bound : float
        Below which the objective of the chunk cannot fall, in the same unit (for beta below 1, see
        `nmfamt.nmf.duality`).
    negligible : float
        Objective that is rounding, in the same unit.
    n_iter : int
        Iterations done.
    converged : bool
        Whether what was asked for was reached.
    """

    H: Any
    costs: list[float]
    bound: float
    negligible: float
    n_iter: int
    converged: bool


@dataclass(frozen=True, eq=False)
class Problem:
    """Templates, divergence, penalties and when to stop.

    Attributes
    ----------
    Wt : array, shape (n_components, n_bins)
        Templates; rows sum to 1 or 0.
    beta : float
        Which divergence.
    tol : float
        Gap at which a chunk is solved well enough.
    max_iter : int
        Most iterations.
    l1 : float
        Penalty on activations of templates of unit norm.
    groups : Groups, optional
        Penalty on their groups.
    """

    Wt: Any
    beta: float
    tol: float
    max_iter: int
    l1: float = 0.0
    groups: Groups | None = None
    W: Any = field(init=False)
    norms: Any = field(init=False)

    def __post_init__(self) -> None:
        xp = namespace(self.Wt)
        object.__setattr__(self, "W", xp.ascontiguousarray(self.Wt.T))
        object.__setattr__(self, "norms", xp.sqrt((self.Wt**2).sum(axis=1)))

    @property
    def convex(self) -> bool:
        """Whether the problem is convex."""
        return self.beta >= 1

    def penalty(self, frames: Frames) -> Any:
        """Return the derivative of the l1 penalty, shape (n_frames or 1, n_components)."""
        xp = namespace(self.Wt)
        if self.beta == 1 or self.l1 == 0:
            return (self.Wt.dtype.type(self.l1) * self.norms)[None]
        means = xp.maximum(frames.sums / self.Wt.shape[1], xp.finfo(self.Wt.dtype).tiny)
        return self.Wt.dtype.type(self.l1) * means[:, None] ** self.Wt.dtype.type(self.beta - 1) * self.norms

    def model(self, H: Any, floor: Any) -> Any:
        """Return ``H @ Wt`` plus the floor."""
        X = H @ self.Wt
        X += floor[:, None]
        return X

    def ratios(self, V: Any, X: Any) -> tuple[Any, Any]:
        """Return numerator and denominator of the multiplicative update; beta = 1 needs one matrix product only."""
        xp = namespace(V)
        tiny = xp.finfo(V.dtype).tiny
        if self.beta == 1:
            return (V / X) @ self.W, self.Wt.dtype.type(1)
        if self.beta == 2:
            return V @ self.W, xp.maximum(X @ self.W, tiny)
        weight = X ** self.Wt.dtype.type(self.beta - 2)
        return (weight * V) @ self.W, xp.maximum((weight * X) @ self.W, tiny)

    def check(self, frames: Frames, H: Any, X: Any, num: Any, den: Any) -> tuple[Any, Any]:
        """Return the objective of each frame and the bound below which it cannot fall, in the unit of the data.

        Parameters
        ----------
        frames : Frames
            The data.
        H, X : array
            Activations and their model.
        num, den : array
            As `ratios` returned them for that model.
        """
        penalty, floor = self.penalty(frames), frames.floor(self.beta)
        scale = feasible_scale(num, den, penalty, self.groups)
        divergence, bound = primal_and_dual(frames.V, X, scale, floor, self.beta)
        cost = divergence + self._penalties(H, penalty)
        units = frames.units(self.beta) * (frames.sums > 0)
        return units * cost, units * bound

    def negligible(self, frames: Frames) -> float:
        """Return the objective, in the unit of the data, that floor and rounding leave of an exact model."""
        V = frames.V
        share = max(FLOOR, 4 * float(np.finfo(V.dtype).eps))
        sizes = (V**self.beta).sum(axis=1, dtype=np.float64) * (frames.sums > 0)
        return share * float((frames.units(self.beta) * sizes).sum())

    def good_enough(self, cost: float, bound: float, negligible: float) -> bool:
        """Return whether the gap of a chunk is small enough, or the data are met exactly."""
        return cost - bound <= self.tol * abs(bound) or cost <= negligible

    def _penalties(self, H: Any, penalty: Any) -> Any:
        """Return what the penalties of each frame add to its divergence."""
        total = 0.0
        if self.l1:
            total = (penalty * H).sum(axis=1, dtype=np.float64)
        if self.groups is not None:
            norms = ((self.groups.weights * H) ** 2 @ self.groups.members) ** 0.5
            total = total + self.groups.penalty * norms.sum(axis=1, dtype=np.float64)
        return total
