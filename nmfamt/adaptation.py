"""Dictionaries that are made to fit an instrument of which little is known.

`adapt_dictionary` takes a dictionary of some other specimen, or some other instrument, and one of these:

* a few isolated notes. What is recorded replaces the templates of its pitches; all others are multiplied by gains that
  the recorded notes teach, first those that hold for all pitches (the smooth response of instrument, room and
  microphone, then single resonances), then those that go along with the partials (how the timbre of these notes differs
  from that of the dictionary), the more the nearer a pitch is. Every gain is a ratio of two sums, of recorded over
  expected spectra;
* a recording, with the notes that are played in it, or those of its beginning: the templates of these pitches are
  learned by masks (`nmfamt.learning_music`), and what they teach is carried over to all others in the same way;
* a recording alone. It is transcribed with the dictionary as it is (equalized), and what was found is taken for the
  notes that are played; wrong ones teach little, because a template keeps a share of its starting point. This is
  self-training (H. J. Scudder, "Probability of error of some adaptive pattern-recognition machines", IEEE
  Transactions on Information Theory 11, 1965), and what `transcribe` does with the beginning of every recording.

Nearest in spirit are templates that are products of a source and a filter: T. Virtanen & A. Klapuri, "Analysis of
polyphonic audio using source-filter model and non-negative matrix factorization", NIPS workshop, 2006.
"""

import os
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.alignment import align_notes
from nmfamt.blas import single_thread
from nmfamt.dictionary import Dictionary, load_dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.equalization import N_FRAMES, equalized, estimate_gain, in_octaves
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import NoteSources
from nmfamt.learning import fill_pitches, learn_dictionary
from nmfamt.learning_music import learn_dictionary_from_music, learn_templates
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.pitch import pitch_to_name
from nmfamt.spectrogram import CHUNK_FRAMES, Spectrogram
from nmfamt.survey import Survey
from nmfamt.tracking import HMMTracker
from nmfamt.tuning import shift_templates

__all__ = ["adapt_dictionary", "adapt_to_itself", "can_be_adapted", "transfer_timbre"]

Path = str | os.PathLike[str]

# Each in turn: over how many octaves ratios are smoothed, what is added to both sums (templates have unit sums), and
# over how many semitones gains reach that go along with the partials; none where they hold for all pitches. Chosen by
# the onset F1 on three sampled pianos, dry and in a room (`benchmarks/results/trials.md`).
_GAINS = ((0.25, 0.0, None), (0.0, 0.003, None), (0.0, 0.003, 6.0), (0.0, 0.001, 2.0))
_LEAST_WEIGHT = 0.02  # of a note whose gains count for another pitch
_MUSIC_PRIOR = 0.3  # weight of the dictionary where templates are learned from labelled music
_MUSIC_ROUNDS = 8
_SELF_PRIOR = 0.4  # the same where many notes were found and none given
_FEW_NOTES = 200  # where so few were found, it is twice that
_LEAST_NOTES = 20
_EVERY = 2  # frames of an excerpt, of which one is learned from

FloatArray = NDArray[np.floating[Any]]


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
    n_components = _n_components(start)
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
        each may take part in every note that is found: they share it as the sound says, for whose it is is less certain
        than that it is there.
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
    parts = (excerpt.frames(first, first + CHUNK_FRAMES) for first in range(0, excerpt.n_frames, CHUNK_FRAMES))
    activations = front_end.blocks(parts, level=excerpt.level())
    notes = Notes.concatenate([Notes.empty(), *HMMTracker(action_delay=0.0, model=tracker.model).blocks(activations)])
    if len(notes) < _LEAST_NOTES:
        return front_end
    origin = front_end.dictionary
    # The templates as they are in this recording; they are moved back to their own tuning in the end.
    start = replace(origin, W=front_end.templates)
    heard = start.select(np.isin(np.round(start.pitches), np.round(notes.pitches)))
    thinned = replace(excerpt, S=excerpt.S[:, ::_EVERY], times=excerpt.times[::_EVERY])
    prior = _SELF_PRIOR * (1 + _FEW_NOTES / len(notes))
    learned = learn_templates([(thinned, notes)], heard, prior=prior, n_iter=_MUSIC_ROUNDS)
    adapted = _transfer_timbres(start, learned)
    cents = float(front_end.tuning)
    W = shift_templates(adapted.W, origin.settings.freqs, -cents / 100).astype(np.float32) if cents else adapted.W
    info = {**origin.info, "adapted_from_hash": origin.hash, "n_notes_adapted_to": len(notes)}
    return replace(front_end, dictionary=replace(adapted, W=W, info=info), equalizer=None)


def _transfer_timbres(dictionary: Dictionary, known: Dictionary) -> Dictionary:
    """Transfer the timbre of each instrument by itself; one of which nothing is known stays as it is."""
    parts = []
    for name in dict.fromkeys(dictionary.instruments.tolist()):
        part = dictionary.select(dictionary.instruments == name)
        mine = known.instruments == name
        parts.append(transfer_timbre(part, known.select(mine)) if mine.any() else part)
    return combine_dictionaries(parts)


@single_thread()
def transfer_timbre(dictionary: Dictionary, known: Dictionary) -> Dictionary:
    """Carry over to all pitches of a dictionary how those that are known differ from it.

    Parameters
    ----------
    dictionary : Dictionary
        With the same number of templates for every pitch.
    known : Dictionary
        On the same settings, with as many for each of its own.

    Returns
    -------
    Dictionary
        The templates of `known` where it has a pitch (to half a semitone), else those of `dictionary`, each multiplied
        by the gains that `known` teaches. Pitches beyond the dictionary are added, and what lies between is filled.

    Examples
    --------
    >>> piano = load_dictionary("piano")
    >>> brighter = replace(piano, W=equalized(piano.W, np.linspace(1, 3, len(piano.W))).astype(np.float32))
    >>> few = brighter.select(np.isin(piano.pitches, [40, 60, 80]))
    >>> adapted = transfer_timbre(piano, few)
    >>> bool(np.abs(adapted.W - brighter.W).sum() < 0.3 * np.abs(piano.W - brighter.W).sum())
    True
    """
    n_components = _n_components(dictionary)
    if _n_components(known) != n_components or known.settings != dictionary.settings:
        raise NmfamtError(
            f"Dictionaries {dictionary.name!r} and {known.name!r} need the same settings, and as many templates for "
            "every pitch."
        )
    low, high = float(known.pitches.min()), float(known.pitches.max())
    if low < dictionary.pitches.min() or high > dictionary.pitches.max():
        low, high = min(low, float(dictionary.pitches.min())), max(high, float(dictionary.pitches.max()))
        dictionary = fill_pitches(dictionary, n_components=n_components, low=low, high=high)
    pitches, templates = _by_pitch(dictionary, n_components)
    known_pitches, recorded = _by_pitch(known, n_components)
    places = np.abs(pitches[:, None] - known_pitches).argmin(axis=0)
    freqs = dictionary.settings.freqs
    for octaves, least, reach in _GAINS:
        smoothing = _smoothing(freqs, octaves)
        if reach is None:
            gains = _common_gain(recorded, templates[places], smoothing, least)
        else:
            gains = _partial_gains(pitches, known_pitches, recorded, templates[places], freqs, least, reach)
        templates = templates * gains
        templates /= templates.sum(axis=1, keepdims=True)
    templates[places], pitches[places] = recorded, known_pitches
    W = templates.transpose(1, 0, 2).reshape(len(freqs), -1)
    order = np.argsort(np.repeat(pitches, n_components), kind="stable")
    filled = np.ones(len(pitches), dtype=bool)
    filled[places] = False
    return replace(
        dictionary,
        W=W[:, order].astype(np.float32),
        pitches=np.repeat(pitches, n_components)[order],
        stages=np.tile(known.stages[:n_components], len(pitches)),
        instruments=np.full(len(order), str(dictionary.instruments[0])),
        filled=np.repeat(filled, n_components)[order],
    )


def _common_gain(recorded: FloatArray, expected: FloatArray, smoothing: FloatArray | None, least: float) -> FloatArray:
    """Return the gain of every stage that holds for all pitches, shape (1, n_bins, n_components)."""
    sums = [spectra.sum(axis=0) for spectra in (recorded, expected)]
    if smoothing is not None:
        sums = [smoothing @ spectra for spectra in sums]
    tiny = 1e-12
    return np.asarray((sums[0] + least + tiny) / (sums[1] + least + tiny))[None]


def _partial_gains(
    pitches: NDArray[np.float64],
    known_pitches: NDArray[np.float64],
    recorded: FloatArray,
    expected: FloatArray,
    freqs: NDArray[np.float64],
    least: float,
    reach: float,
) -> FloatArray:
    """Return gains for every pitch: those of the notes near it, moved with their partials."""
    octaves = in_octaves(freqs)
    gains = np.ones((len(pitches), *recorded.shape[1:]))
    for i, pitch in enumerate(pitches.tolist()):
        weights = np.exp(-np.abs(pitch - known_pitches) / reach)
        near = np.flatnonzero(weights > _LEAST_WEIGHT)
        sums = [np.full(recorded.shape[1:], least + 1e-12) for _ in range(2)]
        for note in near.tolist():
            source = octaves - (pitch - known_pitches[note]) / 12
            for total, spectra in zip(sums, (recorded[note], expected[note]), strict=True):
                moved = [np.interp(source, octaves, column, left=column[0]) for column in spectra.T]
                total += weights[note] * np.stack(moved, axis=1)
        if len(near):
            gains[i] = sums[0] / sums[1]
    return gains


def _smoothing(freqs: NDArray[np.float64], octaves: float) -> FloatArray | None:
    """Return a matrix that smooths along the logarithmic frequency axis with a Gaussian window, if it is to."""
    if not octaves:
        return None
    places = in_octaves(freqs)
    return np.asarray(np.exp(-0.5 * ((places[:, None] - places) / octaves) ** 2))


def _by_pitch(dictionary: Dictionary, n_components: int) -> tuple[NDArray[np.float64], FloatArray]:
    """Return the pitches, and their templates as an array of shape (n_pitches, n_bins, n_components)."""
    order = np.argsort(dictionary.pitches, kind="stable")
    W = dictionary.W[:, order].astype(np.float64).reshape(len(dictionary.W), -1, n_components)
    return dictionary.pitches[order][::n_components].astype(np.float64), W.transpose(1, 0, 2).copy()


def can_be_adapted(dictionary: Dictionary) -> bool:
    """Whether a dictionary can be adapted to a recording by what is found there.

    Its instruments need an attack, and the same number of other templates, for every pitch.

    Examples
    --------
    >>> from nmfamt.dictionary_mixing import average_columns
    >>> can_be_adapted(load_dictionary("piano")), can_be_adapted(average_columns(load_dictionary("piano")))
    (True, False)
    """
    names = np.unique(dictionary.instruments)
    parts = [dictionary.select(dictionary.instruments == name) for name in names]
    if any(_obstacle(part) is not None for part in parts):
        return False
    return len({_n_components(part) for part in parts}) == 1


def _obstacle(dictionary: Dictionary) -> str | None:
    """Return why a dictionary cannot be adapted."""
    if len(set(dictionary.instruments.tolist())) > 1:
        return "has several instruments: adapt one of them at a time"
    pitches, counts = np.unique(dictionary.pitches, return_counts=True)
    if (counts != counts[0]).any():
        odd = pitch_to_name(float(pitches[counts != counts[0]][0]))
        return f"has another number of templates at {odd} than elsewhere"
    if counts[0] < 2:
        return "has one template for a pitch: an attack and more are needed"
    if (dictionary.stages == "attack").sum() != len(pitches):
        return "has not one attack for every pitch"
    return None


def _n_components(dictionary: Dictionary) -> int:
    """Return how many templates every pitch has."""
    if obstacle := _obstacle(dictionary):
        raise NmfamtError(f"Dictionary {dictionary.name!r} {obstacle}.")
    return len(dictionary.pitches) // len(dictionary.rows)


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
    n_components = _n_components(start)
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
