"""Joint estimation by likelihood: tones and chords whose pitches are known, and slow oracles."""

from dataclasses import replace

import numpy as np
import pytest
from front_ends import SR, assert_cutting_makes_no_difference, tone

from nmfamt import STFT, HMMTracker, LogFrequency, NmfamtError, Survey, Threshold, Transcriber
from nmfamt.methods.duan import DUAN2010
from nmfamt.multipitch import _joint_likelihood as kernels
from nmfamt.multipitch.joint_likelihood import JointLikelihood
from nmfamt.multipitch.peak_model import PeakModel, default_peak_model

kernel = pytest.mark.kernel


def chord(*pitches, **options):
    return sum(tone(pitch, **options) for pitch in pitches)


def found(y, sr=SR, **options):
    """Return the pitches in the middle of a recording."""
    front_end = JointLikelihood(**({"tuning": 0.0} | options))
    activation = front_end(front_end.settings(y, sr=sr))
    middle = activation.values[:, len(activation.times) // 2]
    return activation.pitches[middle > 0].astype(int).tolist()


@pytest.mark.parametrize("pitch", [38, 45, 57, 69, 75, 81, 93])
def test_a_tone_is_its_pitch_and_no_other(pitch):
    assert found(tone(pitch), polyphony=1) == [pitch]


@pytest.mark.parametrize("pitch", [38, 45, 57, 69, 93])
def test_how_many_sound_is_found(pitch):
    assert found(tone(pitch)) == [pitch]


def test_a_high_tone_may_bring_its_octave_along():
    # How many sound is judged by a share of the rise of the likelihood: of one tone there is little to be shared.
    assert found(tone(81)) == [81, 93]


@pytest.mark.parametrize("pitches", [(60, 64, 67), (48, 55, 64, 70), (45, 61), (52, 63), (57, 66, 76), (50, 57, 65)])
def test_chords(pitches):
    assert found(chord(*pitches)) == list(pitches)


def test_mixtures_by_chance():
    rng = np.random.default_rng(7)
    n_right = n_found = n_there = 0
    for _ in range(16):
        pitches = set(rng.choice(np.arange(48, 85), size=rng.integers(2, 5), replace=False).tolist())
        estimate = set(found(chord(*pitches, seconds=0.3)))
        n_right, n_found, n_there = n_right + len(pitches & estimate), n_found + len(estimate), n_there + len(pitches)
    assert 2 * n_right / (n_found + n_there) > 0.85


def test_regions_without_peaks_keep_the_lower_octave_away():
    y = tone(69, n_partials=6) + tone(57, n_partials=1) / 20  # something where the lower octave would begin
    model = default_peak_model()
    careless = replace(model, detection=np.full_like(model.detection, 1e-9))
    assert found(y, polyphony=1) == [69]
    assert found(y, polyphony=1, model=careless) == [57]


def test_stretched_partials_are_found():
    assert found(tone(45, inharmonicity=2e-4)) == [45]


def test_a_missing_fundamental_is_a_limit():
    assert 57 not in found(tone(57, first=2))


def test_an_octave_moves_rows_by_12():
    assert [pitch + 12 for pitch in found(chord(52, 59, 67))] == found(chord(64, 71, 79)) == [64, 71, 79]


@pytest.mark.parametrize("cents", [-35, 0, 8, 40])
def test_the_tuning_is_estimated(cents):
    assert found(np.concatenate([tone(p, cents=cents) for p in (50, 57, 64)]), tuning="auto") == [57]


def test_polyphony_range_and_share_are_respected():
    y = chord(48, 55, 64, 70)
    assert len(found(y, polyphony=2)) <= 2
    assert found(y, polyphony=None) == [48, 55, 64, 70]
    assert min(found(y, fmin=150.0)) >= 50
    assert len(found(y, share=0.3)) < 4 <= len(found(y, share=1.0))


def test_the_band_of_the_recording_is_known():
    assert found(chord(60, 67, sr=8000), sr=8000) == [60, 67]
    assert found(tone(93, sr=8000), sr=8000) == [93]


def test_neighbours_correct_a_frame():
    y = chord(52, 60, 69, seconds=1.0)
    y += 0.3 * np.random.default_rng(0).normal(size=len(y))
    front_end = JointLikelihood(tuning=0.0)
    spectrogram = front_end.settings(y, sr=SR)
    rough, smooth = (replace(front_end, context=c)(spectrogram).values > 0 for c in (0, 9))
    changes = [np.count_nonzero(np.diff(sounds.astype(int), axis=1)) for sounds in (rough, smooth)]
    assert changes[1] < 0.3 * changes[0]


def test_cutting_a_stream_makes_no_difference():
    front_end = JointLikelihood(tuning=0.0)
    rng = np.random.default_rng(0)
    y = np.concatenate([chord(*rng.integers(45, 80, 3)) for _ in range(14)])
    spectrogram = front_end.settings(y, sr=SR)
    assert_cutting_makes_no_difference(front_end, spectrogram)


def transcribed(y, tracker=None, **options):
    front_end = DUAN2010.front_end(**options)
    return Transcriber(front_end.settings, front_end, tracker or DUAN2010.tracker())(y, sr=SR)


def test_the_gain_does_not_matter():
    y = np.concatenate([chord(60, 64), chord(55, 71)])
    quiet, loud = (transcribed(gain * y) for gain in (1e-3, 30.0))
    np.testing.assert_array_equal(quiet.pitches, loud.pitches)
    np.testing.assert_allclose(quiet.intervals, loud.intervals)
    assert {55, 60, 64, 71} <= set(quiet.pitches.tolist())


def test_every_tracker_reads_it_and_values_are_shares_of_the_level():
    dying = np.exp(-3 * np.arange(round(0.4 * SR)) / SR)
    y = np.concatenate([np.zeros(SR // 2), *(tone(pitch) * dying for pitch in (57, 64, 69)), np.zeros(SR // 2)])
    for tracker in (Threshold(0.05), HMMTracker(sensitivity=0.9)):
        assert {57, 64, 69} <= set(transcribed(y, tracker).pitches.tolist())
    front_end = JointLikelihood()
    activation = front_end(front_end.settings(y, sr=SR))
    assert 0.8 < activation.values.max() / activation.level < 1.3
    assert activation.info["model"]["n_chords"] > 0


def test_silence_one_frame_and_nothing():
    front_end = JointLikelihood()
    for y in (np.zeros(SR), np.zeros(10), tone(60)[:50]):
        activation = front_end(front_end.settings(y, sr=SR))
        assert np.isfinite(activation.values).all()
        if not y.any():
            assert not activation.values.any()
    survey = Survey.of([front_end.settings(np.zeros(SR), sr=SR)])
    assert front_end.fitted(survey).tuning == 0.0


def test_a_compressed_spectrogram_gives_the_same():
    settings = STFT(sr=SR, hop_length=220, n_fft=8192, win_length=2048, power=0.5, dtype="float64", window="hamming")
    assert found(chord(60, 64, 67), settings=settings) == [60, 64, 67]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": LogFrequency()}, "take an STFT"),
        ({"share": 0.0}, "share=0.0 must be above 0 and at most 1, such as 0.88"),
        ({"n_peaks": 0}, "n_peaks=0 must be a number from 1"),
        ({"context": -1}, "context=-1 must be a number from 0"),
        ({"polyphony": 0}, "polyphony=0"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        JointLikelihood(**options)


# The model


def test_the_model_that_ships_holds_densities():
    model = default_peak_model()
    step = model.levels[1] - model.levels[0]
    np.testing.assert_allclose(np.exp(model.level_density).sum(axis=2) * step, 1, rtol=1e-2)
    x = np.linspace(-3, 3, 60001)
    assert np.trapezoid(np.exp(model.log_deviation(x)), x) == pytest.approx(1, abs=1e-2)
    mean, spread = model.spurious_mean, np.sqrt(np.diag(model.spurious_covariance))
    grid = [np.linspace(m - 6 * s, m + 6 * s, 400) for m, s in zip(mean, spread, strict=True)]
    density = model.spurious(*(axis.ravel() for axis in np.meshgrid(*grid)))
    assert density.sum() * (grid[0][1] - grid[0][0]) * (grid[1][1] - grid[1][0]) == pytest.approx(1, abs=1e-2)
    assert ((model.detection > 0) & (model.detection < 1)).all()
    assert (model.missing(np.array([20.0, 60.0, 120.0])) < 0).all()


def test_what_is_saved_is_loaded(tmp_path):
    model = default_peak_model()
    model.save(tmp_path / "model.json")
    loaded = PeakModel.load(tmp_path / "model.json")
    for name in ("deviation", "level_table", "detection", "axes"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(model, name))
    assert loaded.info == model.info


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(NmfamtError, match="There is no file"):
        PeakModel.load(tmp_path / "none.json")
    for text in ("", "[]", "{}", '{"format": 1}', '{"format": 1, "deviation": 3}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(NmfamtError, match="holds no peak model"):
            PeakModel.load(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text('{"format": 99}')
    with pytest.raises(NmfamtError, match="another format"):
        PeakModel.load(tmp_path / "bad.json")
    model = default_peak_model()
    with pytest.raises(NmfamtError, match="detection must hold finite numbers"):
        replace(model, detection=model.detection[1:])
    with pytest.raises(NmfamtError, match="pitches must be two values or more"):
        replace(model, pitches=model.pitches**2)


# Oracles


@kernel
@pytest.mark.parametrize("seed", [0, 1])
def test_likelihoods_agree_with_their_formula(seed):
    rng = np.random.default_rng(seed)
    model = default_peak_model()
    f0 = np.array([47.3, 59.1, 60.0])
    pitches = np.sort(np.concatenate([f0 + 0.1, f0 + 12 * np.log2(3) - 0.2, rng.uniform(40, 130, 6)]))
    levels = rng.uniform(-60, 3, len(pitches))
    spurious = model.spurious(pitches, levels)
    deviation = model.log_deviation(np.linspace(-1, 1, 401))
    explained, silent = kernels.likelihoods(
        pitches, levels, spurious, f0, model.missing(np.arange(128.0)), 115.0, deviation, 1.0, model.level_table,
        model.axes, model.spurious_share,
    )  # fmt: skip
    for c, F in enumerate(f0):
        for k, (pitch, level) in enumerate(zip(pitches, levels, strict=True)):
            h = max(1, round(2 ** ((pitch - F) / 12)))
            off = pitch - F - 12 * np.log2(h)
            normal = 0.0
            if h <= 50 and abs(off) <= 1:
                rows = [np.interp(level, model.levels, row) for row in model.level_table[h - 1]]
                density = np.interp(pitch, model.pitches, rows)
                rounded = np.round(off * 200) / 200
                normal = np.exp(model.log_deviation(np.array([rounded]))[0] + density)
            total = model.spurious_share * spurious[k] + (1 - model.spurious_share) * normal
            assert explained[c, k] == pytest.approx(np.log(total), abs=1e-6)
        expected = F + 12 * np.log2(np.arange(1, 51))
        is_silent = (np.abs(expected[:, None] - pitches) > 0.5).all(axis=1) & (expected <= 115)
        assert silent[c] == pytest.approx(model.missing(np.array([np.round(F)]))[0, is_silent].sum())


@kernel
@pytest.mark.parametrize("seed", range(4))
def test_fundamentals_are_added_as_the_definition_says(seed):
    rng = np.random.default_rng(seed)
    f0, explained = rng.uniform(40, 60, 9), rng.normal(-5, 3, (9, 12))
    silent = rng.uniform(-6, 0, 9)

    def total(members):
        return explained[members].max(axis=0).sum() + silent[members].sum()

    chosen, reached = [], []
    while len(chosen) < 5:
        options = [c for c in range(9) if all(abs(f0[c] - f0[m]) >= 1 for m in chosen)]
        best = max(options, key=lambda c: total([*chosen, c]), default=None)
        if best is None or (chosen and total([*chosen, best]) <= reached[-1]):
            break
        chosen.append(best)
        reached.append(total(chosen))
    share = (np.array(reached) - reached[0]) / max(reached[-1] - reached[0], 1e-12)
    n = int(np.argmax(share >= 0.88)) + 1 if len(chosen) > 1 else 1
    np.testing.assert_array_equal(kernels.add_fundamentals(f0, explained, silent, 5, 0.88, 1.0), f0[chosen[:n]])


@kernel
def test_frames_are_corrected_by_a_weighted_histogram():
    rng = np.random.default_rng(3)
    n_frames, n_rows, context = 20, 6, 4
    found = np.where(rng.random((n_frames, 3)) < 0.7, rng.uniform(0, n_rows - 1, (n_frames, 3)), -1)
    rows = np.where(found >= 0, np.round(found), -1).astype(np.int64)
    refined = kernels.refine(found, rows, n_rows, context)
    for t in range(n_frames):
        near = [(1 - abs(i - t) / (context + 1), i) for i in range(n_frames) if abs(i - t) <= context]
        histogram, sums, number = np.zeros(n_rows), np.zeros(n_rows), 0.0
        for weight, i in near:
            for F, row in zip(found[i], rows[i], strict=True):
                if row >= 0:
                    histogram[row] += weight
                    sums[row] += weight * F
                    number += weight
        polyphony = int(np.floor(number / sum(weight for weight, _ in near) + 0.5))
        kept = [row for row in np.argsort(-histogram, kind="stable")[:polyphony] if histogram[row] > 0]
        expected = np.full(n_rows, -1.0)
        for row in kept:
            own = [F for F, r in zip(found[t], rows[t], strict=True) if r == row]
            expected[row] = own[-1] if own else sums[row] / histogram[row]
        np.testing.assert_allclose(refined[t], expected)


@kernel
def test_peaks_are_shared_by_those_that_claim_them():
    pitches = np.array([60.0, 72.1, 79.0, 84.0, 90.0])
    refined = np.array([[-1.0, 60.0, 72.0]])
    values = kernels.intensities(pitches, np.array([1.0, 0.8, 0.6, 0.4, 9.0]), np.array([0, 5]), refined, 10)
    np.testing.assert_allclose(values[:, 0], [0, 1 + 0.4 + 0.6 + 0.2, 0.4 + 0.2])


@kernel
def test_fundamentals_are_proposed_around_the_lowest_and_the_strongest_peaks():
    pitches, levels = np.array([30.0, 50.0, 60.0, 70.0, 95.0, 99.9]), np.array([0.0, -30, -40, -20, -10, 0])
    proposed = kernels.propose(pitches, levels, 1, 40.0, 100.0, np.array([-0.2, 0.0, 0.2]))
    np.testing.assert_allclose(proposed, [49.8, 50.0, 50.2, 99.7, 99.9])
    assert not len(kernels.propose(pitches[:1], levels[:1], 3, 40.0, 100.0, np.zeros(1)))
