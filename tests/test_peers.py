"""Peers: how frames become notes, what an adapter writes, and what is not done again."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from nmfamt.datasets import Piece
from nmfamt.note_files import read_notes
from nmfamt.notes import Notes

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
FOLDER = BENCHMARKS / "peers"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not part of an installed package")


@pytest.fixture
def peers(monkeypatch):
    """The scripts as modules."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("_adapter", "environments", "transcribe", "accuracy_oracles")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for name in (*names, "_results"):
        sys.modules.pop(name, None)


def test_frames_become_notes(peers):
    times = np.arange(30) / 100
    frames = [[] for _ in times]
    for frame in range(3, 8):  # five frames, 50 ms
        frames[frame] = [440.0, -1.0, 0.0]
    for frame in range(12, 16):  # four, too short
        frames[frame] = [220.0]
    for frame in range(20, 30):  # a quarter tone and a little more above C4, to the end
        frames[frame] = [261.63 * 2 ** (0.53 / 12), 440.0]
    notes = peers._adapter.notes_of_frames(times, frames)
    assert [note.pitch for note in notes] == [69, 61, 69]
    np.testing.assert_allclose([note[:2] for note in notes], [(0.03, 0.08), (0.2, 0.3), (0.2, 0.3)])
    assert {note.velocity for note in notes} == {None}


def test_frames_of_another_hop_are_taken_where_they_are_nearest(peers):
    times = np.arange(100) * 128 / 44100
    frames = [[440.0] if 0.0751 < time < 0.1649 else [] for time in times]
    (note,) = peers._adapter.notes_of_frames(times, frames)
    np.testing.assert_allclose(note[:2], (0.08, 0.17))  # 80 to 160 ms, and a frame lasts until the next


@pytest.mark.parametrize("frames", [[], [[]], [[], []], [[440.0]]])
def test_frames_without_notes(peers, frames):
    assert peers._adapter.notes_of_frames([i / 100 for i in range(len(frames))], frames) == []


def test_the_rule_is_that_of_the_benchmark(peers):
    roll = np.random.default_rng(0).random((128, 400)) < 0.9
    frames = [440 * 2 ** ((np.flatnonzero(column) - 69) / 12) for column in roll.T]
    rule = peers.accuracy_oracles.notes_of(roll)
    found = peers._adapter.notes_of_frames(np.arange(400) / 100, frames)
    assert len(rule) > 100
    same = Notes([note[:2] for note in found], [note.pitch for note in found])
    np.testing.assert_allclose(same.intervals, rule.intervals)
    np.testing.assert_array_equal(same.pitches, rule.pitches)


ADAPTER = """
import sys
sys.path.insert(0, {folder!r})
from _adapter import Note, command_line, run

def transcribe(y, sr):
    with open({log!r}, "a") as file:
        print(len(y) / sr, file=file)
    print("something that a peer says")
    if abs(y).max() > 0.9:
        raise RuntimeError("too loud")
    if y[0] < 0:
        sys.exit(3)
    return [Note(0.25, 0.5, 60, 200), Note(0.5, len(y) / sr, 61)]

run(transcribe, command_line("").parse_args())
"""


@pytest.fixture
def adapter(tmp_path):
    """An adapter whose peer hears the same two notes in everything, and logs what it is given."""
    path = tmp_path / "fake_notes.py"
    path.write_text(ADAPTER.format(folder=str(FOLDER), log=str(tmp_path / "log")), encoding="utf-8")
    return path


def record(path, level=0.1, seconds=2.0):
    """Write stereo with a constant level."""
    soundfile.write(path, np.full((round(seconds * 8000), 2), level), 8000, subtype="FLOAT")
    return path


def run(adapter, *arguments):
    return subprocess.run([sys.executable, adapter, *arguments], capture_output=True, text=True)


def test_an_adapter_writes_notes_that_can_be_read(tmp_path, adapter):
    target = tmp_path / "a.csv"
    done = run(adapter, "--start", "0.5", "--end", "1.75", record(tmp_path / "a.wav"), target)
    assert done.returncode == 0, done.stderr
    notes = read_notes(target)
    np.testing.assert_allclose(notes.intervals, [(0.75, 1.0), (1.0, 1.75)])  # from the start of the recording
    assert notes.pitches.tolist() == [60, 61]
    assert notes.velocities.tolist() == [127, 64]
    assert (tmp_path / "log").read_text().split() == ["1.25"]
    line = json.loads(done.stdout.splitlines()[-1])
    assert line["file"] == str(target)
    assert line["audio"] == 1.25
    assert line["processor"] >= 0


def test_a_recording_that_fails_costs_only_itself(tmp_path, adapter):
    loud, quiet = record(tmp_path / "loud.wav", level=1.0), record(tmp_path / "quiet.wav")
    pairs = [loud, tmp_path / "1.csv", tmp_path / "none.wav", tmp_path / "2.csv", quiet, tmp_path / "3.csv"]
    done = run(adapter, *pairs)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines[0]["error"] == "RuntimeError: too loud"
    assert "none.wav" in lines[1]["error"]
    assert "error" not in lines[2]
    assert sorted(path.name for path in tmp_path.glob("*.csv*")) == ["3.csv"]
    after = run(adapter, "--start", "5", quiet, tmp_path / "4.csv")
    assert "holds nothing from 5.0 s to None s" in json.loads(after.stdout)["error"]
    assert "of every recording" in run(adapter, quiet).stderr


@pytest.fixture
def fake(peers, monkeypatch, tmp_path, adapter):
    """A peer that runs that adapter with this Python, and two pieces."""
    peer = peers.environments.Peer("essentia", str(adapter))
    monkeypatch.setitem(peers.transcribe.PEERS, "fake", peer)
    monkeypatch.setattr(peers.transcribe, "is_made", lambda environment: True)
    monkeypatch.setattr(peers.transcribe, "python_of", lambda environment: Path(sys.executable))
    pieces = [Piece(name, record(tmp_path / f"{name}.wav"), read=Notes.empty) for name in ("a", "b")]
    log = tmp_path / "log"

    def transcribe(pieces=pieces):
        log.write_text("")
        done = peers.transcribe.transcribe("fake", pieces, tmp_path, tmp_path / "out")
        return done, log.read_text().split()

    return SimpleNamespace(pieces=pieces, out=tmp_path / "out", transcribe=transcribe)


def test_what_is_there_is_not_done_again(fake, capsys):
    assert fake.transcribe() == (True, ["2.0", "2.0"])
    assert "fake: 2 of 2 pieces, 4 s in" in capsys.readouterr().out
    assert sorted(path.name for path in fake.out.iterdir()) == ["a.csv", "b.csv", "made.json"]
    assert fake.transcribe() == (True, [])
    assert "fake: 2 of 2 pieces, 4 s in" in capsys.readouterr().out
    (fake.out / "a.csv").unlink()
    assert fake.transcribe() == (True, ["2.0"])
    part = Piece("b", fake.pieces[1].audio, read=Notes.empty, end=1.5)
    assert fake.transcribe([fake.pieces[0], part]) == (True, ["1.5"])
    made = json.loads((fake.out / "made.json").read_text())
    made["a"]["version"] = "another"
    (fake.out / "made.json").write_text(json.dumps(made))
    assert fake.transcribe([fake.pieces[0], part]) == (True, ["2.0"])


def test_what_was_broken_off_goes_on(fake, tmp_path, capsys):
    # The second piece ends the adapter, as a crash or a kill would: the first stays done.
    record(fake.pieces[1].audio, level=-0.1)
    done, _ = fake.transcribe()
    assert not done
    assert "fake: b: the adapter ended before it was done" in capsys.readouterr().err
    assert sorted(path.name for path in fake.out.iterdir()) == ["a.csv", "made.json"]
    record(fake.pieces[1].audio)
    assert fake.transcribe() == (True, ["2.0"])


def test_without_an_environment(peers, tmp_path, capsys):
    assert not peers.transcribe.transcribe("basic-pitch", [], tmp_path, tmp_path / "out")
    assert "make it with environments.py" in capsys.readouterr().err


def test_versions_are_pinned_and_adapters_are_there(peers, tmp_path):
    environments = {peer.environment for peer in peers.environments.PEERS.values()}
    files = {path.stem: path for path in (FOLDER / "requirements").glob("*.txt")}
    assert files.keys() == environments
    for name, path in files.items():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert all(line.count("==") == 1 for line in lines)
        assert "tensorflow" not in path.read_text(encoding="utf-8").split("\n", 1)[1].lower()
        (tmp_path / name).mkdir()
        assert not peers.environments.is_made(tmp_path / name)
        (tmp_path / name / "made-of.txt").write_bytes(path.read_bytes())
        assert peers.environments.is_made(tmp_path / name)
        (tmp_path / name / "made-of.txt").write_bytes(path.read_bytes() + b"numpy==1.0\n")
        assert not peers.environments.is_made(tmp_path / name)


def test_adapters_know_nothing_of_nmfamt():
    adapters = [*FOLDER.glob("*_notes.py"), FOLDER / "_adapter.py", FOLDER / "environments.py"]
    assert len(adapters) >= 6
    for path in adapters:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "nmfamt" for name in names), path


def test_the_real_ones_hear_a_tone(peers, tmp_path):
    """Where ``NMFAMT_PEERS`` names a folder that ``environments.py`` made."""
    folder = Path(os.environ.get("NMFAMT_PEERS", "missing"))
    there = [
        name for name, peer in peers.environments.PEERS.items() if peers.environments.is_made(folder / peer.environment)
    ]
    if not there:
        pytest.skip("NMFAMT_PEERS names no folder with environments of peers")
    t = np.arange(3 * 44100) / 44100
    partials = sum(np.sin(2 * np.pi * 440 * k * t) / k**2 for k in range(1, 6))
    tone = tmp_path / "tone.wav"
    soundfile.write(tone, 0.3 * partials * np.exp(-t) * ((t > 1) & (t < 2)), 44100)
    for name in there:
        piece = Piece(name, tone, read=Notes.empty, end=2.5)
        assert peers.transcribe.transcribe(name, [piece], folder, tmp_path / "out")
        notes = read_notes(tmp_path / "out" / f"{name}.csv")
        onset = notes.intervals[notes.pitches == 69, 0]
        assert np.abs(onset - 1).min() < 0.08, name
