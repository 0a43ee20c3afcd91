"""From a recording to its notes: the stages composed, and run over a stream.

There are two passes over the spectrogram of a recording. The first takes a survey of it (`nmfamt.survey`), from which a
front end may learn what it must know of the whole, such as how the instrument is tuned; the second computes, block by
block, activation and notes. Memory does not grow with the length of the audio: between the passes no spectrogram is
kept, and audio only up to `nmfamt.recording.AUDIO_BYTES`; what is longer is read twice. Blocks are counted from the
start of the recording: cutting it differently, or reading it from an array instead of a file, gives the same notes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard, runtime_checkable

from nmfamt import __version__
from nmfamt.activation import PitchActivation
from nmfamt.array_namespace import check_device
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.recording import Source, open_recording
from nmfamt.self_adaptation import adapt_to_itself
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.survey import Survey
from nmfamt.timbre_transfer import can_be_adapted
from nmfamt.tracking import HMMTracker

__all__ = ["Fittable", "FrontEnd", "Progress", "Tracker", "Transcriber"]

Progress = Callable[[float], None]

_FIRST_PASS = 0.15  # share of the time that the first pass takes


class FrontEnd(Protocol):
    """Anything that turns spectrograms into activations."""

    @property
    def settings(self) -> Settings:
        """Of the spectrograms that it reads."""
        ...

    def __call__(self, spectrogram: Spectrogram, *, level: float | None = None) -> PitchActivation:
        """Find the pitches of a spectrogram."""
        ...

    def blocks(self, spectrograms: Iterable[Spectrogram], *, level: float) -> Iterator[PitchActivation]:
        """Find the pitches of a stream of spectrograms."""
        ...

    @property
    def info(self) -> dict[str, Any]:
        """What identifies the front end in an output."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """A front end that has something to learn from the recording as a whole before it is run."""

    def fitted(self, survey: Survey) -> FrontEnd:
        """Return the front end for this recording; the one that is asked stays as it is."""
        ...


class Tracker(Protocol):
    """Anything that turns activations into notes."""

    def __call__(self, activation: PitchActivation) -> Notes:
        """Find the notes of an activation."""
        ...

    def stream(self, activations: Iterable[PitchActivation]) -> Notes:
        """Find the notes of a recording whose activation comes in blocks."""
        ...

    @property
    def info(self) -> dict[str, Any]:
        """What identifies the tracker in an output."""
        ...


@dataclass(frozen=True)
class Transcriber:
    """A spectrogram, a front end and a tracker, run one after the other.

    Parameters
    ----------
    settings : Settings
        Of the spectrogram.
    front_end : FrontEnd
        Such as `Factorization`; if it is `Fittable`, what it makes of the survey of a recording.
    tracker : Tracker
        Such as `HMMTracker`.
    device : {"cpu", "cuda"}
        Where spectrogram and activations are computed; the tracker runs on the CPU.
    adapt : bool
        Whether the dictionary is adapted to the beginning of the recording by what is found there
        (`nmfamt.self_adaptation.adapt_to_itself`). With a `Factorization` and an `HMMTracker`.

    Examples
    --------
    >>> import numpy as np
    >>> from nmfamt import Factorization, HMMTracker, load_dictionary
    >>> piano = load_dictionary("piano")
    >>> transcriber = Transcriber(piano.settings, Factorization(piano), HMMTracker())
    >>> len(transcriber(np.zeros(8000), sr=8000))
    0
    """

    settings: Settings
    front_end: FrontEnd
    tracker: Tracker
    device: str = "cpu"
    adapt: bool = False

    def __post_init__(self) -> None:
        check_device(self.device)

    def __call__(
        self,
        source: Source,
        *,
        sr: float | None = None,
        start: float = 0.0,
        end: float | None = None,
        progress: Progress | None = None,
    ) -> Notes:
        """Transcribe a recording; see `transcribe` for the parameters."""
        front_end, activations = self._started(source, sr, start, end, progress)
        notes = self.tracker.stream(activations)
        info = {"version": __version__, **front_end.info, **self.tracker.info}
        if progress:
            progress(1.0)
        return replace(notes, info=info)

    def activations(
        self,
        source: Source,
        *,
        sr: float | None = None,
        start: float = 0.0,
        end: float | None = None,
        progress: Progress | None = None,
    ) -> Iterator[PitchActivation]:
        """Yield the activations of a recording block by block; see `transcribe` for the parameters.

        Examples
        --------
        >>> import numpy as np
        >>> from nmfamt import Factorization, HMMTracker, load_dictionary
        >>> violin = load_dictionary("violin")
        >>> transcriber = Transcriber(violin.settings, Factorization(violin), HMMTracker())
        >>> blocks = transcriber.activations(np.zeros(160_000), sr=16000)
        >>> [block.values.shape for block in blocks]
        [(46, 512), (46, 489)]
        """
        _, activations = self._started(source, sr, start, end, progress)
        yield from activations

    def _started(
        self, source: Source, sr: float | None, start: float, end: float | None, progress: Progress | None
    ) -> tuple[FrontEnd, Iterator[PitchActivation]]:
        """Run the first pass; return the front end for this recording, and the second pass."""
        recording = open_recording(source, sr=sr, target=self.settings.sr, start=start, end=end, device=self.device)
        measuring, finding = _parts(progress, _FIRST_PASS)
        first, second = recording.passes(self.settings, first=measuring, second=finding)
        survey = Survey.of(first)
        front_end = self.front_end.fitted(survey) if isinstance(self.front_end, Fittable) else self.front_end
        if self.adapt and _adapts(front_end) and isinstance(self.tracker, HMMTracker):
            adapted = adapt_to_itself(front_end, survey.excerpt, self.tracker)
            if adapted is not front_end and front_end.equalizer is not None:
                adapted = replace(adapted, equalizer="auto").fitted(survey)
            front_end = adapted
        return front_end, front_end.blocks(second, level=survey.level)


def _adapts(front_end: FrontEnd) -> TypeGuard[Factorization]:
    """Whether a front end has a dictionary that can be adapted."""
    return isinstance(front_end, Factorization) and can_be_adapted(front_end.dictionary)


def _parts(progress: Progress | None, border: float) -> tuple[Progress | None, Progress | None]:
    """Return what reports the progress of two passes as that of one, the first of which takes the share `border`."""
    if progress is None:
        return None, None
    return lambda done: progress(border * done), lambda done: progress(border + (1 - border) * done)
