"""What decisions say about one another."""

import numpy as np
import pytest

from nmfamt.tracking.context import (
    CONTEXT_FRAMES,
    LEAST_LOG_ODDS,
    note_context,
    note_context_names,
    onset_context,
    onset_context_names,
)
from nmfamt.tracking.events import Candidates

UP = (1, 2, 3, 4, 5, 7, 12, 16, 19, 24, 28, 31, 36)
INTERVALS = (*(-interval for interval in reversed(UP)), *UP)
NOTHING = np.log(0.3)  # the logarithm of a count of none


def candidates_at(frames):
    frames = np.asarray(frames, dtype=np.int64)
    return Candidates(np.arange(len(frames)), frames, np.zeros(len(frames)), np.ones(len(frames)))


def described(*candidates):
    """Describe candidates given as (frame, pitch, log-odds); return the features of each by name."""
    frames, pitches, odds = (np.array(column) for column in zip(*candidates, strict=True))
    X = onset_context(candidates_at(frames), pitches.astype(float), odds.astype(float))
    return [dict(zip(onset_context_names(), row.tolist(), strict=True)) for row in X]


def followed(*notes):
    """Describe notes given as (onset, end, frames); return the features of each as a dict of arrays."""
    firsts, ends, lengths = (np.array(column, dtype=np.int64) for column in zip(*notes, strict=True))
    parts = np.split(note_context(firsts, ends, lengths), np.cumsum(lengths)[:-1])
    return [dict(zip(note_context_names(), part.T, strict=True)) for part in parts]


# Onsets: independent truths


def test_a_candidate_on_its_own():
    (alone,) = described((700, 60, 1.5))
    probability = 1 / (1 + np.exp(-1.5))
    known = {"odds": 1.5, **dict.fromkeys(("dense", "together", "played"), np.log(probability + 0.3))}
    known["played_share"] = NOTHING - known["played"]
    for name, value in alone.items():
        expected = NOTHING if name.startswith("played") else LEAST_LOG_ODDS
        assert value == pytest.approx(known.get(name, expected), rel=1e-5), name


def test_a_surer_note_an_octave_below():
    ghost, octave = described((100, 72, 0.5), (103, 60, 4.0))
    assert (ghost["odds-12"], ghost["odds+12"]) == (4.0, LEAST_LOG_ODDS)
    assert (octave["odds-12"], octave["odds+12"]) == (LEAST_LOG_ODDS, 0.5)


@pytest.mark.parametrize(("distance", "found"), [(5, 4.0), (-5, 4.0), (6, LEAST_LOG_ODDS), (-6, LEAST_LOG_ODDS)])
def test_notes_of_a_chord_are_at_most_50_ms_apart(distance, found):
    one, _ = described((100, 60, 0.0), (100 + distance, 67, 4.0))
    assert one["odds+7"] == found


@pytest.mark.parametrize(
    ("lag", "period"),
    [
        *[(-30, "before"), (-9, "before"), (-8, "before-"), (-1, "before-")],
        *[(1, "after+"), (8, "after+"), (9, "after"), (30, "after"), (-31, None), (31, None)],
    ],
)
def test_the_same_pitch_before_and_after(lag, period):
    one, _ = described((100, 60, 0.0), (100 + lag, 60, 2.0))
    found = {name for name in ("before-", "before", "after+", "after") if one[f"odds_{name}"] > LEAST_LOG_ODDS}
    assert found == ({period} if period else set())


@pytest.mark.parametrize(
    ("interval", "name"), [(0, "played+0"), (12, "played+12"), (-12, "played-12"), (1, "played+1"), (-1, "played-1")]
)
@pytest.mark.parametrize("lag", [9, 10, -10, CONTEXT_FRAMES, -CONTEXT_FRAMES, CONTEXT_FRAMES + 1, -CONTEXT_FRAMES - 1])
def test_what_was_played_within_ten_seconds_but_not_just_now(lag, interval, name):
    one, _ = described((2000, 60, 0.0), (2000 + lag, 60 + interval, 30.0))
    counted = {name for name, value in one.items() if name.startswith("played") and value > NOTHING + 0.1}
    expected = {name, "played_class"} if abs(interval) == 12 else {name}
    within = 10 <= abs(lag) <= CONTEXT_FRAMES
    assert counted - {"played", "played_share"} == (expected if within else set())


def test_what_is_unlikely_was_not_played():
    unlikely, likely = (np.log(p / (1 - p)) for p in (0.049, 0.051))
    for odds, share in ((unlikely, 0.0), (likely, 0.051)):
        one, _ = described((100, 60, 0.0), (300, 60, odds))
        assert one["played+0"] == pytest.approx(np.log(share + 0.3), rel=1e-4)


def test_several_instruments_at_one_pitch():
    one, other, late = described((100, 60, 1.0), (100, 60, 3.0), (105, 72, 0.0))
    assert (one["odds"], other["odds"]) == (1.0, 3.0)
    assert late["odds-12"] == 3.0  # the better one
    assert one["played+0"] == pytest.approx(NOTHING)  # the other may be the same note
    assert one["together"] == pytest.approx(np.log(sum(1 / (1 + np.exp(-odds)) for odds in (1, 3, 0)) + 0.3))


def test_log_odds_are_limited_and_probabilities_are_not():
    one, _ = described((100, 60, 80.0), (300, 60, 80.0))
    assert (one["odds"], one["odds-12"]) == (-LEAST_LOG_ODDS, LEAST_LOG_ODDS)
    assert one["played+0"] == pytest.approx(np.log(1.3))


def test_fractions_of_a_semitone_are_rounded():
    one, _ = described((100, 59.6, 0.0), (100, 72.4, 2.0))
    assert one["odds+12"] == 2.0


@pytest.mark.parametrize("pitch", [0, 127])
def test_the_ends_of_all_pitches(pitch):
    one, other = described((0, pitch, 1.0), (0, pitch, 2.0))
    assert max(value for name, value in one.items() if name.startswith("odds") and name != "odds") == LEAST_LOG_ODDS
    assert one["together"] == other["together"]


# Onsets: naive oracle


def slowly_onsets(frames, pitches, log_odds):
    """Describe candidates by looping over all others."""
    pitches = np.round(pitches).astype(int)
    odds = [min(max(value, -5.0), 5.0) for value in log_odds]
    chances = [p if (p := 1 / (1 + np.exp(-value))) >= 0.05 else 0.0 for value in log_odds]
    n = range(len(frames))
    rows = []
    for i in n:

        def best(interval, begin, end, i=i):
            near = [j for j in n if pitches[j] == pitches[i] + interval and begin <= frames[j] - frames[i] <= end]
            return max([odds[j] for j in near], default=-5.0)

        def played(*intervals, i=i):
            return sum(
                chances[j]
                for j in n
                if pitches[j] - pitches[i] in intervals and 10 <= abs(frames[j] - frames[i]) <= CONTEXT_FRAMES
            )

        def within(reach, i=i):
            return sum(chances[j] for j in n if abs(frames[j] - frames[i]) <= reach)

        counts = [played(0), played(-36, -24, -12, 12, 24, 36), played(1), played(-1), played(12), played(-12)]
        counts += [within(50), within(5), within(CONTEXT_FRAMES)]
        logs = [float(np.log(count + 0.3)) for count in counts]
        rows.append(
            [
                odds[i],
                *(best(interval, -5, 5) for interval in INTERVALS),
                *(best(0, begin, end) for begin, end in ((-8, -1), (-30, -9), (1, 8), (9, 30))),
                *logs,
                logs[0] - logs[-1],
            ]
        )
    return np.array(rows)


def random_candidates(n, *, n_frames=4000, pitches=(36, 97), seed=0):
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.integers(0, n_frames, n))
    return frames, rng.integers(*pitches, n).astype(float), rng.normal(0, 4, n)


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (1, {}),
        (2, {"n_frames": 1}),
        (150, {"n_frames": 40}),
        (300, {}),
        (200, {"pitches": (58, 63), "n_frames": 1500}),  # several of a pitch at a time
        (200, {"pitches": (0, 128), "n_frames": 100}),
    ],
)
def test_the_definition_for_onsets(n, options):
    frames, pitches, odds = random_candidates(n, **options)
    X = onset_context(candidates_at(frames), pitches, odds)
    assert X.dtype == np.float32
    expected = slowly_onsets(frames.tolist(), pitches, odds.tolist())
    for name, found, column in zip(onset_context_names(), X.T, expected.T, strict=True):
        np.testing.assert_allclose(found, column, rtol=1e-5, atol=1e-5, err_msg=name)


# Onsets: properties


def test_the_order_of_candidates_does_not_matter():
    frames, pitches, odds = random_candidates(300, n_frames=1000)
    order = np.random.default_rng(1).permutation(300)
    X = onset_context(candidates_at(frames), pitches, odds)
    again = onset_context(candidates_at(frames[order]), pitches[order], odds[order])
    np.testing.assert_allclose(again, X[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("later", "higher"), [(1, 0), (12345, 0), (0, 12), (7, -24)])
def test_another_time_or_octave_changes_no_context_of_onsets(later, higher):
    frames, pitches, odds = random_candidates(200, n_frames=2000)
    X = onset_context(candidates_at(frames), pitches, odds)
    moved = onset_context(candidates_at(frames + later), pitches + higher, odds)
    np.testing.assert_allclose(moved, X, rtol=1e-5, atol=1e-6)


def test_what_is_beyond_the_context_changes_nothing():
    frames, pitches, odds = random_candidates(400, n_frames=6000)
    X = onset_context(candidates_at(frames), pitches, odds)
    near = np.abs(frames - 3000) <= CONTEXT_FRAMES + 100
    ours = np.abs(frames - 3000) <= 100
    assert 5 < ours.sum() < near.sum() < 300
    part = onset_context(candidates_at(frames[near]), pitches[near], odds[near])
    np.testing.assert_allclose(part[ours[near]], X[ours], rtol=1e-5, atol=1e-6)


def test_nothing_given_is_changed():
    frames, pitches, odds = random_candidates(50)
    kept = frames.copy(), pitches.copy(), odds.copy()
    onset_context(candidates_at(frames), pitches, odds)
    for array, before in zip((frames, pitches, odds), kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_no_candidates():
    X = onset_context(candidates_at([]), np.empty(0), np.empty(0))
    assert X.shape == (0, len(onset_context_names()))
    assert X.dtype == np.float32


def test_every_feature_of_an_onset_has_a_name_of_its_own():
    assert len(set(onset_context_names())) == len(onset_context_names())


# Notes: independent truths


def test_a_note_on_its_own():
    (alone,) = followed((50, 80, 400))
    age = np.arange(400)
    log_age = np.log(age + 5)
    for name, expected in {
        "onsets-3..3": np.log((age <= 3) + 0.3),  # its own onset is one
        "onsets+0..10": np.log((age == 0) + 0.3),
        "onsets-10..0": np.log((age <= 10) + 0.3),
        "ends-3..3": np.log((np.abs(age - 30) <= 3) + 0.3),
        "ends-8..8": np.log((np.abs(age - 30) <= 8) + 0.3),
        "longer": log_age - np.log(25),
        "longer>0": np.maximum(log_age - np.log(25), 0),
        "longer<0": np.minimum(log_age - np.log(25), 0),
        "sounding_notes": np.log((age < 30) + 0.3),
        "chord": 0 * age,
        "has_chord": 0 * age,
        "since": np.log(np.minimum(age + 5, 200)),
        "until": np.full(400, np.log(200)),
    }.items():
        np.testing.assert_allclose(alone[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_note_alone_for_a_frame():
    (alone,) = followed((0, 1, 1))
    assert {len(column) for column in alone.values()} == {1}
    assert alone["sounding_notes"] == pytest.approx(np.log(1.3))


def test_notes_of_a_chord_are_compared_with_each_other():
    low, high, later = followed((100, 145, 60), (105, 125, 60), (111, 300, 60))
    np.testing.assert_allclose(low["chord"], np.log(np.arange(60) + 5) - np.log(25), atol=1e-5)
    np.testing.assert_allclose(high["chord"], np.log(np.arange(60) + 5) - np.log(50), atol=1e-5)
    assert (low["has_chord"].all(), high["has_chord"].all(), later["has_chord"].any()) == (True, True, False)
    assert not later["chord"].any()


@pytest.mark.parametrize(("distance", "counted"), [(499, True), (500, False)])
def test_durations_are_compared_with_those_of_three_neighbours_within_five_seconds(distance, counted):
    first, *_ = followed((0, 95, 10), (100, 145, 10), (200, 295, 10), (distance, distance + 195, 10))
    typical = 100 if counted else 25  # the median of 50, 100, 200; of two nothing is known
    np.testing.assert_allclose(first["longer"], np.log(np.arange(10) + 5) - np.log(typical), atol=1e-5)


def test_an_even_number_of_neighbours_has_two_in_the_middle():
    notes = [(10 * i, 10 * i + duration, 5) for i, duration in enumerate((5, 15, 35, 95, 395))]
    first, *_ = followed(*notes)
    np.testing.assert_allclose(first["longer"][0], np.log(5) - (np.log(40) + np.log(100)) / 2, atol=1e-5)


def test_six_neighbours_on_either_side_are_enough():
    # The middle one of many notes of 10 frames; the seventh on either side is far longer, and so are all beyond.
    notes = [(20 * i, 20 * i + (10 if abs(i - 10) <= 6 else 3000), 5) for i in range(21)]
    np.testing.assert_allclose(followed(*notes)[10]["longer"], np.log(np.arange(5) + 5) - np.log(15), atol=1e-5)


def test_times_to_the_last_and_the_next_onset():
    one, _, _ = followed((100, 200, 130), (150, 160, 5), (220, 230, 5))
    assert np.exp(one["since"][[0, 40, 46, 47, 50, 60]]).round().tolist() == [5, 45, 51, 2, 5, 15]
    assert np.exp(one["until"][[0, 40, 46, 47, 50, 60]]).round().tolist() == [55, 15, 9, 78, 75, 65]


# Notes: naive oracle


def slowly_notes(firsts, ends, lengths):
    """Describe the frames of notes one after the other."""
    n = range(len(firsts))
    order = sorted(n, key=lambda i: (firsts[i], i))

    def log_count(events, begin, end):
        return np.log(sum(begin <= event <= end for event in events) + 0.3)

    rows = []
    for i in n:
        place = order.index(i)
        around = [j for j in order[max(0, place - 6) : place + 7] if j != i and abs(firsts[j] - firsts[i]) < 500]
        typical = np.median([np.log(ends[j] - firsts[j] + 5) for j in around]) if len(around) > 2 else np.log(25)
        chord = [np.log(ends[j] - firsts[j] + 5) for j in around if abs(firsts[j] - firsts[i]) <= 5]
        for age in range(lengths[i]):
            t = firsts[i] + age
            log_age = np.log(age + 5)
            last = max(first for first in firsts if first <= t + 3)
            after = min((first for first in firsts if first > t + 3), default=np.inf)
            rows.append(
                [
                    log_count(firsts, t - 3, t + 3),
                    log_count(firsts, t, t + 10),
                    log_count(firsts, t - 10, t),
                    log_count(ends, t - 3, t + 3),
                    log_count(ends, t - 8, t + 8),
                    log_age - typical,
                    max(log_age - typical, 0),
                    min(log_age - typical, 0),
                    np.log(sum(firsts[j] <= t < ends[j] for j in n) + 0.3),
                    log_age - np.mean(chord) if chord else 0,
                    bool(chord),
                    np.log(min(t - last + 5, 200)),
                    np.log(min(after - t + 5, 200)),
                ]
            )
    return np.array(rows, dtype=float)


def random_notes(n, *, n_frames=2000, seed=0):
    """Return notes no two of which begin together, in no order."""
    rng = np.random.default_rng(seed)
    firsts = rng.permutation(n_frames)[:n]
    ends = firsts + np.exp(rng.uniform(0, 5.5, n)).astype(int) + 1
    return firsts, ends, rng.integers(1, 300, n)


@pytest.mark.parametrize(("n", "n_frames"), [(1, 1), (2, 10), (3, 2000), (40, 5000), (60, 300), (60, 61)])
def test_the_definition_for_notes(n, n_frames):
    firsts, ends, lengths = random_notes(n, n_frames=n_frames)
    X = note_context(firsts, ends, lengths)
    assert X.dtype == np.float32
    expected = slowly_notes(firsts.tolist(), ends.tolist(), lengths.tolist())
    for name, found, column in zip(note_context_names(), X.T, expected.T, strict=True):
        np.testing.assert_allclose(found, column, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_the_definition_for_notes_that_begin_together(seed):
    rng = np.random.default_rng(seed)
    firsts = 40 * rng.integers(0, 8, 30)
    ends, lengths = firsts + rng.integers(1, 90, 30), rng.integers(1, 50, 30)
    expected = slowly_notes(firsts.tolist(), ends.tolist(), lengths.tolist())
    np.testing.assert_allclose(note_context(firsts, ends, lengths), expected, rtol=1e-5, atol=1e-5)


# Notes: properties


def test_the_order_of_notes_does_not_matter():
    firsts, ends, lengths = random_notes(50)
    order = np.random.default_rng(1).permutation(50)
    whole = np.split(note_context(firsts, ends, lengths), np.cumsum(lengths)[:-1])
    again = np.split(note_context(firsts[order], ends[order], lengths[order]), np.cumsum(lengths[order])[:-1])
    for place, part in zip(order, again, strict=True):
        np.testing.assert_allclose(part, whole[place], rtol=1e-6)


@pytest.mark.parametrize("later", [1, 199, 100_000])
def test_another_time_changes_no_context_of_notes(later):
    firsts, ends, lengths = random_notes(50)
    X = note_context(firsts, ends, lengths)
    np.testing.assert_array_equal(note_context(firsts + later, ends + later, lengths), X)


def test_fewer_frames_are_described_the_same():
    firsts, ends, lengths = random_notes(30)
    whole = np.split(note_context(firsts, ends, lengths), np.cumsum(lengths)[:-1])
    fewer = note_context(firsts, ends, np.ones(30, dtype=int))
    np.testing.assert_array_equal(fewer, [part[0] for part in whole])


def test_no_notes():
    none = np.empty(0, dtype=np.int64)
    X = note_context(none, none, none)
    assert X.shape == (0, len(note_context_names()))
    assert X.dtype == np.float32


def test_every_feature_of_a_note_has_a_name_of_its_own():
    assert len(set(note_context_names())) == len(note_context_names())
