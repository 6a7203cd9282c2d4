# SPDX-License-Identifier: MIT
"""One run of one kernel in QEMU: the machine, its console line by line, and its certain end.

A Machine is a context manager; leaving it, by whatever way, kills its QEMU and waits for it. Should
this process itself be killed, the kernel kills QEMU (PR_SET_PDEATHSIG).
"""

import ctypes
import os
import re
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import BenchError

QEMU = "qemu-system-x86_64"
# Without `rep movsb` by microcode, for all kernels alike: TCG counts each of its iterations.
CPU = "max,-erms,-fsrm"
# QEMU 9 and later emulate the x2APIC, and end with "Bad icount read" when its timer is started.
COUNTING_CPU = f"{CPU},-x2apic"
# What a guest sees of random numbers and of the date; both decide where programs' memory lies.
REPEATABLE = ("-seed", "42", "-rtc", "base=2020-01-01T00:00:00,clock=vm")
PR_SET_PDEATHSIG = 1
CONSOLE_LINES_KEPT = 40
# QEMU says so when, counting instructions, the guest halts with nothing to wake it.
ASLEEP_FOR_EVER = "icount sleep disabled and no active timers"


class DeadlineError(Exception):
    """The guest hangs: silent for longer than allowed, or halted with nothing to wake it."""


@dataclass(frozen=True)
class MachineSpec:
    """What QEMU is to run."""

    kernel: Path
    initrd: Path
    arguments: str  # of the kernel, after the ones all runs share
    memory_mib: int
    instruction_counting: bool
    accelerator: str = "tcg"
    cpus: int = 1

    def command(self) -> list[str]:
        """The whole command line, as the report quotes it."""
        cpu = COUNTING_CPU if self.instruction_counting else CPU
        command = [QEMU, "-M", "microvm", "-cpu", cpu, "-accel", self.accelerator]
        if self.instruction_counting:
            command += ["-icount", "shift=0,sleep=off", *REPEATABLE]
        command += ["-smp", str(self.cpus), "-m", str(self.memory_mib)]
        command += ["-nodefaults", "-no-user-config"]
        command += ["-display", "none", "-no-reboot", "-sandbox", "on", "-serial", "stdio"]
        command += ["-kernel", str(self.kernel), "-initrd", str(self.initrd)]
        return [*command, "-append", f"console=ttyS0 quiet panic=-1 {self.arguments}"]


def qemu_version() -> str:
    """The first line of `qemu --version`; raises if there is no QEMU."""
    try:
        done = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise BenchError(
            f"{QEMU} does not run; install it with: apt-get install qemu-system-x86"
        ) from error
    return done.stdout.splitlines()[0]


def counts_several_cpus() -> bool:
    """Whether QEMU is known to count the instructions of several CPUs without standing still."""
    version = re.search(r"version (\d+)", qemu_version())
    return version is not None and int(version[1]) >= 10


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """A running QEMU and its console."""

    def __init__(self, spec: MachineSpec, verbose: bool = False) -> None:
        self._spec = spec
        self._verbose = verbose
        self._process: subprocess.Popen[bytes] | None = None
        self.last_lines: deque[str] = deque(maxlen=CONSOLE_LINES_KEPT)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._spec.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.kill()
        self._process.stdout.close()
        self._process.wait()

    def lines(
        self, silence_allowed: Callable[[], float], total_seconds: float = 1e9
    ) -> Iterator[str]:
        """Console lines until the machine ends; DeadlineError when it hangs."""
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        end = time.monotonic() + total_seconds
        rest = b""
        while True:
            patience = min(silence_allowed(), end - time.monotonic())
            if patience <= 0 or not select.select([descriptor], [], [], patience)[0]:
                self._note(rest)
                raise DeadlineError(f"nothing was heard for {patience:.0f} s")
            chunk = os.read(descriptor, 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            for raw in whole:
                line = self._note(raw)
                if ASLEEP_FOR_EVER in line:
                    raise DeadlineError("it halted with nothing to wake it")
                yield line
        if rest:
            yield self._note(rest)

    def _note(self, raw: bytes) -> str:
        line = raw.decode(errors="replace").strip("\r\n")
        if line:
            self.last_lines.append(line)
            if self._verbose:
                print(f"    | {line}", flush=True)
        return line
