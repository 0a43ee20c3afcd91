"""Write the notes that madmom's recurrent network finds in piano music.

S. Böck & M. Schedl, "Polyphonic Piano Note Transcription with Recurrent Neural Networks", ICASSP 2012, as madmom 0.16.1
has it: ``RNNPianoNoteProcessor`` and the peak picking of its program ``PianoTranscriptor``, at its settings, at 44.1
kHz. It finds onsets alone: a note ends where its pitch begins again, after 0.6 s at the latest, which is how long notes
are in the MIDI files that madmom writes. So its scores for frames and offsets say little. Its models may not be used
commercially (CC BY-NC-SA 4.0).

``_adapter.py`` says how this is called.
"""

from __future__ import annotations

from functools import partial
from math import gcd
from typing import Any

import numpy as np
from _adapter import Note, command_line, run
from madmom.audio.signal import Signal
from madmom.features.notes import NotePeakPickingProcessor, RNNPianoNoteProcessor
from scipy.signal import resample_poly

SR, FPS = 44100, 100
LONGEST = 0.6
"""Seconds that a note lasts at most."""


def transcribe(y: Any, sr: int, *, network: Any, peaks: Any) -> list[Note]:
    """Return the notes in mono audio."""
    if sr != SR:
        divisor = gcd(SR, sr)
        y = resample_poly(y, SR // divisor, sr // divisor)
    signal = Signal(np.rint(32767 * np.clip(y, -1, 1)).astype(np.int16), sample_rate=SR)
    found = peaks(network(signal))
    notes: list[Note] = []
    following: dict[int, float] = {}
    for onset, pitch in sorted(((float(row[0]), int(row[1])) for row in found), reverse=True):
        notes.append(Note(onset, min(onset + LONGEST, following.get(pitch, np.inf)), pitch))
        following[pitch] = onset
    return sorted(notes)


def main() -> None:
    """Transcribe the recordings that the command line names."""
    options = command_line(__doc__).parse_args()
    peaks = NotePeakPickingProcessor(
        threshold=0.35, smooth=0.09, combine=0.05, pre_max=1 / FPS, post_max=1 / FPS, fps=FPS
    )
    run(partial(transcribe, network=RNNPianoNoteProcessor(), peaks=peaks), options)


if __name__ == "__main__":
    main()
