"""The default spectrogram: against its definition, and what it promises."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency, _bands, _suits_kernels, _with_arrays, _with_kernels
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("power", [1.0, 0.8])
@pytest.mark.parametrize("seed", [0, 1])
def test_decimation_changes_less_than_a_tenth_of_a_percent(seed, power, dtype):
    # Found: 0.03 % of the maximum of a band (filter ripple), in the band that is not decimated 1e-14 or 6e-7.
    settings = LogFrequency(dtype=dtype, power=power)
    y = noise(1.0, seed=seed) + tone(82.4) + tone(660.0) + tone(4000.0)
    times = [0.0, 0.07, 0.5, 1.0]
    found = settings(y, sr=SR).S[:, [0, 7, 50, 100]]
    expected = directly(y, settings, times)
    limits = [0.0, *settings.splits, np.inf]
    for low, high in pairwise(limits):
        band = (settings.freqs >= low) & (settings.freqs < high)
        limit = 1e-3 if low < settings.splits[-1] else {"float32": 2e-6, "float64": 1e-12}[dtype]
        assert np.abs(found - expected)[band].max() < limit * expected[band].max()


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


# Kernels against array operations

SMALL = LogFrequency(
    sr=1000, hop_length=8, bins_per_octave=12, fmin=60.0, fmax=480.0, splits=(90.0,), windows=(0.07, 0.03)
)
ROUNDING = {"float32": 2e-6, "float64": 1e-13}

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def both(y, settings, n_frames):
    """Return the frames as the kernels and as array operations give them; the first begins with the audio."""
    context = max(band.reach for band in _bands(settings))
    y = np.concatenate([np.zeros(context), y, np.zeros(2 * context + n_frames * settings.hop_length)])
    y = y[: 2 * context + 1 + (n_frames - 1) * settings.hop_length].astype(settings.dtype)
    return _with_kernels(y, settings, context, n_frames), _with_arrays(y, settings, context, n_frames)


@each_dtype
@pytest.mark.parametrize("power", [0.7, 1.0, 2.5])
@pytest.mark.kernel
def test_kernels_do_what_array_operations_do(power, dtype):
    settings = replace(SMALL, power=power, dtype=dtype)
    assert [band.decimation for band in _bands(settings)] == [2, 1]
    found, expected = both(noise(0.1, sr=1000), settings, 5)
    assert (found.dtype, found.shape) == (dtype, expected.shape)
    np.testing.assert_allclose(found, expected, atol=ROUNDING[dtype] * expected.max())


@each_dtype
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"hop_length": 256},
        {"hop_length": 147, "fmax": 5000.0},
        {"splits": (), "windows": (0.05,)},
        {"splits": (100.0,), "windows": (1.0, 0.0001)},
        {"sr": 44100, "hop_length": 441},
        {"bins_per_octave": 240},
        {"fmin": 1.0, "fmax": 8000.0, "splits": (20.0, 7000.0), "windows": (0.5, 0.1, 0.001)},
    ],
)
@pytest.mark.parametrize("n_frames", [1, 64, 150])
def test_kernels_suit_all_settings(change, dtype, n_frames):
    settings = LogFrequency(**{"dtype": dtype, **change})
    found, expected = both(noise(1.0), settings, n_frames)
    np.testing.assert_allclose(found, expected, atol=ROUNDING[dtype] * expected.max())


@each_dtype
@pytest.mark.parametrize("n_fft", [1, 2, 4, 8, 32])
@pytest.mark.kernel
def test_the_transform(n_fft, dtype):
    from nmfamt._log_frequency import BLOCK_FRAMES, _order, _transform

    x = np.random.default_rng(0).standard_normal((n_fft, 2 * BLOCK_FRAMES)).astype(dtype)
    turn = 2 * np.pi * np.arange(2 * n_fft) / (2 * n_fft)
    expected = np.fft.fft(x[:, :BLOCK_FRAMES] + 1j * x[:, BLOCK_FRAMES:], axis=0)
    _transform(x, np.cos(turn).astype(dtype), np.sin(turn).astype(dtype))
    found = (x[:, :BLOCK_FRAMES] + 1j * x[:, BLOCK_FRAMES:])[_order(n_fft)]
    np.testing.assert_allclose(found, expected, atol=10 * np.finfo(dtype).eps * np.abs(expected).max())


@each_dtype
@pytest.mark.parametrize("power", [0.1, 0.5, 0.7, 2.0, 4.0])
@pytest.mark.kernel
def test_powers(power, dtype):
    from nmfamt._log_frequency import _power_tables, _raise

    values = np.concatenate([[0.0, 1.0], np.geomspace(1e-8, 1e8, 99), np.linspace(0.999, 2.001, 99)]).astype(dtype)
    found, scratch = values.copy(), np.empty((2, len(values)), dtype)
    bits = found.view(np.uint32 if dtype == "float32" else np.uint64)
    _raise(found, bits, np.finfo(dtype).nmant, *_power_tables(power, np.dtype(dtype)), *scratch)
    assert found[0] == 0
    rtol = {"float32": 5e-7, "float64": 5e-14}[dtype]
    np.testing.assert_allclose(found, values.astype(np.float64) ** power, rtol=rtol)


@each_dtype
def test_silence_beside_the_loudest_is_silent(dtype):
    y = np.zeros(2 * SR)
    y[SR:] = 1000 * noise(1.0)
    S = LogFrequency(dtype=dtype)(y, sr=SR).S
    assert not S[:, :75].any()
    assert S[:, 100:].all()


def test_audio_too_loud_to_be_squared_goes_another_way():
    y = noise(0.5).astype(np.float32)
    assert _suits_kernels(y)
    assert not _suits_kernels(np.float32(2.0**70) * y)
    settings = LogFrequency(power=1.0)
    louder = settings(np.float32(2.0**70) * y, sr=SR).S
    np.testing.assert_allclose(louder / np.float32(2.0**70), settings(y, sr=SR).S, rtol=1e-4, atol=1e-6)


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
