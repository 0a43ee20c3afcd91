"""The hidden Markov model of a note."""

from itertools import pairwise, product

import numpy as np
import pytest

from nmfamt.tracking import releases
from nmfamt.tracking.releases import STATES, find_releases
from nmfamt.tracking.viterbi import most_probable_states

SILENCE, ATTACK, SUSTAIN, RELEASE = range(4)


def brute_force(sustain, release):
    """Add up every frame in which one note may be released; return the best, as `ends` counts, and its margin."""
    n_frames = len(sustain)
    if n_frames == 1:
        return 1, np.inf
    scores = [sum(sustain[1:r]) + release[r] for r in range(1, n_frames)]
    best = int(np.argmax(scores)) + 1
    margin = scores[best - 1] - max([*scores[: best - 1], *scores[best:]], default=-np.inf)
    return best if best < n_frames - 1 else n_frames, margin


def random_frames(rng, n_frames):
    """Return what a note gains in frames that are more or less sure, up to a place and beyond."""
    place = rng.integers(0, n_frames + 1)
    sustain = rng.choice([0.1, 1, 6]) * rng.standard_normal(n_frames) + np.where(np.arange(n_frames) < place, 1, -1)
    return sustain, rng.choice([0, 0.1, 3, 20]) * rng.standard_normal(n_frames)


# Independent truths: solved by hand


def test_states_are_in_the_order_of_the_model():
    assert STATES == ("silence", "attack", "sustain", "release")


def test_a_note_goes_on_as_long_as_it_gains():
    sustain = np.array([-9.0, 1, -3, 1, 1, 0.5, -1, -1, 1, -1])
    assert find_releases(sustain, np.zeros(10), [10]).tolist() == [2]  # never makes up for what it lost
    sustain[2] = -2
    assert find_releases(sustain, np.zeros(10), [10]).tolist() == [6]


@pytest.mark.parametrize(("likeness", "end"), [(2.9, 7), (3.1, 4)])
def test_likeness_to_a_release_has_to_outweigh_what_is_gained_by_going_on(likeness, end):
    sustain = np.array([0.0, 1, 1, 1, 1, 1, 1, -5, -5])
    release = np.where(np.arange(9) == 4, likeness, 0.0)
    assert find_releases(sustain, release, [9]).tolist() == [end]


def test_a_note_is_released_after_its_attack_at_the_earliest():
    assert find_releases(np.full(5, -9.0), np.array([99.0, 0, 0, 0, 0]), [5]).tolist() == [1]


def test_a_note_that_sounds_to_its_last_frame_ends_after_it():
    assert find_releases(np.ones(5), np.zeros(5), [5]).tolist() == [5]


@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_note_that_leaves_no_choice(n_frames):
    assert find_releases(np.full(n_frames, -9.0), np.zeros(n_frames), [n_frames]).tolist() == [n_frames]


# Naive oracles


@pytest.mark.parametrize("seed", range(30))
def test_the_best_of_all_releases_is_found(seed):
    rng = np.random.default_rng(seed)
    lengths = [*rng.integers(1, 40, 20).tolist(), 1, 2, 3]
    parts = [random_frames(rng, n_frames) for n_frames in lengths]
    expected, margins = zip(*(brute_force(*part) for part in parts), strict=True)
    sustain, release = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert min(margins) > 1e-6
    assert find_releases(sustain, release, lengths).tolist() == list(expected)


def test_releases_are_found_everywhere():
    rng = np.random.default_rng(0)
    parts = [random_frames(rng, 6) for _ in range(200)]
    assert {brute_force(*part)[0] for part in parts} == {1, 2, 3, 4, 6}


@pytest.mark.parametrize("seed", range(10))
def test_the_likeliest_of_all_paths_is_an_attack_sustain_a_release_and_silence(seed):
    """Whatever the states may weigh, and whether or not anything is gained: the textbook model, path by path."""
    emissions = np.random.default_rng(seed).standard_normal((6, 4))
    steps = {(ATTACK, SUSTAIN), (ATTACK, RELEASE), (SUSTAIN, SUSTAIN), (SUSTAIN, RELEASE)}
    ways = {**dict.fromkeys(steps, np.log(0.5)), (RELEASE, SILENCE): 0.0, (SILENCE, SILENCE): 0.0}
    scores = {}
    for rest in product(range(4), repeat=5):
        path = (ATTACK, *rest)
        if all(step in ways for step in pairwise(path)):
            score = sum(emissions[t, state] for t, state in enumerate(path))
            scores[path] = score + sum(ways[step] for step in pairwise(path))
    states = most_probable_states(releases._START, releases._TRANSITIONS, emissions, [6])
    assert tuple(states.tolist()) == max(scores, key=scores.get)


# Properties


def test_notes_one_after_the_other_are_each_on_their_own():
    rng = np.random.default_rng(0)
    lengths = [1, 7, 1, 1, 30, 2, 500, 3, 1]
    parts = [random_frames(rng, n_frames) for n_frames in lengths]
    sustain, release = (np.concatenate(column) for column in zip(*parts, strict=True))
    together = find_releases(sustain, release, np.array(lengths))
    assert together.tolist() == [
        int(find_releases(*part, [n_frames])[0]) for part, n_frames in zip(parts, lengths, strict=True)
    ]


def test_what_all_releases_of_a_note_share_does_not_count():
    sustain, release = random_frames(np.random.default_rng(1), 60)
    for shift in (-1e4, 37.0, 1e4):
        assert find_releases(sustain, release + shift, [60]) == find_releases(sustain, release, [60])


def test_surer_frames_for_the_longest_of_notes():
    sustain = np.where(np.arange(4000) % 2000 < 1234, 6.0, -6.0)
    assert find_releases(sustain, np.zeros(4000), [2000, 2000]).tolist() == [1234, 1234]


def test_nothing_given_is_changed_and_single_precision_will_do():
    rng = np.random.default_rng(2)
    sustain, release = (part.astype(np.float32) for part in random_frames(rng, 50))
    before = sustain.copy(), release.copy()
    ends = find_releases(sustain, release, [20, 30])
    np.testing.assert_array_equal((sustain, release), before)
    assert ends.tolist() == find_releases(sustain.astype(float), release.astype(float), [20, 30]).tolist()
