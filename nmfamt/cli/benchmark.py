"""``nmfamt benchmark`` and ``nmfamt datasets``: methods and other programs on the data sets of the field."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmfamt.cli.console import Failure, fail, progress_bar, reporting, say
from nmfamt.cli.options import Debug, number
from nmfamt.exceptions import NmfamtError
from nmfamt.methods import DEFAULT

if TYPE_CHECKING:
    from nmfamt.benchmark import Preset, Results
    from nmfamt.datasets import Dataset

__all__ = ["benchmark", "datasets"]


def benchmark(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="A name from `nmfamt datasets`: a data set, or a preset of one.")
    ],
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="The folder that the data set lies in.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="NAME[=DICTIONARY]",
            help=f"A name from `nmfamt methods`, or all; by default {DEFAULT}. Repeat it for several. With "
            "=DICTIONARY it has one of its own, so that a method can stand in the table more than once.",
        ),
    ] = None,
    estimates: Annotated[
        list[str] | None,
        typer.Option(
            "--estimates",
            metavar="NAME=FOLDER",
            help="The notes that another program found, one file for each piece with the name of the piece: they are "
            "scored beside. Repeat it for several.",
        ),
    ] = None,
    dictionary: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE|own|auto",
            help="For methods that need one: a name, a file, or a folder of isolated notes; own learns one from the "
            "isolated notes that the data set has of the instrument of each piece. By default piano.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="The part of the data set; by default the official test set.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            parser=number(0, 1e9, "a number of seconds", inclusive=False),
            help="Only the beginning of each piece, as in the first 30 s of MAPS.",
        ),
    ] = None,
    pedal: Annotated[
        str | None,
        typer.Option(metavar="extend|ignore", help="Whether the sustain pedal holds the reference notes."),
    ] = None,
    label_shift: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Move all reference notes by a constant. It is never estimated."),
    ] = None,
    average_precision: Annotated[
        bool, typer.Option("--average-precision", help="Score the activations of methods as well.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="How many pieces to work on at once.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where everything is kept; by default benchmark-DATASET."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results that were made with other settings.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Score methods, and other programs, on a data set; started again, it goes on where it ended."""
    folders = [_pair(text) for text in estimates or ()]
    with reporting(debug):
        from nmfamt.benchmark import (
            PRESETS,
            Estimates,
            prepare_methods,
            run_benchmark,
            summary_markdown,
            write_report,
        )

        preset = PRESETS.get(dataset)
        chosen = _open(dataset, preset, root, split=split, seconds=seconds, pedal=pedal, label_shift=label_shift)
        folder = output or Path(f"benchmark-{dataset}")
        others = [Estimates(name, Path(where)) for name, where in folders]
        names = method or ([] if others else [DEFAULT])
        systems, left_out = prepare_methods(
            names, chosen, folder / "dictionaries", dictionary=dictionary, anew=overwrite
        )
        for name, why in left_out.items():
            say(f"Left out {name}: {why}")
        n_all = len(chosen.pieces) * (len(systems) + len(others))
        with progress_bar(n_all) as show:
            results = run_benchmark(
                chosen,
                [*systems, *others],
                folder,
                average_precision=average_precision or bool(preset and preset.average_precision),
                n_jobs=jobs,
                overwrite=overwrite,
                progress=show,
                warn=lambda doubt: say(f"Warning: {doubt}"),
            )
        if results.common:
            doubt = write_report(results, folder, preset=preset)
            typer.echo("\n".join([summary_markdown(results, preset), *_speeds(results)]))
            n_before = n_all - results.n_measured - len(results.failures)
            say(f"Wrote {folder}: {results.n_measured} pieces done now, {n_before} before")
            if doubt:
                say(f"Warning: {doubt}")
        else:
            say(f"There is no piece that every system has done: no table is made, what was found is in {folder}.")
        fail([Failure(f"{found.system}, {found.piece}", found.why) for found in results.failures], n_all)


def _open(name: str, preset: "Preset | None", root: Path, **given: Any) -> "Dataset":
    """Open a data set, or that of a preset, which has its own options."""
    from nmfamt.datasets import open_dataset

    options = {key: value for key, value in given.items() if value is not None}
    if preset is None:
        return open_dataset(name, root, **options)
    for key, value in options.items():
        if value != preset.options.get(key, value):
            raise NmfamtError(
                f"{name!r} stands for {key}={preset.options[key]!r}, here it is {value!r}: leave --{key} out, or take "
                f"{preset.dataset!r}."
            )
    return open_dataset(preset.dataset, root, **{**preset.options, **options})


def _pair(text: str) -> tuple[str, str]:
    name, _, where = text.partition("=")
    if not name or not where:
        raise typer.BadParameter(f"--estimates {text!r} should be NAME=FOLDER, such as basic-pitch=notes/basic-pitch.")
    return name, where


def _speeds(results: "Results") -> list[str]:
    """Return a line about how fast each system was, where that is known."""
    lines = []
    for name in results.records:
        speed = results.times_real_time(name)
        if speed is not None:
            lines.append(f"{name}: {speed:.{0 if speed >= 10 else 1}f} times real time")
    return lines


def datasets() -> None:
    """List the data sets and presets of `nmfamt benchmark`, and where each comes from."""
    from nmfamt.benchmark import PRESETS
    from nmfamt.datasets import DATASETS

    for name, kind in DATASETS.items():
        typer.echo(f"{name:18} {kind.title}")
    for name, preset in PRESETS.items():
        if name not in DATASETS:
            typer.echo(f"{name:18} {preset.title}")
