"""Expectation maximisation of the mixture of `nmfamt.multipitch.plca`, as matrix products over a block of frames."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread

__all__ = ["LEAST_SHARE", "explain"]

LEAST_SHARE = 1e-5
"""A pitch that has less of a frame is dropped from it."""

FloatArray = NDArray[np.floating[Any]]

_WORTHWHILE = 0.8  # share of the pitches below which it pays to leave the others out
_FLOOR = np.float32(1e-20)  # of what is divided by; far below what any pitch has


@single_thread()
def explain(
    V: FloatArray, templates: FloatArray, counts: NDArray[np.int64], *, n_iter: int, powers: tuple[float, float, float]
) -> tuple[FloatArray, FloatArray]:
    """Explain spectra as mixtures of pitches, sources and shifts.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Spectra in any unit.
    templates : ndarray, shape (n_templates, n_shifts, n_bins)
        Of unit sum, or zero where there is nothing to compare; sorted by pitch.
    counts : ndarray, shape (n_pitches,)
        Templates of each pitch.
    n_iter : int
        Steps.
    powers : tuple of float
        To which P(pitch), P(source | pitch) and P(shift | pitch) are raised after each.

    Returns
    -------
    pitch : ndarray, shape (n_pitches, n_frames)
        P(pitch), which adds up to 1; 0 in frames that are empty.
    joint : ndarray, shape (n_templates, n_shifts, n_frames)
        P(pitch, source, shift).

    Examples
    --------
    >>> templates = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> pitch, _ = explain(np.array([[3.0], [1.0]]), templates, np.array([1, 1]), n_iter=9, powers=(1.0, 1.0, 1.0))
    >>> pitch.ravel().tolist()
    [0.75, 0.25]
    """
    n_templates, n_shifts, n_bins = templates.shape
    n_frames, n_pitches, dtype = V.shape[1], len(counts), V.dtype
    total = V.sum(axis=0)
    V = V / np.where(total > 0, total, dtype.type(1))
    # What is left of all this, once pitches that are silent in all frames are left out:
    pitches, columns, W = np.arange(n_pitches), np.arange(n_templates), templates
    pitch = np.full((n_pitches, n_frames), 1 / n_pitches, dtype=dtype)
    source = np.broadcast_to(np.repeat(1 / counts, counts).astype(dtype)[:, None], (n_templates, n_frames))
    shift = np.full((n_pitches, n_shifts, n_frames), 1 / n_shifts, dtype=dtype)
    for _ in range(n_iter):
        joint = _joint(pitch, source, shift, counts)
        _weigh(joint, V, W.reshape(-1, n_bins))
        pitch, source, shift = _distributions(joint, counts, powers)
        sounds = np.asarray(pitch.any(axis=1))
        if not sounds.any():
            break
        if sounds.sum() < _WORTHWHILE * len(sounds):
            kept = np.repeat(sounds, counts)
            W, columns, source = W[kept], columns[kept], source[kept]
            pitches, counts, pitch, shift = pitches[sounds], counts[sounds], pitch[sounds], shift[sounds]
    whole_pitch = np.zeros((n_pitches, n_frames), dtype=dtype)
    whole = np.zeros((n_templates, n_shifts, n_frames), dtype=dtype)
    whole_pitch[pitches] = pitch
    whole[columns] = _joint(pitch, source, shift, counts)
    return whole_pitch, whole


def _joint(pitch: FloatArray, source: FloatArray, shift: FloatArray, counts: NDArray[np.int64]) -> FloatArray:
    """Return P(pitch) P(source | pitch) P(shift | pitch), shape (n_templates, n_shifts, n_frames)."""
    return np.asarray(np.repeat(pitch[:, None] * shift, counts, axis=0) * source[:, None])


def _weigh(joint: FloatArray, V: FloatArray, W: FloatArray) -> None:
    """Multiply each component by what the spectrum has of it, in place: expectation, summed over frequency."""
    flat = joint.reshape(len(W), -1)
    ratio = W.T @ flat
    np.divide(V, np.maximum(ratio, _FLOOR), out=ratio)
    flat *= W @ ratio


def _distributions(
    joint: FloatArray, counts: NDArray[np.int64], powers: tuple[float, float, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the three distributions, sharpened: maximisation."""
    starts = np.cumsum(counts) - counts
    by_source = joint.sum(axis=1)
    by_shift = np.add.reduceat(joint, starts, axis=0)
    by_pitch = by_shift.sum(axis=1)
    pitch = _sharpened(by_pitch, by_pitch.sum(axis=0), powers[0])
    pitch /= np.maximum(pitch.sum(axis=0), _FLOOR)
    pitch[pitch < LEAST_SHARE] = 0
    source = _sharpened(by_source, np.repeat(by_pitch, counts, axis=0), powers[1])
    source /= np.repeat(np.maximum(np.add.reduceat(source, starts, axis=0), _FLOOR), counts, axis=0)
    shift = _sharpened(by_shift, by_pitch[:, None], powers[2])
    shift /= np.maximum(shift.sum(axis=1, keepdims=True), _FLOOR)
    return pitch, source, shift


def _sharpened(counts: FloatArray, total: FloatArray, power: float) -> FloatArray:
    """Return shares of totals to a power, which do not add up to 1 yet; 0 where the total is."""
    total = np.broadcast_to(total, counts.shape)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > _FLOOR)
    return np.asarray(np.power(share, counts.dtype.type(power), out=share))
