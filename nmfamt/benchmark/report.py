"""What a benchmark writes for people: tables, and the errors as numbers and pages of plots."""

import json
from functools import reduce
from operator import add
from pathlib import Path

from nmfamt.atomic import atomic_path
from nmfamt.benchmark.presets import Preset, rows_table
from nmfamt.benchmark.run import Results
from nmfamt.benchmark.tables import csv_table, latex_table, markdown_table, summaries
from nmfamt.error_plots import plot_errors
from nmfamt.evaluation import Errors
from nmfamt.exceptions import NmfamtError

__all__ = ["errors_of", "summary_markdown", "write_report"]


def write_report(results: Results, folder: Path, *, preset: Preset | None = None) -> str:
    """Write the tables and the errors of a benchmark.

    Parameters
    ----------
    results : Results
        What `nmfamt.benchmark.run_benchmark` returned.
    folder : Path
        Where ``pieces.csv``, ``summary.md``, ``summary.tex``, ``errors.json`` and ``errors/SYSTEM.pdf`` go.
    preset : Preset, optional
        Whose published figures are printed above ours.

    Returns
    -------
    str
        What could not be drawn, and the cure; empty if nothing.
    """
    _write(folder / "pieces.csv", csv_table(results))
    _write(folder / "summary.md", summary_markdown(results, preset))
    _write(folder / "summary.tex", latex_table(results))
    errors = errors_of(results)
    counts = {name: found.to_dict() for name, found in errors.items()}
    _write(folder / "errors.json", json.dumps(counts, indent=1) + "\n")
    (folder / "errors").mkdir(exist_ok=True)
    doubt = ""
    for name, found in errors.items():
        _write(folder / "errors" / f"{name}.md", f"# {name}\n\n{found.table()}\n")
        try:
            plot_errors(found, folder / "errors" / f"{name}.pdf", title=_title(results, name), overwrite=True)
        except NmfamtError as refusal:
            doubt = str(refusal)
    return doubt


def summary_markdown(results: Results, preset: Preset | None = None) -> str:
    """Return the tables as Markdown, below those of a preset's published figures and ours."""
    tables = markdown_table(results)
    if preset is None:
        return tables
    published = rows_table(
        preset,
        summaries(results),
        n_seen=len(results.common),
        n_official=results.dataset.n_official,
        options={**results.dataset.options, "split": results.dataset.split},
    )
    return f"{published}\n\n{tables}"


def errors_of(results: Results) -> dict[str, Errors]:
    """Return the errors of each system, over the pieces that all have done."""
    pieces = results.common
    return {
        name: reduce(add, (Errors.from_dict(records[piece].errors) for piece in pieces))
        for name, records in results.records.items()
    }


def _title(results: Results, system: str) -> str:
    n_pieces = len(results.common)
    return f"{system}, {results.dataset.title}, {n_pieces} piece{'s' if n_pieces > 1 else ''}"


def _write(path: Path, text: str) -> None:
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
