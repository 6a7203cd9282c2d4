# SPDX-License-Identifier: MIT
"""Measures one kernel: the guest's rows, the smallest RAM, and the size of its image.

A row that crashes or hangs the kernel costs that row alone: the machine is started again with the
rows after it. A kernel that never reaches its init fails all rows with one reason.
"""

import re
import struct
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .errors import BenchError
from .guest import SHELL_REACHED, Roots
from .machine import DeadlineError, Machine, MachineSpec
from .peers import Contender
from .settings import Setting
from .table import Figure, runs_of

COUNTED_TSC_KHZ = 1_000_000  # a tick for each instruction, which counts as a nanosecond
SMALLEST_RAM_LIMIT_MIB = 512
LINE = re.compile(r"^(bench(?:-[a-z]+)?)(?: (\S+))?(?: (\S+))?(?: (\S+))?\s*$")


@dataclass
class Result:
    """One figure: a value, or why there is none."""

    value: float | None = None
    unit: str = ""
    failure: str = ""
    samples: list[float | None] = field(default_factory=list)  # by wall time: of each round
    # Of a distribution: one in [0] operations took longer than [1].
    points: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_lasting(self) -> bool:
        """Whether another try would say the same: a silence may be the fault of a busy host."""
        return self.value is not None or self.failure.startswith(("errno", "not reported"))

    def to_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """How to measure; the same for every kernel of a comparison."""

    roots: Roots
    mode: str
    accelerator: str
    row_timeout: float
    verbose: bool

    def for_setting(self, setting: Setting) -> "Plan":
        return replace(self, mode="wall") if setting.by_wall_time else self

    @property
    def counting(self) -> bool:
        return self.mode == "icount"

    @property
    def start_attempts(self) -> int:
        """Linux fails to calibrate its timers, and hangs, when a busy host disturbs real time."""
        return 1 if self.counting else 4

    def silence_allowed(self, init_started: bool, setting: Setting) -> float:
        """Seconds; rows by wall time are short, and a silent start is tried again."""
        if setting.may_stand_still:
            return min(self.row_timeout, 60)
        if self.counting:
            return self.row_timeout
        return min(self.row_timeout, 60 if init_started else 20)


class Session:
    """The measuring of one kernel; `results` fills as it goes."""

    def __init__(
        self, contender: Contender, figures: list[Figure], plan: Plan, remark: str = ""
    ) -> None:
        self._contender = contender
        self._label = contender.name
        self._remark = remark
        self._figures = figures
        self._plan = plan
        self._all_runs = sum(len(runs) for _, runs in runs_of(figures))
        self._done_runs = 0
        self.results: dict[str, Result] = {}
        self._points: dict[str, list[tuple[float, float]]] = {}  # where points of a figure go
        self.console_of_failures: list[str] = []

    def measure(self) -> dict[str, Result]:
        for setting, runs in runs_of(self._figures):
            self._measure_runs(setting, runs)
        for figure in self._figures:
            if figure.name == "image_size":
                kernel = self._contender.kernel_for(figure.setting)
                self.results[figure.name] = Result(image_kib(kernel), "KiB")
            elif figure.name == "smallest_ram":
                self.results[figure.name] = self._smallest_ram(figure.setting)
            elif figure.name not in self.results:
                self.results[figure.name] = Result(failure="not reported")
        return self.results

    def _measure_runs(self, setting: Setting, runs: list[str]) -> None:
        left = list(runs)
        failed_starts = 0
        while left:
            finished = self._boot_for(setting, left)
            if finished == 0:
                failed_starts += 1
                if failed_starts < self._plan.for_setting(setting).start_attempts:
                    continue
                for run in left:
                    self._fail_run(setting, run, "init did not start")
                return
            left = left[finished:]

    def _boot_for(self, setting: Setting, runs: list[str]) -> int:
        """Starts a machine for these rows; returns how many are dealt with; 0: no init."""
        plan = self._plan.for_setting(setting)
        tsc_khz = COUNTED_TSC_KHZ if plan.counting else plan.roots.ticks_per_millisecond
        arguments = (
            f"{self._contender.arguments_for(setting, tsc_khz)} rdinit=/bench "
            f"bench.mode={plan.mode} bench.memory={setting.memory_mib} "
            f"bench.ticks={plan.roots.ticks_per_millisecond} bench.rows={','.join(runs)}"
        )
        begun = 0
        started = time.monotonic()
        ending = "the machine ended"
        with Machine(self._spec(setting, plan.roots.bench, arguments), plan.verbose) as machine:
            try:
                for line in machine.lines(lambda: plan.silence_allowed(begun > 0, setting)):
                    match = LINE.match(line)
                    if match is None:
                        continue
                    kind, name, value, unit = match.groups()
                    if kind == "bench-row":
                        begun += 1
                        self._done_runs += 1
                        self._progress(name, started)
                    elif kind == "bench-done":
                        return len(runs)
                    else:
                        self._take(setting, kind, name, value, unit)
            except DeadlineError as error:
                ending = str(error)
            last_lines = list(machine.last_lines)
        return self._note_death(setting, runs, begun, ending, last_lines)

    def _take(self, setting: Setting, kind: str, name: str, value: str, unit: str) -> None:
        if kind == "bench" and name == "tick_check":
            if self._plan.for_setting(setting).counting and abs(float(value) - 1000) > 1:
                raise BenchError(f"the TSC does not count instructions: {value} ticks for 1000")
        elif kind == "bench":
            for figure in self._figures:
                if figure.printed == name and figure.setting == setting:
                    self.results[figure.name] = Result(float(value), unit)
                    self._points[name] = self.results[figure.name].points
        elif kind == "bench-point":
            self._points.setdefault(name, []).append((float(value), float(unit)))
        elif kind == "bench-failed" and name == "starter":
            raise BenchError(f"the guest's starter failed on {self._label}: {value}")
        elif kind == "bench-failed":
            reason = f"errno {value}" if value.isdecimal() else " ".join(filter(None, (value, unit)))
            self._fail_run(setting, name, reason)

    def _note_death(
        self, setting: Setting, runs: list[str], begun: int, ending: str, last_lines: list[str]
    ) -> int:
        self.console_of_failures += last_lines
        if begun == 0:
            print(f"bench: {self._label} did not reach its init ({ending}); its last words:",
                  *last_lines[-12:], sep="\n    | ", file=sys.stderr, flush=True)
            return 0
        self._fail_run(setting, runs[begun - 1], f"kernel died or hung: {ending}")
        return begun

    def _fail_run(self, setting: Setting, run: str, reason: str) -> None:
        for figure in self._figures:
            if (figure.run, figure.setting) == (run, setting) and figure.name not in self.results:
                self.results[figure.name] = Result(failure=reason)

    def _progress(self, name: str, started: float) -> None:
        print(
            f"bench: {self._label:<8} {self._done_runs:>3}/{self._all_runs}  {name}"
            f"  ({' '.join(filter(None, (self._remark, f'{time.monotonic() - started:.0f} s')))})",
            file=sys.stderr,
            flush=True,
        )

    def _spec(self, setting: Setting, initrd: Path, arguments: str) -> MachineSpec:
        plan = self._plan.for_setting(setting)
        kernel = self._contender.kernel_for(setting)
        return MachineSpec(kernel, initrd, arguments, setting.memory_mib, plan.counting,
                           plan.accelerator, setting.cpus)

    def _smallest_ram(self, setting: Setting) -> Result:
        """Bisects -m; the shell must run a script with a fork and an exec."""
        if not self._reaches_shell(setting, SMALLEST_RAM_LIMIT_MIB):
            return Result(failure=f"no shell even with {SMALLEST_RAM_LIMIT_MIB} MiB")
        too_small, enough = 0, SMALLEST_RAM_LIMIT_MIB
        while enough - too_small > 1:
            middle = (too_small + enough) // 2
            reached = self._reaches_shell(setting, middle)
            print(f"bench: {self._label:<8} smallest_ram: {middle} MiB "
                  f"{'suffices' if reached else 'is too little'}", file=sys.stderr, flush=True)
            too_small, enough = (too_small, middle) if reached else (middle, enough)
        return Result(float(enough), "MiB")

    def _reaches_shell(self, setting: Setting, memory_mib: int) -> bool:
        # Counting instructions is slower but the same every time, whatever the host is doing.
        kernel = self._contender.kernel_for(setting)
        spec = MachineSpec(kernel, self._plan.roots.shell, "rdinit=/shell", memory_mib,
                           self._plan.accelerator == "tcg", self._plan.accelerator)
        with Machine(spec, self._plan.verbose) as machine:
            try:
                lines = machine.lines(lambda: self._plan.row_timeout, self._plan.row_timeout)
                return any(line.startswith(SHELL_REACHED) for line in lines)
            except DeadlineError:
                return False


def image_kib(kernel: Path) -> float:
    """What has to be carried to boot: the file, or of an ELF file what its segments load.

    An ELF's symbols and debug information are not loaded and not counted.
    """
    data = kernel.read_bytes()
    size = len(data)
    if data[:5] == b"\x7fELF\x02":
        (offset,) = struct.unpack_from("<Q", data, 32)
        entry_size, count = struct.unpack_from("<HH", data, 54)
        headers = [
            struct.unpack_from("<IIQQQQ", data, offset + index * entry_size)
            for index in range(count)
        ]
        size = sum(header[5] for header in headers if header[0] == 1)
    return round(size / 1024, 1)
