"""What notes look like from their onset on, learned from isolated notes."""

import numpy as np
import pytest
import soundfile
from struck_notes import RATE, SMALL, struck

from nmfamt import NmfamtError
from nmfamt.learning_patterns import _filled, learn_attack_decay_templates, learn_patterns
from nmfamt.patterns import AttackDecayTemplates, NotePatterns

KINDS = ("patterns", "attack_decay")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notes")
    for pitch in (57, 60, 64, 69):
        soundfile.write(folder / f"{pitch:03}.wav", np.pad(struck(pitch), (1333, 0)), 8000)
    return folder


@pytest.fixture(scope="module")
def learned(folder):
    return {
        "patterns": learn_patterns(folder, settings=SMALL),
        "attack_decay": learn_attack_decay_templates(folder, settings=SMALL),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_recorded_is_learned_and_what_is_not_is_filled(learned, kind):
    found = learned[kind]
    assert found.pitches.tolist() == list(range(57, 70))
    assert found.pitches[~found.filled].tolist() == [57, 60, 64, 69]
    assert found.info["n_files"] == found.info["n_pitches"] == 4
    for pitch, spectrum in zip(found.spectra().pitches, found.spectra().W.T, strict=True):
        hz = 440 * 2 ** ((pitch - 69) / 12)
        partial = spectrum[np.abs(SMALL.freqs - hz) < 0.06 * hz]
        assert partial.max() > 0.5 * spectrum.max()


@pytest.mark.parametrize("kind", KINDS)
def test_the_loudest_frame_of_a_note_adds_up_to_one(learned, kind):
    found = learned[kind]
    sums = found.W.sum(axis=1).max(axis=0) if kind == "patterns" else found.W.sum(axis=0) + found.A.sum(axis=0)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_a_note_dies_away_at_the_rate_that_it_was_made_with(learned):
    np.testing.assert_allclose(learned["attack_decay"].decay, 0.02 * RATE, rtol=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_files_keep_everything_and_trust_nothing(learned, kind, tmp_path):
    found = learned[kind]
    path = tmp_path / "a.npz"
    found.save(path)
    again = type(found).load(path)
    assert again.hash == found.hash
    assert again.info == found.info
    assert again.settings == found.settings
    np.testing.assert_array_equal(again.filled, found.filled)
    with pytest.raises(NmfamtError, match="exists"):
        found.save(path)
    other = AttackDecayTemplates if kind == "patterns" else NotePatterns
    with pytest.raises(NmfamtError, match=f"holds no {other.__name__}"):
        other.load(path)
    np.savez(path, patterns=np.array([{}], dtype=object))
    with pytest.raises(NmfamtError, match="holds no"):
        type(found).load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_shifting_by_three_semitones_gives_another_note(learned, kind):
    found = learned[kind]
    moved, there = found.shifted(3.0).spectra().W[:, 0], found.spectra().W[:, 3]
    assert moved @ there > 0.9 * np.linalg.norm(moved) * np.linalg.norm(there)
    assert found.shifted(0.0) is found
    np.testing.assert_allclose(found.shifted(0.3).W.sum(), found.W.sum(), rtol=1e-3)


def test_a_range_is_cut_out(learned):
    for found in learned.values():
        assert found.between(261, 330).pitches.tolist() == [60, 61, 62, 63, 64]
        with pytest.raises(
            NmfamtError, match=r"No pitch of .* lies from fmin=1000 to fmax=2000 Hz: it covers A3 to A4"
        ):
            found.between(1000, 2000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W": np.ones((3, 4, 1))}, "these settings make 375 bins"),
        ({"W": -np.ones((3, 375, 1))}, "negative, NaN or infinite"),
        ({"W": np.zeros((3, 375, 1))}, "a pitch that is empty"),
        ({"pitches": [60, 61]}, "pitches has shape"),
        ({"pitches": [200]}, "MIDI numbers from 0 to 127"),
        ({"info": {"latency": 3.0}}, "must be a time in seconds"),
    ],
)
def test_what_is_no_pattern_is_refused(change, message):
    with pytest.raises(NmfamtError, match=message):
        NotePatterns(**{"W": np.ones((3, 375, 1)), "pitches": [60], "settings": SMALL, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A": np.ones((4, 1))}, "they are alike"),
        ({"decay": [-1.0]}, "a rate per frame, 0 or more"),
        ({"transient": [1.0, 1.0]}, "an odd number of frames"),
    ],
)
def test_what_are_no_templates_are_refused(change, message):
    W = np.ones((375, 1))
    values = {"W": W, "A": W, "decay": [0.1], "transient": [1.0], "pitches": [60], "settings": SMALL}
    with pytest.raises(NmfamtError, match=message):
        AttackDecayTemplates(**{**values, **change})


def test_pitches_increase_and_are_there_once():
    with pytest.raises(NmfamtError, match="Pitches must increase"):
        NotePatterns(np.ones((2, 375, 2)), [60, 60], SMALL)


def test_the_latency_is_that_of_the_transcription(learned):
    # A pattern begins one frame before its onset; an attack peaks at its loudest frame, after it.
    assert -0.03 < learned["patterns"].latency < -0.01
    assert -0.01 < learned["attack_decay"].latency < 0.06


def test_notes_of_one_pitch_are_averaged(folder, tmp_path):
    for name in ("60_p.wav", "60_f.wav"):
        soundfile.write(tmp_path / name, np.pad(struck(60), (1333, 0)), 8000)
    twice, once = learn_patterns(tmp_path, settings=SMALL), learn_patterns([folder / "060.wav"], settings=SMALL)
    np.testing.assert_allclose(twice.W, once.W, atol=1e-6)


def test_the_nearer_of_two_neighbours_weighs_more():
    learned = NotePatterns(np.ones((2, len(SMALL.freqs), 2)), [60, 64], SMALL)
    given = []

    def average(parts, weights):
        given.append([(float(part.pitches[0]), weight) for part, weight in zip(parts, weights, strict=True)])
        return {"W": parts[0].W}

    assert _filled(learned, average).pitches.tolist() == [60, 61, 62, 63, 64]
    assert given == [[(60, 1.0), (64, 1 / 3)], [(60, 0.5), (64, 0.5)], [(60, 1 / 3), (64, 1.0)]]
