"""Several instruments at once."""

import numpy as np
import pytest

from nmfamt.activation import PitchActivation
from nmfamt.notes import Notes
from nmfamt.tracking.instruments import assign_instruments, instrument_probabilities, pool_instruments

N_FRAMES = 600
TIMES = np.arange(N_FRAMES) / 100
RANGES = {"cello": (40, 60), "flute": (50, 80), "viola": (45, 70)}


def activation(shares, notes, *, ranges=RANGES, seed=0):
    """Return an activation in which each note is shared out among instruments; what is not said lies at random."""
    rows = [(name, float(p)) for name, (low, high) in sorted(ranges.items()) for p in range(low, high + 1)]
    instruments, pitches = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    values = np.random.default_rng(seed).random((len(rows), N_FRAMES)) * 1e-3
    for share, (begin, end), pitch in zip(shares, notes.intervals, notes.pitches, strict=True):
        frames = slice(round(100 * begin), round(100 * end))
        for name, part in share.items():
            values[(instruments == name) & (pitches == pitch), frames] += part
    return PitchActivation(
        values,
        0.5 * values,
        pitches,
        TIMES,
        instruments,
        evidence={"loss": values**2, "partial_1": 2 * values},
        latency=0.01,
        level=2.0,
    )


def melody(pitches, *, offset=0.0, duration=0.5):
    begins = offset + duration * np.arange(len(pitches))
    return Notes(np.stack([begins, begins + duration], axis=1), pitches)


def test_the_pool_has_every_pitch_once():
    separate = activation([], Notes.empty())
    pool = pool_instruments(separate)
    np.testing.assert_array_equal(pool.pitches, np.arange(40, 81))
    assert set(pool.instruments.tolist()) == {""}
    for i, pitch in enumerate(pool.pitches):
        alike = separate.pitches == pitch
        np.testing.assert_allclose(pool.values[i], separate.values[alike].sum(axis=0))
        np.testing.assert_allclose(pool.onsets[i], separate.onsets[alike].sum(axis=0))
        # Here the loss of a row is its square, and that of all rows together the square of their sum.
        np.testing.assert_allclose(pool.evidence["loss"][i], separate.values[alike].sum(axis=0) ** 2)
        np.testing.assert_allclose(pool.evidence["partial_1"][i], 2 * separate.values[alike].max(axis=0))
    np.testing.assert_array_equal(pool.times, separate.times)
    assert (pool.latency, pool.level) == (separate.latency, separate.level)


def test_one_instrument_is_its_own_pool():
    alone = activation([], Notes.empty(), ranges={"flute": (50, 80)})
    assert pool_instruments(alone) is alone
    notes = assign_instruments(melody([60, 62]), alone)
    assert notes.instruments.tolist() == ["flute", "flute"]


def test_precision_is_kept():
    separate = activation([], Notes.empty())
    single = PitchActivation(
        *(array.astype(np.float32) for array in (separate.values, separate.onsets)),
        separate.pitches,
        TIMES,
        separate.instruments,
        evidence={name: array.astype(np.float32) for name, array in separate.evidence.items()},
    )
    pool = pool_instruments(single)
    assert {a.dtype for a in (pool.values, pool.onsets, *pool.evidence.values())} == {np.dtype(np.float32)}


def test_a_note_goes_to_whoever_contributes_most_over_its_length():
    notes = Notes([[1.0, 2.0]], [55])
    parts = Notes([[1.0, 1.1], [1.1, 2.0]], [55, 55])
    separate = activation([{"cello": 2.0}, {"cello": 0.3, "flute": 0.7}], parts)
    assert assign_instruments(notes, separate).instruments.tolist() == ["flute"]


def test_nobody_gets_a_pitch_that_he_does_not_have():
    notes = Notes([[0.0, 1.0], [0.0, 1.0]], [42, 78])
    assert assign_instruments(notes, activation([{}, {}], notes)).instruments.tolist() == ["cello", "flute"]


def test_who_plays_melodies_does_not_play_two_notes_at_once():
    upper, lower = melody([61, 62, 64, 65, 64, 62, 61, 60]), melody([52, 54, 55, 57, 55, 54, 52, 50])
    notes = Notes.concatenate([upper, lower])
    mine = notes.pitches >= 60
    # By timbre alone the fourth note of the lower voice would be the flute's.
    flute = np.where(mine, 0.8, np.where(notes.pitches == 57, 0.55, 0.2))
    shares = [{"flute": part, "viola": 1 - part} for part in flute.tolist()]
    separate = activation(shares, notes, ranges={"flute": (45, 70), "viola": (45, 70)})
    assert assign_instruments(notes, separate).instruments.tolist() == np.where(mine, "flute", "viola").tolist()


def test_who_plays_chords_goes_on_to_do_so():
    chords = Notes.concatenate([melody([p + i for i in (0, 2, 4, 5, 7, 5, 4, 2)]) for p in (48, 52, 55)])
    tune = melody([64, 65, 67, 69, 71, 69, 67, 65])
    notes = Notes.concatenate([chords, tune])
    high = notes.pitches >= 64
    shares = [{"flute": 0.9, "guitar": 0.1} if up else {"flute": 0.2, "guitar": 0.8} for up in high]
    separate = activation(shares, notes, ranges={"flute": (45, 75), "guitar": (45, 75)})
    assert assign_instruments(notes, separate).instruments.tolist() == np.where(high, "flute", "guitar").tolist()


def test_a_doubtful_note_goes_to_the_instrument_in_whose_register_it_lies():
    notes = Notes.concatenate(
        [melody([72, 74, 76, 77, 74, 72]), melody([50, 52, 48, 50, 53, 50]), Notes([[4, 5]], [75])]
    )
    flute = np.select([notes.pitches == 75, notes.pitches < 60], [0.45, 0.05], 0.95)
    shares = [{"flute": part, "cello": 1 - part} for part in flute.tolist()]
    separate = activation(shares, notes, ranges={"cello": (40, 80), "flute": (40, 80)})
    assert assign_instruments(notes, separate).instruments[notes.pitches == 75].tolist() == ["flute"]


def test_before_any_note_is_known_an_instrument_plays_in_the_middle_of_its_compass():
    notes = Notes([[0, 1]], [60])
    shares = [{"flute": 0.5, "cello": 0.5}]
    for ranges, likelier in (
        ({"cello": (36, 61), "flute": (50, 70)}, 1),
        ({"cello": (50, 70), "flute": (59, 84)}, 0),
    ):
        _, probabilities = instrument_probabilities(notes, activation(shares, notes, ranges=ranges))
        assert probabilities[0].argmax() == likelier
        assert probabilities[0, likelier] > 0.55


def test_voices_do_not_cross_where_timbre_misleads():
    pitches = np.array([70, 65, 60, 65, 70, 65, 60, 55, 60, 65, 70])
    notes = Notes.concatenate([melody(pitches), melody(pitches - 5)])
    upper = np.zeros(len(notes), dtype=bool)
    upper[np.lexsort((-notes.pitches, notes.intervals[:, 0]))[::2]] = True
    misleading = np.isclose(notes.intervals[:, 0], 3.5)  # the lowest two, by registers both the viola's
    flute = np.select([misleading & upper, misleading, upper], [0.4, 0.6, 0.9], 0.1)
    shares = [{"flute": part, "viola": 1 - part} for part in flute.tolist()]
    separate = activation(shares, notes, ranges={"flute": (45, 75), "viola": (45, 75)})
    assert assign_instruments(notes, separate).instruments.tolist() == np.where(upper, "flute", "viola").tolist()


def test_a_timbre_that_looks_like_another_is_learned_from_its_other_notes():
    """What the saxophone plays always looks half a clarinet; what the clarinet plays never looks a saxophone."""
    tune = [55, 57, 58, 60] * 3
    notes = Notes.concatenate([melody(tune, duration=0.24), melody(tune, offset=3.0, duration=0.24)])
    first = notes.intervals[:, 0] < 2.9
    part = np.where(first, np.where(notes.pitches == 57, 0.42, 0.6), 0.05)
    shares = [{"saxophone": x, "clarinet": 1 - x} for x in part.tolist()]
    separate = activation(shares, notes, ranges={"saxophone": (45, 70), "clarinet": (45, 70)})
    expected = np.where(first, "saxophone", "clarinet").tolist()
    assert assign_instruments(notes, separate).instruments.tolist() == expected


def test_probabilities_are_of_who_has_the_pitch():
    notes = melody([42, 55, 62, 78])
    names, probabilities = instrument_probabilities(notes, activation([{}] * 4, notes))
    assert names.tolist() == ["cello", "flute", "viola"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(
        probabilities == 0, [[False, True, True], [False] * 3, [True, False, False], [True, False, True]]
    )


def test_everything_else_of_a_note_stays():
    notes = Notes([[0.1, 0.5], [0.2, 0.9]], [50, 60], velocities=[30, 90], confidences=[0.6, 0.7], info={"a": 1})
    found = assign_instruments(notes, activation([{}, {}], notes))
    for name in ("intervals", "pitches", "velocities", "confidences"):
        np.testing.assert_array_equal(getattr(found, name), getattr(notes, name))
    assert found.info == {"a": 1}


@pytest.mark.parametrize("gain", [1e-6, 1.0, 1e6])
def test_loudness_does_not_matter(gain):
    notes = melody([55, 57, 59, 60])
    separate = activation([{"flute": 0.6, "viola": 0.4}] * 4, notes)
    louder = PitchActivation(
        gain * separate.values, gain * separate.onsets, separate.pitches, TIMES, separate.instruments
    )
    assert assign_instruments(notes, louder).instruments.tolist() == ["flute"] * 4


def test_silence_and_nothing():
    silent = activation([], Notes.empty())
    nothing = PitchActivation(0 * silent.values, 0 * silent.onsets, silent.pitches, TIMES, silent.instruments)
    assert len(assign_instruments(Notes.empty(), nothing)) == 0
    assert assign_instruments(Notes([[0, 1]], [60]), nothing).instruments[0] in RANGES
    # A note that is over when the activation ends is given away as well.
    assert assign_instruments(Notes([[6.5, 7.0]], [75]), silent).instruments.tolist() == ["flute"]
