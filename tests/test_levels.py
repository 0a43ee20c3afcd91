"""The levels that the features of the tracker are made of."""

import numpy as np
import pytest
from synthetic import EVIDENCE, make_activation, random_activation

from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.levels import CONTEXT, FLOOR, N_PARTIALS, Levels, rows_of_intervals

SILENCE = np.log10(FLOOR)
ARRAYS = ("values", "attack", "loss", "partials", "by_pitch", "rise_by_pitch", "total", "total_rise", "novelty")


def inside(array):
    """Return the frames of the activation itself."""
    return array[..., CONTEXT:-CONTEXT]


# Independent truths


def test_a_ratio_of_one_is_zero_and_silence_is_the_floor():
    levels = Levels.of(make_activation(np.array([[0.0, 5.0, 50.0]]), level=5.0))
    np.testing.assert_allclose(inside(levels.values)[0], [SILENCE, 0, 1], atol=0.002)
    np.testing.assert_allclose(inside(levels.total), [SILENCE, 0, 1], atol=0.002)


def test_time_goes_on_at_both_ends_as_it_was():
    levels = Levels.of(random_activation(10))
    for name in ("values", "attack", "loss", "partials", "by_pitch", "rise_by_pitch", "total", "total_rise"):
        array = getattr(levels, name)
        assert array.shape[-1] == 10 + 2 * CONTEXT
        assert (array[..., :CONTEXT] == array[..., CONTEXT, None]).all()
        assert (array[..., -CONTEXT:] == array[..., -CONTEXT - 1, None]).all()


def test_rows_of_one_semitone_are_added_up():
    values = np.array([[1.0], [2.0], [4.0], [8.0]])
    pitches, instruments = [60.0, 61.0, 60.4, 72.0], ["flute", "flute", "harp", "harp"]
    levels = Levels.of(make_activation(values, pitches=pitches, instruments=instruments))
    (rows,) = rows_of_intervals(np.array([60.0]), (0, 1, 12, 2))
    np.testing.assert_allclose(levels.by_pitch[rows, CONTEXT], np.log10(np.array([5.0, 2.0, 8.0, 0.0]) + FLOOR))


@pytest.mark.parametrize("pitch", [0.0, 21.0, 108.0, 127.0])
def test_intervals_beyond_the_keyboard_are_silent(pitch):
    levels = Levels.of(make_activation(np.ones((128, 1)), pitches=np.arange(128)))
    intervals = np.arange(-36, 37)
    (rows,) = rows_of_intervals(np.array([pitch]), intervals)
    on_it = (pitch + intervals >= 0) & (pitch + intervals <= 127)
    np.testing.assert_array_equal(levels.by_pitch[rows, CONTEXT] > SILENCE + 0.1, on_it)


def test_a_rise_is_where_the_novelty_is():
    values = np.zeros((1, 20))
    values[0, 10:] = 2.0
    levels = Levels.of(make_activation(values, level=4.0))
    np.testing.assert_allclose(levels.novelty[0], 0.5 * np.isin(np.arange(20), [9, 10, 11]))
    np.testing.assert_allclose(inside(levels.total_rise), np.log10(levels.novelty[0] + FLOOR), rtol=1e-6)


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
    for name, array in expected.items():
        np.testing.assert_allclose(inside(getattr(levels, name)), array, rtol=rtol, atol=rtol, err_msg=name)
    np.testing.assert_allclose(levels.novelty, rise / 3.0, rtol=rtol)
    for array, summed in ((levels.by_pitch, activation.values), (levels.rise_by_pitch, rise)):
        rows = rows_of_intervals(activation.pitches, (0,))[:, 0]
        np.testing.assert_allclose(inside(array)[rows], log(summed), rtol=rtol, atol=rtol)
        others = np.delete(array, rows, axis=0)
        np.testing.assert_allclose(others, SILENCE, rtol=1e-6)
    assert {getattr(levels, name).dtype for name in ARRAYS} == {np.dtype(dtype)}


# Properties


def test_recording_gain_changes_nothing():
    one, other = (Levels.of(scaled(random_activation(level=2.0), gain)) for gain in (1, 2**-10))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


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
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(levels, name), 0.0 if name == "novelty" else SILENCE)


# Errors


@pytest.mark.parametrize("lacking", [("loss",), ("partial_3", "partial_6"), EVIDENCE])
def test_evidence_that_a_front_end_does_not_give(lacking):
    activation = random_activation(5)
    for name in lacking:
        del activation.evidence[name]
    with pytest.raises(NmfamtError, match=f"lacks the evidence {', '.join(lacking)}: use the Threshold tracker"):
        Levels.of(activation)
