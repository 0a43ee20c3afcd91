"""How long does a transcription take, and how much memory, for one, ten and sixty minutes of piano?

``nmfamt transcribe`` runs as a user would run it, from the start of Python to the CSV on disk, on one core with one
BLAS thread. The recordings are 44.1 kHz stereo WAV of 16 bits: the pieces of MAPS's two real rooms one after the other,
or the shipped invention where the data is not at hand. CPU seconds (user and system) and peak memory are those that the
kernel counted for the process; figures are medians. One run before is not counted: it fills numba's cache, as the first
transcription after an installation does. Finally the same minute with one and with two BLAS threads must give the same
bytes.

Where ``NMFAMT_BASIC_PITCH`` names a Python that has basic-pitch and its ONNX model, that transcribes the ten minutes
beside, on the same core, in turn.

    python benchmarks/bench_end_to_end.py

Needs Linux, and a machine with nothing else to do.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import soundfile
import soxr
from _results import EXAMPLES, data_folder, markdown, read, write

SR = 44100
RUNS = {1: 7, 10: 5, 60: 3}
"""How often each length, in minutes, is run."""

PEER_MINUTES = 10
"""Length at which basic-pitch runs beside."""


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes
    ----------
    cpu, wall : float
        Seconds of processor and of the clock.
    memory : float
        Peak resident memory in MB.
    """

    cpu: float
    wall: float
    memory: float


def music() -> list[Path]:
    """Return the recordings that the long ones are made of."""
    data = data_folder()
    found = sorted(data.glob("maps/ENSTDk*/*.flac")) if data else []
    return found or [EXAMPLES / "audio" / "invention.flac"]


def write_recording(path: Path, minutes: float) -> None:
    """Write so many minutes of music."""
    n_left = round(60 * minutes * SR)
    with soundfile.SoundFile(path, "w", SR, 2, subtype="PCM_16") as file:
        for source in cycle(music()):
            y, sr = soundfile.read(source, dtype="float32", always_2d=True)
            y = soxr.resample(y[:, [0, -1]], sr, SR)[:n_left]
            file.write(y)
            n_left -= len(y)
            if not n_left:
                return


def transcribe(source: Path, target: Path, *, n_threads: int = 1) -> Cost:
    """Run the command line in a process of its own, on as many cores as threads."""
    command = [sys.executable, "-m", "nmfamt", "transcribe", str(source), "-o", str(target), "--overwrite"]
    return measure(command, n_threads=n_threads)


def measure(command: list[str], *, n_threads: int) -> Cost:
    """Run a command in a process of its own, on as many cores as threads."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(n_threads), "OMP_NUM_THREADS": str(n_threads)}
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-n_threads:])  # inherited by the child; the parent only waits
    try:
        began = time.perf_counter()
        child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
    finally:
        os.sched_setaffinity(0, cores)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with status {child.returncode}.")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1000)


BASIC_PITCH = """
import sys
from basic_pitch import FilenameSuffix, build_icassp_2022_model_path
from basic_pitch.inference import predict
predict(sys.argv[1], model_or_model_path=build_icassp_2022_model_path(FilenameSuffix.onnx))
"""


def basic_pitch(source: Path) -> Cost | None:
    """Run basic-pitch on a recording, where there is one to run."""
    python = os.environ.get("NMFAMT_BASIC_PITCH")
    return measure([python, "-c", BASIC_PITCH, str(source)], n_threads=1) if python else None


def main() -> None:
    """Time every length, and compare thread counts."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "music.wav"), Path(folder, "music.csv")
        for minutes, n_runs in RUNS.items():
            write_recording(source, minutes)
            if not rows:
                transcribe(source, target)
            runs, others = [], []
            for _ in range(n_runs):
                runs.append(transcribe(source, target))
                if minutes == PEER_MINUTES and (other := basic_pitch(source)):
                    others.append(other)
            cpu, memory = median(run.cpu for run in runs), median(run.memory for run in runs)
            rows.append(
                {
                    "minutes": minutes,
                    "cpu": cpu,
                    "wall": median(run.wall for run in runs),
                    "times_real_time": 60 * minutes / cpu,
                    "memory": memory,
                    "n_notes": len(target.read_text().splitlines()) - 1,
                    "runs": [asdict(run) for run in runs],
                }
            )
            if others:
                cost = median(run.cpu for run in others)
                beside = {"cpu": cost, "memory": median(run.memory for run in others), "ratio": cost / cpu}
                rows[-1]["basic_pitch"] = beside
            print(f"{minutes} min: {cpu:.1f} s, {60 * minutes / cpu:.0f}x, {memory:.0f} MB", flush=True)
        write_recording(source, 1)
        one, expected = transcribe(source, target), target.read_bytes()
        two = transcribe(source, target, n_threads=2)
        threads = {"same_bytes": target.read_bytes() == expected, "wall_1": one.wall, "wall_2": two.wall}
    material = sorted({path.parent.name for path in music()})
    write("end_to_end", {"music": material, "sr": SR, "n_channels": 2, "rows": rows, "threads": threads})
    print(table(rows))
    print(f"\nThe same notes with one and two BLAS threads: {'yes' if threads['same_bytes'] else 'NO'}")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the costs as Markdown, beside those of the peers."""
    lengths = [row["minutes"] for row in rows]
    lines = [
        ["nmfamt", *(f"{row['cpu']:.1f}" for row in rows), *(f"{row['memory']:.0f}" for row in rows)],
        ["times real time", *(f"{row['times_real_time']:.0f}" for row in rows), *([""] * len(rows))],
    ]
    columns = [(what, n) for what in ("cpu", "memory") for n in lengths]
    for row in rows:
        if beside := row.get("basic_pitch"):
            costs = [f"{beside[what]:.1f}" if n == row["minutes"] else "" for what, n in columns]
            lines.append(["basic-pitch, in turn on the same core", *costs])
    for peer in read("peers")["speed"]["rows"]:
        costs = (peer.get(f"{what}_{n}") for what, n in columns)
        lines.append([peer["system"], *("" if cost is None else f"{cost:g}" for cost in costs)])
    header = [f"{'CPU s' if what == 'cpu' else 'MB'}, {n} min" for what, n in columns]
    return markdown(["piano, one core", *header], lines)


if __name__ == "__main__":
    main()
