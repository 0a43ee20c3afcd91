"""Templates with time in them, learned from isolated notes (which `nmfamt.isolated_notes` finds).

Every note is cut so that its onset lies on the centre of a frame. A pattern begins one frame before, since windows feel
a note before their centre does.

`learn_patterns` explains each note by one pattern (`nmfamt.nmf.convolutive`), which is the training step of H. Wu, A.
Marmoret & J. E. Cohen, "Semi-supervised convolutive NMF for automatic piano transcription", SMC 2022.
`learn_attack_decay_templates` is that of T. Cheng, M. Mauch, E. Benetos & S. Dixon, "An attack/decay model for piano
transcription", ISMIR 2016 (`nmfamt.nmf.attack_decay_notes`), in two rounds, the second with the mean shape of all
attacks.

What is learned of several notes of a pitch is averaged; pitches without a note are made from the nearest that have one,
moved along the frequency axis, and marked as filled. Finally the notes are transcribed with what they taught: how long
after an onset its peak comes is the *latency*, which a tracker subtracts.

Departures:

1. The activation of an isolated note starts as an impulse at its onset, which the papers leave to chance or to a plain
   factorisation.
2. The papers know of one note a pitch, and all 88 pitches.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.exceptions import NmfamtError
from nmfamt.isolated_notes import IsolatedNote, NoteSources, find_isolated_notes
from nmfamt.learning import read_clips
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch.attack_decay import AttackDecay
from nmfamt.multipitch.convolutive import ConvolutiveFactorization
from nmfamt.nmf.attack_decay_notes import learn_attack_decay, mean_transient
from nmfamt.nmf.convolutive import convolutive
from nmfamt.patterns import AttackDecayTemplates, NotePatterns
from nmfamt.spectrogram import Settings, Spectrogram
from nmfamt.spectrogram_librosa import STFT
from nmfamt.tracking.peaks import PeakTracker

__all__ = ["STFT_93_MS", "STFT_93_MS_HAMMING", "learn_attack_decay_templates", "learn_patterns"]

FloatArray = NDArray[np.floating[Any]]

STFT_93_MS = STFT(sr=16000, hop_length=320, n_fft=1500, power=1.0)
"""The spectrogram of Wu et al., 4096 samples at 44.1 kHz, 20 ms apart, as far as 8 kHz."""

STFT_93_MS_HAMMING = STFT(sr=16000, hop_length=320, n_fft=1500, power=1.0, window="hamming")
"""The same with Hamming windows, for attack and decay."""

_BEFORE = 1  # frames of a pattern before the onset
_LEAD = 5  # frames of a note before the onset: an attack is centred on the loudest frame
_SECONDS = 10.0  # of a note that are learned from, where it is so long: rates of decay take their time
_START = 1e-3  # of the activation beside the impulse

L = TypeVar("L", NotePatterns, AttackDecayTemplates)


def learn_patterns(
    notes: NoteSources,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    n_lags: int = 10,
    n_iter: int = 30,
    fill: bool = True,
    pitch_from: str = "name",
) -> NotePatterns:
    """Learn a pattern of every pitch from isolated notes.

    Parameters
    ----------
    notes : path, or sequence of paths and IsolatedNote
        A folder of audio files, one note each, or several folders and files; see `find_isolated_notes`.
    settings : Settings, optional
        The spectrogram to learn on; by default `STFT_93_MS`.
    name : str, optional
        Name of the instrument; by default that of the folder.
    n_lags : int
        Frames of a pattern.
    n_iter : int
        Updates of pattern and activation of a note; 0 takes the first frames of the note as they are.
    fill : bool
        Make the semitones between the recorded pitches from their neighbours.
    pitch_from : {"name", "audio"}
        Where the pitch of a file is taken from; ``"audio"`` estimates it.

    Raises
    ------
    NmfamtError
        If there is no audio, a pitch is missing from a name, or nothing sounds in a file.

    Examples
    --------
    >>> mine = learn_patterns("my_piano_notes/")  # doctest: +SKIP
    """
    if not 1 <= n_lags <= 1000 or not 0 <= n_iter <= 10_000:
        raise NmfamtError(f"n_lags={n_lags} and n_iter={n_iter} must be numbers such as 10 and 30.")
    settings = STFT_93_MS if settings is None else settings
    found, onsets, name = _found(notes, settings, name, pitch_from)
    learned: dict[float, list[FloatArray]] = {}
    for note, onset in zip(found, onsets, strict=True):
        W = _pattern(_aligned(note, onset, settings, _BEFORE), n_lags, n_iter)
        learned.setdefault(note.pitch, []).append(W / W.sum(axis=1).max())
    pitches = np.array(sorted(learned))
    W = np.stack([np.mean(learned[pitch], axis=0) for pitch in pitches.tolist()], axis=-1)
    patterns = NotePatterns(W.astype(np.float32), pitches, settings, info={"name": name})
    if fill:
        patterns = _filled(patterns, lambda parts, weights: {"W": _weighted([part.W for part in parts], weights)})
    return _finished(patterns, ConvolutiveFactorization(patterns, 1.0, 20_000.0, tuning=0.0), found, onsets)


def learn_attack_decay_templates(
    notes: NoteSources,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    n_transient: int = 9,
    fill: bool = True,
    pitch_from: str = "name",
) -> AttackDecayTemplates:
    """Learn attack, decay and its rate of every pitch from isolated notes.

    Parameters
    ----------
    notes, name, fill, pitch_from
        As in `learn_patterns`.
    settings : Settings, optional
        The spectrogram to learn on; by default `STFT_93_MS_HAMMING`.
    n_transient : int
        Frames of the attack; odd.

    Raises
    ------
    NmfamtError
        If there is no audio, a pitch is missing from a name, or nothing sounds in a file.

    Examples
    --------
    >>> mine = learn_attack_decay_templates("my_piano_notes/")  # doctest: +SKIP
    """
    settings = STFT_93_MS_HAMMING if settings is None else settings
    found, onsets, name = _found(notes, settings, name, pitch_from)
    spectra = [_aligned(note, onset, settings, _LEAD) for note, onset in zip(found, onsets, strict=True)]
    first = [learn_attack_decay(S, n_transient=n_transient, max_iter=100) for S in spectra]
    transient = mean_transient([note.transient for note in first]).astype(np.float64)
    learned: dict[float, list[tuple[Any, Any, Any]]] = {}
    for note, S in zip(found, spectra, strict=True):
        taught = learn_attack_decay(S, transient=transient, max_iter=100)
        loudness = taught.W.sum() + taught.A.sum()
        learned.setdefault(note.pitch, []).append((taught.W / loudness, taught.A / loudness, taught.decay))
    pitches = np.array(sorted(learned))
    W, A, decay = (
        np.stack([np.mean([taught[i] for taught in learned[pitch]], axis=0) for pitch in pitches.tolist()], axis=-1)
        for i in range(3)
    )
    templates = AttackDecayTemplates(
        W.astype(np.float32), A.astype(np.float32), decay, transient, pitches, settings, info={"name": name}
    )
    if fill:
        templates = _filled(
            templates,
            lambda parts, weights: {
                key: _weighted([getattr(part, key) for part in parts], weights) for key in ("W", "A", "decay")
            },
        )
    return _finished(templates, AttackDecay(templates, 1.0, 20_000.0, tuning=0.0), found, onsets)


def _found(
    notes: NoteSources, settings: Settings, name: str | None, pitch_from: str
) -> tuple[list[IsolatedNote], list[float], str]:
    """Return the notes, when each begins, and the name of the instrument."""
    found = find_isolated_notes(notes, pitch_from=pitch_from)
    # On a logarithmic axis: between the bins of an STFT low notes sound like their neighbours.
    onsets = [clip.onset for clip in read_clips(found, LogFrequency(), learned_on=settings)]
    return found, onsets, name or found[0].path.resolve().parent.name


def _aligned(note: IsolatedNote, onset: float, settings: Settings, before: int) -> FloatArray:
    """Return the spectrogram of a note whose onset is the centre of frame `before`, and no more before."""
    y, _ = audio.load(note.path, sr=settings.sr)
    hop = settings.hop_length
    # As many frames of silence as put the onset on the grid; frames before the file begins are silent.
    begin = round(onset * settings.sr)
    skipped = -(-begin // hop)
    padded = np.pad(y, (skipped * hop - begin, 0))
    S = settings(padded, sr=settings.sr).S
    missing = max(0, before - skipped)
    S = np.pad(S[:, max(0, skipped - before) :], ((0, 0), (missing, 0)))
    return np.asarray(S[:, : before + max(1, round(_SECONDS * settings.sr / hop))])


def _pattern(S: FloatArray, n_lags: int, n_iter: int) -> FloatArray:
    """Return the pattern of one note, shape (n_lags, n_bins)."""
    frames = np.pad(S[:, :n_lags], ((0, 0), (0, max(0, n_lags - S.shape[1]))))
    W = np.ascontiguousarray(frames.T)
    if not n_iter:
        return W
    W = np.maximum(W, 1e-8 * W.max())[:, :, None]
    H = np.full((1, S.shape[1]), _START, dtype=S.dtype)
    H[0, 0] = 1
    return convolutive(S, W, H=H, fixed=False, max_iter=n_iter, tol=0, check_every=0).W[:, :, 0]


def _filled(learned: L, average: Callable[[list[L], list[float]], dict[str, FloatArray]]) -> L:
    """Make the semitones that nobody recorded from the nearest that somebody did."""
    have = learned.pitches
    missing = [p for p in np.arange(np.ceil(have[0]), np.floor(have[-1]) + 1) if np.abs(have - p).min() > 0.5]
    if not missing:
        return learned
    made: dict[str, list[NDArray[Any]]] = {}
    for pitch in missing:
        sources = [float(have[have < pitch][-1]), float(have[have > pitch][0])]
        weights = [1.0 / abs(pitch - source) for source in sources]
        moved = [_only(learned, source).shifted(pitch - source) for source in sources]
        for key, array in average(moved, weights).items():
            made.setdefault(key, []).append(array)
    pitches = np.concatenate([have, missing])
    order = np.argsort(pitches)
    arrays: dict[str, Any] = {name: _merged(getattr(learned, name), made[name])[..., order] for name in list(made)}
    filled = np.concatenate([learned.filled, np.ones(len(missing), dtype=bool)])[order]
    filled_in: L = replace(learned, **arrays, pitches=pitches[order], filled=filled)
    return filled_in


def _merged(given: NDArray[Any], made: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return columns after those that were given, in their type."""
    return np.concatenate([given, *made], axis=-1).astype(given.dtype)


def _only(learned: L, pitch: float) -> L:
    """Return what was learned of one pitch."""
    kept = learned.pitches == pitch
    if isinstance(learned, NotePatterns):
        return replace(learned, W=learned.W[:, :, kept], pitches=learned.pitches[kept], filled=learned.filled[kept])
    return replace(
        learned,
        W=learned.W[:, kept],
        A=learned.A[:, kept],
        decay=learned.decay[kept],
        pitches=learned.pitches[kept],
        filled=learned.filled[kept],
    )


def _weighted(arrays: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    return np.asarray(np.average(np.stack(arrays), axis=0, weights=weights))


def _finished(
    learned: L,
    front_end: ConvolutiveFactorization | AttackDecay,
    notes: Sequence[IsolatedNote],
    onsets: Sequence[float],
) -> L:
    """Return what was learned with its latency and where it came from."""
    info = {
        "name": learned.name,
        "latency": _latency(front_end, notes, onsets),
        "learned_from": "isolated notes",
        "n_files": len(notes),
        "n_pitches": int((~learned.filled).sum()),
    }
    return replace(learned, info=info)


def _latency(
    front_end: ConvolutiveFactorization | AttackDecay, notes: Sequence[IsolatedNote], onsets: Sequence[float]
) -> float:
    """Return the median delay between the onset of a note and the largest peak of its pitch, in seconds."""
    tracker = PeakTracker(action_delay=0.0)
    settings = front_end.settings
    delays = []
    for note, onset in zip(notes, onsets, strict=True):
        start = max(0.0, onset - 0.5)
        y, _ = audio.load(note.path, sr=settings.sr, start=start, end=onset + 1.0)
        spectrogram = settings(y, sr=settings.sr)
        near = Spectrogram(spectrogram.S, spectrogram.freqs, spectrogram.times + start, settings)
        found = tracker(front_end(near))
        own = np.abs(found.pitches - note.pitch) < 0.01
        own &= np.abs(found.intervals[:, 0] - onset) <= 0.15
        if own.any():
            loudest = np.flatnonzero(own)[found.confidences[own].argmax()]
            delays.append(float(found.intervals[:, 0][loudest]) - onset)
    return float(np.median(delays)) if delays else 0.0
