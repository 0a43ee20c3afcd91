"""Dictionaries: what they promise, and their files."""

import json
import os

import numpy as np
import pytest

from nmfamt.dictionary import Dictionary, list_dictionaries, load_dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram
from nmfamt.spectrogram_librosa import STFT

SHAPE = {"fmin": 100.0, "fmax": 800.0, "bins_per_octave": 4, "splits": (), "windows": (0.1,)}
SETTINGS = LogFrequency(**SHAPE, power=0.8)
N_BINS = len(SETTINGS.freqs)


def dictionary(name="piano", pitches=(60.0, 61.5, 63.0), *, seed=0, **changes):
    n = 2 * len(pitches)
    fields = {
        "W": np.random.default_rng(seed).random((N_BINS, n)).astype(np.float32),
        "pitches": np.repeat(pitches, 2),
        "stages": np.tile(["attack", "sustain"], len(pitches)),
        "instruments": np.full(n, name),
        "settings": SETTINGS,
        "filled": np.arange(n) == 1,
        "info": {"name": name, "latency": 0.02, "sources": ["a", "b"]},
    }
    return Dictionary(**{**fields, **changes})


def assert_same(one, other):
    for field in ("W", "pitches", "stages", "instruments", "filled"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert one.W.dtype == other.W.dtype
    assert (one.settings, one.info) == (other.settings, other.info)
    assert one.hash == other.hash


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of dictionaries that is looked in by name."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("NMFAMT_DICTIONARIES", str(folder))
    return folder


# The value


def test_columns_sum_to_one_whatever_they_did():
    W = np.random.default_rng(0).random((N_BINS, 6)) * np.geomspace(1e-6, 1e6, 6)
    found = dictionary(W=W).W
    np.testing.assert_allclose(found.sum(axis=0), 1)
    np.testing.assert_allclose(found, W / W.sum(axis=0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(dtype):
    assert dictionary(W=np.ones((N_BINS, 6), dtype=dtype)).W.dtype == dtype


def test_whole_numbers_are_spectra_too():
    W = np.arange(1, 6 * N_BINS + 1).reshape(N_BINS, 6)
    np.testing.assert_allclose(dictionary(W=W).W, W / W.sum(axis=0))


def test_arguments_stay_writable_and_the_dictionary_does_not():
    pitches = np.repeat([60.0, 62.0, 64.0], 2)
    stages, instruments = np.tile(["attack", "sustain"], 3), np.full(6, "piano")
    found = Dictionary(np.ones((N_BINS, 6)), pitches, stages, instruments, SETTINGS)
    pitches[0] = 59.0
    assert found.pitches[0] == 60.0
    with pytest.raises(ValueError, match="read-only"):
        found.W[0, 0] = 1.0
    assert not found.filled.any()


def test_rows_are_instruments_and_pitches_in_order():
    instruments = np.repeat(["b", "b", "a", "a", "a"], 2)
    both = dictionary(pitches=(50.0, 40.5, 60.0, 61.5, 63.0), instruments=instruments)
    assert both.rows == [("a", 60.0), ("a", 61.5), ("a", 63.0), ("b", 40.5), ("b", 50.0)]


def test_the_hash_is_of_everything_that_changes_a_transcription():
    hashes = [
        dictionary().hash,
        dictionary(seed=1).hash,
        dictionary(pitches=(60.0, 61.5, 63.5)).hash,
        dictionary(stages=np.tile(["sustain", "attack"], 3)).hash,
        dictionary(instruments=np.full(6, "violin")).hash,
        dictionary(settings=with_power(1.0)).hash,
        dictionary(info={"latency": 0.03}).hash,
    ]
    assert len(set(hashes)) == len(hashes)
    assert all(len(text) == 12 for text in hashes)
    assert dictionary(info={"latency": 0.02, "name": "another"}).hash == dictionary().hash


def with_power(power):
    return LogFrequency(**SHAPE, power=power)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W": np.ones((3, 6))}, rf"W has shape \(3, 6\): its settings make {N_BINS} bins"),
        ({"W": np.ones((N_BINS, 0))}, "at least one column"),
        ({"W": np.ones(N_BINS)}, "at least one column"),
        ({"W": -np.ones((N_BINS, 6))}, "negative, NaN or infinite values"),
        ({"W": np.full((N_BINS, 6), np.nan)}, "negative, NaN or infinite values"),
        ({"W": np.full((N_BINS, 6), np.inf)}, "negative, NaN or infinite values"),
        ({"W": np.eye(N_BINS, 6) * [1, 1, 1, 1, 1, 0]}, "an empty column"),
        ({"stages": np.full(5, "attack")}, r"stages has shape \(5,\), but there are 6 templates"),
        ({"instruments": np.array(["a"])}, r"instruments has shape \(1,\)"),
        ({"filled": np.array([True])}, r"filled has shape \(1,\)"),
        ({"stages": np.tile(["attack", "decay"], 3)}, r"Unknown stages \['decay'\]"),
        ({"pitches": np.full(6, 128.0)}, "MIDI numbers from 0 to 127"),
        ({"pitches": np.full(6, np.nan)}, "MIDI numbers from 0 to 127"),
        ({"info": {"latency": 20}}, "latency=20 must be a time in seconds"),
        ({"info": {"latency": float("nan")}}, "latency=nan must be a time in seconds"),
    ],
)
def test_what_is_no_dictionary(changes, message):
    with pytest.raises(NmfamtError, match=message):
        dictionary(**changes)


def test_a_spectrogram_with_other_settings_is_refused_with_the_cure():
    other = STFT()
    spectrogram = Spectrogram(np.zeros((len(other.freqs), 1)), other.freqs, np.zeros(1), other)
    message = (
        r"'piano' was learned on LogFrequency\(sr=16000, .*the spectrogram is STFT\(.*: "
        r"compute it with dictionary\.settings\(y, sr=sr\)"
    )
    with pytest.raises(NmfamtError, match=message):
        dictionary().check(spectrogram)


def test_a_spectrogram_with_equal_settings_is_accepted():
    dictionary().check(Spectrogram(np.zeros((N_BINS, 1)), SETTINGS.freqs, np.zeros(1), with_power(0.8)))


# Parts


def test_select_keeps_what_belongs_to_a_column():
    whole = dictionary()
    part = whole.select(whole.pitches > 61)
    np.testing.assert_array_equal(part.W, whole.W[:, 2:])
    np.testing.assert_array_equal(part.pitches, [61.5, 61.5, 63, 63])
    np.testing.assert_array_equal(part.filled, whole.filled[2:])
    assert part.settings == SETTINGS
    assert part.info == whole.info


def test_between_is_inclusive_to_a_quarter_tone():
    found = dictionary().between(pitch_to_hz(60.4), pitch_to_hz(62.6))
    assert sorted(set(found.pitches.tolist())) == [60.0, 61.5, 63.0]
    found = dictionary().between(pitch_to_hz(60.6), pitch_to_hz(62.4))
    assert sorted(set(found.pitches.tolist())) == [61.5]


def test_nothing_left_says_what_there_is():
    with pytest.raises(NmfamtError, match="No template of 'piano' is left: it covers C4 to D#4"):
        dictionary().between(20, 30)


# Files


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_saving_and_loading_is_the_identity(tmp_path, dtype, seed):
    W = np.random.default_rng(seed).random((N_BINS, 6)).astype(dtype)
    original = dictionary(W=W)
    for _ in range(3):
        original.save(tmp_path / "a.npz", overwrite=True)
        loaded = load_dictionary(tmp_path / "a.npz")
        assert_same(loaded, original)
        original = loaded


def test_other_settings_are_saved_too(tmp_path):
    settings = STFT(n_fft=64)
    original = dictionary(W=np.ones((32, 6)), settings=settings)
    original.save(tmp_path / "a.npz")
    assert load_dictionary(tmp_path / "a.npz").settings == settings


def test_nothing_is_overwritten_unless_asked(tmp_path):
    dictionary().save(tmp_path / "a.npz")
    with pytest.raises(NmfamtError, match="exists already"):
        dictionary(seed=1).save(tmp_path / "a.npz")
    assert_same(load_dictionary(tmp_path / "a.npz"), dictionary())


def test_info_that_json_cannot_hold_is_refused(tmp_path):
    with pytest.raises(NmfamtError, match="info holds what JSON cannot"):
        dictionary(info={"sources": {1, 2}}).save(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def rewrite(path, **changes):
    """Replace members of a saved dictionary, or its JSON values."""
    with np.load(path) as archive:
        content = dict(archive)
    meta = json.loads(str(content["meta"]))
    for name, value in changes.items():
        if name in meta:
            meta[name] = value
        else:
            content[name] = value
    content["meta"] = np.array(json.dumps(meta))
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "has format 2, newer than 1, the last one known: upgrade nmfamt"),
        ({"format": None}, "is not a dictionary of nmfamt"),
        ({"W": None}, "is not a dictionary of nmfamt"),
        ({"W": np.array([[{}]], dtype=object)}, "it holds pickled objects"),
        ({"W": np.ones((2**20, 1), dtype=np.float32)}, r"W has shape \(1048576, 1\)"),
        ({"W": np.full((N_BINS, 6), "loud")}, "is not a dictionary of nmfamt"),
        ({"W": np.array(1.0)}, r"W has shape \(\)"),
        ({"pitches": np.full(6, "C4")}, "is not a dictionary of nmfamt"),
        ({"filled": np.array(True)}, "is not a dictionary of nmfamt"),
        ({"settings": {"class": "LogFrequency", "bins_per_octave": 10**9}}, "bins_per_octave=1000000000"),
        ({"settings": {"class": "LogFrequency", "fmin": 1e-300}}, "1 <= fmin"),
        ({"settings": {"class": "os.system"}}, "Unknown spectrogram 'os.system'"),
        ({"settings": [1, 2]}, "is not a dictionary of nmfamt"),
        ({"info": 5}, "is not a dictionary of nmfamt"),
        ({"info": {"latency": "late"}}, "is not a dictionary of nmfamt"),
    ],
)
def test_files_that_are_no_dictionary(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    dictionary().save(path)
    rewrite(path, **changes)
    with pytest.raises(NmfamtError, match=message):
        load_dictionary(path)


def test_a_text_called_npz_and_half_a_file(tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("file,pitch")
    with pytest.raises(NmfamtError, match="make one with `nmfamt learn NOTES -o"):
        load_dictionary(path)
    dictionary().save(path, overwrite=True)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(NmfamtError, match="make one with `nmfamt learn NOTES -o"):
        load_dictionary(path)


# Names


def test_a_name_is_looked_up_in_the_folders_of_the_environment(folder):
    dictionary("santur").save(folder / "my_santur.npz")
    assert_same(load_dictionary("my_santur"), dictionary("santur"))
    assert list_dictionaries()["my_santur"] == folder / "my_santur.npz"


def test_the_first_folder_wins(folder, tmp_path, monkeypatch):
    second = tmp_path / "second"
    second.mkdir()
    monkeypatch.setenv("NMFAMT_DICTIONARIES", os.pathsep.join([str(folder), str(second)]))
    dictionary(seed=1).save(folder / "mine.npz")
    dictionary(seed=2).save(second / "mine.npz")
    dictionary(seed=3).save(second / "other.npz")
    assert load_dictionary("mine").hash == dictionary(seed=1).hash
    assert load_dictionary("other").hash == dictionary(seed=3).hash


def test_a_file_needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dictionary().save("here.npz")
    assert load_dictionary("here.npz").name == "piano"
    assert load_dictionary(tmp_path / "here.npz").name == "piano"


def test_an_unknown_name_lists_the_known_ones(folder):
    dictionary().save(folder / "mine.npz")
    with pytest.raises(NmfamtError, match=r"There is no dictionary 'yours': .*the known ones are .*mine"):
        load_dictionary("yours")


def test_a_folder_that_is_missing_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("NMFAMT_DICTIONARIES", str(tmp_path / "missing"))
    assert isinstance(list_dictionaries(), dict)
