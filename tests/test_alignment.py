"""A score brought into time with its recording."""

import numpy as np
import pytest
from synthetic import make_activation, play

from nmfamt.alignment import align_notes
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes


def warped(notes, stretch):
    """Return the notes in another tempo, which changes all the time."""
    return Notes(stretch(notes.intervals), notes.pitches, velocities=notes.velocities)


STRETCHES = {
    "slower": lambda t: 1.3 * t,
    "faster, and from the beginning": lambda t: 0.8 * (t - 0.2),
    "rubato": lambda t: t + 0.6 * np.sin(t / 3) + 0.6,
}


@pytest.mark.parametrize("name", STRETCHES)
def test_a_score_in_another_tempo_is_brought_into_time(name):
    activation, played = play(2500, seed=3)
    score = warped(played, STRETCHES[name])
    score = score.select(score.intervals[:, 0] > 0)
    truth = played.select(STRETCHES[name](played.intervals[:, 0]) > 0)
    aligned = align_notes(score, activation)
    assert sorted(aligned.pitches.tolist()) == sorted(truth.pitches.tolist())
    by_pitch = [n.intervals[np.lexsort((n.intervals[:, 0], n.pitches)), 0] for n in (aligned, truth)]
    errors = np.abs(by_pitch[0] - by_pitch[1])
    assert np.mean(errors < 0.05) > 0.95
    before = np.abs(np.sort(score.intervals[:, 0]) - np.sort(truth.intervals[:, 0]))
    assert np.median(before) > 0.3


def test_what_is_in_time_stays():
    activation, played = play(1500, seed=1)
    aligned = align_notes(played, activation)
    by_pitch = [n.intervals[np.lexsort((n.intervals[:, 0], n.pitches)), 0] for n in (aligned, played)]
    assert np.mean(np.abs(by_pitch[0] - by_pitch[1]) < 0.03) > 0.95


def test_notes_that_nothing_shows_go_along():
    activation, played = play(1500, seed=2)
    extra = Notes([[5.0, 5.5]], [100], velocities=[64])
    aligned = align_notes(Notes.concatenate([played, extra]), activation)
    (onset,) = aligned.intervals[aligned.pitches == 100, 0]
    assert abs(onset - 5.0) < 0.3


def test_it_is_sorted_and_every_note_lasts():
    activation, played = play(1500, seed=4)
    aligned = align_notes(warped(played, lambda t: 0.5 * t), activation)
    assert (np.diff(aligned.intervals[:, 0]) >= 0).all()
    assert (np.diff(aligned.intervals, axis=1) > 0).all()


def test_nothing_to_align():
    activation, played = play(500)
    with pytest.raises(NmfamtError, match="no notes to align"):
        align_notes(Notes.empty(), activation)
    with pytest.raises(NmfamtError, match="Nothing of the score can be heard"):
        align_notes(Notes([[0, 1]], [100]), activation)
    with pytest.raises(NmfamtError, match="Nothing of the score can be heard"):
        align_notes(played, make_activation(np.zeros((6, 100)), pitches=[48, 55, 60, 64, 67, 72]))


def test_silence_before_and_after_the_music():
    activation, played = play(1500, seed=5)
    score = warped(played, lambda t: 0.7 * (t - played.intervals.min()))  # begins at once, and ends with its last note
    aligned = align_notes(score, activation)
    by_pitch = [n.intervals[np.lexsort((n.intervals[:, 0], n.pitches)), 0] for n in (aligned, played)]
    assert np.mean(np.abs(by_pitch[0] - by_pitch[1]) < 0.05) > 0.95
