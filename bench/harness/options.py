# SPDX-License-Identifier: MIT
"""The command line of `./tine bench`."""

import argparse
from pathlib import Path

from .guest import BENCH_DIRECTORY

DEFAULT_KERNEL = BENCH_DIRECTORY.parent / "build" / "kernel" / "tine-kernel.elf"
DOCS_DIRECTORY = BENCH_DIRECTORY.parent / "docs"
ROW_TIMEOUT_SECONDS = 180.0
ROUNDS = 3
ABOUT_ROWS = """\
rows (--list names all):
  A row is a figure of one operation: less is better. Unless it says otherwise it is measured on
  one CPU, in instructions, the same on every run (QEMU's -icount). Rows named *_icount_2 run on two
  CPUs that take turns, and count the work of both; QEMU before 10 may stand still there.
  Rows named *_wall_N run on N CPUs side by side by wall time, Tine and the peer in turn (--rounds);
  their ratio is the median of the rounds, "range" its extremes, and a busy host, or more CPUs than
  the host has, makes them noisy: they are shown, never judged. Below the table stands how they
  scale with the CPUs.

  fork_*, child_exit_*  fork by memory, mappings, descriptors; _worst: the longest single pause
  fork_server           what a fuzzer does: fork a child that writes 32 pages, wait, answer
  exec_*, vfork_*       exec and its short ways        pthread_*, clone_*, *thread*  threads
  *_storm_*             as many workers as CPUs        wake_*   timer to a SCHED_FIFO task
  hackbench_*           2 groups of 8 senders and 8 receivers, 100 bytes a message
  snapshot_*            requests to a server of 1 GiB while a forked child walks it (--redis)

columns:
  ratio (Tine/peer), target (what Tine may need at most, where there is one), verdict: ok; worse
  (than the peer); over target; failed; new (the peer has no figure); noisy (by wall time); -

time: minutes, and several times as many for a peer's first run, whose figures are kept. The same
  for --redis: a peer fills and copies a GiB under an emulator.

"""


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """Parses, or ends the program with argparse's message and status 2."""
    parser = argparse.ArgumentParser(
        prog="./tine bench",
        description="Measures Tine and a peer kernel in the same QEMU machine.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=ABOUT_ROWS + "Exit status: 0 measured; 1 with --check, a figure is worse, over its "
        "target or\n  missing; 2 a wrong command line; 3 the measurement could not be made.",
    )
    parser.add_argument("--peer", choices=("debian", "tiny", "none"), default="tiny",
                        help="kernel to compare with (default: tiny, the harder one)")
    parser.add_argument("--mode", choices=("icount", "wall"), default="icount",
                        help="count instructions, or take the time (default: icount)")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg",
                        help="accelerator in wall mode (default: tcg)")
    parser.add_argument("--rows", metavar="NAME,...",
                        help="only these rows; * and ? match as in file names")
    parser.add_argument("--redis", action="store_true",
                        help="request times of a server that saves snapshots by fork, on Tine and "
                        "both peers, as a table and as plots in docs/")
    parser.add_argument("--list", action="store_true", help="name all rows and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--kernel", type=Path, default=DEFAULT_KERNEL, metavar="IMAGE",
                        help="kernel to measure (default: the built Tine)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N",
                        help=f"how often rows by wall time are taken in turn (default: {ROUNDS})")
    parser.add_argument("--fresh", action="store_true",
                        help="measure the peer again instead of using its kept figures")
    parser.add_argument("--check", action="store_true",
                        help="end with status 1 unless every figure is good")
    parser.add_argument("--row-timeout", type=float, default=ROW_TIMEOUT_SECONDS, metavar="SECONDS",
                        help="give a row up after this long without output (default: 180)")
    parser.add_argument("--verbose", action="store_true", help="show the guest's console")
    options = parser.parse_args(arguments)
    if options.accel != "tcg" and options.mode == "icount":
        parser.error("instructions are counted by TCG only: --accel kvm needs --mode wall")
    if options.row_timeout <= 0:
        parser.error("--row-timeout wants a positive number")
    if options.rounds < 1:
        parser.error("--rounds wants a positive number")
    return options
