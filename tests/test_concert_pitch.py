"""How far a recording lies from A4 = 440 Hz, told from tones whose frequencies are known."""

import numpy as np
import pytest

from nmfamt import STFT, LogFrequency, Survey
from nmfamt.concert_pitch import estimate_concert_pitch

SR = 16000
SETTINGS = (STFT(sr=SR, n_fft=4096), LogFrequency())


def tones(cents, pitches=(57, 60, 64, 69, 72), *, seconds=0.5, n_partials=4):
    """Return harmonic tones, one after the other, all as many cents above equal temperament at 440 Hz."""
    t = np.arange(round(seconds * SR)) / SR
    hz = [440 * 2 ** ((pitch - 69 + cents / 100) / 12) for pitch in pitches]
    return np.concatenate([sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, n_partials + 1)) for f in hz])


def estimate(y, settings):
    return estimate_concert_pitch(Survey.of([settings(y, sr=SR)]))


@pytest.mark.parametrize("settings", SETTINGS, ids=["STFT", "LogFrequency"])
@pytest.mark.parametrize("cents", [-42, -13, 0, 8, 31])
def test_the_distance_of_tones_is_found(settings, cents):
    assert estimate(tones(cents), settings) == pytest.approx(cents, abs=3)


def test_the_gain_does_not_matter():
    assert estimate(1e-3 * tones(20), SETTINGS[0]) == estimate(tones(20), SETTINGS[0])


def test_what_is_weak_beside_does_not_count():
    weak = sum(tones(45, [pitch], seconds=2.5, n_partials=1) for pitch in (55, 58, 62, 66, 71, 74, 79))
    assert estimate(tones(5) + 3e-3 * weak, SETTINGS[0]) == pytest.approx(5, abs=3)


@pytest.mark.parametrize("settings", SETTINGS, ids=["STFT", "LogFrequency"])
@pytest.mark.parametrize("y", [np.zeros(SR), np.zeros(1), tones(30, [69], seconds=0.05)], ids=["0", "1", "short"])
def test_too_little_to_tell_is_zero(settings, y):
    found = estimate(y, settings)
    assert found == 0.0
    assert np.signbit(found) == np.False_
