"""Work in several processes: failures are sentences, and nobody outlives the parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from nmfamt.jobs import in_processes

PARENT = """
import os, sys, time
from nmfamt.jobs import in_processes

if __name__ == "__main__":
    for _ in in_processes(time.sleep, [0.0, 60.0, 60.0, 60.0], n_processes=2):
        import multiprocessing
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
"""


def test_each_task_has_its_outcome():
    outcomes = dict(in_processes(int, ["1", "x", "3"], n_processes=2))
    assert [outcomes[number].result for number in range(3)] == [1, None, 3]
    assert "'x'" in outcomes[1].error


@pytest.mark.skipif(os.name == "nt", reason="a process is asked for by a signal")
def test_children_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    assert len(children) == 2
    deadline = time.monotonic() + 20
    while any(map(is_alive, children)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # one that has ended, but whose new parent has not taken notice
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not os.path.isdir("/proc/self")
