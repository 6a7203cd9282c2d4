# SPDX-License-Identifier: MIT
"""One comparison from command line to report."""

import platform
import signal
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from . import guest, snapshot
from .cache import ResultCache
from .errors import BenchError
from .machine import MachineSpec, counts_several_cpus, qemu_version
from .measure import Plan, Result, Session
from .options import DOCS_DIRECTORY, parse_options
from .peers import Contender, find_peer
from .report import BAD_VERDICTS, Comparison, print_table, write_json
from .rounds import measure_in_turn
from .settings import SETTINGS
from .table import Figure, choose, load_table


def main(arguments: list[str]) -> int:
    """Runs `./tine bench`; returns its exit status (see options.py)."""
    # A default SIGTERM would skip the context managers that end QEMU.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = parse_options(arguments)
    try:
        return _run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def _run(options: Namespace) -> int:
    table = load_table()
    figures = choose(table, snapshot.RUN if options.redis else options.rows)
    if options.list:
        for figure in figures:
            print(f"{figure.name:<28} {figure.title}")
        return 0
    if not options.kernel.is_file():
        raise BenchError(f"there is no kernel at {options.kernel}; build it or name one by --kernel")
    version = qemu_version()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tine-bench-") as scratch:
        roots = guest.prepare(table, Path(scratch))
        plan = Plan(roots, options.mode, options.accel, options.row_timeout, options.verbose)
        if options.redis:
            _show_snapshots(options, figures, plan)
            return 0
        settings = {figure.setting for figure in figures}
        peer = None
        if options.peer != "none":
            peer = find_peer(options.peer, options.fresh, settings)
        tine_results, peer_results = _measure(options, figures, plan, peer)
    comparison = Comparison(figures, options.mode, tine_results, peer_results, options.peer)
    print_table(comparison)
    if options.json is not None:
        _write_json(options, comparison, peer, version, time.monotonic() - started)
    if all(result.value is None for result in tine_results.values()):
        raise BenchError(f"{options.kernel} gave no figure at all (reasons above)")
    bad = any(comparison.verdict(figure) in BAD_VERDICTS for figure in figures)
    return 1 if options.check and bad else 0


def _show_snapshots(options: Namespace, figures: list[Figure], plan: Plan) -> None:
    """The rows of the server on Tine and both peers: two plots below docs/, and a table."""
    results = {"tine": Session(Contender("tine", options.kernel), figures, plan).measure()}
    for name in snapshot.PEERS:
        peer = find_peer(name, options.fresh, {figure.setting for figure in figures})
        results[name] = _measure_peer(peer, figures, plan, options.fresh)
    snapshot.draw(DOCS_DIRECTORY, results, options.mode)
    snapshot.print_summary(figures, results)


def _measure(
    options: Namespace, figures: list[Figure], plan: Plan, peer: Contender | None
) -> tuple[dict[str, Result], dict[str, Result] | None]:
    """Tine's figures and the peer's, if there is one."""
    steady = [figure for figure in figures if not figure.setting.by_wall_time]
    in_turn = [figure for figure in figures if figure.setting.by_wall_time]
    peer_results = None if peer is None else _measure_peer(peer, steady, plan, options.fresh)
    tine = Contender("tine", options.kernel)
    tine_results = Session(tine, steady, plan).measure()
    if in_turn:
        contenders = [tine] if peer is None else [tine, peer]
        results = measure_in_turn(contenders, in_turn, plan, options.rounds)
        tine_results |= results["tine"]
        if peer is not None and peer_results is not None:
            peer_results |= results[peer.name]
    return tine_results, peer_results


def _measure_peer(
    peer: Contender, figures: list[Figure], plan: Plan, fresh: bool
) -> dict[str, Result]:
    """The peer's figures; only those that are not kept yet are measured."""
    results = {figure.name: Result(failure="this QEMU stands still") for figure in figures}
    if not counts_several_cpus():
        figures = [figure for figure in figures if not figure.setting.may_stand_still]
    for kernel in dict.fromkeys(peer.kernel_for(figure.setting) for figure in figures):
        cache = ResultCache(peer.name, kernel, plan)
        wanted = [figure for figure in figures if peer.kernel_for(figure.setting) == kernel]
        kept = {} if fresh else cache.load()
        missing = [figure for figure in wanted if figure.name not in kept]
        if missing:
            kept |= Session(peer, missing, plan).measure()
            cache.store(cache.load() | kept)
        results |= kept
    return results


def _write_json(
    options: Namespace, comparison: Comparison, peer: Contender | None, qemu: str, seconds: float
) -> None:
    one = SETTINGS["one"]
    spec = MachineSpec(options.kernel, Path("bench.cpio"), "rdinit=/bench ...", one.memory_mib,
                       options.mode == "icount", options.accel)
    facts: dict[str, object] = {
        "qemu": qemu,
        "command": spec.command(),
        "machines": {name: asdict(setting) for name, setting in SETTINGS.items()},
        "rounds": options.rounds,
        "host": platform.platform(),
        "kernel": str(options.kernel),
        "peer": None if peer is None else {"name": peer.name, "version": peer.version},
        "seconds": round(seconds, 1),
    }
    try:
        write_json(options.json, comparison, facts)
    except OSError as error:
        raise BenchError(f"cannot write {options.json}: {error.strerror}") from error
