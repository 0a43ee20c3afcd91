"""Candidate onsets and their features."""

import numpy as np
import pytest
from synthetic import make_activation, random_activation

from nmfamt.activation import novelty
from nmfamt.tracking.events import Candidates, find_candidates, onset_feature_names, onset_features
from nmfamt.tracking.levels import CONTEXT, FLOOR, N_PARTIALS, Levels

FAMILIES = (
    *("level", "attack", "neighbour", "neighbour_rise", "strength", "total", "register", "loss"),
    *("partial_rise", "partial_late", "partial_level"),
)


def found_in(values, **fields):
    return find_candidates(Levels.of(make_activation(np.atleast_2d(values), **fields)))


def bumps(n_frames, *peaks):
    """Return onset evidence of parabolas of half a width of three frames; novelty is half of it."""
    t = np.arange(n_frames)
    return 2 * np.sum([height * np.maximum(1 - ((t - place) / 3) ** 2, 0) for place, height in peaks], axis=0)


# Candidates: independent truths


@pytest.mark.parametrize("place", [5, 20, 37])
def test_a_step_is_one_candidate_at_its_place(place):
    values = np.zeros(50)
    values[place:] = 0.5
    found = found_in(values)
    assert (len(found), found.rows[0]) == (1, 0)
    # The three frames that see the step are alike, and the first of them counts: half a frame before the step.
    assert found.frames[0] + found.offsets[0] == place - 0.5
    assert found.strengths[0] == 0.5


def test_an_attack_tells_the_frame():
    values, onsets = np.zeros((1, 50)), np.zeros((1, 50))
    values[0, 20:], onsets[0, 20] = 0.5, 0.4
    found = found_in(values, onsets=onsets)
    assert (found.frames.tolist(), found.offsets.tolist()) == ([20], [0.0])
    assert found.strengths[0] == pytest.approx(0.5 + 0.2)


@pytest.mark.parametrize("fraction", [-0.45, -0.2, 0.0, 0.13, 0.45])
def test_a_parabola_peaks_between_frames(fraction):
    found = found_in(np.zeros(40), onsets=[bumps(40, (20 + fraction, 0.8))])
    assert found.frames.tolist() == [20]
    assert found.offsets[0] == pytest.approx(fraction)


def test_of_a_plateau_the_first_frame_counts():
    onsets = np.zeros(30)
    onsets[10:15] = 1.0
    assert found_in(np.zeros(30), onsets=[onsets]).frames.tolist() == [10]


@pytest.mark.parametrize(("distance", "n_found"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_peaks_within_the_radius_are_one(distance, n_found):
    onsets = np.zeros(30)
    onsets[10], onsets[10 + distance] = 1.0, 0.8
    assert found_in(np.zeros(30), onsets=[onsets]).frames.tolist() == [10, 10 + distance][:n_found]


def test_what_is_too_weak_is_no_candidate():
    levels = Levels.of(make_activation(np.zeros((1, 40)), onsets=[bumps(40, (10, 0.05), (25, 0.2))]))
    assert find_candidates(levels, threshold=0.1).frames.tolist() == [25]
    assert find_candidates(levels, threshold=0.01).frames.tolist() == [10, 25]


@pytest.mark.parametrize("place", [0, 39])
def test_the_first_and_the_last_frame_count(place):
    onsets = np.zeros(40)
    onsets[place] = 1.0
    found = found_in(np.zeros(40), onsets=[onsets])
    assert (found.frames.tolist(), found.offsets.tolist()) == ([place], [0.0])


def test_silence_has_no_candidates():
    found = found_in(np.zeros((3, 20)))
    assert len(found) == 0
    assert onset_features(Levels.of(make_activation(np.zeros((3, 20)))), found).shape == (
        0,
        len(onset_feature_names()),
    )


# Candidates: naive oracle


@pytest.mark.parametrize("radius", [1, 2, 4])
def test_candidates_are_local_maxima(radius):
    activation = random_activation(300)
    levels = Levels.of(activation)
    found = find_candidates(levels, threshold=0.3, radius=radius)
    expected = []
    for row, rise in enumerate(levels.novelty):
        for t, top in enumerate(rise):
            before, after = rise[max(0, t - radius) : t], rise[t + 1 : t + 1 + radius]
            if top > 0.3 and (before < top).all() and (after <= top).all():
                expected.append((row, t))
    assert len(expected) > 50
    assert list(zip(found.rows.tolist(), found.frames.tolist(), strict=True)) == expected
    assert (np.abs(found.offsets) <= 0.5).all()


def test_selecting_candidates():
    found = find_candidates(Levels.of(random_activation(100)))
    for chosen in (found.strengths > np.median(found.strengths), np.array([4, 2])):
        kept = found.select(chosen)
        for name in ("rows", "frames", "offsets", "strengths"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(found, name)[chosen])


# Features: every family by its definition


def definitions(activation, row, frame, strength):
    """Return every feature of a candidate by name, computed from the activation with no array but the given ones."""
    level = activation.level
    values, onsets = activation.values / level, activation.onsets / level
    rise = novelty(values, onsets)
    n_frames = values.shape[1]

    def log(x):
        return np.log10(x + FLOOR)

    def at(array, lag):
        return array[..., min(max(frame + lag, 0), n_frames - 1)]

    def of_pitch(array, interval, lags):
        rows = np.round(activation.pitches) == np.round(activation.pitches[row]) + interval
        return max(log(at(array[rows].sum(axis=0), lag)) for lag in lags)

    found = {}
    for lag in range(-60, 60):
        found[f"level{lag:+d}"] = log(at(values[row], lag))
        found[f"attack{lag:+d}"] = log(at(onsets[row], lag))
        found[f"loss{lag:+d}"] = log(at(activation.evidence["loss"][row] / level, lag))
    for interval in range(-40, 41):
        found[f"neighbour{interval:+d}"] = of_pitch(values, interval, range(4))
        found[f"neighbour_rise{interval:+d}"] = of_pitch(rise, interval, range(-2, 3))
    found["strength"] = log(strength)
    found["total"] = log(at(values.sum(axis=0), 3))
    found["total_before"] = log(at(values.sum(axis=0), -5))
    found["total_rise"] = log(at(rise.sum(axis=0), 0))
    for centre in range(128):
        found[f"register{centre}"] = np.exp(-((activation.pitches[row] - centre) ** 2) / (2 * 8**2))
    found["loss_share"] = found["loss+3"] - found["level+3"]
    for k in range(1, N_PARTIALS + 1):
        partial = activation.evidence[f"partial_{k}"][row] / level
        before, now, later = (
            np.mean([log(at(partial, lag)) for lag in lags]) for lags in ((-8, -6, -4), (0, 1), (4, 6, 8))
        )
        found[f"partial_rise_{k}"] = now - before
        found[f"partial_late_{k}"] = later - now
        found[f"partial_level_{k}"] = now
    return found


@pytest.fixture(scope="module")
def described():
    """Return names, features and their definitions for candidates all over an activation, its edges included."""
    activation = random_activation(150, pitches=[30, 36, 48, 55, 60, 64, 67, 72, 84, 91], level=2.0)
    levels = Levels.of(activation)
    found = find_candidates(levels)
    chosen = np.unique(np.concatenate([found.frames.argsort()[:5], found.frames.argsort()[-5:], np.arange(0, 80, 7)]))
    found = found.select(chosen)
    expected = [
        definitions(activation, *candidate)
        for candidate in zip(found.rows.tolist(), found.frames.tolist(), found.strengths.tolist(), strict=True)
    ]
    return onset_feature_names(), onset_features(levels, found), expected


def test_names_are_unique_and_match_the_columns(described):
    names, X, _ = described
    assert len(set(names)) == len(names) == X.shape[1]
    assert {name.rstrip("+-0123456789").rstrip("_") for name in names} == {
        *FAMILIES,
        "total_before",
        "total_rise",
        "loss_share",
    }
    assert X.dtype == np.float32


@pytest.mark.parametrize("family", FAMILIES)
def test_every_feature_is_its_definition(described, family):
    names, X, expected = described
    columns = [column for column, name in enumerate(names) if name.startswith(family)]
    assert columns
    for column in columns:
        values = [definition[names[column]] for definition in expected]
        np.testing.assert_allclose(X[:, column], values, rtol=1e-4, atol=1e-5, err_msg=names[column])


# Features: properties


def test_recording_gain_changes_nothing():
    one = random_activation(level=2.0)
    other = make_activation(
        2**-7 * one.values,
        onsets=2**-7 * one.onsets,
        pitches=one.pitches,
        level=2**-6,
        evidence={name: 2**-7 * array for name, array in one.evidence.items()},
    )
    described = []
    for activation in (one, other):
        levels = Levels.of(activation)
        described.append(onset_features(levels, find_candidates(levels)))
    np.testing.assert_array_equal(*described)


def test_an_octave_higher_only_the_register_differs():
    described = []
    for shift in (0, 12):
        levels = Levels.of(random_activation(pitches=range(48 + shift, 73 + shift, 3)))
        described.append(onset_features(levels, find_candidates(levels)))
    unlike = (described[0] != described[1]).any(axis=0)
    differs = np.array(onset_feature_names())[unlike].tolist()
    assert {name.rstrip("0123456789") for name in differs} == {"register"}


def test_features_do_not_depend_on_what_is_far_away():
    whole = random_activation(400)
    part = whole.frames(100, 300)
    levels, elsewhere = Levels.of(whole), Levels.of(part)
    found = find_candidates(levels)
    found = found.select((found.frames >= 100 + CONTEXT) & (found.frames < 300 - CONTEXT))
    moved = Candidates(found.rows, found.frames - 100, found.offsets, found.strengths)
    np.testing.assert_array_equal(onset_features(levels, found), onset_features(elsewhere, moved))
