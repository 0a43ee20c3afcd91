"""Where notes end."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import make_activation, plain_model, play

from nmfamt.tracking import offsets
from nmfamt.tracking.emission import STATES
from nmfamt.tracking.events import find_candidates
from nmfamt.tracking.frames import frame_features
from nmfamt.tracking.levels import FLOOR, Levels
from nmfamt.tracking.offsets import LONGEST_FRAMES, find_ends, find_spans
from nmfamt.tracking.viterbi import NoteHMM

# As learned from recordings: every way is open, if rarely taken, so that a path into silence may come back.
TRANSITIONS = np.array(
    [[1 - 3e-7, 1e-7, 1e-7, 1e-7], [0, 0, 1, 0], [1e-6, 1e-6, 0.97, 0.029998], [0.05, 1e-6, 1e-6, 0.949998]]
)
MODEL = replace(plain_model(), transitions=TRANSITIONS)


@pytest.fixture(scope="module")
def played():
    """Return levels, and where notes begin; some notes are long, some are heard again much later."""
    activation, _ = play(6000, seed=3)
    levels = Levels.of(activation)
    candidates = find_candidates(levels)
    return levels, candidates.select(candidates.strengths > 0.15)


def slowly(levels, span, model):
    """Follow one note to its last frame."""
    scores = model.frame(frame_features(levels, *span))
    emissions = np.full((len(scores), len(STATES)), -1e6)
    emissions[1:, [0, 2, 3]] = (scores - scores.max(axis=1, keepdims=True))[1:]
    emissions[0, STATES.index("attack")] = 0
    return span[1] + int(NoteHMM(model.transitions).sounding(emissions, [len(emissions)])[0])


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
def test_followed_little_by_little_notes_end_as_if_followed_to_the_last_frame(played, monkeypatch, n_batch, n_first):
    monkeypatch.setattr(offsets, "_BATCH_FRAMES", n_batch)
    monkeypatch.setattr(offsets, "_FIRST_FRAMES", n_first)
    levels, candidates = played
    spans = find_spans(levels, candidates)
    for model in (MODEL, plain_model()):
        expected = [slowly(levels, span, model) for span in spans.T.tolist()]
        ends = find_ends(levels, spans, model, NoteHMM(model.transitions), frame_weight=1.0)
        assert ends.tolist() == expected


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

    def counted(levels, rows, firsts, lasts):
        n_frames.extend((lasts - firsts).tolist())
        return frame_features(levels, rows, firsts, lasts)

    monkeypatch.setattr(offsets, "frame_features", counted)
    monkeypatch.setattr(offsets, "_FIRST_FRAMES", 100)
    ends = find_ends(levels, spans, MODEL, NoteHMM(MODEL.transitions), frame_weight=1.0)
    assert ends.tolist() == [150, 650]
    assert n_frames == [100, 100, 200]


def test_no_notes(played):
    levels, candidates = played
    spans = find_spans(levels, candidates.select(np.zeros(len(candidates), dtype=bool)))
    assert spans.shape == (3, 0)
    assert find_ends(levels, spans, MODEL, NoteHMM(MODEL.transitions), frame_weight=1.0).tolist() == []
