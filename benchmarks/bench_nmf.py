"""How long do activations for fixed templates take, solver by solver, and how does that grow?

The spectra are real piano (excerpts of MAPS's two real rooms) where the data is at hand, and always a synthetic set
that this script makes from a seed, so that anybody can run it. Templates are those of the shipped piano and variations
of them. Every solver runs on one core, in one process, side by side; times are CPU seconds, medians of several runs,
the first call, which compiles or loads kernels, apart.

An error is measured, not promised: the objective reached, in double precision, against that of a reference solved to a
certified gap of 1e-6. scikit-learn and scipy.optimize.nnls are stopped where they reach the error in question: for
scikit-learn the least number of iterations, in steps, that does.

    python benchmarks/bench_nmf.py
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from _results import REPOSITORY, data_folder, markdown, write
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.decomposition import non_negative_factorization

import nmfamt
from nmfamt import audio
from nmfamt.nmf import activations, beta_divergence

Array = NDArray[np.float32]

N_FRAMES = 4096
N_RUNS = 5
SIZES = {176: 4096, 704: 512, 1500: 256}
"""Frames for each number of templates; scikit-learn takes minutes for more."""

SKLEARN_ITERATIONS = (100, 150, 200, 250, 300, 400, 500, 700)


def main() -> None:
    """Run all comparisons and draw how the cost grows."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    warnings.filterwarnings("ignore")  # scikit-learn warns where it is stopped before it has converged
    sets = {"synthetic": synthetic()}
    if data_folder():
        sets = {"piano": piano_spectra(), **sets}
    rows: list[dict[str, Any]] = []
    first = timed(lambda: activations(sets["synthetic"][:, :10], templates(176)), 1)[0]
    for name, V in sets.items():
        for K, n_frames in SIZES.items():
            rows += kullback_leibler(name, V[:, :n_frames], templates(K))
        rows += euclidean(name, V, templates(176))
        rows += beta_half(name, V[:, :2048], templates(176))
        for row in rows:
            if "shown" not in row:
                row["shown"] = True
                print(row, file=sys.stderr, flush=True)
    for row in rows:
        del row["shown"]
    V = next(iter(sets.values()))
    growth = cost_of_growth(V)
    threads = wall_of_threads(V)
    facts = {"n_frames": N_FRAMES, "n_bins": len(V), "first_call": first, "seconds_of_threads": threads}
    write("bench_nmf", {**facts, "rows": rows, "growth": growth})
    plot(growth)
    print(table(rows))
    print(f"\nFirst call, kernels loaded or compiled: {first:.2f} s. Seconds with 1 and 2 threads: {threads}")


def templates(K: int) -> Array:
    """Return K templates: two stages of each key of the shipped piano, then slightly shifted and mixed ones."""
    W = nmfamt.load_dictionary("piano").W
    W = np.concatenate([W[:, 0::3], W[:, 1::3]], axis=1)
    rng = np.random.default_rng(0)
    while W.shape[1] < K:
        tilt = np.exp(rng.uniform(-1, 1) * np.linspace(-1, 1, len(W)))[:, None] * rng.uniform(
            0.7, 1.3, W[:, :176].shape
        )
        W = np.concatenate([W, W[:, :176] * tilt], axis=1)
    W = W[:, :K] / W[:, :K].sum(axis=0)
    return np.ascontiguousarray(W, dtype=np.float32)


def piano_spectra() -> Array:
    """Return real spectra, an even mixture of all pieces."""
    settings = nmfamt.load_dictionary("piano").settings
    paths = sorted(data_folder().glob("maps/ENSTDk*/*.flac"))  # type: ignore[union-attr]
    share = N_FRAMES // len(paths) + 1
    parts = []
    for path in paths:
        y, sr = audio.load(path, sr=settings.sr, start=5.0, end=6.0 + share * settings.hop_length / settings.sr)
        parts.append(settings(y, sr=sr).S[:, 50 : 50 + share])
    return np.ascontiguousarray(np.concatenate(parts, axis=1)[:, :N_FRAMES])


def synthetic() -> Array:
    """Return spectra of decaying notes of the shipped piano, with multiplicative noise."""
    rng = np.random.default_rng(0)
    W = templates(176)
    H = np.zeros((176, N_FRAMES), dtype=np.float32)
    for _ in range(N_FRAMES // 8):
        key, start, length = rng.integers(10, 78), rng.integers(N_FRAMES), rng.integers(20, 120)
        age = np.arange(min(length, N_FRAMES - start))
        loud = rng.gamma(2.0, 1.0)
        H[key, start : start + len(age)] += loud * np.exp(-age / 3)
        H[88 + key, start : start + len(age)] += loud * np.exp(-age / 60)
    V = (W @ H + 1e-4) * rng.gamma(4.0, 0.25, (len(W), N_FRAMES))
    return V.astype(np.float32)


def kullback_leibler(name: str, V: Array, W: Array) -> list[dict[str, Any]]:
    """Compare the active set with scikit-learn's multiplicative updates, at errors of 0.1 % and 0.01 %."""
    best = objective(V, W, activations(V.astype(np.float64), W.astype(np.float64), tol=1e-6).H, 1.0)
    rows: list[dict[str, Any]] = []
    reached: list[tuple[int, float, float]] = []
    for n in SKLEARN_ITERATIONS:
        seconds, error = run(partial(sklearn_mu, V, W, "kullback-leibler", n), V, W, 1.0, best, 1)
        reached.append((n, seconds, error))
        if error <= 1e-4 or seconds > 10:
            break
    options = (
        ("active set", {"certify": False, "tol": 1e-3}),
        ("active set, certified to 10 %", {"tol": 0.1}),
        ("active set, certified to 1 %", {"tol": 0.01}),
        ("active set, certified to 0.1 %", {"tol": 1e-3}),
        ("extrapolated", {"solver": "extrapolated", "tol": 0, "max_iter": 30}),
        ("extrapolated", {"solver": "extrapolated", "tol": 0, "max_iter": 50}),
    )
    ours = [
        (label, *run(lambda given=given: activations(V, W, **given).H, V, W, 1.0, best, N_RUNS))
        for label, given in options
    ]
    for label, seconds, error in ours:
        row = {"set": name, "beta": 1.0, "K": W.shape[1], "solver": label, "seconds": seconds, "error": error}
        rows.append(row | ratio(reached, error, seconds))
    for target in (1e-3, 1e-4):
        enough = [(seconds, label, error) for label, seconds, error in ours if error <= target]
        if enough:
            seconds, label, error = min(enough)
            rows.append(
                {
                    "set": name,
                    "beta": 1.0,
                    "K": W.shape[1],
                    "solver": f"fastest to {100 * target:g} %: {label}",
                    "seconds": seconds,
                    "error": error,
                }
                | ratio(reached, target, seconds)
            )
    return rows


def ratio(reached: list[tuple[int, float, float]], target: float, seconds: float) -> dict[str, Any]:
    """Return what scikit-learn needs to the same error, and how many times as long that is."""
    for n, other, error in reached:
        if error <= target:
            return {"sklearn_iterations": n, "sklearn_seconds": other, "ratio": other / seconds}
    n, other, error = reached[-1]
    return {
        "sklearn_iterations": n,
        "sklearn_seconds": other,
        "sklearn_error": error,
        "ratio_at_least": other / seconds,
    }


def euclidean(name: str, V: Array, W: Array) -> list[dict[str, Any]]:
    """Compare block pivoting with scikit-learn's coordinate descent and with nnls, to an error of 1e-6."""
    V64, W64 = V.astype(np.float64), W.astype(np.float64)
    best = objective(V, W, activations(V64, W64, beta=2.0).H, 2.0)
    rows = []

    def add(label: str, solve: Callable[[], Any], n_runs: int, share: float = 1.0) -> None:
        seconds, error = run(solve, V, W, 2.0, best, n_runs, share)
        rows.append({"set": name, "beta": 2.0, "K": W.shape[1], "solver": label, "seconds": seconds, "error": error})

    add("block pivoting", lambda: activations(V, W, beta=2.0).H, N_RUNS)
    part = slice(0, None, 16)

    def by_nnls() -> Any:
        return np.stack([nnls(W64, v)[0] for v in V64[:, part].T], axis=1)

    seconds = timed(by_nnls, 1)[0] * 16
    rows.append(
        {"set": name, "beta": 2.0, "K": W.shape[1], "solver": "scipy nnls (a 16th)", "seconds": seconds, "error": 0.0}
    )
    for n in (50, 200):
        add(f"scikit-learn cd, {n}", partial(sklearn_cd, V64, W64, n), 1)
    add("scikit-learn mu, 300", lambda: sklearn_mu(V, W, "frobenius", 300), 1)
    for row in rows[1:]:
        row["ratio"] = row["seconds"] / rows[0]["seconds"]
    return rows


def beta_half(name: str, V: Array, W: Array) -> list[dict[str, Any]]:
    """Compare Newton steps with multiplicative updates at beta = 0.5, to the same divergence."""
    best = np.inf
    candidates = []
    for label, options in (
        ("active set", {"certify": False, "tol": 1e-3}),
        ("active set, residual 1 %", {"tol": 0.01}),
        ("multiplicative, 150", {"solver": "multiplicative", "tol": 0, "max_iter": 150, "check_every": 1000}),
        ("multiplicative, 300", {"solver": "multiplicative", "tol": 0, "max_iter": 300, "check_every": 1000}),
        ("multiplicative, 600", {"solver": "multiplicative", "tol": 0, "max_iter": 600, "check_every": 1000}),
    ):
        n_runs = 3 if label.startswith("active") else 1
        found: list[Any] = []
        seconds = timed(lambda: found.append(activations(V, W, beta=0.5, **options).H), n_runs)[1]  # noqa: B023
        value = objective(V, W, found[-1], 0.5)
        best = min(best, value)
        candidates.append((label, seconds, value))
    rows = [
        {"set": name, "beta": 0.5, "K": W.shape[1], "solver": label, "seconds": seconds, "error": value / best - 1}
        for label, seconds, value in candidates
    ]
    for row in rows[:2]:
        slower = [other for other in rows[2:] if other["error"] <= row["error"] + 1e-9]
        key = "ratio" if slower else "ratio_at_least"
        row[key] = (slower[0] if slower else rows[-1])["seconds"] / row["seconds"]
    return rows


def cost_of_growth(V: Array) -> dict[str, list[dict[str, float]]]:
    """Return microseconds a frame against the number of frames, templates and bins."""
    grown: dict[str, list[dict[str, float]]] = {"T": [], "K": [], "F": []}
    wide = np.concatenate([V] * 4, axis=1)
    for T in (256, 1024, 4096, 16384):
        grown["T"].append({"n": T, **per_frame(wide[:, :T], templates(176))})
    for K in (44, 88, 176, 352, 704, 1408):
        grown["K"].append({"n": K, **per_frame(V[:, :1024], templates(K))})
    for F in (50, 100, 200, 394):
        kept = np.unique(np.linspace(0, len(V) - 1, F).astype(int))
        grown["F"].append({"n": F, **per_frame(V[kept, :1024], templates(176)[kept])})
    return grown


def per_frame(V: Array, W: Array) -> dict[str, float]:
    """Return microseconds a frame of both kinds of solvers."""
    V, W = np.ascontiguousarray(V), np.ascontiguousarray(W)
    quick = timed(lambda: activations(V, W, certify=False), 3)[1]
    plain = timed(lambda: activations(V, W, solver="multiplicative", tol=0, max_iter=30, check_every=1000), 1)[1]
    return {"active set": 1e6 * quick / V.shape[1], "30 multiplicative updates": 1e6 * plain / V.shape[1]}


def wall_of_threads(V: Array) -> dict[str, float]:
    """Return the seconds on the clock with one thread and with two, on all cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    V, W = np.concatenate([V] * 4, axis=1), templates(176)
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(N_RUNS):
        for n, found in seconds.items():
            began = time.perf_counter()
            activations(V, W, certify=False, n_jobs=int(n))
            found.append(time.perf_counter() - began)
    return {n: median(found) for n, found in seconds.items()}


def plot(growth: dict[str, list[dict[str, float]]]) -> None:
    """Draw how the cost grows, one picture for each size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = {"T": "frames", "K": "templates", "F": "bins"}
    for size, points in growth.items():
        figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
        for solver in ("active set", "30 multiplicative updates"):
            axes.loglog([point["n"] for point in points], [point[solver] for point in points], "o-", label=solver)
        axes.set(xlabel=names[size], ylabel="microseconds a frame, one core")
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()
        figure.savefig(REPOSITORY / "benchmarks" / "results" / f"bench_nmf_{size}.png", dpi=80)
        plt.close(figure)


def sklearn_mu(V: Array, W: Array, loss: str, n_iter: int) -> Any:
    """Return the activations of scikit-learn's multiplicative updates, float32."""
    return non_negative_factorization(
        np.ascontiguousarray(V.T),
        H=np.ascontiguousarray(W.T),
        n_components=W.shape[1],
        init="custom",
        update_H=False,
        solver="mu",
        beta_loss=loss,
        max_iter=n_iter,
        tol=0,
    )[0].T


def sklearn_cd(V: Any, W: Any, n_iter: int) -> Any:
    """Return the activations of scikit-learn's coordinate descent."""
    return non_negative_factorization(
        np.ascontiguousarray(V.T),
        H=np.ascontiguousarray(W.T),
        n_components=W.shape[1],
        init="custom",
        update_H=False,
        solver="cd",
        max_iter=n_iter,
        tol=0,
    )[0].T


def objective(V: Any, W: Any, H: Any, beta: float) -> float:
    """Return the divergence in double precision."""
    V, X = V.astype(np.float64), W.astype(np.float64) @ H.astype(np.float64)
    return float(beta_divergence(V, np.maximum(X, 1e-8 * V.sum(axis=0)), beta=beta))


def run(
    solve: Callable[[], Any], V: Array, W: Array, beta: float, best: float, n_runs: int, share: float = 1.0
) -> tuple[float, float]:
    """Return the CPU seconds and the relative error of a solver."""
    found: list[Any] = []
    seconds = timed(lambda: found.append(solve()), n_runs)[1]
    return seconds, objective(V, W, found[-1], beta) / best - 1


def timed(work: Callable[[], Any], n_runs: int) -> tuple[float, float]:
    """Return the CPU seconds of the first run, and the median of all but the first where there are several."""
    seconds = []
    for _ in range(n_runs + (n_runs > 1)):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return seconds[0], median(seconds[1:] or seconds)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the comparisons that matter most as Markdown; with beta = 1 the fastest way to either error."""
    lines = []
    for row in rows:
        if row["beta"] == 1 and not row["solver"].startswith("fastest"):
            continue
        if row["solver"].startswith("multiplicative"):
            continue
        ratio = f"{row['ratio']:.0f}" if "ratio" in row else ""
        if "ratio_at_least" in row:
            ratio = f"≥ {row['ratio_at_least']:.0f}"
        case = f"{row['set']}, beta {row['beta']:g}, K = {row['K']}: {row['solver']}"
        lines.append([case, f"{1000 * row['seconds']:.0f}", f"{row['error']:.1e}", ratio])
    return markdown(["activations, one core", "CPU ms", "above the optimum", "ratio"], lines)


if __name__ == "__main__":
    main()
