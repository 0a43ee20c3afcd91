"""How far a recording lies from the tuning of a dictionary, and templates that are moved to meet it.

Orchestras tune to 442 Hz and higher, an old piano has sunk, a tape ran too fast: then every partial lies beside its
template. The divergence is least where both agree, so a sample of the recording is explained by templates that are
shifted along the frequency axis, first in steps of 25 cents, then in ever smaller ones around the best, and last
between them by a parabola. That is a shift-invariant model (P. Smaragdis, B. Raj & M. Shashanka, "Sparse and
shift-invariant feature extraction from non-negative data", ICASSP 2008) with one shift for the whole recording.

What is measured is the distance from *this* dictionary. With that of the instrument it is right to 2 cents; with one of
another piano, whose strings are stretched otherwise, to 4 cents; with templates of a piano, a clarinet seems 15 cents
flat, because the partials of strings lie above the harmonics. A semitone more or less is the same to it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.blas import single_thread
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import average_columns
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import activations, beta_divergence
from nmfamt.survey import Survey

__all__ = ["LARGEST", "check_tuning", "estimate_tuning", "explain", "shift_templates"]

LARGEST = 200
"""The most cents, up or down, that can be given: the French Baroque played two semitones lower than we do."""

FloatArray = NDArray[np.floating[Any]]

_N_FRAMES = 150  # 75 are as good on 30 s of piano; the time that they take, some 60 ms, is the same for any recording
_LEAST_FRAMES = 20  # in fewer there is hardly a note
_COARSE = 25.0  # cents: a third of the width of the valley around the right shift
_FINE = 5.0

# Nothing is shifted unless both are reached. Within 6 cents no F1 was lost on real pianos, whose tuning differs from
# that of the shipped one by 2 to 6; of 200 recordings of other instruments, those that gained less than 3 % of the
# divergence gained nothing in F1, the others .01 to .05 (`benchmarks/results/trials.md`).
_LEAST_CENTS = 6.0
_LEAST_GAIN = 0.03


def check_tuning(tuning: float | str) -> None:
    """Refuse what is no tuning.

    Raises
    ------
    NmfamtError
        Unless it is ``"auto"`` or a number of cents from -200 to 200.
    """
    if tuning == "auto" or (isinstance(tuning, int | float | np.number) and abs(tuning) <= LARGEST):
        return
    raise NmfamtError(
        f"tuning={tuning!r} must be 'auto', or the cents by which the recording lies above the dictionary, from "
        f"-{LARGEST} to {LARGEST}, such as 8 for 442 Hz."
    )


def shift_templates(W: FloatArray, freqs: NDArray[np.float64], semitones: float) -> NDArray[np.float64]:
    """Move templates along the frequency axis, keeping unit sums.

    Parameters
    ----------
    W : ndarray, shape (n_bins, n_components)
        Templates.
    freqs : ndarray, shape (n_bins,)
        Frequencies of the bins, increasing.
    semitones : float
        How far, upwards.

    Returns
    -------
    ndarray, shape (n_bins, n_components)
        Interpolated by cubic splines: a partial is two or three bins wide, and straight lines, which cut off its peak,
        cost more divergence than 10 cents do. Beyond its ends a template goes on as it ends.

    Examples
    --------
    >>> freqs = 440 * 2.0 ** (np.arange(5) / 12)
    >>> shift_templates(np.array([[0.0], [1.0], [0.0], [0.0], [0.0]]), freqs, 2.0)[:, 0].round(6)
    array([0., 0., 0., 1., 0.])
    """
    from scipy.interpolate import CubicSpline

    source = np.clip(freqs / 2.0 ** (semitones / 12), freqs[0], freqs[-1])
    moved = np.maximum(CubicSpline(freqs, W)(source), 0.0)
    return np.asarray(moved / moved.sum(axis=0))


def estimate_tuning(survey: Survey, dictionary: Dictionary) -> float:
    """Estimate how many cents a recording lies above a dictionary.

    Parameters
    ----------
    survey : Survey
        Of the recording.
    dictionary : Dictionary
        What plays.

    Returns
    -------
    float
        From -50 to 50, to a tenth; 0 where moving the templates gains nothing worth having.

    Raises
    ------
    NmfamtError
        If the survey was taken with other settings than those of the dictionary.

    Examples
    --------
    >>> from nmfamt import Spectrogram, load_dictionary
    >>> organ = load_dictionary("organ")
    >>> chords = organ.W[:, 20:120:3] + organ.W[:, 62:162:3]
    >>> sharp = shift_templates(chords, organ.settings.freqs, 0.21)
    >>> times = np.arange(sharp.shape[1]) / 100
    >>> survey = Survey.of([Spectrogram(sharp, organ.settings.freqs, times, organ.settings)])
    >>> abs(estimate_tuning(survey, organ) - 21) < 2
    True
    """
    dictionary.check(survey.sample)
    if survey.sample.n_frames < _LEAST_FRAMES:
        return 0.0
    freqs = dictionary.settings.freqs
    held = freqs <= survey.sample.bandwidth
    V = survey.thinned(_N_FRAMES)[held]
    W = average_columns(dictionary).W
    known: dict[float, float] = {}

    def divergence(cents: float) -> float:
        if cents not in known:
            known[cents], _ = explain(V, shift_templates(W, freqs, cents / 100)[held])
        return known[cents]

    step = _COARSE
    best = min((0.0, -step, step, 2 * step), key=divergence)  # 50 cents up are 50 cents down from the next semitone
    while step > _FINE:
        step /= 2
        best = min((best, best - step, best + step), key=divergence)
    if divergence(best) >= (1 - _LEAST_GAIN) * divergence(0.0):
        return 0.0
    below, here, above = (divergence(best + offset) for offset in (-step, 0.0, step))
    curvature = below - 2 * here + above
    offset = 0.5 * step * (below - above) / curvature if curvature > 0 else 0.0
    cents = (best + min(max(offset, -step), step) + 50) % 100 - 50
    return round(cents, 1) if abs(cents) >= _LEAST_CENTS else 0.0


@single_thread()
def explain(V: FloatArray, W: FloatArray) -> tuple[float, FloatArray]:
    """Explain spectra as sums of templates, as exactly as is needed to compare templates.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Spectra.
    W : ndarray, shape (n_bins, n_components)
        Templates.

    Returns
    -------
    divergence : float
        Kullback-Leibler, of all spectra together; 0.0 where there are none.
    H : ndarray, shape (n_components, n_frames)
        The activations.

    Examples
    --------
    >>> divergence, H = explain(np.array([[2.0], [2.0]]), np.array([[0.5], [0.5]]))
    >>> round(divergence, 6), H.round(3)
    (0.0, array([[4.]]))
    """
    W = W.astype(V.dtype, copy=False)
    H = activations(V, W, tol=1e-2, certify=False).H
    floor = V.dtype.type(1e-9) * V.max(initial=0) + np.finfo(V.dtype).tiny
    return float(beta_divergence(V, W @ H + floor, beta=1)), H
