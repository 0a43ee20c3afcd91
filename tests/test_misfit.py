"""Dictionaries that fit badly."""

import numpy as np
from nmfamt.templates.misfit import misfit

from nmfamt.dictionary import load_dictionary
from nmfamt.pitch import pitch_to_hz


def test_what_is_drawn_is_another_timbre_of_the_same_notes():
    flute = load_dictionary("flute")
    one, same, other = (misfit(flute, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.hash == same.hash != other.hash
    for name in ("pitches", "stages", "instruments", "filled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(flute, name))
    np.testing.assert_allclose(one.W.sum(axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(one.W > 0, flute.W > 0)


def test_without_deviation_a_tilt_is_left():
    flute = load_dictionary("flute")
    tilted = misfit(flute, rng=np.random.default_rng(0), tilt=1.0, deviation=0.0)
    columns = flute.pitches == 72
    k = flute.settings.freqs / pitch_to_hz(72)
    heard = (k >= 1) & (flute.W[:, columns] > 1e-6).all(axis=1)
    gain = np.log(tilted.W[heard][:, columns] / flute.W[heard][:, columns])
    slopes = np.polyfit(np.log(k[heard]), gain, 1)[0]
    np.testing.assert_allclose(slopes, slopes[0], atol=1e-3)
    assert 0.01 < abs(slopes[0]) <= 1


def test_stages_of_a_pitch_change_alike():
    flute = load_dictionary("flute")
    other = misfit(flute, rng=np.random.default_rng(3))
    (attack, sustain, *_) = np.flatnonzero(flute.pitches == 72)
    gain = np.log(np.maximum(other.W, 1e-30)) - np.log(np.maximum(flute.W, 1e-30))
    heard = (flute.W[:, attack] > 1e-6) & (flute.W[:, sustain] > 1e-6)
    np.testing.assert_allclose(np.ptp(gain[heard, attack] - gain[heard, sustain]), 0, atol=1e-2)
    assert 0.3 < gain[heard, attack].std() < 3
