"""Recordings of single notes: which there are, which note each holds, and when it begins."""

import numpy as np
import pytest
import soundfile

from nmfamt.exceptions import NmfamtError, NmfamtWarning
from nmfamt.isolated_notes import IsolatedNote, find_isolated_notes, find_onset, is_contradicted, pitch_from_name
from nmfamt.pitch import pitch_to_hz

SR = 16000


@pytest.fixture
def folder(tmp_path):
    """A folder in which files can be made; most tests never read them."""

    def make(*names, labels=None, encoding="utf-8"):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        if labels is not None:
            (tmp_path / "labels.csv").write_text(labels, encoding=encoding)
        return tmp_path

    return make


def pitches(notes):
    return {note.path.name: note.pitch for note in notes}


def write_tone(path, pitch, *, seconds=0.6):
    time = np.arange(round(seconds * SR)) / SR
    partials = (np.sin(2 * np.pi * k * pitch_to_hz(pitch) * time + k) / k for k in range(1, 6))
    soundfile.write(path, 0.2 * sum(partials), SR)


# Names


@pytest.mark.parametrize(
    ("stem", "pitch"),
    [
        ("C4", 60),
        ("060", 60),
        ("60_ff", 60),
        ("A#3", 58),
        ("Bb3", 58),
        ("violin_Cs4_forte", 61),
        ("violin-cs4-forte", 61),
        ("Piano.ff.Gb5.take2", 78),
        ("2_C4", 60),
        ("C4_61", 60),
        ("C4_D5", 60),
        ("ebb3", 50),
        ("take 128, key 64", 64),
        ("A0", 21),
        ("note 0", 0),
        ("127", 127),
        ("A9_60", 60),
        ("v2", None),
        ("piano", None),
        ("H4", None),
        ("C", None),
        ("A440", None),
        ("2024", None),
        ("60a", None),
        ("", None),
    ],
)
def test_pitches_in_names(stem, pitch):
    assert pitch_from_name(stem) == pitch


def test_a_folder_is_sorted_by_name_and_says_where_pitches_are_from(folder):
    path = folder("b_61.wav", "a_C4.FLAC", "readme.txt", ".hidden_62.wav")
    assert find_isolated_notes(path) == [
        IsolatedNote(path / "a_C4.FLAC", 60.0, "name"),
        IsolatedNote(path / "b_61.wav", 61.0, "name"),
    ]
    assert find_isolated_notes(str(path)) == find_isolated_notes(path)


def test_folders_files_and_known_notes_keep_their_order(folder):
    path = folder("x/60.wav", "y/61.wav", "y/62.wav")
    known = IsolatedNote(path / "strange.wav", 47.3)
    found = find_isolated_notes([path / "y", known, path / "x" / "60.wav"])
    assert [note.pitch for note in found] == [61, 62, 47.3, 60]
    assert known.known_from == "caller"


def test_a_name_twice_is_fine_where_the_pitch_is_the_same(folder):
    path = folder("p/60.wav", "f/60.wav")
    assert len(find_isolated_notes([path / "p", path / "f"])) == 2


# Tables


def test_a_table_wins_over_names_and_leaves_out_what_it_does_not_list(folder):
    path = folder("C4.wav", "strange.wav", "noise.wav", labels="file,pitch\nstrange.wav,47.25\nC4.wav, 60.5\n")
    found = find_isolated_notes(path)
    assert pitches(found) == {"C4.wav": 60.5, "strange.wav": 47.25}
    assert {note.known_from for note in found} == {"labels"}


def test_the_lowest_pitch_is_a_pitch(folder):
    path = folder("C4.wav", labels="file,pitch\nC4.wav,0\n")
    assert pitches(find_isolated_notes(path)) == {"C4.wav": 0.0}


def test_tables_of_spreadsheets(folder):
    labels = '"pitch","file","remark"\r\n"60","a b.wav","loud, bright"\r\n\r\n"61","sub/c.wav",""\r\n'
    path = folder("a b.wav", "sub/c.wav", labels=labels, encoding="utf-8-sig")
    assert pitches(find_isolated_notes(path)) == {"a b.wav": 60, "c.wav": 61}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("file,pitch\nC4.wav,sixty\n", "line 2: expected the columns file,pitch with a MIDI pitch from 0 to 127"),
        ("file,pitch\nC4.wav,60\nC4.wav,128\n", "line 3: expected the columns"),
        ("file,pitch\nC4.wav,nan\n", "line 2: expected the columns"),
        ("file,pitch\nC4.wav\n", "line 2: expected the columns"),
        ("name;pitch\nC4.wav;60\n", "line 2: expected the columns"),
        ("file,pitch\nD4.wav,62\n", "line 2: there is no file 'D4.wav' in the folder"),
        ("file,pitch\nC4.wav,60\nC4.wav,60.5\n", "gives 'C4.wav' the pitches 60 and 60.5: keep one"),
        ("file,pitch\n", "lists no file"),
        ("", "lists no file"),
    ],
)
def test_tables_that_cannot_be_used(folder, labels, message):
    with pytest.raises(NmfamtError, match=message):
        find_isolated_notes(folder("C4.wav", labels=labels))


def test_a_table_that_is_no_text(folder):
    path = folder("C4.wav")
    (path / "labels.csv").write_bytes(b"file,pitch\n\xff\xfe,60\n")
    with pytest.raises(NmfamtError, match=r"cannot be read as a table .* save it as CSV in UTF-8"):
        find_isolated_notes(path)


# Heard


@pytest.mark.parametrize(("pitch", "heard"), [(36, 36), (60, 60), (69.2, 69), (64.5, 64.5), (81, 81)])
def test_pitches_are_heard(tmp_path, pitch, heard):
    write_tone(tmp_path / "nameless.wav", pitch)
    (note,) = find_isolated_notes(tmp_path, pitch_from="audio")
    assert note.pitch == pytest.approx(heard, abs=0.101 if heard % 1 else 0)
    assert note.known_from == "audio"


def test_what_follows_the_note_is_not_heard(tmp_path):
    write_tone(tmp_path / "a.wav", 60)
    y, _ = soundfile.read(tmp_path / "a.wav")
    hum = 0.002 * np.sin(2 * np.pi * 50 * np.arange(3 * SR) / SR)
    hum[SR : SR + len(y)] += y * np.exp(-8 * np.arange(len(y)) / SR)
    soundfile.write(tmp_path / "a.wav", hum, SR)
    assert find_isolated_notes(tmp_path, pitch_from="audio")[0].pitch == 60


def test_a_name_that_the_sound_contradicts_is_a_warning(tmp_path):
    write_tone(tmp_path / "C4.wav", 64)
    with pytest.warns(NmfamtWarning, match=r"C4\.wav' is named C4 but sounds like E4"):
        (note,) = find_isolated_notes(tmp_path, pitch_from="audio")
    assert note.pitch == 64


@pytest.mark.parametrize("name", ["E5", "B5", "E4", "F4"])
def test_octaves_twelfths_and_semitones_contradict_nothing(tmp_path, name):
    write_tone(tmp_path / f"{name}.wav", 64)
    (note,) = find_isolated_notes(tmp_path, pitch_from="audio")
    assert note.pitch == 64


@pytest.mark.parametrize("stated", [60.0, 47.5])
def test_contradictions(stated):
    for semitones in (0, 0.9, 1, 11.2, 12, 13, 19, 24, 36):
        assert not is_contradicted(stated, stated + semitones)
        assert not is_contradicted(stated + semitones, stated)
    for semitones in (1.1, 2, 7, 10.8, 15, 21):
        assert is_contradicted(stated, stated + semitones)
        assert is_contradicted(stated + semitones, stated)


@pytest.mark.parametrize("y", [np.zeros(8000), np.zeros(1)])
def test_where_no_pitch_is_heard(tmp_path, y):
    soundfile.write(tmp_path / "60.wav", y, SR)
    with pytest.raises(NmfamtError, match=r"No pitch is heard in '.*60\.wav'"):
        find_isolated_notes(tmp_path, pitch_from="audio")


# The onset


def note(pitch, *, onset=0.1, rise=0.005, decay=2.0, seconds=1.5, background=1e-5, seed=0):
    """Return a harmonic tone that begins at a known time and dies away."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SR)) / SR
    age = time - onset
    envelope = np.where(age < 0, 0, np.minimum(1, age / max(rise, 1e-9)) * np.exp(-decay * np.abs(age)))
    hz = pitch_to_hz(pitch) * np.arange(1, 9)
    partials = sum(np.sin(2 * np.pi * f * time + k) / (k + 1) for k, f in enumerate(hz) if f < 7500)
    return 0.3 * partials * envelope + background * rng.standard_normal(len(time))


def knock(y, when, *, level, seconds=0.008, seed=1):
    """Add the noise of a key."""
    age = np.arange(len(y)) / SR - when
    burst = np.random.default_rng(seed).standard_normal(len(y)) * np.exp(-np.maximum(age, 0) / seconds)
    return y + level * burst * (age >= 0)


@pytest.mark.parametrize("pitch", [30, 45, 60, 80, 100])
@pytest.mark.parametrize("rise", [0.0, 0.005, 0.03, 0.06])
@pytest.mark.parametrize("onset", [0.03, 0.1, 0.237])
def test_onsets_are_found_within_6_ms(pitch, rise, onset):
    assert find_onset(note(pitch, onset=onset, rise=rise), SR) == pytest.approx(onset, abs=0.006)


@pytest.mark.parametrize("pitch", [30, 45, 60, 80, 100])
@pytest.mark.parametrize("rise", [0.0, 0.005, 0.03, 0.06])
def test_a_file_may_begin_with_its_note(pitch, rise):
    # To half a period: there is nothing before it to tell a rise from the ripple of a low tone.
    tolerance = max(0.006, 0.55 / pitch_to_hz(pitch))
    assert find_onset(note(pitch, onset=0.0, rise=rise), SR) == pytest.approx(0.0, abs=tolerance)


@pytest.mark.parametrize("level", [0.02, 0.1, 0.2])
def test_the_noise_of_a_key_before_the_note_is_no_onset(level):
    y = knock(note(60, onset=0.3), 0.2, level=level)
    assert find_onset(y, SR) == pytest.approx(0.3, abs=0.005)


@pytest.mark.parametrize("background", [1e-4, 1e-3, 1e-2])
def test_noise_in_the_background_does_not_matter(background):
    y = note(60, onset=0.3, background=background)
    assert find_onset(y, SR) == pytest.approx(0.3, abs=0.006)


@pytest.mark.parametrize("gain", [1e-4, 1.0, 1e3])
def test_gain_does_not_matter(gain):
    assert find_onset(gain * note(60), SR) == pytest.approx(find_onset(note(60), SR), abs=1e-6)


@pytest.mark.parametrize("sr", [8000, 44100, 96000])
def test_the_rate_does_not_matter(sr):
    time = np.arange(sr) / sr
    y = np.sin(2 * np.pi * 440 * time) * (time >= 0.25) * np.exp(-time)
    assert find_onset(y, sr) == pytest.approx(0.25, abs=0.006)


def test_a_rough_idea_chooses_between_sounds():
    y = note(60, onset=0.2, seconds=3.0, decay=20) + 2 * note(60, onset=1.5, seconds=3.0)
    assert find_onset(y, SR) == pytest.approx(1.5, abs=0.006)
    assert find_onset(y, SR, around=0.25) == pytest.approx(0.2, abs=0.006)


def test_a_note_that_sounds_from_the_start_begins_there():
    assert find_onset(np.sin(np.arange(8000.0)), SR) == pytest.approx(0.0, abs=0.006)


@pytest.mark.parametrize("y", [np.zeros(8000), np.zeros(1), np.zeros(0)])
def test_silence_has_no_onset(y):
    with pytest.raises(NmfamtError, match="nothing sounds in it"):
        find_onset(y, SR)


# Errors


def test_no_pitch_in_a_name(folder):
    with pytest.raises(NmfamtError, match=r"nameless\.wav' does not state its pitch: name it like C4\.wav"):
        find_isolated_notes(folder("nameless.wav"))


def test_one_name_and_two_pitches(folder):
    path = folder("a/x.wav", "b/x.wav")
    (path / "a" / "labels.csv").write_text("file,pitch\nx.wav,60\n")
    (path / "b" / "labels.csv").write_text("file,pitch\nx.wav,62.5\n")
    with pytest.raises(NmfamtError, match=r"have one name but pitches 60 and 62\.5: rename one"):
        find_isolated_notes([path / "a", path / "b"])


def test_nothing_to_learn_from(folder, tmp_path):
    with pytest.raises(NmfamtError, match="holds no audio"):
        find_isolated_notes(folder("readme.txt"))
    with pytest.raises(NmfamtError, match=r"There is no file or folder '.*missing'"):
        find_isolated_notes(tmp_path / "missing")
    with pytest.raises(NmfamtError, match="No isolated notes were given"):
        find_isolated_notes([])


def test_where_a_pitch_may_be_from(folder):
    with pytest.raises(NmfamtError, match="pitch_from='ear' must be 'name' or 'audio'"):
        find_isolated_notes(folder("60.wav"), pitch_from="ear")
