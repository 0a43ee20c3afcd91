"""Joint estimation by combinations: tones and chords whose pitches are known, and slow oracles."""

from functools import partial
from itertools import combinations, pairwise

import numpy as np
import pytest
from front_ends import SR, assert_cutting_makes_no_difference
from front_ends import tone as harmonic_tone

from nmfamt import STFT, HMMTracker, LogFrequency, NmfamtError, Survey, Threshold, Transcriber
from nmfamt.methods.pertusa import PERTUSA2012
from nmfamt.multipitch import _joint_combinations as kernels
from nmfamt.multipitch.joint_combinations import JointCombinations

kernel = pytest.mark.kernel
tone = partial(harmonic_tone, n_partials=10)


def chord(*pitches, **options):
    return sum(tone(pitch, **options) for pitch in pitches)


def found(y, sr=SR, **options):
    """Return the pitches in the middle of a recording."""
    front_end = JointCombinations(**({"tuning": 0.0} | options))
    activation = front_end(front_end.settings(y, sr=sr))
    middle = activation.values[:, len(activation.times) // 2]
    return activation.pitches[middle > 0].astype(int).tolist()


@pytest.mark.parametrize("pitch", [33, 45, 57, 69, 81, 93])
def test_a_tone_is_its_pitch_and_no_other(pitch):
    assert found(tone(pitch)) == [pitch]


@pytest.mark.parametrize("pitches", [(60, 64, 67), (48, 57, 66, 75), (45, 61), (52, 63), (57, 66, 76), (50, 57, 65)])
def test_chords(pitches):
    assert found(chord(*pitches)) == list(pitches)


def test_mixtures_by_chance():
    rng = np.random.default_rng(7)
    n_right = n_found = n_there = 0
    for _ in range(16):
        pitches = set(rng.choice(np.arange(48, 85), size=rng.integers(2, 5), replace=False).tolist())
        estimate = set(found(chord(*pitches, seconds=0.2)))
        n_right, n_found, n_there = n_right + len(pitches & estimate), n_found + len(estimate), n_there + len(pitches)
    assert 2 * n_right / (n_found + n_there) > 0.85


def test_of_two_notes_an_octave_apart_the_stronger_is_found():
    # Squares favour one that has all partials to itself: 5.7^2 + 3.1^2 is less than 7^2.
    assert found(tone(57) + 2 * tone(69)) == [69]
    assert found(2 * tone(57) + 0.5 * tone(69)) == [57]


def test_stretched_partials_are_found_within_the_tolerance():
    assert found(tone(45, inharmonicity=2e-4)) == [45]


def test_a_missing_fundamental_is_a_limit():
    assert 57 not in found(tone(57, first=2))


def test_an_octave_moves_rows_by_12():
    assert [pitch + 12 for pitch in found(chord(52, 59, 67))] == found(chord(64, 71, 79)) == [64, 71, 79]


@pytest.mark.parametrize("cents", [-35, 0, 8, 40])
def test_the_tuning_is_estimated(cents):
    assert found(np.concatenate([tone(p, cents=cents) for p in (50, 57, 64)]), tuning="auto") == [57]


def test_polyphony_and_range_are_respected():
    y = chord(48, 57, 66, 75)
    assert len(found(y, polyphony=2)) == 2
    assert found(y, polyphony=None) == [48, 57, 66, 75]
    assert min(found(y, fmin=150.0)) >= 50
    assert JointCombinations(polyphony=None).n_combinations == 1023
    assert JointCombinations(n_candidates=4, polyphony=2).info["n_combinations"] == 10


def test_a_low_sample_rate_is_no_hindrance():
    assert found(chord(60, 67, sr=8000), sr=8000) == [60, 67]


def test_cutting_a_stream_makes_no_difference():
    front_end = JointCombinations(tuning=0.0)
    rng = np.random.default_rng(0)
    y = np.concatenate([chord(*rng.integers(45, 80, 3)) for _ in range(14)])
    spectrogram = front_end.settings(y, sr=SR)
    assert_cutting_makes_no_difference(front_end, spectrogram)


def test_the_gain_does_not_matter():
    y = np.concatenate([chord(60, 64), chord(55, 71)])
    quiet, loud = (transcribed(gain * y) for gain in (1e-3, 30.0))
    np.testing.assert_array_equal(quiet.pitches, loud.pitches)
    np.testing.assert_allclose(quiet.intervals, loud.intervals)
    assert {55, 60, 64, 71} <= set(quiet.pitches.tolist())


def transcribed(y, tracker=None, **options):
    front_end = PERTUSA2012.front_end(**options)
    return Transcriber(front_end.settings, front_end, tracker or PERTUSA2012.tracker())(y, sr=SR)


def test_every_tracker_reads_it_and_values_are_shares_of_the_level():
    dying = np.exp(-3 * np.arange(round(0.4 * SR)) / SR)
    y = np.concatenate([np.zeros(SR // 2), *(tone(pitch) * dying for pitch in (57, 64, 69)), np.zeros(SR // 2)])
    for tracker in (Threshold(0.05), HMMTracker(sensitivity=0.9)):
        assert {57, 64, 69} <= set(transcribed(y, tracker).pitches.tolist())
    front_end = JointCombinations()
    activation = front_end(front_end.settings(y, sr=SR))
    assert 0.8 < activation.values.max() / activation.level < 1.3


def test_silence_one_frame_and_nothing():
    front_end = JointCombinations()
    for y in (np.zeros(SR), np.zeros(10), tone(60)[:50]):
        activation = front_end(front_end.settings(y, sr=SR))
        assert np.isfinite(activation.values).all()
        if not y.any():
            assert not activation.values.any()
    survey = Survey.of([front_end.settings(np.zeros(SR), sr=SR)])
    assert front_end.fitted(survey).tuning == 0.0


def test_a_compressed_spectrogram_gives_the_same():
    settings = STFT(sr=SR, hop_length=220, n_fft=8192, win_length=2048, power=0.5, dtype="float64")
    assert found(chord(60, 64, 67), settings=settings) == [60, 64, 67]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": LogFrequency()}, "take an STFT"),
        ({"n_candidates": 0}, "n_candidates=0 must be a number from 1 to 30"),
        ({"n_candidates": 20, "polyphony": None}, "n_candidates=20 and polyphony=None make 1048575 combinations"),
        ({"tolerance": 0.0}, "tolerance=0.0 must be a distance in Hz, such as 11"),
        ({"smoothness": -1.0}, "smoothness=-1.0 must be a weight"),
        ({"weakest": 2.0}, "weakest=2.0 must be a share"),
        ({"floor": 200.0}, "floor=200.0 must be a distance"),
        ({"context": -1}, "context=-1 must be a number from 0"),
        ({"polyphony": 0}, "polyphony=0"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        JointCombinations(**options)


# Oracles


def random_frames(n_frames=5, n_peaks=14, seed=0):
    """Return peaks that share many partials, and the row of each."""
    rng = np.random.default_rng(seed)
    starts = n_peaks * np.arange(n_frames + 1)
    starts[3] = starts[2]  # one frame is empty, and the next has more
    freqs = [np.sort(100 * rng.integers(1, 12, n) + rng.normal(0, 4, n)) for n in np.diff(starts)]
    freqs = np.concatenate(freqs)
    amplitudes = rng.uniform(0.1, 1, len(freqs))
    rows = np.round(12 * np.log2(freqs / 95)).astype(np.int64)
    rows[(rows > 40) | (rng.random(len(rows)) < 0.1)] = -1
    return freqs, amplitudes, starts, rows


def naive_partials(freqs, first, last, k, n_partials, tolerance):
    """Return the partials of a candidate as a dict: number, from 0, to peak and weight."""
    partials = {}
    for h in range(n_partials):
        off = np.abs(freqs[first:last] - (h + 1) * freqs[k])
        if off.min() < tolerance:
            partials[h] = (first + int(off.argmin()), 1 - off.min() / tolerance)
    return partials


def naive_candidates(freqs, amplitudes, starts, rows, n_candidates, n_partials, tolerance):
    frames = []
    for first, last in pairwise(starts):
        best = {}
        for k in range(first, last):
            partials = naive_partials(freqs, first, last, k, n_partials, tolerance)
            strength = sum(amplitudes[peak] * weight for peak, weight in partials.values())
            if rows[k] >= 0 and strength > best.get(rows[k], (0, 0))[0]:
                best[rows[k]] = (strength, k)
        chosen = sorted(best.values(), reverse=True)[:n_candidates]
        frames.append(sorted(k for _, k in chosen))
    return frames


def naive_patterns(freqs, amplitudes, first, last, members, n_partials, tolerance):
    """Return the pattern of each member, a list of peaks in order of frequency."""
    partials = [naive_partials(freqs, first, last, k, n_partials, tolerance) for k in members]
    left = {k: amplitudes[k] for k in range(first, last)}
    patterns = []
    for c, mine in enumerate(partials):
        claimed = {peak for other in partials[c + 1 :] for peak, _ in other.values()}
        free = [h for h in range(n_partials) if h not in mine or mine[h][0] not in claimed]
        values = [left[mine[h][0]] * mine[h][1] if h in mine else 0.0 for h in free]
        pattern = np.zeros(n_partials)
        for h in sorted(mine):
            peak, weight = mine[h]
            if h not in free and free:
                wanted = np.interp(h, free, values)
            elif h in free:
                wanted = values[free.index(h)]
            else:
                wanted = np.inf
            pattern[h] = min(wanted, weight * left[peak])
            left[peak] -= pattern[h]
        patterns.append(pattern)
    return patterns


def naive_salience(patterns, smoothness, weakest):
    intensity = [pattern.sum() for pattern in patterns]
    if min(intensity) <= 0 or min(intensity) < weakest * max(intensity):
        return 0.0
    total = 0.0
    for pattern in patterns:
        p = pattern[: np.flatnonzero(pattern)[-1] + 1] / pattern.max()
        smooth = np.convolve(p, [0.21, 0.58, 0.21])[1:-1]
        total += (pattern.sum() * max(0, 1 - np.abs(smooth - p).sum() / 0.42 / len(p)) ** smoothness) ** 2
    return total


@kernel
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_combinations_agree_with_a_naive_oracle(seed):
    freqs, amplitudes, starts, rows = random_frames(seed=seed)
    n_candidates, n_partials, tolerance, context = 4, 5, 11.0, 2
    numbers = np.arange(1, 16)
    scale = np.random.default_rng(seed).uniform(0.5, 2, len(starts) - 1)
    candidates = kernels.find_candidates(freqs, amplitudes, starts, rows, n_candidates, n_partials, tolerance)
    expected = naive_candidates(freqs, amplitudes, starts.tolist(), rows, n_candidates, n_partials, tolerance)
    assert [[int(k) for k in frame if k >= 0] for frame in candidates] == expected
    salience = kernels.salience_of_combinations(
        freqs, amplitudes, starts, candidates, numbers, n_partials, tolerance, 2.0, 0.15
    )
    naive: list = []
    for t, members in enumerate(expected):
        naive.append({})
        first, last = starts[t], starts[t + 1]
        for size in range(1, len(members) + 1):
            for chosen in combinations(range(len(members)), size):
                patterns = naive_patterns(
                    freqs, amplitudes, first, last, [members[c] for c in chosen], n_partials, tolerance
                )
                value = naive_salience(patterns, 2.0, 0.15)
                number = sum(1 << c for c in chosen)
                assert salience[t, number - 1] == pytest.approx(value)
                if value > 0:
                    pitches = frozenset(int(rows[members[c]]) for c in chosen)
                    naive[t][pitches] = (value * scale[t] ** 2, [scale[t] * p.sum() for p in patterns])
        assert not salience[t, (1 << len(members)) - 1 :].any()
    values = kernels.merge(
        freqs, amplitudes, starts, scale, candidates, rows, numbers, salience, context, 60, n_partials, tolerance
    )
    for t in range(len(naive)):
        around = naive[max(0, t - context) : t + context + 1]
        totals = {
            pitches: sum(frame.get(pitches, (0,))[0] for frame in around) for frame in around for pitches in frame
        }
        best = max(totals, key=totals.__getitem__)
        held = [frame[best][1] for frame in around if best in frame]
        column = np.zeros(60)
        column[sorted(best)] = np.mean(held, axis=0)
        np.testing.assert_allclose(values[:, t], column)


@kernel
def test_pairs_of_many_candidates_are_counted_out_and_no_others():
    found = JointCombinations(n_candidates=30, polyphony=2)._combinations
    assert len(found) == 30 + 30 * 29 // 2
    assert set(found.tolist()) == {1 << i | 1 << j for i in range(30) for j in range(30)}
    assert (np.diff(found) > 0).all()


def test_a_smooth_pattern_is_smoother_than_a_jagged_one():
    flat, falling, jagged = np.ones(8), 0.8 ** np.arange(8.0), np.array([1, 0.1] * 4)
    assert kernels.smoothness_of(flat) > kernels.smoothness_of(jagged)
    assert kernels.smoothness_of(falling) > kernels.smoothness_of(jagged)
    assert kernels.smoothness_of(np.zeros(8)) == 0


@kernel
def test_a_shared_partial_is_interpolated_and_the_rest_goes_to_the_higher():
    freqs = np.array([100.0, 200.0, 300.0, 400.0])
    amplitudes = np.array([1.0, 5.0, 0.6, 0.4])
    peak, shared = np.empty((2, 4), dtype=np.int64), np.empty((2, 4), dtype=np.int64)
    weight, patterns = np.empty((2, 4)), np.empty((2, 4))
    kernels.find_partials(freqs, 0, 4, np.array([0, 1]), 11.0, peak, weight, shared)
    kernels.find_patterns(0b11, amplitudes, peak, weight, shared, np.empty(4), patterns)
    np.testing.assert_allclose(patterns[0], [1, 0.8, 0.6, 0.4])
    np.testing.assert_allclose(patterns[1], [4.2, 0, 0, 0])
