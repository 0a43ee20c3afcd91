"""Dictionaries learned from isolated notes."""

import warnings

import numpy as np
import pytest
import soundfile

from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.isolated_notes import IsolatedNote
from nmfamt.learning import fill_pitches, learn_dictionary, onset_delays, stage_edges
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram_librosa import STFT

SR = 16000


def note(pitch, *, onset=0.1, rise=0.005, decay=2.0, seconds=1.5, background=1e-5, seed=0):
    """Return a harmonic tone that begins at a known time and dies away."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SR)) / SR
    age = time - onset
    envelope = np.where(age < 0, 0, np.minimum(1, age / max(rise, 1e-9)) * np.exp(-decay * np.abs(age)))
    hz = pitch_to_hz(pitch) * np.arange(1, 9)
    partials = sum(np.sin(2 * np.pi * f * time + k) / (k + 1) for k, f in enumerate(hz) if f < 7500)
    return 0.3 * partials * envelope + background * rng.standard_normal(len(time))


@pytest.fixture
def folder(tmp_path):
    """Write notes by name and return their folder."""

    def write(**notes):
        for name, y in notes.items():
            soundfile.write(tmp_path / f"{name}.wav", y, SR, subtype="FLOAT")
        return tmp_path

    return write


@pytest.fixture(scope="module")
def scale(tmp_path_factory):
    """Return a folder with three notes in two dynamics each, and the dictionary learned from it."""
    path = tmp_path_factory.mktemp("scale")
    for pitch in (57, 60, 64):
        for gain, dynamic in ((0.1, "p"), (1.0, "f")):
            y = gain * note(pitch, onset=0.13, background=1e-6)
            soundfile.write(path / f"{pitch:03d}_{dynamic}.wav", y, SR, subtype="FLOAT")
    return path, learn_dictionary(path)


def column(dictionary, pitch, number):
    return dictionary.W[:, np.flatnonzero(dictionary.pitches == pitch)[number]]


# Templates


def test_templates_peak_at_the_partials(scale):
    _, dictionary = scale
    freqs = dictionary.settings.freqs
    for pitch in (57, 60, 64):
        for number in range(3):
            template = column(dictionary, pitch, number)
            for k in (1, 2, 3):
                near = np.abs(np.log2(freqs / (k * pitch_to_hz(pitch)))) < 1 / 12
                peak = freqs[near][template[near].argmax()]
                assert peak == pytest.approx(k * pitch_to_hz(pitch), rel=2 ** (0.26 / 12) - 1)
                between = np.abs(np.log2(freqs / ((k + 0.5) * pitch_to_hz(pitch)))) < 0.3 / 12
                assert template[near].max() > 5 * template[between].max()


def test_stages_follow_the_age_of_the_note(folder):
    # A tone whose second half is an octave higher: the last stage begins 0.374 s after the onset.
    low, high = note(50, decay=0), note(62, decay=0)
    late = np.arange(len(low)) / SR > 0.1 + stage_edges(3)[2, 0]
    dictionary = learn_dictionary(folder(D3=np.where(late, high, low)))
    freqs = dictionary.settings.freqs
    fundamentals = [freqs[column(dictionary, 50, number).argmax()] for number in range(3)]
    assert fundamentals == pytest.approx([pitch_to_hz(50), pitch_to_hz(50), pitch_to_hz(62)], rel=0.02)
    assert dictionary.stages.tolist() == ["attack", "sustain", "sustain"]


def test_stages_are_consecutive():
    for n_components in (2, 3, 5):
        edges = stage_edges(n_components)
        assert edges.shape == (n_components, 2)
        np.testing.assert_array_equal(edges[1:-1, 1], edges[2:, 0])
        assert (edges[:, 1] > edges[:, 0]).all()
        assert edges[0, 0] < 0 < edges[0, 1] < edges[1, 0]


def test_files_of_one_pitch_count_the_same_however_loud(folder, tmp_path):
    soft, loud = note(60, background=0), note(60, background=0) + 0.2 * note(67, background=0)
    both = learn_dictionary(folder(**{"060_p": 0.01 * soft, "060_f": loud}), name="x")
    alone = [learn_dictionary([IsolatedNote(tmp_path / f"060_{dynamic}.wav", 60.0)], name="x") for dynamic in "pf"]
    np.testing.assert_allclose(both.W, (alone[0].W + alone[1].W) / 2, rtol=1e-4, atol=1e-7)


def test_gain_does_not_change_a_dictionary(folder, tmp_path):
    one = learn_dictionary(folder(C4=note(60, background=0)), name="x")
    other = learn_dictionary(folder(C4=0.02 * note(60, background=0)), name="x")
    np.testing.assert_allclose(other.W, one.W, rtol=1e-3, atol=1e-6)
    assert other.latency == pytest.approx(one.latency, abs=1e-3)


def test_silence_before_the_note_does_not_change_a_dictionary(folder):
    y = note(60, background=0)
    one = learn_dictionary(folder(C4=y), name="x")
    other = learn_dictionary(folder(C4=np.concatenate([np.zeros(SR // 2), y])), name="x")
    np.testing.assert_allclose(other.W, one.W, rtol=0.02, atol=1e-5)
    assert other.latency == pytest.approx(one.latency, abs=1e-3)


@pytest.mark.parametrize("seconds", [0.12, 0.2, 0.5])
def test_notes_too_short_for_a_stage(folder, seconds):
    dictionary = learn_dictionary(folder(C4=note(60, seconds=seconds, onset=0.1)))
    assert np.isfinite(dictionary.W).all()
    assert dictionary.W.shape[1] == 3


def test_a_note_at_the_very_end(folder):
    y = np.zeros(SR)
    y[-3:] = 0.5
    assert np.isfinite(learn_dictionary(folder(C4=y)).W).all()


@pytest.mark.parametrize("hop_length", [160, 1600])
def test_other_spectrograms_and_long_hops(folder, hop_length):
    settings = STFT(n_fft=2048, hop_length=hop_length)
    dictionary = learn_dictionary(folder(**{"36": note(36), "96": note(96)}), settings=settings, fill=False)
    assert dictionary.settings == settings
    for pitch in (36, 96):
        peak = settings.freqs[column(dictionary, pitch, 1).argmax()]
        assert peak == pytest.approx(pitch_to_hz(pitch), abs=settings.sr / settings.n_fft)


def test_pitches_of_a_table_may_be_fractional(folder):
    path = folder(strange=note(60.4), C4=note(72))
    (path / "labels.csv").write_text("file,pitch\nstrange.wav,60.4\nC4.wav,72\n")
    dictionary = learn_dictionary(path, fill=False)
    assert dictionary.rows == [(path.name, 60.4), (path.name, 72.0)]


def test_names_and_numbers(folder):
    path = folder(**{"A#3": note(58), "violin_Cs4_forte": note(61), "060": note(60), "59_ff": note(59)})
    dictionary = learn_dictionary(path, n_components=2)
    assert dictionary.rows == [(path.name, float(pitch)) for pitch in (58, 59, 60, 61)]
    assert dictionary.stages.tolist() == ["attack", "sustain"] * 4
    assert not dictionary.filled.any()
    assert (dictionary.info["n_files"], dictionary.info["n_pitches"]) == (4, 4)


def test_a_dictionary_is_named_after_its_folder_unless_told(scale):
    path, dictionary = scale
    assert dictionary.name == path.name
    assert set(dictionary.instruments.tolist()) == {path.name}
    assert learn_dictionary(path, name="mine", fill=False).name == "mine"


def test_what_is_learned_can_be_saved(scale, tmp_path):
    _, dictionary = scale
    dictionary.save(tmp_path / "a.npz")
    assert load_dictionary(tmp_path / "a.npz").hash == dictionary.hash


# Filling


def test_missing_semitones_are_filled_and_marked(scale):
    _, dictionary = scale
    assert [pitch for _, pitch in dictionary.rows] == list(range(57, 65))
    for pitch in range(57, 65):
        marks = dictionary.filled[dictionary.pitches == pitch]
        assert len(marks) == 3
        assert marks.all() == (pitch not in (57, 60, 64))
        assert marks.any() == marks.all()


def test_filled_templates_peak_at_their_own_pitch(scale):
    _, dictionary = scale
    freqs = dictionary.settings.freqs
    for pitch in (58, 59, 61, 62, 63):
        near = np.abs(np.log2(freqs / pitch_to_hz(pitch))) < 1 / 12
        peak = freqs[near][column(dictionary, pitch, 1)[near].argmax()]
        assert peak == pytest.approx(pitch_to_hz(pitch), rel=2 ** (0.26 / 12) - 1)


def plain(pitches, *, settings=None):
    """Return templates with one peak, at the pitch."""
    settings = settings or LogFrequency()
    freqs, n = settings.freqs, len(pitches)
    columns = [np.exp(-0.5 * (12 * np.log2(freqs / pitch_to_hz(p)) / 0.3) ** 2) + 1e-4 for p in pitches]
    return Dictionary(
        W=np.repeat(np.stack(columns, axis=1), 2, axis=1),
        pitches=np.repeat(pitches, 2),
        stages=np.tile(["attack", "sustain"], n),
        instruments=np.full(2 * n, "plain"),
        settings=settings,
        info={"name": "plain", "latency": 0.01},
    )


def test_filling_shifts_and_weighs_by_distance():
    found = fill_pitches(plain([60.0, 63.0]), n_components=2)
    expected = plain([60.0, 61.0, 62.0, 63.0])
    np.testing.assert_array_equal(found.pitches, expected.pitches)
    np.testing.assert_allclose(found.W, expected.W, atol=0.02 * expected.W.max())
    assert found.info == expected.info
    different = Dictionary(
        W=np.concatenate([plain([60.0]).W, np.full((len(found.W), 2), 1.0)], axis=1),
        pitches=expected.pitches[[0, 1, 6, 7]],
        stages=expected.stages[:4],
        instruments=expected.instruments[:4],
        settings=expected.settings,
    )
    filled = fill_pitches(different, n_components=2)
    flat = 1 / len(found.W)
    for pitch, share in ((61, 2 / 3), (62, 1 / 3)):  # of the nearer, and of the other
        peak = expected.W[:, expected.pitches == pitch][:, 0].max()
        found_peak = filled.W[:, filled.pitches == pitch][:, 0].max()
        assert found_peak == pytest.approx(share * peak + (1 - share) * flat, rel=0.02)


def test_filling_beyond_what_was_recorded():
    found = fill_pitches(plain([60.0, 61.0]), n_components=2, low=58, high=63)
    assert found.pitches.tolist() == [58, 58, 59, 59, 60, 60, 61, 61, 62, 62, 63, 63]
    np.testing.assert_array_equal(found.filled, ~np.isin(found.pitches, [60, 61]))
    peaks = found.settings.freqs[found.W.argmax(axis=0)]
    np.testing.assert_allclose(peaks, pitch_to_hz(found.pitches), rtol=2 ** (0.3 / 12) - 1)


def test_nothing_is_filled_within_half_a_semitone():
    dictionary = plain([59.6, 60.5, 61.4])
    assert fill_pitches(dictionary, n_components=2) is dictionary


def test_filling_can_be_left_out(scale):
    path, _ = scale
    assert sorted({pitch for _, pitch in learn_dictionary(path, fill=False).rows}) == [57, 60, 64]


# Latency


def test_latency_is_the_delay_of_the_novelty(scale):
    _, dictionary = scale
    assert abs(dictionary.latency) < 0.03
    # A note of the same instrument elsewhere is found there, less the latency.
    y = np.concatenate([np.zeros(SR), note(60, onset=0.0, background=1e-6)])
    activation = Factorization(dictionary)(dictionary.settings(y, sr=SR))
    (delay,) = onset_delays(activation, [1.0], [60.0])
    assert delay == pytest.approx(dictionary.latency, abs=0.012)


def test_delays_are_those_of_the_nearest_pitch_and_of_nothing_else():
    front_end = Factorization(plain([60.0, 64.0]), tol=1e-4)
    settings = front_end.dictionary.settings
    y = np.zeros(3 * SR)
    time = np.arange(SR) / SR
    for pitch, onset in ((60, 0.5), (64, 1.5)):
        y[round(onset * SR) :][:SR] += 0.3 * np.sin(2 * np.pi * pitch_to_hz(pitch) * time)
    activation = front_end(settings(y, sr=SR))
    delays = onset_delays(activation, [0.5, 1.5, 0.2], [60.3, 64.0, 60.0])
    assert len(delays) == 3
    assert delays[0] == pytest.approx(delays[1], abs=0.011)
    assert onset_delays(activation, [10.0], [60.0]) == []
    silent = front_end(settings(np.zeros(SR), sr=SR))
    assert onset_delays(silent, [0.5], [60.0]) == []


# Names that the sound contradicts


@pytest.mark.parametrize("stated", [55, 57, 58, 62, 64, 67, 70])
def test_a_name_that_the_sound_contradicts_is_a_warning(folder, stated):
    with pytest.warns(NmfamtWarning, match=rf"{stated}\.wav' is named .* but sounds more like C4"):
        dictionary = learn_dictionary(folder(**{str(stated): note(60)}))
    assert dictionary.rows[0][1] == stated


@pytest.mark.parametrize("stated", [36, 41, 48, 59, 60, 61, 72, 79, 84])
def test_octaves_twelfths_and_semitones_are_not_doubted(folder, stated):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn_dictionary(folder(**{str(stated): note(60)}))


def test_right_names_are_not_doubted(folder):
    path = folder(**{str(pitch): note(pitch, background=1e-3, seed=pitch) for pitch in range(24, 108, 6)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn_dictionary(path, fill=False)


def test_who_states_the_pitch_elsewhere_is_believed(folder):
    path = folder(C4=note(66))
    learn_dictionary([IsolatedNote(path / "C4.wav", 60.0)])
    (path / "labels.csv").write_text("file,pitch\nC4.wav,60\n")
    learn_dictionary(path)


def test_the_pitch_can_be_heard(folder):
    dictionary = learn_dictionary(folder(a=note(60), b=note(63)), pitch_from="audio", fill=False)
    assert [pitch for _, pitch in dictionary.rows] == [60, 63]


# Errors


def test_a_file_in_which_nothing_sounds_is_named(folder):
    with pytest.raises(NmfamtError, match=r"61\.wav' cannot be learned from: nothing sounds in it"):
        learn_dictionary(folder(**{"60": note(60), "61": np.zeros(SR)}))


def test_a_file_that_is_no_audio_is_named(folder):
    path = folder(C4=note(60))
    (path / "D4.wav").write_text("no sound")
    with pytest.raises(NmfamtError, match=r"D4\.wav' is not audio"):
        learn_dictionary(path)


def test_there_is_an_attack_and_a_sustain(folder):
    with pytest.raises(NmfamtError, match="n_components=1 must be at least 2"):
        learn_dictionary(folder(C4=note(60)), n_components=1)


def test_notes_at_a_low_rate_are_doubted(tmp_path):
    soundfile.write(tmp_path / "C4.wav", note(60)[::2], SR // 2, subtype="FLOAT")
    with pytest.warns(NmfamtWarning, match=r"C4\.wav' is sampled at 8000 Hz: its templates are empty above 3600 Hz"):
        learn_dictionary(tmp_path)
