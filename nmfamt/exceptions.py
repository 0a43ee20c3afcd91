"""What nmfamt raises and warns with.

One family: every error a caller can provoke with bad input is a `NmfamtError`, which is a `ValueError`;
every doubt about input that is still usable is a `NmfamtWarning`. Messages name the value that was
found and the one that would work.
"""

__all__ = ["NmfamtError", "NmfamtWarning"]


class NmfamtError(ValueError):
    """Input that cannot be used; the message says what was found and what would work."""


class NmfamtWarning(UserWarning):
    """Input that is used although something about it is doubtful."""
