# SPDX-License-Identifier: MIT
"""Builds the guest's programs and packs the roots they run in.

Two roots: the benchmark's own, and one with nothing but busybox, in which the search for the
smallest RAM starts a shell. Building is incremental (CMake and Ninja, in build/bench).
"""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .archive import Archive
from .errors import BenchError
from .table import Figure, runs_of

BENCH_DIRECTORY = Path(__file__).resolve().parent.parent
BUILD_DIRECTORY = BENCH_DIRECTORY.parent / "build" / "bench"
BUSYBOX = Path("/bin/busybox")
# What the dynamic program needs of the host's C library.
LIBRARIES = (Path("/lib64/ld-linux-x86-64.so.2"), Path("/lib/x86_64-linux-gnu/libc.so.6"))
PROGRAMS = (
    "bench",
    "bench-glibc",
    "bench-tiny",
    "bench-glibc-true",
    "bench-exec-tiny",
    "bench-exec-glibc",
    "bench-exec-static-pie",
    "bench-dynamic-true",
    "bench-server",
)
STARTER_RUNS = {"boot", "ram_used"}  # measured by the starter itself, so in no program's list
SHELL_REACHED = "bench-shell-reached"
# It stays alive afterwards: a kernel that panics when its init ends may lose the console's last line.
SHELL_SCRIPT = f"#!/bin/busybox sh\n/bin/busybox echo {SHELL_REACHED}\n/bin/busybox sleep 10\n"


@dataclass(frozen=True)
class Roots:
    """The packed roots, and what tells one set of guest programs from another."""

    bench: Path
    shell: Path
    fingerprint: str
    ticks_per_millisecond: int  # of the TSC, by the host's clock


def prepare(figures: list[Figure], work_directory: Path) -> Roots:
    """Builds, checks and packs; the archives live in `work_directory`."""
    programs = _build()
    check_rows(figures, programs)
    if not BUSYBOX.exists():
        raise BenchError("/bin/busybox is missing; install it with: apt-get install busybox-static")
    busybox = BUSYBOX.read_bytes()
    bench = _root(busybox)
    for name in PROGRAMS:
        bench.file(name, (programs / name).read_bytes())
    for directory in ("lib64", "lib", "lib/x86_64-linux-gnu"):
        bench.directory(directory)
    for library in LIBRARIES:
        if not library.exists():
            raise BenchError(f"{library} is missing; it is in Debian's package libc6")
        bench.file(str(library)[1:], library.read_bytes())
    shell = _root(busybox)
    shell.file("shell", SHELL_SCRIPT.encode())
    roots = []
    for name, archive in (("bench.cpio", bench), ("shell.cpio", shell)):
        path = work_directory / name
        path.write_bytes(archive.to_bytes())
        roots.append(path)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in roots)).hexdigest()
    return Roots(roots[0], roots[1], digest[:16], int(_say(programs / "bench", "ticks")))


def check_rows(figures: list[Figure], programs: Path) -> None:
    """Ends the run when the table asks for rows that no guest program has, or misses some."""
    known = set(STARTER_RUNS)
    for program in ("bench", "bench-glibc"):
        known |= set(_say(programs / program, "list").split())
    asked = {run for _, runs in runs_of(figures) for run in runs}
    if asked != known:
        raise BenchError(
            "targets.json and the guest programs disagree about these rows: "
            + ", ".join(sorted(asked ^ known))
        )


def _say(program: Path, question: str) -> str:
    """What a guest program answers on the host."""
    return subprocess.run(
        [program, question], capture_output=True, text=True, check=True, timeout=10
    ).stdout


def _root(busybox: bytes) -> Archive:
    archive = Archive()
    for directory in ("bin", "dev", "proc", "tmp"):
        archive.directory(directory)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.file("bin/busybox", busybox)
    archive.symlink("bin/sh", "busybox")
    return archive


def _build() -> Path:
    configure = ["cmake", "-S", str(BENCH_DIRECTORY), "-B", str(BUILD_DIRECTORY), "-G", "Ninja"]
    configure += ["-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19"]
    build = ["cmake", "--build", str(BUILD_DIRECTORY), "--target", "tine-bench-guest"]
    steps = [build] if (BUILD_DIRECTORY / "build.ninja").exists() else [configure, build]
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, env=dict(os.environ))
        except FileNotFoundError as error:
            raise BenchError(f"{step[0]} is missing; ./tine installs what a build needs") from error
        if done.returncode != 0:
            raise BenchError(f"the guest programs do not build:\n{done.stdout}{done.stderr}")
    return BUILD_DIRECTORY / "guest"
