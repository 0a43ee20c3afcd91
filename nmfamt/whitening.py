"""How much each bin counts in the divergence: high partials are soft, and yet they tell notes apart.

A divergence of spectra is a sum over bins, to which the loud ones contribute most: a bass note that is explained not
quite well matters more than a treble note that is not explained at all. Weights that bring the bins nearer to each
other are known as whitening (A. Klapuri, "Multiple fundamental frequency estimation by summing harmonic amplitudes",
ISMIR 2006) and, in NMF, as perceptual weighting (E. Vincent, N. Bertin & R. Badeau, "Adaptive harmonic spectral
decomposition for multiple pitch estimation", TASLP 18(3), 2010).

The weights are those of a dictionary, not of a recording: the same for all that it explains.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.octaves import smoothing_over_octaves

__all__ = ["whitening_weights"]

_WIDTH = 0.5  # of the smoothing window, in octaves
_LEAST_SHARE = 0.1  # of the loudest bin: what no note ever sounds in counts no more than that

FloatArray = NDArray[np.floating[Any]]


def whitening_weights(W: FloatArray, freqs: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """Return the weights of the bins: the inverse of the mean template, smoothed, to a power.

    Parameters
    ----------
    W : ndarray, shape (n_bins, n_components)
        Templates.
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz, increasing.
    power : float
        0 leaves all bins alike, 1 whitens.

    Returns
    -------
    ndarray, shape (n_bins,)
        Positive; the weighted mean template has the sum that it had.

    Examples
    --------
    >>> freqs = 55 * 2.0 ** (np.arange(120) / 24)
    >>> W = 1 / freqs[:, None]
    >>> white = whitening_weights(W, freqs, 1.0) * W[:, 0]
    >>> float(white.min() / white.max()) > 0.2 > 0.04 > float(W.min() / W.max())
    True
    >>> whitening_weights(W, freqs, 0).tolist() == [1.0] * 120
    True
    """
    mean = W.mean(axis=1, dtype=np.float64)
    smooth = smoothing_over_octaves(freqs, _WIDTH) @ mean
    loudest = smooth.max()
    if not (power and loudest > 0):
        return np.ones(len(freqs))
    weights = (smooth / loudest + _LEAST_SHARE) ** -power
    return np.asarray(weights * (mean.sum() / (weights @ mean)))
