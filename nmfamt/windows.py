"""A stream of spectrograms or activations, seen through overlapping windows.

Whatever looks at a frame's neighbours sees them here, and sees the same however the stream was cut.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar

from numpy.typing import NDArray

__all__ = ["Framed", "windows"]


class Framed(Protocol):
    """What has frames, and can be cut and joined along them: `Spectrogram` and `PitchActivation`."""

    @property
    def times(self) -> NDArray[Any]:
        """Frame centres in seconds."""
        ...

    def frames(self, first: int, last: int) -> Self:
        """Return the frames `first` to `last` (excluded)."""
        ...

    @classmethod
    def concatenate(cls, parts: Sequence[Any]) -> Self:
        """Return consecutive parts as one."""
        ...


F = TypeVar("F", bound=Framed)


def windows(stream: Iterable[F], n_frames: int, *, before: int, after: int) -> Iterator[tuple[F, int, int]]:
    """Cut a stream into windows of `n_frames` with context.

    Parameters
    ----------
    stream : iterable of Spectrogram, or of PitchActivation
        Consecutive parts of one recording, of any length.
    n_frames : int
        Frames of a window that belong to it alone.
    before, after : int
        Frames of context on either side, as far as the recording has them.

    Yields
    ------
    window : Spectrogram or PitchActivation
        Up to ``before + n_frames + after`` frames.
    first, last : int
        The frames ``first`` to ``last`` (excluded) are this window's own. Windows are counted from the start of the
        stream, so they do not depend on how it was cut.

    Examples
    --------
    >>> from nmfamt import activate
    >>> activation = activate([0.0] * 8000, sr=16000)
    >>> for window, first, last in windows([activation], 20, before=5, after=10):
    ...     print(len(window.times), first, last)
    30 0 20
    35 5 25
    16 5 16
    """
    waiting: list[F] = []
    first = n_waiting = 0
    for part in stream:
        waiting.append(part)
        n_waiting += len(part.times)
        while n_waiting >= first + n_frames + after:
            # What was joined takes the place of its parts, so that both are not kept.
            waiting = _joined(waiting, first + n_frames + after)
            yield waiting[0], first, first + n_frames
            begin = max(0, first + n_frames - before)
            waiting, n_waiting = _without(waiting, begin), n_waiting - begin
            first = first + n_frames - begin
    while first < n_waiting:
        last = min(first + n_frames, n_waiting)
        waiting = _joined(waiting, min(last + after, n_waiting))
        yield waiting[0], first, last
        begin = max(0, last - before)
        waiting, n_waiting = _without(waiting, begin), n_waiting - begin
        first = last - begin


def _joined(parts: list[F], n_frames: int) -> list[F]:
    """Return consecutive parts with the first `n_frames` frames as one part, contiguous in memory."""
    rest = _without(parts, n_frames)
    needed: list[F] = []
    for part in parts:
        needed.append(part.frames(0, n_frames))
        n_frames -= len(needed[-1].times)
        if not n_frames:
            break
    return [type(needed[0]).concatenate(needed), *rest]


def _without(parts: list[F], n_frames: int) -> list[F]:
    """Return consecutive parts less their first `n_frames` frames."""
    for number, part in enumerate(parts):
        if n_frames < len(part.times):
            return [part.frames(n_frames, len(part.times)), *parts[number + 1 :]]
        n_frames -= len(part.times)
    return []
