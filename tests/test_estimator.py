"""What surrounds every front end that needs no dictionary."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from nmfamt import STFT, HMMTracker, NmfamtError, PitchActivation, Spectrogram, Survey, Threshold, Transcriber
from nmfamt.multipitch.estimator import (
    activation_blocks,
    activation_of,
    check_estimator,
    describe,
    fundamentals,
    rises,
    semitones,
    strongest,
    tuned,
)
from nmfamt.multipitch.partials import strength_of_partials

SR = 16000


@dataclass(frozen=True)
class FirstPartial:
    """The least that a front end can be: a pitch sounds as strongly as its first partial, two frames later too."""

    settings: STFT = STFT(n_fft=4096, power=1.0)  # noqa: RUF009 - frozen
    fmin: float = 55.0
    fmax: float = 1760.0
    polyphony: int | None = None
    tuning: float | str = "auto"

    def __post_init__(self) -> None:
        check_estimator(self)

    def fitted(self, survey: Survey) -> "FirstPartial":
        return tuned(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        return activation_blocks(self, spectrograms, level=level, before=2)

    @property
    def info(self):
        return describe(self)

    def estimate(self, spectrogram):
        first = strength_of_partials(spectrogram.S, spectrogram.freqs, fundamentals(self))["partial_1"]
        first[:, 2:] += first[:, :-2]
        return first


def melody(*pitches, seconds=0.4, cents=0.0):
    t = np.arange(round(seconds * SR)) / SR
    hz = [440 * 2 ** ((pitch - 69 + cents / 100) / 12) for pitch in pitches]
    return np.concatenate([sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, 6)) for f in hz])


def test_a_melody_is_found_by_every_tracker():
    y = melody(57, 64, 69)
    strongest_one = FirstPartial(polyphony=1)
    for tracker in (Threshold(0.01), HMMTracker(sensitivity=0.9)):
        notes = Transcriber(strongest_one.settings, strongest_one, tracker)(y, sr=SR)
        assert {57, 64, 69} <= set(notes.pitches.tolist())
    values = strongest_one(strongest_one.settings(y, sr=SR)).values
    assert (np.count_nonzero(values, axis=0) <= 1).all()


def test_cutting_a_stream_makes_no_difference():
    front_end = FirstPartial(tuning=0.0)
    spectrogram = front_end.settings(np.random.default_rng(0).normal(size=SR * 12), sr=SR)
    whole = front_end(spectrogram)
    for edges in ([0, 1, 3, 511, 512, 700, spectrogram.n_frames], range(0, spectrogram.n_frames + 1, 1)):
        parts = [spectrogram.frames(*edge) for edge in pairwise(edges)]
        found = PitchActivation.concatenate(list(front_end.blocks(parts, level=whole.level)))
        for name in ("values", "onsets", "times"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


@pytest.mark.parametrize("cents", [-40, -13, 0, 22, 45])
def test_the_tuning_is_estimated_and_the_pitches_keep_their_names(cents):
    front_end = FirstPartial(polyphony=1)
    y = melody(57, 64, 69, 73, cents=cents)
    survey = Survey.of([front_end.settings(y, sr=SR)])
    assert front_end.fitted(survey).tuning == pytest.approx(cents, abs=3)
    assert front_end.fitted(survey).fitted(survey).tuning == front_end.fitted(survey).tuning
    activation = front_end(front_end.settings(y, sr=SR))
    assert activation.pitches[activation.values[:, 20].argmax()] == 57


def test_a_tuning_that_is_given_is_kept():
    given = FirstPartial(tuning=-30.0)
    assert given.fitted(Survey.of([given.settings(melody(60), sr=SR)])) is given
    np.testing.assert_allclose(fundamentals(given)[semitones(given) == 69], 440 * 2 ** (-30 / 1200))


def test_silence_has_no_tuning_and_no_pitch():
    front_end = FirstPartial()
    activation = front_end(front_end.settings(np.zeros(SR), sr=SR))
    assert not activation.values.any()
    assert activation.info["tuning"] == 0.0


def test_the_range_includes_its_ends_however_they_are_tuned():
    assert semitones(FirstPartial(fmin=27.5, fmax=4186.0)).tolist() == list(range(21, 109))
    assert semitones(FirstPartial(fmin=440.0, fmax=440.0)).tolist() == [69]
    assert semitones(FirstPartial(fmin=1.0, fmax=50000.0)).tolist() == list(range(128))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fmin": 880.0, "fmax": 440.0}, "fmax=440 Hz is below fmin=880 Hz: exchange them"),
        ({"fmin": 1.0, "fmax": 2.0}, r"no MIDI pitch from fmin=1 to fmax=2 Hz: they reach from 8.2 to 12544 Hz"),
        ({"fmin": 15000.0, "fmax": 20000.0}, "they reach from 8.2 to 12544 Hz"),
        ({"fmin": 0.0}, "must be frequencies in Hz, such as 27.5"),
        ({"fmin": float("nan")}, "must be frequencies in Hz"),
        ({"polyphony": 0}, "polyphony=0 must be a number of notes from 1"),
        ({"tuning": "sharp"}, "tuning='sharp' must be 'auto'"),
        ({"tuning": 500.0}, r"tuning=500.0 must be 'auto'"),
    ],
)
def test_bad_options_are_refused_with_their_cure(options, message):
    with pytest.raises(NmfamtError, match=message):
        FirstPartial(**options)


def test_blocks_need_a_tuning_and_their_own_settings():
    front_end = FirstPartial()
    spectrogram = front_end.settings(melody(60), sr=SR)
    with pytest.raises(NmfamtError, match=r"use fitted\(survey\).blocks"):
        next(front_end.blocks([spectrogram], level=1.0))
    other = STFT(n_fft=2048)(melody(60), sr=SR)
    with pytest.raises(NmfamtError, match=r"front_end.settings\(y, sr=sr\)"):
        front_end(other)


def test_the_strongest_of_equals_is_the_lowest():
    np.testing.assert_array_equal(strongest(np.ones((3, 1)), 2)[:, 0], [1, 1, 0])
    values = np.random.default_rng(1).random((5, 7))
    np.testing.assert_array_equal(strongest(values, None), values)
    np.testing.assert_array_equal((strongest(values, 2) > 0).sum(axis=0), 2)


def test_rises_do_not_depend_on_how_a_recording_is_cut_into_chunks():
    front_end = FirstPartial(tuning=0.0)
    t = np.arange(12 * SR) / SR
    found = front_end(front_end.settings(np.sin(2 * np.pi * 440 * t) * (1 + np.sin(40 * t)), sr=SR))
    assert found.values.shape[1] > 1024
    np.testing.assert_array_equal(found.onsets, rises(found.values))
