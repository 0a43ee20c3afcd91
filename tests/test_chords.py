"""Notes that were struck together, and keys that are late."""

import numpy as np
import pytest

from nmfamt.notes import Notes
from nmfamt.tracking.chords import align_chords, lateness_of_pitches

SPREAD = 0.025
KEYS = np.arange(48, 72)


def played(onsets, pitches, *, duration=0.4, instrument=""):
    onsets = np.asarray(onsets, dtype=float)
    return Notes(np.stack([onsets, onsets + duration], axis=1), pitches, instruments=instrument)


def music(n_chords=60, *, seed=0, size=3):
    """Return the times and pitches of chords, half a second apart."""
    rng = np.random.default_rng(seed)
    pitches = np.stack([rng.choice(KEYS, size, replace=False) for _ in range(n_chords)])
    times = 1 + 0.5 * np.arange(n_chords)[:, None] + np.zeros(size)
    return times.ravel(), pitches.ravel()


def errors(found, times, pitches):
    """Return by how much onsets differ from when the notes were struck."""
    order = np.lexsort((pitches, times))
    again = np.lexsort((found.pitches, np.round(found.intervals[:, 0] / 0.5)))
    np.testing.assert_array_equal(found.pitches[again], pitches[order])
    return found.intervals[again, 0] - times[order]


def test_keys_that_are_late_are_found_and_corrected():
    times, pitches = music()
    late = dict(zip(KEYS.tolist(), np.random.default_rng(1).normal(0, 0.02, len(KEYS)), strict=True))
    notes = played(times + [late[p] for p in pitches], pitches)
    found = lateness_of_pitches(notes, spread=SPREAD)
    found = np.array([found["", p] for p in sorted(late)])
    truth = np.array([late[p] for p in sorted(late)])
    assert np.corrcoef(found, truth)[0, 1] > 0.95
    before = errors(notes, times, pitches).std()
    after = errors(align_chords(notes, spread=SPREAD), times, pitches).std()
    assert after < before / 2


def test_a_key_that_is_late_in_chords_is_late_alone():
    times, pitches = music()
    notes = played(times + 0.03 * (pitches == 60), pitches)
    alone = played([40.03], [60])
    found = align_chords(Notes.concatenate([notes, alone]), spread=SPREAD)
    assert found.intervals[-1, 0] == pytest.approx(40.0, abs=0.01)


def test_errors_without_a_system_are_averaged():
    times, pitches = music(200, size=4)
    notes = played(times + np.random.default_rng(2).normal(0, 0.015, len(times)), pitches)
    aligned = align_chords(notes, spread=SPREAD)
    assert errors(aligned, times, pitches).std() < 0.7 * errors(notes, times, pitches).std()


def test_arpeggios_and_melodies_stay_as_they_are():
    pitches = np.tile([60, 64, 67, 72], 20)
    notes = played(0.12 * np.arange(len(pitches)), pitches, duration=0.1)
    np.testing.assert_allclose(align_chords(notes, spread=SPREAD).intervals, notes.intervals, atol=1e-4)


def test_the_same_key_twice_is_no_chord():
    notes = played([1.0, 1.07, 1.14], [60, 60, 60], duration=0.06)
    np.testing.assert_array_equal(align_chords(notes, spread=SPREAD).intervals, notes.intervals)


def test_each_instrument_has_its_own_lateness():
    times, pitches = music()
    early, late = (played(times + shift, pitches, instrument=name) for shift, name in ((0, "flute"), (0.03, "bassoon")))
    found = lateness_of_pitches(Notes.concatenate([early, late]), spread=SPREAD)
    for pitch in np.unique(pitches):
        assert 0.01 < found["bassoon", pitch] - found["flute", pitch] < 0.04


def test_of_a_key_that_is_hardly_heard_little_is_believed():
    once = lateness_of_pitches(played([1.0, 1.03], [60, 64]), spread=SPREAD)
    often = np.repeat(np.arange(1.0, 21.0), 2)
    often = lateness_of_pitches(played(often + np.tile([0, 0.03], 20), np.tile([60, 64], 20)), spread=SPREAD)
    assert 0 < once["", 64.0] < 0.005 < 0.012 < often["", 64.0] < 0.015


@pytest.mark.parametrize("seed", range(20))
def test_order_and_ends_stay_sound_whatever_comes(seed):
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 3, 300))
    pitches = rng.integers(60, 66, 300)
    offsets = onsets + rng.uniform(0.03, 0.3, 300)
    for pitch in np.unique(pitches):  # as a tracker leaves them
        mine = np.flatnonzero(pitches == pitch)
        offsets[mine[:-1]] = np.minimum(offsets[mine[:-1]], onsets[mine[1:]])
    notes = Notes(np.stack([onsets, offsets], axis=1), pitches, velocities=np.arange(300) % 127 + 1)
    found = align_chords(notes, spread=SPREAD)
    assert len(found) == len(notes)
    assert found.intervals.min() >= onsets[0]
    for pitch in np.unique(pitches):
        before, after = (n.select(n.pitches == pitch) for n in (notes, found))
        np.testing.assert_array_equal(before.velocities, after.velocities)
        assert (after.intervals[1:, 0] >= after.intervals[:-1, 1]).all()
        assert (np.diff(after.intervals, axis=1) > 0).all()


def test_moving_a_recording_in_time_moves_its_notes():
    times, pitches = music()
    notes = played(times + np.random.default_rng(3).normal(0, 0.01, len(times)), pitches)
    one, other = align_chords(notes, spread=SPREAD), align_chords(notes.shifted(7.0), spread=SPREAD)
    np.testing.assert_allclose(other.intervals, one.intervals + 7, atol=1e-9)


@pytest.mark.parametrize("notes", [Notes.empty(), played([1.0], [60])])
def test_none_and_one(notes):
    assert align_chords(notes, spread=SPREAD).equals(notes)
    assert set(lateness_of_pitches(notes, spread=SPREAD).values()) <= {0.0}


def naive(onsets, pitches):
    """Return aligned onsets, pair by pair."""

    def nearness(i, j):
        apart = abs(onsets[i] - onsets[j])
        return np.exp(-0.5 * (apart / SPREAD) ** 2) if pitches[i] != pitches[j] and apart < 4 * SPREAD else 0.0

    onsets, keys = np.array(onsets), sorted(set(pitches))
    pairs = [(i, j) for i in range(len(onsets)) for j in range(len(onsets)) if i < j]
    rows, wanted = [np.sqrt(3.0) * np.eye(len(keys))], [np.zeros(len(keys))]
    for i, j in pairs:
        root = np.sqrt(nearness(i, j))
        unit = np.zeros(len(keys))
        unit[keys.index(pitches[i])], unit[keys.index(pitches[j])] = root, -root
        rows.append(unit[None] if pitches[i] != pitches[j] else np.zeros((1, len(keys))))
        wanted.append([root * (onsets[i] - onsets[j])])
    late = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)[0]
    onsets = onsets - [late[keys.index(pitch)] for pitch in pitches]
    means = []
    for i in range(len(onsets)):
        weights = [1.0 if i == j else nearness(i, j) for j in range(len(onsets))]
        means.append(np.dot(weights, onsets) / np.sum(weights))
    return np.array(means)


@pytest.mark.parametrize("seed", range(3))
def test_the_definition_pair_by_pair(seed):
    times, pitches = music(12, seed=seed)
    notes = played(times + np.random.default_rng(seed).normal(0, 0.01, len(times)), pitches)
    found = align_chords(notes, spread=SPREAD)
    truth = naive(notes.intervals[:, 0].tolist(), notes.pitches.tolist())
    np.testing.assert_allclose(np.sort(found.intervals[:, 0])[3:], np.sort(truth)[3:], atol=1e-9)  # the first is held
