"""Spectrograms: streams, levels and settings."""

import json

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.spectrogram import CHUNK_FRAMES, Spectrogram, bandwidth, measure_level, settings_from_dict

SR = 16000


def noise(seconds, *, seed=0, sr=SR):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * sr))


def cut(y, seed):
    """Cut audio at random places, some of them equal."""
    places = np.sort(np.random.default_rng(seed).integers(0, len(y), 12))
    return np.split(y, [*places, places[-1]])


# Streams


@pytest.mark.parametrize("seed", range(3))
def test_the_cut_of_the_audio_changes_no_bit(seed):
    settings = LogFrequency()
    y = noise(2.5 * CHUNK_FRAMES * settings.hop_length / SR).astype(np.float32)
    whole = settings(y, sr=SR)
    parts = list(settings.blocks(cut(y, seed)))
    np.testing.assert_array_equal(np.concatenate([part.S for part in parts], axis=1), whole.S)
    np.testing.assert_array_equal(np.concatenate([part.times for part in parts]), whole.times)
    assert [part.n_frames for part in parts[:-1]] == [CHUNK_FRAMES] * (len(parts) - 1)


@pytest.mark.parametrize("n_chunks", [1, 2])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_recordings_that_end_near_a_chunk_border(n_chunks, extra):
    settings = LogFrequency(fmin=200, splits=(1200,), windows=(0.05, 0.02))
    y = noise(n_chunks * CHUNK_FRAMES * settings.hop_length / SR)
    y = y[: len(y) + extra] if extra < 1 else np.append(y, 0.1)
    whole = settings(y, sr=SR)
    assert whole.n_frames == 1 + len(y) // settings.hop_length
    assert sum(part.n_frames for part in settings.blocks(cut(y, 0))) == whole.n_frames


def test_a_chunk_does_not_know_its_neighbours():
    settings = LogFrequency()
    y = noise(12.0)
    late = settings(y, sr=SR).S[:, CHUNK_FRAMES + 100 : CHUNK_FRAMES + 200]
    again = settings(y[CHUNK_FRAMES * settings.hop_length :], sr=SR).S[:, 100:200]
    np.testing.assert_allclose(late, again, rtol=1e-4, atol=1e-6)


def test_frames_stand_at_multiples_of_the_hop_up_to_the_end():
    spectrogram = LogFrequency()(noise(1.0), sr=SR)
    np.testing.assert_allclose(spectrogram.times, np.arange(101) * 0.01, atol=1e-12)
    assert spectrogram.n_frames == 101
    assert LogFrequency()(noise(1.0)[:-1], sr=SR).n_frames == 100


def test_no_audio_gives_no_blocks():
    assert list(LogFrequency().blocks([])) == []
    assert list(LogFrequency().blocks([np.zeros(0)])) == []


def test_channels_are_averaged():
    y = noise(0.2)
    stereo = np.stack([2 * y, np.zeros_like(y)])
    np.testing.assert_allclose(LogFrequency()(stereo, sr=SR).S, LogFrequency()(y, sr=SR).S, rtol=1e-5)


def test_audio_is_not_changed():
    y = noise(0.2)
    kept = y.copy()
    LogFrequency(dtype="float64")(y, sr=SR)
    np.testing.assert_array_equal(y, kept)


@pytest.mark.parametrize("sr", [8000, 11025])
def test_nothing_lies_above_the_bandwidth_of_the_recording(sr):
    spectrogram = LogFrequency()(noise(1.0, sr=sr), sr=sr)
    assert spectrogram.bandwidth == bandwidth(sr, SR)
    S, freqs = spectrogram.S[:, 20:-20], spectrogram.freqs
    assert S[freqs > 1.15 * spectrogram.bandwidth].max() < 0.01 * S.max()
    below = S[(freqs > 500) & (freqs < spectrogram.bandwidth)].mean(axis=1)
    assert below.min() > 0.2 * below.mean()


# Levels


def test_level_is_a_quantile_of_the_frame_sums():
    settings = LogFrequency()
    S = np.ones((len(settings.freqs), 11)) * np.arange(11)
    spectrogram = Spectrogram(S, settings.freqs, np.arange(11) * 0.01, settings)
    assert spectrogram.level(0.5) == pytest.approx(5 * len(settings.freqs), rel=0.005)
    assert spectrogram.level(1.0) == pytest.approx(10 * len(settings.freqs), rel=0.005)


@pytest.mark.parametrize("background", [0.0, 1e-3])
def test_a_long_pause_leaves_the_level_as_it_is(background):
    settings = LogFrequency()
    S = np.ones((len(settings.freqs), 1000)) * background
    S[:, 500:520] = np.linspace(0.5, 1.0, 20)  # a fiftieth of the recording
    spectrogram = Spectrogram(S, settings.freqs, np.arange(1000) * 0.01, settings)
    assert spectrogram.level() == pytest.approx(0.95 * len(settings.freqs), rel=0.03)


def test_level_does_not_depend_on_the_blocks():
    settings = LogFrequency()
    y = noise(12.0) * np.linspace(0, 1, 12 * SR)
    assert measure_level(settings.blocks(cut(y, 0))) == settings(y, sr=SR).level()


@pytest.mark.parametrize("gain", [1e-4, 1.0, 100.0])
def test_level_follows_the_gain(gain):
    settings = LogFrequency()
    y = noise(1.0)
    expected = gain**settings.power * np.quantile(settings(y, sr=SR).S.sum(axis=0), 0.95)
    assert settings(gain * y, sr=SR).level() == pytest.approx(expected, rel=0.01)


# Settings


def test_settings_survive_json():
    for settings in (LogFrequency(), LogFrequency(splits=[300.0], windows=[0.2, 0.1], power=1)):
        again = settings_from_dict(json.loads(json.dumps(settings.to_dict())))
        assert again == settings
        assert hash(again) == hash(settings)


def test_settings_differ_where_one_number_does():
    assert LogFrequency(power=0.9) != LogFrequency()


def test_whole_numbers_of_numpy_are_whole_numbers():
    settings = LogFrequency(hop_length=np.int64(160))
    assert settings == LogFrequency()
    json.dumps(settings.to_dict())


# Errors


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"class": "Cepstrum"}, "Unknown spectrogram 'Cepstrum': the known ones are LogFrequency"),
        ({}, "Unknown spectrogram 'None'"),
        ({"class": ["LogFrequency"]}, "Unknown spectrogram"),
        ({"class": "LogFrequency", "window": 3}, "does not take these hyper-parameters"),
        ({"class": "LogFrequency", "fmin": "low"}, "does not take these hyper-parameters"),
    ],
)
def test_settings_from_elsewhere(values, message):
    with pytest.raises(NmfamtError, match=message):
        settings_from_dict(values)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(0), "not empty"),
        (np.array([0.0, np.nan, 0.0]), "NaN or infinite samples, the first at sample 1"),
        (np.array([np.inf]), "NaN or infinite samples"),
        (np.zeros(5, dtype=np.int16), "give floats between -1 and 1"),
    ],
)
def test_audio_that_is_none(y, message):
    with pytest.raises(NmfamtError, match=message):
        LogFrequency()(y, sr=SR)


@pytest.mark.parametrize("sr", [0, -1, float("nan"), float("inf")])
def test_rates_that_are_none(sr):
    with pytest.raises(NmfamtError, match="must be the sample rate of y in Hz"):
        LogFrequency()(np.zeros(5), sr=sr)


def test_axes_must_fit():
    with pytest.raises(NmfamtError, match=r"S has shape \(3, 2\), but there are 2 frequencies and 2 times"):
        Spectrogram(np.zeros((3, 2)), np.ones(2), np.ones(2), LogFrequency())


def test_a_level_beyond_the_histogram_is_loud_not_silent():
    settings = LogFrequency()
    S = np.full((len(settings.freqs), 10), 1e9)
    assert Spectrogram(S, settings.freqs, np.arange(10) * 0.01, settings).level() > 1e6
