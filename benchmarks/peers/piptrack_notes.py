"""Write the notes that librosa's ``piptrack`` finds.

``librosa.piptrack`` interpolates the peaks of a spectrogram (J. O. Smith, "Sinusoidal Peak Interpolation", in "Spectral
Audio Signal Processing", 2011) at 22.05 kHz, at its defaults: windows of 2048 samples, a hop of 512, 150 to 4000 Hz,
all peaks above a tenth of the loudest of the frame. It is no transcriber: partials are pitches to it. It is there as
what a program finds that knows nothing of how notes are made.

Frames become notes by the rule of ``_adapter.py``, which also says how this is called.
"""

from typing import Any

import librosa
from _adapter import Note, command_line, notes_of_frames, run

SR, HOP = 22050, 512


def transcribe(y: Any, sr: int) -> list[Note]:
    """Return the notes in mono audio."""
    pitches, _ = librosa.piptrack(y=librosa.resample(y, orig_sr=sr, target_sr=SR), sr=SR, hop_length=HOP)
    times = librosa.frames_to_time(range(pitches.shape[1]), sr=SR, hop_length=HOP)
    return notes_of_frames(times, pitches.T)


def main() -> None:
    """Transcribe the recordings that the command line names."""
    run(transcribe, command_line(__doc__).parse_args())


if __name__ == "__main__":
    main()
