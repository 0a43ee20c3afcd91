"""Learning the emission model from activations and what was played."""

import numpy as np
import pytest
from synthetic import make_activation, play

from nmfamt.evaluation import evaluate
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking import HMMTracker
from nmfamt.tracking.emission import STATES
from nmfamt.tracking.events import Candidates, find_candidates, onset_features
from nmfamt.tracking.levels import Levels
from nmfamt.training import FRAME_INTERACTIONS, ONSET_INTERACTIONS, label_candidates, learn_emission_model

SILENCE, ATTACK, SUSTAIN, RELEASE = range(4)


# Which candidates are onsets


def labelled(candidates, notes, tolerance=0.06):
    """Label candidates given as (time, pitch, strength); notes are given as (onset, pitch)."""
    times, pitches, strengths = (np.array(column, dtype=float) for column in zip(*candidates, strict=True))
    order = np.zeros(len(times), dtype=int)
    played = Notes([(onset, onset + 1) for onset, _ in notes], [pitch for _, pitch in notes])
    truth, note = label_candidates(
        Candidates(order, order, times, strengths), times, pitches, played, tolerance=tolerance
    )
    return truth.tolist(), note.tolist()


def test_the_strongest_near_a_label_is_the_onset():
    candidates = [(0.98, 60, 0.2), (1.02, 60, 0.9), (1.05, 60, 0.3), (1.2, 60, 0.9), (1.0, 61, 0.9)]
    assert labelled(candidates, [(1.0, 60)]) == ([-1, 1, -1, 0, 0], [-1, 0, -1, -1, -1])


@pytest.mark.parametrize(("ratio", "first"), [(1.40, True), (1.50, False)])
def test_forty_milliseconds_weigh_as_much_as_a_factor_of_145(ratio, first):
    truth, _ = labelled([(1.0, 60, 0.2), (1.04, 60, 0.2 * ratio)], [(1.0, 60)])
    assert truth == ([1, -1] if first else [-1, 1])


@pytest.mark.parametrize(("distance", "truth"), [(0.059, 1), (-0.059, 1), (0.061, 0), (-0.061, 0)])
def test_beyond_the_tolerance_nothing_is_near(distance, truth):
    assert labelled([(1.0 + distance, 60, 0.5)], [(1.0, 60)])[0] == [truth]


@pytest.mark.parametrize(("pitch", "truth"), [(60.4, 1), (59.6, 1), (60.6, 0), (72.0, 0)])
def test_another_pitch_is_not_near(pitch, truth):
    assert labelled([(1.0, pitch, 0.5)], [(1.0, 60)])[0] == [truth]


def test_two_labels_near_each_other_have_an_onset_each():
    truth, note = labelled([(1.0, 60, 0.9), (1.05, 60, 0.5), (1.02, 60, 0.1)], [(1.0, 60), (1.05, 60)])
    assert (truth, note) == ([1, 1, -1], [0, 1, -1])


def test_a_label_without_candidates_takes_none_from_another():
    assert labelled([(1.0, 60, 0.9)], [(1.0, 60), (1.03, 60)]) == ([1], [0])


def test_without_labels_nothing_is_an_onset():
    assert labelled([(1.0, 60, 0.9), (2.0, 61, 0.1)], []) == ([0, 0], [-1, -1])


# What is learned


@pytest.fixture(scope="module")
def model():
    return learn_emission_model([play(seed=seed) for seed in range(4)], penalty=1.0, info={"name": "synthetic"})


def test_notes_are_told_from_ghosts(model):
    activation, notes = play(seed=99)
    levels = Levels.of(activation)
    candidates = find_candidates(levels)
    times = (candidates.frames + candidates.offsets) * activation.hop
    truth, _ = label_candidates(candidates, times, activation.pitches[candidates.rows], notes, tolerance=0.06)
    odds = model.onset(onset_features(levels, candidates))[:, 0]
    known = truth >= 0
    assert (truth == 0).sum() > 50
    assert (truth == 1).sum() > 50
    assert ((odds > 0) == (truth == 1))[known].mean() > 0.97


def test_what_was_played_is_tracked(model):
    activation, notes = play(seed=99)
    scores = evaluate(notes, HMMTracker(model=model, action_delay=0.0)(activation))
    assert scores.onset_f1 > 0.95
    assert scores.offset_f1 > 0.85
    assert scores.frame_f1 > 0.9


def test_velocities_are_learned(model):
    activation, notes = play(seed=99)
    found = HMMTracker(model=model, action_delay=0.0)(activation)
    pairs = [
        (velocity, notes.velocities[near][0])
        for onset, pitch, velocity in zip(found.intervals[:, 0], found.pitches, found.velocities, strict=True)
        if (near := (notes.pitches == pitch) & (np.abs(notes.intervals[:, 0] - onset) < 0.03)).any()
    ]
    assert len(pairs) > 50
    assert np.corrcoef(*zip(*pairs, strict=True))[0, 1] > 0.95


def test_how_late_candidates_are_is_learned():
    model = learn_emission_model([play(seed=seed, late=0.02) for seed in range(2)], penalty=1.0)
    activation, notes = play(seed=99, late=0.02)
    found = HMMTracker(model=model, action_delay=0.0)(activation)
    assert abs(evaluate(notes, found).onset_bias) < 0.003
    assert model.timing.intercept[0] == pytest.approx(0.02, abs=0.006)


def test_the_latency_is_known_and_not_learned():
    early, late = (
        learn_emission_model([play(seed=0, late=latency, latency=latency)], penalty=1.0) for latency in (0.0, 0.03)
    )
    assert early.timing.intercept[0] == pytest.approx(late.timing.intercept[0], abs=1e-6)


def test_transitions_are_counted():
    # One note of 100 frames, then 20 of release, then silence for 80: an attack is followed by its sustain.
    values = np.zeros((1, 300), dtype=np.float32)
    values[0, 100:] = 0.5
    activation = make_activation(values)
    found = find_candidates(Levels.of(activation)).frames
    assert found.tolist() == [99]
    notes = Notes([[0.99, 1.99]], [60])
    transitions = learn_emission_model([(activation, notes)], penalty=1.0).transitions
    np.testing.assert_allclose(transitions.sum(axis=1), 1)
    np.testing.assert_allclose(transitions[ATTACK], np.eye(len(STATES))[SUSTAIN])
    np.testing.assert_allclose(transitions[SUSTAIN], [0, 0, 0.99, 0.01], atol=1e-3)
    np.testing.assert_allclose(transitions[RELEASE], [0.05, 0, 0, 0.95], atol=1e-3)
    np.testing.assert_allclose(transitions[SILENCE], [1, 0, 0, 0], atol=1e-3)


def test_the_features_whose_products_count():
    model = learn_emission_model([play(1000)], penalty=1.0)
    assert (model.onset.interacting, model.frame.interacting) == (ONSET_INTERACTIONS, FRAME_INTERACTIONS)
    assert (model.timing.interacting, model.velocity.interacting) == ((), ())


def test_a_penalty_makes_the_model_cautious():
    weak, strong = (learn_emission_model([play(1500)], penalty=penalty) for penalty in (1.0, 1e4))
    assert abs(strong.onset.terms()[0][1]) < 0.5 * abs(weak.onset.terms()[0][1])


# Properties


def values_of(model):
    return [getattr(model, part).to_dict() for part in ("onset", "timing", "velocity", "frame")]


def test_the_same_recordings_make_the_same_model():
    one, other = (learn_emission_model([play(1000), play(1000, seed=1)], max_frames=200, seed=3) for _ in range(2))
    assert values_of(one) == values_of(other)


def test_the_seed_draws_frames():
    one, other = (learn_emission_model([play(1000)], max_frames=200, seed=seed) for seed in (3, 4))
    same = [a == b for a, b in zip(values_of(one), values_of(other), strict=True)]
    assert same == [True, True, True, False]


def test_enough_frames_are_all_taken():
    one, other = (learn_emission_model([play(1000)], seed=seed) for seed in (3, 4))
    assert values_of(one) == values_of(other)


def test_recordings_may_come_one_by_one_and_may_be_silent():
    silent = make_activation(np.zeros((6, 100)), level=0.0, pitches=(48, 55, 60, 64, 67, 72)), Notes.empty()
    one = learn_emission_model(iter([play(1000), silent]), info={"name": "x"})
    assert one.info == {"name": "x"}
    assert values_of(one) == values_of(learn_emission_model([play(1000)]))


def test_what_is_learned_can_be_saved(model, tmp_path):
    model.save(tmp_path / "m.json")
    same = type(model).load(tmp_path / "m.json")
    activation, _ = play(seed=99)
    one, other = (HMMTracker(model=m)(activation) for m in (model, same))
    assert one.equals(other, tol=1e-2)


# Errors


def test_labels_of_another_recording():
    activation, _ = play(500)
    with pytest.raises(NmfamtError, match="No candidate lies near a label: are the labels those of the recordings"):
        learn_emission_model([(activation, Notes([[0.5, 1.0]], [30]))])


def test_no_recordings():
    with pytest.raises(NmfamtError, match="No candidate lies near a label"):
        learn_emission_model([])
