"""A stream of activations, seen through overlapping windows."""

from collections.abc import Iterable, Iterator

from nmfamt.activation import PitchActivation

__all__ = ["windows"]


def windows(
    activations: Iterable[PitchActivation], n_frames: int, *, before: int, after: int
) -> Iterator[tuple[PitchActivation, int, int]]:
    """Cut a stream into windows of `n_frames` with context.

    Parameters
    ----------
    activations : iterable of PitchActivation
        Consecutive activations with the same rows, of any length.
    n_frames : int
        Frames of a window that belong to it alone.
    before, after : int
        Frames of context on either side, as far as the recording has them.

    Yields
    ------
    window : PitchActivation
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
    waiting: list[PitchActivation] = []
    first = n_waiting = 0
    for activation in activations:
        waiting.append(activation)
        n_waiting += len(activation.times)
        while n_waiting >= first + n_frames + after:
            yield _joined(waiting, first + n_frames + after), first, first + n_frames
            begin = max(0, first + n_frames - before)
            waiting, n_waiting = _without(waiting, begin), n_waiting - begin
            first = first + n_frames - begin
    while first < n_waiting:
        last = min(first + n_frames, n_waiting)
        yield _joined(waiting, min(last + after, n_waiting)), first, last
        begin = max(0, last - before)
        waiting, n_waiting = _without(waiting, begin), n_waiting - begin
        first = last - begin


def _joined(parts: list[PitchActivation], n_frames: int) -> PitchActivation:
    """Return the first `n_frames` frames of consecutive parts, contiguous in memory."""
    needed = []
    for part in parts:
        needed.append(part.frames(0, n_frames))
        n_frames -= len(needed[-1].times)
        if not n_frames:
            break
    return PitchActivation.concatenate(needed)


def _without(parts: list[PitchActivation], n_frames: int) -> list[PitchActivation]:
    """Return consecutive parts less their first `n_frames` frames."""
    for number, part in enumerate(parts):
        if n_frames < len(part.times):
            return [part.frames(n_frames, len(part.times)), *parts[number + 1 :]]
        n_frames -= len(part.times)
    return []
