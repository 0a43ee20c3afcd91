"""Weights of the bins in the divergence."""

import numpy as np
import pytest

from nmfamt import STFT, load_dictionary
from nmfamt.log_frequency import LogFrequency
from nmfamt.whitening import whitening_weights

FREQS = LogFrequency().freqs


def tilted(slope, n_components=3):
    """Return templates that fall with frequency."""
    W = FREQS[:, None] ** -slope * np.ones(n_components)
    return W / W.sum(axis=0)


def spread(weights, W):
    """Return how much the weighted mean template varies, as a ratio."""
    weighted = weights * W.mean(axis=1)
    return weighted.max() / weighted.min()


def test_the_more_power_the_whiter():
    W = tilted(0.5)
    spreads = [spread(whitening_weights(W, FREQS, power), W) for power in (0.0, 0.3, 0.6, 1.0)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 3 < spreads[0]


def test_no_power_is_no_weight():
    np.testing.assert_array_equal(whitening_weights(tilted(1.0), FREQS, 0.0), 1.0)


@pytest.mark.parametrize("settings", [LogFrequency(), STFT(sr=16000, hop_length=160, n_fft=2048, power=1.0)])
def test_the_mean_template_keeps_its_sum(settings):
    W = np.random.default_rng(0).gamma(0.3, size=(len(settings.freqs), 20))
    weights = whitening_weights(W, settings.freqs, 0.6)
    assert (weights > 0).all()
    assert weights @ W.mean(axis=1) == pytest.approx(W.mean(axis=1).sum())


def test_what_no_note_sounds_in_does_not_rule():
    W = np.zeros((len(FREQS), 2))
    W[200:210] = 0.1
    weights = whitening_weights(W, FREQS, 0.6)
    assert weights.max() < 5 * weights[205]


def test_partials_are_left_in_their_places():
    piano = load_dictionary("piano")
    weights = whitening_weights(piano.W, piano.settings.freqs, 0.6)
    assert np.abs(np.diff(np.log(weights))).max() < 0.1


def test_an_empty_dictionary_whitens_nothing():
    np.testing.assert_array_equal(whitening_weights(np.zeros((len(FREQS), 2)), FREQS, 0.6), 1.0)
