"""Learning the emission model from activations and what was played."""

import numpy as np
import pytest
from synthetic import linear, make_activation, play

from nmfamt import training
from nmfamt.evaluation import evaluate
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking import HMMTracker
from nmfamt.tracking.emission import feature_names
from nmfamt.tracking.events import Candidates, find_candidates, onset_features
from nmfamt.tracking.frames import frame_features
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.offsets import choose_ends, find_spans, follow_notes
from nmfamt.training import (
    FRAME_INTERACTIONS,
    NOTE_CONTEXT_INTERACTIONS,
    ONSET_CONTEXT_INTERACTIONS,
    ONSET_INTERACTIONS,
    RELEASE_INTERACTIONS,
    label_candidates,
    learn_emission_model,
)

PARTS = ("onset", "onset_in_context", "timing", "velocity", "sounding", "release", "release_in_context")


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


def judged(activation, notes):
    """Return levels, candidates, and what each is."""
    levels = Levels.of(activation)
    candidates = find_candidates(levels)
    times = (candidates.frames + candidates.offsets) * activation.hop
    truth, _ = label_candidates(candidates, times, activation.pitches[candidates.rows], notes, tolerance=0.06)
    return levels, candidates, truth


def test_notes_are_told_from_ghosts(model):
    levels, candidates, truth = judged(*play(seed=99))
    odds = model.onset(onset_features(levels, candidates))[:, 0]
    known = truth >= 0
    assert (truth == 0).sum() > 50
    assert (truth == 1).sum() > 50
    assert ((odds > 0) == (truth == 1))[known].mean() > 0.97


def test_frames_that_sound_are_told_from_others(model):
    activation, notes = play(seed=99)
    levels = Levels.of(activation)
    right = []
    for (onset, offset), pitch in zip(np.round(100 * notes.intervals).astype(int), notes.pitches, strict=True):
        row = activation.pitches.tolist().index(pitch)
        last = min(offset + 30, len(activation.times))
        odds = model.sounding(frame_features(levels, row, onset, last))[:, 0]
        right.append((odds > 0) == (np.arange(onset, last) < offset))
    assert np.concatenate(right).mean() > 0.95


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


@pytest.mark.parametrize("penalty", [1.0, 50.0])
def test_corrections_in_time_and_velocities_are_ridge_regressions(penalty):
    """At the optimum the gradient of the penalised squares vanishes; corrections in time have ten times the penalty."""
    activation, notes = play(3000, late=0.01)
    model = learn_emission_model([(activation, notes)], penalty=penalty)
    levels = Levels.of(activation)
    candidates = find_candidates(levels)
    times = (candidates.frames + candidates.offsets) * activation.hop
    truth, note = label_candidates(candidates, times, activation.pitches[candidates.rows], notes, tolerance=0.06)
    X, true = onset_features(levels, candidates)[truth == 1], note[truth == 1]
    late = times[truth == 1] - notes.intervals[true, 0]
    for fit, y, weight in ((model.timing, late, 10 * penalty), (model.velocity, notes.velocities[true], penalty)):
        terms = np.concatenate([fit.weights, fit.products[np.triu_indices(len(fit.interacting))]])[:, 0]
        residual = fit(X)[:, 0] - y
        assert abs(residual.mean()) < 1e-4 * y.std()
        gradient = fit.design(X).T @ residual + weight * terms
        assert np.abs(gradient).max() < 1e-3 * len(y) * y.std()


def test_the_latency_is_known_and_not_learned():
    early, late = (
        learn_emission_model([play(seed=0, late=latency, latency=latency)], penalty=1.0) for latency in (0.0, 0.03)
    )
    assert early.timing.intercept[0] == pytest.approx(late.timing.intercept[0], abs=1e-6)


def test_the_features_whose_products_count():
    model = learn_emission_model([play(1000)], penalty=1.0)
    assert {part: getattr(model, part).interacting for part in PARTS} == {
        "onset": ONSET_INTERACTIONS,
        "onset_in_context": (*ONSET_INTERACTIONS, *ONSET_CONTEXT_INTERACTIONS),
        "timing": ONSET_INTERACTIONS,
        "velocity": (),
        "sounding": FRAME_INTERACTIONS,
        "release": RELEASE_INTERACTIONS,
        "release_in_context": NOTE_CONTEXT_INTERACTIONS,
    }
    model.check()


def test_a_penalty_makes_the_model_cautious():
    weak, strong = (learn_emission_model([play(1500)], penalty=penalty) for penalty in (1.0, 1e4))
    assert abs(strong.onset.terms()[0][1]) < 0.5 * abs(weak.onset.terms()[0][1])


# The second look


def octaves(n_events=60, *, seed=0, pitches=range(48, 60)):
    """Return an activation of octaves, one note of which was played, and what was.

    The upper note of all of them looks the same. Where the lower one explains a lot it was played, and the upper is its
    ghost; where it explains nothing, the upper was.
    """
    rng = np.random.default_rng(seed)
    rows = [*pitches, *(pitch + 12 for pitch in pitches)]
    n_frames = 60 * n_events + 100
    values, onsets, loss = (rng.gamma(0.2, 0.002, (len(rows), n_frames)).astype(np.float32) for _ in range(3))
    intervals, played = [], []
    for event in range(n_events):
        first, place, last = 50 + 60 * event, int(rng.integers(len(pitches))), 50 + 60 * event + 40
        shape = rng.uniform(0.3, 0.9) * np.exp(-0.02 * np.arange(40))
        lower = bool(rng.random() < 0.5)
        for row, worth in ((place, 3.0 if lower else 0.0), (place + len(pitches), 1.0)):
            values[row, first:last] += shape
            onsets[row, first] += 0.3
            loss[row, first:last] += worth * shape
        intervals.append((first / 100, last / 100))
        played.append(rows[place] if lower else rows[place] + 12)
    partials = {f"partial_{k}": values / k for k in range(1, 7)}
    activation = make_activation(values, onsets=onsets, pitches=rows, evidence={"loss": loss, **partials})
    return activation, Notes(intervals, played)


def test_ghosts_of_surer_notes_are_rejected_in_the_second_look():
    model = learn_emission_model([octaves(seed=seed) for seed in range(4)], penalty=1.0)
    activation, notes = octaves(seed=99)
    levels, candidates, truth = judged(activation, notes)
    upper = (activation.pitches[candidates.rows] >= 60) & (truth >= 0) & (candidates.strengths > 0.2)
    odds = model.onset(onset_features(levels, candidates))[:, 0]
    assert upper.sum() == 60
    assert ((odds > 0) == (truth == 1))[upper].mean() < 0.75  # nobody can tell
    assert evaluate(notes, HMMTracker(model=model, action_delay=0.0)(activation)).onset_f1 > 0.98
    assert dict(model.onset_in_context.terms())["odds-12"] < 0


def ringing(duration, n_notes=30, *, seed=0, n_rows=12):
    """Return an activation of notes of equal durations, half of which go on ringing, and what was played."""
    rng = np.random.default_rng(seed)
    firsts = 30 + np.cumsum(duration + rng.integers(1, 2 * duration, n_notes))  # what begins tells nothing of what ends
    n_frames = int(firsts[-1]) + 300
    values, onsets = (rng.gamma(0.2, 0.002, (n_rows, n_frames)).astype(np.float32) for _ in range(2))
    rows = np.arange(n_notes) % n_rows
    for first, row in zip(firsts, rows, strict=True):
        length = duration if rng.random() < 0.5 else 220
        values[row, first : first + length] += 0.6 * np.exp(-0.004 * np.arange(length))
        onsets[row, first] += 0.3
    partials = {f"partial_{k}": values / k for k in range(1, 7)}
    activation = make_activation(values, onsets=onsets, evidence={"loss": values, **partials})
    return activation, Notes(np.stack([firsts, firsts + duration], axis=1) / 100, 60 + rows)


def test_notes_that_ring_on_are_taken_to_be_as_long_as_their_neighbours():
    model = learn_emission_model(
        [ringing(duration, seed=duration) for duration in (20, 25, 30, 40, 50, 60, 80, 100, 120)], penalty=1.0
    )
    errors = {"first": [], "second": []}
    for duration in (22, 45, 90):
        activation, notes = ringing(duration, seed=1000 + duration)
        levels, candidates, truth = judged(activation, notes)
        followed = follow_notes(levels, find_spans(levels, candidates.select(truth == 1)), model.sounding)
        first = choose_ends(followed, model.release, model.persistence[0])
        second = choose_ends(followed, model.release_in_context, model.persistence[1], first)
        for name, ends in (("first", first), ("second", second)):
            errors[name] += np.abs(np.log((ends - followed.firsts) / duration)).tolist()
    right = {name: np.mean(np.array(logs) < np.log(1.2)) for name, logs in errors.items()}
    assert right["second"] > 0.9
    assert right["first"] < 0.8


def test_the_second_look_is_learned_from_what_the_first_finds_possible(monkeypatch):
    """Candidates below the least log-odds are none of the samples, and near misses are no samples either."""
    seen = []

    def fit(start, X, y, *, penalty):
        seen.append((len(X), set(y.tolist()), start.names))
        return fit_logistic(start, X, y, penalty=penalty)

    fit_logistic = training.fit_logistic
    monkeypatch.setattr(training, "fit_logistic", fit)
    recording = play(2000)
    model = learn_emission_model([recording], penalty=1.0)
    levels, candidates, truth = judged(*recording)
    odds = model.onset(onset_features(levels, candidates))[:, 0]
    by_names = {names: (n, classes) for n, classes, names in seen}
    assert by_names[feature_names()["onset"]] == ((truth >= 0).sum(), {0, 1})
    assert by_names[feature_names()["onset_in_context"]] == (((truth >= 0) & (odds > -5)).sum(), {0, 1})
    assert 0 < (odds <= -5).sum() < len(odds)


# Releases


def test_how_nearly_an_age_is_a_duration():
    ages, durations = np.arange(400), np.full(400, 100.0)
    likeness = training._likeness(ages, durations)
    assert likeness.argmax() == 100
    assert likeness[100] == pytest.approx(1.0)
    # 12 % of the duration, five frames of which are given.
    assert likeness[[88, 113]] == pytest.approx(np.exp(-0.5), abs=0.05)
    short = training._likeness(np.arange(10), np.full(10, 3.0))
    assert short[[2, 4]] == pytest.approx(np.exp(-0.5 / 1.5**2), abs=0.06)  # a frame and a half


def test_the_release_favours_later_frames_by_the_root_of_the_duration():
    names = feature_names()["release"]
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.1, 2.0, len(names))
    plain = linear(names, [1.0], {"age": -0.3, "fall": 2.0})
    plain = type(plain)(names, rng.standard_normal(len(names)), scale, plain.intercept, plain.weights)
    levels = Levels.of(make_activation(np.full((1, 500), 0.5, dtype=np.float32)))
    X = np.concatenate([frame_features(levels, 0, 20, 420), np.zeros((400, 1), dtype=np.float32)], axis=1)
    gained = (training._favouring_later(plain)(X) - plain(X))[:, 0]
    expected = 0.5 * np.log(np.arange(400) + 5)
    np.testing.assert_allclose(gained - gained[0], expected - expected[0], atol=1e-4)
    assert dict(plain.terms())["age"] == -0.3  # what was given is as it was


def test_both_looks_at_releases_favour_later_frames(monkeypatch):
    recordings = [play(1500)]
    favoured = learn_emission_model(recordings, penalty=1.0)
    monkeypatch.setattr(training, "_FAVOUR", 0.0)
    plain = learn_emission_model(recordings, penalty=1.0)
    place = feature_names()["release"].index("age")
    by = favoured.release.weights[place] - plain.release.weights[place]
    assert by[0] == pytest.approx(0.5 * np.log(10) * plain.release.scale[place], rel=1e-6)
    assert values_of(favoured)["release_in_context"] != values_of(plain)["release_in_context"]


# Properties


def values_of(model):
    parts = {part: getattr(model, part).to_dict() for part in PARTS}
    return {**parts, "persistence": model.persistence.tolist()}


def unlike(one, other):
    """Return the parts in which two models differ."""
    one, other = values_of(one), values_of(other)
    return {name for name in one if one[name] != other[name]}


OF_RELEASES = {"release", "release_in_context", "persistence"}


def test_the_same_recordings_make_the_same_model():
    one, other = (
        learn_emission_model([play(1000), play(1000, seed=1)], max_frames=200, max_notes=10, seed=3) for _ in range(2)
    )
    assert not unlike(one, other)


def test_the_seed_draws_frames_and_notes():
    one, other = (learn_emission_model([play(1000)], max_frames=200, seed=seed) for seed in (3, 4))
    assert unlike(one, other) == {"sounding", *OF_RELEASES}
    one, other = (learn_emission_model([play(1000)], max_notes=10, seed=seed) for seed in (3, 4))
    assert unlike(one, other) == OF_RELEASES


def test_enough_frames_and_notes_are_all_taken():
    one, other = (learn_emission_model([play(1000)], max_frames=10**6, max_notes=10**4, seed=seed) for seed in (3, 4))
    assert not unlike(one, other)


def test_a_recording_in_which_nothing_is_known_teaches_no_releases():
    silent = play(500, seed=5)[0], Notes.empty()
    one, other = (learn_emission_model(recordings) for recordings in ([play(1000)], [play(1000), silent]))
    assert {"onset", "onset_in_context"} <= unlike(one, other) <= {"onset", "onset_in_context", "timing", "velocity"}


def test_recordings_may_come_one_by_one_and_may_be_silent():
    silent = make_activation(np.zeros((6, 100)), level=0.0, pitches=(48, 55, 60, 64, 67, 72)), Notes.empty()
    one = learn_emission_model(iter([play(1000), silent]), info={"name": "x"})
    assert one.info == {"name": "x"}
    assert not unlike(one, learn_emission_model([play(1000)]))


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


def test_too_few_onsets_for_a_second_look():
    activation, notes = play(6000)
    with pytest.raises(NmfamtError, match=r"likely enough for a second look: give more .* penalty below 1e\+09"):
        learn_emission_model([(activation, notes.select(np.arange(len(notes)) < 1))], penalty=1e9)


@pytest.mark.parametrize("options", [{"max_frames": 0}, {"max_notes": 0}])
def test_nothing_to_draw(options):
    with pytest.raises(NmfamtError, match=r"max_frames=.* and max_notes=.* are counts of at least 1"):
        learn_emission_model([play(500)], **options)
