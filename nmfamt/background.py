"""Broad bands of noise that belong to no note: breath, bow and hammers, the room, the microphone.

Where nothing but notes may explain a spectrum, what is no note is explained by those whose templates are the noisiest,
and there is no end of false ones: an attack that was recorded softly is mostly breath, and then it is found wherever
somebody breathes. A band is much broader than a partial, so that it explains noise well and notes hardly.

Templates for the background of a recording are common in source separation (P. Smaragdis, B. Raj & M. Shashanka,
"Supervised and semi-supervised separation of sounds from single-channel mixtures", ICA 2007, learn them); here they are
smooth instead, and the same for all recordings.
"""

import numpy as np
from numpy.typing import NDArray

from nmfamt.octaves import in_octaves

__all__ = ["background_bands"]


def background_bands(freqs: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return triangular bands along the logarithmic frequency axis, which add up to a constant.

    Parameters
    ----------
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz, increasing.
    width : float
        Octaves from one band to the next, rounded so that a whole number of steps fills the axis; 0 for no bands.

    Returns
    -------
    ndarray, shape (n_bins, n_bands)
        With unit sums; the first and the last band lie at the ends of the axis.

    Examples
    --------
    >>> background_bands(np.array([100.0, 200.0, 400.0]), 2.0).round(2)
    array([[0.67, 0.  ],
           [0.33, 0.33],
           [0.  , 0.67]])
    >>> background_bands(np.array([100.0, 200.0, 400.0]), 0).shape
    (3, 0)
    """
    if not width:
        return np.zeros((len(freqs), 0))
    octaves = in_octaves(freqs)
    span = octaves[-1] - octaves[0]
    n_steps = max(1, round(span / width))
    places = (octaves - octaves[0]) / max(span, width) * n_steps
    bands = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(n_steps + 1)))
    bands = bands[:, bands.any(axis=0)]
    return np.asarray(bands / bands.sum(axis=0))
