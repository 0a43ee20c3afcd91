"""The tables of the README, made from ``benchmarks/results``.

In the README a table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.

    python benchmarks/readme_table.py            print the tables
    python benchmarks/readme_table.py --write    put them into the README
    python benchmarks/readme_table.py --check    end with status 1 if those in the README differ
"""

import argparse
import re
import sys

import accuracy_ablation
import accuracy_adaptation
import accuracy_confidence
import accuracy_examples
import accuracy_harmonica
import accuracy_maps
import accuracy_methods
import accuracy_oracles
import accuracy_orchestral
import accuracy_polyphony
import accuracy_robustness
import bench_end_to_end
import bench_nmf
import bench_spectrogram
from _results import REPOSITORY, RESULTS, read

README = REPOSITORY / "README.md"
TABLES = {
    "accuracy_maps": accuracy_maps.table,
    "accuracy_methods": accuracy_methods.table,
    "accuracy_polyphony": accuracy_polyphony.table,
    "accuracy_oracles": accuracy_oracles.table,
    "accuracy_examples": accuracy_examples.table,
    "accuracy_harmonica": accuracy_harmonica.table,
    "accuracy_adaptation": accuracy_adaptation.table,
    "accuracy_orchestral": accuracy_orchestral.table,
    "accuracy_ablation": accuracy_ablation.table,
    "accuracy_robustness": accuracy_robustness.table,
    "accuracy_confidence": accuracy_confidence.table,
    "end_to_end": bench_end_to_end.table,
    "bench_nmf": bench_nmf.table,
    "bench_spectrogram": bench_spectrogram.table,
}
"""By the name of their results, what makes a table of the rows."""

SUMMARIES = {"maps_30s": RESULTS / "maps-30s" / "summary.md"}
"""What ``nmfamt benchmark`` wrote, of which the caption and the table of a paper are shown."""

_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", flags=re.DOTALL)


def filled(text: str) -> str:
    """Return the text with the tables between their markers."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{made(found[2])}\n\n{found[3]}", text)


def made(name: str) -> str:
    """Return a table."""
    if name in SUMMARIES:
        parts = SUMMARIES[name].read_text(encoding="utf-8").split("\n\n")
        caption = next(i for i, part in enumerate(parts) if "mean ± standard deviation in per cent." in part)
        return "\n\n".join(parts[caption : caption + 2])
    return TABLES[name](read(name)["rows"])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into the README")
    parser.add_argument("--check", action="store_true", help="compare them with those in the README")
    options = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    if options.write:
        README.write_text(filled(text), encoding="utf-8")
    elif options.check:
        sys.exit("The tables in the README are not those of benchmarks/results." if filled(text) != text else 0)
    else:
        print("\n\n".join(f"{name}\n\n{made(name)}" for name in TABLES))


if __name__ == "__main__":
    main()
