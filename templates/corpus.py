"""The fixed, seeded plan of performances that are rendered to train tracker models.

Piano: 24 pieces, spread over composers, alternately by either soundfont, either piano program, and
dry, in a room, or in a room with noise. Other instruments: three pieces each, thinned to fewer voices,
moved into the instrument's range and without pedal; instruments that sustain play slower and legato.
Pieces of the MAPS Disklavier recordings are left out, so that nothing evaluated there was heard here.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nmfamt.templates.instruments import INSTRUMENTS

from nmfamt.exceptions import NmfamtError

__all__ = ["HELD_OUT", "Performance", "plan_performances"]

HELD_OUT = ("Liszt__Transcendental_Etudes__5", "Schumann__Kreisleriana__3", "Schumann__Kreisleriana__7")
_N_PIANO = 24
_N_OTHER = 3
# Voices played at once: what the instrument can do, or a section of two to four of them.
_VOICES = {
    "organ": (3, 5),
    "guitar": (3, 5),
    "harpsichord": (4, 6),
    "violin": (1, 4),
    "cello": (1, 4),
    "flute": (1, 3),
    "clarinet": (1, 3),
    "oboe": (1, 3),
    "trumpet": (1, 3),
    "horn": (1, 3),
    "bassoon": (1, 3),
    "alto_saxophone": (1, 3),
}


@dataclass(frozen=True)
class Performance:
    """One excerpt to render; the fields are arguments of `render_performance` or name the result."""

    soundfont: str
    instrument: str
    piece: str
    seed: int
    room: float | None
    noise_db: float | None
    equalise: bool
    stretch: float = 1.0
    polyphony: int | None = None

    @property
    def stem(self) -> str:
        """Name of the files, without suffix."""
        return f"{self.soundfont}_{self.instrument}_{self.piece}"


def plan_performances(midi: Path, soundfonts: list[str], *, seed: int = 0) -> list[Performance]:
    """Return what to render, pianos first.

    Parameters
    ----------
    midi : Path
        Folder of performances named ``Composer__..__piece__performer.mid``.
    soundfonts : list of str
        Names between which the performances alternate.
    seed : int, default 0
        Seed of the plan.

    Returns
    -------
    list of Performance
        The plan; the same for the same folder, soundfonts and seed.

    Raises
    ------
    NmfamtError
        If the folder holds no performances.
    """
    rng = np.random.default_rng(seed)
    pieces = _spread_over_composers(midi, rng)
    if not pieces:
        raise NmfamtError(f"There are no performances in {str(midi)!r}: give their folder with --midi, or NMFAMT_DATA.")
    pianos = itertools.product(("piano0", "piano1"), soundfonts)
    players = list(itertools.islice(itertools.cycle(pianos), _N_PIANO))
    plan = [
        _draw(soundfont, instrument, piece, k // len(soundfonts) // 2, rng)
        for k, ((instrument, soundfont), piece) in enumerate(zip(players, pieces, strict=False))
    ]
    rotating = itertools.cycle(pieces[::-1])
    for i, instrument in enumerate(_VOICES):
        for k in range(_N_OTHER):
            soundfont = soundfonts[(i + k) % len(soundfonts)]
            plan.append(_draw(soundfont, instrument, next(rotating), i + k, rng))
    return plan


def _spread_over_composers(midi: Path, rng: np.random.Generator) -> list[str]:
    """Return one performance of each piece, going round the composers."""
    performances = defaultdict(list)
    for path in sorted(midi.glob("*.mid")):
        piece, _, _ = path.stem.rpartition("__")
        if piece not in HELD_OUT:
            performances[piece].append(path.stem)
    by_composer = defaultdict(list)
    for piece in sorted(performances):
        by_composer[piece.split("__")[0]].append(rng.choice(performances[piece]).item())
    for pieces in by_composer.values():
        rng.shuffle(pieces)
    rounds = itertools.zip_longest(*by_composer.values())
    return [piece for pieces in rounds for piece in pieces if piece is not None]


def _draw(soundfont: str, instrument: str, piece: str, kind: int, rng: np.random.Generator) -> Performance:
    """Draw the conditions of one performance: by `kind` dry, in a room, or in a room with noise."""
    kind %= 3
    lowest_voices, most_voices = _VOICES.get(instrument, (0, 0))
    voices = int(rng.integers(lowest_voices, most_voices + 1))
    return Performance(
        soundfont=soundfont,
        instrument=instrument,
        piece=piece,
        seed=int(rng.integers(2**31)),
        room=round(float(rng.uniform(0.2, 0.8)), 3) if kind > 0 else None,
        noise_db=round(float(rng.uniform(-50.0, -35.0)), 1) if kind == 2 else None,
        equalise=kind > 0,
        stretch=1.0 if INSTRUMENTS[instrument].struck else round(float(rng.uniform(1.2, 2.0)), 2),
        polyphony=voices or None,
    )
