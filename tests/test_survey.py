"""What is measured of a recording as a whole, and that it does not depend on how it is read."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from conftest import SR, tone

from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import MOST_FRAMES, Survey

SETTINGS = LogFrequency(bins_per_octave=12, splits=(), windows=(0.1,))
N_BINS = len(SETTINGS.freqs)


def made(sums, *, bandwidth=np.inf):
    """Return a spectrogram whose frames have these sums, and their numbers in the first bin."""
    sums = np.asarray(sums, dtype=np.float32)
    S = np.zeros((N_BINS, len(sums)), dtype=np.float32)
    S[0] = np.arange(len(sums)) * 1e-6
    S[1] = sums - S[0]
    return Spectrogram(S, SETTINGS.freqs, np.arange(len(sums)) * 0.01, SETTINGS, bandwidth)


def cut(spectrogram, *places):
    edges = [0, *places, spectrogram.n_frames]
    return [
        replace(spectrogram, S=spectrogram.S[:, first:last], times=spectrogram.times[first:last])
        for first, last in pairwise(edges)
    ]


def numbers(survey):
    """Return which frames were sampled."""
    return np.round(survey.sample.times / 0.01).astype(int)


@pytest.mark.parametrize("n_frames", [1, 100, MOST_FRAMES])
def test_a_short_recording_is_sampled_whole(n_frames):
    spectrogram = made(np.linspace(5, 10, n_frames))
    survey = Survey.of([spectrogram])
    np.testing.assert_array_equal(survey.S, spectrogram.S)
    np.testing.assert_array_equal(survey.sample.times, spectrogram.times)


@pytest.mark.parametrize(("n_frames", "stride"), [(MOST_FRAMES + 1, 2), (3 * MOST_FRAMES, 4), (20 * MOST_FRAMES, 32)])
def test_a_long_recording_is_sampled_evenly(n_frames, stride):
    spectrogram = made(np.full(n_frames, 7.0))
    survey = Survey.of(cut(spectrogram, *range(500, n_frames, 500)))
    np.testing.assert_array_equal(numbers(survey), np.arange(0, n_frames, stride))
    np.testing.assert_array_equal(survey.S, spectrogram.S[:, ::stride])


@pytest.mark.parametrize("places", [(1,), (7, 8, 4000), tuple(range(13, 9000, 13)), (8999,)])
def test_the_cut_has_no_influence(places):
    rng = np.random.default_rng(0)
    spectrogram = made(rng.gamma(0.3, 5.0, 9000))
    whole, parts = Survey.of([spectrogram]), Survey.of(cut(spectrogram, *places))
    np.testing.assert_array_equal(parts.S, whole.S)
    np.testing.assert_array_equal(parts.sample.times, whole.sample.times)
    assert parts.level == whole.level == spectrogram.level()


def test_silence_is_left_out_wherever_it_is():
    sums = np.concatenate([np.full(300, 0.1), np.full(50, 10.0), np.full(5 * MOST_FRAMES, 0.2), np.full(50, 8.0)])
    found = numbers(Survey.of([made(sums)]))
    assert ((sums[found] == 10) | (sums[found] == 8)).all()
    # All of the end: pauses do not use the sample up.
    assert (sums[found] == 8).sum() == 50


def test_nothing_but_silence():
    survey = Survey.of([made(np.zeros(10))])
    assert survey.S.shape == (N_BINS, 0)
    assert survey.thinned(5).shape == (N_BINS, 0)
    assert survey.level == 0.0


def test_thinned_keeps_the_ends():
    survey = Survey.of([made(np.full(100, 3.0))])
    np.testing.assert_array_equal(survey.thinned(4), survey.S[:, [0, 33, 66, 99]])
    np.testing.assert_array_equal(survey.thinned(1000), survey.S)


def test_the_bandwidth_comes_along():
    assert Survey.of([made(np.ones(3), bandwidth=3600.0)]).sample.bandwidth == 3600.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_survey_of_audio(dtype):
    settings = replace(SETTINGS, dtype=dtype)
    spectrogram = settings(np.concatenate([tone(60, 1.0), np.zeros(2 * SR)]), sr=SR)
    survey = Survey.of([spectrogram])
    assert survey.S.dtype == dtype
    assert survey.sample.settings == settings
    assert survey.sample.times.max() < 1.2


def test_a_survey_needs_something():
    with pytest.raises(NmfamtError, match="no spectrogram to survey: give at least one"):
        Survey.of([])


def test_what_was_read_is_not_kept():
    blocks = cut(made(np.full(10 * MOST_FRAMES, 7.0)), *range(512, 10 * MOST_FRAMES, 512))
    survey = Survey.of(blocks)
    assert survey.S.base is None or survey.S.base.nbytes == survey.S.nbytes
    assert not any(np.shares_memory(survey.S, block.S) for block in blocks)
