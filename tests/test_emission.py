"""The emission model: what ships, and what is refused."""

import json

import numpy as np
import pytest
from synthetic import linear, make_activation, plain_model, random_activation

from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.context import note_context, note_context_names, onset_context, onset_context_names
from nmfamt.tracking.emission import EmissionModel, default_model, feature_names
from nmfamt.tracking.events import find_candidates, onset_feature_names, onset_features
from nmfamt.tracking.frames import frame_feature_names, frame_features
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.voices import voice_context, voice_context_names

PARTS = ("onset", "onset_in_context", "timing", "velocity", "sounding", "release", "release_in_context")


def rewrite(path, change):
    """Change the JSON of a saved model."""
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


# What ships


def test_the_shipped_model_fits_the_features():
    default_model().check()
    assert default_model().info["name"] == "tracker"


def test_the_shipped_model_is_read_once():
    assert default_model() is default_model()


def test_the_shipped_model_lets_notes_go_on():
    # A frame that sounds for sure must be worth more than one that does not.
    assert (default_model().persistence[:, 0] > 0).all()


def test_the_shipped_model_knows_a_note_from_silence():
    model = default_model()
    values = np.zeros((1, 300), dtype=np.float32)
    values[0, 100:] = 0.5 * np.exp(-np.arange(200) / 100)
    values[0, 200:] = 0
    partials = {f"partial_{k}": values / k for k in range(1, 7)}
    onsets = np.where(np.arange(300) == 101, 0.5, 0.0).astype(np.float32)[None]
    levels = Levels.of(make_activation(values, onsets=onsets, evidence={"loss": 3 * values, **partials}))
    candidates = find_candidates(levels)
    assert model.onset(onset_features(levels, candidates))[0, 0] > 0
    odds = model.sounding(frame_features(levels, 0, 100, 300))[:, 0]
    assert odds[5:50].min() > 0 > odds[-50:].max()


# Features


def test_every_part_reads_what_is_computed():
    levels = Levels.of(random_activation())
    candidates = find_candidates(levels)
    n_onset = onset_features(levels, candidates).shape[1]
    n_frame = frame_features(levels, 2, 10, 100).shape[1]
    n_candidates = len(candidates)
    n_onset_context = onset_context(candidates, np.full(n_candidates, 60.0), np.zeros(n_candidates)).shape[1]
    one, end, length = np.array([3]), np.array([30]), np.array([50])
    n_note_context = (
        note_context(one, end, length).shape[1] + voice_context(one, np.array([60.0]), end, length).shape[1]
    )
    assert {part: len(names) for part, names in feature_names().items()} == {
        **dict.fromkeys(("onset", "timing", "velocity"), n_onset),
        "onset_in_context": n_onset + n_onset_context,
        "sounding": n_frame,
        "release": n_frame + 1,
        "release_in_context": n_frame + 1 + n_note_context,
    }
    assert tuple(feature_names()) == PARTS
    assert feature_names()["onset_in_context"] == (*onset_feature_names(), *onset_context_names())
    of_others = (*note_context_names(), *voice_context_names())
    assert feature_names()["release_in_context"] == (*frame_feature_names(), "sounding", *of_others)


def test_no_two_features_of_a_part_have_the_same_name():
    for part, names in feature_names().items():
        assert len(set(names)) == len(names), part


# Files


def random_model(seed=0):
    """Return a model all of whose weights differ."""
    rng = np.random.default_rng(seed)
    model = plain_model()
    parts = {
        part: getattr(model, part).with_terms(rng.standard_normal(1), rng.standard_normal((len(names), 1)))
        for part, names in feature_names().items()
    }
    return EmissionModel(**parts, persistence=rng.standard_normal((2, 2)), info={"name": "random", "seeds": [seed]})


def test_saving_and_loading_is_the_identity(tmp_path):
    model = random_model()
    model.save(tmp_path / "m.json")
    same = EmissionModel.load(tmp_path / "m.json")
    for part, names in feature_names().items():
        X = np.random.default_rng(1).standard_normal((20, len(names)))
        np.testing.assert_allclose(getattr(same, part)(X), getattr(model, part)(X), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(same.persistence, model.persistence, rtol=1e-5)
    assert same.info == {"name": "random", "seeds": [0]}
    same.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "m.json").read_bytes()


def test_nothing_is_overwritten_unless_asked(tmp_path):
    plain_model().save(tmp_path / "m.json")
    with pytest.raises(NmfamtError, match="exists already"):
        plain_model(velocity=10.0).save(tmp_path / "m.json")
    plain_model(velocity=10.0).save(tmp_path / "m.json", overwrite=True)
    assert EmissionModel.load(tmp_path / "m.json").velocity.intercept == [10.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format=3), "has format 3, newer than 2, the last one known: upgrade nmfamt"),
        (lambda v: v.update(format="new"), "is not a tracker model"),
        (lambda v: v.pop("format"), r"is not a tracker model \(KeyError: 'format'\)"),
        (lambda v: v.pop("timing"), r"is not a tracker model \(KeyError: 'timing'\)"),
        (lambda v: v.pop("persistence"), r"is not a tracker model \(KeyError: 'persistence'\)"),
        (lambda v: v.update(info=3), "is not a tracker model"),
        (lambda v: v.update(onset=[]), "is not a tracker model"),
        (lambda v: v["onset"]["mean"].pop(), r"mean has shape \(\d+,\), but \d+ features and 0 interacting make"),
        (lambda v: v["sounding"].update(scale=0), "is not a tracker model .*scale has shape"),
        (lambda v: v["release"].update(weights="heavy"), "is not a tracker model"),
        (lambda v: v["release_in_context"]["scale"].__setitem__(0, 0.0), "scale holds numbers that are not positive"),
        (lambda v: v["velocity"]["intercept"].__setitem__(0, float("nan")), "intercept holds numbers that are not"),
        (lambda v: v["persistence"].pop(), "persistence must be two finite numbers for each of two models"),
        (lambda v: v["persistence"][0].pop(), "is not a tracker model"),
        (lambda v: v["persistence"][1].__setitem__(0, float("inf")), "persistence must be two finite numbers"),
        (lambda v: v.update(persistence=None), "persistence must be two finite numbers"),
    ],
)
def test_damaged_files(tmp_path, change, message):
    path = tmp_path / "m.json"
    plain_model().save(path)
    rewrite(path, change)
    with pytest.raises(NmfamtError, match=message) as refusal:
        EmissionModel.load(path)
    assert "m.json" in str(refusal.value)


def test_a_file_of_the_first_format(tmp_path):
    """What earlier versions wrote had other parts."""
    plain_model().save(tmp_path / "m.json")

    def age(values):
        values.update(format=1, frame=values["sounding"], transitions=[[1.0] * 4] * 4)
        for name in ("onset_in_context", "sounding", "release", "release_in_context", "persistence"):
            del values[name]

    rewrite(tmp_path / "m.json", age)
    with pytest.raises(
        NmfamtError, match=r"m\.json' has format 1, older than 2, .* learn it again with templates/make"
    ):
        EmissionModel.load(tmp_path / "m.json")


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


# Other shapes and features


def with_part(**changes):
    model = plain_model()
    return EmissionModel(**{**{name: getattr(model, name) for name in (*PARTS, "persistence", "info")}, **changes})


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("n_outputs", [0, 2])
def test_every_part_has_one_output(part, n_outputs):
    names = feature_names()[part]
    with pytest.raises(NmfamtError, match=f"the {part} model has {n_outputs} outputs, but needs 1"):
        with_part(**{part: linear(names, np.zeros(n_outputs), *[{}] * n_outputs)})


@pytest.mark.parametrize("persistence", [np.ones(2), np.ones((2, 3)), np.ones((1, 2)), np.array([[1, np.nan], [1, 0]])])
def test_the_persistence_of_both_looks_is_two_numbers(persistence):
    with pytest.raises(NmfamtError, match="persistence must be two finite numbers for each of two models"):
        with_part(persistence=persistence)


@pytest.mark.parametrize("part", PARTS)
def test_a_model_of_other_features(part):
    names = ["novelty", *feature_names()[part][1:]]
    other = with_part(**{part: linear(names, [0.0], {})})
    with pytest.raises(NmfamtError, match=rf"The {part} model was learned on (\d+) features, .* \1 \(unlike: level"):
        other.check()


def test_features_in_another_order():
    with pytest.raises(NmfamtError, match=r"The onset model .*unlike: the same in another order"):
        with_part(onset=linear(feature_names()["onset"][::-1], [0.0], {})).check()


def test_a_model_of_these_features():
    plain_model().check()
