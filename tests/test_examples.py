"""Every example runs, as a user would run it, without a warning, and tells the story it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Run each example once, from an empty folder; return what it printed, by name."""
    printed = {}

    def run(path):
        if path.stem not in printed:
            environment = {key: value for key, value in os.environ.items() if not key.startswith("COV_")}
            done = subprocess.run(
                [sys.executable, path],
                capture_output=True,
                text=True,
                cwd=tmp_path_factory.mktemp(path.stem),
                env=environment,
            )
            assert done.returncode == 0, done.stderr
            assert "Warning" not in done.stderr
            printed[path.stem] = done.stdout
        return printed[path.stem]

    return run


def example(name):
    return next(path for path in EXAMPLES if path.stem == name)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs_and_says_something(path, output):
    assert output(path).strip()


def test_own_notes_beat_the_piano(output):
    own, piano = (float(f1) for f1 in re.findall(r"onset (\d\.\d{3})", output(example("learn_from_notes"))))
    assert own > 0.8
    assert own > piano + 0.1


def test_the_three_recordings_are_scored(output):
    table = output(example("scores"))
    f1 = {row[0]: float(row[1]) for row in re.findall(r"^(\w+) +(\d\.\d{3})", table, flags=re.MULTILINE)}
    assert set(f1) == {"invention", "greensleeves", "canon", "mean"}
    assert min(f1.values()) > 0.6
