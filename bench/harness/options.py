# SPDX-License-Identifier: MIT
"""The command line of `./tine bench`."""

import argparse
from pathlib import Path

from .guest import BENCH_DIRECTORY

DEFAULT_KERNEL = BENCH_DIRECTORY.parent / "build" / "kernel" / "tine-kernel.elf"
ROW_TIMEOUT_SECONDS = 180.0
ROUNDS = 3


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """Parses, or ends the program with argparse's message and status 2."""
    parser = argparse.ArgumentParser(
        prog="./tine bench",
        description="Measures Tine and a peer kernel in the same QEMU machine.",
        epilog="Exit status: 0 measured; 1 with --check, a figure is worse, over its target or "
        "missing; 2 a wrong command line; 3 the measurement could not be made.",
    )
    parser.add_argument("--peer", choices=("debian", "tiny", "none"), default="tiny",
                        help="kernel to compare with (default: tiny, the harder one)")
    parser.add_argument("--mode", choices=("icount", "wall"), default="icount",
                        help="count instructions, or take the time (default: icount)")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg",
                        help="accelerator in wall mode (default: tcg)")
    parser.add_argument("--rows", metavar="NAME,...",
                        help="only these rows; * and ? match as in file names")
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
