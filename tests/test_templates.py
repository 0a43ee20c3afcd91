"""The dictionaries that ship: each with its card, complete, and knowing its own pitches."""

import re
from pathlib import Path

import numpy as np
import pytest
from nmfamt.templates.dictionary_card import ORIGINS
from nmfamt.templates.make_dictionaries import RECIPES

from nmfamt.dictionary import load_dictionary
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.pitch import name_to_pitch, pitch_to_hz

TEMPLATES = Path(__file__).parents[1] / "templates"
NAMES = sorted(path.stem for path in TEMPLATES.glob("*.npz"))
LEARNED = {path.stem for suffix in ("npz", "json") for path in TEMPLATES.glob(f"*.{suffix}")}
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def dictionaries():
    return {name: load_dictionary(TEMPLATES / f"{name}.npz") for name in NAMES}


def read_card(name):
    return (TEMPLATES / f"{name}.md").read_text(encoding="utf-8")


def fact(name, row):
    """Return what the table at the head of a card says."""
    return re.search(rf"^\| {row} \| (.*) \|$", read_card(name), flags=re.MULTILINE).group(1)


def harmonic_tone(pitch, *, sr=16000, seconds=0.6):
    f0, t = pitch_to_hz(pitch), np.arange(round(seconds * sr)) / sr
    partials = [h for h in range(1, 11) if h * f0 < 0.47 * sr]
    return sum(np.sin(2 * np.pi * h * f0 * t + h) / h for h in partials)


def test_there_is_a_dictionary_for_every_recipe():
    assert sorted(RECIPES) == NAMES


def test_the_bundle_holds_thirteen_instruments_at_least():
    assert len(NAMES) >= 13
    assert "piano" in NAMES


def test_the_bundle_stays_under_15_megabytes():
    assert sum(path.stat().st_size for path in TEMPLATES.iterdir() if path.is_file()) < 15e6


def test_everything_learned_has_a_card_and_every_card_describes_something():
    assert {path.stem for path in TEMPLATES.glob("*.md")} - {"README"} == LEARNED


def test_no_source_is_without_origin_and_licence():
    for folder in {folder for folders in RECIPES.values() for folder in folders}:
        origin = ORIGINS.get(folder) or ORIGINS[folder.split("/")[0]]
        assert origin.what
        assert origin.licence


@each
def test_columns_are_unit_sum_spectra(name, dictionaries):
    W = dictionaries[name].W
    assert W.dtype == np.float32
    assert (W >= 0).all()
    np.testing.assert_allclose(W.sum(axis=0), 1.0, atol=1e-5)


@each
def test_it_is_called_as_its_file_and_holds_that_instrument(name, dictionaries):
    assert dictionaries[name].name == name
    assert set(dictionaries[name].instruments) == {name}


@each
def test_it_was_learned_on_the_default_spectrogram(name, dictionaries):
    assert dictionaries[name].settings == LogFrequency(), "run templates/make_dictionaries.py again"


@each
def test_it_covers_every_semitone_of_the_range_on_its_card(name, dictionaries):
    low, high = (name_to_pitch(note) for note in fact(name, "range").split(" (")[0].split(" to "))
    assert high - low >= 30
    np.testing.assert_array_equal(np.unique(dictionaries[name].pitches), np.arange(low, high + 1))


@each
def test_each_pitch_has_one_attack_and_two_sustained_templates(name, dictionaries):
    dictionary = dictionaries[name]
    for pitch in np.unique(dictionary.pitches):
        stages = dictionary.stages[dictionary.pitches == pitch].tolist()
        assert stages == ["attack", "sustain", "sustain"]


@each
def test_the_card_belongs_to_this_very_file(name, dictionaries):
    assert fact(name, "hash") == f"`{dictionaries[name].hash}`"
    assert fact(name, "spectrogram") == f"`{dictionaries[name].settings}`"


@each
def test_the_card_names_sources_licences_and_the_command(name):
    text = read_card(name)
    for folder in RECIPES[name]:
        origin = ORIGINS.get(folder) or ORIGINS[folder.split("/")[0]]
        assert re.search(rf"`{folder}` .*{re.escape(origin.licence)}", text)
    assert f"python templates/make_dictionaries.py --cache CACHE --instrument {name}" in text
    for heading in ("Learned from", "Not to be evaluated on", "Scores", "Limits"):
        assert f"## {heading}\n" in text
    assert re.fullmatch(r"\d{4}-\d\d-\d\d with nmfamt \S+", fact(name, "made"))


def test_the_card_of_the_piano_credits_bengt_nilsson():
    assert "Bengt Nilsson" in read_card("piano")
    assert "CC BY 4.0" in read_card("piano")


@each
def test_latency_is_a_few_frames_at_most(name, dictionaries):
    assert abs(dictionaries[name].latency) < 0.05


@each
def test_a_harmonic_tone_is_found_at_its_pitch_or_an_octave_of_it(name, dictionaries):
    dictionary = dictionaries[name]
    pitches = np.unique(dictionary.pitches)
    for pitch in pitches[len(pitches) // 6 :: len(pitches) // 3][:3]:
        activation = Factorization(dictionary)(dictionary.settings(harmonic_tone(pitch), sr=16000))
        middle = activation.values[:, 20:40].mean(axis=1)
        assert (activation.pitches[middle.argmax()] - pitch) % 12 == 0
