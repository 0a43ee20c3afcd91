"""Average precision of activations: by hand, the slow way, and as scikit-learn has it."""

from dataclasses import replace

import numpy as np
import pytest

from nmfamt.activation import PitchActivation
from nmfamt.evaluation import average_precision
from nmfamt.evaluation.frames import piano_roll
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes


def activation(values, pitches, hop=0.01, instruments=None, **options):
    values = np.asarray(values, dtype=float)
    names = np.array(instruments or [""] * len(pitches))
    times = np.arange(values.shape[1]) * hop
    return PitchActivation(values, values, np.asarray(pitches, dtype=float), times, names, **options)


def test_counted_by_hand():
    # Sounding: 60 at all three instants, 64 at the last.   60: 9 7 3    64: 8 0 3
    # threshold 9: 1 of 1 right, recall 1/4          precision 1
    #           8: 1 of 2                            (recall does not rise)
    #           7: 2 of 3, recall 2/4                precision 2/3
    #           3: 4 of 5, recall 4/4, two at once   precision 4/5
    reference = Notes([[0, 0.03], [0.02, 0.03]], [60, 64])
    found = activation([[9, 7, 3], [8, 0, 3]], [60, 64])
    assert average_precision(reference, found) == pytest.approx(1 / 4 * 1 + 1 / 4 * 2 / 3 + 2 / 4 * 4 / 5)


def test_what_was_not_found_comes_last():
    # One pair found and right; the other sounding pair comes with all 128 * 2: 1/2 * 1 + 1/2 * 2/256.
    reference = Notes([[0, 0.02]], [60])
    expected = 1 / 2 + 1 / 2 * 2 / 256
    assert average_precision(reference, activation([[5, 0]], [60])) == pytest.approx(expected)
    assert average_precision(reference, activation([[5]], [60])) == pytest.approx(expected)  # it ends before the note
    lower = activation([[5, 0], [0, 0]], [30, 60])  # a wrong pair first: 0 + 2/256
    assert average_precision(reference, lower) == pytest.approx(2 / 256)
    assert average_precision(reference, activation(np.zeros((0, 0)), [])) == pytest.approx(2 / 256)


def test_chance_is_the_share_of_what_sounds():
    reference = Notes([[0, 0.1]], [60])
    assert average_precision(reference, activation(np.ones((128, 10)), range(128))) == pytest.approx(1 / 128)
    assert np.isnan(average_precision(Notes.empty(), activation(np.ones((1, 10)), [60])))


def naive(reference, found, hop):
    """Every threshold, one after the other, over every instant and pitch."""
    end = max(reference.intervals[:, 1].max(), found.times[-1] + found.hop / 2 - found.latency)
    n_frames = int(np.ceil(end / hop - 1e-6))
    sounds, strengths = np.zeros((128, n_frames), dtype=bool), np.zeros((128, n_frames))
    for frame in range(n_frames):
        instant = frame * hop + 1e-9
        for (onset, offset), pitch in zip(reference.intervals, reference.pitches, strict=True):
            sounds[int(pitch), frame] |= onset <= instant < offset
        nearest = np.abs(found.times - instant - found.latency).argmin()
        if abs(found.times[nearest] - instant - found.latency) <= found.hop / 2 + 1e-6:
            for row, pitch in enumerate(found.pitches):
                at = int(pitch + 0.5)
                strengths[at, frame] = max(strengths[at, frame], found.values[row, nearest] / found.level)
    area, recall = 0.0, 0.0
    for threshold in np.unique(strengths)[::-1]:
        right = (sounds & (strengths >= threshold)).sum()
        area += (right / sounds.sum() - recall) * right / (strengths >= threshold).sum()
        recall = right / sounds.sum()
    return area, sounds, strengths


@pytest.mark.parametrize("hop", [0.01, 0.005, 512 / 44100])
@pytest.mark.parametrize("seed", range(3))
def test_the_slow_way_and_scikit_learn(seed, hop):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, 0.8, 12).round(3)
    reference = Notes(
        np.stack([onsets, onsets + rng.uniform(0.05, 0.3, 12).round(3)], axis=1), rng.integers(50, 70, 12)
    )
    values = rng.integers(0, 6, (30, 90)) * rng.integers(0, 2, (30, 90)) / 2  # many ties and zeros
    pitches = np.concatenate([np.arange(50, 65), np.arange(50, 65) + 0.25])
    found = activation(values, pitches, instruments=["a"] * 15 + ["b"] * 15, level=2.0, latency=0.013)
    area, sounds, strengths = naive(reference, found, hop)
    assert 0.01 < area < 0.9
    assert average_precision(reference, found, hop=hop) == pytest.approx(area, abs=1e-12)
    assert metrics.average_precision_score(sounds.ravel(), strengths.ravel()) == pytest.approx(area, abs=1e-12)


def test_instruments_and_fractions_of_a_semitone_are_pooled_by_their_maximum():
    reference = Notes([[0, 0.02]], [60])
    found = activation([[0, 3], [9, 0], [2, 2]], [59.6, 60.4, 61], instruments=["oboe", "violin", "violin"])
    assert average_precision(reference, found) == 1


def test_latency_tells_how_much_later_frames_tell_of_a_note():
    reference = Notes([[0.05, 0.1]], [60])
    values = np.zeros((1, 20))
    values[0, 8:13] = 1  # 30 ms late
    assert average_precision(reference, activation(values, [60], latency=0.03)) == 1
    assert average_precision(reference, activation(values, [60])) < 0.5


def test_pieces_are_pooled_in_units_of_their_level():
    # Loud piece: right at 8, wrong at 4. Soft piece, level 1 instead of 10: right at 1, wrong at 0.1.
    reference = Notes([[0, 0.01]], [60])
    loud = activation([[8], [4]], [60, 61], level=10.0)
    soft = activation([[1], [0.1]], [60, 61])
    assert average_precision([reference, reference], [loud, soft]) == 1
    # Without levels the soft note comes after the wrong one: 1/2 * 1 + 1/2 * 2/3.
    unaware = average_precision([reference, reference], [replace(loud, level=1.0), soft])
    assert unaware == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    with pytest.raises(NmfamtError, match="2 references and 1 activations"):
        average_precision([reference, reference], loud)
    with pytest.raises(NmfamtError, match="hop of 0"):
        average_precision(reference, loud, hop=0)


def test_silence_at_level_zero():
    silent = activation(np.zeros((2, 5)), [60, 61], level=0.0)
    assert average_precision(Notes([[0, 0.05]], [60]), silent) == pytest.approx(1 / 128)


def test_piano_roll():
    roll = piano_roll(Notes([[0.005, 0.03], [0.03, 0.04], [0, 0.01]], [60, 60, 61.5]), n_frames=5)
    assert np.flatnonzero(roll[60]).tolist() == [1, 2, 3]
    assert np.flatnonzero(roll[62]).tolist() == [0]
    assert roll.sum() == 4
    assert piano_roll(Notes.empty()).shape == (128, 0)
