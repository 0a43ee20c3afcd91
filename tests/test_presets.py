"""Presets: what was published, and the table that ours stand below."""

import dataclasses
import json
import math
import re
import subprocess
import sys
from importlib import resources
from types import SimpleNamespace

import pytest

from nmfamt.benchmark.presets import PRESETS, Preset, Published, rows_table
from nmfamt.evaluation import Scores

ROWS = [pytest.param(name, row, id=f"{name}, {row.system}") for name, preset in PRESETS.items() for row in preset.rows]
KINDS = ("frame", "onset", "offset")


def means(mean, std):
    """A summary as far as the table looks at it."""
    return SimpleNamespace(mean=mean, std=std)


def test_the_presets_are_those_that_were_promised():
    assert set(PRESETS) == {"maps", "maps-30s", "maestro", "musicnet"}
    assert {preset.dataset for preset in PRESETS.values()} == {"maps", "maestro", "musicnet"}
    assert PRESETS["maps-30s"].options["seconds"] == 30
    assert PRESETS["musicnet"].average_precision
    assert PRESETS["musicnet"].target == {"frame_f1": 60}


def test_the_figures_of_the_issue():
    by_system = {row.system: row.mean for row in PRESETS["maps"].rows}
    f1 = [f"{kind}_f1" for kind in KINDS]
    assert [by_system["U-nets with reconstruction, mel"][score] for score in f1] == [72.5, 66.3, 38.5]
    assert [by_system["Onsets and Frames"][score] for score in f1] == [78.3, 82.3, 50.2]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_row_is_well_formed(name, row):
    known = {field.name for field in dataclasses.fields(Scores)} | {"average_precision"}
    assert row.mean
    assert row.mean.keys() <= known
    assert row.std.keys() <= row.mean.keys()
    assert all(1 < value <= 100 for value in row.mean.values()), "per cent, not parts of one"
    assert all(0 < value < 50 for value in row.std.values())
    assert row.source
    assert not row.remark or row.remark.endswith(".")
    assert re.search(r"\b(19|20)\d\d$", row.citation), "a citation ends with the year"


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_f1_lies_where_precision_and_recall_put_it(name, row):
    # The mean of F1 over pieces is below the F1 of the means, but not by much.
    for kind in KINDS:
        rates = [row.mean.get(f"{kind}_{rate}") for rate in ("precision", "recall", "f1")]
        if None not in rates:
            precision, recall, f1 = rates
            of_means = 2 * precision * recall / (precision + recall)
            assert of_means - 1.5 < f1 < of_means + 0.1


def test_a_note_that_is_right_with_its_offset_is_right_without():
    for preset in PRESETS.values():
        for row in preset.rows:
            if {"onset_f1", "offset_f1"} <= row.mean.keys():
                assert row.mean["offset_f1"] < row.mean["onset_f1"]


def test_bibtex_can_be_parsed_and_agrees_with_the_citation():
    text = resources.files("nmfamt.benchmark").joinpath("published.json").read_text(encoding="utf-8")
    published = json.loads(text)
    keys = []
    for reference in published["references"].values():
        entry = re.fullmatch(r"@(\w+)\{(\w+),\n((?: +\w+ += \{.*\},?\n)+)\}", reference["bibtex"])
        assert entry, reference["bibtex"]
        assert entry[3].count("{") == entry[3].count("}")
        fields = dict(re.findall(r"(\w+) += \{(.*)\}", entry[3]))
        assert {"author", "title", "year"} <= fields.keys()
        assert reference["citation"].endswith(fields["year"])
        assert reference["short"].endswith(fields["year"])
        assert reference["short"].split(" et al.")[0].split(" & ")[0].split(" 2")[0] in fields["author"].split(",")[0]
        assert f'"{re.sub(r"[{}]", "", fields["title"])}"' in reference["citation"]
        for author in fields["author"].split(" and "):
            assert re.sub(r"[{}]|\\.", "", author.split(",")[0]) in reference["citation"]
        keys.append(entry[2])
    assert len(set(keys)) == len(keys)
    used = {row["reference"] for preset in published["presets"].values() for row in preset["rows"]}
    assert used == published["references"].keys()


@pytest.fixture
def preset():
    """Two papers, one of them with two rows that share what is said of them."""
    first = {
        "citation": "A, 2001",
        "short": "A 2001",
        "bibtex": "@misc{a}",
        "source": "the paper",
        "remark": "Other pianos.",
    }
    second = {"citation": "B, 2002", "short": "B 2002", "bibtex": "@misc{b}", "source": "a notebook", "remark": ""}
    rows = (
        Published("one", **first, mean={"frame_f1": 50, "onset_precision": 60.04}, std={"frame_f1": 7.06}),
        Published("two", **first, mean={"offset_recall": 33}, std={}),
        Published("three", **second, mean={"onset_f1": 70}, std={}),
    )
    return Preset("set", "A set", "set", {"seconds": 30.0}, rows, target={"frame_f1": 60})


def test_the_table_as_a_whole(preset):
    ours = {
        "nmf": means(
            {"frame_f1": 0.7106, "onset_f1": 0.8, "offset_f1": math.nan}, {"frame_f1": 0.1, "onset_f1": math.nan}
        )
    }
    assert rows_table(preset, ours, n_seen=18, n_official=60) == (
        "| % (mean ± standard deviation) | Frame P | Frame R | Frame F1 | Note P | Note R | Note F1 "
        "| Note with offset P | Note with offset R | Note with offset F1 |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| one (A 2001) [1] | – | – | 50.0 ± 7.1 | 60.0 | – | – | – | – | – |\n"
        "| two (A 2001) [1] | – | – | – | – | – | – | – | 33.0 | – |\n"
        "| three (B 2002) [2] | – | – | – | – | – | 70.0 | – | – | – |\n"
        "| *target* | – | – | 60.0 | – | – | – | – | – | – |\n"
        "| **nmf** | – | – | 71.1 ± 10.0 | – | – | 80.0 | – | – | – |\n"
        "\n"
        "1. A, 2001. Other pianos. Seen in: the paper.\n"
        "2. B, 2002. Seen in: a notebook.\n"
        "\n"
        "Ours, in bold type: 18 of 60 pieces, 30 s each."
    )
    assert preset.bibtex == "@misc{a}\n\n@misc{b}"


@pytest.mark.parametrize(
    ("options", "n_official", "said"),
    [
        ({"seconds": None}, 60, "2 of 60 pieces, files as they are."),
        ({"seconds": 12.5}, None, "2 pieces, 12.5 s each."),
        ({"pedal": "extend", "label_shift": 0.0}, 60, "2 of 60 pieces, 30 s each."),
        ({"pedal": "ignore"}, 60, "30 s each, without what the sustain pedal adds to the notes of the reference."),
        ({"label_shift": 0.015}, 60, "30 s each, labels moved by +15 ms."),
    ],
)
def test_the_table_says_what_was_seen(preset, options, n_official, said):
    table = rows_table(preset, {}, n_seen=2, n_official=n_official, options=options)
    assert table.endswith(said)


def test_average_precision_has_a_column_where_it_is_scored(preset):
    assert "Average precision" not in rows_table(preset, {}, n_seen=1, n_official=None)
    table = rows_table(
        PRESETS["musicnet"], {"nmf": means({"average_precision": 0.5}, {})}, n_seen=10, n_official=10
    ).splitlines()
    assert table[0].endswith("| Average precision |")
    assert table[2].endswith("| 79.5 |")
    assert next(line for line in table if "nmf" in line).endswith("| – | 50.0 |")


def test_presets_cost_no_slow_import():
    code = (
        "import sys, nmfamt.benchmark.presets\n"
        "print(*[name for name in ('scipy', 'numba', 'librosa', 'mir_eval', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
