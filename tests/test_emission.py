"""The emission model: what ships, and what is refused."""

import json

import numpy as np
import pytest
from synthetic import linear, make_activation, plain_model, random_activation

from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.emission import FRAME_STATES, STATES, EmissionModel, default_model
from nmfamt.tracking.events import find_candidates, onset_feature_names, onset_features
from nmfamt.tracking.frames import frame_feature_names, frame_features
from nmfamt.tracking.levels import Levels

PARTS = ("onset", "timing", "velocity", "frame")


def rewrite(path, change):
    """Change the JSON of a saved model."""
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


# What ships


def test_the_shipped_model_fits_the_features():
    default_model().check(onset_feature_names(), frame_feature_names())
    assert default_model().info["name"] == "tracker"


def test_the_shipped_model_is_read_once():
    assert default_model() is default_model()


def test_an_attack_is_followed_by_a_sustain():
    attack = STATES.index("attack")
    transitions = default_model().transitions
    assert transitions[attack, STATES.index("sustain")] > 0.99
    sustain = STATES.index("sustain")
    assert transitions[sustain, sustain] > 0.9
    # An attack is where a candidate is, never where a path goes.
    assert transitions[[0, 2, 3], attack].max() < 1e-3


def test_the_shipped_model_knows_a_note_from_silence():
    model = default_model()
    values = np.zeros((1, 300), dtype=np.float32)
    values[0, 100:] = 0.5 * np.exp(-np.arange(200) / 100)
    partials = {f"partial_{k}": values / k for k in range(1, 7)}
    onsets = np.where(np.arange(300) == 101, 0.5, 0.0).astype(np.float32)[None]
    levels = Levels.of(make_activation(values, onsets=onsets, evidence={"loss": 3 * values, **partials}))
    candidates = find_candidates(levels)
    assert model.onset(onset_features(levels, candidates))[0, 0] > 0
    silence, sustain = (FRAME_STATES.index(state) for state in ("silence", "sustain"))
    scores = model.frame(frame_features(levels, 0, 100, 300))
    assert (scores[5:50, sustain] > scores[5:50, silence]).all()


# Files


def test_saving_and_loading_is_the_identity(tmp_path):
    model = plain_model(late=0.0123456, velocity=71.0)
    model.save(tmp_path / "m.json")
    same = EmissionModel.load(tmp_path / "m.json")
    levels = Levels.of(random_activation())
    X, F = onset_features(levels, find_candidates(levels)), frame_features(levels, 2, 10, 100)
    for part in PARTS:
        features = F if part == "frame" else X
        np.testing.assert_allclose(getattr(same, part)(features), getattr(model, part)(features), rtol=1e-4)
    np.testing.assert_array_equal(same.transitions, model.transitions)
    assert same.info == {"name": "plain"}


def test_nothing_is_overwritten_unless_asked(tmp_path):
    plain_model().save(tmp_path / "m.json")
    with pytest.raises(NmfamtError, match="exists already"):
        plain_model(velocity=10.0).save(tmp_path / "m.json")
    plain_model(velocity=10.0).save(tmp_path / "m.json", overwrite=True)
    assert EmissionModel.load(tmp_path / "m.json").velocity.intercept == [10.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format=2), "has format 2, newer than 1, the last one known: upgrade nmfamt"),
        (lambda v: v.update(format="new"), "is not a tracker model"),
        (lambda v: v.pop("format"), r"is not a tracker model \(KeyError: 'format'\)"),
        (lambda v: v.pop("timing"), r"is not a tracker model \(KeyError: 'timing'\)"),
        (lambda v: v.update(info=3), "is not a tracker model"),
        (lambda v: v.update(onset=[]), "is not a tracker model"),
        (lambda v: v["onset"]["mean"].pop(), r"mean has shape \(\d+,\), but \d+ features and 0 interacting make"),
        (lambda v: v["frame"].update(scale=0), "is not a tracker model .*scale has shape"),
        (lambda v: v["frame"].update(weights="heavy"), "is not a tracker model"),
        (lambda v: v["velocity"]["intercept"].__setitem__(0, float("nan")), "intercept holds numbers that are not"),
        (lambda v: v.update(timing=v["frame"]), "the timing model has 3 outputs, but needs 1"),
        (lambda v: v["transitions"].pop(), r"transitions has shape \(3, 4\), but there are 4 states"),
        (lambda v: v["transitions"][0].__setitem__(0, 0.5), "the rows of transitions are no probabilities"),
    ],
)
def test_damaged_files(tmp_path, change, message):
    path = tmp_path / "m.json"
    plain_model().save(path)
    rewrite(path, change)
    with pytest.raises(NmfamtError, match=message) as refusal:
        EmissionModel.load(path)
    assert "m.json" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000])
def test_files_that_are_no_model(tmp_path, content):
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(NmfamtError, match=r"m\.json' is not a tracker model"):
        EmissionModel.load(tmp_path / "m.json")


def test_a_missing_file(tmp_path):
    with pytest.raises(NmfamtError, match=r"There is no file '.*m\.json'"):
        EmissionModel.load(tmp_path / "m.json")
    with pytest.raises(NmfamtError, match="There is no file"):
        EmissionModel.load(tmp_path)


# Other features


@pytest.mark.parametrize("part", PARTS)
def test_a_model_of_other_features(part):
    model = plain_model()
    n_outputs = 3 if part == "frame" else 1
    names = ["novelty", *getattr(model, part).names[1:]]
    parts = {name: getattr(model, name) for name in PARTS}
    other = EmissionModel(
        **{**parts, part: linear(names, np.zeros(n_outputs), *[{}] * n_outputs)}, transitions=model.transitions
    )
    with pytest.raises(NmfamtError, match=rf"The {part} model was learned on (\d+) features, .* \1 \(unlike: level"):
        other.check(onset_feature_names(), frame_feature_names())


def test_features_in_another_order():
    with pytest.raises(NmfamtError, match="unlike: the same in another order"):
        plain_model().check(onset_feature_names()[::-1], frame_feature_names())
