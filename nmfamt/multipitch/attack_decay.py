"""Music as notes that are struck and die away.

Every pitch has a spectrum of its attack, one of its decay, and a rate at which it dies away; the attack has one short
shape in time, the same for all: ``V ~ W (H conv e^{-a t}) + A (H conv P)`` (`nmfamt.nmf.attack_decay`). The activation
`H` says when notes begin. T. Cheng, M. Mauch, E. Benetos & S. Dixon, "An attack/decay model for piano transcription",
ISMIR 2016.

``onsets`` of the activation are ``H conv P``, in which the paper looks for peaks, in the unit of the loudness of a note
at its onset; ``values`` is what attack and decay explain of each frame. The model knows no end of a note but its decay.

Departures:

1. Activations are found by `n_iter` extrapolated updates, which come close to the optimum; the paper makes them sparse
   by raising them to powers from 1 to 1.04. At the optimum they are sparse without: on two rendered pianos the onset
   F1 is .75, and .74 with the powers.
2. There is no median filter of length 5 before: on two rendered pianos it gained nothing over frames, and over bins it
   cost .03.
3. A recording is explained in windows of 1024 frames that overlap by three seconds before and two after.
4. The audio is read at 16 kHz: there is nothing above 8 kHz.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.multipitch.templates_in_time import (
    check,
    describe_patterns,
    explained_blocks,
    explained_whole,
    in_tune,
)
from nmfamt.nmf.attack_decay import attack_decay, unfold
from nmfamt.patterns import AttackDecayTemplates
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey

__all__ = ["AttackDecay"]

FloatArray = NDArray[np.floating[Any]]

_BEFORE, _AFTER = 150, 100  # frames by which windows overlap


@dataclass(frozen=True)
class AttackDecay:
    """Front end: when notes are struck, and how much their attack and decay explain.

    Parameters
    ----------
    templates : AttackDecayTemplates
        What notes look like; see `nmfamt.learning_patterns.learn_attack_decay_templates`.
    fmin, fmax : float
        Only templates of fundamentals between these frequencies, in Hz, are used.
    polyphony : int, optional
        At most so many pitches sound, or begin, in a frame.
    tuning : float or "auto"
        Cents by which the recording lies above the templates, from -200 to 200; ``"auto"`` estimates it.
    n_iter : int
        Updates of the activations.
    beta : float, in [0, 2]
        Which divergence is minimised; 1 is Kullback-Leibler.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> settings = STFT(sr=8000, hop_length=160, n_fft=512, power=1.0)
    >>> spectrogram = settings(np.sin(2 * np.pi * 440 * np.arange(4000) / 8000), sr=8000)
    >>> spectrum = spectrogram.S[:, 12:13]
    >>> templates = AttackDecayTemplates(spectrum, spectrum, [0.1], [0.5, 1.0, 0.5], [69], settings)
    >>> AttackDecay(templates)(spectrogram).values.shape
    (1, 26)
    """

    templates: AttackDecayTemplates
    fmin: float = 27.5
    fmax: float = 4186.01
    polyphony: int | None = None
    tuning: float | str = "auto"
    n_iter: int = 90
    beta: float = 1.0

    def __post_init__(self) -> None:
        check(self, n_iter=self.n_iter, beta=self.beta)

    @property
    def learned(self) -> AttackDecayTemplates:
        """The templates, as they were given."""
        return self.templates

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads: those of the templates."""
        return self.templates.settings

    def fitted(self, survey: Survey) -> "AttackDecay":
        """Return the front end for a recording: a tuning that is ``"auto"`` is estimated."""
        return in_tune(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Explain a whole spectrogram."""
        return explained_whole(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Explain a stream of spectrograms."""
        return explained_blocks(self, spectrograms, level=level, before=_BEFORE, after=_AFTER)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return describe_patterns(self)

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how much of each frame every pitch explains, shape (n_pitches, n_frames)."""
        return self.explain(spectrogram)[0]

    def explain(self, spectrogram: Spectrogram) -> tuple[FloatArray, FloatArray]:
        """Return that, and how strongly every pitch is struck, twice shape (n_pitches, n_frames)."""
        held = spectrogram.freqs <= spectrogram.bandwidth
        V, used = spectrogram.S[held], self._used
        W, A = used.W[held].astype(V.dtype), used.A[held].astype(V.dtype)
        shape: dict[str, Any] = {"decay": used.decay, "transient": used.transient}
        H = attack_decay(V, W, A, **shape, beta=self.beta, max_iter=self.n_iter, tol=0).H
        tails, strikes = unfold(H, **shape)
        return W.sum(axis=0)[:, None] * tails + A.sum(axis=0)[:, None] * strikes, strikes

    @cached_property
    def _used(self) -> AttackDecayTemplates:
        """The templates that are used, in the tuning of the recording, which is known by now."""
        return self.templates.between(self.fmin, self.fmax).shifted(float(self.tuning) / 100)
