"""Learning the emission model of the tracker from activations and the notes that were played.

Labels decide what each candidate is: within `tolerance` of a labelled onset of its pitch the strongest candidate is the
onset, the others say nothing (they are neither right nor wrong), and all candidates elsewhere are false. Frames between
an onset and the next are sustain up to the labelled offset, release for the 0.2 s after it, then silence.

How the models are fitted stands in `nmfamt.tracking.regression`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.emission import FRAME_STATES, STATES, EmissionModel
from nmfamt.tracking.events import Candidates, find_candidates, onset_feature_names, onset_features
from nmfamt.tracking.frames import frame_feature_names, frame_features
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.regression import fit_logistic, fit_ridge, fit_softmax, standardised

__all__ = ["label_candidates", "learn_emission_model"]

ONSET_INTERACTIONS = (
    *("strength", "loss+0", "loss+3", "loss_share", "level+3", "level-5", "attack+0", "attack+2"),
    *("total", "total_rise", "neighbour-12", "neighbour-19", "neighbour-24", "neighbour+12"),
    *("neighbour_rise-12", "neighbour_rise+12", "partial_rise_1", "partial_rise_2", "partial_rise_3"),
    "partial_level_1",
)
"""Features whose products the onset model may use."""

FRAME_INTERACTIONS = (
    *("fall", "age", "level+0", "trend", "slope", "loss_share", "total_fall", "peak", "level+40"),
    *("register24", "register48", "register72", "register96"),
)
"""Features whose products the frame model may use."""

RELEASE = 0.2
"""Seconds after an offset that count as release."""

_LONGEST_FRAMES = 1000  # of a note that are learned from

FloatArray = NDArray[np.floating[Any]]


def learn_emission_model(
    recordings: Iterable[tuple[PitchActivation, Notes]],
    *,
    tolerance: float = 0.06,
    penalty: float = 100.0,
    max_frames: int = 300_000,
    info: dict[str, Any] | None = None,
    seed: int = 0,
) -> EmissionModel:
    """Learn what onsets, sustain, release and silence look like.

    Parameters
    ----------
    recordings : iterable of (PitchActivation, Notes)
        Activations and what was played; several instruments and dictionaries make a model that transfers.
    tolerance : float
        How far from its label an onset may be found, in seconds.
    penalty : float
        Weight of the squared weights beside the negative log-likelihood of all samples.
    max_frames : int
        Frames drawn for the frame model.
    info : dict, optional
        Kept in the model.
    seed : int
        Of that draw.

    Returns
    -------
    EmissionModel

    Raises
    ------
    NmfamtError
        If no candidate matches a label.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) * (np.arange(16000) > 3200)
    >>> model = learn_emission_model([(activate(y, sr=16000), Notes([[0.2, 1.0]], [69]))])
    >>> model.onset.names == tuple(onset_feature_names())
    True
    """
    rng = np.random.default_rng(seed)
    samples = [_sample(activation, notes, tolerance) for activation, notes in recordings]
    if not any(len(sample.X) and (sample.truth == 1).any() for sample in samples):
        raise NmfamtError("No candidate lies near a label: are the labels those of the recordings?")
    X = np.concatenate([sample.X for sample in samples])
    truth = np.concatenate([sample.truth for sample in samples])
    late = np.concatenate([sample.late for sample in samples])
    velocity = np.concatenate([sample.velocity for sample in samples])
    known, true = truth >= 0, truth == 1
    names = onset_feature_names()
    plain = standardised(X, names)
    onset = fit_logistic(standardised(X, names, ONSET_INTERACTIONS), X[known], truth[known], penalty=penalty)
    F = np.concatenate([sample.frames for sample in samples])
    states = np.concatenate([sample.states for sample in samples])
    drawn = np.sort(rng.permutation(len(F))[:max_frames])
    F, states = F[drawn], states[drawn]
    frame = fit_softmax(
        standardised(F, frame_feature_names(), FRAME_INTERACTIONS),
        F,
        states,
        n_classes=len(FRAME_STATES),
        penalty=penalty,
    )
    counts = np.sum([sample.transitions for sample in samples], axis=0)
    return EmissionModel(
        onset=onset,
        timing=fit_ridge(plain, X[true], late[true], penalty=penalty),
        velocity=fit_ridge(plain, X[true], velocity[true], penalty=penalty),
        frame=frame,
        transitions=counts / counts.sum(axis=1, keepdims=True),
        info=info or {},
    )


def label_candidates(
    candidates: Candidates,
    times: NDArray[np.float64],
    pitches: NDArray[np.float64],
    notes: Notes,
    *,
    tolerance: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Say which candidates are onsets.

    Parameters
    ----------
    candidates : Candidates
        Found in an activation.
    times, pitches : ndarray, shape (n_candidates,)
        Their times in seconds, latency corrected, and their pitches.
    notes : Notes
        What was played.
    tolerance : float
        In seconds.

    Returns
    -------
    truth : ndarray of int, shape (n_candidates,)
        1 an onset, 0 none, -1 near an onset that another candidate explains better.
    note : ndarray of int, shape (n_candidates,)
        Which note it begins, -1 where none.

    Examples
    --------
    >>> times, pitches = np.array([1.01, 1.04, 2.0]), np.array([60.0, 60.0, 60.0])
    >>> candidates = Candidates(np.zeros(3, int), np.array([101, 104, 200]), np.zeros(3), np.array([0.9, 0.2, 0.9]))
    >>> label_candidates(candidates, times, pitches, Notes([[1.0, 1.5]], [60]), tolerance=0.06)
    (array([ 1, -1,  0]), array([ 0, -1, -1]))
    """
    truth = np.zeros(len(candidates), dtype=np.int64)
    note = np.full(len(candidates), -1)
    strengths = np.log10(candidates.strengths + 1e-9)
    for i, (onset, pitch) in enumerate(zip(notes.intervals[:, 0], notes.pitches, strict=True)):
        near = np.flatnonzero((np.abs(pitches - pitch) < 0.5) & (np.abs(times - onset) < tolerance))
        near = near[truth[near] < 1]
        if len(near):
            truth[near] = -1
            # 40 ms of distance weigh as much as a factor of 1.45 in strength.
            best = near[np.argmax(strengths[near] - 4 * np.abs(times[near] - onset))]
            truth[best], note[best] = 1, i
    return truth, note


@dataclass(frozen=True, eq=False)
class _Sample:
    """What one recording teaches."""

    X: FloatArray
    truth: NDArray[np.int64]
    late: NDArray[np.float64]
    velocity: NDArray[np.float64]
    frames: FloatArray
    states: NDArray[np.int64]
    transitions: NDArray[np.float64]


def _sample(activation: PitchActivation, notes: Notes, tolerance: float) -> _Sample:
    levels = Levels.of(activation)
    candidates = find_candidates(levels)
    times = activation.times[0] + (candidates.frames + candidates.offsets) * activation.hop - activation.latency
    truth, note = label_candidates(candidates, times, activation.pitches[candidates.rows], notes, tolerance=tolerance)
    late = times - notes.intervals[note, 0] if len(notes) else np.zeros(len(times))
    frames, states, transitions = _frame_sample(levels, activation, candidates, note, notes)
    return _Sample(
        X=onset_features(levels, candidates),
        truth=truth,
        late=late,
        velocity=notes.velocities[note].astype(np.float64) if len(notes) else late,
        frames=frames,
        states=states,
        transitions=transitions,
    )


def _frame_sample(
    levels: Levels, activation: PitchActivation, candidates: Candidates, note: NDArray[np.int64], notes: Notes
) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.float64]]:
    """Return every fifth frame after each onset with its state, and counts of the changes of state."""
    true = np.flatnonzero(note >= 0)
    silence, attack, sustain, release = range(len(STATES))
    transitions = np.full((4, 4), 1e-3)
    transitions[attack] = np.eye(len(STATES))[sustain]
    frames, states = (
        [np.zeros((0, len(frame_feature_names())), dtype=np.float32)],
        [np.zeros(0, dtype=np.int64)],
    )
    n_frames = len(activation.times)
    for k, i in enumerate(true.tolist()):
        row, first = int(candidates.rows[i]), int(candidates.frames[i])
        last = min(first + _LONGEST_FRAMES, n_frames)
        if k + 1 < len(true) and candidates.rows[true[k + 1]] == row:
            last = min(last, int(candidates.frames[true[k + 1]]))
        age = (np.arange(first, last) - first) * activation.hop
        duration = float(np.diff(notes.intervals[note[i]])[0])
        state = np.where(age < duration, 1, np.where(age < duration + RELEASE, 2, 0))
        frames.append(frame_features(levels, row, first, last)[2::5])
        states.append(state[2::5])
        path = np.array([silence, sustain, release])[state]
        np.add.at(transitions, (path[:-1], path[1:]), 1.0)
    return np.concatenate(frames), np.concatenate(states), transitions
