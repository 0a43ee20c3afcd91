"""The default tracker, with an emission model whose answers are known."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from synthetic import assert_same_notes, cut, linear, make_activation, plain_model, play, random_activation

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.context import note_context_names, onset_context_names
from nmfamt.tracking.emission import default_model, feature_names
from nmfamt.tracking.hmm import CHUNK_FRAMES, LONGEST_FRAMES, NEIGHBOUR_FRAMES, HMMTracker
from nmfamt.tracking.voices import voice_context_names

HALF = 0.005  # a note of a single step begins half a frame before it: its novelty is a plateau
SOUND = HMMTracker(model=plain_model(), action_delay=0.0)  # times in the sound


def steps(n_frames, *notes, n_rows=1, **fields):
    """Return an activation of (row, first frame, frame after the last, height)."""
    values = np.zeros((n_rows, n_frames), dtype=np.float32)
    for row, first, last, height in notes:
        values[row, first:last] = height
    return make_activation(values, **fields)


def struck(n_frames, *places, row=0, n_rows=1, decay=0.02, **fields):
    """Return an activation of one pitch that is struck at every place and dies away until the next."""
    values = np.zeros((n_rows, n_frames), dtype=np.float32)
    onsets = np.zeros_like(values)
    for place in places:
        values[row, place:] = np.exp(-decay * np.arange(n_frames - place))
        onsets[row, place] = 0.5
    return make_activation(values, onsets=onsets, **fields)


def many_notes(n_frames, *, n_rows=6, seed=0, **fields):
    """Return an activation of notes here and there, short and very long ones."""
    rng = np.random.default_rng(seed)
    values = np.zeros((n_rows, n_frames), dtype=np.float32)
    onsets = np.zeros_like(values)
    for row in range(n_rows):
        first = int(rng.integers(5, 60))
        while first < n_frames:
            last = min(n_frames, first + int(rng.integers(10, 60) if rng.random() < 0.9 else rng.integers(500, 3000)))
            values[row, first:last] = rng.uniform(0.2, 1.0) * np.exp(-rng.uniform(0, 2e-3) * np.arange(last - first))
            onsets[row, min(first + 1, n_frames - 1)] = rng.uniform(0, 0.3)
            first = last + int(rng.integers(0, 50))
    values += rng.gamma(0.2, 0.01, values.shape).astype(np.float32)
    partials = {f"partial_{k}": values / k for k in range(1, 7)}
    return make_activation(values, onsets=onsets, evidence={"loss": values, **partials}, **fields)


def sociable_model(seed=0):
    """Return the plain model with a second look in which all that others do counts a little."""
    rng, model, names = np.random.default_rng(seed), plain_model(), feature_names()
    context = onset_context_names()
    weights = {**dict(model.onset.terms()), **dict(zip(context, rng.normal(0, 0.1, len(context)), strict=True))}
    onset = linear(names["onset_in_context"], model.onset.intercept, weights)
    of_others = (*note_context_names(), *voice_context_names())
    ends = dict(zip(of_others, rng.normal(0, 3, len(of_others)), strict=True))
    return replace(
        model,
        onset_in_context=onset,
        release_in_context=linear(names["release_in_context"], [0.0], ends),
        persistence=np.array([[1.0, 0.0], [0.3, 0.0]]),
    )


# Independent truths


def test_a_step_up_and_down_is_a_note():
    notes = SOUND(steps(300, (0, 100, 200, 0.5)))
    np.testing.assert_allclose(notes.intervals, [[1.0 - HALF, 2.0]], atol=1e-9)
    assert notes.pitches.tolist() == [60.0]
    assert notes.instruments.tolist() == ["organ"]
    assert notes.velocities.tolist() == [64]


def test_the_confidence_is_the_probability_of_the_onset():
    # 20 a decade from the border at 0.1 of the level; the floor of the logarithm is 0.003.
    notes = SOUND(steps(300, (0, 100, 200, 0.12)))
    odds = 20 * np.log10((0.12 + 0.003) / 0.1)
    assert notes.confidences[0] == pytest.approx(1 / (1 + np.exp(-odds)), rel=1e-4)


def test_a_note_ends_where_its_level_falls_below_what_sustains():
    decay = 0.02
    notes = SOUND(struck(600, 100, decay=decay))
    # exp(-decay n) + 0.003 = 0.03
    n_frames = -np.log(0.03 - 0.003) / decay
    assert notes.intervals[0, 1] == pytest.approx(1.0 + n_frames / 100, abs=0.02)


def test_notes_of_several_pitches_and_instruments():
    notes = SOUND(
        steps(
            500,
            *[(0, 300, 400, 0.5), (1, 100, 200, 0.4), (2, 100, 300, 0.3)],
            n_rows=3,
            pitches=[50.0, 40.0, 52.5],
            instruments=["cello", "flute", "flute"],
        )
    )
    assert list(zip(notes.pitches.tolist(), notes.instruments.tolist(), strict=True)) == [
        (40.0, "flute"),
        (52.5, "flute"),
        (50.0, "cello"),
    ]
    np.testing.assert_allclose(notes.intervals, [[1.0 - HALF, 2.0], [1.0 - HALF, 3.0], [3.0 - HALF, 4.0]], atol=1e-9)


def test_repeated_notes_are_two_notes():
    notes = SOUND(struck(400, 100, 150))
    np.testing.assert_allclose(notes.intervals[:, 0], [1.0, 1.5], atol=1e-3)
    assert notes.intervals[0, 1] == notes.intervals[1, 0]


def test_a_repeated_note_ends_where_the_next_begins_however_onsets_are_moved():
    late = HMMTracker(model=plain_model(late=0.05), action_delay=0.0)(struck(400, 100, 150))
    np.testing.assert_allclose(late.intervals[:, 0], [0.95, 1.45], atol=1e-3)
    assert late.intervals[0, 1] == late.intervals[1, 0]


@pytest.mark.parametrize(("distance", "n_notes"), [(5, 1), (6, 2), (9, 2)])
def test_onsets_nearer_than_the_gap_are_one_and_the_better_wins(distance, n_notes):
    onsets = np.zeros((1, 300), dtype=np.float32)
    onsets[0, 100], onsets[0, 100 + distance] = 0.5, 0.9
    values = np.full_like(onsets, 0.3)
    notes = HMMTracker(model=plain_model(), action_delay=0.0, repeat_gap=0.055)(make_activation(values, onsets=onsets))
    notes = notes.between(0.5, 2.0)  # what sounds from the first frame is a note as well
    assert len(notes) == n_notes
    assert notes.intervals[-1, 0] == pytest.approx(1.0 + distance / 100)


@pytest.mark.parametrize(("hole", "end"), [(5, 4.0), (30, 4.0), (55, 2.0)])
def test_a_hole_ends_a_note_when_it_lasts(hole, end):
    values = np.full((1, 450), 0.5, dtype=np.float32)
    values[0, :100], values[0, 200 : 200 + hole], values[0, 400:] = 0, 0.01, 0
    once = HMMTracker(model=plain_model(onset=0.6), action_delay=0.0)  # the way out of the hole is no onset
    onsets = np.zeros_like(values)
    onsets[0, 99] = 0.5
    (interval,) = once(make_activation(values, onsets=onsets)).intervals
    np.testing.assert_allclose(interval, [1.0, end], atol=0.02)


def test_what_is_inaudible_is_not_followed():
    onsets = np.zeros((1, 4000), dtype=np.float32)
    onsets[0, 100] = 1.0
    endless = HMMTracker(model=plain_model(sustain=1e-4), action_delay=0.0)
    (interval,) = endless(make_activation(np.zeros_like(onsets), onsets=onsets)).intervals
    np.testing.assert_allclose(interval, [1.0, 1.5])


def test_no_note_is_followed_for_longer_than_the_longest():
    notes = SOUND(steps(LONGEST_FRAMES + 1000, (0, 100, LONGEST_FRAMES + 900, 0.5)))
    # The candidate is the frame before the step.
    assert notes.intervals[0, 1] == pytest.approx(0.99 + LONGEST_FRAMES / 100)


def test_the_timing_model_the_latency_and_the_action_move_notes():
    activation = steps(300, (0, 100, 200, 0.5), latency=0.02)
    (interval,) = HMMTracker(model=plain_model(late=0.01), action_delay=0.005)(activation).intervals
    # The timing model corrects onsets alone.
    np.testing.assert_allclose(interval, [1.0 - HALF - 0.01 - 0.02 - 0.005, 2.0 - 0.02 - 0.005], atol=1e-6)


@pytest.mark.parametrize(("late", "moved"), [(1.0, 0.08), (-1.0, -0.03)])
def test_corrections_in_time_are_limited(late, moved):
    (interval,) = HMMTracker(model=plain_model(late=late), action_delay=0.0)(steps(300, (0, 100, 200, 0.5))).intervals
    assert interval[0] == pytest.approx(1.0 - HALF - moved)


@pytest.mark.parametrize("start", [0.0, 7.0])
def test_nothing_begins_before_the_recording(start):
    notes = HMMTracker(model=plain_model(), action_delay=0.05)(steps(300, (0, 0, 200, 0.5), start=start))
    np.testing.assert_allclose(notes.intervals, [[start, start + 1.95]], atol=1e-9)


def test_the_shortest_note_lasts_three_frames():
    onsets = np.zeros((1, 300), dtype=np.float32)
    onsets[0, 100] = 1.0
    (interval,) = SOUND(make_activation(np.zeros_like(onsets), onsets=onsets)).intervals
    np.testing.assert_allclose(interval, [1.0, 1.03])


@pytest.mark.parametrize(("velocity", "written"), [(0.2, 1), (71.6, 72), (300.0, 127)])
def test_velocities_are_those_of_midi(velocity, written):
    assert HMMTracker(model=plain_model(velocity=velocity))(steps(300, (0, 100, 200, 0.5))).velocities == [written]


# Options


def test_short_notes_are_dropped_and_no_others():
    # By row the short note is the first, by time it is the second.
    activation = steps(600, (0, 300, 310, 0.5), (0, 400, 500, 0.5), (1, 100, 190, 0.5), n_rows=2)
    assert len(SOUND(activation)) == 3
    notes = HMMTracker(model=plain_model(), action_delay=0.0, min_duration=0.2)(activation)
    found = zip(notes.pitches.tolist(), notes.intervals.round(2).tolist(), strict=True)
    assert list(found) == [(61.0, [1.0, 1.9]), (60.0, [4.0, 5.0])]


def test_chords_begin_together_where_they_may():
    late = [(row, first + 2 * row, first + 60, 0.5) for first in range(100, 2900, 100) for row in (0, 1)]
    activation = steps(3000, *late, n_rows=2)
    found = {spread: replace(SOUND, chord_spread=spread)(activation) for spread in (0.0, 0.025)}
    gaps = {spread: np.diff(notes.intervals[:, 0])[::2] for spread, notes in found.items()}
    assert len(found[0.0]) == len(found[0.025]) == len(late)
    np.testing.assert_allclose(gaps[0.0], 0.02, atol=1e-6)
    assert np.abs(gaps[0.025]).max() < 0.005
    np.testing.assert_allclose(found[0.025].intervals[:, 1], found[0.0].intervals[:, 1])


def test_more_sensitive_is_a_superset():
    activation = random_activation(3000, level=2.0)
    model = plain_model(onset=0.5, steepness=5.0)
    as_found = HMMTracker(chord_spread=0.0, model=model)  # to which chord a note belongs others say
    found = [replace(as_found, sensitivity=sensitivity)(activation) for sensitivity in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert [len(notes) for notes in found] == sorted(len(notes) for notes in found)
    assert 0 < len(found[0]) < len(found[-1])
    for fewer, more in pairwise(found):
        known = set(zip(more.pitches.tolist(), more.intervals[:, 0].tolist(), strict=True))
        onsets = zip(fewer.pitches.tolist(), fewer.intervals[:, 0].tolist(), strict=True)
        assert sum(onset not in known for onset in onsets) == 0


def test_confidences_are_probabilities_of_at_least_what_is_asked():
    notes = HMMTracker(0.8, model=plain_model(steepness=1000.0))(many_notes(5000))
    assert len(notes) > 50
    assert notes.confidences.min() >= 0.2
    assert notes.confidences.max() < 1.0


# The second look


def with_terms(part, plus=0.0, **terms):
    """Return the plain model with other weights in one of its parts, and something added to its intercept."""
    model = plain_model()
    old = getattr(model, part)
    weights = {**dict(old.terms()), **terms}
    return replace(model, **{part: linear(old.names, old.intercept + plus, weights)})


def test_ghosts_of_surer_notes_are_dropped():
    # 40 are lost where the octave below is sure, nothing where there is none.
    model = with_terms("onset_in_context", -20.0, **{"odds-12": -4.0})
    activation = steps(
        500,
        (0, 100, 150, 0.5),
        (1, 100, 150, 0.5),
        (1, 300, 350, 0.5),
        n_rows=2,
        pitches=[48, 60],
        instruments=["a", "b"],
    )
    assert len(SOUND(activation)) == 3
    notes = HMMTracker(model=model, action_delay=0.0)(activation)
    assert list(zip(notes.pitches.tolist(), notes.intervals[:, 0].round(2).tolist(), strict=True)) == [(48, 1), (60, 3)]


def test_the_confidence_is_that_of_the_second_look():
    activation = steps(300, (0, 100, 200, 0.12))
    (first,) = SOUND(activation).confidences
    (second,) = HMMTracker(model=with_terms("onset_in_context", 1.0))(activation).confidences
    assert np.log(second / (1 - second)) - np.log(first / (1 - first)) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("first", "n_notes"), [(-4.9, 1), (-5.1, 0)])
def test_what_is_unlikely_gets_no_second_look(first, n_notes):
    activation = steps(300, (0, 100, 200, 0.5))
    strength = 20 * np.log10((0.5 + 0.003) / 0.1)
    model = replace(
        with_terms("onset", first - strength),
        onset_in_context=plain_model().onset_in_context,
    )
    assert len(HMMTracker(model=model)(activation)) == n_notes


def test_notes_end_together():
    model = replace(with_terms("release_in_context", **{"ends-3..3": 5.0}), persistence=np.array([[1, 0], [0, -1e-3]]))
    activation = steps(400, (0, 100, 200, 0.5), (1, 100, 206, 0.5), n_rows=2)
    np.testing.assert_allclose(SOUND(activation).intervals[:, 1], [2.0, 2.06])
    np.testing.assert_allclose(HMMTracker(model=model, action_delay=0.0)(activation).intervals[:, 1], [2.03, 2.03])


# Properties


def test_recording_gain_changes_nothing():
    one = many_notes(1500)
    quiet = PitchActivation(
        2**-9 * one.values,
        2**-9 * one.onsets,
        one.pitches,
        one.times,
        one.instruments,
        {name: 2**-9 * array for name, array in one.evidence.items()},
        level=2**-9,
    )
    assert_same_notes(SOUND(quiet), SOUND(one))


@pytest.mark.parametrize("model", [plain_model(), sociable_model()], ids=["plain", "sociable"])
def test_an_octave_higher_all_notes_are_an_octave_higher(model):
    tracker = HMMTracker(model=model, action_delay=0.0)
    low, high = (tracker(many_notes(1500, pitches=np.arange(6) + pitch)) for pitch in (48, 60))
    np.testing.assert_array_equal(high.intervals, low.intervals)
    np.testing.assert_array_equal(high.pitches, low.pitches + 12)


@pytest.mark.parametrize("n_frames", [0, 1, 2, 3, 5])
def test_a_note_needs_three_frames(n_frames):
    assert len(SOUND(steps(n_frames))) == 0
    assert len(SOUND(steps(n_frames, (0, 0, n_frames, 0.5)))) == (n_frames >= 3)


def test_what_begins_with_the_last_frames_is_not_known():
    onsets = np.zeros((1, 50), dtype=np.float32)
    for place, n_notes in ((46, 1), (47, 1), (48, 0), (49, 0)):
        onsets[:], onsets[0, place] = 0, 1
        assert len(SOUND(make_activation(np.zeros_like(onsets), onsets=onsets))) == n_notes


def test_float64_gives_the_same_notes():
    single = many_notes(1500)
    double = PitchActivation(
        single.values.astype(float),
        single.onsets.astype(float),
        single.pitches,
        single.times,
        single.instruments,
        {name: array.astype(float) for name, array in single.evidence.items()},
    )
    assert SOUND(double).equals(SOUND(single), tol=1e-3)


# Streams


@pytest.fixture(scope="module")
def long():
    """Return more than two minutes with notes across the borders of chunks, and what is played."""
    activation = many_notes(3 * CHUNK_FRAMES + 777, n_rows=4)
    return activation, SOUND(activation)


def test_notes_lie_across_the_borders_of_chunks(long):
    activation, notes = long
    assert activation.times[-1] > 60
    for border in (CHUNK_FRAMES, 2 * CHUNK_FRAMES, 3 * CHUNK_FRAMES):
        assert ((notes.intervals[:, 0] < border / 100) & (notes.intervals[:, 1] > border / 100)).any()


@pytest.mark.parametrize("seed", range(3))
def test_however_the_stream_is_cut_the_notes_are_the_same(long, seed):
    activation, notes = long
    n_frames = len(activation.times)
    places = np.sort(np.random.default_rng(seed).integers(0, n_frames, size=40)).tolist()
    assert_same_notes(SOUND.stream(cut(activation, 1, *places)), notes)


def test_notes_are_the_same_wherever_chunks_begin(long, monkeypatch):
    activation, notes = long
    monkeypatch.setattr("nmfamt.tracking.hmm.CHUNK_FRAMES", 613)
    others = SOUND(activation)
    assert others.equals(notes, tol=1e-6)


@pytest.mark.parametrize("model", [sociable_model(), default_model()], ids=["sociable", "default"])
def test_what_others_do_is_known_across_the_borders_of_chunks(model, monkeypatch):
    # Of notes that last for more than 5 s the ends of others are known where these begin no later.
    activation, _ = play(6000, seed=1)
    tracker = HMMTracker(model=model)
    expected = tracker(activation)
    assert len(expected) > 100
    assert not tracker(activation).equals(HMMTracker(model=plain_model())(activation), tol=1e-3)
    for n_frames in (613, 1777):
        monkeypatch.setattr("nmfamt.tracking.hmm.CHUNK_FRAMES", n_frames)
        assert tracker(activation).equals(expected, tol=1e-6)


def test_a_gap_holds_across_the_border_of_chunks(monkeypatch):
    heights = np.random.default_rng(0).permutation(np.linspace(0.3, 1.0, 75))
    onsets = np.zeros((1, 2000), dtype=np.float32)
    onsets[0, 100:1975:25] = heights
    activation = make_activation(np.full_like(onsets, 0.5), onsets=onsets)
    tracker = HMMTracker(model=plain_model(), action_delay=0.0, repeat_gap=0.4)
    expected = tracker(activation)
    assert np.diff(expected.intervals[:, 0]).min() >= 0.4
    monkeypatch.setattr("nmfamt.tracking.hmm.CHUNK_FRAMES", 110)
    assert tracker(activation).equals(expected, tol=1e-6)


@pytest.mark.parametrize("hop", [0.008, 0.0125])
def test_other_hops_have_the_same_borders(hop, monkeypatch):
    activation = many_notes(5000, hop=hop)
    expected = SOUND(activation)
    monkeypatch.setattr("nmfamt.tracking.hmm.CHUNK_FRAMES", 700)
    assert SOUND(activation).equals(expected, tol=1e-6)


def test_notes_come_while_the_stream_goes_on(long):
    activation, _ = long
    read = []

    def stream():
        for number, part in enumerate(cut(activation, *range(500, len(activation.times), 500))):
            read.append(number)
            yield part

    next(SOUND.blocks(stream()))
    assert len(read) * 500 < CHUNK_FRAMES + LONGEST_FRAMES + NEIGHBOUR_FRAMES + 1000


# What it says of itself, and errors


def test_notes_say_what_made_them():
    notes = SOUND(steps(300, (0, 100, 200, 0.5), info={"front_end": "hand"}))
    assert notes.info == {"front_end": "hand", **SOUND.info}
    assert notes.info["model"] == "plain"
    assert notes.info["action_delay"] == 0.0
    assert HMMTracker().info["model"] == "tracker"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensitivity": 0.0}, "sensitivity=0.0 must lie between 0 and 1"),
        ({"sensitivity": 1.0}, "sensitivity=1.0 must lie between 0 and 1"),
        ({"sensitivity": float("nan")}, "sensitivity=nan must lie between 0 and 1"),
        ({"min_duration": -1.0}, "min_duration=-1.0 and repeat_gap=0.06 are seconds and cannot be negative"),
        ({"min_duration": float("nan")}, "min_duration=nan"),
        ({"repeat_gap": -0.1}, "repeat_gap=-0.1 are seconds"),
        ({"chord_spread": -0.01}, "chord_spread=-0.01 must lie between 0 and 0.1 seconds"),
        ({"chord_spread": float("nan")}, "chord_spread=nan must lie between 0 and 0.1 seconds"),
        ({"action_delay": float("inf")}, "action_delay=inf must be a time in seconds"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(NmfamtError, match=message):
        HMMTracker(**options)


@pytest.mark.parametrize("hop", [0.005, 0.0232])
def test_frames_too_near_or_too_far_apart(hop):
    with pytest.raises(NmfamtError, match=f"frames are {1000 * hop:.1f} ms apart, the tracker needs 8 to 12.5 ms"):
        SOUND(steps(100, (0, 10, 20, 0.5), hop=hop))


def test_evidence_that_is_not_there():
    activation = steps(100, (0, 10, 20, 0.5))
    del activation.evidence["loss"]
    with pytest.raises(NmfamtError, match="lacks the evidence loss: use the Threshold tracker"):
        SOUND(activation)


def test_a_model_of_other_features():
    model = plain_model()
    stranger = replace(model, timing=model.velocity, onset=linear(["loudness"], [0.0], {}))
    with pytest.raises(NmfamtError, match="The onset model was learned on 1 features, this version computes"):
        HMMTracker(model=stranger)(steps(100, (0, 10, 20, 0.5)))
