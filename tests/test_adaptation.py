"""Dictionaries that are made to fit an instrument of which little is known, from Python and from the command line."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from nmfamt import Factorization, HMMTracker
from nmfamt.adaptation import adapt_dictionary
from nmfamt.dictionary import load_dictionary
from nmfamt.dictionary_mixing import average_columns, combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.learning import learn_dictionary
from nmfamt.log_frequency import LogFrequency
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_hz
from nmfamt.self_adaptation import adapt_to_itself
from nmfamt.spectrogram_librosa import STFT
from nmfamt.timbre_transfer import transfer_timbre

SR = 16000
PITCHES = range(48, 73)
FEW = (50, 56, 62, 68)
MUSIC = Notes(
    np.array([[0.2, 0.8], [0.9, 1.5], [1.6, 2.2], [2.3, 2.9], [3.0, 3.6], [3.7, 4.3]] * 2)
    + np.repeat([[0.0], [4.2]], 6, axis=0),
    [50, 56, 62, 68, 56, 62] * 2,
)


def partials(k, *, odd):
    """Return the strength of a partial: of all of them, or with the even ones nearly missing and less of the high."""
    return k**-1.0 if not odd else k**-1.6 * (0.05 if k % 2 == 0 else 1.0)


def tone(pitch, seconds, *, odd):
    """Return a harmonic sound that begins at once and dies away."""
    t = np.arange(round(seconds * SR)) / SR
    sound = sum(
        partials(k, odd=odd) * np.sin(2 * np.pi * k * pitch_to_hz(pitch) * t + k)
        for k in range(1, 11)
        if k * pitch_to_hz(pitch) < 7000
    )
    return 0.1 * sound * np.exp(-2 * t) * np.clip(t / 0.003, 0, 1) * np.clip((seconds - t) / 0.03, 0, 1)


def play(notes, *, odd=True):
    y = 1e-5 * np.random.default_rng(0).standard_normal(round((notes.intervals.max() + 0.5) * SR))
    for (onset, offset), pitch in zip(notes.intervals, notes.pitches, strict=True):
        sound = tone(pitch, offset - onset, odd=odd)
        y[round(onset * SR) :][: len(sound)] += sound
    return y


def write_notes(folder, pitches, *, odd):
    folder.mkdir()
    for pitch in pitches:
        soundfile.write(folder / f"{pitch:03d}.wav", play(Notes([[0.2, 1.7]], [pitch]), odd=odd), SR)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Notes of two instruments: one that a dictionary knows, one that is to be adapted to; and music on the second."""
    folder = tmp_path_factory.mktemp("adaptation")
    write_notes(folder / "known", PITCHES, odd=False)
    write_notes(folder / "all", PITCHES, odd=True)
    write_notes(folder / "few", FEW, odd=True)
    soundfile.write(folder / "music.wav", play(MUSIC), SR)
    MUSIC.write(folder / "music.tsv")
    return folder


@pytest.fixture(scope="module")
def known(folder):
    return learn_dictionary(folder / "known", name="known")


@pytest.fixture(scope="module")
def truth(folder):
    """What is learned from all notes of the instrument."""
    return learn_dictionary(folder / "all", name="truth")


def divergence(truth, dictionary, pitches):
    """Return how far the templates of some pitches are from the truth, Kullback-Leibler, mean."""
    one, other = (d.W[:, np.isin(d.pitches, list(pitches))].astype(float) + 1e-7 for d in (truth, dictionary))
    return float((one * np.log(one / other) - one + other).sum(axis=0).mean())


UNKNOWN = tuple(sorted(set(PITCHES) - set(FEW)))


# A few notes


def test_notes_that_were_not_recorded_come_closer(folder, known, truth):
    adapted = adapt_dictionary(known, folder / "few")
    before, after = (divergence(truth, d, UNKNOWN) for d in (known, adapted))
    assert after < 0.4 * before


def test_notes_that_were_recorded_are_as_recorded(folder, known):
    adapted = adapt_dictionary(known, folder / "few")
    learned = learn_dictionary(folder / "few", fill=False)
    np.testing.assert_allclose(adapted.W[:, np.isin(adapted.pitches, FEW)], learned.W, atol=1e-6)
    assert sorted(set(adapted.pitches[~adapted.filled].tolist())) == list(FEW)


def test_the_latency_is_that_of_the_notes(folder, known):
    odd = replace(known, info={**known.info, "latency": 0.3})
    adapted = adapt_dictionary(odd, folder / "few")
    assert adapted.latency == learn_dictionary(folder / "few", fill=False).latency
    assert abs(adapted.latency) < 0.03


def test_an_adapted_dictionary_says_where_it_comes_from(folder, known):
    adapted = adapt_dictionary(known, folder / "few", name="mine")
    assert adapted.name == "mine"
    assert set(adapted.instruments.tolist()) == {"mine"}
    assert adapted.info["adapted_from"] == "known"
    assert adapted.info["adapted_from_hash"] == known.hash
    assert adapted.info["n_pitches"] == len(FEW)


def test_a_shipped_name_is_enough(folder):
    assert adapt_dictionary("clarinet", folder / "few").name == "clarinet, adapted"


# What is carried over


def test_nothing_changes_where_nothing_differs(known):
    adapted = transfer_timbre(known, known.select(np.isin(known.pitches, FEW)))
    np.testing.assert_allclose(adapted.W, known.W, atol=2e-6)


def test_a_smooth_gain_is_found_from_four_notes(known):
    gain = np.exp(np.linspace(-1, 1, len(known.W)))
    tilted = replace(known, W=(known.W * gain[:, None]).astype(np.float32))
    adapted = transfer_timbre(known, tilted.select(np.isin(known.pitches, FEW)))
    assert divergence(tilted, adapted, UNKNOWN) < 0.1 * divergence(tilted, known, UNKNOWN)


def test_a_note_near_by_counts_more_than_one_far_away(known, truth):
    adapted = transfer_timbre(known, truth.select(truth.pitches == 50))
    gains = [divergence(truth, adapted, [p]) / divergence(truth, known, [p]) for p in (51, 72)]
    assert gains[0] < 0.6 * gains[1]


def test_pitches_beyond_the_dictionary_are_added_and_the_gap_is_filled(known, truth):
    low = known.select(known.pitches <= 60)
    adapted = transfer_timbre(low, truth.select(truth.pitches == 66))
    assert [pitch for _, pitch in adapted.rows] == [float(p) for p in range(48, 67)]
    np.testing.assert_allclose(adapted.W[:, adapted.pitches == 66], truth.W[:, truth.pitches == 66], atol=1e-6)
    assert sorted(set(adapted.pitches[~adapted.filled].tolist())) == [66]


def test_a_pitch_between_the_semitones_takes_the_place_of_the_nearest(known, truth):
    few = truth.select(truth.pitches == 60)
    adapted = transfer_timbre(known, replace(few, pitches=few.pitches + 0.3))
    rows = [pitch for _, pitch in adapted.rows]
    assert 60.3 in rows
    assert 60 not in rows
    assert len(rows) == len(PITCHES)


def test_the_order_of_columns_does_not_matter(known, truth):
    few = truth.select(np.isin(truth.pitches, FEW))
    order = np.argsort(-known.pitches, kind="stable")
    fields = ("pitches", "stages", "instruments", "filled")
    turned = replace(known, W=known.W[:, order], **{name: getattr(known, name)[order] for name in fields})
    np.testing.assert_array_equal(transfer_timbre(turned, few).W, transfer_timbre(known, few).W)


def test_dictionaries_are_not_changed(known, truth):
    before = known.W.copy(), truth.W.copy()
    transfer_timbre(known, truth.select(np.isin(truth.pitches, FEW)))
    np.testing.assert_array_equal(known.W, before[0])
    np.testing.assert_array_equal(truth.W, before[1])


# A recording


def test_labelled_music_teaches_its_pitches_and_the_others(folder, known, truth):
    adapted = adapt_dictionary(known, music=folder / "music.wav", labels=folder / "music.tsv")
    assert divergence(truth, adapted, FEW) < 0.4 * divergence(truth, known, FEW)
    assert divergence(truth, adapted, UNKNOWN) < 0.6 * divergence(truth, known, UNKNOWN)
    assert sorted(set(adapted.pitches[~adapted.filled].tolist())) == list(FEW)


def test_several_recordings_teach_together(folder, known, truth):
    halves = [MUSIC.select(np.isin(MUSIC.pitches, pitches)) for pitches in (FEW[:2], FEW[2:])]
    music = [known.settings(play(half), sr=SR) for half in halves]
    adapted = adapt_dictionary(known, music=music, labels=halves)
    assert sorted(set(adapted.pitches[~adapted.filled].tolist())) == list(FEW)
    assert divergence(truth, adapted, FEW) < 0.4 * divergence(truth, known, FEW)
    assert adapted.info["n_recordings"] == 2


def test_labels_after_until_are_not_believed(folder, known):
    spectrogram = known.settings(play(MUSIC), sr=SR)
    wrong = replace(MUSIC, pitches=np.where(MUSIC.intervals[:, 0] < 4.3, MUSIC.pitches, MUSIC.pitches - 1))
    right, partly = (adapt_dictionary(known, music=spectrogram, labels=n, until=4.3) for n in (MUSIC, wrong))
    np.testing.assert_array_equal(right.W, partly.W)
    believed = adapt_dictionary(known, music=spectrogram, labels=wrong)
    assert not np.array_equal(believed.pitches[~believed.filled], right.pitches[~right.filled])


def test_music_alone_brings_the_dictionary_closer(known, truth):
    spectrogram = known.settings(play(MUSIC), sr=SR)
    adapted = adapt_dictionary(known, music=spectrogram)
    assert divergence(truth, adapted, FEW) < 0.7 * divergence(truth, known, FEW)
    assert divergence(truth, adapted, UNKNOWN) < divergence(truth, known, UNKNOWN)
    assert adapted.latency == known.latency


def test_a_front_end_that_finds_nothing_stays_as_it_is(known):
    front_end = Factorization(known)
    hiss = known.settings(1e-6 * np.random.default_rng(0).standard_normal(2 * SR), sr=SR)
    assert adapt_to_itself(front_end, hiss, HMMTracker()) is front_end


# What cannot be done is said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either isolated notes to adapt to, or music="),
        ({"notes": "notes", "music": "a.wav"}, "either isolated notes to adapt to, or music="),
        ({"notes": "notes", "labels": "a.mid"}, "labels and until belong to music"),
        ({"notes": "notes", "until": 3.0}, "labels and until belong to music"),
        ({"music": "a.wav", "until": 3.0}, "until=3.0 says how far labels reach"),
        ({"music": []}, "music holds no recording"),
        ({"music": ["a.wav", "b.wav"]}, "2 recordings were given without labels"),
        ({"music": ["a.wav", "b.wav"], "labels": "a.mid"}, "2 recordings and 1 labels were given"),
        ({"music": ["a.wav", "b.wav"], "labels": ["a.mid", "b.mid"], "until": 3.0}, "until=3.0 is for one recording"),
    ],
)
def test_what_does_not_go_together(known, options, message):
    with pytest.raises(NmfamtError, match=message):
        adapt_dictionary(known, **options)


@pytest.mark.parametrize("until", [0.0, -1.0, np.inf, np.nan])
def test_until_is_a_time(folder, known, until):
    with pytest.raises(NmfamtError, match=r"until=\S+ must be a time in seconds"):
        adapt_dictionary(known, music=folder / "music.wav", labels=folder / "music.tsv", until=until)


def test_before_until_something_must_be_played(folder, known):
    with pytest.raises(NmfamtError, match="hold no note"):
        adapt_dictionary(known, music=folder / "music.wav", labels=folder / "music.tsv", until=0.1)


def test_silence_teaches_nothing(tmp_path, known):
    soundfile.write(tmp_path / "silence.wav", np.zeros(SR), SR)
    with pytest.raises(NmfamtError, match=r"Nothing sounds in '.*silence.wav'"):
        adapt_dictionary(known, music=tmp_path / "silence.wav")


def test_music_on_other_settings(known):
    with pytest.raises(NmfamtError, match="was learned on LogFrequency"):
        adapt_dictionary(known, music=STFT(sr=SR, hop_length=160)(play(MUSIC), sr=SR))


def test_several_instruments_are_adapted_one_at_a_time(folder):
    duo = combine_dictionaries([load_dictionary("violin"), load_dictionary("piano")])
    with pytest.raises(NmfamtError, match="several instruments: adapt one of them at a time"):
        adapt_dictionary(duo, folder / "few")


def test_an_attack_and_a_sustained_sound_are_needed(folder, known):
    with pytest.raises(NmfamtError, match="'known' has one template for a pitch"):
        adapt_dictionary(average_columns(known), folder / "few")


def test_every_pitch_needs_as_many_templates(folder, known):
    mask = np.ones(len(known.pitches), dtype=bool)
    mask[-1] = False
    with pytest.raises(NmfamtError, match="another number of templates at C5"):
        adapt_dictionary(known.select(mask), folder / "few")


def test_what_is_carried_over_has_the_same_settings(folder, known):
    other = learn_dictionary(folder / "few", settings=LogFrequency(power=1.0), fill=False)
    with pytest.raises(NmfamtError, match="need the same settings"):
        transfer_timbre(known, other)


def test_a_score_in_another_tempo_teaches_nearly_as_much(folder, known, truth):
    slower = Notes(1.2 * MUSIC.intervals + 0.3, MUSIC.pitches)
    aligned = adapt_dictionary(known, music=folder / "music.wav", labels=slower, align=True)
    in_time = adapt_dictionary(known, music=folder / "music.wav", labels=MUSIC)
    assert divergence(truth, aligned, FEW) < divergence(truth, in_time, FEW) + 0.2 * divergence(truth, known, FEW)


# The command line


def test_adapt_to_notes(nmfamt, folder, tmp_path):
    run = nmfamt("adapt", "piano", folder / "few", "-o", tmp_path / "mine.npz")
    assert run.status == 0
    assert "88 pitches of piano, 4 of them as recorded" in run.err
    mine = load_dictionary(tmp_path / "mine.npz")
    assert mine.name == "mine"
    np.testing.assert_array_equal(mine.W, adapt_dictionary("piano", folder / "few").W)


def test_adapt_to_music(nmfamt, folder, tmp_path):
    music = ("--music", folder / "music.wav", "--labels", folder / "music.tsv", "--until", "4.3")
    run = nmfamt("adapt", "piano", *music, "-o", tmp_path / "mine.npz", "--name", "clarinet")
    assert run.status == 0
    mine = load_dictionary(tmp_path / "mine.npz")
    assert mine.name == "clarinet"
    assert sorted(set(mine.pitches[~mine.filled].tolist())) == list(FEW)


@pytest.mark.parametrize(
    "args",
    [
        ["piano"],
        ["piano", "notes", "--music", "a.wav"],
        ["piano", "notes", "--labels", "a.mid"],
        ["piano", "--music", "a.wav", "--until", "10"],
        ["piano", "--music", "a.wav", "--align"],
        ["piano", "--music", "a.wav", "--music", "b.wav", "--labels", "a.mid"],
        ["piano", "--music", "a.wav", "--labels", "a.mid", "--until", "10", "--align"],
        ["piano", "--music", "a.wav", "--labels", "a.mid", "--until", "soon"],
    ],
)
def test_wrong_use_of_adapt(nmfamt, tmp_path, args):
    assert nmfamt("adapt", *args, "-o", tmp_path / "mine.npz").status == 2
    assert not (tmp_path / "mine.npz").exists()


def test_adapt_says_what_is_missing(nmfamt, folder, tmp_path):
    run = nmfamt("adapt", "pianola", folder / "few", "-o", tmp_path / "mine.npz")
    assert run.status == 1
    assert "no dictionary 'pianola'" in run.err


def test_adapt_replaces_nothing_unasked(nmfamt, folder, tmp_path):
    (tmp_path / "mine.npz").write_text("mine")
    run = nmfamt("adapt", "piano", folder / "few", "-o", tmp_path / "mine.npz")
    assert run.status == 1
    assert (tmp_path / "mine.npz").read_text() == "mine"
