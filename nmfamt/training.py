"""Learning the emission model of the tracker from activations and the notes that were played.

Labels decide what each candidate is: within `tolerance` of a labelled onset of its pitch the strongest candidate is the
onset, the others say nothing (they are neither right nor wrong), and all candidates elsewhere are false. A note sounds
from its onset to the labelled offset. It should be released there, give or take a share of its duration: the model of
the release is fitted to the expectation of that over all frames (`fit_choice`).

The models of the second look are fitted to what those of the first make of the same recordings; with hundreds of
samples for every weight it matters little that these were learned from the same.

How the models are fitted stands in `nmfamt.tracking.regression`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.emission import EmissionModel, feature_names
from nmfamt.tracking.events import Candidates, find_candidates, onset_features
from nmfamt.tracking.frames import frame_features
from nmfamt.tracking.levels import Levels
from nmfamt.tracking.offsets import choose_ends, find_spans, follow_notes, in_context
from nmfamt.tracking.onsets import look_again
from nmfamt.tracking.polynomial import Polynomial
from nmfamt.tracking.regression import fit_choice, fit_logistic, fit_ridge, standardised

__all__ = ["label_candidates", "learn_emission_model"]

ONSET_INTERACTIONS = (
    *("strength", "loss+0", "loss+3", "loss_share", "level+3", "level-5", "attack+0", "attack+2"),
    *("total", "total_rise", "neighbour-12", "neighbour-19", "neighbour-24", "neighbour+12"),
    *("neighbour_rise-12", "neighbour_rise+12", "partial_rise_1", "partial_rise_2", "partial_rise_3"),
    "partial_level_1",
)
"""Features whose products the onset models may use."""

ONSET_CONTEXT_INTERACTIONS = (
    *("odds", "played+0", "played_class", "played_share", "together", "dense"),
    *("odds-12", "odds+12", "odds-24", "odds-19"),
)
"""Further ones of the second look."""

FRAME_INTERACTIONS = (
    *("fall", "age", "level+0", "trend", "slope", "loss_share", "total_fall", "peak", "level+40"),
    *("register24", "register48", "register72", "register96"),
)
"""Features whose products the model of sounding may use."""

RELEASE_INTERACTIONS = (*FRAME_INTERACTIONS, "total_rise+0", "total_rise+4", "partial_fall_1", "sounding")
"""Features whose products the model of the release may use."""

NOTE_CONTEXT_INTERACTIONS = (
    *("onsets-3..3", "onsets+0..10", "onsets-10..0", "ends-3..3", "ends-8..8", "longer", "longer>0", "longer<0"),
    *("sounding_notes", "chord", "has_chord", "since", "until"),
    *("age", "fall", "sounding", "trend", "slope", "level+0", "register48", "register72"),
    *("near4", "passed4", "since4", "until4", "chords", "more_chords", "typical_chords", "struck", "until_struck"),
)
"""Those of the second look."""

_TIMING = 10.0  # times the penalty: what moves an onset must hold for instruments that speak otherwise
_LONGEST_FRAMES = 1000  # of a note that the model of sounding learns from
_EVERY = 5  # frames, of which it sees one
_DURATION_TOLERANCE = 0.12  # logarithmic, of the duration
_OFFSET_TOLERANCE = 1.5  # frames
_FAVOUR = 0.5  # power of the duration by which the release favours later frames

FloatArray = NDArray[np.floating[Any]]


def learn_emission_model(
    recordings: Iterable[tuple[PitchActivation, Notes]],
    *,
    onsets_only: Iterable[tuple[PitchActivation, Notes]] = (),
    tolerance: float = 0.06,
    penalty: float = 100.0,
    max_frames: int = 2500,
    max_notes: int = 40,
    info: dict[str, Any] | None = None,
    seed: int = 0,
) -> EmissionModel:
    """Learn what onsets look like, what sounds, and how it ends.

    Parameters
    ----------
    recordings : iterable of (PitchActivation, Notes)
        Activations and what was played; several instruments and dictionaries make a model that transfers. All of them
        are in memory at once.
    onsets_only : iterable of (PitchActivation, Notes)
        Further ones, which the models of what sounds and how it ends do not see.
    tolerance : float
        How far from its label an onset may be found, in seconds.
    penalty : float
        Weight of half the squared weights beside the negative log-likelihood of all samples.
    max_frames, max_notes : int
        How many frames of each recording the model of sounding is learned from, and from how many notes that of the
        release; drawn at random.
    info : dict, optional
        Kept in the model.
    seed : int
        Of the draws.

    Returns
    -------
    EmissionModel

    Raises
    ------
    NmfamtError
        If no candidate matches a label, or so few that the first look finds nothing likely; or nothing may be drawn.

    Examples
    --------
    >>> from nmfamt import activate
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) * (np.arange(16000) > 3200)
    >>> model = learn_emission_model([(activate(y, sr=16000), Notes([[0.2, 0.7]], [69]))])
    >>> model.onset.names == feature_names()["onset"]
    True
    """
    if max_frames < 1 or max_notes < 1:
        raise NmfamtError(f"max_frames={max_frames} and max_notes={max_notes} are counts of at least 1.")
    rng = np.random.default_rng(seed)
    whole = [_Piece.of(activation, notes, tolerance) for activation, notes in recordings]
    pieces = whole + [_Piece.of(activation, notes, tolerance) for activation, notes in onsets_only]
    if not any((piece.truth == 1).any() for piece in pieces):
        raise NmfamtError("No candidate lies near a label: are the labels those of the recordings?")
    names = feature_names()
    X = np.concatenate([piece.X for piece in pieces])
    truth = np.concatenate([piece.truth for piece in pieces])
    known, true = truth >= 0, truth == 1
    onset = fit_logistic(standardised(X, names["onset"], ONSET_INTERACTIONS), X[known], truth[known], penalty=penalty)
    curved = standardised(X, names["timing"], ONSET_INTERACTIONS)
    plain = standardised(X, names["velocity"])
    sounding = _learn_sounding(whole, penalty, max_frames, rng)
    # The same notes teach both looks.
    drawn = [np.sort(rng.permutation(piece.n_true)[:max_notes]) for piece in whole]
    release, first = _learn_release(whole, drawn, sounding, penalty)
    release_in_context, second = _learn_release(whole, drawn, sounding, penalty, (release, first))
    return EmissionModel(
        onset=onset,
        onset_in_context=_learn_onset_in_context(pieces, onset, penalty),
        timing=fit_ridge(curved, X[true], np.concatenate([p.late for p in pieces])[true], penalty=_TIMING * penalty),
        velocity=fit_ridge(plain, X[true], np.concatenate([p.velocity for p in pieces])[true], penalty=penalty),
        sounding=sounding,
        release=release,
        release_in_context=release_in_context,
        persistence=np.stack([first, second]),
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
class _Piece:
    """What one recording teaches."""

    levels: Levels
    candidates: Candidates
    X: NDArray[np.float32]
    truth: NDArray[np.int64]
    late: NDArray[np.float64]
    velocity: NDArray[np.float64]
    durations: NDArray[np.float64]  # of the notes of the true candidates, in frames

    @classmethod
    def of(cls, activation: PitchActivation, notes: Notes, tolerance: float) -> "_Piece":
        levels = Levels.of(activation)
        candidates = find_candidates(levels)
        times = activation.times[0] + (candidates.frames + candidates.offsets) * activation.hop - activation.latency
        pitches = activation.pitches[candidates.rows]
        truth, note = label_candidates(candidates, times, pitches, notes, tolerance=tolerance)
        return cls(
            levels=levels,
            candidates=candidates,
            X=onset_features(levels, candidates),
            truth=truth,
            late=times - notes.intervals[note, 0] if len(notes) else np.zeros(len(times)),
            velocity=notes.velocities[note].astype(np.float64) if len(notes) else np.zeros(len(times)),
            durations=np.diff(notes.intervals[note[truth == 1]], axis=1)[:, 0] / activation.hop,
        )

    @property
    def true(self) -> Candidates:
        """The candidates that are onsets."""
        return self.candidates.select(self.truth == 1)

    @property
    def n_true(self) -> int:
        return len(self.durations)


def _learn_onset_in_context(pieces: Sequence[_Piece], onset: Polynomial, penalty: float) -> Polynomial:
    """Fit the second look at those candidates that the first thinks possible."""
    samples, truths = [], []
    for piece in pieces:
        judged, places = look_again(piece.levels, piece.candidates, piece.X, onset)
        known = piece.truth[places] >= 0
        samples.append(np.concatenate([judged.X[known], judged.context[known]], axis=1))
        truths.append(piece.truth[places][known])
    X = np.concatenate(samples)
    if not len(X):
        raise NmfamtError(
            f"No candidate is likely enough for a second look: give more recordings, or a penalty below {penalty:g}."
        )
    interacting = (*ONSET_INTERACTIONS, *ONSET_CONTEXT_INTERACTIONS)
    start = standardised(X, feature_names()["onset_in_context"], interacting)
    return fit_logistic(start, X, np.concatenate(truths), penalty=penalty)


def _learn_sounding(pieces: Sequence[_Piece], penalty: float, max_frames: int, rng: np.random.Generator) -> Polynomial:
    """Fit in which frames after its onset a note sounds."""
    samples, truths = [], []
    for piece in pieces:
        rows, firsts, lasts = find_spans(piece.levels, piece.true)
        lasts = np.minimum(lasts, firsts + _LONGEST_FRAMES)
        lengths = lasts - firsts
        ages = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        drawn = np.flatnonzero(ages % _EVERY == _EVERY // 2)
        drawn = np.sort(rng.permutation(drawn)[:max_frames])
        samples.append(frame_features(piece.levels, rows, firsts, lasts)[drawn])
        truths.append((ages < np.repeat(piece.durations, lengths))[drawn])
    X = np.concatenate(samples)
    start = standardised(X, feature_names()["sounding"], FRAME_INTERACTIONS)
    return fit_logistic(start, X, np.concatenate(truths).astype(np.int64), penalty=penalty)


def _learn_release(
    pieces: Sequence[_Piece],
    drawn: Sequence[NDArray[np.int64]],
    sounding: Polynomial,
    penalty: float,
    first: tuple[Polynomial, NDArray[np.float64]] | None = None,
) -> tuple[Polynomial, NDArray[np.float64]]:
    """Fit where notes end, in the first look, or knowing what that says in the second.

    Returns
    -------
    Polynomial
        How much a frame looks like a release.
    persistence : ndarray, shape (2,)
        What a note gains by going on.
    """
    samples, gained, likenesses, lengths = [], [], [], []
    for piece, notes in zip(pieces, drawn, strict=True):
        if not len(notes):
            continue
        followed = follow_notes(piece.levels, find_spans(piece.levels, piece.true), sounding)
        ends = choose_ends(followed, *first) if first else None
        note = np.repeat(np.arange(piece.n_true), followed.lengths)
        taken = np.isin(note, notes)
        samples.append(np.concatenate([part[taken] for part in in_context(followed, ends)], axis=1))
        gained.append(followed.gained[taken])
        likenesses.append(_likeness(followed.gained[:, 1], piece.durations[note])[taken])
        lengths.append(followed.lengths[notes])
    X = np.concatenate(samples)
    names = feature_names()["release_in_context" if first else "release"]
    start = standardised(X, names, NOTE_CONTEXT_INTERACTIONS if first else RELEASE_INTERACTIONS)
    release, persistence = fit_choice(
        start, X, np.concatenate(gained), np.concatenate(likenesses), np.concatenate(lengths), penalty=penalty
    )
    return _favouring_later(release), persistence


def _likeness(ages: NDArray[Any], durations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how nearly an age, in frames, is the duration of the note."""
    width = np.maximum(_DURATION_TOLERANCE, _OFFSET_TOLERANCE / (durations + 5))
    return np.asarray(np.exp(-0.5 * (np.log((ages + 5) / (durations + 5)) / width) ** 2))


def _favouring_later(release: Polynomial) -> Polynomial:
    """Return a model of the release whose probabilities are multiplied by a power of the duration.

    A frame is a smaller share of a long note than of a short one. The most probable frame is not the most probable
    duration in equal steps of its logarithm, but for that power, which is between the two.
    """
    place = release.names.index("age")  # a decimal logarithm
    weights = release.weights.copy()
    weights[place] += _FAVOUR * np.log(10) * release.scale[place]
    return Polynomial(
        release.names,
        release.mean,
        release.scale,
        release.intercept,
        weights,
        release.interacting,
        release.products,
    )
