"""Dictionaries learned from music whose notes are known."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.learning_music import harmonic_dictionary, learn_dictionary_from_music, learn_templates, note_mask
from nmfamt.log_frequency import LogFrequency
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram_librosa import STFT

SETTINGS = LogFrequency()
SR = SETTINGS.sr
MUSIC = Notes(
    [[0.2, 0.9], [0.5, 1.4], [1.2, 2.0], [1.6, 2.4], [2.1, 2.9], [2.6, 3.4]],
    [60, 64, 67, 60, 64, 67],
)


def tone(pitch, seconds, weights):
    """Return a tone with the given strength of each partial."""
    time = np.arange(round(seconds * SR)) / SR
    partials = (w * np.sin(2 * np.pi * k * pitch_to_hz(pitch) * time + k) for k, w in enumerate(weights, start=1))
    return 0.1 * sum(partials) * np.clip(time / 0.005, 0, 1) * np.clip((seconds - time) / 0.01, 0, 1)


ODD = (1.0, 0.0, 0.6, 0.0, 0.4)  # a clarinet of sorts: the second partial is missing


def play(notes, weights=ODD, *, seconds=4.0):
    y = np.zeros(round(seconds * SR))
    for (onset, offset), pitch in zip(notes.intervals, notes.pitches, strict=True):
        sound = tone(pitch, offset - onset, weights)
        y[round(onset * SR) :][: len(sound)] += sound
    return y


def at_partial(dictionary, pitch, k, stage=1):
    """Return the strength of a sustain template at a partial."""
    template = dictionary.W[:, np.flatnonzero(dictionary.pitches == pitch)[stage]]
    return template[np.abs(dictionary.settings.freqs - k * pitch_to_hz(pitch)).argmin()]


# Independent truths


def test_the_timbre_of_the_instrument_is_learned():
    learned = learn_dictionary_from_music([(SETTINGS(play(MUSIC), sr=SR), MUSIC)], name="clarinet")
    for pitch in (60, 64, 67):
        strengths = [at_partial(learned, pitch, k) for k in (1, 2, 3)]
        expected = 0.6**SETTINGS.power
        assert strengths[2] / strengths[0] == pytest.approx(expected, rel=0.35)
        assert strengths[1] < 0.3 * strengths[2]
    assert learned.name == "clarinet"
    assert learned.info["learned_from"] == "labelled music"


def test_recordings_and_labels_may_be_files(tmp_path):
    soundfile.write(tmp_path / "music.wav", play(MUSIC), SR, subtype="FLOAT")
    MUSIC.write(tmp_path / "music.mid")
    from_files = learn_dictionary_from_music([(tmp_path / "music.wav", tmp_path / "music.mid")])
    given = learn_dictionary_from_music([(SETTINGS(play(MUSIC).astype(np.float32), sr=SR), MUSIC)])
    np.testing.assert_allclose(from_files.W, given.W, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("shift", [-0.03, 0.0, 0.05])
def test_latency_is_measured_against_the_labels(shift):
    spectrogram = SETTINGS(play(MUSIC), sr=SR)
    exact = learn_dictionary_from_music([(spectrogram, MUSIC)])
    assert abs(exact.latency) < 0.025
    early = learn_dictionary_from_music([(spectrogram, MUSIC.shifted(shift))])
    assert early.latency == pytest.approx(exact.latency - shift, abs=0.012)


def test_pitches_between_are_filled():
    learned = learn_dictionary_from_music([(SETTINGS(play(MUSIC), sr=SR), MUSIC)])
    assert [pitch for _, pitch in learned.rows] == list(range(60 - 12, 68 + 12))
    assert set(learned.pitches[~learned.filled].tolist()) == {60, 64, 67}


def test_what_is_played_teaches_the_timbre_of_other_pitches():
    learned = learn_dictionary_from_music([(SETTINGS(play(MUSIC), sr=SR), MUSIC)])
    untaught = harmonic_dictionary(np.array([50.0, 62.0]), SETTINGS)
    for pitch in (50, 62):  # the notes have next to nothing of their second partial
        assert at_partial(learned, pitch, 2) < 0.7 * at_partial(untaught, pitch, 2)


@pytest.mark.parametrize(("pitches", "low", "high"), [([22, 30], 20, 42), ([110, 118], 98, 118)])
def test_no_pitch_is_learned_beyond_the_spectrogram(pitches, low, high):
    notes = Notes([[0.2, 0.8], [1.0, 1.6]], pitches)
    rows = learn_dictionary_from_music([(SETTINGS(play(notes), sr=SR), notes)]).rows
    assert (rows[0][1], rows[-1][1]) == (low, high)


def test_two_recordings_teach_what_each_has():
    first, second = MUSIC.select(MUSIC.pitches < 65), MUSIC.select(MUSIC.pitches > 62)
    pieces = [(SETTINGS(play(notes), sr=SR), notes) for notes in (first, second)]
    learned = learn_dictionary_from_music(pieces)
    assert set(learned.pitches[~learned.filled].tolist()) == {60, 64, 67}
    assert learned.info["n_recordings"] == 2
    for pitch in (60, 67):
        assert at_partial(learned, pitch, 2) < 0.3 * at_partial(learned, pitch, 3)


def test_a_strong_prior_keeps_the_start_and_a_weak_one_the_sound():
    piece = (SETTINGS(play(MUSIC), sr=SR), MUSIC)
    start = harmonic_dictionary(np.array([60.0, 64.0, 67.0]), SETTINGS)
    kept = learn_dictionary_from_music([piece], start=start, prior=1e6)
    own = np.isin(kept.pitches, [60, 64, 67])
    np.testing.assert_allclose(kept.W[:, own], start.W, atol=1e-3)
    free = learn_dictionary_from_music([piece], start=start, prior=0.0)
    assert at_partial(free, 60, 2) < 0.1 * at_partial(kept, 60, 2)


def test_stages_that_no_note_reaches_stay_as_they_were():
    notes = Notes([[0.5, 0.6], [1.5, 1.6]], [60, 61])
    start = harmonic_dictionary(np.array([60.0, 61.0]), SETTINGS)
    learned = learn_dictionary_from_music([(SETTINGS(play(notes), sr=SR), notes)], start=start, prior=0.0)
    np.testing.assert_allclose(learned.W[:, [2, 5]], start.W[:, [2, 5]], rtol=1e-5)
    assert at_partial(learned, 60, 2) < 0.3 * at_partial(learned, 60, 3)


def test_a_start_is_shifted_to_pitches_that_it_lacks():
    start = harmonic_dictionary(np.array([62.0, 64.0]), SETTINGS)
    learned = learn_dictionary_from_music([(SETTINGS(play(MUSIC), sr=SR), MUSIC)], start=start)
    assert set(learned.pitches[~learned.filled].tolist()) == {60, 64, 67}
    assert at_partial(learned, 67, 1) > 3 * at_partial(learned, 67, 2)


def test_settings_are_those_of_the_start_unless_told():
    settings = LogFrequency(bins_per_octave=36)
    start = harmonic_dictionary(np.arange(60.0, 68.0), settings)
    learned = learn_dictionary_from_music([(settings(play(MUSIC), sr=SR), MUSIC)], start=start)
    assert learned.settings == settings


@pytest.mark.parametrize("n_components", [2, 4])
def test_as_many_templates_as_asked(n_components):
    learned = learn_dictionary_from_music([(SETTINGS(play(MUSIC), sr=SR), MUSIC)], n_components=n_components)
    assert learned.W.shape[1] == 32 * n_components
    assert learned.stages.tolist() == (["attack"] + ["sustain"] * (n_components - 1)) * 32
    assert np.isfinite(learned.W).all()


def test_gain_does_not_matter():
    one, loud = (learn_dictionary_from_music([(SETTINGS(g * play(MUSIC), sr=SR), MUSIC)]) for g in (1.0, 50.0))
    np.testing.assert_allclose(loud.W, one.W, rtol=0.02, atol=1e-5)


# Masks


def test_masks_follow_onset_age_and_offset():
    times = np.arange(400) * 0.01
    mask = note_mask(Notes([[1.0, 2.0]], [60]), times, np.repeat([60.0, 62.0], 3), n_components=3)
    begins = [times[row.argmax()] for row in mask[:3]]
    ends = [times[len(row) - 1 - row[::-1].argmax()] for row in mask[:3]]
    assert begins == pytest.approx([0.96, 1.04, 1.345], abs=0.0101)
    assert ends == pytest.approx([1.095, 1.424, 2.15], abs=0.0101)
    assert not mask[3:].any()
    for row in mask[:3]:
        assert (np.diff(np.flatnonzero(row)) == 1).all()


def test_masks_of_several_notes_add_up():
    times = np.arange(400) * 0.01
    first, second = Notes([[0.5, 1.0]], [60]), Notes([[2.0, 3.0]], [60.4])
    pitches = np.repeat([60.0], 2)
    both = note_mask(Notes.concatenate([first, second]), times, pitches, n_components=2)
    parts = [note_mask(notes, times, pitches, n_components=2) for notes in (first, second)]
    np.testing.assert_array_equal(both, parts[0] | parts[1])


def test_every_instrument_that_has_the_pitch_may_play():
    times, note = np.arange(400) * 0.01, Notes([[1.0, 2.0]], [60])
    one = note_mask(note, times, np.repeat([60.0, 62.0], 2), n_components=2)
    two = note_mask(note, times, np.repeat([60.0, 62.0, 55.0, 60.0], 2), n_components=2)
    np.testing.assert_array_equal(two, np.concatenate([one, one[[2, 3, 0, 1]]]))


def test_notes_without_templates_are_left_out():
    mask = note_mask(MUSIC, np.arange(100) * 0.01, np.repeat([61.0], 2), n_components=2)
    assert not mask.any()


def test_of_several_instruments_a_note_teaches_those_that_it_names():
    duo = two_instruments()
    low, high = (MUSIC.select(mask) for mask in (MUSIC.pitches < 62, MUSIC.pitches > 62))
    notes = Notes.concatenate([replace(low, instruments=np.full(len(low), "other")), high])
    learned = learn_templates([(spectrogram(), notes)], duo)
    changed = ~np.isclose(learned.W, duo.W, rtol=1e-3).all(axis=0)
    assert set(duo.instruments[changed & (duo.pitches == 60)].tolist()) == {"other"}
    assert set(duo.instruments[changed & (duo.pitches == 64)].tolist()) == {"harmonic", "other"}


# Harmonic tones


@pytest.mark.parametrize("settings", [SETTINGS, STFT(n_fft=4096)])
def test_harmonic_templates_peak_at_their_partials(settings):
    tones = harmonic_dictionary(np.array([60.0, 72.0]), settings, n_components=2)
    assert tones.rows == [("harmonic", 60.0), ("harmonic", 72.0)]
    for pitch in (60, 72):
        template = tones.W[:, np.flatnonzero(tones.pitches == pitch)[0]]
        assert settings.freqs[template.argmax()] == pytest.approx(pitch_to_hz(pitch), rel=0.01)
        strengths = [at_partial(tones, pitch, k) for k in (1, 2, 3, 4)]
        assert strengths == sorted(strengths, reverse=True)


def test_tones_above_the_spectrogram():
    with pytest.raises(NmfamtError, match="Pitch 127 lies above the spectrogram, which ends at"):
        harmonic_dictionary(np.array([127.0]), SETTINGS)


# Errors


def spectrogram():
    return SETTINGS(play(MUSIC), sr=SR)


def odd_start():
    tones = harmonic_dictionary(np.arange(60.0, 68.0), SETTINGS)
    return Dictionary(tones.W[:, 1:], tones.pitches[1:], tones.stages[1:], tones.instruments[1:], SETTINGS)


def two_instruments():
    tones = harmonic_dictionary(np.arange(60.0, 68.0), SETTINGS)
    other = Dictionary(tones.W, tones.pitches, tones.stages, np.full(24, "other"), SETTINGS)
    return combine_dictionaries([tones, other])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ([], {}), "No recordings were given: pair at least one"),
        (lambda: ([(spectrogram(), Notes([[9, 10]], [60]))], {}), "the spectrogram hold no note within its 4.0 s"),
        (lambda: ([(spectrogram(), Notes.empty())], {}), "hold no note within"),
        (lambda: ([(SETTINGS(np.zeros(4 * SR), sr=SR), MUSIC)], {}), "Nothing sounds in the spectrogram"),
        (
            lambda: ([(spectrogram(), MUSIC)], {"settings": LogFrequency(power=1.0)}),
            "A spectrogram is LogFrequency.*to be learned on is LogFrequency.*power=1.0",
        ),
        (
            lambda: ([(spectrogram(), MUSIC)], {"start": harmonic_dictionary(np.arange(60.0, 68.0), STFT())}),
            "A spectrogram is LogFrequency.*to be learned on is STFT",
        ),
        (
            lambda: (
                [(spectrogram(), MUSIC)],
                {"start": harmonic_dictionary(np.arange(60.0, 68.0), STFT()), "settings": SETTINGS},
            ),
            "Dictionary 'harmonic' was learned on STFT.*: start without it",
        ),
        (lambda: ([(spectrogram(), MUSIC)], {"start": odd_start()}), "every pitch have as many"),
        (lambda: ([(spectrogram(), MUSIC)], {"start": two_instruments()}), "has 6 templates for a pitch"),
        (
            lambda: (
                [(spectrogram(), MUSIC)],
                {"start": harmonic_dictionary(np.arange(60.0, 68.0), SETTINGS, n_components=2)},
            ),
            "has 2 templates for a pitch, n_components is 3",
        ),
        (
            lambda: ([(spectrogram(), MUSIC)], {"start": harmonic_dictionary(np.array([60.5, 64.0]), SETTINGS)}),
            r"no templates at the pitches \[60.0\]",
        ),
        (lambda: ([(spectrogram(), MUSIC)], {"n_components": 1}), "n_components=1 must be at least 2"),
    ],
)
def test_what_cannot_be_learned_from(make, message):
    recordings, options = make()
    with pytest.raises(NmfamtError, match=message):
        learn_dictionary_from_music(recordings, **options)


def test_a_silent_file_is_named(tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(4 * SR), SR)
    with pytest.raises(NmfamtError, match=r"Nothing sounds in '.*quiet\.wav'"):
        learn_dictionary_from_music([(tmp_path / "quiet.wav", MUSIC)])
