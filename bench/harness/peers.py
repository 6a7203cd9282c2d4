# SPDX-License-Identifier: MIT
"""Where the peer kernels come from.

tiny    built by ../build-tiny-linux from Debian's kernel source, cached by that script
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

DEBIAN_META_PACKAGE = "linux-image-cloud-amd64"


def cache_directory() -> Path:
    """${XDG_CACHE_HOME:-~/.cache}/tine, which exists afterwards."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "tine"
    path.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(frozen=True)
class Peer:
    """A kernel to compare with."""

    name: str
    kernel: Path
    version: str


def find_peer(name: str, fresh: bool) -> Peer:
    """Gets the named peer, from the cache or by making it."""
    return _tiny() if name == "tiny" else _debian(fresh)


def _tiny() -> Peer:
    script = BENCH_DIRECTORY / "build-tiny-linux"
    done = subprocess.run([script], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise BenchError("the peer kernel `tiny` could not be built (see above)")
    kernel = Path(done.stdout.strip())
    return Peer("tiny", kernel, "Linux " + kernel.name.removeprefix("vmlinux-"))


def _debian(fresh: bool) -> Peer:
    directory = cache_directory() / "debian-linux"
    directory.mkdir(exist_ok=True)
    cached = sorted(directory.glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    if not cached or fresh:
        cached.append(_download_debian(directory))
    kernel = cached[-1]
    return Peer("debian", kernel, "Linux " + kernel.name.removeprefix("vmlinuz-"))


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
