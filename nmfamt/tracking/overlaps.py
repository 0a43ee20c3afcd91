"""Which notes sound at the same time, and how often an instrument is found to play two at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nmfamt.notes import Notes

__all__ = ["log_rarity", "overlaps", "pairs_with_following"]

_TOUCH = 0.25  # of the shorter note: notes played legato overlap by less
_RAREST = 0.02  # overlaps a note that are expected of an instrument that plays one note at a time

FloatArray = NDArray[np.floating[Any]]


def overlaps(notes: Notes) -> sparse.csr_array:
    """Return by how much every two notes overlap, as a part of the shorter one; what only touches does not.

    Parameters
    ----------
    notes : Notes
        Of one instrument or several.

    Returns
    -------
    csr_array, shape (n_notes, n_notes)
        Symmetric, with values from 0.25 to 1 where two notes overlap.

    Examples
    --------
    >>> overlaps(Notes([[0.0, 1.0], [0.5, 1.5], [0.9, 1.9]], [60, 64, 67])).toarray()
    array([[0. , 0.5, 0. ],
           [0.5, 0. , 0.6],
           [0. , 0.6, 0. ]])
    """
    n_notes = len(notes)
    onsets, offsets = notes.intervals.T
    # Notes stand in the order of their onsets: those that begin before one has ended follow it directly.
    first, second = pairs_with_following(np.searchsorted(onsets, offsets))
    common = np.minimum(offsets[first], offsets[second]) - onsets[second]
    part = common / np.minimum((offsets - onsets)[first], (offsets - onsets)[second])
    kept = part >= _TOUCH
    pairs = np.stack([first[kept], second[kept]])
    both = np.concatenate([pairs, pairs[::-1]], axis=1)
    return sparse.csr_array((np.tile(part[kept], 2), tuple(both)), shape=(n_notes, n_notes))


def pairs_with_following(ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs of a place and one that follows it.

    Parameters
    ----------
    ends : ndarray of int, shape (n,)
        Of each place, the first that is not paired with it any more.

    Returns
    -------
    first, second : ndarray of int, shape (n_pairs,)

    Examples
    --------
    >>> first, second = pairs_with_following(np.array([3, 2, 3]))
    >>> list(zip(first.tolist(), second.tolist(), strict=True))
    [(0, 1), (0, 2)]
    """
    n_following = np.maximum(ends - np.arange(len(ends)) - 1, 0)
    first = np.repeat(np.arange(len(ends)), n_following)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(n_following) - n_following, n_following)
    return first, second


def log_rarity(rate: FloatArray) -> FloatArray:
    """Return the logarithm of how often an instrument plays two notes at once, 0 where that is once a note or more.

    Parameters
    ----------
    rate : ndarray
        Overlaps a note.

    Examples
    --------
    >>> log_rarity(np.array([0.0, 0.1, 2.0])).round(2).tolist()
    [-3.91, -2.12, 0.0]
    """
    return np.asarray(np.minimum(np.log(rate + _RAREST), 0))
