# SPDX-License-Identifier: MIT
"""The host side of `./tine bench`.

options    command line                       table      figures, references, targets
guest      guest programs and their archive   archive    newc writer
machine    one QEMU run                       measure    rows on one kernel, with restarts
peers      where peer kernels come from       cache      figures of a peer, kept
report     table and JSON                     errors     what ends a run with a message

Python 3.11, standard library only. Whatever goes wrong for a reason the user can act on is a
BenchError with one clear sentence; nothing here leaves a QEMU behind (machine.Machine).
"""
