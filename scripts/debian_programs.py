# SPDX-License-Identifier: MIT
"""What run-stress-ng and run-trinity share: this machine's programs, unmodified, in a guest."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


def find_program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        sys.exit(f"{Path(sys.argv[0]).name}: there is no {name} here: sudo apt-get install {name}")
    return program


def libraries(program: str) -> list[str]:
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", listing)


def make_root(root: Path, program: str) -> None:
    """A root with the program at its own path, its libraries at theirs, and a busybox."""
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "dev", "proc", "tmp", "run", "root", "etc"):
        (root / folder).mkdir(parents=True)
    for file in [program, *libraries(program), "/bin/busybox"]:
        place = root / file.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(file).resolve(), place)
    (root / "bin/sh").symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                     "nobody:x:65534:65534:nobody:/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")


def run_in_guest(root: Path, arguments, limit: int, output: Path, command: list[str]):
    """The launcher's exit status, None if it hangs, and what the guest printed, kept in `output`."""
    launcher = [str(TOP / "build/hosted/launcher/tine-launcher"), "--kernel", arguments.kernel,
                "--root", str(root), "--memory", arguments.memory, "--timeout", str(limit),
                "--cpus", str(arguments.cpus), "--", *command]
    with output.open("w+b") as file:
        try:
            status = subprocess.run(launcher, stdin=subprocess.DEVNULL, stdout=file,
                                    stderr=subprocess.STDOUT, timeout=limit + 30).returncode
        except subprocess.TimeoutExpired:
            status = None
        file.seek(0)
        return status, file.read().decode(errors="replace")


def add_guest_options(parser, kernel: str) -> None:
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", default="512M")
    parser.add_argument("--kernel", default=str(TOP / kernel))
