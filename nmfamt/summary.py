"""Scores of several pieces: means, spreads and intervals, and the files that belong together.

Every piece counts the same, whatever its length: means and standard deviations are over pieces, and the
interval of a mean is a percentile bootstrap over pieces (`nmfamt.bootstrap`). Intervals that overlap do not make two
methods equal on the same pieces: compare them piece by piece (`nmfamt.significance`).
"""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from nmfamt import note_files
from nmfamt.bootstrap import mean_interval
from nmfamt.evaluation import Scores, StreamScores
from nmfamt.exceptions import NmfamtError, NmfamtWarning

__all__ = ["Summary", "pair_files", "summarize"]


@dataclass(frozen=True)
class Summary:
    """Scores of several pieces, each piece counting the same.

    Attributes
    ----------
    n_pieces : int
        Number of pieces.
    n_known : dict of str to int
        For each number, how many pieces have it: those where it is NaN or missing are left out.
    mean, std : dict of str to float
        Mean and sample standard deviation of each number.
    low, high : dict of str to float
        Limits of the bootstrap interval of the mean; NaN, like `std`, for a single piece.
    level : float
        What part of the resampled means lies between them.
    """

    n_pieces: int
    n_known: dict[str, int]
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
        return {"n_pieces": self.n_pieces, "level": self.level, "n_known": self.n_known, **plain}

    def table(self) -> str:
        """Return the means as a table to read, with the spread of F1 over the pieces.

        It has a line for what is known, of the scores of notes, streams and activations.
        """
        pieces = "1 piece" if self.n_pieces == 1 else f"{self.n_pieces} pieces"
        lines = [f"{pieces:22}  precision  recall     F1    std  {self.level:.0%} interval of F1"]
        rows = {
            "frame": "frames",
            "onset": "onset",
            "offset": "onset, offset",
            "velocity": "onset, offset, velocity",
            "stream_onset": "instrument, onset",
            "stream_offset": "instr., onset, offset",
        }
        for key, title in rows.items():
            names = [f"{key}_{rate}" for rate in ("precision", "recall", "f1")]
            if not all(name in self.mean for name in names):
                continue
            precision, recall, f1 = (self.mean[name] for name in names)
            std, low, high = (statistic[f"{key}_f1"] for statistic in (self.std, self.low, self.high))
            spread = "    -  -" if np.isnan(std) else f"{std:5.3f}  {low:.3f} to {high:.3f}"
            lines.append(f"{title:23} {precision:9.3f} {recall:7.3f} {f1:6.3f}  {spread}")
        return "\n".join([*lines, *self._sentences()])

    def _sentences(self) -> Iterator[str]:
        """Yield what is no rate of precision and recall, a line a subject, where all its numbers are known."""
        mean = {name: value for name, value in self.mean.items() if not np.isnan(value)}
        for names, sentence in _SENTENCES.items():
            if all(name in mean for name in names):
                yield sentence.format(*(mean[name] for name in names))
        if "onset_bias" in mean:
            bias, deviation = 1000 * mean["onset_bias"], 1000 * mean["onset_deviation"]
            yield f"onsets: {bias:+.1f} ms on average, {deviation:.1f} ms either way"
        elif "onset_bias" in self.mean:
            yield "onsets: none matched"


_SENTENCES = {
    ("frame_accuracy",): "frame accuracy {:.3f}",
    (
        "frame_error_total",
        "frame_error_substitution",
        "frame_error_miss",
        "frame_error_false_alarm",
    ): "frame error {:.3f}: substitutions {:.3f}, misses {:.3f}, false alarms {:.3f}",
    ("average_precision",): "average precision {:.3f}",
    ("onset_overlap",): "overlap of notes matched by onset {:.3f}",
    ("assignment_accuracy",): "notes found that have the right instrument {:.3f}",
}


def summarize(
    scores: Sequence[Scores | StreamScores | Mapping[str, float | None]],
    *,
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Summary:
    """Average scores over pieces.

    Parameters
    ----------
    scores : sequence of Scores, StreamScores or mapping of str to float
        One for each piece. Mappings hold numbers by name, with None or NaN for what is unknown, and may mix what
        belongs to notes, streams and activations.
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
    numbers = [_numbers(score) for score in scores]
    n_known: dict[str, int] = {}
    mean, std, low, high = (dict[str, float]() for _ in range(4))
    for name in dict.fromkeys(name for score in numbers for name in score):
        values = np.array([score.get(name) for score in numbers], dtype=np.float64)  # None becomes NaN
        values = values[~np.isnan(values)]
        n_known[name] = len(values)
        mean[name] = float(values.mean()) if len(values) else np.nan
        std[name] = float(values.std(ddof=1)) if len(values) > 1 else np.nan
        low[name], high[name] = mean_interval(values, level=level, n_resamples=n_resamples, seed=seed)
    return Summary(len(scores), n_known, mean, std, low, high, level)


def _numbers(score: Scores | StreamScores | Mapping[str, float | None]) -> Mapping[str, float | None]:
    """Return the numbers by name; what holds the scores of single instruments is no number."""
    if isinstance(score, Mapping):
        return score
    return {field.name: getattr(score, field.name) for field in fields(score) if field.name != "streams"}


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
