"""Pitch as a number, a frequency and a name.

Conventions: a pitch is a MIDI number and may be fractional; 69 is A4 at 440 Hz; note names are
scientific (C4 is 60), with ``#`` or ``s`` for sharp and ``b`` for flat.
"""

import re
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from nmfamt.exceptions import NmfamtError

__all__ = ["hz_to_pitch", "name_to_pitch", "pitch_to_hz", "pitch_to_name"]

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NOTE = re.compile(r"([A-Ga-g])(##|#|s|bb|b)?(-?\d{1,2})")
_ACCIDENTALS = {"": 0, "#": 1, "s": 1, "##": 2, "b": -1, "bb": -2}


@overload
def pitch_to_hz(pitch: float) -> float: ...
@overload
def pitch_to_hz(pitch: NDArray[Any]) -> NDArray[np.float64]: ...
def pitch_to_hz(pitch: float | NDArray[Any]) -> float | NDArray[np.float64]:
    """Return the frequency of a MIDI pitch, A4 (69) being 440 Hz.

    Parameters
    ----------
    pitch : float or ndarray
        MIDI pitch, possibly fractional.

    Returns
    -------
    float or ndarray
        Frequency in Hz.

    Examples
    --------
    >>> pitch_to_hz(69)
    440.0
    """
    hz: Any = 440.0 * 2.0 ** ((np.asarray(pitch, dtype=np.float64) - 69.0) / 12.0)
    return float(hz) if np.ndim(pitch) == 0 else hz


@overload
def hz_to_pitch(hz: float) -> float: ...
@overload
def hz_to_pitch(hz: NDArray[Any]) -> NDArray[np.float64]: ...
def hz_to_pitch(hz: float | NDArray[Any]) -> float | NDArray[np.float64]:
    """Return the MIDI pitch of a frequency.

    Parameters
    ----------
    hz : float or ndarray
        Frequency in Hz, positive.

    Returns
    -------
    float or ndarray
        MIDI pitch; 440 Hz is 69.

    Examples
    --------
    >>> hz_to_pitch(880.0)
    81.0
    """
    pitch: Any = 69.0 + 12.0 * np.log2(np.asarray(hz, dtype=np.float64) / 440.0)
    return float(pitch) if np.ndim(hz) == 0 else pitch


def pitch_to_name(pitch: float) -> str:
    """Return the name of the nearest equal-tempered note.

    Examples
    --------
    >>> pitch_to_name(61)
    'C#4'
    """
    number = round(pitch)
    return f"{_NAMES[number % 12]}{number // 12 - 1}"


def name_to_pitch(name: str) -> int:
    """Return the MIDI number of a note name.

    Parameters
    ----------
    name : str
        A letter, an optional accidental (``#``, ``s``, ``b``, doubled or not) and an octave: ``C4``, ``Bb3``, ``Fs5``.

    Raises
    ------
    NmfamtError
        If `name` is not a note name.

    Examples
    --------
    >>> name_to_pitch("Cs4"), name_to_pitch("Bb3")
    (61, 58)
    """
    found = _NOTE.fullmatch(name.strip())
    if found is None:
        raise NmfamtError(f"{name!r} is not a note name: write for example 'C4', 'F#3' or 'Bb5'.")
    letter, accidental, octave = found.groups()
    return _STEPS[letter.upper()] + _ACCIDENTALS[accidental or ""] + 12 * (int(octave) + 1)
