"""Scores of several pieces: means, spreads and intervals, and the files that belong together.

Every piece counts the same, whatever its length: means and standard deviations are over pieces, and the
interval of a mean is a percentile bootstrap over pieces (B. Efron & R. J. Tibshirani, "An Introduction
to the Bootstrap", 1993). Intervals that overlap do not make two methods equal on the same pieces:
compare them piece by piece.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import note_files
from nmfamt.evaluation import Scores
from nmfamt.exceptions import NmfamtError, NmfamtWarning

__all__ = ["Summary", "pair_files", "summarize"]


@dataclass(frozen=True)
class Summary:
    """Scores of several pieces, each piece counting the same.

    Attributes
    ----------
    n_pieces : int
        Number of pieces.
    mean, std : dict of str to float
        Mean and sample standard deviation of each number in `Scores`; pieces where it is NaN are left out.
    low, high : dict of str to float
        Limits of the bootstrap interval of the mean; NaN, like `std`, for a single piece.
    level : float
        What part of the resampled means lies between them.
    """

    n_pieces: int
    mean: dict[str, float]
    std: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    level: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, None in place of NaN so that JSON can hold them."""
        statistics = {"mean": self.mean, "std": self.std, "low": self.low, "high": self.high}
        plain = {
            statistic: {name: None if np.isnan(value) else value for name, value in values.items()}
            for statistic, values in statistics.items()
        }
        return {"n_pieces": self.n_pieces, "level": self.level, **plain}

    def table(self) -> str:
        """Return the means as a table to read, with the spread of F1 over the pieces."""
        pieces = "1 piece" if self.n_pieces == 1 else f"{self.n_pieces} pieces"
        lines = [f"{pieces:22}  precision  recall     F1    std  {self.level:.0%} interval of F1"]
        rows = {
            "frame": "frames",
            "onset": "onset",
            "offset": "onset, offset",
            "velocity": "onset, offset, velocity",
        }
        for key, title in rows.items():
            precision, recall, f1 = (self.mean[f"{key}_{rate}"] for rate in ("precision", "recall", "f1"))
            std, low, high = (statistic[f"{key}_f1"] for statistic in (self.std, self.low, self.high))
            spread = "    -  -" if np.isnan(std) else f"{std:5.3f}  {low:.3f} to {high:.3f}"
            lines.append(f"{title:23} {precision:9.3f} {recall:7.3f} {f1:6.3f}  {spread}")
        accuracy, bias, deviation = (self.mean[n] for n in ("frame_accuracy", "onset_bias", "onset_deviation"))
        lines.append(f"frame accuracy {accuracy:.3f}")
        if np.isnan(bias):
            lines.append("onsets: none matched")
        else:
            lines.append(f"onsets: {1000 * bias:+.1f} ms on average, {1000 * deviation:.1f} ms either way")
        return "\n".join(lines)


def summarize(scores: Sequence[Scores], *, level: float = 0.95, n_resamples: int = 10_000, seed: int = 0) -> Summary:
    """Average scores over pieces.

    Parameters
    ----------
    scores : sequence of Scores
        One for each piece.
    level : float
        What part of the resampled means the interval holds.
    n_resamples : int
        Number of bootstrap resamples.
    seed : int
        Of the resampling.

    Returns
    -------
    Summary
        Means, standard deviations and intervals.

    Raises
    ------
    NmfamtError
        If there are no scores, or `level` is not between 0 and 1.

    Examples
    --------
    >>> from nmfamt.evaluation import evaluate
    >>> from nmfamt.notes import Notes
    >>> notes = Notes([[0, 1]], [60])
    >>> summarize([evaluate(notes, notes), evaluate(notes, Notes.empty())]).mean["onset_f1"]
    0.5
    """
    if not scores or not 0 < level < 1:
        raise NmfamtError(f"{len(scores)} scores at level {level}: give one at least, and a level such as 0.95.")
    statistics: dict[str, list[float]] = {}
    for field in fields(Scores):
        values = np.array([getattr(score, field.name) for score in scores], dtype=np.float64)
        statistics[field.name] = _statistics(values[~np.isnan(values)], level, n_resamples, seed)
    mean, std, low, high = (
        dict(zip(statistics, column, strict=True)) for column in zip(*statistics.values(), strict=True)
    )
    return Summary(len(scores), mean, std, low, high, level)


def _statistics(values: NDArray[np.float64], level: float, n_resamples: int, seed: int) -> list[float]:
    """Return mean, standard deviation and the limits of the percentile interval of the mean."""
    n = len(values)
    if n < 2:
        return [float(values[0]) if n else np.nan, np.nan, np.nan, np.nan]
    # How often each piece is drawn: the resampled means are then one matrix product.
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    limits = np.quantile(draws @ values / n, [(1 - level) / 2, (1 + level) / 2])
    return [float(number) for number in (values.mean(), values.std(ddof=1), *limits)]


def pair_files(references: str | os.PathLike[str], estimates: str | os.PathLike[str]) -> list[tuple[Path, Path]]:
    """Pair the note files of two folders by their stems.

    Parameters
    ----------
    references, estimates : str or path
        Two folders.

    Returns
    -------
    list of (Path, Path)
        Reference and estimate, sorted by stem.

    Raises
    ------
    NmfamtError
        If a folder is missing or holds no note files, if two files in one folder share a stem, or if a
        reference has no estimate: leaving it out would flatter the mean.

    Warns
    -----
    NmfamtWarning
        If an estimate has no reference; it is left out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("references/a.tsv", "estimates/a.mid"):
    ...         Path(folder, name).parent.mkdir()
    ...         Path(folder, name).touch()
    ...     pairs = pair_files(f"{folder}/references", f"{folder}/estimates")
    >>> [(reference.name, estimate.name) for reference, estimate in pairs]
    [('a.tsv', 'a.mid')]
    """
    by_stem = [_note_files(folder) for folder in (references, estimates)]
    missing = sorted(by_stem[0].keys() - by_stem[1].keys())
    if missing:
        raise NmfamtError(
            f"{os.fspath(estimates)!r} holds no estimate for {', '.join(map(repr, missing))}: "
            f"transcribe them too, or take their references away."
        )
    extra = sorted(by_stem[1].keys() - by_stem[0].keys())
    if extra:
        warnings.warn(f"No reference for {', '.join(map(repr, extra))}: left out.", NmfamtWarning, stacklevel=2)
    return [(by_stem[0][stem], by_stem[1][stem]) for stem in sorted(by_stem[0])]


def _note_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    name = repr(os.fspath(folder))
    if not Path(folder).is_dir():
        raise NmfamtError(f"There is no folder {name}: give two folders, or two files.")
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in note_files.SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise NmfamtError(f"{name} holds {found[path.stem].name!r} and {path.name!r}: take one of them away.")
        found[path.stem] = path
    if not found:
        raise NmfamtError(f"{name} holds no notes: files should end in one of {', '.join(note_files.SUFFIXES)}.")
    return found
