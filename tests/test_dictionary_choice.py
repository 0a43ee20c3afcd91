"""Which dictionaries explain a recording: by themselves, together, and out of tune."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import SR
from synthetic import assert_same_notes

from nmfamt import STFT, BestDictionary, Factorization, LogFrequency, NmfamtError, activate, track, transcribe
from nmfamt.audio import resample
from nmfamt.dictionary import Dictionary, load_dictionary, shipped_dictionaries
from nmfamt.dictionary_choice import choose_dictionaries
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import Survey
from nmfamt.tuning import shift_templates

NAMES = ("piano", "flute", "harp", "clarinet", "violin")


@pytest.fixture(scope="module")
def shipped():
    return tuple(load_dictionary(name) for name in NAMES)


@pytest.fixture(scope="module")
def settings(shipped):
    return shipped[0].settings


def music(*dictionaries, n_frames=300, seed=0, noise=0.02, cents=0.0):
    """Return a survey of what the dictionaries play together, two notes of each at a time, in noise."""
    rng = np.random.default_rng(seed)
    freqs = dictionaries[0].settings.freqs
    S = noise * rng.gamma(1.0, 1.0 / len(freqs), (len(freqs), n_frames))
    for dictionary in dictionaries:
        W = shift_templates(dictionary.W, freqs, cents / 100)
        for _ in range(2):
            S += W[:, rng.integers(W.shape[1], size=n_frames)] * rng.uniform(0.3, 1, n_frames)
    return spectrogram_survey(S.astype(np.float32), dictionaries[0].settings)


def spectrogram_survey(S, settings, bandwidth=np.inf):
    return Survey.of([Spectrogram(S, settings.freqs, np.arange(S.shape[1]) / 100, settings, bandwidth)])


def names(choice):
    return [dictionary.name for dictionary in choice.dictionaries]


# Choosing


@pytest.mark.parametrize("name", NAMES)
def test_what_plays_alone(shipped, name):
    choice = choose_dictionaries(music(load_dictionary(name)), shipped)
    assert names(choice) == [name]
    assert choice.dictionary.name == name
    assert next(iter(choice.alone)) == name
    assert choice.explained == choice.alone[name]
    assert 0.9 < choice.explained <= 1


@pytest.mark.parametrize("pair", [("piano", "flute"), ("clarinet", "violin"), ("harp", "clarinet")])
def test_what_plays_together(shipped, pair):
    choice = choose_dictionaries(music(*map(load_dictionary, pair)), shipped)
    assert set(names(choice)) == set(pair)
    assert set(choice.dictionary.instruments.tolist()) == set(pair)
    assert choice.explained > max(choice.alone.values())


def test_no_more_than_asked_for(shipped):
    trio = music(*map(load_dictionary, ("piano", "clarinet", "violin")))
    assert len(choose_dictionaries(trio, shipped, n_most=2).dictionaries) == 2
    assert len(choose_dictionaries(trio, shipped, n_most=1).dictionaries) == 1
    assert names(choose_dictionaries(trio, shipped[1:2])) == ["flute"]


def test_the_colour_of_the_recording_does_not_matter(shipped, settings):
    tilt = (settings.freqs[:, None] / 500) ** 0.4
    survey = music(load_dictionary("clarinet"))
    coloured = spectrogram_survey((survey.S * tilt).astype(np.float32), settings)
    assert names(choose_dictionaries(coloured, shipped)) == ["clarinet"]


def test_the_level_of_the_recording_does_not_matter(shipped, settings):
    survey = music(load_dictionary("violin"))
    for gain in (1e-4, 1e4):
        louder = spectrogram_survey((gain * survey.S).astype(np.float32), settings)
        assert choose_dictionaries(louder, shipped).info == choose_dictionaries(survey, shipped).info


def test_a_recording_of_less_bandwidth(shipped, settings):
    survey = music(load_dictionary("flute"))
    S = np.where((settings.freqs <= 3600)[:, None], survey.S, 0)
    assert names(choose_dictionaries(spectrogram_survey(S, settings, 3600.0), shipped)) == ["flute"]


def test_of_silence_nothing_is_said(shipped, settings):
    choice = choose_dictionaries(spectrogram_survey(np.zeros((len(settings.freqs), 9), np.float32), settings), shipped)
    assert names(choice) == ["piano"]
    assert choice.explained == 0.0


def test_what_cannot_be_chosen_from(shipped, settings):
    survey = music(shipped[0])
    with pytest.raises(NmfamtError, match="no dictionaries to choose from: give at least one"):
        choose_dictionaries(survey, [])
    with pytest.raises(NmfamtError, match="no dictionaries to choose from: give at least one"):
        BestDictionary(())
    other = STFT()
    foreign = Dictionary(np.ones((len(other.freqs), 1)), [60.0], ["attack"], ["x"], other, info={"name": "foreign"})
    with pytest.raises(NmfamtError, match="Dictionary 'foreign' was learned on STFT"):
        choose_dictionaries(survey, [*shipped, foreign])


# As a front end


def test_a_front_end_that_chooses(shipped):
    survey = music(load_dictionary("flute"))
    front_end = BestDictionary(shipped)
    assert front_end.info["candidates"] == list(NAMES)
    fitted = front_end.fitted(survey)
    assert isinstance(fitted, Factorization)
    assert fitted.info["dictionary"] == "flute"
    assert fitted.info["dictionary_hash"] == load_dictionary("flute").hash
    choice = fitted.info["dictionary_choice"]
    assert choice["dictionaries"] == ["flute"]
    assert next(iter(choice["alone"])) == "flute"
    assert len(choice["alone"]) == 5
    np.testing.assert_array_equal(front_end(survey.sample).values, fitted(survey.sample).values)


@pytest.mark.parametrize("tuning", ["auto", 33.0])
def test_out_of_tune(shipped, tuning):
    fitted = BestDictionary(shipped, tuning=tuning).fitted(music(load_dictionary("clarinet"), cents=33.0))
    assert fitted.info["dictionary"] == "clarinet"
    assert fitted.info["tuning"] == pytest.approx(33.0, abs=2)


def test_blocks_need_a_survey(shipped):
    with pytest.raises(NmfamtError, match=r"use fitted\(survey\)\.blocks"):
        BestDictionary(shipped).blocks([], level=1.0)


# In a transcription


@pytest.fixture(scope="module")
def flute_solo():
    """Return the beginning of an example that ships."""
    y, sr = soundfile.read(Path(__file__).parents[1] / "examples" / "audio" / "greensleeves.flac", dtype="float32")
    y = y if y.ndim == 1 else y.mean(axis=1)
    return resample(y[: 12 * sr], sr=sr, target=SR)


def test_auto_finds_the_flute(flute_solo):
    found = transcribe(flute_solo, sr=SR, dictionary="auto")
    assert found.info["dictionary"] == "flute"
    assert found.info["dictionary_choice"]["explained"] > 0.8
    assert set(found.instruments.tolist()) == {"flute"}
    assert_same_notes(found, transcribe(flute_solo, sr=SR, dictionary="flute"))
    halves = track(activate(flute_solo, sr=SR, dictionary="auto"))
    assert_same_notes(halves, found)
    assert halves.info == found.info


def test_auto_out_of_tune(flute_solo):
    y = resample(flute_solo, sr=SR * 2 ** (40 / 1200), target=SR)
    found = transcribe(y, sr=SR, dictionary="auto", method="threshold-nmf")
    assert found.info["dictionary"] == "flute"
    assert found.info["tuning"] == pytest.approx(40, abs=3)


def test_auto_within_a_range(flute_solo):
    # Below middle C there is no flute to choose.
    found = transcribe(flute_solo, sr=SR, dictionary="auto", fmin=60.0, fmax=200.0)
    assert "flute" not in found.info["dictionary"].split("+")
    with pytest.raises(NmfamtError, match="No template of"):
        transcribe(flute_solo, sr=SR, dictionary="auto", fmin=7000.0)


def test_silence_is_the_default():
    found = transcribe(np.zeros(SR), sr=SR, dictionary="auto")
    assert (len(found), found.info["dictionary"]) == (0, "piano")


def test_auto_stands_alone():
    with pytest.raises(NmfamtError, match="dictionary='auto' finds out how many instruments play: give it alone"):
        transcribe("never opened.wav", dictionary=["auto", "piano"])


def test_all_that_ships_can_be_compared():
    shipped = shipped_dictionaries()
    assert {dictionary.settings for dictionary in shipped} == {LogFrequency()}
    assert len({dictionary.name for dictionary in shipped}) == len(shipped)


def test_other_dictionaries_are_no_candidates(tmp_path, monkeypatch):
    replace(load_dictionary("flute"), info={"name": "mine"}).save(tmp_path / "mine.npz")
    monkeypatch.setenv("NMFAMT_DICTIONARIES", str(tmp_path))
    assert load_dictionary("mine").name == "mine"
    assert "mine" not in {dictionary.name for dictionary in shipped_dictionaries()}
