"""The benchmark: systems on the data sets of the field, scored, compared and reported.

`run_benchmark` works and resumes, `nmfamt.benchmark.tables` and `nmfamt.benchmark.report` write what was found;
``nmfamt benchmark`` is all of it in one line.
"""

from nmfamt.benchmark.presets import PRESETS, Preset
from nmfamt.benchmark.report import summary_markdown, write_report
from nmfamt.benchmark.run import Results, run_benchmark
from nmfamt.benchmark.systems import Estimates, MethodSystem, prepare_methods

__all__ = [
    "PRESETS",
    "Estimates",
    "MethodSystem",
    "Preset",
    "Results",
    "prepare_methods",
    "run_benchmark",
    "summary_markdown",
    "write_report",
]
