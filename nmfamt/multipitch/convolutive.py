"""Music as a sum of short spectrograms that begin when a note does.

Every pitch has a pattern of `n_lags` frames, learned from an isolated note; the spectrogram is explained as these,
convolved with activations that are not negative, ``V ~ sum_{t < n_lags} W[t] shift(H, t)`` (`nmfamt.nmf.convolutive`).
An activation is large where a note begins, since only there the pattern fits from its first frame on. P. Smaragdis,
"Non-negative matrix factor deconvolution; extraction of multiple sound sources from monophonic inputs", ICA 2004; for
the piano H. Wu, A. Marmoret & J. E. Cohen, "Semi-supervised convolutive NMF for automatic piano transcription", SMC
2022: magnitudes of an STFT of 4096 samples at 44.1 kHz, that is 93 ms, 20 ms apart, patterns of 10 frames,
Kullback-Leibler divergence.

``onsets`` of the activation are `H` itself, in the unit of the loudest frame of a pattern; ``values`` is what the
pattern explains of each frame.

Departures:

1. Activations are found by `n_iter` extrapolated updates from equal shares of each frame, where the paper does 50
   updates of a plain factorisation, then up to 100 (`nmfamt.nmf.convolutive`).
2. A recording is explained in windows of 1024 frames that overlap by a second on either side.
3. The audio is read at 16 kHz: there is nothing above 8 kHz.
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
from nmfamt.nmf.convolutive import convolutive
from nmfamt.patterns import NotePatterns
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey

__all__ = ["ConvolutiveFactorization"]

FloatArray = NDArray[np.floating[Any]]

_OVERLAP = 50  # frames on either side, and a pattern more


@dataclass(frozen=True)
class ConvolutiveFactorization:
    """Front end: when patterns of notes begin, and how much they explain.

    Parameters
    ----------
    patterns : NotePatterns
        What notes look like; see `nmfamt.learning_patterns.learn_patterns`.
    fmin, fmax : float
        Only patterns of fundamentals between these frequencies, in Hz, are used.
    polyphony : int, optional
        At most so many pitches sound, or begin, in a frame.
    tuning : float or "auto"
        Cents by which the recording lies above the patterns, from -200 to 200; ``"auto"`` estimates it.
    n_iter : int
        Updates of the activations.
    beta : float, in [0, 2]
        Which divergence is minimised; 1 is Kullback-Leibler.

    Examples
    --------
    >>> from nmfamt import STFT
    >>> settings = STFT(sr=8000, hop_length=160, n_fft=512, power=1.0)
    >>> spectrogram = settings(np.sin(2 * np.pi * 440 * np.arange(4000) / 8000), sr=8000)
    >>> patterns = NotePatterns(spectrogram.S[:, 1:6].T[:, :, None], [69], settings)
    >>> ConvolutiveFactorization(patterns)(spectrogram).values.shape
    (1, 26)
    """

    patterns: NotePatterns
    fmin: float = 27.5
    fmax: float = 4186.01
    polyphony: int | None = None
    tuning: float | str = "auto"
    n_iter: int = 30
    beta: float = 1.0

    def __post_init__(self) -> None:
        check(self, n_iter=self.n_iter, beta=self.beta)

    @property
    def learned(self) -> NotePatterns:
        """The patterns, as they were given."""
        return self.patterns

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads: those of the patterns."""
        return self.patterns.settings

    def fitted(self, survey: Survey) -> "ConvolutiveFactorization":
        """Return the front end for a recording: a tuning that is ``"auto"`` is estimated."""
        return in_tune(self, survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Explain a whole spectrogram."""
        return explained_whole(self, spectrogram, level=level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Explain a stream of spectrograms."""
        overlap = _OVERLAP + self.patterns.n_lags
        return explained_blocks(self, spectrograms, level=level, before=overlap, after=overlap)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return {**describe_patterns(self), "n_lags": self.patterns.n_lags}

    def estimate(self, spectrogram: Spectrogram) -> FloatArray:
        """Return how much of each frame every pitch explains, shape (n_pitches, n_frames)."""
        return self.explain(spectrogram)[0]

    def explain(self, spectrogram: Spectrogram) -> tuple[FloatArray, FloatArray]:
        """Return that, and how strongly every pitch begins, twice shape (n_pitches, n_frames)."""
        held = spectrogram.freqs <= spectrogram.bandwidth
        V = spectrogram.S[held]
        W = self._templates[:, held].astype(V.dtype)
        H = convolutive(V, W, beta=self.beta, max_iter=self.n_iter, tol=0).H
        sums = W.sum(axis=1)
        values = np.zeros_like(H)
        for lag in range(len(W)):
            values[:, lag:] += sums[lag][:, None] * H[:, : max(H.shape[1] - lag, 0)]
        return values, H

    @cached_property
    def _templates(self) -> FloatArray:
        """The patterns that are used, in the tuning of the recording, which is known by now."""
        return self.patterns.between(self.fmin, self.fmax).shifted(float(self.tuning) / 100).W
