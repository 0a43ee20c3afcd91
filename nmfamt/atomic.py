"""Output files that appear whole or not at all.

A result is written to a temporary file beside its target and renamed onto it when everything has
reached the disk. An error, Ctrl-C or a full disk on the way leaves neither half a file nor a
temporary one, and a file that was there before keeps its contents.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmfamt.exceptions import NmfamtError

__all__ = ["atomic_path"]

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends without an error.

    The temporary file exists, is empty, lies in the folder of `path` and has its suffix, so that
    writers which look at the suffix do the right thing.

    Parameters
    ----------
    path : str or path
        The file to make. A symbolic link is followed, the file that it points to is replaced.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    NmfamtError
        If `path` exists and `overwrite` is false, if it is not a plain file, if its folder is missing or
        cannot be written to, or if the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(f"{folder}/notes.csv") as temporary:
    ...         _ = temporary.write_text("onset,offset")
    ...     print(*os.listdir(folder))
    notes.csv
    """
    target = Path(os.path.realpath(path))
    _check_target(path, target, overwrite)
    temporary = target.with_name(f".nmfamt-{secrets.token_hex(6)}{target.suffix}")
    try:
        try:
            temporary.open("xb").close()
            yield temporary
            _flush_to_disk(temporary)
            _check_target(path, target, overwrite)
            os.replace(temporary, target)
        except OSError as error:
            if temporary.name not in str(error.filename) and error.errno not in _DISK_FULL:
                raise  # the block's own affair, such as an input that it could not read
            raise NmfamtError(_reason(path, target, error)) from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _check_target(path: str | os.PathLike[str], target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_file():
        raise NmfamtError(f"{os.fspath(path)!r} is not a plain file: name a file inside a folder.")
    if not overwrite:
        raise NmfamtError(f"{os.fspath(path)!r} exists already: replace it with --overwrite (overwrite=True).")


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _reason(path: str | os.PathLike[str], target: Path, error: OSError) -> str:
    name, folder = repr(os.fspath(path)), repr(str(target.parent))
    if error.errno in _DISK_FULL:
        return f"{name} was not written, the disk is full: free some space in {folder}, or write elsewhere."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{name} cannot be written, there is no folder {folder}: make it first."
    return f"{name} cannot be written in {folder} ({error.strerror}): choose a folder that you may write to."
