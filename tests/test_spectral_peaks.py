"""Spectral peaks, against sinusoids of known frequency and a loop."""

import numpy as np
import pytest

from nmfamt import STFT
from nmfamt.multipitch.spectral_peaks import find_peaks

SR = 22050
SETTINGS = STFT(sr=SR, n_fft=8192, win_length=2048, hop_length=220, power=1.0)


def test_sinusoids_are_found_where_and_as_strong_as_they_are():
    hz, amplitude = np.array([200.3, 441.7, 1234.5, 5000.1]), np.array([1.0, 0.3, 0.05, 0.5])
    t = np.arange(SR // 4) / SR
    spectrogram = SETTINGS(amplitude @ np.sin(2 * np.pi * hz[:, None] * t), sr=SR).frames(10, 14)
    peaks = find_peaks(spectrogram.S, spectrogram.freqs, floor=29)
    np.testing.assert_array_equal(np.diff(peaks.starts), 4)
    np.testing.assert_allclose(peaks.freqs.reshape(4, 4), np.tile(hz, (4, 1)), atol=0.3)
    np.testing.assert_allclose(peaks.amplitudes.reshape(4, 4), np.tile(amplitude, (4, 1)), rtol=0.03)


@pytest.mark.parametrize("above", [None, 3.0])
def test_peaks_agree_with_a_loop(above):
    rng = np.random.default_rng(0)
    S, freqs = rng.gamma(0.5, size=(60, 5)), 10 * np.arange(1.0, 61)
    S[:, 2] = 0
    peaks = find_peaks(S, freqs, floor=20, above=above, width=100)
    for t in range(5):
        x = S[:, t] / max(S[:, t].max(), 1e-30)
        expected = []
        for k in range(1, 59):
            db = 20 * np.log10(np.maximum(x[max(0, k - 5) : k + 6], 1e-5))
            is_loud = above is None or 20 * np.log10(max(x[k], 1e-5)) >= db.mean() + above
            if x[k] > x[k - 1] and x[k] >= x[k + 1] and x[k] >= 0.1 and is_loud:
                parabola = np.polyfit([-1, 0, 1], np.log(np.maximum(x[k - 1 : k + 2], 1e-5)), 2)
                place = -parabola[1] / (2 * parabola[0])
                expected.append((freqs[k] + 10 * place, np.exp(np.polyval(parabola, place))))
        found = slice(peaks.starts[t], peaks.starts[t + 1])
        np.testing.assert_allclose(
            np.stack([peaks.freqs[found], peaks.amplitudes[found]], axis=1).reshape(-1, 2),
            np.array(expected).reshape(-1, 2),
        )
    assert len(peaks.freqs) > 10


def test_of_nothing_there_are_no_peaks():
    for S in (np.zeros((50, 3)), np.zeros((50, 0)), np.ones((50, 3)), np.ones((2, 3))):
        peaks = find_peaks(S, np.arange(1.0, len(S) + 1), floor=60)
        assert not len(peaks.freqs)
        assert peaks.starts.tolist() == [0] * (S.shape[1] + 1)


def test_gain_does_not_matter():
    S = np.random.default_rng(1).random((80, 4))
    one, other = (find_peaks(gain * S, np.arange(1.0, 81), floor=60, above=2, width=9) for gain in (1.0, 2.0**-20))
    for name in ("freqs", "amplitudes", "starts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
