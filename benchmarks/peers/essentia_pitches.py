"""Write what Essentia's multi-pitch estimators find in recordings, frame by frame.

Runs in an environment of its own, which needs ``essentia``, ``numpy`` and ``soundfile`` and nothing of nmfamt:

    python benchmarks/peers/essentia_pitches.py klapuri recording.flac recording.klapuri.csv

Each line of the result is a time in seconds and the fundamentals in Hz, as many as were found. ``klapuri`` is
``MultiPitchKlapuri`` (A. Klapuri 2006, iterative), ``melodia`` is ``MultiPitchMelodia`` (J. Salamon & E. Gomez 2012,
several contours at once), both at their defaults, with a hop of 128 samples at 44.1 kHz. Whatever ``minFrequency`` and
``maxFrequency`` say, both look for fundamentals within five octaves above ``referenceFrequency``, 55 to 1760 Hz, which
tones below and above confirm (36.7 Hz is found at 109 and 182 Hz, 2093 Hz at 1047 Hz): the range is no option here.

Noise 80 dB below full scale is added, always the same: ``MultiPitchKlapuri`` leaves out frames of digital silence, so
that all that follows is found too early. With 100 and 120 dB the scores are the same to 0.006. Frame ``i`` is centred
on the sample ``128 i``, which a tone of known onset confirms for both.
"""

import argparse
from typing import Any

import essentia
import essentia.standard
import numpy as np
import soundfile

ALGORITHMS = {"klapuri": "MultiPitchKlapuri", "melodia": "MultiPitchMelodia"}
SR, HOP = 44100, 128
DITHER = 1e-4


def read(path: str) -> Any:
    """Return a recording as mono at 44.1 kHz, with a little noise."""
    y, sr = soundfile.read(path, dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(y.mean(axis=1, dtype=np.float32))
    if sr != SR:
        mono = essentia.standard.Resample(inputSampleRate=sr, outputSampleRate=SR)(mono)
    noise = np.random.default_rng(0).normal(scale=DITHER, size=len(mono))
    return (mono + noise).astype(np.float32)


def main() -> None:
    """Estimate the pitches of recordings, given as pairs of input and output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("algorithm", choices=list(ALGORITHMS))
    parser.add_argument("paths", nargs="+", help="a recording and where to write, alternating")
    options = parser.parse_args()
    if len(options.paths) % 2:
        parser.error("Give a result for every recording: INPUT OUTPUT INPUT OUTPUT ...")
    essentia.log.infoActive = essentia.log.warningActive = False
    for source, target in zip(options.paths[::2], options.paths[1::2], strict=True):
        frames = getattr(essentia.standard, ALGORITHMS[options.algorithm])()(read(source))
        with open(target, "w", encoding="utf-8") as file:
            for i, pitches in enumerate(frames):
                found = [f"{hz:.2f}" for hz in np.atleast_1d(pitches).tolist() if hz > 0]
                print(",".join([f"{i * HOP / SR:.5f}", *found]), file=file)


if __name__ == "__main__":
    main()
