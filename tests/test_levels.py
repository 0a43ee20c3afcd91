"""The levels that the features of the tracker are made of."""

import numpy as np
import pytest
from synthetic import EVIDENCE, make_activation, random_activation

from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.levels import CONTEXT, FLOOR, N_PARTIALS, N_PITCH_ROWS, Level, Levels, rows_of_intervals

SILENCE = np.log10(FLOOR)
LEVELS = ("values", "attack", "loss", "by_pitch", "rise_by_pitch", "total", "total_rise")


def whole(level):
    """Return a level at all rows and frames."""
    n_rows, n_frames = level.array.shape
    return level.at(np.arange(n_rows)[:, None], np.arange(n_frames))


def arrays(levels):
    """Return everything that levels hold, by name."""
    found = {name: whole(getattr(levels, name)) for name in LEVELS}
    return {**found, "partials": np.stack([whole(level) for level in levels.partials]), "novelty": levels.novelty}


# Independent truths


def test_a_ratio_of_one_is_zero_and_silence_is_the_floor():
    levels = Levels.of(make_activation(np.array([[0.0, 5.0, 50.0]]), level=5.0))
    np.testing.assert_allclose(whole(levels.values)[0], [SILENCE, 0, 1], atol=0.002)
    np.testing.assert_allclose(whole(levels.total)[0], [SILENCE, 0, 1], atol=0.002)


def test_time_goes_on_at_both_ends_as_it_was():
    level = Levels.of(random_activation(10)).values
    frames = np.arange(-CONTEXT, 10 + CONTEXT)
    np.testing.assert_array_equal(level.at(3, frames), whole(level)[3, np.clip(frames, 0, 9)])


def test_the_greatest_of_several_frames():
    level = Level(np.random.default_rng(0).random((3, 20), dtype=np.float32), 0.3)
    rows, frames = np.array([[0], [2]]), np.arange(20)
    expected = [level.at(rows, frames + lag) for lag in (-2, 0, 1)]
    np.testing.assert_array_equal(level.greatest_at(rows, frames, (-2, 0, 1)), np.max(expected, axis=0))


def test_an_array_that_is_part_of_another_is_looked_up_in_its_own_frames():
    activation = random_activation(40)
    part = activation.frames(10, 30)
    for name, array in arrays(Levels.of(part)).items():
        np.testing.assert_array_equal(array, arrays(Levels.of(copied(part)))[name], err_msg=name)


def copied(activation):
    return type(activation).concatenate([activation])


def test_rows_of_one_semitone_are_added_up():
    values = np.array([[1.0], [2.0], [4.0], [8.0]])
    pitches, instruments = [60.0, 61.0, 60.4, 72.0], ["flute", "flute", "harp", "harp"]
    levels = Levels.of(make_activation(values, pitches=pitches, instruments=instruments))
    rows = rows_of_intervals(np.array([60.0]), (0, 1, 12, 2))[:, 0]
    np.testing.assert_allclose(whole(levels.by_pitch)[rows, 0], np.log10(np.array([5.0, 2.0, 8.0, 0.0]) + FLOOR))


@pytest.mark.parametrize("pitch", [0.0, 21.0, 108.0, 127.0])
def test_intervals_beyond_the_keyboard_are_silent(pitch):
    levels = Levels.of(make_activation(np.ones((128, 1)), pitches=np.arange(128)))
    intervals = np.arange(-36, 37)
    rows = rows_of_intervals(np.array([pitch]), intervals)[:, 0]
    on_it = (pitch + intervals >= 0) & (pitch + intervals <= 127)
    np.testing.assert_array_equal(whole(levels.by_pitch)[rows, 0] > SILENCE + 0.1, on_it)


def test_every_semitone_has_a_row_and_so_have_those_beside_all():
    levels = Levels.of(make_activation(np.ones((2, 3))))
    assert len(levels.by_pitch.array) == len(levels.rise_by_pitch.array) == N_PITCH_ROWS
    rows = rows_of_intervals(np.arange(128.0), (-36, 0, 36))
    assert (np.diff(rows, axis=1) == 1).all()
    assert (np.diff(rows, axis=0) == 36).all()
    assert rows_of_intervals(np.array([60.0]), (-200, 200)).tolist() == [[0], [N_PITCH_ROWS - 1]]


def test_a_rise_is_where_the_novelty_is():
    values = np.zeros((1, 20))
    values[0, 10:] = 2.0
    levels = Levels.of(make_activation(values, level=4.0))
    np.testing.assert_allclose(levels.novelty[0], 0.5 * np.isin(np.arange(20), [9, 10, 11]))
    np.testing.assert_allclose(whole(levels.total_rise)[0], np.log10(levels.novelty[0] + FLOOR), rtol=1e-6)


# Naive oracle


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-6)])
def test_the_definition_of_every_array(dtype, rtol):
    activation = random_activation(30, dtype=dtype, level=3.0)
    levels = Levels.of(activation)

    def log(array):
        return np.log10(array / 3.0 + FLOOR)

    rise = np.zeros_like(activation.values)
    for t in range(30):
        before = activation.values[:, t - 2] if t >= 2 else 0.0
        rise[:, t] = np.maximum(activation.values[:, min(t + 1, 29)] - before, 0) + activation.onsets[:, t] / 2
    expected = {
        "values": log(activation.values),
        "attack": log(activation.onsets),
        "loss": log(activation.evidence["loss"]),
        "partials": [log(activation.evidence[f"partial_{k}"]) for k in range(1, N_PARTIALS + 1)],
        "total": log(activation.values.sum(axis=0)),
        "total_rise": log(rise.sum(axis=0)),
    }
    found = arrays(levels)
    for name, array in expected.items():
        np.testing.assert_allclose(
            found[name], np.reshape(array, found[name].shape), rtol=rtol, atol=rtol, err_msg=name
        )
    np.testing.assert_allclose(levels.novelty, rise / 3.0, rtol=rtol)
    for name, summed in (("by_pitch", activation.values), ("rise_by_pitch", rise)):
        rows = rows_of_intervals(activation.pitches, (0,))[0]
        np.testing.assert_allclose(found[name][rows], log(summed), rtol=rtol, atol=rtol)
        others = np.delete(found[name], rows, axis=0)
        np.testing.assert_allclose(others, SILENCE, rtol=1e-6)
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}


# Properties


def test_recording_gain_changes_nothing():
    one, other = (arrays(Levels.of(scaled(random_activation(level=2.0), gain))) for gain in (1, 2**-10))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def scaled(activation, gain):
    return make_activation(
        gain * activation.values,
        onsets=gain * activation.onsets,
        pitches=activation.pitches,
        level=gain * activation.level,
        evidence={name: gain * array for name, array in activation.evidence.items()},
    )


def test_silence_without_a_level():
    levels = Levels.of(make_activation(np.zeros((2, 5)), level=0.0))
    for name, array in arrays(levels).items():
        np.testing.assert_allclose(array, 0.0 if name == "novelty" else SILENCE, rtol=1e-6, err_msg=name)


# Errors


@pytest.mark.parametrize("lacking", [("loss",), ("partial_3", "partial_6"), EVIDENCE])
def test_evidence_that_a_front_end_does_not_give(lacking):
    activation = random_activation(5)
    for name in lacking:
        del activation.evidence[name]
    with pytest.raises(NmfamtError, match=f"lacks the evidence {', '.join(lacking)}: use the Threshold tracker"):
        Levels.of(activation)
