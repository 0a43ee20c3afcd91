"""Dictionaries that are adapted: to notes, to labelled music, to a recording alone."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import PITCHES, SR, perform

from nmfamt import Factorization, HMMTracker, adapt_dictionary, evaluate, load_dictionary, transcribe
from nmfamt.adaptation import adapt_to_itself, transfer_timbre
from nmfamt.dictionary_mixing import add_brighter, average_columns, combine_dictionaries
from nmfamt.equalization import equalized
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_hz, pitch_to_name
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import Survey

PIANO = load_dictionary("piano")
FREQS = PIANO.settings.freqs


def distance(one, other, pitches=None):
    """Return the mean distance of templates, of all or of some pitches; 2 is the most."""
    chosen = slice(None) if pitches is None else np.isin(one.pitches, pitches)
    return float(np.abs(one.W[:, chosen] - other.W[:, chosen]).sum(axis=0).mean())


def bright(dictionary):
    """Return a dictionary whose timbre differs along the partials: the k-th is sqrt(k) times as strong."""
    harmonic = np.maximum(FREQS[:, None] / pitch_to_hz(dictionary.pitches), 1.0)
    W = dictionary.W * np.sqrt(harmonic)
    return replace(dictionary, W=(W / W.sum(axis=0)).astype(np.float32))


def resonant(dictionary):
    """Return a dictionary in another box: two broad resonances that hold for all pitches."""
    octaves = np.log2(FREQS / 1000)
    gain = 1 + 3 * np.exp(-8 * (octaves + 1) ** 2) + 2 * np.exp(-8 * (octaves - 1.5) ** 2)
    return replace(dictionary, W=equalized(dictionary.W, gain).astype(np.float32))


# A few notes


@pytest.mark.parametrize("other", [bright, resonant])
@pytest.mark.parametrize(("step", "left"), [(3, 0.3), (8, 0.45), (16, 0.6)])
def test_what_was_not_recorded_comes_near(other, step, left):
    truth = other(PIANO)
    known = np.arange(24, 105, step)
    adapted = transfer_timbre(PIANO, truth.select(np.isin(truth.pitches, known)))
    unknown = np.setdiff1d(np.arange(30, 90), known)
    assert distance(adapted, truth, unknown) < left * distance(PIANO, truth, unknown)


def test_what_was_recorded_stays_as_it_is():
    truth = bright(PIANO)
    adapted = transfer_timbre(PIANO, truth.select(np.isin(truth.pitches, [40, 60])))
    assert distance(adapted, truth, [40, 60]) < 1e-6
    assert set(adapted.pitches[~adapted.filled].tolist()) == {40.0, 60.0}


def test_nothing_new_changes_nothing():
    adapted = transfer_timbre(PIANO, PIANO.select(np.isin(PIANO.pitches, np.arange(21, 109, 8))))
    assert distance(adapted, PIANO) < 1e-3


def test_notes_beyond_the_dictionary_are_added():
    flute = load_dictionary("flute")
    low = PIANO.select(np.isin(PIANO.pitches, [50]))
    adapted = transfer_timbre(flute, low)
    assert adapted.pitches.min() == 50
    assert len(set(adapted.pitches.tolist())) == flute.pitches.max() - 50 + 1


def test_a_pitch_between_semitones_takes_the_place_of_the_nearest():
    sharp = replace(PIANO.select(np.isin(PIANO.pitches, [60])), pitches=np.full(3, 60.3))
    adapted = transfer_timbre(PIANO, sharp)
    assert 60.3 in adapted.pitches
    assert 60.0 not in adapted.pitches
    assert len(adapted.rows) == len(PIANO.rows)


def test_adapting_to_files(instrument):
    every_third = [instrument.notes / f"{pitch_to_name(pitch)}.wav" for pitch in PITCHES[::3]]
    adapted = adapt_dictionary("organ", every_third, name="mine")
    truth = load_dictionary(instrument.dictionary)
    organ = load_dictionary("organ")
    unknown = [pitch for pitch in PITCHES if pitch not in PITCHES[::3]]
    chosen = [np.isin(d.pitches, unknown) for d in (adapted, organ, truth)]
    after, before = (
        np.abs(d.W[:, m] - truth.W[:, chosen[2]]).sum() for d, m in zip((adapted, organ), chosen, strict=False)
    )
    assert after < 0.7 * before
    assert set(adapted.instruments.tolist()) == {"mine"}
    assert adapted.info["adapted_from"] == "organ"
    assert adapted.info["adapted_from_hash"] == organ.hash
    assert adapted.info["n_pitches"] == len(every_third)
    assert abs(adapted.latency - truth.latency) < 0.02


# Music


@pytest.fixture(scope="module")
def piece():
    """Return a melody in thirds, and its sound."""
    rng = np.random.default_rng(1)
    onsets = np.repeat(np.arange(0.3, 15.0, 0.25), 2)
    low = rng.choice(PITCHES[:-4], size=len(onsets) // 2)
    notes = Notes(np.stack([onsets, onsets + 0.22], axis=1), np.stack([low, low + 4], axis=1).ravel())
    return notes, perform(notes).astype(np.float32)


def spectrogram(y):
    return PIANO.settings(y, sr=SR)


def test_labelled_music_teaches_its_pitches_and_the_others(piece, instrument):
    notes, y = piece
    truth = load_dictionary(instrument.dictionary)
    organ = load_dictionary("organ")
    adapted = adapt_dictionary(organ, music=spectrogram(y), labels=notes)

    def error(dictionary):
        return np.abs(
            dictionary.W[:, np.isin(dictionary.pitches, PITCHES)] - truth.W[:, np.isin(truth.pitches, PITCHES)]
        ).sum()

    assert error(adapted) < 0.5 * error(organ)


def test_labels_hold_until_a_time(piece):
    notes, y = piece
    wrong = notes.select(notes.intervals[:, 0] >= 5.0)
    wrong = replace(wrong, pitches=wrong.pitches + 1)
    mixed = Notes.concatenate([notes.select(notes.intervals[:, 0] < 5.0), wrong])
    cut, right = (
        adapt_dictionary("organ", music=spectrogram(y), labels=labels, until=5.0) for labels in (mixed, notes)
    )
    np.testing.assert_array_equal(cut.W, right.W)


def test_a_recording_adapts_to_itself(piece):
    notes, y = piece
    dictionary = "organ"
    before = evaluate(notes, transcribe(y, sr=SR, dictionary=dictionary, equalizer=False, adapt=False))
    after = evaluate(notes, transcribe(y, sr=SR, dictionary=dictionary))
    assert after.onset_f1 >= before.onset_f1
    adapted = adapt_dictionary(dictionary, music=spectrogram(y))
    assert adapted.info["learned_from"] == "a recording"
    again = evaluate(notes, transcribe(y, sr=SR, dictionary=adapted, equalizer=False, adapt=False))
    assert again.onset_f1 >= before.onset_f1


def test_the_notes_say_what_was_adapted(piece):
    _, y = piece
    notes = transcribe(y, sr=SR, dictionary="organ")
    assert notes.info["dictionary_hash"] == load_dictionary("organ").hash
    assert notes.info["n_notes_adapted_to"] > 40
    assert transcribe(y, sr=SR, dictionary="organ", adapt=False).info["n_notes_adapted_to"] is None
    assert set(notes.instruments.tolist()) == {"organ"}


def test_too_few_notes_and_several_instruments_are_left_alone(piece):
    _, y = piece
    front_end = Factorization(PIANO)
    assert adapt_to_itself(front_end, spectrogram(y[: SR // 2]), HMMTracker()) is front_end
    duo = combine_dictionaries([load_dictionary("flute"), load_dictionary("cello")])
    assert transcribe(y, sr=SR, dictionary=duo).info["n_notes_adapted_to"] is None


def test_the_tuning_stays_with_the_front_end(piece):
    """Templates learned from a recording out of tune are moved back to where the pitches of a dictionary are."""
    _, y = piece
    S = spectrogram(y)
    survey = Survey.of([S])
    fitted = Factorization(load_dictionary("organ"), tuning=-60.0).fitted(survey)
    adapted = adapt_to_itself(fitted, S, HMMTracker())
    if adapted is not fitted:
        assert adapted.tuning == fitted.tuning
        nearer = (
            np.abs(adapted.templates - fitted.templates).sum() < np.abs(adapted.templates - adapted.dictionary.W).sum()
        )
        assert nearer


def test_an_excerpt_is_the_beginning_of_what_sounds():
    S = np.zeros((len(FREQS), 300), dtype=np.float32)
    S[:, 120:] = np.arange(1, 181)
    whole = Spectrogram(S, FREQS, np.arange(300) / 100, PIANO.settings)
    parts = [
        Spectrogram(S[:, a:b], FREQS, whole.times[a:b], PIANO.settings) for a, b in ((0, 100), (100, 101), (101, 300))
    ]
    for excerpt in (Survey.of([whole]).excerpt, Survey.of(parts).excerpt):
        np.testing.assert_array_equal(excerpt.S, S[:, 120:])
        np.testing.assert_array_equal(excerpt.times, whole.times[120:])


# Errors


def test_impossible_adaptations(tmp_path, instrument):
    notes = instrument.notes
    for arguments, message in (
        ({}, "Give either isolated notes"),
        ({"notes": notes, "music": "a.wav"}, "Give either isolated notes"),
        ({"notes": notes, "labels": "a.mid"}, "labels and until belong to music"),
        ({"music": "a.wav", "until": 5.0}, "until=5.0 says how far labels reach, but there are none"),
    ):
        with pytest.raises(NmfamtError, match=message):
            adapt_dictionary("piano", **arguments)
    soundfile.write(tmp_path / "silence.wav", np.zeros(SR), SR)
    with pytest.raises(NmfamtError, match=r"Nothing sounds in .*silence.wav"):
        adapt_dictionary("piano", music=tmp_path / "silence.wav")
    song = spectrogram(perform(Notes([[0.1, 0.9]], [60])))
    with pytest.raises(NmfamtError, match="until=-1"):
        adapt_dictionary("piano", music=song, labels=Notes([[0.1, 0.9]], [60]), until=-1)


def test_dictionaries_that_cannot_be_adapted():
    duo = combine_dictionaries([load_dictionary("flute"), load_dictionary("cello")])
    with pytest.raises(NmfamtError, match="has several instruments: adapt one of them"):
        transfer_timbre(duo, PIANO)
    with pytest.raises(NmfamtError, match="has one template for a pitch"):
        transfer_timbre(average_columns(PIANO), PIANO)
    with pytest.raises(NmfamtError, match="has not one attack"):
        transfer_timbre(add_brighter(PIANO), PIANO)
    with pytest.raises(NmfamtError, match="another number of templates at C4"):
        transfer_timbre(PIANO.select(np.arange(len(PIANO.pitches)) != np.argmax(PIANO.pitches == 60)), PIANO)
