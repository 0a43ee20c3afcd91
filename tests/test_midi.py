"""Notes -> MIDI -> notes is the identity up to ticks, and what MIDI cannot say is lost in a known way."""

import io
import warnings

import mido
import numpy as np
import pretty_midi
import pytest

from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.midi import PROGRAMS, midi_program, midi_to_notes, notes_to_midi
from nmfamt.notes import Notes

TICK = 0.5 / 480  # seconds, at 120 beats per minute


def random_notes(seed, n_notes=300):
    """Notes of three instruments that never overlap on one key."""
    rng = np.random.default_rng(seed)
    onsets = np.arange(n_notes) * 0.1 + rng.uniform(0, 0.05, n_notes)
    return Notes(
        np.stack([onsets, onsets + rng.uniform(0.01, 1.2, n_notes)], axis=1),
        21 + np.arange(n_notes) % 88,
        velocities=rng.integers(1, 128, n_notes),
        instruments=np.array(["piano", "cello", "santur"])[rng.integers(0, 3, n_notes)],
        info={"version": "0.1", "settings": {"hop_length": 160}},
    )


def controller(time, value):
    return pretty_midi.ControlChange(64, value, time)


def piano_midi(notes, changes):
    """MIDI of (onset, offset, pitch) triples and pedal changes, made without nmfamt."""
    midi = pretty_midi.PrettyMIDI(resolution=1000)
    track = pretty_midi.Instrument(0)
    track.notes = [pretty_midi.Note(80, pitch, onset, offset) for onset, offset, pitch in notes]
    track.control_changes = [controller(*change) for change in changes]
    midi.instruments.append(track)
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()


@pytest.mark.parametrize("tempo", [None, 60.0, 97.3, 300.0])
def test_round_trip(tempo):
    notes = random_notes(0)
    again = midi_to_notes(notes_to_midi(notes, tempo=tempo))
    tick = 60 / (tempo or 120) / 480
    assert again.equals(notes, tol=0.51 * tick)
    assert again.info == notes.info


def test_round_trip_over_three_hours():
    notes = random_notes(0).shifted(3 * 3600.0)
    assert midi_to_notes(notes_to_midi(notes)).equals(notes, tol=2 * TICK)


def test_tempo_makes_beats_and_keeps_seconds():
    midi = pretty_midi.PrettyMIDI(io.BytesIO(notes_to_midi(Notes([[1.5, 2.0]], [60]), tempo=80.0)))
    assert midi.get_tempo_changes()[1] == pytest.approx([80.0])
    assert midi.time_to_tick(1.5) == 2 * 480
    assert midi.instruments[0].notes[0].start == pytest.approx(1.5)


@pytest.mark.parametrize("tempo", [0, -10.0, 3.0, 1e6, float("nan")])
def test_tempo_that_makes_no_sense(tempo):
    with pytest.raises(NmfamtError, match="give beats per minute, 4 to 1000"):
        notes_to_midi(Notes.empty(), tempo=tempo)


def test_music_too_long_for_midi():
    with pytest.raises(NmfamtError, match="too late for MIDI"):
        notes_to_midi(Notes([[1e9, 1e9 + 1]], [60]))


def test_no_notes():
    notes = midi_to_notes(notes_to_midi(Notes([], [], info={"dictionary": "piano"})))
    assert len(notes) == 0
    assert notes.info == {"dictionary": "piano"}


def test_one_track_and_program_for_each_instrument():
    midi = pretty_midi.PrettyMIDI(io.BytesIO(notes_to_midi(random_notes(1))))
    assert {(track.name, track.program) for track in midi.instruments} == {
        ("piano", 0),
        ("cello", 42),
        ("santur", 15),
    }


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("Alto_Sax", 65),
        ("violin", 40),
        ("bass clarinet", 71),
        ("electric piano", 4),
        ("piano 2", 0),
        ("", 0),
        ("x", 0),
    ],
)
def test_programs(name, program):
    assert midi_program(name) == program


def test_every_program_is_one_of_midi():
    assert all(0 <= program <= 127 and name == name.lower() for name, program in PROGRAMS.items())
    assert all(midi_program(name) == program for name, program in PROGRAMS.items())


def test_names_outside_latin_letters_do_not_stop_the_writing():
    notes = midi_to_notes(notes_to_midi(Notes([[0, 1], [0, 1]], [60, 62], instruments=["二胡", "flûte"])))
    assert notes.instruments.tolist() == ["??", "flûte"]


def test_the_program_names_a_track_without_a_name():
    midi = pretty_midi.PrettyMIDI()
    for program in (0, 65):
        midi.instruments.append(pretty_midi.Instrument(program))
        midi.instruments[-1].notes.append(pretty_midi.Note(80, 60 + program % 2, 0.0, 1.0))
    file = io.BytesIO()
    midi.write(file)
    assert midi_to_notes(file.getvalue()).instruments.tolist() == ["", "alto saxophone"]


def test_fractions_of_a_semitone_are_rounded():
    assert midi_to_notes(notes_to_midi(Notes([[0, 1], [0, 1]], [60.4, 66.6]))).pitches.tolist() == [60, 67]


def test_overlapping_notes_of_one_pitch_are_both_kept():
    notes = midi_to_notes(notes_to_midi(Notes([[0, 2], [1, 3], [1, 4]], [60, 60, 62], velocities=[10, 20, 30])))
    assert notes.equals(Notes([[0, 1], [1, 3], [1, 4]], [60, 60, 62], velocities=[10, 20, 30]), tol=TICK)


def test_of_two_that_begin_together_the_longer_is_kept():
    notes = midi_to_notes(notes_to_midi(Notes([[0, 2], [0, 1]], [60, 60], velocities=[10, 20])))
    assert notes.equals(Notes([[0, 2]], [60], velocities=10), tol=TICK)


def test_the_same_pitch_in_two_instruments_stays_two_notes():
    notes = Notes([[0, 2], [0, 1]], [60, 60], instruments=["oboe", "flute"])
    assert midi_to_notes(notes_to_midi(notes)).equals(notes, tol=TICK)


def test_a_repeated_note_without_a_gap():
    notes = Notes([[0.0, 0.5], [0.5, 1.0], [1.0, 1.5]], [60] * 3)
    assert midi_to_notes(notes_to_midi(notes)).equals(notes, tol=TICK)


def test_a_note_shorter_than_a_tick_lasts_one():
    (duration,) = np.diff(midi_to_notes(notes_to_midi(Notes([[1.0, 1.00001]], [60]))).intervals)[0]
    assert duration == pytest.approx(TICK)


def test_confidences_are_dropped():
    assert midi_to_notes(notes_to_midi(Notes([[0, 1]], [60], confidences=[0.3]))).confidences.tolist() == [1.0]


def test_the_pedal_makes_the_round_trip_and_moves_nothing():
    notes = Notes([[0.2, 1.5], [0.5, 1.2], [1.2, 3.1]], [60, 64, 64], pedal=[[0.1, 1.5], [2.0, 3.1]])
    for extend in (True, False):
        assert midi_to_notes(notes_to_midi(notes), extend=extend).equals(notes, tol=TICK)


@pytest.mark.parametrize(
    ("offset", "changes", "expected"),
    [
        (1.0, [(0.5, 127), (2.0, 0)], 2.0),  # held until the pedal comes up
        (1.0, [(1.0, 127), (2.0, 0)], 2.0),  # caught as the key is released
        (1.0, [(1.5, 127), (2.0, 0)], 1.0),  # too late
        (1.0, [(0.5, 127), (1.0, 0)], 1.0),  # up as the key is released
        (1.0, [(0.5, 63), (2.0, 0)], 1.0),  # not down
        (1.0, [(0.5, 64), (1.5, 90), (2.0, 63)], 2.0),  # a second "down" changes nothing
        (1.0, [(0.5, 127), (5.0, 0)], 3.0),  # the same key is struck again at 3 s
        (1.0, [(0.5, 127)], 3.0),  # never lifted
    ],
)
def test_the_pedal_rule(offset, changes, expected):
    contents = piano_midi([(0.0, offset, 60), (3.0, 4.0, 60), (0.0, 3.5, 72)], changes)
    assert midi_to_notes(contents).intervals[0].tolist() == pytest.approx([0.0, expected])
    assert midi_to_notes(contents, extend=False).intervals[0].tolist() == pytest.approx([0.0, offset])


def test_a_pedal_holds_every_track_of_its_program_and_no_other():
    midi = pretty_midi.PrettyMIDI(resolution=1000)
    for program, pitch in ((0, 60), (0, 48), (40, 72)):
        midi.instruments.append(pretty_midi.Instrument(program))
        midi.instruments[-1].notes.append(pretty_midi.Note(80, pitch, 0.0, 1.0))
    midi.instruments[1].control_changes = [controller(0.5, 127), controller(2.0, 0)]
    file = io.BytesIO()
    midi.write(file)
    notes = midi_to_notes(file.getvalue())
    assert notes.intervals[:, 1].tolist() == pytest.approx([2.0, 2.0, 1.0])
    assert notes.pedal.tolist() == [pytest.approx([0.5, 2.0])]


def test_drums_are_left_out():
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0, is_drum=True))
    midi.instruments[0].notes.append(pretty_midi.Note(80, 38, 0.0, 1.0))
    file = io.BytesIO()
    midi.write(file)
    assert len(midi_to_notes(file.getvalue())) == 0


@pytest.mark.parametrize("contents", [b"", b"MThd", b"RIFF" + bytes(100), b"MThd\0\0\0\6\0\1\0\1\1\xe0"])
def test_what_is_not_midi(contents):
    with pytest.raises(NmfamtError, match=r"^'a\.mid' is not a MIDI file that can be read"):
        midi_to_notes(contents, "'a.mid'")


@pytest.mark.parametrize("seed", range(30))
def test_damaged_midi_is_read_or_refused_but_never_crashes(seed):
    rng = np.random.default_rng(seed)
    contents = np.frombuffer(notes_to_midi(random_notes(0, 20)), dtype=np.uint8).copy()
    contents[rng.integers(0, len(contents), 10)] = rng.integers(0, 256, 10)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NmfamtWarning)
            midi_to_notes(contents.tobytes())
    except NmfamtError as error:
        assert "is not a MIDI file" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("text", ["nmfamt {broken", "nmfamt []", "nmfamt " + "[" * 100_000, "Etude"])
def test_texts_of_others_are_no_info(text):
    midi = pretty_midi.PrettyMIDI()
    midi.text_events.append(pretty_midi.Text(text, 0.0))
    file = io.BytesIO()
    midi.write(file)
    assert midi_to_notes(file.getvalue()).info == {}


def test_a_doubtful_file_is_read_with_a_warning():
    midi = mido.MidiFile(file=io.BytesIO(notes_to_midi(Notes([[0, 1]], [60]))))
    midi.tracks[1].insert(0, mido.MetaMessage("set_tempo", tempo=400_000, time=0))
    file = io.BytesIO()
    midi.save(file=file)
    with pytest.warns(NmfamtWarning, match=r"^'a\.mid': Tempo"):
        assert len(midi_to_notes(file.getvalue(), "'a.mid'")) == 1
