"""How fast the beat of a recording goes, so that bars mean something in a score editor.

The beats are found by dynamic programming on the strength of onsets (D. P. W. Ellis, "Beat tracking by
dynamic programming", Journal of New Music Research 36, 2007, as librosa implements it). The tempo is the
slope of a straight line through their times: a histogram of periods, as tempo estimators use, is no finer
than a frame, and an error of 2 % displaces the hundredth bar by two.

Differences from the reference:

1. Only the first minutes are listened to: the file has one tempo, and a performance does not keep it long.
2. Where there is no beat, the tempo of MIDI files that do not state theirs is assumed, with a warning.
"""

import os
import warnings

import numpy as np

from nmfamt import audio
from nmfamt.exceptions import NmfamtWarning

__all__ = ["estimate_tempo"]

_ASSUMED = 120.0
_SR, _HOP_LENGTH = 22050, 256
_MIN_BEATS = 4


def estimate_tempo(
    path: str | os.PathLike[str], *, start: float = 0.0, end: float | None = None, max_seconds: float = 180.0
) -> float:
    """Estimate the tempo of a recording.

    Parameters
    ----------
    path : str or path
        A file that soundfile can read.
    start, end : float, optional
        The part to listen to, in seconds.
    max_seconds : float
        How much of it to listen to at most, from `start`.

    Returns
    -------
    float
        Beats per minute, 30 to 300; whether a beat is a quarter or an eighth nobody can hear for sure.

    Raises
    ------
    NmfamtError
        As in `nmfamt.audio.load`.

    Warns
    -----
    NmfamtWarning
        If no beat is heard, in which case 120 is returned.
    """
    import librosa

    end = start + max_seconds if end is None else min(end, start + max_seconds)
    y, _ = audio.load(path, sr=_SR, start=start, end=end)
    beats = np.zeros(0)
    if len(y) > _SR:  # less than a second has no beat, and is too short for librosa
        strength = librosa.onset.onset_strength(y=y, sr=_SR, hop_length=_HOP_LENGTH)
        _, beats = librosa.beat.beat_track(onset_envelope=strength, sr=_SR, hop_length=_HOP_LENGTH, units="time")
    if len(beats) < _MIN_BEATS:
        warnings.warn(
            f"No beat is heard in {os.fspath(path)!r}: {_ASSUMED:.0f} beats per minute are assumed.",
            NmfamtWarning,
            stacklevel=2,
        )
        return _ASSUMED
    period = np.polyfit(np.arange(len(beats)), beats, 1)[0]
    return float(np.clip(60 / period, 30.0, 300.0))
