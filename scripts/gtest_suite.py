#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a GoogleTest program and reports as a suite of scripts/run_tests.py does.

Usage: gtest_suite.py PREFIX PROGRAM [ARGS...]

Every test becomes one line "ok PREFIX/NAME" or "FAIL PREFIX/NAME: why". A program that dies inside
a test (a crash, a sanitizer's report) makes that test a failure; what it printed is shown.
"""

import re
import subprocess
import sys

RUN = re.compile(r"^\[ RUN      \] (\S+)$")
END = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] ([^\s,]+)(?:,.*)? \(\d+ ms\)$")


def main():
    prefix, *command = sys.argv[1:]
    process = subprocess.Popen([*command, "--gtest_color=no"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace")
    running = None
    output = []
    failed = 0
    for line in process.stdout:
        line = line.rstrip("\n")
        if match := RUN.match(line):
            running = match.group(1)
            output = []
        elif match := END.match(line):
            result, name = match.groups()
            running = None
            if result == "OK":
                print(f"ok {prefix}/{name}", flush=True)
                continue
            print("\n".join(output))
            why = output[0] if output else "no reason given"
            failed += result == "FAILED"
            print(f"{'FAIL' if result == 'FAILED' else 'skip'} {prefix}/{name}: {why}", flush=True)
        else:
            output.append(line)
    status = process.wait()
    if running is not None or (status != 0 and failed == 0):
        print("\n".join(output[-200:]))
        print(f"FAIL {prefix}/{running or 'program'}: ended with status {status}", flush=True)
        failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
