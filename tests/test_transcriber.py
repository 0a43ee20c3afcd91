"""Transcribers: stages composed by hand are run as those of a named method."""

import numpy as np
import pytest
from conftest import SR, perform
from synthetic import assert_same_notes

from nmfamt.dictionary import load_dictionary
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.tracking import HMMTracker, Threshold
from nmfamt.transcriber import Transcriber
from nmfamt.transcription import transcribe


@pytest.fixture(scope="module")
def formula(instrument):
    """Return the dictionary of the instrument that is a formula."""
    return load_dictionary(instrument.dictionary)


@pytest.fixture(scope="module")
def scale():
    """Return the sound of four notes."""
    return perform(Notes([[t, t + 0.8] for t in (0.5, 1.5, 2.5, 3.5)], [60, 64, 67, 72])).astype(np.float32)


def test_a_transcriber_of_ones_own(scale, formula):
    plain = Transcriber(formula.settings, Factorization(formula), HMMTracker())
    options = {"tuning": 0.0, "equalizer": False, "adapt": False}
    assert_same_notes(plain(scale, sr=SR), transcribe(scale, sr=SR, dictionary=formula, **options))
    front_end = Factorization(formula, tuning="auto", equalizer="auto")
    fitted = Transcriber(formula.settings, front_end, HMMTracker(), adapt=True)
    assert_same_notes(fitted(scale, sr=SR), transcribe(scale, sr=SR, dictionary=formula))
    raw = Transcriber(formula.settings, Factorization(formula, beta=2.0), Threshold())(scale, sr=SR)
    assert (raw.info["beta"], raw.info["tracker"]) == (2.0, "Threshold")


def test_anything_callable_is_a_tracker(scale, formula):
    class Nothing:
        info = {"tracker": "Nothing"}  # noqa: RUF012

        def stream(self, activations):
            return Notes([[part.times[0], part.times[-1]] for part in activations], [60, 62])

    found = Transcriber(formula.settings, Factorization(formula), Nothing())(scale, sr=SR)
    assert len(found) == 2  # blocks of 5.12 s
    assert found.info["tracker"] == "Nothing"


def test_audio_that_is_kept_gives_the_same_notes(scale, formula, monkeypatch):
    transcriber = Transcriber(formula.settings, Factorization(formula), HMMTracker())
    kept, shares = transcriber(scale, sr=SR), []
    monkeypatch.setattr("nmfamt.recording.AUDIO_BYTES", 0)
    assert_same_notes(transcriber(scale, sr=SR, progress=shares.append), kept)
    assert len(kept) >= 4
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_progress_never_falls_and_ends_at_one(scale, formula):
    shares = []
    Transcriber(formula.settings, Factorization(formula), Threshold())(scale, sr=SR, progress=shares.append)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1.0
