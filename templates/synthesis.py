"""Audio from MIDI and a soundfont, by fluidsynth, without reverb or chorus.

Times are kept: nothing here shifts a note. Fluidsynth itself starts 2 to 4 ms late, and many
instruments speak later still; both are part of what is learned from these renders.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
import soxr

__all__ = ["SR", "render_notes", "synthesise"]

SR = 22050
_FLUIDSYNTH_SR = 44100
_ALL_SOUND_OFF = 120
_LEAD_IN = 0.1


def synthesise(
    midi: pretty_midi.PrettyMIDI,
    soundfont: Path,
    *,
    duration: float,
    sr: int = SR,
    gain: float = 0.5,
    reverb: bool = False,
) -> np.ndarray:
    """Render a MIDI object to mono audio of a given duration.

    Parameters
    ----------
    midi : pretty_midi.PrettyMIDI
        The notes.
    soundfont : Path
        An ``.sf2`` or ``.sf3`` file.
    duration : float
        Seconds of audio to return; what is missing is silence.
    sr : int, default 22050
        Sampling rate of the answer, Hz.
    gain : float, default 0.5
        Gain of the synthesiser.
    reverb : bool, default False
        Whether fluidsynth adds its own room.

    Returns
    -------
    ndarray of float32, shape (round(duration * sr),)
        Mono signal.
    """
    with tempfile.TemporaryDirectory() as folder:
        score, audio = Path(folder, "score.mid"), Path(folder, "audio.wav")
        midi.write(str(score))
        command = ["fluidsynth", "-ni", "-q", "-g", str(gain), "-r", str(_FLUIDSYNTH_SR)]
        command += ["-R", "1" if reverb else "0", "-C", "0", "-O", "float"]
        command += ["-o", "synth.dynamic-sample-loading=1", "-F", str(audio), str(soundfont), str(score)]
        subprocess.run(command, check=True, capture_output=True)
        stereo, _ = soundfile.read(audio, dtype="float32", always_2d=True)
    y = soxr.resample(stereo.mean(axis=1), _FLUIDSYNTH_SR, sr)
    n_samples = round(duration * sr)
    return np.pad(y[:n_samples], (0, max(0, n_samples - len(y))))


def render_notes(
    soundfont: Path,
    program: int,
    pitches: Sequence[int],
    velocities: Sequence[int],
    folder: Path,
    *,
    seconds: float = 3.0,
    held: float = 2.2,
    sr: int = SR,
) -> list[Path]:
    """Render isolated notes of one General MIDI program, one file each.

    All notes are played in one run of the synthesiser, silenced and cut apart afterwards, so that a
    soundfont is loaded once. Their relative levels are kept: one factor brings the loudest to 0.9.

    Parameters
    ----------
    soundfont : Path
        An ``.sf2`` or ``.sf3`` file.
    program : int
        General MIDI program, 0 to 127.
    pitches, velocities : sequence of int
        Every pitch is played at every velocity.
    folder : Path
        Where the files ``<pitch>_v<velocity>.flac`` go; made if needed.
    seconds : float, default 3.0
        Length of each file. The note starts 0.1 s into it.
    held : float, default 2.2
        Seconds from onset to release.
    sr : int, default 22050
        Sampling rate of the files, Hz.

    Returns
    -------
    list of Path
        The files written, by pitch, then velocity.
    """
    slot = seconds + 0.1
    instrument = pretty_midi.Instrument(program)
    wanted = [(pitch, velocity) for pitch in pitches for velocity in velocities]
    for k, (pitch, velocity) in enumerate(wanted):
        onset = k * slot + _LEAD_IN
        instrument.notes.append(pretty_midi.Note(velocity, pitch, onset, onset + held))
        instrument.control_changes.append(pretty_midi.ControlChange(_ALL_SOUND_OFF, 0, (k + 1) * slot - 0.05))
    midi = pretty_midi.PrettyMIDI(resolution=5000, initial_tempo=120)
    midi.instruments.append(instrument)
    y = synthesise(midi, soundfont, duration=len(wanted) * slot, sr=sr)
    y *= 0.9 / max(float(np.abs(y).max()), 1e-9)

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for k, (pitch, velocity) in enumerate(wanted):
        start = round(k * slot * sr)
        path = folder / f"{pitch:03d}_v{velocity:03d}.flac"
        soundfile.write(path, y[start : start + round(seconds * sr)], sr, subtype="PCM_16")
        written.append(path)
    return written
