"""The NMF front end: a spectrum explained as a sum of learned notes.

Every frame of the spectrogram is approximated by a non-negative combination of the templates of a dictionary
(P. Smaragdis & J. C. Brown, "Non-negative matrix factorization for polyphonic music transcription", WASPAA
2003, with fixed templates as in A. Dessein, A. Cont & G. Lemaitre, "Real-time polyphonic music transcription
with non-negative matrix factorization and beta-divergence", ISMIR 2010). The activations of all templates of
a pitch are added; those of its attack templates alone are the evidence that it starts.

Two further kinds of evidence are measured on the way:

``loss``
    How much the divergence of the frame would rise if this pitch were taken out and nothing else changed:
    large where the note explains what no other does, small where it is an octave ghost of another.
``partial_1`` ... ``partial_6``
    The spectrum itself at the first partials of the pitch; a note that starts makes them rise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS, PitchActivation
from nmfamt.blas import single_thread
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import activations
from nmfamt.nmf.multiplicative import CHUNK_FRAMES
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram

__all__ = ["Factorization"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Factorization:
    """Front end: activations of the templates of a dictionary.

    Parameters
    ----------
    dictionary : Dictionary
        What notes look like.
    beta : float, in [0, 2]
        Which beta-divergence is minimised; 1 is Kullback-Leibler.
    max_iter : int
        Multiplicative updates.
    relaxation : float, in [1, 2)
        Power of their factors, see `nmfamt.nmf.activations`.
    tol : float
        Stop earlier when the divergence falls by less than this share in ten updates; 0 never stops earlier.

    Examples
    --------
    >>> from nmfamt import load_dictionary
    >>> import numpy as np
    >>> piano = load_dictionary("piano")
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> activation = Factorization(piano)(piano.settings(y, sr=16000))
    >>> activation.values.shape
    (88, 101)
    """

    dictionary: Dictionary
    beta: float = 1.0
    max_iter: int = 40
    relaxation: float = 1.5
    tol: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 2:
            raise NmfamtError(f"beta={self.beta} must lie in [0, 2].")
        if self.max_iter < 1:
            raise NmfamtError(f"max_iter={self.max_iter} must be at least 1.")

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Explain a spectrogram.

        Parameters
        ----------
        spectrogram : Spectrogram
            Computed with the settings of the dictionary.
        level : float, optional
            Level of the recording; by default that of `spectrogram`.

        Returns
        -------
        PitchActivation
            One row for each instrument and pitch of the dictionary.

        Raises
        ------
        NmfamtError
            If the spectrogram was computed with other settings.
        """
        self.dictionary.check(spectrogram)
        W, rows = self._templates(spectrogram)
        # A recording at a low rate says nothing about the bins above its band: they are left out, not silent.
        held = spectrogram.freqs <= spectrogram.bandwidth
        V, W = (spectrogram.S, W) if held.all() else (spectrogram.S[held], np.ascontiguousarray(W[held]))
        H = activations(V, W, beta=self.beta, max_iter=self.max_iter, tol=self.tol, relaxation=self.relaxation).H
        attack = (self.dictionary.stages == "attack")[rows.order]
        values = rows.add(H)
        return PitchActivation(
            values=values,
            onsets=rows.add(np.where(attack[:, None], H, 0)),
            pitches=rows.pitches,
            times=spectrogram.times,
            instruments=rows.instruments,
            evidence={
                "loss": self._loss(V, W, H, rows.starts),
                **_partials(spectrogram, rows.pitches),
            },
            latency=self.dictionary.latency,
            level=spectrogram.level() if level is None else level,
            info=self.info,
        )

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Explain a stream of spectrograms; no context is needed, frames are independent."""
        for spectrogram in spectrograms:
            yield self(spectrogram, level=level)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return {
            "front_end": "Factorization",
            "dictionary": self.dictionary.name,
            "dictionary_hash": self.dictionary.hash,
            "beta": self.beta,
            "max_iter": self.max_iter,
            "relaxation": self.relaxation,
            "settings": self.dictionary.settings.to_dict(),
        }

    def _templates(self, spectrogram: Spectrogram) -> "tuple[FloatArray, _Rows]":
        """Return the templates ordered by row, in the precision of the spectrogram, and the rows."""
        rows = _Rows.of(self.dictionary)
        return np.ascontiguousarray(self.dictionary.W[:, rows.order], dtype=spectrogram.S.dtype), rows

    @single_thread()
    def _loss(self, V: FloatArray, W: FloatArray, H: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
        """Return what the divergence of each frame rises by if a row is deleted."""
        from nmfamt.multipitch._deletion import deletion_loss

        loss = np.empty((len(starts) - 1, V.shape[1]), dtype=V.dtype)
        # A matrix product rounds otherwise when it is cut otherwise: chunks make blocks and the whole agree.
        for start in range(0, V.shape[1], CHUNK_FRAMES):
            chunk = slice(start, start + CHUNK_FRAMES)
            part = np.ascontiguousarray(H[:, chunk])
            X = np.maximum(W @ part, np.finfo(V.dtype).tiny)
            loss[:, chunk] = deletion_loss(V[:, chunk].T, X.T, W.T, part.T, starts, self.beta)
        return loss


@dataclass(frozen=True)
class _Rows:
    """How the columns of a dictionary are gathered into the rows of an activation."""

    order: NDArray[np.int64]  # columns sorted by row
    starts: NDArray[np.int64]  # where each row begins in that order, and the end
    pitches: NDArray[np.float64]
    instruments: NDArray[np.str_]

    @classmethod
    def of(cls, dictionary: Dictionary) -> "_Rows":
        order = np.lexsort((dictionary.pitches, dictionary.instruments))
        pitches, instruments = dictionary.pitches[order], dictionary.instruments[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (pitches[1:] != pitches[:-1]) | (instruments[1:] != instruments[:-1])
        starts = np.flatnonzero(new)
        return cls(order, np.append(starts, len(order)), pitches[starts], instruments[starts])

    def add(self, H: FloatArray) -> FloatArray:
        """Add the activations of each row."""
        return np.asarray(np.add.reduceat(H, self.starts[:-1], axis=0))


def _partials(spectrogram: Spectrogram, pitches: NDArray[np.float64]) -> dict[str, FloatArray]:
    """Return the spectrum at the first partials of every pitch; zero above the highest bin."""
    freqs = spectrogram.freqs
    found = {}
    for k in range(1, N_PARTIALS + 1):
        hz = k * pitch_to_hz(pitches)
        bins = np.clip(np.searchsorted(freqs, hz), 1, len(freqs) - 1)
        bins -= hz - freqs[bins - 1] < freqs[bins] - hz
        strength = spectrogram.S[bins]
        for neighbour in (bins - 1, bins + 1):  # inharmonic and mistuned partials lie beside their bin
            np.maximum(strength, spectrogram.S[np.clip(neighbour, 0, len(freqs) - 1)], out=strength)
        strength[hz > freqs[-1]] = 0
        found[f"partial_{k}"] = strength
    return found
