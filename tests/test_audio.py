"""Recordings: every format, rate and channel count; the bad ones refused in one sentence."""

import os
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from nmfamt import audio
from nmfamt.exceptions import NmfamtError, NmfamtWarning


def sine(sr, seconds=1.0, hz=440.0, n_channels=1):
    times = np.arange(round(sr * seconds)) / sr
    return np.tile(0.5 * np.sin(2 * np.pi * hz * times), (n_channels, 1)).T


@pytest.fixture
def noise(tmp_path):
    """Two channels of noise, 3.3 s at 44.1 kHz."""
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (145_530, 2)), 44100)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_formats(tmp_path, suffix, n_channels):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, sine(44100, n_channels=n_channels), 44100)
    header = audio.info(path)
    assert (header.sr, header.n_channels, header.duration) == (44100, n_channels, 1.0)
    y, sr = audio.load(path)
    assert (y.dtype, y.shape, sr) == (np.float32, (44100,), 44100)
    np.testing.assert_allclose(y, sine(44100)[:, 0], atol=0.02)


@pytest.mark.parametrize(("rate", "n_channels"), [(8000, 1), (192_000, 1), (48_000, 8), (16_000, 2)])
def test_rates_and_channels(tmp_path, rate, n_channels):
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(rate, n_channels=n_channels), rate, subtype="FLOAT")
    y, sr = audio.load(path, sr=16_000)
    assert (sr, len(y)) == (16_000, 16_000)
    np.testing.assert_allclose(y[800:-800], sine(16_000)[800:-800, 0], atol=1e-3)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 8])
def test_the_mix_is_the_mean(tmp_path, n_channels):
    channels = np.random.default_rng(0).uniform(-1, 1, (1000, n_channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", channels, 8000, subtype="FLOAT")
    y, _ = audio.load(tmp_path / "a.wav")
    np.testing.assert_allclose(y, channels.mean(axis=1, dtype=np.float64), atol=2e-7)
    if n_channels < 3:
        np.testing.assert_array_equal(y, channels.mean(axis=1))


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile([0.5, -0.25, 0.125], (100, 1)), 8000, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(path)[0], 0.125)


@pytest.mark.parametrize("sr", [44100, 22050, 16_000, 48_000])
@pytest.mark.parametrize("block_seconds", [0.01, 0.7, 10.0])
def test_blocks_are_the_whole_in_pieces(noise, sr, block_seconds):
    pieces = list(audio.blocks(noise, sr=sr, block_seconds=block_seconds))
    assert {len(piece) for piece in pieces[:-1]} <= {round(block_seconds * sr)}
    assert 0 < len(pieces[-1]) <= round(block_seconds * sr)
    assert {piece.dtype for piece in pieces} == {np.dtype(np.float32)}
    whole = soundfile.read(noise, dtype="float32")[0].mean(axis=1)
    expected = audio.resample(whole, sr=44100, target=sr)
    np.testing.assert_array_equal(np.concatenate(pieces), audio.load(noise, sr=sr)[0])
    np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-6)


def test_blocks_need_constant_memory(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8000 * 600, dtype=np.float32), 8000)
    tracemalloc.start()
    n_samples = sum(len(block) for block in audio.blocks(path, sr=16_000, block_seconds=1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_samples == 9_600_000
    assert peak < 2_000_000


def test_start_and_end(noise):
    whole, sr = audio.load(noise)
    np.testing.assert_array_equal(audio.load(noise, start=1.0, end=2.5)[0], whole[sr : round(2.5 * sr)])
    np.testing.assert_array_equal(audio.load(noise, start=3.0, end=60.0)[0], whole[3 * sr :])
    assert len(audio.load(noise, start=1.0, end=1.0 + 1e-9)[0]) == 1


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({"start": 4.0}, r"start=4\.0 s is not inside .*lasts 3\.300 s"),
        ({"start": -1.0}, "is not inside"),
        ({"start": float("nan")}, "is not inside"),
        ({"start": 2.0, "end": 2.0}, r"end=2\.0 s is not after start=2\.0 s"),
        ({"end": float("nan")}, "is not after"),
        ({"sr": 0}, "positive number of Hz"),
        ({"block_seconds": 0.0}, "block_seconds is 0.0"),
    ],
)
def test_options_are_checked_at_the_call(noise, span, message):
    with pytest.raises(NmfamtError, match=message):
        audio.blocks(noise, **{"sr": 44100, **span})


@pytest.mark.parametrize(("rate", "target"), [(44100, None), (192_000, 16_000), (8000, 44100)])
def test_one_sample(tmp_path, rate, target):
    path = tmp_path / "one.wav"
    soundfile.write(path, np.array([0.5]), rate)
    y, _ = audio.load(path, sr=target)
    assert len(y) >= 1
    assert np.isfinite(y).all()


def test_silence(tmp_path):
    path = tmp_path / "silence.flac"
    soundfile.write(path, np.zeros(8000), 8000)
    assert not audio.load(path, sr=16_000)[0].any()


def test_no_file_and_folder(tmp_path):
    with pytest.raises(NmfamtError, match=r"There is no file .*missing\.wav"):
        audio.load(tmp_path / "missing.wav")
    with pytest.raises(NmfamtError, match="is a folder, not a recording"):
        audio.info(tmp_path)


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("empty.wav", b"", r"empty\.wav' is empty"),
        ("text.wav", b"Dear diary, " * 100, r"text\.wav' is not audio.*ffmpeg -i .*text\.wav' out\.wav"),
        ("phone.m4a", b"\0\0\0\x20ftypM4A " * 100, r"phone\.m4a' out\.wav"),
        ("headerless.raw", b"\0" * 100, "is not audio"),
    ],
)
def test_what_is_not_audio(tmp_path, name, contents, message):
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(NmfamtError, match=message):
        audio.load(tmp_path / name)


def test_a_header_without_samples(noise):
    noise.write_bytes(noise.read_bytes()[:44])
    with pytest.raises(NmfamtError, match="holds no samples"):
        audio.load(noise)


@pytest.mark.parametrize("damage", ["cut", "zeroed"])
def test_a_decoder_error_in_the_middle(tmp_path, damage):
    path = tmp_path / "half.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 441_000), 44100)
    contents = path.read_bytes()
    half = len(contents) // 2
    path.write_bytes(contents[:half] + (bytes(4000) + contents[half + 4000 :] if damage == "zeroed" else b""))
    with pytest.raises(NmfamtError, match=r"half\.flac' cannot be decoded beyond \d+\.\d\d s"):
        audio.load(path)
    pieces = audio.blocks(path, sr=16_000, block_seconds=1.0)
    assert len(next(pieces)) == 16_000
    with pytest.raises(NmfamtError, match="cannot be decoded beyond"):
        list(pieces)


def test_a_flac_of_unknown_length(tmp_path):
    path = tmp_path / "stream.flac"
    soundfile.write(path, sine(44100), 44100)
    contents = bytearray(path.read_bytes())
    contents[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    contents[22:26] = bytes(4)
    path.write_bytes(contents)
    with pytest.raises(NmfamtError, match="does not say how long it is"):
        audio.load(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers(tmp_path, bad):
    path = tmp_path / "bad.wav"
    y = sine(8000, seconds=3.0, n_channels=2)
    y[12_000, 1] = bad
    soundfile.write(path, y, 8000, subtype="FLOAT")
    with pytest.raises(NmfamtError, match=r"NaN or infinite samples, the first at 1\.500 s"):
        audio.load(path)
    assert len(audio.load(path, end=1.5)[0]) == 12_000


def test_a_wav_shorter_than_its_header_is_read_with_a_warning(noise):
    noise.write_bytes(noise.read_bytes()[: 44 + 44100 * 4])
    with pytest.warns(NmfamtWarning, match=r"ends after 1\.00 s, its header promises 3\.30 s"):
        y, sr = audio.load(noise)
    assert len(y) == sr


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_no_reason_to_warn(noise, size):
    contents = noise.read_bytes()
    noise.write_bytes(contents[:40] + struct.pack("<I", size) + contents[44:])
    assert len(audio.load(noise)[0]) == 145_530


def test_a_wav_whose_size_was_never_filled_in(noise):
    contents = noise.read_bytes()
    noise.write_bytes(contents[:40] + bytes(4) + contents[44:])
    with pytest.raises(NmfamtError, match=r"holds no samples according to its header.*ffmpeg -i"):
        audio.load(noise)


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_a_truncated_stream_comes_back_short(tmp_path, suffix):
    path = tmp_path / f"half.{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 441_000), 44100)
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) // 2])
    assert 150_000 < len(audio.load(path)[0]) < 300_000


def test_a_start_that_a_truncated_stream_does_not_reach(tmp_path):
    path = tmp_path / "half.mp3"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 441_000), 44100)
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) // 2])
    with pytest.raises(NmfamtError, match=r"9\.00 s"):
        audio.load(path, start=9.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_resample_keeps_the_dtype_and_the_pitch(dtype):
    y = audio.resample(sine(44100)[:, 0].astype(dtype), sr=44100, target=16_000)
    assert y.dtype == dtype
    np.testing.assert_allclose(y[800:-800], sine(16_000)[800:-800, 0], atol=1e-3)


def test_resample_edges():
    y = np.array([0.5])
    assert audio.resample(y, sr=8000, target=8000) is y
    assert audio.resample(y, sr=192_000, target=8000).tolist() == [0.5]
    with pytest.raises(NmfamtError, match="positive"):
        audio.resample(y, sr=0, target=8000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_check_mixes_down_and_keeps_the_dtype(dtype):
    assert audio.check(np.ones((2, 10), dtype=dtype)).dtype == dtype
    np.testing.assert_array_equal(audio.check(np.array([[1.0, 0.0], [0.0, 0.0]])), [0.5, 0.0])
    assert audio.check(np.ones(4, dtype=np.float16)).dtype == np.float32


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(10, dtype=np.int16), r"int16 samples: .*y / 32768"),
        (np.zeros(10, dtype=complex), "complex128 samples"),
        (np.zeros(0), r"shape \(0,\)"),
        (np.zeros((1, 2, 3)), r"shape \(1, 2, 3\)"),
        (0.5, r"shape \(\)"),
        (np.zeros((44100, 2)), r"give y\.T"),
        (np.array([0.0, np.nan]), "the first at sample 1"),
        ([[0.0], [0.0, 1.0]], "not an array of samples"),
        ("song.wav", "y has shape"),
    ],
)
def test_check_refuses(y, message):
    with pytest.raises(NmfamtError, match=message):
        audio.check(y)


def test_find_audio(tmp_path):
    for name in ("b.wav", "a.FLAC", "c.mp3", "c.mid", "._b.wav", "labels.csv"):
        (tmp_path / name).touch()
    (tmp_path / "d").mkdir()
    assert [path.name for path in audio.find_audio(tmp_path)] == ["a.FLAC", "b.wav", "c.mp3"]


def test_find_audio_refuses(tmp_path):
    with pytest.raises(NmfamtError, match="holds no audio"):
        audio.find_audio(tmp_path)
    with pytest.raises(NmfamtError, match="There is no folder"):
        audio.find_audio(tmp_path / "missing")
    (tmp_path / "a.wav").touch()
    with pytest.raises(NmfamtError, match="cannot be listed"):
        audio.find_audio(tmp_path / "a.wav")


@pytest.mark.skipif(os.name != "posix", reason="only POSIX file names are bytes")
def test_a_name_that_is_not_utf8_is_a_name(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(os.fsencode(path), np.full(800, 0.5), 8000, format="WAV")
    y, sr = audio.load(path)
    assert (len(y), sr) == (800, 8000)
