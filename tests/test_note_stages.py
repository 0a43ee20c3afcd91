"""Silence, attack, decay and release."""

import numpy as np
import pytest
from synthetic import cut, make_activation, random_activation

from nmfamt import Factorization, NmfamtError, Transcriber, load_dictionary
from nmfamt.notes import Notes
from nmfamt.tracking.note_stages import NoteStages, stage_features


def note(n_frames=300, *, begins=(50,), ends=150, pitch=60.0):
    """Return a pitch that is struck and damped: attack templates for 5 frames, then decay."""
    values, onsets = np.full((1, n_frames), 1e-4), np.zeros((1, n_frames))
    for begin in begins:
        values[0, begin:ends] = 0.2 * np.exp(-0.01 * np.arange(ends - begin))
        onsets[0, begin : begin + 5] = 0.7 * values[0, begin : begin + 5]
    values[0, ends:] += values[0, ends - 1] * np.exp(-0.5 * np.arange(1, n_frames - ends + 1))
    return make_activation(values, onsets=onsets, pitches=[pitch])


def test_a_note_begins_with_its_attack_and_ends_with_its_release():
    notes = NoteStages(action_delay=0.0)(note())
    assert len(notes) == 1
    np.testing.assert_allclose(notes.intervals, [[0.5, 1.5]], atol=0.04)


def test_a_note_that_decays_may_be_struck_again():
    values = note()
    again = note(begins=(50, 100))
    again.values[0, 97:100] *= 0.5
    assert len(NoteStages()(again)) == 2
    assert len(NoteStages()(values)) == 1


def test_silence_weighs_more_for_low_pitches():
    weak = [make_activation(0.5 * note().values, onsets=0.5 * note().onsets, pitches=[p]) for p in (60.0, 24.0)]
    found = [len(NoteStages(silence=4.5, bass=2.0)(activation)) for activation in weak]
    assert found[0] > found[1]


def test_features_do_not_know_the_gain():
    activation = random_activation(50, level=1.0)
    louder = make_activation(8 * activation.values, onsets=8 * activation.onsets, pitches=activation.pitches, level=8.0)
    np.testing.assert_allclose(stage_features(louder), stage_features(activation), rtol=1e-6)
    assert stage_features(activation).shape == (9, 50, 3)


def test_cutting_a_stream_makes_no_difference():
    activation = random_activation(2300)
    whole = NoteStages(silence=0.0)(activation)
    assert len(whole) > 20
    for places in ([1, 2, 1023, 1024, 1025, 2000], range(1, 2300, 50)):
        parts = list(NoteStages(silence=0.0).blocks(cut(activation, *places)))
        assert Notes.concatenate([Notes.empty(), *parts]).equals(whole, tol=0)


def test_a_scale_is_found(instrument_sound):
    y, sr, score = instrument_sound
    piano = load_dictionary("piano")
    front_end = Factorization(piano)
    notes = Transcriber(piano.settings, front_end, NoteStages(action_delay=0.0))(y, sr=sr)
    for onset, pitch in score:
        mine = notes.intervals[notes.pitches == pitch, 0]
        assert len(mine)
        assert np.abs(mine - onset).min() < 0.07  # long windows feel what breaks a silence before it does


@pytest.fixture(scope="module")
def instrument_sound():
    sr = 16000
    score = [(0.2, 60), (0.7, 64), (1.2, 67)]
    y = np.zeros(2 * sr)
    t = np.arange(round(0.45 * sr)) / sr
    for onset, pitch in score:
        hz = 440 * 2 ** ((pitch - 69) / 12)
        sound = sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 9)) * np.exp(-3 * t) * np.clip(t / 0.003, 0, 1)
        y[round(onset * sr) :][: len(sound)] += sound
    return y, sr, score


def test_silence_one_frame_and_empty_streams():
    assert len(NoteStages()(make_activation(np.zeros((2, 30)), level=0.0))) == 0
    assert len(list(NoteStages().blocks([]))) == 0
    NoteStages()(make_activation(np.ones((1, 1))))


def test_bad_options_are_refused_with_their_cure():
    with pytest.raises(NmfamtError, match="silence=nan must be a finite number"):
        NoteStages(silence=np.nan)
    with pytest.raises(NmfamtError, match="min_duration=-1 must be a number of seconds"):
        NoteStages(min_duration=-1)
    with pytest.raises(NmfamtError, match=r"20.0 ms apart, the tracker needs 8 to 12.5 ms"):
        NoteStages()(make_activation(np.ones((1, 9)), hop=0.02))
