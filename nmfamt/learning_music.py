"""Dictionaries learned from music whose notes are known.

The labels say when each note sounds, so the activations of its templates may be positive only there: the attack
template around its onset, each sustain template while the note has the age it stands for. Under these masks templates
and activations are estimated in turn by multiplicative updates of the Kullback-Leibler divergence (`nmfamt.nmf`),
starting from harmonic tones. This is score-informed NMF: S. Ewert & M. Müller, "Using score-informed constraints for
NMF-based source separation", ICASSP 2012; the attack and sustain stages are those of `nmfamt.learning`.

Departures:

1. Every template keeps a small share of its starting point, `prior` times the mean activation of all templates, so
   that a note heard once, or only together with others, is not fitted to their remains.
2. Recordings are visited one after the other; only the sums of a whole pass change the templates.
3. Labels are rounded to semitones: what is tuned otherwise is learned from isolated notes.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError
from nmfamt.lateness import measure_lateness
from nmfamt.learning import fill_pitches, onset_delays, stage_edges
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.nmf.factorize import factorize
from nmfamt.notes import Notes
from nmfamt.pitch import hz_to_pitch, pitch_to_hz
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.timbre_transfer import transfer_timbre

__all__ = [
    "harmonic_dictionary",
    "learn_dictionary_from_music",
    "learn_played_pitches",
    "learn_templates",
    "note_mask",
    "read_pieces",
]

FloatArray = NDArray[np.floating[Any]]

_AROUND = 12  # semitones beyond what is played: the next piece may go there


def learn_dictionary_from_music(
    recordings: Sequence[tuple[str | os.PathLike[str] | Spectrogram, str | os.PathLike[str] | Notes]],
    *,
    settings: Settings | None = None,
    name: str = "music",
    n_components: int = 3,
    start: Dictionary | None = None,
    prior: float = 0.05,
    n_iter: int = 20,
) -> Dictionary:
    """Learn a dictionary from recordings and their notes.

    Parameters
    ----------
    recordings : sequence of (audio, labels)
        Each a path or a `Spectrogram`, with a MIDI or TSV file or `Notes`.
    settings : Settings, optional
        The spectrogram to learn on; by default that of `start`, else `LogFrequency`.
    name : str
        Name of the dictionary and its instrument.
    n_components : int
        Templates per pitch, as in `learn_dictionary`.
    start : Dictionary, optional
        Where the templates start, and what they fall back on; by default harmonic tones.
    prior : float
        Weight of that starting point, in units of the mean activation of a template.
    n_iter : int
        Passes over the recordings.

    Returns
    -------
    Dictionary
        Over the range of the labels, pitches without a note filled from their neighbours. Without `start` it goes an
        octave further on either side, and what the notes teach is carried over to all other pitches
        (`nmfamt.timbre_transfer`), which are marked as filled as well. Its latency and lateness are measured against
        the labels: the default tracker finds onsets and offsets where these have them.

    Raises
    ------
    NmfamtError
        If there are no recordings, nothing sounds in one, its labels hold no note within the audio, or a spectrogram or
        `start` does not fit the settings or `n_components`.
    """
    if n_components < 2:
        raise NmfamtError(f"n_components={n_components} must be at least 2: an attack and a sustained sound.")
    settings = settings or (start.settings if start else LogFrequency())
    pieces = read_pieces(recordings, settings)
    if start is None:
        around = harmonic_dictionary(_pitches_around(pieces, settings), settings, n_components=n_components)
        played = learn_played_pitches(pieces, around, prior=prior, n_iter=n_iter)
        learned = transfer_timbre(around, played)
    else:
        _check_start(start, settings, n_components)
        played = learn_played_pitches(pieces, start, prior=prior, n_iter=n_iter)
        learned = fill_pitches(played, n_components=n_components)
    info = {"name": name, "latency": 0.0, "learned_from": "labelled music", "n_recordings": len(pieces)}
    learned = replace(learned, instruments=np.full(len(learned.pitches), name), info=info)
    learned = replace(learned, info={**info, "latency": _latency(learned, pieces)})
    return learned.with_lateness(measure_lateness(learned, pieces))


def read_pieces(
    recordings: Sequence[tuple[str | os.PathLike[str] | Spectrogram, str | os.PathLike[str] | Notes]],
    settings: Settings,
) -> list[tuple[Spectrogram, Notes]]:
    """Return spectrograms and the notes that begin in them; what cannot be learned from is refused."""
    if not recordings:
        raise NmfamtError("No recordings were given: pair at least one audio file with its labels.")
    return [_read_piece(sound, labels, settings) for sound, labels in recordings]


def learn_played_pitches(
    pieces: Sequence[tuple[Spectrogram, Notes]], start: Dictionary, *, prior: float, n_iter: int
) -> Dictionary:
    """Learn the templates of the pitches that are played, and return those alone; see `learn_dictionary_from_music`.

    Parameters
    ----------
    pieces : sequence of (Spectrogram, Notes)
        As `read_pieces` returns them.
    start : Dictionary
        With the same number of templates for every pitch; pitches between its own are filled.
    prior, n_iter
        As for `learn_templates`.

    Raises
    ------
    NmfamtError
        If `start` has no templates at a pitch that is played.
    """
    heard = _heard(pieces)
    n_components = len(start.pitches) // len(start.rows)
    base = fill_pitches(start, n_components=n_components, low=heard[0], high=heard[-1])
    base = base.select(np.isin(base.pitches, heard))
    if len(base.rows) < len(heard):
        lacking = sorted(set(heard.tolist()) - set(base.pitches.tolist()))
        raise NmfamtError(f"Dictionary {start.name!r} has no templates at the pitches {lacking}: start without it.")
    return learn_templates(pieces, base, prior=prior, n_iter=n_iter)


def _pitches_around(pieces: Sequence[tuple[Spectrogram, Notes]], settings: Settings) -> NDArray[np.float64]:
    """Return the range of what is played and an octave more on either side, as far as the spectrogram reaches."""
    heard = _heard(pieces)
    lowest = np.ceil(hz_to_pitch(max(float(settings.freqs[0]), pitch_to_hz(0.0))))
    highest = min(np.floor(hz_to_pitch(float(settings.freqs[-1]))), 127.0)
    low, high = max(heard[0] - _AROUND, lowest), min(heard[-1] + _AROUND, highest)
    return np.arange(min(low, heard[0]), max(high, heard[-1]) + 1)


def _heard(pieces: Sequence[tuple[Spectrogram, Notes]]) -> NDArray[np.float64]:
    """Return the pitches that are played, in semitones."""
    return np.unique(np.round(np.concatenate([notes.pitches for _, notes in pieces])))


def _read_piece(
    sound: str | os.PathLike[str] | Spectrogram, labels: str | os.PathLike[str] | Notes, settings: Settings
) -> tuple[Spectrogram, Notes]:
    """Return a spectrogram and the notes that begin in it."""
    if isinstance(sound, Spectrogram):
        what, spectrogram = "the spectrogram", sound
    else:
        what, spectrogram = f"'{os.fspath(sound)}'", _spectrogram(sound, settings)
    if spectrogram.settings != settings:
        raise NmfamtError(f"A spectrogram is {spectrogram.settings}, to be learned on is {settings}: use one of them.")
    notes = labels if isinstance(labels, Notes) else Notes.read(labels)
    duration = float(spectrogram.times[-1])
    notes = notes.select(notes.intervals[:, 0] < duration)
    if not len(notes):
        raise NmfamtError(f"The labels of {what} hold no note within its {duration:.1f} s of audio.")
    if not spectrogram.S.any():
        raise NmfamtError(f"Nothing sounds in {what}: there is nothing to learn from.")
    return spectrogram, notes


def _spectrogram(path: str | os.PathLike[str], settings: Settings) -> Spectrogram:
    y, sr = audio.load(path, sr=settings.sr)
    return settings(y, sr=sr)


def _check_start(start: Dictionary, settings: Settings, n_components: int) -> None:
    if start.settings != settings:
        raise NmfamtError(
            f"Dictionary {start.name!r} was learned on {start.settings}, to be learned on is {settings}: "
            "start without it, or leave out the settings."
        )
    counts = np.unique(start.pitches, return_counts=True)[1]
    if (counts != n_components).any():
        raise NmfamtError(
            f"Dictionary {start.name!r} has {counts.max()} templates for a pitch, n_components is {n_components}: "
            "these must be equal, and every pitch have as many."
        )


def _latency(dictionary: Dictionary, pieces: Sequence[tuple[Spectrogram, Notes]]) -> float:
    """Return the median delay between the labelled onsets and the peaks of novelty, in seconds."""
    front_end = Factorization(dictionary)
    delays = []
    for spectrogram, notes in pieces:
        delays += onset_delays(front_end(spectrogram), notes.intervals[:, 0].tolist(), notes.pitches.tolist())
    return float(np.median(delays)) if delays else 0.0


def note_mask(
    notes: Notes, times: NDArray[np.float64], pitches: NDArray[np.float64], *, n_components: int
) -> NDArray[np.bool_]:
    """Return where the labels allow each template to be active.

    Parameters
    ----------
    notes : Notes
        The labels.
    times : ndarray, shape (n_frames,)
        Frame centres in seconds.
    pitches : ndarray, shape (n_rows * n_components,)
        Pitch of every template, those of a pitch in the order of their stages.
    n_components : int
        Templates per pitch.

    Returns
    -------
    ndarray of bool, shape (n_rows * n_components, n_frames)
        Stages overlap a little, and a note may ring 0.15 s beyond its label.
    """
    edges = stage_edges(n_components)
    mask = np.zeros((len(pitches), len(times)), dtype=bool)
    of_rows = pitches[::n_components]
    for (onset, offset), pitch in zip(notes.intervals, np.round(notes.pitches), strict=True):
        firsts = n_components * np.flatnonzero(of_rows == pitch)
        for stage, (begin, end) in enumerate(edges):
            last = np.inf if stage == n_components - 1 else onset + end + 0.05
            inside = (times >= onset + begin - 0.03) & (times <= min(last, offset + 0.15))
            mask[firsts + stage] |= inside
    return mask


def harmonic_dictionary(
    pitches: NDArray[np.float64], settings: Settings, *, n_components: int = 3, n_partials: int = 20
) -> Dictionary:
    """Return templates of harmonic tones whose partials fall off as 1 / k; nothing is learned.

    Parameters
    ----------
    pitches : ndarray, shape (n_pitches,)
        MIDI pitches whose fundamental lies within the spectrogram.
    settings : Settings
        The spectrogram.
    n_components : int
        Templates per pitch, all the same.
    n_partials : int
        Partials of a tone, as far as the spectrogram reaches.

    Raises
    ------
    NmfamtError
        If a pitch lies above the spectrogram.

    Examples
    --------
    >>> harmonic_dictionary(np.arange(60.0, 64.0), LogFrequency()).rows[-1]
    ('harmonic', 63.0)
    """
    time = np.arange(settings.sr) / settings.sr
    columns = []
    for pitch in pitches.tolist():
        partials = np.arange(1, n_partials + 1) * pitch_to_hz(pitch)
        partials = partials[partials < min(settings.sr / 2, settings.freqs[-1])]
        if not len(partials):
            raise NmfamtError(f"Pitch {pitch:g} lies above the spectrogram, which ends at {settings.freqs[-1]:.0f} Hz.")
        y = sum(np.sin(2 * np.pi * hz * time + k) / (k + 1) for k, hz in enumerate(partials.tolist()))
        columns.append(settings(y, sr=settings.sr).S.T[len(time) // settings.hop_length // 2])
    n_pitches = len(pitches)
    return Dictionary(
        W=np.repeat(np.stack(columns, axis=1), n_components, axis=1).astype(np.float32),
        pitches=np.repeat(pitches, n_components),
        stages=np.tile(["attack"] + ["sustain"] * (n_components - 1), n_pitches),
        instruments=np.full(n_pitches * n_components, "harmonic"),
        settings=settings,
        info={"name": "harmonic"},
    )


def learn_templates(
    pieces: Sequence[tuple[Spectrogram, Notes]], base: Dictionary, *, prior: float = 0.05, n_iter: int = 20
) -> Dictionary:
    """Learn the templates of a dictionary anew, all pitches of which are played.

    Parameters
    ----------
    pieces : sequence of (Spectrogram, Notes)
        Recordings and their notes; frames may be left out.
    base : Dictionary
        Where the templates start, and what they fall back on; with the same number of templates for every pitch. Of
        several instruments those take part in a note that it names, or, where it names none, each that has its pitch:
        the sound decides.
    prior : float
        Weight of that starting point, in units of the mean activation of a template.
    n_iter : int
        Passes over the recordings.

    Returns
    -------
    Dictionary
        With other templates, none of them filled.
    """
    n_components = len(base.pitches) // len(base.rows)
    several = len(np.unique(base.instruments)) > 1
    data, masks = [], []
    for spectrogram, notes in pieces:
        mask = np.zeros((len(base.pitches), spectrogram.n_frames), dtype=bool)
        for name in np.unique(base.instruments):
            mine = base.instruments == name
            played = notes.select(np.isin(notes.instruments, ["", name])) if several else notes
            mask[mine] = note_mask(played, spectrogram.times, base.pitches[mine], n_components=n_components)
        used = mask.any(axis=0)  # frames in which nothing may sound teach nothing
        data.append(spectrogram.S[:, used].astype(np.float32, copy=False))
        masks.append(mask[:, used])
    fit = factorize(data, base.W, mask=masks, prior=prior, max_iter=n_iter, check_every=0, n_activation_updates=2)
    return replace(base, W=fit.W, filled=np.zeros(len(base.pitches), dtype=bool))
