"""Combined frequency and periodicity: what stands in the spectrum and in the lag domain, against tones and oracles."""

import numpy as np
import pytest
from front_ends import assert_cutting_makes_no_difference

from nmfamt import LogFrequency, NmfamtError, Survey, Threshold, Transcriber, evaluate
from nmfamt.methods.su import SU2015
from nmfamt.multipitch._frequency_periodicity import peaks_by_semitone, stands_in_both, turned
from nmfamt.multipitch.frequency_periodicity import FRAMES_OF_180_MS, CombinedFrequencyPeriodicity
from nmfamt.notes import Notes
from nmfamt.tracking import HMMTracker

SR = 16000
kernel = pytest.mark.kernel


def tone(pitch, seconds=0.6, n_partials=12, cents=0.0, inharmonicity=0.0, sr=SR):
    """Return a decaying harmonic tone with phases of its own."""
    t = np.arange(round(seconds * sr)) / sr
    f0 = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    phases = np.random.default_rng(pitch).uniform(0, 2 * np.pi, n_partials)
    k = np.arange(1, n_partials + 1)[:, None]
    f = k * f0 * np.sqrt(1 + inharmonicity * k**2)
    heard = np.where(f < sr / 2, 1 / k, 0)
    return np.exp(-2 * t) * (heard * np.sin(2 * np.pi * f * t + phases[:, None])).sum(axis=0)


def chord(*pitches, **options):
    return sum(tone(pitch, **options) for pitch in pitches)


def found(y, sr=SR, share=0.05, **options):
    """Return the pitches in the middle of a recording, and the activation."""
    front_end = CombinedFrequencyPeriodicity(**({"tuning": 0.0} | options))
    activation = front_end(front_end.settings(y, sr=sr))
    middle = activation.values[:, len(activation.times) // 2]
    return activation.pitches[middle > share * middle.sum()].astype(int).tolist()


@pytest.mark.parametrize("pitch", [36, 43, 50, 57, 64, 71, 78, 85, 92])
def test_a_tone_is_its_pitch_and_no_other(pitch):
    assert found(tone(pitch)) == [pitch]


@pytest.mark.parametrize("pitches", [(60, 64, 67), (48, 55, 64, 70), (45, 61), (52, 63), (57, 66, 76)])
def test_chords(pitches):
    assert found(chord(*pitches), share=0.02) == list(pitches)


def test_mixtures_by_chance():
    rng = np.random.default_rng(7)
    n_right = n_found = n_there = 0
    for _ in range(12):
        pitches = set(rng.choice(np.arange(45, 85), size=3, replace=False).tolist())
        estimate = set(found(chord(*pitches), share=0.03))
        n_right, n_found, n_there = n_right + len(pitches & estimate), n_found + len(estimate), n_there + len(pitches)
    assert 2 * n_right / (n_found + n_there) > 0.85


def test_partials_lie_above_in_frequency_and_below_in_lag():
    front_end = CombinedFrequencyPeriodicity(tuning=0.0)
    in_frequency, in_lag, lowest = front_end.profiles(front_end.settings(tone(57), sr=SR))
    F, L = (dict(enumerate(profile[30] / profile[30, 57 - lowest], lowest)) for profile in (in_frequency, in_lag))
    assert min(F[57 + k] for k in (12, 19, 24)) > 0.3
    assert min(L[57 - k] for k in (12, 19, 24)) > 0.3
    assert max(F[57 - k] for k in (12, 19, 24)) < 0.2
    assert max(L[57 + k] for k in (12, 19, 24)) < 0.2


def test_a_pitch_needs_both_series():
    y = chord(50, 57)
    assert len(found(y, share=0)) < len(found(y, share=0, n_partials=1, n_periods=1))
    # Without the fundamental there is a period, but nothing in frequency.
    t = np.arange(SR) / SR
    assert 57 not in found(sum(np.sin(2 * np.pi * 220 * k * t) for k in range(2, 9)))


def test_partials_that_are_stretched_stay_within_their_semitones():
    assert found(tone(57, inharmonicity=2e-4)) == [57]


def test_an_octave_moves_rows_by_12():
    low, high = found(chord(52, 59)), found(chord(64, 71))
    assert [pitch + 12 for pitch in low] == high


@pytest.mark.parametrize("cents", [-35, 0, 8, 40])
def test_the_tuning_is_estimated(cents):
    assert found(np.concatenate([tone(p, cents=cents) for p in (50, 57, 64)]), tuning="auto") == [57]


def test_noise_is_dense_and_has_few_pitches():
    noise = np.random.default_rng(0).normal(size=2 * SR)

    def count(**options):
        front_end = CombinedFrequencyPeriodicity(tuning=0.0, **options)
        return np.count_nonzero(front_end(front_end.settings(noise, sr=SR)).values)

    assert count() < 0.75 * count(n_partials=1, n_periods=1)
    assert count(density=0.7) < 0.2 * count()
    assert found(chord(60, 64, 67), density=0.7, share=0.02) == [60, 64, 67]


def test_the_band_of_the_recording_is_known():
    # At 8 kHz the fourth partial of 84 (4186 Hz) cannot be there.
    assert found(tone(84, sr=8000), sr=8000) == [84]


def test_cutting_a_stream_makes_no_difference():
    front_end = CombinedFrequencyPeriodicity(tuning=0.0)
    rng = np.random.default_rng(0)
    y = np.concatenate([chord(*rng.integers(45, 80, 3)) for _ in range(10)])
    spectrogram = front_end.settings(y, sr=SR)
    assert_cutting_makes_no_difference(front_end, spectrogram)


@pytest.mark.parametrize("gain", [1e-3, 30.0])
def test_the_gain_does_not_matter(gain):
    y = np.concatenate([chord(60, 64), chord(55, 71)])
    quiet, loud = (SU2015_transcribed(c * y) for c in (1.0, gain))
    np.testing.assert_array_equal(quiet.pitches, loud.pitches)
    np.testing.assert_allclose(quiet.intervals, loud.intervals)


def SU2015_transcribed(y):  # noqa: N802 - a name
    front_end = SU2015.front_end()
    return Transcriber(front_end.settings, front_end, SU2015.tracker())(y, sr=SR)


def test_a_melody_with_a_bass_is_transcribed():
    bass = [(40, 0.0), (45, 1.2)]
    melody = [(64, 0.0), (67, 0.6), (69, 1.2), (72, 1.8)]
    y, notes = np.zeros(3 * SR), []
    for pitch, onset in bass + melody:
        seconds = 1.1 if pitch < 50 else 0.55
        first = round((onset + 0.1) * SR)
        sound = tone(pitch, seconds)
        y[first : first + len(sound)] += sound
        notes.append(Notes([[onset + 0.1, onset + 0.1 + seconds]], [pitch]))
    # The window shows a note up to 90 ms before it begins out of silence.
    scores = evaluate(Notes.concatenate(notes), SU2015_transcribed(y), onset_tolerance=0.1)
    assert scores.onset_recall == 1
    assert scores.onset_precision >= 0.7
    assert scores.frame_f1 > 0.8


def test_every_tracker_reads_it():
    front_end = CombinedFrequencyPeriodicity()
    activation = front_end(front_end.settings(chord(60, 64, 67, seconds=1.5), sr=SR))
    assert {60, 64, 67} <= set(Threshold(0.01)(activation).pitches.tolist())
    assert {"loss", *(f"partial_{k}" for k in range(1, 7))} <= set(activation.evidence)
    assert np.isfinite(HMMTracker(sensitivity=0.9)(activation).intervals).all()


def test_the_polyphony_is_respected():
    y = chord(50, 57, 66, 73)
    for polyphony in (1, 2):
        front_end = CombinedFrequencyPeriodicity(polyphony=polyphony)
        values = front_end(front_end.settings(y, sr=SR)).values
        assert np.count_nonzero(values, axis=0).max() == polyphony


def test_silence_and_single_frames():
    front_end = CombinedFrequencyPeriodicity()
    silent = front_end(front_end.settings(np.zeros(SR), sr=SR))
    assert not silent.values.any()
    assert front_end(front_end.settings(tone(60, seconds=0.005), sr=SR)).values.shape == (88, 1)
    assert len(SU2015.tracker()(silent)) == 0


def test_any_exponent_of_the_spectrogram_is_made_up_for():
    from dataclasses import replace

    y = chord(57, 64)
    survey = Survey.of([FRAMES_OF_180_MS(y, sr=SR)])
    plain = CombinedFrequencyPeriodicity().fitted(survey)
    other = CombinedFrequencyPeriodicity(settings=replace(FRAMES_OF_180_MS, power=0.5), tuning=plain.tuning)
    a, b = (f.profiles(f.settings(y, sr=SR)) for f in (plain, other))
    np.testing.assert_allclose(a[0][20], b[0][20], rtol=1e-3, atol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": LogFrequency()}, "reads linear frequencies, the settings are LogFrequency"),
        ({"exponents": (0.24, 0.6)}, r"exponents=\(0.24, 0.6\) must be three .* such as \(0.24, 0.6, 1.0\)"),
        ({"exponents": (0.24, 0.0, 1.0)}, "must be three above 0"),
        ({"n_partials": 0}, "n_partials=0 must be a number from 1 to 16"),
        ({"n_periods": 17}, "n_periods=17 must be a number from 1 to 16"),
        ({"density": 0.0}, "density=0.0 must be a share"),
        ({"fmin": 880.0, "fmax": 440.0}, "exchange them"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        CombinedFrequencyPeriodicity(**options)


@kernel
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lags_are_those_of_an_inverse_fourier_transform(dtype):
    X = np.random.default_rng(0).random((3, 17)).astype(dtype)
    long = np.concatenate([X, np.zeros((3, 16), dtype=dtype)], axis=1)  # twice as dense
    oracle = np.maximum(np.fft.irfft(long, n=64, axis=1)[:, :33] * 64, 0)
    oracle[:, :2] = 0
    np.testing.assert_allclose(turned(X, 33, 2), oracle, rtol=1e-4, atol=1e-4)
    assert turned(X, 33, 2).dtype == dtype


@kernel
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_peaks_are_located_between_points(sign):
    rng = np.random.default_rng(1)
    X = np.maximum(rng.normal(size=(4, 60)), 0)
    got = np.zeros((4, 30))
    peaks_by_semitone(X, -10.0, 9.0, sign, got)
    oracle = np.zeros((4, 30))
    for t, x in enumerate(X):
        for i in range(1, len(x) - 1):
            if x[i] > x[i - 1] and x[i] >= x[i + 1]:
                a, b, _ = np.polyfit([-1, 0, 1], x[i - 1 : i + 2], 2)
                row = np.floor(sign * 12 * np.log2((i - b / (2 * a)) / 9.0) + 10.5)
                if 0 <= row < 30:
                    oracle[t, int(row)] = max(oracle[t, int(row)], x[i])
    np.testing.assert_array_equal(got, oracle)
    assert np.count_nonzero(got) > 15


@kernel
@pytest.mark.parametrize("density", [1.0, 0.6])
def test_the_rule_against_its_words(density):
    rng = np.random.default_rng(2)
    F, L = (rng.random((5, 60)) * (rng.random((5, 60)) < 0.75) for _ in range(2))
    pitches = np.arange(24, 36)
    series = np.array([0, 12, 19])
    n_above, n_below = rng.integers(1, 4, 12), rng.integers(1, 4, 12)
    got = np.zeros((12, 5))
    stands_in_both(F, L, pitches, series, series, n_above, n_below, density, got)
    oracle = np.zeros((12, 5))
    for t in range(5):
        for p, row in enumerate(pitches):
            up, down = series[: n_above[p]], series[: n_below[p]]
            share_up = (F[t, row : row + up[-1] + 1] > 0).mean()
            share_down = (L[t, row - down[-1] : row + 1] > 0).mean()
            noise = density < 1 and min(share_up, share_down) >= density
            if F[t, row + up].all() and L[t, row - down].all() and not noise:
                oracle[p, t] = F[t, row]
    np.testing.assert_array_equal(got, oracle)
    assert 0 < np.count_nonzero(got) < 60
