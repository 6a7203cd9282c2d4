# SPDX-License-Identifier: MIT
"""The kinds of machine that rows are measured in; targets.json names one for each figure.

Counting instructions QEMU runs one CPU after the other, in one thread, whatever their number: the
clock is then the instructions of all CPUs together, the same on every run, and says what several
CPUs have to do for one another, not how fast they are side by side. That takes a multi-threaded
machine and wall time: noisy, so that such figures are compared run by run and never judged.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One kind of machine."""

    cpus: int = 1
    memory_mib: int = 2048  # the 1 GiB rows, and a kernel's frames for that
    by_wall_time: bool = False  # even where the other rows count instructions
    # Needs what the peer `tiny` has only in its build for several CPUs: CPUs, high-resolution
    # timers, sockets.
    full_peer: bool = False
    # QEMU 7.2 may stand still while it counts the instructions of several CPUs: one is at a `pause`,
    # another at a write to its timer, and neither gets any further. Linux never comes through its
    # start; a row of Tine that meets it has no figure, which says nothing about Tine. QEMU 10 does
    # not stand still, under either.
    may_stand_still: bool = False


SETTINGS = {
    "one": Setting(),
    "small": Setting(memory_mib=256),  # of an ordinary microVM
    "full": Setting(full_peer=True),
    "two": Setting(cpus=2, full_peer=True, may_stand_still=True),
    "wall-1": Setting(cpus=1, memory_mib=512, by_wall_time=True, full_peer=True),
    "wall-2": Setting(cpus=2, memory_mib=512, by_wall_time=True, full_peer=True),
    "wall-4": Setting(cpus=4, memory_mib=512, by_wall_time=True, full_peer=True),
}
