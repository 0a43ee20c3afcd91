"""What a spectrum shows at the partials of a pitch: the evidence that all front ends give."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS
from nmfamt.array_namespace import namespace, to_host

__all__ = ["strength_of_partials"]


def strength_of_partials(
    S: Any, freqs: NDArray[np.float64], f0: NDArray[np.float64]
) -> dict[str, NDArray[np.floating[Any]]]:
    """Return the spectrum at the first partials of fundamentals.

    Parameters
    ----------
    S : ndarray, shape (n_bins, n_frames)
        Spectra, in main memory or on a GPU.
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins in Hz, increasing.
    f0 : ndarray, shape (n_pitches,)
        Fundamentals in Hz.

    Returns
    -------
    dict
        ``partial_1`` to ``partial_6``, each of shape (n_pitches, n_frames) and in main memory: the strongest of the
        nearest bin and its neighbours, since inharmonic and mistuned partials lie beside; zero above the highest bin.

    Examples
    --------
    >>> S = np.array([[1.0], [0.0], [0.0], [0.5]])
    >>> strength_of_partials(S, np.array([100.0, 150.0, 175.0, 200.0]), np.array([100.0]))["partial_2"]
    array([[0.5]])
    """
    xp = namespace(S)
    found = {}
    for k in range(1, N_PARTIALS + 1):
        hz = k * f0
        bins = np.clip(np.searchsorted(freqs, hz), 1, len(freqs) - 1)
        bins -= hz - freqs[bins - 1] < freqs[bins] - hz
        strength = S[bins]
        for neighbour in (bins - 1, bins + 1):
            xp.maximum(strength, S[np.clip(neighbour, 0, len(freqs) - 1)], out=strength)
        strength[hz > freqs[-1]] = 0
        found[f"partial_{k}"] = to_host(strength)
    return found
