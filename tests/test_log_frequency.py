"""The default spectrogram: against its definition, and what it promises."""

from itertools import pairwise

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency, _bands
from nmfamt.pitch import pitch_to_hz

SR = 16000


def noise(seconds, *, seed=0, sr=SR):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * sr))


def tone(hz, seconds=1.0, *, sr=SR):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)


# Independent truths


@pytest.mark.parametrize("hz", [55.0, 110.0, 440.0, 987.77, 3000.0, 6000.0])
def test_a_tone_is_loudest_in_its_bin(hz):
    spectrogram = LogFrequency()(tone(hz), sr=SR)
    loudest = spectrogram.freqs[spectrogram.S[:, 50].argmax()]
    assert abs(np.log2(loudest / hz)) <= 0.51 / spectrogram.settings.bins_per_octave


def test_a_tone_is_found_wherever_its_rate_comes_from():
    reference = LogFrequency()(tone(440.0), sr=SR)
    for sr in (8000, 22050, 44100, 48000):
        spectrogram = LogFrequency()(tone(440.0, sr=sr), sr=sr)
        assert spectrogram.S.shape[1] == reference.S.shape[1]
        assert spectrogram.S[:, 50].argmax() == reference.S[:, 50].argmax()
        assert spectrogram.S[:, 50].max() == pytest.approx(reference.S[:, 50].max(), rel=1e-3)


def test_a_click_is_centred_on_its_frame():
    y = np.zeros(SR)
    y[30 * 160] = 1.0
    energy = LogFrequency()(y, sr=SR).S[-50:].sum(axis=0)
    assert energy.argmax() == 30
    np.testing.assert_allclose(energy[25:30], energy[31:36][::-1], rtol=1e-4)


def test_frequencies_are_a_geometric_series_up_to_fmax():
    freqs = LogFrequency(fmin=27.5, fmax=7040.0, bins_per_octave=48).freqs
    assert freqs[[0, 48, -1]] == pytest.approx([27.5, 55.0, 7040.0])


def test_the_lowest_bin_is_a_semitone_below_the_piano():
    assert LogFrequency().freqs[0] == pytest.approx(pitch_to_hz(20))


# Naive oracle


def directly(y, settings, times):
    """Return the spectra at `times` by their definition: no decimation, no FFT, one bin after the other.

    Only the grids of frequencies, on which the triangular filters are sampled, and the lengths of the
    windows, rounded to decimated samples, are taken from the code.
    """
    ratio = 2.0 ** (1 / settings.bins_per_octave)
    S = np.zeros((len(settings.freqs), len(times)))
    limits = [0.0, *settings.splits, np.inf]
    for (low, high), band in zip(pairwise(limits), _bands(settings), strict=True):
        df = settings.sr / (band.decimation * band.n_fft)
        period = (len(band.window) + 1) * band.decimation
        n = np.arange(-(period // 2), period // 2 + 1)
        window = 0.5 + 0.5 * np.cos(2 * np.pi * n / period)
        window /= window.sum()
        grid = np.arange(settings.sr / 2 / df + 1) * df
        for column, time in enumerate(times):
            places = n + round(time * settings.sr)
            inside = (places >= 0) & (places < len(y))
            excerpt = np.where(inside, y[np.clip(places, 0, len(y) - 1)], 0.0) * window
            for row in np.flatnonzero((settings.freqs >= low) & (settings.freqs < high)):
                centre = settings.freqs[row]
                below, above = max(centre - centre / ratio, df), max(centre * ratio - centre, df)
                near = grid[(grid > centre - below) & (grid < centre + above)]
                weights = 1 - np.where(near < centre, (centre - near) / below, (near - centre) / above)
                magnitudes = np.abs(np.exp(-2j * np.pi * np.outer(near, n) / settings.sr) @ excerpt)
                S[row, column] = weights @ magnitudes / np.sqrt(weights.sum())
    return S**settings.power


@pytest.mark.parametrize("power", [1.0, 0.8])
@pytest.mark.parametrize("seed", [0, 1])
def test_decimation_changes_less_than_a_tenth_of_a_percent(seed, power):
    # Found: 0.03 % of the maximum of a band (filter ripple), 1e-14 in the band that is not decimated.
    settings = LogFrequency(dtype="float64", power=power)
    y = noise(1.0, seed=seed) + tone(82.4) + tone(660.0) + tone(4000.0)
    times = [0.0, 0.07, 0.5, 1.0]
    found = settings(y, sr=SR).S[:, [0, 7, 50, 100]]
    expected = directly(y, settings, times)
    limits = [0.0, *settings.splits, np.inf]
    for low, high in pairwise(limits):
        band = (settings.freqs >= low) & (settings.freqs < high)
        assert np.abs(found - expected)[band].max() < 1e-3 * expected[band].max()


def test_windows_are_as_long_as_asked():
    settings = LogFrequency()
    for seconds, band in zip(settings.windows, _bands(settings), strict=True):
        found = (len(band.window) + 1) * band.decimation / settings.sr
        assert found == pytest.approx(seconds, abs=3.01 * band.decimation / settings.sr)
        assert found == pytest.approx(seconds, rel=0.03)


def test_single_precision_is_double_precision_rounded():
    y = noise(0.5) + tone(200.0, 0.5)
    single, double = (LogFrequency(dtype=dtype)(y, sr=SR).S for dtype in ("float32", "float64"))
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-5 * double.max())


# Properties


@pytest.mark.parametrize("gain", [1e-3, 2.0, 30.0])
@pytest.mark.parametrize("power", [0.5, 0.8, 1.0, 2.0])
def test_gain_is_raised_to_the_power(gain, power):
    settings = LogFrequency(power=power, dtype="float64")
    y = noise(0.3)
    S, louder = settings(y, sr=SR).S, settings(gain * y, sr=SR).S
    np.testing.assert_allclose(louder, gain**power * S, rtol=1e-9)


def test_an_octave_higher_is_bins_per_octave_further_up():
    # In the top band, where the window is the same.
    settings = LogFrequency(fmin=27.5)
    low, high = (settings(tone(hz), sr=SR).S[:, 50].argmax() for hz in (1500.0, 3000.0))
    assert high - low == settings.bins_per_octave


def test_silence_is_silent():
    spectrogram = LogFrequency()(np.zeros(SR), sr=SR)
    assert not spectrogram.S.any()
    assert spectrogram.level() == 0.0


@pytest.mark.parametrize("n_samples", [1, 2, 159, 160, 161])
def test_the_shortest_recordings_have_frames(n_samples):
    spectrogram = LogFrequency()(np.ones(n_samples), sr=SR)
    assert spectrogram.n_frames == 1 + n_samples // 160
    assert np.isfinite(spectrogram.S).all()
    assert (spectrogram.S >= 0).all()
    assert spectrogram.S.any()


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splits": (200.0,), "windows": (0.1,)}, "1 splits make 2 bands, but there are 1 windows"),
        ({"splits": (1200.0, 200.0), "windows": (0.1, 0.1, 0.1)}, "must be positive and increasing"),
        ({"splits": (float("nan"),), "windows": (0.1, 0.1)}, "must be positive and increasing"),
        ({"splits": (200.0,), "windows": (0.1, 0.0)}, "more than 0 and at most 10"),
        ({"fmin": 0.0}, "1 <= fmin < fmax <= sr / 2 = 8000.0"),
        ({"fmax": 9000.0}, "1 <= fmin < fmax <= sr / 2 = 8000.0"),
        ({"fmin": float("nan")}, "1 <= fmin < fmax"),
        ({"hop_length": 0}, "hop_length=0 must lie between 1 and"),
        ({"hop_length": 160.0}, "hop_length=160.0 must be a whole number"),
        ({"sr": -16000}, "sr=-16000 must lie between 1 and"),
        ({"bins_per_octave": 1201}, "must be at most 1200"),
        ({"power": 0.0}, r"power=0.0 must lie in \(0, 4\]"),
        ({"power": float("nan")}, "power=nan must lie"),
        ({"dtype": "float16"}, "must be 'float32' or 'float64'"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(NmfamtError, match=message):
        LogFrequency(**change)
