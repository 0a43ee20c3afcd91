"""Recordings that adapt the dictionary to themselves."""

import numpy as np
import pytest
from conftest import PITCHES, SR, perform

from nmfamt import Factorization, HMMTracker, adapt_dictionary, evaluate, load_dictionary, transcribe
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.learning_music import learn_templates
from nmfamt.notes import Notes
from nmfamt.self_adaptation import adapt_to_itself
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import Survey
from nmfamt.timbre_transfer import can_be_adapted

PIANO = load_dictionary("piano")
FREQS = PIANO.settings.freqs


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


def test_too_few_notes_are_left_alone(piece):
    _, y = piece
    front_end = Factorization(PIANO)
    assert adapt_to_itself(front_end, spectrogram(y[: SR // 2]), HMMTracker()) is front_end


def test_several_instruments_are_adapted_each_by_itself(piece):
    """Templates of what is played come nearer to it, and each instrument keeps its pitches and its name."""
    _, y = piece
    duo = combine_dictionaries([load_dictionary("organ"), load_dictionary("cello")])
    front_end, S = Factorization(duo), spectrogram(y)
    adapted = adapt_to_itself(front_end, S, HMMTracker())
    assert adapted.dictionary.rows == duo.rows
    assert adapted.dictionary.instruments.tolist() == duo.instruments.tolist()
    before, after = (HMMTracker()(way(S)) for way in (front_end, adapted))
    notes, _ = piece
    assert evaluate(notes, after).onset_f1 >= evaluate(notes, before).onset_f1
    assert transcribe(y, sr=SR, dictionary=duo).info["n_notes_adapted_to"] > 40


def test_in_the_end_each_instrument_learns_from_what_it_may_have_played(piece, monkeypatch):
    _, y = piece
    low = PIANO.select(PIANO.pitches < PITCHES[3])
    duo = combine_dictionaries([load_dictionary("organ"), low])
    taught = []

    def learn(pieces, base, **options):
        taught.append(pieces[0][1])
        return learn_templates(pieces, base, **options)

    monkeypatch.setattr("nmfamt.self_adaptation.learn_templates", learn)
    adapt_to_itself(Factorization(duo), spectrogram(y), HMMTracker())
    assert [set(notes.instruments.tolist()) for notes in taught] == [{""}, {"organ", "piano"}, {"organ", "piano"}]
    for notes in taught[1:]:
        assert (notes.instruments == "organ").sum() > 2 * (notes.instruments == "piano").sum()


def test_an_instrument_that_is_not_heard_stays_as_it_is(piece):
    """The lowest keys of a piano are far below the melody."""
    _, y = piece
    low = PIANO.select(PIANO.pitches < 24)
    duo = combine_dictionaries([load_dictionary("organ"), low])
    adapted = adapt_to_itself(Factorization(duo), spectrogram(y), HMMTracker())
    same = np.isclose(adapted.dictionary.W, duo.W).all(axis=0)
    assert same[duo.instruments == "piano"].all()
    assert not same[duo.instruments == "organ"].all()


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


def test_labelled_onsets_are_found_where_the_labels_have_them(piece):
    """Labels record actions: what lies between them and the sound is taken off once, not twice."""
    notes, y = piece
    labels = notes.shifted(-HMMTracker.action_delay)
    adapted = adapt_dictionary("organ", music=spectrogram(y), labels=labels)
    found = transcribe(y, sr=SR, dictionary=adapted, adapt=False)
    assert abs(evaluate(labels, found).onset_bias) < 0.008


def test_a_dictionary_with_two_attacks_for_a_pitch_is_left_alone(piece):
    _, y = piece
    organ = load_dictionary("organ")
    organ = organ.select(np.tile(np.arange(organ.W.shape[1]), 2))
    assert not can_be_adapted(organ)
    assert transcribe(y, sr=SR, dictionary=organ).info["n_notes_adapted_to"] is None


def test_an_aligned_score_teaches_no_latency(piece):
    """It was brought to where the dictionary finds onsets; the delay of an action is not in it, and not taken off."""
    notes, y = piece
    score = Notes(1.1 * notes.intervals, notes.pitches)
    adapted = adapt_dictionary("organ", music=spectrogram(y), labels=score, align=True)
    assert adapted.latency == load_dictionary("organ").latency
    before, after = (transcribe(y, sr=SR, dictionary=dictionary, adapt=False) for dictionary in ("organ", adapted))
    assert abs(evaluate(notes, after).onset_bias - evaluate(notes, before).onset_bias) < 0.01
