# SPDX-License-Identifier: MIT
"""The table of figures (../targets.json): the one place that names, orders and judges them.

A row added there and in the guest's table is all that a new figure needs; guest.check_rows tells
when the two disagree.
"""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .errors import BenchError
from .settings import SETTINGS, Setting

TABLE_FILE = Path(__file__).resolve().parent.parent / "targets.json"


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    name: str
    title: str
    run: str  # the guest's row that yields it
    printed: str  # what the guest calls it
    unit: str  # "time", "KiB", "MiB"
    on_host: bool  # found out by the harness, not printed by the guest
    setting: Setting
    flat: str | None  # what figures with the same word should not depend on
    reference: dict[str, float]
    target: float | None

    def target_in(self, mode: str) -> float | None:
        """The target, if it means anything in that mode: instruction counts say nothing of ns."""
        return self.target if self.unit != "time" or mode == "icount" else None


def load_table() -> list[Figure]:
    """All figures in report order."""
    try:
        entries = json.loads(TABLE_FILE.read_text())["figures"]
        return [
            Figure(
                entry["name"],
                entry["title"],
                entry["run"],
                entry.get("printed", entry["name"]),
                entry["unit"],
                entry.get("where") == "host",
                SETTINGS[entry.get("machine", "one")],
                entry.get("flat"),
                entry.get("reference", {}),
                entry.get("target"),
            )
            for entry in entries
        ]
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"cannot read {TABLE_FILE}: {error!r}") from error


def choose(figures: list[Figure], wanted: str | None) -> list[Figure]:
    """The figures that a comma-separated list of figure or run names (globs allowed) asks for."""
    if wanted is None:
        return figures
    chosen: set[str] = set()
    for pattern in filter(None, wanted.split(",")):
        hits = {
            figure.name
            for figure in figures
            if fnmatchcase(figure.name, pattern) or fnmatchcase(figure.run, pattern)
        }
        if not hits:
            raise BenchError(f"no row is called {pattern!r}; --list names all rows")
        chosen |= hits
    return [figure for figure in figures if figure.name in chosen]


def runs_of(figures: list[Figure]) -> list[tuple[Setting, list[str]]]:
    """The guest's rows needed for these figures by setting, each once, in order."""
    runs: dict[Setting, dict[str, None]] = {}
    for figure in figures:
        if not figure.on_host:
            runs.setdefault(figure.setting, {})[figure.run] = None
    return [(setting, list(names)) for setting, names in runs.items()]
