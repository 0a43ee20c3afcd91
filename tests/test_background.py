"""What no note explains: broad bands of noise beside the templates."""

import numpy as np
import pytest

from nmfamt import STFT, Factorization, load_dictionary
from nmfamt.background import background_bands
from nmfamt.log_frequency import LogFrequency

SR = 16000


@pytest.mark.parametrize("settings", [LogFrequency(), STFT(sr=SR, hop_length=160, n_fft=2048, power=1.0)])
@pytest.mark.parametrize("width", [0.25, 0.5, 1.0, 3.0, 40.0])
def test_bands_cover_everything_and_no_bin_more_than_another(settings, width):
    bands = background_bands(settings.freqs, width)
    assert (bands >= 0).all()
    np.testing.assert_allclose(bands.sum(axis=0), 1)
    height = bands / bands.max(axis=0)
    assert (height > 0).any(axis=1).all()
    assert ((height > 0).sum(axis=1) <= 2).all()


def test_bands_lie_as_far_apart_as_they_say():
    freqs = LogFrequency().freqs
    tops = np.log2(freqs[background_bands(freqs, 1.0).argmax(axis=0)])
    assert np.diff(tops) == pytest.approx(1.0, abs=0.1)


def test_one_bin_is_one_band():
    np.testing.assert_array_equal(background_bands(np.array([440.0]), 1.0), [[1.0]])


def shares(y, **options):
    """Return what the notes take of each frame, all together and the greatest alone."""
    flute = load_dictionary("flute")
    spectrogram = flute.settings(y, sr=SR)
    values = Factorization(flute, fading=0, **options)(spectrogram).values
    frames = spectrogram.S.sum(axis=0)
    return float((values.sum(axis=0) / frames).mean()), float((values.max(axis=0) / frames).mean())


def test_noise_is_no_note():
    y = np.random.default_rng(0).standard_normal(SR)
    assert shares(y, background=0)[0] > 0.95
    assert shares(y)[0] < 0.35


def test_a_note_is_no_noise():
    time = np.arange(SR) / SR
    y = sum(np.sin(2 * np.pi * 440 * k * time + k) / k**2 for k in range(1, 9))
    y += 1e-3 * np.random.default_rng(0).standard_normal(SR)
    without, with_background = shares(y, background=0)[1], shares(y)[1]
    assert with_background > 0.8 * without
