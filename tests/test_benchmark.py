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

from nmfamt.benchmark import PRESETS, Estimates, prepare_methods, run_benchmark, summary_markdown, write_report
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


@dataclass(frozen=True)
class Always:
    """Finds the same notes everywhere."""

    name: str
    found: Notes
    works = True

    def identity(self, piece):
        return {}

    def notes(self, piece, *, activation):
        return self.found, None


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


@pytest.mark.parametrize(
    "change",
    [
        lambda record: [record],
        lambda record: record | {"scores": [1]},
        lambda record: record | {"scores": record["scores"] | {"onset_f1": "x"}},
        lambda record: record | {"errors": {}},
        lambda record: record | {"cost": record["cost"] | {"audio": "x"}},
        lambda record: record | {"identity": []},
    ],
)
def test_a_record_that_is_not_whole_is_made_again(dataset, systems, tmp_path, change):
    dataset = replace(dataset, pieces=dataset.pieces[:2])
    run_benchmark(dataset, systems[:1], tmp_path / "out")
    path = tmp_path / "out/records/good/piece1.json"
    before = read_record(path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert run_benchmark(dataset, systems[:1], tmp_path / "out").n_measured == 1
    assert read_record(path).scores == before.scores


def test_notes_that_are_gone_are_found_again(dataset, systems, tmp_path):
    run_benchmark(dataset, systems, tmp_path / "out")
    (tmp_path / "out/notes/good/piece3.json").unlink()
    assert run_benchmark(dataset, systems, tmp_path / "out").n_measured == 1
    assert (tmp_path / "out/notes/good/piece3.json").is_file()


def test_a_folder_that_cannot_be_made_costs_nothing(dataset, systems, log, tmp_path):
    (tmp_path / "out").touch()
    for folder in (tmp_path / "out", tmp_path / "out/below"):
        with pytest.raises(NmfamtError, match=r"cannot be made .*: choose another"):
            run_benchmark(dataset, systems, folder)
    assert log.read_text() == ""


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
    assert results.n_measured == 16
    assert results.common == [f"piece{i}" for i in range(8)]
    assert "the 8 of 9 pieces that all have done (officially 8)" in markdown_table(results)


def broken():
    raise NmfamtError("These labels are broken.")


def test_broken_labels_cost_no_transcription(dataset, systems, log, tmp_path):
    dataset = replace(dataset, pieces=(replace(dataset.pieces[0], read=broken),))
    results = run_benchmark(dataset, systems, tmp_path / "out")
    assert ([failed.why for failed in results.failures], log.read_text()) == (["These labels are broken."] * 2, "")


def test_an_empty_reference_is_warned_of(dataset, systems, tmp_path):
    doubts = []
    dataset = replace(dataset, pieces=(replace(dataset.pieces[0], read=Notes.empty),))
    run_benchmark(dataset, systems[:1], tmp_path / "out", warn=doubts.append)
    assert doubts == ["good, piece0: its reference holds no notes in the part that is scored."]


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


def test_estimates_need_no_recording(dataset, tmp_path):
    (tmp_path / "theirs").mkdir()
    (piece,) = pieces = (replace(dataset.pieces[0], audio=tmp_path / "gone.wav"),)
    piece.reference().write(tmp_path / f"theirs/{piece.name}.csv")
    theirs = Estimates("theirs", tmp_path / "theirs")
    results = run_benchmark(replace(dataset, pieces=pieces), [theirs], tmp_path / "out")
    assert results.records["theirs"][piece.name].scores["onset_f1"] == 1


def test_estimates_of_another_version_are_not_mixed(dataset, systems, tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    for piece in dataset.pieces:
        piece.reference().write(tmp_path / f"theirs/{piece.name}.csv")
    theirs = Estimates("theirs", tmp_path / "theirs")
    run_benchmark(dataset, [theirs], tmp_path / "out")
    monkeypatch.setattr("nmfamt.benchmark.run.code_hash", lambda: "other")
    with pytest.raises(NmfamtError, match=r"code was .* and is 'other'"):
        run_benchmark(dataset, [theirs], tmp_path / "out")


def test_all_notes_are_cut_to_the_part_that_is_scored(dataset, tmp_path):
    piece = Piece("a", dataset.pieces[0].audio, partial(Notes, [[0, 1], [1, 3]], [60, 62]), end=2.0)
    found = Notes([[0, 1], [1, 9], [2, 3]], [60, 62, 64])
    (tmp_path / "theirs").mkdir()
    found.write(tmp_path / "theirs/a.tsv")
    systems = [Always("ours", found), Estimates("theirs", tmp_path / "theirs")]
    results = run_benchmark(replace(dataset, pieces=(piece,)), systems, tmp_path / "out")
    for name in ("ours", "theirs"):
        scores = results.records[name]["a"].scores
        assert (scores["n_estimate"], scores["offset_f1"], scores["frame_f1"]) == (2, 1, 1)
        assert Notes.read(tmp_path / f"out/notes/{name}/a.json").intervals[:, 1].max() == 2


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "../up", ".hidden/x", "two words"])
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
    without_hash = sorted(name.rpartition("-")[0] for name in made)
    assert without_hash == [f"{kind}-{room}" for kind in ("dictionary", "wu2022") for room in ("attic", "hall")]
    identity = systems[2].identity(recorded.pieces[2])
    assert (identity["method"], f"{identity['dictionary']}.npz" in made) == ("wu2022", True)
    assert identity["dictionary"].startswith("wu2022-attic-")
    assert len(identity["dictionary_hash"]) >= 12
    assert systems[3].identity(recorded.pieces[0])["dictionary"] is None
    prepare_methods(methods, recorded, tmp_path, dictionary="own")
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == made


def test_a_method_may_have_several_dictionaries(recorded, tmp_path):
    systems, _ = prepare_methods(["nmf=own", "nmf=piano", "nmf", "nmf"], recorded, tmp_path)
    assert [system.name for system in systems] == ["nmf=own", "nmf=piano", "nmf"]
    hashes = [system.identity(recorded.pieces[0])["dictionary_hash"] for system in systems]
    assert hashes[0] != hashes[1]


@pytest.fixture
def two_folders(instrument, tmp_path):
    """Isolated notes in two folders of one name, the second without the loudest half of every note."""
    for name in ("a", "b"):
        shutil.copytree(instrument.notes, tmp_path / name / "notes")
    for path in (tmp_path / "b/notes").glob("*.wav"):
        y, sr = soundfile.read(path)
        soundfile.write(path, np.minimum(y, 0.5 * y.max()), sr)
    return [str(tmp_path / name / "notes") for name in ("a", "b")]


def test_dictionaries_of_other_notes_are_not_mistaken(dataset, two_folders, tmp_path):
    hashes = []
    for folder in two_folders:
        (system,), _ = prepare_methods(["nmf"], dataset, tmp_path / "out", dictionary=folder)
        hashes.append(system.identity(dataset.pieces[0])["dictionary_hash"])
    assert hashes[0] != hashes[1]
    with pytest.raises(NmfamtError, match=r"another dictionary of the name 'nmf=notes': rename"):
        prepare_methods([f"nmf={folder}" for folder in two_folders], dataset, tmp_path / "out")


def test_a_method_gets_the_part_and_the_dictionary_of_the_room(recorded, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("nmfamt.transcription.transcribe", lambda audio, **given: asked.append(given) or Notes.empty())
    (system,), _ = prepare_methods(["nmf"], recorded, tmp_path, dictionary="own")
    for piece in recorded.pieces[1:]:
        system.notes(replace(piece, start=1.0, end=2.0), activation=False)
    assert [(given["start"], given["end"]) for given in asked] == [(1.0, 2.0)] * 2
    rooms = [Path(given["dictionary"]).name.split("-")[1] for given in asked]
    assert rooms == ["hall", "attic"]


def test_what_has_a_name_goes_before_a_folder(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("piano").mkdir()
    (system,), _ = prepare_methods(["nmf"], dataset, tmp_path / "out", dictionary="piano")
    assert system.identity(dataset.pieces[0])["dictionary"] == "piano"


def test_one_file_has_one_name(dataset, instrument, tmp_path, monkeypatch):
    monkeypatch.chdir(instrument.dictionary.parent)
    written = [instrument.dictionary.name, f"./{instrument.dictionary.name}", str(instrument.dictionary)]
    systems = [prepare_methods(["nmf"], dataset, tmp_path, dictionary=name)[0][0] for name in written]
    assert len({str(system.identity(dataset.pieces[0])) for system in systems}) == 1


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


def cells(table, title, system):
    """Return what stands in a column of a Markdown table in the row of a system."""
    lines = [line.split(" | ") for line in table.replace("| ", "", 1).splitlines()]
    head = next(i for i, line in enumerate(lines) if title in line)
    row = next(line for line in lines[head:] if line[0].strip("| ") == system)
    return row[lines[head].index(title)]


def test_means_and_spreads_by_hand(dataset, systems, tmp_path):
    results = run_benchmark(replace(dataset, pieces=dataset.pieces[:2]), systems, tmp_path / "out")
    for name, numbers in {"good": (0.5, 0.7), "fair": (0.4, 0.6)}.items():
        for record, number in zip(results.records[name].values(), numbers, strict=True):
            record.scores.update(onset_f1=number, frame_error_miss=number)
    table = markdown_table(results)
    assert cells(table, "Note F1", "good") == "**60.0 ± 14.1**"  # sqrt(2 * 0.1**2 / (2 - 1))
    assert cells(table, "Note F1", "fair") == "50.0 ± 14.1"
    assert cells(table, "misses", "good") == "60.0 ± 14.1"
    assert cells(table, "misses", "fair") == "**50.0 ± 14.1**"  # of errors, fewer are better
    assert r"\textbf{60.0} $\pm$ 14.1" in latex_table(results)
    published = summary_markdown(results, PRESETS["maps"])
    assert cells(published, "Note F1", "**good**") == "60.0 ± 14.1"
    assert "| 72.5 |" in published


def test_errors_are_summed(dataset, systems, tmp_path):
    results = run_benchmark(dataset, systems, tmp_path / "out")
    write_report(results, tmp_path / "out")
    errors = json.loads((tmp_path / "out/errors.json").read_text())
    assert np.sum(errors["good"]["reference"]["velocity"]) == 8 * 20
    assert np.sum(errors["fair"]["estimated"]["velocity"]) == 8 * 12


@pytest.mark.parametrize(("names", "right"), [(["oboe", "flute"], 0), (["A", "B"], 1)])
def test_instruments_count_by_name_where_they_have_one(dataset, tmp_path, names, right):
    reference = partial(Notes, [[0, 1], [1, 2]], [60, 72], instruments=["flute", "oboe"])
    piece = Piece("a", dataset.pieces[0].audio, reference)
    system = Always("theirs", Notes([[0, 1], [1, 2]], [60, 72], instruments=names))
    results = run_benchmark(replace(dataset, pieces=(piece,)), [system], tmp_path / "out")
    assert results.records["theirs"]["a"].scores["stream_onset_f1"] == right


def test_the_cost_is_that_of_the_part(dataset, tmp_path):
    pieces = tuple(replace(piece, start=1.0, end=3.5) for piece in dataset.pieces[:3])
    results = run_benchmark(replace(dataset, pieces=pieces), [Always("ours", Notes.empty())], tmp_path / "out")
    records = results.records["ours"]
    assert {record.cost.audio for record in records.values()} == {2.5}
    for name, seconds in zip(records, (0.1, 0.5, 100.0), strict=True):
        records[name] = replace(records[name], cost=replace(records[name].cost, processor=seconds))
    assert results.times_real_time("ours") == 5.0
    shorter = tuple(replace(piece, end=3.0) for piece in pieces)
    with pytest.raises(NmfamtError, match=r"part was \[1.0, 3.5\] and is \[1.0, 3.0\]"):
        run_benchmark(replace(dataset, pieces=shorter), [Always("ours", Notes.empty())], tmp_path / "out")


def test_a_number_that_one_lacks_is_left_out_for_all(dataset, systems, tmp_path):
    """Who finds nothing in a piece has no deviation of onsets there, and should not look better for it."""
    results = run_benchmark(dataset, systems, tmp_path / "out")
    deviations = {"good": [0.010] * 7 + [0.050], "fair": [0.020] * 7 + [None]}
    for name, numbers in deviations.items():
        for record, number in zip(results.records[name].values(), numbers, strict=True):
            record.scores["onset_deviation"] = number
    table = markdown_table(results)
    assert cells(table, "onset deviation, ms", "good") == "**10.0 ± 0.0**"
    assert cells(table, "onset deviation, ms", "fair") == "20.0 ± 0.0"


def test_tables_say_what_is_not_the_default(dataset, systems, tmp_path):
    dataset = replace(dataset, options={"pedal": "ignore", "label_shift": 0.0125, "seconds": 30.0})
    results = run_benchmark(dataset, systems, tmp_path / "out")
    said = (
        "toy, test, first 30 s, without what the sustain pedal adds to the notes of the reference, "
        "labels moved by +12.5 ms: 8 pieces, mean"
    )
    assert said in markdown_table(results)
    assert said in latex_table(results)
    published = summary_markdown(replace(results, dataset=replace(dataset, split="train")), PRESETS["maps-30s"])
    assert "split 'train' where the published ones are of 'test'" in published
    assert "labels moved by +12.5 ms" in published


def test_without_plots_there_is_all_else(dataset, systems, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    results = run_benchmark(dataset, systems, tmp_path / "out")
    assert "matplotlib" in write_report(results, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/errors").iterdir()) == ["fair.md", "good.md"]


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
    assert sorted(os.listdir(tmp_path / "out/notes")) == ["nmf", "theirs"]


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


def test_the_options_reach_the_data_set(nmfamt, instrument, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a", "b"):
        shutil.copy(instrument.song, data / f"{name}.wav")
        Notes.read(instrument.labels).write(data / f"{name}.mid")
    command = ["benchmark", "folder", "--root", data, "--method", "duan2010", "--seconds", "1", "-o", tmp_path / "out"]
    assert nmfamt(*command).status == 0
    changed = [*command, "--pedal", "ignore", "--label-shift", "0.1"]
    refused = nmfamt(*changed)
    assert refused.status == 1
    assert "pedal was 'extend' and is 'ignore', label_shift was 0.0 and is 0.1" in refused.err
    assert "2 pieces done now, 0 before" in nmfamt(*changed, "--overwrite", "--jobs", "2").err
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert run["data_set"]["options"] == {"pedal": "ignore", "label_shift": 0.1, "seconds": 1.0}
    assert run["jobs"] == 2


def test_what_fails_is_listed_and_not_counted(nmfamt, instrument, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("good", "no_audio", "no_labels"):
        shutil.copy(instrument.song, data / f"{name}.wav")
        shutil.copy(instrument.labels, data / f"{name}.tsv")
    (data / "no_audio.wav").write_text("none")
    (data / "no_labels.tsv").write_text("none")
    command = ["benchmark", "folder", "--root", data, "--method", "duan2010", "--seconds", "1", "-o", tmp_path / "out"]
    for done in ("1 pieces done now, 0 before", "0 pieces done now, 1 before"):
        run = nmfamt(*command)
        assert run.status == 1
        assert done in run.err
        assert "2 of 3 failed" in run.err
        assert re.search("duan2010, no_audio: .*not audio", run.err)
        assert re.search("duan2010, no_labels: .*no column 'onset'", run.err)
    (tmp_path / "none").mkdir()
    run = nmfamt(*command, "--estimates", f"theirs={tmp_path / 'none'}")
    assert run.status == 1
    assert "no piece that every system has done" in run.err


def test_estimates_need_a_name(nmfamt):
    run = nmfamt("benchmark", "folder", "--root", ".", "--estimates", "theirs")
    assert run.status == 2
    assert "NAME=FOLDER" in run.err


def test_the_data_sets_are_listed(nmfamt):
    out = nmfamt("datasets").out
    assert all(
        re.search(rf"^{name} ", out, re.MULTILINE) for name in ("maps", "maestro", "musicnet", "folder", "maps-30s")
    )
