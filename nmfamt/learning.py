"""Dictionaries learned from isolated notes.

Each file holds one note. Its onset is where the sound first arrives; from there the spectrogram is cut into stages (an
attack of about 50 ms, then sustain stages of geometrically growing length), each averaged into one template. Several
files of a pitch (dynamics, takes, strings) are averaged with equal weight; pitches without a file are made from the
nearest ones, shifted along the frequency axis, and marked as filled.

Finally the notes are transcribed with their own dictionary, to learn how long after an onset the novelty of the
activation peaks: the *latency*, which a tracker subtracts.

Learning from music whose notes are known is in `nmfamt.learning_music`.
"""

import csv
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt import audio
from nmfamt.activation import novelty
from nmfamt.dictionary import Dictionary
from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.pitch import name_to_pitch, pitch_to_hz, pitch_to_name
from nmfamt.spectrogram import Settings, Spectrogram

__all__ = [
    "IsolatedNote",
    "fill_pitches",
    "find_isolated_notes",
    "find_onset",
    "learn_dictionary",
    "pitch_from_name",
    "stage_edges",
]

FloatArray = NDArray[np.floating[Any]]

_WORD = re.compile(r"[A-Za-z0-9#]+")
_NOTE_NAME = re.compile(r"[A-Ga-g](##|#|s|bb|b)?-?\d")


@dataclass(frozen=True)
class IsolatedNote:
    """A recording of a single note.

    Attributes
    ----------
    path : Path
        The audio file.
    pitch : float
        Its MIDI pitch; fractions are allowed.
    """

    path: Path
    pitch: float


def learn_dictionary(
    notes: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Sequence[IsolatedNote],
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
    notes : path, sequence of paths, or sequence of IsolatedNote
        A folder of audio files with the pitch in their names (see `pitch_from_name`) or in a ``labels.csv`` of
        ``file,pitch``; several folders or files; or notes that are known already.
    settings : Settings, optional
        The spectrogram to learn on; by default `LogFrequency`.
    name : str, optional
        Name of the dictionary and of its instrument; by default that of the folder.
    n_components : int
        Templates per pitch: one attack and ``n_components - 1`` sustain stages; at least 2.
    fill : bool
        Make the semitones between the recorded pitches from their neighbours.
    pitch_from : {"name", "audio"}
        Where the pitch of a file is taken from; ``"audio"`` estimates it with pYIN.

    Returns
    -------
    Dictionary
        With its latency; ``info["sources"]`` lists what it was learned from.

    Raises
    ------
    NmfamtError
        If there is no audio, a pitch is missing from a name, two notes of one name have different pitches, or nothing
        sounds in a file.

    Examples
    --------
    >>> mine = learn_dictionary("my_piano_notes/")  # doctest: +SKIP
    """
    if n_components < 2:
        raise NmfamtError(f"n_components={n_components} must be at least 2: an attack and a sustain template.")
    settings = LogFrequency() if settings is None else settings
    found = find_isolated_notes(notes, pitch_from=pitch_from)
    name = name or found[0].path.resolve().parent.name
    clips = [_read_clip(note, settings) for note in found]
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
    return Dictionary(
        W=dictionary.W,
        pitches=dictionary.pitches,
        stages=dictionary.stages,
        instruments=dictionary.instruments,
        settings=settings,
        filled=dictionary.filled,
        info=info,
    )


def stage_edges(n_components: int) -> NDArray[np.float64]:
    """Return the begin and end of every stage in seconds after the onset, shape (n_components, 2).

    Examples
    --------
    >>> stage_edges(3).round(2)
    array([[-0.01,  0.05], [ 0.07,  0.37], [ 0.37,  2.  ]])
    """
    edges = np.geomspace(0.07, 2.0, n_components)
    sustain = np.stack([edges[:-1], edges[1:]], axis=1)
    return np.concatenate([[[-0.01, 0.045]], sustain])


def find_isolated_notes(
    notes: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Sequence[IsolatedNote],
    *,
    pitch_from: str = "name",
) -> list[IsolatedNote]:
    """List isolated notes with their pitches; see `learn_dictionary` for the parameters."""
    if pitch_from not in ("name", "audio"):
        raise NmfamtError(f"pitch_from={pitch_from!r} must be 'name' or 'audio'.")
    items: Iterable[Any] = [notes] if isinstance(notes, str | os.PathLike) else notes
    found: list[IsolatedNote] = []
    for item in items:
        if isinstance(item, IsolatedNote):
            found.append(item)
            continue
        path = Path(item)
        labels = _labels(path) if path.is_dir() else {}
        files = audio.find_audio(path) if path.is_dir() else [path]
        for file in files:
            if labels and file.name not in labels:
                continue
            found.append(IsolatedNote(file, labels.get(file.name) or _pitch_of(file, pitch_from)))
    if not found:
        raise NmfamtError("No isolated notes were given: name a folder of audio files, one note each.")
    seen: dict[str, IsolatedNote] = {}
    for note in found:
        other = seen.setdefault(note.path.stem, note)
        if other.pitch != note.pitch:
            raise NmfamtError(f"{other.path} and {note.path} have one name but pitches {other.pitch} and {note.pitch}.")
    return found


def pitch_from_name(stem: str) -> float | None:
    """Return the pitch that a file name states, or None.

    The first word that is a note name (``C4``, ``Cs4``, ``Bb3``) or a number from 0 to 127 wins; note names go
    before numbers.

    Examples
    --------
    >>> pitch_from_name("violin_Cs4_forte"), pitch_from_name("060_ff"), pitch_from_name("noise")
    (61.0, 60.0, None)
    """
    words = _WORD.findall(stem)
    for word in words:
        if _NOTE_NAME.fullmatch(word):
            return float(name_to_pitch(word))
    for word in words:
        if word.isdigit() and int(word) <= 127:
            return float(word)
    return None


def find_onset(y: FloatArray, sr: float, *, around: float | None = None) -> float:
    """Return when a sound arrives, in seconds.

    Going back in time from its loudest moment, the onset is where the level (in 10 ms windows) falls below 26 dB under
    the maximum, a twentieth in amplitude, or to within 6 dB of the background, whichever is met first; the time is
    interpolated on the decibel axis. Noises of keys and pedals that have died away before do not count.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        One note.
    sr : float
        Its sample rate in Hz.
    around : float, optional
        A rough idea of the onset in seconds; only 0.2 s on either side of it are looked at.

    Raises
    ------
    NmfamtError
        If nothing sounds.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.sin(np.arange(8000.0)) * (np.arange(8000) > 1600)
    >>> round(find_onset(y, 16000), 2)
    0.1
    """
    begin = 0 if around is None else max(0, round((around - 0.2) * sr))
    end = len(y) if around is None else round((around + 0.2) * sr)
    step, width = max(1, round(0.002 * sr)), max(2, round(0.01 * sr))
    padded = np.pad(np.asarray(y[begin:end], dtype=np.float64) ** 2, (width // 2, width))
    energy = np.cumsum(padded)
    energy = (energy[width:] - energy[:-width])[::step] / width
    if not energy.size or energy.max() <= 1e-14:
        raise NmfamtError("nothing sounds in it")
    level = 10 * np.log10(np.maximum(energy, 1e-9 * energy.max()))
    peak = int(level.argmax())
    background = np.quantile(level[: peak + 1], 0.25)
    threshold = max(level[peak] - 26.0, min(background + 6.0, level[peak] - 6.0))
    quiet = np.flatnonzero(level[: peak + 1] < threshold)
    if not len(quiet):
        return begin / sr
    last = int(quiet[-1])
    fraction = (threshold - level[last]) / (level[last + 1] - level[last])
    return float(begin / sr + (last + fraction) * step / sr)


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
            weight * _shifted(dictionary.W[:, dictionary.pitches == source[0]], freqs, pitch - source[0])
            for source, weight in zip(sources, weights, strict=True)
        ]
        columns.append(np.sum(parts, axis=0) / sum(weights))
    new = _assemble(np.array(missing), np.stack(columns), dictionary.settings, str(dictionary.instruments[0]))
    order = np.argsort(np.concatenate([dictionary.pitches, new.pitches]), kind="stable")
    return Dictionary(
        W=np.concatenate([dictionary.W, new.W], axis=1)[:, order],
        pitches=np.concatenate([dictionary.pitches, new.pitches])[order],
        stages=np.concatenate([dictionary.stages, new.stages])[order],
        instruments=np.concatenate([dictionary.instruments, new.instruments])[order],
        settings=dictionary.settings,
        filled=np.concatenate([dictionary.filled, np.ones(len(new.pitches), dtype=bool)])[order],
        info=dictionary.info,
    )


def _shifted(W: FloatArray, freqs: NDArray[np.float64], semitones: float) -> FloatArray:
    """Move templates along the frequency axis, keeping unit sums."""
    source = freqs / 2.0 ** (semitones / 12)
    moved = np.stack([np.interp(source, freqs, column, left=0.0, right=column[-1]) for column in W.T], axis=1)
    return np.asarray(moved / moved.sum(axis=0))


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
class _Clip:
    """The beginning of an isolated note."""

    spectrogram: Spectrogram
    onset: float


def _read_clip(note: IsolatedNote, settings: Settings) -> _Clip:
    y, _ = audio.load(note.path, sr=settings.sr)
    spectrogram = settings(y, sr=settings.sr)
    try:
        onset = find_onset(y, settings.sr, around=_arrival(spectrogram, note.pitch))
    except NmfamtError as error:
        raise NmfamtError(f"{note.path} cannot be learned from: {error}.") from error
    kept = spectrogram.times <= onset + 2.1
    return _Clip(Spectrogram(spectrogram.S[:, kept], spectrogram.freqs, spectrogram.times[kept], settings), onset)


def _arrival(spectrogram: Spectrogram, pitch: float) -> float:
    """Return roughly when the partials of a pitch arrive: halfway up (in amplitude) to their first large maximum."""
    hz = pitch_to_hz(pitch) * np.arange(1, 6)
    distance = np.abs(np.log2(spectrogram.freqs[:, None] / hz)).min(axis=1)
    strength = spectrogram.S[distance < 0.5 / 12].sum(axis=0)
    if not strength.any():
        return 0.0
    return float(spectrogram.times[int(np.argmax(strength >= 0.5 * strength.max()))])


def _templates(clip: _Clip, n_components: int) -> FloatArray:
    """Return the unit-sum templates of one note, shape (n_bins, n_components)."""
    S, age = clip.spectrogram.S, clip.spectrogram.times - clip.onset
    sums = S.sum(axis=0)
    audible = sums > 0.03 * sums[age >= 0].max(initial=0)
    columns: list[FloatArray] = []
    for begin, end in stage_edges(n_components):
        frames = (age >= begin) & (age <= end) & (audible | (age < 0.07))
        # A note too short for a stage looks there as it did last.
        column = S[:, frames].mean(axis=1) if frames.any() and S[:, frames].any() else columns[-1]
        columns.append(column / column.sum())
    return np.stack(columns, axis=1)


def _latency(dictionary: Dictionary, notes: Sequence[IsolatedNote], clips: Sequence[_Clip]) -> float:
    """Return the median delay between the onset of a note and the peak of its novelty, in seconds."""
    front_end = Factorization(dictionary)
    delays = []
    for note, clip in zip(notes, clips, strict=True):
        times = clip.spectrogram.times
        near = (times >= clip.onset - 0.2) & (times <= clip.onset + 0.4)
        excerpt = Spectrogram(clip.spectrogram.S[:, near], clip.spectrogram.freqs, times[near], dictionary.settings)
        activation = front_end(excerpt)
        row = int(np.abs(activation.pitches - note.pitch).argmin())
        rise = novelty(activation.values[row : row + 1], activation.onsets[row : row + 1])[0]
        rise[np.abs(activation.times - clip.onset) > 0.15] = 0
        if rise.any():
            delays.append(float(activation.times[int(rise.argmax())]) - clip.onset)
    return float(np.median(delays)) if delays else 0.0


def _labels(folder: Path) -> dict[str, float]:
    """Read ``labels.csv`` (``file,pitch``) of a folder, if there is one."""
    path = folder / "labels.csv"
    if not path.is_file():
        return {}
    labels = {}
    with open(path, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                pitch = float(row["pitch"])
                if not 0 <= pitch <= 127:
                    raise ValueError
                labels[row["file"]] = pitch
            except (KeyError, TypeError, ValueError) as error:
                raise NmfamtError(
                    f"{path}, line {number}: expected the columns file,pitch with a MIDI pitch from 0 to 127."
                ) from error
            if not (folder / row["file"]).is_file():
                raise NmfamtError(f"{path}, line {number}: there is no file {row['file']!r} in the folder.")
    return labels


def _pitch_of(path: Path, pitch_from: str) -> float:
    named = pitch_from_name(path.stem)
    if pitch_from == "name":
        if named is None:
            raise NmfamtError(
                f"{path.name} does not state its pitch: name it like C4.wav or 060.wav, add a labels.csv of "
                "file,pitch, or use pitch_from='audio'."
            )
        return named
    heard = _pitch_heard(path)
    if named is not None and abs(heard - named) > 1 and (heard - named) % 12 not in (0, 7):
        warnings.warn(
            f"{path.name} is named {pitch_to_name(named)} but sounds like {pitch_to_name(heard)}.",
            NmfamtWarning,
            stacklevel=4,
        )
    return heard


def _pitch_heard(path: Path) -> float:
    """Estimate the pitch of a single note with pYIN, to the nearest tenth of a semitone."""
    import librosa

    y, sr = audio.load(path, sr=22050, end=3.0)
    f0, _, _ = librosa.pyin(y, fmin=27.5, fmax=4200.0, sr=sr, frame_length=4096)
    if not np.isfinite(f0).any():
        raise NmfamtError(f"No pitch is heard in {path}: state it in the name or in labels.csv.")
    return float(round(np.nanmedian(librosa.hz_to_midi(f0)), 1))
