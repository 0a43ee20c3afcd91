"""Automatic music transcription by classical, interpretable means."""

__version__ = "0.1.0"
