"""Trackers: each turns a `PitchActivation` into `Notes`."""

from nmfamt.tracking.hmm import HMMTracker
from nmfamt.tracking.threshold import Threshold

__all__ = ["HMMTracker", "Threshold"]
