"""Make one virtual environment for each peer, with the versions that are pinned in ``requirements/``.

    python benchmarks/peers/environments.py FOLDER [--peer NAME ...] [--python PYTHON] [--old-python PYTHON]

Needs the standard library, pip, and a package index (or what pip is configured to use instead). An environment is
``FOLDER/NAME``; one that is complete is left as it is, one that is not, or has other versions, is made anew. Nothing is
installed beyond what ``requirements/NAME.txt`` lists, so that basic-pitch comes without TensorFlow. It is complete when
an adapter has transcribed a tone with it.

``madmom-rnn`` is not among the defaults: it needs Python 3.9 (``--old-python``, by default ``python3.9``) and a C
compiler.
"""

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "Peer", "make", "python_of"]

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Peer:
    """A program to compare with.

    Attributes
    ----------
    environment : str
        Name of the environment, and of the file in ``requirements/``.
    adapter : str
        The script that runs in it.
    options : tuple of str
        What the adapter is called with.
    """

    environment: str
    adapter: str
    options: tuple[str, ...] = ()


PEERS = {
    "basic-pitch": Peer("basic-pitch", "basic_pitch_notes.py"),
    "essentia-klapuri": Peer("essentia", "essentia_notes.py", ("--algorithm", "klapuri")),
    "essentia-melodia": Peer("essentia", "essentia_notes.py", ("--algorithm", "melodia")),
    "piptrack": Peer("librosa", "piptrack_notes.py"),
    "madmom-rnn": Peer("madmom", "madmom_notes.py"),
}
"""By the name that they have in tables."""

BUILT = {"madmom": ("madmom",)}
"""What has no wheels and is built, after all else is there."""


def python_of(environment: Path) -> Path:
    """Return where the Python of an environment is."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def is_made(environment: Path) -> bool:
    """Return whether an environment is complete and has the versions that are wanted."""
    stamp = environment / "made-of.txt"
    return stamp.is_file() and stamp.read_bytes() == _requirements(environment.name).read_bytes()


def make(environment: Path, python: str) -> None:
    """Make an environment.

    Parameters
    ----------
    environment : Path
        Where; its name says which.
    python : str
        What to make it with.
    """
    requirements = _requirements(environment.name)
    lines = [line for line in requirements.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    built = [line for line in lines if line.split("==")[0] in BUILT.get(environment.name, ())]
    environment.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([python, "-m", "venv", "--clear", str(environment)], check=True)
    pip = [str(python_of(environment)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--only-binary", ":all:", *(line for line in lines if line not in built)], check=True)
    for line in built:
        subprocess.run([*pip, "--no-build-isolation", line], check=True)
    _try(environment)
    shutil.copyfile(requirements, environment / "made-of.txt")


def _try(environment: Path) -> None:
    """Have the adapters of an environment transcribe a tone: what they need is loaded only then."""
    with tempfile.TemporaryDirectory() as folder:
        tone = f"{folder}/tone.wav"
        with wave.open(tone, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(44100)
            file.writeframes(array("h", (round(9000 * math.sin(i * math.tau * 440 / 44100)) for i in range(88200))))
        for peer in PEERS.values():
            if peer.environment == environment.name:
                command = [str(python_of(environment)), str(HERE / peer.adapter), *peer.options]
                subprocess.run([*command, tone, f"{folder}/notes.csv"], check=True, stdout=sys.stderr)


def _requirements(name: str) -> Path:
    return HERE / "requirements" / f"{name}.txt"


def main() -> None:
    """Make the environments that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the environments go")
    parser.add_argument(
        "--peer", action="append", choices=list(PEERS), help="by default all but madmom-rnn; repeatable"
    )
    parser.add_argument("--python", default=sys.executable, help="by default the one that runs this (3.11 was tried)")
    parser.add_argument("--old-python", default="python3.9", help="for madmom-rnn")
    options = parser.parse_args()
    peers = options.peer or [name for name in PEERS if name != "madmom-rnn"]
    failed = []
    for name in dict.fromkeys(PEERS[peer].environment for peer in peers):
        environment = options.folder / name
        if is_made(environment):
            print(f"{name}: is there already")
            continue
        try:
            make(environment, options.old_python if name in BUILT else options.python)
            print(f"{name}: made")
        except (OSError, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"{name}: could not be made ({error})", file=sys.stderr)
    sys.exit(int(bool(failed)))


if __name__ == "__main__":
    main()
