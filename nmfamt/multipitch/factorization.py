"""The NMF front end: a spectrum explained as a sum of learned notes.

Every frame of the spectrogram is approximated by a non-negative combination of the templates of a dictionary
(P. Smaragdis & J. C. Brown, "Non-negative matrix factorization for polyphonic music transcription", WASPAA
2003, with fixed templates as in A. Dessein, A. Cont & G. Lemaitre, "Real-time polyphonic music transcription
with non-negative matrix factorization and beta-divergence", ISMIR 2010). The activations of all templates of
a pitch are added; those of its attack templates alone are the evidence that it starts.

The optimum is sparse: of several templates that would do almost as well it uses one. So every pitch has, besides its
activation, a small share of the frame, spread over its templates in all instruments, times their update ratios to the
power `fading`: how a template that is not needed fades under multiplicative updates that start from equal activations.
This is what makes early-stopped updates robust where the dictionary is of another instrument than the recording, at a
twentieth of their cost (`benchmarks/results/trials.md`). The loss below is that of the optimum itself.

What no note explains is left to a `background` of broad bands (`nmfamt.background`). In the divergence the bins are
weighted, so that soft high partials count (`nmfamt.whitening`); activations have the unit of the spectrum all the same.

Two further kinds of evidence are measured on the way:

``loss``
    How much the divergence of the frame would rise if this pitch were taken out and nothing else changed:
    large where the note explains what no other does, small where it is an octave ghost of another.
``partial_1`` ... ``partial_6``
    The spectrum itself at the first partials of the pitch; a note that starts makes them rise.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.array_namespace import namespace, to_host
from nmfamt.background import background_bands
from nmfamt.dictionary import Dictionary
from nmfamt.equalization import N_FRAMES, equalized, estimate_gain, gain_in_db
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.partials import strength_of_partials
from nmfamt.nmf import GPU_CHUNK_FRAMES, activations, update_ratios
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey
from nmfamt.tuning import check_tuning, estimate_tuning, shift_templates
from nmfamt.whitening import whitening_weights

__all__ = ["Factorization"]

FloatArray = NDArray[np.floating[Any]]

_NARROWEST = 0.25  # octaves
_SHARE = 0.012  # of a frame that a pitch has, its templates being as good as used: about one of 88 keys


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
    background : float
        Octaves from one band of the background to the next; 0 for none.
    whitening : float, in [0, 1]
        Power of the weights of the bins in the divergence; 0 for none.
    tuning : float or "auto"
        Cents by which the recording lies above the dictionary, from -200 to 200: the templates are moved to meet it,
        pitches keep their names. ``"auto"`` estimates it from the recording (`nmfamt.tuning`): a `Transcriber` does so
        in its first pass; a spectrogram that is given to the front end directly is taken for the whole recording.
    equalizer : ndarray, shape (n_bins,), or "auto", or None
        Gain by which the templates are multiplied, to sound as in the recording; ``"auto"`` estimates it likewise
        (`nmfamt.equalization`).
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
    background: float = 1.0
    whitening: float = 0.6
    tuning: float | str = 0.0
    equalizer: FloatArray | str | None = None
    n_jobs: int = 1

    def __post_init__(self) -> None:
        check_tuning(self.tuning)
        self._check_equalizer()
        if self.fading < 0 or self.fading & (self.fading - 1):
            raise NmfamtError(f"fading={self.fading} must be 0 or a power of two, such as 8.")
        if not (self.background == 0 or _NARROWEST <= self.background < np.inf):
            raise NmfamtError(
                f"background={self.background} must be 0 or at least {_NARROWEST} octaves; narrower bands are notes."
            )
        if not 0 <= self.whitening <= 1:
            raise NmfamtError(f"whitening={self.whitening} must lie in [0, 1]: 0 leaves all bins alike, 1 whitens.")
        # Options are refused now, not when there is audio.
        silence = np.zeros((len(self.dictionary.W), 0))
        self._fit(silence, self.dictionary.W, _Rows.of(self.dictionary).labels)

    def _check_equalizer(self) -> None:
        if self.equalizer is None or (isinstance(self.equalizer, str) and self.equalizer == "auto"):
            return
        n_bins = len(self.dictionary.W)
        if isinstance(self.equalizer, str) or np.shape(self.equalizer) != (n_bins,):
            what = repr(self.equalizer) if isinstance(self.equalizer, str) else f"of shape {np.shape(self.equalizer)}"
            raise NmfamtError(f"equalizer={what} must be 'auto', None, or a gain for each of {n_bins} bins.")
        if not (np.isfinite(self.equalizer).all() and (np.asarray(self.equalizer) > 0).all()):
            raise NmfamtError("equalizer holds gains that are not positive numbers.")

    @property
    def _is_fitted(self) -> bool:
        """Whether everything is known that belongs to the recording as a whole."""
        return not isinstance(self.tuning, str) and not isinstance(self.equalizer, str)

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads: those of the dictionary."""
        return self.dictionary.settings

    def fitted(self, survey: Survey) -> "Factorization":
        """Return the front end for a recording: what is ``"auto"``, its tuning and an equalizer, is estimated.

        Parameters
        ----------
        survey : Survey
            Of the recording.

        Raises
        ------
        NmfamtError
            If the survey was taken with other settings than those of the dictionary.

        Examples
        --------
        >>> from nmfamt import load_dictionary
        >>> flute = load_dictionary("flute")
        >>> silence = flute.settings([0.0] * 16000, sr=16000)
        >>> Factorization(flute, tuning="auto").fitted(Survey.of([silence])).tuning
        0.0
        """
        fitted = self
        if isinstance(self.tuning, str):
            fitted = replace(fitted, tuning=estimate_tuning(survey, self.dictionary))
        if isinstance(self.equalizer, str):
            fitted = replace(fitted, equalizer=replace(fitted, equalizer=None)._gain(survey))
        return fitted

    def _gain(self, survey: Survey) -> FloatArray:
        """Estimate by what gain the templates should be multiplied."""
        self.dictionary.check(survey.sample)
        freqs = self.dictionary.settings.freqs
        held = freqs <= survey.sample.bandwidth
        gain = np.ones(len(freqs))
        gain[held] = estimate_gain(
            survey.thinned(N_FRAMES)[held], self.templates[held], freqs[held], self.dictionary.pitches
        )
        return gain

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
        if not self._is_fitted:
            return self._batch_of_recordings(spectrograms, levels)
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
                    lateness=self.dictionary.lateness,
                    level=spectrogram.level() if levels is None else levels[i],
                    info=self.info,
                )
            )
        return found

    def _batch_of_recordings(
        self, spectrograms: Sequence[Spectrogram], levels: Sequence[float] | None
    ) -> list[PitchActivation]:
        """Explain several spectrograms, each as a recording of its own."""
        surveys = [Survey.of([spectrogram]) for spectrogram in spectrograms]
        levels = [survey.level for survey in surveys] if levels is None else levels
        return [
            self.fitted(survey)(spectrogram, level=level)
            for survey, spectrogram, level in zip(surveys, spectrograms, levels, strict=True)
        ]

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Explain a stream of spectrograms; no context is needed, frames are independent.

        On a GPU they are gathered until there are enough to keep it busy.

        Raises
        ------
        NmfamtError
            If `tuning` or `equalizer` is ``"auto"``, or a spectrogram was computed with other settings.
        """
        if not self._is_fitted:
            name = "tuning" if isinstance(self.tuning, str) else "equalizer"
            raise NmfamtError(f"{name}='auto' needs the whole recording before its blocks: use fitted(survey).blocks.")
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
        S_held = S if held.all() else S[held]
        weights = xp.asarray(self._weights[held], dtype=S.dtype)
        W = xp.asarray(self._columns[held], dtype=S.dtype) * weights[:, None]
        frames = xp.ascontiguousarray(S_held.T) * weights
        n_bands = W.shape[1] - len(rows.order)
        labels = np.append(rows.labels, len(rows.pitches) + np.arange(n_bands))
        H = self._fit(frames.T, W, labels).T
        attack = xp.asarray((self.dictionary.stages == "attack")[rows.order], dtype=H.dtype)
        dense = H[:, : len(rows.order)]
        if self.fading:
            dense = dense + S_held.sum(axis=0)[:, None] * self._shares(frames, W, H, rows)
        add, deletion = (add_rows, deletion_loss) if xp is np else (add_rows_of_arrays, deletion_loss_of_arrays)
        return {
            "values": to_host(add(dense, rows.starts)),
            "onsets": to_host(add(dense * attack, rows.starts)),
            "loss": to_host(deletion(frames, W.T, H, rows.starts, self.beta)),
            **strength_of_partials(S, like.freqs, pitch_to_hz(rows.pitches + self._cents / 100)),
        }

    @cached_property
    def templates(self) -> FloatArray:
        """The templates of the dictionary as they are in the recording: tuned and equalized."""
        W = self.dictionary.W
        if self._cents:
            W = shift_templates(W, self.dictionary.settings.freqs, self._cents / 100)
        if self.equalizer is not None:
            W = equalized(W, np.asarray(self.equalizer))
        return W.astype(self.dictionary.W.dtype, copy=False)

    @cached_property
    def _columns(self) -> FloatArray:
        """The templates in the order of the rows, and the background."""
        bands = background_bands(self.settings.freqs, self.background)
        return np.concatenate([self.templates[:, _Rows.of(self.dictionary).order], bands], axis=1)

    @cached_property
    def _weights(self) -> FloatArray:
        """How much each bin counts in the divergence."""
        return whitening_weights(self.templates, self.settings.freqs, self.whitening)

    @property
    def _cents(self) -> float:
        """The tuning, which is known by now."""
        return float(self.tuning)

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

    def _shares(self, frames: Any, W: Any, H: Any, rows: "_Rows") -> Any:
        """Return which share of a frame each template of a note has by being nearly used; frames come first."""
        xp = namespace(frames)
        share = xp.minimum(update_ratios(frames.T, W, H.T, beta=self.beta).T[:, : len(rows.order)], 1)
        for _ in range(self.fading.bit_length() - 1):
            share *= share
        return share * xp.asarray(_SHARE / rows.n_alike, dtype=share.dtype)

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output."""
        return {
            "front_end": "Factorization",
            "dictionary": self.dictionary.name,
            "dictionary_hash": self.dictionary.info.get("hash_before", self.dictionary.hash),
            "lateness": self.dictionary.info.get("lateness"),
            "n_notes_adapted_to": self.dictionary.info.get("n_notes_adapted_to"),
            "beta": self.beta,
            "solver": self.solver,
            "tol": self.tol,
            "max_iter": self.max_iter,
            "certify": self.certify,
            "l1": self.l1,
            "group_l1": self.group_l1,
            "fading": self.fading,
            "background": self.background,
            "whitening": self.whitening,
            "tuning": "auto" if self.tuning == "auto" else self._cents,
            "equalizer": self._equalizer_info,
            "dictionary_choice": self.dictionary.info.get("choice"),
            "settings": self.dictionary.settings.to_dict(),
        }

    @property
    def _equalizer_info(self) -> str | dict[str, float] | None:
        """The equalizer in dB at octaves, where it is known."""
        if self.equalizer is None or isinstance(self.equalizer, str):
            return self.equalizer
        settings = self.dictionary.settings
        return gain_in_db(np.asarray(self.equalizer, dtype=np.float64), settings.freqs, settings.power)


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

    @property
    def n_alike(self) -> NDArray[np.int64]:
        """How many components have the pitch of each, in all instruments."""
        _, number, counts = np.unique(self.pitches[self.labels], return_inverse=True, return_counts=True)
        return np.asarray(counts[number])
