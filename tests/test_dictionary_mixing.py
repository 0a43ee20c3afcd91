"""Dictionaries made of dictionaries."""

import numpy as np
import pytest

from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import average_columns, average_dictionaries, combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency

SHAPE = {"fmin": 100.0, "fmax": 800.0, "bins_per_octave": 4, "splits": (), "windows": (0.1,)}
SETTINGS = LogFrequency(**SHAPE, power=0.8)


def dictionary(name="piano", pitches=(60.0, 61.5, 63.0), *, seed=0, **changes):
    n = 2 * len(pitches)
    fields = {
        "W": np.random.default_rng(seed).random((len(SETTINGS.freqs), n)).astype(np.float32),
        "pitches": np.repeat(pitches, 2),
        "stages": np.tile(["attack", "sustain"], len(pitches)),
        "instruments": np.full(n, name),
        "settings": SETTINGS,
        "info": {"name": name, "latency": 0.02},
    }
    return Dictionary(**{**fields, **changes})


def test_combining_puts_side_by_side():
    one, other = dictionary("piano"), dictionary("violin", seed=1, info={"name": "violin", "latency": 0.04})
    both = combine_dictionaries([one, other])
    np.testing.assert_array_equal(both.W, np.concatenate([one.W, other.W], axis=1))
    assert both.instruments.tolist() == ["piano"] * 6 + ["violin"] * 6
    assert both.name == "piano+violin"
    assert both.latency == pytest.approx(0.03)
    assert both.info["of"] == [one.info, other.info]


def test_combining_refuses_an_instrument_twice():
    with pytest.raises(NmfamtError, match=r"Two dictionaries hold \['piano'\]: give each instrument once"):
        combine_dictionaries([dictionary(), dictionary(seed=1)])


def average(dictionaries):
    return average_dictionaries(dictionaries, name="a", instrument="a")


@pytest.mark.parametrize("join", [combine_dictionaries, average])
def test_joining_needs_equal_settings_and_something_to_join(join):
    with pytest.raises(NmfamtError, match="learn them on the same settings"):
        join([dictionary(), dictionary("violin", settings=LogFrequency(**SHAPE, power=1.0))])
    with pytest.raises(NmfamtError, match="No dictionaries were given"):
        join([])


def test_averaging_is_a_mean_in_which_filled_notes_count_half():
    one = dictionary(pitches=(60.0,), filled=np.array([False, True]), seed=1)
    other = dictionary(pitches=(60.0,), filled=np.array([False, False]), seed=2)
    mean = average_dictionaries([one, other], name="generic", instrument="piano")
    np.testing.assert_allclose(mean.W[:, 0], (one.W[:, 0] + other.W[:, 0]) / 2, rtol=1e-5)
    np.testing.assert_allclose(mean.W[:, 1], (0.5 * one.W[:, 1] + other.W[:, 1]) / 1.5, rtol=1e-5)
    assert mean.stages.tolist() == ["attack", "sustain"]
    assert mean.W.dtype == np.float32


def test_averaging_covers_what_any_of_them_covers():
    one = dictionary(pitches=(60.0, 61.0), filled=np.array([False, False, True, True]))
    other = dictionary(pitches=(61.0, 62.0), filled=np.array([True, True, False, False]), seed=1)
    mean = average_dictionaries([one, other], name="generic", instrument="grand")
    assert mean.pitches.tolist() == [60, 60, 61, 61, 62, 62]
    assert mean.filled.tolist() == [False, False, True, True, False, False]
    np.testing.assert_allclose(mean.W[:, :2], one.W[:, :2], rtol=1e-6)
    assert set(mean.instruments.tolist()) == {"grand"}
    assert mean.name == "generic"


def test_averaging_needs_the_same_stages():
    other = dictionary(stages=np.tile(["sustain", "sustain"], 3))
    message = "Template 1 of C4 is of the sustain in 'piano', of the attack before"
    with pytest.raises(NmfamtError, match=message):
        average([dictionary(), other])


def test_columns_of_a_row_are_averaged():
    duo = combine_dictionaries([dictionary("violin", (60.0, 62.0)), dictionary("flute", (60.0,), seed=1)])
    mean = average_columns(duo)
    assert mean.rows == [("flute", 60.0), ("violin", 60.0), ("violin", 62.0)]
    assert mean.stages.tolist() == ["sustain"] * 3
    np.testing.assert_allclose(mean.W[:, 0], duo.W[:, 4:6].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(mean.W[:, 2], duo.W[:, 2:4].mean(axis=1), rtol=1e-5)
    assert (mean.settings, mean.info) == (duo.settings, duo.info)


def test_a_row_is_filled_where_all_its_columns_are():
    filled = np.array([True, True, False, True])
    mean = average_columns(dictionary(pitches=(60.0, 62.0), filled=filled))
    assert mean.filled.tolist() == [True, False]
