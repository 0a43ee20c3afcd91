"""What takes the place of a note."""

import numpy as np
import pytest

from nmfamt.tracking.voices import TOGETHER, voice_context, voice_context_names

NONE, ONE, TWO = np.log([0.3, 1.3, 2.3])
FAR = np.log(200)


def followed(*notes):
    """Describe notes given as (onset, pitch, end, frames); return the features of each as a dict of arrays."""
    firsts, pitches, ends, lengths = (np.array(column) for column in zip(*notes, strict=True))
    parts = np.split(voice_context(firsts, pitches.astype(float), ends, lengths), np.cumsum(lengths)[:-1])
    return [dict(zip(voice_context_names(), part.T, strict=True)) for part in parts]


def random_notes(n, *, n_frames=2000, seed=0):
    """Return notes of a few octaves, in no order."""
    rng = np.random.default_rng(seed)
    firsts, pitches = rng.integers(0, n_frames, n), rng.integers(40, 70, n).astype(float)
    return firsts, pitches, firsts + rng.integers(1, 300, n), rng.integers(1, 300, n)


# Independent truths


def test_a_note_on_its_own():
    (alone,) = followed((700, 60, 800, 100))
    for name, values in alone.items():
        if name.startswith(("since", "until")):
            np.testing.assert_allclose(values, FAR, rtol=1e-6, err_msg=name)
        else:
            expected = 0.0 if name in ("typical_chords", "struck") else NONE
            np.testing.assert_allclose(values, expected, rtol=1e-6, err_msg=name)


def test_the_next_note_of_a_voice():
    one, _ = followed((100, 60, 150, 80), (150, 64, 200, 10))
    assert one["near4"][[46, 47, 53, 54]].tolist() == pytest.approx([NONE, ONE, ONE, NONE])
    assert one["passed4"][[46, 47, 53, 54]].tolist() == pytest.approx([NONE, ONE, ONE, ONE])
    assert np.exp(one["until4"][[0, 46, 47]]).tolist() == pytest.approx([55, 9, 200])
    assert np.exp(one["since4"][[46, 47, 50, 60]]).tolist() == pytest.approx([200, 2, 5, 15])


@pytest.mark.parametrize(
    ("interval", "in_four", "in_nine"), [(4, ONE, ONE), (5, NONE, ONE), (-9, NONE, ONE), (10, NONE, NONE)]
)
def test_how_far_a_voice_moves(interval, in_four, in_nine):
    one, _ = followed((100, 60, 150, 80), (150, 60 + interval, 200, 10))
    assert (one["passed4"][-1], one["passed9"][-1]) == pytest.approx((in_four, in_nine))
    assert one["chords"][-1] == pytest.approx(ONE)


def test_notes_of_a_chord_take_no_place_of_each_other():
    one, other, _ = followed((100, 60, 150, 80), (100 + TOGETHER, 62, 150, 80), (150, 61, 200, 10))
    assert one["passed4"][[0, 20, 60]].tolist() == pytest.approx([NONE, NONE, ONE])
    assert other["passed4"][[0, 20, 60]].tolist() == pytest.approx([NONE, NONE, ONE])
    one, *_ = followed((100, 60, 150, 80), (100 + TOGETHER + 1, 62, 150, 80))
    assert one["passed4"][20] == pytest.approx(ONE)


def test_a_chord_counts_once():
    one, *_ = followed((100, 60, 150, 80), (150, 61, 200, 10), (153, 64, 200, 10))
    assert (one["passed4"][-1], one["chords"][-1]) == pytest.approx((TWO, ONE))


def test_a_key_that_is_struck_again():
    one, _, other = followed((100, 60, 150, 50), (150, 60, 200, 10), (100, 61, 150, 50))
    assert one["struck"].tolist() == [0.0] * 49 + [1.0]
    assert np.exp(one["until_struck"][[0, 49]]).tolist() == pytest.approx([55, 6])
    assert not other["struck"].any()
    np.testing.assert_allclose(other["until_struck"], FAR, rtol=1e-6)


def test_what_the_notes_around_outlast():
    """Of four notes the first is held over two others, the others end with the next."""
    one, two, *_ = followed((0, 60, 150, 160), (50, 62, 100, 60), (100, 64, 150, 60), (150, 65, 170, 20))
    typical = (ONE + ONE + NONE) / 3
    np.testing.assert_allclose(one["typical_chords"], typical, rtol=1e-6)
    np.testing.assert_allclose(two["typical_chords"], (np.log(3.3) + ONE + NONE) / 3, rtol=1e-6)
    np.testing.assert_allclose(one["more_chords"], one["chords"] - typical, rtol=1e-5)
    assert one["chords"][[46, 47, 97, 147]].tolist() == pytest.approx([NONE, ONE, TWO, np.log(3.3)])


@pytest.mark.parametrize(("distance", "typical"), [(200, ONE), (201, 0.0)])
def test_two_seconds_are_around_a_note(distance, typical):
    # The second note outlasts the third, which is too far from the first to count.
    one, *_ = followed((100, 60, 110, 5), (100 + distance, 62, 540, 5), (530, 64, 541, 5))
    assert one["typical_chords"][0] == pytest.approx(typical)


# Naive oracle


def slowly(firsts, pitches, ends, lengths):
    """Describe the frames of notes one after the other."""
    n = range(len(firsts))
    begun = sorted(firsts)
    chords = [first for i, first in enumerate(begun) if i == 0 or first - begun[i - 1] > 5]

    def outlasted(i, frame):
        own = sum(chord <= firsts[i] + 5 for chord in chords)
        return np.log(max(sum(chord <= frame + 3 for chord in chords) - own, 0) + 0.3)

    def log_time(frames):
        return np.log(min(max(frames + 5, 1), 200))

    rows = []
    for i in n:
        around = [outlasted(j, ends[j]) for j in n if j != i and abs(firsts[j] - firsts[i]) <= 200]
        typical = np.mean(around) if around else 0.0
        later = [j for j in n if firsts[j] > firsts[i] + 5]
        for t in range(firsts[i], firsts[i] + lengths[i]):
            row = []
            for reach in (4, 9):
                onsets = [firsts[j] for j in later if abs(pitches[j] - pitches[i]) <= reach]
                past = [onset for onset in onsets if onset <= t + 3]
                since = min((t - onset for onset in past), default=200)
                until = min((onset - t for onset in onsets if onset > t + 3), default=200)
                now = sum(t - 3 <= onset for onset in past)
                row += [np.log(now + 0.3), np.log(len(past) + 0.3), log_time(since), log_time(until)]
            again = min((firsts[j] - t for j in later if pitches[j] == pitches[i] and firsts[j] > t), default=200)
            n_chords = outlasted(i, t)
            rows.append([*row, n_chords, n_chords - typical, typical, again <= 1, log_time(again)])
    return np.array(rows, dtype=float)


@pytest.mark.parametrize(("n", "n_frames"), [(1, 1), (2, 10), (3, 2000), (40, 5000), (50, 300), (30, 31)])
def test_the_definition(n, n_frames):
    notes = random_notes(n, n_frames=n_frames)
    X = voice_context(*notes)
    assert X.dtype == np.float32
    expected = slowly(*(column.tolist() for column in notes))
    for name, found, column in zip(voice_context_names(), X.T, expected.T, strict=True):
        np.testing.assert_allclose(found, column, rtol=1e-5, atol=1e-5, err_msg=name)


# Properties


def test_the_order_of_notes_does_not_matter():
    notes = random_notes(50)
    order = np.random.default_rng(1).permutation(50)
    whole = np.split(voice_context(*notes), np.cumsum(notes[-1])[:-1])
    shuffled = [column[order] for column in notes]
    again = np.split(voice_context(*shuffled), np.cumsum(shuffled[-1])[:-1])
    for place, part in zip(order, again, strict=True):
        np.testing.assert_allclose(part, whole[place], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("later", "higher"), [(1, 0), (100_000, 0), (0, 12), (199, -5)])
def test_another_time_or_key_changes_nothing(later, higher):
    firsts, pitches, ends, lengths = random_notes(50)
    moved = voice_context(firsts + later, pitches + higher, ends + later, lengths)
    np.testing.assert_array_equal(moved, voice_context(firsts, pitches, ends, lengths))


def test_fewer_frames_are_described_the_same():
    firsts, pitches, ends, lengths = random_notes(30)
    whole = np.split(voice_context(firsts, pitches, ends, lengths), np.cumsum(lengths)[:-1])
    fewer = voice_context(firsts, pitches, ends, np.ones(30, dtype=int))
    np.testing.assert_array_equal(fewer, [part[0] for part in whole])


def test_no_notes():
    none = np.empty(0, dtype=np.int64)
    X = voice_context(none, none.astype(float), none, none)
    assert X.shape == (0, len(voice_context_names()))
    assert X.dtype == np.float32


def test_every_feature_has_a_name_of_its_own():
    assert len(set(voice_context_names())) == len(voice_context_names())
