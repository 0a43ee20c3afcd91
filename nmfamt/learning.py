"""Dictionaries learned from isolated notes (which `nmfamt.isolated_notes` finds).

Each file holds one note. Its onset is where the sound first arrives; from there the spectrogram is cut into stages (an
attack of about 50 ms, then sustain stages of geometrically growing length), each averaged into one template. Several
files of a pitch (dynamics, takes, strings) are averaged with equal weight; pitches without a file are made from the
nearest ones, shifted along the frequency axis, and marked as filled.

Finally the notes are transcribed with their own dictionary, to learn how long after an onset the novelty of the
activation peaks: the *latency*, which a tracker subtracts.

Learning from music whose notes are known is in `nmfamt.learning_music`.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.activation import PitchActivation, novelty
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.isolated_notes import IsolatedNote, NoteSources, find_isolated_notes, find_onset, is_contradicted
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.pitch import pitch_to_hz, pitch_to_name
from nmfamt.spectrogram import Settings, Spectrogram, bandwidth
from nmfamt.tuning import shift_templates

__all__ = ["Clip", "fill_pitches", "learn_dictionary", "onset_delays", "read_clips", "stage_edges"]

FloatArray = NDArray[np.floating[Any]]


def learn_dictionary(
    notes: NoteSources,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    n_components: int = 3,
    fill: bool = True,
    pitch_from: str = "name",
) -> Dictionary:
    """Learn a dictionary from isolated notes.

    Parameters
    ----------
    notes : path, or sequence of paths and IsolatedNote
        A folder of audio files, one note each, or several folders and files; see `find_isolated_notes`.
    settings : Settings, optional
        The spectrogram to learn on; by default `LogFrequency`.
    name : str, optional
        Name of the dictionary and of its instrument; by default that of the folder.
    n_components : int
        Templates per pitch: one attack and ``n_components - 1`` sustain stages; at least 2.
    fill : bool
        Make the semitones between the recorded pitches from their neighbours.
    pitch_from : {"name", "audio"}
        Where the pitch of a file is taken from; ``"audio"`` estimates it.

    Returns
    -------
    Dictionary
        With its latency; ``info`` counts the files and pitches that it was learned from.

    Raises
    ------
    NmfamtError
        If there is no audio, a pitch is missing from a name, two notes of one name have different pitches, or
        nothing sounds in a file.

    Warns
    -----
    NmfamtWarning
        If the sound of a file contradicts its name.

    Examples
    --------
    >>> mine = learn_dictionary("my_piano_notes/")  # doctest: +SKIP
    """
    if n_components < 2:
        raise NmfamtError(f"n_components={n_components} must be at least 2: an attack and a sustained sound.")
    settings = LogFrequency() if settings is None else settings
    found = find_isolated_notes(notes, pitch_from=pitch_from)
    name = name or found[0].path.resolve().parent.name
    clips = read_clips(found, settings)
    templates: dict[float, list[FloatArray]] = {}
    for note, clip in zip(found, clips, strict=True):
        templates.setdefault(note.pitch, []).append(_templates(clip, n_components))
    pitches = np.array(sorted(templates))
    columns = np.stack([np.mean(templates[pitch], axis=0) for pitch in pitches.tolist()])
    dictionary = _assemble(pitches, columns, settings, name)
    if fill:
        dictionary = fill_pitches(dictionary, n_components=n_components)
    info = {
        "name": name,
        "latency": _latency(dictionary, found, clips),
        "learned_from": "isolated notes",
        "n_files": len(found),
        "n_pitches": len(pitches),
    }
    return replace(dictionary, info=info)


def stage_edges(n_components: int) -> NDArray[np.float64]:
    """Return the begin and end of every stage in seconds after the onset, shape (n_components, 2).

    Examples
    --------
    >>> stage_edges(3).round(3)
    array([[-0.01 ,  0.045], [ 0.07 ,  0.374], [ 0.374,  2.   ]])
    """
    edges = np.geomspace(0.07, 2.0, n_components)
    sustain = np.stack([edges[:-1], edges[1:]], axis=1)
    return np.concatenate([[[-0.01, 0.045]], sustain])


def fill_pitches(
    dictionary: Dictionary, *, n_components: int, low: float | None = None, high: float | None = None
) -> Dictionary:
    """Make the semitones that nobody recorded from the nearest that somebody did.

    Parameters
    ----------
    dictionary : Dictionary
        With `n_components` columns for every pitch.
    n_components : int
        Templates per pitch.
    low, high : float, optional
        Range to fill in MIDI pitch; by default the recorded one.

    Returns
    -------
    Dictionary
        Complete in semitones over its range, new columns marked in ``filled``.
    """
    have = np.unique(dictionary.pitches)
    low = have[0] if low is None else low
    high = have[-1] if high is None else high
    missing = [p for p in np.arange(np.ceil(low), np.floor(high) + 1) if np.abs(have - p).min() > 0.5]
    if not missing:
        return dictionary
    freqs = dictionary.settings.freqs
    columns = []
    for pitch in missing:
        below, above = have[have < pitch], have[have > pitch]
        sources = [s for s in (below[-1:], above[:1]) if len(s)]
        weights = [1.0 / abs(pitch - s[0]) for s in sources]
        parts = [
            weight * shift_templates(dictionary.W[:, dictionary.pitches == source[0]], freqs, pitch - source[0])
            for source, weight in zip(sources, weights, strict=True)
        ]
        columns.append(np.sum(parts, axis=0) / sum(weights))
    new = _assemble(np.array(missing), np.stack(columns), dictionary.settings, str(dictionary.instruments[0]))
    order = np.argsort(np.concatenate([dictionary.pitches, new.pitches]), kind="stable")
    return replace(
        dictionary,
        W=np.concatenate([dictionary.W, new.W], axis=1)[:, order],
        pitches=np.concatenate([dictionary.pitches, new.pitches])[order],
        stages=np.concatenate([dictionary.stages, new.stages])[order],
        instruments=np.concatenate([dictionary.instruments, new.instruments])[order],
        filled=np.concatenate([dictionary.filled, np.ones(len(new.pitches), dtype=bool)])[order],
    )


def _assemble(pitches: NDArray[np.float64], columns: FloatArray, settings: Settings, name: str) -> Dictionary:
    """Make a dictionary of ``columns (n_pitches, n_bins, n_components)``, the attack first."""
    n_pitches, n_bins, n_components = columns.shape
    return Dictionary(
        W=columns.transpose(1, 0, 2).reshape(n_bins, n_pitches * n_components).astype(np.float32),
        pitches=np.repeat(pitches, n_components),
        stages=np.tile(["attack"] + ["sustain"] * (n_components - 1), n_pitches),
        instruments=np.full(n_pitches * n_components, name),
        settings=settings,
        info={"name": name},
    )


@dataclass(frozen=True, eq=False)
class Clip:
    """The beginning of an isolated note.

    Attributes
    ----------
    spectrogram : Spectrogram
        Until 2.1 s after the onset.
    onset : float
        In seconds.
    """

    spectrogram: Spectrogram
    onset: float


def read_clips(notes: Sequence[IsolatedNote], settings: Settings, *, learned_on: Settings | None = None) -> list[Clip]:
    """Read the beginning of isolated notes, and find their onsets.

    Parameters
    ----------
    notes : sequence of IsolatedNote
        At least one.
    settings : Settings
        Of the spectrograms.
    learned_on : Settings, optional
        Of the spectrograms that templates are learned on, if these are others.

    Raises
    ------
    NmfamtError
        If nothing sounds in a file.

    Warns
    -----
    NmfamtWarning
        If the sound of a file contradicts its name, or it is sampled at too low a rate for the settings.
    """
    _warn_of_low_rates(notes, settings if learned_on is None else learned_on)
    clips = [_read_clip(note, settings) for note in notes]
    _warn_of_contradictions(notes, clips)
    return clips


def _read_clip(note: IsolatedNote, settings: Settings) -> Clip:
    y, _ = audio.load(note.path, sr=settings.sr)
    spectrogram = settings(y, sr=settings.sr)
    try:
        onset = find_onset(y, settings.sr, around=_arrival(spectrogram, note.pitch))
    except NmfamtError as error:
        raise NmfamtError(f"'{note.path}' cannot be learned from: {error}.") from error
    kept = spectrogram.times <= onset + 2.1
    return Clip(Spectrogram(spectrogram.S[:, kept], spectrogram.freqs, spectrogram.times[kept], settings), onset)


def _arrival(spectrogram: Spectrogram, pitch: float) -> float | None:
    """Return roughly when the partials of a pitch arrive: halfway up (in amplitude) to their first large maximum.

    None where the spectrogram has no bin for them, or they never sound.
    """
    hz = pitch_to_hz(pitch) * np.arange(1, 6)
    distance = np.abs(np.log2(spectrogram.freqs[:, None] / hz)).min(axis=1)
    strength = spectrogram.S[distance < 0.5 / 12].sum(axis=0)
    if not strength.any():
        return None
    return float(spectrogram.times[int(np.argmax(strength >= 0.5 * strength.max()))])


def _templates(clip: Clip, n_components: int) -> FloatArray:
    """Return the unit-sum templates of one note, shape (n_bins, n_components)."""
    S, age = clip.spectrogram.S, clip.spectrogram.times - clip.onset
    sums = S.sum(axis=0)
    audible = sums > 0.03 * sums[age >= 0].max(initial=0)
    loudest = S[:, int(np.where(age >= 0, sums, 0).argmax())]
    columns: list[FloatArray] = []
    for begin, end in stage_edges(n_components):
        frames = (age >= begin) & (age <= end) & (audible | (age < 0.07))
        if frames.any() and S[:, frames].any():
            column = S[:, frames].mean(axis=1)
        else:  # a note too short for a stage looks there as it did last
            column = columns[-1] if columns else loudest
        columns.append(column / column.sum())
    return np.stack(columns, axis=1)


def _warn_of_contradictions(notes: Sequence[IsolatedNote], clips: Sequence[Clip]) -> None:
    """Warn where another pitch than that of the file name is heard.

    The pitch heard is that with the most salient partials in the mean spectrum. Octaves and twelfths share partials
    and are not told apart, and in the top octave of the piano thumps can outweigh the tone.
    """
    for note, clip in zip(notes, clips, strict=True):
        if note.known_from != "name" or note.pitch > 100:
            continue
        spectrum = clip.spectrogram.S.mean(axis=1)
        pitches = np.arange(21.0, 109.0)
        salience = np.array([_salience(spectrum, clip.spectrogram.freqs, pitch) for pitch in pitches.tolist()])
        other = np.array([is_contradicted(note.pitch, pitch) for pitch in pitches.tolist()])
        own = max(salience[np.abs(pitches - note.pitch) <= 1].max(initial=0), 1e-12)
        if salience[other].max() > 2 * own:
            heard = pitch_to_name(float(pitches[other][salience[other].argmax()]))
            warnings.warn(
                f"'{note.path}' is named {pitch_to_name(note.pitch)} but sounds more like {heard}.",
                NmfamtWarning,
                stacklevel=4,
            )


def _warn_of_low_rates(notes: Sequence[IsolatedNote], settings: Settings) -> None:
    """Warn where the files hold less of the spectrum than the templates are to have."""
    slowest = min(notes, key=lambda note: audio.info(note.path).sr)
    sr = audio.info(slowest.path).sr
    held = bandwidth(sr, settings.sr)
    if held < settings.freqs[-1]:
        warnings.warn(
            f"'{slowest.path}' is sampled at {sr} Hz: its templates are empty above {held:.0f} Hz, and fit only "
            "recordings at that rate or lower. Learn on settings with a lower fmax, or record the notes at "
            f"{settings.sr} Hz.",
            NmfamtWarning,
            stacklevel=4,
        )


def _salience(spectrum: FloatArray, freqs: NDArray[np.float64], pitch: float) -> float:
    """Return the weighted sum of a spectrum at the first eight partials of a pitch, to a third of a semitone."""
    weights = np.arange(1, 9) ** -0.5
    partials = pitch_to_hz(pitch) * np.arange(1, 9)
    held = partials <= freqs[-1]
    near = np.abs(np.log2(freqs / partials[held, None])) <= 0.35 / 12
    strengths = np.where(near, spectrum, 0).max(axis=1)
    return float(weights[held] @ strengths / np.sqrt(weights[held].sum())) if held.any() else 0.0


def _latency(dictionary: Dictionary, notes: Sequence[IsolatedNote], clips: Sequence[Clip]) -> float:
    """Return the median delay between the onset of a note and the peak of its novelty, in seconds."""
    front_end = Factorization(dictionary)
    delays = []
    for note, clip in zip(notes, clips, strict=True):
        times = clip.spectrogram.times
        near = (times >= clip.onset - 0.2) & (times <= clip.onset + 0.4)
        S, freqs = clip.spectrogram.S[:, near], clip.spectrogram.freqs
        activation = front_end(Spectrogram(S, freqs, times[near], dictionary.settings))
        delays += onset_delays(activation, [clip.onset], [note.pitch])
    return float(np.median(delays)) if delays else 0.0


def onset_delays(activation: PitchActivation, onsets: Sequence[float], pitches: Sequence[float]) -> list[float]:
    """Return how long after their onsets the novelty of notes peaks.

    Parameters
    ----------
    activation : PitchActivation
        Of a recording of the notes.
    onsets, pitches : sequence of float
        When each note begins, in seconds, and its MIDI pitch.

    Returns
    -------
    list of float
        Seconds, within 0.15 either way; notes that leave no trace there are left out.
    """
    rise = novelty(activation.values, activation.onsets)
    delays = []
    for onset, pitch in zip(onsets, pitches, strict=True):
        near = np.flatnonzero(np.abs(activation.times - onset) <= 0.15)
        row = int(np.abs(activation.pitches - pitch).argmin())
        if len(near) and rise[row, near].any():
            delays.append(float(activation.times[near[rise[row, near].argmax()]]) - onset)
    return delays
