#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the harness without QEMU: its machine plays back a console. See scripts/check-bench."""

import sys
import unittest
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness import measure  # noqa: E402
from harness.guest import SHELL_REACHED, Roots  # noqa: E402
from harness.machine import DeadlineError, MachineSpec  # noqa: E402
from harness.measure import Plan, Result, Session  # noqa: E402
from harness.peers import Contender  # noqa: E402
from harness.plot import Curve, distribution_svg  # noqa: E402
from harness.report import Comparison  # noqa: E402
from harness.rounds import measure_in_turn  # noqa: E402
from harness.settings import SETTINGS  # noqa: E402
from harness.table import Figure, choose, load_table, runs_of  # noqa: E402

PLAN = Plan(Roots(Path("bench"), Path("shell"), "print", 2_000_000), "icount", "tcg", 10, False)
TINE = Contender("tine", Path("tine"))


def figure(name: str, machine: str = "one", **changes: object) -> Figure:
    plain = Figure(name, name, name, name, "time", False, SETTINGS[machine], None, {}, None)
    return replace(plain, **changes)


class FakeMachine:
    """Plays back what `console` gives for a machine; a DeadlineError in it is raised."""

    console: Callable[[MachineSpec], list[object]]

    def __init__(self, spec: MachineSpec, _verbose: bool) -> None:
        self.lines_to_come = FakeMachine.console(spec)
        self.last_lines: list[str] = []

    def __enter__(self) -> "FakeMachine":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def lines(self, _silence: Callable[[], float], total_seconds: float = 0) -> Iterator[str]:
        for line in self.lines_to_come:
            if isinstance(line, DeadlineError):
                raise line
            yield str(line)


def asked_rows(spec: MachineSpec) -> list[str]:
    return spec.arguments.rsplit("bench.rows=", 1)[1].split(",")


class SessionTest(unittest.TestCase):
    def setUp(self) -> None:
        for patch in (mock.patch.object(measure, "Machine", FakeMachine),
                      mock.patch.object(Session, "_progress"), mock.patch("builtins.print")):
            patch.start()
            self.addCleanup(patch.stop)

    def play(self, console: Callable[[MachineSpec], list[object]]) -> None:
        FakeMachine.console = staticmethod(console)

    def test_takes_figures_from_the_machine_they_belong_to(self) -> None:
        self.play(lambda spec: ["bench-start x", "bench-row storm", f"bench storm {spec.cpus}.5 ns",
                                "bench-done"])
        figures = [figure(f"storm_{cpus}", f"wall-{cpus}", run="storm", printed="storm")
                   for cpus in (1, 4)]
        results = Session(TINE, figures, PLAN).measure()
        self.assertEqual([results[name].value for name in ("storm_1", "storm_4")], [1.5, 4.5])

    def test_a_hanging_row_costs_itself_alone(self) -> None:
        def console(spec: MachineSpec) -> list[object]:
            if asked_rows(spec)[0] == "first":
                return ["bench-row first", "bench first 1.0 x", "bench-row second",
                        DeadlineError("nothing was heard")]
            return ["bench-row third", "bench third 3.0 x", "bench-done"]

        self.play(console)
        figures = [figure(name) for name in ("first", "second", "third")]
        results = Session(TINE, figures, PLAN).measure()
        self.assertEqual((results["first"].value, results["third"].value), (1.0, 3.0))
        self.assertIn("nothing was heard", results["second"].failure)

    def test_points_belong_to_their_figure(self) -> None:
        self.play(lambda _: ["bench-row times", "bench times 9.0 instructions",
                             "bench-point times 1.00 3", "bench-point times 10.00 9", "bench-done"])
        results = Session(TINE, [figure("times")], PLAN).measure()
        self.assertEqual(results["times"].points, [(1.0, 3.0), (10.0, 9.0)])

    def test_the_smallest_ram_is_found(self) -> None:
        self.play(lambda spec: [SHELL_REACHED] if spec.memory_mib >= 6 else ["panic"])
        wanted = figure("smallest_ram", on_host=True, unit="MiB")
        self.assertEqual(Session(TINE, [wanted], PLAN).measure()["smallest_ram"].value, 6)

    def test_kernels_take_turns(self) -> None:
        order = []

        def console(spec: MachineSpec) -> list[object]:
            order.append(spec.kernel.name)
            return ["bench-row r", f"bench r {len(order)}.0 ns", "bench-done"]

        self.play(console)
        peer = Contender("tiny", Path("tiny"), is_linux=True)
        results = measure_in_turn([TINE, peer], [figure("r", "wall-2")], PLAN, 3)
        self.assertEqual(order, ["tine", "tiny"] * 3)
        self.assertEqual(results["tine"]["r"].samples, [1.0, 3.0, 5.0])
        self.assertEqual(results["tiny"]["r"].value, 4.0)


class ComparisonTest(unittest.TestCase):
    def compare(self, row: Figure, tine: Result, peer: Result | None) -> Comparison:
        return Comparison([row], "icount", {row.name: tine},
                          None if peer is None else {row.name: peer}, "tiny")

    def test_verdicts(self) -> None:
        limited = figure("r", target=10.0)
        cases = (
            (limited, Result(9), Result(20), "ok"),
            (limited, Result(11), Result(20), "over target"),
            (limited, Result(9), Result(8), "worse"),
            (limited, Result(), Result(8), "failed"),
            (limited, Result(9), Result(), "new"),
            (figure("r"), Result(), Result(), "-"),
            (figure("r", "two"), Result(), None, "-"),
            (figure("r", "wall-2"), Result(9), Result(8), "noisy"),
        )
        for row, tine, peer, verdict in cases:
            self.assertEqual(self.compare(row, tine, peer).verdict(row), verdict)

    def test_rounds_are_compared_in_pairs(self) -> None:
        row = figure("r", "wall-2")
        comparison = self.compare(row, Result(3, samples=[1, 3, None, 8]),
                                  Result(4, samples=[2, 4, 5, 4]))
        self.assertEqual(comparison.ratios_of_rounds(row), [0.5, 0.75, 2])
        self.assertEqual(comparison.ratio(row), 0.75)


class TableTest(unittest.TestCase):
    def test_names_are_unique_and_a_figure_has_one_source(self) -> None:
        table = load_table()
        names = [row.name for row in table]
        self.assertEqual(len(names), len(set(names)))
        sources = [(row.setting, row.printed) for row in table if not row.on_host]
        self.assertEqual(len(sources), len(set(sources)))

    def test_rows_fit_on_a_command_line_of_linux(self) -> None:
        for _, runs in runs_of(load_table()):
            self.assertLess(len(",".join(runs)), 1800)  # of 2048

    def test_choosing_by_run_and_by_pattern(self) -> None:
        table = [figure("a_1", run="a"), figure("a_2", run="a"), figure("b")]
        self.assertEqual([row.name for row in choose(table, "a")], ["a_1", "a_2"])
        self.assertEqual([row.name for row in choose(table, "*_2,b")], ["a_2", "b"])


class PlotTest(unittest.TestCase):
    def test_curves_are_inside_and_text_is_escaped(self) -> None:
        curves = [Curve("a < b", [(1, 100), (10, 2000), (1000, 50000)], 0)]
        root = ElementTree.fromstring(distribution_svg("t & t", "x", "y", curves))
        (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
        places = [tuple(map(float, place.split(","))) for place in line.get("points", "").split()]
        self.assertEqual(places, sorted(places))
        _, _, width, height = map(float, root.get("viewBox", "").split())
        self.assertTrue(all(0 < x < width and 0 < y < height for x, y in places))


if __name__ == "__main__":
    unittest.main()
