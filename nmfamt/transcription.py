"""From a recording to its notes in one call, and in two halves.

A method is chosen by name and composed of its stages; what it is made of, and every option that was given, stands in
the ``info`` of the notes. `nmfamt.transcriber` says how the stages run.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from nmfamt import __version__
from nmfamt.activation import PitchActivation
from nmfamt.array_namespace import check_device
from nmfamt.dictionary import Dictionary, load_dictionary, shipped_dictionaries
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.methods import DEFAULT, find_method
from nmfamt.multipitch import BestDictionary
from nmfamt.notes import Notes
from nmfamt.recording import Source
from nmfamt.tracking import HMMTracker
from nmfamt.transcriber import FrontEnd, Progress, Tracker, Transcriber
from nmfamt.tuning import check_tuning

__all__ = ["AUTO", "activate", "limit_polyphony", "make_transcriber", "prepare_dictionary", "track", "transcribe"]

AUTO = "auto"
"""As a dictionary: whichever of those that ship explain the recording best."""

Dictionaries = str | os.PathLike[str] | Dictionary | Sequence[str | os.PathLike[str] | Dictionary]


def transcribe(
    source: Source,
    *,
    sr: float | None = None,
    dictionary: Dictionaries | None = None,
    method: str = DEFAULT,
    device: str = "cpu",
    sensitivity: float | None = None,
    min_duration: float | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
    tuning: float | str = "auto",
    equalizer: bool = True,
    adapt: bool = True,
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
    dictionary : str, path, Dictionary, or several of them, optional
        What plays: a shipped name (see `list_dictionaries`), a file, or a dictionary; by default the piano. Several are
        told apart.
        ``"auto"`` takes the shipped one, or the few, that explain the recording best; ``info["dictionary_choice"]``
        says which, and how well. Methods that learn from isolated notes take the folder that holds them, or what was
        learned from it; those that need nothing take no dictionary.
    method : str
        A name from `nmfamt.methods.METHODS`.
    device : {"cpu", "cuda"}
        Where spectrogram and activations are computed; ``"cuda"`` needs CuPy and a dictionary on `LogFrequency`.
    sensitivity : float, optional, in (0, 1)
        A note is kept when its confidence is at least ``1 - sensitivity``; methods with a threshold have that of their
        paper at 0.5, twice as high towards 0 and none towards 1.
    min_duration : float, optional
        Shorter notes are dropped, in seconds.
    fmin, fmax : float, optional
        Only notes whose fundamental lies between these frequencies in Hz are looked for.
    tuning : float or "auto"
        Cents by which the recording lies above the dictionary (A4 = 440 Hz for what ships, and where none is needed),
        from -200 to 200: 8 for 442 Hz, -101 for 415 Hz. ``"auto"`` estimates it, within half a semitone. Notes have
        their nominal pitches either way; ``info["tuning"]`` says what was used.
    equalizer : bool
        Whether the templates are equalized to sound as in the recording; ``info["equalizer"]`` says how, in dB. With
        the method ``nmf`` alone.
    adapt : bool
        Whether the dictionary is adapted to the recording by what is found in its first 45 seconds. Takes about as long
        as these; with the method ``nmf`` alone.
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
        tuning=tuning,
        equalizer=equalizer,
        adapt=adapt,
        polyphony=polyphony,
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
    dictionary: Dictionaries | None = None,
    method: str = DEFAULT,
    device: str = "cpu",
    fmin: float | None = None,
    fmax: float | None = None,
    tuning: float | str = "auto",
    equalizer: bool = True,
    adapt: bool = True,
    polyphony: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    progress: Progress | None = None,
) -> PitchActivation:
    """Compute the pitch activation of a recording, the first half of `transcribe`; same parameters.

    Methods without a dictionary look for at most `polyphony` pitches at once; others leave that to `track`.

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
    _check_polyphony(polyphony)
    transcriber = make_transcriber(
        dictionary,
        method=method,
        device=device,
        fmin=fmin,
        fmax=fmax,
        tuning=tuning,
        equalizer=equalizer,
        adapt=adapt,
        polyphony=polyphony,
    )
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
    tracker = find_method(method).tracker(**_given(sensitivity=sensitivity, min_duration=min_duration))
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
    dictionary: Dictionaries | None = None,
    *,
    method: str = DEFAULT,
    device: str = "cpu",
    sensitivity: float | None = None,
    min_duration: float | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
    tuning: float | str = "auto",
    equalizer: bool = True,
    adapt: bool = True,
    polyphony: int | None = None,
) -> Transcriber:
    """Compose the stages of a method; see `transcribe` for the parameters.

    Examples
    --------
    >>> make_transcriber("violin", method="threshold-nmf").tracker
    Threshold(threshold=0.05, min_duration=0.05, max_gap=0.0, smoothing=0.0)
    """
    recipe = find_method(method)
    check_device(device)
    check_tuning(tuning)
    tracker: Tracker = recipe.tracker(**_given(sensitivity=sensitivity, min_duration=min_duration))
    learned = prepare_dictionary(dictionary, method=method)
    limits = _given(fmin=fmin, fmax=fmax)
    if fmin is not None and fmax is not None and fmax < fmin:
        raise NmfamtError(f"fmax={fmax:g} Hz is below fmin={fmin:g} Hz: exchange them.")
    front_end: FrontEnd
    if recipe.needs == "a dictionary":
        make = partial(recipe.front_end, tuning=tuning, **({"equalizer": equalizer} if recipe.adapts else {}))
        candidates = _candidates() if learned == AUTO else [learned]
        if limits:
            candidates = _between(candidates, limits.get("fmin", 0.0), limits.get("fmax", np.inf))
        front_end = BestDictionary(tuple(candidates), make, tuning) if learned == AUTO else make(candidates[0])
    else:
        first = [] if learned is None else [learned]
        front_end = recipe.front_end(*first, **limits, **_given(polyphony=polyphony), tuning=tuning)
    settings = front_end.settings
    if device != "cpu" and not isinstance(settings, LogFrequency):
        raise NmfamtError(
            f"device={device!r} computes LogFrequency alone, and this {method} reads {type(settings).__name__}: use "
            "device='cpu'."
        )
    return Transcriber(settings, front_end, tracker, device, adapt and recipe.adapts)


def prepare_dictionary(dictionary: Dictionaries | None, *, method: str = DEFAULT) -> Any:
    """Return what a method needs to know of the notes, loaded or learned; once, where many recordings follow.

    Parameters
    ----------
    dictionary, method
        As in `transcribe`.

    Returns
    -------
    Dictionary, or what the method learns from isolated notes, or ``"auto"``, or None
        A dictionary for `transcribe`; None where the method needs nothing.

    Raises
    ------
    NmfamtError
        If the method needs none, or another kind, or there is none of that name.

    Examples
    --------
    >>> prepare_dictionary(None).name, prepare_dictionary(["piano", "flute"]).name
    ('piano', 'piano+flute')
    """
    recipe = find_method(method)
    if recipe.needs == "nothing":
        if dictionary is not None:
            raise NmfamtError(f"The method {method!r} needs no dictionary: leave it out, or take the method 'nmf'.")
        return None
    if recipe.learn is not None:
        if dictionary is None:
            raise NmfamtError(
                f"The method {method!r} learns from isolated notes of the instrument: give dictionary='my_notes/', a "
                f"folder of them, or a file that `nmfamt learn --method {method}` wrote."
            )
        return recipe.learn(dictionary)
    if isinstance(dictionary, str) and dictionary == AUTO:
        return AUTO
    return _dictionary("piano" if dictionary is None else dictionary)


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _candidates() -> list[Dictionary]:
    """Return what ships, the piano first: of silence nothing else can be said than the default."""
    return sorted(shipped_dictionaries(), key=lambda dictionary: dictionary.name != "piano")


def _between(dictionaries: Sequence[Dictionary], fmin: float, fmax: float) -> list[Dictionary]:
    """Return what dictionaries have between two frequencies; those that have nothing there are left out."""
    found, refusal = [], None
    for dictionary in dictionaries:
        try:
            found.append(dictionary.between(fmin, fmax))
        except NmfamtError as error:
            refusal = error
    if refusal and not found:
        raise refusal
    return found


def _dictionary(dictionary: Dictionaries) -> Dictionary:
    if isinstance(dictionary, Dictionary):
        return dictionary
    if isinstance(dictionary, str | os.PathLike):
        return load_dictionary(dictionary)
    if AUTO in [item for item in dictionary if isinstance(item, str)]:
        raise NmfamtError(f"dictionary={AUTO!r} finds out how many instruments play: give it alone.")
    loaded = [_dictionary(item) for item in dictionary]
    return loaded[0] if len(loaded) == 1 else combine_dictionaries(loaded)
