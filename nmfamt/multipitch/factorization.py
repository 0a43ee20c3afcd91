"""The NMF front end: a spectrum explained as a sum of learned notes.

Every frame of the spectrogram is approximated by a non-negative combination of the templates of a dictionary
(P. Smaragdis & J. C. Brown, "Non-negative matrix factorization for polyphonic music transcription", WASPAA
2003, with fixed templates as in A. Dessein, A. Cont & G. Lemaitre, "Real-time polyphonic music transcription
with non-negative matrix factorization and beta-divergence", ISMIR 2010). The activations of all templates of
a pitch are added; those of its attack templates alone are the evidence that it starts.

The optimum is sparse: of several templates that would do almost as well it uses one. So every template has, besides its
activation, a small share of the frame times its update ratio to the power `fading`: how a template that is not needed
fades under multiplicative updates that start from equal activations. This is what makes early-stopped updates robust
where the dictionary is of another instrument than the recording, at a twentieth of their cost
(`benchmarks/results/trials.md`). The loss below is that of the optimum itself.

Two further kinds of evidence are measured on the way:

``loss``
    How much the divergence of the frame would rise if this pitch were taken out and nothing else changed:
    large where the note explains what no other does, small where it is an octave ghost of another.
``partial_1`` ... ``partial_6``
    The spectrum itself at the first partials of the pitch; a note that starts makes them rise.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import N_PARTIALS, PitchActivation
from nmfamt.array_namespace import namespace, to_host
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import GPU_CHUNK_FRAMES, activations, update_ratios
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Spectrogram

__all__ = ["Factorization"]

FloatArray = NDArray[np.floating[Any]]

_SHARE = 0.004  # of a frame that a template has which is as good as used: 1 / 264, one of the three of each key


@dataclass(frozen=True)
class Factorization:
    """Front end: activations of the templates of a dictionary.

    Parameters
    ----------
    dictionary : Dictionary
        What notes look like.
    beta : float, in [0, 2]
        Which beta-divergence is minimised; 1 is Kullback-Leibler.
    solver : str
        How, see `nmfamt.nmf.activations`.
    tol : float
        Distance to the optimum at which the activations are good enough, as a share of it.
    max_iter : int, optional
        Most iterations of the solver; by default its own.
    certify : bool
        Whether the distance is certified by duality; otherwise it is what the solver's last steps promise.
    l1, group_l1 : float
        Weights of sparsity, of all activations and of the groups of templates of one pitch.
    fading : int, a power of two, or 0
        How fast the share of a template that is not used fades with its distance from being used; 0 gives no share.
    n_jobs : int
        Threads; the result is the same to the bit.

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
    solver: str = "auto"
    tol: float = 1e-3
    max_iter: int | None = None
    certify: bool = False
    l1: float = 0.0
    group_l1: float = 0.0
    fading: int = 8
    n_jobs: int = 1

    def __post_init__(self) -> None:
        if self.fading < 0 or self.fading & (self.fading - 1):
            raise NmfamtError(f"fading={self.fading} must be 0 or a power of two, such as 8.")
        # Options are refused now, not when there is audio.
        silence = np.zeros((len(self.dictionary.W), 0))
        self._fit(silence, self.dictionary.W, _Rows.of(self.dictionary).labels)

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
        (activation,) = self.batch([spectrogram], levels=None if level is None else [level])
        return activation

    def batch(
        self, spectrograms: Sequence[Spectrogram], *, levels: Sequence[float] | None = None
    ) -> list[PitchActivation]:
        """Explain several spectrograms in one go: what keeps a GPU busy with many short recordings.

        Parameters
        ----------
        spectrograms : sequence of Spectrogram
            All on one device, and with one bandwidth.
        levels : sequence of float, optional
            Of each recording; by default that of its spectrogram.

        Returns
        -------
        list of PitchActivation
            In the same order.

        Raises
        ------
        NmfamtError
            If a spectrogram was computed with other settings than the dictionary, or their bandwidths differ.
        """
        for spectrogram in spectrograms:
            self.dictionary.check(spectrogram)
        if len({spectrogram.bandwidth for spectrogram in spectrograms}) > 1:
            raise NmfamtError("Spectrograms of one batch need the same bandwidth: batch recordings of one sample rate.")
        rows = _Rows.of(self.dictionary)
        xp = namespace(spectrograms[0].S)
        whole = spectrograms[0].S if len(spectrograms) == 1 else xp.concatenate([s.S for s in spectrograms], axis=1)
        evidence = self._explain(whole, spectrograms[0], rows)
        found, start = [], 0
        for i, spectrogram in enumerate(spectrograms):
            part = {name: array[:, start : start + spectrogram.n_frames] for name, array in evidence.items()}
            start += spectrogram.n_frames
            found.append(
                PitchActivation(
                    values=part.pop("values"),
                    onsets=part.pop("onsets"),
                    pitches=rows.pitches,
                    times=spectrogram.times,
                    instruments=rows.instruments,
                    evidence=part,
                    latency=self.dictionary.latency,
                    level=spectrogram.level() if levels is None else levels[i],
                    info=self.info,
                )
            )
        return found

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Explain a stream of spectrograms; no context is needed, frames are independent.

        On a GPU they are gathered until there are enough to keep it busy.
        """
        waiting: list[Spectrogram] = []
        for spectrogram in spectrograms:
            waiting.append(spectrogram)
            on_gpu = namespace(spectrogram.S) is not np
            if not on_gpu or sum(s.n_frames for s in waiting) >= GPU_CHUNK_FRAMES:
                yield from self.batch(waiting, levels=[level] * len(waiting))
                waiting = []
        if waiting:
            yield from self.batch(waiting, levels=[level] * len(waiting))

    def _explain(self, S: Any, like: Spectrogram, rows: "_Rows") -> dict[str, FloatArray]:
        """Return ``values``, ``onsets`` and all evidence of spectra with the axes of `like`, as NumPy arrays."""
        from nmfamt.multipitch._rows import add_rows, add_rows_of_arrays, deletion_loss, deletion_loss_of_arrays

        xp = namespace(S)
        # A recording at a low rate says nothing about the bins above its band: they are left out, not silent.
        held = like.freqs <= like.bandwidth
        frames = xp.ascontiguousarray((S if held.all() else S[held]).T)
        W = xp.asarray(self.dictionary.W[:, rows.order], dtype=S.dtype)
        W = W if held.all() else W[held]
        H = self._fit(frames.T, W, rows.labels).T
        attack = xp.asarray((self.dictionary.stages == "attack")[rows.order], dtype=H.dtype)
        dense = self._dense(frames, W, H)
        add, deletion = (add_rows, deletion_loss) if xp is np else (add_rows_of_arrays, deletion_loss_of_arrays)
        return {
            "values": to_host(add(dense, rows.starts)),
            "onsets": to_host(add(dense * attack, rows.starts)),
            "loss": to_host(deletion(frames, W.T, H, rows.starts, self.beta)),
            **_partials(S, like.freqs, rows.pitches),
        }

    def _fit(self, V: Any, W: Any, groups: NDArray[np.int64]) -> Any:
        """Return the activations of the templates."""
        return activations(
            V,
            W,
            beta=self.beta,
            solver=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            certify=self.certify,
            l1=self.l1,
            group_l1=self.group_l1,
            groups=groups,
            n_jobs=self.n_jobs,
        ).H

    def _dense(self, frames: Any, W: Any, H: Any) -> Any:
        """Return the activations with something of the templates that are nearly used; frames come first."""
        if not self.fading:
            return H
        xp = namespace(frames)
        share = xp.minimum(update_ratios(frames.T, W, H.T, beta=self.beta).T, 1)
        for _ in range(self.fading.bit_length() - 1):
            share *= share
        share *= frames.dtype.type(_SHARE) * frames.sum(axis=1, keepdims=True)
        return H + share

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return {
            "front_end": "Factorization",
            "dictionary": self.dictionary.name,
            "dictionary_hash": self.dictionary.hash,
            "beta": self.beta,
            "solver": self.solver,
            "tol": self.tol,
            "max_iter": self.max_iter,
            "certify": self.certify,
            "l1": self.l1,
            "group_l1": self.group_l1,
            "fading": self.fading,
            "settings": self.dictionary.settings.to_dict(),
        }


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

    @property
    def labels(self) -> NDArray[np.int64]:
        """The row of each component."""
        return np.repeat(np.arange(len(self.pitches)), np.diff(self.starts))


def _partials(S: Any, freqs: NDArray[np.float64], pitches: NDArray[np.float64]) -> dict[str, FloatArray]:
    """Return the spectrum at the first partials of every pitch; zero above the highest bin."""
    xp = namespace(S)
    found = {}
    for k in range(1, N_PARTIALS + 1):
        hz = k * pitch_to_hz(pitches)
        bins = np.clip(np.searchsorted(freqs, hz), 1, len(freqs) - 1)
        bins -= hz - freqs[bins - 1] < freqs[bins] - hz
        strength = S[bins]
        for neighbour in (bins - 1, bins + 1):  # inharmonic and mistuned partials lie beside their bin
            xp.maximum(strength, S[np.clip(neighbour, 0, len(freqs) - 1)], out=strength)
        strength[hz > freqs[-1]] = 0
        found[f"partial_{k}"] = to_host(strength)
    return found
