"""The bootstrap interval of a mean (B. Efron & R. J. Tibshirani, "An Introduction to the Bootstrap", 1993)."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["mean_interval"]


def mean_interval(
    values: NDArray[np.float64], *, level: float = 0.95, n_resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile interval of the mean.

    Parameters
    ----------
    values : ndarray, shape (n,)
        One number a piece.
    level : float
        What part of the resampled means the interval holds.
    n_resamples : int
        Number of resamples.
    seed : int
        Of the resampling: the same values have the same interval.

    Returns
    -------
    low, high : float
        Its limits; NaN for fewer than two values.

    Examples
    --------
    >>> import numpy as np
    >>> mean_interval(np.array([0.0, 1.0]), level=0.5)
    (0.0, 1.0)
    """
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    low, high = np.quantile(_draws(n, n_resamples, seed) @ values / n, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@lru_cache(maxsize=2)  # every score of the same pieces draws the same
def _draws(n: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Return how often each value is drawn: the resampled means are then one matrix product."""
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return draws.astype(np.float64)
