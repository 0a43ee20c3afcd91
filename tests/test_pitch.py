"""Pitch as a number, a frequency and a name."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import hz_to_pitch, name_to_pitch, pitch_to_hz, pitch_to_name


@pytest.mark.parametrize(("pitch", "hz"), [(69, 440.0), (57, 220.0), (21, 27.5), (60, 261.6255653), (108, 4186.009)])
def test_textbook_frequencies(pitch, hz):
    assert pitch_to_hz(pitch) == pytest.approx(hz)
    assert hz_to_pitch(hz) == pytest.approx(pitch)


def test_numbers_give_numbers_and_arrays_give_arrays():
    assert isinstance(pitch_to_hz(60), float)
    assert isinstance(hz_to_pitch(100), float)
    pitches = np.linspace(0, 127, 500)
    np.testing.assert_allclose(hz_to_pitch(pitch_to_hz(pitches)), pitches, atol=1e-12)


def test_a_quarter_tone_is_half_a_number():
    assert pitch_to_hz(69.5) / pitch_to_hz(69.0) == pytest.approx(2 ** (1 / 24))


def test_names_and_numbers_agree_over_the_whole_range():
    assert [name_to_pitch(pitch_to_name(pitch)) for pitch in range(128)] == list(range(128))


@pytest.mark.parametrize(
    ("name", "pitch"),
    [
        ("C4", 60),
        ("a0", 21),
        ("Cs4", 61),
        ("C#4", 61),
        ("Db4", 61),
        ("Ebb3", 50),
        ("F##2", 43),
        ("C-1", 0),
        (" B3 ", 59),
    ],
)
def test_names(name, pitch):
    assert name_to_pitch(name) == pitch


def test_the_nearest_name():
    assert pitch_to_name(60.4) == "C4"
    assert pitch_to_name(60.6) == "C#4"
    assert pitch_to_name(0) == "C-1"


@pytest.mark.parametrize("name", ["", "H4", "C", "C4x", "60", "C###4", "Cb#4"])
def test_what_is_no_name(name):
    with pytest.raises(NmfamtError, match="is not a note name"):
        name_to_pitch(name)
