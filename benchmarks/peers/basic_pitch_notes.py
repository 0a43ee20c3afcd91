"""Write the notes that basic-pitch finds.

R. M. Bittner, J. J. Bosch, D. Rubinstein, G. Meseguer-Brocal & S. Ewert, "A Lightweight Instrument-Agnostic Model for
Polyphonic Note Transcription and Multipitch Estimation", ICASSP 2022: the model that comes with basic-pitch as ONNX,
without TensorFlow, at its default thresholds. A velocity is 127 times the amplitude, as in the MIDI files that it
writes.

``_adapter.py`` says how this is called.
"""

import contextlib
import logging
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import soundfile
from _adapter import Note, command_line, run

logging.disable(logging.WARNING)  # that there is no TensorFlow, CoreML or tflite

from basic_pitch import FilenameSuffix, build_icassp_2022_model_path  # noqa: E402
from basic_pitch.inference import Model, predict  # noqa: E402


def transcribe(y: Any, sr: int, *, model: Model) -> list[Note]:
    """Return the notes in mono audio."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        path = Path(folder, "audio.wav")
        soundfile.write(path, y, sr, subtype="FLOAT")
        _, _, events = predict(path, model)
    return sorted(
        Note(float(onset), float(offset), int(pitch), round(127 * float(amplitude)))
        for onset, offset, pitch, amplitude, _ in events
    )


def main() -> None:
    """Transcribe the recordings that the command line names."""
    options = command_line(__doc__).parse_args()
    run(partial(transcribe, model=Model(build_icassp_2022_model_path(FilenameSuffix.onnx))), options)


if __name__ == "__main__":
    main()
