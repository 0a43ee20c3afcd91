"""The benchmark: what is done stays done, nothing is counted twice, and the tables say what was found."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import PITCHES, SR, perform
from dataset_files import distributed_maps, maestro, make_musicnet

from nmfamt.benchmark import Estimates, prepare_methods, run_benchmark, write_report
from nmfamt.benchmark.facts import code_hash, commit, machine
from nmfamt.benchmark.records import read_record
from nmfamt.benchmark.tables import csv_table, latex_table, markdown_table
from nmfamt.datasets import Dataset, Piece
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

TIMED = re.compile(r'"(wall|processor|wall_seconds|processor_seconds|times_real_time|began|seconds|jobs|n_measured)":')


def song(seed, n_notes=20):
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 9, n_notes))
    return Notes(np.stack([onsets, onsets + 0.4], axis=1), rng.permutation(np.repeat(PITCHES, 2))[:n_notes])


@dataclass(frozen=True)
class Half:
    """Finds every note but those at the end: as many as it is good; and counts how often it was asked."""

    name: str
    goodness: float
    log: Path
    works = True

    def identity(self, piece):
        return {"goodness": self.goodness}

    def notes(self, piece, *, activation):
        with self.log.open("a") as file:
            file.write(f"{self.name} {piece.name}\n")
        if piece.name == "bad":
            raise NmfamtError("This one cannot be heard.")
        notes = piece.reference()
        seed = int(piece.name.removeprefix("piece"))
        return notes.select(np.random.default_rng(seed).permutation(len(notes)) < self.goodness * len(notes)), None


@pytest.fixture
def dataset(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(10 * SR), SR)
    pieces = tuple(Piece(f"piece{i}", tmp_path / "silence.wav", partial(song, i)) for i in range(8))
    return Dataset(
        name="toy", title="Toys", pieces=pieces, bibtex="", split="test", n_official=8, options={"pedal": "extend"}
    )


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").touch()
    return tmp_path / "log"


@pytest.fixture
def systems(log):
    return [Half("good", 0.9, log), Half("fair", 0.6, log)]


def contents(folder):
    """Return every file by its name, without what is a time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".npz":
            lines = path.read_bytes().decode("latin1").splitlines()
            found[str(path.relative_to(folder))] = [line for line in lines if not TIMED.search(line)]
    return found


# Nothing is lost, nothing is done twice


def test_what_is_done_is_not_done_again(dataset, systems, log, tmp_path):
    first = run_benchmark(dataset, systems, tmp_path / "out")
    asked = log.read_text().splitlines()
    assert len(asked) == len(set(asked)) == first.n_measured == 16
    before = contents(tmp_path / "out")
    again = run_benchmark(dataset, systems, tmp_path / "out")
    assert (again.n_measured, log.read_text().splitlines()) == (0, asked)
    assert again.records == first.records
    assert contents(tmp_path / "out") == before


def test_a_run_that_is_killed_goes_on(dataset, systems, log, tmp_path):
    whole = run_benchmark(dataset, systems, tmp_path / "whole")

    def killed(what, done):
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(dataset, systems, tmp_path / "out", progress=killed)
    (tmp_path / "out/records/good/piece3.json").write_text('{"identity": {')  # as no kill can leave it
    rest = run_benchmark(dataset, systems, tmp_path / "out")
    assert rest.n_measured == 16 - 11 + 1
    assert {name: [*records] for name, records in rest.records.items()} == {
        name: [*records] for name, records in whole.records.items()
    }
    for results, folder in ((whole, "whole"), (rest, "out")):
        write_report(results, tmp_path / folder)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_command_survives_a_kill_at_any_point(instrument, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(5):
        soundfile.write(data / f"piece{i}.wav", perform(song(i)), SR)
        song(i).write(data / f"piece{i}.tsv")
    command = [sys.executable, "-m", "nmfamt", "benchmark", "folder", "--root", str(data), "--method", "threshold-nmf"]
    command += ["--dictionary", str(instrument.dictionary), "-o"]
    out = tmp_path / "out"
    for n_done in (1, 3):
        process = subprocess.Popen([*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len([*out.glob("records/*/piece*.json")]) < n_done and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = {path: path.stat().st_mtime_ns for path in out.glob("records/*/piece*.json")}
    assert len(done) >= 3
    for folder in (out, tmp_path / "whole"):
        assert subprocess.run([*command, str(folder)], capture_output=True).returncode == 0
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    assert contents(out) == contents(tmp_path / "whole")
    rows = [*csv.DictReader(io.StringIO((out / "pieces.csv").read_text()))]
    assert len({(row["system"], row["piece"]) for row in rows}) == len(rows) == 5


def test_processes_find_the_same(dataset, systems, tmp_path):
    for folder, n_jobs in (("one", 1), ("two", 2)):
        write_report(run_benchmark(dataset, systems, tmp_path / folder, n_jobs=n_jobs), tmp_path / folder)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_other_settings_are_not_mixed(dataset, systems, log, tmp_path):
    out = tmp_path / "out"
    run_benchmark(dataset, systems, out)
    before = contents(out)
    with pytest.raises(NmfamtError, match=r"goodness was 0\.9 and is 0\.8.*another folder.*--overwrite"):
        run_benchmark(dataset, [replace(systems[0], goodness=0.8), systems[1]], out)
    with pytest.raises(NmfamtError, match="pedal was 'extend' and is 'ignore'"):
        run_benchmark(replace(dataset, options={"pedal": "ignore"}), systems, out)
    assert contents(out) == before
    results = run_benchmark(dataset, [replace(systems[0], goodness=0.8), systems[1]], out, overwrite=True)
    assert results.n_measured == 8  # the other one stays


def test_systems_may_be_added(dataset, systems, log, tmp_path):
    run_benchmark(dataset, systems[:1], tmp_path / "out")
    results = run_benchmark(dataset, systems, tmp_path / "out")
    assert (results.n_measured, [*results.records]) == (8, ["good", "fair"])


def test_a_piece_that_fails_leaves_the_rest(dataset, systems, tmp_path):
    bad = Piece("bad", dataset.pieces[0].audio, partial(song, 0))
    dataset = replace(dataset, pieces=(bad, *dataset.pieces))
    results = run_benchmark(dataset, systems, tmp_path / "out")
    assert [(failed.system, failed.piece, failed.why) for failed in results.failures] == [
        (system.name, "bad", "This one cannot be heard.") for system in systems
    ]
    assert results.common == [f"piece{i}" for i in range(8)]
    assert "the 8 of 9 pieces that all have done (officially 8)" in markdown_table(results)


def test_means_are_over_the_pieces_that_all_have(dataset, systems, tmp_path):
    (tmp_path / "theirs").mkdir()
    for piece in dataset.pieces[:3]:
        piece.reference().write(tmp_path / f"theirs/{piece.name}.mid")
    theirs = Estimates("theirs", tmp_path / "theirs")
    results = run_benchmark(dataset, [systems[0], theirs], tmp_path / "out")
    assert results.common == ["piece0", "piece1", "piece2"]
    assert "they should be called piece3.mid" in results.failures[0].why
    assert "the 3 of 8 pieces that all have done" in markdown_table(results)


def test_estimates_that_change_are_noticed(dataset, tmp_path):
    (tmp_path / "theirs").mkdir()
    for piece in dataset.pieces:
        piece.reference().write(tmp_path / f"theirs/{piece.name}.csv")
    theirs = Estimates("theirs", tmp_path / "theirs")
    assert run_benchmark(dataset, [theirs], tmp_path / "out").n_measured == 8
    Notes.empty().write(tmp_path / "theirs/piece5.csv", overwrite=True)
    with pytest.raises(NmfamtError, match=r"'piece5'.*hash was"):
        run_benchmark(dataset, [theirs], tmp_path / "out")
    results = run_benchmark(dataset, [theirs], tmp_path / "out", overwrite=True)
    assert results.n_measured == 1
    assert results.records["theirs"]["piece5"].scores["onset_f1"] == 0
    assert results.times_real_time("theirs") is None


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden/x", "two words"])
def test_names_that_are_no_folders(tmp_path, name):
    with pytest.raises(NmfamtError, match="name of a row and a folder"):
        Estimates(name, tmp_path)


def test_nothing_to_do(dataset, systems, tmp_path):
    with pytest.raises(NmfamtError, match="The systems are none"):
        run_benchmark(dataset, [], tmp_path)
    with pytest.raises(NmfamtError, match="each once"):
        run_benchmark(dataset, [systems[0]] * 2, tmp_path)
    with pytest.raises(NmfamtError, match="n_jobs=0"):
        run_benchmark(dataset, systems, tmp_path, n_jobs=0)


# Methods and their dictionaries


@pytest.fixture
def recorded(dataset, instrument):
    """The same pieces with isolated notes of their instruments, in two rooms."""
    rooms = ("hall", "hall", "attic")
    pieces = [
        replace(piece, group=room, isolated_notes=instrument.notes)
        for piece, room in zip(dataset.pieces, rooms, strict=False)
    ]
    return replace(dataset, pieces=tuple(pieces))


def test_own_dictionaries_are_learned_once_for_each_room(recorded, tmp_path):
    methods = ["nmf", "threshold-nmf", "wu2022", "duan2010"]
    systems, left_out = prepare_methods(methods, recorded, tmp_path, dictionary="own")
    assert ([system.name for system in systems], left_out) == (methods, {})
    made = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert sorted(made) == [f"{kind}-{room}.npz" for kind in ("dictionary", "wu2022") for room in ("attic", "hall")]
    identity = systems[2].identity(recorded.pieces[2])
    assert (identity["method"], identity["dictionary"], identity["code"]) == ("wu2022", "wu2022-attic", code_hash())
    assert len(identity["dictionary_hash"]) >= 12
    assert systems[3].identity(recorded.pieces[0])["dictionary"] is None
    prepare_methods(methods, recorded, tmp_path, dictionary="own")
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == made


def test_a_method_may_have_several_dictionaries(recorded, tmp_path):
    systems, _ = prepare_methods(["nmf=own", "nmf=piano", "nmf", "nmf"], recorded, tmp_path)
    assert [system.name for system in systems] == ["nmf=own", "nmf=piano", "nmf"]
    hashes = [system.identity(recorded.pieces[0])["dictionary_hash"] for system in systems]
    assert hashes[0] != hashes[1]


def test_all_methods_that_can_be_run(dataset, recorded, tmp_path):
    systems, left_out = prepare_methods(["all"], dataset, tmp_path)
    assert set(left_out) == {"cheng2016", "wu2022"}
    assert "isolated notes" in left_out["wu2022"]
    assert len(systems) == 13
    one = replace(recorded, pieces=recorded.pieces[:1])
    assert len(prepare_methods(["all"], one, tmp_path, dictionary="own")[0]) == 15


@pytest.mark.parametrize(
    ("method", "dictionary", "message"),
    [
        ("nmff", None, "no method 'nmff'"),
        ("nmf", "own", "no isolated notes that belong to 'piece0'"),
        ("nmf=kazoo", None, "kazoo"),
        ("duan2010=piano", None, "needs no dictionary"),
        ("wu2022", None, "isolated notes"),
    ],
)
def test_methods_that_cannot_be_prepared(dataset, tmp_path, method, dictionary, message):
    with pytest.raises(NmfamtError, match=message):
        prepare_methods([method], dataset, tmp_path, dictionary=dictionary)


# Tables


def test_csv_has_every_score_of_every_piece(dataset, systems, tmp_path):
    results = run_benchmark(dataset, systems, tmp_path / "out")
    rows = [*csv.DictReader(io.StringIO(csv_table(results)))]
    assert [(row["system"], row["piece"]) for row in rows[:2]] == [("good", "piece0"), ("good", "piece1")]
    record = read_record(tmp_path / "out/records/fair/piece7.json")
    assert float(rows[-1]["onset_f1"]) == pytest.approx(record.scores["onset_f1"], abs=1e-6)
    assert {"frame_error_total", "onset_overlap", "velocity_f1"} <= rows[0].keys()


def test_markdown_marks_the_best_and_what_is_worse(dataset, systems, tmp_path):
    results = run_benchmark(dataset, systems, tmp_path / "out")
    table = markdown_table(results)
    good, fair = (
        next(line for line in table.splitlines() if line.startswith(f"| {name} |")) for name in ("good", "fair")
    )
    # 18 of 20 notes: F1 = 2 * 18 / 38; 12 of 20: 24 / 32. In all eight pieces: p = 2 / 2**8.
    assert "**94.7 ± 0.0**" in good
    assert r"75.0 ± 0.0 \*" in fair
    assert "**" not in fair.replace("**100.0 ± 0.0**", "")  # precision
    assert "94.7 (94.7–94.7)" in table
    assert "75.0 (75.0–75.0), median -19.7, p = 0.0078" in table


def density(reference, notes):
    return {"density": len(notes) / len(reference)}


def test_further_scores_have_a_place(dataset, systems, tmp_path):
    results = run_benchmark(dataset, systems, tmp_path / "out", scorers=[density])
    assert results.records["fair"]["piece0"].scores["density"] == 0.6
    assert "| density |" in markdown_table(results)
    assert "| fair |" in markdown_table(results)
    assert csv_table(results).splitlines()[0].endswith(",density")
    with pytest.raises(NmfamtError, match=r"scorers was \['density'\] and is \[\]"):
        run_benchmark(dataset, systems, tmp_path / "out")


def test_few_pieces_show_nothing(dataset, systems, tmp_path):
    results = run_benchmark(replace(dataset, pieces=dataset.pieces[:5]), systems, tmp_path / "out")
    assert "Too few pieces for any difference to be significant." in markdown_table(results)
    assert r"\*" not in markdown_table(results)


def test_latex_is_a_table(dataset, systems, tmp_path):
    results = run_benchmark(replace(dataset, title="Toys & 50 %_: what they are"), systems, tmp_path / "out")
    table = latex_table(results)
    assert r"Toys \& 50 \%\_" in table
    assert r"good & \textbf{100.0} $\pm$ 0.0" in table
    assert r"75.0$^{*}$ $\pm$ 0.0" in table
    body = table[table.index(r"\midrule") : table.index(r"\bottomrule")].splitlines()[1:-1]
    assert all(row.count("&") == 9 and row.endswith(r" \\") for row in body)
    for name in ("table", "tabular"):
        assert table.count(rf"\begin{{{name}}}") == table.count(rf"\end{{{name}}}") == 1
    assert table.count("{") == table.count("}")
    assert table.isascii()


def test_the_run_says_what_made_it(dataset, systems, tmp_path):
    run_benchmark(dataset, systems, tmp_path / "out")
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert run["code"] == code_hash()
    assert run["commit"] == commit()
    assert run["machine"] == machine()
    assert run["data_set"]["pieces"] == [piece.name for piece in dataset.pieces]
    assert run["systems"]["good"]["goodness"] == 0.9
    assert run["systems"]["good"]["times_real_time"] > 0
    assert str(tmp_path) not in json.dumps(run)


# The command


def test_the_command(nmfamt, instrument, tmp_path):
    data, theirs = tmp_path / "data", tmp_path / "theirs"
    data.mkdir()
    theirs.mkdir()
    shutil.copy(instrument.song, data / "song.wav")
    shutil.copy(instrument.labels, data / "song.tsv")
    Notes.read(instrument.labels).write(theirs / "song.mid")
    command = ["benchmark", "folder", "--root", data, "--method", "nmf", "--dictionary", instrument.dictionary]
    run = nmfamt(*command, "--estimates", f"theirs={theirs}", "--average-precision", "-o", tmp_path / "out")
    assert run.status == 0, run.err
    assert "| theirs |" in run.out
    assert "average precision" in run.out
    assert "times real time" in run.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "run.json", "pieces.csv", "summary.md", "summary.tex", "errors.json", "errors", "notes", "records",
    }  # fmt: skip
    assert Notes.read(tmp_path / "out/notes/nmf/song.json").info["dictionary"] == "formula"
    assert os.listdir(tmp_path / "out/notes") == ["nmf", "theirs"] or len(os.listdir(tmp_path / "out/notes")) == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nothing", "--root", "."], "nothing"),
        (["folder", "--root", "missing"], "missing"),
        (["maps-30s", "--root", ".", "--seconds", "20"], "seconds"),
    ],
)
def test_what_the_command_refuses(nmfamt, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    run = nmfamt("benchmark", *args)
    assert run.status == 1
    assert run.err.startswith("Error: ")
    assert message in run.err
    assert not any(tmp_path.iterdir())


def write_maps(root):
    distributed_maps(root, "ENSTDkCl", "chpn_op7_1")
    distributed_maps(root, "ENSTDkAm", "bach_846")


def write_maestro(root):
    maestro(root, ("test", 2018, "a"), ("test", 2004, "b"), ("train", 2004, "c"))


@pytest.mark.parametrize(
    ("preset", "write", "published", "seen"),
    [
        ("maps", write_maps, "72.5", "2 of 60 pieces, files as they are."),
        ("maps-30s", write_maps, "85.2", "2 of 60 pieces, 30 s each."),
        ("maestro", write_maestro, "96.7", "2 of 177 pieces, files as they are."),
        ("musicnet", make_musicnet, "60.0", "10 of 10 pieces, files as they are."),
    ],
)
def test_presets_print_published_rows_above_ours(nmfamt, tmp_path, preset, write, published, seen):
    write(tmp_path / "data")
    run = nmfamt("benchmark", preset, "--root", tmp_path / "data", "--method", "threshold-nmf", "-o", tmp_path / "out")
    assert run.status == 0, run.err
    table, ours = run.out.partition("| **threshold-nmf** |")[::2]
    assert published in table
    assert seen in ours
    assert json.loads((tmp_path / "out/run.json").read_text())["data_set"]["split"] == "test"


def test_estimates_need_a_name(nmfamt):
    run = nmfamt("benchmark", "folder", "--root", ".", "--estimates", "theirs")
    assert run.status == 2
    assert "NAME=FOLDER" in run.err


def test_the_data_sets_are_listed(nmfamt):
    out = nmfamt("datasets").out
    assert all(
        re.search(rf"^{name} ", out, re.MULTILINE) for name in ("maps", "maestro", "musicnet", "folder", "maps-30s")
    )
