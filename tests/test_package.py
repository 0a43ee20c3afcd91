"""The package as a whole: what importing it costs, what ships with it, what the README promises."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import nmfamt

ROOT = Path(__file__).parents[1]
SLOW = (
    "cupy",
    "hmmlearn",
    "librosa",
    "mir_eval",
    "numba",
    "pretty_midi",
    "scipy.signal",
    "sklearn",
    "typer",
)
TEMPLATES = resources.files("nmfamt.templates")
BUNDLE = sorted(path for path in TEMPLATES.iterdir() if path.name.endswith(".npz"))
PROBE = """
import json, sys, time
began = time.perf_counter()
import nmfamt
print(json.dumps([time.perf_counter() - began, sorted(sys.modules)]))
"""


def import_in_a_fresh_interpreter() -> tuple[float, set[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    answer = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True, env=environment)
    seconds, modules = json.loads(answer.stdout)
    return seconds, set(modules)


def test_import_takes_less_than_three_tenths_of_a_second():
    assert min(import_in_a_fresh_interpreter()[0] for _ in range(5)) < 0.3


@pytest.mark.parametrize("name", SLOW)
def test_import_leaves_slow_libraries_alone(name, imported_modules):
    assert name not in imported_modules


@pytest.fixture(scope="module")
def imported_modules():
    return import_in_a_fresh_interpreter()[1]


def test_version_stands_in_two_places():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert nmfamt.__version__ == project["version"]


def test_types_ship():
    assert resources.files("nmfamt").joinpath("py.typed").is_file()


def test_templates_are_a_package():
    assert TEMPLATES.joinpath("__init__.py").is_file()


def test_python_in_the_folder_of_the_sources_finds_the_templates():
    """As after `pip install .`, when no editable install says where they are."""
    program = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", str(finder))]
sys.path.insert(0, sys.argv[1])
import nmfamt
from nmfamt.tracking.emission import default_model
assert nmfamt.__file__.startswith(sys.argv[1])
print(nmfamt.load_dictionary("piano").name, len(default_model().onset.names) > 10)
"""
    ran = subprocess.run([sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True)
    assert ran.stdout == "piano True\n", ran.stderr


def test_bundle_stays_under_15_megabytes():
    assert sum(len(path.read_bytes()) for path in BUNDLE) < 15e6


def test_bundle_holds_the_piano():
    assert "piano.npz" in {path.name for path in BUNDLE}


@pytest.mark.parametrize("path", BUNDLE, ids=lambda path: path.name)
def test_bundle_holds_no_pickled_object(path):
    with resources.as_file(path) as file:
        assert zipfile.is_zipfile(file)
        with np.load(file, allow_pickle=False) as arrays:
            for name in arrays.files:
                assert arrays[name].dtype.kind in "biufcSU"


def test_readme_gives_the_commands_that_ci_runs():
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    for command in ("python -m pytest", 'pip install -e ".[test]"'):
        assert command in readme
    assert "\npython -m pytest\n" in ci
    assert '-e ".[test]"' in ci


def test_examples_stay_under_3_megabytes():
    audio = [path for path in (ROOT / "examples" / "audio").iterdir() if path.is_file()]
    assert {path.stem for path in audio if path.suffix == ".flac"} <= {
        path.stem for path in audio if path.suffix == ".mid"
    }
    assert sum(path.stat().st_size for path in audio) < 3e6
