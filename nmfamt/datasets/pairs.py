"""Files of a folder by name, and recordings with the labels that belong to them.

Hidden files, and what lies in hidden folders, are left out.
"""

import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from nmfamt.audio_files import SUFFIXES as AUDIO
from nmfamt.exceptions import NmfamtError, NmfamtWarning

__all__ = ["AUDIO", "files_in", "matched"]


def files_in(folder: Path, suffixes: Collection[str], *, below: bool = False) -> dict[str, Path]:
    """Return the files with certain endings.

    Parameters
    ----------
    folder : Path
        Where to look; it may be missing.
    suffixes : collection of str
        Endings in lower case, with the dot.
    below : bool
        Whether to look in the folders inside it as well.

    Returns
    -------
    dict of str to Path
        By their path in the folder without the ending, sorted.

    Raises
    ------
    NmfamtError
        If two files differ in their endings alone.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "b").mkdir()
    ...     for name in ("b/c.wav", "a.WAV", "a.txt"):
    ...         Path(folder, name).touch()
    ...     list(files_in(Path(folder), {".wav"}, below=True))
    ['a', 'b/c']
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*") if below else folder.glob("*")):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in suffixes or any(part.startswith(".") for part in inside.parts):
            continue
        key = inside.with_suffix("").as_posix()
        if key in found:
            raise NmfamtError(f"'{found[key]}' and '{path}' have one name: take one of them away.")
        found[key] = path
    return found


def matched(
    recordings: Mapping[str, Path], labels: Mapping[str, Path], folder: Path
) -> Iterable[tuple[str, Path, Path]]:
    """Return name, recording and labels of what has both.

    Parameters
    ----------
    recordings, labels : mapping of str to Path
        By name.
    folder : Path
        Where they lie, for messages.

    Warns
    -----
    NmfamtWarning
        If a recording has no labels, or the reverse: it is left out.
    """
    if recordings and labels:
        _warn(sorted(recordings.keys() - labels.keys()), "recordings without labels", folder)
        _warn(sorted(labels.keys() - recordings.keys()), "labels without a recording", folder)
    return [(name, recordings[name], labels[name]) for name in sorted(recordings.keys() & labels.keys())]


def _warn(names: list[str], what: str, folder: Path) -> None:
    if names:
        warnings.warn(
            f"'{folder}' has {len(names)} {what}, such as {names[0]!r}: left out.", NmfamtWarning, stacklevel=6
        )
