"""Presets: a data set with the options of a published table, whose rows are printed above ours.

What was published stands in ``published.json``, and nothing there was computed by this toolkit: each row says where its
numbers were seen, what in its protocol differs from ours, and which paper to cite. A number that could not be confirmed
is missing, not guessed. Rates are per cent. The names of scores are those of `nmfamt.evaluation.Scores`.

What differs everywhere: published means are over all pieces of a set, and networks learned from thousands of pieces. A
row of ours over fewer pieces is no comparison, but a bearing: the table says how many were seen.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Protocol

from nmfamt.benchmark.facts import conditions

__all__ = ["PRESETS", "Preset", "Published", "rows_table"]

_COLUMNS = {
    f"{title} {rate}": f"{score}_{name}"
    for title, score in (("Frame", "frame"), ("Note", "onset"), ("Note with offset", "offset"))
    for rate, name in (("P", "precision"), ("R", "recall"), ("F1", "f1"))
}
_AVERAGE_PRECISION = "average_precision"
_SPLIT = "test"


class _Means(Protocol):
    """What `nmfamt.summary.Summary` has: means and standard deviations, from 0 to 1, by the name of the score."""

    @property
    def mean(self) -> Mapping[str, float]: ...
    @property
    def std(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes
    ----------
    system : str
        What was scored.
    citation, short, bibtex : str
        The paper that it comes from: in full, as authors and year, and to be pasted.
    source : str
        Where the numbers were seen.
    remark : str
        What differs from how ours are scored, or is not known; may be empty.
    mean, std : mapping of str to float
        By the name of the score, in per cent; a standard deviation only where it was given.
    """

    system: str
    citation: str
    short: str
    bibtex: str
    source: str
    remark: str
    mean: Mapping[str, float]
    std: Mapping[str, float]


@dataclass(frozen=True)
class Preset:
    """A data set, its options, and what was published about it.

    Attributes
    ----------
    name, title : str
        What ``nmfamt benchmark`` calls it, and what it is.
    dataset : str
        A name from `nmfamt.datasets.DATASETS`.
    options : mapping of str to object
        For `nmfamt.datasets.open_dataset`; what is not there has its default: the official test split, whole pieces,
        notes as long as the sustain pedal holds them.
    rows : tuple of Published
        What was published, older results first.
    average_precision : bool
        Whether activations are scored, too.
    target : mapping of str to float
        What this toolkit should reach, in per cent, by the name of the score; may be empty.
    """

    name: str
    title: str
    dataset: str
    options: Mapping[str, Any]
    rows: tuple[Published, ...]
    average_precision: bool = False
    target: Mapping[str, float] = field(default_factory=dict)

    @property
    def bibtex(self) -> str:
        """The papers of all rows, each once."""
        return "\n\n".join(dict.fromkeys(row.bibtex for row in self.rows))


def rows_table(
    preset: Preset,
    ours: Mapping[str, _Means],
    *,
    n_seen: int,
    n_official: int | None,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Return published rows and ours below them as a Markdown table, with what to know about each.

    Parameters
    ----------
    preset : Preset
        Whose rows.
    ours : mapping of str to Summary
        Our means and standard deviations, from 0 to 1, by the name of the system.
    n_seen : int
        Pieces that ours are means of.
    n_official : int, optional
        Pieces that the set has.
    options : mapping of str to object, optional
        With which the data set was opened, and its ``"split"``; by default those of the preset, and the test set.
        Others are said below the table.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> from nmfamt.evaluation import evaluate
    >>> from nmfamt.notes import Notes
    >>> from nmfamt.summary import summarize
    >>> notes = Notes([[0, 1]], [60])
    >>> table = rows_table(PRESETS["maps"], {"nmf": summarize([evaluate(notes, notes)])}, n_seen=1, n_official=60)
    >>> [line for line in table.splitlines() if "**nmf**" in line]
    ['| **nmf** | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 |']
    >>> table.splitlines()[-1]
    'Ours, in bold type: 1 of 60 pieces, files as they are.'
    """
    columns = dict(_COLUMNS)
    if preset.average_precision:
        columns["Average precision"] = _AVERAGE_PRECISION
    notes: dict[str, int] = {}
    rows = []
    for row in preset.rows:
        note = f"{row.citation}. {row.remark}{' ' if row.remark else ''}Seen in: {row.source}."
        number = notes.setdefault(note, len(notes) + 1)
        rows.append([f"{row.system} ({row.short}) [{number}]", *_cells(columns, row.mean, row.std, scale=1)])
    if preset.target:
        rows.append(["*target*", *_cells(columns, preset.target, {}, scale=1)])
    rows += [[f"**{name}**", *_cells(columns, means.mean, means.std, scale=100)] for name, means in ours.items()]
    lines = [["% (mean ± standard deviation)", *columns], ["---", *["---:"] * len(columns)], *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    explained = "\n".join(f"{number}. {note}" for note, number in notes.items())
    return "\n\n".join([table, explained, _seen(n_seen, n_official, {**preset.options, **(options or {})})])


def _cells(
    columns: Mapping[str, str], mean: Mapping[str, float], std: Mapping[str, float], *, scale: float
) -> list[str]:
    cells = []
    for score in columns.values():
        value, spread = mean.get(score, math.nan), std.get(score, math.nan)
        text = "–" if math.isnan(value) else f"{scale * value:.1f}"
        cells.append(text if math.isnan(value) or math.isnan(spread) else f"{text} ± {scale * spread:.1f}")
    return cells


def _seen(n_seen: int, n_official: int | None, options: Mapping[str, Any]) -> str:
    """Return which part of the set ours are means of, and how they were scored where that is not the default."""
    of = "" if n_official is None else f" of {n_official}"
    pieces = "piece" if n_seen == 1 and n_official is None else "pieces"
    seconds = options.get("seconds")
    parts = [f"{n_seen}{of} {pieces}", "files as they are" if seconds is None else f"{seconds:g} s each"]
    if options.get("split", _SPLIT) != _SPLIT:
        parts.append(f"split {options['split']!r} where the published ones are of {_SPLIT!r}")
    parts += conditions(options)
    return f"Ours, in bold type: {', '.join(parts)}."


@cache
def _published() -> dict[str, Any]:
    text = resources.files("nmfamt.benchmark").joinpath("published.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _row(entry: Mapping[str, Any]) -> Published:
    reference = _published()["references"][entry["reference"]]
    scores = {score: value if isinstance(value, list) else [value] for score, value in entry["scores"].items()}
    return Published(
        entry["system"],
        reference["citation"],
        reference["short"],
        reference["bibtex"],
        entry["source"],
        entry["remark"],
        {score: float(value[0]) for score, value in scores.items()},
        {score: float(value[1]) for score, value in scores.items() if len(value) > 1},
    )


PRESETS: dict[str, Preset] = {
    name: Preset(
        name,
        entry["title"],
        entry["dataset"],
        entry["options"],
        tuple(_row(row) for row in entry["rows"]),
        entry.get("average_precision", False),
        entry.get("target", {}),
    )
    for name, entry in _published()["presets"].items()
}
"""By name."""
