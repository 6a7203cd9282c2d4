# SPDX-License-Identifier: MIT
"""`./tine bench --redis`: request times of a server that saves snapshots by fork, as plots.

The rows of the guest's server on Tine, on tiny Linux and on Debian's Linux, in the same machine.
"""

import sys
from pathlib import Path

from .errors import BenchError
from .measure import Result
from .plot import Curve, distribution_svg
from .table import Figure

RUN = "snapshot"
PEERS = ("tiny", "debian")
TITLES = {"tine": "Tine", "tiny": "tiny Linux", "debian": "Debian Linux"}
QUIET = "requests_quiet_max"
PLOTS = {  # file below docs/: title, and the figure whose distribution it shows
    "request-times.svg": ("while a forked child saves 1 GiB", "snapshot_max"),
    "request-times-idle.svg": ("while a SCHED_IDLE child saves 1 GiB", "snapshot_idle_max"),
}


def draw(directory: Path, results: dict[str, dict[str, Result]], mode: str) -> None:
    """Writes the plots of what was measured, by kernel; a kernel without figures is left out."""
    unit = "instructions" if mode == "icount" else "nanoseconds"
    for name, (subject, figure) in PLOTS.items():
        curves = _curves(results, figure)
        if not curves:
            raise BenchError(f"no kernel gave the distribution of {figure}")
        text = distribution_svg(f"Requests to a server {subject}",
                                f"time of a request, from its arrival, in {unit}",
                                "requests that take longer", curves)
        try:
            (directory / name).write_text(text)
        except OSError as error:
            raise BenchError(f"cannot write {directory / name}: {error.strerror}") from error
        print(f"bench: wrote {directory / name}", file=sys.stderr)


def _curves(results: dict[str, dict[str, Result]], figure: str) -> list[Curve]:
    curves = []
    for number, (kernel, figures) in enumerate(results.items()):
        if figures[figure].points:
            curves.append(Curve(TITLES[kernel], figures[figure].points, number))
        if figures[QUIET].points:
            curves.append(Curve("no snapshot", figures[QUIET].points, number, quiet=True))
    return curves


def print_summary(table: list[Figure], results: dict[str, dict[str, Result]]) -> None:
    """The figures of all kernels as a table in Markdown, for the documentation."""
    print("| | " + " | ".join(TITLES[name] for name in results) + " |")
    print("| --- |" + " ---: |" * len(results))
    for figure in table:
        values = [figures[figure.name].value for figures in results.values()]
        shown = ["none" if value is None else f"{value:,.0f}" for value in values]
        print(f"| {figure.title.strip()} | " + " | ".join(shown) + " |")
