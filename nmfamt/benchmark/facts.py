"""What a result has to say about the run that made it: program, libraries, machine, how the data set was used."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

__all__ = ["code_hash", "commit", "conditions", "machine"]

_APART = (
    "cli/*",
    "benchmark/facts.py",
    "benchmark/presets.py",
    "benchmark/published.json",
    "benchmark/report.py",
    "benchmark/run.py",
    "benchmark/tables.py",
    "bootstrap.py",
    "error_plots.py",
    "methods/scores.json",
    "significance.py",
    "summary.py",
)
"""What neither notes nor scores depend on."""

_LIBRARIES = ("numpy", "scipy", "numba", "librosa", "hmmlearn", "mir_eval", "pretty_midi", "soundfile", "soxr")


@cache
def code_hash() -> str:
    """Return 12 hexadecimal digits that change with the program: with what notes and scores depend on.

    These are its modules, but for those that only show results, and what was learned for it.

    Examples
    --------
    >>> len(code_hash())
    12
    """
    digest = hashlib.sha256()
    for package in ("nmfamt", "nmfamt.templates"):
        root = Path(str(resources.files(package)))
        for path in sorted(root.rglob("*") if package == "nmfamt" else root.iterdir()):
            name = path.relative_to(root).as_posix()
            if path.suffix in (".py", ".json", ".npz") and not any(fnmatch(name, apart) for apart in _APART):
                digest.update(name.encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def commit() -> str | None:
    """Return the commit of the checkout that the program runs from, None where it runs from none."""
    package = Path(str(resources.files("nmfamt")))
    if not (package.parent / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=package, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def machine() -> dict[str, Any]:
    """Return what the program runs on, as plain values; nothing in it says whose machine it is.

    Examples
    --------
    >>> sorted(machine())
    ['libraries', 'n_cores', 'processor', 'python', 'system']
    """
    return {
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "system": platform.system(),
        "processor": _processor(),
        "n_cores": os.cpu_count(),
    }


def conditions(options: Mapping[str, Any]) -> list[str]:
    """Return what a table has to say of the options of a data set, where they are not the default.

    Examples
    --------
    >>> conditions({"pedal": "ignore", "label_shift": -0.01, "seconds": None})
    ['without what the sustain pedal adds to the notes of the reference', 'labels moved by -10 ms']
    """
    found = []
    if options.get("pedal", "extend") != "extend":
        found.append("without what the sustain pedal adds to the notes of the reference")
    if shift := options.get("label_shift"):
        found.append(f"labels moved by {1000 * shift:+g} ms")
    return found


def _processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
