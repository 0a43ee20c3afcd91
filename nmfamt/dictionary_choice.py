"""Which dictionaries explain a recording best: what plays, as far as their timbres tell.

Every dictionary is fitted to a sample of the recording, and the one with the lowest score wins; then another is put
beside it, as long as that lowers the score clearly. The score is the Kullback-Leibler divergence, made fair in three
ways without which a real piano is mostly taken for a harp or a marimba:

1. *Parsimony.* Templates that are almost sinusoids fit anything if there are enough of them. So each template that a
   frame needs on average makes the divergence count `_PER_TEMPLATE` more, as criteria for the choice of models do
   (H. Akaike, "A new look at the statistical model identification", IEEE TAC 19 (1974)).
2. *Colour.* Microphone, room and the very instrument are not those of the dictionary: its templates are first
   multiplied by one smooth curve, the ratio of the mean spectra of recording and model.
3. *Background.* A few broad bands, the same for all, take what is noise and breath; no dictionary gains by having
   recorded some.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.background import background_bands
from nmfamt.blas import single_thread
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.survey import Survey
from nmfamt.tuning import explain, shift_templates

__all__ = ["Choice", "choose_dictionaries"]

FloatArray = NDArray[np.floating[Any]]

# Measured on 200 recordings, see `benchmarks/results/trials.md`.
_N_FRAMES = 100
_PER_TEMPLATE = 0.12
_USED = 2e-3  # share of a frame from which on a template counts
_BACKGROUND = 2.0  # octaves from one band to the next
_SMOOTH = 30.0  # standard deviation of what smooths the colour, in bins: 5/8 of an octave
_CLEARLY = 0.82  # another dictionary is taken where the score falls below this share of what it was
_LEAST = 0.01  # and where so much more is explained


@dataclass(frozen=True, eq=False)
class Choice:
    """The dictionaries that explain a recording best.

    Attributes
    ----------
    dictionaries : tuple of Dictionary
        The best, and what was put beside it.
    explained : float
        Share of the divergence of a featureless background that they explain together, at most 1.
    alone : dict of str to float
        The same for each candidate by itself, the best first: by score, so that one which explains less, but with
        fewer templates, may come before another.
    """

    dictionaries: tuple[Dictionary, ...]
    explained: float
    alone: dict[str, float]

    @property
    def dictionary(self) -> Dictionary:
        """All of them side by side."""
        return self.dictionaries[0] if len(self.dictionaries) == 1 else combine_dictionaries(self.dictionaries)

    @property
    def info(self) -> dict[str, Any]:
        """What was chosen and why, ready for JSON; of the candidates the best five."""
        return {
            "dictionaries": [dictionary.name for dictionary in self.dictionaries],
            "explained": round(self.explained, 3),
            "alone": {name: round(share, 3) for name, share in list(self.alone.items())[:5]},
        }


def choose_dictionaries(
    survey: Survey, candidates: Sequence[Dictionary], *, tuning: float = 0.0, n_most: int = 4
) -> Choice:
    """Choose the dictionary, or the few, that explain a recording best.

    Parameters
    ----------
    survey : Survey
        Of the recording.
    candidates : sequence of Dictionary
        To choose from; of equals the first. Each name once.
    tuning : float
        Cents by which the recording lies above them.
    n_most : int
        How many instruments may play together.

    Raises
    ------
    NmfamtError
        If there are no candidates, or the survey was taken with other settings than theirs.

    Examples
    --------
    >>> from nmfamt import Spectrogram, load_dictionary
    >>> candidates = [load_dictionary(name) for name in ("piano", "flute", "harp")]
    >>> flute, harp = candidates[1:]
    >>> S = flute.W[:, 0::6] + harp.W[:, 120 : 120 + flute.W[:, 0::6].shape[1]]
    >>> spectrogram = Spectrogram(S, flute.settings.freqs, np.arange(S.shape[1]) / 100, flute.settings)
    >>> sorted(choose_dictionaries(Survey.of([spectrogram]), candidates).info["dictionaries"])
    ['flute', 'harp']
    """
    if not candidates:
        raise NmfamtError("There are no dictionaries to choose from: give at least one.")
    for dictionary in candidates:
        dictionary.check(survey.sample)
    freqs = survey.sample.freqs
    held = freqs <= survey.sample.bandwidth
    sample = _Sample.of(survey.thinned(_N_FRAMES)[held], freqs[held])
    templates = {}
    for dictionary in candidates:
        W = shift_templates(dictionary.W, freqs, tuning / 100) if tuning else dictionary.W
        templates[dictionary.name] = sample.coloured(W[held].astype(sample.V.dtype))
    fits = {name: sample.fit(W) for name, W in templates.items()}
    order = sorted(fits, key=lambda name: fits[name].score)
    chosen, best = order[:1], fits[order[0]]
    while len(chosen) < min(n_most, len(order)):
        together = np.concatenate([templates[name] for name in chosen], axis=1)
        more = {
            name: sample.fit(np.concatenate([together, W], axis=1))
            for name, W in templates.items()
            if name not in chosen
        }
        name = min(more, key=lambda name: more[name].score)
        if more[name].score >= _CLEARLY * best.score or more[name].explained < best.explained + _LEAST:
            break
        chosen.append(name)
        best = more[name]
    by_name = {dictionary.name: dictionary for dictionary in candidates}
    return Choice(
        tuple(by_name[name] for name in chosen), best.explained, {name: fits[name].explained for name in order}
    )


@dataclass(frozen=True)
class _Fit:
    """How well some templates explain a sample."""

    score: float  # lower is better
    explained: float


@dataclass(frozen=True, eq=False)
class _Sample:
    """Spectra, and what is the same whatever plays."""

    V: FloatArray
    background: FloatArray  # (n_bins, n_bands), unit sums
    divergence: float  # of the background alone

    @classmethod
    def of(cls, V: FloatArray, freqs: NDArray[np.float64]) -> "_Sample":
        background = background_bands(freqs, _BACKGROUND).astype(V.dtype)
        return cls(V, background, explain(V, background)[0])

    @single_thread()
    def coloured(self, W: FloatArray) -> FloatArray:
        """Return templates in the colour of the recording, with unit sums."""
        from scipy.ndimage import gaussian_filter1d

        everything = np.concatenate([W, self.background], axis=1)
        _, H = explain(self.V, everything)
        mean, model = self.V.sum(axis=1), everything @ H.sum(axis=1)
        floor = 1e-6 * mean.max(initial=0) + np.finfo(mean.dtype).tiny
        W = W * ((gaussian_filter1d(mean, _SMOOTH) + floor) / (gaussian_filter1d(model, _SMOOTH) + floor))[:, None]
        sums = W.sum(axis=0)
        return np.asarray(W / np.where(sums > 0, sums, 1))

    def fit(self, W: FloatArray) -> _Fit:
        """Fit templates and background."""
        divergence, H = explain(self.V, np.concatenate([W, self.background], axis=1))
        used = H[: W.shape[1]] > _USED * self.V.sum(axis=0)
        n_used = used.sum() / max(1, self.V.shape[1])
        explained = 1 - divergence / self.divergence if self.divergence else 0.0
        return _Fit(divergence * (1 + _PER_TEMPLATE * float(n_used)), explained)
