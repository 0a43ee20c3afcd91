"""What can be read off the stages of a method: every parameter with its value and unit, every departure from the paper.

Both are taken from where they are kept, the docstrings of the classes and modules that do the work, so that what is
printed is what is done. What a method scores and costs was measured by ``benchmarks/accuracy_methods.py``.
"""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib import import_module, resources
from typing import Any

from nmfamt.methods.method import Method

__all__ = ["Measured", "Parameter", "departures", "measured", "parameters", "stages"]

_SKIPPED = ("fmin", "fmax", "polyphony", "tuning")  # options of a transcription, not of a method
_LONGEST = 60  # characters of a value


@dataclass(frozen=True)
class Parameter:
    """A parameter of a stage.

    Attributes
    ----------
    stage : str
        Name of the class that it belongs to.
    name : str
        Its keyword.
    value : str
        What the method sets it to; empty where that is learned or too long to print.
    text : str
        What it is, with its unit.
    """

    stage: str
    name: str
    value: str
    text: str


@dataclass(frozen=True)
class Measured:
    """What a method scored and cost on the recordings of the benchmark.

    Attributes
    ----------
    speed : float
        Seconds of audio in a second of processor time, on one core.
    f1 : dict of str to list of float
        By set of recordings, the mean F1 of onsets, of onsets and offsets, and of frames.
    """

    speed: float
    f1: dict[str, list[float]]


def measured(method: Method) -> Measured | None:
    """Return what was measured of a method, if it was.

    Examples
    --------
    >>> from nmfamt.methods import find_method
    >>> measured(find_method("threshold-nmf")).speed > 1
    True
    """
    text = resources.files("nmfamt.methods").joinpath("scores.json").read_text(encoding="utf-8")
    known = json.loads(text).get(method.name)
    return Measured(**known) if known else None


def stages(method: Method) -> list[Any]:
    """Return the stages of a method: settings, front end and tracker, or their classes where notes have to be learned.

    Examples
    --------
    >>> from nmfamt.methods import find_method
    >>> [type(stage).__name__ for stage in stages(find_method("threshold-nmf"))]
    ['LogFrequency', 'Factorization', 'Threshold']
    """
    if method.needs == "isolated notes":
        from nmfamt import multipitch

        front_end = getattr(multipitch, str(method.front_end.__annotations__["return"]).strip("'\""))
        return [front_end, method.tracker()]
    if method.needs == "a dictionary":
        from nmfamt.dictionary import load_dictionary

        front_end = method.front_end(load_dictionary("piano"))
    else:
        front_end = method.front_end()
    return [front_end.settings, front_end, method.tracker()]


def parameters(method: Method) -> list[Parameter]:
    """Return the parameters of the stages of a method, in their order.

    Examples
    --------
    >>> from nmfamt.methods import find_method
    >>> known = parameters(find_method("threshold-nmf"))
    >>> next((p.value, p.text) for p in known if p.name == "threshold")
    ('0.05', 'Share of the level of the recording.')
    """
    return [parameter for stage in stages(method) for parameter in _parameters(stage)]


def departures(method: Method) -> list[str]:
    """Return where the modules of a method say that they depart from the paper.

    Examples
    --------
    >>> from nmfamt.methods import find_method
    >>> departures(find_method("threshold-nmf"))
    ['The threshold is a share of the level of the recording, so that its gain does not matter.']
    """
    modules = [stage.__module__ if inspect.isclass(stage) else type(stage).__module__ for stage in stages(method)]
    modules.append(method.front_end.__module__)
    if method.learn is not None:
        modules.append("nmfamt.learning_patterns")
    found: list[str] = []
    for module in dict.fromkeys(modules):
        found += [text for text in _departures(module) if text not in found]
    return found


def _parameters(stage: Any) -> Iterator[Parameter]:
    kind = stage if inspect.isclass(stage) else type(stage)
    texts = _described(inspect.getdoc(kind) or "")
    nested = []  # hyper-parameters that stand in a class of their own; the settings are a stage by themselves
    for field in fields(kind) if is_dataclass(kind) else ():
        if field.name in _SKIPPED or field.name not in texts or not texts[field.name]:
            continue
        value = field.default if inspect.isclass(stage) else getattr(stage, field.name)
        yield Parameter(kind.__name__, field.name, _printed(value), texts[field.name])
        if field.name != "settings" and _is_value(value):
            nested.append(value)
    for value in nested:
        yield from _parameters(value)


def _is_value(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _printed(value: Any) -> str:
    if value is MISSING or hasattr(value, "__array__") or _is_value(value):
        return ""
    text = str(value)
    return text if len(text) <= _LONGEST else ""


def _described(docstring: str) -> dict[str, str]:
    """Return the descriptions in the section Parameters of a numpydoc docstring by name."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    found: dict[str, str] = {}
    entries = re.split(r"^(?=\S)", section[1], flags=re.MULTILINE) if section else []
    for entry in entries:
        head, _, body = entry.partition("\n")
        for name in head.partition(" : ")[0].split(", "):
            found[name] = " ".join(body.split())
    return found


def _departures(module: str) -> list[str]:
    """Return what the docstring of a module gives under Departures, items or sentences, and those that it refers to."""
    docstring = inspect.getdoc(import_module(module)) or ""
    section = re.search(r"^Departures?(?:, besides those of `([\w.]+)`)?:(.*)", docstring, re.DOTALL | re.MULTILINE)
    if section is None:
        return []
    besides = _departures(section[1]) if section[1] else []
    items = re.split(r"^\d+\. ", section[2], flags=re.MULTILINE)
    if len(items) == 1:
        text = " ".join(section[2].partition("\n\n")[0].split())
        return [*besides, text[:1].upper() + text[1:]] if text else besides
    return [*besides, *(" ".join(item.partition("\n\n")[0].split()) for item in items[1:])]
