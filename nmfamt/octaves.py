"""The logarithmic frequency axis: bins in octaves, and smoothing along them."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_octaves", "smoothing_over_octaves"]


def in_octaves(freqs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return frequencies in octaves above 1 Hz; a bin at 0 Hz lies an octave below the first of the others.

    Examples
    --------
    >>> in_octaves(np.array([0.0, 64.0, 128.0]))
    array([5., 6., 7.])
    """
    return np.asarray(np.log2(np.maximum(freqs, freqs[freqs > 0].min() / 2)))


def smoothing_over_octaves(freqs: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the matrix that smooths along the logarithmic frequency axis with a Hann window.

    Parameters
    ----------
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz, increasing.
    width : float
        Of the window, in octaves.

    Returns
    -------
    ndarray, shape (n_bins, n_bins)
        Its rows add up to 1.

    Examples
    --------
    >>> smoothing_over_octaves(np.array([100.0, 200.0, 400.0]), 4.0)
    array([[0.66666667, 0.33333333, 0.        ],
           [0.25      , 0.5       , 0.25      ],
           [0.        , 0.33333333, 0.66666667]])
    """
    octaves = in_octaves(freqs)
    distance = np.abs(octaves[:, None] - octaves) / (width / 2)
    window = np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance, 1)), 0.0)
    return np.asarray(window / window.sum(axis=1, keepdims=True))
