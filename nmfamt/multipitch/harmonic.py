"""Templates that are harmonic by construction, and learned on the recording itself.

E. Vincent, N. Bertin & R. Badeau, "Adaptive harmonic spectral decomposition for multiple pitch estimation", IEEE TASLP
18 (2010). The template of a pitch is a weighted sum of narrow-band spectra of a few neighbouring partials
(`nmfamt.multipitch.narrow_band`):

``W[:, p] = sum_k E[p, k] N[p, k]``

Activations and the weights ``E`` are updated in turn, by multiplicative updates under the beta-divergence with
``beta = 0.5``. As there are few weights, and their envelopes are smooth, a template adapts to the instrument but cannot
become the spectrum of a chord or of noise: no training is needed.

Conventions: values are activations of templates of unit sum, in units of their maximum over the recording times its
level. So a threshold of ``(10**(-27 / 20))**power`` is the paper's: 27 dB below the maximum.

Departures:

1. The spectrum is not that of a filterbank of 250 bands on the ERB scale in frames of 23 ms but `LogFrequency`, with
   windows about as long as those filters are, and a hop of 10 ms. Magnitudes are compressed by the power 0.7, which the
   narrow-band spectra follow.
2. The weights are learned on some thousand frames, spread over the recording, with the activations of these. The
   activations of all frames are then found with the templates as they are, by as many updates for each.
3. The factors of the updates are raised to the power ``1 / (2 - beta)``, under which the divergence never rises (C.
   Févotte & J. Idier, "Algorithms for nonnegative matrix factorization with the beta-divergence", Neural Computation
   23, 2011).
4. Bands are 16, 1.5 ERB apart, chosen on software pianos. The fixed inharmonicity is that of another average piano.
5. All fundamentals are as far from A4 = 440 Hz as the recording is on the whole (`nmfamt.concert_pitch`); the paper's
   variant with a tuning for each pitch is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.blas import single_thread
from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch.estimator import (
    activation_blocks,
    activation_of,
    check_estimator,
    check_survey,
    describe,
    fundamentals,
    semitones,
    tuned,
)
from nmfamt.multipitch.narrow_band import narrow_band_spectra, piano_inharmonicity
from nmfamt.nmf import activations
from nmfamt.nmf.updates import check_beta, multiply, rescale, weights
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey

__all__ = ["HarmonicNMF", "learn_weights"]

FloatArray = NDArray[np.floating[Any]]

_N_FRAMES = 1024
_ERB_LIKE = LogFrequency(windows=(0.22, 0.12, 0.045, 0.02))


@dataclass(frozen=True)
class HarmonicNMF:
    """Front end that learns harmonic templates on the recording.

    Parameters
    ----------
    settings : Settings
        Of the spectrogram: any whose windows are half a second at most, such as `LogFrequency` and `STFT`.
    fmin, fmax : float
        Range of the fundamentals that are looked for, in Hz.
    polyphony : int, optional
        At most so many pitches sound at once; by default any number.
    tuning : float or "auto"
        Cents by which the recording lies above A4 = 440 Hz; ``"auto"`` estimates it.
    beta : float, in [0, 2]
        Which divergence is minimised.
    n_bands : int
        Narrow-band spectra for each pitch.
    band_step : float
        From one band to the next in ERB; also how wide they are.
    inharmonic : bool
        Whether partials lie where those of an average piano do, instead of at multiples of the fundamental.
    max_iter : int
        Updates of the weights, each after one of the activations.
    n_updates : int
        Updates of the activations of each frame once the templates are known.
    templates : ndarray, shape (n_bins, n_pitches), optional
        What was learned, each of unit sum or empty; by default they are learned on the recording (`fitted`).
    maximum : float
        Activation that counts as the level of the recording, in units of that; learned together with `templates`.

    Examples
    --------
    >>> front_end = HarmonicNMF(fmin=110, fmax=880)
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> activation = front_end(front_end.settings(y, sr=16000))
    >>> activation.values.shape, float(activation.pitches[activation.values[:, 50].argmax()])
    ((37, 101), 69.0)
    """

    settings: Settings = _ERB_LIKE
    fmin: float = 27.5
    fmax: float = 4186.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    beta: float = 0.5
    n_bands: int = 16
    band_step: float = 1.5
    inharmonic: bool = True
    max_iter: int = 20
    n_updates: int = 30
    templates: FloatArray | None = field(default=None, compare=False, repr=False)
    maximum: float = 1.0

    def __post_init__(self) -> None:
        check_estimator(self)
        check_beta(self.beta)
        for name, value in (("n_bands", self.n_bands), ("max_iter", self.max_iter), ("n_updates", self.n_updates)):
            if value < 1:
                raise NmfamtError(f"{name}={value} must be at least 1: by default it is {getattr(type(self), name)}.")
        if not 0 < self.band_step < np.inf:
            raise NmfamtError(f"band_step={self.band_step} must be a positive number of ERB, such as 1.5.")
        if not 0 < self.maximum < np.inf:
            raise NmfamtError(f"maximum={self.maximum} must be positive: fitted(survey) finds it.")
        shape = (len(self.settings.freqs), len(semitones(self)))
        if self.templates is not None and np.shape(self.templates) != shape:
            raise NmfamtError(
                f"templates have shape {np.shape(self.templates)}, but {shape} is needed: (n_bins, n_pitches). "
                "With templates=None they are learned on the recording."
            )

    def fitted(self, survey: Survey) -> "HarmonicNMF":
        """Return the front end for a recording: its tuning, and the templates learned on it.

        Parameters
        ----------
        survey : Survey
            Of the recording.

        Raises
        ------
        NmfamtError
            If the survey was taken with other settings.

        Examples
        --------
        >>> front_end = HarmonicNMF(fmin=110, fmax=880)
        >>> silence = front_end.settings([0.0] * 16000, sr=16000)
        >>> front_end.fitted(Survey.of([silence])).templates.shape
        (394, 37)
        """
        check_survey(self, survey)
        if self.templates is not None:
            return tuned(self, survey)
        front_end = tuned(self, survey)
        N = front_end.narrow_bands(survey.sample.bandwidth)
        V = survey.thinned(_N_FRAMES)
        E = learn_weights(V, N, beta=self.beta, max_iter=self.max_iter)
        front_end = replace(front_end, templates=_templates(E, N))
        loudest = float(front_end._activations(V).max(initial=0.0))
        # What is too quiet to have a level, sums below 6e-8, has no maximum either.
        return replace(front_end, maximum=loudest / survey.level) if loudest > 0 and survey.level > 0 else front_end

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Find the pitches of a whole spectrogram; see `nmfamt.multipitch.estimator.activation_of`."""
        return activation_of(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Find the pitches of a stream of spectrograms; see `nmfamt.multipitch.estimator.activation_blocks`.

        Raises
        ------
        NmfamtError
            If templates or tuning are not known yet, or a spectrogram was computed with other settings.
        """
        if self.templates is None:
            raise NmfamtError("The templates are learned on the recording: use fitted(survey).blocks.")
        return activation_blocks(self, spectrograms, level=level)

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return the activation of each template, shape (n_pitches, n_frames); what is learned is known."""
        return np.asarray(self._activations(spectrogram.S) / self.maximum, dtype=spectrogram.S.dtype)

    def narrow_bands(self, bandwidth: float = np.inf) -> FloatArray:
        """Return the narrow-band spectra of all pitches, whose tuning is known.

        Parameters
        ----------
        bandwidth : float
            Frequency in Hz that the recording can hold.

        Returns
        -------
        ndarray, shape (n_pitches, n_bands, n_bins)
            Each of unit sum, or empty.
        """
        f0 = fundamentals(self)
        return narrow_band_spectra(
            self.settings,
            f0,
            n_bands=self.n_bands,
            band_step=self.band_step,
            highest=bandwidth,
            inharmonicity=piano_inharmonicity(f0) if self.inharmonic else None,
        )

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return {name: value for name, value in describe(self).items() if name != "templates"}

    def _activations(self, V: FloatArray) -> FloatArray:
        """Return the activations of the templates, after the same number of updates in every frame."""
        fit = activations(
            V,
            np.asarray(self.templates),
            beta=self.beta,
            solver="multiplicative",
            tol=0.0,
            max_iter=self.n_updates,
            check_every=self.n_updates,
        )
        return np.asarray(fit.H)


@single_thread()
def learn_weights(V: FloatArray, N: FloatArray, *, beta: float = 0.5, max_iter: int = 20) -> FloatArray:
    """Find how strong the narrow-band spectra of each pitch are.

    Parameters
    ----------
    V : ndarray, shape (n_bins, n_frames)
        Spectra.
    N : ndarray, shape (n_pitches, n_bands, n_bins)
        Narrow-band spectra, each of unit sum or empty.
    beta : float, in [0, 2]
        Which divergence is minimised.
    max_iter : int
        Updates, each of all activations and then of the weights.

    Returns
    -------
    ndarray, shape (n_pitches, n_bands)
        Those of a pitch add up to 1; 0 where the narrow-band spectrum is empty.

    Examples
    --------
    >>> N = np.array([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]])
    >>> learn_weights(np.array([[2.0], [2.0], [1.0]]), N, beta=1.0).round(2).tolist()
    [[0.8, 0.2]]
    """
    dtype = np.result_type(V, N)
    scaled = rescale([V], dtype)
    (V,), floor = scaled.arrays, scaled.floor
    N = N.astype(dtype, copy=False)
    E = (N.sum(axis=2) > 0).astype(dtype)
    E /= np.maximum(E.sum(axis=1, keepdims=True), 1)
    W = _templates(E, N)
    H = np.repeat(V.sum(axis=0, keepdims=True) / len(N), len(N), axis=0)
    for _ in range(max_iter):
        R, X = weights(V, np.maximum(W @ H, floor), beta)
        H = multiply(H, W.T @ R, W.sum(axis=0)[:, None] if X is None else W.T @ X, beta)
        R, X = weights(V, np.maximum(W @ H, floor), beta)
        heard = np.broadcast_to(H.sum(axis=1)[:, None], W.T.shape) if X is None else H @ X.T
        E = multiply(E, _through_bands(H @ R.T, N), _through_bands(heard, N), beta)
        sums = E.sum(axis=1, keepdims=True)
        sums[sums == 0] = 1
        E, H = E / sums, H * sums
        W = _templates(E, N)
    return np.asarray(E)


def _templates(E: FloatArray, N: FloatArray) -> FloatArray:
    """Return the weighted sums of narrow-band spectra, shape (n_bins, n_pitches)."""
    return np.ascontiguousarray((E[:, None, :] @ N)[:, 0].T)


def _through_bands(spectra: FloatArray, N: FloatArray) -> FloatArray:
    """Return what spectra, one for each pitch, are worth to its narrow-band spectra, shape (n_pitches, n_bands)."""
    return np.asarray((N @ spectra[:, :, None])[..., 0])
