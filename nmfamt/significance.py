"""Is one system better than another, or were the pieces kind to it? Paired tests over the same pieces.

Conventions:

* **Test.** The signed-rank test of F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin,
  1945, two-sided, on the differences of the same piece, as J. Demšar, "Statistical comparisons of classifiers over
  multiple data sets", JMLR, 2006, recommends for two systems. Pieces on which both score the same are dropped, as by
  Wilcoxon and by default in SciPy and R; equal differences share their mean rank. Differences are rounded to 12
  decimals first, so that equal ones are equal.
* **Several comparisons.** S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
  Statistics, 1979, as corrected p values: the smallest times the number of comparisons, the next times one fewer, ...,
  none below the one before. To be below 0.05 then means that the chance of even one wrong claim is below 0.05.
* **Few pieces.** No test of signs and ranks on n pieces that differ gives a p below 2 / 2**n: ``smallest_p``. With
  fewer than six it is above 0.05, and nothing can be significant; with Holm's correction six are too few as well.
* Pieces where either number is NaN are left out and counted.

Differences from SciPy's ``wilcoxon``: p is exact, with ties too (they keep their mean ranks while all signs are gone
through), up to 500 pieces; only beyond is it SciPy's normal approximation. Where no piece differs, p is 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfamt.bootstrap import mean_interval
from nmfamt.exceptions import NmfamtError

__all__ = ["Comparison", "Ranking", "compare", "compare_to_best", "holm"]

_N_EXACT = 500
_DECIMALS = 12


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same pieces.

    Attributes
    ----------
    n, n_nonzero, n_left_out : int
        Pieces that were compared, those of them on which the systems differ, and those left out for a missing number.
    median_difference, mean_difference : float
        Of the first system's number minus the second's; NaN without pieces.
    low, high : float
        Bootstrap interval of the mean difference; NaN with fewer than two pieces.
    level : float
        Of that interval.
    p : float
        Of the two-sided signed-rank test: how often differences as one-sided as these come about by chance.
    smallest_p : float
        The least p that so many pieces can give: where it is not below 0.05, nothing could have been shown.
    """

    n: int
    n_nonzero: int
    n_left_out: int
    median_difference: float
    mean_difference: float
    low: float
    high: float
    level: float
    p: float
    smallest_p: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers by name, None in place of NaN so that JSON can hold them."""
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Ranking:
    """Several systems on the same pieces, each compared with the best.

    Attributes
    ----------
    best : str or None
        The system with the best mean; None where there are no pieces that all have.
    means : dict of str to float
        Of each system over the pieces that all have; NaN for a system without any number.
    comparisons : dict of str to Comparison
        The best minus each other system.
    p : dict of str to float
        Their p, corrected by Holm's method for the number of comparisons.
    smallest_p : float
        The least corrected p that so many pieces can give to a system, 1 without comparisons: where it is not below
        0.05, no system could have been shown to be worse than the best.
    n, n_left_out : int
        Pieces that were compared, and those left out since a system has no number there.
    """

    best: str | None
    means: dict[str, float]
    comparisons: dict[str, Comparison]
    p: dict[str, float]
    smallest_p: float
    n: int
    n_left_out: int

    def worse(self, level: float = 0.05) -> list[str]:
        """Return the systems that are significantly worse than the best, in order."""
        return [name for name, p in self.p.items() if p < level]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, None in place of NaN so that JSON can hold them."""
        return {
            **asdict(self),
            "means": {name: None if np.isnan(mean) else mean for name, mean in self.means.items()},
            "comparisons": {name: comparison.to_dict() for name, comparison in self.comparisons.items()},
        }


def compare(
    scores: ArrayLike, others: ArrayLike, *, level: float = 0.95, n_resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Compare two systems piece by piece.

    Parameters
    ----------
    scores, others : array_like, shape (n_pieces,)
        A number for each piece, the same pieces in the same order; NaN where there is none.
    level : float
        What part of the resampled mean differences the interval holds.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    Comparison
        Differences, first minus second, their interval and p.

    Raises
    ------
    NmfamtError
        If the lengths differ, a number is infinite, or `level` is not between 0 and 1.

    Examples
    --------
    >>> found = compare([0.8, 0.7, 0.9, 0.6, 0.8, 0.7], [0.7, 0.5, 0.6, 0.5, 0.7, 0.6])
    >>> found.n, found.p, round(found.mean_difference, 3)
    (6, 0.03125, 0.15)
    """
    first, second = np.asarray(scores, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise NmfamtError(f"Numbers of shapes {first.shape} and {second.shape}: give one for each piece of both.")
    if np.isinf(first).any() or np.isinf(second).any() or not 0 < level < 1:
        raise NmfamtError(f"Numbers are finite, or NaN where there is none, and level is between 0 and 1, not {level}.")
    known = ~(np.isnan(first) | np.isnan(second))
    differences = np.round(first[known] - second[known], _DECIMALS)
    nonzero = differences[differences != 0]
    low, high = mean_interval(differences, level=level, n_resamples=n_resamples, seed=seed)
    return Comparison(
        n=len(differences),
        n_nonzero=len(nonzero),
        n_left_out=int(np.sum(~known)),
        median_difference=float(np.median(differences)) if len(differences) else np.nan,
        mean_difference=float(np.mean(differences)) if len(differences) else np.nan,
        low=low,
        high=high,
        level=level,
        p=_signed_rank_p(nonzero),
        smallest_p=min(1.0, 2.0 ** (1 - len(nonzero))),
    )


def _signed_rank_p(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p of differences none of which is zero."""
    from scipy import stats

    if not len(differences):
        return 1.0
    if len(differences) > _N_EXACT:
        return float(stats.wilcoxon(differences, method="approx").pvalue)
    # Mean ranks are multiples of 1/2: doubled, the distribution of their sum lives on whole numbers.
    ranks = np.rint(2 * stats.rankdata(np.abs(differences))).astype(np.int64)
    chances = np.zeros(ranks.sum() + 1)  # of each sum of the ranks with a plus sign
    chances[0] = 1.0
    for rank in ranks.tolist():
        chances[rank:] += chances[:-rank]  # NumPy buffers overlapping operands
        chances /= 2
    positive = int(ranks[differences > 0].sum())
    tail = min(chances[: positive + 1].sum(), chances[positive:].sum())
    return float(min(1.0, 2 * tail))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p values corrected for their number by the method of Holm.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        Of each comparison.

    Returns
    -------
    ndarray, shape (n,)
        In the same order, at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(corrected, 1.0)


def compare_to_best(
    table: Mapping[str, Sequence[float]], *, higher_is_better: bool = True, level: float = 0.95, seed: int = 0
) -> Ranking:
    """Find the best system by its mean, and compare every other one with it.

    Parameters
    ----------
    table : mapping of str to sequence of float
        For each system a number for each piece, the same pieces in the same order; NaN where there is none. Only pieces
        that all have are compared, so that no system wins by failing on the hard ones; a system without any number is
        set aside.
    higher_is_better : bool
        False for errors.
    level : float
        Of the bootstrap intervals.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Ranking
        The best system, the first of several with the same mean, and the comparisons with it.

    Raises
    ------
    NmfamtError
        If there is no system or their lengths differ.

    Examples
    --------
    >>> ranking = compare_to_best({"A": [0.8, 0.9, 0.7], "B": [0.5, 0.6, 0.8], "C": [0.8, 0.9, 0.7]})
    >>> ranking.best, ranking.p, ranking.smallest_p
    ('A', {'B': 1.0, 'C': 1.0}, 0.5)
    """
    scores = {name: np.asarray(numbers, dtype=np.float64) for name, numbers in table.items()}
    if not scores or len({numbers.shape for numbers in scores.values()}) > 1:
        shapes = {name: numbers.shape for name, numbers in scores.items()}
        raise NmfamtError(f"Systems have numbers of shapes {shapes}: give one for each piece, the same pieces for all.")
    compared = [name for name, numbers in scores.items() if not np.isnan(numbers).all()]
    n_pieces = len(next(iter(scores.values())))
    common = ~np.isnan([scores[name] for name in compared]).any(axis=0) if compared else np.zeros(n_pieces, np.bool_)
    n = int(common.sum())
    means = {name: float(scores[name][common].mean()) if n and name in compared else np.nan for name in scores}
    if not n:
        return Ranking(None, means, {}, {}, 1.0, 0, n_pieces)
    best = (max if higher_is_better else min)(compared, key=lambda name: round(means[name], _DECIMALS))
    comparisons = {
        name: compare(scores[best][common], scores[name][common], level=level, seed=seed)
        for name in compared
        if name != best
    }
    corrected = holm([comparison.p for comparison in comparisons.values()])
    smallest = holm([comparison.smallest_p for comparison in comparisons.values()]).min(initial=1.0)
    p = dict(zip(comparisons, corrected.tolist(), strict=True))
    return Ranking(best, means, comparisons, p, float(smallest), n, n_pieces - n)
