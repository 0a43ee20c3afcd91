"""The front ends with time in their templates, and the tracker of peaks that reads them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from struck_notes import SMALL, SR, play, struck

from nmfamt import STFT, HMMTracker, NmfamtError, PitchActivation, Spectrogram, Survey, Threshold, Transcriber
from nmfamt.learning_patterns import learn_attack_decay_templates, learn_patterns
from nmfamt.multipitch.attack_decay import AttackDecay
from nmfamt.multipitch.convolutive import ConvolutiveFactorization
from nmfamt.nmf.attack_decay import unfold
from nmfamt.patterns import AttackDecayTemplates
from nmfamt.tracking.peaks import PeakTracker

PITCHES = (57, 60, 64, 67, 69)
SCORE = ((0.2, 57), (0.7, 64), (0.7, 60), (1.3, 67), (1.5, 57), (2.0, 69))


@pytest.fixture(scope="module", params=["convolutive", "attack_decay"])
def front_end(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notes")
    for pitch in PITCHES:
        soundfile.write(folder / f"{pitch:03}.wav", np.pad(struck(pitch), (1333, 0)), SR)
    if request.param == "convolutive":
        return ConvolutiveFactorization(learn_patterns(folder, settings=SMALL, fill=False), tuning=0.0)
    return AttackDecay(learn_attack_decay_templates(folder, settings=SMALL, fill=False), tuning=0.0)


def transcribe(front_end, y, **options):
    return Transcriber(front_end.settings, front_end, PeakTracker(action_delay=0.0, **options))(y, sr=SR)


def test_notes_are_found_when_they_begin(front_end):
    notes = transcribe(front_end, play(*SCORE), threshold=0.15)
    assert sorted(notes.pitches.tolist()) == sorted(pitch for _, pitch in SCORE)
    for onset, pitch in SCORE:
        mine = notes.intervals[notes.pitches == pitch, 0]
        assert np.abs(mine - onset).min() < 0.02


def test_a_note_that_is_struck_again_ends_there(front_end):
    notes = transcribe(front_end, play((0.2, 57), (0.6, 57)), threshold=0.15)
    assert notes.pitches.tolist() == [57, 57]
    assert notes.intervals[0, 1] == pytest.approx(notes.intervals[1, 0])


def test_loudness_is_that_of_the_recording_and_does_not_count(front_end):
    y = play(*SCORE)
    spectrogram = front_end.settings(y, sr=SR)
    activation = front_end(spectrogram)
    # What the model explains is about what is there.
    sounding = spectrogram.S.sum(axis=0) > 0.2 * activation.level
    explained = activation.values.sum(axis=0)[sounding] / spectrogram.S.sum(axis=0)[sounding]
    assert np.abs(np.median(explained) - 1) < 0.1
    louder, quiet = transcribe(front_end, 8 * y), transcribe(front_end, y)
    assert louder.equals(quiet)


def test_cutting_a_stream_makes_no_difference(front_end):
    rng = np.random.default_rng(0)
    S = rng.gamma(0.5, 1.0, (len(SMALL.freqs), 1300)).astype(np.float32)
    whole = Spectrogram(S, SMALL.freqs, 0.02 * np.arange(S.shape[1]), SMALL)
    quick = replace(front_end, n_iter=3)
    found = quick(whole)
    parts = [whole.frames(*edge) for edge in pairwise([0, 1, 3, 700, 1024, 1030, 1300])]
    again = PitchActivation.concatenate(list(quick.blocks(parts, level=found.level)))
    for name in ("values", "onsets", "times"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_windows_leave_no_seam(front_end):
    """A recording that is one window is explained as one that begins long before."""
    y = play(*((0.5 + 0.7 * i, PITCHES[i % 5]) for i in range(32)), seconds=24.0)
    spectrogram = front_end.settings(y, sr=SR)
    activation = front_end(spectrogram)
    assert spectrogram.n_frames > 1024 + 100
    seam = slice(1004, 1044)
    values, _ = front_end.explain(spectrogram.frames(900, 1150))
    error = np.abs(values[:, 104:144] - activation.values[:, seam]).sum()
    assert error < 0.05 * activation.values[:, seam].sum()


def test_a_higher_tuning_is_estimated_and_pitches_keep_their_names(front_end):
    y = play(*SCORE, cents=40.0)
    survey = Survey.of([front_end.settings(y, sr=SR)])
    fitted = replace(front_end, tuning="auto").fitted(survey)
    assert fitted.tuning == pytest.approx(40, abs=6)
    assert front_end.fitted(survey) is front_end
    notes = transcribe(replace(front_end, tuning="auto"), y, threshold=0.15)
    assert set(notes.pitches.tolist()) == {pitch for _, pitch in SCORE}


def test_silence_one_frame_and_a_low_rate(front_end):
    silent = front_end(front_end.settings(np.zeros(SR), sr=SR))
    assert not silent.values.any()
    assert not silent.onsets.any()
    assert len(transcribe(front_end, np.zeros(SR))) == 0
    one = front_end(front_end.settings(struck(60)[:100], sr=SR))
    assert one.values.shape == (5, 1)
    assert np.isfinite(one.values).all()
    PeakTracker()(one)
    slow = play(*SCORE)[::2]
    assert {57, 60, 64} <= set(transcribe_at(front_end, slow, SR // 2).pitches.tolist())


def transcribe_at(front_end, y, sr):
    return Transcriber(front_end.settings, front_end, PeakTracker(threshold=0.15))(y, sr=sr)


def test_range_and_polyphony(front_end):
    spectrogram = front_end.settings(play(*SCORE), sr=SR)
    narrow = replace(front_end, fmin=261.0, fmax=400.0)(spectrogram)
    assert narrow.pitches.tolist() == [60, 64, 67]
    two = replace(front_end, polyphony=1)(spectrogram)
    assert (np.count_nonzero(two.values, axis=0) <= 1).all()
    assert not (two.onsets[two.values == 0]).any()


def test_other_trackers_read_it_where_frames_are_close_enough(front_end):
    activation = front_end(front_end.settings(play(*SCORE), sr=SR))
    assert {57, 60, 64} <= set(Threshold(0.1)(activation).pitches.tolist())
    with pytest.raises(NmfamtError, match=r"20.0 ms apart, the tracker needs 8 to 12.5 ms"):
        HMMTracker()(activation)


def test_bad_options_are_refused_with_their_cure(front_end):
    for options, message in (
        ({"n_iter": 0}, "n_iter=0 must be a number of updates"),
        ({"beta": 3.0}, r"beta=3.0 must lie in \[0, 2\]"),
        ({"fmin": 2000.0}, "No pitch of .* lies from fmin=2000"),
        ({"tuning": "sharp"}, "tuning='sharp' must be 'auto'"),
        ({"polyphony": 0}, "polyphony=0 must be"),
    ):
        with pytest.raises(NmfamtError, match=message):
            replace(front_end, **options)
    with pytest.raises(NmfamtError, match=r"use fitted\(survey\).blocks"):
        next(replace(front_end, tuning="auto").blocks([], level=1.0))
    other = replace(SMALL, n_fft=512)
    with pytest.raises(NmfamtError, match=r"front_end.settings\(y, sr=sr\)"):
        front_end(other(np.zeros(SR), sr=SR))


def test_attack_and_decay_both_explain():
    settings = STFT(sr=8000, hop_length=160, n_fft=16, power=1.0)
    W, A = np.zeros((len(settings.freqs), 1)), np.zeros((len(settings.freqs), 1))
    W[1], A[4] = 1.0, 3.0
    templates = AttackDecayTemplates(W, A, [0.1], [0.5, 1.0, 0.5], [69], settings)
    H = np.zeros((1, 30))
    H[0, 5] = 2.0
    tails, strikes = unfold(H, decay=templates.decay, transient=templates.transient)
    S = templates.W @ tails + templates.A @ strikes
    spectrogram = Spectrogram(S, settings.freqs, 0.02 * np.arange(30), settings)
    values, onsets = AttackDecay(templates, tuning=0.0, n_iter=500).explain(spectrogram)
    np.testing.assert_allclose(values[0], S.sum(axis=0), atol=0.02)
    np.testing.assert_allclose(onsets, strikes, atol=0.02)
