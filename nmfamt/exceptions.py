"""What nmfamt raises and warns with.

One family: every error a caller can provoke with bad input is a `NmfamtError`, which is a `ValueError`;
every doubt about input that is still usable is a `NmfamtWarning`. Messages name the value that was
found and the one that would work.
"""

__all__ = ["NmfamtError", "NmfamtWarning", "sentence"]


class NmfamtError(ValueError):
    """Input that cannot be used; the message says what was found and what would work."""


class NmfamtWarning(UserWarning):
    """Input that is used although something about it is doubtful."""


def sentence(error: BaseException) -> str:
    """Return what is wrong, in one line.

    Examples
    --------
    >>> sentence(PermissionError(13, "Permission denied", "notes.mid"))
    "'notes.mid': Permission denied."
    """
    if isinstance(error, NmfamtError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename!r}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, MemoryError):
        return "There is not enough memory: work on a part, with --start and --end."
    return (
        f"{' '.join(f'{type(error).__name__}: {error}'.split())}. This is a fault of nmfamt rather than of "
        "the input: please report it with what --debug shows."
    )
