"""The methods that have a name: each can be chosen, cited, and run on whatever there is."""

import re

import numpy as np
import pytest

from nmfamt import activate, evaluate, track, transcribe
from nmfamt.exceptions import NmfamtError
from nmfamt.methods import DEFAULT, METHODS, find_method
from nmfamt.notes import Notes
from nmfamt.transcription import make_transcriber, prepare_dictionary

SR = 16000
PLAYED = ((0.3, 60), (0.9, 64), (1.5, 67))
NEEDING_NOTES = [name for name, method in METHODS.items() if method.needs == "isolated notes"]


def test_the_default_comes_first():
    assert next(iter(METHODS)) == DEFAULT


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_can_be_chosen_and_cited(method):
    assert METHODS[method.name] is find_method(method.name) is method
    assert all((method.title, method.summary, method.needs, method.equations, method.limits))
    assert (method.learn is not None) == (method.needs == "isolated notes")
    years = re.findall(r"year\s*= {(\d{4})}", method.bibtex)
    assert years
    assert re.findall(r", (\d{4}),", method.citation) == years
    assert method.bibtex.count("{") == method.bibtex.count("}")
    for name in re.findall(r"author\s*= {(\w+),", method.bibtex):
        assert name in method.citation


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_name_is_that_of_a_first_author_and_a_year(method):
    found = re.match(r"([a-z]+)(\d{4})", method.name)
    if found:
        author, year = found.groups()
        entries = re.findall(r"author\s*= \{(\w+),.*?year\s*= \{(\d+)\}", method.bibtex, re.DOTALL)
        assert (author, year) in [(name.lower(), when) for name, when in entries]


def tone(pitch, seconds):
    """Return a plucked harmonic tone."""
    t = np.arange(round(seconds * SR)) / SR
    hz = 440 * 2 ** ((pitch - 69) / 12)
    partials = sum(np.sin(2 * np.pi * k * hz * t + k) * np.exp(-1.5 * t) / k for k in range(1, 9))
    return partials * np.minimum(1, np.minimum(t, t[-1] - t) / 0.01)


@pytest.fixture(scope="session")
def melody():
    y = np.zeros(round(2.4 * SR))
    for onset, pitch in PLAYED:
        first = round(onset * SR)
        sound = tone(pitch, 0.5)
        y[first : first + len(sound)] += 0.3 * sound
    return y


@pytest.fixture(scope="session")
def notes_folder(tmp_path_factory):
    """Return a folder of isolated notes."""
    import soundfile

    folder = tmp_path_factory.mktemp("notes")
    for pitch in range(55, 73, 2):
        y = np.concatenate([np.zeros(SR // 10), tone(pitch, 1.0), np.zeros(SR // 10)])
        soundfile.write(folder / f"{pitch:03}.wav", 0.3 * y, SR)
    return folder


@pytest.fixture(scope="session")
def learned(notes_folder):
    """Return what each method needs to know of the notes."""
    from nmfamt import learn_dictionary

    dictionary = learn_dictionary(notes_folder, name="plucked")
    needed = {"nothing": lambda name: None, "a dictionary": lambda name: dictionary}
    needed["isolated notes"] = lambda name: prepare_dictionary(str(notes_folder), method=name)
    return {name: needed[method.needs](name) for name, method in METHODS.items()}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_a_melody(melody, learned, name):
    found = transcribe(melody, sr=SR, dictionary=learned[name], method=name)
    reference = Notes([[onset, onset + 0.5] for onset, _ in PLAYED], [pitch for _, pitch in PLAYED])
    assert evaluate(reference, found).frame_f1 > 0.6
    for onset, pitch in PLAYED:  # long windows and low thresholds hear notes early
        begins = found.intervals[found.pitches.round() == pitch, 0]
        assert (np.abs(begins - onset) < 0.1).any()
    assert found.info["method"] == name


@pytest.mark.parametrize("name", METHODS)
def test_the_two_halves_of_every_method_make_the_whole(melody, learned, name):
    options = {"sr": SR, "dictionary": learned[name], "method": name, "start": 0.2, "end": 1.6}
    found = track(activate(melody, **options), method=name)
    assert found.equals(transcribe(melody, **options))


@pytest.mark.parametrize("y", [np.zeros(SR), np.zeros(1), np.zeros(300)], ids=["silence", "a sample", "a moment"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_nothing_in_silence(learned, name, y):
    assert len(transcribe(y, sr=SR, dictionary=learned[name], method=name)) == 0


@pytest.mark.parametrize("name", METHODS)
def test_what_is_too_quiet_to_have_a_level_is_silence(melody, learned, name):
    assert len(transcribe(1e-12 * melody, sr=SR, dictionary=learned[name], method=name)) == 0


@pytest.mark.parametrize("name", METHODS)
def test_more_notes_at_once_than_there_are_pitches(melody, learned, name):
    options = {"sr": SR, "dictionary": learned[name], "method": name, "fmin": 329.6, "fmax": 329.6}
    assert transcribe(melody, polyphony=9, **options).equals(transcribe(melody, polyphony=1, **options))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_the_options(melody, learned, name):
    options = {"sr": SR, "dictionary": learned[name], "method": name}
    found = transcribe(melody, fmin=325.0, fmax=335.0, polyphony=1, tuning=0.0, min_duration=0.06, **options)
    assert set(found.pitches.round().tolist()) == {64}
    few = transcribe(melody, sensitivity=0.01, **options)
    many = transcribe(melody, sensitivity=0.99, **options)
    assert len(few) <= len(many)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensitivity": 1.0}, "sensitivity=1.0 must lie between 0 and 1"),
        ({"polyphony": 0}, "polyphony=0"),
        ({"fmin": 880.0, "fmax": 440.0}, "fmax=440 Hz is below fmin=880 Hz: exchange them"),
        ({"tuning": 900.0}, "tuning=900.0 must be 'auto'"),
    ],
)
def test_every_method_refuses_what_cannot_be(melody, learned, name, options, message):
    with pytest.raises(NmfamtError, match=message):
        transcribe(melody, sr=SR, dictionary=learned[name], method=name, **options)


def test_a_dictionary_is_refused_where_none_is_needed():
    with pytest.raises(NmfamtError, match="needs no dictionary: leave it out"):
        make_transcriber("piano", method="mauch2014")


@pytest.mark.parametrize("name", NEEDING_NOTES)
@pytest.mark.parametrize("dictionary", ["piano", "auto"])
def test_the_name_of_a_dictionary_is_refused_where_isolated_notes_are_needed(name, dictionary):
    with pytest.raises(NmfamtError, match=f"'{dictionary}' names dictionaries, and this method needs isolated notes"):
        make_transcriber(dictionary, method=name)


@pytest.mark.parametrize("name", NEEDING_NOTES)
def test_what_was_learned_is_recognised_whatever_its_file_is_called(notes_folder, tmp_path, name):
    learned = METHODS[name].learn(notes_folder, name="Lyre")
    assert learned.name == "Lyre"
    learned.save(tmp_path / "lyre.templates")
    assert prepare_dictionary(str(tmp_path / "lyre.templates"), method=name).hash == learned.hash
    with pytest.raises(NmfamtError, match="is no recording of a note: give it alone"):
        prepare_dictionary([str(tmp_path / "lyre.templates"), str(notes_folder)], method=name)


@pytest.mark.parametrize("name", NEEDING_NOTES)
def test_isolated_notes_are_asked_for(name):
    with pytest.raises(NmfamtError, match="learns from isolated notes of the instrument: give dictionary='my_notes/'"):
        make_transcriber(method=name)


def test_an_unknown_method():
    with pytest.raises(NmfamtError, match=r"no method 'magic': give one of nmf, threshold-nmf"):
        find_method("magic")
