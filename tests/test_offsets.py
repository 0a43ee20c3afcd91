"""Where notes end."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import linear, make_activation, plain_model, play

from nmfamt.tracking import offsets
from nmfamt.tracking.emission import feature_names
from nmfamt.tracking.events import find_candidates
from nmfamt.tracking.frames import frame_features
from nmfamt.tracking.levels import FLOOR, Levels
from nmfamt.tracking.offsets import (
    LONGEST_FRAMES,
    FollowedNotes,
    choose_ends,
    find_ends,
    find_spans,
    follow_notes,
    in_context,
)

PARTS = ("sounding", "release", "release_in_context")


def random_model(seed=0, size=1.0):
    """Return a model of releases in which every feature counts a little."""
    rng = np.random.default_rng(seed)
    model = plain_model()
    parts = {
        part: linear(
            names, rng.standard_normal(1), dict(zip(names, size * rng.standard_normal(len(names)), strict=True))
        )
        for part, names in feature_names().items()
        if part in ("release", "release_in_context")
    }
    return replace(model, **parts, persistence=rng.uniform([0.1, -0.05], [0.5, 0.05], (2, 2)))


@pytest.fixture(scope="module")
def played():
    """Return levels, and where notes begin; some notes are long, some are heard again much later."""
    activation, _ = play(6000, seed=3)
    levels = Levels.of(activation)
    candidates = find_candidates(levels)
    return levels, candidates.select(candidates.strengths > 0.15)


@pytest.fixture(scope="module")
def followed(played):
    levels, candidates = played
    return follow_notes(levels, find_spans(levels, candidates), plain_model().sounding)


def slowly(levels, span, sounding):
    """Follow one note to its last frame, then cut it off after half a second in which it does not sound."""
    X = frame_features(levels, *span)
    odds = np.clip(sounding(X)[:, 0], -6, 6)
    n_quiet = 0
    for n, value in enumerate(odds, start=1):
        n_quiet = n_quiet + 1 if value < -3 else 0
        if n_quiet == 50:
            return X[:n], odds[:n]
    return X, odds


def slowly_ends(followed, release, persistence, ends=None):
    """Try every frame of every note as its release."""
    scores = release(*in_context(followed, ends))[:, 0]
    found, begin = [], 0
    for first, length in zip(followed.firsts.tolist(), followed.lengths.tolist(), strict=True):
        gain = persistence[0] * followed.sounding[begin : begin + length] + persistence[1]
        totals = [gain[1:age].sum() + scores[begin + age] for age in range(1, length)]
        age = int(np.argmax(totals)) + 1 if totals else 1
        found.append(first + (age if age < length - 1 else length))
        begin += length
    return np.array(found)


# Naive oracles


def test_spans_end_with_the_next_onset_or_soon_after_the_last_sound(played):
    levels, candidates = played
    n_frames = levels.novelty.shape[1]
    expected = []
    for row, first in zip(candidates.rows.tolist(), candidates.frames.tolist(), strict=True):
        later = candidates.frames[(candidates.rows == row) & (candidates.frames > first)]
        last = min([first + LONGEST_FRAMES, n_frames, *later.tolist()])
        heard = [t for t in range(first, last) if levels.values.array[row, t] > 2 * FLOOR]
        expected.append((row, first, min(last, max(heard, default=first - 1) + 1 + 50)))
    found = find_spans(levels, candidates)
    assert found.T.tolist() == [list(span) for span in expected]
    assert len(set((found[2] - found[1]).tolist())) > 20


@pytest.mark.parametrize("n_batch", [1, 700, 10**6])
@pytest.mark.parametrize("n_first", [1, 20, 100, 5000])
@pytest.mark.parametrize("sustain", [0.03, 0.2])
def test_notes_are_followed_until_they_are_over_for_good(played, monkeypatch, n_batch, n_first, sustain):
    monkeypatch.setattr(offsets, "_BATCH_FRAMES", n_batch)
    monkeypatch.setattr(offsets, "_FIRST_FRAMES", n_first)
    levels, candidates = played
    spans = find_spans(levels, candidates)
    sounding = plain_model(sustain=sustain).sounding
    expected = [slowly(levels, span, sounding) for span in spans.T.tolist()]
    found = follow_notes(levels, spans, sounding)
    assert found.firsts.tolist() == spans[1].tolist()
    assert found.lengths.tolist() == [len(odds) for _, odds in expected]
    np.testing.assert_array_equal(found.X, np.concatenate([X for X, _ in expected]))
    np.testing.assert_allclose(found.sounding, np.concatenate([odds for _, odds in expected]), atol=1e-4)
    # Some are over before their spans, others never.
    assert 10 < (found.lengths < spans[2] - spans[1]).sum() < len(found.lengths) - 10


def test_what_a_note_has_gained_until_a_frame(followed):
    begin = 0
    for length in followed.lengths.tolist():
        part = followed.sounding[begin : begin + length]
        expected = [(part[:age].sum(), age) for age in range(length)]
        np.testing.assert_allclose(followed.gained[begin : begin + length], expected, rtol=1e-5, atol=1e-4)
        begin += length
    assert begin == len(followed.gained)


@pytest.mark.parametrize("seed", range(5))
def test_of_all_frames_the_best_is_chosen_in_both_looks(followed, seed):
    model = random_model(seed)
    first = slowly_ends(followed, model.release, model.persistence[0])
    assert choose_ends(followed, model.release, model.persistence[0]).tolist() == first.tolist()
    second = slowly_ends(followed, model.release_in_context, model.persistence[1], first)
    assert choose_ends(followed, model.release_in_context, model.persistence[1], first).tolist() == second.tolist()
    assert find_ends(followed, model).tolist() == second.tolist()
    assert len(set((first - followed.firsts).tolist())) > 10
    assert (first != second).mean() > 0.2


# The second look


def together(*notes, n_frames=400):
    """Return notes as (first, length) that sound for ever, as far as they are known."""
    firsts, lengths = (np.array(column) for column in zip(*notes, strict=True))
    X = np.zeros((int(lengths.sum()), len(feature_names()["sounding"])), dtype=np.float32)
    return FollowedNotes(firsts, lengths, np.full(len(firsts), 60.0), X, np.zeros(len(X)))


def test_notes_end_where_others_do():
    """Every note is on its own released in its last frame but one; the second look lets it end with the others."""
    notes = together((0, 90), (7, 73), (15, 65), (200, 50))
    own = linear(feature_names()["release"], [0.0], {})
    with_others = linear(feature_names()["release_in_context"], [0.0], {"ends-3..3": 5.0})
    model = replace(
        plain_model(), release=own, release_in_context=with_others, persistence=np.array([[0.0, 1.0], [0, -1e-3]])
    )
    first = choose_ends(notes, model.release, model.persistence[0])
    assert first.tolist() == [90, 80, 80, 250]
    # Two end at 80, one at 90; of the frames that are near enough the earliest gains most.
    assert find_ends(notes, model).tolist() == [77, 77, 77, 247]


def test_the_second_look_knows_nothing_but_the_ends_of_the_first(followed):
    model = random_model()
    first = choose_ends(followed, model.release, model.persistence[0])
    other = replace(model, persistence=np.array([[0.0, 3.0], model.persistence[1]]))
    changed = choose_ends(followed, other.release, other.persistence[0])
    assert (first != changed).mean() > 0.5
    assert find_ends(followed, other).tolist() != find_ends(followed, model).tolist()
    # Without weights of context, how the first ended them does not count.
    blind = linear(
        feature_names()["release_in_context"],
        [0.0],
        {name: weight for name, weight in model.release.terms() if name in feature_names()["release"]},
    )
    ends = [find_ends(followed, replace(m, release_in_context=blind)).tolist() for m in (model, other)]
    assert ends[0] == ends[1]


def test_what_the_releases_are_found_from(followed):
    ends = followed.firsts + followed.lengths
    alone, both = (np.concatenate(parts, axis=1) for parts in (in_context(followed), in_context(followed, ends)))
    assert (alone.shape[1], both.shape[1]) == tuple(len(feature_names()[part]) for part in PARTS[1:])
    np.testing.assert_array_equal(both[:, : alone.shape[1]], alone)
    np.testing.assert_array_equal(alone[:, :-1], followed.X)
    np.testing.assert_allclose(alone[:, -1], followed.sounding, rtol=1e-6)
    assert {alone.dtype, both.dtype} == {np.dtype(np.float32)}


# Properties


def test_what_has_ended_is_not_followed_any_longer(monkeypatch):
    values = np.full((2, 3000), 0.01, dtype=np.float32)  # heard, but less than what sustains
    onsets = np.zeros_like(values)
    values[0, 100:150], values[1, 500:650] = 0.5, 0.5
    onsets[0, 100], onsets[1, 500] = 0.5, 0.5
    levels = Levels.of(make_activation(values, onsets=onsets))
    spans = find_spans(levels, find_candidates(levels))
    assert (spans[2] - spans[1]).tolist() == [2000, 2000]
    n_frames = []

    def counted(levels, rows, firsts, lasts, begins, peaks):
        n_frames.extend((lasts - begins).tolist())
        return frame_features(levels, rows, firsts, lasts, begins, peaks)

    monkeypatch.setattr(offsets, "frame_features", counted)
    monkeypatch.setattr(offsets, "_FIRST_FRAMES", 120)
    followed = follow_notes(levels, spans, plain_model().sounding)
    assert followed.lengths.tolist() == [100, 200]
    assert find_ends(followed, plain_model()).tolist() == [150, 650]
    assert n_frames == [120, 120, 120]


@pytest.mark.parametrize(("pause", "length"), [(49, 199), (50, 100)])
def test_a_note_that_sounds_again_within_half_a_second_is_not_over(pause, length):
    values = np.full((1, 400), 0.01, dtype=np.float32)
    onsets = np.zeros_like(values)
    values[0, 100:150], values[0, 150 + pause : 250], onsets[0, 100] = 0.5, 0.5, 0.5
    levels = Levels.of(make_activation(values, onsets=onsets))
    followed = follow_notes(levels, np.array([[0], [100], [299]]), plain_model().sounding)
    assert followed.lengths.tolist() == [length]


def test_single_frames_are_never_surer_than_a_limit(played):
    levels, candidates = played
    followed = follow_notes(levels, find_spans(levels, candidates), plain_model(steepness=1e4).sounding)
    assert (followed.sounding.min(), followed.sounding.max()) == (-6, 6)


def test_the_order_of_notes_does_not_matter(played):
    levels, candidates = played
    # No two that begin together: which six of a larger chord are neighbours is a matter of order.
    _, places = np.unique(candidates.frames, return_index=True)
    spans = find_spans(levels, candidates)[:, np.sort(places)]
    model = random_model()
    order = np.random.default_rng(0).permutation(spans.shape[1])
    one, other = (find_ends(follow_notes(levels, s, model.sounding), model) for s in (spans, spans[:, order]))
    assert other.tolist() == one[order].tolist()


def test_a_single_note_of_one_frame(played):
    levels, _ = played
    followed = follow_notes(levels, np.array([[0], [10], [11]]), plain_model().sounding)
    assert (followed.lengths.tolist(), followed.gained.tolist()) == ([1], [[0.0, 0.0]])
    assert find_ends(followed, random_model()).tolist() == [11]


def test_no_notes(played):
    levels, candidates = played
    spans = find_spans(levels, candidates.select(np.zeros(len(candidates), dtype=bool)))
    assert spans.shape == (3, 0)
    followed = follow_notes(levels, spans, plain_model().sounding)
    assert followed.gained.shape == (0, 2)
    assert np.concatenate(in_context(followed, spans[1]), axis=1).shape == (0, len(feature_names()[PARTS[2]]))
    assert find_ends(followed, plain_model()).tolist() == []
