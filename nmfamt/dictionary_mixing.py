"""Dictionaries made of dictionaries: instruments side by side, or averages.

Side by side, instruments can be told apart in one recording. An average over several examples of an instrument is a
generic dictionary of it: it knows no example as well as its own dictionary does, but every example better than a
dictionary of another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.pitch import pitch_to_name

__all__ = ["average_columns", "average_dictionaries", "combine_dictionaries"]


def combine_dictionaries(dictionaries: Sequence[Dictionary]) -> Dictionary:
    """Put several instruments side by side, to be told apart in one recording.

    Raises
    ------
    NmfamtError
        If they were learned on different settings, or the same instrument stands in two of them.

    Examples
    --------
    >>> from nmfamt.dictionary import load_dictionary
    >>> duo = combine_dictionaries([load_dictionary("violin"), load_dictionary("piano")])
    >>> sorted(set(duo.instruments.tolist()))
    ['piano', 'violin']
    """
    _check_same_settings(dictionaries)
    names = [set(dictionary.instruments.tolist()) for dictionary in dictionaries]
    for i, one in enumerate(names):
        for other in names[:i]:
            if one & other:
                raise NmfamtError(f"Two dictionaries hold {sorted(one & other)}: give each instrument once.")
    latency = float(np.mean([dictionary.latency for dictionary in dictionaries]))
    name = "+".join(dictionary.name for dictionary in dictionaries)
    return _joined(dictionaries, {"name": name, "latency": latency, "of": [d.info for d in dictionaries]})


def _joined(dictionaries: Sequence[Dictionary], info: dict[str, Any]) -> Dictionary:
    return Dictionary(
        W=np.concatenate([d.W for d in dictionaries], axis=1),
        pitches=np.concatenate([d.pitches for d in dictionaries]),
        stages=np.concatenate([d.stages for d in dictionaries]),
        instruments=np.concatenate([d.instruments for d in dictionaries]),
        settings=dictionaries[0].settings,
        filled=np.concatenate([d.filled for d in dictionaries]),
        info=info,
    )


def average_dictionaries(dictionaries: Sequence[Dictionary], *, name: str, instrument: str) -> Dictionary:
    """Average several examples of one instrument into a generic dictionary of it.

    Every dictionary must have the same number of columns per pitch and stage; a column of the result is the
    mean over those dictionaries that have its pitch, real notes counting fully and filled ones half.

    Raises
    ------
    NmfamtError
        If the settings differ, or the stages of a pitch do.
    """
    _check_same_settings(dictionaries)
    sums: dict[tuple[float, int], Any] = {}
    weights: dict[tuple[float, int], float] = {}
    stages: dict[tuple[float, int], str] = {}
    real: dict[tuple[float, int], bool] = {}
    for dictionary in dictionaries:
        for key, column in _numbered(dictionary):
            weight = 0.5 if dictionary.filled[column] else 1.0
            stage = str(dictionary.stages[column])
            if stages.setdefault(key, stage) != stage:
                raise NmfamtError(
                    f"Template {key[1] + 1} of {pitch_to_name(key[0])} is of the {stage} in "
                    f"{dictionary.name!r}, of the {stages[key]} before: average dictionaries with the same "
                    "templates for a pitch."
                )
            sums[key] = sums.get(key, 0.0) + weight * dictionary.W[:, column].astype(np.float64)
            weights[key] = weights.get(key, 0.0) + weight
            real[key] = real.get(key, False) or not dictionary.filled[column]
    keys = sorted(sums)
    return Dictionary(
        W=np.stack([sums[key] / weights[key] for key in keys], axis=1).astype(np.float32),
        pitches=np.array([key[0] for key in keys]),
        stages=np.array([stages[key] for key in keys]),
        instruments=np.array([instrument] * len(keys)),
        settings=dictionaries[0].settings,
        filled=np.array([not real[key] for key in keys]),
        info={
            "name": name,
            "latency": float(np.mean([dictionary.latency for dictionary in dictionaries])),
            "average_of": [dictionary.info for dictionary in dictionaries],
        },
    )


def _numbered(dictionary: Dictionary) -> Iterator[tuple[tuple[float, int], int]]:
    """Yield ((pitch, number of the template within its pitch), column)."""
    seen: dict[float, int] = {}
    for column, pitch in enumerate(dictionary.pitches.tolist()):
        number = seen.get(pitch, 0)
        seen[pitch] = number + 1
        yield (pitch, number), column


def _check_same_settings(dictionaries: Sequence[Dictionary]) -> None:
    if not dictionaries:
        raise NmfamtError("No dictionaries were given: name at least one.")
    for dictionary in dictionaries[1:]:
        if dictionary.settings != dictionaries[0].settings:
            raise NmfamtError(
                f"Dictionary {dictionary.name!r} was learned on {dictionary.settings}, "
                f"{dictionaries[0].name!r} on {dictionaries[0].settings}: learn them on the same settings."
            )


def average_columns(dictionary: Dictionary) -> Dictionary:
    """Return a dictionary with one sustain template per pitch and instrument, the mean of all there are.

    Examples
    --------
    >>> from nmfamt.dictionary import load_dictionary
    >>> average_columns(load_dictionary("piano")).W.shape[1]
    88
    """
    columns, filled = [], []
    for instrument, pitch in dictionary.rows:
        mask = (dictionary.pitches == pitch) & (dictionary.instruments == instrument)
        columns.append(dictionary.W[:, mask].mean(axis=1))
        filled.append(bool(dictionary.filled[mask].all()))
    return replace(
        dictionary,
        W=np.stack(columns, axis=1),
        pitches=np.array([pitch for _, pitch in dictionary.rows]),
        stages=np.full(len(columns), "sustain"),
        instruments=np.array([instrument for instrument, _ in dictionary.rows]),
        filled=np.array(filled),
    )
