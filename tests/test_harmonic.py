"""Harmonic templates that are learned on the recording: narrow-band spectra, weights, and what they find."""

import numpy as np
import pytest
from front_ends import assert_cutting_makes_no_difference

from nmfamt import STFT, HMMTracker, LogFrequency, NmfamtError, Survey, Threshold, Transcriber
from nmfamt.methods.vincent import VINCENT2010
from nmfamt.multipitch.harmonic import HarmonicNMF, learn_weights
from nmfamt.multipitch.narrow_band import (
    erb_number,
    narrow_band_spectra,
    partial_frequencies,
    piano_inharmonicity,
)
from nmfamt.nmf import beta_divergence

SR = 16000
SETTINGS = HarmonicNMF().settings
LINEAR = STFT(n_fft=4096, power=1.0)
SMALL = {"fmin": 110.0, "fmax": 1760.0}


def tone(pitch, seconds=0.4, *, partials=range(1, 9), B=0.0, cents=0.0, seed=0):
    """Return a decaying tone; the m-th partial is 1 / m as loud, and in a random phase."""
    t = np.arange(round(seconds * SR)) / SR
    f0 = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    phases = np.random.default_rng(seed).uniform(0, 6, size=100)
    hz = [(m, m * f0 * np.sqrt((1 + B * m**2) / (1 + B))) for m in partials]
    y = sum(np.sin(2 * np.pi * f * t + phases[m]) / m for m, f in hz if f < 0.45 * SR)
    return y * np.exp(-2 * t) * np.minimum(1, np.minimum(t, t[::-1]) / 0.01)


def music(*chords, **options):
    return np.concatenate([sum(tone(pitch, seed=pitch, **options) for pitch in chord) for chord in chords])


def loudest(activation, frame, n):
    """Return the `n` strongest pitches of a frame."""
    return set(activation.pitches[np.argsort(-activation.values[:, frame])[:n]].tolist())


CHORDS = [(57, 64), (60, 67), (62, 69), (57, 61, 64), (59, 62, 67), (60,), (64,), (67,)]


# --- narrow-band spectra


def test_partials_lie_at_multiples_or_where_a_stiff_string_has_them():
    np.testing.assert_allclose(partial_frequencies(100.0, 1050.0), 100.0 * np.arange(1, 11))
    stiff = partial_frequencies(100.0, 1050.0, 1e-3)
    assert stiff[0] == pytest.approx(100.0)
    np.testing.assert_allclose(stiff[4], 500 * np.sqrt(1.025 / 1.001))
    assert stiff[-1] <= 1050
    assert len(partial_frequencies(2000.0, 1000.0)) == 0


def test_pianos_are_least_inharmonic_in_the_tenor():
    B = piano_inharmonicity(440 * 2 ** ((np.array([21, 40, 60, 84, 108]) - 69) / 12))
    assert B[1] == B.min()
    assert 1e-4 < B[0] < 1e-3
    assert 5e-3 < B[-1] < 0.1


def test_the_erb_scale_is_that_of_hearing():
    hz = np.array([100.0, 1000.0, 4000.0])
    width = 1 / ((erb_number(hz + 0.5) - erb_number(hz - 0.5)) / 1.0)
    np.testing.assert_allclose(width, 24.7 * (1 + 0.00437 * hz), rtol=0.01)


@pytest.mark.parametrize("settings", [SETTINGS, LINEAR])
def test_a_narrow_band_of_one_partial_is_the_spectrum_of_a_pure_tone(settings):
    f0 = np.array([300.0, 1000.0])
    N = narrow_band_spectra(settings, f0, n_bands=1, band_step=0.5)  # so narrow that it holds the fundamental alone
    t = np.arange(SR) / SR
    for row, hz in enumerate(f0):
        S = settings(np.sin(2 * np.pi * hz * t), sr=SR).S[:, 50]
        S[np.abs(np.log2(settings.freqs / hz)) > 0.25] = 0
        expected = S / S.sum()
        assert np.abs(N[row, 0] - expected).max() < 0.1 * expected.max()


def test_narrow_bands_are_harmonic_smooth_and_of_unit_sum():
    settings = SETTINGS
    N = narrow_band_spectra(settings, np.array([220.0, 5000.0]), n_bands=10, band_step=2.0)
    sums = N.sum(axis=2)
    np.testing.assert_allclose(sums[0], 1, rtol=1e-5)
    assert (sums[1] > 0).sum() < 3  # there is no room for more bands
    between = np.abs(settings.freqs / 220 % 1 - 0.5) < 0.2
    low = settings.freqs < 1200
    assert N[0][:, between & low].max() < 0.05 * N[0].max()
    centres = (N[0] * np.log2(settings.freqs)).sum(axis=1)
    assert (np.diff(centres) > 0).all()


def test_nothing_lies_above_what_the_recording_holds():
    settings = SETTINGS
    N = narrow_band_spectra(settings, np.array([220.0, 4500.0]), n_bands=12, band_step=2.0, highest=4000.0)
    assert not N[:, :, settings.freqs > 4000].any()
    assert not N[1].any()


def test_stiff_strings_move_the_upper_partials():
    settings = SETTINGS
    f0, B = np.array([440.0]), np.array([2e-3])
    stiff = narrow_band_spectra(settings, f0, n_bands=12, band_step=2.0, inharmonicity=B)[0, -1]
    plain = narrow_band_spectra(settings, f0, n_bands=12, band_step=2.0)[0, -1]
    logs = np.log2(settings.freqs)
    partials = partial_frequencies(440.0, 7600.0, 2e-3)
    nearest = np.abs(logs[stiff.argmax()] - np.log2(partials)).min()
    assert nearest < 1.0 / settings.bins_per_octave
    assert np.abs(logs[plain.argmax()] - np.log2(440 * np.arange(1, 18))).min() < 1.0 / settings.bins_per_octave
    assert np.abs(stiff - plain).sum() > 0.5


# --- weights


def naive_weights(V, N, beta, max_iter):
    """Do what `learn_weights` does one number at a time."""
    n_pitches, n_bands, n_bins = N.shape
    gamma = 1 / (2 - beta) if beta < 1 else 1.0
    E = np.full((n_pitches, n_bands), 1 / n_bands)
    H = np.tile(V.sum(axis=0) / n_pitches, (n_pitches, 1))
    for _ in range(max_iter):
        W = np.array(
            [[sum(E[p, k] * N[p, k, f] for k in range(n_bands)) for p in range(n_pitches)] for f in range(n_bins)]
        )
        X = W @ H
        new = H.copy()
        for p in range(n_pitches):
            for t in range(V.shape[1]):
                num = sum(W[f, p] * V[f, t] * X[f, t] ** (beta - 2) for f in range(n_bins))
                den = sum(W[f, p] * X[f, t] ** (beta - 1) for f in range(n_bins))
                new[p, t] *= (num / den) ** gamma
        H = new
        X = W @ H
        changed = E.copy()
        for p in range(n_pitches):
            for k in range(n_bands):
                cells = [(f, t) for f in range(n_bins) for t in range(V.shape[1])]
                num = sum(N[p, k, f] * H[p, t] * V[f, t] * X[f, t] ** (beta - 2) for f, t in cells)
                den = sum(N[p, k, f] * H[p, t] * X[f, t] ** (beta - 1) for f, t in cells)
                changed[p, k] *= (num / den) ** gamma
        sums = changed.sum(axis=1, keepdims=True)
        E, H = changed / sums, H * sums
    return E


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
def test_weights_are_those_of_the_plain_loops(beta):
    rng = np.random.default_rng(1)
    N = rng.random((3, 2, 7)) + 0.1
    N /= N.sum(axis=2, keepdims=True)
    V = rng.random((7, 5))
    np.testing.assert_allclose(learn_weights(V, N, beta=beta, max_iter=3), naive_weights(V, N, beta, 3), rtol=1e-8)


def test_weights_of_a_known_mixture_are_found_again():
    rng = np.random.default_rng(2)
    settings = SETTINGS
    f0 = 440 * 2 ** ((np.arange(48, 84, 5) - 69) / 12)
    N = narrow_band_spectra(settings, f0, n_bands=5, band_step=3.0).astype(float)
    E = rng.random((len(f0), 5)) + 0.1
    E /= E.sum(axis=1, keepdims=True)
    H = rng.exponential(size=(len(f0), 60)) * (rng.random((len(f0), 60)) < 0.4)
    V = np.einsum("pk,pkf,pt->ft", E, N, H)
    V = V[:, V.sum(axis=0) > 0]
    errors = [np.abs(learn_weights(V, N, max_iter=n) - E).mean() for n in (1, 20, 300)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


def test_the_divergence_falls_with_every_update():
    front_end = HarmonicNMF(tuning=0.0, **SMALL)
    V = front_end.settings(music(*CHORDS), sr=SR).S[:, ::7].astype(float) + 1e-9
    N = front_end.narrow_bands().astype(float)
    costs = []
    for n in (1, 2, 5, 20):
        from dataclasses import replace

        W = (learn_weights(V, N, max_iter=n)[:, None] @ N)[:, 0].T
        H = replace(front_end, templates=W, n_updates=100)._activations(V)
        costs.append(beta_divergence(V, W @ H + 1e-6 * V.max(), beta=0.5))
    assert costs == sorted(costs, reverse=True)


def test_empty_bands_have_no_weight_and_precision_is_kept():
    N = np.zeros((2, 2, 4), dtype=np.float32)
    N[0, 0, :2] = 0.5
    E = learn_weights(np.ones((4, 3), dtype=np.float32), N)
    assert E.dtype == np.float32
    assert E.tolist() == [[1, 0], [0, 0]]


# --- the front end


def test_chords_are_found():
    front_end = HarmonicNMF(inharmonic=False, **SMALL)
    activation = front_end(front_end.settings(music(*CHORDS), sr=SR))
    for i, chord in enumerate(CHORDS):
        assert loudest(activation, 40 * i + 15, len(chord)) == set(chord)


def test_stiff_strings_are_found_when_asked_for():
    chords = [(76, 81), (79, 84), (83,), (88,)]
    B = float(piano_inharmonicity(np.array([880.0]))[0])
    y = music(*chords, B=B, partials=range(1, 7))
    shares = []
    for inharmonic in (True, False):
        front_end = HarmonicNMF(tuning=0.0, inharmonic=inharmonic, fmin=220, fmax=3520)
        activation = front_end(front_end.settings(y, sr=SR))
        heard = np.zeros_like(activation.values, dtype=bool)
        for i, chord in enumerate(chords):
            heard[np.isin(activation.pitches, chord), 40 * i : 40 * (i + 1)] = True
        shares.append(activation.values[heard].sum() / activation.values.sum())
    assert shares[0] > 0.75
    assert shares[0] > shares[1]


def test_a_fundamental_that_is_missing_is_found():
    front_end = HarmonicNMF(inharmonic=False, **SMALL)
    y = music((57,), (60,), (64,), partials=range(2, 13))
    activation = front_end(front_end.settings(y, sr=SR))
    for i, pitch in enumerate((57, 60, 64)):
        assert loudest(activation, 40 * i + 15, 1) == {pitch}


def test_an_octave_is_told_from_its_lower_note_where_both_were_heard_alone():
    front_end = HarmonicNMF(inharmonic=False, **SMALL)
    activation = front_end(front_end.settings(music((57,), (69,), (57, 69), (57,), (69,)), sr=SR))
    rows = np.searchsorted(activation.pitches, (57, 69))
    low, high = activation.values[rows][:, [15, 55, 95]]
    assert low[0] > 3 * high[0]
    assert high[1] > 3 * low[1]
    assert min(low[2], high[2]) > 0.2 * max(low[2], high[2])


def test_the_envelope_of_the_instrument_is_learned():
    bright, dark = (music((57,), (64,), (57,), partials=partials) for partials in (range(1, 9), range(1, 2)))
    front_end = HarmonicNMF(tuning=0.0, **SMALL)
    centres = []
    for y in (bright, dark):
        W = front_end.fitted(Survey.of([front_end.settings(y, sr=SR)])).templates[:, 57 - 45]
        centres.append(np.log2(front_end.settings.freqs) @ W)
    assert centres[0] > centres[1] + 0.5


def test_an_octave_higher_is_twelve_rows_higher():
    front_end = HarmonicNMF(tuning=0.0, inharmonic=False, **SMALL)
    for shift in (0, 12):
        y = music(*[[pitch + shift for pitch in chord] for chord in CHORDS])
        activation = front_end(front_end.settings(y, sr=SR))
        for i, chord in enumerate(CHORDS):
            assert loudest(activation, 40 * i + 15, len(chord)) == {pitch + shift for pitch in chord}


@pytest.mark.parametrize("hz", [435.0, 442.0])
def test_the_tuning_is_estimated(hz):
    front_end = HarmonicNMF(inharmonic=False, **SMALL)
    cents = 1200 * np.log2(hz / 440)
    spectrogram = front_end.settings(music(*CHORDS, cents=cents), sr=SR)
    fitted = front_end.fitted(Survey.of([spectrogram]))
    assert fitted.tuning == pytest.approx(cents, abs=3)
    assert loudest(fitted(spectrogram), 15, 2) == {57, 64}


def test_values_are_in_units_of_the_maximum_and_the_gain_does_not_matter():
    front_end = HarmonicNMF(**SMALL)
    y = music(*CHORDS)
    loud, quiet = (front_end(front_end.settings(gain * y, sr=SR)) for gain in (1.0, 0.003))
    assert (loud.values / loud.level).max() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(quiet.values / quiet.level, loud.values / loud.level, atol=0.02)
    tracker = VINCENT2010.tracker()
    assert tracker(loud).pitches.tolist() == tracker(quiet).pitches.tolist()


def test_cutting_a_stream_makes_no_difference():
    front_end = HarmonicNMF(tuning=0.0, **SMALL)
    spectrogram = front_end.settings(np.tile(music(*CHORDS), 3), sr=SR)
    assert_cutting_makes_no_difference(front_end, spectrogram)


def test_what_was_learned_is_kept():
    front_end = HarmonicNMF(**SMALL)
    survey = Survey.of([front_end.settings(music(*CHORDS), sr=SR)])
    fitted = front_end.fitted(survey)
    assert front_end.templates is None
    assert fitted.fitted(survey) is fitted
    np.testing.assert_allclose(fitted.templates.sum(axis=0), 1, rtol=1e-4)
    assert "templates" not in fitted.info
    assert fitted.info["front_end"] == "HarmonicNMF"


@pytest.mark.parametrize("n_samples", [1, 100, SR])
def test_silence_has_no_pitch(n_samples):
    front_end = HarmonicNMF(**SMALL)
    activation = front_end(front_end.settings(np.zeros(n_samples), sr=SR))
    assert not activation.values.any()
    assert len(VINCENT2010.tracker()(activation)) == 0


def test_one_frame_is_enough():
    front_end = HarmonicNMF(inharmonic=False, **SMALL)
    frame = front_end.settings(tone(69), sr=SR).frames(15, 16)
    assert loudest(front_end(frame), 0, 1) == {69}


def test_a_recording_at_a_low_rate():
    front_end = HarmonicNMF(inharmonic=False, fmax=4186.0)
    activation = front_end(front_end.settings(music(*CHORDS)[::2], sr=SR / 2))
    assert loudest(activation, 15, 2) == {57, 64}
    assert not activation.values[activation.pitches >= 108].any()  # above half the rate


def test_polyphony_is_respected():
    front_end = HarmonicNMF(polyphony=2, **SMALL)
    values = front_end(front_end.settings(music(*CHORDS), sr=SR)).values
    assert (np.count_nonzero(values, axis=0) <= 2).all()


@pytest.mark.parametrize("settings", [LINEAR, LogFrequency(dtype="float64", power=0.5)])
def test_other_spectrograms_will_do(settings):
    front_end = HarmonicNMF(settings, inharmonic=False, **SMALL)
    activation = front_end(settings(music(*CHORDS), sr=SR))
    assert activation.values.dtype == settings.dtype
    assert loudest(activation, 15, 2) == {57, 64}


def test_every_tracker_finds_a_melody():
    front_end = HarmonicNMF(inharmonic=False, **SMALL)
    y = music((57,), (64,), (69,))
    for tracker in (Threshold(0.1), HMMTracker(), VINCENT2010.tracker()):
        notes = Transcriber(front_end.settings, front_end, tracker)(y, sr=SR)
        assert {57, 64, 69} <= set(notes.pitches.tolist())


def test_the_threshold_of_the_method_is_27_decibels_below_the_maximum():
    tracker, power = VINCENT2010.tracker(), VINCENT2010.front_end().settings.power
    assert 20 / power * np.log10(tracker.threshold) == pytest.approx(-27)
    assert VINCENT2010.tracker(sensitivity=0.75).threshold == pytest.approx(tracker.threshold / 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_bands": 0}, "n_bands=0 must be at least 1: by default it is 16"),
        ({"max_iter": 0}, "max_iter=0 must be at least 1"),
        ({"n_updates": 0}, "n_updates=0 must be at least 1"),
        ({"band_step": 0.0}, "band_step=0.0 must be a positive number of ERB, such as 1.5"),
        ({"beta": 3.0}, r"beta=3.0 must lie in \[0, 2\]"),
        ({"maximum": 0.0}, r"maximum=0.0 must be positive: fitted\(survey\) finds it"),
        ({"templates": np.ones((3, 2))}, r"templates have shape \(3, 2\), but \(394, 49\) is needed"),
        ({"polyphony": 0}, "polyphony=0"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        HarmonicNMF(**{**SMALL, **options})


def test_blocks_need_templates_and_their_own_settings():
    front_end = HarmonicNMF(tuning=0.0, **SMALL)
    spectrogram = front_end.settings(tone(69), sr=SR)
    with pytest.raises(NmfamtError, match=r"learned on the recording: use fitted\(survey\).blocks"):
        next(front_end.blocks([spectrogram], level=1.0))
    other = STFT()(tone(69), sr=SR)
    with pytest.raises(NmfamtError, match=r"front_end.settings\(y, sr=sr\)"):
        front_end(other)
    with pytest.raises(NmfamtError, match=r"HarmonicNMF\(settings=survey.sample.settings\)"):
        front_end.fitted(Survey.of([other]))
