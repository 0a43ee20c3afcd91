"""The spectrograms of librosa behind the interface of `LogFrequency`."""

import json

import librosa
import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.spectrogram import CHUNK_FRAMES, settings_from_dict
from nmfamt.spectrogram_librosa import CQT, STFT, VQT, Mel, _filter_shapes

SR = 16000
ALL = [
    STFT(n_fft=1024),
    STFT(n_fft=1001, hop_length=147),
    Mel(n_fft=2048, n_mels=80, fmin=0.0),
    CQT(fmin=55.0, n_bins=72, bins_per_octave=12),
    CQT(fmin=220.0, n_bins=36, bins_per_octave=12, hop_length=147),
    VQT(fmin=55.0, n_bins=144, bins_per_octave=24),
    VQT(fmin=392.0, n_bins=10, gamma=20.0, hop_length=512),
]
NAMES = [f"{type(settings).__name__}-{settings.hop_length}" for settings in ALL]
each = pytest.mark.parametrize("settings", ALL, ids=NAMES)


def noise(seconds, *, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SR))


def tone(hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)


# Independent truths


@each
def test_a_tone_is_loudest_in_its_bin(settings):
    spectrogram = settings(tone(440.0), sr=SR)
    middle = spectrogram.S[:, spectrogram.n_frames // 2]
    assert middle.argmax() == np.abs(spectrogram.freqs - 440.0).argmin()


@each
def test_a_click_is_centred_on_its_frame(settings):
    y = np.zeros(2 * SR)
    y[40 * settings.hop_length] = 1.0
    energy = settings(y, sr=SR).S.sum(axis=0)
    assert abs(np.average(np.arange(len(energy)), weights=energy) - 40) < 0.1


@each
def test_frames_and_frequencies(settings):
    y = noise(1.0)
    spectrogram = settings(y, sr=SR)
    assert spectrogram.n_frames == 1 + len(y) // settings.hop_length
    np.testing.assert_allclose(np.diff(spectrogram.times), settings.hop_length / SR)
    assert spectrogram.S.shape == (len(spectrogram.freqs), spectrogram.n_frames)
    assert (np.diff(spectrogram.freqs) > 0).all()
    assert spectrogram.freqs[0] > 0
    assert spectrogram.settings == settings


# librosa as the oracle


def test_stft_is_that_of_librosa_without_0_hz():
    y = noise(6.0)
    expected = np.abs(librosa.stft(y, n_fft=1024, hop_length=160))[1:]
    found = STFT(n_fft=1024, power=1.0, dtype="float64")(y, sr=SR)
    np.testing.assert_allclose(found.S, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.freqs, librosa.fft_frequencies(sr=SR, n_fft=1024)[1:])


def test_mel_is_that_of_librosa_on_magnitudes():
    y = noise(6.0)
    shape = {"n_fft": 2048, "n_mels": 64, "fmin": 50.0, "fmax": 7000.0}
    expected = librosa.feature.melspectrogram(y=y, sr=SR, hop_length=160, power=1.0, **shape)
    found = Mel(**shape, power=1.0, dtype="float64")(y, sr=SR)
    np.testing.assert_allclose(found.S, expected, rtol=1e-6)
    np.testing.assert_allclose(found.freqs, librosa.mel_frequencies(66, fmin=50.0, fmax=7000.0)[1:-1])


@pytest.mark.parametrize("gamma", [0.0, None, 10.0])
@pytest.mark.parametrize(("hop_length", "n_bins"), [(160, 72), (512, 20), (147, 40)])
def test_constant_and_variable_q_are_those_of_librosa(gamma, hop_length, n_bins):
    y = noise(8.0) * np.hanning(8 * SR)
    shape = {"hop_length": hop_length, "fmin": 100.0, "n_bins": n_bins, "bins_per_octave": 12}
    expected = np.abs(librosa.vqt(y, sr=SR, gamma=gamma, **shape))
    found = VQT(**shape, gamma=gamma, power=1.0, dtype="float64")(y, sr=SR)
    # Found: 4e-7, from the resamplers, which work in blocks of their own.
    np.testing.assert_allclose(found.S, expected[:, : found.n_frames], rtol=0, atol=1e-5 * expected.max())
    np.testing.assert_allclose(found.freqs, librosa.cqt_frequencies(n_bins, fmin=100.0))
    if gamma == 0:
        constant = CQT(**shape, power=1.0, dtype="float64")(y, sr=SR)
        np.testing.assert_array_equal(constant.S, found.S)


@pytest.mark.parametrize("gamma", [0.0, None, 10.0])
def test_lengths_and_limits_of_the_filters_are_those_of_librosa(gamma):
    settings = VQT(gamma=gamma)
    freqs = settings.freqs
    expected, cutoff = librosa.filters.wavelet_lengths(
        freqs=freqs, sr=SR, gamma=gamma, alpha=np.full(len(freqs), alpha_of(settings.bins_per_octave))
    )
    lengths, upper_ends = _filter_shapes(settings, gamma)
    np.testing.assert_allclose(lengths, expected)
    assert upper_ends.max() == pytest.approx(cutoff)


def alpha_of(bins_per_octave):
    """Relative bandwidth: half the distance to both neighbours, over their mean."""
    above, below = 2 ** (1 / bins_per_octave), 2 ** (-1 / bins_per_octave)
    return (above - below) / (above + below)


# Properties


@each
def test_the_cut_of_the_audio_changes_no_bit(settings):
    y = noise(1.3 * CHUNK_FRAMES * settings.hop_length / SR).astype(np.float32)
    places = np.sort(np.random.default_rng(0).integers(0, len(y), 9))
    whole = settings(y, sr=SR)
    parts = list(settings.blocks(np.split(y, [*places, places[-1]])))
    assert len(parts) == 2
    np.testing.assert_array_equal(np.concatenate([part.S for part in parts], axis=1), whole.S)
    np.testing.assert_array_equal(np.concatenate([part.times for part in parts]), whole.times)


@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_kept(settings, dtype):
    settings = settings_from_dict({**settings.to_dict(), "dtype": dtype})
    S = settings(noise(0.3), sr=SR).S
    assert S.dtype == np.dtype(dtype)
    double = settings_from_dict({**settings.to_dict(), "dtype": "float64"})(noise(0.3), sr=SR).S
    np.testing.assert_allclose(S, double, rtol=1e-2, atol=1e-4 * double.max())


@each
def test_gain_is_raised_to_the_power(settings):
    settings = settings_from_dict({**settings.to_dict(), "dtype": "float64", "power": 0.6})
    S, louder = (settings(gain * noise(0.3), sr=SR).S for gain in (1.0, 20.0))
    # The resamplers of CQT and VQT compute in single precision inside.
    np.testing.assert_allclose(louder, 20**0.6 * S, rtol=1e-3, atol=1e-5 * louder.max())


@each
@pytest.mark.parametrize("n_samples", [1, 2, 100, 2000])
def test_short_recordings(settings, n_samples):
    S = settings(np.ones(n_samples), sr=SR).S
    assert S.shape[1] == 1 + n_samples // settings.hop_length
    assert np.isfinite(S).all()
    assert (S >= 0).all()
    assert S.any()


@each
def test_silence_is_silent(settings):
    assert not settings(np.zeros(SR // 2), sr=SR).S.any()


@each
def test_other_rates_are_resampled(settings):
    y = librosa.tone(440.0, sr=44100, duration=1.0)
    spectrogram = settings(y, sr=44100)
    middle = spectrogram.n_frames // 2
    assert spectrogram.n_frames == settings(tone(440.0), sr=SR).n_frames
    assert spectrogram.S[:, middle].argmax() == np.abs(spectrogram.freqs - 440.0).argmin()


@each
def test_settings_survive_json(settings):
    again = settings_from_dict(json.loads(json.dumps(settings.to_dict())))
    assert again == settings
    assert type(again) is type(settings)


def test_a_constant_q_transform_is_not_a_variable_q_transform():
    assert CQT() != VQT(gamma=0.0)


# Errors


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (STFT, {"n_fft": 1}, "n_fft=1 leaves no bin above 0 Hz"),
        (STFT, {"n_fft": 512.0}, "n_fft=512.0 must be a whole number"),
        (STFT, {"dtype": "int16"}, "must be 'float32' or 'float64'"),
        (Mel, {"fmax": 8001.0}, "0 <= fmin < fmax <= sr / 2 = 8000.0"),
        (Mel, {"fmin": -1.0}, "0 <= fmin < fmax"),
        (Mel, {"n_mels": 400, "n_fft": 1024}, "take n_fft=2048, or fewer filters"),
        (Mel, {"n_mels": 10**6}, "take n_fft=[0-9]+, or fewer filters"),
        (CQT, {"n_bins": 400}, "take 297 at most, or a lower fmin"),
        (CQT, {"fmin": 0.5}, "fmin=0.5 Hz from 1 to below sr / 2"),
        (CQT, {"bins_per_octave": 5000}, "bins_per_octave=5000 must be at most 1200"),
        (CQT, {"power": -1.0}, "power=-1.0 must lie in"),
        (VQT, {"gamma": -1.0}, "gamma=-1.0 must lie in"),
        (VQT, {"gamma": float("nan")}, "gamma=nan must lie in"),
        (VQT, {"hop_length": 0}, "hop_length=0 must lie between 1 and"),
    ],
)
def test_impossible_settings(kind, change, message):
    with pytest.raises(NmfamtError, match=message):
        kind(**change)


def test_what_the_error_advises_works():
    Mel(n_mels=400, n_fft=2048)
    assert CQT(n_bins=297)(noise(0.1), sr=SR).n_frames == 11


@each
def test_audio_that_is_none(settings):
    with pytest.raises(NmfamtError, match="not empty"):
        settings(np.zeros(0), sr=SR)
    with pytest.raises(NmfamtError, match="NaN or infinite"):
        settings(np.full(10, np.nan), sr=SR)
