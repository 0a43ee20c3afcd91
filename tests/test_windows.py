"""A stream of activations through overlapping windows."""

import numpy as np
import pytest
from synthetic import cut, random_activation

from nmfamt.windows import windows

N_FRAMES, BEFORE, AFTER = 20, 7, 12


def whole(n_frames):
    return random_activation(n_frames, pitches=[60, 64])


def through(parts, *, n_frames=N_FRAMES, before=BEFORE, after=AFTER):
    return list(windows(parts, n_frames, before=before, after=after))


def random_parts(activation, seed):
    n = len(activation.times)
    return cut(activation, *np.sort(np.random.default_rng(seed).integers(0, n + 1, size=seed)).tolist())


# Independent truths


def test_where_windows_lie():
    found = [(w.times[0], w.times[-1], first, last) for w, first, last in through([whole(50)])]
    expected = [(0.0, 0.31, 0, 20), (0.13, 0.49, 7, 27), (0.33, 0.49, 7, 17)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("n_frames", [1, 19, 20])
def test_what_fits_one_window_is_one_window(n_frames):
    ((window, first, last),) = through([whole(n_frames)])
    assert (len(window.times), first, last) == (n_frames, 0, n_frames)


def test_nothing_gives_no_window():
    assert through([]) == []
    assert through([whole(0), whole(0)]) == []


# Properties


@pytest.mark.parametrize("n_frames", [1, 20, 21, 39, 40, 52, 53, 100, 173])
def test_each_frame_belongs_to_one_window(n_frames):
    activation = whole(n_frames)
    own = [window.times[first:last] for window, first, last in through([activation])]
    np.testing.assert_array_equal(np.concatenate(own), activation.times)
    assert all(len(times) == N_FRAMES for times in own[:-1])


@pytest.mark.parametrize("n_frames", [20, 60, 133])
def test_windows_have_their_context_and_their_values(n_frames):
    activation = whole(n_frames)
    for number, (window, first, last) in enumerate(through([activation])):
        begin = number * N_FRAMES
        span = slice(max(0, begin - BEFORE), min(n_frames, begin + N_FRAMES + AFTER))
        np.testing.assert_array_equal(window.times, activation.times[span])
        np.testing.assert_array_equal(window.values, activation.values[:, span])
        np.testing.assert_array_equal(window.evidence["loss"], activation.evidence["loss"][:, span])
        assert first == min(begin, BEFORE)
        assert last - first == min(N_FRAMES, n_frames - begin)


@pytest.mark.parametrize("n_frames", [5, 40, 64, 150])
@pytest.mark.parametrize("seed", [1, 5, 60])
def test_however_the_stream_is_cut_the_windows_are_the_same(n_frames, seed):
    activation = whole(n_frames)
    one, other = through([activation]), through(random_parts(activation, seed))
    assert len(one) == len(other)
    for (window, *span), (same, *same_span) in zip(one, other, strict=True):
        assert span == same_span
        np.testing.assert_array_equal(window.times, same.times)
        np.testing.assert_array_equal(window.onsets, same.onsets)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (50, 0), (0, 50), (50, 50)])
def test_any_context(before, after):
    activation = whole(90)
    found = through(random_parts(activation, 9), before=before, after=after)
    own = [window.times[first:last] for window, first, last in found]
    np.testing.assert_array_equal(np.concatenate(own), activation.times)
    assert max(len(window.times) for window, _, _ in found) == min(90, before + N_FRAMES + after)


def test_no_more_of_the_stream_is_read_than_needed():
    read = []

    def stream():
        for number, part in enumerate(cut(whole(200), *range(10, 200, 10))):
            read.append(number)
            yield part

    seen = windows(stream(), N_FRAMES, before=BEFORE, after=AFTER)
    for number in range(3):
        next(seen)
        needed = (number + 1) * N_FRAMES + AFTER
        assert len(read) == -(-needed // 10)
