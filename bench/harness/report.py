# SPDX-License-Identifier: MIT
"""The table a person reads and the JSON a machine reads.

Verdicts: ok; worse (than the peer); over target; failed (no figure on Tine); new (Tine has a figure
where the peer has none); noisy (wall times, which are compared and never judged); - (neither has
one, or nothing to compare with).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .measure import Result
from .table import Figure

FORK_SERVER = "fork_server"
BAD_VERDICTS = ("worse", "over target", "failed")


@dataclass(frozen=True)
class Comparison:
    """All that a report is made of."""

    figures: list[Figure]
    mode: str
    tine: dict[str, Result]
    peer: dict[str, Result] | None
    peer_name: str

    def verdict(self, figure: Figure) -> str:
        """Judges one figure; less is better in all of them."""
        mine = self.tine[figure.name].value
        theirs = self._peer_value(figure)
        target = figure.target_in(self.mode)
        if mine is None:
            peer_failed_too = self.peer is not None and theirs is None
            return "-" if peer_failed_too or figure.setting.may_stand_still else "failed"
        if figure.setting.by_wall_time:
            return "noisy"
        if target is not None and mine > target:
            return "over target"
        if theirs is not None:
            return "worse" if mine > theirs else "ok"
        if self.peer is not None:
            return "new"
        return "ok" if target is not None else "-"

    def ratio(self, figure: Figure) -> float | None:
        rounds = self.ratios_of_rounds(figure)
        if rounds:
            return median(rounds)
        mine = self.tine[figure.name].value
        theirs = self._peer_value(figure)
        return mine / theirs if mine is not None and theirs else None

    def ratios_of_rounds(self, figure: Figure) -> list[float]:
        """Of a figure by wall time: one for each round in which both kernels gave it."""
        if self.peer is None:
            return []
        pairs = zip(self.tine[figure.name].samples, self.peer[figure.name].samples, strict=False)
        return [mine / theirs for mine, theirs in pairs if mine is not None and theirs]

    def columns(self) -> list[tuple[str, dict[str, Result]]]:
        """The kernels' names and figures."""
        mine = [("Tine", self.tine)]
        return mine if self.peer is None else [*mine, (self.peer_name, self.peer)]

    def _peer_value(self, figure: Figure) -> float | None:
        return self.peer[figure.name].value if self.peer is not None else None


def print_table(comparison: Comparison) -> None:
    """Writes the table to standard output."""
    unit = "instructions" if comparison.mode == "icount" else "nanoseconds"
    headings = ["", "Tine"]
    if comparison.peer is not None:
        headings += [comparison.peer_name, "ratio", "range"]
    headings += ["target", "verdict"]
    rows = [headings]
    for figure in comparison.figures:
        suffix = _suffix(comparison, figure)
        row = [figure.title, _shown(comparison.tine[figure.name], suffix)]
        if comparison.peer is not None:
            ratio = comparison.ratio(figure)
            row.append(_shown(comparison.peer[figure.name], suffix))
            row.append("" if ratio is None else f"{ratio:.3f}")
            rounds = comparison.ratios_of_rounds(figure)
            row.append(f"{min(rounds):.2f}-{max(rounds):.2f}" if rounds else "")
        target = figure.target_in(comparison.mode)
        row.append("" if target is None else f"{target:,.0f}{suffix}")
        rows.append([*row, comparison.verdict(figure)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    print(f"Times are {unit} per operation unless ns stands behind them; less is better.")
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        print("  ".join([*cells, row[-1]]).rstrip())
    _print_flatness(comparison)
    _print_executions(comparison)
    _print_rates(comparison)
    _print_failures(comparison)
    verdicts = [comparison.verdict(figure) for figure in comparison.figures]
    counts = ", ".join(
        f"{verdicts.count(verdict)} {verdict}"
        for verdict in ("ok", "worse", "over target", "failed", "noisy")
    )
    print(f"{len(verdicts)} figures: {counts}")


def write_json(path: Path, comparison: Comparison, facts: dict[str, object]) -> None:
    """Writes every figure with its judgement, and the facts of the run."""
    figures = []
    for figure in comparison.figures:
        entry: dict[str, object] = {
            "name": figure.name,
            "title": figure.title,
            "tine": comparison.tine[figure.name].to_json(),
            "ratio": comparison.ratio(figure),
            "ratios_of_rounds": comparison.ratios_of_rounds(figure),
            "target": figure.target_in(comparison.mode),
            "reference": figure.reference,
            "verdict": comparison.verdict(figure),
        }
        if comparison.peer is not None:
            entry["peer"] = comparison.peer[figure.name].to_json()
        figures.append(entry)
    text = json.dumps({**facts, "mode": comparison.mode, "figures": figures}, indent=2)
    path.write_text(text + "\n")


def _suffix(comparison: Comparison, figure: Figure) -> str:
    if figure.unit != "time":
        return f" {figure.unit}"
    return " ns" if figure.setting.by_wall_time and comparison.mode != "wall" else ""


def _print_flatness(comparison: Comparison) -> None:
    """What fork is not to depend on: the least and the most that it costs."""
    for word in dict.fromkeys(figure.flat for figure in comparison.figures if figure.flat):
        chosen = [figure for figure in comparison.figures if figure.flat == word]
        parts = []
        for name, results in comparison.columns():
            values = [value for figure in chosen if (value := results[figure.name].value)]
            if len(values) > 1:
                more = max(values) / min(values)
                shown = f"+{more - 1:.1%}" if more < 2 else f"x{more:,.0f}"
                parts.append(f"{name} {min(values):,.0f} to {max(values):,.0f} ({shown})")
        if parts:
            print(f"the fork call by {word}: {'; '.join(parts)}")


def _print_executions(comparison: Comparison) -> None:
    """A fuzzer's figure: how much it gets done."""
    if comparison.mode != "icount" or FORK_SERVER not in comparison.tine:
        return
    rates = [f"{name} {1e6 / value:,.1f}" for name, results in comparison.columns()
             if (value := results[FORK_SERVER].value)]
    if rates:
        print(f"executions of the fork server in a million instructions: {', '.join(rates)}")


def _print_rates(comparison: Comparison) -> None:
    """How rows that ran on machines of several sizes scale, in operations a second."""
    groups: dict[str, list[Figure]] = {}
    for figure in comparison.figures:
        if figure.setting.by_wall_time:
            groups.setdefault(figure.printed, []).append(figure)
    columns = comparison.columns()
    for printed, figures in groups.items():
        if len(figures) < 2:
            continue
        for name, results in columns:
            rates = [(figure.setting.cpus, 1e9 / value) for figure in figures
                     if (value := results[figure.name].value)]
            if rates:
                shown = ", ".join(f"{rate:,.0f} on {cpus} (x{rate / rates[0][1]:.2f})"
                                  for cpus, rate in rates)
                print(f"{printed} a second, {name}: {shown}")


def _shown(result: Result, suffix: str) -> str:
    if result.value is None:
        return "none"
    digits = 1 if result.value < 1000 else 0
    return f"{result.value:,.{digits}f}{suffix}"


def _print_failures(comparison: Comparison) -> None:
    columns = comparison.columns()
    for name, results in columns:
        for figure in comparison.figures:
            if figure.setting.may_stand_still and results is comparison.peer:
                continue
            if results[figure.name].value is None:
                print(f"{name} has no {figure.name}: {results[figure.name].failure}")
