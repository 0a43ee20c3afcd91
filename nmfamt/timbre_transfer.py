"""What is known of some notes of an instrument, carried over to all others.

Every template is multiplied by gains that the known notes teach: first those that hold for all pitches (the smooth
response of instrument, room and microphone, then single resonances), then those that go along with the partials (how
the timbre of these notes differs from that of the dictionary), the more the nearer a pitch is. Every gain is a ratio of
two sums, of recorded over expected spectra.

Nearest in spirit are templates that are products of a source and a filter: T. Virtanen & A. Klapuri, "Analysis of
polyphonic audio using source-filter model and non-negative matrix factorization", NIPS workshop, 2006.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.learning import fill_pitches
from nmfamt.octaves import in_octaves
from nmfamt.pitch import pitch_to_name

__all__ = ["can_be_adapted", "count_components", "transfer_timbre", "transfer_timbres"]

# Each in turn: over how many octaves ratios are smoothed, what is added to both sums (templates have unit sums), and
# over how many semitones gains reach that go along with the partials; none where they hold for all pitches. Chosen by
# the onset F1 on three sampled pianos, dry and in a room (`benchmarks/results/trials.md`).
_GAINS = ((0.25, 0.0, None), (0.0, 0.003, None), (0.0, 0.003, 6.0), (0.0, 0.001, 2.0))
_LEAST_WEIGHT = 0.02  # of a note whose gains count for another pitch

FloatArray = NDArray[np.floating[Any]]


@single_thread()
def transfer_timbre(dictionary: Dictionary, known: Dictionary) -> Dictionary:
    """Carry over to all pitches of a dictionary how those that are known differ from it.

    Parameters
    ----------
    dictionary : Dictionary
        With the same number of templates for every pitch.
    known : Dictionary
        On the same settings, with as many for each of its own.

    Returns
    -------
    Dictionary
        The templates of `known` where it has a pitch (to half a semitone), else those of `dictionary`, each multiplied
        by the gains that `known` teaches. Pitches beyond the dictionary are added, and what lies between is filled.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> from nmfamt.equalization import equalized
    >>> piano = load_dictionary("piano")
    >>> brighter = replace(piano, W=equalized(piano.W, np.linspace(1, 3, len(piano.W))).astype(np.float32))
    >>> few = brighter.select(np.isin(piano.pitches, [40, 60, 80]))
    >>> adapted = transfer_timbre(piano, few)
    >>> bool(np.abs(adapted.W - brighter.W).sum() < 0.3 * np.abs(piano.W - brighter.W).sum())
    True
    """
    n_components = count_components(dictionary)
    if count_components(known) != n_components or known.settings != dictionary.settings:
        raise NmfamtError(
            f"Dictionaries {dictionary.name!r} and {known.name!r} need the same settings, and as many templates for "
            "every pitch."
        )
    low, high = float(known.pitches.min()), float(known.pitches.max())
    if low < dictionary.pitches.min() or high > dictionary.pitches.max():
        low, high = min(low, float(dictionary.pitches.min())), max(high, float(dictionary.pitches.max()))
        dictionary = fill_pitches(dictionary, n_components=n_components, low=low, high=high)
    pitches, templates = _by_pitch(dictionary, n_components)
    known_pitches, recorded = _by_pitch(known, n_components)
    places = np.abs(pitches[:, None] - known_pitches).argmin(axis=0)
    freqs = dictionary.settings.freqs
    for octaves, least, reach in _GAINS:
        smoothing = _smoothing(freqs, octaves)
        if reach is None:
            gains = _common_gain(recorded, templates[places], smoothing, least)
        else:
            gains = _partial_gains(pitches, known_pitches, recorded, templates[places], freqs, least, reach)
        templates = templates * gains
        templates /= templates.sum(axis=1, keepdims=True)
    templates[places], pitches[places] = recorded, known_pitches
    W = templates.transpose(1, 0, 2).reshape(len(freqs), -1)
    order = np.argsort(np.repeat(pitches, n_components), kind="stable")
    filled = np.ones(len(pitches), dtype=bool)
    filled[places] = False
    return replace(
        dictionary,
        W=W[:, order].astype(np.float32),
        pitches=np.repeat(pitches, n_components)[order],
        stages=np.tile(known.stages[:n_components], len(pitches)),
        instruments=np.full(len(order), str(dictionary.instruments[0])),
        filled=np.repeat(filled, n_components)[order],
    )


def _common_gain(recorded: FloatArray, expected: FloatArray, smoothing: FloatArray | None, least: float) -> FloatArray:
    """Return the gain of every stage that holds for all pitches, shape (1, n_bins, n_components)."""
    sums = [spectra.sum(axis=0) for spectra in (recorded, expected)]
    if smoothing is not None:
        sums = [smoothing @ spectra for spectra in sums]
    tiny = 1e-12
    return np.asarray((sums[0] + least + tiny) / (sums[1] + least + tiny))[None]


def _partial_gains(
    pitches: NDArray[np.float64],
    known_pitches: NDArray[np.float64],
    recorded: FloatArray,
    expected: FloatArray,
    freqs: NDArray[np.float64],
    least: float,
    reach: float,
) -> FloatArray:
    """Return gains for every pitch: those of the notes near it, moved with their partials."""
    octaves = in_octaves(freqs)
    gains = np.ones((len(pitches), *recorded.shape[1:]))
    for i, pitch in enumerate(pitches.tolist()):
        weights = np.exp(-np.abs(pitch - known_pitches) / reach)
        near = np.flatnonzero(weights > _LEAST_WEIGHT)
        sums = [np.full(recorded.shape[1:], least + 1e-12) for _ in range(2)]
        for note in near.tolist():
            source = octaves - (pitch - known_pitches[note]) / 12
            for total, spectra in zip(sums, (recorded[note], expected[note]), strict=True):
                moved = [np.interp(source, octaves, column, left=column[0]) for column in spectra.T]
                total += weights[note] * np.stack(moved, axis=1)
        if len(near):
            gains[i] = sums[0] / sums[1]
    return gains


def _smoothing(freqs: NDArray[np.float64], octaves: float) -> FloatArray | None:
    """Return a matrix that smooths along the logarithmic frequency axis with a Gaussian window, if it is to."""
    if not octaves:
        return None
    places = in_octaves(freqs)
    return np.asarray(np.exp(-0.5 * ((places[:, None] - places) / octaves) ** 2))


def _by_pitch(dictionary: Dictionary, n_components: int) -> tuple[NDArray[np.float64], FloatArray]:
    """Return the pitches, and their templates as an array of shape (n_pitches, n_bins, n_components)."""
    order = np.argsort(dictionary.pitches, kind="stable")
    W = dictionary.W[:, order].astype(np.float64).reshape(len(dictionary.W), -1, n_components)
    return dictionary.pitches[order][::n_components].astype(np.float64), W.transpose(1, 0, 2).copy()


def transfer_timbres(dictionary: Dictionary, known: Dictionary) -> Dictionary:
    """Carry over of each instrument by itself what is known of it; one of which nothing is stays as it is.

    Parameters
    ----------
    dictionary : Dictionary
        Of one instrument or several.
    known : Dictionary
        With the same names; see `transfer_timbre`.

    Returns
    -------
    Dictionary
        One instrument after the other, in the order of `dictionary`.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> duo = combine_dictionaries([load_dictionary("flute"), load_dictionary("cello")])
    >>> heard = duo.select((duo.instruments == "flute") & (duo.pitches == 72))
    >>> same = (transfer_timbres(duo, heard).W == duo.W).all(axis=0)
    >>> bool(same[duo.instruments == "cello"].all())
    True
    """
    parts = []
    for name in dict.fromkeys(dictionary.instruments.tolist()):
        part = dictionary.select(dictionary.instruments == name)
        mine = known.instruments == name
        parts.append(transfer_timbre(part, known.select(mine)) if mine.any() else part)
    return combine_dictionaries(parts)


def can_be_adapted(dictionary: Dictionary) -> bool:
    """Whether a dictionary can be adapted to a recording by what is found there.

    Its instruments need an attack, and the same number of other templates, for every pitch.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> from nmfamt.dictionary_mixing import average_columns
    >>> can_be_adapted(load_dictionary("piano")), can_be_adapted(average_columns(load_dictionary("piano")))
    (True, False)
    """
    names = np.unique(dictionary.instruments)
    parts = [dictionary.select(dictionary.instruments == name) for name in names]
    if any(_obstacle(part) is not None for part in parts):
        return False
    return len({count_components(part) for part in parts}) == 1


def _obstacle(dictionary: Dictionary) -> str | None:
    """Return why a dictionary cannot be adapted."""
    if len(set(dictionary.instruments.tolist())) > 1:
        return "has several instruments: adapt one of them at a time"
    pitches, counts = np.unique(dictionary.pitches, return_counts=True)
    if (counts != counts[0]).any():
        odd = pitch_to_name(float(pitches[counts != counts[0]][0]))
        return f"has another number of templates at {odd} than elsewhere"
    if counts[0] < 2:
        return "has one template for a pitch: an attack and more are needed"
    if (dictionary.stages == "attack").sum() != len(pitches):
        return "has not one attack for every pitch"
    return None


def count_components(dictionary: Dictionary) -> int:
    """Return how many templates every pitch has, of a dictionary of one instrument.

    Raises
    ------
    NmfamtError
        If it has several instruments, not an attack for every pitch, or not as many templates for each.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> count_components(load_dictionary("piano"))
    3
    """
    if obstacle := _obstacle(dictionary):
        raise NmfamtError(f"Dictionary {dictionary.name!r} {obstacle}.")
    return len(dictionary.pitches) // len(dictionary.rows)
