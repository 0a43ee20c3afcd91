"""Matrix products on one thread: the same bits on every machine with the same library, and no crowding.

A BLAS that splits a product between threads rounds it differently, so a transcription would depend on how many cores
happen to be free; and the products here are small, so threads mostly wait for each other. Several recordings are better
spread over processes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

__all__ = ["single_thread"]


@contextmanager
def single_thread() -> Iterator[None]:
    """Keep matrix products inside the block, or the function it decorates, on one thread.

    Examples
    --------
    >>> import numpy as np
    >>> with single_thread():
    ...     float((np.ones((2, 3)) @ np.ones((3, 2)))[0, 0])
    3.0
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Find the libraries once: looking for them takes longer than most products."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
