#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test suites and counts.

A suite is an executable file in tests/suites. It prints, among whatever else it likes, one line
for each test:

    ok NAME
    FAIL NAME: why
    skip NAME: why        (not counted; say why it cannot run here)

A suite that names no test, ends with a status other than 0 without a FAIL line, or exceeds its time
counts as one failure more. Suites find the tree in TINE_TOP, the builds below TINE_BUILD, the kernel
image in TINE_IMAGE and the launcher in TINE_LAUNCHER. They run in the order of their names, one at a
time; what they print is shown as it comes. The last line is "N passed, N failed"; the exit status is
0 only if none failed and at least one passed.

A line "# tine-build: PRESET [TARGET...]" in the head of a suite names a build that it needs; a build
that fails is a failed test, and the suite does not run.
"""

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

SUITE_SECONDS = 1800
RESULT = re.compile(r"^(ok|FAIL|skip) (\S.*)$")
BUILD = re.compile(r"^\s*(?:#|//)\s*tine-build:\s*(.+)$")


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = 0

    def fail(self, name, why):
        self.failed.append(f"{name}: {why}")
        print(f"FAIL {name}: {why}", flush=True)


def needed_builds(suite):
    """The builds that the suite's first lines ask for, each as a list of preset and targets."""
    with suite.open(errors="replace") as text:
        head = [next(text, "") for _ in range(40)]
    return [match.group(1).split() for line in head if (match := BUILD.match(line))]


def build(top, request, done):
    """Configures and builds once; returns the error output of a failure, or None."""
    key = tuple(request)
    if key not in done:
        preset, *targets = request
        done[key] = None
        print(f"--- building {' '.join(request)}", flush=True)
        commands = []
        if not (top / "build" / preset / "build.ninja").exists():
            commands.append(["cmake", "--preset", preset])
        commands.append(["ninja", "-C", str(top / "build" / preset), *targets])
        for command in commands:
            result = subprocess.run(command, cwd=top, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, errors="replace")
            if result.returncode != 0:
                done[key] = result.stdout
                break
    return done[key]


def lines_of(process, deadline):
    """The suite's output line by line; ends the suite, and raises TimeoutError, at the deadline."""
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            yield from lines
    if pending:
        yield pending


def default_signals():
    """Undoes what nohup, a shell's & or a CI runner made this process ignore or block: programs
    inherit it, and tests of signals and terminals would see it."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def run_suite(suite, counts):
    print(f"=== {suite.name}", flush=True)
    passed, failed, skipped = counts.passed, len(counts.failed), counts.skipped
    started = time.monotonic()
    # A session of its own, so that the time limit can end all that the suite started.
    process = subprocess.Popen([suite], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True,
                               preexec_fn=default_signals)
    try:
        for raw in lines_of(process, started + SUITE_SECONDS):
            line = raw.decode(errors="replace")
            print(line, flush=True)
            if match := RESULT.match(line):
                kind, name = match.groups()
                if kind == "ok":
                    counts.passed += 1
                elif kind == "FAIL":
                    counts.failed.append(name)
                else:
                    counts.skipped += 1
        status = process.wait()
    except TimeoutError:
        counts.fail(suite.name, f"not done after {SUITE_SECONDS} s")
        status = 0
    finally:
        # What the suite left behind ends with it.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    if status != 0 and len(counts.failed) == failed:
        counts.fail(suite.name, f"ended with status {status}")
    if (counts.passed, len(counts.failed), counts.skipped) == (passed, failed, skipped):
        counts.fail(suite.name, "reported no test")
    print(f"    {suite.name}: {counts.passed - passed} passed, {len(counts.failed) - failed} failed,"
          f" {time.monotonic() - started:.1f} s", flush=True)


def main():
    # A shell starts its background with these ignored, which the tests would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    top = Path(os.environ["TINE_TOP"])
    suites = sorted(path for path in (top / "tests" / "suites").iterdir()
                    if path.is_file() and os.access(path, os.X_OK))
    chosen = sys.argv[1:]
    names = {suite.name for suite in suites}
    if unknown := [name for name in chosen if name not in names]:
        sys.exit(f"tine: no such suite: {' '.join(unknown)}; there are: {' '.join(sorted(names))}")
    counts = Counts()
    builds = {}
    for suite in suites:
        if chosen and suite.name not in chosen:
            continue
        for request in needed_builds(suite):
            if (output := build(top, request, builds)) is not None:
                print(output)
                counts.fail(suite.name, f"the build '{' '.join(request)}' failed")
                break
        else:
            run_suite(suite, counts)
    if counts.failed:
        print("\nFailed:")
        for failure in counts.failed:
            print(f"  {failure}")
    if counts.skipped:
        print(f"{counts.skipped} skipped")
    print(f"{counts.passed} passed, {len(counts.failed)} failed", flush=True)
    sys.exit(0 if counts.passed and not counts.failed else 1)


if __name__ == "__main__":
    main()
