"""Bad input, as a user meets it: refused in one clear sentence, or used with a word about it.

Every case goes through the command line. A refusal is exit status 1, one line on stderr, nothing on stdout
and nothing left on the disk. What each module says to bad input is tested in more detail beside the module.
"""

import errno
import os
import re
import shutil

import numpy as np
import pytest
import soundfile

from nmfamt.dictionary import load_dictionary
from nmfamt.evaluation import evaluate
from nmfamt.learning import learn_dictionary
from nmfamt.log_frequency import LogFrequency
from nmfamt.notes import Notes

HEADER = "onset,offset,pitch,velocity,confidence,instrument"


@pytest.fixture
def here(tmp_path, monkeypatch, instrument):
    """A current folder with a song and a dictionary in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(instrument.song, "song.wav")
    shutil.copy(instrument.dictionary, "formula.npz")
    return tmp_path


@pytest.fixture
def refused(nmfamt, here):
    """Return a function that runs a command, and makes sure that it is refused in one line."""

    def contents():
        return {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}

    def run(message, *args):
        before = contents()
        ended = nmfamt(*args)
        assert ended.status == 1
        assert ended.out == ""
        assert re.fullmatch(rf"Error: [^\n]*{message}[^\n]*\n", ended.err), ended.err
        assert "fault of nmfamt" not in ended.err
        assert contents() == before

    return run


@pytest.fixture
def accepted(nmfamt, here):
    """Return a function that transcribes a recording, and makes sure that it is accepted."""

    def run(source, *args):
        ended = nmfamt("transcribe", source, "--dictionary", "formula.npz", *args)
        assert (ended.status, ended.out) == (0, "")
        return ended.err

    return run


# Recordings that cannot be used


def text_called_wav(path):
    path.write_text("Dear diary, today I recorded nothing.\n" * 50)


def half_a_flac(path):
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 160_000), 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def not_a_number(path):
    soundfile.write(path, np.where(np.arange(32000) == 20000, np.nan, 0.1), 16000, subtype="FLOAT")


def infinite(path):
    soundfile.write(path, np.where(np.arange(32000) == 20000, np.inf, 0.1), 16000, subtype="FLOAT")


def telephone(path):
    path.write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom" + bytes(5000))


BAD_RECORDINGS = [
    ("missing.wav", lambda path: None, r"There is no file 'missing\.wav': the current folder is"),
    ("folder", lambda path: path.mkdir(), r"'folder' holds no audio: files should end in one of .*\.flac"),
    ("empty.wav", lambda path: path.touch(), r"'empty\.wav' is empty \(0 bytes\)"),
    ("text.wav", text_called_wav, r"'text\.wav' is not audio that soundfile can read"),
    ("half.flac", half_a_flac, r"'half\.flac' cannot be decoded beyond \d\.\d\d s"),
    ("nan.wav", not_a_number, r"'nan\.wav' holds NaN or infinite samples, the first at 1\.250 s"),
    ("inf.wav", infinite, r"'inf\.wav' holds NaN or infinite samples, the first at 1\.250 s"),
    ("memo.m4a", telephone, r"convert it with ffmpeg -i 'memo\.m4a' out\.wav"),
]


@pytest.mark.parametrize(("name", "make", "message"), BAD_RECORDINGS, ids=[case[0] for case in BAD_RECORDINGS])
def test_recordings_that_are_refused(refused, here, name, make, message):
    make(here / name)
    refused(message, "transcribe", name, "--dictionary", "formula.npz")


@pytest.mark.parametrize(("name", "make", "message"), BAD_RECORDINGS, ids=[case[0] for case in BAD_RECORDINGS])
def test_recordings_that_have_no_activation(refused, here, name, make, message):
    make(here / name)
    message = "is a folder" if name == "folder" else message
    refused(message, "activation", name, "-o", "a.npz", "--dictionary", "formula.npz")


def test_a_start_after_the_end(refused):
    refused(r"start=60\.0 s is not inside 'song\.wav'", "transcribe", "song.wav", "--start", 60)


# Dictionaries and activations that cannot be used


def arrays_of(path):
    with np.load(path) as archive:
        return dict(archive)


def other_arrays(path):
    np.savez(path, W=np.ones((3, 2)))


def newer(path):
    arrays = arrays_of("formula.npz")
    for name, array in arrays.items():
        if array.dtype.kind == "U" and array.ndim == 0:
            arrays[name] = np.array(str(array).replace('"format": 1', '"format": 99'))
    np.savez(path, **arrays)


def pickled(path):
    np.savez(path, **{**arrays_of("formula.npz"), "W": np.array([{"a": 1}, None], dtype=object)})


BAD_ARCHIVES = [
    ("none.npz", lambda path: None, "There is no"),
    ("empty.npz", lambda path: path.touch(), "is not a"),
    ("text.npz", text_called_wav, "is not a"),
    (
        "half.npz",
        lambda path: path.write_bytes((path.parent / "formula.npz").read_bytes()[:2000]),
        "is not a",
    ),
    ("other.npz", other_arrays, "is not a"),
]
BAD_DICTIONARIES = [
    *BAD_ARCHIVES,
    ("newer.npz", newer, "format 99.*upgrade"),
    ("pickled.npz", pickled, "is not a dictionary"),
    ("song.wav", lambda path: None, "is not a dictionary"),
    ("kazoo", lambda path: None, "There is no dictionary 'kazoo': .*piano"),
]


@pytest.mark.parametrize(("name", "make", "message"), BAD_DICTIONARIES, ids=[case[0] for case in BAD_DICTIONARIES])
def test_dictionaries_that_are_refused(refused, here, name, make, message):
    make(here / name)
    refused(message, "transcribe", "song.wav", "--dictionary", name)
    refused(message, "dictionaries", "show", name)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [*BAD_ARCHIVES, ("formula.npz", lambda path: None, "is not an activation")],
    ids=[*(case[0] for case in BAD_ARCHIVES), "a dictionary"],
)
def test_activations_that_are_refused(refused, here, name, make, message):
    make(here / name)
    refused(message, "track", name, "-o", "notes.mid")


def test_dictionaries_of_different_settings(refused, instrument):
    other = learn_dictionary(instrument.notes, name="other", settings=LogFrequency(power=0.5))
    other.save("other.npz")
    both = ["--dictionary", "formula.npz", "--dictionary", "other.npz"]
    refused(r"was learned on LogFrequency\(.*learn them on the same settings", "transcribe", "song.wav", *both)


def test_the_same_dictionary_twice(refused):
    refused("give each instrument once", "transcribe", "song.wav", *["--dictionary", "formula.npz"] * 2)


def test_a_range_without_notes(refused):
    refused(
        "No template of 'formula' is left: it covers C4 to C5",
        *["transcribe", "song.wav", "--dictionary", "formula.npz", "--fmin", "C7"],
    )


# Notes that cannot be learned from


def test_notes_that_are_refused(refused, here, instrument):
    for folder in ("a", "b", "nameless", "silent", "empty"):
        (here / folder).mkdir()
    shutil.copy(instrument.notes / "C4.wav", "a/x.wav")
    shutil.copy(instrument.notes / "E4.wav", "b/x.wav")
    (here / "a/labels.csv").write_text("file,pitch\nx.wav,60\n")
    (here / "b/labels.csv").write_text("file,pitch\nx.wav,64\n")
    shutil.copy(instrument.notes / "C4.wav", "nameless/ping.wav")
    soundfile.write("silent/C4.wav", np.zeros(16000), 16000)
    learn = ["learn", "-o", "mine.npz"]
    refused("have one name but pitches 60.* and 64", *learn, "a", "b")
    refused("does not state its pitch", *learn, "nameless")
    refused("nothing sounds", *learn, "silent")
    refused("holds no audio", *learn, "empty")
    refused("There is no file", *learn, "missing/C4.wav")
    (here / "b/labels.csv").write_text("file,pitch\nx.wav,high\n")
    refused("labels.csv'?, line 2", *learn, "b")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, "There is no file 'settings.json'"),
        ("{", "'settings.json' is not JSON"),
        ("[]", "'settings.json' holds no settings"),
        ('{"class": "Cochlea"}', "Unknown spectrogram 'Cochlea'"),
        ('{"class": "LogFrequency", "sharpness": 3}', "does not take these hyper-parameters"),
        ('{"class": "LogFrequency", "hop_length": "long"}', "hop_length"),
    ],
)
def test_settings_that_are_refused(refused, here, instrument, contents, message):
    if contents is not None:
        (here / "settings.json").write_text(contents)
    refused(message, "learn", instrument.notes, "-o", "mine.npz", "--settings", "settings.json")


def test_music_that_is_refused(refused, here, instrument):
    (here / "labels.tsv").write_text("onset\toffset\tpitch\n100\t101\t60\n")
    learn = ["learn", "-o", "mine.npz", "--music", "song.wav", "--labels"]
    refused("There is no file 'labels.mid'", *learn, "labels.mid")
    refused("hold no note within its", *learn, "labels.tsv")


# Outputs that cannot be written


def commands(output, folder):
    suffix = {"transcribe": "mid", "activation": "npz", "track": "mid", "learn": "npz"}
    commands = {
        "transcribe": ["song.wav", "--dictionary", "formula.npz"],
        "activation": ["song.wav", "--dictionary", "formula.npz"],
        "track": ["a.npz"],
        "learn": [folder],
    }
    for command, args in commands.items():
        target = output.format(suffix=suffix[command])
        yield target, [command, *args, "-o", target]


@pytest.fixture
def activation(nmfamt, here):
    """An activation, for the commands that begin with one."""
    assert nmfamt("activation", "song.wav", "-o", "a.npz", "--dictionary", "formula.npz").status == 0


def test_an_output_that_exists(refused, here, activation, instrument):
    for target, command in commands("precious.{suffix}", instrument.notes):
        (here / target).write_text("precious")
        refused(f"{re.escape(target)}' exists already: .*--overwrite", *command)
        (here / target).unlink()


def test_an_output_that_is_a_folder(refused, here, activation, instrument):
    for target, command in commands("folder.{suffix}", instrument.notes):
        if command[0] != "transcribe":  # which writes into the folder
            (here / target).mkdir(exist_ok=True)
            refused(re.escape(target), *command)


def test_an_output_below_a_file(refused, activation, instrument):
    for _, command in commands("song.wav/x.{suffix}", instrument.notes):
        refused("song.wav", *command)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_that_is_read_only(refused, here, activation, instrument):
    (here / "locked").mkdir(mode=0o555)
    for _, command in commands("locked/x.{suffix}", instrument.notes):
        refused("cannot be written", *command)


def test_an_output_folder_that_refuses_when_asked(refused, here, activation, instrument, monkeypatch):
    (here / "locked").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path) and access(path, mode))
    for _, command in commands("locked/x.{suffix}", instrument.notes):
        refused("locked' cannot be written to", *command)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(refused, here, activation, instrument, monkeypatch, number):
    def full(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    for target, command in commands("new.{suffix}", instrument.notes):
        refused(f"{re.escape(target)}' was not written, the disk is full", *command)


# Scores that cannot be computed


def test_references_that_are_refused(refused, here, instrument):
    for folder in ("one", "two"):
        (here / folder).mkdir()
    (here / "broken.mid").write_text("not MIDI")
    (here / "broken.csv").write_text("onset,offset,pitch\n1,0,60\n")
    refused("There is no file 'missing.mid'", "evaluate", "missing.mid", instrument.labels)
    refused("is not a MIDI file", "evaluate", "broken.mid", instrument.labels)
    refused("'broken.csv'", "evaluate", instrument.labels, "broken.csv")
    refused("does not tell its format", "evaluate", instrument.labels, "song.wav")
    refused("should be two files, or two folders", "evaluate", "one", instrument.labels)
    refused("'one' holds no notes", "evaluate", "one", "two")
    Notes([[0, 1]], [60]).write("one/a.mid")
    Notes([[0, 1]], [60]).write("two/b.mid")
    refused("'two' holds no estimate for 'a'", "evaluate", "one", "two")


# What is unusual, and used


@pytest.mark.parametrize("suffix", ["mid", "csv", "json"])
@pytest.mark.parametrize("n_samples", [1, 100, 48000])
def test_silence(accepted, n_samples, suffix):
    soundfile.write("quiet.wav", np.zeros(n_samples), 16000)
    said = accepted("quiet.wav", "--format", suffix)
    kind = {"mid": "MIDI", "csv": "CSV", "json": "JSON"}[suffix]
    assert said == f"No notes found in quiet.wav: wrote an empty {kind} file, quiet.{suffix}\n"
    assert len(Notes.read(f"quiet.{suffix}")) == 0


def test_silence_with_every_option(accepted):
    soundfile.write("quiet.wav", np.zeros(48000), 16000)
    options = "--tempo auto --polyphony 2 --min-duration 0.1 --sensitivity 0.9 --fmin C4 --start 1 --end 2"
    assert accepted("quiet.wav", *options.split()).startswith("No notes found in quiet.wav")


@pytest.mark.parametrize("method", ["nmf", "threshold-nmf"])
def test_silence_with_every_method(accepted, method):
    soundfile.write("quiet.wav", np.zeros(48000), 16000)
    assert accepted("quiet.wav", "--method", method).startswith("No notes found in quiet.wav")


def test_silence_in_two_halves(nmfamt, here):
    soundfile.write("quiet.wav", np.zeros(48000), 16000)
    assert nmfamt("activation", "quiet.wav", "-o", "a.npz", "--dictionary", "formula.npz").status == 0
    run = nmfamt("track", "a.npz", "-o", "a.mid")
    assert (run.status, run.err) == (0, "No notes found in a.npz: wrote an empty MIDI file, a.mid\n")


def test_one_sample(accepted, nmfamt):
    soundfile.write("one.wav", np.array([0.7]), 44100)
    accepted("one.wav")
    assert "No notes found in one.wav" in nmfamt("transcribe", "one.wav", "--overwrite").err


def converted(song, sr, n_channels=1):
    y, rate = soundfile.read(song)
    n_samples = round(len(y) * sr / rate)
    # Linear interpolation is good enough for a sound without high partials.
    y = np.interp(np.arange(n_samples) / sr, np.arange(len(y)) / rate, y)
    soundfile.write(f"{sr}.wav", np.tile(y, (n_channels, 1)).T, sr)
    return f"{sr}.wav"


@pytest.mark.parametrize(("sr", "n_channels"), [(8000, 1), (192_000, 1), (48_000, 8)])
def test_rates_and_channels(accepted, instrument, sr, n_channels):
    assert accepted(converted(instrument.song, sr, n_channels)).startswith(f"Wrote {sr}.mid")
    assert evaluate(instrument.labels, f"{sr}.mid").onset_f1 > 0.7


def test_a_dictionary_ignores_what_the_recording_cannot_hold(accepted, instrument):
    dictionary = load_dictionary("formula.npz")
    assert dictionary.settings.freqs[-1] > 4000
    y, _ = soundfile.read(instrument.song)
    whole = np.fft.rfft(y)
    soundfile.write("narrow.wav", np.fft.irfft(whole[: len(whole) // 2], len(y) // 2) / 2, 8000)
    accepted("narrow.wav")
    assert evaluate(instrument.labels, "narrow.mid").onset_f1 > 0.7


def test_a_wav_shorter_than_its_header(accepted, here):
    (here / "cut.wav").write_bytes((here / "song.wav").read_bytes()[: 44 + 2 * 16000 * 2])
    said = accepted("cut.wav").splitlines()
    assert len(said) == 2
    assert re.fullmatch(r"Warning: 'cut\.wav' ends after 2\.00 s, its header promises .* is used\.", said[0])
    assert said[1].startswith("Wrote cut.mid: ")


def test_a_note_that_sounds_like_another(nmfamt, here, instrument):
    shutil.copy(instrument.notes / "C4.wav", "F4.wav")
    run = nmfamt("learn", "F4.wav", "-o", "mine.npz")
    assert run.status == 0
    assert re.match(r"Warning: .*F4.* sounds .*C4[^\n]*\nWrote mine\.npz: 1 pitch", run.err)


def test_an_empty_list_of_notes_is_a_table_without_rows(accepted, here):
    soundfile.write("quiet.wav", np.zeros(100), 16000)
    accepted("quiet.wav", "-o", "quiet.csv")
    assert (here / "quiet.csv").read_text() == f"{HEADER}\n"
