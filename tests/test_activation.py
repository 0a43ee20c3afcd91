"""Pitch activations: their axes, their files, their novelty."""

import json

import numpy as np
import pytest

from nmfamt.activation import PitchActivation, novelty
from nmfamt.exceptions import NmfamtError


def activation(**changes):
    rng = np.random.default_rng(0)
    fields = {
        "values": rng.random((3, 5), dtype=np.float32),
        "onsets": rng.random((3, 5), dtype=np.float32),
        "pitches": np.array([60.0, 61.5, 48.0]),
        "times": np.arange(5) * 0.01,
        "instruments": np.array(["flute", "flute", "piano"]),
        "evidence": {"loss": rng.random((3, 5)), "partial_1": rng.random((3, 5))},
        "latency": 0.012,
        "level": 3.5,
        "info": {"front_end": "test"},
    }
    return PitchActivation(**{**fields, **changes})


def assert_same(one, other):
    for name in ("values", "onsets", "pitches", "times", "instruments"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert one.evidence.keys() == other.evidence.keys()
    for name, array in one.evidence.items():
        np.testing.assert_array_equal(array, other.evidence[name])
    assert (one.latency, one.level, one.info) == (other.latency, other.level, other.info)


def slowly(values, onsets):
    """Return the novelty by its definition, one number after the other."""
    result = np.zeros_like(values)
    n_frames = values.shape[1]
    for row in range(len(values)):
        for t in range(n_frames):
            after = values[row, min(t + 1, n_frames - 1)]
            before = values[row, t - 2] if t >= 2 else 0.0
            result[row, t] = max(0.0, after - before) + 0.5 * onsets[row, t]
    return result


# Novelty


def test_a_step_is_new_for_three_frames_around_it():
    values = np.zeros((1, 10))
    values[0, 5:] = 2.0
    np.testing.assert_array_equal(novelty(values, 0 * values)[0], [0, 0, 0, 0, 2, 2, 2, 0, 0, 0])


def test_what_decays_is_not_new():
    values = np.geomspace(1, 0.01, 20)[None]
    assert not novelty(values, 0 * values)[0, 3:].any()


@pytest.mark.parametrize("n_frames", [0, 1, 2, 3, 4, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_novelty_is_its_definition(n_frames, dtype):
    rng = np.random.default_rng(n_frames)
    values, onsets = rng.random((2, 4, n_frames)).astype(dtype)
    kept = values.copy(), onsets.copy()
    found = novelty(values, onsets)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, slowly(values, onsets), rtol=1e-6)
    np.testing.assert_array_equal([values, onsets], kept)


# Files


def test_saving_and_loading_is_the_identity(tmp_path):
    activation().save(tmp_path / "a.npz")
    assert_same(PitchActivation.load(tmp_path / "a.npz"), activation())


def test_no_rows_and_no_frames_can_be_saved(tmp_path):
    empty = activation(values=np.zeros((3, 0)), onsets=np.zeros((3, 0)), times=np.zeros(0), evidence={}, level=0.0)
    empty.save(tmp_path / "a.npz")
    assert_same(PitchActivation.load(tmp_path / "a.npz"), empty)


def test_nothing_is_overwritten_unless_asked(tmp_path):
    activation().save(tmp_path / "a.npz")
    with pytest.raises(NmfamtError, match="exists already"):
        activation(level=2.0).save(tmp_path / "a.npz")
    activation(level=2.0).save(tmp_path / "a.npz", overwrite=True)
    assert PitchActivation.load(tmp_path / "a.npz").level == 2.0


def rewrite(path, **changes):
    """Replace members of a saved activation, or its JSON values."""
    with np.load(path) as archive:
        content = dict(archive)
    meta = json.loads(str(content["activation"]))
    for name, value in changes.items():
        if name in meta:
            meta[name] = value
        else:
            content[name] = value
    content["activation"] = np.array(json.dumps(meta))
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "has format 2, newer than 1"),
        ({"values": None}, "is not an activation of nmfamt"),
        ({"values": np.zeros((3, 4), dtype=np.float32)}, r"values has shape \(3, 4\)"),
        ({"values": np.full((3, 5), np.nan)}, "values that are no magnitudes"),
        ({"onsets": np.full((3, 5), -1.0)}, "values that are no magnitudes"),
        ({"evidence_loss": np.full((3, 5), np.inf)}, "values that are no magnitudes"),
        ({"values": np.ones((3, 5), dtype=np.int64)}, "values that are no magnitudes"),
        ({"values": np.full((3, 5), "x")}, "values that are no magnitudes"),
        ({"pitches": np.array([60.0, 61.0, 128.0])}, "pitches outside 0 to 127"),
        ({"pitches": np.array([60.0, np.nan, 48.0])}, "is not an activation of nmfamt"),
        ({"pitches": np.array(60.0)}, "is not an activation of nmfamt"),
        ({"pitches": np.array(["a", "b", "c"])}, "is not an activation of nmfamt"),
        ({"times": np.zeros(5)}, "times that do not increase"),
        ({"times": np.array([0, 1, 2, 3, np.inf])}, "times that do not increase"),
        ({"instruments": np.array(["a"])}, "give one name a row"),
        ({"level": -1.0}, "a level or a latency that is no number"),
        ({"latency": float("nan")}, "a level or a latency that is no number"),
        ({"latency": "late"}, "is not an activation of nmfamt"),
        ({"info": 3}, "is not an activation of nmfamt"),
    ],
)
def test_files_that_are_no_activation(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    activation().save(path)
    rewrite(path, **changes)
    with pytest.raises(NmfamtError, match=message):
        PitchActivation.load(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(NmfamtError, match=r"There is no file '.*a\.npz'"):
        PitchActivation.load(tmp_path / "a.npz")


def test_another_kind_of_archive(tmp_path):
    np.savez(tmp_path / "a.npz", meta=np.array('{"format": 1}'))
    with pytest.raises(NmfamtError, match="make one with `nmfamt activation IN -o"):
        PitchActivation.load(tmp_path / "a.npz")


# Axes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((2, 5))}, r"values has shape \(2, 5\), but pitches and times make \(3, 5\)"),
        ({"onsets": np.zeros((3, 6))}, r"onsets has shape \(3, 6\)"),
        ({"evidence": {"loss": np.zeros(3)}}, r"loss has shape \(3,\)"),
        ({"instruments": np.array(["flute", "flute"])}, "3 pitches but instruments of shape"),
        ({"pitches": np.array([61.5, 60.0, 48.0])}, "sorted by instrument, then pitch"),
        ({"instruments": np.array(["piano", "flute", "flute"])}, "sorted by instrument, then pitch"),
    ],
)
def test_axes_must_fit(changes, message):
    with pytest.raises(NmfamtError, match=message):
        activation(**changes)


def test_hop():
    assert activation().hop == pytest.approx(0.01)
    one = activation(values=np.zeros((3, 1)), onsets=np.zeros((3, 1)), times=np.array([0.3]), evidence={})
    assert one.hop == 0.01


# Parts


def test_cutting_into_parts_and_joining_them_is_the_identity():
    whole = activation()
    parts = [whole.frames(0, 2), whole.frames(2, 3), whole.frames(3, 5)]
    assert [len(part.times) for part in parts] == [2, 1, 2]
    assert_same(PitchActivation.concatenate(parts), whole)


def test_only_the_same_rows_are_joined():
    with pytest.raises(NmfamtError, match="with the same rows"):
        PitchActivation.concatenate([activation(), activation(pitches=np.array([60.0, 62.0, 48.0]))])
    other = activation(instruments=np.array(["flute", "flute", "viola"]))
    with pytest.raises(NmfamtError, match="with the same rows"):
        PitchActivation.concatenate([activation(), other])
    with pytest.raises(NmfamtError, match="no activation to concatenate"):
        PitchActivation.concatenate([])
