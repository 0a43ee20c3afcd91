"""Labelled recordings made from performance MIDI: an excerpt, a soundfont, a room.

The labels say when a string is free to sound: an offset moves to the release of the sustain pedal, or
to the next onset of the same pitch, whichever is first. Times are those of the MIDI.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
from nmfamt.templates.room import add_noise, colour, reverberate
from nmfamt.templates.synthesis import SR, synthesise

__all__ = ["Excerpt", "read_excerpt", "render_performance"]

_SUSTAIN = 64
_LEAD_IN = 0.2
_SHORTEST = 0.03


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Notes and sustain pedal of a stretch of a performance; times count from its beginning.

    Attributes
    ----------
    intervals : ndarray, shape (n_notes, 2)
        When each key is down, s. Notes of one pitch do not overlap.
    pitches, velocities : ndarray of int, shape (n_notes,)
        MIDI pitch and velocity.
    pedal : ndarray, shape (n_moves, 2)
        Times at which the sustain pedal moves and its MIDI value from then on.
    """

    intervals: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    pedal: np.ndarray

    def keep(self, which: np.ndarray) -> "Excerpt":
        """Return the excerpt with only some of its notes."""
        return Excerpt(self.intervals[which], self.pitches[which], self.velocities[which], self.pedal)

    def sounding(self, duration: float) -> np.ndarray:
        """Return intervals with offsets extended by the pedal and by nothing after `duration`."""
        down = self.pedal[:, 1] >= 64
        intervals = self.intervals.copy()
        for k, (_, offset) in enumerate(self.intervals):
            move = np.searchsorted(self.pedal[:, 0], offset, side="right") - 1
            if move >= 0 and down[move]:
                releases = self.pedal[move:, 0][~down[move:]]
                intervals[k, 1] = releases[0] if len(releases) else duration
        _cut_at_next_onset(intervals, self.pitches)
        return np.minimum(intervals, duration)


def read_excerpt(path: Path, *, seconds: float, start: float | None, rng: np.random.Generator) -> Excerpt:
    """Read the notes that begin within a stretch of a MIDI file.

    Parameters
    ----------
    path : Path
        A performance, all tracks of which are taken together.
    seconds : float
        Length of the stretch. Notes that begin in its last 0.1 s are left out.
    start : float or None
        Where it begins. By default 0.2 s before a note drawn at random.
    rng : Generator
        Draws the beginning.

    Returns
    -------
    Excerpt
        Notes, ordered by onset, then pitch, and pedal.
    """
    midi = pretty_midi.PrettyMIDI(str(path))
    tracks = [track for track in midi.instruments if not track.is_drum]
    notes = sorted((n.start, n.pitch, n.end, n.velocity) for track in tracks for n in track.notes)
    onset, pitch, offset, velocity = (np.array(column) for column in zip(*notes, strict=True))
    if start is None:
        latest = max(onset[-1] - seconds, onset[0])
        start = rng.choice(onset[onset <= latest]) - _LEAD_IN
    inside = (onset >= start) & (onset < start + seconds - 0.1)
    intervals = np.stack([onset, offset], axis=1)[inside] - start
    _cut_at_next_onset(intervals, pitch[inside])
    moves = sorted((c.time, c.value) for t in tracks for c in t.control_changes if c.number == _SUSTAIN)
    excerpt = Excerpt(intervals, pitch[inside], velocity[inside], _pedal_from(moves, start, start + seconds))
    return excerpt.keep(intervals[:, 1] - intervals[:, 0] >= _SHORTEST)


def _cut_at_next_onset(intervals: np.ndarray, pitches: np.ndarray) -> None:
    """End each note, in place, where the next note of its pitch begins."""
    for pitch in np.unique(pitches):
        same = np.flatnonzero(pitches == pitch)
        intervals[same[:-1], 1] = np.minimum(intervals[same[:-1], 1], intervals[same[1:], 0])


def _pedal_from(moves: list[tuple[float, int]], start: float, end: float) -> np.ndarray:
    """Return the moves of the pedal from `start` to `end`, the position it has at `start` first."""
    before = [value for time, value in moves if time <= start]
    inside = [(time - start, value) for time, value in moves if start < time < end]
    return np.array([(0.0, before[-1] if before else 0), *inside], dtype=np.float64)


def render_performance(
    midi: Path,
    soundfont: Path,
    program: int,
    out_stem: Path,
    *,
    seconds: float = 30.0,
    start: float | None = None,
    seed: int = 0,
    room: float | None = None,
    noise_db: float | None = None,
    equalise: bool = False,
    transpose: int = 0,
    stretch: float = 1.0,
    ignore_pedal: bool = False,
    legato: float = 0.0,
    pitch_range: tuple[int, int] = (0, 127),
    polyphony: int | None = None,
    shortest: float = _SHORTEST,
    sr: int = SR,
) -> int:
    """Render an excerpt of a performance to ``<out_stem>.flac`` and its labels to ``<out_stem>.tsv``.

    Parameters
    ----------
    midi, soundfont : Path
        The performance and the ``.sf2`` or ``.sf3`` file that plays it.
    program : int
        General MIDI program, 0 to 127.
    out_stem : Path
        Where the two files go, without suffix.
    seconds : float, default 30
        Length of the excerpt.
    start : float, optional
        Where it begins, s. By default at a note drawn at random.
    seed : int, default 0
        Seed of everything random.
    room : float, optional
        RT60 of a synthetic room, s. By default there is none.
    noise_db : float, optional
        Level of background noise relative to the music, dB. By default there is none.
    equalise : bool, default False
        Whether to colour the sound as a microphone does.
    transpose : int, default 0
        Semitones by which the music is moved.
    stretch : float, default 1
        Factor by which the music is slowed down.
    ignore_pedal : bool, default False
        Whether the sustain pedal is left out, as it must be for instruments without one.
    legato : float, default 0
        Seconds by which a note is held longer, as far as the pedal of the performance was down.
    pitch_range : tuple of int, default (0, 127)
        Notes outside it, after transposition, are moved into it by octaves.
    polyphony : int, optional
        Number of voices: of the notes that sound when a note begins, it is kept if fewer than this many
        are higher. By default all are kept.
    shortest : float, default 0.03
        Notes that end up shorter than this are left out, s.
    sr : int, default 22050
        Sampling rate of the file, Hz.

    Returns
    -------
    int
        Number of notes played.
    """
    rng = np.random.default_rng(seed)
    excerpt = read_excerpt(midi, seconds=seconds / stretch, start=start, rng=rng)
    excerpt = _slower(excerpt, stretch)
    held = np.minimum(excerpt.sounding(seconds)[:, 1], excerpt.intervals[:, 1] + legato)
    excerpt = replace(excerpt, intervals=np.column_stack([excerpt.intervals[:, 0], held]))
    if ignore_pedal:
        excerpt = replace(excerpt, pedal=np.zeros((0, 2)))
    if polyphony is not None:
        excerpt = excerpt.keep(_upper_voices(excerpt, polyphony))
    excerpt = _moved_into(excerpt, transpose, pitch_range)
    excerpt = excerpt.keep(excerpt.intervals[:, 1] - excerpt.intervals[:, 0] >= shortest)

    y = synthesise(_as_midi(excerpt, program), soundfont, duration=seconds, sr=sr)
    if equalise:
        y = colour(y, sr=sr, rng=rng)
    if room is not None:
        y = reverberate(y, sr=sr, rt60=room, rng=rng)
    if noise_db is not None:
        y = add_noise(y, level=noise_db, rng=rng)
    out_stem.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(f"{out_stem}.flac", 0.7 * y / max(np.abs(y).max(), 1e-9), sr, subtype="PCM_16")
    columns = (excerpt.sounding(seconds), excerpt.pitches, excerpt.velocities)
    np.savetxt(
        f"{out_stem}.tsv",
        np.column_stack(columns),
        fmt=["%.4f", "%.4f", "%d", "%d"],
        delimiter="\t",
        header="onset\toffset\tpitch\tvelocity",
        comments="",
    )
    return len(excerpt.pitches)


def _slower(excerpt: Excerpt, factor: float) -> Excerpt:
    """Return the excerpt with all times multiplied by a factor."""
    pedal = excerpt.pedal * (factor, 1.0)
    return replace(excerpt, intervals=excerpt.intervals * factor, pedal=pedal)


def _moved_into(excerpt: Excerpt, transpose: int, pitch_range: tuple[int, int]) -> Excerpt:
    """Return the excerpt transposed, and notes outside the range moved into it by octaves."""
    lowest, highest = pitch_range
    pitches = excerpt.pitches + transpose
    pitches += 12 * np.maximum(0, -((pitches - lowest) // 12))
    pitches -= 12 * np.maximum(0, -((highest - pitches) // 12))
    intervals = excerpt.intervals.copy()
    _cut_at_next_onset(intervals, pitches)
    return replace(excerpt, intervals=intervals, pitches=pitches)


def _upper_voices(excerpt: Excerpt, n_voices: int) -> np.ndarray:
    """Return which notes have fewer than `n_voices` higher ones sounding when they begin."""
    onset, offset = excerpt.intervals.T
    # Notes of one chord begin up to 40 ms apart.
    sounds = (onset[None, :] < onset[:, None] + 0.04) & (offset[None, :] > onset[:, None])
    higher = excerpt.pitches[None, :] > excerpt.pitches[:, None]
    return (sounds & higher).sum(axis=1) < n_voices


def _as_midi(excerpt: Excerpt, program: int) -> pretty_midi.PrettyMIDI:
    """Return the excerpt as a MIDI object with ticks of 0.1 ms."""
    midi = pretty_midi.PrettyMIDI(resolution=5000, initial_tempo=120)
    track = pretty_midi.Instrument(program)
    for (onset, offset), pitch, velocity in zip(excerpt.intervals, excerpt.pitches, excerpt.velocities, strict=True):
        track.notes.append(pretty_midi.Note(int(velocity), int(pitch), onset, offset))
    for time, value in excerpt.pedal:
        track.control_changes.append(pretty_midi.ControlChange(_SUSTAIN, int(value), time))
    midi.instruments.append(track)
    return midi
