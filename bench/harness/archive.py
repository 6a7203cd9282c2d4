# SPDX-License-Identifier: MIT
"""Writes a newc cpio archive, the form of an initial root for Linux and Tine alike.

Held in memory as a whole; the benchmark's root is a few MiB.
"""

import stat

Entry = tuple[str, int, bytes, tuple[int, int]]  # path, mode, content, device


class Archive:
    """An archive that grows by entries and ends in bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._next_inode = 1

    def directory(self, path: str) -> None:
        self._entry((path, stat.S_IFDIR | 0o755, b"", (0, 0)))

    def file(self, path: str, content: bytes, mode: int = 0o755) -> None:
        self._entry((path, stat.S_IFREG | mode, content, (0, 0)))

    def symlink(self, path: str, target: str) -> None:
        self._entry((path, stat.S_IFLNK | 0o777, target.encode(), (0, 0)))

    def character_device(self, path: str, major: int, minor: int) -> None:
        self._entry((path, stat.S_IFCHR | 0o600, b"", (major, minor)))

    def to_bytes(self) -> bytes:
        trailer = self._encode(("TRAILER!!!", 0, b"", (0, 0)), inode=0)
        return b"".join([*self._parts, trailer])

    def _entry(self, entry: Entry) -> None:
        self._parts.append(self._encode(entry, self._next_inode))
        self._next_inode += 1

    @staticmethod
    def _encode(entry: Entry, inode: int) -> bytes:
        path, mode, content, (major, minor) = entry
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, major, minor, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return _padded(head) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
