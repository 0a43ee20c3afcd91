"""How much later than labelled notes are found, and what a tracker makes of that."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SR, perform

from nmfamt import HMMTracker, Notes, PitchActivation, activate, adapt_dictionary, load_dictionary, transcribe
from nmfamt.exceptions import NmfamtError
from nmfamt.lateness import measure_lateness
from nmfamt.learning_music import learn_dictionary_from_music

PIANO = load_dictionary("piano")


@pytest.fixture(scope="module")
def piece():
    """A spectrogram and its notes, which sound exactly where they are labelled."""
    rng = np.random.default_rng(0)
    onsets = 0.3 + 0.35 * np.arange(24)
    notes = Notes(np.stack([onsets, onsets + 0.3], axis=1), rng.integers(48, 72, size=24))
    return PIANO.settings(perform(notes), sr=SR), notes


def moved(notes, onset, offset):
    """Return labels that come so many seconds later."""
    return replace(notes, intervals=np.add(notes.intervals, [onset, offset]))


def test_labels_that_come_later_make_notes_less_late(piece):
    spectrogram, notes = piece
    exact = measure_lateness(PIANO, [piece])
    other = measure_lateness(PIANO, [(spectrogram, moved(notes, 0.02, -0.03))])
    np.testing.assert_allclose(np.subtract(exact, other), [0.02, -0.03], atol=0.004)


def test_what_a_dictionary_knew_before_does_not_count(piece):
    assert measure_lateness(PIANO.with_lateness((0.2, 0.1)), [piece]) == measure_lateness(PIANO, [piece])


def test_few_notes_tell_nothing(piece):
    spectrogram, notes = piece
    assert measure_lateness(PIANO, [(spectrogram, notes.select(np.arange(24) < 9))]) is None
    assert measure_lateness(PIANO, []) is None


@pytest.mark.parametrize(
    "learn",
    [
        lambda spectrogram, notes: adapt_dictionary("piano", music=spectrogram, labels=notes),
        lambda spectrogram, notes: adapt_dictionary("piano", music=[spectrogram] * 2, labels=[notes] * 2),
        lambda spectrogram, notes: learn_dictionary_from_music([(spectrogram, notes)]),
    ],
)
def test_the_default_tracker_finds_notes_where_labels_have_them(piece, learn):
    spectrogram, notes = piece
    late = moved(notes, 0.04, 0.02)
    dictionary = learn(spectrogram, late)
    found = HMMTracker()(activate(perform(notes), sr=SR, dictionary=dictionary))
    near = np.abs(found.intervals[:, None, 0] - late.intervals[:, 0]).argmin(axis=1)
    errors = found.intervals - late.intervals[near]
    assert np.abs(np.median(errors, axis=0)).max() < 0.012


def test_music_without_labels_says_nothing_about_lateness(piece):
    spectrogram, notes = piece
    late = PIANO.with_lateness((0.03, 0.01))
    for options in ({}, {"labels": notes, "align": True}):
        assert adapt_dictionary(late, music=spectrogram, **options).lateness == late.lateness
        assert adapt_dictionary(PIANO, music=spectrogram, **options).lateness is None


def test_lateness_takes_the_place_of_the_delay_that_is_assumed(piece):
    activation = activate(perform(piece[1]), sr=SR)
    plain = HMMTracker(action_delay=0.0)(activation)
    late = HMMTracker(action_delay=0.5)(replace(activation, lateness=(0.03, 0.01)))
    np.testing.assert_allclose(plain.intervals[:, 0] - late.intervals[:, 0], 0.03, atol=1e-9)
    assert np.median(plain.intervals[:, 1] - late.intervals[:, 1]) == pytest.approx(0.01)


def test_lateness_is_kept_in_files_and_in_the_hash(tmp_path):
    late = PIANO.with_lateness((0.02, -0.01))
    late.save(tmp_path / "late.npz")
    assert load_dictionary(tmp_path / "late.npz").lateness == (0.02, -0.01)
    assert late.hash != PIANO.hash == late.with_lateness(None).hash
    activation = activate(np.zeros(SR), sr=SR, dictionary=late)
    activation.save(tmp_path / "activation.npz")
    assert PitchActivation.load(tmp_path / "activation.npz").lateness == (0.02, -0.01)


@pytest.mark.parametrize("lateness", [(0.1,), (2.0, 0.0), (float("nan"), 0.0)])
def test_lateness_is_two_short_times(lateness):
    with pytest.raises(NmfamtError, match="must be two times in seconds"):
        PIANO.with_lateness(lateness)


def test_the_output_names_the_dictionary_and_its_lateness(piece):
    """Not the one that it was adapted from, before or after it is adapted to the recording."""
    spectrogram, notes = piece
    mine = adapt_dictionary("piano", music=spectrogram, labels=notes, name="mine")
    for adapt in (False, True):
        info = transcribe(perform(notes), sr=SR, dictionary=mine, adapt=adapt).info
        assert (info["dictionary"], info["dictionary_hash"]) == ("mine", mine.hash)
        assert info["lateness"] == list(mine.lateness)
