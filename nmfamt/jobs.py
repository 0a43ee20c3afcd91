"""The same work on many inputs, one after the other or in several processes.

Children compute and hand back; only the parent writes files, so that it can end them at any time. They end with it,
however it ends. Each of them keeps to one thread: N processes with as many threads as there are cores would be in each
other's way.
"""

import multiprocessing
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from nmfamt.exceptions import NmfamtWarning, sentence

__all__ = ["Outcome", "attempt", "in_processes"]

Task = TypeVar("Task")
Result = TypeVar("Result")

_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of a piece of work.

    Attributes
    ----------
    result : object
        What it returned, or None where it failed.
    error : str
        What was wrong with the input; empty where nothing was.
    traceback : str
        Where that was found.
    warnings : tuple of str
        What was doubtful about the input.
    """

    result: Result | None
    error: str = ""
    traceback: str = ""
    warnings: tuple[str, ...] = ()


def attempt(work: Callable[[Task], Result], task: Task) -> Outcome[Result]:
    """Do some work; whatever is wrong with its input becomes a sentence.

    Examples
    --------
    >>> attempt(abs, -2).result, attempt(open, "missing.wav").error
    (2, "'missing.wav': No such file or directory.")
    """
    result, error, where = None, "", ""
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NmfamtWarning)
        try:
            result = work(task)
        except Exception as failure:
            error, where = sentence(failure), traceback.format_exc()
    return Outcome(result, error, where, tuple(" ".join(str(doubt.message).split()) for doubt in doubts))


def in_processes(
    work: Callable[[Task], Result], tasks: Sequence[Task], *, n_processes: int
) -> Iterator[tuple[int, Outcome[Result]]]:
    """Attempt some work on every task, in processes of its own.

    Parameters
    ----------
    work : callable
        Takes a task; both it and what it returns can be pickled.
    tasks : sequence
        The tasks.
    n_processes : int
        How many are worked on at once.

    Yields
    ------
    (int, Outcome)
        The number of a task and what became of it, in the order in which they are finished. Leaving the loop
        early, by Ctrl-C for one, ends the processes.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(n_processes, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_belong_to_parent,
    )
    try:
        with _spawning():
            futures = {pool.submit(attempt, work, task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            try:
                outcome: Outcome[Result] = future.result()
            except BrokenProcessPool:
                outcome = Outcome(None, "Its process was killed, perhaps for want of memory: give a lower --jobs.")
            yield futures[future], outcome
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True)


@contextmanager
def _spawning() -> Iterator[None]:
    """Let the children that are started in the block inherit one thread each, and no interest in Ctrl-C."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _belong_to_parent() -> None:
    """Leave it to the parent, which gets the same Ctrl-C, to end this process; and end where it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
