"""What is each part of the default worth? One is taken out at a time.

The two rooms and two protocols of ``accuracy_maps.py``. Nothing is learned again: the second looks are left out by
taking the answers of the first, the correction in time by its mean over the training data. Beside each mean stands what
the part is worth: the mean over pieces of the difference to the default, with its 95 % bootstrap interval.

    python benchmarks/accuracy_ablation.py
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _results import F1, markdown, recordings, score_pieces, write
from accuracy_maps import ROOMS

import nmfamt
from nmfamt.dictionary import Dictionary
from nmfamt.notes import Notes
from nmfamt.tracking.emission import EmissionModel, default_model, feature_names
from nmfamt.tracking.polynomial import Polynomial

System = Callable[[Path], Notes]


def blind_to_others(model: EmissionModel) -> EmissionModel:
    """Return the model whose second looks repeat the first."""
    names = feature_names()
    return replace(
        model,
        onset_in_context=padded(model.onset, names["onset_in_context"]),
        release_in_context=padded(model.release, names["release_in_context"]),
        persistence=model.persistence[[0, 0]],
    )


def padded(polynomial: Polynomial, names: tuple[str, ...]) -> Polynomial:
    """Return the polynomial with features that weigh nothing behind its own."""
    n = len(names) - len(polynomial.names)
    return replace(
        polynomial,
        names=names,
        mean=np.append(polynomial.mean, np.zeros(n)),
        scale=np.append(polynomial.scale, np.ones(n)),
        weights=np.concatenate([polynomial.weights, np.zeros((n, 1))]),
    )


def constant(polynomial: Polynomial) -> Polynomial:
    """Return the mean of a polynomial, whatever the features."""
    flat = replace(polynomial, interacting=(), products=np.zeros((0, 0, 1)))
    return replace(flat, weights=np.zeros_like(polynomial.weights))


def systems(dictionary: Dictionary) -> dict[str, System]:
    """Return the default, and what it is without each part."""
    model = default_model()
    context = blind_to_others(model)
    front_end = nmfamt.Factorization(dictionary, tuning="auto", equalizer="auto")
    tracker = nmfamt.HMMTracker()

    def system(front_end: nmfamt.Factorization, tracker: nmfamt.HMMTracker, adapt: bool = True) -> System:
        return nmfamt.Transcriber(dictionary.settings, front_end, tracker, adapt=adapt)

    return {
        "the default": system(front_end, tracker),
        "without adaptation to the recording": system(front_end, tracker, adapt=False),
        "without the equalizer": system(replace(front_end, equalizer=None), tracker),
        "without either of these": system(replace(front_end, equalizer=None), tracker, adapt=False),
        "without tuning": system(replace(front_end, tuning=0.0), tracker),
        "without shares of unused templates": system(replace(front_end, fading=0), tracker),
        "without a background": system(replace(front_end, background=0.0), tracker),
        "without whitening": system(replace(front_end, whitening=0.0), tracker),
        "without the second look at onsets": system(
            front_end, replace(tracker, model=replace(model, onset_in_context=context.onset_in_context))
        ),
        "without the second look at ends": system(
            front_end,
            replace(
                tracker,
                model=replace(model, release_in_context=context.release_in_context, persistence=context.persistence),
            ),
        ),
        "without both second looks": system(front_end, replace(tracker, model=context)),
        "without the correction in time": system(
            front_end, replace(tracker, model=replace(model, timing=constant(model.timing)))
        ),
        "without aligned chords": system(front_end, replace(tracker, chord_spread=0.0)),
        "without the delay of the action": system(front_end, replace(tracker, action_delay=0.0)),
    }


def main() -> None:
    """Score the default and every part that is taken out, in both rooms under both protocols."""
    rows = []
    for room in ROOMS:
        own = nmfamt.learn_dictionary(recordings("maps", "isolated", room), name=room)
        for protocol, dictionary in {"own": own, "generic": nmfamt.load_dictionary("piano")}.items():
            default: dict[str, Any] = {}
            for name, system in systems(dictionary).items():
                scored = score_pieces(system, recordings("maps", room))
                default = default or scored["pieces"]
                worth = {score: difference(default, scored["pieces"], score) for score in F1}
                rows.append({"room": room, "protocol": protocol, "system": name, "worth": worth, **scored})
                print(f"{room}, {protocol}, {name}", file=sys.stderr, flush=True)
    write("accuracy_ablation", {"rows": rows})
    print(table(rows))


def difference(one: dict[str, Any], other: dict[str, Any], score: str) -> list[float]:
    """Return the mean over pieces of how much better `one` is, and the limits of its bootstrap interval."""
    gains = np.array([one[piece][score] - other[piece][score] for piece in one])
    drawn = np.random.default_rng(0).integers(0, len(gains), size=(10_000, len(gains)))
    return [float(gains.mean()), *np.percentile(gains[drawn].mean(axis=1), [2.5, 97.5]).tolist()]


def table(rows: list[dict[str, Any]]) -> str:
    """Return onset and onset+offset F1 and what each part is worth, protocol by protocol, as Markdown."""
    columns = {(row["room"], row["protocol"]): None for row in rows}
    systems = {row["system"]: None for row in rows}
    found = {(row["system"], row["room"], row["protocol"]): row for row in rows}
    lines = []
    for score, title in (("onset_f1", "onset"), ("offset_f1", "onset + offset"), ("frame_f1", "frame")):
        lines.append([f"**{title}**", *[""] * len(columns)])
        for system in systems:
            cells = []
            for column in columns:
                row = found[system, *column]
                worth, low, high = row["worth"][score]
                gain = "" if system == "the default" else f" ({worth:+.3f}, {low:+.3f} … {high:+.3f})"
                cells.append(f"{row['summary']['mean'][score]:.3f}{gain}")
            lines.append([system, *cells])
    header = [f"{protocol}, {room}" for room, protocol in columns]
    return markdown(["F1 (what the part is worth, 95 % interval)", *header], lines)


if __name__ == "__main__":
    main()
