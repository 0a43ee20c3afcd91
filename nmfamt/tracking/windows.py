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
    first = 0
    for activation in activations:
        waiting.append(activation)
        if sum(len(part.times) for part in waiting) < first + n_frames + after:
            continue
        buffer = PitchActivation.concatenate(waiting)
        while len(buffer.times) >= first + n_frames + after:
            yield buffer.frames(0, first + n_frames + after), first, first + n_frames
            begin = max(0, first + n_frames - before)
            buffer = buffer.frames(begin, len(buffer.times))
            first = first + n_frames - begin
        waiting = [buffer]
    if not waiting:
        return
    buffer = PitchActivation.concatenate(waiting)
    while first < len(buffer.times):
        last = min(first + n_frames, len(buffer.times))
        yield buffer.frames(0, last + after), first, last
        begin = max(0, last - before)
        buffer = buffer.frames(begin, len(buffer.times))
        first = last - begin
