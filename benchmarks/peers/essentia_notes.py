"""Write the notes that Essentia's multi-pitch estimators find.

``--algorithm klapuri`` is ``MultiPitchKlapuri`` (A. Klapuri, "Multiple Fundamental Frequency Estimation by Summing
Harmonic Amplitudes", ISMIR 2006, iterative), ``melodia`` is ``MultiPitchMelodia`` (J. Salamon & E. Gomez, "Melody
Extraction from Polyphonic Music Signals using Pitch Contour Characteristics", IEEE TASLP 2012, several contours at
once), both at their defaults, with a hop of 128 samples at 44.1 kHz. Whatever ``minFrequency`` and ``maxFrequency``
say, both look for fundamentals within five octaves above ``referenceFrequency``, 55 to 1760 Hz, which tones below and
above confirm (36.7 Hz is found at 109 and 182 Hz, 2093 Hz at 1047 Hz): the range is no option here.

Noise 80 dB below full scale is added, always the same: ``MultiPitchKlapuri`` leaves out frames of digital silence, so
that all that follows is found too early. With 100 and 120 dB the scores are the same to 0.006. Frame ``i`` is centred
on the sample ``128 i``, which a tone of known onset confirms for both.

Frames become notes by the rule of ``_adapter.py``, which also says how this is called.
"""

from functools import partial
from typing import Any

import essentia
import essentia.standard
import numpy as np
from _adapter import Note, command_line, notes_of_frames, run

ALGORITHMS = {"klapuri": "MultiPitchKlapuri", "melodia": "MultiPitchMelodia"}
SR, HOP = 44100, 128
DITHER = 1e-4


def transcribe(y: Any, sr: int, *, algorithm: str) -> list[Note]:
    """Return the notes in mono audio."""
    if sr != SR:
        y = essentia.standard.Resample(inputSampleRate=sr, outputSampleRate=SR)(y)
    noise = np.random.default_rng(0).normal(scale=DITHER, size=len(y))
    frames = getattr(essentia.standard, ALGORITHMS[algorithm])()((y + noise).astype(np.float32))
    times = [i * HOP / SR for i in range(len(frames))]
    # Fundamentals lie on a grid of 10 cents, some half-way between semitones: the digits decide where those go.
    return notes_of_frames(times, [np.round(np.atleast_1d(hz).astype(float), 2) for hz in frames])


def main() -> None:
    """Transcribe the recordings that the command line names."""
    essentia.log.infoActive = essentia.log.warningActive = False
    parser = command_line(__doc__)
    parser.add_argument("--algorithm", choices=list(ALGORITHMS), default="klapuri")
    options = parser.parse_args()
    run(partial(transcribe, algorithm=options.algorithm), options)


if __name__ == "__main__":
    main()
