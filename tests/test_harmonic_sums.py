"""Klapuri's front ends: salience, iterative, joint, and in bands."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest

from nmfamt import STFT, HMMTracker, NmfamtError, PitchActivation, Spectrogram, Survey, Threshold
from nmfamt.multipitch.bandwise import BandwiseF0
from nmfamt.multipitch.estimator import semitones
from nmfamt.multipitch.iterative import IterativeF0
from nmfamt.multipitch.joint_salience import JointSalience
from nmfamt.multipitch.salience import FRAMES_OF_93_MS, HarmonicSum, Salience

SR = 44100
FRONT_ENDS = (Salience, IterativeF0, JointSalience, BandwiseF0)
COUNTING = (IterativeF0, JointSalience, BandwiseF0)


def tone(pitch, *, seconds=0.5, sr=SR, cents=0.0, inharmonicity=0.0, partials=range(1, 17), slope=1.0, seed=0):
    """Return a harmonic tone of random phases, whose partials fall by `slope` times 6 dB an octave."""
    rng = np.random.default_rng([seed, int(10 * pitch)])
    t = np.arange(round(seconds * sr)) / sr
    f = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    hz = [m * f * np.sqrt(1 + inharmonicity * m * m) for m in partials]
    return sum(
        np.sin(2 * np.pi * h * t + rng.uniform(0, 2 * np.pi)) / m**slope
        for m, h in zip(partials, hz, strict=True)
        if h < sr / 2
    )


def middle(front_end, y, *, sr=SR):
    """Return the pitches that are found in the middle of a sound."""
    spectrogram = front_end.settings(y, sr=sr)
    values = front_end(spectrogram).values
    return semitones(front_end)[values[:, values.shape[1] // 2] > 0].tolist()


def known(front_end, n_sounds):
    """Return a front end that knows how many sounds there are."""
    options = {"polyphony": n_sounds} | ({"counting": 0.0} if hasattr(front_end, "counting") else {})
    return replace(front_end, **options)


# Independent truths


@pytest.mark.parametrize("make", FRONT_ENDS)
@pytest.mark.parametrize("pitch", [40, 52, 60, 69, 81, 93])
def test_a_single_tone(make, pitch):
    assert middle(known(make(tuning=0.0), 1), tone(pitch)) == [pitch]


@pytest.mark.parametrize("make", COUNTING)
@pytest.mark.parametrize("pitch", [48, 64, 76])
def test_a_single_tone_is_one(make, pitch):
    found = middle(make(tuning=0.0), tone(pitch))
    assert pitch in found
    assert len(found) <= 2


@pytest.mark.parametrize("make", COUNTING)
def test_mixtures_of_a_known_number_of_sounds(make):
    rng = np.random.default_rng(0)
    wrong = total = 0
    for n_sounds in (2, 3, 4):
        for trial in range(8):
            pitches = rng.choice(np.arange(45, 85), n_sounds, replace=False)
            levels = 10 ** (rng.uniform(-4, 4, n_sounds) / 20)
            y = sum(level * tone(p, seed=trial, seconds=0.3) for p, level in zip(pitches, levels, strict=True))
            wrong += len(set(pitches.tolist()) - set(middle(known(make(tuning=0.0), n_sounds), y)))
            total += n_sounds
    assert wrong / total < 0.15


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_a_missing_fundamental(make):
    assert middle(known(make(tuning=0.0), 1), tone(57, partials=range(2, 17), slope=0.0)) == [57]


@pytest.mark.parametrize("make", COUNTING)
def test_inharmonic_partials(make):
    assert middle(known(make(tuning=0.0), 1), tone(45, inharmonicity=3e-4)) == [45]


@pytest.mark.parametrize("make", COUNTING)
def test_an_octave_of_two_sounds(make):
    y = tone(52) + 2 * tone(64, seed=3)
    assert middle(known(make(tuning=0.0), 2), y) == [52, 64]


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_the_tuning_is_estimated(make):
    y = np.concatenate([tone(p, cents=35) for p in (57, 61, 64, 66)])
    front_end = make(polyphony=1)
    fitted = front_end.fitted(Survey.of([front_end.settings(y, sr=SR)]))
    assert fitted.tuning == pytest.approx(35, abs=4)
    assert middle(known(front_end, 1), tone(61, cents=35, seconds=1.0)) == [61]


def test_whitening_compresses_levels_and_weights_are_those_of_the_paper():
    spectrogram = FRAMES_OF_93_MS(tone(60), sr=SR)
    loud = replace(spectrogram, S=8 * spectrogram.S)
    ratio = HarmonicSum().whitened(loud) / np.maximum(HarmonicSum().whitened(spectrogram), 1e-12)
    np.testing.assert_allclose(ratio[20, 20:500], 8**0.33, rtol=1e-6)
    found = HarmonicSum(n_steps=1).candidates(np.array([220.0]), spectrogram)
    np.testing.assert_allclose(found.weights[0, :2], [272 / 540, 272 / 760])
    centres = (found.low + found.high)[0, :3] / 2
    np.testing.assert_allclose(spectrogram.freqs[centres.astype(int)], [220, 440, 660], atol=6)


# Naive oracles


def slow_salience(spectrum, low, high, weights):
    return sum(w * spectrum[a : b + 1].max() for a, b, w in zip(low, high, weights, strict=True) if b >= a)


@pytest.mark.kernel
def test_salience_is_its_definition():
    from nmfamt.multipitch._klapuri import salient

    front_end = Salience(fmin=200.0, fmax=400.0, tuning=0.0, harmonics=HarmonicSum(n_steps=3, n_partials=5))
    spectrogram = front_end.settings(tone(60, seconds=0.1) + tone(64, seconds=0.1), sr=SR)
    Y = front_end.harmonics.whitened(spectrogram)[4:6]
    f0 = 440 * 2 ** ((semitones(front_end) - 69) / 12)
    places = front_end.harmonics.candidates(f0, spectrogram)
    expected = [
        [
            max(slow_salience(y, *(array[c] for array in places[:3])) for c in range(a, b))
            for a, b in pairwise(places[3])
        ]
        for y in Y
    ]
    np.testing.assert_allclose(salient(Y, *places), expected)


def every_combination(salience, pairs, n_sounds):
    def goodness(chosen):
        return sum(salience[i] for i in chosen) - sum(pairs[i, j] for i, j in combinations(chosen, 2))

    return max(combinations(range(len(salience)), n_sounds), key=goodness)


@pytest.mark.kernel
@pytest.mark.parametrize("seed", range(5))
def test_the_joint_search_finds_the_best_of_all_combinations(seed):
    from nmfamt.multipitch._joint_salience import best_combination

    rng = np.random.default_rng(seed)
    salience = np.sort(rng.uniform(0.5, 2, 9))[::-1].copy()
    pairs = rng.uniform(0, 0.6, (9, 9))
    pairs = np.triu(pairs, 1) + np.triu(pairs, 1).T
    found = best_combination(salience, pairs, 0.0, 3)
    assert [i for i in range(9) if found >> i & 1] == list(every_combination(salience, pairs, 3))


@pytest.mark.kernel
def test_partials_are_smoothed_over_an_octave():
    from nmfamt.multipitch._bandwise import octave_means

    np.testing.assert_allclose(octave_means(np.ones(12)), 1)
    spike = np.zeros(12)
    spike[7] = 1.0
    means = octave_means(spike)
    assert means[7] < 0.4
    assert not means[:4].any()


# Properties


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_an_octave_higher_is_twelve_rows_up(make):
    front_end = known(make(tuning=0.0), 2)
    low, high = (middle(front_end, tone(p) + tone(p + 7)) for p in (55, 67))
    assert high == [pitch + 12 for pitch in low]


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_recording_gain_changes_nothing(make):
    front_end = make(tuning=0.0)
    y = tone(50) + tone(57) + tone(66)
    one, other = (front_end(front_end.settings(gain * y, sr=SR)) for gain in (1.0, 0.01))
    np.testing.assert_array_equal(one.values > 0, other.values > 0)
    np.testing.assert_allclose(
        one.values / one.level, other.values / other.level, rtol=1e-2, atol=1e-6
    )  # a level is so exact


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_cutting_a_stream_makes_no_difference(make):
    front_end = make(tuning=0.0)
    spectrogram = front_end.settings(tone(57, seconds=1.0) + tone(62, seconds=1.0), sr=SR)
    whole = front_end(spectrogram)
    parts = [spectrogram.frames(*edge) for edge in pairwise([0, 1, 40, 41, spectrogram.n_frames])]
    found = PitchActivation.concatenate(list(front_end.blocks(parts, level=whole.level)))
    np.testing.assert_array_equal(found.values, whole.values)
    np.testing.assert_array_equal(found.onsets, whole.onsets)


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_every_tracker_reads_it(make):
    y = np.concatenate([np.zeros(SR // 4), *(tone(p) * np.exp(-3 * np.arange(SR // 2) / SR) for p in (60, 67))])
    front_end = make(tuning=0.0, polyphony=1)
    activation = front_end(front_end.settings(y, sr=SR))
    assert {60, 67} <= set(Threshold(0.02)(activation).pitches.tolist())
    assert len(HMMTracker(sensitivity=0.99)(activation)) > 0


@pytest.mark.parametrize("make", FRONT_ENDS)
@pytest.mark.parametrize("n_samples", [1, 4410])
def test_silence(make, n_samples):
    front_end = make()
    assert not front_end(front_end.settings(np.zeros(n_samples), sr=SR)).values.any()


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_audio_at_8_khz(make):
    assert middle(known(make(tuning=0.0), 1), tone(62, sr=8000), sr=8000) == [62]


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_polyphony_is_respected(make):
    y = sum(tone(p) for p in (48, 55, 60, 64, 70, 75))
    front_end = make(tuning=0.0, polyphony=3)
    values = front_end(front_end.settings(y, sr=SR)).values
    assert np.count_nonzero(values, axis=0).max() == 3


@pytest.mark.parametrize("make", FRONT_ENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_precision_is_kept(make, dtype):
    settings = replace(make().settings, dtype=dtype)
    found = make(settings=settings, tuning=0.0)(settings(tone(60, seconds=0.1), sr=SR))
    assert found.values.dtype == dtype


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Salience, {"fmin": 900.0, "fmax": 100.0}, "fmax=100 Hz is below fmin=900 Hz"),
        (IterativeF0, {"cancellation": 3.0}, "cancellation=3.0 must lie between 0 and 2"),
        (IterativeF0, {"counting": -0.1}, "counting=-0.1 must lie between 0 and 1"),
        (IterativeF0, {"polyphony": 0}, "polyphony=0 must be a number of notes"),
        (JointSalience, {"n_candidates": 90}, "n_candidates=90 must be a number from 1 to 60"),
        (JointSalience, {"sharing": 3.0}, "sharing=3.0 must lie between 0 and 2"),
        (BandwiseF0, {"inharmonicities": ()}, r"inharmonicities=\(\) must be numbers from 0 to 0.1"),
        (BandwiseF0, {"n_steps": 0}, "n_steps=0 must be a number from 1 to 100"),
    ],
)
def test_bad_options_are_refused_with_their_cure(make, options, message):
    with pytest.raises(NmfamtError, match=message):
        make(**options)


@pytest.mark.parametrize("options", [{"whitening": 2.0}, {"n_partials": 0}, {"alpha": -1.0}])
def test_bad_weights_are_refused(options):
    with pytest.raises(NmfamtError, match="=".join(map(str, *options.items()))):
        HarmonicSum(**options)


@pytest.mark.parametrize("make", FRONT_ENDS)
def test_other_spectrograms_are_refused(make):
    from nmfamt import LogFrequency

    with pytest.raises(NmfamtError, match="sums harmonics at evenly spaced bins"):
        make(settings=LogFrequency())
    other = STFT()
    spectrogram = Spectrogram(np.zeros((len(other.freqs), 3)), other.freqs, np.arange(3) / 100, other)
    with pytest.raises(NmfamtError, match=r"front_end.settings\(y, sr=sr\)"):
        make()(spectrogram)


def test_salience_alone_keeps_nothing_but_maxima():
    front_end = Salience(tuning=0.0, polyphony=None)
    values = front_end(front_end.settings(tone(57) + tone(64), sr=SR)).values
    assert not ((values[1:] > 0) & (values[:-1] > 0)).any()
