"""Trackers: each turns a `PitchActivation` into `Notes`."""

from nmfamt.tracking.hmm import HMMTracker
from nmfamt.tracking.note_stages import NoteStages
from nmfamt.tracking.peaks import PeakTracker
from nmfamt.tracking.threshold import Threshold

__all__ = ["HMMTracker", "NoteStages", "PeakTracker", "Threshold"]
