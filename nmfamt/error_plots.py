"""Errors as one page of plots: what goes wrong, for which notes, and by how much.

Conventions: A4, upright; blue stands for notes of the reference, orange for estimated ones, near the two colours of M.
Okabe & K. Ito ("Color Universal Design", 2008) that the colour-blind tell apart. The darker a shade, the less there is
to explain the error: a wrong time, a wrong pitch at an interval, nothing near; the shades stay apart in a grey print.
Rates are parts of all notes in a bin. The same errors give the same bytes with the same matplotlib, which is imported
here alone and only when a page is made.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.atomic import atomic_path
from nmfamt.evaluation.error_counts import AXES, INTERVALS, Errors
from nmfamt.exceptions import NmfamtError

__all__ = ["plot_errors"]

_BLUE = ("#0067A5", "#62ACD9", "#C3E0F2")
_ORANGE = ("#C25200", "#EC9A5F", "#F9DAC3")
_GREY, _DARK_GREY, _INK = "#BDBDBD", "#7A7A7A", "#333333"
_STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "pdf.fonttype": 42,
}
_KINDS = {
    "late": "too late",
    "early": "too early",
    "split": "split: a note begun again",
    "merged": "merged with the one before",
    "octave": "an octave (or 2, 3) away",
    "twelfth": "a fifth and an octave (or 2)",
    "partial": "28 or 34 semitones away",
    "semitone": "a semitone away",
    "ghost": "ghost: no such note near",
    "lost": "lost: no such note near",
}
_LEFT = 0.075
_LAG = "estimated minus true onset (ms)"
# No time of writing, and no version of matplotlib, so that the same errors give the same file.
_METADATA: dict[str, dict[str, None]] = {".pdf": {"CreationDate": None, "Producer": None}, ".png": {"Software": None}}


def plot_errors(
    errors: Errors, path: str | os.PathLike[str], *, title: str = "Errors", overwrite: bool = False
) -> None:
    """Draw one page of plots of errors.

    Parameters
    ----------
    errors : Errors
        What `nmfamt.evaluation.classify_errors` counted, in one piece or summed over several.
    path : str or path
        The file to make; it ends in ``.pdf`` or ``.png`` and appears whole or not at all.
    title : str
        What stands at the top of the page: the method and the data.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    NmfamtError
        If `path` ends otherwise or cannot be written, or if matplotlib is not installed.

    Examples
    --------
    >>> from nmfamt.evaluation import classify_errors
    >>> from nmfamt.notes import Notes
    >>> errors = classify_errors(Notes([[0, 1]], [60]), Notes([[0, 1], [0, 1]], [60, 72]))
    >>> plot_errors(errors, "errors.pdf", title="One note too many")  # doctest: +SKIP
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        raise NmfamtError(f"{os.fspath(path)!r} ends in {suffix!r}: a page of plots is a .pdf or a .png.")
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NmfamtError('Plots need matplotlib, which is not installed: pip install "nmfamt[plot]".') from error
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's style: the page has its own
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(8.27, 11.69))
        FigureCanvasAgg(figure)
        _draw(figure, errors, title)
        with atomic_path(path, overwrite=overwrite) as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=150, metadata=_METADATA[suffix])


def _draw(figure: Any, errors: Errors, title: str) -> None:
    n_found, n_reference, n_estimated = errors.n_found, errors.n_reference, errors.n_estimated
    summary = (
        f"{n_found} of {n_reference} notes were found{_percent(n_found, n_reference)}; "
        f"{n_found} of {n_estimated} estimated notes are right{_percent(n_found, n_estimated)}."
    )
    size = min(14.0, 850 / max(1, len(title)))  # points, so that a long title stays on the page
    figure.text(_LEFT, 0.972, title, fontsize=size, weight="bold", va="top", parse_math=False)
    figure.text(_LEFT, 0.945, summary, fontsize=9, va="top")

    widest = 1.5 * max(1, *errors.missed.values(), *errors.extra.values())
    for left, name, counts, usual, colours in (
        (0.25, "Missed notes", errors.missed, errors.intervals[1], _BLUE),
        (0.715, "Extra notes", errors.extra, errors.intervals[0], _ORANGE),
    ):
        axes = figure.add_axes((left, 0.745, 0.24, 0.155))
        _draw_kinds(axes, counts, usual, colours)
        axes.set_xlim(0, widest)
        axes.set_title(f"{name}: {sum(counts.values())}")
    note = "Black lines: how many would stand at these intervals if it were as usual as among the notes that are right."
    figure.text(0.25, 0.737, note, fontsize=7, va="top")

    _draw_heading(figure, 0.702, "Which notes are missed", ("lost", "at an interval", "late, early, merged"), _BLUE)
    titles = {
        "velocity": ("by velocity", "velocity (MIDI)"),
        "register": ("by register", "octave, from C"),
        "polyphony": ("by polyphony", "notes that sound together"),
    }
    for column, (axis, labels) in enumerate(titles.items()):
        _draw_rates(_panel(figure, column, 0.535, *labels), axis, errors.reference[axis], _BLUE)

    _draw_heading(
        figure,
        0.467,
        "Which estimated notes are wrong",
        ("ghost", "at an interval", "late, early, split"),
        _ORANGE,
    )
    titles = {
        "velocity": ("by velocity", "velocity as estimated (MIDI)"),
        "level": ("by relative loudness", "velocity against the loudest"),
        "register": ("by register", "octave, from C"),
    }
    for column, (axis, labels) in enumerate(titles.items()):
        _draw_rates(_panel(figure, column, 0.3, *labels), axis, errors.estimated[axis], _ORANGE)

    _draw_heading(figure, 0.232, "When notes begin and end", (), ())
    _draw_times(
        _panel(figure, 0, 0.075, "onsets of notes found", _LAG), errors.onset_lags, _GREY, errors, "onset_tolerance"
    )
    _draw_times(_panel(figure, 1, 0.075, "onsets, late and early", _LAG), errors.shifts, _DARK_GREY, errors, "reach")
    limits = 1000 * errors.settings["offset_min_tolerance"], 100 * errors.settings["offset_ratio"]
    label = f"right: {limits[0]:.0f} ms or {limits[1]:.0f} % of the duration"
    _draw_offsets(_panel(figure, 2, 0.075, "offsets of notes found", label), errors)
    figure.text(_LEFT, 0.024, "Numbers above the bars of rates: how many notes there are of this sort.", fontsize=7)


def _draw_heading(figure: Any, height: float, title: str, names: Sequence[str], colours: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    figure.text(_LEFT, height, title, fontsize=9.5, weight="bold", va="center")
    patches = [Patch(color=colour) for colour in colours]
    if patches:
        figure.legend(
            patches,
            names,
            loc="center right",
            bbox_to_anchor=(0.975, height),
            ncols=3,
            handlelength=1,
            columnspacing=1.4,
        )


def _panel(figure: Any, column: int, bottom: float, title: str, label: str) -> Any:
    axes = figure.add_axes((_LEFT + 0.313 * column, bottom, 0.255, 0.128))
    axes.set_title(title, weight="normal")
    axes.set_xlabel(label)
    return axes


def _percent(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.0f} %)" if whole else ""


def _draw_kinds(axes: Any, counts: dict[str, int], usual: NDArray[np.int64], colours: Sequence[str]) -> None:
    """Draw how many notes are of each kind, and how many would stand at the intervals by the music alone."""
    total = sum(counts.values())
    names, numbers = list(counts), list(counts.values())
    shades = [colours[2]] * 3 + [colours[1]] * len(INTERVALS) + [colours[0]]
    axes.barh(range(len(names)), numbers, color=shades, height=0.72)
    reach = np.array(numbers, dtype=np.float64)
    if usual.sum():
        expected = sum(numbers[3:]) * usual[:-1] / usual.sum()
        rows = np.arange(3, 3 + len(INTERVALS))
        axes.vlines(expected, rows - 0.42, rows + 0.42, color="black", linewidth=1.4)
        reach[rows] = np.maximum(reach[rows], expected)
    for row, number in enumerate(numbers):
        place = {"textcoords": "offset points", "va": "center", "fontsize": 7.5}
        axes.annotate(f"{number}{_percent(number, total)}", (reach[row], row), (4, 0), **place)
    axes.set_yticks(range(len(names)), [_KINDS[name] for name in names])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _draw_rates(axes: Any, axis: str, counts: NDArray[np.int64], colours: Sequence[str]) -> None:
    """Draw which part of the notes in each bin goes wrong, in three shades."""
    totals = counts.sum(axis=0)
    used = np.flatnonzero(totals)
    shown = np.arange(used[0], used[-1] + 1) if len(used) else np.arange(len(totals))
    below = np.zeros(len(shown))
    for part, colour in zip((counts[-1:], counts[4:-1], counts[1:4]), colours, strict=True):
        rates = 100 * part.sum(axis=0)[shown] / np.maximum(totals[shown], 1)
        axes.bar(range(len(shown)), rates, bottom=below, color=colour, width=0.8)
        below += rates
    for place, n_notes in enumerate(totals[shown].tolist()):
        if n_notes:
            at = {"textcoords": "offset points", "ha": "center", "fontsize": 6.5}
            axes.annotate(str(n_notes), (place, below[place]), (0, 2), **at)
    top = max(10.0, below.max())
    step = next(step for step in (5, 10, 20, 25) if top <= 5 * step)
    axes.set_ylim(0, 1.15 * top)
    axes.set_yticks(np.arange(0, min(100.0, 1.15 * top) + 1e-6, step))
    axes.yaxis.set_major_formatter("{x:.0f} %")
    axes.set_xticks(range(len(shown)), [_short(axis, AXES[axis][bin_]) for bin_ in shown])
    axes.set_xlim(-0.6, max(len(shown), 4) - 0.4)


def _short(axis: str, name: str) -> str:
    """Return the name of a bin in the width of a bar."""
    if axis == "register":
        return name.split("–")[0]
    if axis == "velocity":
        return name.replace("–", "–\n")
    return name.replace("15 or more", "15+").replace("below ", "below\n").replace(" to ", "\nto ")


def _draw_times(axes: Any, counts: NDArray[np.int64], colour: str, errors: Errors, limit: str) -> None:
    """Draw a histogram of differences of onsets, in milliseconds."""
    edges = 1000 * errors.settings[limit] * np.linspace(-1, 1, len(counts) + 1)
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=colour, edgecolor="white", linewidth=0.4)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_xlim(edges[0], edges[-1])
    _draw_counts(axes, counts)


def _draw_offsets(axes: Any, errors: Errors) -> None:
    """Draw how many notes end too early, right and too late."""
    bars = axes.bar(range(3), errors.offsets, color=[_DARK_GREY, _GREY, _DARK_GREY], width=0.7)
    axes.bar_label(bars, [f"{n}{_percent(n, errors.n_found)}" for n in errors.offsets.tolist()], padding=2, fontsize=7)
    axes.set_xticks(range(3), ["too early", "right", "too late"])
    _draw_counts(axes, errors.offsets)


def _draw_counts(axes: Any, counts: NDArray[np.int64]) -> None:
    axes.set_ylim(0, 1.15 * max(4, counts.max()))
    axes.yaxis.get_major_locator().set_params(integer=True)
