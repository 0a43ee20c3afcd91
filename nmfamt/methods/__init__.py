"""The ways to transcribe that have a name, and the papers they come from."""

from nmfamt.methods.old import DEFAULT, METHODS, find_method
from nmfamt.methods.old import Method as Method

__all__ = ["DEFAULT", "METHODS", "find_method"]
