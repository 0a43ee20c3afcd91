"""What is known about a note in every frame."""

import numpy as np
import pytest
from synthetic import make_activation, random_activation

from nmfamt.activation import N_PARTIALS
from nmfamt.tracking.frames import N_FALLING, frame_feature_names, frame_features
from nmfamt.tracking.levels import FLOOR, Levels

NAMES = frame_feature_names()
FAMILIES = (
    *("level", "loss", "partial", "neighbour", "total", "fall", "age", "peak", "register", "slope", "trend"),
    *("fall<", "age>"),
)


def feature(name, levels, *span):
    return frame_features(levels, *span)[:, NAMES.index(name)]


# Independent truths


def test_a_decay_falls_in_a_straight_line():
    values = 1e5 * np.exp(-3 * np.arange(200) / 100)[None]  # so loud that the floor does not matter
    levels = Levels.of(make_activation(values))
    per_frame = -3 / 100 / np.log(10)
    inside = slice(5, 150)
    np.testing.assert_allclose(
        feature("fall", levels, 0, 0, 200)[inside], per_frame * np.arange(200)[inside], atol=1e-4
    )
    np.testing.assert_allclose(feature("slope", levels, 0, 0, 200)[inside], 6 * per_frame, atol=1e-4)
    np.testing.assert_allclose(feature("trend", levels, 0, 0, 200)[inside], 10 * per_frame, atol=1e-4)
    np.testing.assert_allclose(feature("peak", levels, 0, 0, 200), 5, atol=1e-4)


def test_what_grows_has_not_fallen():
    levels = Levels.of(make_activation(np.linspace(0, 1, 100)[None]))
    assert not feature("fall", levels, 0, 0, 100).any()
    np.testing.assert_array_equal(feature("peak", levels, 0, 0, 100), feature("level+0", levels, 0, 0, 100))


def test_the_age_counts_from_the_onset():
    levels = Levels.of(random_activation(300))
    found = feature("age", levels, 2, 40, 200)
    np.testing.assert_allclose(found[[0, 5, 95]], np.log10([0.05, 0.1, 1.0]), rtol=1e-5)


# Naive oracle


def definitions(activation, row, first, t):
    """Return every feature of frame `t` of a note that began at `first`, by name."""
    level = activation.level
    values = activation.values / level
    n_frames = values.shape[1]
    padded = np.concatenate([np.zeros((len(values), 2)), values, values[:, -1:]], axis=1)
    rise = np.maximum(padded[:, 3:] - padded[:, :-3], 0) + activation.onsets / level / 2
    pitch = activation.pitches[row]

    def log(x):
        return np.log10(x + FLOOR)

    def at(array, lag):
        return log(array[..., min(max(t + lag, 0), n_frames - 1)])

    def fall(array):
        return log(array[t]) - max(log(array[first : t + 1]))

    loss = activation.evidence["loss"][row] / level
    age = np.log10((t - first) * 0.01 + 0.05)
    found = {"age": age, "fall": fall(values[row]), "peak": max(log(values[row, first : t + 1]))}
    for lag in range(-45, 46):
        found[f"level{lag:+d}"] = at(values[row], lag)
        found[f"loss{lag:+d}"] = at(loss, lag)
        found[f"total{lag:+d}"] = at(values.sum(axis=0), lag)
        found[f"total_rise{lag:+d}"] = at(rise.sum(axis=0), lag)
    found["loss_share"] = found["loss+0"] - found["level+0"]
    for k in range(1, N_PARTIALS + 1):
        partial = activation.evidence[f"partial_{k}"][row] / level
        found[f"partial_{k}"] = at(partial, 0) - found["level+0"]
        found[f"partial_fall_{k}"] = fall(partial)
    for interval in range(-30, 31):
        rows = activation.pitches == pitch + interval
        found[f"neighbour{interval:+d}"] = at(values[rows].sum(axis=0), 0)
    found["total_fall"] = fall(values.sum(axis=0))
    for centre in range(128):
        found[f"register{centre}"] = np.exp(-((pitch - centre) ** 2) / (2 * 12**2))
    found["slope"] = found["level+3"] - found["level-3"]
    found["trend"] = found["level+10"] - found["level+0"]
    for tenths in range(-20, 20):
        found[f"fall<{tenths / 10}"] = min(found["fall"] - tenths / 10, 0)
        found[f"age>{tenths / 10}"] = max(age - tenths / 10, 0)
    return found


@pytest.fixture(scope="module")
def described():
    activation = random_activation(120, pitches=[36, 48, 50, 55, 60, 62, 67, 72, 84], level=2.0)
    row, first, last = 4, 15, 120
    expected = [definitions(activation, row, first, t) for t in range(first, last)]
    return frame_features(Levels.of(activation), row, first, last), expected


def test_names_are_unique_and_match_the_columns(described):
    X, _ = described
    assert len(set(NAMES)) == len(NAMES) == X.shape[1]
    assert all(name.startswith(FAMILIES) for name in NAMES)
    assert X.dtype == np.float32


@pytest.mark.parametrize("family", FAMILIES)
def test_every_feature_is_its_definition(described, family):
    X, expected = described
    columns = [column for column, name in enumerate(NAMES) if name.startswith(family)]
    assert columns
    for column in columns:
        values = [definition[NAMES[column]] for definition in expected]
        np.testing.assert_allclose(X[:, column], values, rtol=1e-4, atol=2e-5, err_msg=NAMES[column])


# Properties


def test_the_future_of_a_note_leaves_its_frames_as_they_are():
    levels = Levels.of(random_activation(200))
    np.testing.assert_array_equal(frame_features(levels, 3, 30, 180)[:60], frame_features(levels, 3, 30, 90))


def test_notes_described_together_are_described_as_each_alone():
    levels = Levels.of(random_activation(300, level=2.0))
    rows, firsts, lasts = np.array([[2, 2, 5, 0, 8], [10, 100, 40, 7, 290], [100, 250, 41, 7, 300]])
    alone = [frame_features(levels, *span) for span in zip(rows.tolist(), firsts.tolist(), lasts.tolist(), strict=True)]
    np.testing.assert_array_equal(frame_features(levels, rows, firsts, lasts), np.concatenate(alone))


def test_notes_described_bit_by_bit():
    levels = Levels.of(random_activation(200))
    rows, firsts, lasts = np.array([0, 2, 2]), np.array([10, 30, 90]), np.array([110, 50, 195])
    whole = frame_features(levels, rows, firsts, lasts)
    peaks = np.full((N_FALLING, len(rows)), -np.inf, dtype=np.float32)
    parts, begins = [[] for _ in rows], firsts
    for n_frames in (10, 11, 60, 200):
        stops = np.minimum(firsts + n_frames, lasts)
        X = frame_features(levels, rows, firsts, stops, begins, peaks)
        for note, part in enumerate(np.split(X, np.cumsum(stops - begins)[:-1])):
            parts[note].append(part)
        begins = stops
    np.testing.assert_array_equal(np.concatenate([part for note in parts for part in note]), whole)


def test_recording_gain_changes_nothing():
    one = random_activation(100)
    other = make_activation(
        4 * one.values,
        onsets=4 * one.onsets,
        pitches=one.pitches,
        level=4.0,
        evidence={name: 4 * array for name, array in one.evidence.items()},
    )
    np.testing.assert_array_equal(*(frame_features(Levels.of(a), 2, 10, 90) for a in (one, other)))


def test_an_octave_higher_only_the_register_differs():
    low, high = (
        frame_features(Levels.of(random_activation(100, pitches=range(48 + up, 73 + up, 3))), 2, 10, 90)
        for up in (0, 12)
    )
    differs = {name for name, one, other in zip(NAMES, low.T, high.T, strict=True) if (one != other).any()}
    assert differs == {name for name in NAMES if name.startswith("register")}


def test_a_note_without_frames():
    assert frame_features(Levels.of(random_activation(20)), 0, 7, 7).shape == (0, len(NAMES))
