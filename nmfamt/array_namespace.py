"""Where an array lives: the only module that knows CuPy.

NumPy and CuPy share their interface, so an algorithm asks for the namespace of its input (`namespace`) and is written
once; `to_device` and `to_host` move arrays where a public function is entered and left.
"""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.exceptions import NmfamtError

__all__ = ["DEVICES", "check_device", "fused", "namespace", "to_device", "to_host"]

DEVICES = ("cpu", "cuda")
"""Where a computation can run."""


def namespace(array: Any) -> ModuleType:
    """Return the module whose functions take `array`: ``numpy``, or ``cupy`` for an array on the GPU.

    Examples
    --------
    >>> namespace(np.zeros(3)).__name__
    'numpy'
    """
    if type(array).__module__.partition(".")[0] == "cupy":
        return _cupy()
    return np


def check_device(device: str) -> None:
    """Refuse a device that is unknown, or not there.

    Raises
    ------
    NmfamtError
        With what would work.

    Examples
    --------
    >>> check_device("cpu")
    """
    if device not in DEVICES:
        raise NmfamtError(f"device={device!r} is unknown: use one of {', '.join(map(repr, DEVICES))}.")
    if device == "cuda":
        _cupy()


def to_device(array: NDArray[Any], device: str) -> Any:
    """Return `array` on the device.

    Examples
    --------
    >>> to_device(np.ones(2), "cpu")
    array([1., 1.])
    """
    return _cupy().asarray(array) if device == "cuda" else array


def to_host(array: Any) -> NDArray[Any]:
    """Return `array` as a NumPy array, copied only where it is not one.

    Examples
    --------
    >>> to_host(np.ones(2))
    array([1., 1.])
    """
    return array if isinstance(array, np.ndarray) else np.asarray(array.get())


def fused(function: Any) -> Any:
    """Return an element-wise function as one kernel on the GPU; on the CPU it stays what it is.

    Examples
    --------
    >>> @fused
    ... def square(x):
    ...     return x * x
    >>> square(np.array([3.0]))
    array([9.])
    """
    compiled: list[Any] = []

    def call(*arrays: Any) -> Any:
        if not any(namespace(array) is not np for array in arrays):
            return function(*arrays)
        if not compiled:
            compiled.append(_cupy().fuse(function))
        return compiled[0](*arrays)

    return call


def _cupy() -> ModuleType:
    """Import CuPy, or say how to get it."""
    try:
        import cupy
    except ImportError as error:
        raise NmfamtError(
            "device='cuda' needs CuPy, which is not installed: pip install 'nmfamt[cuda12]' (or 'nmfamt[cuda13]', "
            "by the version of the driver), or use device='cpu'."
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise NmfamtError(f"device='cuda' finds no GPU ({error}): use device='cpu'.") from error
    if not count:
        raise NmfamtError("device='cuda' finds no GPU: use device='cpu'.")
    return cupy  # type: ignore[no-any-return]
