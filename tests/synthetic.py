"""Activations that tests make by hand, and emission models whose answers are known beforehand."""

from itertools import pairwise

import numpy as np

from nmfamt.activation import N_PARTIALS, PitchActivation
from nmfamt.notes import Notes
from nmfamt.tracking.emission import EmissionModel, feature_names
from nmfamt.tracking.polynomial import Polynomial

EVIDENCE = ("loss", *(f"partial_{k}" for k in range(1, N_PARTIALS + 1)))


def make_activation(values, *, onsets=None, pitches=None, instruments=None, hop=0.01, start=0.0, **fields):
    """Return an activation of which only the values must be given; evidence that is not given is zero."""
    values = np.asarray(values)
    n_rows, n_frames = values.shape
    evidence = fields.pop("evidence", {})
    return PitchActivation(
        values=values,
        onsets=np.zeros_like(values) if onsets is None else np.asarray(onsets),
        pitches=60.0 + np.arange(n_rows) if pitches is None else np.asarray(pitches, dtype=float),
        times=start + hop * np.arange(n_frames),
        instruments=np.full(n_rows, "organ") if instruments is None else np.asarray(instruments),
        evidence={name: evidence.get(name, np.zeros_like(values)) for name in EVIDENCE},
        **fields,
    )


def random_activation(n_frames=200, *, pitches=range(48, 73, 3), seed=0, dtype=np.float32, **fields):
    """Return an activation in which everything differs from everything else."""
    rng = np.random.default_rng(seed)
    arrays = {
        name: (rng.gamma(0.3, 0.5, (len(pitches), n_frames)) * (rng.random((len(pitches), n_frames)) < 0.5)).astype(
            dtype
        )
        for name in ("values", "onsets", *EVIDENCE)
    }
    values, onsets = arrays.pop("values"), arrays.pop("onsets")
    return make_activation(values, onsets=onsets, pitches=list(pitches), evidence=arrays, **fields)


def cut(activation, *places):
    """Cut an activation before the given frames."""
    edges = [0, *places, len(activation.times)]
    return [activation.frames(first, last) for first, last in pairwise(edges)]


def linear(names, intercept, *outputs):
    """Return a polynomial without products, from one dict of weights for each output."""
    weights = np.zeros((len(names), len(outputs)))
    for output, terms in enumerate(outputs):
        for name, weight in terms.items():
            weights[names.index(name), output] = weight
    n = len(names)
    return Polynomial(tuple(names), np.zeros(n), np.ones(n), np.array(intercept, dtype=float), weights)


def plain_model(*, onset=0.1, sustain=0.03, steepness=20.0, late=0.0, velocity=64.0):
    """Return an emission model without secrets.

    A candidate is an onset where its novelty is above the share `onset` of the level; a note sustains while its
    activation is above the share `sustain`. `steepness` is the log-odds for a factor of ten.
    """
    names = {part: list(read) for part, read in feature_names().items()}
    return EmissionModel(
        onset=linear(names["onset"], [-steepness * np.log10(onset)], {"strength": steepness}),
        # The second look is the first again.
        onset_in_context=linear(names["onset_in_context"], [-steepness * np.log10(onset)], {"strength": steepness}),
        timing=linear(names["timing"], [late], {}),
        velocity=linear(names["velocity"], [velocity], {}),
        sounding=linear(names["sounding"], [-steepness * np.log10(sustain)], {"level+0": steepness}),
        release=linear(names["release"], [0.0], {}),
        release_in_context=linear(names["release_in_context"], [0.0], {}),
        persistence=np.array([[1.0, 0.0], [1.0, 0.0]]),
        info={"name": "plain"},
    )


def assert_same_notes(one, other):
    """Make sure that two performances agree to the bit."""
    for name in ("intervals", "pitches", "velocities", "confidences", "instruments"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def play(n_frames=3000, *, seed=0, late=0.0, pitches=(48, 55, 60, 64, 67, 72), latency=0.0):
    """Return an activation and what was played in it.

    Every note has an attack and dies away; its octave, where there is a row for it, shows a ghost of a fifth of its
    strength that explains nothing. Labels lie `late` seconds before the notes.
    """
    rng = np.random.default_rng(seed)
    n_rows = len(pitches)
    values, onsets, loss = (rng.gamma(0.2, 0.005, (n_rows, n_frames)).astype(np.float32) for _ in range(3))
    intervals, played, velocities = [], [], []
    for row, pitch in enumerate(pitches):
        first = int(rng.integers(20, 100))
        while first < n_frames - 20:
            last = min(n_frames, first + int(rng.integers(15, 120)))
            height = 10 ** rng.uniform(-1, 0)
            t = np.arange(last - first)
            shape = height * np.minimum((t + 1) / 2, 1) * np.exp(-0.01 * t)
            rows = [(row, 1.0, 3.0)]
            if pitch + 12 in pitches:
                rows.append((pitches.index(pitch + 12), 0.2, 0.0))
            for place, share, worth in rows:
                values[place, first:last] += share * shape
                onsets[place, first : first + 2] += 0.5 * share * height
                loss[place, first:last] += worth * share * shape
            intervals.append((first / 100 - late, last / 100 - late))
            played.append(pitch)
            velocities.append(64 + 40 * np.log10(height / 0.3))
            first = last + int(rng.integers(5, 150))
    partials = {f"partial_{k}": values / k for k in range(1, N_PARTIALS + 1)}
    activation = make_activation(
        values, onsets=onsets, pitches=list(pitches), evidence={"loss": loss, **partials}, latency=latency
    )
    return activation, Notes(intervals, played, velocities=velocities)
