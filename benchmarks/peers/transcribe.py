"""Have peers transcribe a data set, for ``nmfamt benchmark ... --estimates NAME=FOLDER/NAME``.

    python benchmarks/peers/environments.py ENVIRONMENTS
    python benchmarks/peers/transcribe.py DATASET --root DIR --environments ENVIRONMENTS -o FOLDER
        [--peer NAME ...] [--split SPLIT] [--seconds S]
    nmfamt benchmark DATASET --root DIR --method nmf --estimates basic-pitch=FOLDER/basic-pitch

Runs with nmfamt's Python; each peer runs in its own environment, at its defaults, through its adapter, on the part of
each piece that is scored. ``FOLDER/NAME/PIECE.csv`` appears whole or not at all. What is there is not done again,
unless another part of the piece, another adapter or other versions made it, which ``FOLDER/NAME/made.json`` tells. What
each piece cost is in there, too: processor seconds without the start of the program; the first piece of a call bears
what a peer loads or compiles at first use.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from environments import HERE, PEERS, Peer, is_made, python_of

from nmfamt.benchmark import PRESETS
from nmfamt.datasets import Piece, open_dataset
from nmfamt.exceptions import NmfamtError

AT_ONCE = 20
"""Pieces that one call of an adapter is given: a command line has its limits, and a crash costs no more than these."""


def main() -> None:
    """Write the notes that the peers find."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="a data set or preset, as nmfamt benchmark knows it")
    parser.add_argument("--root", type=Path, required=True, help="where it is")
    parser.add_argument("--environments", type=Path, required=True, help="folder that environments.py made")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for the notes, one in it for each peer"
    )
    parser.add_argument("--peer", action="append", choices=list(PEERS), help="by default all with an environment")
    parser.add_argument("--split", help="by default that of the data set")
    parser.add_argument("--seconds", type=float, help="how much of each piece; by default all")
    options = parser.parse_args()
    peers = options.peer or [name for name, peer in PEERS.items() if is_made(options.environments / peer.environment)]
    try:
        pieces = _pieces(options.dataset, options.root, split=options.split, seconds=options.seconds)
    except NmfamtError as error:
        sys.exit(f"Error: {error}")
    if not peers:
        sys.exit(f"There is no environment in {options.environments}: make them with environments.py.")
    results = [transcribe(name, pieces, options.environments, options.output / name) for name in peers]
    sys.exit(0 if all(results) else 1)


def _pieces(name: str, root: Path, **given: Any) -> Sequence[Piece]:
    """Return the pieces of a data set, or of a preset of one."""
    options = {key: value for key, value in given.items() if value is not None}
    if name in PRESETS:
        return open_dataset(PRESETS[name].dataset, root, **{**PRESETS[name].options, **options}).pieces
    return open_dataset(name, root, **options).pieces


def transcribe(name: str, pieces: Sequence[Piece], environments: Path, folder: Path) -> bool:
    """Have one peer transcribe the pieces that it has not; return whether it did them all.

    Parameters
    ----------
    name : str
        Of the peer, from `PEERS`.
    pieces : sequence of Piece
        What to transcribe.
    environments : Path
        Where the environments are.
    folder : Path
        Where the notes go; it is made.
    """
    peer = PEERS[name]
    environment = environments / peer.environment
    if not is_made(environment):
        print(f"{name}: there is no environment {environment}: make it with environments.py.", file=sys.stderr)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    made = _read(folder / "made.json")
    version = _version(peer)
    waiting = defaultdict(list)
    for piece in pieces:
        wanted = {"version": version, "start": piece.start, "end": piece.end}
        known = made.get(piece.name, {})
        if not (folder / f"{piece.name}.csv").is_file() or known | wanted != known:
            waiting[piece.start, piece.end].append(piece)
    failed = []
    for (start, end), group in waiting.items():
        for first in range(0, len(group), AT_ONCE):
            part = group[first : first + AT_ONCE]
            seen = set()
            for piece, line in _run(python_of(environment), peer, part, folder, start, end):
                seen.add(piece.name)
                if "error" in line:
                    failed.append(f"{piece.name}: {line['error']}")
                    continue
                cost = {"audio": line["audio"], "processor": line["processor"]}
                made[piece.name] = {"version": version, "start": start, "end": end, **cost}
                _write(folder / "made.json", made)
            failed += [
                f"{piece.name}: the adapter ended before it was done" for piece in part if piece.name not in seen
            ]
    _report(name, pieces, made, failed)
    return not failed


def _run(
    python: Path, peer: Peer, pieces: Sequence[Piece], folder: Path, start: float, end: float | None
) -> Iterator[tuple[Piece, dict[str, Any]]]:
    """Call an adapter and yield what it says of each piece."""
    by_file = {str(folder / f"{piece.name}.csv"): piece for piece in pieces}
    part = ["--start", str(start)] + ([] if end is None else ["--end", str(end)])
    pairs = [item for file, piece in by_file.items() for item in (str(piece.audio), file)]
    command = [str(python), "-W", "ignore", str(HERE / peer.adapter), *peer.options, *part, *pairs]
    # Nothing of this Python's environment may reach the other one.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environ) as process:
        for text in process.stdout or ():
            try:
                line = json.loads(text)
            except ValueError:  # something that the peer itself prints
                continue
            if isinstance(line, dict) and line.get("file") in by_file:
                yield by_file[line["file"]], line


def _version(peer: Peer) -> str:
    """Return a hash of all that notes depend on: the adapter, its options, and the pinned versions."""
    files = (HERE / "_adapter.py", HERE / peer.adapter, HERE / "requirements" / f"{peer.environment}.txt")
    return hashlib.sha256(
        b"\0".join([*(file.read_bytes() for file in files), *map(str.encode, peer.options)])
    ).hexdigest()[:12]


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _write(path: Path, made: dict[str, Any]) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def _report(name: str, pieces: Sequence[Piece], made: dict[str, Any], failed: Sequence[str]) -> None:
    costs = [made[piece.name] for piece in pieces if piece.name in made]
    audio, processor = (sum(cost[key] for cost in costs) for key in ("audio", "processor"))
    speed = f", {audio / processor:.1f} times real time" if processor else ""
    print(f"{name}: {len(costs)} of {len(pieces)} pieces, {audio:.0f} s in {processor:.1f} s of processor time{speed}")
    for failure in failed:
        print(f"{name}: {failure}", file=sys.stderr)


if __name__ == "__main__":
    main()
