"""Dictionaries that are made to fit an instrument of which little is known.

`adapt_dictionary` takes a dictionary of some other specimen, or some other instrument, and one of these:

* a few isolated notes. What is recorded replaces the templates of its pitches, and what it teaches is carried over to
  all others (`nmfamt.timbre_transfer`);
* recordings, with the notes that are played in them, or those of the beginning: the templates of these pitches are
  learned by masks (`nmfamt.learning_music`), what they teach is carried over in the same way, and where notes are found
  later than labelled, that is remembered (`nmfamt.lateness`);
* a recording alone, which is transcribed and learned from (`nmfamt.self_adaptation`).
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nmfamt import audio
from nmfamt.alignment import align_notes
from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.equalization import N_FRAMES, equalized, estimate_gain
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import NoteSources
from nmfamt.lateness import measure_lateness
from nmfamt.learning import learn_dictionary
from nmfamt.learning_music import learn_played_pitches, read_pieces
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.self_adaptation import adapt_to_itself
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import Survey
from nmfamt.timbre_transfer import count_components, transfer_timbre
from nmfamt.tracking import HMMTracker

__all__ = ["adapt_dictionary"]

Path = str | os.PathLike[str]

_PRIOR = 0.3  # weight of the dictionary where templates are learned from labelled music
_N_ROUNDS = 8


def adapt_dictionary(
    dictionary: Path | Dictionary,
    notes: NoteSources | None = None,
    *,
    music: Path | Spectrogram | Sequence[Path | Spectrogram] | None = None,
    labels: Path | Notes | Sequence[Path | Notes] | None = None,
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
    music : path or Spectrogram, or sequence of them, optional
        A recording instead, or several with their labels.
    labels : path or Notes, or sequence of them, optional
        The notes that are played in each: a MIDI, CSV, JSON or TSV file.
    until : float, optional
        Up to when `labels` say everything, in seconds; by default to the end. Of one recording.
    align : bool
        Whether `labels` are scores, each first brought into time with its recording (`nmfamt.alignment`).
    name : str, optional
        Of the result and its instrument; by default that of `dictionary`, adapted.
    pitch_from : {"name", "audio"}
        Where the pitch of an isolated note is taken from.

    Returns
    -------
    Dictionary
        Over the range of `dictionary` and of what was recorded. Its latency is that of the notes; from music latency
        and lateness are those of `dictionary`, but where it is labelled (and not by a score) the lateness is such that
        the default tracker finds onsets and offsets where labels have them. ``info`` says what it was adapted from and
        to.

    Raises
    ------
    NmfamtError
        If neither or both of notes and music are given, labels without music, several recordings without labels for
        each, or something cannot be learned from.

    Examples
    --------
    >>> mine = adapt_dictionary("piano", "twelve_notes/")  # doctest: +SKIP
    >>> mine = adapt_dictionary("piano", music="nocturne.wav", labels="corrected.mid", until=10)  # doctest: +SKIP
    """
    if (notes is None) == (music is None):
        raise NmfamtError("Give either isolated notes to adapt to, or music=, a recording.")
    if music is None and (labels is not None or until is not None):
        raise NmfamtError("labels and until belong to music: isolated notes have their pitches in their names.")
    if music is not None:
        _check_music(len(_listed(music)), len(_listed(labels)), until, align=align)
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
        spectrograms = [_spectrogram(recording, start) for recording in _listed(music)]
        played = [notes if isinstance(notes, Notes) else Notes.read(notes) for notes in _listed(labels)]
        info |= {"latency": start.latency, "lateness": start.info.get("lateness"), "n_recordings": len(spectrograms)}
        if played:
            adapted, facts = _adapted_to_labels(start, spectrograms, played, until, align=align)
            info |= {"learned_from": "labelled music", **facts}
        else:
            adapted = _adapted_to_sound(start, spectrograms[0])
            info |= {"learned_from": "a recording"}
    return replace(adapted, instruments=np.full(len(adapted.pitches), name), info=info)


def _adapted_to_sound(start: Dictionary, spectrogram: Spectrogram) -> Dictionary:
    """Return the dictionary with what a recording teaches of which nothing is known."""
    front_end = Factorization(start, tuning="auto", equalizer="auto").fitted(Survey.of([spectrogram]))
    found = adapt_to_itself(front_end, spectrogram, HMMTracker())
    return _equalized(start, [spectrogram]) if found is front_end else found.dictionary


def _adapted_to_labels(
    start: Dictionary, spectrograms: Sequence[Spectrogram], labels: Sequence[Notes], until: float | None, *, align: bool
) -> tuple[Dictionary, dict[str, Any]]:
    """Return the dictionary with what labelled recordings teach, and what there is to say about that."""
    equal = _equalized(start, spectrograms)
    if align:
        front_end = Factorization(equal)
        labels = [align_notes(notes, front_end(s)) for notes, s in zip(labels, spectrograms, strict=True)]
    known = list(zip(spectrograms, labels, strict=True))
    if until is not None:
        known = [_beginning(spectrogram, notes, until) for spectrogram, notes in known]
    low, high = equal.pitches.min() - 0.5, equal.pitches.max() + 0.5
    within = [(s, notes.select((notes.pitches >= low) & (notes.pitches <= high))) for s, notes in known]
    pieces = read_pieces(within, equal.settings)
    learned = learn_played_pitches(pieces, equal, prior=_PRIOR, n_iter=_N_ROUNDS)
    adapted = transfer_timbre(equal, learned)
    # An aligned score was brought where the dictionary finds onsets: it says nothing about when they are.
    lateness = None if align else measure_lateness(adapted, pieces)
    info = {} if lateness is None else {"lateness": list(lateness)}
    return adapted, {"n_pitches": len(learned.rows), **info}


def _check_music(n_music: int, n_labels: int, until: float | None, *, align: bool) -> None:
    """Refuse recordings and labels that do not belong together."""
    if not n_music:
        raise NmfamtError("music holds no recording: give at least one.")
    if not n_labels:
        if align:
            raise NmfamtError("align needs labels: give the score.")
        if until is not None:
            raise NmfamtError(f"until={until} says how far labels reach, but there are none: give labels.")
        if n_music > 1:
            raise NmfamtError(
                f"{n_music} recordings were given without labels: give labels for each, or one recording."
            )
    elif n_labels != n_music:
        raise NmfamtError(f"{n_music} recordings and {n_labels} labels were given: each needs its own.")
    if until is None:
        return
    if align:
        raise NmfamtError(f"until={until} cannot be used with align: a score is aligned as a whole.")
    if n_music > 1:
        raise NmfamtError(f"until={until} is for one recording, and there are {n_music}: cut the others.")
    if not 0 < until < np.inf:
        raise NmfamtError(f"until={until} must be a time in seconds after the beginning, such as 10.")


def _listed(given: Any) -> list[Any]:
    """Return what was given as a list: of one thing, of several, or of nothing."""
    if given is None:
        return []
    return [given] if isinstance(given, (str, os.PathLike, Spectrogram, Notes)) else list(given)


def _spectrogram(recording: Path | Spectrogram, start: Dictionary) -> Spectrogram:
    """Return the spectrogram of a recording on the settings of a dictionary."""
    if isinstance(recording, Spectrogram):
        start.check(recording)
        return recording
    y, sr = audio.load(recording, sr=start.settings.sr)
    spectrogram = start.settings(y, sr=sr)
    if not spectrogram.S.any():
        raise NmfamtError(f"Nothing sounds in '{os.fspath(recording)}': there is nothing to adapt to.")
    return spectrogram


def _equalized(start: Dictionary, spectrograms: Sequence[Spectrogram]) -> Dictionary:
    """Return the dictionary with the gain of the recordings."""
    gain = estimate_gain(Survey.of(spectrograms).thinned(N_FRAMES), start.W, start.settings.freqs, start.pitches)
    return replace(start, W=equalized(start.W, gain).astype(np.float32))


def _beginning(spectrogram: Spectrogram, notes: Notes, until: float) -> tuple[Spectrogram, Notes]:
    kept = spectrogram.times < until
    cut = replace(spectrogram, S=spectrogram.S[:, kept], times=spectrogram.times[kept])
    return cut, notes.select(notes.intervals[:, 0] < until)
