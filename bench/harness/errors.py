# SPDX-License-Identifier: MIT
"""What ends a run of the benchmark with one message instead of a traceback."""


class BenchError(Exception):
    """A failure the user can act on; its text is the whole message."""
