"""What does an instrument cost that no shipped dictionary knows?

Twenty clips of a real harmonica with labels made by hand (onsets to within about 45 ms, so that scores at 50 ms punish
the labels, too). Three answers:

shipped
    Dictionaries as they ship, of instruments that are not a harmonica: the default, and an organ, which has reeds and
    holds its notes. Chosen before any score was seen.
auto
    Whichever dictionaries ``dictionary="auto"`` chooses for a clip.
other songs
    The dictionary is learned by masks from the labelled clips of all other songs, either by itself
    (`nmfamt.learn_dictionary_from_music`) or starting from the shipped ``piano`` (`nmfamt.adapt_dictionary`), which
    knows pitches that nobody played there as well. Clips belong to one song if their names agree up to an ending such
    as ``part1``, ``pt2``, ``intro``, ``solo1``, ``final`` or a number.

Labels made by ear say when somebody heard a note begin. Dictionaries learned from such labels know how late that is
(`nmfamt.lateness`); the shipped ones give times of the sound, ``HMMTracker(action_delay=0)``.

    python benchmarks/accuracy_harmonica.py
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from _results import f1_row, markdown, read, recordings, score_pieces, write

import nmfamt
from nmfamt.dictionary import Dictionary
from nmfamt.notes import Notes
from nmfamt.transcription import make_transcriber

SHIPPED = ("piano", "organ")
_ENDING = re.compile(r"(ing)?(part|pt|intro|solo|final)?\d*$")


def song(path: Path) -> str:
    """Return the name of the song that a clip is from."""
    return _ENDING.sub("", path.stem.lower(), count=1)


def transcriber(dictionary: Dictionary) -> nmfamt.Transcriber:
    """Return the default method with times of the sound."""
    front_end = nmfamt.Factorization(dictionary, tuning="auto", equalizer="auto")
    return nmfamt.Transcriber(dictionary.settings, front_end, nmfamt.HMMTracker(action_delay=0.0), adapt=True)


def main() -> None:
    """Score the shipped dictionaries, and those learned from other songs."""
    clips = recordings("harmonica")
    songs = sorted({song(clip) for clip in clips})
    learned, adapted = {}, {}
    for held_out in songs:
        music = [clip for clip in clips if song(clip) != held_out]
        labels = [clip.with_suffix(".tsv") for clip in music]
        learned[held_out] = nmfamt.learn_dictionary_from_music(list(zip(music, labels, strict=True)), name="harmonica")
        adapted[held_out] = nmfamt.adapt_dictionary("piano", music=music, labels=labels, name="harmonica")
    systems = {name: transcriber(nmfamt.load_dictionary(name)) for name in SHIPPED}
    rows = [{"dictionary": f"shipped {name}", **score_pieces(system, clips)} for name, system in systems.items()]
    chosen = replace(make_transcriber("auto"), tracker=nmfamt.HMMTracker(action_delay=0.0))
    rows.append({"dictionary": "shipped, chosen by `auto`", **score_pieces(chosen, clips)})
    for how, dictionaries in {"learned from": learned, "piano, adapted to": adapted}.items():

        def transcribed(clip: Path, dictionaries: dict[str, Dictionary] = dictionaries) -> Notes:
            return nmfamt.transcribe(clip, dictionary=dictionaries[song(clip)])

        rows.append({"dictionary": f"{how} other songs", **score_pieces(transcribed, clips)})
    write("accuracy_harmonica", {"songs": {clip.stem: song(clip) for clip in clips}, "rows": rows})
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the scores as Markdown, beside those of the peers."""
    lines = [[f"nmfamt, {row['dictionary']}", *f1_row(row["summary"])] for row in rows]
    lines += [[peer["system"], *(f"{score:.3f}" for score in peer["f1"])] for peer in read("peers")["harmonica"]]
    n_pieces = rows[0]["summary"]["n_pieces"]
    return markdown([f"F1, mean over {n_pieces} clips (95 % interval)", "onset", "onset + offset", "frame"], lines)


if __name__ == "__main__":
    main()
