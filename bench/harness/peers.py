# SPDX-License-Identifier: MIT
"""The kernels of a comparison, and where the peers among them come from.

tiny    built by ../build-tiny-linux from Debian's kernel source, cached by that script; twice: as
        small as it gets, and with what rows of several CPUs need (when such rows are asked for)
debian  the cloud kernel's package, downloaded by apt-get and unpacked (not installed); the newest
        one in the cache is used until --fresh asks apt again
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError
from .guest import BENCH_DIRECTORY
from .settings import Setting

DEBIAN_META_PACKAGE = "linux-image-cloud-amd64"


def cache_directory() -> Path:
    """${XDG_CACHE_HOME:-~/.cache}/tine, which exists afterwards."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "tine"
    path.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(frozen=True)
class Contender:
    """A kernel that is measured: Tine, or a peer."""

    name: str
    kernel: Path
    version: str = ""
    full_kernel: Path | None = None  # for settings that need more than `kernel` has, if asked for
    is_linux: bool = False

    def kernel_for(self, setting: Setting) -> Path:
        if setting.full_peer and self.full_kernel is not None:
            return self.full_kernel
        return self.kernel

    def arguments_for(self, setting: Setting, tsc_khz: int) -> str:
        """What its command line needs besides what all have.

        Linux measures its clocks against real time, which fails on a busy host: it is told them.
        In tiny's full build ACPI gives up without a PCI bus: that finds the CPUs in the MP table.
        """
        if not (self.is_linux and setting.full_peer):
            return ""
        acpi = "" if self.full_kernel is None else "acpi=off "
        return f"{acpi}tsc=reliable tsc_early_khz={tsc_khz}"


def find_peer(name: str, fresh: bool, settings: set[Setting]) -> Contender:
    """Gets the named peer with the kernels for these settings, from the cache or by making them."""
    if name == "debian":
        return _debian(fresh)
    kernel = _build_tiny()
    full = _build_tiny("--smp") if any(setting.full_peer for setting in settings) else None
    version = "Linux " + kernel.name.removeprefix("vmlinux-")
    return Contender("tiny", kernel, version, full, is_linux=True)


def _build_tiny(*options: str) -> Path:
    script = BENCH_DIRECTORY / "build-tiny-linux"
    done = subprocess.run([script, *options], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise BenchError("the peer kernel `tiny` could not be built (see above)")
    return Path(done.stdout.strip())


def _debian(fresh: bool) -> Contender:
    directory = cache_directory() / "debian-linux"
    directory.mkdir(exist_ok=True)
    cached = sorted(directory.glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    if not cached or fresh:
        cached.append(_download_debian(directory))
    kernel = cached[-1]
    version = "Linux " + kernel.name.removeprefix("vmlinuz-")
    return Contender("debian", kernel, version, is_linux=True)


def _download_debian(directory: Path) -> Path:
    depends = _output(["apt-cache", "depends", "--no-recommends", DEBIAN_META_PACKAGE])
    match = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    if match is None:
        raise BenchError(f"apt knows no {DEBIAN_META_PACKAGE}; try: apt-get update")
    package = match.group(1)
    print(f"bench: fetching {package} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        # apt drops its privileges to a user who must be able to write here.
        os.chmod(scratch, 0o777)
        _output(["apt-get", "-q", "download", package], cwd=scratch)
        (archive,) = Path(scratch).glob("*.deb")
        version = _output(["dpkg-deb", "-f", str(archive), "Version"]).strip()
        _output(["dpkg-deb", "-x", str(archive), f"{scratch}/unpacked"])
        (image,) = Path(scratch).glob("unpacked/boot/vmlinuz-*")
        kept = directory / f"{image.name}_{version}"
        shutil.move(image, kept)
        kept.touch()
    return kept


def _output(command: list[str], cwd: str | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is missing: the Debian peer needs a Debian host") from error
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout
