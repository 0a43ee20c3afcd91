"""What every benchmark needs: the data, the facts of a run, and a place for its results.

A result is a JSON file in ``benchmarks/results``: under ``run`` what was measured when, with what and on what kind of
machine; the rest is the benchmark's own. Nothing in it says whose machine it was.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import nmfamt
from nmfamt.evaluation import Scores
from nmfamt.notes import Notes

__all__ = [
    "EXAMPLES",
    "F1",
    "data_folder",
    "f1_row",
    "markdown",
    "read",
    "recordings",
    "score_pieces",
    "write",
]

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples"
RESULTS = REPOSITORY / "benchmarks" / "results"

F1 = ("onset_f1", "offset_f1", "frame_f1")
"""The three numbers that tables show."""

_LIBRARIES = ("numpy", "scipy", "numba", "librosa", "hmmlearn", "mir_eval", "soundfile", "soxr")


def data_folder() -> Path | None:
    """Return the folder of recordings (``NMFAMT_DATA``, or ``../shared/data`` beside the repository), or None."""
    folder = Path(os.environ.get("NMFAMT_DATA", REPOSITORY.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def recordings(*folders: str) -> list[Path]:
    """Return the recordings in a folder of the data, by name; end the program where there are none."""
    data = data_folder()
    found = sorted(data.joinpath(*folders).glob("*.flac")) if data else []
    if not found:
        wanted = "/".join((*folders, "*.flac"))
        sys.exit(f"There is no {wanted} in the data: set NMFAMT_DATA to the folder that holds {folders[0]}/.")
    return found


def score_pieces(transcribe: Callable[[Path], Notes], pieces: Iterable[Path], labels: str = ".tsv") -> dict[str, Any]:
    """Transcribe recordings and score them.

    Parameters
    ----------
    transcribe : callable
        From a path to notes.
    pieces : iterable of Path
        The recordings.
    labels : str
        Suffix of the labels beside them.

    Returns
    -------
    dict
        ``info`` of the last notes (what made them), the scores of each of ``pieces``, and their ``summary``.
    """
    scores: dict[str, Scores] = {}
    for path in pieces:
        notes = transcribe(path)
        scores[path.stem] = nmfamt.evaluate(path.with_suffix(labels), notes)
    return {
        "info": notes.info,
        "summary": nmfamt.summarize(list(scores.values())).to_dict(),
        "pieces": {stem: score.to_dict() for stem, score in scores.items()},
    }


def write(name: str, contents: dict[str, Any]) -> None:
    """Write results to ``benchmarks/results``, under the facts of this run."""
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"run": _run(), **_rounded(contents)}, indent=1) + "\n", encoding="utf-8")
    print(f"\nWrote {path.relative_to(REPOSITORY)}", file=sys.stderr)


def read(name: str) -> dict[str, Any]:
    """Read the results of a benchmark."""
    results: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return results


def f1_row(summary: dict[str, Any], *, interval: bool = True) -> list[str]:
    """Return the three F1 scores of a summary as cells, the interval of the mean behind each."""
    cells = []
    for name in F1:
        low, high = summary["low"][name], summary["high"][name]
        spread = f" ({low:.2f}–{high:.2f})" if interval and low is not None else ""
        cells.append(f"{summary['mean'][name]:.3f}{spread}")
    return cells


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _run() -> dict[str, Any]:
    """Return what was run, when, and on what kind of machine."""
    tracker = resources.files("nmfamt.templates").joinpath("tracker.json").read_bytes()
    return {
        "date": date.today().isoformat(),
        "nmfamt": nmfamt.__version__,
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted": sorted(line[3:] for line in _git("status", "--porcelain", "nmfamt", "templates").splitlines()),
        "tracker_model": hashlib.sha256(tracker).hexdigest()[:12],
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "processor": _processor(),
        "n_cores": os.cpu_count(),
        "threads": {name: os.environ[name] for name in ("OPENBLAS_NUM_THREADS",) if name in os.environ},
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    return done.stdout.rstrip()


def _processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _rounded(value: Any) -> Any:
    """Return the value with its floats at five decimals."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
