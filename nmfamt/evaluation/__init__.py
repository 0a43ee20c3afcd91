"""Transcriptions compared with references: frames, notes, streams, and what kinds of errors they make."""

from nmfamt.evaluation.errors import Errors, classify_errors
from nmfamt.evaluation.frames import average_precision
from nmfamt.evaluation.matching import match_notes
from nmfamt.evaluation.scores import Scores, evaluate
from nmfamt.evaluation.streams import StreamScores, evaluate_streams

__all__ = [
    "Errors",
    "Scores",
    "StreamScores",
    "average_precision",
    "classify_errors",
    "evaluate",
    "evaluate_streams",
    "match_notes",
]
