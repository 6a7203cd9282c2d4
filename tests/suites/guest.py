# SPDX-License-Identifier: MIT
"""Runs a command in a guest, or on the host in the same surroundings, for the suites here.

The root is a directory that becomes /. In the guest the launcher carries it in; on the host it is
chrooted into, in mount and PID namespaces of its own, with a fresh /proc, /tmp and a small /dev, so
that both sides see the same. Needs root on the host (mounts). Nothing is left behind: the
namespaces end with the command, and a launcher that overstays is killed with its process group.

Environment: TINE_BUILD, TINE_LAUNCHER and TINE_IMAGE (or TINE_KERNEL) as scripts/run_tests.py gives
them; TINE_TESTS_ROOT for another tree than the one that target tine-conformance builds. TINE_PEER_KERNEL=/boot/vmlinuz...
runs the guest side on a Linux kernel in QEMU instead, which tells a wrong test from a wrong kernel.
"""
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("TINE_BUILD", REPOSITORY / "build"))
TESTS_ROOT = pathlib.Path(os.environ.get("TINE_TESTS_ROOT", BUILD / "hosted/tests/root"))
LAUNCHER = os.environ.get("TINE_LAUNCHER", str(BUILD / "hosted/launcher/tine-launcher"))
KERNEL = os.environ.get("TINE_KERNEL", os.environ.get("TINE_IMAGE", ""))
TIMED_OUT = 124

HOST_SETUP = r"""
set -e
root=$1; shift
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r name major minor <<< "$node"
  mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
ln -s /proc/self/fd "$root/dev/fd"
exec chroot "$root" "$@"
"""


def report(good, name, why=""):
    """Prints one result line in the form that the runner counts."""
    print(f"ok {name}" if good else f"FAIL {name}: {why}", flush=True)


def run_bounded(command, stdin, timeout):
    """Runs a command; gives (output bytes, exit status), status TIMED_OUT when it overstayed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(stdin, timeout)
        return output, process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return output, TIMED_OUT


def host_command(root, arguments):
    """The command line that runs a program of the root on the host's kernel, chrooted there."""
    return ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
            "bash", "-c", HOST_SETUP, "bash", str(root), *arguments]


def on_host(root, arguments, stdin=b"", timeout=120):
    """Runs a program of the root on the host's kernel."""
    return run_bounded(host_command(root, arguments), stdin, timeout)


def tine_command(root, arguments, timeout=120, memory="512M", cpus=1, machine="microvm"):
    """The command line that runs a program of the root in a Tine guest through the launcher."""
    command = [LAUNCHER, "--root", str(root), "--memory", memory, "--timeout", str(timeout)]
    if KERNEL:
        command += ["--kernel", KERNEL]
    options = shlex.split(os.environ.get("TINE_LAUNCHER_OPTIONS", ""))
    if "--cpus" not in options:
        options += ["--cpus", str(cpus)]
    if "--machine" not in options:
        options += ["--machine", machine]
    command += options
    return [*command, "--", *arguments]


def in_tine(root, arguments, stdin=b"", timeout=120, **machine):
    """Runs a program of the root in a Tine guest."""
    command = tine_command(root, arguments, timeout=timeout, **machine)
    return run_bounded(command, stdin, timeout + 15)


PEER_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mkdir -p /dev/pts
/bin/busybox mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
/bin/busybox rm /dev/ptmx; /bin/busybox ln -s pts/ptmx /dev/ptmx
/bin/busybox ln -s /proc/self/fd /dev/fd
/bin/busybox mount -t tmpfs -o mode=1777 tmp /tmp
/bin/busybox stty -F /dev/ttyS0 raw -echo
echo PEER-BEGIN > /dev/ttyS0
/bin/busybox setsid {command} > /dev/ttyS0 2>&1 < /dev/null
echo PEER-END:$? > /dev/ttyS0
/bin/busybox poweroff -f
"""


def in_peer(root, arguments, timeout=120, memory="512M", cpus=1):
    """Runs a program of the root on the Linux kernel TINE_PEER_KERNEL, for checking the tests."""
    with tempfile.TemporaryDirectory(prefix="tine-peer-") as folder:
        tree = pathlib.Path(folder) / "root"
        shutil.copytree(root, tree, symlinks=True)
        (tree / "bin").mkdir(exist_ok=True)
        shutil.copy("/bin/busybox", tree / "bin/busybox")
        init = tree / "init"
        init.write_text(PEER_INIT.format(command=shlex.join(arguments)))
        init.chmod(0o755)
        archive = pathlib.Path(folder) / "root.cpio"
        subprocess.run(f"cd {tree} && find . | cpio -o -H newc --quiet > {archive}", shell=True,
                       check=True)
        output, _ = run_bounded(
            ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", memory,
             "-smp", str(cpus), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
             "-kernel", os.environ["TINE_PEER_KERNEL"], "-initrd", str(archive), "-append",
             "console=ttyS0 quiet panic=-1 rdinit=/init", "-serial", "stdio"],
            b"", timeout)
    text = output.split(b"PEER-BEGIN", 1)[-1].lstrip(b"\r\n")
    end = re.search(rb"PEER-END:(\d+)", text)
    return (text[:end.start()], int(end.group(1))) if end else (text, TIMED_OUT)


def in_guest(root, arguments, **options):
    """Runs a program in the guest under test: Tine, or the peer when TINE_PEER_KERNEL is set."""
    if os.environ.get("TINE_PEER_KERNEL"):
        options.pop("stdin", None)
        options.pop("machine", None)  # a distribution's kernel has no drivers for microvm
        return in_peer(root, arguments, **options)
    return in_tine(root, arguments, **options)
