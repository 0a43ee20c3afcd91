"""Recordings beside the tuning of a dictionary, and templates that are moved to meet them."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SR, perform
from synthetic import assert_same_notes

from nmfamt import CQT, STFT, activate, track, transcribe
from nmfamt.audio import resample
from nmfamt.dictionary import load_dictionary
from nmfamt.evaluation import evaluate
from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.recording import open_recording
from nmfamt.survey import Survey
from nmfamt.tracking import HMMTracker
from nmfamt.transcriber import Transcriber
from nmfamt.tuning import LARGEST, estimate_tuning, shift_templates


@pytest.fixture(scope="module")
def formula(instrument):
    return load_dictionary(instrument.dictionary)


@pytest.fixture(scope="module")
def song(instrument):
    return Notes.read(instrument.labels), perform(Notes.read(instrument.labels)).astype(np.float32)


def retuned(y, cents):
    """Return audio played faster, so that it is `cents` higher."""
    return resample(y, sr=SR * 2 ** (cents / 1200), target=SR)


def survey_of(y, dictionary, sr=SR):
    return Survey.of([dictionary.settings(y, sr=sr)])


# Shifting


@pytest.mark.parametrize("semitones", [-3, -1, 1, 7])
def test_whole_bins_are_moved_as_they_are(semitones):
    freqs = LogFrequency().freqs
    W = np.random.default_rng(0).random((len(freqs), 3))
    moved, n_bins = shift_templates(W, freqs, semitones), 4 * semitones
    inside = slice(max(0, n_bins), len(freqs) + min(0, n_bins))
    expected = np.roll(W, n_bins, axis=0)[inside]
    np.testing.assert_allclose(moved[inside] / moved[inside].sum(axis=0), expected / expected.sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("settings", [LogFrequency(), STFT(), CQT()])
def test_moved_templates_are_templates(settings):
    freqs = settings.freqs
    W = np.random.default_rng(0).random((len(freqs), 2)) ** 8
    for cents in (-200, -12, 0, 33):
        moved = shift_templates(W, freqs, cents / 100)
        assert moved.min() >= 0
        np.testing.assert_allclose(moved.sum(axis=0), 1)


@pytest.mark.parametrize("cents", [-45, -12, 7, 30])
def test_a_moved_template_is_that_of_the_moved_sound(formula, song, cents):
    settings = formula.settings
    spectra = settings(song[1], sr=SR).S[:, 60:110:7].astype(float)
    factor = 2 ** (cents / 1200)
    frames = np.round(np.arange(60, 110, 7) / factor).astype(int)
    truth = settings(retuned(song[1], cents), sr=SR).S[:, frames].astype(float)
    moved = shift_templates(spectra, settings.freqs, cents / 100)
    truth /= truth.sum(axis=0)
    unmoved = np.abs(spectra / spectra.sum(axis=0) - truth).sum()
    assert np.abs(moved - truth).sum() < 0.4 * unmoved


# Estimating


@pytest.mark.parametrize("cents", [-45, -30, -12, 10, 25, 41])
def test_a_retuned_recording(formula, song, cents):
    assert estimate_tuning(survey_of(retuned(song[1], cents), formula), formula) == pytest.approx(cents, abs=2)


@pytest.mark.parametrize("cents", [-4, 0, 4])
def test_what_is_nearly_in_tune_is_left_alone(formula, song, cents):
    assert estimate_tuning(survey_of(retuned(song[1], cents), formula), formula) == 0.0


def test_a_sharp_recording_is_not_taken_for_a_flat_one_of_the_next_semitone(formula, song):
    assert estimate_tuning(survey_of(retuned(song[1], 70), formula), formula) == pytest.approx(-30, abs=2)


def test_a_recording_of_less_bandwidth(formula, song):
    y = resample(retuned(song[1], 20), sr=SR, target=8000)
    assert estimate_tuning(survey_of(y, formula, 8000), formula) == pytest.approx(20, abs=3)


@pytest.mark.parametrize(
    "y", [np.zeros(SR), np.random.default_rng(0).standard_normal(2 * SR), np.ones(1), np.full(150, 0.1)]
)
def test_where_there_is_no_pitch_there_is_no_tuning(formula, y):
    assert estimate_tuning(survey_of(y, formula), formula) == 0.0


def test_other_settings_are_refused(formula, song):
    with pytest.raises(NmfamtError, match="Dictionary 'formula' was learned on LogFrequency"):
        estimate_tuning(Survey.of([LogFrequency(power=1.0)(song[1], sr=SR)]), formula)


# In a front end


def test_moved_templates_find_what_they_found(formula, song):
    y = retuned(song[1], 35)
    in_tune = Factorization(formula)(formula.settings(song[1], sr=SR))
    moved = Factorization(formula, tuning=35.0)(formula.settings(y, sr=SR))
    left = Factorization(formula)(formula.settings(y, sr=SR))
    np.testing.assert_array_equal(moved.pitches, in_tune.pitches)
    for name in ("values", "loss", "partial_1"):
        arrays = [a.values if name == "values" else a.evidence[name] for a in (in_tune, moved, left)]
        shares = [array.sum(axis=1) / array.sum() for array in arrays]
        assert np.abs(shares[1] - shares[0]).sum() < 0.5 * np.abs(shares[2] - shares[0]).sum(), name


def test_a_spectrogram_by_itself_is_the_whole_recording(formula, song):
    spectrograms = [formula.settings(retuned(song[1], cents), sr=SR) for cents in (-28, 0, 17)]
    front_end = Factorization(formula, tuning="auto")
    one_by_one = [front_end(spectrogram) for spectrogram in spectrograms]
    assert [a.info["tuning"] for a in one_by_one] == pytest.approx([-28, 0, 17], abs=2)
    for batched, single in zip(front_end.batch(spectrograms), one_by_one, strict=True):
        np.testing.assert_array_equal(batched.values, single.values)
        assert batched.info == single.info


def test_blocks_need_a_survey(formula, song):
    front_end = Factorization(formula, tuning="auto")
    with pytest.raises(NmfamtError, match=r"tuning='auto' needs the whole recording before its blocks"):
        next(front_end.blocks([formula.settings(song[1], sr=SR)], level=1.0))


def test_a_given_tuning_is_not_estimated(formula, song):
    front_end = Factorization(formula, tuning=-8)
    assert front_end.fitted(survey_of(song[1], formula)) is front_end


@pytest.mark.parametrize("tuning", [201, -1000.0, np.nan, np.inf, "sharp", None])
def test_what_is_no_tuning(formula, tuning):
    message = rf"must be 'auto', or the cents .* from -{LARGEST} to {LARGEST}"
    for function in (lambda: Factorization(formula, tuning=tuning), lambda: transcribe("x.wav", tuning=tuning)):
        with pytest.raises(NmfamtError, match=message):
            function()


# In a transcription


@pytest.mark.parametrize("method", ["nmf", "threshold-nmf"])
@pytest.mark.parametrize("cents", [-40, 30, 45])
def test_a_recording_out_of_tune_is_transcribed_as_if_it_were_not(formula, song, cents, method):
    y = retuned(song[1], cents)
    options = {"sr": SR, "dictionary": formula, "method": method}
    found, left = transcribe(y, **options), transcribe(y, tuning=0, **options)
    in_tune = transcribe(song[1], **options)
    truth = replace(in_tune, intervals=in_tune.intervals / 2 ** (cents / 1200))
    assert found.info["tuning"] == pytest.approx(cents, abs=2)
    assert left.info["tuning"] == 0
    good, bad = (evaluate(truth, notes) for notes in (found, left))
    assert good.onset_f1 > 0.95
    assert good.frame_f1 > 0.97
    assert abs(good.onset_bias) < abs(bad.onset_bias)
    # Where 30 cents are missed, ten clean notes are found as well; what lies further off is not.
    assert abs(cents) < 40 or good.frame_f1 > bad.frame_f1
    assert_same_notes(transcribe(y, tuning=found.info["tuning"], **options), found)


def test_a_baroque_pitch_is_given(formula, song):
    found = transcribe(retuned(song[1], -101), sr=SR, dictionary=formula, tuning=-101)
    assert set(found.pitches.tolist()) == set(song[0].pitches.tolist())


def test_in_tune_the_default_changes_nothing(formula, song):
    assert_same_notes(
        transcribe(song[1], sr=SR, dictionary=formula), transcribe(song[1], sr=SR, dictionary=formula, tuning=0)
    )


def test_both_halves_have_the_tuning(formula, song):
    y = retuned(song[1], 22)
    activation = activate(y, sr=SR, dictionary=formula)
    assert activation.info["tuning"] == pytest.approx(22, abs=2)
    whole = transcribe(y, sr=SR, dictionary=formula)
    assert_same_notes(track(activation), whole)
    assert track(activation).info == whole.info


def test_the_size_of_blocks_has_no_influence(formula, song, monkeypatch):
    y = retuned(song[1], 22)
    transcriber = Transcriber(formula.settings, Factorization(formula, tuning="auto"), HMMTracker())
    whole = transcriber(y, sr=SR)

    def in_pieces(*args, **options):
        recording = open_recording(*args, **options)
        return replace(recording, read=lambda: np.array_split(np.concatenate(list(recording.read())), 37))

    monkeypatch.setattr("nmfamt.transcriber.open_recording", in_pieces)
    found = transcriber(y, sr=SR)
    assert_same_notes(found, whole)
    assert found.info == whole.info
