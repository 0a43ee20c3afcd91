"""Shift-invariant latent component analysis."""

import numpy as np
import pytest
from front_ends import assert_cutting_makes_no_difference

from nmfamt import HMMTracker, NmfamtError, Spectrogram, Survey, Threshold, Transcriber
from nmfamt.activation import N_PARTIALS
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.log_frequency import LogFrequency
from nmfamt.methods.benetos import BENETOS2013
from nmfamt.multipitch._plca import LEAST_SHARE, explain
from nmfamt.multipitch.plca import PLCA
from nmfamt.pitch import pitch_to_hz

SETTINGS = LogFrequency(fmin=60.0, fmax=7000.0)
SR = SETTINGS.sr
ORGAN, REED = 1.0, 0.25  # how their partials fall off


def tone(pitch, seconds=0.6, *, rolloff=ORGAN, stretch=0.0):
    """Return a harmonic tone; partials of a stretched one are inharmonic."""
    t = np.arange(round(seconds * SR)) / SR
    k = np.arange(1, 13)
    hz = pitch_to_hz(np.asarray(pitch)) * k * np.sqrt(1 + stretch * k**2)
    weights = k ** -float(rolloff) * (hz < 0.45 * SR)
    partials = (weights[:, None] * np.sin(2 * np.pi * hz[:, None] * t + k[:, None] ** 2)).sum(axis=0)
    return partials * np.clip(t / 0.01, 0, 1) * np.clip((seconds - t) / 0.05, 0, 1)


def learned(instrument, rolloff, pitches=range(45, 85), settings=SETTINGS):
    columns = [settings(tone(pitch, rolloff=rolloff), sr=SR).S[:, 30] for pitch in pitches]
    return Dictionary(
        W=np.stack(columns, axis=1),
        pitches=np.array(pitches, dtype=float),
        stages=np.full(len(columns), "sustain"),
        instruments=np.full(len(columns), instrument),
        settings=settings,
        info={"name": instrument},
    )


@pytest.fixture(scope="module")
def organ():
    return learned("organ", ORGAN)


@pytest.fixture(scope="module")
def duo(organ):
    return combine_dictionaries([organ, learned("reed", REED)])


def found(activation, frame=30, share=0.1):
    """Return the pitches that have a share of a frame, to a tenth of a semitone."""
    values = activation.values[:, frame]
    return activation.pitches[values >= share * values.sum()].round(1).tolist()


def naive(V, templates, counts, n_iter, powers):
    """Return what `explain` should, frame by frame, bin by bin, from the definition."""
    owner = np.repeat(np.arange(len(counts)), counts)
    n_templates, n_shifts, n_bins = templates.shape
    pitches, joints = [], []
    for v in V.T:
        pitch = np.full(len(counts), 1 / len(counts))
        source = np.array([1 / counts[p] for p in owner])
        shift = np.full((len(counts), n_shifts), 1 / n_shifts)
        for _ in range(n_iter):
            mixture = np.zeros(n_bins)
            for k in range(n_templates):
                for f in range(n_shifts):
                    mixture += pitch[owner[k]] * source[k] * shift[owner[k], f] * templates[k, f]
            new_pitch, new_source, new_shift = np.zeros_like(pitch), np.zeros_like(source), np.zeros_like(shift)
            for k, p in enumerate(owner):
                for f in range(n_shifts):
                    posterior = pitch[p] * source[k] * shift[p, f] * templates[k, f] / np.maximum(mixture, 1e-300)
                    amount = (v / max(v.sum(), 1e-300) * posterior).sum()
                    new_pitch[p] += amount
                    new_source[k] += amount
                    new_shift[p, f] += amount
            for p in range(len(counts)):
                new_shift[p] = (new_shift[p] / max(new_pitch[p], 1e-300)) ** powers[2]
                new_shift[p] /= max(new_shift[p].sum(), 1e-300)
                mine = owner == p
                new_source[mine] = (new_source[mine] / max(new_pitch[p], 1e-300)) ** powers[1]
                new_source[mine] /= max(new_source[mine].sum(), 1e-300)
            new_pitch = new_pitch ** powers[0]
            new_pitch /= max(new_pitch.sum(), 1e-300)
            new_pitch[new_pitch < LEAST_SHARE] = 0
            pitch, source, shift = new_pitch, new_source, new_shift
        pitches.append(pitch)
        joints.append(pitch[owner][:, None] * source[:, None] * shift[owner])
    return np.stack(pitches, axis=1), np.stack(joints, axis=2)


@pytest.mark.parametrize("powers", [(1.0, 1.0, 1.0), (1.1, 1.2, 1.1)])
def test_matrix_products_do_what_the_definition_says(powers):
    rng = np.random.default_rng(0)
    counts = np.array([2, 1, 3, 1, 2])
    templates = rng.random((counts.sum(), 3, 12)) ** 4
    templates /= templates.sum(axis=2, keepdims=True)
    V = rng.random((12, 4)) ** 2
    V[:, 2] = 0
    V[:, 3] = templates[4, 1]  # one pitch alone: the others are dropped on the way
    pitch, joint = explain(V, templates, counts, n_iter=12, powers=powers)
    expected_pitch, expected_joint = naive(V, templates, counts, 12, powers)
    np.testing.assert_allclose(pitch, expected_pitch, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(joint, expected_joint, rtol=1e-6, atol=1e-9)
    assert not pitch[:, 2].any()


def test_without_sharpening_the_likelihood_never_falls():
    rng = np.random.default_rng(1)
    counts = np.array([2, 2, 2, 2])
    templates = rng.random((8, 3, 20)) ** 4
    templates /= templates.sum(axis=2, keepdims=True)
    V = rng.random((20, 5))
    likelihoods = []
    for n_iter in (1, 2, 4, 8, 16, 32):
        _, joint = explain(V, templates, counts, n_iter=n_iter, powers=(1.0, 1.0, 1.0))
        likelihoods.append((V * np.log(np.einsum("ksw,kst->wt", templates, joint))).sum(axis=0))
    assert (np.diff(likelihoods, axis=0) >= -1e-9).all()


def test_what_does_not_matter_in_other_frames_does_not_matter_in_one():
    rng = np.random.default_rng(2)
    templates = rng.random((9, 3, 30)) ** 6
    templates /= templates.sum(axis=2, keepdims=True)
    V = rng.random((30, 8)) ** 3
    options = {"n_iter": 20, "powers": (1.1, 1.1, 1.1)}
    together, _ = explain(V, templates, np.full(3, 3), **options)
    alone = [explain(V[:, [t]], templates, np.full(3, 3), **options)[0][:, 0] for t in range(8)]
    np.testing.assert_allclose(together.T, alone, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("chord", [(57,), (52, 59), (57, 61, 64), (48, 55, 64, 70), (57, 69)])
def test_chords_of_known_pitches_are_found(organ, chord):
    y = sum(tone(pitch) for pitch in chord)
    assert found(PLCA(organ, tuning=0.0)(SETTINGS(y, sr=SR))) == list(chord)


def test_inharmonic_partials_and_a_missing_fundamental_are_forgiven(organ):
    y = tone(52, stretch=3e-4)
    assert found(PLCA(organ, tuning=0.0)(SETTINGS(y, sr=SR)), share=0.3) == [52]
    without = tone(52) - tone(52, rolloff=99)
    assert found(PLCA(organ, tuning=0.0)(SETTINGS(without, sr=SR)), share=0.3) == [52]


def test_an_octave_up_moves_the_rows_by_twelve(organ):
    front_end = PLCA(organ, tuning=0.0)
    low = front_end(SETTINGS(tone(50) + tone(57), sr=SR)).values[:, 30].argsort()[-2:]
    high = front_end(SETTINGS(tone(62) + tone(69), sr=SR)).values[:, 30].argsort()[-2:]
    np.testing.assert_array_equal(np.sort(high), np.sort(low) + 12)


@pytest.mark.parametrize("cents", [-40, -20, 0, 20, 40])
def test_where_within_the_semitone_a_note_lies_is_seen(organ, cents):
    y = tone(57 + cents / 100) + tone(64)
    fine = PLCA(organ, tuning=0.0, resolution=20.0)(SETTINGS(y, sr=SR))
    assert len(fine.pitches) == 5 * len(set(organ.pitches))
    assert found(fine, share=0.15) == [57 + cents / 100, 64]
    coarse = PLCA(organ, tuning=0.0)(SETTINGS(y, sr=SR))
    assert found(coarse) == [57, 64]
    summed = fine.values.reshape(len(coarse.pitches), 5, -1).sum(axis=1)
    np.testing.assert_allclose(summed, coarse.values, rtol=1e-4, atol=1e-4 * coarse.level)


def test_templates_that_cannot_shift_lose_a_note_beside_its_pitch(organ):
    """What shifts are for: two instruments of which one is 40 cents flat have no common tuning."""
    y = tone(61 - 0.4) + tone(64) + tone(71)
    spectrogram = SETTINGS(y, sr=SR)
    shifting = PLCA(organ, tuning=0.0)(spectrogram)
    assert found(shifting) == [61, 64, 71]
    fixed = PLCA(organ, tuning=0.0, shift_step=100.0)(spectrogram)

    def spread(activation):
        values = activation.values[:, 30] / activation.values[:, 30].sum()
        return values[~np.isin(activation.pitches, [61, 64, 71])].sum()

    assert spread(fixed) > 2 * spread(shifting) + 0.02


def test_a_glissando_passes_through_the_fine_rows(organ):
    t = np.arange(2 * SR) / SR
    pitch = 60 + t
    phase = 2 * np.pi * np.cumsum(pitch_to_hz(pitch)) / SR
    y = sum(np.sin(k * phase) / k for k in range(1, 9))
    activation = PLCA(organ, tuning=0.0, resolution=20.0)(SETTINGS(y, sr=SR))
    heard = activation.pitches[activation.values[:, 20:-20].argmax(axis=0)]
    np.testing.assert_allclose(heard, 60 + activation.times[20:-20], atol=0.21)


def test_instruments_have_rows_of_their_own_or_share_them(duo):
    y = tone(57) + tone(64, rolloff=REED)
    spectrogram = SETTINGS(y, sr=SR)
    apart = PLCA(duo, tuning=0.0)(spectrogram)
    strongest = apart.values[:, 30].argsort()[-2:]
    names = {float(apart.pitches[row]): str(apart.instruments[row]) for row in strongest}
    assert names == {57.0: "organ", 64.0: "reed"}
    pooled = PLCA(duo, tuning=0.0, pooled=True)(spectrogram)
    assert set(pooled.instruments.tolist()) == {""}
    both = apart.values.reshape(2, len(pooled.pitches), -1).sum(axis=0)
    np.testing.assert_allclose(pooled.values, both, rtol=1e-4, atol=1e-4 * pooled.level)
    fine = PLCA(duo, tuning=0.0, resolution=20.0)(spectrogram)
    assert fine.values.shape[0] == 5 * len(apart.pitches)


def test_one_instrument_keeps_its_name_when_pooled(organ):
    assert set(PLCA(organ, pooled=True)(SETTINGS(tone(60), sr=SR)).instruments.tolist()) == {"organ"}


def test_a_dictionary_on_sixty_bins_an_octave_is_shifted_by_whole_bins():
    settings = LogFrequency(fmin=60.0, fmax=7000.0, bins_per_octave=60)
    organ = learned("organ", ORGAN, range(57, 70), settings)
    W, shifted = organ.W[:, 3], PLCA(organ, tuning=0.0)._templates[3]
    for shift, moved in zip((-2, -1, 0, 1, 2), shifted, strict=True):
        inner, from_ = slice(5, -5), np.arange(len(W)) - shift
        expected = W[np.clip(from_, 0, len(W) - 1)]
        np.testing.assert_allclose(moved[inner] / moved.max(), expected[inner] / expected.max(), atol=1e-5)
    assert found(PLCA(organ, tuning=0.0, resolution=20.0)(settings(tone(62.2), sr=SR))) == [62.2]


@pytest.mark.parametrize("cents", [0.0, 7.85, 35.0])
def test_the_tuning_is_estimated_and_the_pitches_keep_their_names(organ, cents):
    y = np.concatenate([tone(pitch + cents / 100) for pitch in (57, 64, 69, 60)])
    activation = PLCA(organ, resolution=20.0)(SETTINGS(y, sr=SR))
    assert activation.info["tuning"] == pytest.approx(cents, abs=3)
    assert found(activation, share=0.5) == [57]


def test_polyphony_counts_pitches_not_rows(duo):
    y = tone(57) + tone(61) + 0.7 * tone(64, rolloff=REED)
    spectrogram = SETTINGS(y, sr=SR)
    activation = PLCA(duo, tuning=0.0, polyphony=2)(spectrogram)
    for values in activation.values.T:
        assert len(set(activation.pitches[values > 0].tolist())) <= 2
    full = PLCA(duo, tuning=0.0)(spectrogram)
    np.testing.assert_allclose(full.values.sum(axis=0), spectrogram.S.sum(axis=0), rtol=1e-3)


def test_the_range_limits_the_rows(organ):
    front_end = PLCA(organ, fmin=220.0, fmax=440.0)
    assert front_end(SETTINGS(tone(60), sr=SR)).pitches.tolist() == list(range(57, 70))
    with pytest.raises(NmfamtError, match="No template of 'organ' is left"):
        PLCA(organ, fmin=27.5, fmax=55.0)


def test_cutting_a_stream_makes_no_difference(organ):
    front_end = PLCA(organ, tuning=0.0, n_iter=3)
    rng = np.random.default_rng(0)
    S = (organ.W @ rng.gamma(0.2, 1.0, (organ.W.shape[1], 600))).astype(np.float32)
    spectrogram = Spectrogram(S, SETTINGS.freqs, np.arange(600) / 100, SETTINGS)
    assert_cutting_makes_no_difference(front_end, spectrogram)


def test_the_gain_of_the_recording_does_not_matter(organ):
    y = tone(57) + tone(64)
    front_end = PLCA(organ, tuning=0.0)
    loud, soft = (front_end(SETTINGS(gain * y, sr=SR)) for gain in (1.0, 1e-3))
    np.testing.assert_allclose(soft.values / soft.level, loud.values / loud.level, rtol=2e-2, atol=1e-3)
    notes = [Threshold(0.1)(activation) for activation in (soft, loud)]
    np.testing.assert_array_equal(notes[0].pitches, notes[1].pitches)
    np.testing.assert_allclose(notes[0].intervals, notes[1].intervals, atol=0.011)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_kept(organ, dtype):
    spectrogram = SETTINGS(tone(60), sr=SR)
    typed = Spectrogram(spectrogram.S.astype(dtype), spectrogram.freqs, spectrogram.times, SETTINGS)
    activation = PLCA(organ, tuning=0.0)(typed)
    assert activation.values.dtype == dtype
    assert found(activation) == [60]


def test_silence_and_a_single_frame(organ):
    front_end = PLCA(organ)
    silence = front_end(SETTINGS(np.zeros(SR), sr=SR))
    assert not silence.values.any()
    assert not silence.onsets.any()
    spectrogram = SETTINGS(tone(60), sr=SR)
    one = front_end(spectrogram.frames(30, 31))
    assert one.values.shape[1] == 1
    assert found(one, frame=0) == [60]
    paused = front_end(SETTINGS(np.concatenate([tone(60), np.zeros(SR), tone(67)]), sr=SR))
    assert not paused.values[:, 110].any()
    assert found(paused, frame=190) == [67]


def test_audio_at_a_low_rate_is_explained_by_what_it_holds(organ):
    import soxr

    y = soxr.resample(tone(60) + tone(67), SR, 8000)
    activation = PLCA(organ, tuning=0.0)(SETTINGS(y, sr=8000))
    assert found(activation) == [60, 67]


def test_every_tracker_reads_its_activation(duo):
    y = np.concatenate([tone(60), tone(64), tone(67)])
    for resolution in (100.0, 20.0):
        front_end = PLCA(duo, tuning=0.0, resolution=resolution)
        for tracker in (Threshold(0.1), HMMTracker(sensitivity=0.9)):
            notes = Transcriber(SETTINGS, front_end, tracker)(y, sr=SR)
            assert {60, 64, 67} <= set(notes.pitches.round().tolist())
    activation = PLCA(duo, tuning=0.0)(SETTINGS(y, sr=SR))
    assert set(activation.evidence) == {"loss", *(f"partial_{k}" for k in range(1, N_PARTIALS + 1))}


def test_blocks_need_a_tuning_and_the_settings_of_the_dictionary(organ):
    spectrogram = SETTINGS(tone(60), sr=SR)
    with pytest.raises(NmfamtError, match=r"use fitted\(survey\).blocks"):
        next(PLCA(organ).blocks([spectrogram], level=1.0))
    other = LogFrequency(bins_per_octave=24)(tone(60), sr=SR)
    with pytest.raises(NmfamtError, match=r"compute it with dictionary.settings"):
        PLCA(organ)(other)
    with pytest.raises(NmfamtError, match=r"compute it with dictionary.settings"):
        PLCA(organ).fitted(Survey.of([other]))
    given = PLCA(organ, tuning=-30.0)
    assert given.fitted(Survey.of([spectrogram])) is given


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift_step": 50.0}, "shift_step=50.0 cents must divide a semitone into an odd number of steps, such as 20"),
        ({"shift_step": 0.0}, "shift_step=0.0 cents must divide"),
        ({"resolution": 10.0}, "resolution=10.0 must be 100 cents, or as fine as shift_step=20.0"),
        ({"n_iter": 0}, "n_iter=0 must be a number of steps"),
        ({"source_power": 0.9}, r"source_power=0.9 must lie in \[1, 2\]"),
        ({"polyphony": 0}, "polyphony=0 must be a number of notes"),
        ({"tuning": "flat"}, "tuning='flat' must be 'auto'"),
        ({"fmin": 880.0, "fmax": 440.0}, "exchange them"),
    ],
)
def test_bad_options_are_refused_with_their_cure(organ, options, message):
    with pytest.raises(NmfamtError, match=message):
        PLCA(organ, **options)


def test_the_method_finds_a_melody_with_a_dictionary(organ):
    y = np.concatenate([tone(60), np.zeros(SR // 5), tone(64), np.zeros(SR // 5), tone(67) + tone(55)])
    front_end = BENETOS2013.front_end(organ, tuning="auto")
    notes = Transcriber(front_end.settings, front_end, BENETOS2013.tracker())(y, sr=SR)
    assert sorted(notes.pitches.tolist()) == [55, 60, 64, 67]
    np.testing.assert_allclose(np.sort(notes.intervals[:, 0]), [0, 0.8, 1.6, 1.6], atol=0.1)
    assert notes.info["front_end"] == "PLCA"
    assert BENETOS2013.tracker(sensitivity=0.75).threshold == pytest.approx(BENETOS2013.tracker().threshold / 2)
