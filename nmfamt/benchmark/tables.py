"""Results as tables: every score of every piece as CSV, means as Markdown and as LaTeX.

Rates are in per cent, as mean ± sample standard deviation over the pieces that every system has done. Where a number
is not defined for some piece of some system, as the deviation of onsets where no note was found, the column leaves that
piece out for all of them; a system that never has the number is set aside. The best mean
of a column is bold. A ``*`` marks F1 scores that are significantly below the best of their column: two-sided Wilcoxon
signed-rank test over pieces, Holm's correction over the systems, p < 0.05.
"""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from nmfamt.benchmark.facts import conditions
from nmfamt.benchmark.run import Results
from nmfamt.evaluation import Scores, StreamScores
from nmfamt.exceptions import NmfamtError
from nmfamt.significance import Ranking, compare_to_best
from nmfamt.summary import Summary, summarize

__all__ = ["csv_table", "latex_table", "markdown_table", "rankings", "summaries"]

LEVEL = 0.05
"""Below this p a difference is called significant."""

GROUPS = {
    "Frame": ("frame_precision", "frame_recall", "frame_f1"),
    "Note": ("onset_precision", "onset_recall", "onset_f1"),
    "Note with offset": ("offset_precision", "offset_recall", "offset_f1"),
}
"""The columns of the table for a paper: precision, recall and F1 of each."""

_MAIN = tuple(name for names in GROUPS.values() for name in names)

FURTHER = {
    "velocity_f1": "note with offset and velocity, F1",
    "onset_overlap": "overlap",
    "onset_deviation": "onset deviation, ms",
    "frame_accuracy": "frame accuracy",
    "frame_error_total": "frame error",
    "frame_error_substitution": "substitutions",
    "frame_error_miss": "misses",
    "frame_error_false_alarm": "false alarms",
    "average_precision": "average precision",
    "stream_onset_f1": "note by instrument, F1",
    "assignment_accuracy": "right instrument",
}
"""What else is shown, in a second table, where it is known."""

_LOWER_IS_BETTER = {name for name in FURTHER if name.startswith("frame_error")} | {"onset_deviation"}
_SCALES = {"onset_deviation": 1000.0}
_PER_CENT = 100.0

_Format = Callable[[str, bool, bool], str]
"""Takes a number, and whether it is the best and significantly worse than the best."""


def summaries(results: Results) -> dict[str, Summary]:
    """Return means, spreads and intervals of each system over the pieces that all have done.

    Raises
    ------
    NmfamtError
        If there is no such piece.
    """
    pieces = _pieces(results)
    return {name: summarize([records[piece].scores for piece in pieces]) for name, records in results.records.items()}


def rankings(results: Results, scores: Sequence[str]) -> dict[str, Ranking]:
    """Return, for each of some scores that is known, which system is best and how the others compare with it."""
    found = {}
    for score in scores:
        table = _numbers(results, score)
        if not all(np.isnan(numbers).all() for numbers in table.values()):
            lists = {name: numbers.tolist() for name, numbers in table.items()}
            found[score] = compare_to_best(lists, higher_is_better=score not in _LOWER_IS_BETTER)
    return found


def _numbers(results: Results, score: str) -> dict[str, NDArray[np.float64]]:
    """Return the numbers of each system, on the pieces where all have one; NaN for a system that never has."""
    pieces = _pieces(results)
    table = {
        name: np.array([records[piece].scores.get(score) for piece in pieces], dtype=np.float64)  # None becomes NaN
        for name, records in results.records.items()
    }
    missing = np.array([np.isnan(numbers) for numbers in table.values() if not np.isnan(numbers).all()])
    common = ~missing.any(axis=0) if len(missing) else np.zeros(len(pieces), dtype=np.bool_)
    return {name: numbers[common] for name, numbers in table.items()}


def csv_table(results: Results) -> str:
    """Return every score of every piece that was done, a line for each system and piece, rates from 0 to 1."""
    rows = [(system, piece, record) for system, records in results.records.items() for piece, record in records.items()]
    names = list(dict.fromkeys(name for _, _, record in rows for name in record.scores))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["system", "piece", *names])
    for system, piece, record in rows:
        numbers = (record.scores.get(name) for name in names)
        writer.writerow([system, piece, *("" if number is None else f"{number:.6g}" for number in numbers)])
    return file.getvalue()


def markdown_table(results: Results) -> str:
    """Return the means as Markdown: the table of a paper, further scores, and how F1 scores compare."""
    parts = [
        _caption(results, "`*`"),
        _markdown(
            ["", *_columns()], _rows(results, [name for names in GROUPS.values() for name in names], _in_markdown)
        ),
    ]
    ranked = rankings(results, [*FURTHER, *_others(results)])
    if ranked:
        titles = [FURTHER.get(name, name) for name in ranked]
        parts.append(_markdown(["%", *titles], _rows(results, list(ranked), _in_markdown)))
    parts.append(_markdown(_COMPARED, _comparisons(results)))
    return "\n\n".join(parts) + "\n"


def latex_table(results: Results) -> str:
    r"""Return the table of a paper as LaTeX, for ``\usepackage{booktabs}``."""
    titles = " & ".join(rf"\multicolumn{{3}}{{c}}{{{title}}}" for title in GROUPS)
    rules = " ".join(rf"\cmidrule(lr){{{3 * i + 2}-{3 * i + 4}}}" for i in range(len(GROUPS)))
    rows = _rows(results, _MAIN, _in_latex)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_escaped(_caption(results, '*'))}}}",
        rf"  \label{{tab:{results.dataset.name}}}",
        rf"  \begin{{tabular}}{{l{'ccc' * len(GROUPS)}}}",
        r"    \toprule",
        rf"    & {titles} \\",
        f"    {rules}",
        rf"    & {' & '.join(['P', 'R', 'F1'] * len(GROUPS))} \\",
        r"    \midrule",
        *(rf"    {_escaped(name)} & {' & '.join(cells)} \\" for name, *cells in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _others(results: Results) -> list[str]:
    """Return the scores that are not of this package."""
    known = {field.name for kind in (Scores, StreamScores) for field in fields(kind)} | {*FURTHER}
    names = [name for records in results.records.values() for record in records.values() for name in record.scores]
    return [name for name in dict.fromkeys(names) if name not in known]


def _pieces(results: Results) -> list[str]:
    if not results.common:
        raise NmfamtError("There is no piece that every system has done: there is nothing to compare.")
    return results.common


def _caption(results: Results, mark: str) -> str:
    """Return what the table shows."""
    dataset, n = results.dataset, len(_pieces(results))
    total = len(dataset.pieces)
    seen = f"{n} piece{'s' if n > 1 else ''}" if n == total else f"the {n} of {total} pieces that all have done"
    if dataset.n_official is not None and total != dataset.n_official:
        seen += f" (officially {dataset.n_official})"
    parts = [dataset.split]
    if dataset.options.get("seconds"):
        parts.append(f"first {dataset.options['seconds']:g} s")
    part = ", ".join([*parts, *conditions(dataset.options)])
    name, colon, _ = dataset.title.partition(":")
    text = f"{name if colon else dataset.name}, {part}: {seen}, mean ± standard deviation in per cent."
    smallest = min((ranking.smallest_p for ranking in rankings(results, ["onset_f1"]).values()), default=1.0)
    if len(results.records) > 1 and smallest < LEVEL:
        text += f" {mark} significantly below the best of its column (F1; Wilcoxon signed-rank, Holm, p < {LEVEL})."
    elif len(results.records) > 1:
        text += " Too few pieces for any difference to be significant."
    return text


def _columns() -> list[str]:
    return [f"{title} {rate}" for title in GROUPS for rate in ("P", "R", "F1")]


def _rows(results: Results, scores: Sequence[str], cell: _Format) -> list[list[str]]:
    """Return a row for each system."""
    ranked = rankings(results, scores)
    numbers = {score: _numbers(results, score) for score in scores}
    rows = []
    for system in results.records:
        row = [system]
        for score in scores:
            ranking, values = ranked.get(score), numbers[score][system]
            if ranking is None or math.isnan(mean := ranking.means[system]):
                row.append("–")
                continue
            scale = _SCALES.get(score, _PER_CENT)
            number = f"{scale * mean:.1f}" + (f" ± {scale * values.std(ddof=1):.1f}" if len(values) > 1 else "")
            best = len(results.records) > 1 and round(mean - ranking.means[ranking.best or system], 6) == 0
            worse = score.endswith("_f1") and system in ranking.worse(LEVEL)
            row.append(cell(number, best, worse))
        rows.append(row)
    return rows


def _in_markdown(number: str, best: bool, worse: bool) -> str:
    return f"**{number}**" if best else number + (r" \*" if worse else "")


def _in_latex(number: str, best: bool, worse: bool) -> str:
    mean, _, std = number.partition(" ± ")
    text = rf"\textbf{{{mean}}}" if best else mean + (r"$^{*}$" if worse else "")
    return text + (rf" $\pm$ {std}" if std else "")


_COMPARED = ["F1 and its 95 % interval", *GROUPS]


def _comparisons(results: Results) -> list[list[str]]:
    """Return, for each system and kind of F1, the interval, and the difference to the best with its p."""
    names = {title: scores[2] for title, scores in GROUPS.items()}
    found, ranked = summaries(results), rankings(results, list(names.values()))
    rows = []
    for system, summary in found.items():
        row = [system]
        for score in names.values():
            text = f"{100 * summary.mean[score]:.1f}"
            if not math.isnan(summary.low[score]):
                text += f" ({100 * summary.low[score]:.1f}–{100 * summary.high[score]:.1f})"
            if system in ranked[score].comparisons:
                median = 100 * ranked[score].comparisons[system].median_difference
                text += f", median {0.0 - median:+.1f}, {_p(ranked[score].p[system])}"
            row.append(text)
        rows.append(row)
    return rows


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


_SPECIAL: Mapping[int, str] = str.maketrans(
    {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "±": r"$\pm$", "–": "--", "*": r"$^{*}$", "<": "$<$"}
)


def _escaped(text: str) -> str:
    """Return text for LaTeX."""
    return text.translate(_SPECIAL)
