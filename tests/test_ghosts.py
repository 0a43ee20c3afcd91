"""Notes that are dropped where an instrument plays melodies."""

import numpy as np
import pytest

from nmfamt.notes import Notes
from nmfamt.tracking.ghosts import drop_ghosts
from nmfamt.tracking.overlaps import overlaps

MELODY = np.array([60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60])


def line(pitches, *, confidence=0.97, instrument="flute", duration=0.5):
    begins = duration * np.arange(len(pitches))
    intervals = np.stack([begins, begins + duration], axis=1)
    return Notes(intervals, pitches, confidences=confidence, instruments=instrument)


def ghosts(interval, *, confidence=0.8, instrument="flute"):
    """Return a note above every third note of the melody."""
    above = line(MELODY + interval, confidence=confidence, instrument=instrument)
    return above.select(np.arange(len(above)) % 3 == 0)


def both(*parts):
    return Notes.concatenate(parts)


@pytest.mark.parametrize("interval", [-12, 1, 12, 19, 24, 28])
def test_ghosts_of_a_melody_are_dropped(interval):
    melody = line(MELODY)
    kept = drop_ghosts(both(melody, ghosts(interval)), least=0.5)
    assert kept.equals(melody)


@pytest.mark.parametrize("interval", [3, 4, 5, 7, 9])
def test_what_no_ghost_would_be_stays(interval):
    found = both(line(MELODY), ghosts(interval))
    assert drop_ghosts(found, least=0.5).equals(found)


def test_chords_keep_their_octaves():
    found = both(line(MELODY), line(MELODY - 4, confidence=0.9), line(MELODY - 9, confidence=0.9), ghosts(12))
    assert drop_ghosts(found, least=0.5).equals(found)


def test_octaves_that_are_surer_than_ghosts_stay():
    found = both(line(MELODY, confidence=0.9998), line(MELODY - 12, confidence=0.9999))
    assert len(drop_ghosts(found, least=0.5)) == len(found)


def test_the_same_notes_of_another_instrument_are_no_ghosts():
    found = both(line(MELODY), ghosts(12, instrument="oboe"))
    assert drop_ghosts(found, least=0.5).equals(found)


def test_one_instrument_plays_chords_and_another_a_melody():
    piano = [line(MELODY - 12 - k, confidence=0.9, instrument="piano") for k in (0, 4, 9)]
    octaves = ghosts(-24, instrument="piano")
    found = both(*piano, octaves, line(MELODY), ghosts(12))
    assert drop_ghosts(found, least=0.5).equals(both(*piano, octaves, line(MELODY)))


def test_the_surer_one_of_two_is_the_note():
    melody = line(MELODY, confidence=0.8)
    assert drop_ghosts(both(melody, line(MELODY + 12)), least=0.5).equals(line(MELODY + 12))


def test_notes_that_only_touch_do_not_overlap():
    slurred = line(np.array([60, 72] * 8))
    longer = Notes(slurred.intervals + np.array([0, 0.1]), slurred.pitches, confidences=np.linspace(0.6, 0.9, 16))
    assert len(drop_ghosts(longer, least=0.5)) == 16


def test_confidences_only_fall_and_the_threshold_is_the_callers():
    found = both(line(MELODY), ghosts(12))
    kept = drop_ghosts(found, least=1e-9)
    assert len(kept) == len(found)
    assert (kept.confidences <= found.confidences).all()
    np.testing.assert_array_equal(kept.confidences == found.confidences, kept.confidences > 0.9)
    assert len(drop_ghosts(found, least=kept.confidences.min() + 1e-6)) < len(found)


@pytest.mark.parametrize("notes", [Notes.empty(), Notes([[0, 1]], [60]), line(MELODY, confidence=1.0)])
def test_nothing_one_note_and_certain_ones(notes):
    assert drop_ghosts(notes, least=0.5).equals(notes)


def test_overlaps_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    begins = rng.uniform(0, 5, 60)
    notes = Notes(np.stack([begins, begins + rng.exponential(0.5, 60) + 0.01], axis=1), rng.integers(40, 80, 60))
    expected = np.zeros((60, 60))
    for i, (begin, end) in enumerate(notes.intervals):
        for j, (first, last) in enumerate(notes.intervals):
            part = (min(end, last) - max(begin, first)) / min(end - begin, last - first)
            expected[i, j] = part if i != j and part >= 0.25 else 0
    assert (expected > 0).sum() > 100
    np.testing.assert_allclose(overlaps(notes).toarray(), expected)


def test_an_hour_of_notes_is_no_matrix_of_all_pairs():
    many = line(np.tile(MELODY, 4000))
    assert overlaps(many).nnz == 0
    assert len(drop_ghosts(many, least=0.5)) == len(many)
