"""The command line: a contract that others script against."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from nmfamt import __version__, transcription
from nmfamt.dictionary import load_dictionary
from nmfamt.evaluation import evaluate
from nmfamt.exceptions import NmfamtWarning
from nmfamt.jobs import in_processes
from nmfamt.log_frequency import LogFrequency
from nmfamt.notes import Notes
from nmfamt.spectrogram import settings_from_dict

HEADER = "onset,offset,pitch,velocity,confidence,instrument"
COMMANDS = (
    "transcribe", "learn", "adapt", "evaluate", "benchmark", "datasets", "dictionaries", "methods", "activation",
    "track",
)  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch, instrument):
    """A current folder with a song in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(instrument.song, tmp_path / "song.wav")
    return tmp_path


@pytest.fixture
def transcribed(monkeypatch):
    """Replace the transcription by one that says what it was asked for, and finds one note."""
    calls = []

    def transcribe(source, **options):
        calls.append({"source": source, **options})
        if "bad" in source.name:
            raise OSError(5, "Input/output error", str(source))
        options["progress"](0.5)
        return Notes([[0.5, 1]], [60])

    monkeypatch.setattr(transcription, "transcribe", transcribe)
    return calls


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run_in_a_process(*args, **options):
    return subprocess.run([sys.executable, "-m", "nmfamt", *map(str, args)], capture_output=True, text=True, **options)


# What it is


def test_version(nmfamt):
    assert nmfamt("--version").out == f"nmfamt {__version__}\n"


def test_help_names_every_command(nmfamt):
    run = nmfamt("--help")
    assert run.status == 0
    assert all(re.search(rf"\b{command}\b", run.out) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(nmfamt, command):
    assert nmfamt(command, "--help").status == 0


def test_help_answers_at_once():
    def seconds():
        began = time.perf_counter()
        assert run_in_a_process("--help").returncode == 0
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.5


def test_nothing_slow_is_imported_before_a_command_runs():
    probe = "import sys, nmfamt.cli; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert {"numpy", "scipy", "librosa", "soundfile"}.isdisjoint(modules.split())


# Transcribe


def test_transcribe_writes_midi_beside_the_recording(nmfamt, here, instrument):
    run = nmfamt("transcribe", "song.wav", "--dictionary", instrument.dictionary)
    assert (run.status, run.out) == (0, "")
    assert re.fullmatch(r"Wrote song\.mid: \d+ notes, C4 to C5\n", run.err)
    assert files(here) == ["song.mid", "song.wav"]
    assert evaluate(instrument.labels, "song.mid").onset_f1 > 0.8
    assert Notes.read("song.mid").info["version"] == __version__


def test_the_formats(nmfamt, here, instrument):
    for suffix in ("mid", "csv", "json"):
        run = nmfamt("transcribe", "song.wav", "-o", f"x.{suffix}", "--dictionary", instrument.dictionary)
        assert run.status == 0
    midi, csv, found = (Notes.read(f"x.{suffix}") for suffix in ("mid", "csv", "json"))
    assert csv.equals(found, tol=1e-6)
    # MIDI has ticks and no confidences; notes that begin within one tick may change places.
    orders = [np.lexsort((notes.intervals[:, 0], notes.pitches)) for notes in (midi, csv)]
    for name, tick in (("pitches", 0), ("intervals", 0.002), ("velocities", 0)):
        ours, theirs = (getattr(notes, name)[order] for notes, order in zip((midi, csv), orders, strict=True))
        np.testing.assert_allclose(ours, theirs, atol=tick)
    assert (here / "x.csv").read_text().splitlines()[0] == HEADER
    assert found.info["dictionary_hash"] == load_dictionary(instrument.dictionary).hash
    assert settings_from_dict(found.info["settings"]) == LogFrequency()


@pytest.mark.parametrize(
    ("args", "made"),
    [
        (["song.wav"], ["song.mid"]),
        (["song.wav", "--format", "csv"], ["song.csv"]),
        (["song.wav", "-o", "notes.mid"], ["notes.mid"]),
        (["song.wav", "-o", "notes.midi"], ["notes.midi"]),
        (["song.wav", "-o", "notes.txt", "--format", "csv"], ["notes.txt"]),
        (["song.wav", "-o", "new/deep/notes.json"], ["new/deep/notes.json"]),
        (["song.wav", "-o", "folder"], ["folder/song.mid"]),
        (["song.wav", "-o", "new/"], ["new/song.mid"]),
        (["folder"], ["folder/a.mid", "folder/b.mid"]),
        (["folder", "-o", "new"], ["new/a.mid", "new/b.mid"]),
        (["folder", "song.wav", "-o", "v.2", "--format", "csv"], ["v.2/a.csv", "v.2/b.csv", "v.2/song.csv"]),
        (["song.wav", "folder/a.flac"], ["folder/a.mid", "song.mid"]),
    ],
)  # fmt: skip
def test_where_the_notes_go(nmfamt, here, transcribed, args, made):
    (here / "folder").mkdir()
    for name in ("a.flac", "b.MP3", "readme.txt"):
        (here / "folder" / name).touch()
    before = files(here)
    assert nmfamt("transcribe", *args).status == 0
    assert files(here) == sorted(before + made)


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["song.wav", "other.wav", "-o", "x.mid"], 2, "need a folder"),
        (["folder", "-o", "x.csv"], 2, "need a folder"),
        (["folder", "-o", "song.wav"], 2, "need a folder"),
        (["song.wav", "-o", "notes"], 2, "does not tell its format"),
        (["song.wav", "-o", "notes.mid", "--format", "csv"], 2, "contradicts --format csv"),
        (["song.wav", "folder/song.flac", "-o", "new"], 1, "would both make 'new/song.mid'"),
        (["song.wav", "song.wav"], 1, "would both make 'song.mid'"),
        (["song.wav", "-o", "song.wav/notes.mid"], 1, "cannot be a folder, .*song.wav' is a file"),
    ],
)
def test_outputs_that_make_no_sense(nmfamt, here, transcribed, args, status, message):
    (here / "folder").mkdir()
    (here / "folder/song.flac").touch()
    before = files(here)
    run = nmfamt("transcribe", *args)
    assert run.status == status
    assert re.search(message, in_one_line(run.err))
    assert not transcribed
    assert files(here) == before
    assert not (here / "new").exists()


def in_one_line(text):
    """Return text without the box and the line breaks that errors about options are printed with."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize(
    "args",
    [
        ["--format", "xml"],
        ["--device", "abacus"],
        ["--method", "magic"],
        ["--sensitivity", "0"],
        ["--sensitivity", "1"],
        ["--sensitivity", "nan"],
        ["--min-duration", "-1"],
        ["--min-duration", "nan"],
        ["--fmin", "H4"],
        ["--fmin", "-5"],
        ["--fmin", "nan"],
        ["--fmin", "A4", "--fmax", "A3"],
        ["--tuning", "sharp"],
        ["--tuning", "300"],
        ["--tuning", "nan"],
        ["--polyphony", "0"],
        ["--start", "-1"],
        ["--start", "2", "--end", "1"],
        ["--end", "inf"],
        ["--tempo", "presto"],
        ["--tempo", "2"],
        ["--tempo", "auto", "--format", "csv"],
        ["--jobs", "0"],
        ["--skip-existing", "--overwrite"],
        ["--loud"],
    ],
)
def test_wrong_use_of_options(nmfamt, here, transcribed, args):
    run = nmfamt("transcribe", "song.wav", *args)
    assert run.status == 2
    assert "Traceback" not in run.err
    assert not transcribed


def test_options_arrive_under_their_python_names(nmfamt, here, transcribed):
    options = "--sensitivity 0.7 --min-duration 0.05 --fmin A0 --fmax 4186 --polyphony 6 --start 1 --end 2.5"
    more = "--tuning -31 --no-equalizer --no-adapt --method threshold-nmf --device cuda"
    nmfamt("transcribe", "song.wav", *options.split(), *more.split())
    (call,) = transcribed
    assert call.pop("dictionary").name == "piano"
    assert callable(call.pop("progress"))
    assert str(call.pop("source")) == "song.wav"
    assert call == {
        "method": "threshold-nmf",
        "device": "cuda",
        "sensitivity": 0.7,
        "min_duration": 0.05,
        "fmin": 27.5,
        "fmax": 4186.0,
        "tuning": -31.0,
        "equalizer": False,
        "adapt": False,
        "polyphony": 6,
        "start": 1.0,
        "end": 2.5,
    }


def test_several_dictionaries_are_put_side_by_side(nmfamt, here, transcribed):
    nmfamt("transcribe", "song.wav", "--dictionary", "piano", "--dictionary", "violin")
    assert set(transcribed[0]["dictionary"].instruments.tolist()) == {"piano", "violin"}


def test_auto_is_handed_on_and_stands_alone(nmfamt, here, transcribed):
    nmfamt("transcribe", "song.wav", "--dictionary", "auto")
    assert transcribed[0]["dictionary"] == "auto"
    run = nmfamt("transcribe", "song.wav", "--dictionary", "auto", "--dictionary", "piano", "--overwrite")
    assert run.status == 1
    assert "--dictionary auto finds out how many instruments play: give it alone." in run.err


@pytest.mark.parametrize("command", [("transcribe", "-o", "song.json"), ("activation", "-o", "song.npz")])
def test_auto_says_what_it_chose(nmfamt, here, command):
    run = nmfamt(command[0], "song.wav", *command[1:], "--dictionary", "auto")
    assert run.status == 0
    chosen, written = run.err.splitlines()
    assert re.match(r"song\.wav: [\w+ ]+ explains? \d+ % of it; next best: (\w+(, )?)+$", chosen)
    assert written.startswith("Wrote song.")


def test_one_failed_file_does_not_stop_the_rest(nmfamt, here, transcribed):
    (here / "empty").mkdir()
    run = nmfamt("transcribe", "bad.wav", "song.wav", "empty", "missing_bad.wav")
    assert run.status == 1
    assert files(here) == ["song.mid", "song.wav"]
    first, *listed = run.err.splitlines()[1:]
    assert first == "Error: 3 of 4 failed:"
    assert listed[0].startswith("  empty: 'empty' holds no audio")
    bad = ("bad.wav", "missing_bad.wav")
    assert listed[1:] == [f"  {name}: {name!r}: Input/output error." for name in bad]


def test_existing_outputs_are_kept_skipped_or_replaced(nmfamt, here, transcribed):
    (here / "song.mid").write_text("precious")
    shutil.copy("song.wav", "other.wav")
    run = nmfamt("transcribe", "song.wav", "other.wav")
    assert (run.status, len(transcribed)) == (1, 1)
    assert "'song.mid' exists already: --overwrite replaces it, --skip-existing keeps it." in run.err
    run = nmfamt("transcribe", "song.wav", "other.wav", "--skip-existing")
    assert (run.status, len(transcribed)) == (0, 1)
    assert run.err.splitlines() == [f"Skipped {s}.wav: {s}.mid exists" for s in ("song", "other")]
    assert (here / "song.mid").read_text() == "precious"
    run = nmfamt("transcribe", "song.wav", "--overwrite")
    assert (run.status, len(transcribed)) == (0, 2)
    assert len(Notes.read("song.mid")) == 1


def test_jobs_give_the_same_files(nmfamt, here, instrument):
    shutil.copy("song.wav", "again.wav")
    (here / "cut.wav").write_bytes((here / "song.wav").read_bytes()[:60000])
    (here / "text.wav").write_text("Dear diary")
    for folder, jobs in (("one", 1), ("two", 2)):
        run = nmfamt("transcribe", ".", "-o", folder, "--dictionary", instrument.dictionary, "--jobs", jobs)
        assert run.status == 1
        assert re.search(r"^Warning: .*cut\.wav' ends after", run.err, re.MULTILINE)
        assert "Error: 1 of 4 failed:\n  text.wav: 'text.wav' is not audio" in run.err
    assert files(here / "one") == files(here / "two") == ["again.mid", "cut.mid", "song.mid"]
    for name in files(here / "one"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


def test_tempo_moves_the_bars(nmfamt, here, transcribed, monkeypatch):
    import pretty_midi

    def bpm(name):
        return pretty_midi.PrettyMIDI(name).get_tempo_changes()[1][0]

    asked = []
    monkeypatch.setattr("nmfamt.tempo.estimate_tempo", lambda path, **part: asked.append((path.name, part)) or 93.0)
    for tempo in ("60", "auto"):
        nmfamt("transcribe", "song.wav", "-o", f"{tempo}.mid", "--tempo", tempo, "--end", "2")
    assert bpm("60.mid") == pytest.approx(60, abs=1e-3)
    assert bpm("auto.mid") == pytest.approx(93, abs=1e-3)
    assert asked == [("song.wav", {"start": 0.0, "end": 2.0})]
    assert Notes.read("auto.mid").intervals[0, 0] == pytest.approx(0.5, abs=1e-3)


# The two halves


def test_two_halves_make_a_whole(nmfamt, here, instrument):
    options = ["--dictionary", instrument.dictionary, "--fmin", "C4", "--start", "0.1"]
    assert nmfamt("transcribe", "song.wav", "-o", "whole.csv", *options, "--sensitivity", "0.6").status == 0
    run = nmfamt("activation", "song.wav", "-o", "a.npz", *options)
    assert re.fullmatch(r"Wrote a\.npz: 13 pitches, \d+ frames\n", run.err)
    assert nmfamt("track", "a.npz", "-o", "halves.csv", "--sensitivity", "0.6").status == 0
    assert Notes.read("halves.csv").equals(Notes.read("whole.csv"), tol=1e-3)
    assert nmfamt("track", "a.npz", "-o", "halves.csv").status == 1
    assert nmfamt("track", "a.npz", "-o", "halves.mid", "--tempo", "77", "--polyphony", "1").status == 0
    assert nmfamt("track", "a.npz", "-o", "halves").status == 2
    assert nmfamt("track", "a.npz", "-o", "x.csv", "--tempo", "77").status == 2


# Learn


def test_learn_from_a_folder(nmfamt, here, instrument):
    run = nmfamt("learn", instrument.notes, "-o", "mine.npz")
    assert run.status == 0
    assert run.err == "Wrote mine.npz: 13 pitches\n"
    mine = load_dictionary("mine.npz")
    assert mine.name == "mine"
    assert mine.W.shape == load_dictionary(instrument.dictionary).W.shape
    np.testing.assert_array_equal(mine.W, load_dictionary(instrument.dictionary).W)


def test_learn_from_files_with_options(nmfamt, here, instrument):
    (here / "settings.json").write_text(json.dumps(LogFrequency(power=0.5).to_dict()))
    notes = [instrument.notes / f"{name}.wav" for name in ("C4", "E4")]
    options = "-o mine.npz --name Lyre --components 2 --settings settings.json --pitch-from audio"
    run = nmfamt("learn", *notes, *options.split())
    assert run.err == "Wrote mine.npz: 5 pitches, 3 of them made from their neighbours\n"
    mine = load_dictionary("mine.npz")
    assert (mine.name, mine.W.shape[1], mine.settings) == ("Lyre", 10, LogFrequency(power=0.5))


@pytest.mark.parametrize("method", ["wu2022", "cheng2016"])
def test_learn_for_a_method_that_needs_isolated_notes(nmfamt, here, instrument, method):
    run = nmfamt("learn", instrument.notes, "--method", method, "-o", "mine.npz")
    assert (run.status, run.out) == (0, "")
    assert re.search(rf"^Wrote mine.npz: \d+ pitches, for --method {method}$", run.err, re.MULTILINE)
    options = ("--method", method, "--dictionary", "mine.npz", "-o", "found.csv")
    assert nmfamt("transcribe", instrument.song, *options).status == 0
    assert len((here / "found.csv").read_text().splitlines()) > 1
    assert "is not a dictionary" in nmfamt("transcribe", instrument.song, "--dictionary", "mine.npz", "-o", "x.csv").err
    run = nmfamt("learn", "--music", instrument.song, "--labels", "no.mid", "--method", method, "-o", "other.npz")
    assert "learns from isolated notes" in run.err
    run = nmfamt("learn", instrument.notes, "--components", "5", "--method", method, "-o", "other.npz")
    assert "leave out --music, --settings and --components" in run.err


def test_nothing_is_learned_for_a_method_that_needs_nothing(nmfamt, here, instrument):
    run = nmfamt("learn", instrument.notes, "--method", "su2015", "-o", "mine.npz")
    assert (run.status, run.err.strip()) == (
        1,
        "Error: The method 'su2015' needs nothing to be learned: transcribe with it as it is.",
    )
    assert not (here / "mine.npz").exists()


def test_learn_from_music(nmfamt, here, instrument):
    pair = ["--music", instrument.song, "--labels", instrument.labels]
    run = nmfamt("learn", *pair, *pair, "-o", "mine.npz")
    assert run.status == 0
    assert load_dictionary("mine.npz").info["n_recordings"] == 2
    assert nmfamt("transcribe", "song.wav", "--dictionary", "mine.npz").status == 0
    assert evaluate(instrument.labels, "song.mid").onset_f1 > 0.7


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["notes", "--music", "a.wav", "--labels", "a.mid"],
        ["--music", "a.wav"],
        ["--music", "a.wav", "--labels", "a.mid", "--labels", "b.mid"],
        ["--music", "a.wav", "--labels", "a.mid", "--pitch-from", "audio"],
        ["notes", "--components", "1"],
        ["notes", "--pitch-from", "moon"],
    ],
)
def test_wrong_use_of_learn(nmfamt, here, args):
    assert nmfamt("learn", *args, "-o", "mine.npz").status == 2
    assert files(here) == ["song.wav"]


# Evaluate


def test_evaluate_two_files(nmfamt, here, instrument):
    run = nmfamt("evaluate", instrument.labels, instrument.labels)
    assert (run.status, run.err) == (0, "")
    assert re.search(r"^song +1\.000 +1\.000 +1\.000 +1\.000 +10 +10$", run.out, re.MULTILINE)
    assert re.search(r"^onset, offset, velocity +1\.000 +1\.000 +1\.000", run.out, re.MULTILINE)


def test_evaluate_two_folders(nmfamt, here):
    for folder, pitch in (("reference", 60), ("estimate", 61)):
        (here / folder).mkdir()
        Notes([[0, 1]], [60]).write(f"{folder}/a.mid")
        Notes([[0, 1]], [pitch]).write(f"{folder}/b.mid")
    run = nmfamt("evaluate", "reference", "estimate", "--json")
    answer = json.loads(run.out)
    assert [piece["onset_f1"] for piece in answer["pieces"]] == [1.0, 0.0]
    assert [piece["estimate"] for piece in answer["pieces"]] == ["estimate/a.mid", "estimate/b.mid"]
    assert answer["summary"]["mean"]["onset_f1"] == 0.5
    assert answer["summary"]["low"]["onset_f1"] == 0.0
    assert "95% interval" in nmfamt("evaluate", "reference", "estimate").out
    (here / "estimate/b.mid").write_text("not MIDI")
    run = nmfamt("evaluate", "reference", "estimate", "--json")
    assert run.status == 1
    assert json.loads(run.out)["summary"]["n_pieces"] == 1
    assert "Error: 1 of 2 failed:\n  b: 'estimate/b.mid' is not a MIDI file" in run.err


def test_evaluate_streams(nmfamt, here):
    Notes([[0, 1], [1, 2]], [60, 62], instruments=["flute", "oboe"]).write("reference.json")
    Notes([[0, 1], [1, 2]], [60, 62], instruments=["A", "A"]).write("estimate.json")
    run = nmfamt("evaluate", "reference.json", "estimate.json", "--streams", "best")
    assert re.search(r"^instrument, onset +0\.500", run.out, re.MULTILINE)
    run = nmfamt("evaluate", "reference.json", "estimate.json", "--streams", "named", "--json")
    answer = json.loads(run.out)
    assert answer["pieces"][0]["stream_onset_f1"] == answer["summary"]["mean"]["assignment_accuracy"] == 0
    assert [row["estimate"] for row in answer["pieces"][0]["streams"]] == [None, None, "A"]
    assert nmfamt("evaluate", "reference.json", "estimate.json", "--streams", "worst").status == 2
    plain = nmfamt("evaluate", "reference.json", "estimate.json", "--json")
    assert "streams" not in json.loads(plain.out)["pieces"][0]


# Dictionaries and methods


def test_dictionaries_are_listed_and_shown(nmfamt, here, instrument, monkeypatch):
    run = nmfamt("dictionaries")
    assert (run.status, run.err) == (0, "")
    assert re.search(r"^piano +A0 to C8, 88 pitches$", run.out, re.MULTILINE)
    monkeypatch.setenv("NMFAMT_DICTIONARIES", str(instrument.dictionary.parent))
    assert re.search(r"^formula +C4 to C5, 13 pitches$", nmfamt("dictionaries").out, re.MULTILINE)
    for name in ("formula", str(instrument.dictionary)):
        shown = nmfamt("dictionaries", "show", name).out
        facts = dict(re.findall(r"^(\w[\w ]+?) {2,}(.+)$", shown, re.MULTILINE))
        assert facts["hash"] == load_dictionary(instrument.dictionary).hash
        assert settings_from_dict(json.loads(facts["settings"])) == LogFrequency()
        assert facts["file"] == str(instrument.dictionary)


def test_a_card_is_shown(nmfamt, here, instrument):
    shutil.copy(instrument.dictionary, "lyre.npz")
    assert "Do not feed" not in nmfamt("dictionaries", "show", "lyre.npz").out
    (here / "lyre.md").write_text("# Lyre\n\nDo not feed it.\n")
    assert nmfamt("dictionaries", "show", "lyre.npz").out.endswith("\n\n# Lyre\n\nDo not feed it.\n")
    assert nmfamt("dictionaries", "show", "piano").out.count("# piano") == 1


def test_a_broken_dictionary_does_not_hide_the_others(nmfamt, here, monkeypatch):
    monkeypatch.setenv("NMFAMT_DICTIONARIES", str(here))
    (here / "broken.npz").write_text("nothing")
    run = nmfamt("dictionaries")
    assert run.status == 1
    assert "piano" in run.out
    assert re.search(r"^  broken: .*is not a dictionary", run.err, re.MULTILINE)


def test_methods_are_listed_and_shown(nmfamt):
    listed = nmfamt("methods").out
    assert re.search(r"^nmf \(default\): .*\n  P. Smaragdis", listed, re.MULTILINE)
    assert re.search(r"^  needs a dictionary; \d+ times real time\n  ENSTDkCl +onset 0\.\d", listed, re.MULTILINE)
    shown = nmfamt("methods", "show", "threshold-nmf").out
    for part in ("Smaragdis", "@inproceedings{", "1. The templates", "min_duration = 0.05: Shorter", "Departures"):
        assert part in shown
    run = nmfamt("methods", "show", "magic")
    assert (run.status, run.out) == (1, "")
    assert run.err.startswith("Error: There is no method 'magic': give one of nmf, threshold-nmf")


# Messages


def test_debug_shows_the_traceback(nmfamt, here, transcribed):
    assert "Traceback" not in nmfamt("transcribe", "bad.wav").err
    assert "Traceback" in nmfamt("transcribe", "bad.wav", "--debug").err
    assert "Traceback" not in nmfamt("methods", "show", "magic").err
    assert "Traceback" in nmfamt("methods", "show", "magic", "--debug").err


def test_a_fault_of_ours_is_called_one(nmfamt, here, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("off by\none")

    monkeypatch.setattr(transcription, "transcribe", fail)
    run = nmfamt("transcribe", "song.wav")
    assert run.status == 1
    assert run.err.startswith("Error: RuntimeError: off by one. This is a fault of nmfamt")
    assert len(run.err.splitlines()) == 1


def test_warnings_are_one_line_each(nmfamt, here, monkeypatch):
    def doubt(*args, **options):
        import warnings

        warnings.warn("a library will change", DeprecationWarning, stacklevel=1)
        warnings.warn("The sound is\nodd [sic]: used.", NmfamtWarning, stacklevel=1)
        return Notes.empty()

    monkeypatch.setattr(transcription, "transcribe", doubt)
    run = nmfamt("transcribe", "song.wav")
    assert run.err.splitlines() == [
        "Warning: The sound is odd [sic]: used.",
        "No notes found in song.wav: wrote an empty MIDI file, song.mid",
    ]


def test_progress_is_shown_on_a_terminal(here, instrument):
    pty = pytest.importorskip("pty")
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nmfamt", "transcribe", "song.wav", "--dictionary", instrument.dictionary],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that a terminal has ended
        while chunk := os.read(main, 65536):
            shown += chunk
    os.close(main)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"")
    assert "song.wav" in shown.decode()
    assert "%" in shown.decode()
    assert "Wrote song.mid" in shown.decode()


# Processes and signals


def test_children_keep_to_one_thread_and_the_parent_does_not():
    before = dict(os.environ)
    outcomes = dict(in_processes(os.getenv, ["OPENBLAS_NUM_THREADS", "HOME"], n_processes=2))
    assert outcomes[0].result == "1"
    assert outcomes[1].result == before.get("HOME")
    assert dict(os.environ) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_child_that_dies_is_a_failure():
    for _, outcome in in_processes(os._exit, [1, 1], n_processes=2):
        assert "Its process was killed" in outcome.error


@pytest.fixture(scope="module")
def long_recordings(tmp_path_factory):
    """Half an hour of faint noise, and a minute of it."""
    folder = tmp_path_factory.mktemp("long")
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, 16000 * 60)
    for name, n_minutes in (("a", 30), ("b", 1)):
        with soundfile.SoundFile(folder / f"{name}.flac", "w", 16000, 1) as file:
            for _ in range(n_minutes):
                file.write(noise)
    return folder


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(tmp_path, long_recordings, instrument, jobs, number):
    command = [sys.executable, "-m", "nmfamt", "transcribe", long_recordings, "-o", "notes"]
    process = subprocess.Popen(
        [*command, "--dictionary", instrument.dictionary, "--jobs", str(jobs)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(2.5)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # a terminal sends Ctrl-C to the whole group
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert out == ""
    said = [line for line in err.splitlines() if "b.mid" not in line]  # the short one may have been ready
    assert said == (["Interrupted."] if number == signal.SIGINT else [])
    assert set(files(tmp_path)) <= {"notes/b.mid"}
    assert_no_process_is_left(process.pid)


def assert_no_process_is_left(group):
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("a child outlived its parent by five seconds")
