"""How many times real time do spectrogram and activations run on a GPU, beside two CPU cores?

A batch of recordings is computed with ``device="cuda"``: audio goes up, rows of activations come down. The same batch
is then computed on the CPU with two threads. The rows of both must agree. Ends with a message where there is no GPU.

    python benchmarks/bench_gpu.py
"""

import sys
import time

import numpy as np
from _results import EXAMPLES, data_folder, markdown, write

import nmfamt
from nmfamt import audio
from nmfamt.array_namespace import check_device, to_device

MINUTES = 60
N_RUNS = 3


def main() -> None:
    """Time the batch on both."""
    try:
        check_device("cuda")
    except nmfamt.NmfamtError as error:
        sys.exit(f"{error} Nothing was measured.")
    piano = nmfamt.load_dictionary("piano")
    recordings = batch(piano.settings.sr)
    minutes = sum(map(len, recordings)) / piano.settings.sr / 60
    found, rows = {}, []
    for device, front_end in {
        "cuda": nmfamt.Factorization(piano, solver="extrapolated", max_iter=50, tol=0),
        "cpu": nmfamt.Factorization(piano, n_jobs=2),
    }.items():
        seconds = []
        for _ in range(N_RUNS):
            began = time.perf_counter()
            spectrograms = [piano.settings(to_device(y, device), sr=piano.settings.sr) for y in recordings]
            found[device] = front_end.batch(spectrograms, levels=[1.0] * len(spectrograms))
            seconds.append(time.perf_counter() - began)
        rows.append({"device": device, "first": seconds[0], "seconds": min(seconds), "minutes": minutes})
        rows[-1]["times_real_time"] = 60 * minutes / min(seconds)
    pairs = zip(found["cuda"], found["cpu"], strict=True)
    alike = [float(np.corrcoef(one.values.ravel(), other.values.ravel())[0, 1]) for one, other in pairs]
    write("bench_gpu", {"rows": rows, "correlation": min(alike)})
    print(markdown(["", "times real time"], [[row["device"], f"{row['times_real_time']:.0f}"] for row in rows]))


def batch(sr: int) -> list[np.ndarray]:
    """Return an hour of music in recordings of half a minute or so."""
    data = data_folder()
    paths = sorted(data.glob("maps/ENSTDk*/*.flac")) if data else []
    loaded = [audio.load(path, sr=sr)[0] for path in paths or [EXAMPLES / "audio" / "invention.flac"]]
    recordings: list[np.ndarray] = []
    while sum(map(len, recordings)) < 60 * MINUTES * sr:
        recordings += loaded
    return recordings


if __name__ == "__main__":
    main()
