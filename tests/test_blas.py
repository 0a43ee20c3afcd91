"""Threads: a transcription must not depend on how many there are."""

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nmfamt.blas import single_thread

PROBE = """
import sys
import numpy as np
from nmfamt import Factorization, HMMTracker, load_dictionary

rng = np.random.default_rng(0)
time = np.arange(3 * 16000) / 16000
y = sum(np.sin(2 * np.pi * hz * time) * np.exp(-3 * (time % 0.5)) for hz in (220.0, 277.18, 440.0, 659.26))
y += 0.01 * rng.standard_normal(len(y))
piano = load_dictionary("piano")
activation = Factorization(piano)(piano.settings(y, sr=16000))
notes = HMMTracker()(activation)
sys.stdout.write(activation.values.tobytes().hex()[:4000] + notes.confidences.tobytes().hex())
"""


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_inside_there_is_one_thread_and_afterwards_what_there_was():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = blas_threads()
    with single_thread():
        assert blas_threads() == {1}
    assert blas_threads() == before


def test_threads_come_back_after_an_error():
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), single_thread():
        _ = 1 / 0
    assert blas_threads() == before


def test_one_and_two_threads_give_the_same_bits():
    answers = []
    for n_threads in ("1", "2"):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": n_threads, "OMP_NUM_THREADS": n_threads}
        answer = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, env=environment)
        answers.append(answer.stdout)
    assert len(answers[0]) > 4000
    assert answers[0] == answers[1]
