"""How long does the default spectrogram take, beside its definition in array operations and librosa's transforms?

Seconds of processor for a minute of audio at 16 kHz, on one core with one BLAS thread, in one process. In every round
all of them are computed one after the other, so that they meet the same machine; figures are medians of the rounds.
First calls are given apart, each in a process of its own, with the imports and whatever is loaded from numba's cache,
which is filled as in all runs but the first after an installation.

librosa's transforms have the resolution of `LogFrequency`, 48 bins an octave with a hop of 160, from its lowest
frequency as far as librosa goes below its highest; the CQT has windows several times as long at low frequencies. Their
last step is the magnitude; `LogFrequency` also compresses.

    python benchmarks/bench_spectrogram.py
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
from _results import markdown, write
from bench_end_to_end import music
from numpy.typing import NDArray

from nmfamt import LogFrequency, audio
from nmfamt.log_frequency import _bands, _with_arrays
from nmfamt.spectrogram import stream

SR = 16000
ROUNDS = 9

NAMES = {
    "log_frequency": "`LogFrequency`",
    "arrays": "`LogFrequency` in array operations",
    "vqt": "`librosa.vqt`",
    "cqt": "`librosa.cqt`",
}
"""What is timed, as the table calls it."""


def minute() -> NDArray[np.float32]:
    """Return a minute of music."""
    y = np.zeros(0, dtype=np.float32)
    for source in cycle(music()):
        y = np.concatenate([y, audio.load(source, sr=SR)[0]])
        if len(y) >= 60 * SR:
            break
    return y[: 60 * SR]


def transforms(y: NDArray[np.float32]) -> dict[str, Callable[[], Any]]:
    """Return what is timed."""
    settings = LogFrequency()
    context = max(band.reach for band in _bands(settings))
    # A filter of librosa's must end below the Nyquist frequency.
    n_bins = int((settings.freqs < 0.45 * SR).sum())
    options = {
        "sr": SR,
        "hop_length": settings.hop_length,
        "fmin": settings.fmin,
        "n_bins": n_bins,
        "bins_per_octave": settings.bins_per_octave,
    }

    def compute(y: NDArray[np.float32], n_frames: int) -> NDArray[np.floating[Any]]:
        return _with_arrays(y, settings, context, n_frames)

    return {
        "log_frequency": lambda: settings(y, sr=SR),
        "arrays": lambda: np.concatenate(
            [part.S for part in stream([y], compute, settings=settings, context=context)], axis=1
        ),
        "vqt": lambda: np.abs(_librosa().vqt(y, **options)),
        "cqt": lambda: np.abs(_librosa().cqt(y, **options)),
    }


def _librosa() -> ModuleType:
    """Import librosa where it is used: its import belongs to its first call alone."""
    import librosa

    return librosa


def seconds(transform: Callable[[], Any]) -> float:
    """Return the processor time of a call."""
    began = time.process_time()
    transform()
    return time.process_time() - began


def first_seconds(name: str) -> float:
    """Return the processor time of the first call in a process of its own, imports included."""
    done = subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    """Time every transform."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    y = minute()
    if len(sys.argv) > 1:
        print(seconds(transforms(y)[sys.argv[1]]))
        return
    timed = transforms(y)
    for transform in timed.values():
        transform()
    rounds = [{name: seconds(transform) for name, transform in timed.items()} for _ in range(ROUNDS)]
    rows = [
        {
            "name": name,
            "first": first_seconds(name),
            "later": median(times[name] for times in rounds),
            "ratio": median(times[name] / times["log_frequency"] for times in rounds),
            "runs": [times[name] for times in rounds],
        }
        for name in timed
    ]
    material = sorted({path.parent.name for path in music()})
    write("bench_spectrogram", {"music": material, "sr": SR, "seconds": 60, "rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the times as Markdown."""
    header = ["a minute of audio", "s, first call", "s, later calls", "times `LogFrequency`"]
    lines = [[NAMES[row["name"]], f"{row['first']:.2f}", f"{row['later']:.3f}", f"{row['ratio']:.1f}"] for row in rows]
    return markdown(header, lines)


if __name__ == "__main__":
    main()
