"""Write the three recordings of the examples, with the notes that are heard in them.

* ``invention``: Johann Sebastian Bach, Invention no. 1 in C major, BWV 772 (1723), bars 1 to 7, piano.
* ``canon``: Johann Pachelbel, Canon in D (about 1690), the first four grounds after the bass has entered,
  for clarinet, oboe, flute and bassoon.
* ``greensleeves``: English broadside ballad (1580), verse and half of the chorus, flute.

All three works are in the public domain; the notes were written down for this project. The
soundfonts, MuseScore General and FluidR3, are under the MIT licence. Timing and velocity vary a little
around the score, from a fixed seed, and the MIDI files hold exactly what was played.

Needs ``fluidsynth`` and both soundfonts (Debian packages ``musescore-general-soundfont`` and
``fluid-soundfont-gm``). Usage::

    python examples/audio/make_audio.py
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
from nmfamt.templates.instruments import INSTRUMENTS
from nmfamt.templates.synthesis import synthesise

from nmfamt.pitch import name_to_pitch

SR = 32000
REST = "r"

# A voice is a row of notes, each with its length in units after the colon; one unit where none is given.
# The unit is a semiquaver in the invention and the ballad, a quaver in the canon.
INVENTION_RIGHT = """
    r C4 D4 E4 F4 D4 E4 C4 G4:2 C5:2 B4:2 C5:2
    D5 G4 A4 B4 C5 A4 B4 G4 D5:2 G5:2 F5:2 G5:2
    E5 A5 G5 F5 E5 G5 F5 A5 G5 F5 E5 D5 C5 E5 D5 F5
    E5 D5 C5 B4 A4 C5 B4 D5 C5 B4 A4 G4 F#4 A4 G4 B4
    A4:2 D4:2 C5:3 D5 B4 A4 G4 F#4 E4 G4 F#4 A4
    G4 B4 A4 C5 B4 D5 C5 E5 D5 B4:.5 C5:.5 D5 G5 B4:2 A4 G4
    G4:4
"""
INVENTION_LEFT = """
    r:8 r C3 D3 E3 F3 D3 E3 C3
    G3:2 G2:2 r:4 r G3 A3 B3 C4 A3 B3 G3
    C4:2 B3:2 C4:2 D4:2 E4:2 G3:2 A3:2 B3:2
    C4:2 E3:2 F#3:2 G3:2 A3:2 B3:2 C4:5
    D3 E3 F#3 G3 E3 F#3 D3 G3:2 B2:2 C3:2 D3:2
    E3:2 F#3:2 G3:2 E3:2 B2:3 C3 D3:2 D2:2
    G2:4
"""

GROUND = "D3:2 A2:2 B2:2 F#2:2 G2:2 D2:2 G2:2 A2:2"
CANON = (
    "F#5:2 E5:2 D5:2 C#5:2 B4:2 A4:2 B4:2 C#5:2",
    "D5:2 C#5:2 B4:2 A4:2 G4:2 F#4:2 G4:2 E4:2",
    "D4 F#4 A4 G4 F#4 D4 F#4 E4 D4 B3 D4 A4 G4 B4 A4 G4",
    "F#4 D4 E4 C#5 D5 F#5 A5 A4 B4 G4 A4 F#4 D4 D5 D5:1.5 C#5:.5",
)

GREENSLEEVES = """
    A4:2 C5:4 D5:2 E5:3 F#5 E5:2 D5:4 B4:2 G4:3 A4 B4:2 C5:4 A4:2 A4:3 G#4 A4:2 B4:4 G#4:2 E4:4
    A4:2 C5:4 D5:2 E5:3 F#5 E5:2 D5:4 B4:2 G4:3 A4 B4:2 C5:3 B4 A4:2 G#4:3 F#4 G#4:2 A4:6 A4:6
    G5:6 G5:3 F#5 E5:2 D5:4 B4:2 G4:3 A4 B4:2 C5:3 B4 A4:2 G#4:3 F#4 G#4:2 A4:10
"""


@dataclass(frozen=True)
class Piece:
    """A score with what is needed to play it.

    Attributes
    ----------
    name : str
        Stem of its files.
    soundfont : str
        ``"musescore"`` or ``"fluidr3"``.
    unit : float
        Seconds of a unit of the score.
    voices : tuple of (str, str)
        Instrument and score of each voice.
    seed : int
        Seed of its variations.
    """

    name: str
    soundfont: str
    unit: float
    voices: tuple[tuple[str, str], ...]
    seed: int


def _canon_voices() -> tuple[tuple[str, str], ...]:
    """Return the three voices, each a ground later than the one before, and the bass, to a last chord."""
    rest = f"{REST}:16"
    return (
        ("clarinet", " ".join([*CANON, "D5:4"])),
        ("oboe", " ".join([rest, *CANON[:3], "F#4:4"])),
        ("flute", " ".join([rest, rest, *CANON[:2], "F#5:4"])),
        ("bassoon", " ".join([GROUND] * 4 + ["D3:4"])),
    )


PIECES = (
    Piece("invention", "musescore", 0.215, (("piano0", INVENTION_RIGHT), ("piano0", INVENTION_LEFT)), seed=1),
    Piece("canon", "fluidr3", 0.40, _canon_voices(), seed=2),
    Piece("greensleeves", "musescore", 0.19, (("flute", GREENSLEEVES),), seed=3),
)


def perform(piece: Piece) -> pretty_midi.PrettyMIDI:
    """Play a score: a tempo that breathes, notes a few milliseconds early or late, uneven velocities."""
    rng = np.random.default_rng(piece.seed)
    midi = pretty_midi.PrettyMIDI(resolution=5000, initial_tempo=120)
    phase = rng.uniform(0, 2 * np.pi)
    for voice, (name, score) in enumerate(piece.voices):
        instrument = INSTRUMENTS[name]
        track = pretty_midi.Instrument(instrument.program, name=name)
        position = 0.0
        for token in score.split():
            pitch, _, length = token.partition(":")
            units = float(length or 1)
            onset, offset = (0.3 + piece.unit * _breathe(beat, phase) for beat in (position, position + 0.93 * units))
            position += units
            if pitch == REST:
                continue
            onset = max(onset + rng.normal(0.0, 0.006), 0.0)
            accent = 8 if position % 4 == units % 4 else 0
            velocity = int(np.clip(76 - 6 * voice + accent + rng.normal(0, 5), 40, 110))
            track.notes.append(pretty_midi.Note(velocity, name_to_pitch(pitch), onset, offset))
        midi.instruments.append(track)
    return midi


def _breathe(position: float, phase: float) -> float:
    """Return the position, in units, at which a player is whose tempo varies by 3 % over 24 units."""
    return position + 0.03 * 24 / (2 * np.pi) * (np.sin(2 * np.pi * position / 24 + phase) - np.sin(phase))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fluidr3", type=Path, default=Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"))
    parser.add_argument("--musescore", type=Path, default=Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"))
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent, help="folder")
    options = parser.parse_args()
    for piece in PIECES:
        midi = perform(piece)
        midi.write(str(options.out / f"{piece.name}.mid"))
        soundfont = getattr(options, piece.soundfont)
        y = synthesise(midi, soundfont, duration=midi.get_end_time() + 1.5, sr=SR, reverb=True)
        y *= 0.7 / np.abs(y).max()
        soundfile.write(options.out / f"{piece.name}.flac", y, SR, subtype="PCM_16")


if __name__ == "__main__":
    main()
