"""Dictionaries that fit as badly as that of another dynamic does: what a tracker should have met when it is trained.

A soundfont plays a note louder by playing the same sample louder. A real instrument becomes brighter: between *piano*
and *forte* of seven instruments the strength of partial ``k`` changes by ``k ** tilt`` with a tilt of 0 (cello) to 1.2
(trombone), in magnitudes to the power 0.7, and single partials by a factor of ``exp(0.5)`` (one standard deviation)
beyond that. Such a misfit is drawn here, so that a tracker learns what ghosts of a wrong timbre look like.
"""

from dataclasses import replace

import numpy as np

from nmfamt.dictionary import Dictionary
from nmfamt.pitch import pitch_to_hz

__all__ = ["misfit"]

_WIDTHS = (0.5, 0.25)  # octaves over which the curve of the instrument and those of single pitches vary


def misfit(
    dictionary: Dictionary, *, rng: np.random.Generator, tilt: float = 1.0, deviation: float = 0.5
) -> Dictionary:
    """Return a dictionary whose timbre is another one.

    Parameters
    ----------
    dictionary : Dictionary
        Of one instrument.
    rng : Generator
        Draws the timbre.
    tilt : float, default 1.0
        Largest power of the partial number by which all pitches become brighter or duller.
    deviation : float, default 0.5
        Standard deviation of the logarithmic gain of a partial, half of its variance common to all pitches.

    Returns
    -------
    Dictionary
        With templates of unit sum.

    Examples
    --------
    >>> from nmfamt.dictionary import load_dictionary
    >>> flute = load_dictionary("flute")
    >>> other = misfit(flute, rng=np.random.default_rng(0))
    >>> other.pitches.tolist() == flute.pitches.tolist(), other.hash == flute.hash
    (True, False)
    """
    octaves = np.log2(dictionary.settings.freqs)
    pitches, columns = np.unique(dictionary.pitches, return_inverse=True)
    harmonic = np.maximum(dictionary.settings.freqs[:, None] / pitch_to_hz(dictionary.pitches), 1.0)
    common, single = (_curves(octaves, width, n, rng) for width, n in zip(_WIDTHS, (1, len(pitches)), strict=True))
    gain = rng.uniform(-tilt, tilt) * np.log(harmonic) + deviation * np.sqrt(0.5) * (common + single[:, columns])
    W = dictionary.W * np.exp(gain)
    return replace(dictionary, W=(W / W.sum(axis=0)).astype(dictionary.W.dtype))


def _curves(octaves: np.ndarray, width: float, n_curves: int, rng: np.random.Generator) -> np.ndarray:
    """Return random curves over frequency, normal at knots `width` apart and straight between them."""
    places = (octaves - octaves[0]) / width
    knots = rng.standard_normal((int(places[-1]) + 2, n_curves))
    left = places.astype(int)
    right_share = (places - left)[:, None]
    return (1 - right_share) * knots[left] + right_share * knots[left + 1]
