"""Recordings that are read more than once."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from nmfamt import audio
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.log_frequency import LogFrequency
from nmfamt.recording import open_recording

SETTINGS = LogFrequency(sr=8000, hop_length=80, fmin=100.0, fmax=3000.0, bins_per_octave=12, splits=(), windows=(0.1,))
SR = SETTINGS.sr


def noise(seconds, sr=SR, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * sr))).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    soundfile.write(tmp_path / "noise.wav", noise(12.3), SR, subtype="FLOAT")
    return tmp_path / "noise.wav"


def spectrum(recording, **options):
    """Return the spectrogram of a recording in one piece, and its times."""
    parts = list(recording.spectrograms(SETTINGS, **options))
    return np.concatenate([part.S for part in parts], axis=1), np.concatenate([part.times for part in parts])


def opened(source, **options):
    return open_recording(source, target=SR, **options)


# Independent truths


def test_a_file_is_an_array(path):
    S, times = spectrum(opened(path))
    same, same_times = spectrum(opened(noise(12.3), sr=SR))
    np.testing.assert_array_equal(S, same)
    np.testing.assert_array_equal(times, same_times)
    np.testing.assert_array_equal(S, SETTINGS(noise(12.3), sr=SR).S)


def test_it_can_be_read_again(path):
    for recording in (opened(path), opened(noise(12.3), sr=SR)):
        np.testing.assert_array_equal(spectrum(recording)[0], spectrum(recording)[0])


@pytest.mark.parametrize(("start", "end"), [(0.0, 2.0), (3.25, 7.5), (12.0, None), (11.0, 99.0)])
def test_a_part_is_cut_out_and_keeps_the_times_of_the_whole(path, start, end):
    expected = noise(12.3)[round(start * SR) : None if end is None else round(end * SR)]
    for recording in (opened(path, start=start, end=end), opened(noise(12.3), sr=SR, start=start, end=end)):
        S, times = spectrum(recording)
        np.testing.assert_array_equal(S, SETTINGS(expected, sr=SR).S)
        np.testing.assert_allclose(times, start + 0.01 * np.arange(S.shape[1]))
        assert recording.duration == pytest.approx(len(expected) / SR)


def test_another_rate_is_resampled_and_its_band_known(tmp_path):
    y = noise(3.0, sr=5000)
    soundfile.write(tmp_path / "slow.wav", y, 5000, subtype="FLOAT")
    for recording in (opened(tmp_path / "slow.wav"), opened(y, sr=5000)):
        (spectrogram,) = recording.spectrograms(SETTINGS)
        assert spectrogram.bandwidth == 0.45 * 5000
        assert spectrogram.n_frames == 301
        np.testing.assert_allclose(spectrogram.S, SETTINGS(y, sr=5000).S, rtol=0.02, atol=1e-4)


def test_channels_are_averaged():
    stereo = np.stack([noise(1.0), noise(1.0, seed=1)])
    np.testing.assert_array_equal(spectrum(opened(stereo, sr=SR))[0], spectrum(opened(stereo.mean(axis=0), sr=SR))[0])


@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.0, 1e-9), (0.9999, None)])
def test_at_least_one_sample_is_read(tmp_path, start, end):
    soundfile.write(tmp_path / "short.wav", [0.5, 0.5], 2, subtype="FLOAT")
    for recording in (
        opened(tmp_path / "short.wav", start=start, end=end),
        opened([0.5, 0.5], sr=2, start=start, end=end),
    ):
        assert sum(len(block) for block in recording.read()) >= 1
        assert spectrum(recording)[0].shape[1] >= 1


# Properties


@pytest.mark.parametrize("seconds", [0.05, 1.7, 100.0])
def test_the_size_of_blocks_has_no_influence(path, monkeypatch, seconds):
    expected, _ = spectrum(opened(path))
    blocks = audio.blocks
    monkeypatch.setattr(audio, "blocks", lambda *args, **options: blocks(*args, block_seconds=seconds, **options))
    found, _ = spectrum(opened(path))
    np.testing.assert_array_equal(found, expected)


def test_progress_rises_to_the_end(path):
    done = []
    spectrum(opened(path, start=1.0), progress=done.append)
    assert done == sorted(done)
    assert len(done) > 1
    assert (done[0] > 0, done[-1]) == (True, pytest.approx(1.0, abs=0.01))


def test_blocks_can_be_handed_over(path):
    recording = opened(path)
    np.testing.assert_array_equal(spectrum(recording, blocks=[noise(2.0)])[0], SETTINGS(noise(2.0), sr=SR).S)


# Two passes

N_BYTES = noise(12.3).nbytes


def counted(recording):
    """Return the recording, and how often it is read."""
    reads = []
    return replace(recording, read=lambda: reads.append(1) or recording.read()), reads


@pytest.mark.parametrize(("n_bytes", "n_reads"), [(10**8, 1), (N_BYTES, 1), (N_BYTES - 1, 2), (0, 2)])
def test_the_second_pass_is_the_first_again(path, monkeypatch, n_bytes, n_reads):
    monkeypatch.setattr("nmfamt.recording.AUDIO_BYTES", n_bytes)
    for source in (opened(path), opened(noise(12.3), sr=SR)):
        recording, reads = counted(source)
        done = []
        first, second = recording.passes(SETTINGS, second=done.append)
        before, after = list(first), list(second)
        assert len(reads) == n_reads
        assert len(before) == len(after) == 3
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one.S, other.S)
            np.testing.assert_array_equal(one.times, other.times)
            assert one.bandwidth == other.bandwidth
        assert done == sorted(done)
        assert (0 < done[0] < 0.5, done[-1]) == (True, pytest.approx(1.0, abs=0.01))


@pytest.mark.parametrize(("n_bytes", "n_kept"), [(10**8, 5), (N_BYTES - 1, 0)])
def test_no_more_is_kept_than_the_budget_and_only_until_it_is_used(monkeypatch, n_bytes, n_kept):
    monkeypatch.setattr("nmfamt.recording.AUDIO_BYTES", n_bytes)
    blocks = []

    def read():
        for part in np.array_split(noise(12.3), 5):
            blocks.append(weakref.ref(block := part.copy()))
            yield block

    first, second = replace(opened(noise(12.3), sr=SR), read=read).passes(SETTINGS)

    def n_alive():
        gc.collect()
        return sum(block() is not None for block in blocks)

    for _ in first:
        pass
    assert n_alive() == n_kept
    left = []
    for _ in second:
        left.append(n_alive())
    if n_kept:
        assert left == sorted(left, reverse=True)
    assert left[-1] <= 2
    assert n_alive() == 0


# Errors and warnings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"needs its sample rate: transcribe\(y, sr=44100\)"),
        ({"sr": 0}, "sr=0 must be the sample rate of y in Hz"),
        ({"sr": -16000.0}, "sr=-16000.0 must be"),
        ({"sr": float("nan")}, "sr=nan must be"),
        (
            {"sr": SR, "start": 2.0},
            r"start=2.0 s is not inside the audio, which lasts 1.000 s: give a time from 0 to 1.000",
        ),
        ({"sr": SR, "start": -0.1}, "start=-0.1 s is not inside"),
        ({"sr": SR, "start": float("nan")}, "start=nan s is not inside"),
        ({"sr": SR, "start": 0.5, "end": 0.5}, r"end=0.5 s is not after start=0.5 s: give a later end"),
        ({"sr": SR, "end": float("nan")}, "end=nan s is not after"),
    ],
)
def test_arrays_that_cannot_be_opened(options, message):
    with pytest.raises(NmfamtError, match=message):
        opened(noise(1.0), **options)


def test_audio_that_is_not_sound():
    with pytest.raises(NmfamtError, match="NaN or infinite samples"):
        opened(np.array([0.0, np.nan]), sr=SR)


def test_files_that_cannot_be_opened(tmp_path, path):
    with pytest.raises(NmfamtError, match=r"missing\.wav"):
        opened(tmp_path / "missing.wav")
    with pytest.raises(NmfamtError, match=r"start=20.0 s is not inside .*noise\.wav"):
        opened(path, start=20.0).read()


def test_a_file_cut_short_is_said_when_it_is_read(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.warns(NmfamtWarning, match=r"noise\.wav"):
        blocks = opened(path).read()
    assert 0 < sum(len(block) for block in blocks) < 7 * SR


@pytest.mark.parametrize("n_bytes", [0, 10**8])
def test_a_file_cut_short_is_said_in_the_first_pass_alone(path, monkeypatch, n_bytes):
    monkeypatch.setattr("nmfamt.recording.AUDIO_BYTES", n_bytes)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    first, second = opened(path).passes(SETTINGS)
    with pytest.warns(NmfamtWarning, match=r"noise\.wav"):
        n_blocks = len(list(first))
    assert len(list(second)) == n_blocks
