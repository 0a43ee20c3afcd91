"""The README says what is so: its numbers are those measured, its code runs, its commands exist."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nmfamt import list_dictionaries

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
COMMANDS = sorted({line for kind, block in BLOCKS if not kind for line in block.splitlines() if line[:7] == "nmfamt "})


def python(*arguments, cwd):
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)


def test_tables_are_those_of_the_benchmarks():
    done = python("benchmarks/readme_table.py", "--check", cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_every_table_of_the_benchmarks_is_there():
    printed = python("benchmarks/readme_table.py", cwd=ROOT).stdout
    tables = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(tables) > 20
    assert all(line in README for line in tables)


@pytest.mark.parametrize("code", [block for kind, block in BLOCKS if kind == "python"])
def test_python_runs(code, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_quick_start_writes_its_file(nmfamt, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    (command,) = (line for line in COMMANDS if "invention" in line)
    assert nmfamt(*shlex.split(command)[1:]).status == 0
    assert (tmp_path / "invention.mid").stat().st_size > 0


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_shown(command, nmfamt):
    words = shlex.split(command)[1:]
    shown = re.sub(r"\x1b\[[\d;]*m", "", nmfamt(words[0], "--help").out)
    for option in (word for word in words if re.match(r"--?[a-z]", word)):
        assert re.search(rf"(?<!\S){option}(?!\S)", shown)


def test_every_shipped_dictionary_is_named():
    named = re.search(r"These dictionaries ship: (.*?)\.\n", README, flags=re.DOTALL)[1]
    shipped = {path.stem for path in (ROOT / "templates").glob("*.npz")}
    assert set(re.findall(r"\w+", named)) - {"and"} == shipped
    assert shipped <= set(list_dictionaries())
    assert f"and of {len(shipped) - 1} other instruments" in README


def test_mentioned_files_exist():
    for path in re.findall(r"`((?:benchmarks|examples|templates)/[\w/.]*)`", README):
        assert (ROOT / path).exists(), path
