"""The hidden Markov model of a note."""

from itertools import pairwise, product

import numpy as np
import pytest

from nmfamt.tracking.emission import STATES
from nmfamt.tracking.viterbi import NoteHMM

SILENCE, ATTACK, SUSTAIN, RELEASE = range(4)
IMPOSSIBLE = -1e6


def frames(*rows):
    """Return log-probabilities; the attack is possible in the first frame alone."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(np.array([(0, 1, 0, 0), *rows], dtype=float)), IMPOSSIBLE)


def best_path(transitions, emissions):
    """Try every path that begins with an attack, and return the likeliest and its margin over the next."""
    with np.errstate(divide="ignore"):
        steps = np.log(transitions)
    scores = {}
    for rest in product(range(4), repeat=len(emissions) - 1):
        path = (ATTACK, *rest)
        score = sum(emissions[t, state] for t, state in enumerate(path))
        scores[path] = score + sum(steps[a, b] for a, b in pairwise(path))
    best, second, *_ = sorted(scores.values(), reverse=True)
    return max(scores, key=scores.get), best - second


def n_sounding(path):
    """Count the frames before the first that is silent or released."""
    return next((t for t, state in enumerate(path) if state in (SILENCE, RELEASE)), len(path))


# Independent truths: solved by hand


TRANSITIONS = np.array([[0.9, 0.1, 0, 0], [0, 0, 1, 0], [0.05, 0, 0.8, 0.15], [0.5, 0, 0, 0.5]])


def test_states_are_in_the_order_of_the_model():
    assert STATES == ("silence", "attack", "sustain", "release")


def test_evidence_has_to_outweigh_the_habit_of_going_on():
    # In the third frame, to go on weighs 0.8 e(sustain), to be released 0.15 e(release): the border is at 5.33.
    for ratio, expected in ((5.0, 3), (5.7, 2)):
        emissions = frames((0, 0, 1, 0), (0, 0, 1, ratio))
        assert NoteHMM(TRANSITIONS).sounding(emissions, [3]).tolist() == [expected]


def test_one_bad_frame_does_not_end_a_note():
    # There is no way back into a note; each frame after it weighs 0.8 * 0.9, against 0.5 * 0.05 once released.
    emissions = frames(*[(0.05, 0, 0.9, 0.05)] * 3, (0.1, 0, 0.1, 0.8), *[(0.05, 0, 0.9, 0.05)] * 3)
    assert NoteHMM(TRANSITIONS).sounding(emissions, [8]).tolist() == [8]


def test_a_note_may_fall_silent_without_release():
    emissions = frames((0, 0, 1, 0), (0.99, 0, 0.005, 0.005), (0.99, 0, 0.005, 0.005))
    assert NoteHMM(TRANSITIONS).sounding(emissions, [4]).tolist() == [2]


def test_an_attack_alone_sounds_for_a_frame():
    assert NoteHMM(TRANSITIONS).sounding(frames(), [1]).tolist() == [1]
    assert NoteHMM(TRANSITIONS).sounding(frames((1, 0, 1e-9, 1)), [2]).tolist() == [2]  # no way but to sustain


# Naive oracle


@pytest.mark.parametrize("seed", range(20))
def test_the_likeliest_of_all_paths_is_found(seed):
    rng = np.random.default_rng(seed)
    transitions = rng.dirichlet([0.7] * 4, size=4) * (rng.random((4, 4)) < 0.8) + 1e-3 * np.eye(4)
    transitions /= transitions.sum(axis=1, keepdims=True)
    emissions = np.log(rng.dirichlet([0.5] * 4, size=6) + 1e-6)
    path, margin = best_path(transitions, emissions)
    assert margin > 1e-6
    hmm = NoteHMM(transitions)
    assert hmm.decode(emissions)[1].tolist() == list(path)
    assert hmm.sounding(emissions, [6]).tolist() == [n_sounding(path)]


# Properties


def test_notes_one_after_the_other_are_each_on_their_own():
    rng = np.random.default_rng(0)
    lengths = [1, 7, 30, 2, 500]
    parts = []
    for length in lengths:
        part = np.log(rng.dirichlet([0.5, 0.1, 2.0, 0.5], size=length) + 1e-6)
        part[:, ATTACK], part[0] = IMPOSSIBLE, IMPOSSIBLE
        part[0, ATTACK] = 0
        parts.append(part)
    hmm = NoteHMM(TRANSITIONS)
    together = hmm.sounding(np.concatenate(parts), lengths)
    assert together.tolist() == [int(hmm.sounding(part, [len(part)])[0]) for part in parts]
    assert len(set(together.tolist())) > 2


def test_what_all_states_of_a_frame_share_does_not_count():
    rng = np.random.default_rng(1)
    emissions = frames(*rng.dirichlet([0.5, 0.01, 2.0, 0.5], size=60))
    shifted = emissions + rng.standard_normal((61, 1))
    hmm = NoteHMM(TRANSITIONS)
    assert hmm.sounding(emissions, [61]) == hmm.sounding(shifted, [61])


# Notes that go on


def continuations(rng, n_frames):
    """Return log-probabilities of what may come: silence, sustain and release by turns, more or less sure."""
    sure = rng.choice([0.1, 1.0, 30.0])
    part = sure * rng.standard_normal((n_frames, 4)) + 3 * sure * np.eye(4)[rng.choice([SILENCE, SUSTAIN, RELEASE])]
    part[:, ATTACK] = IMPOSSIBLE
    return part


def endless(rng, n_frames, place):
    """Return log-probabilities of a note that sounds up to a place, more or less."""
    states = np.where(np.arange(n_frames) < place, SUSTAIN, rng.choice([SILENCE, RELEASE], size=n_frames))
    part = rng.uniform(0.5, 6) * np.eye(4)[states] + rng.standard_normal((n_frames, 4))
    part[:, ATTACK], part[0] = IMPOSSIBLE, IMPOSSIBLE
    part[0, ATTACK] = 0
    return part


TRAINED = np.array(
    [[1 - 3e-6, 1e-6, 1e-6, 1e-6], [0, 0, 1, 0], [1e-5, 1e-5, 0.97, 0.02998], [0.05, 1e-5, 1e-5, 0.94998]]
)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_certain_stays_whatever_comes(seed):
    rng = np.random.default_rng(seed)
    hmm, n_certain = NoteHMM(TRAINED), 0
    for _ in range(20):
        start = endless(rng, 30, int(rng.integers(1, 40)))
        (n_frames,) = hmm.sounding(start, [30], goes_on=np.array([True]))
        n_certain += n_frames >= 0
        for _ in range(20 if n_frames >= 0 else 0):
            wholes = np.concatenate([start, continuations(rng, int(rng.integers(1, 60)))])
            assert hmm.sounding(wholes, [len(wholes)]).tolist() == [n_frames]
    assert 0 < n_certain < 20


def test_a_hole_at_the_end_is_not_certain():
    # To have sustained through three silent frames after all, or to sustain again, costs a factor of 1e-11 or so.
    # The way into silence leads through a frame of release, even where that weighs 0.01: it leaves the sustain at 5.
    hmm = NoteHMM(TRAINED)
    for share, n_frames in ((0.02, -1), (1e-7, 5)):
        start = frames(*[(0.01, 0, 0.98, 0.01)] * 5, *[(1 - 2 * share, 0, share, share)] * 3)
        assert hmm.sounding(start, [9], goes_on=np.array([True])).tolist() == [n_frames]


@pytest.mark.parametrize("back", [SILENCE, RELEASE])
def test_release_and_silence_may_compete_at_the_end(back):
    # Into silence the sustain is left in the third frame, into release in the fourth; which of them was the way
    # depends on what follows, though the way back into the sustain is easier from one of them.
    transitions = np.array([[1.0, 1e-9, 1e-9, 1e-9], [0, 0, 1, 0], [0.1, 0.0, 0.8, 0.1], [1e-9, 1e-9, 1e-9, 1.0]])
    transitions[back, SUSTAIN] = 1e-6
    hmm = NoteHMM(transitions / transitions.sum(axis=1, keepdims=True))
    start = frames((0, 0, 1, 0), (0.6, 0, 0.3, 1e-6), (0.5, 0, 1e-9, 0.5), (0.5, 0, 1e-9, 0.5))
    for ending, n_frames in (((0.98, 0, 0.01, 0.01), 2), ((0.01, 0, 0.01, 0.98), 3)):
        later = frames(ending)[1:].repeat(20, axis=0)
        assert hmm.sounding(np.concatenate([start, later]), [25]).tolist() == [n_frames]
    assert hmm.sounding(start, [5], goes_on=np.array([True])).tolist() == [-1]


def test_notes_that_go_on_and_others_are_each_on_their_own():
    rng = np.random.default_rng(3)
    parts = [
        endless(rng, n_frames, place) for n_frames, place in ((30, 5), (30, 40), (1, 1), (12, 6), (60, 20), (25, 30))
    ]
    lengths, goes_on = [len(part) for part in parts], np.array([True, True, False, False, True, False])
    hmm = NoteHMM(TRAINED)
    together = hmm.sounding(np.concatenate(parts), lengths, goes_on=goes_on)
    alone = [
        int(hmm.sounding(part, [len(part)], goes_on=np.array([more]))[0])
        for part, more in zip(parts, goes_on, strict=True)
    ]
    assert together.tolist() == alone
    assert (together < 0).tolist() == [False, True, False, False, False, False]
