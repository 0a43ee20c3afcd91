"""Kinds of errors: each by hand, their order, and what holds for all notes."""

import json
import time

import numpy as np
import pytest

from nmfamt.evaluation import Errors, classify_errors, evaluate, match_notes
from nmfamt.evaluation.error_counts import AXES, ESTIMATED_KINDS, REFERENCE_KINDS
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes


def notes(*events, velocities=64):
    """Notes of (onset, offset, pitch)."""
    return Notes([event[:2] for event in events], [event[2] for event in events], velocities=velocities)


def kinds(reference, estimate, **options):
    """The kinds of extra and of missed notes, each as {kind: count} without zeros."""
    errors = classify_errors(reference, estimate, **options)
    return tuple({kind: n for kind, n in counts.items() if n} for counts in (errors.extra, errors.missed))


def random_notes(seed, n_notes=300, span=60, low=55, high=80):
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, span, n_notes).round(3)
    return Notes(
        np.stack([onsets, onsets + rng.uniform(0.03, 1.5, n_notes).round(3)], axis=1),
        rng.integers(low, high, n_notes),
        velocities=rng.integers(1, 128, n_notes),
    )


def similar_notes(played, seed):
    """Most of the notes, a little off, and others."""
    rng = np.random.default_rng(seed)
    some = played.select(rng.uniform(size=len(played)) < 0.7)
    intervals = np.maximum(some.intervals + rng.normal(0, 0.05, some.intervals.shape), 0)
    intervals[:, 1] = np.maximum(intervals[:, 1], intervals[:, 0] + 0.02)
    moved = Notes(intervals, some.pitches, velocities=some.velocities)
    return Notes.concatenate([moved, random_notes(seed + 100, 250 - len(some), played.intervals[-1, 0])])


C4 = notes((1.0, 2.0, 60))


def test_what_is_right_is_found():
    played = random_notes(0)
    errors = classify_errors(played, played)
    assert errors.n_found == errors.n_reference == errors.n_estimated == 300
    assert sum(errors.extra.values()) == sum(errors.missed.values()) == errors.shifts.sum() == 0
    assert errors.offsets.tolist() == [0, 300, 0]
    assert errors.onset_lags[10] == 300


@pytest.mark.parametrize(
    ("estimate", "extra", "missed"),
    [
        ((1.1, 2.0, 60), "late", "late"),
        ((0.9, 2.0, 60), "early", "early"),
        ((1.5, 2.0, 60), "late", "late"),  # as far as reach
        ((0.5, 2.0, 60), "early", "early"),
        ((0.8, 0.96, 60), "early", "early"),  # over before the note begins, but within the tolerance
        ((0.8, 0.94, 60), "ghost", "lost"),
        ((1.6, 2.0, 60), "split", "lost"),  # too late for a late onset
        ((0.4, 2.0, 60), "ghost", "merged"),
        ((1.0, 2.0, 72), "octave", "octave"),
        ((1.0, 2.0, 48), "octave", "octave"),
        ((1.0, 2.0, 84), "octave", "octave"),
        ((1.0, 2.0, 24), "octave", "octave"),
        ((1.0, 2.0, 79), "twelfth", "twelfth"),
        ((1.0, 2.0, 41), "twelfth", "twelfth"),
        ((1.0, 2.0, 91), "twelfth", "twelfth"),
        ((1.0, 2.0, 88), "partial", "partial"),
        ((1.0, 2.0, 26), "partial", "partial"),
        ((1.0, 2.0, 61), "semitone", "semitone"),
        ((1.0, 2.0, 59), "semitone", "semitone"),
        ((1.0, 2.0, 67), "ghost", "lost"),
        ((1.0, 2.0, 62), "ghost", "lost"),
        ((1.5, 2.0, 72), "octave", "lost"),  # the extra note begins within the other, not the other way round
        ((0.5, 1.5, 72), "ghost", "octave"),
        ((1.96, 2.5, 72), "ghost", "lost"),  # legato
        ((2.1, 2.5, 72), "ghost", "lost"),
        ((1.1, 2.0, 60.4), "late", "late"),
        ((1.1, 2.0, 60.6), "semitone", "lost"),
        ((1.0, 2.0, 60.6), "semitone", "semitone"),
        ((1.0, 2.0, 71.7), "octave", "octave"),
    ],
)
def test_one_note_for_another(estimate, extra, missed):
    assert kinds(C4, notes(estimate)) == ({extra: 1}, {missed: 1})


def test_split_and_merged():
    whole, halves = notes((1, 3, 60)), notes((1, 2, 60), (2, 3, 60))
    assert kinds(whole, halves) == ({"split": 1}, {})
    assert kinds(halves, whole) == ({}, {"merged": 1})
    assert kinds(whole, notes((1, 2, 60), (1.03, 3, 60))) == ({"split": 1}, {})
    assert kinds(whole, notes((1, 3.0, 60), (3.0, 4, 60))) == ({"ghost": 1}, {})


def test_the_nearest_is_the_late_one():
    # One missed note, two candidates: the nearer is the note, the other an onset too many.
    assert kinds(C4, notes((1.2, 1.4, 60), (1.4, 2, 60))) == ({"late": 1, "split": 1}, {"late": 1})
    assert kinds(C4, notes((0.7, 1.1, 60), (1.2, 2, 60))) == ({"late": 1, "ghost": 1}, {"late": 1})
    # Two missed notes, one candidate between them.
    repeated = notes((1.0, 1.5, 60), (1.5, 2.0, 60))
    assert kinds(repeated, notes((1.4, 2.0, 60))) == ({"early": 1}, {"early": 1, "lost": 1})
    # A note that was found is not late as well.
    assert kinds(repeated, notes((1.0, 1.3, 60), (1.3, 2.0, 60))) == ({"early": 1}, {"early": 1})
    assert kinds(C4, notes((1.0, 1.3, 60), (1.3, 2.0, 60))) == ({"split": 1}, {})


def test_kinds_in_order():
    """Where several kinds fit, the first of the table counts."""
    with_octave = notes((1.0, 2.0, 60), (1.0, 2.0, 72))
    # Late before the octave of the note below, which is found and sounds.
    assert kinds(with_octave, notes((1.0, 2.0, 60), (1.2, 2.0, 72))) == ({"late": 1}, {"late": 1})
    # Split before octave.
    extra, _ = kinds(with_octave, notes((1.0, 2.0, 60), (1.0, 1.5, 72), (1.5, 2.0, 72)))
    assert extra == {"split": 1}
    # Octave before twelfth before a higher partial before semitone.
    assert kinds(notes((1, 2, 48), (1, 2, 41)), notes((1, 2, 48), (1, 2, 41), (1, 2, 60)))[0] == {"octave": 1}
    assert kinds(notes((1, 2, 41), (1, 2, 32)), notes((1, 2, 41), (1, 2, 32), (1, 2, 60)))[0] == {"twelfth": 1}
    assert kinds(notes((1, 2, 32), (1, 2, 59)), notes((1, 2, 32), (1, 2, 59), (1, 2, 60)))[0] == {"partial": 1}
    # A note begins late only once: the second reference takes the wrong pitch.
    assert kinds(notes((1, 2, 60), (1, 2, 61)), notes((1.2, 2, 60))) == ({"late": 1}, {"late": 1, "lost": 1})


def test_a_missed_note_hides_behind_one_that_was_found():
    octave = notes((1.0, 2.0, 60), (1.0, 2.0, 72))
    assert kinds(octave, notes((1.0, 2.0, 60))) == ({}, {"octave": 1})


@pytest.mark.parametrize("seed", range(5))
def test_every_note_counts_once(seed):
    reference = random_notes(seed)
    estimate = similar_notes(reference, seed)
    errors = classify_errors(reference, estimate)
    n_found = len(match_notes(reference, estimate, offset_ratio=None))
    assert n_found == errors.n_found == errors.onset_lags.sum() == errors.offsets.sum() > 100
    assert sum(errors.extra.values()) == 250 - n_found
    assert sum(errors.missed.values()) == 300 - n_found
    assert min(errors.extra[kind] for kind in ("late", "early", "split", "ghost")) > 0
    assert min(errors.missed[kind] for kind in ("late", "early", "merged", "lost")) > 0
    assert errors.extra["late"] == errors.missed["late"]
    assert errors.extra["early"] == errors.missed["early"]
    assert errors.shifts.sum() == errors.extra["late"] + errors.extra["early"]
    assert errors.shifts[:10].sum() == errors.extra["early"]
    assert errors.intervals.sum(axis=1).tolist() == [n_found, n_found]
    for side, names, total in (("estimated", ESTIMATED_KINDS, 250), ("reference", REFERENCE_KINDS, 300)):
        tables = getattr(errors, side)
        by_kind = tables["velocity"].sum(axis=1)
        for axis, table in tables.items():
            assert table.shape == (len(names), len(AXES[axis]))
            assert table.sum() == total
            np.testing.assert_array_equal(table.sum(axis=1), by_kind)


@pytest.mark.parametrize("seed", range(5))
def test_the_other_way_round(seed):
    """What one performance has too many, the other misses."""
    a = random_notes(seed)
    b = similar_notes(a, seed)
    one, other = classify_errors(a, b), classify_errors(b, a)
    turned = {"early": "late", "late": "early", "split": "merged", "ghost": "lost"}
    assert {turned.get(kind, kind): n for kind, n in one.extra.items()} == other.missed
    turned = {"early": "late", "late": "early", "merged": "split", "lost": "ghost"}
    assert {turned.get(kind, kind): n for kind, n in one.missed.items()} == other.extra
    np.testing.assert_array_equal(one.intervals, other.intervals[::-1])


@pytest.mark.parametrize("seed", range(3))
def test_the_slow_way(seed):
    """Kinds by a loop over all notes, from the words of the module."""
    reference = random_notes(seed, 250, 30)
    estimate = similar_notes(reference, seed)
    pairs = match_notes(reference, estimate, offset_ratio=None).tolist()
    ref, est = ([(*n.intervals[i].tolist(), float(n.pitches[i])) for i in range(250)] for n in (reference, estimate))
    missed = dict.fromkeys(range(250)) | {i: "found" for i, _ in pairs}
    extra = dict.fromkeys(range(250)) | {j: "found" for _, j in pairs}
    near = sorted(
        (round(abs(est[j][0] - ref[i][0]), 4), i, j)
        for i in missed
        for j in extra
        if est[j][2] == ref[i][2] and est[j][1] > ref[i][0] - 0.05 and ref[i][1] > est[j][0] - 0.05
    )
    for lag, i, j in near:
        if missed[i] is None and extra[j] is None and 0.05 < lag <= 0.5:
            missed[i] = extra[j] = "late" if est[j][0] > ref[i][0] else "early"
    for table, ours, others, same, rest in ((extra, est, ref, "split", "ghost"), (missed, ref, est, "merged", "lost")):
        for i in (i for i, kind in table.items() if kind is None):
            onset = ours[i][0]
            apart = {
                abs(p - ours[i][2]) for a, b, p in others if round(abs(a - onset), 4) <= 0.05 or a < onset < b - 0.05
            }
            steps = (
                (same, {0}),
                ("octave", {12, 24, 36}),
                ("twelfth", {19, 31}),
                ("partial", {28, 34}),
                ("semitone", {1}),
            )
            table[i] = next((kind for kind, intervals in steps if apart & intervals), rest)
    errors = classify_errors(reference, estimate)
    for table, counts in ((extra, errors.extra), (missed, errors.missed)):
        assert counts == {kind: list(table.values()).count(kind) for kind in counts}


def test_bins():
    reference = notes((0, 4, 36), (1, 4, 59), (1.02, 4, 60), (2, 4, 96), velocities=[15, 16, 100, 127])
    estimate = notes((2, 3, 65), (2, 3, 21), (2, 3, 44), velocities=[90, 80, 49])
    errors = classify_errors(reference, estimate)
    missed = {axis: table[1:].sum(axis=0).nonzero()[0].tolist() for axis, table in errors.reference.items()}
    assert [AXES["velocity"][i] for i in missed["velocity"]] == ["1–15", "16–31", "96–111", "112–127"]
    assert [AXES["register"][i] for i in missed["register"]] == ["C2–B2", "C3–B3", "C4–B4", "C7–B7"]
    # The second and third note begin together, above the first.
    assert errors.reference["polyphony"].sum(axis=0).tolist() == [1, 0, 2, 1, 0, 0, 0, 0]
    extra = {axis: table[1:].sum(axis=0).nonzero()[0].tolist() for axis, table in errors.estimated.items()}
    assert [AXES["level"][i] for i in extra["level"]] == ["below −40", "−10 to −1", "loudest"]
    assert [AXES["register"][i] for i in extra["register"]] == ["C0–B0", "C2–B2", "C4–B4"]


def test_times():
    reference = notes((1, 2, 60), (3, 4, 60), (5, 6, 60), (7, 8, 60), (9, 10, 60))
    estimate = notes((1.012, 2.2, 60), (2.95, 4.21, 60), (5.05, 5.79, 60), (7.25, 8, 60), (8.5, 10, 60))
    errors = classify_errors(reference, estimate)
    assert errors.onset_lags.nonzero()[0].tolist() == [0, 12, 19]
    assert errors.shifts.nonzero()[0].tolist() == [0, 15]
    assert errors.offsets.tolist() == [1, 1, 1]


def test_intervals_of_right_notes():
    played = notes((0, 1, 48), (0, 1, 60), (0, 1, 66))
    assert classify_errors(played, played).intervals.tolist() == [[2, 0, 0, 0, 1], [2, 0, 0, 0, 1]]


def test_pieces_are_added():
    pieces = [(random_notes(seed), random_notes(seed + 100)) for seed in range(3)]
    later = [[performance.shifted(100 * i) for performance in pair] for i, pair in enumerate(pieces)]
    together = classify_errors(*(Notes.concatenate(side) for side in zip(*later, strict=True)))
    one, two, three = (classify_errors(*pair) for pair in pieces)
    assert (one + two + three).to_dict() == together.to_dict()
    assert sum([one, two, three], Errors()).to_dict() == together.to_dict()
    assert classify_errors(Notes.empty(), Notes.empty()).to_dict() == Errors().to_dict()
    other = classify_errors(*pieces[0], onset_tolerance=0.1)
    assert (Errors() + other).to_dict() == (other + Errors()).to_dict() == other.to_dict()
    with pytest.raises(NmfamtError, match="count both with the same tolerances"):
        one + other
    with pytest.raises(TypeError):
        one + 1


def test_json():
    errors = classify_errors(random_notes(0), random_notes(1), reach=0.4)
    again = Errors.from_dict(json.loads(json.dumps(errors.to_dict())))
    assert again.to_dict() == errors.to_dict()
    assert again.settings["reach"] == 0.4
    assert (again + errors).n_reference == 600
    for name in errors.to_dict():
        with pytest.raises(NmfamtError, match=rf"no errors as Errors.to_dict writes them.*{name}"):
            Errors.from_dict({key: value for key, value in errors.to_dict().items() if key != name})
    for wrong in ([1, 2], [0.5, 1, 1], [-1, 0, 0], [2**63, 1, 1], ["a", "b", "c"], None):
        with pytest.raises(NmfamtError, match=r"offsets has shape .* counts of shape \(3,\)"):
            Errors.from_dict(errors.to_dict() | {"offsets": wrong})
    with pytest.raises(NmfamtError, match="positive numbers are wanted"):
        Errors.from_dict(errors.to_dict() | {"settings": errors.settings | {"reach": float("nan")}})
    with pytest.raises(NmfamtError, match="no errors"):
        Errors.from_dict([])
    with pytest.raises(NmfamtError, match="no errors"):
        Errors.from_dict(errors.to_dict() | {"offsets": [[1], 2, 3]})


def test_nothing():
    nothing, played = Notes.empty(), random_notes(0)
    assert kinds(nothing, nothing) == ({}, {})
    assert kinds(played, nothing) == ({}, {"lost": 300})
    assert kinds(nothing, played) == ({"ghost": 300}, {})
    for pair in ((nothing, nothing), (played, nothing), (nothing, played)):
        assert "nan" not in classify_errors(*pair).table()


def test_table():
    reference = notes((0, 1, 60), (0, 1, 64), (1, 2, 65), (2, 3, 67))
    errors = classify_errors(reference, notes((0, 1, 60), (0, 1, 72), (1, 2, 65), (2.1, 2.5, 67)))
    table = errors.table()
    assert table.startswith("2 of 4 notes were found (50 %); 2 of 4 estimated notes are right (50 %).\n")
    rows = {line.split("|")[1].strip(): line.replace(" ", "") for line in table.splitlines() if line.startswith("|")}
    assert rows["late"] == "|late|1|50%|1|50%|"
    assert rows["octave"].startswith("|octave|100%|0%|0%|50%")  # of the later table, of intervals
    assert rows["ghost / lost"] == "|ghost/lost|0|0%|1|50%|"
    assert rows["2"] == "|2|2|50%|50%|0%|0%|"  # of two notes in a chord one is lost
    assert "100 % end at the right time" in table


def test_tolerances():
    late = notes((1.08, 2.0, 60))
    assert kinds(C4, late, onset_tolerance=0.1) == ({}, {})
    assert kinds(C4, late, reach=0.07) == ({"split": 1}, {"lost": 1})
    for wrong in (
        {"onset_tolerance": 0},
        {"pitch_tolerance": 60},
        {"reach": 0.04},
        {"reach": float("nan")},
        {"reach": float("inf")},
        {"offset_ratio": -1},
    ):
        with pytest.raises(NmfamtError, match="will not do: tolerances are positive"):
            classify_errors(C4, late, **wrong)


@pytest.mark.parametrize("pitch", range(21, 108))
def test_half_a_semitone_is_never_late(pitch):
    """At exactly 50 cents the last digit decides about the match; what does not match is not late by 0 s."""
    errors = classify_errors(notes((0, 1, pitch)), notes((0, 1, pitch + 0.5)))
    assert errors.n_found + errors.extra["split"] == 1


def test_as_scored():
    reference, estimate = random_notes(0), random_notes(1)
    scores, errors = evaluate(reference, estimate), classify_errors(reference, estimate)
    assert scores.onset_recall == errors.n_found / errors.n_reference
    assert scores.onset_precision == errors.n_found / errors.n_estimated


def test_ten_thousand_notes():
    reference, estimate = (random_notes(seed, 10_000, 1500, 21, 109) for seed in (0, 1))
    # One note that never ends must not make every other note its neighbour's business.
    estimate = Notes.concatenate([estimate, notes((0, 1600, 60))])
    begin = time.perf_counter()
    errors = classify_errors(reference, estimate)
    assert time.perf_counter() - begin < 2
    assert errors.n_estimated == 10_001
