"""Notes as a Standard MIDI File, and back.

Conventions, and what MIDI cannot say:

1. One track for each instrument, named after it, with the General MIDI program of that name.
2. Pitches are rounded to the nearest semitone, confidences are dropped.
3. A channel knows each key once. Where notes of one instrument and pitch overlap, the earlier one ends as the
   later one begins; of two that begin together the longer is kept.
4. Times are rounded to a tick: about 1 ms at 120 beats per minute, and never less than one tick long.
5. `Notes.info` travels in a text event, the pedal as controller 64, which is down from 64 upwards.

Reading moves, on demand, the offset of each note that is released while the pedal is down to where
the pedal comes up or the same pitch begins again, whichever is first: the rule of C. Hawthorne et al.,
"Onsets and Frames", ISMIR 2018. A note that ends so already is not moved, hence notes written here come
back as they were. The pedal of a track counts for every track with the same program. Drums (channel
10) are left out.
"""

import io
import json
import re
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.notes import Notes

__all__ = ["PROGRAMS", "midi_program", "midi_to_notes", "notes_to_midi"]

PROGRAMS = {
    "piano": 0, "electric piano": 4, "harpsichord": 6, "clavinet": 7, "celesta": 8, "glockenspiel": 9,
    "music box": 10, "vibraphone": 11, "marimba": 12, "xylophone": 13, "tubular bells": 14, "dulcimer": 15,
    "organ": 19, "accordion": 21, "harmonica": 22, "guitar": 24, "steel guitar": 25, "electric guitar": 27,
    "bass guitar": 33, "violin": 40, "viola": 41, "cello": 42, "double bass": 43, "harp": 46, "timpani": 47,
    "strings": 48, "choir": 52, "voice": 53, "trumpet": 56, "trombone": 57, "tuba": 58, "horn": 60,
    "soprano saxophone": 64, "alto saxophone": 65, "tenor saxophone": 66, "baritone saxophone": 67,
    "oboe": 68, "english horn": 69, "bassoon": 70, "clarinet": 71, "piccolo": 72, "flute": 73,
    "recorder": 74, "pan flute": 75, "ocarina": 79, "sitar": 104, "banjo": 105, "shamisen": 106,
    "koto": 107, "kalimba": 108, "bagpipe": 109, "fiddle": 110, "steel drums": 114,
    # further names of the same
    "contrabass": 43, "santur": 15, "saxophone": 65, "sax": 65, "alto sax": 65, "tenor sax": 66,
    "singing": 53,
}  # fmt: skip
"""General MIDI program, counted from 0, of the instruments known by name."""

_PROGRAM_NAMES = {program: name for name, program in reversed(PROGRAMS.items())}
_INFO = "nmfamt "  # how the text event with `Notes.info` begins
_TICKS_PER_BEAT = 480
_MAX_TICKS = 9_000_000  # pretty_midi takes a file with more than ten million for a corrupt one
_PEDAL, _DOWN, _UP = 64, 127, 0


def midi_program(instrument: str) -> int:
    """Return the General MIDI program of an instrument.

    Parameters
    ----------
    instrument : str
        Its name; the longest name in `PROGRAMS` that it contains counts.

    Returns
    -------
    int
        0 to 127; 0, a piano, where the name is not known.

    Examples
    --------
    >>> midi_program("Bass_Clarinet"), midi_program("theremin")
    (71, 0)
    """
    words = f" {re.sub('[^a-z]+', ' ', instrument.lower())} "
    known = [name for name in PROGRAMS if f" {name} " in words]
    return PROGRAMS[max(known, key=len)] if known else 0


def notes_to_midi(notes: Notes, *, tempo: float | None = None) -> bytes:
    """Write notes as a MIDI file in memory.

    Parameters
    ----------
    notes : Notes
        The notes.
    tempo : float, optional
        Beats per minute, 4 to 1000: where a score editor puts the bars. The seconds stay the same. By default
        120.

    Returns
    -------
    bytes
        A Standard MIDI File of type 1.

    Raises
    ------
    NmfamtError
        If `tempo` is out of range, or the music too long for MIDI.

    Examples
    --------
    >>> notes_to_midi(Notes([[0, 1]], [60]))[:4]
    b'MThd'
    """
    import pretty_midi

    tick, midi = _tempo_map(notes, 120.0 if tempo is None else tempo)
    if notes.info:
        midi.text_events.append(pretty_midi.Text(_INFO + json.dumps(notes.info), 0.0))
    for name in np.unique(notes.instruments) if len(notes) else [""]:
        track = pretty_midi.Instrument(midi_program(name), name=name.encode("latin1", "replace").decode("latin1"))
        mine = notes.select(notes.instruments == name)
        for onset, offset, pitch, velocity in _key_strokes(mine, tick):
            track.notes.append(pretty_midi.Note(velocity, pitch, onset * tick, offset * tick))
        midi.instruments.append(track)
    pedalled = next((track for track in midi.instruments if track.program < 8), midi.instruments[0])
    for down, up in np.rint(notes.pedal / tick) * tick:
        pedalled.control_changes += [
            pretty_midi.ControlChange(_PEDAL, _DOWN, down),
            pretty_midi.ControlChange(_PEDAL, _UP, up),
        ]
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()


def _tempo_map(notes: Notes, tempo: float) -> tuple[float, Any]:
    """Return the length of a tick in seconds, and an empty file with that tempo."""
    import pretty_midi

    if not 4 <= tempo <= 1000:
        raise NmfamtError(f"tempo is {tempo!r}: give beats per minute, 4 to 1000.")
    # MIDI stores whole microseconds per beat, and pretty_midi truncates to them.
    beat = round(6e7 / tempo) / 1e6
    n_beats = max([0.0, *notes.intervals[:, 1], *notes.pedal[:, 1]]) / beat
    resolution = int(min(_TICKS_PER_BEAT, _MAX_TICKS / max(n_beats, 1.0)))
    if resolution == 0:
        raise NmfamtError(f"The last note ends at {n_beats * beat:.0f} s, too late for MIDI: write CSV or JSON.")
    return beat / resolution, pretty_midi.PrettyMIDI(resolution=resolution, initial_tempo=60 / beat * (1 - 1e-9))


def _key_strokes(notes: Notes, tick: float) -> NDArray[np.int64]:
    """Return onset and offset in ticks, pitch and velocity of what one keyboard can play, shape (n, 4)."""
    onsets, offsets = np.rint(notes.intervals / tick).astype(np.int64).T
    pitches = np.rint(notes.pitches).astype(np.int64)
    order = np.lexsort((-offsets, onsets, pitches))
    strokes: NDArray[np.int64] = np.stack([onsets, np.maximum(offsets, onsets + 1), pitches, notes.velocities], axis=1)[
        order
    ]
    same_key = np.diff(strokes[:, 2], prepend=-1) == 0
    strokes = strokes[~(same_key & (np.diff(strokes[:, 0], prepend=-1) == 0))]
    same_key = np.diff(strokes[:, 2], append=-1) == 0
    following = np.where(same_key, np.roll(strokes[:, 0], -1), strokes[:, 1])
    strokes[:, 1] = np.minimum(strokes[:, 1], following)
    return strokes


def midi_to_notes(contents: bytes, name: str = "The file", *, extend: bool = True) -> Notes:
    """Read the notes in a MIDI file.

    Parameters
    ----------
    contents : bytes
        A Standard MIDI File.
    name : str
        What to call it in messages.
    extend : bool
        Whether the sustain pedal holds notes, by the rule above; otherwise a note ends with its key.

    Returns
    -------
    notes : Notes
        The notes of all tracks but drums. The instrument is the name of the track, or else of its program.

    Raises
    ------
    NmfamtError
        If the file is broken.

    Warns
    -----
    NmfamtWarning
        If pretty_midi doubts the file.

    Examples
    --------
    >>> midi_to_notes(notes_to_midi(Notes([[0, 1]], [60], instruments="oboe")))
    Notes(1 note, 0.00 to 1.00 s, C4 to C4)
    """
    import pretty_midi

    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        try:
            midi = pretty_midi.PrettyMIDI(io.BytesIO(contents))
        except Exception as error:  # a broken file meets the parser with errors of every kind
            raise NmfamtError(
                f"{name} is not a MIDI file that can be read ({error or type(error).__name__})."
            ) from error
    for doubt in doubts:
        warnings.warn(f"{name}: {doubt.message}", NmfamtWarning, stacklevel=3)
    tracks = [track for track in midi.instruments if not track.is_drum]
    info = _info(midi)
    ensembles = [
        _ensemble([track for track in tracks if track.program == program], extend, info)
        for program in sorted({track.program for track in tracks})
    ]
    return Notes.concatenate([Notes([], [], info=info), *ensembles])


def _ensemble(tracks: list[Any], extend: bool, info: dict[str, Any]) -> Notes:
    """Return the notes of tracks that share a program, hence a pedal."""
    events = [(note.start, note.end, note.pitch, note.velocity) for track in tracks for note in track.notes]
    names = [track.name.strip() or _PROGRAM_NAMES.get(track.program or -1, "") for track in tracks]
    instruments = np.repeat(names, [len(track.notes) for track in tracks])
    onsets, offsets, pitches, velocities = np.array(events, dtype=np.float64).reshape(-1, 4).T
    pedal = _pedal([change for track in tracks for change in track.control_changes], offsets.max(initial=0.0))
    if extend:
        offsets = _held(onsets, offsets, pitches, pedal)
    return Notes(
        np.stack([onsets, offsets], axis=1),
        pitches,
        velocities=velocities,
        instruments=instruments,
        pedal=pedal,
        info=info,
    )


def _pedal(changes: list[Any], end: float) -> NDArray[np.float64]:
    """Return when the pedal is down; one that never comes up is lifted at `end`."""
    spans, down = [], None
    for change in sorted(changes, key=lambda change: float(change.time)):
        if change.number == _PEDAL and change.value >= _PEDAL:
            down = change.time if down is None else down
        elif change.number == _PEDAL and down is not None:
            spans.append((down, change.time))
            down = None
    if down is not None:
        spans.append((down, end))
    return np.array([(down, up) for down, up in spans if up > down], dtype=np.float64).reshape(-1, 2)


def _held(
    onsets: NDArray[np.float64],
    offsets: NDArray[np.float64],
    pitches: NDArray[np.float64],
    pedal: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the offsets, moved to where the pedal comes up or the pitch begins again."""
    held = offsets.copy()
    for down, up in pedal:
        held[(offsets >= down) & (offsets < up)] = up
    for pitch in np.unique(pitches):
        notes = np.flatnonzero(pitches == pitch)
        notes = notes[np.argsort(onsets[notes], kind="stable")]
        again = np.append(onsets[notes][1:], np.inf)
        held[notes] = np.maximum(np.minimum(held[notes], again), offsets[notes])
    return held


def _info(midi: Any) -> dict[str, Any]:
    """Return what `notes_to_midi` wrote about the notes, if anything."""
    for event in midi.text_events:
        if event.text.startswith(_INFO):
            with suppress(ValueError, RecursionError):
                info = json.loads(event.text.removeprefix(_INFO))
                if isinstance(info, dict):
                    return info
    return {}
