"""A dictionary adapted to the recording that is transcribed, by what is found there.

The recording is transcribed with the dictionary as it is (equalized), and what was found is taken for the notes that
are played; wrong ones teach little, because a template keeps a share of its starting point. This is self-training
(H. J. Scudder, "Probability of error of some adaptive pattern-recognition machines", IEEE Transactions on Information
Theory 11, 1965), and what `transcribe` does with the beginning of every recording.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nmfamt.activation import PitchActivation
from nmfamt.learning_music import learn_templates
from nmfamt.multipitch import Factorization
from nmfamt.notes import Notes
from nmfamt.spectrogram import CHUNK_FRAMES, Spectrogram
from nmfamt.timbre_transfer import transfer_timbres
from nmfamt.tracking import HMMTracker
from nmfamt.tracking.instruments import instrument_probabilities
from nmfamt.tuning import shift_templates

__all__ = ["adapt_to_itself"]

_N_ROUNDS = 8
_PRIOR = 0.4  # weight of the dictionary where many notes were found
_FEW_NOTES = 200  # where so few were found, it is twice that
_LEAST_NOTES = 20
_N_ASSIGNMENTS = 2  # of notes to instruments, each from what the one before taught
_LEAST_PROBABILITY = 0.2  # that an instrument played a note from which it learns
_EVERY = 2  # frames of an excerpt, of which one is learned from


def adapt_to_itself(front_end: Factorization, excerpt: Spectrogram, tracker: HMMTracker) -> Factorization:
    """Adapt the dictionary of a front end to a recording by what it finds there.

    Parameters
    ----------
    front_end : Factorization
        Fitted to the recording; its dictionary has the same number of templates for every pitch. Of several instruments
        each may take part in every note that is found, for whose it is is less certain than that it is there. With
        what that teaches the excerpt is read again, and each learns from the notes that it may well have played; and
        once more, for then they can be told apart better.
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
    >>> from nmfamt import load_dictionary
    >>> piano = load_dictionary("piano")
    >>> silence = piano.settings([0.0] * 16000, sr=16000)
    >>> front_end = Factorization(piano)
    >>> adapt_to_itself(front_end, silence, HMMTracker()) is front_end
    True
    """
    # When each note sounds, not when it was struck.
    sound_times = HMMTracker(action_delay=0.0, chord_spread=0.0, model=tracker.model)
    notes = sound_times.stream(_activations(front_end, excerpt))
    if len(notes) < _LEAST_NOTES:
        return front_end
    anybody = replace(notes, instruments=np.full(len(notes), ""))
    adapted = _adapted_to(front_end, excerpt, anybody, n_notes=len(notes))
    if len(np.unique(front_end.dictionary.instruments)) == 1:
        return adapted
    for _ in range(_N_ASSIGNMENTS):
        activation = PitchActivation.concatenate(list(_activations(adapted, excerpt)))
        notes = sound_times(activation)
        if len(notes) < _LEAST_NOTES:
            break
        names, probabilities = instrument_probabilities(notes, activation)
        played = [
            replace(notes, instruments=np.full(len(notes), name)).select(probabilities[:, k] >= _LEAST_PROBABILITY)
            for k, name in enumerate(names.tolist())
        ]
        adapted = _adapted_to(front_end, excerpt, Notes.concatenate(played), n_notes=len(notes))
    return adapted


def _activations(front_end: Factorization, excerpt: Spectrogram) -> Iterator[PitchActivation]:
    parts = (excerpt.frames(first, first + CHUNK_FRAMES) for first in range(0, excerpt.n_frames, CHUNK_FRAMES))
    found = front_end.blocks(parts, level=excerpt.level())
    # Templates are learned where the sound is, wherever labels would have it.
    return (replace(activation, lateness=None) for activation in found)


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
    prior = _PRIOR * (1 + _FEW_NOTES / n_notes)
    learned = learn_templates([(thinned, notes)], start.select(heard), prior=prior, n_iter=_N_ROUNDS)
    adapted = transfer_timbres(start, learned)
    cents = float(front_end.tuning)
    W = shift_templates(adapted.W, origin.settings.freqs, -cents / 100).astype(np.float32) if cents else adapted.W
    info = {**origin.info, "hash_before": origin.hash, "n_notes_adapted_to": n_notes}
    return replace(front_end, dictionary=replace(adapted, W=W, info=info), equalizer=None)
