# SPDX-License-Identifier: MIT
"""Figures of peer kernels, kept so that a comparison measures only Tine.

A set of figures belongs to the exact kernel file, guest programs, QEMU and command line that gave
it; when any of them changes, the key does, and the peer is measured anew. Files are replaced whole, so
a run cut short never leaves half a set. A damaged file counts as absent.
"""

import hashlib
import json
import os
from pathlib import Path

from .machine import MachineSpec, qemu_version
from .measure import Plan, Result
from .peers import cache_directory


class ResultCache:
    """The kept figures of one kernel of a peer under one plan."""

    def __init__(self, peer_name: str, kernel: Path, plan: Plan) -> None:
        kernel_digest = hashlib.sha256(kernel.read_bytes()).hexdigest()
        spec = MachineSpec(Path(), Path(), plan.mode, 0, plan.counting, plan.accelerator)
        parts = (kernel_digest, plan.roots.fingerprint, *spec.command(), qemu_version())
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        directory = cache_directory() / "bench"
        directory.mkdir(exist_ok=True)
        self._path: Path = directory / f"{peer_name}-{plan.mode}-{key}.json"

    def load(self) -> dict[str, Result]:
        try:
            stored = json.loads(self._path.read_text())
            results = {name: Result(**fields) for name, fields in stored.items()}
            return {name: result for name, result in results.items() if result.is_lasting}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def store(self, results: dict[str, Result]) -> None:
        text = json.dumps({name: result.to_json() for name, result in results.items()}, indent=1)
        partial = self._path.with_suffix(f".{os.getpid()}")
        partial.write_text(text)
        partial.replace(self._path)
