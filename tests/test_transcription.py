"""From a recording to its notes, end to end."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import PITCHES, SR, perform, tone
from synthetic import assert_same_notes

from nmfamt import __version__, audio
from nmfamt.activation import PitchActivation
from nmfamt.dictionary import load_dictionary
from nmfamt.evaluation import evaluate
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.learning import learn_dictionary
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_hz, pitch_to_name
from nmfamt.tracking import HMMTracker
from nmfamt.transcription import (
    activate,
    limit_polyphony,
    make_transcriber,
    track,
    transcribe,
)

DATA = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="module")
def formula(instrument):
    """Return the dictionary of the instrument that is a formula."""
    return load_dictionary(instrument.dictionary)


@pytest.fixture(scope="module")
def hollow(tmp_path_factory):
    """Return a dictionary of another one, with odd partials alone."""
    folder = tmp_path_factory.mktemp("hollow")
    for pitch in PITCHES:
        quiet = 1e-5 * np.random.default_rng(0).standard_normal(2 * SR)
        quiet[SR // 4 :][: round(1.5 * SR)] += hollow_tone(pitch, 1.5)
        soundfile.write(folder / f"{pitch_to_name(pitch)}.wav", quiet, SR)
    return learn_dictionary(folder, name="hollow")


def hollow_tone(pitch, seconds):
    t = np.arange(round(seconds * SR)) / SR
    sound = sum(np.sin(2 * np.pi * k * pitch_to_hz(pitch) * t + k) / k for k in (1, 3, 5, 7, 9))
    return 0.2 * sound * np.clip(t / 0.01, 0, 1) * np.clip((seconds - t) / 0.03, 0, 1)


def random_song(seconds=18.0, seed=0):
    """Return notes one after the other, some of them in pairs, some repeated."""
    rng = np.random.default_rng(seed)
    onsets, pitches, time, last = [], [], 0.3, 60
    while time < seconds - 0.6:
        pitch = last if rng.random() < 0.2 else int(rng.choice([p for p in PITCHES if abs(p - last) > 2]))
        for together in (pitch, *((pitch + 4,) if pitch + 4 in PITCHES and rng.random() < 0.3 else ())):
            onsets.append(time)
            pitches.append(together)
        last = pitch
        time += float(rng.uniform(0.3, 0.6))
    onsets = np.array(onsets)
    return Notes(np.stack([onsets, onsets + 0.28], axis=1), pitches)


@pytest.fixture(scope="module")
def song():
    """Return notes, and their sound in the noise of a quiet room.

    Beneath -80 dB nothing decides between an attack and a burst of noise but how numbers are rounded.
    """
    played = random_song()
    y = perform(played)
    return played, (y + 3e-4 * np.random.default_rng(1).standard_normal(len(y))).astype(np.float32)


AS_IT_IS = {"equalizer": False, "adapt": False}
"""For a dictionary of the very instrument, and a few notes: there is nothing to adapt to."""


@pytest.fixture(scope="module")
def heard(song, formula):
    return transcribe(song[1], sr=SR, dictionary=formula, **AS_IT_IS)


def assert_played(found, played, *, tolerance=0.05):
    """Make sure that the right notes were found, all of them and no others."""
    assert sorted(zip(found.pitches.tolist(), strict=True)) == sorted(zip(played.pitches.tolist(), strict=True))
    scores = evaluate(played, found)
    assert (scores.onset_f1, scores.offset_f1) == (1.0, pytest.approx(1.0, abs=tolerance))


def actions(sounding):
    """Return when the keys of notes went down and up that are known by their sound: that is what a tracker tells."""
    return sounding.shifted(-HMMTracker.action_delay)


# Independent truths


def test_a_song_of_known_notes(song, heard):
    played, _ = song
    scores = evaluate(actions(played), heard)
    assert len(played) > 40
    # Three of the 44 notes end more than 50 ms off.
    assert (scores.onset_f1 > 0.97, scores.offset_f1 > 0.92) == (True, True)
    assert abs(scores.onset_bias) < 0.03


def test_repeated_notes_are_two_notes(formula):
    played = Notes([[0.5, 0.8], [0.8, 1.1], [1.1, 1.4], [1.4, 1.9]], [64] * 4)
    assert_played(transcribe(perform(played), sr=SR, dictionary=formula), played)


def test_a_semitone_and_an_octave_are_told_apart(formula):
    for pitches in ([60, 61], [60, 72], [65, 66, 67]):
        played = Notes([[0.5 * i + 0.3, 0.5 * i + 0.7] for i in range(len(pitches))], pitches)
        assert_played(transcribe(perform(played), sr=SR, dictionary=formula), played)


def test_a_melody_before_a_long_pause(formula):
    played = Notes([[0.5, 0.9], [1.0, 1.4]], [60, 64])
    y = np.concatenate([perform(played), np.zeros(60 * SR)])
    assert_played(transcribe(y, sr=SR, dictionary=formula), played)


def test_the_textbook_method_finds_notes(formula):
    played = Notes([[0.5, 0.9], [1.0, 1.4], [1.0, 1.4]], [60, 62, 70])
    found = transcribe(perform(played), sr=SR, dictionary=formula, method="threshold-nmf")
    assert set(played.pitches.tolist()) <= set(found.pitches.tolist())
    assert found.info["method"] == "threshold-nmf"
    assert found.info["tracker"] == "Threshold"


def test_two_instruments_are_told_apart(formula, hollow):
    y = perform(Notes([[0.5, 1.0], [2.5, 3.0]], [60, 67]))
    for onset, pitch in ((1.5, 60), (2.5, 63)):
        y[round(onset * SR) :][: SR // 2] += hollow_tone(pitch, 0.5)
    found = transcribe(y, sr=SR, dictionary=[formula, hollow])
    played = {(60.0, "formula"), (67.0, "formula"), (60.0, "hollow"), (63.0, "hollow")}
    assert set(zip(found.pitches.tolist(), found.instruments.tolist(), strict=True)) == played
    assert found.info["dictionary"] == "formula+hollow"


# Whatever the way in


def test_a_file_is_an_array(song, formula, tmp_path):
    heard = transcribe(song[1], sr=SR, dictionary=formula)
    assert heard.info["n_notes_adapted_to"] > 40
    soundfile.write(tmp_path / "song.wav", song[1], SR, subtype="FLOAT")
    found = transcribe(tmp_path / "song.wav", dictionary=formula)
    assert_same_notes(found, heard)
    assert found.info == heard.info


@pytest.mark.parametrize("seconds", [0.37, 3.0, 1000.0])
def test_the_size_of_blocks_has_no_influence(song, formula, tmp_path, monkeypatch, seconds):
    heard = transcribe(song[1], sr=SR, dictionary=formula)
    soundfile.write(tmp_path / "song.wav", song[1], SR, subtype="FLOAT")
    monkeypatch.setattr(audio, "blocks", partial(audio.blocks, block_seconds=seconds))
    assert_same_notes(transcribe(tmp_path / "song.wav", dictionary=formula), heard)


def test_stereo_and_another_rate(song, heard, formula, tmp_path):
    y = audio.resample(song[1], sr=SR, target=44100)
    soundfile.write(tmp_path / "song.flac", np.stack([y, y], axis=1), 44100)
    for found in (
        transcribe(tmp_path / "song.flac", dictionary=formula, **AS_IT_IS),
        transcribe([y, y], sr=44100, dictionary=formula, **AS_IT_IS),
    ):
        assert found.pitches.tolist() == heard.pitches.tolist()
        np.testing.assert_allclose(found.intervals[:, 0], heard.intervals[:, 0], atol=0.01)


def test_a_recording_of_less_bandwidth(song, formula):
    y = audio.resample(song[1], sr=SR, target=8000)
    scores = evaluate(actions(song[0]), transcribe(y, sr=8000, dictionary=formula))
    assert scores.onset_f1 > 0.95


@pytest.mark.parametrize("gain", [0.01, 30.0])
def test_recording_gain_changes_nothing(song, heard, formula, gain):
    found = transcribe(gain * song[1], sr=SR, dictionary=formula, **AS_IT_IS)
    assert found.pitches.tolist() == heard.pitches.tolist()
    np.testing.assert_allclose(found.intervals, heard.intervals, atol=0.02)
    np.testing.assert_allclose(found.velocities, heard.velocities, atol=2)


def test_a_later_beginning_moves_the_notes(song, heard, formula):
    moved = transcribe(np.concatenate([np.zeros(SR, dtype=np.float32), song[1]]), sr=SR, dictionary=formula, **AS_IT_IS)
    assert moved.pitches.tolist() == heard.pitches.tolist()
    np.testing.assert_allclose(moved.intervals, heard.intervals + 1.0, atol=0.02)


def test_the_two_halves_make_the_whole(song, formula, tmp_path):
    heard = transcribe(song[1], sr=SR, dictionary=formula)
    activation = activate(song[1], sr=SR, dictionary=formula)
    activation.save(tmp_path / "a.npz")
    for half in (activation, PitchActivation.load(tmp_path / "a.npz")):
        found = track(half)
        assert_same_notes(found, heard)
        assert found.info == heard.info


def test_the_first_half_knows_the_polyphony_where_that_decides_what_is_found(song):
    options = {"method": "klapuri2006-iterative", "polyphony": 1}
    whole = transcribe(song[1], sr=SR, **options)
    assert len(whole)
    assert track(activate(song[1], sr=SR, **options), **options).equals(whole)
    assert not track(activate(song[1], sr=SR, method=options["method"]), **options).equals(whole)
    with pytest.raises(NmfamtError, match="polyphony=0"):
        activate(song[1], sr=SR, polyphony=0)


@pytest.mark.parametrize("method", ["nmf", "threshold-nmf"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 4.0), (2.37, 9.1), (9.5, None)])
def test_the_two_halves_make_the_whole_of_a_part(song, formula, method, start, end):
    options = {"sr": SR, "dictionary": formula, "method": method, "start": start, "end": end}
    found = track(activate(song[1], **options), method=method)
    assert_same_notes(found, transcribe(song[1], **options))


def test_progress_rises_to_one(song, formula):
    done = []
    transcribe(song[1], sr=SR, dictionary=formula, progress=done.append)
    assert done == sorted(done)
    assert (0 < done[0] < 0.15, done[-1]) == (True, 1.0)


def test_a_file_cut_short_is_said_once(song, formula, tmp_path):
    soundfile.write(tmp_path / "song.wav", song[1], SR)
    content = (tmp_path / "song.wav").read_bytes()
    (tmp_path / "song.wav").write_bytes(content[: len(content) // 2])
    with pytest.warns(NmfamtWarning, match=r"song\.wav") as said:
        found = transcribe(tmp_path / "song.wav", dictionary=formula)
    assert len(said) == 1
    assert len(found) > 10


def test_waiting_for_blocks_leaves_the_filters_of_warnings_alone(song, formula):
    before = list(warnings.filters)
    parts = make_transcriber(formula).activations(song[1], sr=SR)
    next(parts)
    assert list(warnings.filters) == before
    parts.close()
    assert list(warnings.filters) == before


# Options


def test_a_part_has_the_times_of_the_whole(song, heard, formula, tmp_path):
    soundfile.write(tmp_path / "song.wav", song[1], SR, subtype="FLOAT")
    start, end = 4.05, 11.9
    for found in (
        transcribe(song[1], sr=SR, dictionary=formula, start=start, end=end, **AS_IT_IS),
        transcribe(tmp_path / "song.wav", dictionary=formula, start=start, end=end, **AS_IT_IS),
    ):
        inside = heard.between(start + 0.1, end - 0.1)
        middle = found.between(start + 0.1, end - 0.1)
        assert len(inside) > 10
        # The second look knows 10 s on either side, and in the part there is less: a doubtful note may differ.
        same = evaluate(inside, middle)
        assert same.onset_f1 > 0.97
        assert same.onset_deviation < 0.01
        assert found.intervals.min() >= start
        assert found.intervals.max() <= end + 0.1


def test_a_range_of_pitches(song, formula):
    low, high = pitch_to_hz(63), pitch_to_hz(68)
    found = transcribe(song[1], sr=SR, dictionary=formula, fmin=low, fmax=high)
    assert set(found.pitches.tolist()) <= set(range(63, 69))
    assert activate(song[1], sr=SR, dictionary=formula, fmax=high).pitches.tolist() == list(range(60, 69))


def test_a_range_without_templates(song, formula):
    with pytest.raises(NmfamtError, match="No template of 'formula' is left: it covers C4 to C5"):
        transcribe(song[1], sr=SR, dictionary=formula, fmin=2000.0)


def test_more_sensitive_finds_more(song, formula):
    few, more = (transcribe(song[1], sr=SR, dictionary=formula, sensitivity=s) for s in (0.01, 0.99))
    assert len(few) < len(more)
    assert few.confidences.min(initial=1.0) >= 0.99


@pytest.mark.parametrize("method", ["nmf", "threshold-nmf"])
def test_short_notes_are_dropped(formula, method):
    played = Notes([[0.5, 0.6], [1.0, 2.0]], [60, 67])
    options = {"sr": SR, "dictionary": formula, "method": method}
    assert 60 in transcribe(perform(played), **options).pitches
    assert transcribe(perform(played), **options, min_duration=0.5).pitches.tolist() == [67]


def test_polyphony_is_limited(song, formula):
    found = transcribe(song[1], sr=SR, dictionary=formula, polyphony=1)
    assert (found.intervals[1:, 0] >= found.intervals[:-1, 1]).all()
    assert found.info["polyphony"] == 1


def test_notes_say_what_made_them(heard, formula):
    assert heard.info["version"] == __version__
    assert heard.info["dictionary"] == "formula"
    assert heard.info["dictionary_hash"] == formula.hash
    assert heard.info["settings"] == json.loads(json.dumps(formula.settings.to_dict()))
    assert heard.info["method"] == "nmf"
    assert heard.info["sensitivity"] == 0.5
    assert heard.info["model"] == "tracker"
    assert [heard.info[name] for name in ("fmin", "fmax", "start", "end")] == [None, None, 0.0, None]


def test_notes_say_what_was_left_out(song, formula):
    part = {"fmin": np.float32(250.0), "fmax": 500, "start": 1.5, "end": 4.0}
    found = transcribe(song[1], sr=SR, dictionary=formula, **part)
    assert {name: found.info[name] for name in part} == part
    assert track(activate(song[1], sr=SR, dictionary=formula, **part)).info == found.info


# Polyphony


def sounding(notes, time):
    return int(((notes.intervals[:, 0] <= time) & (notes.intervals[:, 1] > time)).sum())


def test_the_least_confident_give_way():
    notes = Notes([[0, 4], [1, 2], [1, 3], [3.5, 5]], [60, 64, 67, 72], confidences=[0.6, 0.9, 0.7, 0.5])
    assert limit_polyphony(notes, 2).pitches.tolist() == [64, 67, 72]
    assert limit_polyphony(notes, 1).pitches.tolist() == [64, 72]
    assert limit_polyphony(notes, 3).equals(notes)


def test_a_note_that_begins_where_another_ends_is_not_beside_it():
    notes = Notes([[0, 1], [1, 2]], [60, 62])
    assert limit_polyphony(notes, 1).equals(notes)
    held = Notes([[0, 1], [1, 2], [0, 3]], [60, 62, 72], confidences=[0.9, 0.8, 0.5])
    assert limit_polyphony(held, 2).equals(held)


@pytest.mark.parametrize("polyphony", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_never_more_at_once_and_none_dropped_in_vain(polyphony, seed):
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, 20, 100)
    intervals = np.stack([onsets, onsets + rng.gamma(1.0, 1.0, 100) + 0.01], axis=1)
    notes = Notes(intervals, rng.integers(30, 90, 100), confidences=rng.permutation(100) / 100)
    kept = limit_polyphony(notes, polyphony)
    begins = kept.intervals[:, 0]
    assert max(sounding(kept, time) for time in begins) == polyphony
    for interval, confidence in zip(notes.intervals, notes.confidences, strict=True):
        if confidence in kept.confidences:
            continue
        better = kept.select(kept.confidences > confidence)
        moments = [interval[0], *better.intervals[:, 0][(better.intervals[:, 0] > interval[0])]]
        assert max(sounding(better, time) for time in moments if time < interval[1]) >= polyphony


# Little or nothing to hear


@pytest.mark.parametrize("y", [np.zeros(2 * SR), np.zeros(1), np.ones(1), np.full(150, 0.1)])
@pytest.mark.parametrize("method", ["nmf", "threshold-nmf"])
def test_silence_and_single_samples(formula, y, method):
    found = transcribe(y, sr=SR, dictionary=formula, method=method)
    assert len(found) == 0
    assert_same_notes(found, track(activate(y, sr=SR, dictionary=formula, method=method), method=method))


# Errors: told before any work


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "device='tpu' is unknown: use one of 'cpu', 'cuda'"),
        ({"method": "magic"}, "There is no method 'magic': give one of nmf, threshold-nmf"),
        ({"sensitivity": 2.0}, "sensitivity=2.0 must lie between 0 and 1"),
        ({"sensitivity": 0.0, "method": "threshold-nmf"}, "sensitivity=0.0 must lie between 0 and 1"),
        ({"min_duration": -1.0}, "min_duration=-1.0"),
        ({"polyphony": 0}, "polyphony=0 must be at least 1"),
        ({"dictionary": "kazoo"}, "There is no dictionary 'kazoo'"),
        ({"dictionary": []}, "No dictionaries were given"),
    ],
)
def test_options_that_cannot_be_used(formula, options, message):
    with pytest.raises(NmfamtError, match=message):
        transcribe("never opened.wav", **{"dictionary": formula, **options})


@pytest.mark.parametrize("function", [transcribe, activate])
def test_recordings_that_cannot_be_used(formula, function):
    with pytest.raises(NmfamtError, match=r"missing\.wav"):
        function("missing.wav", dictionary=formula)
    with pytest.raises(NmfamtError, match="needs its sample rate"):
        function(np.zeros(100), dictionary=formula)
    with pytest.raises(NmfamtError, match=r"end=1.0 s is not after start=1.0 s"):
        function(np.zeros(2 * SR), sr=SR, dictionary=formula, start=1.0, end=1.0)


# The process around it


def run_python(code, *arguments, **environment):
    """Run a script in a fresh interpreter and return what it printed, read as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout)


THREADS = """
import json, sys
from nmfamt import transcribe
from nmfamt.methods import METHODS
needs = {"a dictionary": {"dictionary": "piano"}, "nothing": {}}
chosen = [method for method in METHODS.values() if method.needs in needs]
found = [transcribe(sys.argv[1], method=method.name, end=3.0, **needs[method.needs]) for method in chosen]
print(json.dumps([[notes.intervals.tolist(), notes.pitches.tolist(), notes.confidences.tolist()] for notes in found]))
"""


def test_the_number_of_threads_does_not_change_the_notes(song, tmp_path):
    soundfile.write(tmp_path / "song.wav", song[1], SR)
    one, two = (
        run_python(THREADS, tmp_path / "song.wav", OPENBLAS_NUM_THREADS=n, OMP_NUM_THREADS=n) for n in ("1", "2")
    )
    assert min(len(pitches) for _, pitches, _ in one) > 2
    assert one == two


LOADED = """
import json, sys
from nmfamt import transcribe
print(json.dumps([len(transcribe(sys.argv[1], end=2.0)), *sys.modules]))
"""


def test_what_is_slow_to_load_and_not_needed_is_not_loaded(song, tmp_path):
    soundfile.write(tmp_path / "song.wav", song[1], SR)
    n_notes, *modules = run_python(LOADED, tmp_path / "song.wav")
    assert n_notes
    assert "hmmlearn" in modules
    assert {"sklearn", "scipy.stats", "librosa", "pretty_midi", "mir_eval", "matplotlib"}.isdisjoint(modules)


MEMORY = """
import json, resource, sys
from nmfamt import Factorization, HMMTracker, Transcriber, recording
from nmfamt.dictionary import load_dictionary

recording.AUDIO_BYTES = 1_000_000
dictionary = load_dictionary(sys.argv[1])
transcriber = Transcriber(dictionary.settings, Factorization(dictionary, max_iter=5), HMMTracker())
found = []
for path in sys.argv[2:]:
    n_notes = len(transcriber(path))
    found.append([n_notes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
def test_memory_does_not_grow_with_the_recording(tmp_path):
    from nmfamt.dictionary import Dictionary
    from nmfamt.log_frequency import LogFrequency

    settings = LogFrequency(
        sr=4000, hop_length=40, fmin=100.0, fmax=1900.0, bins_per_octave=24, splits=(), windows=(0.1,)
    )
    sounds = [audio.resample(tone(pitch, 0.5), sr=SR, target=4000) for pitch in (60, 64, 67)]
    columns = np.stack([settings(y, sr=4000).S[:, 15] for y in sounds], axis=1)
    n = len(sounds)
    dictionary = Dictionary(
        columns, np.array([60.0, 64, 67]), np.full(n, "sustain"), np.full(n, "small"), settings, info={"name": "small"}
    )
    dictionary.save(tmp_path / "small.npz")
    minute = np.concatenate([sounds[i % n] for i in range(120)])
    for minutes in (1, 20):
        soundfile.write(tmp_path / f"{minutes}.wav", np.tile(minute, minutes), 4000)
    paths = [tmp_path / name for name in ("small.npz", "1.wav", "20.wav")]
    (few, short), (many, long) = run_python(MEMORY, *paths, OPENBLAS_NUM_THREADS="1")
    assert many > 15 * few
    # The audio alone would be 19 MB, its spectrogram 48 MB; the audio of a minute is within the budget.
    assert (long - short) / 1024 < 12


# Real life


def test_real_recording():
    path = DATA / "maps" / "ENSTDkCl" / "grieg_butterfly.flac"
    if not path.is_file():
        pytest.skip(f"there is no {path}: set NMFAMT_DATA to the folder that holds maps/")
    found = transcribe(path)
    assert evaluate(Notes.read(path.with_suffix(".tsv")), found).onset_f1 > 0.7


def test_a_hop_that_cannot_be_tracked_is_told_before_the_audio_is_read(monkeypatch):
    slow = replace(load_dictionary("flute").settings, hop_length=320)
    flute = replace(load_dictionary("flute"), settings=slow)
    monkeypatch.setattr("nmfamt.transcriber.open_recording", lambda *_, **__: pytest.fail("the audio was read"))
    with pytest.raises(NmfamtError, match=r"frames are 20\.0 ms apart, the tracker needs 8 to 12\.5 ms"):
        transcribe(np.zeros(16000), sr=16000, dictionary=flute)
