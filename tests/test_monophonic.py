"""The pitch of a single voice."""

from itertools import pairwise

import numpy as np
import pytest

from nmfamt import STFT, HMMTracker, NmfamtError, PitchActivation, Survey, Threshold, Transcriber
from nmfamt.methods.mauch import MAUCH2014
from nmfamt.multipitch._monophonic import most_likely_path
from nmfamt.multipitch.monophonic import MonophonicPitch
from nmfamt.pitch import pitch_to_hz

SR = 16000
MELODY = (57, 64, 62, 76, 81, 45, 69, 90)


def tone(pitch, seconds=0.5, *, stretch=0.0, first=1):
    t = np.arange(round(seconds * SR)) / SR
    k = np.arange(first, 11)
    hz = pitch_to_hz(np.asarray(pitch)) * k * np.sqrt(1 + stretch * k**2)
    y = ((hz < 7000)[:, None] / k[:, None] * np.sin(2 * np.pi * hz[:, None] * t + k[:, None] ** 2)).sum(axis=0)
    return y * np.clip(t / 0.01, 0, 1) * np.clip((seconds - t) / 0.02, 0, 1)


def melody(pitches=MELODY, *, cents=0.0, noise=1e-3, pause=0.1):
    y = np.concatenate([np.append(tone(pitch + cents / 100), np.zeros(round(pause * SR))) for pitch in pitches])
    return y + noise * np.random.default_rng(0).standard_normal(len(y))


def track(y, **options):
    front_end = MonophonicPitch(**{"tuning": 0.0, **options})
    return front_end.track(front_end.settings(y, sr=SR))


@pytest.mark.parametrize("pitch", [33.3, 45.0, 57.2, 66.6, 81.0, 93.4, 98.9])
def test_the_fundamental_of_a_tone_is_found_to_a_tenth_of_a_semitone(pitch):
    f0 = track(tone(pitch))[10:40]
    np.testing.assert_allclose(69 + 12 * np.log2(f0 / 440), pitch, atol=0.11)


@pytest.mark.parametrize("options", [{"first": 2}, {"stretch": 1e-4}])
def test_a_missing_fundamental_and_inharmonic_partials_are_forgiven(options):
    f0 = track(tone(52, **options))[10:40]
    np.testing.assert_allclose(69 + 12 * np.log2(f0 / 440), 52, atol=0.3)


def test_a_sine_is_no_subharmonic_of_itself():
    t = np.arange(SR // 2) / SR
    f0 = track(np.sin(2 * np.pi * 440 * t))[10:40]
    np.testing.assert_allclose(f0, 440, rtol=0.003)


def test_it_agrees_with_librosa():
    import librosa

    y = melody(noise=1e-4)
    ours = track(y)
    theirs, voiced, _ = librosa.pyin(
        y, fmin=55, fmax=2489, sr=SR, frame_length=2048, hop_length=160, resolution=0.1, boltzmann_parameter=2
    )
    both = (ours > 0) & voiced
    assert both.mean() > 0.75
    cents = 1200 * np.abs(np.log2(ours[both] / theirs[both]))
    assert np.mean(cents <= 11) > 0.98  # a bin of either, where a pitch lies between two


def test_noise_and_silence_are_not_heard():
    noise = np.random.default_rng(0).standard_normal(3 * SR)
    assert (track(noise) > 0).mean() < 0.1
    front_end = MonophonicPitch()
    activation = front_end(front_end.settings(np.zeros(SR), sr=SR))
    assert not activation.values.any()
    assert activation.info["tuning"] == 0.0


@pytest.mark.kernel
def test_the_path_is_that_of_a_dense_viterbi():
    """librosa's, over the product of moves and hearing."""
    from librosa.sequence import transition_loop, viterbi

    rng = np.random.default_rng(3)
    n_pitches, n_frames, reach, switch = 9, 25, 2, 0.1
    heard = rng.dirichlet(np.full(n_pitches, 0.2), n_frames) * rng.choice([0.1, 0.9], (n_frames, 1))
    heard = np.maximum(heard, 1e-6)
    silent = (1 - heard.sum(axis=1)) / n_pitches
    offset = np.arange(n_pitches)[None, :] - np.arange(n_pitches)[:, None]  # from row to column
    dense = np.maximum(0.0, 1 - np.abs(offset) / (reach + 1))
    dense /= dense.sum(axis=1, keepdims=True)
    moves = np.full((2 * reach + 1, n_pitches), -np.inf)
    for k in range(-reach, reach + 1):
        for p in range(n_pitches):
            if 0 <= p + k < n_pitches:
                moves[k + reach, p] = np.log(dense[p, p + k])
    path = most_likely_path(np.log(heard), np.log(silent), moves, float(np.log(1 - switch)), float(np.log(switch)))
    transition = np.kron(transition_loop(2, 1 - switch), dense)
    observed = np.concatenate([heard.T, np.broadcast_to(silent, (n_pitches, n_frames))])
    expected = viterbi(observed, transition, p_init=np.full(2 * n_pitches, 0.5 / n_pitches))
    np.testing.assert_array_equal(path, expected)
    assert {bool(state < n_pitches) for state in path} == {True, False}


@pytest.mark.kernel
def test_a_path_of_no_frame_and_of_one():
    moves = np.zeros((1, 3))
    options = (float(np.log(0.9)), float(np.log(0.1)))
    assert len(most_likely_path(np.zeros((0, 3)), np.zeros(0), moves, *options)) == 0
    heard = np.log(np.array([[0.1, 0.7, 0.1]]))
    assert most_likely_path(heard, np.log(np.array([0.05])), moves, *options).tolist() == [1]


def test_thresholds_are_those_of_a_beta_distribution():
    from scipy.stats import beta

    x = np.linspace(0, 1, 21)
    np.testing.assert_allclose(MonophonicPitch()._below(x), beta.cdf(x, 2, 18), atol=1e-12)


def test_the_shortest_lag_below_each_threshold_gets_its_probability():
    """Against a hundred thousand thresholds, one after the other."""
    front_end = MonophonicPitch(tuning=0.0)
    y = tone(57) + 0.5 * np.random.default_rng(0).standard_normal(SR // 2)
    S = front_end.settings(y, sr=SR).S[:, 20:22]
    difference = front_end._difference(S)
    pitches = front_end._pitches
    low = int(4 * SR / pitch_to_hz(pitches[-1]))
    thresholds = np.random.default_rng(1).beta(2, 18, 100_000)
    for d, found in zip(difference, front_end._candidates(S), strict=True):
        lags = [i for i in range(low, len(d) - 1) if d[i] < d[i - 1] and d[i] <= d[i + 1]]
        deepest = min(lags, key=lambda i: d[i])
        expected = np.zeros(len(pitches))
        for threshold in thresholds:
            below = [i for i in lags if d[i] < threshold]
            lag = below[0] if below else deepest
            offset = 0.5 * (d[lag - 1] - d[lag + 1]) / (d[lag - 1] - 2 * d[lag] + d[lag + 1])
            pitch = 69 + 12 * np.log2(4 * SR / (lag + offset) / 440)
            expected[round((pitch - pitches[0]) * 10)] += (1.0 if below else 0.01) / len(thresholds)
        np.testing.assert_allclose(found, expected, atol=0.01)
        assert np.count_nonzero(found > 1e-4) > 1


def test_the_difference_is_that_of_the_audio():
    """Of a periodic sound the window cancels: YIN's difference function over a long frame, in the time domain."""
    front_end = MonophonicPitch(tuning=0.0)
    t = np.arange(SR) / SR
    y = sum(np.sin(2 * np.pi * 250 * k * t + k) / k for k in range(1, 6))
    ours = front_end._difference(front_end.settings(y, sr=SR).S[:, 50:51])[0]
    lags = np.arange(1, len(ours) // 4)
    x = y[4000:12000]
    squares = np.array([np.mean((x - y[4000 + lag : 12000 + lag]) ** 2) for lag in lags])
    theirs = squares * lags / np.cumsum(squares)
    period = SR // 250
    assert ours[::4][period] < 0.01
    # At first the mean over shorter lags depends on how many there are.
    later = slice(period // 4, 3 * period)
    np.testing.assert_allclose(ours[4::4][later], theirs[later], atol=0.1)


def test_a_melody_is_found_by_every_tracker():
    y = np.append(np.zeros(SR // 2), melody(MELODY[:4]))
    front_end = MonophonicPitch()
    for tracker in (Threshold(0.03), HMMTracker(sensitivity=0.95)):
        notes = Transcriber(front_end.settings, front_end, tracker)(y, sr=SR)
        assert set(MELODY[:4]) <= set(notes.pitches.tolist())


def test_the_method_finds_each_note_when_it_sounds():
    front_end = MAUCH2014.front_end()
    notes = Transcriber(front_end.settings, front_end, MAUCH2014.tracker())(melody(), sr=SR)
    assert notes.pitches.tolist() == list(MELODY)
    np.testing.assert_allclose(notes.intervals[:, 0], 0.6 * np.arange(len(MELODY)), atol=0.05)
    np.testing.assert_allclose(notes.intervals[:, 1], 0.6 * np.arange(len(MELODY)) + 0.5, atol=0.05)


def test_low_notes_get_the_long_window_they_need():
    front_end = MAUCH2014.front_end(fmin=27.5)
    assert front_end.settings.win_length == 2048
    f0 = front_end.track(front_end.settings(tone(24, 1.0), sr=SR))[20:80]
    np.testing.assert_allclose(f0, pitch_to_hz(24), rtol=0.01)


def test_there_is_one_voice():
    front_end = MonophonicPitch(tuning=0.0)
    values = front_end(front_end.settings(melody() + melody(MELODY[::-1]), sr=SR)).values
    assert (np.count_nonzero(values, axis=0) <= 1).all()


def test_an_octave_up_moves_the_rows_by_twelve():
    front_end = MonophonicPitch(tuning=0.0)
    low, high = (front_end(front_end.settings(tone(pitch), sr=SR)).values[:, 25].argmax() for pitch in (50, 62))
    assert high == low + 12


@pytest.mark.parametrize("cents", [-35, 0, 8, 40])
def test_the_tuning_is_estimated_and_the_pitches_keep_their_names(cents):
    front_end = MonophonicPitch()
    pitches = (57, 64, 69, 73)
    activation = front_end(front_end.settings(melody(pitches, cents=cents, noise=0), sr=SR))
    assert activation.info["tuning"] == pytest.approx(cents, abs=5)
    assert [float(activation.pitches[activation.values[:, t].argmax()]) for t in (25, 85, 145, 205)] == list(pitches)


def test_cutting_a_stream_makes_no_difference():
    front_end = MonophonicPitch(tuning=0.0)
    spectrogram = front_end.settings(melody(MELODY * 3), sr=SR)
    whole = front_end(spectrogram)
    assert spectrogram.n_frames > 2 * 512
    for edges in ([0, 1, 3, 511, 512, 700], range(0, spectrogram.n_frames, 13)):
        parts = [spectrogram.frames(*edge) for edge in pairwise([*edges, spectrogram.n_frames])]
        found = PitchActivation.concatenate(list(front_end.blocks(parts, level=whole.level)))
        for name in ("values", "onsets", "times"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    # A second of context is enough: the path through all frames together is the same.
    together = front_end.estimate(spectrogram)
    assert np.mean((together > 0) == (whole.values > 0)) > 0.9999


def test_the_gain_of_the_recording_does_not_matter():
    front_end = MonophonicPitch(tuning=0.0)
    loud, soft = (front_end(front_end.settings(gain * melody(MELODY[:3]), sr=SR)) for gain in (1.0, 1e-4))
    np.testing.assert_array_equal(loud.values > 0, soft.values > 0)
    np.testing.assert_allclose(soft.values / soft.level, loud.values / loud.level, rtol=2e-2)


def test_a_single_frame_and_audio_at_a_low_rate():
    import soxr

    front_end = MonophonicPitch(tuning=0.0)
    one = front_end(front_end.settings(tone(60), sr=SR).frames(25, 26))
    assert one.pitches[one.values[:, 0].argmax()] == 60
    y = soxr.resample(tone(60), SR, 8000)
    activation = front_end(front_end.settings(y, sr=8000))
    assert activation.pitches[activation.values[:, 25].argmax()] == 60


def test_the_survey_is_kept_out_of_a_given_tuning():
    given = MonophonicPitch(tuning=-30.0)
    assert given.fitted(Survey.of([given.settings(tone(60), sr=SR)])) is given


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": STFT(n_fft=2048, win_length=1024)}, r"take STFT\(n_fft=2048, win_length=1024, power=1.0\)"),
        ({"settings": STFT(n_fft=2048, power=1.0)}, "take n_fft=4096, or win_length=1024"),
        ({"fmin": 27.5}, "take fmin=40, or a window of 1455"),
        ({"fmax": 5000.0}, "fmax=5000 Hz has less than 4 samples a period: take 4000 at most"),
        ({"threshold": 0.0}, r"threshold=0.0 must lie in \(0, 0.5\]"),
        ({"switch": 0.9}, r"switch=0.9 must lie in \(0, 0.5\]"),
        ({"max_speed": 0.0}, "max_speed=0.0 must be positive"),
        ({"fmin": 880.0, "fmax": 440.0}, "exchange them"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        MonophonicPitch(**options)
