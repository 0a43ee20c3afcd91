"""A front end that first finds out what plays: the dictionary, or the few, that explain the recording best.

How they are compared is in `nmfamt.dictionary_choice`. Where the recording turns out to lie beside their tuning, they
are compared once more in its own: of templates that all lie off, the bluntest looks best.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from nmfamt.activation import PitchActivation
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_choice import choose_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.multipitch.factorization import Factorization
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey
from nmfamt.tuning import check_tuning, estimate_tuning

__all__ = ["BestDictionary"]


@dataclass(frozen=True)
class BestDictionary:
    """Front end: `Factorization` with whatever dictionaries explain the recording best.

    Parameters
    ----------
    candidates : tuple of Dictionary
        To choose from, learned on the same settings.
    make : callable
        Returns the `Factorization` for a dictionary.
    tuning : float or "auto"
        Of that, whatever `make` says.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfamt import Spectrogram, load_dictionary
    >>> candidates = tuple(load_dictionary(name) for name in ("piano", "flute", "harp"))
    >>> flute = candidates[1]
    >>> S = flute.W[:, ::3]
    >>> times = np.arange(S.shape[1]) / 100
    >>> activation = BestDictionary(candidates)(Spectrogram(S, flute.settings.freqs, times, flute.settings))
    >>> activation.info["dictionary"], activation.info["dictionary_choice"]["dictionaries"]
    ('flute', ['flute'])
    """

    candidates: tuple[Dictionary, ...]
    make: Callable[[Dictionary], Factorization] = Factorization
    tuning: float | str = "auto"

    def __post_init__(self) -> None:
        check_tuning(self.tuning)
        if not self.candidates:
            raise NmfamtError("There are no dictionaries to choose from: give at least one.")

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads: those of the candidates."""
        return self.candidates[0].settings

    def fitted(self, survey: Survey) -> Factorization:
        """Return the front end for a recording; its ``info`` says what was chosen, and how well that explains it.

        Raises
        ------
        NmfamtError
            If the survey was taken with other settings than those of the dictionaries.
        """
        given = 0.0 if self.tuning == "auto" else float(self.tuning)
        choice = choose_dictionaries(survey, self.candidates, tuning=given)
        if self.tuning == "auto":
            found = estimate_tuning(survey, choice.dictionary)
            choice = choose_dictionaries(survey, self.candidates, tuning=found) if found else choice
        chosen = choice.dictionary
        chosen = replace(chosen, info={**chosen.info, "choice": choice.info})
        return replace(self.make(chosen), tuning=self.tuning).fitted(survey)

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Choose dictionaries for a spectrogram, taken for the whole recording, and explain it with them."""
        survey = Survey.of([spectrogram])
        return self.fitted(survey)(spectrogram, level=survey.level if level is None else level)

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Refuse: what plays is not known before the whole recording is.

        Raises
        ------
        NmfamtError
            Always.
        """
        raise NmfamtError("What plays is found in the whole recording before its blocks: use fitted(survey).blocks.")

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this front end in an output, before it has heard anything."""
        return {
            "front_end": "BestDictionary",
            "candidates": [dictionary.name for dictionary in self.candidates],
            "tuning": self.tuning,
        }
