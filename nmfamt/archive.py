"""Archives: named arrays and one JSON text in an ``.npz`` file, read without trusting anything in it.

Dictionaries and activations are kept this way. Nothing is pickled, so a file from a stranger can be opened
safely; whatever is wrong with it, the answer is one sentence.
"""

import json
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError

__all__ = ["read_archive", "write_archive"]

_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    MemoryError,  # a header that promises more than there is room for
    OverflowError,
    RuntimeError,  # encrypted, compressed in an unknown way, or JSON nested too deeply
    struct.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_archive(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    *,
    key: str,
    meta: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Write arrays and a JSON text, the whole file or nothing.

    Parameters
    ----------
    path : str or path
        The file, by convention ending in ``.npz``.
    arrays : mapping of str to ndarray
        Numbers, booleans or texts of any shape.
    key : str
        Name of the JSON text, which tells the kind of the archive.
    meta : mapping
        What JSON can hold, with a whole number ``format``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    NmfamtError
        If `meta` cannot be written as JSON, the file exists, or it cannot be written.
    """
    try:
        text = json.dumps(dict(meta), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NmfamtError(
            f"{os.fspath(path)!r} was not written, its info holds what JSON cannot ({error}): "
            "give texts, finite numbers, lists and dicts."
        ) from error
    content: dict[str, Any] = {**arrays, key: np.array(text)}
    with atomic_path(path, overwrite=overwrite) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **content)


def read_archive(
    path: str | os.PathLike[str], *, key: str, newest: int, refusal: str, largest: int
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_archive` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    key : str
        Name of the JSON text.
    newest : int
        The highest ``format`` that is understood.
    refusal : str
        What the file is not, and how to get one that is; the end of a sentence that begins with its name.
    largest : int
        Bytes that it may unpack to; a small file can be made to fill any memory.

    Returns
    -------
    arrays : dict of str to ndarray
        Numbers, booleans and texts.
    meta : dict
        The JSON text.

    Raises
    ------
    NmfamtError
        If there is no such file, it is no archive of this kind, is damaged, holds pickled objects, or is of a
        newer format.
    """
    name = repr(os.fspath(path))
    if not Path(path).is_file():
        raise NmfamtError(f"There is no file {name}.")
    try:
        # NumPy leaves a file open that it opened itself and found damaged.
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > largest:
            raise ValueError(f"it would unpack to {size / 1e9:.1f} GB")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            content = {member: np.asarray(archive[member]) for member in archive.files}
        meta = json.loads(str(content.pop(key)))
        found = meta["format"]
    except _DAMAGE as error:
        raise NmfamtError(f"{name} {refusal} ({_reason(error)})") from error
    if type(found) is not int or any(array.dtype.kind not in "biufU" for array in content.values()):
        raise NmfamtError(f"{name} {refusal}")
    if found > newest:
        raise NmfamtError(f"{name} has format {found}, newer than {newest}, the last one known: upgrade nmfamt.")
    return content, meta


def _reason(error: BaseException) -> str:
    if isinstance(error, ValueError) and "allow_pickle" in str(error):
        return "it holds pickled objects or no arrays at all"
    return f"{type(error).__name__}: {error}".rstrip(": .")
