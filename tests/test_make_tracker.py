"""What the tracker may not have heard: pieces are known by their notes, whatever they are called."""

import os
from pathlib import Path

import numpy as np
import pytest
from nmfamt.templates.make_tracker import REAL_ROOMS, SOFTWARE_PIANOS, likeness, pieces

from nmfamt.notes import Notes

DATA = Path(os.environ.get("NMFAMT_DATA", Path(__file__).parents[2] / "shared" / "data"))


def piece(seed, n=200):
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 30, n))
    return Notes(np.stack([onsets, onsets + 0.3], axis=1), rng.integers(40, 90, n))


@pytest.mark.parametrize("shift", [0.0, 0.73, 2.05])
def test_another_rendering_is_the_same_piece(shift):
    played = piece(0).shifted(shift)
    late = np.random.default_rng(1).normal(0, 0.01, (len(played), 1))
    again = Notes(np.maximum(played.intervals + late, 0.0), played.pitches)
    assert likeness(piece(0), again) > 0.9


def test_part_of_a_piece_is_that_piece():
    assert likeness(piece(0), piece(0).between(10.0, 20.0)) > 0.9


def test_other_notes_are_another_piece():
    assert likeness(piece(0), piece(1)) < 0.3
    assert likeness(piece(0), Notes.empty()) == 0


def test_a_study_with_two_names_is_left_out():
    folder = DATA / "maps"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}: set NMFAMT_DATA to the folder that holds maps/")
    used = {path.stem for room in SOFTWARE_PIANOS for path in pieces(DATA, room)}
    held_out = {path.stem for room in REAL_ROOMS for path in (folder / room).glob("*.tsv")}
    assert len(used) > 40
    assert not used & held_out
    assert "chpn_op10_e01" not in used  # ENSTDkCl calls it chpn-e01
