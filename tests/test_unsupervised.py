"""Templates that are learned without any knowledge, and the pitches that they are given."""

from dataclasses import replace

import numpy as np
import pytest
from front_ends import assert_cutting_makes_no_difference

from nmfamt import STFT, HMMTracker, NmfamtError, Survey, Threshold, Transcriber
from nmfamt.methods.smaragdis import SMARAGDIS2003
from nmfamt.multipitch.unsupervised import UnsupervisedNMF, harmonic_misfit

SR = 16000
SMALL = {"fmin": 110.0, "fmax": 1760.0, "rank": 12, "max_iter": 100, "inharmonic": False}
SETTINGS = UnsupervisedNMF().settings
MELODY = [(57,), (64,), (69,), (60,), (57,), (69,), (64,)]
CHORDS = [(57, 64), (60, 67), (64, 69), (57, 61), (60, 64), (57,), (64, 67), (69,), (61,), (60,), (67,), (64,)]


def tone(pitch, seconds=0.4, *, partials=range(1, 11), cents=0.0):
    """Return a decaying tone; the m-th partial is 1 / m as loud, and in a random phase."""
    t = np.arange(round(seconds * SR)) / SR
    f0 = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    phases = np.random.default_rng(pitch).uniform(0, 6, size=100)
    y = sum(np.sin(2 * np.pi * m * f0 * t + phases[m]) / m for m in partials if m * f0 < 0.45 * SR)
    return y * np.exp(-2 * t) * np.minimum(1, np.minimum(t, t[::-1]) / 0.01)


def music(*chords, **options):
    return np.concatenate([sum(tone(pitch, **options) for pitch in chord) for chord in chords])


def loudest(activation, frame, n):
    """Return the `n` strongest pitches of a frame."""
    return set(activation.pitches[np.argsort(-activation.values[:, frame])[:n]].tolist())


# --- pitches of templates


@pytest.mark.parametrize("settings", [SETTINGS, STFT(n_fft=4096, power=1.0)])
def test_the_pitch_of_a_tone_fits_it_best(settings):
    pitches = np.arange(33, 97)
    f0 = 440 * 2 ** ((pitches - 69) / 12)
    heard = [36, 45, 57, 69, 76, 84, 91]
    W = np.stack([settings(tone(pitch), sr=SR).S[:, 15] for pitch in heard], axis=1)
    misfit = harmonic_misfit(W, settings, f0)
    assert pitches[misfit.argmin(axis=0)].tolist() == heard
    rows = np.searchsorted(pitches, heard)
    for column, row in enumerate(rows):
        for octave in (row - 12, row + 12):
            if 0 <= octave < len(pitches):
                assert misfit[octave, column] > misfit[row, column] + 0.1


def test_noise_and_chords_fit_worse_than_tones():
    f0 = 440 * 2 ** ((np.arange(33, 97) - 69) / 12)
    rng = np.random.default_rng(0)
    sounds = [tone(60), rng.normal(size=SR), tone(60) + tone(61) + tone(66) + tone(69)]
    W = np.stack([SETTINGS(y, sr=SR).S[:, 15] for y in sounds], axis=1)
    one, noise, chord = harmonic_misfit(W, SETTINGS, f0).min(axis=0)
    most = UnsupervisedNMF().most_misfit
    assert one < most / 3
    assert noise > most
    assert chord > 3 * one


def test_the_scale_of_a_template_does_not_matter():
    W = SETTINGS(tone(60), sr=SR).S[:, 10:12] * np.array([1e-6, 1e6], dtype=np.float32)
    f0 = np.array([261.6, 300.0])
    misfit = harmonic_misfit(W, SETTINGS, f0)
    np.testing.assert_allclose(misfit, harmonic_misfit(W / W.sum(axis=0), SETTINGS, f0), rtol=1e-3)


def test_an_empty_template_has_no_pitch_and_none_lies_above_the_band():
    W = np.stack([np.zeros(len(SETTINGS.freqs)), SETTINGS(tone(60), sr=SR).S[:, 15]], axis=1)
    misfit = harmonic_misfit(W, SETTINGS, np.array([261.6, 5000.0]), highest=4000.0)
    assert np.isfinite(misfit).tolist() == [[False, True], [False, False]]


# --- the front end


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_a_melody_is_found(beta):
    front_end = UnsupervisedNMF(beta=beta, **SMALL)
    activation = front_end(front_end.settings(music(*MELODY), sr=SR))
    for i, (pitch,) in enumerate(MELODY):
        assert loudest(activation, 40 * i + 15, 1) == {pitch}


@pytest.mark.parametrize("shift", [0, 12])
def test_chords_are_found_wherever_they_lie(shift):
    front_end = UnsupervisedNMF(tuning=0.0, **{**SMALL, "max_iter": 300})
    y = music(*[[pitch + shift for pitch in chord] for chord in CHORDS])
    activation = front_end(front_end.settings(y, sr=SR))
    found = [loudest(activation, 40 * i + 15, len(chord)) for i, chord in enumerate(CHORDS)]
    right = [f == {pitch + shift for pitch in chord} for f, chord in zip(found, CHORDS, strict=True)]
    assert np.mean(right) > 0.8


def test_templates_of_one_pitch_are_added_and_those_without_give_nothing():
    settings = SETTINGS
    S = settings(music((57,), (64,)), sr=SR)
    W = np.stack([S.S[:, 10], S.S[:, 25], S.S[:, 50]], axis=1)
    W /= W.sum(axis=0)
    given = UnsupervisedNMF(
        settings, 110, 880, tuning=0.0, rank=3, templates=W, template_pitches=np.array([57.0, 57.0, np.nan])
    )
    values = given.estimate(S)
    assert set(np.flatnonzero(values.any(axis=1))) == {57 - 45}
    share = values / S.S.sum(axis=0)
    np.testing.assert_allclose(share[57 - 45, [10, 25]], 1, atol=0.05)
    both = replace(given, template_pitches=np.array([57.0, 57.0, 64.0])).estimate(S)
    assert both[64 - 45, 50] == pytest.approx(S.S[:, 50].sum(), rel=0.05)


def test_a_component_out_of_the_range_is_not_taken_for_an_octave_of_it():
    front_end = UnsupervisedNMF(**{**SMALL, "fmin": 300.0})
    activation = front_end(front_end.settings(music(*MELODY), sr=SR))
    assert activation.pitches[0] == 62
    silent = [40 * i + 15 for i, (pitch,) in enumerate(MELODY) if pitch < 62]
    sounding = [40 * i + 15 for i, (pitch,) in enumerate(MELODY) if pitch >= 62]
    assert activation.values[:, silent].sum(axis=0).max() < 0.3 * activation.values[:, sounding].sum(axis=0).min()


@pytest.mark.parametrize("hz", [435.0, 442.0])
def test_the_tuning_is_estimated(hz):
    front_end = UnsupervisedNMF(**SMALL)
    cents = 1200 * np.log2(hz / 440)
    spectrogram = front_end.settings(music(*MELODY, cents=cents), sr=SR)
    fitted = front_end.fitted(Survey.of([spectrogram]))
    assert fitted.tuning == pytest.approx(cents, abs=3)
    assert loudest(fitted(spectrogram), 15, 1) == {57}


def test_values_are_shares_of_the_level_and_the_gain_does_not_matter():
    front_end = UnsupervisedNMF(**SMALL)
    y = music(*MELODY)
    loud, quiet = (front_end(front_end.settings(gain * y, sr=SR)) for gain in (1.0, 0.003))
    assert 0.5 < (loud.values / loud.level).max() < 2
    np.testing.assert_allclose(quiet.values / quiet.level, loud.values / loud.level, atol=0.03)
    tracker = SMARAGDIS2003.tracker()
    assert tracker(loud).pitches.tolist() == tracker(quiet).pitches.tolist()


def test_cutting_a_stream_makes_no_difference():
    front_end = UnsupervisedNMF(tuning=0.0, **SMALL)
    spectrogram = front_end.settings(np.tile(music(*MELODY), 3), sr=SR)
    assert_cutting_makes_no_difference(front_end, spectrogram)


def test_the_same_recording_gives_the_same_templates_and_a_seed_others():
    front_end = UnsupervisedNMF(**SMALL)
    survey = Survey.of([front_end.settings(music(*MELODY), sr=SR)])
    fitted = front_end.fitted(survey)
    np.testing.assert_array_equal(fitted.templates, front_end.fitted(survey).templates)
    assert (fitted.templates != replace(front_end, seed=1).fitted(survey).templates).any()
    assert fitted.fitted(survey) is fitted
    assert front_end.templates is None
    assert not {"templates", "template_pitches"} & set(fitted.info)


@pytest.mark.parametrize("n_samples", [1, 100, SR])
def test_silence_has_no_pitch(n_samples):
    front_end = UnsupervisedNMF(**SMALL)
    activation = front_end(front_end.settings(np.zeros(n_samples), sr=SR))
    assert not activation.values.any()
    assert len(SMARAGDIS2003.tracker()(activation)) == 0


def test_one_frame_is_enough():
    front_end = UnsupervisedNMF(**SMALL)
    frame = front_end.settings(tone(69), sr=SR).frames(15, 16)
    assert front_end(frame).values.shape == (49, 1)


def test_a_recording_at_a_low_rate():
    front_end = UnsupervisedNMF(**SMALL)
    activation = front_end(front_end.settings(music(*MELODY)[::2], sr=SR / 2))
    for i, (pitch,) in enumerate(MELODY):
        assert loudest(activation, 40 * i + 15, 1) == {pitch}


def test_polyphony_is_respected():
    front_end = UnsupervisedNMF(polyphony=1, **SMALL)
    values = front_end(front_end.settings(music(*CHORDS), sr=SR)).values
    assert (np.count_nonzero(values, axis=0) <= 1).all()


def test_every_tracker_finds_a_melody():
    front_end = UnsupervisedNMF(**SMALL)
    y = np.concatenate([np.zeros(SR // 4), music((57,), (64,), (69,))])
    for tracker in (Threshold(0.1), HMMTracker(), SMARAGDIS2003.tracker()):
        notes = Transcriber(front_end.settings, front_end, tracker)(y, sr=SR)
        assert {57, 64, 69} <= set(notes.pitches.tolist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank=0 must be at least 1: by default it is 88"),
        ({"max_iter": 0}, "max_iter=0 must be at least 1"),
        ({"most_misfit": 0.0}, "most_misfit=0.0 must be a positive number of nats, such as 1.1"),
        ({"seed": -1}, "seed=-1 must not be negative: take 0"),
        ({"beta": 3.0}, r"beta=3.0 must lie in \[0, 2\]"),
        ({"templates": np.ones((3, 2))}, r"have the shapes .*, but \(\(394, 12\), \(12,\)\) are needed"),
        ({"template_pitches": np.ones(12)}, "With None for both they are learned"),
        ({"polyphony": 0}, "polyphony=0"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        UnsupervisedNMF(**{**SMALL, **options})


def test_blocks_need_templates_and_their_own_settings():
    front_end = UnsupervisedNMF(tuning=0.0, **SMALL)
    with pytest.raises(NmfamtError, match=r"learned on the recording: use fitted\(survey\).blocks"):
        next(front_end.blocks([front_end.settings(tone(69), sr=SR)], level=1.0))
    other = STFT()(tone(69), sr=SR)
    with pytest.raises(NmfamtError, match=r"UnsupervisedNMF\(settings=survey.sample.settings\)"):
        front_end.fitted(Survey.of([other]))


@pytest.mark.parametrize(("most_misfit", "is_pitched"), [(1.1, True), (1e-6, False)])
def test_a_template_that_no_pitch_fits_has_none(most_misfit, is_pitched):
    front_end = UnsupervisedNMF(**{**SMALL, "rank": 1}, most_misfit=most_misfit)
    fitted = front_end.fitted(Survey.of([front_end.settings(tone(57, 1.0), sr=SR)]))
    assert np.isfinite(fitted.template_pitches).tolist() == [is_pitched]


def test_what_lies_below_the_range_is_not_taken_for_its_octave():
    front_end = UnsupervisedNMF(**{**SMALL, "fmin": 200.0, "rank": 1})
    fitted = front_end.fitted(Survey.of([front_end.settings(tone(45, 1.0, partials=range(1, 6)), sr=SR)]))
    assert fitted.template_pitches.tolist() == [45]
