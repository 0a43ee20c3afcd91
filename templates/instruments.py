"""The instruments for which dictionaries are rendered: General MIDI program and playing range.

Ranges are those in which orchestral players are asked to play, as MIDI numbers of sounding pitch.
Programs count from 0, as they do in a MIDI file.
"""

from dataclasses import dataclass

__all__ = ["INSTRUMENTS", "Instrument"]


@dataclass(frozen=True)
class Instrument:
    """An instrument of the General MIDI set.

    Attributes
    ----------
    name : str
        Name in lower case, words joined by underscores.
    program : int
        General MIDI program, 0 to 127.
    lowest, highest : int
        Playing range in MIDI pitch, both ends included.
    struck : bool
        Whether a note decays by itself (struck, plucked) rather than being sustained (bow, breath).
    """

    name: str
    program: int
    lowest: int
    highest: int
    struck: bool = False

    @property
    def pitches(self) -> range:
        """Every MIDI pitch of the playing range."""
        return range(self.lowest, self.highest + 1)


INSTRUMENTS = {
    instrument.name: instrument
    for instrument in (
        Instrument("piano0", 0, 21, 108, struck=True),
        Instrument("piano1", 1, 21, 108, struck=True),
        Instrument("violin", 40, 55, 100),
        Instrument("viola", 41, 48, 91),
        Instrument("cello", 42, 36, 84),
        Instrument("double_bass", 43, 28, 67),
        Instrument("flute", 73, 60, 96),
        Instrument("piccolo", 72, 74, 108),
        Instrument("oboe", 68, 58, 91),
        Instrument("clarinet", 71, 50, 94),
        Instrument("bassoon", 70, 34, 75),
        Instrument("horn", 60, 34, 77),
        Instrument("trumpet", 56, 52, 86),
        Instrument("trombone", 57, 40, 77),
        Instrument("tuba", 58, 28, 62),
        Instrument("alto_saxophone", 65, 49, 81),
        Instrument("tenor_saxophone", 66, 44, 76),
        Instrument("guitar", 24, 40, 84, struck=True),
        Instrument("organ", 19, 36, 96),
        Instrument("harpsichord", 6, 29, 89, struck=True),
        Instrument("harp", 46, 24, 103, struck=True),
        Instrument("vibraphone", 11, 53, 89, struck=True),
        Instrument("marimba", 12, 45, 96, struck=True),
    )
}
