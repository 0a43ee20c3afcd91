"""The kernels of Klapuri's methods, on spectra of a few bins whose results are computed by hand."""

import numpy as np
import pytest

from nmfamt.multipitch import _bandwise, _joint_salience, _klapuri
from nmfamt.multipitch.bandwise import BandwiseF0

pytestmark = pytest.mark.kernel


def candidates(*bins):
    """Return where partials are that lie in one bin each."""
    low = np.array(bins, dtype=np.int64)
    return low, low.copy()


@pytest.mark.parametrize(
    ("kernel", "window"),
    [(_klapuri.lobe_at, np.hanning), (_bandwise.hamming_lobe_at, np.hamming)],
    ids=["Hann", "Hamming"],
)
def test_a_lobe_is_the_transform_of_its_window(kernel, window):
    padding = 8
    spectrum = np.fft.fft(np.roll(np.pad(window(4097)[:-1], (0, (padding - 1) * 4096)), -2048)).real
    for bins in range(2 * padding):
        assert kernel(bins / padding) == pytest.approx(spectrum[bins] / spectrum[0], abs=2e-3)
    assert kernel(2.0) == kernel(-2.5) == 0


def test_partials_are_cancelled_by_their_weight_over_that_of_the_first():
    spectrum, detected = np.zeros(12), np.zeros(12)
    spectrum[[3, 7]] = 2.0
    low, high = candidates([3, 7])
    _klapuri.add_partials(spectrum, low[0], high[0], np.array([0.4, 0.1]), 1.0, detected)
    expected = np.zeros(12)
    expected[2:5] = [1.0, 2.0, 1.0]
    expected[6:9] = [0.25, 0.5, 0.25]
    np.testing.assert_allclose(detected, expected)


def test_a_partial_between_two_bins_is_put_where_it_is():
    spectrum, detected = np.zeros(9), np.zeros(9)
    spectrum[3:6] = [0.8, 1.0, 0.9]
    low, high = candidates([4])
    _klapuri.add_partials(spectrum, low[0], high[0], np.array([1.0]), 1.0, detected)
    offset = 1 / 6  # the vertex of the parabola through the three
    height = 1.0 - 0.25 * (0.8 - 0.9) * offset
    np.testing.assert_allclose(detected[4], height * _klapuri.lobe_at(offset))
    np.testing.assert_allclose(detected[5], height * _klapuri.lobe_at(1 - offset))


def test_what_is_not_cancelled_is_left_for_the_next():
    Y = np.zeros((1, 9))
    Y[0, 4] = 1.0
    low, high = candidates([4], [4])
    weights, starts = np.array([[1.0], [0.9]]), np.arange(3)
    found = _klapuri.take_turns(Y, low, high, weights, starts, 1.0, 0.5, 0.0, 2)
    np.testing.assert_allclose(found, [[1.0, 0.45]])
    np.testing.assert_allclose(_klapuri.take_turns(Y, low, high, weights, starts, 1.0, 0.5, 0.7, 2), [[1.0, 0.0]])


def test_partners_lose_to_each_other_what_both_claim_and_no_more_than_there_is():
    spectrum = np.zeros(9)
    spectrum[4] = 3.0
    low, high = candidates([4], [4])
    weights = np.array([[1.0], [0.4]])
    lost = _joint_salience.inhibition(spectrum, low, high, weights, 1.0, 2.0)
    # Of the first 1.0 * 3 * min(1, 2 * 0.4), of the second 0.4 * 3 * min(1, 2 * 1.0).
    np.testing.assert_allclose(lost, [[0, 2.4 + 1.2], [2.4 + 1.2, 0]])


def test_means_over_an_octave_are_weighted_by_a_hamming_window():
    def weight(ratio):
        return 0.54 + 0.46 * np.cos(2 * np.pi * np.log2(ratio))

    third = (3.0 + 7.0 * weight(4 / 3)) / (1 + weight(4 / 3))
    fourth = (7.0 + 3.0 * weight(3 / 4)) / (1 + weight(3 / 4))
    np.testing.assert_allclose(_bandwise.octave_means(np.array([5.0, 9.0, 3.0, 7.0])), [5.0, 9.0, third, fourth])


def test_the_weight_is_the_root_of_the_sum_of_the_squares_of_bands():
    bands, edges = np.array([[3.0], [4.0]]), np.array([[10, 11], [20, 21]])
    places, parts = np.array([[10, 20]]), np.array([[[0, 1], [1, 2]]])
    assert _bandwise._weigh(bands, places, parts, edges, np.zeros(2, dtype=np.int64)) == (5.0, 0)


def test_partials_of_stiff_strings_are_looked_for_where_they_are():
    front_end = BandwiseF0(fmin=220, fmax=220, tuning=0.0, n_steps=1, inharmonicities=(0.0, 0.01))
    places, _ = front_end._partials(np.array([[0, 1200]]), 1.0)
    assert places[0, 0, :4].tolist() == [220, 440, 660, 880]
    assert places[0, 1, :3].tolist() == [220, round(440 * np.sqrt(1.03)), round(660 * np.sqrt(1.08))]
