"""Dictionaries that are made to fit an instrument of which little is known.

`adapt_dictionary` takes a dictionary of some other specimen, or some other instrument, and one of these:

* a few isolated notes. What is recorded replaces the templates of its pitches, and what it teaches is carried over to
  all others (`nmfamt.timbre_transfer`);
* a recording, with the notes that are played in it, or those of its beginning: the templates of these pitches are
  learned by masks (`nmfamt.learning_music`), and what they teach is carried over in the same way;
* a recording alone. It is transcribed with the dictionary as it is (equalized), and what was found is taken for the
  notes that are played; wrong ones teach little, because a template keeps a share of its starting point. This is
  self-training (H. J. Scudder, "Probability of error of some adaptive pattern-recognition machines", IEEE
  Transactions on Information Theory 11, 1965), and what `transcribe` does with the beginning of every recording.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nmfamt import audio
from nmfamt.activation import PitchActivation
from nmfamt.alignment import align_notes
from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.equalization import N_FRAMES, equalized, estimate_gain
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import NoteSources
from nmfamt.learning import learn_dictionary
from nmfamt.learning_music import learn_dictionary_from_music, learn_templates
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.spectrogram import CHUNK_FRAMES, Spectrogram
from nmfamt.survey import Survey
from nmfamt.timbre_transfer import count_components, transfer_timbre, transfer_timbres
from nmfamt.tracking import HMMTracker
from nmfamt.tracking.instruments import instrument_probabilities
from nmfamt.tuning import shift_templates

__all__ = ["adapt_dictionary", "adapt_to_itself"]

Path = str | os.PathLike[str]

_MUSIC_PRIOR = 0.3  # weight of the dictionary where templates are learned from labelled music
_MUSIC_ROUNDS = 8
_SELF_PRIOR = 0.4  # the same where many notes were found and none given
_FEW_NOTES = 200  # where so few were found, it is twice that
_LEAST_NOTES = 20
_LEAST_PROBABILITY = 0.2  # that an instrument played a note from which it learns
_EVERY = 2  # frames of an excerpt, of which one is learned from


def adapt_dictionary(
    dictionary: Path | Dictionary,
    notes: NoteSources | None = None,
    *,
    music: Path | Spectrogram | None = None,
    labels: Path | Notes | None = None,
    until: float | None = None,
    align: bool = False,
    name: str | None = None,
    pitch_from: str = "name",
) -> Dictionary:
    """Make a dictionary fit an instrument.

    Parameters
    ----------
    dictionary : str, path or Dictionary
        Where to start: a shipped name, a file, or a dictionary with an attack and the same number of templates for
        every pitch.
    notes : path, or sequence of paths and IsolatedNote, optional
        A few isolated notes, as for `learn_dictionary`; a dozen over the whole range are worth most.
    music : path or Spectrogram, optional
        A recording instead.
    labels : path or Notes, optional
        The notes that are played in it: a MIDI, CSV, JSON or TSV file.
    until : float, optional
        Up to when `labels` say everything, in seconds; by default to the end.
    align : bool
        Whether `labels` are a score that is first brought into time with the recording (`nmfamt.alignment`).
    name : str, optional
        Of the result and its instrument; by default that of `dictionary`, adapted.
    pitch_from : {"name", "audio"}
        Where the pitch of an isolated note is taken from.

    Returns
    -------
    Dictionary
        Over the range of `dictionary` and of what was recorded. Its latency is that of the notes; from labelled music
        it is such that the default tracker finds onsets where the labels have them; from an aligned score, or a
        recording alone, it is that of `dictionary`. ``info`` says what it was adapted from and to.

    Raises
    ------
    NmfamtError
        If neither or both of notes and music are given, labels without music, or something cannot be learned from.

    Examples
    --------
    >>> mine = adapt_dictionary("piano", "twelve_notes/")  # doctest: +SKIP
    >>> mine = adapt_dictionary("piano", music="nocturne.wav", labels="corrected.mid", until=10)  # doctest: +SKIP
    """
    if (notes is None) == (music is None):
        raise NmfamtError("Give either isolated notes to adapt to, or music=, a recording.")
    if music is None and (labels is not None or until is not None):
        raise NmfamtError("labels and until belong to music: isolated notes have their pitches in their names.")
    if align and until is not None:
        raise NmfamtError(f"until={until} cannot be used with align: a score is aligned as a whole.")
    if labels is None and align:
        raise NmfamtError("align needs labels: give the score.")
    if labels is None and until is not None:
        raise NmfamtError(f"until={until} says how far labels reach, but there are none: give labels.")
    start = dictionary if isinstance(dictionary, Dictionary) else load_dictionary(dictionary)
    n_components = count_components(start)
    name = name or f"{start.name}, adapted"
    info: dict[str, Any] = {"name": name, "adapted_from": start.info.get("name"), "adapted_from_hash": start.hash}
    if notes is not None:
        learned = learn_dictionary(
            notes, settings=start.settings, name=name, n_components=n_components, fill=False, pitch_from=pitch_from
        )
        adapted = transfer_timbre(start, learned)
        info |= {"learned_from": "isolated notes", "latency": learned.latency, "n_pitches": len(learned.rows)}
    else:
        assert music is not None
        spectrogram = music if isinstance(music, Spectrogram) else _spectrogram(music, start)
        start.check(spectrogram)
        if labels is None:
            front_end = Factorization(start, tuning="auto", equalizer="auto").fitted(Survey.of([spectrogram]))
            found = adapt_to_itself(front_end, spectrogram, HMMTracker())
            adapted = _equalized(start, spectrogram) if found is front_end else found.dictionary
            info |= {"learned_from": "a recording", "latency": start.latency}
        else:
            equal = _equalized(start, spectrogram)
            played = labels if isinstance(labels, Notes) else Notes.read(labels)
            if align:
                played = align_notes(played, Factorization(equal)(spectrogram))
            learned = _learned_from(spectrogram, played, until, equal)
            adapted = transfer_timbre(equal, learned)
            # Labels record actions, so that what was measured holds the delay of the sound; the tracker takes that off
            # again. An aligned score says nothing about it: it was brought where the dictionary finds onsets.
            latency = start.latency if align else learned.latency - HMMTracker.action_delay
            info |= {"learned_from": "labelled music", "latency": latency, "n_pitches": len(learned.rows)}
    return replace(adapted, instruments=np.full(len(adapted.pitches), name), info=info)


def adapt_to_itself(front_end: Factorization, excerpt: Spectrogram, tracker: HMMTracker) -> Factorization:
    """Adapt the dictionary of a front end to a recording by what it finds there.

    Parameters
    ----------
    front_end : Factorization
        Fitted to the recording; its dictionary has the same number of templates for every pitch. Of several instruments
        each may take part in every note that is found, for whose it is is less certain than that it is there. With
        what that teaches the excerpt is read again, and each learns from the notes that it may well have played.
    excerpt : Spectrogram
        Some of the recording, as it was played.
    tracker : HMMTracker
        What reads notes from the activation; of its options only the model counts.

    Returns
    -------
    Factorization
        With another dictionary, which has no need of an equalizer; the same as before where there are hardly any notes.

    Examples
    --------
    >>> piano = load_dictionary("piano")
    >>> silence = piano.settings([0.0] * 16000, sr=16000)
    >>> front_end = Factorization(piano)
    >>> adapt_to_itself(front_end, silence, HMMTracker()) is front_end
    True
    """
    sound_times = HMMTracker(action_delay=0.0, model=tracker.model)
    notes = sound_times.stream(_activations(front_end, excerpt))
    if len(notes) < _LEAST_NOTES:
        return front_end
    anybody = replace(notes, instruments=np.full(len(notes), ""))
    adapted = _adapted_to(front_end, excerpt, anybody, n_notes=len(notes))
    if len(np.unique(front_end.dictionary.instruments)) == 1:
        return adapted
    activation = PitchActivation.concatenate(list(_activations(adapted, excerpt)))
    notes = sound_times(activation)
    if len(notes) < _LEAST_NOTES:
        return adapted
    names, probabilities = instrument_probabilities(notes, activation)
    played = [
        replace(notes, instruments=np.full(len(notes), name)).select(probabilities[:, k] >= _LEAST_PROBABILITY)
        for k, name in enumerate(names.tolist())
    ]
    return _adapted_to(front_end, excerpt, Notes.concatenate(played), n_notes=len(notes))


def _activations(front_end: Factorization, excerpt: Spectrogram) -> Iterator[PitchActivation]:
    parts = (excerpt.frames(first, first + CHUNK_FRAMES) for first in range(0, excerpt.n_frames, CHUNK_FRAMES))
    return front_end.blocks(parts, level=excerpt.level())


def _adapted_to(front_end: Factorization, excerpt: Spectrogram, notes: Notes, *, n_notes: int) -> Factorization:
    """Return the front end with what the notes of an excerpt teach, each its instrument or, if it has none, all."""
    origin = front_end.dictionary
    # The templates as they are in this recording; they are moved back to their own tuning in the end.
    start = replace(origin, W=front_end.templates)
    heard = np.zeros(len(start.pitches), dtype=bool)
    for name in np.unique(start.instruments):
        mine = notes.select(np.isin(notes.instruments, ["", name]))
        heard |= (start.instruments == name) & np.isin(np.round(start.pitches), np.round(mine.pitches))
    thinned = replace(excerpt, S=excerpt.S[:, ::_EVERY], times=excerpt.times[::_EVERY])
    prior = _SELF_PRIOR * (1 + _FEW_NOTES / n_notes)
    learned = learn_templates([(thinned, notes)], start.select(heard), prior=prior, n_iter=_MUSIC_ROUNDS)
    adapted = transfer_timbres(start, learned)
    cents = float(front_end.tuning)
    W = shift_templates(adapted.W, origin.settings.freqs, -cents / 100).astype(np.float32) if cents else adapted.W
    info = {**origin.info, "adapted_from_hash": origin.hash, "n_notes_adapted_to": n_notes}
    return replace(front_end, dictionary=replace(adapted, W=W, info=info), equalizer=None)


def _spectrogram(path: Path, start: Dictionary) -> Spectrogram:
    y, sr = audio.load(path, sr=start.settings.sr)
    spectrogram = start.settings(y, sr=sr)
    if not spectrogram.S.any():
        raise NmfamtError(f"Nothing sounds in '{os.fspath(path)}': there is nothing to adapt to.")
    return spectrogram


def _equalized(start: Dictionary, spectrogram: Spectrogram) -> Dictionary:
    """Return the dictionary with the gain of the recording."""
    gain = estimate_gain(Survey.of([spectrogram]).thinned(N_FRAMES), start.W, start.settings.freqs, start.pitches)
    return replace(start, W=equalized(start.W, gain).astype(np.float32))


def _learned_from(spectrogram: Spectrogram, labels: Path | Notes, until: float | None, start: Dictionary) -> Dictionary:
    """Return the templates of the labelled pitches alone."""
    notes = labels if isinstance(labels, Notes) else Notes.read(labels)
    if until is not None:
        if not 0 < until < np.inf:
            raise NmfamtError(f"until={until} must be a time in seconds after the beginning, such as 10.")
        kept = spectrogram.times < until
        spectrogram = replace(spectrogram, S=spectrogram.S[:, kept], times=spectrogram.times[kept])
        notes = notes.select(notes.intervals[:, 0] < until)
    n_components = count_components(start)
    inside = (notes.pitches >= start.pitches.min() - 0.5) & (notes.pitches <= start.pitches.max() + 0.5)
    learned = learn_dictionary_from_music(
        [(spectrogram, notes.select(inside))],
        start=start,
        name=start.name,
        n_components=n_components,
        prior=_MUSIC_PRIOR,
        n_iter=_MUSIC_ROUNDS,
    )
    return learned.select(~learned.filled)
