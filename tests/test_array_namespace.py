"""Where arrays live."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nmfamt.array_namespace import check_device, fused, namespace, to_device, to_host
from nmfamt.exceptions import NmfamtError


def test_numpy_is_at_home():
    array = np.arange(3.0)
    assert namespace(array) is np
    assert to_device(array, "cpu") is array
    assert to_host(array) is array


def test_an_array_of_the_device_comes_home():
    class Elsewhere:
        def get(self):
            return np.ones(2)

    assert to_host(Elsewhere()).tolist() == [1.0, 1.0]


def test_a_fused_function_is_itself_on_the_cpu():
    calls = []
    assert fused(lambda x, y: calls.append(1) or x + y)(np.ones(1), 2.0).tolist() == [3.0]
    assert calls == [1]


def test_an_unknown_device():
    with pytest.raises(NmfamtError, match="device='tpu' is unknown: use one of 'cpu', 'cuda'"):
        check_device("tpu")


def test_without_cupy_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(NmfamtError, match=r"needs CuPy, which is not installed: pip install 'nmfamt\[cuda12\]'"):
        check_device("cuda")


def test_without_a_gpu_it_is_said(monkeypatch):
    class NoDriverError(Exception):
        pass

    def count():
        raise NoDriverError("no CUDA-capable device is detected")

    runtime = SimpleNamespace(CUDARuntimeError=NoDriverError, getDeviceCount=count)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    with pytest.raises(NmfamtError, match=r"finds no GPU \(no CUDA-capable device.*\): use device='cpu'"):
        check_device("cuda")
    runtime.getDeviceCount = lambda: 0
    with pytest.raises(NmfamtError, match="finds no GPU: use device='cpu'"):
        check_device("cuda")
