"""From a recording to its notes: the stages composed, and run over a stream.

A recording is read twice. The first pass measures its level, the only thing that must be known of the whole before
notes can be judged; the second computes, block by block, spectrogram, activation and notes, so that memory does not
grow with the length of the audio. Blocks are counted from the start of the recording: cutting it differently, or
reading it from an array instead of a file, gives the same notes.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from nmfamt import __version__
from nmfamt.activation import PitchActivation
from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.dictionary_mixing import average_columns, combine_dictionaries
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.methods import DEFAULT, find_method
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.recording import Source, open_recording
from nmfamt.spectrogram import Settings, Spectrogram, measure_level
from nmfamt.tracking import HMMTracker, Threshold

__all__ = [
    "FrontEnd",
    "Tracker",
    "Transcriber",
    "activate",
    "limit_polyphony",
    "make_transcriber",
    "track",
    "transcribe",
]

Progress = Callable[[float], None]
Dictionaries = str | os.PathLike[str] | Dictionary | Sequence[str | os.PathLike[str] | Dictionary]

_FIRST_PASS = 0.15  # share of the time that the first pass takes


class FrontEnd(Protocol):
    """Anything that turns spectrograms into activations."""

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


class Tracker(Protocol):
    """Anything that turns activations into notes."""

    def __call__(self, activation: PitchActivation) -> Notes:
        """Find the notes of an activation."""
        ...

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Find the notes of a stream of activations."""
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
        Such as `Factorization`.
    tracker : Tracker
        Such as `HMMTracker`.

    Examples
    --------
    >>> piano = load_dictionary("piano")
    >>> transcriber = Transcriber(piano.settings, Factorization(piano), HMMTracker())
    >>> len(transcriber(np.zeros(8000), sr=8000))
    0
    """

    settings: Settings
    front_end: FrontEnd
    tracker: Tracker

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
        activations = self.activations(source, sr=sr, start=start, end=end, progress=progress)
        notes = Notes.concatenate([Notes.empty(), *self.tracker.blocks(activations)])
        info = {"version": __version__, **self.front_end.info, **self.tracker.info}
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
        >>> blocks = make_transcriber("violin").activations(np.zeros(160_000), sr=16000)
        >>> [block.values.shape for block in blocks]
        [(46, 512), (46, 489)]
        """
        recording = open_recording(source, sr=sr, target=self.settings.sr, start=start, end=end)
        first, second = _parts(progress, _FIRST_PASS)
        level = measure_level(recording.spectrograms(self.settings, progress=first))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NmfamtWarning)  # said in the first pass
            blocks = recording.read()
        spectrograms = recording.spectrograms(self.settings, blocks=blocks, progress=second)
        yield from self.front_end.blocks(spectrograms, level=level)


def _parts(progress: Progress | None, border: float) -> tuple[Progress | None, Progress | None]:
    """Return what reports the progress of two passes as that of one, the first of which takes the share `border`."""
    if progress is None:
        return None, None
    return lambda done: progress(border * done), lambda done: progress(border + (1 - border) * done)


def transcribe(
    source: Source,
    *,
    sr: float | None = None,
    dictionary: Dictionaries = "piano",
    method: str = DEFAULT,
    device: str = "cpu",
    sensitivity: float | None = None,
    min_duration: float | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
    polyphony: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    progress: Progress | None = None,
) -> Notes:
    """Transcribe a recording.

    Parameters
    ----------
    source : path or array_like, shape (n_samples,) or (n_channels, n_samples)
        A file that soundfile can read, or audio, with `sr`.
    sr : float, optional
        Sample rate of an array in Hz.
    dictionary : str, path, Dictionary, or several of them
        What plays: a shipped name (see `list_dictionaries`), a file, or a dictionary. Several are told apart.
    method : str
        A name from `nmfamt.methods.METHODS`.
    device : {"cpu"}
        Where it is computed.
    sensitivity : float, optional, in (0, 1)
        A note is kept when its confidence is at least ``1 - sensitivity``; with ``threshold-nmf``, the threshold is a
        tenth of that.
    min_duration : float, optional
        Shorter notes are dropped, in seconds.
    fmin, fmax : float, optional
        Only notes whose fundamental lies between these frequencies in Hz are looked for.
    polyphony : int, optional
        At most so many notes sound at once; the least confident give way.
    start, end : float, optional
        The part to transcribe, in seconds; times of the notes count from the beginning of the recording.
    progress : callable, optional
        Called with the share that is done, from 0 to 1.

    Returns
    -------
    notes : Notes
        With ``info`` saying which version, dictionary and settings made them.

    Raises
    ------
    NmfamtError
        If the audio, the dictionary or an option cannot be used; the message says what would work.

    Examples
    --------
    >>> notes = transcribe("nocturne.wav", dictionary="piano")  # doctest: +SKIP
    >>> notes.write("nocturne.mid")  # doctest: +SKIP

    >>> silence = transcribe(np.zeros(16000), sr=16000, dictionary="violin")
    >>> len(silence), silence.info["dictionary"], silence.info["method"]
    (0, 'violin', 'nmf')
    """
    _check_polyphony(polyphony)
    transcriber = make_transcriber(
        dictionary,
        method=method,
        device=device,
        sensitivity=sensitivity,
        min_duration=min_duration,
        fmin=fmin,
        fmax=fmax,
    )
    if isinstance(transcriber.tracker, HMMTracker):  # told now, not after a pass over the audio
        transcriber.tracker.check_hop(transcriber.settings.hop_length / transcriber.settings.sr)
    notes = transcriber(source, sr=sr, start=start, end=end, progress=progress)
    notes = replace(notes, info={**notes.info, **_part(fmin, fmax, start, end)})
    return _finished(notes, method, polyphony)


def activate(
    source: Source,
    *,
    sr: float | None = None,
    dictionary: Dictionaries = "piano",
    method: str = DEFAULT,
    device: str = "cpu",
    fmin: float | None = None,
    fmax: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    progress: Progress | None = None,
) -> PitchActivation:
    """Compute the pitch activation of a recording, the first half of `transcribe`; same parameters.

    Returns
    -------
    PitchActivation
        Of the whole recording; about 20 MB a minute for 88 pitches with all their evidence.

    Examples
    --------
    >>> a = activate(np.sin(2 * np.pi * 440 * np.arange(16000) / 16000), sr=16000)
    >>> a.values.shape, float(a.pitches[a.values[:, 50].argmax()])
    ((88, 101), 69.0)
    """
    transcriber = make_transcriber(dictionary, method=method, device=device, fmin=fmin, fmax=fmax)
    parts = transcriber.activations(source, sr=sr, start=start, end=end, progress=progress)
    activation = PitchActivation.concatenate(list(parts))
    return replace(activation, info={**activation.info, **_part(fmin, fmax, start, end)})


def _part(fmin: float | None, fmax: float | None, start: float, end: float | None) -> dict[str, float | None]:
    """Return which part of the recording was looked at, ready for JSON."""
    limits = {"fmin": fmin, "fmax": fmax, "start": start, "end": end}
    return {name: None if limit is None or not np.isfinite(limit) else float(limit) for name, limit in limits.items()}


def track(
    activation: PitchActivation,
    *,
    method: str = DEFAULT,
    sensitivity: float | None = None,
    min_duration: float | None = None,
    polyphony: int | None = None,
) -> Notes:
    """Trace the notes of an activation, the second half of `transcribe`; same parameters.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> track(activate(y, sr=16000)).equals(transcribe(y, sr=16000))
    True
    """
    _check_polyphony(polyphony)
    tracker = _tracker(method, sensitivity, min_duration)
    notes = tracker(activation)
    info = {"version": __version__, **activation.info, **tracker.info}
    return _finished(replace(notes, info=info), method, polyphony)


def _check_polyphony(polyphony: int | None) -> None:
    if polyphony is not None and polyphony < 1:
        raise NmfamtError(f"polyphony={polyphony} must be at least 1.")


def _finished(notes: Notes, method: str, polyphony: int | None) -> Notes:
    """Apply what concerns the notes as a whole, and say so."""
    if polyphony is not None:
        notes = limit_polyphony(notes, polyphony)
    return replace(notes, info={**notes.info, "method": method, "polyphony": polyphony})


def limit_polyphony(notes: Notes, polyphony: int) -> Notes:
    """Drop the least confident notes wherever more than `polyphony` sound at once.

    Raises
    ------
    NmfamtError
        If `polyphony` is less than 1.

    Examples
    --------
    >>> chord = Notes([[0, 1], [0, 1], [2, 3]], [60, 64, 67], confidences=[0.9, 0.6, 0.5])
    >>> limit_polyphony(chord, 1).pitches
    array([60., 67.])
    """
    _check_polyphony(polyphony)
    kept = np.zeros(len(notes), dtype=bool)
    for i in np.argsort(-notes.confidences, kind="stable"):
        onset, offset = notes.intervals[i]
        beside = notes.intervals[kept & (notes.intervals[:, 0] < offset) & (notes.intervals[:, 1] > onset)]
        # The number of notes at once is greatest where one of them begins.
        begins = np.maximum(np.append(beside[:, 0], onset), onset)
        together = [(beside[:, 0] <= t) & (beside[:, 1] > t) for t in begins]
        kept[i] = max(int(mask.sum()) for mask in together) < polyphony
    return notes.select(kept)


def make_transcriber(
    dictionary: Dictionaries = "piano",
    *,
    method: str = DEFAULT,
    device: str = "cpu",
    sensitivity: float | None = None,
    min_duration: float | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
) -> Transcriber:
    """Compose the stages of a method; see `transcribe` for the parameters.

    Examples
    --------
    >>> make_transcriber("violin", method="threshold-nmf").tracker
    Threshold(threshold=0.05, min_duration=0.05)
    """
    find_method(method)
    if device != "cpu":
        raise NmfamtError(f"device={device!r} is not available in nmfamt {__version__}: use 'cpu'.")
    chosen = _dictionary(dictionary)
    if fmin is not None or fmax is not None:
        chosen = chosen.between(fmin or 0.0, np.inf if fmax is None else fmax)
    if method == "threshold-nmf":
        chosen = average_columns(chosen)
    return Transcriber(chosen.settings, Factorization(chosen), _tracker(method, sensitivity, min_duration))


def _dictionary(dictionary: Dictionaries) -> Dictionary:
    if isinstance(dictionary, Dictionary):
        return dictionary
    if isinstance(dictionary, str | os.PathLike):
        return load_dictionary(dictionary)
    loaded = [_dictionary(item) for item in dictionary]
    return loaded[0] if len(loaded) == 1 else combine_dictionaries(loaded)


def _tracker(method: str, sensitivity: float | None, min_duration: float | None) -> Tracker:
    find_method(method)
    if method == "threshold-nmf":
        if sensitivity is not None and not 0 < sensitivity < 1:
            raise NmfamtError(f"sensitivity={sensitivity} must lie between 0 and 1, such as 0.5.")
        return Threshold(
            Threshold.threshold if sensitivity is None else 0.1 * (1 - sensitivity),
            Threshold.min_duration if min_duration is None else min_duration,
        )
    return HMMTracker(
        HMMTracker.sensitivity if sensitivity is None else sensitivity,
        HMMTracker.min_duration if min_duration is None else min_duration,
    )
