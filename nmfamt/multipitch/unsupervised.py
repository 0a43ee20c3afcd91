"""The factorisation that started it all: templates and activations of a recording, from nothing but the recording.

P. Smaragdis & J. C. Brown, "Non-negative matrix factorization for polyphonic music transcription", WASPAA 2003. The
magnitudes of a recording are written as ``W H`` with as many components as it has notes. Where notes begin and end
independently of each other, every template comes to be the spectrum of one note, and its activation says when that
sounds. Which note it is, is found afterwards from the template.

The pitch of a template is that whose harmonic model comes closest to it: a weighted sum of narrow-band spectra
(`nmfamt.multipitch.narrow_band`), fitted under the Kullback-Leibler divergence. An octave below has partials where the
template has none, an octave above lacks every other partial: both fit worse. A template that no pitch fits (the noise
of an attack, a chord) gives nothing, but keeps explaining what it explains. Activations of several templates of one
pitch are added.

Departures:

1. Magnitudes are those of `LogFrequency`, not of one Fourier transform: on seven software pianos, with 60 components
   and the best threshold of either, the F1 of onsets is 0.59 instead of 0.47.
2. The number of components is not that of the notes, which nobody knows, but 88. Notes that are played in more than one
   way take several, and there are some left for what is no note.
3. Pitches are given by the rule above; the authors look at the templates.
4. Templates are learned on some thousand frames, spread over the recording; then the activations of all frames are
   those that fit best with the templates as they are.
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
from nmfamt.nmf import activations, beta_divergence, factorize
from nmfamt.nmf.updates import check_beta
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey

__all__ = ["UnsupervisedNMF", "harmonic_misfit"]

FloatArray = NDArray[np.floating[Any]]

_N_FRAMES = 1024
_ALL = (27.5, 4186.0)  # Hz
_N_BANDS, _BAND_STEP = 8, 3.0  # of the harmonic model, in ERB
_FIT_UPDATES = 20
_FLOOR = 1e-4  # what the harmonic model holds besides, as a share of its sum


@dataclass(frozen=True)
class UnsupervisedNMF:
    """Front end that learns any templates on the recording, and gives each a pitch afterwards.

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
    rank : int
        Number of components.
    beta : float, in [0, 2]
        Which divergence is minimised: 1 is Kullback-Leibler's and the paper's, 2 the Euclidean distance.
    max_iter : int
        Updates, each of all activations and then of the templates.
    most_misfit : float
        Divergence of a template of unit sum from its harmonic model, in nats, above which it has no pitch.
    inharmonic : bool
        Whether partials lie where those of an average piano do, instead of at multiples of the fundamental.
    seed : int
        Of the random templates that the updates start from.
    templates : ndarray, shape (n_bins, rank), optional
        What was learned; by default they are learned on the recording (`fitted`).
    template_pitches : ndarray, shape (rank,), optional
        MIDI pitch of each template, NaN where it has none; found together with `templates`.

    Examples
    --------
    >>> front_end = UnsupervisedNMF(fmin=110, fmax=880, rank=2)
    >>> t = np.arange(16000) / 16000
    >>> y = np.concatenate([sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 7)) for hz in (220, 330)])
    >>> activation = front_end(front_end.settings(y, sr=16000))
    >>> [float(activation.pitches[activation.values[:, frame].argmax()]) for frame in (50, 150)]
    [57.0, 64.0]
    """

    settings: Settings = LogFrequency(power=1.0, windows=(0.22, 0.12, 0.045, 0.02))  # noqa: RUF009 - frozen
    fmin: float = 27.5
    fmax: float = 4186.0
    polyphony: int | None = None
    tuning: float | str = "auto"
    rank: int = 88
    beta: float = 1.0
    max_iter: int = 300
    most_misfit: float = 1.1
    inharmonic: bool = True
    seed: int = 0
    templates: FloatArray | None = field(default=None, compare=False, repr=False)
    template_pitches: FloatArray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_estimator(self)
        check_beta(self.beta)
        for name, value in (("rank", self.rank), ("max_iter", self.max_iter)):
            if value < 1:
                raise NmfamtError(f"{name}={value} must be at least 1: by default it is {getattr(type(self), name)}.")
        if not self.most_misfit > 0:
            raise NmfamtError(f"most_misfit={self.most_misfit} must be a positive number of nats, such as 1.1.")
        if self.seed < 0:
            raise NmfamtError(f"seed={self.seed} must not be negative: take 0.")
        if self.templates is None and self.template_pitches is None:
            return
        given: tuple[Any, Any] = self.templates, self.template_pitches
        shapes = tuple(np.shape(part) for part in given)
        wanted = (len(self.settings.freqs), self.rank), (self.rank,)
        if shapes != wanted:
            raise NmfamtError(
                f"templates and template_pitches have the shapes {shapes}, but {wanted} are needed. "
                "With None for both they are learned on the recording."
            )

    def fitted(self, survey: Survey) -> "UnsupervisedNMF":
        """Return the front end for a recording: its tuning, and the templates learned on it with their pitches.

        Parameters
        ----------
        survey : Survey
            Of the recording.

        Raises
        ------
        NmfamtError
            If the survey was taken with other settings.
        """
        check_survey(self, survey)
        front_end = tuned(self, survey)
        if self.templates is not None:
            return front_end
        V = survey.thinned(_N_FRAMES)
        if not V.any():
            W = np.zeros((len(V), self.rank), dtype=V.dtype)
            return replace(front_end, templates=W, template_pitches=np.full(self.rank, np.nan))
        W = factorize(V, self.rank, beta=self.beta, max_iter=self.max_iter, check_every=0, seed=self.seed).W
        # What lies out of the range is recognised too, lest it be taken for an octave of it.
        wide: Any = replace(front_end, fmin=min(self.fmin, _ALL[0]), fmax=max(self.fmax, _ALL[1]))
        misfit = harmonic_misfit(
            W, self.settings, fundamentals(wide), highest=survey.sample.bandwidth, inharmonic=self.inharmonic
        )
        pitches = semitones(wide)[misfit.argmin(axis=0)]
        pitches[misfit.min(axis=0) > self.most_misfit] = np.nan
        return replace(front_end, templates=W, template_pitches=pitches)

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

    @single_thread()
    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return the activations of the templates of each pitch, added; what is learned is known."""
        W, pitches = np.asarray(self.templates), np.asarray(self.template_pitches)
        H = np.asarray(activations(spectrogram.S, W, beta=self.beta, certify=False).H)
        members = semitones(self)[:, None] == pitches
        return np.asarray(members.astype(H.dtype) @ H)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        learned = ("templates", "template_pitches")
        return {name: value for name, value in describe(self).items() if name not in learned}


def harmonic_misfit(
    W: FloatArray,
    settings: Settings,
    f0: NDArray[np.float64],
    *,
    highest: float = np.inf,
    inharmonic: bool = False,
) -> NDArray[np.float64]:
    """Return how far templates are from being harmonic spectra.

    Parameters
    ----------
    W : ndarray, shape (n_bins, n_templates)
        Templates.
    settings : Settings
        Of the spectrogram.
    f0 : ndarray, shape (n_pitches,)
        Fundamentals in Hz.
    highest : float
        Frequency in Hz that the recording can hold.
    inharmonic : bool
        Whether partials lie where those of an average piano do.

    Returns
    -------
    ndarray, shape (n_pitches, n_templates)
        Kullback-Leibler divergence, in nats, of a template of unit sum from the best sum of narrow-band spectra of the
        pitch; infinite for an empty template, and for a pitch without partials below `highest`.

    Examples
    --------
    >>> settings, t = LogFrequency(), np.arange(16000) / 16000
    >>> tone = settings(sum(np.sin(2 * np.pi * 220 * k * t) for k in range(1, 5)), sr=16000)
    >>> misfit = harmonic_misfit(tone.S[:, 50:51], settings, np.array([110.0, 220.0, 440.0]))
    >>> int(misfit.argmin())
    1
    """
    N = narrow_band_spectra(
        settings,
        f0,
        n_bands=_N_BANDS,
        band_step=_BAND_STEP,
        highest=highest,
        inharmonicity=piano_inharmonicity(f0) if inharmonic else None,
    )
    sums = W.sum(axis=0)
    is_used = sums > 0
    V = W[:, is_used] / sums[is_used]
    misfit = np.full((len(f0), W.shape[1]), np.inf)
    for row in np.flatnonzero(N.any(axis=(1, 2))):
        fit = activations(V, N[row].T, solver="multiplicative", max_iter=_FIT_UPDATES, check_every=_FIT_UPDATES, tol=0)
        misfit[row, is_used] = beta_divergence(V, N[row].T @ fit.H + _FLOOR / len(V), beta=1, axis=0)
    return misfit
